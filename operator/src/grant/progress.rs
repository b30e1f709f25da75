//! How far a pod has come: information, written rarely.
use super::Grants;
use super::identity::Execution;
use super::refusal::Refused;
use crate::human;
use jiff::{SignedDuration, Timestamp};
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use vessel_crds::TranscodeJob;
use vessel_crds::labels::PROGRESS_MANAGER;
use vessel_storage::grant::Progress;

/// A step, in percent.
const STEP: i32 = 10;
/// Between two writes.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// Only a commit is the end.
const MOST: i32 = 99;

/// Writes the progress if it is a step further than the last one.
pub(super) async fn record(
    grants: &Grants,
    execution: &Execution,
    progress: &Progress,
) -> Result<(), Refused> {
    let job = &execution.job;
    let Some(percent) = step(job, progress, grants.clock.now()) else {
        return Ok(());
    };
    let body = serde_json::json!({
        "apiVersion": TranscodeJob::api_version(&()),
        "kind": TranscodeJob::kind(&()),
        "metadata": ObjectMeta {
            name: job.metadata.name.clone(),
            uid: job.uid(),
            ..ObjectMeta::default()
        },
        "status": {"progressPercent": percent, "progress": human::percent(percent)},
    });
    let jobs: Api<TranscodeJob> =
        Api::namespaced(grants.client.clone(), &job.namespace().unwrap_or_default());
    let params = PatchParams::apply(PROGRESS_MANAGER);
    match jobs
        .patch_status(&job.name_any(), &params, &Patch::Apply(&body))
        .await
    {
        Ok(_) => Ok(()),
        // The leader has taken the fields over, or the job is gone: there is no progress to tell.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The step to write, if there is one. The time of the last write stands in the object
/// itself, so that every replica knows it.
fn step(job: &TranscodeJob, progress: &Progress, now: Timestamp) -> Option<i32> {
    let percent = i32::from(progress.percent?).min(MOST);
    let reached = percent - percent % STEP;
    let known = job
        .status
        .as_ref()
        .and_then(|status| status.progress_percent);
    if reached < STEP || known.is_some_and(|known| reached <= known) {
        return None;
    }
    match written(job) {
        Some(last) if now.duration_since(last) < PAUSE => None,
        _ => Some(reached),
    }
}

/// When progress was last written.
fn written(job: &TranscodeJob) -> Option<Timestamp> {
    let managers = job.metadata.managed_fields.as_ref()?;
    let ours = managers
        .iter()
        .find(|entry| entry.manager.as_deref() == Some(PROGRESS_MANAGER))?;
    ours.time.as_ref().map(|time| time.0)
}

#[cfg(test)]
mod tests {
    use super::super::current::tests::job;
    use super::*;
    use serde_json::json;
    use vessel_storage::verdict::Stage;

    fn after(known: Option<i32>, written: Option<&str>, percent: Option<u8>) -> Option<i32> {
        let mut value = job();
        value["status"]["progressPercent"] = json!(known);
        if let Some(time) = written {
            value["metadata"]["managedFields"] =
                json!([{"manager": PROGRESS_MANAGER, "time": time}]);
        }
        let progress = Progress {
            stage: Stage::Encode,
            percent,
            media_millis: 0,
        };
        let job = serde_json::from_value(value).unwrap();
        step(&job, &progress, "2026-01-01T00:01:00Z".parse().unwrap())
    }

    #[test]
    fn progress_moves_in_steps_at_least_half_a_minute_apart() {
        let recent = Some("2026-01-01T00:00:31Z");
        let long_ago = Some("2026-01-01T00:00:30Z");
        assert_eq!(after(None, None, Some(9)), None);
        assert_eq!(after(None, None, Some(14)), Some(10));
        assert_eq!(after(Some(10), long_ago, Some(19)), None);
        assert_eq!(after(Some(10), recent, Some(47)), None);
        assert_eq!(after(Some(10), long_ago, Some(47)), Some(40));
        assert_eq!(after(Some(40), long_ago, Some(20)), None);
        assert_eq!(after(Some(80), long_ago, Some(100)), Some(90));
        assert_eq!(after(None, None, None), None);
    }
}
