//! A cluster with one namespace, one store and one profile, and a leader in it.
use super::apiserver::ApiServer;
use super::bucket::Objects;
use crate::asset::fixtures::{STORE_UID, profile, uid};
use crate::caches::{Asset, Caches, NamespaceMeta, Transcode, Triggers};
use crate::context::{Clock, Context};
use crate::controllers::Leader;
use crate::events::Events;
use crate::leader::LeaseView;
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::retries::Retries;
use crate::settings::{GrantConfig, LimitsConfig, QueueConfig, Settings, TranscoderConfig};
use crate::store::{ReadyStore, StoreHandle, StoreState, Stores};
use crate::sweep::Graves;
use crate::tls::GrantAuthority;
use crate::{asset, job};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::Resource;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{ObjectRef, store::Writer};
use kube::runtime::watcher::Event;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, mpsc};
use vessel_crds::TranscodeProfile;
use vessel_storage::commit::{Commit, Published};
use vessel_storage::digest::Sha256;
use vessel_storage::key::Prefix;

/// Where MediaAssets of the namespace lie.
pub const ASSETS: &str = "/apis/vessel.media/v1alpha1/namespaces/music/mediaassets";
/// Where TranscodeJobs of the namespace lie.
pub const TRANSCODES: &str = "/apis/vessel.media/v1alpha1/namespaces/music/transcodejobs";
/// Where batch Jobs of the namespace lie.
pub const JOBS: &str = "/apis/batch/v1/namespaces/music/jobs";

/// The cluster and its bucket: what outlives a process.
#[derive(Clone, Debug)]
pub struct World {
    pub api: ApiServer,
    pub objects: Objects,
    store: Arc<StoreHandle>,
    now: Arc<Mutex<Timestamp>>,
}

/// A process that leads.
pub struct Process {
    pub leader: Arc<Leader>,
    world: World,
    assets: Writer<Asset>,
    transcodes: Writer<Transcode>,
    batch: Writer<Job>,
    pods: Writer<Pod>,
    _due: (
        mpsc::UnboundedReceiver<ObjectRef<Asset>>,
        mpsc::UnboundedReceiver<ObjectRef<Transcode>>,
    ),
}

impl World {
    /// A cluster with an asset `night-drive`, whose source is there.
    pub async fn new() -> Self {
        let objects = Objects::default();
        let bucket = objects.serve().await;
        objects.put("samples/night-drive.flac", "fLaC");
        let spec = json!({
            "bucket": "vessel", "prefix": "vessel/", "default": true,
            "sources": {"s3": [{"prefix": "samples/"}]},
        });
        let store = Arc::new(StoreHandle {
            name: "main".to_owned(),
            spec: serde_json::from_value(spec).unwrap(),
            state: StoreState::Ready(ReadyStore {
                uid: STORE_UID.parse().unwrap(),
                prefix: Prefix::new("vessel/"),
                upload: bucket.clone(),
                bucket,
            }),
        });
        let world = Self {
            api: ApiServer::default(),
            objects,
            store,
            now: Arc::new(Mutex::new("2026-01-01T00:00:10Z".parse().unwrap())),
        };
        world.asset("night-drive", &json!({}));
        world
    }

    /// Applies a MediaAsset as a user would.
    pub fn asset(&self, name: &str, spec: &Value) {
        let mut own =
            json!({"source": {"s3": {"key": "samples/night-drive.flac"}}, "visibility": "Public"});
        json_patch::merge(&mut own, spec);
        let asset = json!({
            "apiVersion": "vessel.media/v1alpha1", "kind": "MediaAsset",
            "metadata": {"name": name, "namespace": "music"}, "spec": own,
        });
        self.api.put(&format!("{ASSETS}/{name}"), asset);
    }

    /// Sends the file of an asset that awaits it.
    pub fn upload(&self, name: &str, generation: i64) {
        let asset = self.api.get(&format!("{ASSETS}/{name}")).unwrap();
        let uid = asset["metadata"]["uid"].as_str().unwrap();
        self.objects
            .put(&format!("vessel/in/{uid}/{generation}/source"), "fLaC");
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: i64) {
        let mut now = self.now.lock().unwrap();
        *now = now
            .saturating_add(SignedDuration::from_secs(seconds))
            .unwrap();
    }

    /// Does what a pod would that commits: for every unfinished Job.
    pub fn pods_commit(&self) {
        for job in self.api.all("/jobs/") {
            self.pod_commits(&job);
        }
    }

    fn pod_commits(&self, job: &Value) {
        let name = job["metadata"]["name"].as_str().unwrap();
        let pod_uid = uid(name);
        let environment = &job["spec"]["template"]["spec"]["containers"][0]["env"];
        let order = environment
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["name"] == "VESSEL_JOB");
        let order: Value = serde_json::from_str(order.unwrap()["value"].as_str().unwrap()).unwrap();
        let folder = format!(
            "vessel/pub/{}/{}",
            order["assetUID"].as_str().unwrap(),
            order["jobUID"].as_str().unwrap()
        );
        let manifest = manifest(&order, &pod_uid);
        let key = format!("{folder}/{pod_uid}/manifest.json");
        let commit = Commit::Published(Published {
            pod_uid: pod_uid.parse().unwrap(),
            attempt: 1,
            manifest_key: key.clone(),
            manifest_sha256: Sha256::of(&manifest),
        });
        if self
            .objects
            .json(&format!("{folder}/commit.json"))
            .is_none()
        {
            self.objects.put(&key, manifest);
            self.objects
                .put(&format!("{folder}/commit.json"), commit.to_bytes().unwrap());
        }
        self.finish(name, "Complete");
    }

    /// Finishes a Job as the Job controller would.
    pub fn finish(&self, job: &str, condition: &str) {
        let status = json!({"status": {"conditions": [{"type": condition, "status": "True"}]}});
        self.api.change(&format!("{JOBS}/{job}"), &status);
    }

    /// A fresh process that has just become the leader.
    pub fn process(&self) -> Process {
        let metrics = Metrics::new().unwrap();
        let client = self.api.client();
        let stores = Stores::default();
        stores.put_handle(Arc::clone(&self.store));
        let clock = Arc::clone(&self.now);
        let context = Arc::new(Context {
            events: Events::new(client.clone(), "test"),
            settings: Arc::new(settings()),
            metrics,
            stores: stores.clone(),
            clock: Clock::told_by(move || *clock.lock().unwrap()),
            grant_authority: GrantAuthority::default(),
            lease: LeaseView::default(),
            graves: Graves::default(),
            client,
        });
        context.grant_authority.set("PEM");
        Process::start(self.clone(), context)
    }
}

fn settings() -> Settings {
    Settings {
        namespace: "vessel".to_owned(),
        pod_name: "test".to_owned(),
        release: "vessel".to_owned(),
        defaults: std::path::PathBuf::new(),
        http_address: ([127, 0, 0, 1], 0).into(),
        grant_address: ([127, 0, 0, 1], 0).into(),
        queue: QueueConfig::default(),
        limits: LimitsConfig::default(),
        grant: GrantConfig::default(),
        embedded_store: None,
        transcoder: TranscoderConfig::default(),
    }
}

fn manifest(order: &Value, pod_uid: &str) -> Vec<u8> {
    let manifest = json!({
        "formatVersion": 1, "jobUID": order["jobUID"], "podUID": pod_uid, "attempt": 1,
        "source": {"bytes": 4, "sha256": "1".repeat(64)},
        "profileName": order["profileName"], "encoding": order["encoding"],
        "media": {"durationMillis": 12_000}, "kind": "Audio", "hls": "master.m3u8",
        "rungs": [], "tools": {"vessel": "0", "ffmpeg": "7"}, "commands": [],
        "objects": [{"path": "master.m3u8", "bytes": 100, "sha256": "2".repeat(64)}],
        "cost": {
            "cpuMillis": 0, "wallMillis": 0, "peakMemoryBytes": 0,
            "bytesRead": 0, "bytesWritten": 0, "storeRequests": 0,
        },
    });
    serde_json::to_vec(&manifest).unwrap()
}

impl Process {
    fn start(world: World, context: Arc<Context>) -> Self {
        let (asset_names, assets_due) = mpsc::unbounded_channel();
        let (transcode_names, transcodes_due) = mpsc::unbounded_channel();
        let triggers = Triggers {
            assets: asset_names,
            transcodes: transcode_names,
            queue: Arc::new(Notify::new()),
        };
        let (assets, transcodes, batch, pods) = (
            Writer::default(),
            Writer::default(),
            Writer::default(),
            Writer::default(),
        );
        let mut profiles: Writer<DeserializeGuard<TranscodeProfile>> = Writer::default();
        let mut namespaces: Writer<NamespaceMeta> = Writer::default();
        let caches = Caches {
            assets: assets.as_reader(),
            transcodes: transcodes.as_reader(),
            profiles: profiles.as_reader(),
            batch: batch.as_reader(),
            pods: pods.as_reader(),
            namespaces: namespaces.as_reader(),
        };
        fill(
            &mut profiles,
            vec![serde_json::to_value(profile("adaptive", &json!({}))).unwrap()],
        );
        fill(
            &mut namespaces,
            vec![json!({"metadata": {"name": "music"}})],
        );
        let queue = Queue::new(
            caches.clone(),
            context.stores.clone(),
            context.settings.queue.clone(),
            context.clock.clone(),
            triggers,
        );
        let leader = Arc::new(Leader {
            context,
            caches,
            queue,
            retries: Retries::default(),
        });
        Self {
            leader,
            world,
            assets,
            transcodes,
            batch,
            pods,
            _due: (assets_due, transcodes_due),
        }
    }

    /// Lets the watches catch up.
    pub fn watch(&mut self) {
        fill(&mut self.assets, self.world.api.all("/mediaassets/"));
        fill(&mut self.transcodes, self.world.api.all("/transcodejobs/"));
        fill(&mut self.batch, self.world.api.all("/jobs/"));
        fill(&mut self.pods, self.world.api.all("/pods/"));
    }

    /// Looks once at everything that the caches show; what failed.
    pub async fn look(&self) -> Vec<String> {
        let mut errors = Vec::new();
        for asset in self.leader.caches.assets.state() {
            let result = asset::reconcile(asset, Arc::clone(&self.leader)).await;
            errors.extend(result.err().map(|error| error.to_string()));
        }
        for job in self.leader.caches.transcodes.state() {
            let result = job::reconcile(job, Arc::clone(&self.leader)).await;
            errors.extend(result.err().map(|error| error.to_string()));
        }
        errors
    }

    /// Looks until nothing is written any more, with the watches catching up in between.
    pub async fn settle(&mut self) {
        for _ in 0..40 {
            self.watch();
            self.world.api.take_writes();
            let errors = self.look().await;
            let wrote = !self.world.api.take_writes().is_empty();
            if !wrote {
                assert_eq!(errors, Vec::<String>::new());
                return;
            }
        }
        panic!("never settles: {:#?}", self.world.api.all("/"));
    }
}

fn fill<K>(writer: &mut Writer<K>, objects: Vec<Value>)
where
    K: Resource + Clone + DeserializeOwned + 'static,
    K::DynamicType: Default + Eq + Hash + Clone,
{
    writer.apply_watcher_event(&Event::Init);
    for object in objects {
        writer.apply_watcher_event(&Event::InitApply(serde_json::from_value(object).unwrap()));
    }
    writer.apply_watcher_event(&Event::InitDone);
}
