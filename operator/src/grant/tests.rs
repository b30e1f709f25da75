//! Calls of a pod against an apiserver in memory and a real S3 server.
use super::{Grants, router};
use crate::context::Clock;
use crate::metrics::Metrics;
use crate::settings::Settings;
use crate::store::{NotReady, ReadyStore, StoreHandle, StoreState, Stores};
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::Request;
use jiff::Timestamp;
use kube::client::Body as KubeBody;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tower::ServiceExt;
use vessel_crds::identity::Identity;
use vessel_storage::commit::Commit;
use vessel_storage::content::ContentType;
use vessel_storage::digest::Sha256;
use vessel_storage::gateway::Gateway;
use vessel_storage::grant::{
    COMMIT_PATH, CommitGrant, OBJECTS_PATH, ObjectsGrant, PROGRESS_PATH, Refusal, RefusalReason,
    SOURCE_PATH, SignedRequest, SourceGrant,
};
use vessel_storage::key::{Key, Prefix};
use vessel_storage::uid::StoreUid;

const ASSET: &str = "00000000-0000-4000-8000-00000000000a";
const JOB: &str = "00000000-0000-4000-8000-00000000000b";
const POD: &str = "00000000-0000-4000-8000-000000000001";
const STORE: &str = "00000000-0000-4000-8000-00000000000d";
const AUDIENCE: &str = "grant.vessel.media/vessel/vessel";

/// An apiserver that answers GETs from a map, reviews every token with one answer, and
/// remembers what it was asked.
#[derive(Clone, Default)]
struct Api {
    objects: Arc<Mutex<BTreeMap<String, Value>>>,
    review: Arc<Mutex<Value>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Api {
    fn client(&self) -> kube::Client {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<KubeBody>| {
            let answer = api.answer(&request);
            async move { Ok::<_, std::io::Error>(answer) }
        });
        kube::Client::new(service, "default")
    }

    fn answer(&self, request: &Request<KubeBody>) -> http::Response<KubeBody> {
        let path = request.uri().path();
        self.asked
            .lock()
            .unwrap()
            .push(format!("{} {}", request.method(), request.uri()));
        let found = if path.ends_with("/tokenreviews") {
            Some(
                json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
                "metadata": {}, "spec": {}, "status": *self.review.lock().unwrap()}),
            )
        } else {
            self.objects
                .lock()
                .unwrap()
                .get(path.trim_end_matches("/status"))
                .cloned()
        };
        let missing = json!({"kind": "Status", "apiVersion": "v1", "metadata": {},
            "status": "Failure", "message": "gone", "reason": "NotFound", "code": 404});
        let code = if found.is_some() { 200 } else { 404 };
        let body = serde_json::to_vec(&found.unwrap_or(missing)).unwrap();
        http::Response::builder()
            .status(code)
            .body(KubeBody::from(body))
            .unwrap()
    }

    fn set(&self, path: &str, object: Value) {
        self.objects.lock().unwrap().insert(path.to_owned(), object);
    }
}

struct Scene {
    _gateway: Gateway,
    api: Api,
    grants: Grants,
    ready: ReadyStore,
}

const BATCH_PATH: &str = "/apis/batch/v1/namespaces/music/jobs/night-drive-abc-2";
const POD_PATH: &str = "/api/v1/namespaces/music/pods/p";
const JOB_PATH: &str = "/apis/vessel.media/v1alpha1/namespaces/music/transcodejobs/night-drive-abc";
const ASSET_PATH: &str = "/apis/vessel.media/v1alpha1/namespaces/music/mediaassets/night-drive";

fn job(etag: &str) -> Value {
    let mut job = super::current::tests::job();
    job["metadata"]["uid"] = json!(JOB);
    job["metadata"]["namespace"] = json!("music");
    job["metadata"]["ownerReferences"][0]["uid"] = json!(ASSET);
    let work = &mut job["spec"]["work"];
    work["assetUid"] = json!(ASSET);
    work["storeUid"] = json!(STORE);
    work["sourceEtag"] = json!(etag);
    let encoding = serde_json::from_value(work["encoding"].clone()).unwrap();
    let identity = Identity {
        asset_uid: ASSET,
        source_version: "v",
        store_uid: STORE,
        encoding: &encoding,
        restart_token: "",
    };
    work["key"] = json!(identity.key());
    job
}

impl Scene {
    async fn new() -> Self {
        let gateway = Gateway::start().unwrap();
        let bucket = gateway.bucket().await.unwrap();
        let source = Key::foreign("samples/a.flac");
        bucket.create(&source, b"music".to_vec()).await.unwrap();
        let etag = bucket.head(&source).await.unwrap().unwrap().etag;
        let ready = ReadyStore {
            uid: StoreUid(STORE.parse().unwrap()),
            prefix: Prefix::new("vessel/"),
            upload: bucket.clone(),
            bucket,
        };
        let api = Api::default();
        api.fill(&etag);
        let stores = Stores::default();
        stores.put_for_tests(handle(StoreState::Ready(ready.clone())));
        let clock = Clock::told_by(|| Timestamp::from_second(1_000).unwrap());
        let grants = Grants::new(
            api.client(),
            Arc::new(Settings::for_tests()),
            Metrics::new().unwrap(),
            stores,
            clock,
        );
        Self {
            _gateway: gateway,
            api,
            grants,
            ready,
        }
    }

    async fn call(&self, path: &str, body: Value) -> (u16, Vec<u8>) {
        let token = super::token::tests::token(&super::token::tests::claims());
        let mut request = Request::post(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let peer: SocketAddr = "198.18.64.7:1234".parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = router(self.grants.clone()).oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        (
            status,
            to_bytes(answer.into_body(), usize::MAX)
                .await
                .unwrap()
                .to_vec(),
        )
    }

    async fn granted<T: DeserializeOwned>(&self, path: &str, body: Value) -> T {
        let (status, answer) = self.call(path, body).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
        serde_json::from_slice(&answer).unwrap()
    }

    async fn refused(&self, path: &str, body: Value) -> RefusalReason {
        let (status, answer) = self.call(path, body).await;
        let refusal: Refusal = serde_json::from_slice(&answer).unwrap();
        assert_eq!(status, refusal.reason.status());
        refusal.reason
    }
}

impl Api {
    fn fill(&self, etag: &str) {
        use super::current::tests::{asset, batch, pod};
        let mut pod = pod();
        pod["metadata"]["uid"] = json!(POD);
        self.set(POD_PATH, pod);
        let mut batch = batch();
        batch["metadata"]["ownerReferences"][0]["uid"] = json!(JOB);
        self.set(BATCH_PATH, batch);
        self.set(JOB_PATH, job(etag));
        let mut asset = asset();
        asset["metadata"]["uid"] = json!(ASSET);
        self.set(ASSET_PATH, asset);
        self.set(
            "/api/v1/namespaces/music",
            json!({
                "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
                "metadata": {"name": "music"}
            }),
        );
        *self.review.lock().unwrap() = json!({
            "authenticated": true, "audiences": [AUDIENCE],
            "user": {"username": "system:serviceaccount:music:default", "extra": {
                "authentication.kubernetes.io/pod-name": ["p"],
                "authentication.kubernetes.io/pod-uid": [POD]
            }}
        });
    }
}

fn handle(state: StoreState) -> StoreHandle {
    StoreHandle {
        name: "main".to_owned(),
        spec: serde_json::from_value(json!({
            "bucket": "media", "prefix": "vessel/", "sources": {"s3": [{"prefix": "samples/"}]}
        }))
        .unwrap(),
        state,
    }
}

async fn send(request: &SignedRequest, body: &[u8]) -> (u16, Vec<u8>) {
    let method = request.method.parse().unwrap();
    let mut builder = reqwest::Client::new()
        .request(method, &request.url)
        .body(body.to_vec());
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let answer = builder.send().await.unwrap();
    (
        answer.status().as_u16(),
        answer.bytes().await.unwrap().to_vec(),
    )
}

fn declare(path: &str, body: &[u8], kind: ContentType) -> Value {
    let object =
        json!({"path": path, "bytes": body.len(), "sha256": Sha256::of(body), "contentType": kind});
    json!({"objects": [object]})
}

#[tokio::test]
async fn a_pod_reads_its_source_writes_its_objects_and_commits_once() {
    let scene = Scene::new().await;
    let source: SourceGrant = scene.granted(SOURCE_PATH, json!({})).await;
    assert_eq!(send(&source.get, b"").await, (200, b"music".to_vec()));
    let manifest = b"{}";
    let commit = json!({"manifestBytes": 2, "manifestSHA256": Sha256::of(manifest)});
    let early = scene.refused(COMMIT_PATH, commit.clone()).await;
    assert_eq!(early, RefusalReason::Invalid, "the manifest comes first");
    let declared = declare("manifest.json", manifest, ContentType::Json);
    let objects: ObjectsGrant = scene.granted(OBJECTS_PATH, declared).await;
    let put = &objects.objects[0].put;
    assert!(
        put.url
            .contains(&format!("/vessel/pub/{ASSET}/{JOB}/{POD}/manifest.json")),
        "{}",
        put.url
    );
    assert_eq!(send(put, manifest).await.0, 200);
    let grant: CommitGrant = scene.granted(COMMIT_PATH, commit).await;
    let another = "x".repeat(grant.body.len());
    assert_eq!(
        send(&grant.put, another.as_bytes()).await.0 / 100,
        4,
        "only what was signed"
    );
    assert_eq!(send(&grant.put, grant.body.as_bytes()).await.0, 200);
    assert_eq!(send(&grant.put, grant.body.as_bytes()).await.0, 412);
    let (status, read) = send(&grant.get, b"").await;
    assert_eq!(status, 200);
    let Commit::Published(published) = serde_json::from_slice(&read).unwrap() else {
        panic!("a published commit");
    };
    assert_eq!(
        (published.pod_uid.to_string().as_str(), published.attempt),
        (POD, 2)
    );
}

/// R1, R2: what was fenced gets nothing, whatever it asks for.
#[tokio::test]
async fn a_fenced_attempt_gets_nothing() {
    let scene = Scene::new().await;
    let mut fenced = job("\"e\"");
    fenced["status"]["attempts"][1]["outcome"] = json!("Disrupted");
    scene.api.set(JOB_PATH, fenced);
    let commit = json!({"manifestBytes": 2, "manifestSHA256": Sha256::of(b"{}")});
    let declared = declare("verdict.json", b"{}", ContentType::Json);
    let progress = json!({"stage": "Encode", "percent": 50});
    for (path, body) in [
        (SOURCE_PATH, json!({})),
        (OBJECTS_PATH, declared),
        (COMMIT_PATH, commit),
        (PROGRESS_PATH, progress),
    ] {
        assert_eq!(
            scene.refused(path, body).await,
            RefusalReason::NotCurrent,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_token_that_the_apiserver_refuses_reads_nothing_else() {
    let scene = Scene::new().await;
    *scene.api.review.lock().unwrap() = json!({"authenticated": false});
    assert_eq!(
        scene.refused(SOURCE_PATH, json!({})).await,
        RefusalReason::Unauthenticated
    );
    assert_eq!(scene.api.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_token_of_another_pod_is_refused() {
    let scene = Scene::new().await;
    let pods = "/user/extra/authentication.kubernetes.io~1pod-uid/0";
    *scene.api.review.lock().unwrap().pointer_mut(pods).unwrap() = json!(JOB);
    assert_eq!(
        scene.refused(SOURCE_PATH, json!({})).await,
        RefusalReason::Unauthenticated
    );
}

#[tokio::test]
async fn a_forged_job_is_refused() {
    let scene = Scene::new().await;
    let mut forged = job("\"e\"");
    forged["spec"]["work"]["encoding"] = json!({"audio": {"bitratesKbps": [128]}});
    scene.api.set(JOB_PATH, forged);
    assert_eq!(
        scene.refused(SOURCE_PATH, json!({})).await,
        RefusalReason::NotCurrent
    );
}

#[tokio::test]
async fn a_source_that_is_gone_or_another_one_is_told_apart() {
    let scene = Scene::new().await;
    scene.api.set(JOB_PATH, job("\"another\""));
    assert_eq!(
        scene.refused(SOURCE_PATH, json!({})).await,
        RefusalReason::SourceChanged
    );
    let source = Key::foreign("samples/a.flac");
    scene.ready.bucket.delete(&[source]).await.unwrap();
    assert_eq!(
        scene.refused(SOURCE_PATH, json!({})).await,
        RefusalReason::SourceNotFound
    );
}

#[tokio::test]
async fn a_store_that_is_not_ready_is_a_wait() {
    let scene = Scene::new().await;
    let broken = NotReady {
        reason: "StorageDenied".to_owned(),
        message: "no".to_owned(),
    };
    scene
        .grants
        .stores
        .put_for_tests(handle(StoreState::NotReady(broken)));
    assert_eq!(
        scene.refused(SOURCE_PATH, json!({})).await,
        RefusalReason::Unavailable
    );
}

#[tokio::test]
async fn progress_is_written_by_its_own_manager() {
    let scene = Scene::new().await;
    let (status, _) = scene
        .call(PROGRESS_PATH, json!({"stage": "Encode", "percent": 42}))
        .await;
    assert_eq!(status, 204);
    let asked = scene.api.asked.lock().unwrap().clone();
    let writes: Vec<_> = asked
        .iter()
        .filter(|line| line.starts_with("PATCH"))
        .collect();
    assert_eq!(writes.len(), 1);
    assert!(writes[0].contains("/status?") && writes[0].contains("fieldManager=vessel-progress"));
}

#[tokio::test]
async fn a_body_that_is_no_message_is_refused_before_the_apiserver_is_asked() {
    let scene = Scene::new().await;
    let reason = scene
        .refused(OBJECTS_PATH, json!({"objects": [{"path": "../x"}]}))
        .await;
    assert_eq!(reason, RefusalReason::Invalid);
    assert!(scene.api.asked.lock().unwrap().is_empty());
}
