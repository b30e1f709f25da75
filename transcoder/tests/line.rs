//! From a granted source to a commit, with real ffmpeg.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]
mod support;

use support::execution::{Execution, encoding, media_folder};
use support::media::{TONE, decoded, make, net};
use vessel_crds::encoding::Container;
use vessel_storage::digest::Sha256;
use vessel_storage::verdict::Stage;

#[tokio::test]
async fn a_flac_becomes_a_ladder_that_plays_to_the_sample() {
    let folder = media_folder();
    let source = make(folder.path(), "tone.flac", TONE);
    let execution = Execution::of(source.clone()).await;
    let (manifest, verdict) = execution.commits().await;

    assert_eq!(manifest.source.sha256, Sha256::of(&source));
    assert_eq!(manifest.rungs.len(), 4);
    assert_eq!(manifest.media.duration_millis, Some(10_000));
    assert!(
        manifest.tools.ffmpeg.starts_with('7'),
        "{}",
        manifest.tools.ffmpeg
    );
    for object in &manifest.objects {
        let bytes = execution.stub.object(&object.path.to_string()).unwrap();
        assert_eq!(
            (bytes.len() as u64, Sha256::of(&bytes)),
            (object.bytes, object.sha256)
        );
    }
    let out = execution.unpacked();
    for rung in &manifest.rungs {
        assert_eq!((rung.segments, rung.duration_millis), (2, 10_000));
        assert_eq!(net(&execution.joined(rung)), 480_000, "{}", rung.rung);
        // A player that reads playlists may play the last frame to its end.
        let played = decoded(&out.join(rung.rung.as_str()).join("playlist.m3u8"), 2);
        assert!(
            (960_000..960_000 + 2048).contains(&played.len()),
            "{}",
            rung.rung
        );
    }
    // ffmpeg's reader of DASH leaves out a frame where its reader of HLS plays one too many.
    let played = decoded(&out.join("manifest.mpd"), 2).len();
    assert!(
        (960_000 - 2048..960_000 + 2048).contains(&played),
        "{played}"
    );
    assert_eq!(
        verdict
            .stages
            .iter()
            .map(|time| time.stage)
            .collect::<Vec<_>>(),
        Stage::ALL
    );
    assert!(verdict.cost.cpu_millis > 0 && verdict.cost.bytes_read == source.len() as u64);
}

#[tokio::test]
async fn the_same_ladder_as_a_transport_stream() {
    let folder = media_folder();
    let source = make(
        folder.path(),
        "tone.flac",
        "-f lavfi -i sine=440:r=48000:d=45 -ac 2",
    );
    let mut execution = Execution::of(source).await;
    execution.order.encoding = encoding(&[64, 128], Container::MpegTs);
    let (manifest, _) = execution.commits().await;
    let out = execution.unpacked();
    for rung in &manifest.rungs {
        let samples = decoded(&out.join(rung.rung.as_str()).join("playlist.m3u8"), 2);
        // All frames play: 2,111 of them, the priming included.
        assert_eq!(samples.len(), 2111 * 1024 * 2, "{}", rung.rung);
        assert_eq!(rung.segments, 8);
    }
    assert!(
        !manifest
            .objects
            .iter()
            .any(|object| object.path.to_string().ends_with("init.mp4"))
    );
}

#[tokio::test]
async fn a_stream_that_changes_in_the_middle_stays_regular() {
    let folder = media_folder();
    let part = |name: &str, rate: u32, channels: u32| {
        let arguments =
            format!("-f lavfi -i sine=440:r={rate}:d=4 -ac {channels} -c:a mp2 -f mpegts");
        make(folder.path(), name, &arguments)
    };
    let source = [part("a.ts", 48_000, 2), part("b.ts", 44_100, 1)].concat();
    let mut execution = Execution::of(source).await;
    execution.order.encoding = encoding(&[64, 128], Container::FragmentedMp4);
    let (manifest, _) = execution.commits().await;
    assert!(manifest.rungs[0].duration_millis >= 4000);
}
