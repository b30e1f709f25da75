//! Making a commit void, and giving it back to a pointer that still names it.
//!
//! The publisher swaps the pointer and then reads the commit; the sweep makes the commit void
//! and then reads the pointer. Whoever comes second sees the other.
use super::halt::Halt;
use crate::metrics::SweepErrorReason;
use crate::store::ReadyStore;
use vessel_storage::bucket::{Creation, Replacement};
use vessel_storage::commit::{Commit, Published};
use vessel_storage::digest::Sha256;
use vessel_storage::key::JobFolder;
use vessel_storage::manifest::Manifest;
use vessel_storage::path::ObjectPath;
use vessel_storage::pointer::{PointedRendition, Pointer, PointerState};

/// Whether a job is dead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// Its commit is void, and no pointer names it.
    Dead,
    /// A pointer names it: it plays, and its commit is what it was.
    Plays,
}

/// What the sweep would find, without writing: for a dry run.
pub(super) async fn look(store: &ReadyStore, folder: JobFolder) -> Result<Standing, Halt> {
    Ok(match named(store, folder).await? {
        Some(_) => Standing::Plays,
        None => Standing::Dead,
    })
}

/// Makes the commit void, then asks the pointer. A commit that a pointer names is restored,
/// also when an earlier sweep was stopped between the two.
pub(super) async fn claim(store: &ReadyStore, folder: JobFolder) -> Result<Standing, Halt> {
    // A pointer that names the job now is the common case of doubt: nothing need be written.
    if named(store, folder).await?.is_none() {
        void(store, folder).await?;
    }
    let Some(rendition) = named(store, folder).await? else {
        return Ok(Standing::Dead);
    };
    restore(store, folder, &rendition).await?;
    Ok(Standing::Plays)
}

async fn void(store: &ReadyStore, folder: JobFolder) -> Result<(), Halt> {
    let key = store.prefix.commit(folder);
    for _ in 0..3 {
        let written = match store.bucket.get_json::<Commit>(&key).await? {
            Some(found) if found.value == Commit::Void => return Ok(()),
            Some(found) => {
                let replaced = store.bucket.replace_json(&key, &Commit::Void, &found.etag);
                matches!(replaced.await?, Replacement::Replaced(_))
            }
            None => {
                let created = store.bucket.create_json(&key, &Commit::Void);
                matches!(created.await?, Creation::Created(_))
            }
        };
        if written {
            return Ok(());
        }
    }
    let message = format!("{key} keeps changing");
    Err(Halt::new(SweepErrorReason::Unavailable, message))
}

/// The rendition of the job that plays, if one does.
async fn named(store: &ReadyStore, folder: JobFolder) -> Result<Option<PointedRendition>, Halt> {
    let key = store.prefix.pointer(folder.asset);
    let Some(pointer) = store.bucket.get_json::<Pointer>(&key).await? else {
        return Ok(None);
    };
    if pointer.value.state == PointerState::Withdrawn {
        return Ok(None);
    }
    let mut renditions = pointer.value.renditions.into_iter();
    Ok(renditions.find(|rendition| rendition.job_uid == folder.job))
}

/// Puts the commit back as it was: the pointer and the manifest say everything that stood in
/// it. A commit that is not void is left as it is.
async fn restore(
    store: &ReadyStore,
    folder: JobFolder,
    rendition: &PointedRendition,
) -> Result<(), Halt> {
    let key = store.prefix.commit(folder);
    let found = store.bucket.get_json::<Commit>(&key).await?;
    let Some(void) = found.filter(|found| found.value == Commit::Void) else {
        return Ok(());
    };
    let commit = Commit::Published(published(store, folder, rendition).await?);
    match store.bucket.replace_json(&key, &commit, &void.etag).await? {
        Replacement::Replaced(_) => Ok(()),
        Replacement::Changed => {
            let message = format!("{key} changed while it was restored");
            Err(Halt::new(SweepErrorReason::Unavailable, message))
        }
    }
}

async fn published(
    store: &ReadyStore,
    folder: JobFolder,
    rendition: &PointedRendition,
) -> Result<Published, Halt> {
    let execution = folder.execution(rendition.pod_uid);
    let key = store.prefix.object(execution, &ObjectPath::Manifest);
    let lost = |what: &str| {
        let message = format!(
            "the pointer of asset {} names {key}, which {what}",
            folder.asset
        );
        Halt::new(SweepErrorReason::Invalid, message)
    };
    let bytes = store.bucket.get_bytes(&key).await?;
    let bytes = bytes.ok_or_else(|| lost("is gone"))?.value;
    if Sha256::of(&bytes) != rendition.manifest_sha256 {
        return Err(lost("is not what was committed"));
    }
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|_| lost("does not parse"))?;
    Ok(Published {
        pod_uid: rendition.pod_uid,
        attempt: manifest.attempt,
        manifest_key: key.to_string(),
        manifest_sha256: rendition.manifest_sha256,
    })
}
