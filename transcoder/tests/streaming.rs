//! Sources that are worked on while they arrive: what is the same as with a file, and what
//! becomes of a transfer that goes wrong in the middle.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]
mod support;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::{StreamExt, stream};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::bucket::POD;
use support::execution::{Ended, Execution, adaptive, encoding, media_folder};
use support::media::make;
use tokio::sync::Notify;
use vessel_crds::encoding::Container;
use vessel_crds::reason::FailureReason;
use vessel_storage::digest::Sha256;
use vessel_storage::manifest::{Manifest, ManifestObject};
use vessel_storage::order::{HeadersSecret, OrderedSource, PlainHttp};
use vessel_storage::verdict::VerdictOutcome;

/// A minute of sound.
const MINUTE: &str = "-f lavfi -i sine=440:r=48000:d=60 -ac 2";

/// A web server that sends a part of one file, and the rest when it is told to.
#[derive(Clone)]
struct Server {
    address: SocketAddr,
    file: Bytes,
    manners: Manners,
    released: Arc<Notify>,
    ranges: Arc<Mutex<Vec<Option<String>>>>,
}

/// What it sends.
#[derive(Clone)]
struct Manners {
    /// ETag of the first answer, and of those behind it.
    etags: [&'static str; 2],
    /// How the first answer goes on when it is released.
    then: Then,
    /// Whether the length is announced.
    announces: bool,
    /// What is sent when somebody comes again; the file, if nothing else.
    again: Option<Bytes>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Then {
    Rest,
    Breaks,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            etags: ["\"v1\"", "\"v1\""],
            then: Then::Rest,
            announces: true,
            again: None,
        }
    }
}

impl Server {
    async fn start(file: Vec<u8>, manners: Manners) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            file: file.into(),
            manners,
            released: Arc::default(),
            ranges: Arc::default(),
        };
        let app = Router::new().fallback(serve).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        server
    }

    async fn execution(&self) -> Execution {
        let mut execution = Execution::of(Bytes::new()).await;
        execution.order.encoding = encoding(&[64], Container::FragmentedMp4);
        execution.order.source = OrderedSource::Http {
            url: format!("http://{}/", self.address),
            sha256: None,
            expected_etag: None,
            headers: HeadersSecret::None,
            plain_http: PlainHttp::Allowed,
        };
        execution.limits.allowed_cidrs = vec!["127.0.0.1/32".to_owned()];
        execution
    }

    /// Runs it; the source goes on once a segment of it lies in the bucket.
    async fn run(&self, execution: &Execution) -> Ended {
        let child = execution.start();
        let ended = tokio::spawn(async move { child.wait_with_output().await.unwrap() });
        let deadline = tokio::time::Instant::now() + Duration::from_mins(2);
        while segments(execution) == 0 {
            let state = || execution.stub.with(|inner| inner.put_order.clone());
            assert!(!ended.is_finished(), "it ended: {ended:?}");
            assert!(
                tokio::time::Instant::now() < deadline,
                "no segment: {:?}",
                state()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.released.notify_one();
        execution.words(&ended.await.unwrap())
    }
}

/// Segments of the only rung that lie in the bucket.
fn segments(execution: &Execution) -> usize {
    let is_segment = |key: &&String| {
        let rest = key.strip_prefix(&format!("{POD}/audio-64k/"));
        rest.is_some_and(|name| Path::new(name).extension().is_some_and(|it| it == "m4s"))
    };
    let count = |order: &Vec<String>| order.iter().filter(is_segment).count();
    execution.stub.with(|inner| count(&inner.put_order))
}

async fn serve(State(server): State<Server>, headers: HeaderMap) -> Response {
    let range = headers.get("range").map(|range| range.to_str().unwrap());
    let turn = {
        let mut ranges = server.ranges.lock().unwrap();
        ranges.push(range.map(str::to_owned));
        ranges.len()
    };
    if turn == 1 {
        return first(&server);
    }
    let etag = server.manners.etags[1];
    let file = server.manners.again.as_ref().unwrap_or(&server.file);
    let same = headers.get("if-range") == Some(&HeaderValue::from_static(etag));
    let Some(range) = range.filter(|_| same) else {
        return ([("etag", etag)], file.clone()).into_response();
    };
    let offset: usize = range["bytes=".len()..]
        .trim_end_matches('-')
        .parse()
        .unwrap();
    let total = file.len();
    let described = format!("bytes {offset}-{}/{total}", total - 1);
    let headers = [("etag", etag.to_owned()), ("content-range", described)];
    (StatusCode::PARTIAL_CONTENT, headers, file.slice(offset..)).into_response()
}

/// 30 % of the file, and the rest or an error when that is asked for.
fn first(server: &Server) -> Response {
    let cut = server.file.len() * 3 / 10;
    let (begin, rest) = (server.file.slice(..cut), server.file.slice(cut..));
    let (released, then) = (Arc::clone(&server.released), server.manners.then);
    let rest = async move {
        released.notified().await;
        match then {
            Then::Rest => Ok(rest),
            Then::Breaks => Err(std::io::Error::other("broken by the test")),
        }
    };
    let body = Body::from_stream(stream::iter([Ok(begin)]).chain(stream::once(rest)));
    let mut answer = ([("etag", server.manners.etags[0])], body).into_response();
    if server.manners.announces {
        let length = HeaderValue::from(server.file.len());
        answer.headers_mut().insert("content-length", length);
    }
    answer
}

/// Whether ffmpeg read the source as it came.
fn is_streamed(manifest: &Manifest) -> bool {
    let commands = manifest.commands.iter().flatten();
    commands.filter(|&word| word == "pipe:0").count() > 0
}

fn objects(manifest: &Manifest) -> Vec<(String, Sha256)> {
    let named = |object: &ManifestObject| (object.path.to_string(), object.sha256);
    let mut objects: Vec<_> = manifest.objects.iter().map(named).collect();
    objects.sort_by(|one, other| one.0.cmp(&other.0));
    objects
}

async fn committed(source: Vec<u8>) -> Manifest {
    let mut execution = Execution::of(source).await;
    execution.order.encoding = encoding(&[64], Container::FragmentedMp4);
    execution.commits().await.0
}

fn wave(folder: &Path) -> Vec<u8> {
    make(folder, "a.wav", MINUTE)
}

fn expect_commit(execution: &Execution, ended: &Ended) -> Manifest {
    let outcome = ended.verdict.outcome;
    assert_eq!(outcome, VerdictOutcome::Committed, "{ended:#?}");
    serde_json::from_slice(&execution.stub.object("manifest.json").unwrap()).unwrap()
}

fn expect_failure(execution: &Execution, ended: &Ended, reason: FailureReason) {
    assert_eq!(ended.verdict.reason, Some(reason), "{ended:#?}");
    assert!(execution.stub.get("commit.json").is_none());
    assert!(execution.stub.object("manifest.json").is_none());
}

#[tokio::test]
async fn what_is_streamed_becomes_what_the_file_becomes() {
    let folder = media_folder();
    let sound = "-f lavfi -i sine=440:r=48000:d=20 -ac 2 -bitexact";
    let made = |name: &str, options: &str| make(folder.path(), name, &format!("{sound} {options}"));
    let file = committed(made("a.aiff", "")).await;
    assert!(!is_streamed(&file));
    for (name, options) in [
        ("a.wav", ""),
        ("rf64.wav", "-rf64 always"),
        ("a.flac", ""),
        ("a.mka", "-c:a flac"),
        ("a.oga", "-c:a flac"),
        ("a.mov", "-c:a pcm_s16le -movflags +faststart"),
    ] {
        let streamed = committed(made(name, options)).await;
        assert!(is_streamed(&streamed), "{name}");
        assert_eq!(objects(&streamed), objects(&file), "{name}");
        let length = streamed.media.duration_millis;
        assert_eq!(length, file.media.duration_millis, "{name}");
    }
}

#[tokio::test]
async fn lossy_sources_lose_nothing_on_the_way() {
    let folder = media_folder();
    let sound = "-f lavfi -i sine=440:r=48000:d=20 -ac 2";
    let made = |name: &str, options: &str| make(folder.path(), name, &format!("{sound} {options}"));
    let file = committed(made("last.m4a", "-c:a aac")).await;
    assert!(!is_streamed(&file));
    let first = committed(made("first.m4a", "-c:a aac -movflags +faststart")).await;
    assert!(is_streamed(&first));
    assert_eq!(objects(&first), objects(&file));
    for (name, options, streamed) in [
        ("a.aac", "-c:a aac", true),
        ("a.ts", "-c:a aac", true),
        ("a.ogg", "-c:a libvorbis", true),
        ("a.webm", "-c:a libopus", true),
        // Its rate is known when all of it is.
        ("a.opus", "-c:a libopus", false),
        ("a.mp3", "-c:a libmp3lame", false),
        (
            "fragments.mp4",
            "-c:a aac -movflags +frag_keyframe+empty_moov",
            false,
        ),
    ] {
        let manifest = committed(made(name, options)).await;
        assert_eq!(is_streamed(&manifest), streamed, "{name}");
        let length = manifest.media.duration_millis.unwrap();
        assert!((19_990..20_100).contains(&length), "{name}: {length}");
    }
}

#[tokio::test]
async fn both_ffmpegs_of_a_film_are_fed() {
    let folder = media_folder();
    let film = "-f lavfi -i testsrc2=s=320x180:r=25:d=7 -f lavfi -i sine=440:r=48000:d=7 \
                -c:v libx264 -preset ultrafast -c:a aac";
    let mut manifests = Vec::new();
    for (name, options, streamed) in [
        ("last.mp4", "", false),
        ("first.mp4", "-movflags +faststart", true),
        // The ends of its tracks are known when all of it is.
        ("film.ts", "", false),
    ] {
        let source = make(folder.path(), name, &format!("{film} {options}"));
        let mut execution = Execution::of(source).await;
        execution.order.encoding = adaptive();
        execution.limits.memory_bytes = 2 << 30;
        let (manifest, _) = execution.commits().await;
        assert_eq!(is_streamed(&manifest), streamed, "{name}");
        // With a buffer model and threads, x264 makes other bits of the same pictures each time.
        let repeatable = |(path, _): &(String, Sha256)| {
            path.starts_with("audio-") || path.ends_with("playlist.m3u8")
        };
        let objects = objects(&manifest).into_iter().filter(repeatable);
        manifests.push(objects.collect::<Vec<_>>());
    }
    assert_eq!(manifests[0], manifests[1]);
}

#[tokio::test]
async fn the_first_segment_is_there_before_the_source_is() {
    let folder = media_folder();
    let server = Server::start(wave(folder.path()), Manners::default()).await;
    let execution = server.execution().await;
    let ended = server.run(&execution).await;
    let manifest = expect_commit(&execution, &ended);
    assert_eq!(manifest.source.sha256, Sha256::of(&server.file));
    assert_eq!(manifest.media.duration_millis, Some(60_000));
}

#[tokio::test]
async fn a_transfer_that_breaks_while_it_is_read_leaves_no_trace() {
    let folder = media_folder();
    let source = wave(folder.path());
    let whole = committed(source.clone()).await;
    for etag in ["\"v1\"", "W/\"v1\""] {
        let manners = Manners {
            etags: [etag, etag],
            then: Then::Breaks,
            ..Manners::default()
        };
        let server = Server::start(source.clone(), manners).await;
        let execution = server.execution().await;
        let ended = server.run(&execution).await;
        let manifest = expect_commit(&execution, &ended);
        assert_eq!(objects(&manifest), objects(&whole), "{etag}");
        let ranges = server.ranges.lock().unwrap().clone();
        // Without a strong ETag it comes again, and is compared with what is there.
        let expected = format!("bytes={}-", source.len() * 3 / 10);
        let expected = Some(expected).filter(|_| !etag.starts_with("W/"));
        assert_eq!(ranges, [None, expected], "{etag}");
    }
}

#[tokio::test]
async fn another_source_in_the_middle_is_never_committed() {
    let folder = media_folder();
    let source = wave(folder.path());
    let mut other = source.clone();
    other[1000] ^= 1;
    let cases = [
        (["\"v1\"", "\"v2\""], None),
        (["W/\"v1\"", "W/\"v1\""], Some(other.into())),
    ];
    for (etags, again) in cases {
        let manners = Manners {
            etags,
            then: Then::Breaks,
            again,
            ..Manners::default()
        };
        let server = Server::start(source.clone(), manners).await;
        let execution = server.execution().await;
        let ended = server.run(&execution).await;
        expect_failure(&execution, &ended, FailureReason::SourceChanged);
    }
}

#[tokio::test]
async fn a_digest_that_differs_is_found_before_the_commit() {
    let folder = media_folder();
    let server = Server::start(wave(folder.path()), Manners::default()).await;
    let mut execution = server.execution().await;
    if let OrderedSource::Http { sha256, .. } = &mut execution.order.source {
        *sha256 = Some(Sha256::of(b"another").to_string());
    }
    let ended = server.run(&execution).await;
    expect_failure(&execution, &ended, FailureReason::SourceChanged);
}

#[tokio::test]
async fn a_source_without_an_end_ends_at_the_limit() {
    let folder = media_folder();
    let manners = Manners {
        announces: false,
        ..Manners::default()
    };
    let server = Server::start(wave(folder.path()), manners).await;
    let mut execution = server.execution().await;
    execution.limits.max_source_bytes = server.file.len() as u64 - 1;
    let ended = server.run(&execution).await;
    expect_failure(&execution, &ended, FailureReason::LimitExceeded);
    assert!(ended.verdict.message.contains("maxSourceBytes"));
}

#[tokio::test]
async fn a_source_that_is_cut_is_told_from_a_transfer_that_is() {
    let folder = media_folder();
    for (name, options) in [
        ("a.wav", ""),
        ("rf64.wav", "-rf64 always"),
        ("a.flac", ""),
        ("a.mka", "-c:a flac"),
        ("a.mov", "-c:a pcm_s16le -movflags +faststart"),
    ] {
        let mut source = make(folder.path(), name, &format!("{MINUTE} {options}"));
        source.truncate(source.len() / 2);
        let mut execution = Execution::of(source).await;
        execution.order.encoding = encoding(&[64], Container::FragmentedMp4);
        let message = execution.fails(FailureReason::SourceInvalid).await;
        assert!(message.contains("of 60.0 s"), "{name}: {message}");
    }
}
