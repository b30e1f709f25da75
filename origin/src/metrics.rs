//! `vessel_origin_*`: what is served, how soon, and from where.
use crate::kind::Kind;
use http::StatusCode;
use prometheus::core::Collector;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};
use std::time::Duration;
use vessel_storage::bucket::{Code, Observe, Op};

/// Seconds to the first byte: from memory to a cold bucket far away.
const FIRST_BYTE: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// Where an answer came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reuse {
    /// Memory.
    Hit,
    /// The bucket.
    Miss,
    /// A read of the bucket that somebody else had begun.
    Coalesced,
    /// The bucket, for it is too large for memory.
    Bypass,
}

impl Reuse {
    const ALL: [Self; 4] = [Self::Hit, Self::Miss, Self::Coalesced, Self::Bypass];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "Hit",
            Self::Miss => "Miss",
            Self::Coalesced => "Coalesced",
            Self::Bypass => "Bypass",
        }
    }
}

/// What is said of this program.
pub struct Build {
    /// Its version.
    pub version: &'static str,
    /// The commit it was built from, if the build knew.
    pub revision: &'static str,
}

/// The metrics of the origin.
pub struct Metrics {
    registry: Registry,
    store: String,
    requests: IntCounterVec,
    first_byte: HistogramVec,
    sent_bytes: IntCounterVec,
    cache_requests: IntCounterVec,
    cache_bytes: IntGauge,
    cache_capacity: IntGauge,
    in_flight: IntGauge,
    upstream: IntCounterVec,
    tokens: IntCounterVec,
    missing_segments: IntCounter,
}

impl Metrics {
    /// Metrics of an origin that serves `store`, every label value that is known at 0.
    pub fn new(store: &str, build: &Build) -> prometheus::Result<Self> {
        let metrics = Self {
            registry: Registry::new(),
            store: store.to_owned(),
            requests: counters("requests_total", "Requests answered.", &["kind", "code"])?,
            first_byte: first_byte()?,
            sent_bytes: counters("sent_bytes_total", "Bytes of bodies sent.", &["kind"])?,
            cache_requests: counters("cache_requests_total", "Look-ups in memory.", &["result"])?,
            cache_bytes: gauge(
                "cache_bytes",
                "Bytes of memory that hold segments and playlists.",
            )?,
            cache_capacity: gauge(
                "cache_capacity_bytes",
                "Bytes of memory that may hold them.",
            )?,
            in_flight: gauge(
                "inflight_requests",
                "Requests whose answer is not sent yet.",
            )?,
            upstream: counters(
                "upstream_requests_total",
                "Requests to the store.",
                &["store", "code"],
            )?,
            tokens: counters("tokens_total", "Requests for private assets.", &["result"])?,
            missing_segments: IntCounter::new(
                "vessel_origin_missing_segments_total",
                "Segments that a live asset should have and the store has not.",
            )?,
        };
        metrics.register(build)?;
        metrics.start_at_zero();
        Ok(metrics)
    }

    fn register(&self, build: &Build) -> prometheus::Result<()> {
        let collectors: [Box<dyn Collector>; 10] = [
            Box::new(self.requests.clone()),
            Box::new(self.first_byte.clone()),
            Box::new(self.sent_bytes.clone()),
            Box::new(self.cache_requests.clone()),
            Box::new(self.cache_bytes.clone()),
            Box::new(self.cache_capacity.clone()),
            Box::new(self.in_flight.clone()),
            Box::new(self.upstream.clone()),
            Box::new(self.tokens.clone()),
            Box::new(self.missing_segments.clone()),
        ];
        for collector in collectors {
            self.registry.register(collector)?;
        }
        self.registry.register(Box::new(build_info(build)?))?;
        #[cfg(target_os = "linux")]
        self.registry.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        Ok(())
    }

    /// A series that appears with its first event hides that event from `rate()`.
    fn start_at_zero(&self) {
        for kind in Kind::ALL {
            for code in Code::ALL {
                self.requests
                    .with_label_values(&[kind.as_str(), code.as_str()]);
            }
            self.first_byte.with_label_values(&[kind.as_str()]);
            self.sent_bytes.with_label_values(&[kind.as_str()]);
        }
        for code in Code::ALL {
            self.upstream
                .with_label_values(&[&self.store, code.as_str()]);
        }
        for reuse in Reuse::ALL {
            self.cache_requests.with_label_values(&[reuse.as_str()]);
        }
        self.tokens.with_label_values(&["Missing"]);
    }

    /// A request came in; the guard is held until its answer is sent or given up.
    pub fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// A request was answered.
    pub fn answered(&self, kind: Kind, status: StatusCode) {
        let code = Code::of(status.as_u16());
        self.requests
            .with_label_values(&[kind.as_str(), code.as_str()])
            .inc();
    }

    /// The first byte of an answer was ready after that time.
    pub fn first_byte(&self, kind: Kind, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        self.first_byte
            .with_label_values(&[kind.as_str()])
            .observe(seconds);
    }

    /// The counter of the bytes that are sent of a kind.
    pub fn sent(&self, kind: Kind) -> IntCounter {
        self.sent_bytes.with_label_values(&[kind.as_str()])
    }

    /// Something was looked up in memory.
    pub fn reused(&self, reuse: Reuse) {
        self.cache_requests
            .with_label_values(&[reuse.as_str()])
            .inc();
    }

    /// A private asset was asked for without a token.
    pub fn token_missing(&self) {
        self.tokens.with_label_values(&["Missing"]).inc();
    }

    /// A live asset lacks a segment.
    pub fn segment_missing(&self) {
        self.missing_segments.inc();
    }

    /// Memory that holds content, and how much of it may.
    pub fn memory(&self, used: u64, capacity: u64) {
        self.cache_bytes
            .set(i64::try_from(used).unwrap_or(i64::MAX));
        self.cache_capacity
            .set(i64::try_from(capacity).unwrap_or(i64::MAX));
    }

    /// All of them in Prometheus' text format.
    pub fn text(&self) -> prometheus::Result<Vec<u8>> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

impl Observe for Metrics {
    fn answered(&self, _: Op, code: Code, _: Duration) {
        self.upstream
            .with_label_values(&[&self.store, code.as_str()])
            .inc();
    }

    fn wrote(&self, _: u64) {}
}

/// A request whose answer is not sent yet.
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn counters(name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
    IntCounterVec::new(Opts::new(format!("vessel_origin_{name}"), help), labels)
}

fn gauge(name: &str, help: &str) -> prometheus::Result<IntGauge> {
    IntGauge::new(format!("vessel_origin_{name}"), help)
}

fn first_byte() -> prometheus::Result<HistogramVec> {
    let opts = HistogramOpts::new(
        "vessel_origin_first_byte_seconds",
        "Seconds from a request to the first byte of its answer.",
    );
    HistogramVec::new(opts.buckets(FIRST_BYTE.to_vec()), &["kind"])
}

fn build_info(build: &Build) -> prometheus::Result<IntGaugeVec> {
    let info = IntGaugeVec::new(
        Opts::new("vessel_build_info", "Which build this is."),
        &["version", "revision"],
    )?;
    info.with_label_values(&[build.version, build.revision])
        .set(1);
    Ok(info)
}
