//! Whether a pod is the one that works on a live job now. Pure: everything was read before.
use super::refusal::Refused;
use crate::caches::controller;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::{Resource, ResourceExt};
use vessel_crds::labels;
use vessel_crds::transcode_job::AttemptOutcome;
use vessel_crds::{MediaAsset, Phase, TranscodeJob};

/// Everything that says who a pod is, read from the apiserver, uncached.
pub(super) struct Chain<'a> {
    pub pod: &'a Pod,
    pub batch: &'a Job,
    pub job: &'a TranscodeJob,
    pub asset: &'a MediaAsset,
}

/// The number of the attempt that the pod is, if every link holds.
pub(super) fn attempt(chain: &Chain<'_>) -> Result<u32, Refused> {
    let Chain {
        pod,
        batch,
        job,
        asset,
    } = chain;
    alive("pod", *pod)?;
    controlled("pod", *pod, *batch)?;
    alive("Job", *batch)?;
    controlled("Job", *batch, *job)?;
    alive("TranscodeJob", *job)?;
    controlled("TranscodeJob", *job, *asset)?;
    alive("MediaAsset", *asset)?;
    let number = number(batch)?;
    is_current(job, number)?;
    u32::try_from(number).map_err(|_| Refused::not_current("the attempt has no number"))
}

fn alive<K: Resource>(what: &str, object: &K) -> Result<(), Refused> {
    match object.meta().deletion_timestamp {
        None => Ok(()),
        Some(_) => Err(Refused::not_current(format!("the {what} is being deleted"))),
    }
}

fn controlled<K: Resource, O: Resource>(what: &str, object: &K, owner: &O) -> Result<(), Refused> {
    let named = controller(object.meta()).map(|reference| reference.uid.clone());
    if named.is_some() && named == owner.meta().uid {
        return Ok(());
    }
    let message = format!("the {what} is not controlled by what it names");
    Err(Refused::not_current(message))
}

/// The number stands on the Job, which nobody but the operator makes: a pod's own labels can
/// be changed by whoever may change pods.
fn number(batch: &Job) -> Result<i32, Refused> {
    let label = batch.labels().get(labels::ATTEMPT);
    label
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Refused::not_current("the Job bears no number of an attempt"))
}

/// The attempt that runs is the last that was recorded, and has no outcome. The Job is made
/// before its attempt is recorded: an attempt beyond the record is asked to come again.
fn is_current(job: &TranscodeJob, number: i32) -> Result<(), Refused> {
    let status = job.status.clone().unwrap_or_default();
    if matches!(status.phase, Phase::Ready | Phase::Failed) {
        return Err(Refused::not_current("the job has ended"));
    }
    if number > status.attempts_started {
        return Err(Refused::unavailable(
            "the attempt is being recorded; try again",
        ));
    }
    let last = status.attempts.last();
    match last {
        Some(last) if last.number == number && last.outcome.is_none() => Ok(()),
        Some(last) if last.number == number => Err(Refused::not_current(ended(last.outcome))),
        _ => Err(Refused::not_current("another attempt runs now")),
    }
}

const fn ended(outcome: Option<AttemptOutcome>) -> &'static str {
    match outcome {
        Some(AttemptOutcome::Cancelled) => "the attempt was called off",
        _ => "the attempt has ended",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::{Value, json};
    use vessel_storage::grant::RefusalReason;

    pub fn owner(kind: &str, name: &str, uid: &str) -> Value {
        json!([{"apiVersion": "v1", "kind": kind, "name": name, "uid": uid, "controller": true}])
    }

    pub fn pod() -> Value {
        json!({"metadata": {"name": "p", "namespace": "music", "uid": "pod-uid",
            "labels": {"vessel.media/transcodejob": "night-drive-abc", "vessel.media/asset": "night-drive"},
            "ownerReferences": owner("Job", "night-drive-abc-2", "batch-uid")}})
    }

    pub fn batch() -> Value {
        json!({"metadata": {"name": "night-drive-abc-2", "uid": "batch-uid",
            "labels": {"vessel.media/attempt": "2"},
            "ownerReferences": owner("TranscodeJob", "night-drive-abc", "job-uid")}})
    }

    pub fn job() -> Value {
        json!({"apiVersion": "vessel.media/v1alpha1", "kind": "TranscodeJob",
            "metadata": {"name": "night-drive-abc", "uid": "job-uid",
                "ownerReferences": owner("MediaAsset", "night-drive", "asset-uid")},
            "spec": {"work": {
                "assetName": "night-drive", "assetUid": "asset-uid", "key": "k",
                "profileName": "audio", "encoding": {"audio": {"bitratesKbps": [64]}},
                "source": {"s3": {"key": "samples/a.flac"}}, "sourceVersion": "v",
                "storeName": "main", "storeUid": "s", "visibility": "Public"}},
            "status": {"phase": "Running", "attemptsStarted": 2, "attempts": [
                {"number": 1, "job": "a-1", "outcome": "Failed"},
                {"number": 2, "job": "a-2"}]}})
    }

    pub fn asset() -> Value {
        json!({"apiVersion": "vessel.media/v1alpha1", "kind": "MediaAsset",
            "metadata": {"name": "night-drive", "uid": "asset-uid"},
            "spec": {"source": {"s3": {"key": "samples/a.flac"}}, "visibility": "Public"}})
    }

    fn judge(change: impl FnOnce(&mut [Value; 4])) -> Result<u32, RefusalReason> {
        let mut all = [pod(), batch(), job(), asset()];
        change(&mut all);
        let [pod, batch, job, asset] = all;
        let pod = serde_json::from_value(pod).unwrap();
        let batch = serde_json::from_value(batch).unwrap();
        let job = serde_json::from_value(job).unwrap();
        let asset = serde_json::from_value(asset).unwrap();
        attempt(&Chain {
            pod: &pod,
            batch: &batch,
            job: &job,
            asset: &asset,
        })
        .map_err(|refused| refused.0.reason)
    }

    #[test]
    fn the_pod_of_the_current_attempt_is_known() {
        assert_eq!(judge(|_| {}), Ok(2));
    }

    #[test]
    fn any_broken_link_means_that_the_pod_is_not_current() {
        type Change = fn(&mut [Value; 4]);
        let cases: [(&str, Change); 11] = [
            ("a pod that goes", |all| {
                all[0]["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            }),
            ("a pod of nobody", |all| {
                all[0]["metadata"]["ownerReferences"] = json!([]);
            }),
            ("a pod of another Job", |all| {
                all[0]["metadata"]["ownerReferences"][0]["uid"] = json!("x");
            }),
            ("a Job of the same name made again", |all| {
                all[1]["metadata"]["uid"] = json!("x");
            }),
            ("a Job of somebody else", |all| {
                all[1]["metadata"]["ownerReferences"][0]["uid"] = json!("x");
            }),
            ("a job that was recreated", |all| {
                all[2]["metadata"]["uid"] = json!("x");
            }),
            ("a job that goes", |all| {
                all[2]["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            }),
            ("a job that has ended", |all| {
                all[2]["status"]["phase"] = json!("Ready");
            }),
            ("an attempt whose outcome is recorded", |all| {
                all[2]["status"]["attempts"][1]["outcome"] = json!("Disrupted");
            }),
            ("an attempt before the current one", |all| {
                all[1]["metadata"]["labels"]["vessel.media/attempt"] = json!("1");
            }),
            ("an asset that goes", |all| {
                all[3]["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
            }),
        ];
        for (name, change) in cases {
            assert_eq!(judge(change), Err(RefusalReason::NotCurrent), "{name}");
        }
    }

    #[test]
    fn an_attempt_that_is_not_recorded_yet_comes_again() {
        let result = judge(|all| all[1]["metadata"]["labels"]["vessel.media/attempt"] = json!("3"));
        assert_eq!(result, Err(RefusalReason::Unavailable));
        let first = judge(|all| all[2]["status"] = json!({"phase": "Pending"}));
        assert_eq!(first, Err(RefusalReason::Unavailable));
    }
}
