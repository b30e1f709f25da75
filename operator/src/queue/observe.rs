//! The queue as the caches show it.
use super::Inner;
use super::admission::{Candidate, NamespacePolicy, NamespaceState, Snapshot};
use super::ledger::Ledger;
use crate::caches::{Caches, NamespaceMeta};
use crate::job::state;
use crate::settings::QueueConfig;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::{Resource, ResourceExt};
use std::collections::BTreeMap;
use vessel_crds::transcode_job::Work;
use vessel_crds::{TranscodeJob, labels};

/// Everything that [`super::admission::admit`] decides from.
pub(super) fn snapshot(queue: &Inner, ledger: &Ledger, now: Timestamp) -> Snapshot {
    let caches = &queue.caches;
    let mut namespaces: BTreeMap<String, NamespaceState> = BTreeMap::new();
    for job in caches.batch.state_filter(unfinished) {
        let namespace = job.namespace().unwrap_or_default();
        namespaces.entry(namespace).or_default().running += 1;
    }
    for slot in ledger.reservations() {
        namespaces
            .entry(slot.namespace.clone())
            .or_default()
            .running += 1;
    }
    let candidates = candidates(queue, ledger, now, &mut namespaces);
    for (name, state) in &mut namespaces {
        state.policy = policy(&queue.limits, caches.namespace(name).as_deref());
    }
    Snapshot {
        max_running: limit(queue.limits.max_running),
        namespaces,
        candidates,
    }
}

/// The jobs that wait; on the way, when each namespace was last served.
fn candidates(
    queue: &Inner,
    ledger: &Ledger,
    now: Timestamp,
    namespaces: &mut BTreeMap<String, NamespaceState>,
) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for job in queue.caches.transcodes.state() {
        let Ok(job) = &job.0 else { continue };
        let namespace = job.namespace().unwrap_or_default();
        let state = namespaces.entry(namespace.clone()).or_default();
        state.last_served = state.last_served.max(last_start(job));
        let uid = job.uid().unwrap_or_default();
        let waits = state::wants_slot(job, now)
            && !ledger.holds(&uid)
            && !ledger.is_deferred(&uid, now)
            && is_startable(queue, job, &namespace);
        if waits {
            candidates.push(candidate(job));
        }
    }
    candidates
}

/// A job as the queue sees it.
pub(crate) fn candidate(job: &TranscodeJob) -> Candidate {
    let created = job
        .creation_timestamp()
        .map_or(Timestamp::MAX, |time| time.0);
    Candidate {
        uid: job.uid().unwrap_or_default(),
        namespace: job.namespace().unwrap_or_default(),
        name: job.name_any(),
        priority: job.spec.scheduling.priority,
        created,
    }
}

/// Whether its store is ready and its next Job is not there already.
fn is_startable(queue: &Inner, job: &TranscodeJob, namespace: &str) -> bool {
    let work = &job.spec.work;
    let store = queue.stores.get(&work.store_name);
    let ready = store.as_ref().and_then(|store| store.ready());
    ready.is_some_and(|ready| ready.uid.to_string() == work.store_uid)
        && is_owned(queue, work, namespace)
        && queue
            .caches
            .batch_job(namespace, &state::next_batch_job(job))
            .is_none()
}

/// Whether its asset is there, can be read, and stays.
fn is_owned(queue: &Inner, work: &Work, namespace: &str) -> bool {
    let asset = queue
        .caches
        .asset(namespace, &work.asset_name, &work.asset_uid);
    asset.is_some_and(|asset| asset.0.is_ok() && asset.meta().deletion_timestamp.is_none())
}

fn last_start(job: &TranscodeJob) -> Option<Timestamp> {
    let attempts = &job.status.as_ref()?.attempts;
    attempts.last()?.start_time.as_ref().map(|time| time.0)
}

/// Whether a TranscodeJob of that UID is known.
pub(super) fn exists(caches: &Caches, uid: &str) -> bool {
    caches
        .transcodes
        .find(|job| job.uid().as_deref() == Some(uid))
        .is_some()
}

/// Whether a batch Job takes a slot: it does until it has finished, deletion or not.
pub fn unfinished(job: &Job) -> bool {
    !job.status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .any(|condition| {
            condition.status == "True" && matches!(condition.type_.as_str(), "Complete" | "Failed")
        })
}

fn limit(setting: u32) -> Option<u32> {
    (setting > 0).then_some(setting)
}

/// What a namespace may have: its annotation narrows the settings and never widens them. An
/// annotation that is no number is as if it were not there.
fn policy(limits: &QueueConfig, namespace: Option<&NamespaceMeta>) -> NamespacePolicy {
    let annotation = |name: &str| {
        let annotations = namespace?.annotations();
        annotations.get(name)?.parse::<i32>().ok()
    };
    let own = annotation(labels::MAX_RUNNING).and_then(|limit| u32::try_from(limit).ok());
    let max_running = match (limit(limits.per_namespace), own) {
        (Some(setting), Some(own)) => Some(setting.min(own)),
        (setting, own) => setting.or(own),
    };
    NamespacePolicy {
        max_running,
        max_priority: annotation(labels::MAX_PRIORITY),
        weight: annotation(labels::QUEUE_WEIGHT)
            .and_then(|weight| u32::try_from(weight).ok())
            .unwrap_or(1)
            .clamp(1, 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn namespace(annotations: &serde_json::Value) -> NamespaceMeta {
        serde_json::from_value(json!({"metadata": {"name": "a", "annotations": annotations}}))
            .unwrap()
    }

    #[test]
    fn an_annotation_narrows_the_settings() {
        let limits = QueueConfig {
            max_running: 5,
            per_namespace: 3,
        };
        for (annotation, expected) in [("2", 2), ("9", 3), ("many", 3), ("0", 0), ("-1", 3)] {
            let namespace = namespace(&json!({labels::MAX_RUNNING: annotation}));
            let policy = policy(&limits, Some(&namespace));
            assert_eq!(policy.max_running, Some(expected), "{annotation}");
        }
        assert_eq!(policy(&limits, None).max_running, Some(3));
        assert_eq!(policy(&limits, None).weight, 1);
    }

    #[test]
    fn a_job_takes_its_slot_until_it_has_finished() {
        let job = |conditions: &serde_json::Value| -> Job {
            serde_json::from_value(json!({"metadata": {}, "status": {"conditions": conditions}}))
                .unwrap()
        };
        let condition = |kind: &str, status: &str| json!([{"type": kind, "status": status}]);
        assert!(unfinished(&Job::default()));
        assert!(unfinished(&job(&condition("FailureTarget", "True"))));
        assert!(unfinished(&job(&condition("Complete", "False"))));
        assert!(!unfinished(&job(&condition("Complete", "True"))));
        assert!(!unfinished(&job(&condition("Failed", "True"))));
    }
}
