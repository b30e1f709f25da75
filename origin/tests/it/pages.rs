//! The watch page and what it loads.
use crate::library::{pointer, put_pointer};
use crate::viewer::Viewer;
use http::StatusCode;
use vessel_storage::pointer::PresentationKind;

const PAGE: &str = "/watch/music/night-drive";

#[tokio::test]
async fn a_page_names_what_plays_as_text() {
    let (viewer, _) = Viewer::new();
    let page = viewer.get(PAGE).await;
    assert_eq!(page.status, StatusCode::OK);
    let text = page.text();
    assert!(
        text.contains("Night &#60;Drive&#62; &#38; &#34;more&#34;"),
        "{text}"
    );
    assert!(!text.contains("<Drive>"));
    for part in [
        ">Ada</p>",
        ">3:24</span>",
        "<audio id=\"media\"",
        "data-source=\"../../v1/music/night-drive/adaptive/master.m3u8\"",
        "id=\"quality\"",
    ] {
        assert!(text.contains(part), "{part}");
    }
}

#[tokio::test]
async fn a_page_with_pictures_has_a_video() {
    let (viewer, bucket) = Viewer::new();
    let mut video = pointer();
    video.renditions[0].kind = PresentationKind::Video;
    put_pointer(&bucket, &video);
    assert!(
        viewer
            .get(PAGE)
            .await
            .text()
            .contains("<video id=\"media\"")
    );
}

#[tokio::test]
async fn a_page_loads_only_what_is_ours() {
    let (viewer, _) = Viewer::new();
    for path in [PAGE, "/watch/music/nobody"] {
        let page = viewer.get(path).await;
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert!(!page.text().contains("http"), "{path} names another host");
        assert!(
            !page.text().contains(" style="),
            "{path} has a style that the policy forbids"
        );
    }
}

#[tokio::test]
async fn what_a_page_mentions_is_there_for_ever() {
    let (viewer, _) = Viewer::new();
    let page = viewer.get(PAGE).await;
    let files = page
        .text()
        .split('"')
        .filter_map(|part| part.strip_prefix("../.."));
    let files: Vec<&str> = files.filter(|path| path.starts_with("/assets/")).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in files {
        let answer = viewer.get(file).await;
        assert_eq!(answer.status, StatusCode::OK, "{file}");
        assert_eq!(
            answer.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
        let tag = answer.header("etag");
        let again = viewer.get_with(file, &[("if-none-match", tag)]).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{file}");
        let packed = viewer.get_with(file, &[("accept-encoding", "gzip")]).await;
        assert_eq!(packed.header("content-encoding"), "gzip", "{file}");
        assert!(packed.body.len() < answer.body.len(), "{file}");
    }
}

#[tokio::test]
async fn what_is_not_there_has_a_page_too() {
    let (viewer, _) = Viewer::new();
    for path in [
        "/watch/music/nobody",
        "/watch/MUSIC/night-drive",
        "/watch/a%2Fb/c",
    ] {
        let page = viewer.get(path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert!(
            page.header("content-type").starts_with("text/html"),
            "{path}"
        );
        assert!(page.text().contains("Nothing here"), "{path}");
    }
}

#[tokio::test]
async fn pages_and_probes_are_counted_apart_from_media() {
    let (viewer, _) = Viewer::new();
    viewer.get(PAGE).await;
    viewer.get("/healthz").await;
    viewer
        .get("/v1/music/night-drive/adaptive/master.m3u8")
        .await;
    let series = |kind| format!("vessel_origin_requests_total{{code=\"2xx\",kind=\"{kind}\"}}");
    assert_eq!(viewer.metric(&series("Page")).await, 1);
    assert_eq!(viewer.metric(&series("Master")).await, 1);
    assert_eq!(
        viewer
            .metric("vessel_origin_first_byte_seconds_count{kind=\"Master\"}")
            .await,
        1
    );
    assert_eq!(
        viewer
            .metric("vessel_build_info{revision=\"test\",version=\"0.0\"}")
            .await,
        1
    );
}
