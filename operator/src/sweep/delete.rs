//! Letting keys go, batch by batch.
use super::halt::Halt;
use crate::leader::LeaseView;
use crate::metrics::SweepErrorReason;
use crate::store::ReadyStore;
use std::collections::BTreeMap;
use std::time::Duration;
use vessel_storage::bucket::Listed;
use vessel_storage::claim::Claim;
use vessel_storage::key::Key;
use vessel_storage::uid::ClusterUid;

/// Keys of one batch.
const BATCH: usize = 250;
/// Longest that a batch may take; no batch is begun with less left of the lease.
const CALL: Duration = Duration::from_secs(8);

/// What has to hold before every batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guard<'a> {
    /// The store.
    pub store: &'a ReadyStore,
    /// This cluster.
    pub cluster: ClusterUid,
    /// The lease.
    pub lease: &'a LeaseView,
}

impl Guard<'_> {
    /// Whether a batch may be begun: nobody else can lead before it has ended, and the prefix
    /// is still ours.
    pub async fn check(&self) -> Result<(), Halt> {
        let key = self.store.prefix.claim();
        let claim = self.store.bucket.get_json::<Claim>(&key).await?;
        // Last, because the answer may have taken its time.
        if self.lease.left() < CALL {
            let message = "too little is left of the lease to begin a batch";
            return Err(Halt::new(SweepErrorReason::Unavailable, message));
        }
        let ours = claim.is_some_and(|claim| {
            claim.value.cluster_uid == self.cluster && claim.value.store_uid == self.store.uid
        });
        if ours {
            return Ok(());
        }
        let message = format!("{key} does not say any more that the prefix is ours");
        Err(Halt::new(SweepErrorReason::ClaimLost, message))
    }

    /// Deletes `objects`, in their order; the bytes that are gone. A key that the answer does
    /// not name as gone counts as there.
    pub async fn delete(&self, objects: &[Listed]) -> Result<u64, Halt> {
        let sizes: BTreeMap<&Key, u64> = objects
            .iter()
            .map(|object| (&object.key, object.bytes))
            .collect();
        let mut freed = 0;
        for batch in objects.chunks(BATCH) {
            self.check().await?;
            let keys: Vec<Key> = batch.iter().map(|object| object.key.clone()).collect();
            let deleted = tokio::time::timeout(CALL, self.store.bucket.delete(&keys)).await;
            let deleted = deleted
                .map_err(|_| Halt::new(SweepErrorReason::Unavailable, "a batch took too long"))??;
            freed += deleted
                .done
                .iter()
                .filter_map(|key| sizes.get(key))
                .sum::<u64>();
            if let Some(failure) = deleted.failed.first() {
                let message = format!(
                    "{} of {} keys were not deleted, {} among them: {}",
                    deleted.failed.len(),
                    keys.len(),
                    failure.key,
                    failure.message
                );
                return Err(Halt::new(SweepErrorReason::KeysLeft, message));
            }
        }
        Ok(freed)
    }

    /// Deletes one document of ours.
    pub async fn delete_key(&self, key: &Key) -> Result<(), Halt> {
        let object = Listed {
            key: key.clone(),
            bytes: 0,
            modified: None,
        };
        self.delete(std::slice::from_ref(&object)).await.map(|_| ())
    }
}
