//! What `spec.retention` asks for, and how far it is. Pure.
//!
//! What is given up is first recorded in the status, by a write that only lands on what it
//! was decided from; then it is done; then the status says so. A process that dies in between
//! leaves a record that the next one acts on.
use super::is_settled;
use super::plan::{Plan, is_committed};
use super::source::fingerprint;
use crate::job::state::JobState;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use vessel_crds::media_asset::{
    Freed, FreedCause, FreedState, Retention, SourceRetention, SourceState, SourceStatus,
};
use vessel_crds::{MediaAsset, Phase, TranscodeJob};
use vessel_storage::digest::Sha256;

/// What becomes of an asset whose time may be over.
#[derive(Clone, Debug, PartialEq)]
pub enum Expiry {
    /// It is not.
    Runs,
    /// It is: that is recorded first.
    Begin(Freed),
    /// It was recorded: what plays stops, and the storage is marked.
    Finish(Freed),
    /// It has expired, and rests until its spec asks for something else.
    Rests(Freed),
    /// A newer version of Vessel looks after it.
    Unknown,
}

/// How far one thing is that is given up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Step {
    /// There is nothing to do.
    #[default]
    Stay,
    /// It is to be recorded.
    Begin,
    /// It was recorded: it is marked now.
    Finish,
}

/// What an asset that lives on gives up.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tidy {
    /// The uploaded source.
    pub source: Step,
    /// What failed jobs have left.
    pub failed: Step,
}

/// What tells one request for work from another: another source, restart token or list of
/// profiles is worth another try.
pub fn work(asset: &MediaAsset) -> String {
    let spec = &asset.spec;
    let source = fingerprint(&spec.source, &spec.restart_token);
    let parts = (source, &spec.restart_token, &spec.profiles);
    let json = serde_json::to_vec(&parts).unwrap_or_default();
    Sha256::of(&json).to_string()
}

/// What becomes of `asset` at `now`.
pub fn expiry(asset: &MediaAsset, now: &Time) -> Expiry {
    let recorded = asset
        .status
        .as_ref()
        .and_then(|status| status.freed.clone());
    match recorded {
        Some(freed) if is_unknown(&freed) => Expiry::Unknown,
        Some(freed) if freed.cause == FreedCause::Expired => match freed.state {
            FreedState::Freeing => Expiry::Finish(freed),
            _ if holds(asset, &freed, now.0) => Expiry::Rests(freed),
            _ => Expiry::Runs,
        },
        _ if is_over(asset, now.0) => Expiry::Begin(record(asset, FreedCause::Expired, now)),
        _ => Expiry::Runs,
    }
}

fn is_unknown(freed: &Freed) -> bool {
    freed.cause == FreedCause::Unknown || freed.state == FreedState::Unknown
}

fn record(asset: &MediaAsset, cause: FreedCause, now: &Time) -> Freed {
    Freed {
        cause,
        state: FreedState::Freeing,
        work: work(asset),
        time: now.clone(),
    }
}

/// Whether a record still speaks of what the spec asks for. What has begun is ended first.
pub fn holds(asset: &MediaAsset, freed: &Freed, now: Timestamp) -> bool {
    let same = freed.work == work(asset);
    match (freed.cause, freed.state) {
        (FreedCause::Unknown, _)
        | (_, FreedState::Unknown)
        | (FreedCause::Expired, FreedState::Freeing) => true,
        (FreedCause::Expired, FreedState::Freed) => {
            same && expires_at(asset).is_some_and(|at| at <= now)
        }
        (FreedCause::Failed, _) => same,
    }
}

/// Something plays whose time is over, and nothing better is being made.
fn is_over(asset: &MediaAsset, now: Timestamp) -> bool {
    plays_until(asset).is_some_and(|at| at <= now)
}

/// When what plays has to stop, if nothing better comes before.
fn plays_until(asset: &MediaAsset) -> Option<Timestamp> {
    let status = asset.status.as_ref()?;
    status.pointer_digest.as_ref()?;
    let is_that = status.ready_for == Some(work(asset));
    let gave_up = status.phase == Phase::Failed
        && Some(status.observed_generation) == asset.metadata.generation;
    expires_at(asset).filter(|_| is_that || gave_up)
}

fn expires_at(asset: &MediaAsset) -> Option<Timestamp> {
    let ready = asset.status.as_ref()?.ready_time.as_ref()?;
    after(ready, retention(asset)?.expire_after_seconds?)
}

fn after(time: &Time, seconds: i64) -> Option<Timestamp> {
    time.0.checked_add(SignedDuration::from_secs(seconds)).ok()
}

const fn retention(asset: &MediaAsset) -> Option<&Retention> {
    asset.spec.retention.as_ref()
}

/// What `asset` gives up at `now`, when its source is `source` and its jobs are to be `plan`.
pub fn tidy(asset: &MediaAsset, source: &SourceStatus, plan: &Plan, now: Timestamp) -> Tidy {
    let failed_is_due = cleanup_at(asset, plan).is_some_and(|at| at <= now);
    Tidy {
        source: source_step(asset, source, plan, failed_is_due),
        failed: failed_step(asset, failed_is_due),
    }
}

fn source_step(
    asset: &MediaAsset,
    source: &SourceStatus,
    plan: &Plan,
    failed_is_due: bool,
) -> Step {
    if generation(asset, source).is_none() {
        return Step::Stay;
    }
    match source.state {
        SourceState::Removing => Step::Finish,
        SourceState::Present if failed_is_due || is_done_with(asset, plan) => Step::Begin,
        _ => Step::Stay,
    }
}

/// The generation of the upload that the spec asks for, once it was found.
pub fn generation(asset: &MediaAsset, source: &SourceStatus) -> Option<i64> {
    let asked = asset.spec.source.upload.as_ref()?.generation;
    // An older version of Vessel did not record it.
    Some(source.generation.unwrap_or(asked)).filter(|found| *found == asked)
}

/// Whether the status says Ready for this very spec, and no job needs the source.
fn is_done_with(asset: &MediaAsset, plan: &Plan) -> bool {
    let asked = retention(asset)
        .is_some_and(|retention| retention.source == SourceRetention::DeleteWhenReady);
    asked && is_settled(asset) && plan.create.is_empty() && unready(plan).next().is_none()
}

fn failed_step(asset: &MediaAsset, is_due: bool) -> Step {
    let freed = asset
        .status
        .as_ref()
        .and_then(|status| status.freed.as_ref());
    match freed {
        Some(freed) if freed.cause == FreedCause::Failed && freed.work == work(asset) => {
            match freed.state {
                FreedState::Freeing => Step::Finish,
                _ => Step::Stay,
            }
        }
        _ if is_due => Step::Begin,
        _ => Step::Stay,
    }
}

/// When what a permanent failure has left goes: once every profile that does not play has
/// given up.
fn cleanup_at(asset: &MediaAsset, plan: &Plan) -> Option<Timestamp> {
    let seconds = retention(asset)?.cleanup_after_failed_seconds?;
    let mut last = None;
    for job in unready(plan) {
        last = last.max(Some(failed_at(job?)?.clone()));
    }
    after(&last?, seconds)
}

fn unready(plan: &Plan) -> impl Iterator<Item = Option<&TranscodeJob>> {
    let jobs = plan.wanted.iter().map(|wanted| wanted.job.as_deref());
    jobs.filter(|job| !job.is_some_and(is_committed))
}

fn failed_at(job: &TranscodeJob) -> Option<&Time> {
    let gave_up = matches!(JobState::of(job), JobState::Failed(_));
    let status = job.status.as_ref().filter(|_| gave_up)?;
    status.completion_time.as_ref()
}

impl Tidy {
    /// The source, once this step is done.
    pub fn source_after(self, source: SourceStatus) -> SourceStatus {
        let state = match self.source {
            Step::Stay => source.state,
            Step::Begin => SourceState::Removing,
            Step::Finish => SourceState::Removed,
        };
        SourceStatus { state, ..source }
    }

    /// The record of `asset`, once this step is done.
    pub fn freed_after(self, asset: &MediaAsset, now: &Time) -> Option<Freed> {
        let before = asset
            .status
            .as_ref()
            .and_then(|status| status.freed.clone());
        match self.failed {
            Step::Stay => before,
            Step::Begin => Some(record(asset, FreedCause::Failed, now)),
            Step::Finish => before.map(|freed| Freed {
                state: FreedState::Freed,
                ..freed
            }),
        }
    }
}

/// When to look at `asset` again, when its jobs are to be `plan`. Nothing but the time tells.
pub fn next_look(asset: &MediaAsset, plan: Option<&Plan>, now: Timestamp) -> Option<Timestamp> {
    let cleanup = plan.and_then(|plan| cleanup_at(asset, plan));
    let times = [plays_until(asset), cleanup];
    times.into_iter().flatten().filter(|at| *at > now).min()
}

#[cfg(test)]
mod tests;
