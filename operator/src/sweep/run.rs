//! The leader's loop over the stores.
use super::halt::Halt;
use super::pass::Pass;
use super::unclaimed;
use crate::context::Context;
use crate::metrics::StorageClass;
use crate::store::{ReadyStore, StoreHandle};
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use kube::Api;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use vessel_crds::MediaStore;
use vessel_storage::bucket::BucketError;
use vessel_storage::key::Key;
use vessel_storage::tombstone::Tombstone;
use vessel_storage::uid::ClusterUid;

/// How often the tombstones of a store are listed. In between they are known: whoever writes
/// one tells it.
const LIST: Duration = Duration::from_hours(1);
/// Longest that the loop sleeps.
const LONGEST: Duration = Duration::from_mins(10);
/// Shortest that the loop sleeps, so that a clock that is ahead does not make it spin.
const SHORTEST: Duration = Duration::from_millis(500);

/// Sweeps every store that is ready until `stop`. On the leader alone.
pub async fn run(context: Arc<Context>, cluster: ClusterUid, stop: CancellationToken) {
    let mut sweeper = Sweeper {
        context: Arc::clone(&context),
        cluster,
        stores: BTreeMap::new(),
    };
    let mut changes = context.stores.changes();
    loop {
        // A sweep that is dropped where it stands goes on from there the next time.
        let pause = tokio::select! {
            () = stop.cancelled() => return,
            pause = sweeper.round() => pause,
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = context.graves.changed() => {}
            _ = changes.next() => {}
            () = sleep(pause) => {}
        }
    }
}

struct Sweeper {
    context: Arc<Context>,
    cluster: ClusterUid,
    stores: BTreeMap<String, Times>,
}

/// When a store was last listed and swept.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    listed: Option<Instant>,
    swept: Option<Instant>,
    halted: bool,
}

impl Sweeper {
    /// Sweeps what is due everywhere; how long there is nothing to do.
    async fn round(&mut self) -> Duration {
        let mut pause = LONGEST;
        for handle in self.context.stores.all() {
            if let Some(ready) = handle.ready() {
                pause = pause.min(self.store(&handle, ready).await);
            }
        }
        pause.max(SHORTEST)
    }

    async fn store(&mut self, handle: &StoreHandle, ready: &ReadyStore) -> Duration {
        let times = self.stores.get(&handle.name).copied().unwrap_or_default();
        let interval = Duration::from_secs(handle.spec.sweep.interval_seconds.unsigned_abs());
        let since = times.swept.map_or(Duration::MAX, |swept| swept.elapsed());
        let is_due = self.is_due(&handle.name, times);
        if is_due && since >= interval {
            self.sweep(handle, ready, times).await;
        }
        self.pause(&handle.name, interval)
    }

    /// By this machine's clock; the bucket's own decides later.
    fn is_due(&self, name: &str, times: Times) -> bool {
        let to_list = times.listed.is_none_or(|listed| listed.elapsed() >= LIST);
        let next = self.context.graves.next_due(name);
        to_list || next.is_some_and(|due| due <= self.context.clock.now())
    }

    fn pause(&self, name: &str, interval: Duration) -> Duration {
        let times = self.stores.get(name).copied().unwrap_or_default();
        let to_list = times
            .listed
            .map_or(Duration::ZERO, |at| LIST.saturating_sub(at.elapsed()));
        let next = self.context.graves.next_due(name);
        let to_due = next.map_or(LONGEST, |due| until(due, self.context.clock.now()));
        let rest = times
            .swept
            .map_or(Duration::ZERO, |at| interval.saturating_sub(at.elapsed()));
        to_list.min(to_due).max(rest)
    }

    async fn sweep(&mut self, handle: &StoreHandle, ready: &ReadyStore, times: Times) {
        let before = self.context.graves.status(&handle.name);
        let result = self.try_sweep(handle, ready, times).await;
        let now = Instant::now();
        let entry = self.stores.entry(handle.name.clone()).or_default();
        entry.swept = Some(now);
        if self.context.graves.is_listed(&handle.name)
            && times.listed.is_none_or(|at| at.elapsed() >= LIST)
        {
            entry.listed = Some(now);
        }
        let was_halted = std::mem::replace(
            &mut entry.halted,
            result.as_ref().is_err_and(|halt| !halt.passes()),
        );
        self.tell(handle, result, was_halted).await;
        if self.context.graves.status(&handle.name) != before {
            self.context.stores.figures_changed();
        }
    }

    async fn try_sweep(
        &self,
        handle: &StoreHandle,
        ready: &ReadyStore,
        times: Times,
    ) -> Result<Option<String>, Halt> {
        let context = &self.context;
        if times.listed.is_none_or(|listed| listed.elapsed() >= LIST) {
            context.graves.list(&handle.name, tombstones(ready).await?);
            self.count_unclaimed(&handle.name, ready).await;
        }
        if context.graves.waiting(&handle.name) == 0 {
            return Ok(None);
        }
        // What share of a store would go can't be told before its jobs were read.
        let Some(published) = context.stores.published(&handle.name) else {
            return Ok(None);
        };
        let now = ready.bucket.server_time().await?;
        let pass = Pass {
            name: &handle.name,
            store: ready,
            settings: &handle.spec.sweep,
            cluster: self.cluster,
            lease: &context.lease,
            grant_ttl: SignedDuration::try_from(context.settings.grant.ttl())
                .unwrap_or(SignedDuration::MAX),
            published: u64::try_from(published.objects).unwrap_or(0),
            graves: &context.graves,
            metrics: &context.metrics,
        };
        pass.run(now).await
    }

    /// What nobody owns is counted, for somebody to look at; a count that fails stops nothing.
    async fn count_unclaimed(&self, name: &str, ready: &ReadyStore) {
        let context = &self.context;
        let assets = async || unclaimed::assets(&context.client).await;
        match unclaimed::measure(name, ready, &context.graves, assets).await {
            Ok(found) => {
                let class = StorageClass::Unclaimed;
                let metrics = &context.metrics.stores;
                metrics.set_storage(name, class, found.bytes, found.objects);
            }
            Err(error) => {
                tracing::info!(store = %name, %error, "what nobody owns can't be counted");
            }
        }
    }

    /// Metrics, the status, and an Event when the sweep halts.
    async fn tell(
        &self,
        handle: &StoreHandle,
        result: Result<Option<String>, Halt>,
        was_halted: bool,
    ) {
        let context = &self.context;
        let name = &handle.name;
        match result {
            Ok(message) => {
                context
                    .metrics
                    .sweep
                    .succeeded(name, context.clock.now().as_second());
                context.graves.say(name, message);
            }
            Err(halt) if halt.passes() => {
                tracing::warn!(store = %name, %halt, "the sweep stops; it goes on later");
                context.metrics.sweep.error(name, halt.reason);
            }
            Err(halt) => {
                tracing::error!(store = %name, %halt, "the sweep halts");
                context.metrics.sweep.halted(name, halt.reason);
                context.graves.say(name, Some(halt.to_string()));
                if !was_halted {
                    self.warn(name, &halt).await;
                }
            }
        }
        let waiting = i64::try_from(context.graves.waiting(name)).unwrap_or(i64::MAX);
        context.metrics.sweep.set_candidates(name, waiting);
    }

    async fn warn(&self, name: &str, halt: &Halt) {
        let stores: Api<MediaStore> = Api::all(self.context.client.clone());
        if let Ok(store) = stores.get(name).await {
            let events = &self.context.events;
            events
                .warning(&store, "SweepHalted", &halt.to_string())
                .await;
        }
    }
}

/// Every tombstone of a store, with its time. One that does not parse is due at once: the
/// pass halts at it, and says so.
async fn tombstones(ready: &ReadyStore) -> Result<BTreeMap<Key, Timestamp>, BucketError> {
    let listed = ready.bucket.list_all(&ready.prefix.tombstones()).await?;
    let mut due = BTreeMap::new();
    for object in listed {
        let read = ready.bucket.get_json::<Tombstone>(&object.key).await;
        let not_before = match read {
            Ok(Some(tombstone)) => tombstone.value.not_before,
            Ok(None) => continue,
            Err(error) if error.class == vessel_storage::bucket::ErrorClass::Other => {
                Timestamp::MIN
            }
            Err(error) => return Err(error),
        };
        due.insert(object.key, not_before);
    }
    Ok(due)
}

fn until(due: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(due.duration_since(now)).unwrap_or(Duration::ZERO)
}
