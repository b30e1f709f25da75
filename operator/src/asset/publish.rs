//! Swapping the pointer, and then looking whether what it names is still committed.
//!
//! The sweep voids a commit and then reads the pointer; this swaps the pointer and then reads
//! the commits. Each side writes before it reads the other's object, so one of them sees the
//! other.
use super::dropped::dropped;
use super::fence;
use super::pointer::Draft;
use crate::apiserver::{self, ApiError};
use crate::controllers::Leader;
use crate::metrics::PublishResult;
use crate::store::ReadyStore;
use crate::work::WorkError;
use vessel_crds::MediaAsset;
use vessel_storage::bucket::{BucketError, Creation, Replacement, Stored};
use vessel_storage::commit::Commit;
use vessel_storage::key::{JobFolder, Key};
use vessel_storage::pointer::{Name, Pointer, PointerState};
use vessel_storage::uid::AssetUid;

/// How a publication ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Publication {
    /// The pointer says what it should.
    Said {
        /// Its revision.
        revision: u64,
        /// The jobs that it named before and names no more.
        dropped: Vec<JobFolder>,
    },
    /// Somebody else wrote at the same time.
    Contended,
    /// These jobs can't play: their storage is being freed.
    Void(Vec<String>),
}

/// Makes the pointer say `draft`.
pub async fn publish(
    draft: &Draft,
    asset: &MediaAsset,
    store: &ReadyStore,
    leader: &Leader,
) -> Result<Publication, WorkError> {
    let key = store.prefix.pointer(draft.asset_uid());
    let transitions = leader.context.lease.transitions();
    let before: Option<Stored<Pointer>> = store.bucket.get_json(&key).await?;
    // The pointer was read first: whoever writes it after this look changes its ETag.
    if !fence::holds(asset, leader).await? {
        return Ok(Publication::Contended);
    }
    let kept: Vec<_> = draft.jobs.iter().map(|(_, folder)| folder.job).collect();
    let dropped = dropped(before.as_ref().map(|before| &before.value), &kept);
    let (revision, result) = match before {
        Some(before) if draft.is_said_by(&before.value) => {
            (before.value.revision, PublishResult::AlreadyCommitted)
        }
        before => match swap(draft, store, &key, before, transitions).await? {
            Some(revision) => (revision, PublishResult::Committed),
            None => return Ok(Publication::Contended),
        },
    };
    if !name(draft, store, leader).await? {
        return Ok(Publication::Contended);
    }
    let void = void_jobs(&draft.jobs, store).await?;
    let metrics = &leader.context.metrics.jobs;
    if void.is_empty() {
        metrics.published(result);
        Ok(Publication::Said { revision, dropped })
    } else {
        metrics.published(PublishResult::Rejected);
        Ok(Publication::Void(void))
    }
}

/// The new revision; `None` when somebody else was faster.
async fn swap(
    draft: &Draft,
    store: &ReadyStore,
    key: &Key,
    before: Option<Stored<Pointer>>,
    transitions: i64,
) -> Result<Option<u64>, BucketError> {
    let pointer = draft.after(before.as_ref().map(|before| &before.value), transitions);
    let swapped = match before {
        None => matches!(
            store.bucket.create_json(key, &pointer).await?,
            Creation::Created(_)
        ),
        Some(before) => matches!(
            store
                .bucket
                .replace_json(key, &pointer, &before.etag)
                .await?,
            Replacement::Replaced(_)
        ),
    };
    Ok(swapped.then_some(pointer.revision))
}

/// Lets the asset bear its name in the bucket. `false` when somebody else wrote at the same
/// time, or when the asset is not the live bearer of its name any more.
async fn name(draft: &Draft, store: &ReadyStore, leader: &Leader) -> Result<bool, WorkError> {
    let (namespace, name) = draft.name();
    let key = store.prefix.name(namespace, name);
    let uid = draft.asset_uid();
    let before: Option<Stored<Name>> = store.bucket.get_json(&key).await?;
    let bearer = |revision| Name {
        revision,
        asset_uid: uid,
    };
    Ok(match before {
        Some(before) if before.value.asset_uid == uid => true,
        None => matches!(
            store.bucket.create_json(&key, &bearer(1)).await?,
            Creation::Created(_)
        ),
        // A stopped leader that wakes up must not give the name back to a dead asset.
        Some(_) if !is_live(namespace, name, uid, leader).await? => false,
        Some(before) => {
            let next = bearer(before.value.revision.saturating_add(1));
            matches!(
                store.bucket.replace_json(&key, &next, &before.etag).await?,
                Replacement::Replaced(_)
            )
        }
    })
}

async fn is_live(
    namespace: &str,
    name: &str,
    uid: AssetUid,
    leader: &Leader,
) -> Result<bool, ApiError> {
    let asset: Option<MediaAsset> = apiserver::get(&leader.context.client, namespace, name).await?;
    Ok(asset.is_some_and(|asset| asset.metadata.uid == Some(uid.to_string())))
}

/// Those of `jobs` that have no commit any more.
async fn void_jobs(
    jobs: &[(String, JobFolder)],
    store: &ReadyStore,
) -> Result<Vec<String>, BucketError> {
    let mut void = Vec::new();
    for (name, folder) in jobs {
        let key = store.prefix.commit(*folder);
        let commit: Option<Stored<Commit>> = store.bucket.get_json(&key).await?;
        if !matches!(
            commit.map(|stored| stored.value),
            Some(Commit::Published(_))
        ) {
            void.push(name.clone());
        }
    }
    Ok(void)
}

/// Makes sure that nothing of an asset plays any more, and tells which jobs did. A pointer
/// that was never written is written now, so that nobody who is late can bring the asset to
/// life. `None` when somebody else wrote at the same time.
pub async fn withdraw(
    gone: &Draft,
    store: &ReadyStore,
    transitions: i64,
) -> Result<Option<Vec<JobFolder>>, BucketError> {
    let key = store.prefix.pointer(gone.asset_uid());
    let before: Option<Stored<Pointer>> = store.bucket.get_json(&key).await?;
    let dropped = dropped(before.as_ref().map(|before| &before.value), &[]);
    let replaced = replace(gone, store, &key, before, transitions).await?;
    Ok(replaced.then_some(dropped))
}

/// Withdraws the pointer that was read as `before`; `false` when somebody else wrote at the
/// same time.
pub async fn replace(
    gone: &Draft,
    store: &ReadyStore,
    key: &Key,
    before: Option<Stored<Pointer>>,
    transitions: i64,
) -> Result<bool, BucketError> {
    let withdrawn = |before: &Stored<Pointer>| before.value.state == PointerState::Withdrawn;
    if before.as_ref().is_some_and(withdrawn) {
        return Ok(true);
    }
    let swapped = swap(gone, store, key, before, transitions).await?;
    Ok(swapped.is_some())
}
