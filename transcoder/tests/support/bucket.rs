//! The stub: grants like the operator's, and a bucket that keeps the promises of S3 that
//! matter here (If-None-Match, If-Match, Range, checksums). Faults are armed by tests.
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use vessel_storage::commit::{Commit, Published};
use vessel_storage::digest::Sha256;
use vessel_storage::grant::{
    CommitGrant, CommitRequest, ObjectDeclaration, ObjectGrant, ObjectsGrant, ObjectsRequest,
    Progress, Refusal, RefusalReason, SignedRequest, SourceGrant,
};
use vessel_storage::uid::PodUid;

/// UID of the pod that the stub believes to be asked by.
pub const POD: &str = "00000000-0000-4000-8000-000000000001";
/// UID of another pod.
pub const OTHER_POD: &str = "00000000-0000-4000-8000-000000000002";
/// The token that the stub takes.
pub const TOKEN: &str = "the-token";

/// What goes wrong, how many times.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Grant calls that are answered 429.
    pub rate_limited: u32,
    /// Grant calls that are answered 503.
    pub unavailable: u32,
    /// PUTs that are answered 503.
    pub put_unavailable: u32,
    /// PUTs that are answered 403.
    pub put_denied: u32,
    /// PUTs that are written and then answered 500.
    pub put_answer_lost: u32,
    /// PUTs that are acknowledged with another checksum.
    pub put_garbled: u32,
    /// PUTs of the commit that are answered 409.
    pub commit_conflict: u32,
    /// PUTs of the commit that are written and then answered 500.
    pub commit_answer_lost: u32,
    /// GETs that are answered 403.
    pub get_denied: u32,
    /// GETs of what was PUT whose body breaks.
    pub read_back_breaks: u32,
    /// GETs of what was PUT that are answered 403.
    pub read_back_denied: u32,
    /// PUTs of which something else is kept.
    pub put_kept_wrong: u32,
    /// PUTs that are acknowledged without a checksum.
    pub put_unacknowledged: u32,
    /// The status of every GET of the source, if it is no success.
    pub source_status: Option<u16>,
    /// Bytes of the source after which the connection breaks, once an answer.
    pub source_breaks_after: Option<usize>,
    /// Grant calls after which the pod is no longer current.
    pub not_current_after: Option<u32>,
    /// Whether the source is another one when it is read again.
    pub source_changes: bool,
}

/// One object.
#[derive(Clone, Debug)]
pub struct Stored {
    pub bytes: Bytes,
    pub headers: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
pub struct Inner {
    pub objects: BTreeMap<String, Stored>,
    pub faults: Faults,
    pub progress: Vec<Progress>,
    pub grant_calls: u32,
    pub declared: Vec<ObjectDeclaration>,
    pub source_ranges: Vec<Option<String>>,
    pub put_order: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct Stub {
    pub address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

impl Stub {
    /// Starts on a free port of the loopback.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stub = Self {
            address: listener.local_addr().unwrap(),
            inner: Arc::default(),
        };
        let app = stub.router();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        stub
    }

    fn router(&self) -> Router {
        Router::new()
            .route("/v1/grants/source", post(source))
            .route("/v1/grants/objects", post(objects))
            .route("/v1/grants/commit", post(commit))
            .route("/v1/progress", post(progress))
            .route("/store/{*key}", any(store))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(self.clone())
    }

    /// Answers over TLS too: its address, and the certificate (PEM) to trust.
    pub async fn start_tls(&self) -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let config =
            axum_server::tls_rustls::RustlsConfig::from_pem(certificate.clone().into(), key.into());
        let config = config.await.unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = axum_server::from_tcp_rustls(listener, config).unwrap();
        let app = self.router().into_make_service();
        tokio::spawn(async move { server.serve(app).await.unwrap() });
        (format!("https://localhost:{port}"), certificate)
    }

    pub fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        change(&mut self.inner.lock().unwrap())
    }

    pub fn put(&self, key: &str, bytes: impl Into<Bytes>) {
        let stored = Stored {
            bytes: bytes.into(),
            headers: BTreeMap::new(),
        };
        self.with(|inner| inner.objects.insert(key.to_owned(), stored));
    }

    pub fn get(&self, key: &str) -> Option<Bytes> {
        self.with(|inner| inner.objects.get(key).map(|stored| stored.bytes.clone()))
    }

    /// An object of the execution.
    pub fn object(&self, path: &str) -> Option<Bytes> {
        self.get(&format!("{POD}/{path}"))
    }

    fn signed(&self, method: &str, key: &str, headers: &[(&str, String)]) -> SignedRequest {
        SignedRequest {
            method: method.to_owned(),
            url: format!("http://{}/store/{key}", self.address),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
            expires_at: "2100-01-01T00:00:00Z".parse().unwrap(),
        }
    }

    /// What every grant call goes through.
    fn admit(&self, headers: &HeaderMap) -> Result<(), Response> {
        let bearer = headers
            .get("authorization")
            .and_then(|value| value.to_str().ok());
        if bearer != Some(&format!("Bearer {TOKEN}")) {
            return Err(refusal(RefusalReason::Unauthenticated));
        }
        self.with(|inner| {
            inner.grant_calls += 1;
            let calls = inner.grant_calls;
            if inner
                .faults
                .not_current_after
                .is_some_and(|after| calls > after)
            {
                Err(refusal(RefusalReason::NotCurrent))
            } else if take(&mut inner.faults.rate_limited) {
                Err(refusal(RefusalReason::RateLimited))
            } else if take(&mut inner.faults.unavailable) {
                Err(refusal(RefusalReason::Unavailable))
            } else {
                Ok(())
            }
        })
    }
}

fn take(count: &mut u32) -> bool {
    let armed = *count > 0;
    *count = count.saturating_sub(1);
    armed
}

fn refusal(reason: RefusalReason) -> Response {
    let status = StatusCode::from_u16(reason.status()).unwrap();
    let message = format!("the stub says {reason:?}");
    (status, axum::Json(Refusal { reason, message })).into_response()
}

async fn source(State(stub): State<Stub>, headers: HeaderMap) -> Response {
    if let Err(refusal) = stub.admit(&headers) {
        return refusal;
    }
    let Some(bytes) = stub.get("source") else {
        return refusal(RefusalReason::SourceNotFound);
    };
    let etag = format!("\"{}\"", Sha256::of(&bytes));
    let get = stub.signed("GET", "source", &[("if-match", etag.clone())]);
    axum::Json(SourceGrant {
        get,
        bytes: bytes.len() as u64,
        etag: Some(etag),
    })
    .into_response()
}

async fn objects(
    State(stub): State<Stub>,
    headers: HeaderMap,
    axum::Json(request): axum::Json<ObjectsRequest>,
) -> Response {
    if let Err(refusal) = stub.admit(&headers) {
        return refusal;
    }
    assert!(
        (1..=64).contains(&request.objects.len()),
        "1 to 64 objects a call"
    );
    let grants = request.objects.iter().map(|object| {
        let key = format!("{POD}/{}", object.path);
        let put = [
            ("if-none-match", "*".to_owned()),
            ("content-length", object.bytes.to_string()),
            ("content-type", object.content_type.as_str().to_owned()),
            (
                "cache-control",
                vessel_storage::content::IMMUTABLE.to_owned(),
            ),
            ("x-amz-checksum-sha256", object.sha256.base64()),
        ];
        ObjectGrant {
            put: stub.signed("PUT", &key, &put),
            get: stub.signed("GET", &key, &[]),
        }
    });
    let answer = ObjectsGrant {
        pod_uid: POD.parse().unwrap(),
        objects: grants.collect(),
    };
    stub.with(|inner| inner.declared.extend(request.objects));
    axum::Json(answer).into_response()
}

async fn commit(
    State(stub): State<Stub>,
    headers: HeaderMap,
    axum::Json(request): axum::Json<CommitRequest>,
) -> Response {
    if let Err(refusal) = stub.admit(&headers) {
        return refusal;
    }
    let manifest = stub
        .object("manifest.json")
        .expect("the manifest comes before the commit");
    assert_eq!(Sha256::of(&manifest), request.manifest_sha256);
    assert_eq!(manifest.len() as u64, request.manifest_bytes);
    let body = published(POD.parse().unwrap());
    let put = [
        ("if-none-match", "*".to_owned()),
        ("content-type", "application/json".to_owned()),
        (
            "x-amz-checksum-sha256",
            Sha256::of(body.as_bytes()).base64(),
        ),
    ];
    axum::Json(CommitGrant {
        pod_uid: POD.parse().unwrap(),
        put: stub.signed("PUT", "commit.json", &put),
        body,
        get: stub.signed("GET", "commit.json", &[]),
    })
    .into_response()
}

/// A commit of that pod.
pub fn published(pod_uid: PodUid) -> String {
    let commit = Commit::Published(Published {
        pod_uid,
        attempt: 1,
        manifest_key: format!("{pod_uid}/manifest.json"),
        manifest_sha256: Sha256::of(b"manifest"),
    });
    String::from_utf8(commit.to_bytes().unwrap()).unwrap()
}

async fn progress(
    State(stub): State<Stub>,
    headers: HeaderMap,
    axum::Json(progress): axum::Json<Progress>,
) -> Response {
    if let Err(refusal) = stub.admit(&headers) {
        return refusal;
    }
    stub.with(|inner| inner.progress.push(progress));
    StatusCode::NO_CONTENT.into_response()
}

async fn store(
    State(stub): State<Stub>,
    Path(key): Path<String>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match method {
        Method::PUT => stub.with(|inner| put(inner, &key, &headers, body)),
        Method::GET => get(&stub, &key, &headers),
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}

fn put(inner: &mut Inner, key: &str, headers: &HeaderMap, body: Bytes) -> Response {
    let faults = &mut inner.faults;
    let is_commit = key == "commit.json";
    if is_commit && take(&mut faults.commit_conflict) {
        return StatusCode::CONFLICT.into_response();
    }
    if !is_commit && take(&mut faults.put_unavailable) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if !is_commit && take(&mut faults.put_denied) {
        return (StatusCode::FORBIDDEN, "<Code>AccessDenied</Code>").into_response();
    }
    let lost = if is_commit {
        take(&mut faults.commit_answer_lost)
    } else {
        take(&mut faults.put_answer_lost)
    };
    assert_eq!(headers.get("if-none-match").unwrap(), "*", "{key}");
    if inner.objects.contains_key(key) {
        return StatusCode::PRECONDITION_FAILED.into_response();
    }
    let checksum = headers
        .get("x-amz-checksum-sha256")
        .unwrap()
        .to_str()
        .unwrap();
    assert_eq!(checksum, Sha256::of(&body).base64(), "{key}");
    let kept = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let wrong = !is_commit && take(&mut inner.faults.put_kept_wrong);
    let stored = Stored {
        bytes: if wrong {
            Bytes::from_static(b"garbled")
        } else {
            body
        },
        headers: kept.collect(),
    };
    inner.objects.insert(key.to_owned(), stored);
    inner.put_order.push(key.to_owned());
    if lost {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let acknowledged = if !is_commit && take(&mut inner.faults.put_garbled) {
        Sha256::of(b"something else").base64()
    } else {
        checksum.to_owned()
    };
    if !is_commit && take(&mut inner.faults.put_unacknowledged) {
        return StatusCode::OK.into_response();
    }
    ([("x-amz-checksum-sha256", acknowledged)], "").into_response()
}

fn get(stub: &Stub, key: &str, headers: &HeaderMap) -> Response {
    let Some(bytes) = stub.get(key) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let faulty = stub.with(|inner| {
        let faults = &mut inner.faults;
        if take(&mut faults.get_denied) {
            return Some((StatusCode::FORBIDDEN, "<Code>AccessDenied</Code>").into_response());
        }
        if key == "source" {
            let status = StatusCode::from_u16(faults.source_status?).unwrap();
            inner.source_ranges.push(None);
            return Some(status.into_response());
        }
        if take(&mut faults.read_back_denied) {
            return Some((StatusCode::FORBIDDEN, "<Code>AccessDenied</Code>").into_response());
        }
        let breaks = take(&mut faults.read_back_breaks);
        breaks.then(|| breaking(bytes.clone(), Some(1)).into_response())
    });
    if let Some(answer) = faulty {
        return answer;
    }
    let text = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let etag = format!("\"{}\"", Sha256::of(&bytes));
    if text("if-match").is_some_and(|expected| expected != etag) {
        return StatusCode::PRECONDITION_FAILED.into_response();
    }
    let range = text("range");
    let breaks = stub.with(|inner| {
        inner.source_ranges.push(range.clone());
        if inner.faults.source_changes {
            let changed = Stored {
                bytes: Bytes::from_static(b"another source"),
                headers: BTreeMap::new(),
            };
            inner.objects.insert(key.to_owned(), changed);
        }
        inner.faults.source_breaks_after
    });
    let offset = range.as_ref().map_or(0, |range| {
        range
            .trim_start_matches("bytes=")
            .trim_end_matches('-')
            .parse()
            .unwrap()
    });
    let status = if range.is_some() {
        StatusCode::PARTIAL_CONTENT
    } else {
        StatusCode::OK
    };
    (status, breaking(bytes.slice(offset..), breaks)).into_response()
}

/// A body that announces all of its bytes and breaks after some of them.
fn breaking(bytes: Bytes, after: Option<usize>) -> axum::body::Body {
    let Some(after) = after.filter(|after| *after < bytes.len()) else {
        return axum::body::Body::from(bytes);
    };
    broken(bytes.slice(..after))
}

/// A body that ends in an error after these bytes have left.
pub fn broken(bytes: Bytes) -> axum::body::Body {
    let error = async {
        // The server drops what it has not sent when a body fails, and says nothing when it has.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        Err(std::io::Error::other("broken by the test"))
    };
    let parts = futures::stream::iter([Ok(bytes)]);
    axum::body::Body::from_stream(futures::StreamExt::chain(
        parts,
        futures::stream::once(error),
    ))
}
