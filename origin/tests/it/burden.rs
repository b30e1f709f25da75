//! Many who ask for much at once, and take little: memory stays bounded.
use crate::bucket::MemoryBucket;
use crate::library::{folder, immutable, prefix, segment, segment_bytes, stocked};
use crate::viewer::{Answer, Viewer, metrics, terms};
use axum_server::Handle;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use http::{Method, StatusCode};
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use vessel_origin::blob::Blob;
use vessel_origin::objects::{Entry, Objects};
use vessel_origin::pace::Pace;
use vessel_origin::run::server;
use vessel_origin::serve::router;
use vessel_origin::upstream::Fault;
use vessel_origin::viewing;

/// Half of what segments get of 100,000 bytes has room for so many that arrive at once.
const ROOM: usize = 5;
const SEGMENT: usize = 8_000;
/// Far more than any of this takes.
const LONG: Duration = Duration::from_secs(20);

/// A viewer of an origin with little memory, over a bucket with `count` segments.
fn crowd(count: u32) -> (Viewer, Arc<MemoryBucket>) {
    let bucket = Arc::new(MemoryBucket::default());
    for number in 1..=count {
        let key = prefix().object(folder(), &segment(number));
        bucket.put(&key, segment_bytes(SEGMENT));
    }
    let mut terms = terms();
    terms.cache_bytes = 100_000;
    (Viewer::of(bucket.clone(), terms), bucket)
}

fn all_at_once(viewer: &Viewer, count: u32) -> FuturesUnordered<JoinHandle<Answer>> {
    let ask = |number| {
        let (viewer, path) = (viewer.clone(), immutable(&segment(number)));
        tokio::spawn(async move { viewer.get(&path).await })
    };
    (1..=count).map(ask).collect()
}

#[tokio::test]
async fn no_more_arrives_at_once_than_there_is_room_for() {
    let (viewer, bucket) = crowd(60);
    let gate = bucket.hold();
    let mut answers = all_at_once(&viewer, 60);
    for _ in 0..60 - ROOM {
        let refused = timeout(LONG, answers.next()).await.unwrap();
        let refused = refused.unwrap().unwrap();
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!(refused.header("cache-control"), "no-store");
    }
    assert_eq!(bucket.begun(), ROOM);
    gate.add_permits(100_000);
    while let Some(answer) = answers.next().await {
        assert_eq!(answer.unwrap().body, segment_bytes(SEGMENT));
    }
    for number in 1..=60 {
        let answer = viewer.get(&immutable(&segment(number))).await;
        assert_eq!(answer.status, StatusCode::OK, "there is room again");
    }
}

#[tokio::test]
async fn a_crowd_is_served_in_turn() {
    let (viewer, bucket) = crowd(60);
    let gate = bucket.hold();
    let mut answers = all_at_once(&viewer, 60);
    while bucket.begun() < ROOM {
        tokio::task::yield_now().await;
    }
    gate.add_permits(100_000);
    while let Some(answer) = answers.next().await {
        assert_eq!(answer.unwrap().status, StatusCode::OK);
    }
    assert_eq!(bucket.reads(), 60);
}

#[tokio::test]
async fn who_wants_no_bytes_causes_none_to_be_read() {
    let (viewer, bucket) = Viewer::new();
    let path = immutable(&segment(1));
    let head = viewer.ask(Method::HEAD, &path, &[]).await;
    let tag = [("if-none-match", head.header("etag"))];
    for _ in 0..20 {
        let again = viewer.ask(Method::HEAD, &path, &[]).await;
        assert_eq!(again.status, StatusCode::OK);
        assert_eq!(again.header("content-length"), "10000");
        let known = viewer.get_with(&path, &tag).await;
        assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    }
    // A range is of the bytes that a GET gets (RFC 9110 §14.2).
    for range in ["bytes=20000-", "bytes=0-9"] {
        let ranged = viewer.ask(Method::HEAD, &path, &[("range", range)]).await;
        assert_eq!(ranged.status, StatusCode::OK);
        assert_eq!(ranged.headers, head.headers);
    }
    assert_eq!((bucket.reads(), bucket.looks()), (0, 1));

    let other = [("if-none-match", "\"another\"")];
    let whole = viewer.get_with(&path, &other).await;
    assert_eq!(whole.body, segment_bytes(10_000));
    assert_eq!(whole.headers, head.headers);
    let lost = immutable(&segment(9));
    let lost = viewer.ask(Method::HEAD, &lost, &[]).await;
    assert_eq!(lost.status, StatusCode::NOT_FOUND);
}

/// Those who read nothing of what they asked for keep none of it in memory, and get all of it
/// in the end.
#[tokio::test(start_paused = true)]
async fn a_slow_viewer_keeps_no_segment_in_memory() {
    const CAPACITY: usize = 2 << 20;
    const LENGTH: usize = 200 << 10;
    let bucket = Arc::new(MemoryBucket::default());
    let objects = Objects::new(CAPACITY as u64, bucket.clone(), metrics());
    let mut alive: Vec<Weak<Blob>> = Vec::new();
    let mut bodies = Vec::new();
    for number in 1..=100 {
        let key = prefix().object(folder(), &segment(number));
        bucket.put(&key, segment_bytes(LENGTH));
        let blob = loop {
            match objects.get(&key).await {
                Ok(Entry::Kept(blob)) => break blob,
                Ok(Entry::Large(_)) => panic!("there is room for it"),
                Err(fault) => assert_eq!(fault, Fault::Crowded),
            }
        };
        bodies.push(viewing::body(&objects, &key, &blob, 0..LENGTH as u64));
        alive.push(Arc::downgrade(&blob));
        drop(blob);
        let used = alive.iter().filter(|blob| blob.strong_count() > 0).count() * LENGTH;
        assert!(used <= CAPACITY + CAPACITY / 2, "{number}: {used}");
    }
    for body in bodies {
        let read = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        assert_eq!(read, segment_bytes(LENGTH));
    }
}

#[tokio::test(start_paused = true)]
async fn who_takes_it_at_once_reads_the_bucket_once() {
    let (viewer, bucket) = crowd(60);
    for number in 1..=60 {
        viewer.get(&immutable(&segment(number))).await;
    }
    assert_eq!(bucket.reads(), 60);
}

/// A store that takes long to answer is not asked for more and more.
#[tokio::test(start_paused = true)]
async fn no_more_is_asked_of_a_slow_store_than_it_can_answer() {
    let (viewer, bucket) = crowd(1000);
    bucket.stall();
    let mut answers = all_at_once(&viewer, 1000);
    while let Some(answer) = answers.next().await {
        assert_eq!(answer.unwrap().status, StatusCode::SERVICE_UNAVAILABLE);
        if answers.len() <= 256 {
            break;
        }
    }
    assert_eq!(bucket.reads(), 256);
}

/// An origin behind a real connection, with one segment that no socket's buffers can hold.
async fn serve(pace: Pace) -> (Viewer, SocketAddr) {
    let bucket = Arc::new(stocked());
    let key = prefix().object(folder(), &segment(3));
    bucket.put(&key, segment_bytes(32 << 20));
    let mut terms = terms();
    terms.cache_bytes = 512 << 20;
    let viewer = Viewer::of(bucket, terms);
    let handle = Handle::new();
    let router = router(viewer.origin.clone(), viewer.readiness.clone());
    let server = server(([127, 0, 0, 1], 0).into(), handle.clone(), pace);
    tokio::spawn(server.serve(router.into_make_service()));
    let address = handle.listening().await.unwrap();
    (viewer, address)
}

async fn ask(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {} HTTP/1.1\r\nhost: o\r\n\r\n", immutable(&segment(3)));
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_viewer_who_takes_nothing_is_let_go() {
    let pace = Pace {
        period: Duration::from_millis(300),
        ..Pace::default()
    };
    let (viewer, address) = serve(pace).await;
    let mut stream = ask(address).await;
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 200");
    // This request is one of those that are answered.
    let alone = async {
        while viewer.metric("vessel_origin_inflight_requests").await > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, alone).await.expect("its answer is given up");
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.len() < 32 << 20, "{}", rest.len());
}

#[tokio::test]
async fn a_viewer_who_takes_it_all_gets_it_all() {
    let (_, address) = serve(Pace::default()).await;
    let mut stream = ask(address).await;
    let mut taken = 0;
    let mut buffer = vec![0; 1 << 20];
    while taken < 32 << 20 {
        taken += timeout(LONG, stream.read(&mut buffer))
            .await
            .unwrap()
            .unwrap();
    }
}

#[tokio::test]
async fn a_connection_goes_on_behind_a_head() {
    let (_, address) = serve(Pace::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let path = immutable(&segment(1));
    let ask = |method| format!("{method} {path} HTTP/1.1\r\nhost: o\r\n\r\n");
    stream.write_all(ask("HEAD").as_bytes()).await.unwrap();
    stream.write_all(ask("GET").as_bytes()).await.unwrap();
    let mut answers = Vec::new();
    while answers.len() < 10_000 || !answers.ends_with(&segment_bytes(10_000)) {
        let read = timeout(LONG, stream.read_buf(&mut answers)).await;
        assert!(read.unwrap().unwrap() > 0, "the connection ended");
    }
    let text = String::from_utf8_lossy(&answers);
    assert_eq!(text.matches("HTTP/1.1 200 OK\r\n").count(), 2);
    assert_eq!(text.matches("content-length: 10000\r\n").count(), 2);
}
