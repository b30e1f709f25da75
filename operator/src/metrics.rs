//! Everything that is exported.
//!
//! Three rules hold: what describes the state of the cluster is exported by the leader
//! alone; names chosen by people are capped ([`names`]), the rest counts as `other`; a
//! counter's children start at 0, so that the first event is a rise.
mod job;
mod kube_requests;
mod names;
mod process;
mod store;
mod sweep;

pub use job::{JobMetrics, PublishResult, QueueSnapshot, UploadResult};
pub use kube_requests::CountRequests;
pub use process::{Controller, GrantResult, ProcessMetrics, ReconcileErrorClass};
pub use store::{StorageClass, StoreMetrics, StoreObserver};
pub use sweep::{SweepErrorReason, SweepMetrics};

use prometheus::core::Collector;
use prometheus::{Encoder, HistogramOpts, Opts, Registry, TextEncoder};
use std::sync::Arc;

/// Every metric of the operator.
#[derive(Debug)]
pub struct Metrics {
    /// Assets, jobs and the queue.
    pub jobs: JobMetrics,
    /// Buckets.
    pub stores: StoreMetrics,
    /// The sweep.
    pub sweep: SweepMetrics,
    /// This process: reconciliations, grants, API calls.
    pub process: ProcessMetrics,
    every: Registry,
    leader: Registry,
}

/// Metrics that can't be made or written: a fault of this program.
#[derive(Debug, thiserror::Error)]
#[error("metrics: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

impl Metrics {
    /// All metrics, at zero.
    pub fn new() -> Result<Arc<Self>, MetricsError> {
        let every = Registry::new();
        let leader = Registry::new();
        every.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        Ok(Arc::new(Self {
            jobs: JobMetrics::new(&leader)?,
            stores: StoreMetrics::new(&every, &leader)?,
            sweep: SweepMetrics::new(&leader)?,
            process: ProcessMetrics::new(&every)?,
            every,
            leader,
        }))
    }

    /// The text that Prometheus reads. What the leader alone may say is left out elsewhere.
    pub fn text(&self) -> Result<Vec<u8>, MetricsError> {
        let mut families = self.every.gather();
        if self.process.leads() {
            families.extend(self.leader.gather());
        }
        let mut text = Vec::new();
        TextEncoder::new().encode(&families, &mut text)?;
        Ok(text)
    }
}

/// Registers a new collector and hands it back.
fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: Result<C, prometheus::Error>,
) -> Result<C, MetricsError> {
    let collector = collector?;
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help)
}

fn histogram(name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(buckets.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(metrics: &Metrics) -> String {
        String::from_utf8(metrics.text().unwrap()).unwrap()
    }

    #[test]
    fn only_the_leader_exports_the_state_of_the_cluster() {
        let metrics = Metrics::new().unwrap();
        metrics.jobs.profile_seen("adaptive");
        assert!(!text(&metrics).contains("vessel_job_attempts_total"));
        metrics.process.set_leader();
        assert!(text(&metrics).contains("vessel_job_attempts_total"));
    }

    #[test]
    fn every_metric_has_the_prefix_of_its_kind() {
        let metrics = Metrics::new().unwrap();
        metrics.process.set_leader();
        for line in text(&metrics).lines().filter(|l| l.starts_with("# TYPE")) {
            let name = line.split(' ').nth(2).unwrap();
            assert!(
                name.starts_with("vessel_") || name.starts_with("process_"),
                "{name}"
            );
        }
    }
}
