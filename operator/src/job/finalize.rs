//! The end of a TranscodeJob: whatever deleted it, its storage is accounted for first.
//!
//! Void an uncommitted job, write the tombstone, delete its Jobs, let go. Nothing here waits
//! for pods or deletes segments, and it works with a spec that does not deserialise.
use super::state::open_attempt;
use crate::apiserver;
use crate::caches::{Asset, Transcode};
use crate::controllers::Leader;
use crate::store::{ReadyStore, StoreHandle, StoreState};
use crate::sweep::{Grave, Waits, mark};
use crate::work::{WorkError, with_patience};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use kube::{Resource, ResourceExt};
use vessel_crds::media_asset::{DeletionPolicy, FreedCause};
use vessel_crds::transcode_job::Work;
use vessel_crds::{MediaAsset, TranscodeJob, labels};
use vessel_storage::commit::Commit;
use vessel_storage::key::JobFolder;
use vessel_storage::tombstone::{Cause, Target};

/// How a finalization ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Finalized {
    /// The finalizer is gone.
    Done,
    /// What it deleted is on its way out; an event will tell.
    Ending,
    /// The store can't be reached; why, and what to do.
    Waits(String),
}

/// What becomes of the storage of a job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    /// It is dead, for that reason.
    Dead(Cause),
    /// A commit stays as it lies; what was not committed is dead.
    Retained,
    /// Somebody said that it is not to be looked after.
    Abandoned,
}

/// Ends `job`, whose deletion was asked for.
pub async fn finalize(job: &Transcode, leader: &Leader) -> Result<Finalized, WorkError> {
    if !job
        .finalizers()
        .iter()
        .any(|name| name == labels::FINALIZER)
    {
        return Ok(Finalized::Done);
    }
    if let Ok(readable) = &job.0
        && let Some(waits) = bury(readable, leader).await?
    {
        return Ok(Finalized::Waits(waits));
    }
    delete_batch_jobs(job, leader).await?;
    leader.queue.release(&job.uid().unwrap_or_default());
    let client = &leader.context.client;
    match &job.0 {
        Ok(job) => apiserver::remove_finalizer(client, job).await?,
        Err(broken) => {
            let stub = TranscodeJob {
                metadata: broken.metadata.clone(),
                ..TranscodeJob::new("", placeholder())
            };
            apiserver::remove_finalizer(client, &stub).await?;
        }
    }
    Ok(Finalized::Done)
}

/// A spec that is never sent: a JSON Patch of the finalizers needs metadata alone.
fn placeholder() -> vessel_crds::TranscodeJobSpec {
    vessel_crds::TranscodeJobSpec {
        work: Work {
            asset_name: String::new(),
            asset_uid: String::new(),
            key: String::new(),
            profile_name: String::new(),
            encoding: vessel_crds::encoding::Encoding::default(),
            source: vessel_crds::source::Source::default(),
            source_version: String::new(),
            source_etag: None,
            source_bytes: None,
            store_name: String::new(),
            store_uid: String::new(),
            visibility: vessel_crds::media_asset::Visibility::default(),
            restart_token: String::new(),
        },
        scheduling: vessel_crds::transcode_job::Scheduling::default(),
        execution: vessel_crds::execution::Execution::default(),
    }
}

/// Voids and marks the storage of `job`; `Some` says why it can't be done now.
async fn bury(job: &TranscodeJob, leader: &Leader) -> Result<Option<String>, WorkError> {
    let work = &job.spec.work;
    let asset = leader.caches.asset(
        &job.namespace().unwrap_or_default(),
        &work.asset_name,
        &work.asset_uid,
    );
    let fate = fate(job, asset.as_deref());
    if fate == Fate::Abandoned {
        return Ok(None);
    }
    let Some(store) = leader.context.stores.get(&work.store_name) else {
        return Ok(Some(format!(
            "there is no MediaStore {:?}",
            work.store_name
        )));
    };
    let ready = match &store.state {
        StoreState::NotReady(why) => return Ok(Some(format!("{}: {}", why.reason, why.message))),
        StoreState::Ready(ready) => ready,
    };
    // Another store bears the name now: there is nothing of this job in it.
    if ready.uid.to_string() != work.store_uid {
        return Ok(None);
    }
    let buried = with_patience(Box::pin(bury_in(job, leader, &store, ready, fate))).await?;
    Ok(buried.err())
}

async fn bury_in(
    job: &TranscodeJob,
    leader: &Leader,
    store: &StoreHandle,
    ready: &ReadyStore,
    fate: Fate,
) -> Result<(), WorkError> {
    let work = &job.spec.work;
    let folder = JobFolder {
        tree: work.visibility.into(),
        asset: work.asset_uid.parse()?,
        job: job.uid().unwrap_or_default().parse()?,
    };
    let committed = void(ready, folder).await?;
    let cause = match fate {
        Fate::Dead(cause) => cause,
        Fate::Retained if committed => return Ok(()),
        Fate::Retained | Fate::Abandoned => Cause::Cancelled,
    };
    let grave = Grave {
        target: Target::Job(folder),
        cause,
        namespace: job.namespace().unwrap_or_default(),
        name: work.asset_name.clone(),
        pods_for: deadline_left(job, leader.context.clock.now()),
    };
    let waits = Waits {
        sweep: &store.spec.sweep,
        grant_ttl: ttl(leader),
    };
    mark(ready, &store.name, &grave, waits, &leader.context.graves).await?;
    Ok(())
}

/// Makes sure that nothing can be committed any more; whether something was before.
pub async fn void(store: &ReadyStore, folder: JobFolder) -> Result<bool, WorkError> {
    let key = store.prefix.commit(folder);
    store.bucket.create_json(&key, &Commit::Void).await?;
    let commit = store.bucket.get_json::<Commit>(&key).await?;
    Ok(matches!(
        commit.map(|stored| stored.value),
        Some(Commit::Published(_))
    ))
}

fn ttl(leader: &Leader) -> SignedDuration {
    let seconds = leader.context.settings.grant.ttl_seconds;
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// How long a pod of `job` may still run: its own deadline ends it at the latest then.
pub fn deadline_left(job: &TranscodeJob, now: Timestamp) -> SignedDuration {
    let started = job
        .status
        .as_ref()
        .and_then(open_attempt)
        .and_then(|attempt| attempt.start_time.as_ref());
    let Some(started) = started else {
        return SignedDuration::ZERO;
    };
    let deadline = SignedDuration::from_secs(job.spec.execution.deadline_seconds);
    deadline
        .saturating_sub(now.duration_since(started.0))
        .max(SignedDuration::ZERO)
}

fn fate(job: &TranscodeJob, asset: Option<&Asset>) -> Fate {
    let abandons = |annotations: &std::collections::BTreeMap<String, String>| {
        annotations.get(labels::ABANDON_STORAGE) == Some(&job.spec.work.asset_uid)
    };
    if abandons(job.annotations()) || asset.is_some_and(|asset| abandons(asset.annotations())) {
        return Fate::Abandoned;
    }
    let Some(asset) = asset else {
        return Fate::Dead(Cause::AssetDeleted);
    };
    if asset.0.as_ref().is_ok_and(is_expired) {
        return Fate::Dead(Cause::Expired);
    }
    // A namespace is emptied in any order: what is to be retained is so before its asset goes.
    // What can't be read is left where it lies: a leak is the safe side.
    match asset.0.as_ref().map(policy) {
        Ok(DeletionPolicy::Delete) => {}
        Ok(DeletionPolicy::Retain) | Err(_) => return Fate::Retained,
    }
    if asset.meta().deletion_timestamp.is_some() {
        return Fate::Dead(Cause::AssetDeleted);
    }
    let committed = job
        .status
        .as_ref()
        .is_some_and(|status| status.output.is_some());
    Fate::Dead(if committed {
        Cause::Superseded
    } else {
        Cause::Cancelled
    })
}

/// `deletionPolicy` speaks of the end of the asset, not of the end of its time.
fn is_expired(asset: &MediaAsset) -> bool {
    let freed = asset
        .status
        .as_ref()
        .and_then(|status| status.freed.as_ref());
    freed.is_some_and(|freed| freed.cause == FreedCause::Expired)
}

const fn policy(asset: &MediaAsset) -> DeletionPolicy {
    asset.spec.deletion_policy
}

/// Deletes every batch Job that the caches show; the garbage collector takes the rest.
async fn delete_batch_jobs(job: &Transcode, leader: &Leader) -> Result<(), WorkError> {
    let namespace = job.namespace().unwrap_or_default();
    let owner = job.meta().uid.clone();
    let children = leader.caches.batch.state_filter(|child| {
        child.namespace().as_deref() == Some(namespace.as_str())
            && crate::caches::controller_uid(child.meta()) == owner.as_deref()
    });
    for child in children {
        apiserver::delete::<Job>(
            &leader.context.client,
            &namespace,
            &child.name_any(),
            child.uid(),
        )
        .await?;
    }
    Ok(())
}
