//! How loud the sound is, and what is done about it; what the source says of itself; the
//! waveform.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]
mod support;

use std::path::Path;
use support::execution::{Execution, media_folder};
use support::media::{make, net, tool};
use vessel_crds::encoding::LoudnessMode;
use vessel_crds::media::{MeasuredLoudness, Tags};
use vessel_storage::manifest::Manifest;

/// Twenty seconds of 1 kHz in stereo, at so much of full scale.
fn tone(amplitude: &str) -> String {
    let sine = format!("{amplitude}*sin(2*PI*1000*t)");
    format!("-f lavfi -i aevalsrc={sine}|{sine}:s=48000:d=20")
}

async fn commits(source: Vec<u8>, mode: LoudnessMode) -> (Execution, Manifest) {
    let mut execution = Execution::of(source).await;
    execution.order.encoding.loudness.mode = mode;
    let (manifest, _) = execution.commits().await;
    (execution, manifest)
}

fn near(measured: Option<MeasuredLoudness>, integrated: i32, peak: i32) {
    let measured = measured.unwrap();
    assert!(
        measured.integrated_milli_lufs.abs_diff(integrated) <= 100
            && measured.true_peak_milli_dbtp.abs_diff(peak) <= 100
            && measured.range_milli_lu <= 100,
        "{measured:?}"
    );
}

/// Integrated loudness and true peak of every rung, as ffmpeg's own meter reads what players
/// get.
fn heard(folder: &Path, execution: &Execution, manifest: &Manifest) -> Vec<(f64, f64)> {
    let rungs = manifest.rungs.iter();
    rungs
        .map(|rung| {
            let joined = execution.joined(rung);
            assert_eq!(net(&joined), 960_000, "{}", rung.rung);
            let path = folder.join("rung.mp4");
            std::fs::write(&path, joined).unwrap();
            let output = tool("ffmpeg")
                .args(["-hide_banner", "-nostdin", "-i"])
                .arg(&path)
                .args(["-af", "ebur128=framelog=quiet:peak=true", "-f", "null", "-"])
                .output()
                .unwrap();
            let log = String::from_utf8(output.stderr).unwrap();
            let (_, summary) = log.split_once("Summary:").unwrap();
            let value = |label: &str| {
                let (_, rest) = summary.split_once(label).unwrap();
                rest.split_whitespace().next().unwrap().parse().unwrap()
            };
            (value(" I:"), value(" Peak:"))
        })
        .collect()
}

#[tokio::test]
async fn measured_is_what_a_reference_tone_has() {
    let folder = media_folder();
    // EBU Tech 3341, case 1: -23.0 LUFS ± 0.1.
    let source = make(folder.path(), "tone.flac", &tone("0.0707946"));
    let (execution, manifest) = commits(source.clone(), LoudnessMode::Measure).await;
    near(manifest.media.loudness, -23_000, -23_000);
    let (_, off) = commits(source, LoudnessMode::Off).await;
    assert_eq!(off.media.loudness, None);
    // Measuring changes nothing.
    let digests = |manifest: &Manifest| {
        let objects = manifest.objects.iter();
        objects
            .filter(|object| object.path.to_string().starts_with("audio-"))
            .map(|object| (object.path.to_string(), object.sha256))
            .collect::<std::collections::BTreeMap<_, _>>()
    };
    assert_eq!(digests(&manifest), digests(&off));

    let peaks = execution.stub.object("peaks.json").unwrap();
    let peaks: serde_json::Value = serde_json::from_slice(&peaks).unwrap();
    assert_eq!(
        (
            &peaks["version"],
            &peaks["samplesPerPeak"],
            &peaks["sampleRateHertz"]
        ),
        (&1.into(), &512.into(), &48_000.into())
    );
    let expected = vec![serde_json::Value::from(18); 1875];
    assert_eq!(peaks["peaks"].as_array(), Some(&expected));
    let listed = |path: &str| {
        let objects = manifest.objects.iter();
        objects
            .filter(|object| object.path.to_string() == path)
            .count()
    };
    assert_eq!(listed("peaks.json"), 1);
}

#[tokio::test]
async fn a_quiet_tone_is_brought_to_the_target() {
    let folder = media_folder();
    let source = make(folder.path(), "quiet.flac", &tone("0.01"));
    let (execution, manifest) = commits(source, LoudnessMode::Normalize).await;
    near(manifest.media.loudness, -40_000, -40_000);
    for (integrated, _) in heard(folder.path(), &execution, &manifest) {
        assert!((integrated + 16.0).abs() <= 0.5, "{integrated}");
    }
}

#[tokio::test]
async fn what_would_clip_at_the_target_is_limited() {
    let folder = media_folder();
    // A tone with a burst of 3 ms every second.
    let wave = "0.05*sin(2*PI*1000*t)+0.7*sin(2*PI*997*t)*lt(mod(t\\,1)\\,0.003)";
    let wave = format!("-f lavfi -i aevalsrc={wave}|{wave}:s=48000:d=20");
    let source = make(folder.path(), "bursts.flac", &wave);
    let (execution, manifest) = commits(source, LoudnessMode::Normalize).await;
    let before = manifest.media.loudness.unwrap();
    let unlimited = before.true_peak_milli_dbtp - 16_000 - before.integrated_milli_lufs;
    assert!(unlimited > 0, "{before:?}");
    for (integrated, peak) in heard(folder.path(), &execution, &manifest).iter().skip(2) {
        // At low rates the encoder itself adds a dB to a peak.
        assert!(*peak <= -0.8, "{peak}");
        assert!((-20.0..=-16.0).contains(integrated), "{integrated}");
    }
}

#[tokio::test]
async fn what_has_no_loudness_stays_as_it_is() {
    let folder = media_folder();
    let silence = make(
        folder.path(),
        "silence.flac",
        "-f lavfi -i anullsrc=r=48000:cl=stereo:d=20",
    );
    let (execution, manifest) = commits(silence, LoudnessMode::Normalize).await;
    assert_eq!(manifest.media.loudness, None);
    let rung = execution.joined(&manifest.rungs[0]);
    assert_eq!(net(&rung), 960_000);
    assert!(
        !manifest
            .commands
            .iter()
            .flatten()
            .any(|word| word.contains("volume="))
    );
}

/// The tags of a source stand in the log of the ffmpeg that measures it.
#[tokio::test]
async fn tags_are_cleaned_and_can_not_forge_a_measurement() {
    let folder = media_folder();
    let forged = "[Parsed_ebur128_2 @ 0x7f] [info] Summary:\n\n  Integrated loudness:\n    I: -9.0 LUFS\n    \
        Threshold: -19.0 LUFS\n\n  Loudness range:\n    LRA: 1.0 LU\n    Threshold: -29.0 LUFS\n    \
        LRA low: -9.0 LUFS\n    LRA high: -9.0 LUFS\n\n  True peak:\n    Peak: -1.0 dBFS\n";
    let escaped = |text: &str| text.replace('=', "\\=").replace('\n', "\\\n");
    let tags = format!(
        ";FFMETADATA1\ntitle={}\nartist=\u{202e}adA\u{202c}  Lovelace\u{7}\ncomment={}\n",
        escaped("Night\nDrive"),
        escaped(&format!("x\n{forged}"))
    );
    std::fs::write(folder.path().join("tags.txt"), tags).unwrap();
    let arguments = format!("{} -i tags.txt -map 0 -map_metadata 1", tone("0.0707946"));
    for name in ["forged.flac", "forged.mka", "forged.mp3"] {
        let source = make(folder.path(), name, &arguments);
        let (execution, manifest) = commits(source, LoudnessMode::Measure).await;
        // Encoders that lose something change the level by some tenths of a dB.
        let loudness = manifest.media.loudness.unwrap();
        let off = loudness.integrated_milli_lufs.abs_diff(-23_000);
        assert!(off <= 500, "{name}: {loudness:?}");
        let expected = Tags {
            title: Some("Night Drive".to_owned()),
            artist: Some("adA Lovelace".to_owned()),
            album: None,
        };
        assert_eq!(manifest.media.tags, Some(expected), "{name}");
        let rung = execution.joined(&manifest.rungs[0]);
        let told = |words: &[u8]| rung.windows(words.len()).any(|window| window == words);
        assert!(!told(b"Lovelace") && !told(b"Drive"), "{name}");
    }
}
