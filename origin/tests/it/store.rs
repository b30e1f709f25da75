//! A real S3 server: what is written there through the client plays over a real connection.
use crate::library::{folder, immutable, name, objects, pointer, prefix, segment, segment_bytes};
use crate::viewer::{Viewer, metrics, terms};
use http::{Method, StatusCode};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use vessel_crds::media_store::Addressing;
use vessel_origin::metrics::Metrics;
use vessel_storage::bucket::{Bucket, Connection, Credentials};
use vessel_storage::key::Key;
use vessel_storage::pointer::PointerState;

const STABLE: &str = "/v1/music/night-drive/adaptive/master.m3u8";
const GATEWAY: &str = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";

/// Built at most once, by whichever test comes first.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// An S3 server on a folder of its own; ends with the test.
struct Gateway {
    process: Child,
    folder: PathBuf,
    endpoint: String,
}

impl Gateway {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let folder = std::env::temp_dir().join(format!("vessel-origin-{port}"));
        std::fs::create_dir_all(&folder).unwrap();
        let process = Command::new(PROGRAM.get_or_init(program))
            .args(["--port", &format!("127.0.0.1:{port}"), "posix"])
            .arg(&folder)
            .env("ROOT_ACCESS_KEY", "test")
            .env("ROOT_SECRET_KEY", "test-secret")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let endpoint = format!("http://127.0.0.1:{port}");
        Self {
            process,
            folder,
            endpoint,
        }
    }

    async fn bucket(&self, secret: &str, metrics: Arc<Metrics>) -> Bucket {
        let connection = Connection {
            bucket: "media".to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: Some(self.endpoint.clone()),
            addressing: Addressing::Path,
            ca_bundle: None,
            credentials: Credentials::Static {
                access_key_id: "test".to_owned(),
                secret_access_key: secret.to_owned(),
                session_token: None,
            },
        };
        Bucket::connect(connection, metrics).await.unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The server that the chart embeds: from the PATH, else built from its module, once.
fn program() -> PathBuf {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&on_path);
    if let Some(folder) = folders.find(|folder| folder.join("versitygw").is_file()) {
        return folder.join("versitygw");
    }
    let bin = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bin");
    let program = bin.join("versitygw");
    if !program.is_file() {
        let built = Command::new("go")
            .args(["install", "-trimpath", "-ldflags", "-s -w", GATEWAY])
            .current_dir("/")
            .env("GOBIN", &bin)
            .env("GOFLAGS", "-buildvcs=false")
            .env("CGO_ENABLED", "0")
            .output()
            .expect("versitygw or go is on the PATH");
        assert!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );
    }
    program
}

async fn stock(bucket: &Bucket) {
    for _ in 0..600 {
        if bucket.create_bucket().await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for (key, bytes) in objects() {
        bucket.create(&key, bytes).await.unwrap();
    }
    let name_key = prefix().name("music", "night-drive");
    bucket.create_json(&name_key, &name()).await.unwrap();
    bucket
        .create_json(&pointer_key(), &pointer())
        .await
        .unwrap();
}

fn pointer_key() -> Key {
    prefix().pointer(pointer().asset_uid)
}

async fn withdraw(bucket: &Bucket) {
    let stored = bucket.get_bytes(&pointer_key()).await.unwrap().unwrap();
    let mut withdrawn = pointer();
    withdrawn.state = PointerState::Withdrawn;
    withdrawn.revision += 1;
    bucket
        .replace_json(&pointer_key(), &withdrawn, &stored.etag)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_lies_in_a_real_store_plays_until_it_is_withdrawn() {
    let gateway = Gateway::start();
    let bucket = gateway.bucket("test-secret", metrics()).await;
    stock(&bucket).await;
    let viewer = Viewer::of(Arc::new(bucket.clone()), terms());
    let answer = viewer.get(STABLE).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());

    let path = immutable(&segment(1));
    let looked_at = viewer.ask(Method::HEAD, &path, &[]).await;
    let cold = viewer.get(&path).await;
    assert_eq!(looked_at.headers, cold.headers);
    let lost = immutable(&segment(9));
    let lost = viewer.ask(Method::HEAD, &lost, &[]).await;
    assert_eq!(lost.status, StatusCode::NOT_FOUND);
    assert_eq!(cold.body, segment_bytes(10_000));
    let part = viewer.get_with(&path, &[("range", "bytes=100-199")]).await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.body, segment_bytes(10_000)[100..200]);
    let tag = cold.header("etag");
    let known = viewer.get_with(&path, &[("if-none-match", tag)]).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    assert_eq!(
        viewer.get(&immutable(&segment(9))).await.status,
        StatusCode::NOT_FOUND
    );

    withdraw(&bucket).await;
    viewer.await_status(STABLE, StatusCode::GONE).await;
}

#[tokio::test]
async fn a_large_object_of_a_real_store_is_read_by_range() {
    let gateway = Gateway::start();
    let bucket = gateway.bucket("test-secret", metrics()).await;
    stock(&bucket).await;
    let large = segment_bytes(3 << 20);
    bucket
        .create(&prefix().object(folder(), &segment(3)), large.clone())
        .await
        .unwrap();
    let viewer = Viewer::of(Arc::new(bucket), terms());
    let path = immutable(&segment(3));
    assert_eq!(viewer.get(&path).await.body, large);
    let part = viewer.get_with(&path, &[("range", "bytes=-1000")]).await;
    assert_eq!(
        part.header("content-range"),
        "bytes 3144728-3145727/3145728"
    );
    assert_eq!(part.body, large[large.len() - 1000..]);
}

#[tokio::test]
async fn a_wrong_key_is_a_bad_gateway_and_says_so_to_probes() {
    let gateway = Gateway::start();
    stock(&gateway.bucket("test-secret", metrics()).await).await;
    let bucket = gateway.bucket("wrong", metrics()).await;
    let viewer = Viewer::of(Arc::new(bucket), terms());
    assert_eq!(viewer.get(STABLE).await.status, StatusCode::BAD_GATEWAY);
    let fault = viewer.origin.probe().await.unwrap_err().to_string();
    assert!(fault.contains("SignatureDoesNotMatch"), "{fault}");
}

#[tokio::test]
async fn requests_to_the_store_are_counted() {
    let gateway = Gateway::start();
    stock(&gateway.bucket("test-secret", metrics()).await).await;
    let counted = metrics();
    let bucket = gateway.bucket("test-secret", counted.clone()).await;
    let viewer = Viewer::with(Arc::new(bucket), terms(), counted);
    viewer.get(STABLE).await;
    let series = "vessel_origin_upstream_requests_total{code=\"2xx\",store=\"main\"}";
    assert_eq!(viewer.metric(series).await, 3);
}
