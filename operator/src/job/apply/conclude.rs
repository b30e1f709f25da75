//! How an attempt ended: the commit, the execution's own words, the pod, the Job.
use super::{Applied, Committed, Subject, open_number};
use crate::apiserver;
use crate::caches::controller_uid;
use crate::job::evidence;
use crate::job::finalize::void;
use crate::job::outcome::{CommitSeen, Counts, Ended, Evidence, JobEnd};
use crate::job::plan::{Bounds, Verdict as Judgement, judge};
use crate::job::pod::job_name;
use crate::job::pod_end::PodEnd;
use crate::store::ReadyStore;
use crate::work::WorkError;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::{Resource, ResourceExt};
use vessel_crds::reason::FailureReason;
use vessel_crds::transcode_job::TranscodeJobStatus;
use vessel_storage::bucket::ErrorClass;
use vessel_storage::commit::{Commit, Published};
use vessel_storage::digest::Sha256;
use vessel_storage::manifest::Manifest;
use vessel_storage::path::ObjectPath;
use vessel_storage::uid::PodUid;
use vessel_storage::verdict::Verdict;

/// Finds out how the open attempt ended and what follows.
pub(super) async fn conclude(
    subject: &Subject<'_>,
    end: JobEnd,
) -> Result<(Applied, Option<Timestamp>), WorkError> {
    let soon = subject
        .now
        .saturating_add(SignedDuration::from_secs(2))
        .ok();
    let Some(store) = subject.ready() else {
        return Ok((Applied::Nothing, soon));
    };
    let number = open_number(subject.observed);
    let attempt = evidence::Observed::attempt(&subject.leader.caches, subject.job, number);
    let end = match end {
        JobEnd::Unfinished => attempt.job_end(),
        other => other,
    };
    if end == JobEnd::Vanished && is_there(subject, number).await? {
        return Ok((Applied::Nothing, soon));
    }
    let commit = commit(subject, store).await?;
    let pod = match attempt.pod_end() {
        None if commit == CommitSeen::None && matches!(end, JobEnd::Finished(_)) => {
            late_pod(subject, number).await?
        }
        seen => seen,
    };
    let evidence = Evidence {
        commit,
        verdict: verdict(subject, store, pod.as_ref()).await?,
        pod,
        job: end,
        history: subject
            .job
            .status
            .as_ref()
            .map(|status| evidence::history(subject.job, status))
            .unwrap_or_default(),
    };
    let applied = follow(subject, store, &evidence).await?;
    Ok((applied, None))
}

/// The end of the attempt's pod, past the cache: Jobs and pods come by different watches.
async fn late_pod(subject: &Subject<'_>, number: i32) -> Result<Option<PodEnd>, WorkError> {
    let name = job_name(&subject.job.name_any(), number);
    let selector = format!("batch.kubernetes.io/job-name={name}");
    let client = &subject.leader.context.client;
    let pods: Vec<Pod> = apiserver::list_labelled(client, &subject.namespace(), &selector).await?;
    Ok(pods.iter().find_map(PodEnd::of))
}

async fn follow(
    subject: &Subject<'_>,
    store: &ReadyStore,
    evidence: &Evidence,
) -> Result<Applied, WorkError> {
    let execution = &subject.job.spec.execution;
    let bounds = Bounds {
        max_failures: execution.max_failures,
        max_disruptions: execution.max_disruptions,
    };
    let status = subject.job.status.clone().unwrap_or_default();
    match judge(evidence, &status, bounds, &subject.uid(), subject.now) {
        Judgement::Committed(published) => committed(subject, store, published).await,
        Judgement::Void => Ok(voided(evidence, &status, bounds, subject)),
        Judgement::Retry(ended, next) => Ok(Applied::Retried(ended, next)),
        Judgement::GiveUp(ended) => give_up(subject, store, ended).await,
    }
}

/// Gives up, unless a commit that was on its way has arrived: void and commit race for one
/// key, and one of them wins.
async fn give_up(
    subject: &Subject<'_>,
    store: &ReadyStore,
    ended: Box<Ended>,
) -> Result<Applied, WorkError> {
    void(store, subject.folder()?).await?;
    match commit(subject, store).await? {
        CommitSeen::Published(published) => committed(subject, store, published).await,
        CommitSeen::None | CommitSeen::Void => Ok(Applied::GaveUp(ended)),
    }
}

/// A void commit may be our own, of a process that died before it wrote the status.
fn voided(
    evidence: &Evidence,
    status: &TranscodeJobStatus,
    bounds: Bounds,
    subject: &Subject<'_>,
) -> Applied {
    let before = Evidence {
        commit: CommitSeen::None,
        ..evidence.clone()
    };
    match judge(&before, status, bounds, &subject.uid(), subject.now) {
        Judgement::GiveUp(ended) => Applied::GaveUp(ended),
        _ => Applied::Void,
    }
}

/// Whether a Job that no cache shows is there all the same.
async fn is_there(subject: &Subject<'_>, number: i32) -> Result<bool, WorkError> {
    let name = job_name(&subject.job.name_any(), number);
    let client = &subject.leader.context.client;
    let job: Option<Job> = apiserver::get(client, &subject.namespace(), &name).await?;
    Ok(job.is_some_and(|job| controller_uid(job.meta()) == subject.job.meta().uid.as_deref()))
}

/// The commit of the job, as the bucket has it now.
pub(super) async fn commit(
    subject: &Subject<'_>,
    store: &ReadyStore,
) -> Result<CommitSeen, WorkError> {
    let key = store.prefix.commit(subject.folder()?);
    let stored = store.bucket.get_json::<Commit>(&key).await?;
    Ok(match stored.map(|stored| stored.value) {
        None => CommitSeen::None,
        Some(Commit::Void) => CommitSeen::Void,
        Some(Commit::Published(published)) => CommitSeen::Published(published),
    })
}

/// The execution's own words: its termination message, else its `verdict.json`.
async fn verdict(
    subject: &Subject<'_>,
    store: &ReadyStore,
    pod: Option<&PodEnd>,
) -> Result<Option<Verdict>, WorkError> {
    let Some(pod) = pod else { return Ok(None) };
    if let Some(verdict) = evidence::verdict(pod) {
        return Ok(Some(verdict));
    }
    let Ok(uid) = pod.uid.parse::<PodUid>() else {
        return Ok(None);
    };
    let key = store
        .prefix
        .object(subject.folder()?.execution(uid), &ObjectPath::Verdict);
    match store.bucket.get_json::<Verdict>(&key).await {
        Ok(stored) => Ok(stored.map(|stored| stored.value)),
        // A verdict that does not fit its schema is no verdict.
        Err(error) if error.class == ErrorClass::Other => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads the manifest that `published` names and checks that it is the one that was
/// committed.
pub(super) async fn committed(
    subject: &Subject<'_>,
    store: &ReadyStore,
    published: Published,
) -> Result<Applied, WorkError> {
    let execution = subject.folder()?.execution(published.pod_uid);
    let key = store.prefix.object(execution, &ObjectPath::Manifest);
    let bytes = store
        .bucket
        .get_bytes(&key)
        .await?
        .map(|stored| stored.value);
    let manifest = bytes
        .filter(|bytes| Sha256::of(bytes) == published.manifest_sha256)
        .and_then(|bytes| serde_json::from_slice::<Manifest>(&bytes).ok())
        .filter(|manifest| {
            manifest.pod_uid == published.pod_uid && manifest.job_uid == execution.job.job
        });
    Ok(match manifest {
        Some(manifest) => Applied::Committed(Box::new(Committed {
            folder: store.prefix.execution(execution).to_string(),
            published,
            manifest,
        })),
        None => Applied::GaveUp(Box::new(unusable(&key.to_string()))),
    })
}

/// A commit stands for ever, so another attempt could not mend this.
fn unusable(key: &str) -> Ended {
    Ended {
        counts: Counts::Permanent,
        ..Ended::new(
            FailureReason::VerificationFailed,
            format!(
                "the manifest {key} is not the one that was committed; set spec.restartToken to encode anew"
            ),
        )
    }
}
