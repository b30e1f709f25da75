//! What the metrics say of assets, jobs and the queue: from the caches, never from counting.
use super::Inner;
use super::admission::{Candidate, Turn};
use super::observe::unfinished;
use crate::context::Context;
use crate::metrics::QueueSnapshot;
use crate::store::Published;
use jiff::Timestamp;
use kube::{Resource, ResourceExt};
use std::collections::BTreeMap;
use vessel_crds::condition::{self, ConditionType};
use vessel_crds::reason::WaitingReason;
use vessel_crds::{Phase, TranscodeJob};

/// Sets every gauge that describes the cluster.
pub(super) fn export(
    queue: &Inner,
    context: &Context,
    candidates: &[Candidate],
    turns: &BTreeMap<String, Turn>,
) {
    let now = context.clock.now();
    context
        .metrics
        .jobs
        .set_queue(&snapshot(queue, candidates, turns, now));
    context.stores.set_published(published(queue));
    let (phases, uploads) = assets(queue);
    context.metrics.jobs.set_assets(&phases);
    context.metrics.jobs.set_uploads_awaiting(uploads);
    let assets = queue.caches.assets.state();
    let unreadable = assets.iter().filter(|asset| asset.0.is_err()).count();
    context.metrics.jobs.set_unreadable(count(unreadable));
}

fn snapshot(
    queue: &Inner,
    candidates: &[Candidate],
    turns: &BTreeMap<String, Turn>,
    now: Timestamp,
) -> QueueSnapshot {
    let waits: BTreeMap<&str, WaitingReason> = candidates
        .iter()
        .filter_map(|candidate| match turns.get(&candidate.uid) {
            Some(Turn::Wait(reason)) => Some((candidate.uid.as_str(), *reason)),
            _ => None,
        })
        .collect();
    let mut snapshot = QueueSnapshot {
        limit: i64::from(queue.limits.max_running),
        in_use: count(queue.caches.batch.state_filter(unfinished).len()),
        ..QueueSnapshot::default()
    };
    for job in queue.caches.transcodes.state() {
        let Ok(job) = &job.0 else { continue };
        let queued = waits.get(job.meta().uid.as_deref().unwrap_or_default());
        count_job(&mut snapshot, job, queued.copied(), now);
    }
    snapshot
}

fn count_job(
    snapshot: &mut QueueSnapshot,
    job: &TranscodeJob,
    queued: Option<WaitingReason>,
    now: Timestamp,
) {
    let profile = &job.spec.work.profile_name;
    let phase = job
        .status
        .as_ref()
        .map_or(Phase::Pending, |status| status.phase);
    *snapshot.jobs.entry((profile.clone(), phase)).or_default() += 1;
    if let Some(reason) = queued.or_else(|| waiting(job)) {
        *snapshot
            .waiting
            .entry((profile.clone(), reason))
            .or_default() += 1;
    }
    if queued.is_some() {
        *snapshot.depth.entry(profile.clone()).or_default() += 1;
        let oldest = snapshot.oldest_seconds.entry(profile.clone()).or_default();
        *oldest = (*oldest).max(waited(job, now));
    }
}

/// The wait that a job's status names.
fn waiting(job: &TranscodeJob) -> Option<WaitingReason> {
    let status = job
        .status
        .as_ref()
        .filter(|status| status.phase == Phase::Pending)?;
    let admitted = condition::find(&status.conditions, ConditionType::Admitted);
    let succeeded = condition::find(&status.conditions, ConditionType::Succeeded);
    [succeeded, admitted]
        .into_iter()
        .flatten()
        .find_map(|condition| {
            WaitingReason::ALL
                .into_iter()
                .find(|reason| reason.as_str() == condition.reason)
                .filter(|reason| {
                    !matches!(
                        reason,
                        WaitingReason::QueueFull | WaitingReason::NamespaceLimit
                    )
                })
        })
}

fn waited(job: &TranscodeJob, now: Timestamp) -> i64 {
    let queued = job
        .status
        .as_ref()
        .and_then(|status| status.queued_time.as_ref());
    let since = queued
        .map(|time| time.0)
        .or_else(|| job.creation_timestamp().map(|time| time.0));
    since.map_or(0, |since| now.duration_since(since).as_secs().max(0))
}

fn assets(queue: &Inner) -> (BTreeMap<Phase, i64>, i64) {
    let mut phases = BTreeMap::new();
    let mut uploads = 0;
    for asset in queue.caches.assets.state() {
        let status = asset
            .0
            .as_ref()
            .ok()
            .and_then(|asset| asset.status.as_ref());
        *phases
            .entry(status.map_or(Phase::Pending, |status| status.phase))
            .or_default() += 1;
        uploads += i64::from(status.is_some_and(|status| status.upload.is_some()));
    }
    (phases, uploads)
}

/// Bytes and objects of every live commit, by store.
fn published(queue: &Inner) -> BTreeMap<String, Published> {
    let mut sums: BTreeMap<String, Published> = BTreeMap::new();
    for job in queue.caches.transcodes.state() {
        let Ok(job) = &job.0 else { continue };
        let output = job
            .status
            .as_ref()
            .and_then(|status| status.output.as_ref());
        if let Some(output) = output.filter(|output| output.tombstoned != Some(true)) {
            let sum = sums.entry(job.spec.work.store_name.clone()).or_default();
            sum.bytes += output.bytes;
            sum.objects += output.objects;
        }
    }
    sums
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
