//! What an execution costs, and how long its stages take.
use nix::sys::resource::{Usage, UsageWho, getrusage};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use vessel_storage::manifest::Cost;
use vessel_storage::verdict::{Stage, StageTime};

/// Counts while the execution runs.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    store_requests: AtomicU64,
    stages: Mutex<Vec<(Stage, Instant)>>,
}

impl Meter {
    /// Starts at zero.
    pub fn start() -> Self {
        Self {
            started: Instant::now(),
            bytes_read: AtomicU64::new(0),
            bytes_written: AtomicU64::new(0),
            store_requests: AtomicU64::new(0),
            stages: Mutex::new(Vec::new()),
        }
    }

    /// A stage begins, which ends the one before it.
    pub fn begin(&self, stage: Stage) {
        tracing::info!(stage = stage.as_str(), "stage begins");
        self.locked().push((stage, Instant::now()));
    }

    /// Bytes of the source arrived.
    pub fn read(&self, bytes: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A request with a body of so many bytes went to the bucket.
    pub fn requested(&self, bytes: u64) {
        self.bytes_written.fetch_add(bytes, Ordering::Relaxed);
        self.store_requests.fetch_add(1, Ordering::Relaxed);
    }

    /// The sums so far. Processes count once they have ended.
    pub fn cost(&self) -> Cost {
        let usages = [UsageWho::RUSAGE_SELF, UsageWho::RUSAGE_CHILDREN]
            .map(|who| getrusage(who).ok())
            .into_iter()
            .flatten()
            .collect::<Vec<_>>();
        Cost {
            cpu_millis: usages.iter().map(cpu_millis).sum(),
            wall_millis: millis(self.started.elapsed()),
            // ru_maxrss is in KiB.
            peak_memory_bytes: usages
                .iter()
                .map(|usage| u64::try_from(usage.max_rss()).unwrap_or(0) * 1024)
                .max()
                .unwrap_or(0),
            bytes_read: self.bytes_read.load(Ordering::Relaxed),
            bytes_written: self.bytes_written.load(Ordering::Relaxed),
            store_requests: self.store_requests.load(Ordering::Relaxed),
        }
    }

    /// How long each stage took; the last one until now.
    pub fn stages(&self) -> Vec<StageTime> {
        let begun = self.locked().clone();
        let ends = begun.iter().skip(1).map(|(_, at)| *at);
        begun
            .iter()
            .zip(ends.chain([Instant::now()]))
            .map(|((stage, begin), end)| StageTime {
                stage: *stage,
                millis: millis(end.duration_since(*begin)),
            })
            .collect()
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Vec<(Stage, Instant)>> {
        self.stages
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn cpu_millis(usage: &Usage) -> u64 {
    [usage.user_time(), usage.system_time()]
        .map(|time| time.tv_sec() * 1000 + time.tv_usec() / 1000)
        .into_iter()
        .map(|millis| u64::try_from(millis).unwrap_or(0))
        .sum()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_ends_where_the_next_begins() {
        let meter = Meter::start();
        meter.begin(Stage::Fetch);
        meter.begin(Stage::Probe);
        let stages: Vec<Stage> = meter.stages().iter().map(|time| time.stage).collect();
        assert_eq!(stages, [Stage::Fetch, Stage::Probe]);
    }

    #[test]
    fn requests_and_bytes_add_up() {
        let meter = Meter::start();
        meter.read(5);
        meter.requested(7);
        meter.requested(0);
        let cost = meter.cost();
        assert_eq!(
            (cost.bytes_read, cost.bytes_written, cost.store_requests),
            (5, 7, 2)
        );
        assert!(cost.peak_memory_bytes > 0);
    }
}
