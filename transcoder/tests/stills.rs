//! The pictures beside a film.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]
mod support;

use support::execution::{Execution, adaptive, media_folder};
use support::film::described;
use support::media::make;

#[tokio::test]
async fn a_poster_and_a_storyboard_come_with_a_film() {
    let folder = media_folder();
    let source = make(
        folder.path(),
        "film.mp4",
        "-f lavfi -i testsrc2=s=1280x720:r=25:d=13 -c:v libx264 -preset ultrafast",
    );
    let mut execution = Execution::of(source).await;
    execution.order.encoding = adaptive();
    execution.limits.memory_bytes = 2 << 30;
    let (manifest, _) = execution.commits().await;
    let poster = execution.stub.object("poster.jpg").unwrap();
    let poster = described(folder.path(), &poster);
    assert_eq!((poster.width, poster.height), (1280, 720));
    let sheet = execution.stub.object("storyboard/00001.jpg").unwrap();
    let sheet = described(folder.path(), &sheet);
    assert_eq!((sheet.width, sheet.height), (160 * 7, 90));
    let index = execution.stub.object("storyboard.vtt").unwrap();
    let index = String::from_utf8(index.to_vec()).unwrap();
    assert!(
        index.starts_with(
            "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nstoryboard/00001.jpg#xywh=0,0,160,90\n"
        ),
        "{index}"
    );
    assert!(
        index.ends_with("00:00:12.000 --> 00:00:13.000\nstoryboard/00001.jpg#xywh=960,0,160,90\n"),
        "{index}"
    );
    let listed = |path: &str| {
        manifest
            .objects
            .iter()
            .any(|object| object.path.to_string() == path)
    };
    assert!(listed("poster.jpg") && listed("storyboard.vtt") && listed("storyboard/00001.jpg"));
}
