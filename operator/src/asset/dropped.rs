//! Jobs that a pointer names no more. Whoever swaps the pointer marks them: a job's own
//! finalizer can't be relied upon alone, for the sweep lets go of what still plays when it
//! comes by.
use crate::controllers::Leader;
use crate::store::{ReadyStore, StoreHandle};
use crate::sweep::{Grave, Waits, mark};
use crate::work::WorkError;
use jiff::SignedDuration;
use vessel_storage::key::JobFolder;
use vessel_storage::pointer::Pointer;
use vessel_storage::tombstone::{Cause, Target};
use vessel_storage::uid::JobUid;

/// The folders of the jobs that `before` names and that are not among `kept`.
pub fn dropped(before: Option<&Pointer>, kept: &[JobUid]) -> Vec<JobFolder> {
    before
        .iter()
        .flat_map(|before| {
            before.renditions.iter().map(|rendition| JobFolder {
                tree: before.visibility.into(),
                asset: before.asset_uid,
                job: rendition.job_uid,
            })
        })
        .filter(|folder| !kept.contains(&folder.job))
        .collect()
}

/// Whose storage it was, and what killed it.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// Namespace of the asset.
    pub namespace: &'a str,
    /// Name of the asset.
    pub name: &'a str,
    /// What killed it.
    pub cause: Cause,
    /// How long somebody may still write there.
    pub writable_for: SignedDuration,
}

/// Marks storage that nothing can write to any more.
pub async fn bury(
    targets: impl IntoIterator<Item = Target>,
    owner: Owner<'_>,
    store: &StoreHandle,
    ready: &ReadyStore,
    leader: &Leader,
) -> Result<(), WorkError> {
    let ttl = i64::try_from(leader.context.settings.grant.ttl_seconds).unwrap_or(i64::MAX);
    for target in targets {
        let grave = Grave {
            target,
            cause: owner.cause,
            namespace: owner.namespace.to_owned(),
            name: owner.name.to_owned(),
            pods_for: owner.writable_for,
        };
        let waits = Waits {
            sweep: &store.spec.sweep,
            grant_ttl: SignedDuration::from_secs(ttl),
        };
        mark(ready, &store.name, &grave, waits, &leader.context.graves).await?;
    }
    Ok(())
}
