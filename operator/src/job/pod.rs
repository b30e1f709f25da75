//! The batch Job of an attempt and the pod in it. Pure: what runs is a value.
mod settings;
mod spec;
mod volumes;

pub use settings::{Attempt, PodSettings, memory_limit};

use k8s_openapi::api::batch::v1::{
    Job, JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement,
    PodFailurePolicyOnPodConditionsPattern, PodFailurePolicyRule,
};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use std::collections::BTreeMap;
use vessel_crds::labels;
use vessel_storage::verdict::{EXIT_PERMANENT, EXIT_RETRYABLE};

/// A backstop: the operator deletes Jobs itself. One week, in seconds.
const TTL_SECONDS: i32 = 604_800;
/// Name of the container.
pub const CONTAINER: &str = "transcoder";

/// Name of the batch Job of an attempt: `{transcodejob}-{n}`.
pub fn job_name(transcode_job: &str, attempt: i32) -> String {
    format!("{transcode_job}-{attempt}")
}

/// The batch Job of an attempt: one pod, never replaced. What comes after it is decided by
/// its outcome, not by the Job controller.
pub fn build(attempt: &Attempt<'_>, settings: &PodSettings) -> Job {
    Job {
        metadata: ObjectMeta {
            name: Some(job_name(attempt.name, attempt.number)),
            namespace: Some(attempt.namespace.to_owned()),
            labels: Some(attempt_labels(attempt)),
            owner_references: Some(vec![owner(attempt)]),
            ..ObjectMeta::default()
        },
        spec: Some(JobSpec {
            completions: Some(1),
            parallelism: Some(1),
            backoff_limit: Some(0),
            pod_replacement_policy: Some("Failed".to_owned()),
            ttl_seconds_after_finished: Some(TTL_SECONDS),
            pod_failure_policy: Some(failure_policy()),
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(pod_labels(attempt, settings)),
                    annotations: Some(pod_annotations(settings)),
                    ..ObjectMeta::default()
                }),
                spec: Some(spec::pod_spec(attempt, settings)),
            },
            ..JobSpec::default()
        }),
        status: None,
    }
}

/// Labels of an asset's children. Of the user's own labels none is copied: tools track
/// objects by them.
pub fn attempt_labels(attempt: &Attempt<'_>) -> BTreeMap<String, String> {
    [
        (labels::MANAGED_BY, labels::VESSEL.to_owned()),
        (labels::ASSET, attempt.work.asset_name.clone()),
        (labels::ASSET_UID, attempt.work.asset_uid.clone()),
        (labels::PROFILE, attempt.work.profile_name.clone()),
        (labels::TRANSCODE_JOB, attempt.name.to_owned()),
        (labels::ATTEMPT, attempt.number.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Ours win: the grant endpoint reads them.
fn pod_labels(attempt: &Attempt<'_>, settings: &PodSettings) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = [
        ("app.kubernetes.io/name", "vessel-transcoder"),
        // Istio reads a label; a mesh's proxy would keep the pod from ending.
        ("sidecar.istio.io/inject", "false"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    all.extend(settings.transcoder.pod_labels.clone());
    all.extend(attempt_labels(attempt));
    all
}

/// Autoscalers must not evict an encode for saving a node, and meshes stay out.
fn pod_annotations(settings: &PodSettings) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = [
        ("cluster-autoscaler.kubernetes.io/safe-to-evict", "false"),
        ("karpenter.sh/do-not-disrupt", "true"),
        ("linkerd.io/inject", "disabled"),
        ("sidecar.istio.io/inject", "false"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    all.extend(settings.transcoder.pod_annotations.clone());
    all
}

fn owner(attempt: &Attempt<'_>) -> OwnerReference {
    OwnerReference {
        api_version: format!("{}/{}", vessel_crds::GROUP, vessel_crds::VERSION),
        kind: "TranscodeJob".to_owned(),
        name: attempt.name.to_owned(),
        uid: attempt.job_uid.to_string(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// The Job fails with the pod's first end, whatever it is; the rules keep the reason of it
/// in the Job's condition.
fn failure_policy() -> PodFailurePolicy {
    PodFailurePolicy {
        rules: vec![
            PodFailurePolicyRule {
                action: "FailJob".to_owned(),
                on_pod_conditions: Some(vec![PodFailurePolicyOnPodConditionsPattern {
                    type_: "DisruptionTarget".to_owned(),
                    status: "True".to_owned(),
                }]),
                on_exit_codes: None,
            },
            PodFailurePolicyRule {
                action: "FailJob".to_owned(),
                on_exit_codes: Some(PodFailurePolicyOnExitCodesRequirement {
                    container_name: Some(CONTAINER.to_owned()),
                    operator: "In".to_owned(),
                    values: vec![i32::from(EXIT_PERMANENT), i32::from(EXIT_RETRYABLE)],
                }),
                on_pod_conditions: None,
            },
        ],
    }
}

#[cfg(test)]
mod tests;
