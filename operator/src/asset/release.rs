//! Giving up storage of an asset that stays. What is given up was recorded before.
use super::dropped::{Owner, bury, dropped};
use super::fence;
use super::plan::Plan;
use super::pointer::Draft;
use super::publish::replace;
use super::retention::{Step, Tidy, generation};
use super::source::asset_uid;
use super::validate::Valid;
use crate::apiserver;
use crate::controllers::Leader;
use crate::job::state::JobState;
use crate::store::{ReadyStore, StoreHandle};
use crate::work::WorkError;
use jiff::SignedDuration;
use kube::{Resource, ResourceExt};
use std::sync::Arc;
use vessel_crds::media_asset::{Freed, FreedState, SourceStatus};
use vessel_crds::{MediaAsset, TranscodeJob};
use vessel_storage::bucket::Stored;
use vessel_storage::key::JobFolder;
use vessel_storage::pointer::Pointer;
use vessel_storage::tombstone::{Cause, Target};

/// The store that `asset` was resolved to, if it can be used.
fn home(asset: &MediaAsset, leader: &Leader) -> Option<Arc<StoreHandle>> {
    let resolved = asset.status.as_ref()?.resolved.as_ref()?;
    let store = leader.context.stores.get(&resolved.store_name)?;
    let uid = store.ready()?.uid.to_string();
    (resolved.store_uid.as_ref() == Some(&uid)).then_some(store)
}

/// Withdraws the pointer of an asset whose time is over, marks what it named and its upload,
/// and lets its jobs go; their finalizers mark the rest. How far that has come: the store may
/// be away, or somebody else has written at the same time.
pub async fn expire(asset: &MediaAsset, freed: Freed, leader: &Leader) -> Result<Freed, WorkError> {
    let store = home(asset, leader);
    let ready = store.as_ref().and_then(|store| store.ready());
    let (Some(store), Some(ready)) = (&store, ready) else {
        return Ok(freed);
    };
    if !withdraw(asset, store, ready, leader).await? {
        return Ok(freed);
    }
    retire_all(asset, leader).await?;
    Ok(Freed {
        state: FreedState::Freed,
        ..freed
    })
}

async fn withdraw(
    asset: &MediaAsset,
    store: &StoreHandle,
    ready: &ReadyStore,
    leader: &Leader,
) -> Result<bool, WorkError> {
    let uid = asset_uid(asset)?;
    let gone = Draft::withdrawn_of(asset, uid, ready.uid);
    let key = ready.prefix.pointer(uid);
    let before: Option<Stored<Pointer>> = ready.bucket.get_json(&key).await?;
    // The pointer was read first: whoever writes it after this look changes its ETag.
    if !fence::holds(asset, leader).await? {
        return Ok(false);
    }
    // Marked before it is withdrawn: a pointer that is withdrawn names nothing any more, and
    // the sweep spares what one still names.
    let played = dropped(before.as_ref().map(|before| &before.value), &[]);
    let upload = asset
        .status
        .as_ref()
        .and_then(|status| status.source.as_ref());
    let upload = upload.and_then(|source| upload_of(asset, source));
    let targets = played.into_iter().map(Target::Job).chain(upload);
    bury_retained(targets, asset, store, ready, leader).await?;
    let transitions = leader.context.lease.transitions();
    Ok(replace(&gone, ready, &key, before, transitions).await?)
}

/// Deletes every job of `asset` that is not going yet.
pub async fn retire_all(asset: &MediaAsset, leader: &Leader) -> Result<(), WorkError> {
    let namespace = asset.namespace().unwrap_or_default();
    let jobs = leader
        .caches
        .transcodes_of(&namespace, &asset.uid().unwrap_or_default());
    for job in jobs
        .iter()
        .filter(|job| job.meta().deletion_timestamp.is_none())
    {
        let client = &leader.context.client;
        apiserver::delete::<TranscodeJob>(client, &namespace, &job.name_any(), job.uid()).await?;
    }
    Ok(())
}

/// Marks what an asset that lives on has recorded as given up.
pub async fn tidy(
    tidy: Tidy,
    plan: &Plan,
    asset: &MediaAsset,
    source: &SourceStatus,
    valid: &Valid,
    leader: &Leader,
) -> Result<(), WorkError> {
    let mut targets = Vec::new();
    if tidy.failed == Step::Finish {
        for job in plan.wanted.iter().filter_map(|wanted| wanted.job.as_ref()) {
            targets.extend(failed_folder(asset, job)?);
        }
    }
    if tidy.source == Step::Finish {
        targets.extend(upload_of(asset, source));
    }
    if targets.is_empty() {
        return Ok(());
    }
    bury_retained(targets, asset, &valid.store, &valid.ready, leader).await
}

/// The folder of a job that has given up: its commit is void, so nothing there is played.
fn failed_folder(asset: &MediaAsset, job: &TranscodeJob) -> Result<Option<Target>, WorkError> {
    if !matches!(JobState::of(job), JobState::Failed(_)) {
        return Ok(None);
    }
    let folder = JobFolder {
        tree: job.spec.work.visibility.into(),
        asset: asset_uid(asset)?,
        job: job.uid().unwrap_or_default().parse()?,
    };
    Ok(Some(Target::Job(folder)))
}

fn upload_of(asset: &MediaAsset, source: &SourceStatus) -> Option<Target> {
    let generation = generation(asset, source)?;
    let asset = asset_uid(asset).ok()?;
    Some(Target::Upload { asset, generation })
}

async fn bury_retained(
    targets: impl IntoIterator<Item = Target>,
    asset: &MediaAsset,
    store: &StoreHandle,
    ready: &ReadyStore,
    leader: &Leader,
) -> Result<(), WorkError> {
    let owner = Owner {
        namespace: &asset.namespace().unwrap_or_default(),
        name: &asset.name_any(),
        cause: Cause::Expired,
        writable_for: SignedDuration::ZERO,
    };
    bury(targets, owner, store, ready, leader).await
}
