//! One table a kind of answer: what a cache, a player and a browser are told.
use crate::library::{MASTER, MPD, PLAYLIST, folder, immutable, segment, segment_bytes};
use crate::viewer::{Answer, Viewer};
use http::{Method, StatusCode};
use std::io::Read;
use vessel_origin::path::relative_folder;
use vessel_storage::path::{ObjectPath, Rung};

const STABLE: &str = "/v1/music/night-drive/adaptive/master.m3u8";
const STABLE_MPD: &str = "/v1/music/night-drive/adaptive/manifest.mpd";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const BRIEF: &str = "max-age=5, stale-while-revalidate=30";

fn check(path: &str, answer: &Answer, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(answer.header(name), *value, "{name} of {path}");
    }
}

#[tokio::test]
async fn what_every_kind_says() {
    let (viewer, _) = Viewer::new();
    let playlist = immutable(&ObjectPath::Playlist(Rung::audio(128)));
    let init = immutable(&ObjectPath::Init(Rung::audio(128)));
    for (path, kind, caching, ranges, vary) in [
        (
            STABLE,
            "application/vnd.apple.mpegurl",
            BRIEF,
            "none",
            "accept-encoding",
        ),
        (
            STABLE_MPD,
            "application/dash+xml",
            BRIEF,
            "none",
            "accept-encoding",
        ),
        (
            &playlist,
            "application/vnd.apple.mpegurl",
            IMMUTABLE,
            "none",
            "accept-encoding",
        ),
        (&init, "audio/mp4", IMMUTABLE, "bytes", ""),
        (&immutable(&segment(1)), "audio/mp4", IMMUTABLE, "bytes", ""),
    ] {
        let answer = viewer.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        check(
            path,
            &answer,
            &[
                ("content-type", kind),
                ("cache-control", caching),
                ("accept-ranges", ranges),
                ("vary", vary),
                ("content-length", &answer.body.len().to_string()),
                ("x-content-type-options", "nosniff"),
                ("timing-allow-origin", "*"),
                ("access-control-allow-origin", "*"),
                (
                    "access-control-expose-headers",
                    "content-length,content-range,etag,date",
                ),
            ],
        );
        assert!(
            answer.header("etag").starts_with('"'),
            "{path}: a strong tag"
        );
    }
}

#[tokio::test]
async fn what_is_wrong_says_how_long() {
    let (viewer, _) = Viewer::new();
    for (path, status, caching) in [
        ("/v1/music/nobody/adaptive/master.m3u8", 404, "max-age=1"),
        ("/v1/music/night-drive/other/master.m3u8", 404, "max-age=1"),
        (
            "/v1/music/../night-drive/adaptive/master.m3u8",
            404,
            "max-age=1",
        ),
        (&immutable(&segment(9)), 404, "max-age=1"),
        ("/v2/", 404, "max-age=1"),
        ("/", 404, "max-age=1"),
    ] {
        let answer = viewer.get(path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        check(
            path,
            &answer,
            &[
                ("cache-control", caching),
                ("x-content-type-options", "nosniff"),
            ],
        );
        assert!(answer.text().contains("Nothing plays"), "{path}");
    }
}

#[tokio::test]
async fn a_stable_playlist_leads_to_its_execution() {
    let (viewer, _) = Viewer::new();
    let answer = viewer.get(STABLE).await;
    let base = url::Url::parse(&format!("http://cdn.example/tenant{STABLE}")).unwrap();
    let mut uris = answer.text().lines().filter(|line| !line.starts_with('#'));
    let first = base.join(uris.next().unwrap()).unwrap();
    let path = immutable(&ObjectPath::Playlist(Rung::audio(128)));
    assert_eq!(first.path(), format!("/tenant{path}"));
    assert_eq!(viewer.get(&path).await.text(), PLAYLIST);
    assert_eq!(answer.text().lines().count(), MASTER.lines().count());

    let mpd = viewer.get(STABLE_MPD).await;
    let base = format!("<BaseURL>{}</BaseURL>", relative_folder(folder()));
    assert_eq!(
        mpd.text(),
        MPD.replace("<Period/>", &format!("{base}<Period/>"))
    );
}

#[tokio::test]
async fn ranges_of_a_segment() {
    let (viewer, _) = Viewer::new();
    let path = immutable(&segment(1));
    let whole = segment_bytes(10_000);
    // Cold, arriving, and hot answer alike.
    for (range, status, part, content_range) in [
        ("bytes=0-99", 206, 0..100, "bytes 0-99/10000"),
        ("bytes=9990-", 206, 9990..10_000, "bytes 9990-9999/10000"),
        ("bytes=-10", 206, 9990..10_000, "bytes 9990-9999/10000"),
        ("bytes=0-0", 206, 0..1, "bytes 0-0/10000"),
        ("bytes=0-99999", 206, 0..10_000, "bytes 0-9999/10000"),
        ("bytes=0-1,4-5", 200, 0..10_000, ""),
        ("bytes=x", 200, 0..10_000, ""),
    ] {
        let answer = viewer.get_with(&path, &[("range", range)]).await;
        assert_eq!(answer.status.as_u16(), status, "{range}");
        assert_eq!(answer.body, whole[part], "{range}");
        check(
            range,
            &answer,
            &[
                ("content-range", content_range),
                ("content-length", &answer.body.len().to_string()),
                ("cache-control", IMMUTABLE),
            ],
        );
    }
    let answer = viewer.get_with(&path, &[("range", "bytes=10000-")]).await;
    assert_eq!(answer.status, StatusCode::RANGE_NOT_SATISFIABLE);
    check(
        "416",
        &answer,
        &[
            ("content-range", "bytes */10000"),
            ("cache-control", "no-store"),
        ],
    );
}

#[tokio::test]
async fn a_range_of_another_version_is_the_whole() {
    let (viewer, _) = Viewer::new();
    let path = immutable(&segment(1));
    let tag = viewer.get(&path).await.header("etag").to_owned();
    for (condition, status) in [(tag.as_str(), 206), ("\"other\"", 200)] {
        let headers = [("range", "bytes=0-9"), ("if-range", condition)];
        let answer = viewer.get_with(&path, &headers).await;
        assert_eq!(answer.status.as_u16(), status, "{condition}");
    }
}

#[tokio::test]
async fn a_playlist_has_no_ranges() {
    let (viewer, _) = Viewer::new();
    let path = immutable(&ObjectPath::Playlist(Rung::audio(128)));
    for path in [STABLE, &path] {
        let answer = viewer.get_with(path, &[("range", "bytes=0-9")]).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_known_version_is_not_sent_again() {
    let (viewer, _) = Viewer::new();
    for path in [
        STABLE,
        STABLE_MPD,
        &immutable(&segment(1)),
        &immutable(&ObjectPath::Master),
    ] {
        let first = viewer.get(path).await;
        let tag = first.header("etag");
        for condition in [tag, "*", &format!("\"x\", W/{tag}")] {
            let answer = viewer.get_with(path, &[("if-none-match", condition)]).await;
            assert_eq!(
                answer.status,
                StatusCode::NOT_MODIFIED,
                "{path} {condition}"
            );
            assert!(answer.body.is_empty());
            check(
                path,
                &answer,
                &[
                    ("etag", tag),
                    ("cache-control", first.header("cache-control")),
                ],
            );
        }
        let answer = viewer.get_with(path, &[("if-none-match", "\"x\"")]).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let (viewer, _) = Viewer::new();
    for path in [
        STABLE,
        &immutable(&segment(1)),
        "/v1/music/nobody/adaptive/master.m3u8",
    ] {
        let get = viewer.get(path).await;
        let head = viewer.ask(Method::HEAD, path, &[]).await;
        assert!(head.body.is_empty(), "{path}");
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.headers, get.headers, "{path}");
    }
}

#[tokio::test]
async fn text_is_packed_for_those_who_take_it() {
    let (viewer, _) = Viewer::new();
    let playlist = immutable(&ObjectPath::Playlist(Rung::audio(128)));
    for path in [STABLE, &playlist] {
        let plain = viewer.get(path).await;
        let packed = viewer
            .get_with(path, &[("accept-encoding", "gzip, br")])
            .await;
        check(
            path,
            &packed,
            &[("content-encoding", "gzip"), ("vary", "accept-encoding")],
        );
        assert_ne!(
            plain.header("etag"),
            packed.header("etag"),
            "{path}: another body, another tag"
        );
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed.body[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, plain.text(), "{path}");
    }
    let segment = viewer
        .get_with(&immutable(&segment(1)), &[("accept-encoding", "gzip")])
        .await;
    check("a segment", &segment, &[("content-encoding", "")]);
}

#[tokio::test]
async fn a_page_elsewhere_may_play() {
    let (viewer, _) = Viewer::new();
    let asked = [
        ("origin", "https://player.example"),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "range"),
    ];
    for path in [STABLE, &immutable(&segment(1))] {
        let answer = viewer.ask(Method::OPTIONS, path, &asked).await;
        assert!(answer.status.is_success(), "{path}");
        check(
            path,
            &answer,
            &[
                ("access-control-allow-origin", "*"),
                ("access-control-allow-methods", "GET,HEAD,OPTIONS"),
                (
                    "access-control-allow-headers",
                    "range,if-range,cmcd-object,cmcd-request,cmcd-session,cmcd-status",
                ),
                ("access-control-max-age", "86400"),
                ("access-control-allow-credentials", ""),
            ],
        );
    }
}

#[tokio::test]
async fn nothing_can_be_written() {
    let (viewer, _) = Viewer::new();
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
        let answer = viewer.ask(method.clone(), STABLE, &[]).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        check(
            "405",
            &answer,
            &[("cache-control", "no-store"), ("allow", "GET,HEAD")],
        );
    }
}

#[tokio::test]
async fn a_query_changes_nothing() {
    let (viewer, _) = Viewer::new();
    let plain = viewer.get(STABLE).await;
    let queried = viewer.get(&format!("{STABLE}?_HLS_msn=3&x=../..")).await;
    assert_eq!(plain.body, queried.body);
    assert_eq!(plain.headers, queried.headers);
}
