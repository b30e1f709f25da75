//! Films: what comes in, and which ladder comes out.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]
mod support;

use support::execution::{Execution, adaptive, media_folder};
use support::film::{described, frames};
use support::media::{make, net};
use vessel_crds::media::TrackKind;
use vessel_crds::reason::FailureReason;
use vessel_storage::manifest::Manifest;
use vessel_storage::pointer::PresentationKind;

/// What a source is made of, and which sizes of how many pictures come out.
struct Case {
    name: &'static str,
    arguments: &'static str,
    sizes: &'static [(&'static str, u32, u32)],
    /// Pictures of each rung.
    pictures: u64,
    /// Samples of sound that play; 0 where there is none.
    net: u64,
}

async fn commits(source: Vec<u8>) -> (Execution, Manifest) {
    let mut execution = Execution::of(source).await;
    execution.order.encoding = adaptive();
    execution.limits.memory_bytes = 2 << 30;
    let (manifest, _) = execution.commits().await;
    (execution, manifest)
}

async fn check(cases: &[Case]) {
    let folder = media_folder();
    for case in cases {
        let source = make(folder.path(), case.name, case.arguments);
        let (execution, manifest) = commits(source).await;
        assert_eq!(manifest.kind, PresentationKind::Video, "{}", case.name);
        let mut sizes = Vec::new();
        for rung in &manifest.rungs {
            let joined = execution.joined(rung);
            match rung.picture {
                None => assert_eq!(net(&joined), case.net, "{} {}", case.name, rung.rung),
                Some(picture) => {
                    let film = described(folder.path(), &joined);
                    let size = (picture.width_pixels, picture.height_pixels);
                    assert_eq!((film.width, film.height), size, "{}", case.name);
                    assert_eq!(film.pixel_format, "yuv420p", "{}", case.name);
                    assert_eq!(film.aspect, "1:1", "{}", case.name);
                    assert_eq!(
                        (film.transfer.as_str(), film.range.as_str()),
                        ("bt709", "tv")
                    );
                    assert_eq!(
                        frames(&joined),
                        case.pictures,
                        "{} {}",
                        case.name,
                        rung.rung
                    );
                    sizes.push((rung.rung.to_string(), size.0, size.1));
                }
            }
        }
        let expected: Vec<_> = case
            .sizes
            .iter()
            .map(|&(name, width, height)| (name.to_owned(), width, height))
            .collect();
        assert_eq!(sizes, expected, "{}", case.name);
        let sound = manifest.rungs.iter().any(|rung| rung.picture.is_none());
        assert_eq!(sound, case.net > 0, "{}", case.name);
    }
}

#[tokio::test]
async fn a_film_becomes_a_ladder_of_pictures_and_sound() {
    check(&[
        Case {
            name: "film.mp4",
            arguments: "-f lavfi -i testsrc2=s=1280x720:r=30000/1001:d=13 -f lavfi -i sine=440:r=48000:d=13 -ac 2 -c:v libx264 -preset ultrafast -c:a flac -strict -2",
            sizes: &[("video-360p", 640, 360), ("video-720p", 1280, 720)],
            pictures: 390,
            net: 624_000,
        },
    ])
    .await;
}

#[tokio::test]
async fn sizes_that_are_odd_turned_wide_or_tiny() {
    check(&[
        Case {
            name: "odd.mkv",
            arguments: "-f lavfi -i testsrc2=s=852x480:r=25:d=4 -vf scale=853:480,setsar=1,format=yuv444p -c:v libx264 -preset ultrafast -pix_fmt yuv444p",
            sizes: &[("video-360p", 640, 360), ("video-720p", 854, 480)],
            pictures: 100,
            net: 0,
        },
        Case {
            name: "scope.mp4",
            arguments: "-f lavfi -i testsrc2=s=1920x804:r=24:d=2 -c:v libx264 -preset ultrafast",
            sizes: &[("video-360p", 640, 268), ("video-720p", 1280, 536), ("video-1080p", 1920, 804)],
            pictures: 48,
            net: 0,
        },
        Case {
            name: "tiny.mp4",
            arguments: "-f lavfi -i testsrc2=s=64x36:r=25:d=2 -c:v libx264 -preset ultrafast",
            sizes: &[("video-360p", 64, 36)],
            pictures: 50,
            net: 0,
        },
    ])
    .await;
    let folder = media_folder();
    make(
        folder.path(),
        "flat.mp4",
        "-f lavfi -i testsrc2=s=640x360:r=25:d=2 -c:v libx264 -preset ultrafast",
    );
    let turned = make(
        folder.path(),
        "turned.mp4",
        "-display_rotation 90 -i flat.mp4 -c copy",
    );
    let (_, manifest) = commits(turned).await;
    let picture = manifest.rungs[0].picture.unwrap();
    assert_eq!((picture.width_pixels, picture.height_pixels), (360, 640));
}

#[tokio::test]
async fn rates_become_constant_and_no_higher_than_sixty() {
    check(&[
        Case {
            name: "fast.mp4",
            arguments: "-f lavfi -i testsrc2=s=320x180:r=120:d=3 -c:v libx264 -preset ultrafast",
            sizes: &[("video-360p", 320, 180)],
            pictures: 180,
            net: 0,
        },
        Case {
            name: "interlaced.ts",
            arguments: "-f lavfi -i testsrc2=s=720x576:r=50:d=6 -vf tinterlace=interleave_top,setsar=16/15 -c:v mpeg2video -flags +ilme+ildct -b:v 4M",
            sizes: &[("video-360p", 480, 360), ("video-720p", 768, 576)],
            pictures: 150,
            net: 0,
        },
    ])
    .await;
}

#[tokio::test]
async fn the_shorter_one_of_sound_and_pictures_goes_on() {
    check(&[
        Case {
            name: "shortfilm.mp4",
            arguments: "-f lavfi -i testsrc2=s=320x180:r=25:d=4 -f lavfi -i sine=440:r=48000:d=10 -ac 2 -c:v libx264 -preset ultrafast -c:a flac -strict -2",
            sizes: &[("video-360p", 320, 180)],
            pictures: 250,
            net: 480_000,
        },
        Case {
            name: "shortsound.mp4",
            arguments: "-f lavfi -i testsrc2=s=320x180:r=25:d=10 -f lavfi -i sine=440:r=48000:d=4 -ac 2 -c:v libx264 -preset ultrafast -c:a flac -strict -2",
            sizes: &[("video-360p", 320, 180)],
            pictures: 250,
            net: 480_000,
        },
    ])
    .await;
}

#[tokio::test]
async fn a_poster_and_a_storyboard_come_with_a_film() {
    let folder = media_folder();
    let source = make(
        folder.path(),
        "film.mp4",
        "-f lavfi -i testsrc2=s=1280x720:r=25:d=13 -c:v libx264 -preset ultrafast",
    );
    let (execution, manifest) = commits(source).await;
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

#[tokio::test]
async fn high_dynamic_range_becomes_a_sensible_ordinary_picture() {
    check(&[Case {
        name: "hdr.mp4",
        arguments: "-f lavfi -i testsrc2=s=640x360:r=25:d=2 -c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -x265-params log-level=none:hdr10=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc",
        sizes: &[("video-360p", 640, 360)],
        pictures: 50,
        net: 0,
    }])
    .await;
}

#[tokio::test]
async fn subtitles_are_reported_and_left_out() {
    let folder = media_folder();
    std::fs::write(
        folder.path().join("s.srt"),
        "1\n00:00:00,000 --> 00:00:01,000\nHi\n",
    )
    .unwrap();
    let source = make(
        folder.path(),
        "subtitled.mkv",
        "-f lavfi -i testsrc2=s=320x180:r=25:d=2 -i s.srt -map 0 -map 1 -c:v libx264 -preset ultrafast -c:s srt",
    );
    let (_, manifest) = commits(source).await;
    let tracks = &manifest.media.tracks;
    assert!(tracks.iter().any(|track| track.kind == TrackKind::Subtitle));
    assert_eq!(tracks[0].frame_rate_millihertz, Some(25_000));
}

#[tokio::test]
async fn a_picture_too_large_to_decode_is_refused_before_it_is() {
    let folder = media_folder();
    let source = make(
        folder.path(),
        "huge.mp4",
        "-f lavfi -i color=red:s=8192x8192:r=1:d=1 -c:v libx264 -preset ultrafast",
    );
    let mut execution = Execution::of(source).await;
    execution.order.encoding = adaptive();
    execution.limits.memory_bytes = 2 << 30;
    let message = execution.fails(FailureReason::LimitExceeded).await;
    assert!(message.contains("8192"), "{message}");
}
