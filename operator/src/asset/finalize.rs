//! The end of an asset: three bounded things, then it goes.
//!
//! The pointer is withdrawn, its jobs are deleted (their own finalizers void and mark them),
//! and its uploads are marked. Nothing here waits for pods, lists or deletes segments, makes
//! anything in the namespace, or reads a Secret; a spec that does not deserialise is no
//! obstacle.
use super::dropped::{Owner, bury};
use super::pointer::Draft;
use super::publish::withdraw;
use crate::apiserver;
use crate::caches::Asset;
use crate::controllers::Leader;
use crate::job::finalize::Finalized;
use crate::store::{StoreHandle, StoreState};
use crate::work::{WorkError, with_patience};
use jiff::{SignedDuration, Timestamp};
use kube::{Resource, ResourceExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use vessel_crds::media_asset::{DeletionPolicy, Visibility};
use vessel_crds::{MediaAsset, MediaAssetSpec, TranscodeJob, labels};
use vessel_storage::pointer::{Pointer, PointerState};
use vessel_storage::tombstone::{Cause, Target};

/// What the end of an asset needs to know of it.
#[derive(Clone, Debug)]
struct Remains {
    namespace: String,
    name: String,
    uid: String,
    store: Option<String>,
    store_uid: Option<String>,
    upload_until: Option<Timestamp>,
    policy: DeletionPolicy,
    visibility: Visibility,
}

/// Ends `asset`, whose deletion was asked for.
pub async fn finalize(asset: &Asset, leader: &Leader) -> Result<Finalized, WorkError> {
    if !asset
        .finalizers()
        .iter()
        .any(|name| name == labels::FINALIZER)
    {
        return Ok(Finalized::Done);
    }
    let remains = remains(asset, leader).await?;
    let abandoned = asset.annotations().get(labels::ABANDON_STORAGE) == Some(&remains.uid);
    let blocked = match &remains.store {
        Some(store) if !abandoned => end_storage(&remains, store, leader).await?,
        _ => None,
    };
    let jobs = leader
        .caches
        .transcodes_of(&remains.namespace, &remains.uid);
    for job in jobs
        .iter()
        .filter(|job| job.meta().deletion_timestamp.is_none())
    {
        let client = &leader.context.client;
        apiserver::delete::<TranscodeJob>(client, &remains.namespace, &job.name_any(), job.uid())
            .await?;
    }
    if let Some(why) = blocked {
        return Ok(Finalized::Waits(why));
    }
    if !jobs.is_empty() {
        return Ok(Finalized::Ending);
    }
    apiserver::remove_finalizer(&leader.context.client, &stub(asset)).await?;
    Ok(Finalized::Done)
}

/// The asset itself, or one with its metadata: a patch of the finalizers needs no more.
pub fn stub(asset: &Asset) -> MediaAsset {
    match &asset.0 {
        Ok(asset) => asset.clone(),
        Err(broken) => MediaAsset {
            metadata: broken.metadata.clone(),
            spec: placeholder(),
            status: None,
        },
    }
}

fn placeholder() -> MediaAssetSpec {
    MediaAssetSpec {
        title: None,
        metadata: BTreeMap::new(),
        source: vessel_crds::source::Source::default(),
        profiles: Vec::new(),
        store_name: None,
        visibility: Visibility::default(),
        priority: 0,
        suspend: false,
        retention: None,
        profile_updates: vessel_crds::media_asset::ProfileUpdates::default(),
        restart_token: String::new(),
        deletion_policy: DeletionPolicy::default(),
    }
}

/// What is known of the asset, from the object as it lies in the apiserver when its type does
/// not fit any more.
async fn remains(asset: &Asset, leader: &Leader) -> Result<Remains, WorkError> {
    let namespace = asset.namespace().unwrap_or_default();
    let name = asset.name_any();
    let value = match &asset.0 {
        Ok(asset) => serde_json::to_value(asset).unwrap_or_default(),
        Err(_) => apiserver::get_untyped::<MediaAsset>(&leader.context.client, &namespace, &name)
            .await?
            .unwrap_or_default(),
    };
    let text = |path: &str| value.pointer(path).and_then(|value| value.as_str());
    Ok(Remains {
        uid: asset.uid().unwrap_or_default(),
        // Nothing is written anywhere before the store is resolved into the status.
        store: text("/status/resolved/storeName")
            .filter(|_| text("/status/resolved/storeUid").is_some())
            .map(ToOwned::to_owned),
        upload_until: text("/status/upload/expiresAt").and_then(|time| time.parse().ok()),
        store_uid: text("/status/resolved/storeUid").map(ToOwned::to_owned),
        policy: match text("/spec/deletionPolicy") {
            Some("Retain") => DeletionPolicy::Retain,
            _ => DeletionPolicy::Delete,
        },
        visibility: match text("/spec/visibility") {
            Some("Public") => Visibility::Public,
            _ => Visibility::Private,
        },
        namespace,
        name,
    })
}

/// Withdraws the pointer and marks the uploads; `Some` says why that can't be done now.
async fn end_storage(
    remains: &Remains,
    store: &str,
    leader: &Leader,
) -> Result<Option<String>, WorkError> {
    let advice = format!(
        "bring the store back, or let the storage be with kubectl annotate mediaasset -n {} {} {}={}",
        remains.namespace,
        remains.name,
        labels::ABANDON_STORAGE,
        remains.uid
    );
    let Some(store) = leader.context.stores.get(store) else {
        return Ok(Some(format!("there is no MediaStore {store:?}: {advice}")));
    };
    if let StoreState::NotReady(why) = &store.state {
        let what = format!(
            "MediaStore {:?}: {}: {}; {advice}",
            store.name, why.reason, why.message
        );
        return Ok(Some(what));
    }
    Ok(
        match with_patience(Box::pin(end_in(remains, &store, leader))).await? {
            Ok(true) => None,
            Ok(false) => Some("somebody else wrote its pointer at the same time".to_owned()),
            Err(why) => Some(format!("MediaStore {:?}: {why}; {advice}", store.name)),
        },
    )
}

async fn end_in(
    remains: &Remains,
    store: &Arc<StoreHandle>,
    leader: &Leader,
) -> Result<bool, WorkError> {
    let Some(ready) = store.ready() else {
        return Ok(false);
    };
    // Another store bears the name now: there is nothing of this asset in it.
    if remains
        .store_uid
        .as_ref()
        .is_some_and(|uid| *uid != ready.uid.to_string())
    {
        return Ok(true);
    }
    let asset_uid = remains.uid.parse()?;
    let gone = Draft::withdrawn(Pointer {
        revision: 0,
        lease_transitions: 0,
        state: PointerState::Withdrawn,
        visibility: remains.visibility,
        asset_uid,
        store_uid: ready.uid,
        namespace: remains.namespace.clone(),
        name: remains.name.clone(),
        title: None,
        metadata: BTreeMap::new(),
        duration_millis: None,
        renditions: Vec::new(),
    });
    let transitions = leader.context.lease.transitions();
    let Some(played) = withdraw(&gone, ready, transitions).await? else {
        return Ok(false);
    };
    if remains.policy == DeletionPolicy::Retain {
        return Ok(true);
    }
    let owner = Owner {
        namespace: &remains.namespace,
        name: &remains.name,
        cause: Cause::AssetDeleted,
        // Whoever holds the URL of an upload can still use it.
        writable_for: remains.upload_until.map_or(SignedDuration::ZERO, |until| {
            until
                .duration_since(leader.context.clock.now())
                .max(SignedDuration::ZERO)
        }),
    };
    let uploads = Target::Source { asset: asset_uid };
    let targets = played.into_iter().map(Target::Job).chain([uploads]);
    bury(targets, owner, store, ready, leader).await?;
    Ok(true)
}
