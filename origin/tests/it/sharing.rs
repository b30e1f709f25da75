//! Many viewers, one read of the bucket.
use crate::bucket::MemoryBucket;
use crate::library::{folder, immutable, prefix, segment, segment_bytes, stocked};
use crate::viewer::{Viewer, terms};
use futures::future::join_all;
use http::StatusCode;
use std::sync::Arc;

const STABLE: &str = "/v1/music/night-drive/adaptive/master.m3u8";

async fn await_waiting(viewer: &Viewer, count: u64) {
    while viewer.metric("vessel_origin_inflight_requests").await < count + 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn two_hundred_viewers_of_a_cold_segment_read_it_once() {
    let (viewer, bucket) = Viewer::new();
    let gate = bucket.hold();
    let path = immutable(&segment(1));
    let viewers = (0..200).map(|_| {
        let (viewer, path) = (viewer.clone(), path.clone());
        tokio::spawn(async move { viewer.get(&path).await })
    });
    let viewers: Vec<_> = viewers.collect();
    await_waiting(&viewer, 200).await;
    gate.add_permits(1000);
    for answer in join_all(viewers).await {
        assert_eq!(answer.unwrap().body, segment_bytes(10_000));
    }
    assert_eq!(bucket.reads(), 1);
    let result = |result| format!("vessel_origin_cache_requests_total{{result=\"{result}\"}}");
    assert_eq!(viewer.metric(&result("Miss")).await, 1);
    let shared = viewer.metric(&result("Hit")).await + viewer.metric(&result("Coalesced")).await;
    assert_eq!(shared, 199);
    assert_eq!(
        viewer
            .metric("vessel_origin_sent_bytes_total{kind=\"Segment\"}")
            .await,
        2_000_000
    );
}

#[tokio::test]
async fn a_stable_playlist_costs_three_reads_and_then_none() {
    let (viewer, bucket) = Viewer::new();
    assert_eq!(viewer.get(STABLE).await.status, StatusCode::OK);
    assert_eq!(bucket.reads(), 3, "name, pointer, master");
    assert_eq!(
        viewer
            .get("/v1/music/night-drive/adaptive/master.m3u8")
            .await
            .status,
        StatusCode::OK
    );
    let again = bucket.reads();
    assert!(again <= 5, "the master is not read again: {again}");
}

#[tokio::test]
async fn an_object_that_is_too_large_for_memory_passes_through() {
    let bucket = Arc::new(stocked());
    let large = segment_bytes(40_000);
    bucket.put(&prefix().object(folder(), &segment(3)), large.clone());
    let mut terms = terms();
    terms.cache_bytes = 64 << 10;
    let viewer = Viewer::of(bucket.clone(), terms);
    let path = immutable(&segment(3));
    assert_eq!(viewer.get(&path).await.body, large);
    let part = viewer
        .get_with(&path, &[("range", "bytes=39000-39999")])
        .await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.header("content-range"), "bytes 39000-39999/40000");
    assert_eq!(part.body, large[39_000..]);
    assert_eq!(
        viewer
            .metric("vessel_origin_cache_requests_total{result=\"Bypass\"}")
            .await,
        1
    );
}

#[tokio::test]
async fn memory_stays_within_its_budget() {
    let bucket = Arc::new(MemoryBucket::default());
    let mut terms = terms();
    terms.cache_bytes = 100_000;
    for number in 1..=60 {
        bucket.put(
            &prefix().object(folder(), &segment(number)),
            segment_bytes(8_000),
        );
    }
    let viewer = Viewer::of(bucket, terms);
    for number in 1..=60 {
        assert_eq!(
            viewer.get(&immutable(&segment(number))).await.status,
            StatusCode::OK
        );
    }
    let used = viewer.metric("vessel_origin_cache_bytes").await;
    assert!(used > 0 && used <= 100_000, "{used}");
    assert_eq!(
        viewer.metric("vessel_origin_cache_capacity_bytes").await,
        100_000
    );
}
