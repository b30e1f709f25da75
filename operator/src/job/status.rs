//! The status of a job, from what it was and what was done. Pure.
use super::apply::{Applied, Committed};
use super::outcome::{Counts, Ended};
use super::plan::PodSeen;
use super::pod::job_name;
use super::state::{open_attempt, reason};
use super::waiting::Waiting;
use crate::human;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Resource, ResourceExt};
use vessel_crds::condition::{ConditionStatus, ConditionType, Fact};
use vessel_crds::reason::WaitingReason;
use vessel_crds::transcode_job::{Attempt, AttemptOutcome, Failure, Output, TranscodeJobStatus};
use vessel_crds::{Phase, TranscodeJob};

/// Most attempts that a status lists.
const LISTED: usize = 10;

/// The status of `job` after `applied`. Equal to the one before when nothing has changed.
pub fn after(job: &TranscodeJob, applied: &Applied, now: &Time) -> TranscodeJobStatus {
    let mut draft = Draft {
        job,
        status: job.status.clone().unwrap_or_default(),
        now,
    };
    draft.status.observed_generation = job.meta().generation.unwrap_or_default();
    match applied {
        Applied::Nothing => {}
        Applied::Distrusted(why) => draft.held(reason::UNTRUSTED, why),
        Applied::Waiting(waiting) => draft.waiting(waiting),
        Applied::Started(number) => draft.started(*number),
        Applied::NameTaken(name) => draft.held(
            reason::NAME_TAKEN,
            &format!("a Job {name:?} that is not ours is in the way: delete or rename it"),
        ),
        Applied::GoesOn(waiting, pod) => draft.goes_on(waiting.as_ref(), *pod),
        Applied::Committed(committed) => draft.committed(committed),
        Applied::Void => draft.void(),
        Applied::Retried(ended, next) => draft.retried(ended, *next),
        Applied::GaveUp(ended) => draft.gave_up(ended),
    }
    if open_attempt(&draft.status).is_none() {
        forget_stage(&mut draft.status);
    }
    draft.status
}

/// Leaves out what a pod tells of its work while it works.
pub fn forget_stage(status: &mut TranscodeJobStatus) {
    status.stage = None;
    status.speed_permille = None;
    status.speed = None;
    status.remaining_seconds = None;
    status.remaining = None;
}

/// What the pod of a job is at, for people: `Encode 40 %, 12.3x, about 2m10s left`.
pub fn working(job: &TranscodeJob) -> Option<String> {
    let status = job.status.as_ref()?;
    let mut words = status.stage.clone()?;
    if let Some(percent) = status.progress_percent.filter(|&percent| percent > 0) {
        words = format!("{words} {percent} %");
    }
    let speed = status.speed.clone();
    let remaining = status.remaining.as_ref();
    let remaining = remaining.map(|remaining| format!("about {remaining} left"));
    let parts: Vec<_> = std::iter::once(words)
        .chain(speed)
        .chain(remaining)
        .collect();
    Some(parts.join(", "))
}

struct Draft<'a> {
    job: &'a TranscodeJob,
    status: TranscodeJobStatus,
    now: &'a Time,
}

impl Draft<'_> {
    fn conditions(
        &mut self,
        admitted: (ConditionStatus, &str),
        succeeded: (ConditionStatus, &str),
        message: &str,
    ) {
        let facts = [
            Fact::new(ConditionType::Admitted, admitted.0, admitted.1, message),
            Fact::new(ConditionType::Succeeded, succeeded.0, succeeded.1, message),
        ];
        let generation = self.status.observed_generation;
        self.status.conditions = Fact::merge(&facts, &self.status.conditions, generation, self.now);
        self.status.message = (!message.is_empty()).then(|| message.to_owned());
    }

    fn pending(&mut self, admitted: &str, message: &str) {
        self.status.phase = Phase::Pending;
        self.conditions(
            (ConditionStatus::False, admitted),
            (ConditionStatus::Unknown, reason::PENDING),
            message,
        );
    }

    fn held(&mut self, admitted: &str, message: &str) {
        self.status.queued_time = None;
        self.pending(admitted, message);
    }

    fn waiting(&mut self, waiting: &Waiting) {
        if open_attempt(&self.status).is_some() {
            return self.goes_on(Some(waiting), PodSeen::NotYet);
        }
        let queued = matches!(
            waiting.reason,
            WaitingReason::QueueFull | WaitingReason::NamespaceLimit
        );
        self.status.queued_time = match self.status.queued_time.take() {
            since @ Some(_) if queued => since,
            _ => queued.then(|| self.now.clone()),
        };
        let message = format!("{}: {}", waiting.reason, human::sentence(&waiting.message));
        let message = match &self.status.failure {
            Some(failure) => format!(
                "{message} The last attempt: {}: {}",
                failure.reason,
                human::sentence(&failure.message)
            ),
            None => message,
        };
        self.pending(waiting.reason.as_str(), &message);
    }

    fn started(&mut self, number: i32) {
        let status = &mut self.status;
        status.attempts_started = status.attempts_started.max(number);
        status.attempts.push(Attempt {
            number,
            job: job_name(&self.job.name_any(), number),
            start_time: Some(self.now.clone()),
            end_time: None,
            outcome: None,
            reason: None,
            message: None,
            disrupted_by: None,
            source_etag: None,
        });
        let surplus = status.attempts.len().saturating_sub(LISTED);
        status.attempts.drain(..surplus);
        status.next_attempt_time = None;
        status.start_time.get_or_insert_with(|| self.now.clone());
        status.queued_time.get_or_insert_with(|| self.now.clone());
        forget_stage(status);
        status.progress_percent = Some(0);
        status.progress = Some(human::percent(0));
        self.goes_on(None, PodSeen::NotYet);
    }

    fn goes_on(&mut self, waiting: Option<&Waiting>, pod: PodSeen) {
        let (phase, word, message) = match (waiting, pod) {
            (Some(waiting), _) => (
                Phase::Pending,
                waiting.reason.as_str(),
                format!("{}: {}", waiting.reason, human::sentence(&waiting.message)),
            ),
            (None, PodSeen::NotYet) => {
                (Phase::Running, reason::RUNNING, "the pod starts".to_owned())
            }
            (None, PodSeen::Running) => {
                (Phase::Running, reason::RUNNING, "the pod works".to_owned())
            }
        };
        self.status.phase = phase;
        self.conditions(
            (ConditionStatus::True, reason::STARTED),
            (ConditionStatus::Unknown, word),
            &message,
        );
    }

    fn committed(&mut self, committed: &Committed) {
        self.close(AttemptOutcome::Succeeded, None);
        let manifest = &committed.manifest;
        self.status.output = Some(output(committed));
        self.status.media = Some(manifest.media.clone());
        self.status.failure = None;
        self.status.progress_percent = Some(100);
        self.status.progress = Some(human::percent(100));
        self.finish(Phase::Ready);
        self.conditions(
            (ConditionStatus::False, reason::COMMITTED),
            (ConditionStatus::True, reason::COMMITTED),
            "committed",
        );
    }

    fn void(&mut self) {
        let message = "its storage is being freed; its asset makes another job";
        self.close(AttemptOutcome::Cancelled, None);
        self.finish(Phase::Failed);
        self.conditions(
            (ConditionStatus::False, reason::VOID),
            (ConditionStatus::False, reason::VOID),
            message,
        );
    }

    fn retried(&mut self, ended: &Ended, next: Timestamp) {
        self.ended(ended, Permanence::Retried);
        self.status.next_attempt_time = Some(Time(next));
        let message = format!(
            "{}: {} Attempt {} starts at {}.",
            ended.reason,
            human::sentence(&ended.message),
            self.status.attempts_started.saturating_add(1),
            human::moment(next),
        );
        self.pending(WaitingReason::BackingOff.as_str(), &message);
    }

    fn gave_up(&mut self, ended: &Ended) {
        self.ended(ended, Permanence::GaveUp);
        self.finish(Phase::Failed);
        let word = ended.reason.as_str();
        let message = self.final_message(ended);
        self.conditions(
            (ConditionStatus::False, word),
            (ConditionStatus::False, word),
            &message,
        );
    }

    fn final_message(&self, ended: &Ended) -> String {
        let what = human::sentence(&ended.message);
        let advice = match ended.counts {
            Counts::Permanent => {
                "Permanent, not retried: replace the source or set spec.restartToken.".to_owned()
            }
            Counts::Failure | Counts::Disruption => format!(
                "Given up after {} attempts: set spec.restartToken of the asset to try again.",
                self.status.attempts_started
            ),
        };
        format!("{}: {what} {advice}", ended.reason)
    }

    fn ended(&mut self, ended: &Ended, permanence: Permanence) {
        match ended.counts {
            Counts::Permanent | Counts::Failure => self.status.failures += 1,
            Counts::Disruption => self.status.disruptions += 1,
        }
        self.close(ended.outcome, Some(ended));
        self.status.memory_limit_bytes = ended.next_memory_bytes.or(self.status.memory_limit_bytes);
        if ended.media.is_some() {
            self.status.media.clone_from(&ended.media);
        }
        self.status.queued_time = None;
        self.status.failure = Some(Failure {
            reason: ended.reason,
            message: ended.message.clone(),
            permanent: permanence == Permanence::GaveUp,
        });
    }

    /// Ends the open attempt. From this write on its pod is granted nothing.
    fn close(&mut self, outcome: AttemptOutcome, ended: Option<&Ended>) {
        let open = self.status.attempts.last_mut();
        if let Some(attempt) = open.filter(|attempt| attempt.outcome.is_none()) {
            attempt.end_time = Some(self.now.clone());
            attempt.outcome = Some(outcome);
            attempt.reason = ended.map(|ended| ended.reason);
            attempt.message = ended.map(|ended| ended.message.clone());
            attempt.disrupted_by = ended.and_then(|ended| ended.disrupted_by);
            attempt.source_etag = ended.and_then(|ended| ended.source_etag.clone());
        }
    }

    fn finish(&mut self, phase: Phase) {
        let status = &mut self.status;
        status.phase = phase;
        status.next_attempt_time = None;
        status.completion_time = Some(self.now.clone());
        let start = status.start_time.as_ref();
        status.duration = start.map(|start| human::duration(self.now.0.duration_since(start.0)));
    }
}

/// Whether a failure was the job's last.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Permanence {
    Retried,
    GaveUp,
}

fn output(committed: &Committed) -> Output {
    let manifest = &committed.manifest;
    let bytes: u64 = manifest.objects.iter().map(|object| object.bytes).sum();
    Output {
        prefix: committed.folder.clone(),
        manifest_key: committed.published.manifest_key.clone(),
        manifest_sha256: committed.published.manifest_sha256.to_string(),
        pod_uid: committed.published.pod_uid.to_string(),
        bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        objects: i64::try_from(manifest.objects.len()).unwrap_or(i64::MAX),
        hls: manifest.hls.as_ref().map(ToString::to_string),
        dash: manifest.dash.as_ref().map(ToString::to_string),
        source_sha256: Some(manifest.source.sha256.to_string()),
        tombstoned: None,
    }
}

/// Whether the progress in a status after `applied` is ours: at the start and at the end of
/// the work. In between, any replica writes it.
pub const fn owns_progress(applied: &Applied) -> bool {
    matches!(applied, Applied::Started(_) | Applied::Committed(_))
}

#[cfg(test)]
mod tests;
