//! What ffmpeg is left with is what it needs, for everything that Vessel has it do, as the
//! user of the pod.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]
mod support;

use std::process::{Command, Stdio};
use std::time::Duration;
use support::execution::{Ended, Execution, adaptive, encoding, media_folder};
use support::media::{TONE, make};
use support::unprivileged::as_pod;
use vessel_crds::encoding::{Container, Encoding};
use vessel_crds::reason::FailureReason;
use vessel_storage::verdict::VerdictOutcome;

const PICTURES: &str = "-f lavfi -i testsrc2=s=320x180:r=25:d=1";
const SOUND: &str = "-f lavfi -i sine=440:r=48000:d=1 -ac 2";

async fn execution(source: Vec<u8>, encoding: Encoding) -> Execution {
    let mut execution = Execution::of(source).await;
    execution.order.encoding = encoding;
    execution.limits.memory_bytes = 2 << 30;
    execution
}

async fn run(execution: &Execution) -> Ended {
    let folder = execution.folder.path();
    let child = execution.start_with(|command| as_pod(command, folder));
    execution.ended(child).await
}

async fn commits(name: &str, arguments: &str, encoding: Encoding) {
    let folder = media_folder();
    let source = make(folder.path(), name, arguments);
    let execution = execution(source, encoding).await;
    let ended = run(&execution).await;
    assert_eq!(
        ended.verdict.outcome,
        VerdictOutcome::Committed,
        "{name}: {ended:#?}"
    );
}

async fn sounds(cases: &[(&str, &str)]) {
    for (name, codec) in cases {
        let ladder = encoding(&[64], Container::FragmentedMp4);
        commits(name, &format!("{SOUND} {codec}"), ladder).await;
    }
}

async fn films(cases: &[(&str, &str)]) {
    for (name, codec) in cases {
        commits(name, &format!("{PICTURES} {SOUND} {codec}"), adaptive()).await;
    }
}

#[tokio::test]
async fn sound_is_decoded_from_the_common_formats() {
    sounds(&[
        ("a.flac", ""),
        ("a.wav", ""),
        ("a.mp3", ""),
        ("a.aac", ""),
        ("a.opus", ""),
        ("a.ogg", "-c:a libvorbis"),
        ("a.m4a", "-c:a alac"),
        ("a.mka", "-c:a libopus"),
    ])
    .await;
}

#[tokio::test]
async fn sound_is_decoded_from_the_rarer_formats() {
    sounds(&[
        ("a.ac3", ""),
        ("a.eac3", ""),
        ("a.wv", ""),
        ("a.caf", "-c:a alac"),
        ("a.aiff", ""),
        ("a.wma", ""),
        ("a.w64", ""),
        ("a.ts", "-c:a mp2"),
    ])
    .await;
}

#[tokio::test]
async fn the_whole_ladder_is_encoded_and_checked() {
    let tone = TONE;
    commits(
        "a.flac",
        tone,
        encoding(&[64, 128, 192, 256], Container::FragmentedMp4),
    )
    .await;
    commits("a.wav", tone, encoding(&[64, 128], Container::MpegTs)).await;
}

#[tokio::test]
async fn films_are_decoded_from_the_common_codecs() {
    films(&[
        ("h264.mp4", "-c:v libx264 -preset ultrafast"),
        ("vp9.mkv", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8"),
        ("av1.mkv", "-c:v libsvtav1 -preset 12"),
        ("mpeg4.avi", "-c:v mpeg4"),
        ("flv1.flv", "-c:v flv -ar 44100"),
    ])
    .await;
}

#[tokio::test]
async fn films_are_decoded_from_the_codecs_of_studios_and_broadcasters() {
    films(&[
        ("mpeg2.ts", "-c:v mpeg2video"),
        ("prores.mov", "-c:v prores_ks"),
        ("mpeg2.mxf", "-c:v mpeg2video"),
        (
            "interlaced.ts",
            "-c:v libx264 -preset ultrafast -flags +ildct+ilme",
        ),
        (
            "hdr.mkv",
            "-c:v libx265 -preset ultrafast -x265-params log-level=none -pix_fmt yuv420p10le \
             -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc",
        ),
    ])
    .await;
}

#[tokio::test]
async fn three_rungs_come_out_of_one_film() {
    let film = "-f lavfi -i testsrc2=s=1920x1080:r=25:d=0.4";
    commits(
        "hd.mp4",
        &format!("{film} -c:v libx264 -preset ultrafast"),
        adaptive(),
    )
    .await;
}

#[tokio::test]
async fn a_broken_source_is_told_from_an_attack() {
    let folder = media_folder();
    let mut film = make(
        folder.path(),
        "a.mp4",
        &format!("{PICTURES} -c:v mpeg4 -movflags faststart"),
    );
    film.truncate(film.len() / 3);
    for source in [vec![0x55; 5000], film] {
        let verdict = run(&execution(source, adaptive()).await).await.verdict;
        assert_eq!(
            verdict.reason,
            Some(FailureReason::SourceInvalid),
            "{verdict:?}"
        );
        assert!(!verdict.message.contains("sandbox"), "{verdict:?}");
    }
}

#[tokio::test]
async fn being_short_of_memory_is_told_from_an_attack() {
    let folder = media_folder();
    let source = make(folder.path(), "a.mp4", &format!("{PICTURES} -c:v mpeg4"));
    for mebibytes in [64, 256, 384] {
        let mut execution = execution(source.clone(), adaptive()).await;
        execution.limits.memory_bytes = mebibytes << 20;
        let verdict = run(&execution).await.verdict;
        assert!(
            !verdict.message.contains("sandbox"),
            "{mebibytes} MiB: {verdict:?}"
        );
    }
}

#[tokio::test]
async fn what_the_sandbox_says_of_itself_is_heard() {
    let execution = execution(vec![0; 16], adaptive()).await;
    let root = execution.folder.path().join("root");
    std::fs::create_dir_all(root.join("usr/bin")).unwrap();
    std::fs::write(root.join("usr/bin/ffmpeg"), "").unwrap();
    let child = execution.start_with(|command| {
        command.env("VESSEL_FFMPEG_ROOT", &root);
    });
    let verdict = execution.ended(child).await.verdict;
    assert_eq!(verdict.reason, Some(FailureReason::Internal), "{verdict:?}");
    assert!(verdict.message.contains("did not start"), "{verdict:?}");
}

/// The program with its rights given up, and the policy by which it gave them up.
fn confined(program: &str, order: &str) -> Command {
    let policy = serde_json::json!({
        "reads": [order],
        "executes": ["/usr", "/lib", "/lib64", "/etc/ld.so.cache", program],
        "addressSpaceBytes": 512 << 20,
        "lastDescriptor": 2,
        "mode": "Required",
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_vessel-transcoder"));
    command
        .args(["exec-sandboxed", "--policy", &policy.to_string(), "--"])
        .args([program, order])
        .stderr(Stdio::piped());
    command
}

#[test]
fn limits_and_filters_hold() {
    let folder = media_folder();
    let order = folder.path().join("order");
    std::fs::write(&order, "hang").unwrap();
    let attacker = env!("CARGO_BIN_EXE_attacker");
    let mut program = confined(attacker, &order.display().to_string())
        .spawn()
        .unwrap();
    let own =
        |name: &str| std::fs::read_to_string(format!("/proc/{}/{name}", program.id())).unwrap();
    while !own("comm").starts_with("attacker") {
        assert!(!own("stat").contains(") Z "), "it ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    let (limits, status) = (own("limits"), own("status"));
    program.kill().unwrap();
    program.wait().unwrap();
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        let values = line[name.len()..].split_whitespace();
        values.take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(limit("Max core file size"), ["0", "0"]);
    assert_eq!(limit("Max file size"), ["0", "0"]);
    assert_eq!(limit("Max address space"), ["536870912", "536870912"]);
    for (name, value) in [("NoNewPrivs:", "1"), ("Seccomp:", "2")] {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        assert_eq!(line[name.len()..].trim(), value, "{name}");
    }
}

#[test]
fn a_program_that_can_not_be_confined_does_not_start() {
    let output = Command::new(env!("CARGO_BIN_EXE_vessel-transcoder"))
        .args(["exec-sandboxed", "--policy", "{}", "--", "/bin/true"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("vessel-sandbox: "));
}
