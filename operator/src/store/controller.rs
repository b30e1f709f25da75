//! The reconciler of MediaStores: observe → probe → status.
use super::claim::Claimant;
use super::probe::{self, Outcome};
use super::registry::{Published, Wired};
use super::status::{self, Seen};
use crate::context::Context;
use crate::metrics::{Controller as Loop, ReconcileErrorClass, StorageClass};
use futures::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::runtime::{Controller, watcher};
use kube::{Api, Resource, ResourceExt};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use vessel_crds::condition::{self, ConditionType};
use vessel_crds::labels::FIELD_MANAGER;
use vessel_crds::media_store::SweepStatus;
use vessel_crds::{MediaStore, MediaStoreStatus};
use vessel_storage::bucket::Connection;
use vessel_storage::uid::ClusterUid;

/// Between two probes of a store that works.
const WHILE_WELL: Duration = Duration::from_mins(5);
/// Between two probes of a store that does not.
const WHILE_BROKEN: Duration = Duration::from_secs(20);
/// After somebody else wrote a status first.
const AFTER_CONFLICT: Duration = Duration::from_secs(2);
/// Between two tries to write a status.
const AFTER_ERROR: Duration = Duration::from_secs(5);
/// How far what a status says of sizes may lag behind.
const FIGURES: Duration = Duration::from_secs(10);
/// Longest that a probe may take.
const PROBE: Duration = Duration::from_secs(30);

/// Why a MediaStore could not be reconciled.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The status could not be written.
    #[error("the status of MediaStore {0}: {1}")]
    Status(String, #[source] Box<kube::Error>),
}

/// A cluster whose identity can't be told.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The apiserver refused or did not answer.
    #[error("namespace kube-system, whose UID is the cluster's identity: {0}")]
    Kube(#[from] kube::Error),
    /// It has no UID that can be read.
    #[error("namespace kube-system has no UID")]
    NoUid,
}

/// The identity of this cluster: the UID of its `kube-system` namespace.
pub async fn cluster_uid(client: &kube::Client) -> Result<ClusterUid, ClusterError> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = namespaces.get_metadata("kube-system").await?;
    let uid = namespace.metadata.uid.ok_or(ClusterError::NoUid)?;
    uid.parse().map_err(|_| ClusterError::NoUid)
}

/// Probes every MediaStore until `stop`. On the leader alone.
pub async fn run(context: Arc<Context>, cluster: ClusterUid, stop: CancellationToken) {
    let stores: Api<DeserializeGuard<MediaStore>> = Api::all(context.client.clone());
    let changes = context.stores.changes();
    // Sizes change with every publication; people read them less often.
    let figures = context
        .stores
        .figures()
        .then(|()| tokio::time::sleep(FIGURES));
    let prober = Arc::new(Prober {
        context,
        cluster,
        last: Mutex::default(),
        writes: Mutex::default(),
    });
    Controller::new(stores, watcher::Config::default())
        .reconcile_all_on(changes)
        .reconcile_all_on(figures)
        .graceful_shutdown_on(async move { stop.cancelled().await })
        .run(reconcile, on_error, prober)
        .for_each(|_| async {})
        .await;
}

struct Prober {
    context: Arc<Context>,
    cluster: ClusterUid,
    last: Mutex<BTreeMap<String, Probed>>,
    writes: Mutex<BTreeMap<String, (Said, Instant)>>,
}

/// What a status was made from.
#[derive(Clone, PartialEq)]
struct Said {
    probe: Instant,
    published: Option<Published>,
    sweep: Option<SweepStatus>,
}

/// Whether a status waits to be written.
enum Hold {
    /// It does not.
    No,
    /// For that long.
    For(Duration),
    /// Until the next probe.
    UntilProbed,
}

impl Said {
    fn of(probed: &Probed, seen: &Seen<'_>) -> Self {
        Self {
            probe: probed.at,
            published: seen.published,
            sweep: seen.sweep.clone(),
        }
    }
}

/// The last probe of a store.
#[derive(Clone)]
struct Probed {
    of: Subject,
    at: Instant,
    outcome: Outcome,
}

/// What a probe speaks of: other settings or other keys need another probe.
#[derive(Clone, Eq, PartialEq)]
struct Subject {
    uid: Option<String>,
    generation: Option<i64>,
    connection: Option<Connection>,
}

async fn reconcile(
    store: Arc<DeserializeGuard<MediaStore>>,
    prober: Arc<Prober>,
) -> Result<Action, StoreError> {
    let started = Instant::now();
    let name = store.name_any();
    // The follower has it in a moment, and rings when it does.
    let Some(wired) = prober.context.stores.wired(&name) else {
        return Ok(Action::await_change());
    };
    let last = prober.probed(&wired).await;
    let result = prober.write_status(&wired, &last).await;
    let metrics = &prober.context.metrics;
    metrics.process.reconciled(Loop::Store, started.elapsed());
    let soonest = result?.unwrap_or(Duration::MAX);
    Ok(Action::requeue(due_in(&last).min(soonest)))
}

#[allow(clippy::needless_pass_by_value)] // The signature is the controller's.
fn on_error(
    store: Arc<DeserializeGuard<MediaStore>>,
    error: &StoreError,
    prober: Arc<Prober>,
) -> Action {
    tracing::warn!(store = %store.name_any(), %error, "MediaStore");
    let metrics = &prober.context.metrics.process;
    metrics.reconcile_failed(Loop::Store, ReconcileErrorClass::Kubernetes);
    Action::requeue(AFTER_ERROR)
}

fn pause(outcome: &Outcome) -> Duration {
    match outcome {
        Outcome::Works(..) => WHILE_WELL,
        Outcome::Fails(_) => WHILE_BROKEN,
    }
}

fn due_in(probed: &Probed) -> Duration {
    pause(&probed.outcome)
        .saturating_sub(probed.at.elapsed())
        .max(Duration::from_millis(100))
}

impl Prober {
    /// The last probe, if it still speaks of what is written; else a new one.
    async fn probed(&self, wired: &Wired) -> Probed {
        let of = subject(wired);
        let name = wired.store.name_any();
        let last = self.remembered(&name);
        if let Some(last) =
            last.filter(|last| last.of == of && last.at.elapsed() < pause(&last.outcome))
        {
            return last;
        }
        let outcome = self.confirmed(wired).await;
        let failure = match &outcome {
            Outcome::Works(..) => None,
            Outcome::Fails(why) => Some(why.clone()),
        };
        self.context.stores.probed(&name, failure);
        let probed = Probed {
            of,
            at: Instant::now(),
            outcome,
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.insert(name, probed.clone());
        probed
    }

    /// A server that did not answer once is asked once more before every asset is told.
    async fn confirmed(&self, wired: &Wired) -> Outcome {
        let outcome = self.probe(wired).await;
        let name = wired.store.name_any();
        let handle = self.context.stores.get(&name);
        let was_ready = handle.is_some_and(|handle| handle.ready().is_some());
        match &outcome {
            Outcome::Fails(why) if was_ready && why.reason == "StorageUnavailable" => {
                self.probe(wired).await
            }
            _ => outcome,
        }
    }

    fn remembered(&self, name: &str) -> Option<Probed> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.get(name).cloned()
    }

    async fn probe(&self, wired: &Wired) -> Outcome {
        let wire = match &wired.wire {
            Ok(wire) => wire,
            Err(why) => return Outcome::Fails(why.clone()),
        };
        let all = self.context.stores.all_wired();
        if let Some(why) = status::overlap(&wired.store, all.iter().map(|w| &w.store)) {
            return Outcome::Fails(why);
        }
        let name = wired.store.name_any();
        let status = wired.store.status.as_ref();
        let spec = &wired.store.spec;
        let claimant = Claimant {
            cluster: self.cluster,
            take_over_from: spec
                .take_over_from
                .as_ref()
                .and_then(|uid| uid.parse().ok()),
            known: status.and_then(|s| s.store_uid.as_ref()?.parse().ok()),
            store: &name,
        };
        let probe = async {
            let outcome = probe::probe(&wire.bucket, spec, &claimant).await;
            if self.lacks_its_bucket(&name, &outcome) && wire.bucket.create_bucket().await.is_ok() {
                tracing::info!(bucket = %spec.bucket, "made the bucket of the embedded store");
                return probe::probe(&wire.bucket, spec, &claimant).await;
            }
            outcome
        };
        tokio::time::timeout(PROBE, probe)
            .await
            .unwrap_or_else(|_| probe::timed_out(spec))
    }

    /// The bucket of the embedded store is ours to make.
    fn lacks_its_bucket(&self, name: &str, outcome: &Outcome) -> bool {
        let embedded = self.context.settings.embedded_store.as_ref();
        let is_embedded = embedded.is_some_and(|store| store.store_name == name);
        is_embedded && matches!(outcome, Outcome::Fails(why) if why.reason == "BucketNotFound")
    }

    /// Writes the status if it differs; after how long it has to be looked at again, if that
    /// is not after the next probe.
    async fn write_status(
        &self,
        wired: &Wired,
        probed: &Probed,
    ) -> Result<Option<Duration>, StoreError> {
        let context = &self.context;
        let store = &wired.store;
        let name = store.name_any();
        let seen = Seen {
            outcome: &probed.outcome,
            published: context.stores.published(&name),
            sweep: context.graves.status(&name),
        };
        self.export(&name, &seen);
        let said = Said::of(probed, &seen);
        let next = status::status(store, seen, &context.clock.now_meta());
        if store.status.as_ref() == Some(&next) {
            return Ok(None);
        }
        match hold(self.last_said(&name).as_ref(), &said) {
            Hold::No => {}
            Hold::For(pause) => return Ok(Some(pause)),
            Hold::UntilProbed => return Ok(None),
        }
        let stores: Api<MediaStore> = Api::all(context.client.clone());
        match apply(&stores, store, &next).await {
            Ok(_) => {
                self.said(name, said);
                self.tell(store, &next).await;
                Ok(None)
            }
            // Somebody wrote first, or it is gone.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {
                Ok(Some(AFTER_CONFLICT))
            }
            Err(error) => Err(StoreError::Status(name, Box::new(error))),
        }
    }

    fn last_said(&self, name: &str) -> Option<(Said, Instant)> {
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes.get(name).cloned()
    }

    fn said(&self, name: String, said: Said) {
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes.insert(name, (said, Instant::now()));
    }

    fn export(&self, name: &str, seen: &Seen<'_>) {
        let metrics = &self.context.metrics;
        metrics.sweep.store_seen(name);
        let ready = i64::from(matches!(seen.outcome, Outcome::Works(..)));
        metrics.stores.set_ready(name, ready);
        if let Some(published) = seen.published {
            let class = StorageClass::Published;
            metrics
                .stores
                .set_storage(name, class, published.bytes, published.objects);
        }
    }

    /// An Event when the store's readiness, or what keeps it from being ready, changes.
    async fn tell(&self, store: &MediaStore, next: &MediaStoreStatus) {
        let before = store.status.as_ref();
        let before = before.and_then(|s| condition::find(&s.conditions, ConditionType::Ready));
        let Some(now) = condition::find(&next.conditions, ConditionType::Ready) else {
            return;
        };
        if before.is_some_and(|b| b.status == now.status && b.reason == now.reason) {
            return;
        }
        let events = &self.context.events;
        match now.status.as_str() {
            "True" => events.normal(store, &now.reason, &now.message).await,
            _ => events.warning(store, &now.reason, &now.message).await,
        }
    }
}

/// Two probers that contradict each other must not answer each other: what was said once is
/// said again only after another probe, and figures at most every [`FIGURES`].
fn hold(last: Option<&(Said, Instant)>, said: &Said) -> Hold {
    let Some((last, at)) = last else {
        return Hold::No;
    };
    if last == said {
        return Hold::UntilProbed;
    }
    let left = FIGURES.saturating_sub(at.elapsed());
    if last.probe == said.probe && !left.is_zero() {
        return Hold::For(left);
    }
    Hold::No
}

fn subject(wired: &Wired) -> Subject {
    Subject {
        uid: wired.store.uid(),
        generation: wired.store.metadata.generation,
        connection: wired.wire.as_ref().ok().map(|wire| wire.connection.clone()),
    }
}

/// Server-side apply with the resourceVersion that was seen: a conflict means that somebody
/// wrote since.
async fn apply(
    stores: &Api<MediaStore>,
    seen: &MediaStore,
    status: &MediaStoreStatus,
) -> kube::Result<MediaStore> {
    let name = seen.name_any();
    let body = serde_json::json!({
        "apiVersion": MediaStore::api_version(&()),
        "kind": MediaStore::kind(&()),
        "metadata": ObjectMeta {
            name: Some(name.clone()),
            uid: seen.uid(),
            resource_version: seen.resource_version(),
            ..ObjectMeta::default()
        },
        "status": status,
    });
    let params = PatchParams::apply(FIELD_MANAGER).force();
    stores
        .patch_status(&name, &params, &Patch::Apply(&body))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(probe: Instant, bytes: i64) -> Said {
        Said {
            probe,
            published: Some(Published { bytes, objects: 1 }),
            sweep: None,
        }
    }

    #[test]
    fn a_prober_never_answers_another_one_before_it_has_probed_again() {
        let probe = Instant::now();
        let last = (said(probe, 1), Instant::now());
        assert!(matches!(hold(None, &last.0), Hold::No));
        assert!(matches!(
            hold(Some(&last), &said(probe, 1)),
            Hold::UntilProbed
        ));
        assert!(matches!(hold(Some(&last), &said(probe, 2)), Hold::For(_)));
        let again = probe + Duration::from_secs(1);
        assert!(matches!(hold(Some(&last), &said(again, 1)), Hold::No));
    }
}
