//! What goes with the media: by name, by execution, and missing.
use crate::bucket::MemoryBucket;
use crate::library::{folder, immutable, pointer, prefix, put_pointer, segment_bytes};
use crate::viewer::{Viewer, terms};
use http::{Method, StatusCode};
use std::sync::Arc;
use vessel_origin::path::relative_folder;
use vessel_origin::upstream::Fault;
use vessel_storage::path::ObjectPath;
use vessel_storage::pointer::PresentationKind;

const STABLE: &str = "/v1/music/night-drive/adaptive/";
const PAGE: &str = "/watch/music/night-drive";
const STORYBOARD: &str = "WEBVTT\n\n00:00:00.000 --> 00:00:05.000\n\
storyboard/00001.jpg#xywh=0,0,160,90\n\n00:00:05.000 --> 00:00:10.000\n\
storyboard/00001.jpg#xywh=160,0,160,90\n";
const PEAKS: &str =
    "{\"version\":1,\"samplesPerPeak\":480,\"sampleRateHertz\":48000,\"peaks\":[0,255]}";
const BRIEF: &str = "max-age=5, stale-while-revalidate=30";
const MISSING: &str = "vessel_origin_missing_segments_total";

fn adorn(bucket: &MemoryBucket) {
    for (path, content) in [
        (ObjectPath::Poster, segment_bytes(5_000)),
        (ObjectPath::Peaks, PEAKS.into()),
        (ObjectPath::Storyboard, STORYBOARD.into()),
        (ObjectPath::StoryboardSheet(1), segment_bytes(9_000)),
    ] {
        bucket.put(&prefix().object(folder(), &path), content);
    }
}

fn film(bucket: &MemoryBucket) {
    let mut film = pointer();
    film.renditions[0].kind = PresentationKind::Video;
    put_pointer(bucket, &film);
}

fn adorned() -> (Viewer, Arc<MemoryBucket>) {
    let (viewer, bucket) = Viewer::new();
    adorn(&bucket);
    (viewer, bucket)
}

#[tokio::test]
async fn a_picture_by_name_is_the_object_for_a_short_time() {
    let (viewer, _) = adorned();
    for (file, path, kind) in [
        ("poster.jpg", ObjectPath::Poster, "image/jpeg"),
        ("peaks.json", ObjectPath::Peaks, "application/json"),
    ] {
        let by_name = format!("{STABLE}{file}");
        let answer = viewer.get(&by_name).await;
        let own = viewer.get(&immutable(&path)).await;
        assert_eq!(answer.body, own.body, "{file}");
        assert_eq!(answer.header("content-type"), kind);
        assert_eq!(answer.header("cache-control"), BRIEF);
        assert!(own.header("cache-control").contains("immutable"));
        let tag = answer.header("etag");
        assert_eq!(tag, own.header("etag"));
        let known = viewer.get_with(&by_name, &[("if-none-match", tag)]).await;
        assert_eq!(known.status, StatusCode::NOT_MODIFIED);
        let head = viewer.ask(Method::HEAD, &by_name, &[]).await;
        assert_eq!(head.headers, answer.headers);
        let part = viewer.get_with(&by_name, &[("range", "bytes=0-9")]).await;
        assert_eq!(part.body, own.body[..10]);
    }
}

#[tokio::test]
async fn a_storyboard_by_name_leads_to_its_sheets() {
    let (viewer, _) = adorned();
    let by_name = format!("{STABLE}storyboard.vtt");
    let answer = viewer.get(&by_name).await;
    assert_eq!(answer.header("content-type"), "text/vtt");
    assert_eq!(answer.header("cache-control"), BRIEF);
    let moved = format!("\n{}storyboard/", relative_folder(folder()));
    assert_eq!(answer.text(), STORYBOARD.replace("\nstoryboard/", &moved));
    let base = url::Url::parse(&format!("http://cdn.example{by_name}")).unwrap();
    let first = answer.text().lines().nth(3).unwrap();
    let sheet = viewer.get(base.join(first).unwrap().path()).await;
    assert_eq!(sheet.body, segment_bytes(9_000));
    assert_eq!(sheet.header("content-type"), "image/jpeg");
    let own = viewer.get(&immutable(&ObjectPath::Storyboard)).await;
    assert_eq!(own.text(), STORYBOARD);
    let tag = [("if-none-match", answer.header("etag"))];
    let known = viewer.get_with(&by_name, &tag).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    assert_eq!(
        viewer
            .metric("vessel_origin_requests_total{code=\"2xx\",kind=\"Extra\"}")
            .await,
        3
    );
}

#[tokio::test]
async fn an_execution_may_be_without_them() {
    let (viewer, bucket) = Viewer::new();
    for file in ["poster.jpg", "peaks.json", "storyboard.vtt"] {
        let path = file.parse().unwrap();
        for path in [format!("{STABLE}{file}"), immutable(&path)] {
            let answer = viewer.get(&path).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
            assert_eq!(answer.header("cache-control"), "max-age=1");
        }
    }
    assert_eq!(viewer.metric(MISSING).await, 0);
    adorn(&bucket);
    let sheet = ObjectPath::StoryboardSheet(1);
    bucket.remove(&prefix().object(folder(), &sheet));
    let lost = viewer.get(&immutable(&sheet)).await;
    assert_eq!(lost.status, StatusCode::NOT_FOUND);
    assert_eq!(viewer.metric(MISSING).await, 1, "a sheet is not optional");
}

#[tokio::test]
async fn a_page_names_what_was_made_and_nothing_else() {
    let (viewer, bucket) = Viewer::new();
    let bare = viewer.get(PAGE).await;
    for file in ["poster.jpg", "peaks.json", "storyboard.vtt"] {
        assert!(!bare.text().contains(file), "{file}");
    }
    let looks = bucket.looks();
    viewer.get(PAGE).await;
    assert_eq!(bucket.looks(), looks, "what is not there is remembered");

    let (viewer, bucket) = adorned();
    let song = viewer.get(PAGE).await;
    for (file, there) in [
        ("poster.jpg", true),
        ("peaks.json", true),
        ("storyboard.vtt", false),
    ] {
        assert_eq!(song.text().contains(file), there, "{file} of a song");
    }
    film(&bucket);
    let viewer = Viewer::of(bucket, terms());
    let film = viewer.get(PAGE).await;
    for (file, there) in [
        ("poster.jpg", true),
        ("peaks.json", false),
        ("storyboard.vtt", true),
        ("manifest.mpd", true),
    ] {
        assert_eq!(film.text().contains(file), there, "{file} of a film");
    }
}

#[tokio::test]
async fn a_page_does_without_what_the_store_does_not_tell() {
    let (viewer, bucket) = adorned();
    viewer.get(&format!("{STABLE}master.m3u8")).await;
    bucket.fail(Some(Fault::Unavailable("down".to_owned())));
    let page = viewer.get(PAGE).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text().contains("poster.jpg"));
    bucket.fail(None);
    let page = viewer.get(PAGE).await;
    assert!(page.text().contains("poster.jpg"), "faults are forgotten");
}
