//! One pass over the due tombstones of one store.
use super::claim::{self, Standing};
use super::delete::Guard;
use super::graves::Graves;
use super::halt::Halt;
use super::mark;
use super::plan::{self, Plan};
use crate::leader::LeaseView;
use crate::metrics::{Metrics, SweepErrorReason};
use crate::store::ReadyStore;
use jiff::{SignedDuration, Timestamp};
use vessel_crds::media_store::Sweep;
use vessel_storage::commit::Commit;
use vessel_storage::key::Key;
use vessel_storage::tombstone::{Target, Tombstone};
use vessel_storage::uid::ClusterUid;

/// What a pass works with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass<'a> {
    /// Name of the store.
    pub name: &'a str,
    /// The store.
    pub store: &'a ReadyStore,
    /// Its settings of the sweep.
    pub settings: &'a Sweep,
    /// This cluster.
    pub cluster: ClusterUid,
    /// The lease.
    pub lease: &'a LeaseView,
    /// How long granted URLs work.
    pub grant_ttl: SignedDuration,
    /// Objects that are published in the store.
    pub published: u64,
    /// Which tombstones wait.
    pub graves: &'a Graves,
    /// The metrics.
    pub metrics: &'a Metrics,
}

/// A tombstone that is due, with what goes.
#[derive(Clone, Debug)]
struct Due {
    key: Key,
    tombstone: Tombstone,
    plan: Plan,
}

impl Pass<'_> {
    /// Frees what is due at `now` by the bucket's clock; what a dry run would have done.
    pub async fn run(&self, now: Timestamp) -> Result<Option<String>, Halt> {
        let mut due = Vec::new();
        for key in self.graves.due(self.name, now) {
            if let Some(found) = self.observe(key, now).await? {
                due.push(found);
            }
        }
        let dead = due.iter().map(|due| due.plan.objects()).sum();
        plan::within_share(dead, self.published, self.settings.max_share_percent)?;
        if self.settings.dry_run {
            return Ok(Some(say(&due)));
        }
        for due in due {
            self.free(&due, now).await?;
        }
        Ok(None)
    }

    /// Reads the tombstone, settles whether what it marks is dead, and lists it.
    async fn observe(&self, key: Key, now: Timestamp) -> Result<Option<Due>, Halt> {
        let Some(found) = self.store.bucket.get_json::<Tombstone>(&key).await? else {
            self.graves.remove(self.name, &key);
            return Ok(None);
        };
        let tombstone = found.value;
        self.judge(&key, &tombstone)?;
        if tombstone.not_before > now {
            self.graves.note(self.name, key, tombstone.not_before);
            return Ok(None);
        }
        if let Target::Job(folder) = tombstone.target {
            let standing = if self.settings.dry_run {
                claim::look(self.store, folder).await?
            } else {
                self.guard().check().await?;
                claim::claim(self.store, folder).await?
            };
            if standing == Standing::Plays {
                return self.spare(&key).await.map(|()| None);
            }
        }
        let listed = self.store.bucket.list_all(&self.folder(&tombstone)).await?;
        let plan = plan::plan(&self.store.prefix, tombstone.target, listed)?;
        Ok(Some(Due {
            key,
            tombstone,
            plan,
        }))
    }

    /// A tombstone proves something only in the store that it was written for and under its
    /// own key.
    fn judge(&self, key: &Key, tombstone: &Tombstone) -> Result<(), Halt> {
        let own = mark::key(self.store, tombstone.target);
        if tombstone.store_uid == self.store.uid && own == *key {
            return Ok(());
        }
        let message = format!("{key} is a tombstone of something else: it was copied here");
        Err(Halt::new(SweepErrorReason::Invalid, message))
    }

    /// What plays is not dead, whatever the tombstone says.
    async fn spare(&self, key: &Key) -> Result<(), Halt> {
        tracing::warn!(store = self.name, %key, "a pointer names what a tombstone marks: it is spared");
        if !self.settings.dry_run {
            self.guard().delete_key(key).await?;
            self.graves.remove(self.name, key);
        }
        Ok(())
    }

    /// Deletes what was listed. Nothing left: what was granted may still arrive for a while,
    /// so the folder is looked at once more after that, and only then is it done with.
    async fn free(&self, due: &Due, now: Timestamp) -> Result<(), Halt> {
        let guard = self.guard();
        if due.plan.objects() == 0 && self.graves.was_empty(self.name, &due.key) {
            return self.bury(due).await;
        }
        let first = guard.delete(&due.plan.first).await?;
        let then = guard.delete(&due.plan.then).await?;
        self.metrics
            .sweep
            .deleted(self.name, due.tombstone.cause, first + then);
        let left = self
            .store
            .bucket
            .list_all(&self.folder(&due.tombstone))
            .await?;
        let left = plan::plan(&self.store.prefix, due.tombstone.target, left)?;
        if left.objects() > 0 {
            return Ok(());
        }
        let skew = SignedDuration::from_secs(self.settings.skew_seconds);
        let again = now.saturating_add(self.grant_ttl.saturating_add(skew));
        self.graves
            .emptied(self.name, due.key.clone(), again.unwrap_or(Timestamp::MAX));
        tracing::info!(store = self.name, asset = %due.tombstone.name, namespace = %due.tombstone.namespace,
            objects = due.plan.objects(), bytes = first + then, "freed storage");
        Ok(())
    }

    /// Twice empty: what multipart uploads left, the commit, and last the tombstone go.
    async fn bury(&self, due: &Due) -> Result<(), Halt> {
        let guard = self.guard();
        guard.check().await?;
        self.store
            .bucket
            .abort_multipart(&self.folder(&due.tombstone))
            .await?;
        if let Target::Job(folder) = due.tombstone.target {
            let commit = self.store.prefix.commit(folder);
            let found = self.store.bucket.get_json::<Commit>(&commit).await?;
            if found
                .as_ref()
                .is_some_and(|found| found.value != Commit::Void)
            {
                let message = format!("{commit} is not void any more");
                return Err(Halt::new(SweepErrorReason::Invalid, message));
            }
            if found.is_some() {
                guard.delete_key(&commit).await?;
            }
        }
        guard.delete_key(&due.key).await?;
        self.graves.remove(self.name, &due.key);
        Ok(())
    }

    fn folder(&self, tombstone: &Tombstone) -> Key {
        match tombstone.target {
            Target::Job(folder) => self.store.prefix.job(folder),
            Target::Source { asset } => self.store.prefix.uploads(asset),
            Target::Upload { asset, generation } => {
                self.store.prefix.upload_folder(asset, generation)
            }
        }
    }

    fn guard(&self) -> Guard<'_> {
        Guard {
            store: self.store,
            cluster: self.cluster,
            lease: self.lease,
        }
    }
}

/// What a dry run would have deleted: every key into the log, the sum into the status.
fn say(due: &[Due]) -> String {
    let mut objects = 0;
    let mut bytes = 0;
    for due in due {
        for object in due.plan.all() {
            tracing::info!(key = %object.key, bytes = object.bytes, "would be deleted");
        }
        objects += due.plan.objects();
        bytes += due.plan.bytes();
    }
    let bytes = crate::human::size(i64::try_from(bytes).unwrap_or(i64::MAX));
    format!(
        "a dry run: {objects} objects, {bytes}, of {} jobs would be deleted",
        due.len()
    )
}
