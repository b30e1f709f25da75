//! What metrics and Events tell of a job, once, on the write that records it.
use super::apply::Applied;
use super::outcome::Ended;
use crate::context::Context;
use crate::human;
use jiff::SignedDuration;
use std::time::Duration;
use vessel_crds::TranscodeJob;
use vessel_crds::transcode_job::{AttemptOutcome, TranscodeJobStatus};

/// Tells of `applied` after `status` was written.
pub async fn report(
    job: &TranscodeJob,
    applied: &Applied,
    status: &TranscodeJobStatus,
    context: &Context,
) {
    count(job, applied, status, context);
    tell(job, applied, status, context).await;
}

fn count(job: &TranscodeJob, applied: &Applied, status: &TranscodeJobStatus, context: &Context) {
    let metrics = &context.metrics.jobs;
    let profile = &job.spec.work.profile_name;
    let ended = |outcome, reason| metrics.attempt_ended(profile, outcome, reason, took(status));
    match applied {
        Applied::Started(_) => metrics.attempt_started(profile, waited(job, status)),
        Applied::Committed(_) => ended(AttemptOutcome::Succeeded, None),
        Applied::Void => ended(AttemptOutcome::Cancelled, None),
        Applied::Retried(end, _) | Applied::GaveUp(end) => ended(end.outcome, Some(end.reason)),
        _ => {}
    }
}

/// From joining the queue to the start of the attempt.
fn waited(job: &TranscodeJob, status: &TranscodeJobStatus) -> Duration {
    let started = status
        .attempts
        .last()
        .and_then(|attempt| attempt.start_time.as_ref());
    let queued = job
        .status
        .as_ref()
        .and_then(|before| before.queued_time.as_ref());
    match (queued, started) {
        (Some(queued), Some(started)) => positive(started.0.duration_since(queued.0)),
        _ => Duration::ZERO,
    }
}

/// From the start of the last attempt to its end.
fn took(status: &TranscodeJobStatus) -> Duration {
    let Some(attempt) = status.attempts.last() else {
        return Duration::ZERO;
    };
    match (&attempt.start_time, &attempt.end_time) {
        (Some(start), Some(end)) => positive(end.0.duration_since(start.0)),
        _ => Duration::ZERO,
    }
}

fn positive(duration: SignedDuration) -> Duration {
    Duration::try_from(duration).unwrap_or_default()
}

async fn tell(
    job: &TranscodeJob,
    applied: &Applied,
    status: &TranscodeJobStatus,
    context: &Context,
) {
    let events = &context.events;
    let message = status.message.as_deref().unwrap_or_default();
    match applied {
        Applied::Started(number) => {
            events
                .normal(
                    job,
                    "AttemptStarted",
                    &format!("attempt {number} has its batch Job"),
                )
                .await;
        }
        Applied::Committed(committed) => {
            let note = format!(
                "{} objects, {}, in {}",
                committed.manifest.objects.len(),
                human::size(status.output.as_ref().map_or(0, |output| output.bytes)),
                status.duration.as_deref().unwrap_or("no time")
            );
            events.normal(job, "Committed", &note).await;
        }
        Applied::Void => events.warning(job, "Void", message).await,
        Applied::Retried(ended, _) => {
            let note = attempt_note(ended, message);
            events.warning(job, "AttemptFailed", &note).await;
        }
        Applied::GaveUp(_) => events.warning(job, "Failed", message).await,
        Applied::NameTaken(_) => events.warning(job, "NameTaken", message).await,
        Applied::Distrusted(_) => events.warning(job, "Untrusted", message).await,
        Applied::Waiting(_) | Applied::GoesOn(_, _) | Applied::Nothing => {}
    }
}

fn attempt_note(ended: &Ended, message: &str) -> String {
    match ended.next_memory_bytes {
        Some(bytes) => format!(
            "{message} The next attempt gets {} of memory.",
            human::size(bytes)
        ),
        None => message.to_owned(),
    }
}
