//! What ever ran in a namespace: Jobs and pods are deleted soon after they end.
use futures::TryStreamExt;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::core::NamespaceResourceScope;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use tokio::task::JoinHandle;

/// The last seen state of every pod and Job that there ever was, by UID.
pub struct Recorder {
    pods: Seen<Pod>,
    jobs: Seen<Job>,
    tasks: [JoinHandle<()>; 2],
}

type Seen<K> = Arc<Mutex<BTreeMap<String, K>>>;

impl Recorder {
    /// Starts to watch a namespace.
    pub fn start(client: Client, namespace: &str) -> Self {
        let (pods, jobs) = (Seen::default(), Seen::default());
        let tasks = [
            follow::<Pod>(Api::namespaced(client.clone(), namespace), &pods),
            follow::<Job>(Api::namespaced(client, namespace), &jobs),
        ];
        Self { pods, jobs, tasks }
    }

    /// Every pod that was seen.
    pub fn pods(&self) -> Vec<Pod> {
        self.pods.lock().unwrap().values().cloned().collect()
    }

    /// Every Job that was seen.
    pub fn jobs(&self) -> Vec<Job> {
        self.jobs.lock().unwrap().values().cloned().collect()
    }

    /// Every pod of an asset that was seen.
    pub fn pods_of(&self, asset: &str) -> Vec<Pod> {
        let label = vessel_crds::labels::ASSET;
        let ours = |pod: &Pod| pod.labels().get(label).is_some_and(|name| name == asset);
        self.pods().into_iter().filter(ours).collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn follow<K>(api: Api<K>, seen: &Seen<K>) -> JoinHandle<()>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + serde::de::DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let seen = Arc::clone(seen);
    tokio::spawn(async move {
        let events = watcher(api, watcher::Config::default()).default_backoff();
        let mut objects = pin!(events.touched_objects());
        // Errors are followed by another try of the watcher's own.
        loop {
            match objects.try_next().await {
                Ok(Some(object)) => {
                    let uid = object.uid().unwrap_or_default();
                    seen.lock().unwrap().insert(uid, object);
                }
                Ok(None) => return,
                Err(_) => {}
            }
        }
    })
}
