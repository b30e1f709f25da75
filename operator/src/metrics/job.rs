//! Assets, jobs and the queue.
use super::names::Names;
use super::{MetricsError, histogram, opts, register};
use prometheus::{HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Registry};
use std::collections::BTreeMap;
use std::time::Duration;
use vessel_crds::Phase;
use vessel_crds::reason::{FailureReason, WaitingReason};
use vessel_crds::transcode_job::AttemptOutcome;

/// Seconds a job waits or an asset takes: from a moment to half a day.
const WAITS: &[f64] = &[
    1., 2., 5., 10., 20., 30., 60., 120., 300., 600., 1200., 1800., 3600., 7200., 14_400., 43_200.,
];

/// Assets, jobs and the queue.
#[derive(Debug)]
pub struct JobMetrics {
    assets: IntGaugeVec,
    jobs: IntGaugeVec,
    depth: IntGaugeVec,
    waiting: IntGaugeVec,
    oldest: IntGaugeVec,
    limit: IntGauge,
    in_use: IntGauge,
    attempts: IntCounterVec,
    queue_seconds: HistogramVec,
    duration: HistogramVec,
    ready: HistogramVec,
    uploads: IntCounterVec,
    uploads_awaiting: IntGauge,
    unreadable: IntGauge,
    publishes: IntCounterVec,
    profiles: Names,
}

/// The queue at one moment. What is not named is 0.
#[derive(Clone, Debug, Default)]
pub struct QueueSnapshot {
    /// TranscodeJobs by profile and phase.
    pub jobs: BTreeMap<(String, Phase), i64>,
    /// Jobs that could start if there were room, by profile.
    pub depth: BTreeMap<String, i64>,
    /// Jobs that wait, by profile and cause.
    pub waiting: BTreeMap<(String, WaitingReason), i64>,
    /// Seconds that the oldest waiting job has waited, by profile.
    pub oldest_seconds: BTreeMap<String, i64>,
    /// Jobs that may run at once; 0 is no limit.
    pub limit: i64,
    /// Jobs that run.
    pub in_use: i64,
}

/// How an awaited upload ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UploadResult {
    /// The object is there.
    Received,
    /// It did not come in time.
    Expired,
}

/// How a write of a pointer, or the commit behind it, ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PublishResult {
    /// It plays now.
    Committed,
    /// It played already.
    AlreadyCommitted,
    /// Something newer plays.
    Superseded,
    /// The commit was void, or its manifest did not fit.
    Rejected,
}

impl UploadResult {
    const ALL: [Self; 2] = [Self::Received, Self::Expired];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Received => "Received",
            Self::Expired => "Expired",
        }
    }
}

impl PublishResult {
    const ALL: [Self; 4] = [
        Self::Committed,
        Self::AlreadyCommitted,
        Self::Superseded,
        Self::Rejected,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "Committed",
            Self::AlreadyCommitted => "AlreadyCommitted",
            Self::Superseded => "Superseded",
            Self::Rejected => "Rejected",
        }
    }
}

/// The label of an outcome.
const fn outcome_label(outcome: AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Succeeded => "Succeeded",
        AttemptOutcome::Failed | AttemptOutcome::Unknown => "Failed",
        AttemptOutcome::Disrupted => "Disrupted",
        AttemptOutcome::Cancelled => "Cancelled",
    }
}

/// The label of an attempt that did not fail.
const NO_REASON: &str = "None";

impl JobMetrics {
    pub(super) fn new(leader: &Registry) -> Result<Self, MetricsError> {
        let gauge = |name, help, labels: &[&str]| {
            register(leader, IntGaugeVec::new(opts(name, help), labels))
        };
        let counter = |name, help, labels: &[&str]| {
            register(leader, IntCounterVec::new(opts(name, help), labels))
        };
        let seconds = |name, help, labels: &[&str]| {
            register(
                leader,
                HistogramVec::new(histogram(name, help, WAITS), labels),
            )
        };
        let metrics = Self {
            assets: gauge("vessel_assets", "MediaAssets by phase.", &["phase"])?,
            jobs: gauge(
                "vessel_jobs",
                "TranscodeJobs by profile and phase.",
                &["profile", "phase"],
            )?,
            depth: gauge(
                "vessel_queue_depth",
                "TranscodeJobs that wait for a slot.",
                &["profile"],
            )?,
            waiting: gauge(
                "vessel_jobs_waiting",
                "TranscodeJobs that wait, by cause.",
                &["profile", "cause"],
            )?,
            oldest: gauge(
                "vessel_queue_oldest_seconds",
                "Age of the job that has waited longest for a slot.",
                &["profile"],
            )?,
            limit: register(
                leader,
                IntGauge::new(
                    "vessel_concurrency_limit",
                    "Jobs that may run at once; 0 is no limit.",
                ),
            )?,
            in_use: register(
                leader,
                IntGauge::new("vessel_concurrency_in_use", "Jobs that run."),
            )?,
            attempts: counter(
                "vessel_job_attempts_total",
                "Attempts that ended.",
                &["profile", "outcome", "reason"],
            )?,
            queue_seconds: seconds(
                "vessel_job_queue_seconds",
                "Time from joining the queue to the start of the attempt.",
                &["profile"],
            )?,
            duration: seconds(
                "vessel_job_duration_seconds",
                "Time from the start of an attempt to its end.",
                &["profile", "outcome"],
            )?,
            ready: seconds(
                "vessel_asset_ready_seconds",
                "Time from the creation of an asset, or the arrival of its upload, to Ready.",
                &["profile"],
            )?,
            uploads: counter("vessel_uploads_total", "Uploads that ended.", &["result"])?,
            uploads_awaiting: register(
                leader,
                IntGauge::new("vessel_uploads_awaiting", "Uploads that are awaited."),
            )?,
            unreadable: register(
                leader,
                IntGauge::new(
                    "vessel_unreadable_assets",
                    "MediaAssets that do not fit their schema; nothing is done for them.",
                ),
            )?,
            publishes: counter(
                "vessel_publishes_total",
                "Renditions that were put into a pointer, or were not.",
                &["result"],
            )?,
            profiles: Names::default(),
        };
        metrics.start_at_zero();
        Ok(metrics)
    }

    fn start_at_zero(&self) {
        for result in UploadResult::ALL {
            self.uploads.with_label_values(&[result.as_str()]);
        }
        for result in PublishResult::ALL {
            self.publishes.with_label_values(&[result.as_str()]);
        }
        for phase in Phase::ALL {
            self.assets.with_label_values(&[phase.as_str()]);
        }
    }

    /// A profile exists: its counters start at 0.
    pub fn profile_seen(&self, profile: &str) {
        let profile = self.profiles.label(profile);
        let ended = |outcome, reason: &str| {
            let labels = [profile.as_str(), outcome_label(outcome), reason];
            self.attempts.with_label_values(&labels);
        };
        ended(AttemptOutcome::Succeeded, NO_REASON);
        ended(AttemptOutcome::Cancelled, NO_REASON);
        for reason in FailureReason::ALL {
            let outcome = match reason {
                FailureReason::Disrupted => AttemptOutcome::Disrupted,
                _ => AttemptOutcome::Failed,
            };
            ended(outcome, reason.as_str());
        }
    }

    /// Assets by phase.
    pub fn set_assets(&self, assets: &BTreeMap<Phase, i64>) {
        for phase in Phase::ALL {
            let count = assets.get(&phase).copied().unwrap_or_default();
            self.assets.with_label_values(&[phase.as_str()]).set(count);
        }
    }

    /// Assets that do not fit their schema.
    pub fn set_unreadable(&self, count: i64) {
        self.unreadable.set(count);
    }

    /// Uploads that are awaited.
    pub fn set_uploads_awaiting(&self, count: i64) {
        self.uploads_awaiting.set(count);
    }

    /// The queue, as it is now.
    pub fn set_queue(&self, now: &QueueSnapshot) {
        self.limit.set(now.limit);
        self.in_use.set(now.in_use);
        let jobs = self.by_label(now.jobs.iter().map(|((p, phase), n)| ((p, *phase), *n)));
        let depth = self.by_label(now.depth.iter().map(|(p, n)| ((p, ()), *n)));
        let waiting = self.by_label(now.waiting.iter().map(|((p, cause), n)| ((p, *cause), *n)));
        let oldest = self.oldest_by_label(&now.oldest_seconds);
        for profile in self.labels() {
            let key = |kind| (profile.clone(), kind);
            for phase in Phase::ALL {
                let count = jobs.get(&(profile.clone(), phase)).copied().unwrap_or(0);
                self.jobs
                    .with_label_values(&[profile.as_str(), phase.as_str()])
                    .set(count);
            }
            for cause in WaitingReason::ALL {
                let count = waiting.get(&(profile.clone(), cause)).copied().unwrap_or(0);
                self.waiting
                    .with_label_values(&[profile.as_str(), cause.as_str()])
                    .set(count);
            }
            let of_profile = [profile.as_str()];
            let count = depth.get(&key(())).copied().unwrap_or(0);
            self.depth.with_label_values(&of_profile).set(count);
            let age = oldest.get(&profile).copied().unwrap_or(0);
            self.oldest.with_label_values(&of_profile).set(age);
        }
    }

    /// An attempt has ended; counted on the write that records it.
    pub fn attempt_ended(
        &self,
        profile: &str,
        outcome: AttemptOutcome,
        reason: Option<FailureReason>,
        took: Duration,
    ) {
        let profile = self.profiles.label(profile);
        let word = outcome_label(outcome);
        let reason = reason.map_or(NO_REASON, FailureReason::as_str);
        self.attempts
            .with_label_values(&[profile.as_str(), word, reason])
            .inc();
        self.duration
            .with_label_values(&[profile.as_str(), word])
            .observe(took.as_secs_f64());
    }

    /// An attempt has started after waiting in the queue.
    pub fn attempt_started(&self, profile: &str, waited: Duration) {
        let profile = self.profiles.label(profile);
        self.queue_seconds
            .with_label_values(&[profile])
            .observe(waited.as_secs_f64());
    }

    /// An asset has become Ready with this profile.
    pub fn asset_ready(&self, profile: &str, took: Duration) {
        let profile = self.profiles.label(profile);
        self.ready
            .with_label_values(&[profile])
            .observe(took.as_secs_f64());
    }

    /// An awaited upload has ended.
    pub fn upload_ended(&self, result: UploadResult) {
        self.uploads.with_label_values(&[result.as_str()]).inc();
    }

    /// A rendition was put into a pointer, or was not.
    pub fn published(&self, result: PublishResult) {
        self.publishes.with_label_values(&[result.as_str()]).inc();
    }

    fn labels(&self) -> Vec<String> {
        let mut labels = self.profiles.known();
        labels.push(super::names::OTHER.to_owned());
        labels
    }

    fn by_label<'a, K: Ord>(
        &self,
        counts: impl Iterator<Item = ((&'a String, K), i64)>,
    ) -> BTreeMap<(String, K), i64> {
        let mut sums = BTreeMap::new();
        for ((profile, kind), count) in counts {
            *sums
                .entry((self.profiles.label(profile), kind))
                .or_default() += count;
        }
        sums
    }

    fn oldest_by_label(&self, ages: &BTreeMap<String, i64>) -> BTreeMap<String, i64> {
        let mut oldest: BTreeMap<String, i64> = BTreeMap::new();
        for (profile, age) in ages {
            let entry = oldest.entry(self.profiles.label(profile)).or_default();
            *entry = (*entry).max(*age);
        }
        oldest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn what_is_no_longer_there_is_zero_and_not_stale() {
        let metrics = Metrics::new().unwrap();
        metrics.process.set_leader();
        let full = QueueSnapshot {
            jobs: BTreeMap::from([(("audio".to_owned(), Phase::Running), 3)]),
            depth: BTreeMap::from([("audio".to_owned(), 2)]),
            waiting: BTreeMap::from([(("audio".to_owned(), WaitingReason::QueueFull), 2)]),
            oldest_seconds: BTreeMap::from([("audio".to_owned(), 40)]),
            limit: 3,
            in_use: 3,
        };
        metrics.jobs.set_queue(&full);
        let text = String::from_utf8(metrics.text().unwrap()).unwrap();
        assert!(text.contains("vessel_queue_depth{profile=\"audio\"} 2"));
        metrics.jobs.set_queue(&QueueSnapshot::default());
        let text = String::from_utf8(metrics.text().unwrap()).unwrap();
        assert!(text.contains("vessel_queue_depth{profile=\"audio\"} 0"));
        assert!(text.contains("vessel_jobs{phase=\"Running\",profile=\"audio\"} 0"));
        assert!(text.contains("vessel_queue_oldest_seconds{profile=\"audio\"} 0"));
    }
}
