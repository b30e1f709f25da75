//! What comes out, held against programs that share no code with what makes it: see
//! `tests/judges`.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]
mod support;

use serde_json::{Value, json};
use std::path::Path;
use support::execution::{Execution, adaptive, encoding, media_folder};
use support::media::{TONE, make};
use tokio::process::Command;
use vessel_crds::encoding::{Container, Encoding};

/// A short clip, of which the last segment is a part of one.
const PICTURES: &str = "-f lavfi -i testsrc2=s=1280x720:r=30000/1001:d=8.5 -c:v libx264 \
    -preset ultrafast";

/// What the transcoder makes of a source.
async fn made(encoding: Encoding, name: &str, arguments: &str) -> Execution {
    let folder = media_folder();
    let mut execution = Execution::of(make(folder.path(), name, arguments)).await;
    execution.order.encoding = encoding;
    execution.limits.memory_bytes = 2 << 30;
    execution.commits().await;
    execution
}

/// What the judges find in it; they may have no complaint.
async fn judged(encoding: Encoding, name: &str, arguments: &str) -> Value {
    let execution = made(encoding, name, arguments).await;
    judge(&execution.unpacked())
        .await
        .unwrap_or_else(|complaints| panic!("{name}: {complaints}"))
}

/// What the judges find in a folder, or what they complain of.
async fn judge(folder: &Path) -> Result<Value, String> {
    let judges = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/judges/run");
    let run = Command::new(judges).arg(folder).output().await.unwrap();
    if run.status.success() {
        Ok(serde_json::from_slice(&run.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&run.stderr).into_owned())
    }
}

#[tokio::test]
async fn a_song_is_what_its_playlists_say() {
    let ladder = encoding(&[64, 128], Container::FragmentedMp4);
    let found = judged(ladder, "tone.flac", TONE).await;
    assert_eq!(found["hls"], json!(["audio-128k", "audio-64k"]), "{found}");
    assert_eq!(found["dash"], json!(["audio-128k", "audio-64k"]), "{found}");
    for rung in ["audio-64k", "audio-128k"] {
        assert_eq!(found["mp4"][rung]["codec"], "mp4a.40.2", "{found}");
        assert_eq!(found["mp4"][rung]["seconds"], 10.0, "{found}");
    }
}

#[tokio::test]
async fn a_film_is_what_its_playlists_say() {
    let source = format!("-f lavfi -i sine=440:r=48000:d=8.5 {PICTURES} -c:a aac -ac 2");
    let found = judged(adaptive(), "film.mp4", &source).await;
    let rungs = json!(["audio-128k", "audio-64k", "video-360p", "video-720p"]);
    assert_eq!(found["hls"], rungs, "{found}");
    for (rung, size) in [("video-360p", "640x360"), ("video-720p", "1280x720")] {
        assert_eq!(found["mp4"][rung]["samples"], 255, "{found}");
        assert_eq!(found["mp4"][rung]["size"], size, "{found}");
    }
}

#[tokio::test]
async fn a_silent_film_is_what_its_playlists_say() {
    let found = judged(adaptive(), "silent.mp4", PICTURES).await;
    let rungs = json!(["video-360p", "video-720p"]);
    assert_eq!((&found["hls"], &found["dash"]), (&rungs, &rungs), "{found}");
}

#[tokio::test]
async fn a_transport_stream_is_one() {
    let ladder = encoding(&[64, 128], Container::MpegTs);
    let found = judged(ladder, "tone.flac", TONE).await;
    assert_eq!(found["hls"], json!(["audio-128k", "audio-64k"]), "{found}");
    for rung in ["audio-64k", "audio-128k"] {
        assert_eq!(found["ts"][rung]["frames"], 470, "{found}");
    }
}

/// Of a file, what is replaced by what, and a word of the complaint that it has to cause.
type Fault = (&'static str, &'static str, &'static str, &'static str);

const FAULTS: [Fault; 16] = [
    (
        "master.m3u8",
        "AGE-BANDWIDTH=",
        "AGE-BANDWIDTH=1",
        "AVERAGE-BANDWIDTH",
    ),
    ("master.m3u8", ":BANDWIDTH=", ":BANDWIDTH=1", ": BANDWIDTH"),
    ("master.m3u8", "=\"avc1.64", "=\"avc1.4d", "CODECS"),
    ("master.m3u8", "=320x180", "=320x182", "RESOLUTION"),
    ("master.m3u8", "RATE=25", "RATE=24", "FRAME-RATE"),
    (
        "master.m3u8",
        ",AUDIO=\"audio-64k\"",
        ",AUDIO=\"audio-65k\"",
        "no group",
    ),
    (
        "master.m3u8",
        "#EXT-X-INDEPENDENT-SEGMENTS\n",
        "",
        "depend on each other",
    ),
    (
        "video-360p/playlist.m3u8",
        "DURATION:6",
        "DURATION:7",
        "target duration",
    ),
    (
        "video-360p/playlist.m3u8",
        "#EXTINF:6,",
        "#EXTINF:6.1,",
        "EXTINF",
    ),
    (
        "video-360p/playlist.m3u8",
        "#EXT-X-ENDLIST\n",
        "",
        "EXT-X-ENDLIST",
    ),
    (
        "manifest.mpd",
        "</Period>",
        "</Period><BaseURL>./</BaseURL>",
        "not expected",
    ),
    ("manifest.mpd", " codecs=", " codec=", "not allowed"),
    (
        "manifest.mpd",
        " startNumber=\"1\"",
        " startNumber=\"2\"",
        "segment",
    ),
    ("manifest.mpd", "<S t=\"0\"", "<S t=\"1\"", "begins"),
    (
        "manifest.mpd",
        "maxSegmentDuration=\"PT6S\"",
        "maxSegmentDuration=\"PT5.9S\"",
        "maxSegmentDuration",
    ),
    (
        "manifest.mpd",
        "minBufferTime=\"PT6S\"",
        "minBufferTime=\"PT1S\"",
        "bits are due",
    ),
];

#[tokio::test]
async fn the_judges_see_what_is_wrong() {
    let source = "-f lavfi -i sine=440:r=48000:d=8 -f lavfi -i testsrc2=s=320x180:r=25:d=8 \
        -c:v libx264 -preset ultrafast -c:a aac -ac 2";
    let execution = made(adaptive(), "film.mp4", source).await;
    let folder = execution.unpacked();
    judge(&folder).await.unwrap();
    for (name, from, to, complaint) in FAULTS {
        let file = folder.join(name);
        let right = std::fs::read_to_string(&file).unwrap();
        assert!(right.contains(from), "{name} has no {from}: {right}");
        std::fs::write(&file, right.replacen(from, to, 1)).unwrap();
        let complaints = judge(&folder).await.expect_err(to);
        assert!(complaints.contains(complaint), "{to}: {complaints}");
        std::fs::write(&file, right).unwrap();
    }
    let [first, second] = ["00001", "00002"].map(|name| {
        let file = folder.join(format!("video-360p/{name}.m4s"));
        let bytes = std::fs::read(&file).unwrap();
        (file, bytes)
    });
    for (bytes, complaint) in [
        (&second.1[..], "decode time"),
        (&first.1[..first.1.len() - 100], "video-360p"),
    ] {
        std::fs::write(&first.0, bytes).unwrap();
        let complaints = judge(&folder).await.expect_err(complaint);
        assert!(complaints.contains(complaint), "{complaints}");
    }
}
