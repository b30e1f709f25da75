//! Scenes: a test's own namespace, which is described when the test fails and deleted when
//! it ends.
use crate::cluster::{Cluster, RELEASE_NAMESPACE};
use crate::recorder::Recorder;
use crate::runner::message;
use crate::shell::{stdout, text};
use crate::store::secret_value;
use crate::wait::{seconds, until};
use futures::FutureExt;
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use k8s_openapi::api::core::v1::{Event, Namespace, Pod, Secret};
use kube::api::{
    DeleteParams, DynamicObject, ListParams, LogParams, Patch, PatchParams, PostParams,
};
use kube::core::NamespaceResourceScope;
use kube::discovery::ApiResource;
use kube::{Api, Resource, ResourceExt};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::Duration;
use vessel_crds::labels::ABANDON_STORAGE;
use vessel_crds::{MediaAsset, Phase, TranscodeJob};

/// Label on everything that the tests make.
pub const LABEL: &str = "vessel.media/e2e";

/// A namespace for one test.
pub struct Scene<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// Its namespace.
    pub namespace: String,
    /// Every pod and Job that was ever seen in it.
    pub recorder: Recorder,
}

/// Plays a scene in a namespace of its own, with PodSecurity at `restricted`. When the body
/// panics, what is in the namespace is printed. The namespace is deleted in any case.
pub async fn play(cluster: &Cluster, name: &str, body: impl AsyncFnOnce(&Scene<'_>)) {
    let scene = Scene::open(cluster, name).await;
    let outcome = AssertUnwindSafe(body(&scene)).catch_unwind().await;
    if let Err(panic) = outcome {
        let said = message(panic.as_ref());
        let state = scene.describe().await;
        scene.abandon().await;
        scene.close().await;
        panic!("{said}\n{state}");
    }
    scene.close().await;
}

impl<'a> Scene<'a> {
    async fn open(cluster: &'a Cluster, name: &str) -> Self {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let namespace = format!("e2e-{name}-{}", &id[..5]);
        let object = serde_json::from_value(json!({
            "metadata": {"name": namespace, "labels": {
                LABEL: "scene",
                "pod-security.kubernetes.io/enforce": "restricted",
            }},
        }));
        let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
        namespaces
            .create(&PostParams::default(), &object.unwrap())
            .await
            .unwrap();
        let recorder = Recorder::start(cluster.client.clone(), &namespace);
        Self {
            cluster,
            namespace,
            recorder,
        }
    }

    /// After a failure the namespace has to go whatever state its storage is in.
    async fn abandon(&self) {
        let assets = self.api::<MediaAsset>();
        for asset in listed(&assets).await {
            let annotation = json!({"metadata": {"annotations": {ABANDON_STORAGE: asset.uid()}}});
            let how = PatchParams::default();
            let _ = assets
                .patch(&asset.name_any(), &how, &Patch::Merge(&annotation))
                .await;
        }
    }

    async fn close(&self) {
        let namespaces: Api<Namespace> = Api::all(self.cluster.client.clone());
        // A test may have deleted it already.
        let _ = namespaces
            .delete(&self.namespace, &DeleteParams::default())
            .await;
    }

    /// Objects of a kind in this namespace.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.cluster.client.clone(), &self.namespace)
    }

    /// Objects of any kind in this namespace, as a person writes them.
    pub fn dynamic(&self, resource: &ApiResource) -> Api<DynamicObject> {
        Api::namespaced_with(self.cluster.client.clone(), &self.namespace, resource)
    }

    /// Applies a MediaAsset, as `kubectl apply --server-side` does.
    pub async fn apply(&self, name: &str, spec: &Value) -> MediaAsset {
        self.try_apply(name, spec).await.unwrap()
    }

    /// The same, with the API server's answer.
    pub async fn try_apply(&self, name: &str, spec: &Value) -> kube::Result<MediaAsset> {
        let object = json!({
            "apiVersion": "vessel.media/v1alpha1", "kind": "MediaAsset",
            "metadata": {"name": name}, "spec": spec,
        });
        let how = PatchParams::apply("vessel-e2e").force();
        self.api::<MediaAsset>()
            .patch(name, &how, &Patch::Apply(&object))
            .await
    }

    /// Waits until an asset is in a phase.
    pub async fn reaches(&self, name: &str, phase: Phase, limit: Duration) -> MediaAsset {
        self.satisfies(name, phase.as_str(), limit, |asset| {
            asset
                .status
                .as_ref()
                .is_some_and(|status| status.phase == phase)
        })
        .await
    }

    /// Waits until an asset is Ready, and gives up early when it has failed for good.
    pub async fn ready(&self, name: &str) -> MediaAsset {
        let done = [Phase::Ready, Phase::Failed];
        let asset = self
            .satisfies(name, "Ready", seconds(180), |asset| {
                asset
                    .status
                    .as_ref()
                    .is_some_and(|status| done.contains(&status.phase))
            })
            .await;
        let status = asset.status.as_ref().unwrap();
        assert_eq!(status.phase, Phase::Ready, "{name}: {:?}", status.message);
        asset
    }

    /// Waits until an asset satisfies a condition.
    pub async fn satisfies(
        &self,
        name: &str,
        what: &str,
        limit: Duration,
        holds: impl Fn(&MediaAsset) -> bool,
    ) -> MediaAsset {
        let assets = self.api::<MediaAsset>();
        until(&format!("{name} is {what}"), limit, async || {
            let asset = assets.get(name).await.map_err(|e| e.to_string())?;
            if holds(&asset) {
                Ok(asset)
            } else {
                Err(serde_json::to_string(&asset.status).unwrap())
            }
        })
        .await
    }

    /// Sends a file to an asset that awaits it, with a bare `curl -T`.
    pub async fn upload(&self, name: &str, file: &Path) {
        let awaiting =
            |asset: &MediaAsset| asset.status.as_ref().is_some_and(|s| s.upload.is_some());
        let asset = self
            .satisfies(name, "awaiting its upload", seconds(60), awaiting)
            .await;
        let secret_name = asset.status.unwrap().upload.unwrap().secret_name;
        let secret = self.api::<Secret>().get(&secret_name).await.unwrap();
        let url = secret_value(&secret, "url");
        stdout("curl", &["-fsS", "-T", text(file), &url]).await;
    }

    /// The TranscodeJobs of an asset.
    pub async fn jobs_of(&self, asset: &str) -> Vec<TranscodeJob> {
        let jobs = self
            .api::<TranscodeJob>()
            .list(&ListParams::default())
            .await
            .unwrap();
        jobs.items
            .into_iter()
            .filter(|job| job.spec.work.asset_name == asset)
            .collect()
    }

    /// The messages of the Events about an object.
    pub async fn events_of(&self, name: &str) -> Vec<String> {
        let fields = format!("involvedObject.name={name}");
        let events = self
            .api::<Event>()
            .list(&ListParams::default().fields(&fields))
            .await;
        let say = |event: Event| {
            format!(
                "{}: {}",
                event.reason.unwrap_or_default(),
                event.message.unwrap_or_default()
            )
        };
        events.unwrap().items.into_iter().map(say).collect()
    }

    /// Deletes an asset and waits until it is gone. A test does so that takes away its store.
    pub async fn delete(&self, name: &str) {
        let assets = self.api::<MediaAsset>();
        assets.delete(name, &DeleteParams::default()).await.unwrap();
        self.is_gone(name, seconds(60)).await;
    }

    /// Waits until an asset is gone.
    pub async fn is_gone(&self, name: &str, limit: Duration) {
        let assets = self.api::<MediaAsset>();
        until(&format!("{name} is gone"), limit, async || {
            match assets.get_opt(name).await {
                Ok(None) => Ok(()),
                Ok(Some(asset)) => Err(serde_json::to_string(&asset.status).unwrap()),
                Err(e) => Err(e.to_string()),
            }
        })
        .await;
    }

    /// Whether a user may do something in this namespace, as the API server sees it.
    pub async fn may(&self, user: &str, verb: &str, resource: &str) -> bool {
        let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
        let review = serde_json::from_value(json!({"spec": {
            "user": user,
            "resourceAttributes": {
                "namespace": self.namespace, "verb": verb, "resource": resource, "group": group,
            },
        }}));
        let reviews: Api<SubjectAccessReview> = Api::all(self.cluster.client.clone());
        let answer = reviews
            .create(&PostParams::default(), &review.unwrap())
            .await;
        answer.unwrap().status.unwrap().allowed
    }

    /// All that helps to find out why a test failed.
    async fn describe(&self) -> String {
        let mut text = format!("──── {} ────\n", self.namespace);
        for asset in listed(&self.api::<MediaAsset>()).await {
            section(
                &mut text,
                "asset",
                &asset.name_any(),
                &json!({"spec": asset.spec, "status": asset.status}),
            );
        }
        for job in listed(&self.api::<TranscodeJob>()).await {
            section(
                &mut text,
                "transcodejob",
                &job.name_any(),
                &json!(job.status),
            );
        }
        for pod in self.recorder.pods() {
            section(
                &mut text,
                "pod",
                &pod.name_any(),
                &json!(pod.status.as_ref().map(|s| &s.container_statuses)),
            );
            text += &tail(&self.api::<Pod>(), &pod.name_any(), 15).await;
        }
        for event in listed(&self.api::<Event>()).await {
            let object = event.involved_object.name.unwrap_or_default();
            let said = event.message.unwrap_or_default();
            let _ = writeln!(
                text,
                "event {object}: {}: {said}",
                event.reason.unwrap_or_default()
            );
        }
        for pod in self.cluster.operator_pods().await {
            let _ = writeln!(text, "── {RELEASE_NAMESPACE}/{}", pod.name_any());
            text += &tail(&self.cluster.release::<Pod>(), &pod.name_any(), 25).await;
        }
        text
    }
}

async fn listed<K>(api: &Api<K>) -> Vec<K>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    api.list(&ListParams::default())
        .await
        .map(|list| list.items)
        .unwrap_or_default()
}

fn section(text: &mut String, kind: &str, name: &str, value: &Value) {
    let _ = writeln!(text, "── {kind} {name}\n{value}");
}

async fn tail(pods: &Api<Pod>, name: &str, lines: i64) -> String {
    let how = LogParams {
        tail_lines: Some(lines),
        ..LogParams::default()
    };
    let log = pods.logs(name, &how).await;
    log.unwrap_or_else(|e| format!("(no log: {e})\n"))
}
