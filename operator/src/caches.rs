//! Every object that the leader watches, once, and what a change of it sets off.
//!
//! A reflector keeps each kind in memory; what a person or a controller changes reaches the
//! reconcilers as a name to look at. Deletions do too, which a shared stream of the runtime
//! would keep to itself.
use crate::context::Context;
use futures::{Stream, StreamExt};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::reflector::store::WriterDropped;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use vessel_crds::{MediaAsset, TranscodeJob, TranscodeProfile, labels};

/// A MediaAsset that may not deserialise: one broken object never stops a watch.
pub type Asset = DeserializeGuard<MediaAsset>;
/// A TranscodeJob that may not deserialise.
pub type Transcode = DeserializeGuard<TranscodeJob>;
/// The labels and annotations of a Namespace.
pub type NamespaceMeta = PartialObjectMeta<Namespace>;

/// What is known of the cluster without asking it.
#[derive(Clone, Debug)]
pub struct Caches {
    /// MediaAssets.
    pub assets: Store<Asset>,
    /// TranscodeJobs.
    pub transcodes: Store<Transcode>,
    /// TranscodeProfiles.
    pub profiles: Store<DeserializeGuard<TranscodeProfile>>,
    /// Batch Jobs of ours.
    pub batch: Store<Job>,
    /// Pods of ours.
    pub pods: Store<Pod>,
    /// Namespaces.
    pub namespaces: Store<NamespaceMeta>,
}

/// Which reconcilers have to look again.
#[derive(Clone, Debug)]
pub struct Triggers {
    /// MediaAssets to look at.
    pub assets: mpsc::UnboundedSender<ObjectRef<Asset>>,
    /// TranscodeJobs to look at.
    pub transcodes: mpsc::UnboundedSender<ObjectRef<Transcode>>,
    /// The queue has to be looked at.
    pub queue: Arc<Notify>,
}

impl Triggers {
    /// An asset has to be looked at.
    pub fn asset(&self, namespace: &str, name: &str) {
        // A closed channel means that the controllers are gone: nobody has to look any more.
        let _ = self.assets.send(ObjectRef::new(name).within(namespace));
    }

    /// A TranscodeJob has to be looked at.
    pub fn transcode(&self, namespace: &str, name: &str) {
        let _ = self.transcodes.send(ObjectRef::new(name).within(namespace));
    }
}

impl Caches {
    /// Waits until every cache has been filled once: nothing is decided before.
    pub async fn filled(&self) -> Result<(), WriterDropped> {
        self.assets.wait_until_ready().await?;
        self.transcodes.wait_until_ready().await?;
        self.profiles.wait_until_ready().await?;
        self.batch.wait_until_ready().await?;
        self.pods.wait_until_ready().await?;
        self.namespaces.wait_until_ready().await
    }

    /// The TranscodeJobs that an asset controls, broken ones included.
    pub fn transcodes_of(&self, namespace: &str, asset_uid: &str) -> Vec<Arc<Transcode>> {
        self.transcodes.state_filter(|job| {
            job.meta().namespace.as_deref() == Some(namespace)
                && controller_uid(job.meta()) == Some(asset_uid)
        })
    }

    /// A batch Job by its name.
    pub fn batch_job(&self, namespace: &str, name: &str) -> Option<Arc<Job>> {
        self.batch.get(&ObjectRef::new(name).within(namespace))
    }

    /// The pods of a batch Job.
    pub fn pods_of(&self, namespace: &str, batch_job_uid: &str) -> Vec<Arc<Pod>> {
        self.pods.state_filter(|pod| {
            pod.namespace().as_deref() == Some(namespace)
                && controller_uid(pod.meta()) == Some(batch_job_uid)
        })
    }

    /// The asset of that name, if it is the one with that UID.
    pub fn asset(&self, namespace: &str, name: &str, uid: &str) -> Option<Arc<Asset>> {
        self.assets
            .get(&ObjectRef::new(name).within(namespace))
            .filter(|asset| asset.meta().uid.as_deref() == Some(uid))
    }

    /// A namespace.
    pub fn namespace(&self, name: &str) -> Option<Arc<NamespaceMeta>> {
        self.namespaces.get(&ObjectRef::new(name))
    }
}

/// UID of the controller of an object.
pub fn controller_uid(meta: &kube::api::ObjectMeta) -> Option<&str> {
    controller(meta).map(|owner| owner.uid.as_str())
}

/// The owner of an object that controls it.
pub fn controller(
    meta: &kube::api::ObjectMeta,
) -> Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference> {
    meta.owner_references
        .iter()
        .flatten()
        .find(|owner| owner.controller == Some(true))
}

/// Starts the watches as tasks of `tasks` and hands out their caches.
pub fn start(context: &Context, triggers: &Triggers, tasks: &mut JoinSet<()>) -> Caches {
    let client = &context.client;
    let ours =
        watcher::Config::default().labels(&format!("{}={}", labels::MANAGED_BY, labels::VESSEL));
    let all = watcher::Config::default;

    let (assets, writer) = reflector::store();
    let stream = watch(Api::<Asset>::all(client.clone()), all()).reflect(writer);
    drive(tasks, stream, on_asset(triggers.clone()));

    let (transcodes, writer) = reflector::store();
    let stream = watch(Api::<Transcode>::all(client.clone()), all()).reflect(writer);
    drive(tasks, stream, on_transcode(triggers.clone()));

    let (batch, writer) = reflector::store();
    let stream = watch(Api::<Job>::all(client.clone()), ours.clone()).reflect(writer);
    drive(
        tasks,
        stream,
        on_child(triggers.clone(), transcodes.clone()),
    );

    let (pods, writer) = reflector::store();
    let stream = watch(Api::<Pod>::all(client.clone()), ours).reflect(writer);
    drive(
        tasks,
        stream,
        on_child(triggers.clone(), transcodes.clone()),
    );

    let (profiles, writer) = reflector::store();
    let stream = watch(
        Api::<DeserializeGuard<TranscodeProfile>>::all(client.clone()),
        all(),
    );
    drive(
        tasks,
        stream.reflect(writer),
        on_profile(triggers.clone(), assets.clone()),
    );

    drive_stores(context, triggers, &assets, &transcodes, tasks);

    let (namespaces, writer) = reflector::store();
    let stream = watch(Api::<NamespaceMeta>::all(client.clone()), all()).reflect(writer);
    let concerned = (assets.clone(), transcodes.clone());
    drive(tasks, stream, on_namespace(triggers.clone(), concerned));

    Caches {
        assets,
        transcodes,
        profiles,
        batch,
        pods,
        namespaces,
    }
}

/// Runs a watch for ever. Its errors heal by its own backoff; they are only told.
fn drive<K, S>(tasks: &mut JoinSet<()>, stream: S, mut on: impl FnMut(&Event<K>) + Send + 'static)
where
    K: Resource<DynamicType = ()> + DeserializeOwned + Clone + Debug + Send + Sync + 'static,
    S: Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
{
    tasks.spawn(async move {
        let stream = stream.default_backoff();
        let mut stream = std::pin::pin!(stream);
        while let Some(event) = stream.next().await {
            match event {
                Ok(event) => on(&event),
                Err(error) => {
                    tracing::warn!(kind = %K::kind(&()), %error, "a watch broke off and starts again");
                }
            }
        }
    });
}

/// The object that an event speaks of, unless it speaks of the watch itself.
fn object<K>(event: &Event<K>) -> Option<&K> {
    match event {
        Event::Apply(object) | Event::InitApply(object) | Event::Delete(object) => Some(object),
        Event::Init | Event::InitDone => None,
    }
}

fn on_asset(triggers: Triggers) -> impl FnMut(&Event<Asset>) {
    move |event| {
        if let Some(asset) = object(event) {
            triggers.asset(&asset.namespace().unwrap_or_default(), &asset.name_any());
        }
        triggers.queue.notify_one();
    }
}

/// A TranscodeJob concerns itself, its asset, and the queue.
fn on_transcode(triggers: Triggers) -> impl FnMut(&Event<Transcode>) {
    move |event| {
        if let Some(job) = object(event) {
            let namespace = job.namespace().unwrap_or_default();
            triggers.transcode(&namespace, &job.name_any());
            if let Some(owner) = controller(job.meta()) {
                triggers.asset(&namespace, &owner.name);
            }
        }
        triggers.queue.notify_one();
    }
}

/// A batch Job or a pod concerns its TranscodeJob, which it names in a label. After a watch
/// has started again every unfinished TranscodeJob is looked at: what was deleted meanwhile
/// is in no event.
fn on_child<K>(triggers: Triggers, transcodes: Store<Transcode>) -> impl FnMut(&Event<K>)
where
    K: Resource<DynamicType = ()>,
{
    move |event| {
        if let Some(child) = object(event) {
            let namespace = ResourceExt::namespace(child).unwrap_or_default();
            if let Some(name) = child.labels().get(labels::TRANSCODE_JOB) {
                triggers.transcode(&namespace, name);
            }
        } else if matches!(event, Event::InitDone) {
            everything(&transcodes, &triggers.transcodes);
        }
        triggers.queue.notify_one();
    }
}

/// A profile concerns every asset that could use it.
fn on_profile<K>(triggers: Triggers, assets: Store<Asset>) -> impl FnMut(&Event<K>) {
    move |event| {
        if !matches!(event, Event::Init | Event::InitApply(_)) {
            everything(&assets, &triggers.assets);
        }
    }
}

/// A store concerns every asset and every job that waits for it. The registry tells when it
/// has changed itself, which is later than the MediaStore's event.
fn drive_stores(
    context: &Context,
    triggers: &Triggers,
    assets: &Store<Asset>,
    transcodes: &Store<Transcode>,
    tasks: &mut JoinSet<()>,
) {
    let (triggers, assets, transcodes) = (triggers.clone(), assets.clone(), transcodes.clone());
    let mut changes = Box::pin(context.stores.changes());
    tasks.spawn(async move {
        while changes.next().await.is_some() {
            everything(&assets, &triggers.assets);
            everything(&transcodes, &triggers.transcodes);
            triggers.queue.notify_one();
        }
    });
}

/// A namespace's annotations concern the queue, its labels whatever is in it.
fn on_namespace(
    triggers: Triggers,
    (assets, transcodes): (Store<Asset>, Store<Transcode>),
) -> impl FnMut(&Event<NamespaceMeta>) {
    move |event| {
        if let Some(namespace) = object(event) {
            let name = namespace.name_any();
            let is_in = |meta: &kube::api::ObjectMeta| meta.namespace.as_ref() == Some(&name);
            for asset in assets.state_filter(|asset| is_in(asset.meta())) {
                triggers.asset(&name, &asset.name_any());
            }
            for job in transcodes.state_filter(|job| is_in(job.meta())) {
                triggers.transcode(&name, &job.name_any());
            }
        }
        triggers.queue.notify_one();
    }
}

fn everything<K>(store: &Store<K>, to: &mpsc::UnboundedSender<ObjectRef<K>>)
where
    K: reflector::Lookup<DynamicType = ()> + Clone + 'static,
    K::DynamicType: Eq + Hash + Clone,
{
    for object in store.state() {
        let _ = to.send(object.to_object_ref(()));
    }
}
