//! A source on a web server: what is read, what is refused, and in which words.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]
mod support;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use support::bucket::broken;
use support::execution::{Execution, encoding, media_folder};
use support::media::make;
use vessel_crds::encoding::Container;
use vessel_crds::reason::FailureReason;
use vessel_storage::digest::Sha256;
use vessel_storage::order::{HeadersSecret, OrderedSource, PlainHttp};

/// A web server that serves one file in several ways, by path.
#[derive(Clone)]
struct Server {
    address: SocketAddr,
    file: Bytes,
    seen: Arc<Mutex<Vec<(Uri, HeaderMap)>>>,
}

impl Server {
    async fn start() -> Self {
        let folder = media_folder();
        let file = make(folder.path(), "a.wav", "-f lavfi -i sine=440:r=48000:d=2");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            file: file.into(),
            seen: Arc::default(),
        };
        let app = Router::new().fallback(serve).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        server
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// An execution that reads this path, where the loopback is allowed.
    async fn execution(&self, path: &str) -> Execution {
        let mut execution = Execution::of(Bytes::new()).await;
        execution.order.encoding = encoding(&[64], Container::FragmentedMp4);
        execution.order.source = OrderedSource::Http {
            url: self.url(path),
            sha256: None,
            expected_etag: None,
            headers: HeadersSecret::None,
            plain_http: PlainHttp::Allowed,
        };
        execution.limits.allowed_cidrs = vec!["127.0.0.1/32".to_owned()];
        execution
    }

    async fn fails(&self, path: &str, reason: FailureReason) -> String {
        self.execution(path).await.fails(reason).await
    }

    fn ranges(&self) -> Vec<Option<String>> {
        let seen = self.seen.lock().unwrap();
        let text = |headers: &HeaderMap| Some(headers.get("range")?.to_str().unwrap().to_owned());
        seen.iter().map(|(_, headers)| text(headers)).collect()
    }
}

async fn serve(State(server): State<Server>, uri: Uri, headers: HeaderMap) -> Response {
    let turn = {
        let mut seen = server.seen.lock().unwrap();
        seen.push((uri.clone(), headers.clone()));
        seen.len()
    };
    let file = &server.file;
    let status = |code: u16| StatusCode::from_u16(code).unwrap().into_response();
    match uri.path() {
        "/file" => ([("etag", "\"v1\"")], file.clone()).into_response(),
        "/breaking" => breaking(file, &headers, "\"v1\""),
        "/changing" => breaking(file, &headers, if turn == 1 { "\"v1\"" } else { "\"v2\"" }),
        "/weak" => breaking(file, &HeaderMap::new(), "W/\"v1\""),
        "/hop1" => redirect("/hop2"),
        "/hop2" => redirect("/hop3"),
        "/hop3" => redirect("/file"),
        "/hop0" => redirect("/hop1"),
        "/inside" => redirect("http://10.0.0.1/file"),
        "/elsewhere" => redirect(&format!("http://localhost:{}/file", server.address.port())),
        "/longer" => breaking_longer(file, &headers),
        "/part" => {
            let range = format!("bytes 0-99/{}", file.len());
            let headers = [("etag", "\"v1\"".to_owned()), ("content-range", range)];
            (StatusCode::PARTIAL_CONTENT, headers, file.slice(..100)).into_response()
        }
        path if path.starts_with("/to/") => {
            let port = path.trim_start_matches("/to/");
            redirect(&format!("http://127.0.0.1:{port}/file"))
        }
        path => status(path.trim_start_matches('/').parse().unwrap()),
    }
}

fn redirect(to: &str) -> Response {
    (StatusCode::FOUND, [("location", to.to_owned())]).into_response()
}

/// Breaks like [`breaking`]; the rest is longer than its head says.
fn breaking_longer(file: &Bytes, headers: &HeaderMap) -> Response {
    let (head, _) = breaking(file, headers, "\"v1\"").into_parts();
    if head.status != StatusCode::PARTIAL_CONTENT {
        return breaking(file, headers, "\"v1\"");
    }
    let rest = [&file[60_000..], &[0; 5000]].concat();
    let kept = ["etag", "content-range"].map(|name| (name, head.headers[name].clone()));
    (StatusCode::PARTIAL_CONTENT, kept, rest).into_response()
}

/// Announces all, and breaks after 60,000 bytes of the first answer.
fn breaking(file: &Bytes, headers: &HeaderMap, etag: &'static str) -> Response {
    let offset: Option<usize> = headers
        .get("range")
        .filter(|_| {
            headers
                .get("if-range")
                .is_some_and(|condition| condition == etag)
        })
        .map(|range| {
            range
                .to_str()
                .unwrap()
                .trim_start_matches("bytes=")
                .trim_end_matches('-')
                .parse()
                .unwrap()
        });
    let total = file.len();
    if let Some(offset) = offset {
        let range = format!("bytes {offset}-{}/{total}", total - 1);
        let headers = [("etag", etag.to_owned()), ("content-range", range)];
        return (StatusCode::PARTIAL_CONTENT, headers, file.slice(offset..)).into_response();
    }
    let headers = [
        ("etag", etag.to_owned()),
        ("content-length", total.to_string()),
    ];
    (headers, broken(file.slice(..60_000))).into_response()
}

#[tokio::test]
async fn a_file_is_read_through_three_redirects() {
    let server = Server::start().await;
    let execution = server.execution("/hop1").await;
    let (manifest, _) = execution.commits().await;
    assert_eq!(manifest.source.sha256, Sha256::of(&server.file));
    assert_eq!(manifest.source.etag.as_deref(), Some("\"v1\""));
    let message = server
        .fails("/hop0", FailureReason::SourceUnreachable)
        .await;
    assert!(message.contains("redirects"), "{message}");
}

#[tokio::test]
async fn a_broken_transfer_is_resumed_by_range() {
    let server = Server::start().await;
    server.execution("/breaking").await.commits().await;
    assert_eq!(server.ranges(), [None, Some("bytes=60000-".to_owned())]);
}

#[tokio::test]
async fn what_is_longer_than_announced_or_an_unasked_part_is_not_the_source() {
    let server = Server::start().await;
    let message = server.fails("/longer", FailureReason::SourceChanged).await;
    assert!(message.contains("longer"), "{message}");
    let message = server
        .fails("/part", FailureReason::SourceUnreachable)
        .await;
    assert!(message.contains("part"), "{message}");
}

#[tokio::test]
async fn secret_headers_do_not_follow_to_another_port() {
    let [server, other] = [Server::start().await, Server::start().await];
    let mut execution = server
        .execution(&format!("/to/{}", other.address.port()))
        .await;
    if let OrderedSource::Http { headers, .. } = &mut execution.order.source {
        *headers = HeadersSecret::Mounted;
    }
    let folder = execution.folder.path().join("headers");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("headers"), "X-Key: hunter2\n").unwrap();
    std::fs::write(folder.join("hosts"), "127.0.0.1").unwrap();
    execution.commits().await;
    let sent = |server: &Server| {
        let seen = server.seen.lock().unwrap();
        let sent = seen
            .iter()
            .map(|(_, headers)| headers.contains_key("x-key"));
        sent.collect::<Vec<_>>()
    };
    assert_eq!(sent(&server), [true]);
    assert_eq!(sent(&other), [false]);
}

#[tokio::test]
async fn what_was_read_is_told_by_an_execution_that_fails_later() {
    let server = Server::start().await;
    let mut execution = server.execution("/file").await;
    execution.limits.max_duration_seconds = 0;
    let ended = execution.run().await;
    assert_eq!(ended.verdict.reason, Some(FailureReason::LimitExceeded));
    assert_eq!(ended.verdict.source_etag.as_deref(), Some("\"v1\""));
}

#[tokio::test]
async fn another_version_in_the_middle_is_another_source() {
    let server = Server::start().await;
    server
        .fails("/changing", FailureReason::SourceChanged)
        .await;
    let mut execution = server.execution("/file").await;
    if let OrderedSource::Http { expected_etag, .. } = &mut execution.order.source {
        *expected_etag = Some("\"v0\"".to_owned());
    }
    execution.fails(FailureReason::SourceChanged).await;
}

#[tokio::test]
async fn without_a_strong_etag_nothing_is_resumed() {
    let server = Server::start().await;
    server
        .fails("/weak", FailureReason::SourceUnreachable)
        .await;
    assert!(server.ranges().iter().all(Option::is_none));
}

#[tokio::test]
async fn the_digest_that_the_asset_names_is_checked() {
    let server = Server::start().await;
    for (bytes, holds) in [(&server.file[..], true), (b"other", false)] {
        let mut execution = server.execution("/file").await;
        if let OrderedSource::Http { sha256, .. } = &mut execution.order.source {
            *sha256 = Some(Sha256::of(bytes).to_string());
        }
        if holds {
            execution.commits().await;
        } else {
            execution.fails(FailureReason::SourceChanged).await;
        }
    }
}

#[tokio::test]
async fn answers_end_in_the_words_of_the_api() {
    let server = Server::start().await;
    let cases = [
        (404, FailureReason::SourceNotFound),
        (410, FailureReason::SourceNotFound),
        (401, FailureReason::SourceDenied),
        (403, FailureReason::SourceDenied),
        (500, FailureReason::SourceUnreachable),
        (503, FailureReason::SourceUnreachable),
    ];
    for (status, reason) in cases {
        let message = server.fails(&format!("/{status}"), reason).await;
        assert!(message.contains(&status.to_string()), "{message}");
    }
}

#[tokio::test]
async fn a_dead_host_is_unreachable() {
    let server = Server::start().await;
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    for url in [
        format!("http://127.0.0.1:{port}/"),
        "http://no-such-host.invalid/".to_owned(),
    ] {
        let mut execution = server.execution("/file").await;
        if let OrderedSource::Http { url: address, .. } = &mut execution.order.source {
            *address = url;
        }
        execution.fails(FailureReason::SourceUnreachable).await;
    }
}

#[tokio::test]
async fn addresses_inside_are_refused_and_the_message_says_what_to_change() {
    let server = Server::start().await;
    let mut denied = server.execution("/file").await;
    denied.limits.allowed_cidrs.clear();
    let message = denied.fails(FailureReason::SourceDenied).await;
    assert!(
        message.contains("spec.sources.http.allowedCIDRs"),
        "{message}"
    );
    let message = server.fails("/inside", FailureReason::SourceDenied).await;
    assert!(message.contains("10.0.0.0/8"), "{message}");
    let mut named = server.execution("/file").await;
    named.limits.allowed_cidrs.clear();
    if let OrderedSource::Http { url, .. } = &mut named.order.source {
        *url = format!("http://localhost:{}/file", server.address.port());
    }
    named.fails(FailureReason::SourceDenied).await;
    assert_eq!(
        server.seen.lock().unwrap().len(),
        1,
        "only the redirect was opened"
    );
}

#[tokio::test]
async fn plain_http_is_for_stores_that_allow_it() {
    let server = Server::start().await;
    let mut execution = server.execution("/file").await;
    if let OrderedSource::Http { plain_http, .. } = &mut execution.order.source {
        *plain_http = PlainHttp::Refused;
    }
    let message = execution.fails(FailureReason::SourceDenied).await;
    assert!(message.contains("spec.sources.http.scheme"), "{message}");
    assert!(server.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn secret_headers_go_to_their_hosts_and_never_follow_to_another() {
    let server = Server::start().await;
    for (path, hosts, expected) in [
        ("/hop3", "127.0.0.1\nlocalhost", vec![true, true]),
        ("/elsewhere", "127.0.0.1\nlocalhost", vec![true, false]),
        ("/file", "example.com", vec![false]),
    ] {
        let mut execution = server.execution(path).await;
        execution.limits.allowed_cidrs.push("::1/128".to_owned());
        if let OrderedSource::Http { headers, .. } = &mut execution.order.source {
            *headers = HeadersSecret::Mounted;
        }
        let folder = execution.folder.path().join("headers");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("headers"), "X-Key: hunter2\n").unwrap();
        std::fs::write(folder.join("hosts"), hosts).unwrap();
        server.seen.lock().unwrap().clear();
        execution.commits().await;
        let seen = server.seen.lock().unwrap();
        let sent: Vec<bool> = seen
            .iter()
            .map(|(_, headers)| headers.contains_key("x-key"))
            .collect();
        assert_eq!(sent, expected, "{path}");
    }
}

#[tokio::test]
async fn a_missing_headers_secret_is_denied_but_not_for_good() {
    let server = Server::start().await;
    let mut execution = server.execution("/file").await;
    if let OrderedSource::Http { headers, .. } = &mut execution.order.source {
        *headers = HeadersSecret::Mounted;
    }
    let message = execution.fails(FailureReason::SourceDenied).await;
    assert!(message.contains("headersSecretName"), "{message}");
    assert!(server.seen.lock().unwrap().is_empty());
}
