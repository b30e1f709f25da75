//! How far a pod has come: information, written rarely.
use super::Grants;
use super::identity::Execution;
use super::refusal::Refused;
use crate::human;
use crate::job::state::open_attempt;
use jiff::{SignedDuration, Timestamp};
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use vessel_crds::labels::PROGRESS_MANAGER;
use vessel_crds::{TranscodeJob, TranscodeJobStatus};
use vessel_storage::grant::Progress;

/// A step, in percent.
const STEP: i32 = 10;
/// Between two writes.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// Only a commit is the end.
const MOST: i32 = 99;

/// The fields of a status that any replica writes. What is absent goes.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    progress_percent: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed_permille: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<String>,
}

/// Writes the progress if it is a step further than the last one.
pub(super) async fn record(
    grants: &Grants,
    execution: &Execution,
    progress: &Progress,
) -> Result<(), Refused> {
    let job = &execution.job;
    let Some(told) = step(job, progress, grants.clock.now()) else {
        return Ok(());
    };
    Ok(write(&grants.client, job, &told).await?)
}

/// Takes back what a pod told that works no more. `status` keeps how far it came.
pub(crate) async fn take_back(
    client: &Client,
    job: &TranscodeJob,
    status: &TranscodeJobStatus,
) -> Result<(), kube::Error> {
    let told = Told {
        progress_percent: status.progress_percent,
        progress: status.progress.clone(),
        ..Told::default()
    };
    write(client, job, &told).await
}

async fn write(client: &Client, job: &TranscodeJob, told: &Told) -> Result<(), kube::Error> {
    let body = serde_json::json!({
        "apiVersion": TranscodeJob::api_version(&()),
        "kind": TranscodeJob::kind(&()),
        "metadata": ObjectMeta {
            name: job.metadata.name.clone(),
            uid: job.uid(),
            ..ObjectMeta::default()
        },
        "status": told,
    });
    let jobs: Api<TranscodeJob> =
        Api::namespaced(client.clone(), &job.namespace().unwrap_or_default());
    let params = PatchParams::apply(PROGRESS_MANAGER);
    match jobs
        .patch_status(&job.name_any(), &params, &Patch::Apply(&body))
        .await
    {
        Ok(_) => Ok(()),
        // The leader has taken the fields over, or the job is gone: there is no progress to tell.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        Err(error) => Err(error),
    }
}

/// What to write, if it is a step: of ten percent, or to another stage. The time of the last
/// write stands in the object itself, so that every replica knows it.
fn step(job: &TranscodeJob, progress: &Progress, now: Timestamp) -> Option<Told> {
    let status = job.status.as_ref();
    let known = status.and_then(|status| status.progress_percent);
    let reached = progress.percent.map(|percent| {
        let percent = i32::from(percent).min(MOST);
        percent - percent % STEP
    });
    let further =
        reached.is_some_and(|reached| reached >= STEP && known.is_none_or(|known| reached > known));
    let stage = status.and_then(|status| status.stage.as_deref());
    let moved = stage != Some(progress.stage.as_str());
    let since = |last: Timestamp| now.duration_since(last) >= PAUSE;
    let due = match written(job) {
        Some(last) => (further || moved) && since(last),
        // A job that is done in half a minute is told of by its steps alone.
        None => further || (moved && started(job).is_some_and(since)),
    };
    due.then(|| Told::of(progress, reached.max(known)))
}

impl Told {
    fn of(progress: &Progress, percent: Option<i32>) -> Self {
        let speed = signed(progress.speed_permille);
        let remaining = signed(progress.remaining_seconds);
        Self {
            progress_percent: percent,
            progress: percent.map(human::percent),
            stage: Some(progress.stage.as_str()),
            speed_permille: speed,
            speed: speed.map(human::speed),
            remaining_seconds: remaining,
            remaining: remaining.map(|seconds| human::duration(SignedDuration::from_secs(seconds))),
        }
    }
}

/// What a pod says is not believed beyond what a person would read: some 30 years.
fn signed(number: Option<u64>) -> Option<i64> {
    const LARGEST: u64 = 1_000_000_000;
    i64::try_from(number.filter(|&number| number <= LARGEST)?).ok()
}

/// When the open attempt was started.
fn started(job: &TranscodeJob) -> Option<Timestamp> {
    let attempt = open_attempt(job.status.as_ref()?)?;
    attempt.start_time.as_ref().map(|time| time.0)
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
    use serde_json::{Value, json};
    use vessel_storage::verdict::Stage;

    fn told(status: &Value, written: Option<&str>, progress: &Progress) -> Option<Told> {
        let mut value = job();
        value["status"]["attempts"][1]["startTime"] = json!("2026-01-01T00:00:00Z");
        for (field, content) in status.as_object().unwrap() {
            value["status"][field] = content.clone();
        }
        if let Some(time) = written {
            value["metadata"]["managedFields"] =
                json!([{"manager": PROGRESS_MANAGER, "time": time}]);
        }
        let job = serde_json::from_value(value).unwrap();
        step(&job, progress, "2026-01-01T00:01:00Z".parse().unwrap())
    }

    fn encoding(percent: Option<u8>) -> Progress {
        Progress {
            stage: Stage::Encode,
            percent,
            media_millis: 0,
            speed_permille: None,
            remaining_seconds: None,
        }
    }

    const RECENT: Option<&str> = Some("2026-01-01T00:00:31Z");
    const LONG_AGO: Option<&str> = Some("2026-01-01T00:00:30Z");

    #[test]
    fn progress_moves_in_steps_at_least_half_a_minute_apart() {
        let after = |known: Option<i32>, written, percent| {
            let status = json!({"progressPercent": known, "stage": "Encode"});
            told(&status, written, &encoding(percent))?.progress_percent
        };
        assert_eq!(after(None, None, Some(9)), None);
        assert_eq!(after(None, None, Some(14)), Some(10));
        assert_eq!(after(Some(10), LONG_AGO, Some(19)), None);
        assert_eq!(after(Some(10), RECENT, Some(47)), None);
        assert_eq!(after(Some(10), LONG_AGO, Some(47)), Some(40));
        assert_eq!(after(Some(40), LONG_AGO, Some(20)), None);
        assert_eq!(after(Some(80), LONG_AGO, Some(100)), Some(90));
        assert_eq!(after(None, None, None), None);
    }

    #[test]
    fn another_stage_is_a_step_too_but_no_sooner() {
        let after = |stage: Option<&str>, written, start: &str, percent| {
            let status = json!({"progressPercent": 40, "stage": stage, "attempts":
                [{"number": 2, "job": "a-2", "startTime": start}]});
            told(&status, written, &encoding(percent))
        };
        let (early, late) = ("2026-01-01T00:00:30Z", "2026-01-01T00:00:31Z");
        let expected = Told {
            progress_percent: Some(40),
            progress: Some("40%".to_owned()),
            stage: Some("Encode"),
            ..Told::default()
        };
        let told = Some(expected);
        assert_eq!(after(Some("Fetch"), LONG_AGO, early, Some(19)), told);
        assert_eq!(after(Some("Fetch"), LONG_AGO, early, None), told);
        assert_eq!(after(Some("Fetch"), RECENT, early, None), None);
        assert_eq!(after(None, None, early, None), told);
        assert_eq!(after(None, None, late, None), None);
        assert_eq!(after(Some("Encode"), LONG_AGO, early, None), None);
    }

    #[test]
    fn a_step_tells_speed_and_what_remains() {
        let progress = Progress {
            speed_permille: Some(12_345),
            remaining_seconds: Some(130),
            ..encoding(Some(42))
        };
        let body = serde_json::to_value(told(&json!({}), None, &progress).unwrap()).unwrap();
        assert_eq!(
            body,
            json!({"progressPercent": 40, "progress": "40%", "stage": "Encode",
                "speedPermille": 12_345, "speed": "12.3x",
                "remainingSeconds": 130, "remaining": "2m10s"})
        );
        let absurd = Progress {
            speed_permille: Some(u64::MAX),
            remaining_seconds: Some(u64::MAX),
            ..progress
        };
        let told = told(&json!({}), None, &absurd).unwrap();
        assert_eq!((told.speed, told.remaining), (None, None));
    }
}
