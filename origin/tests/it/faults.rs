//! A store that fails: clear answers that nobody keeps, and no lasting harm.
use crate::library::{folder, immutable, prefix, segment};
use crate::viewer::Viewer;
use http::StatusCode;
use vessel_origin::upstream::Fault;
use vessel_storage::path::ObjectPath;

const STABLE: &str = "/v1/music/night-drive/adaptive/master.m3u8";

#[tokio::test]
async fn a_failing_store_is_told_and_not_kept() {
    for (fault, status) in [
        (
            Fault::Unavailable("connection refused".to_owned()),
            StatusCode::SERVICE_UNAVAILABLE,
        ),
        (
            Fault::Refused("403 AccessDenied".to_owned()),
            StatusCode::BAD_GATEWAY,
        ),
        (
            Fault::Damaged("no length".to_owned()),
            StatusCode::BAD_GATEWAY,
        ),
    ] {
        let (viewer, bucket) = Viewer::new();
        bucket.fail(Some(fault.clone()));
        for path in [STABLE, &immutable(&segment(1)), "/watch/music/night-drive"] {
            let answer = viewer.get(path).await;
            assert_eq!(answer.status, status, "{path} {fault}");
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
            assert!(
                !answer.text().contains("AccessDenied"),
                "details stay in the log"
            );
        }
        bucket.fail(None);
        assert_eq!(
            viewer.get(STABLE).await.status,
            StatusCode::OK,
            "faults are not remembered"
        );
        assert_eq!(
            viewer.get(&immutable(&segment(1))).await.status,
            StatusCode::OK
        );
    }
}

#[tokio::test]
async fn hot_segments_outlive_the_store() {
    let (viewer, bucket) = Viewer::new();
    let path = immutable(&segment(1));
    let cold = viewer.get(&path).await;
    bucket.fail(Some(Fault::Unavailable("down".to_owned())));
    let hot = viewer.get(&path).await;
    assert_eq!(hot.status, StatusCode::OK);
    assert_eq!(hot.body, cold.body);
}

#[tokio::test]
async fn a_damaged_document_is_a_bad_gateway() {
    let (viewer, bucket) = Viewer::new();
    bucket.put(&prefix().pointer(folder().job.asset), "{\"revision\":");
    assert_eq!(viewer.get(STABLE).await.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn a_damaged_playlist_is_a_bad_gateway() {
    let (viewer, bucket) = Viewer::new();
    bucket.put(&prefix().object(folder(), &ObjectPath::Master), "<html>");
    assert_eq!(viewer.get(STABLE).await.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn ready_once_the_store_has_answered() {
    let (viewer, bucket) = Viewer::new();
    let answer = viewer.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.text(), "starting\n");
    assert_eq!(viewer.get("/healthz").await.status, StatusCode::OK);
    bucket.fail(Some(Fault::Refused("403 InvalidAccessKeyId".to_owned())));
    let waiting = tokio::spawn({
        let viewer = viewer.clone();
        async move { viewer.readiness.await_store(&viewer.origin).await }
    });
    while !viewer
        .get("/readyz")
        .await
        .text()
        .contains("InvalidAccessKeyId")
    {
        tokio::task::yield_now().await;
    }
    bucket.fail(None);
    waiting.await.unwrap();
    assert_eq!(viewer.get("/readyz").await.status, StatusCode::OK);
    bucket.fail(Some(Fault::Unavailable("down".to_owned())));
    assert_eq!(
        viewer.get("/readyz").await.status,
        StatusCode::OK,
        "hot segments go on"
    );
    viewer.readiness.retire();
    assert_eq!(viewer.get("/readyz").await.text(), "shutting down\n");
}

#[tokio::test]
async fn a_store_that_answers_while_the_origin_ends_calls_nobody_back() {
    let (viewer, bucket) = Viewer::new();
    bucket.fail(Some(Fault::Unavailable("down".to_owned())));
    let waiting = tokio::spawn({
        let viewer = viewer.clone();
        async move { viewer.readiness.await_store(&viewer.origin).await }
    });
    while !viewer.get("/readyz").await.text().contains("down") {
        tokio::task::yield_now().await;
    }
    viewer.readiness.retire();
    bucket.fail(None);
    waiting.await.unwrap();
    let answer = viewer.get("/readyz").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.text(), "shutting down\n");
}

#[tokio::test]
async fn it_reads_what_plays_and_nothing_else() {
    let (viewer, bucket) = Viewer::new();
    let folders = ["pub/", "ptr/", "names/"];
    bucket.allow_only(&folders.map(|folder| format!("{}{folder}", prefix().as_str())));
    viewer.readiness.await_store(&viewer.origin).await;
    let nobody = "/v1/music/nobody/adaptive/master.m3u8";
    assert_eq!(viewer.get(nobody).await.status, StatusCode::NOT_FOUND);
    for path in [STABLE, &immutable(&segment(1)), "/watch/music/night-drive"] {
        assert_eq!(viewer.get(path).await.status, StatusCode::OK, "{path}");
    }
}
