//! Marking storage as dead.
use super::Graves;
use crate::store::ReadyStore;
use jiff::{SignedDuration, Timestamp};
use vessel_crds::media_store::Sweep;
use vessel_storage::bucket::BucketError;
use vessel_storage::key::Key;
use vessel_storage::tombstone::{Cause, Target, Tombstone};

/// Storage that something has killed.
#[derive(Clone, Debug)]
pub struct Grave {
    /// What is dead.
    pub target: Target,
    /// What killed it.
    pub cause: Cause,
    /// Namespace of the asset, for people.
    pub namespace: String,
    /// Name of the asset, for people.
    pub name: String,
    /// How long pods that may still write there can run at most.
    pub pods_for: SignedDuration,
}

/// Times that go into a tombstone besides its own.
#[derive(Clone, Copy, Debug)]
pub struct Waits<'a> {
    /// Grace and skew.
    pub sweep: &'a Sweep,
    /// How long granted URLs work.
    pub grant_ttl: SignedDuration,
}

/// Writes the tombstone (`If-None-Match`). One that is there already stays as it is: what
/// killed first counts. The storage is freed at the earliest once everybody who plays it has
/// had the grace, every pod has ended, and every granted URL has run out.
pub async fn mark(
    store: &ReadyStore,
    name: &str,
    grave: &Grave,
    waits: Waits<'_>,
    graves: &Graves,
) -> Result<(), BucketError> {
    let now = store.bucket.server_time().await?;
    let tombstone = Tombstone {
        target: grave.target,
        cause: grave.cause,
        store_uid: store.uid,
        namespace: grave.namespace.clone(),
        name: grave.name.clone(),
        not_before: not_before(now, grave.pods_for, waits),
    };
    let key = key(store, grave.target);
    store.bucket.create_json(&key, &tombstone).await?;
    graves.note(name, key, tombstone.not_before);
    Ok(())
}

/// The key of the tombstone of `target`.
pub(super) fn key(store: &ReadyStore, target: Target) -> Key {
    match target {
        Target::Job(folder) => store.prefix.job_tombstone(folder.job),
        Target::Source { asset } => store.prefix.source_tombstone(asset),
        Target::Upload { asset, generation } => store.prefix.upload_tombstone(asset, generation),
    }
}

fn not_before(now: Timestamp, pods_for: SignedDuration, waits: Waits<'_>) -> Timestamp {
    let grace = SignedDuration::from_secs(waits.sweep.grace_seconds);
    let skew = SignedDuration::from_secs(waits.sweep.skew_seconds);
    let wait = grace
        .max(pods_for)
        .saturating_add(waits.grant_ttl)
        .saturating_add(skew);
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_waits_for_viewers_and_pods_and_urls() {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let sweep = Sweep {
            grace_seconds: 100,
            skew_seconds: 7,
            ..Sweep::default()
        };
        let waits = Waits {
            sweep: &sweep,
            grant_ttl: SignedDuration::from_secs(30),
        };
        let after = |pods| {
            let pods = SignedDuration::from_secs(pods);
            not_before(now, pods, waits).as_second() - now.as_second()
        };
        assert_eq!(after(0), 137);
        assert_eq!(after(500), 537);
    }
}
