//! What plays changes, ends, or is nobody's business.
use crate::library::{folder, immutable, name, pointer, prefix, put_json, put_pointer, segment};
use crate::viewer::Viewer;
use http::StatusCode;
use vessel_crds::media_asset::Visibility;
use vessel_storage::path::ObjectPath;
use vessel_storage::pointer::{Name, PointerState};

const STABLE: &str = "/v1/music/night-drive/adaptive/master.m3u8";

#[tokio::test]
async fn a_withdrawn_asset_is_gone() {
    let (viewer, bucket) = Viewer::new();
    assert_eq!(viewer.get(STABLE).await.status, StatusCode::OK);
    let mut withdrawn = pointer();
    withdrawn.revision = 2;
    withdrawn.state = PointerState::Withdrawn;
    withdrawn.renditions.clear();
    put_pointer(&bucket, &withdrawn);
    let answer = viewer.await_status(STABLE, StatusCode::GONE).await;
    assert_eq!(answer.header("cache-control"), "max-age=60");
    assert!(answer.text().contains("withdrawn"));
    // Those who play it already go on until its storage is freed.
    assert_eq!(
        viewer.get(&immutable(&segment(1))).await.status,
        StatusCode::OK
    );
    bucket.remove(&prefix().object(folder(), &segment(2)));
    assert_eq!(
        viewer.get(&immutable(&segment(2))).await.status,
        StatusCode::GONE
    );
}

#[tokio::test]
async fn a_name_that_was_made_again_plays_the_new_asset() {
    let (viewer, bucket) = Viewer::new();
    assert_eq!(viewer.get(STABLE).await.status, StatusCode::OK);
    let mut other = pointer();
    other.asset_uid = "11111111-1111-4111-8111-111111111111".parse().unwrap();
    put_json(
        &bucket,
        &prefix().name("music", "night-drive"),
        &Name {
            revision: 2,
            asset_uid: other.asset_uid,
        },
    );
    other.state = PointerState::Withdrawn;
    put_pointer(&bucket, &other);
    viewer.await_status(STABLE, StatusCode::GONE).await;
}

#[tokio::test]
async fn an_asset_plays_within_a_second_of_its_publication() {
    let (viewer, bucket) = Viewer::new();
    let path = "/v1/music/later/adaptive/master.m3u8";
    assert_eq!(viewer.get(path).await.status, StatusCode::NOT_FOUND);
    put_json(&bucket, &prefix().name("music", "later"), &name());
    viewer.await_status(path, StatusCode::OK).await;
}

#[tokio::test]
async fn a_private_asset_is_refused_and_never_read() {
    let (viewer, bucket) = Viewer::new();
    let mut private = pointer();
    private.visibility = Visibility::Private;
    put_pointer(&bucket, &private);
    for path in [STABLE, "/watch/music/night-drive"] {
        let answer = viewer.get(path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert!(!answer.header("www-authenticate").is_empty(), "{path}");
        assert!(answer.text().contains("private"), "{path}");
    }
    assert_eq!(
        bucket.reads(),
        2,
        "its name and its pointer, and nothing below prv/"
    );
    assert_eq!(
        viewer
            .metric("vessel_origin_tokens_total{result=\"Missing\"}")
            .await,
        2
    );
}

#[tokio::test]
async fn a_profile_without_dash_has_no_manifest() {
    let (viewer, bucket) = Viewer::new();
    let mut hls_only = pointer();
    hls_only.renditions[0].dash = None;
    put_pointer(&bucket, &hls_only);
    let answer = viewer
        .get("/v1/music/night-drive/adaptive/manifest.mpd")
        .await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn manifests_and_verdicts_are_no_viewers_business() {
    let (viewer, bucket) = Viewer::new();
    for path in [ObjectPath::Manifest, ObjectPath::Verdict] {
        bucket.put(&prefix().object(folder(), &path), "{}");
        assert_eq!(
            viewer.get(&immutable(&path)).await.status,
            StatusCode::NOT_FOUND
        );
    }
    assert_eq!(bucket.reads(), 0);
}

#[tokio::test]
async fn a_lost_segment_of_a_live_asset_is_counted() {
    let (viewer, bucket) = Viewer::new();
    let series = "vessel_origin_missing_segments_total";
    let stranger = immutable(&segment(1)).replace("4000-8000", "4000-9000");
    assert_eq!(viewer.get(&stranger).await.status, StatusCode::NOT_FOUND);
    assert_eq!(viewer.metric(series).await, 0, "a made-up path is no loss");
    bucket.remove(&prefix().object(folder(), &segment(2)));
    assert_eq!(
        viewer.get(&immutable(&segment(2))).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(viewer.metric(series).await, 1);
}
