//! Buckets: what lies there, and how they answer.
use super::names::Names;
use super::{Metrics, MetricsError, histogram, opts, register};
use prometheus::{HistogramVec, IntCounterVec, IntGaugeVec, Registry};
use std::sync::Arc;
use std::time::Duration;
use vessel_storage::bucket::{Code, Observe, Op};

const ANSWERS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1., 2.5, 5., 10., 30.,
];

/// Buckets.
#[derive(Debug)]
pub struct StoreMetrics {
    ready: IntGaugeVec,
    bytes: IntGaugeVec,
    objects: IntGaugeVec,
    requests: IntCounterVec,
    duration: HistogramVec,
    written: IntCounterVec,
    stores: Names,
}

/// What storage is for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum StorageClass {
    /// Committed renditions that are not dead.
    Published,
    /// Objects of assets that are not there, and that no tombstone names: nothing is sure of
    /// them, so nothing frees them.
    Unclaimed,
}

impl StorageClass {
    /// Every class.
    pub const ALL: [Self; 2] = [Self::Published, Self::Unclaimed];

    /// The word as it stands in metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "Published",
            Self::Unclaimed => "Unclaimed",
        }
    }
}

impl StoreMetrics {
    pub(super) fn new(every: &Registry, leader: &Registry) -> Result<Self, MetricsError> {
        let state = |name, help, labels: &[&str]| {
            register(leader, IntGaugeVec::new(opts(name, help), labels))
        };
        Ok(Self {
            ready: state(
                "vessel_store_ready",
                "1 while a store's last probe succeeded.",
                &["store"],
            )?,
            bytes: state(
                "vessel_storage_bytes",
                "Bytes in a store.",
                &["store", "class"],
            )?,
            objects: state(
                "vessel_storage_objects",
                "Objects in a store.",
                &["store", "class"],
            )?,
            requests: register(
                every,
                IntCounterVec::new(
                    opts("vessel_store_requests_total", "Requests to a store."),
                    &["store", "op", "code"],
                ),
            )?,
            duration: register(
                every,
                HistogramVec::new(
                    histogram(
                        "vessel_store_request_duration_seconds",
                        "How long a store took to answer, retries included.",
                        ANSWERS,
                    ),
                    &["op"],
                ),
            )?,
            written: register(
                every,
                IntCounterVec::new(
                    opts(
                        "vessel_store_written_bytes_total",
                        "Bytes of documents that the operator wrote.",
                    ),
                    &["store"],
                ),
            )?,
            stores: Names::default(),
        })
    }

    /// A store exists: its counters start at 0.
    pub fn store_seen(&self, store: &str) {
        let store = self.stores.label(store);
        self.written.with_label_values(&[&store]);
        for op in Op::ALL {
            for code in Code::ALL {
                self.requests
                    .with_label_values(&[store.as_str(), op.as_str(), code.as_str()]);
            }
        }
    }

    /// Whether a store's last probe succeeded.
    pub fn set_ready(&self, store: &str, ready: i64) {
        let store = self.stores.label(store);
        self.ready.with_label_values(&[store]).set(ready);
    }

    /// A store is gone.
    pub fn store_gone(&self, store: &str) {
        let store = self.stores.label(store);
        // What was never set can't be removed, which is as good.
        let _ = self.ready.remove_label_values(&[&store]);
        for class in StorageClass::ALL {
            let labels = [store.as_str(), class.as_str()];
            let _ = self.bytes.remove_label_values(&labels);
            let _ = self.objects.remove_label_values(&labels);
        }
    }

    /// What lies in a store.
    pub fn set_storage(&self, store: &str, class: StorageClass, bytes: i64, objects: i64) {
        let store = self.stores.label(store);
        let labels = [store.as_str(), class.as_str()];
        self.bytes.with_label_values(&labels).set(bytes);
        self.objects.with_label_values(&labels).set(objects);
    }
}

/// Counts the requests of one store's bucket.
pub struct StoreObserver {
    metrics: Arc<Metrics>,
    store: String,
}

impl StoreObserver {
    /// An observer for the bucket of `store`.
    pub fn new(metrics: Arc<Metrics>, store: &str) -> Arc<Self> {
        metrics.stores.store_seen(store);
        let store = metrics.stores.stores.label(store);
        Arc::new(Self { metrics, store })
    }
}

impl Observe for StoreObserver {
    fn answered(&self, op: Op, code: Code, elapsed: Duration) {
        let stores = &self.metrics.stores;
        let labels = [self.store.as_str(), op.as_str(), code.as_str()];
        stores.requests.with_label_values(&labels).inc();
        stores
            .duration
            .with_label_values(&[op.as_str()])
            .observe(elapsed.as_secs_f64());
    }

    fn wrote(&self, bytes: u64) {
        self.metrics
            .stores
            .written
            .with_label_values(&[&self.store])
            .inc_by(bytes);
    }
}
