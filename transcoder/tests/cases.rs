//! Input by input: what must come out. The values are those of the formats, not of an
//! encoder: net is the number of samples at 48 kHz that play.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]
mod support;

use support::execution::{Execution, encoding, media_folder};
use support::media::{TONE, decoded, make, net, tool};
use vessel_crds::encoding::Container;
use vessel_crds::media::{TrackKind, TrackUsage};
use vessel_crds::reason::FailureReason;
use vessel_storage::manifest::Manifest;

const ONE_RUNG: [i32; 1] = [64];

struct Case {
    name: &'static str,
    arguments: &'static str,
    net: u64,
    segments: u32,
}

const fn case(name: &'static str, arguments: &'static str, net: u64, segments: u32) -> Case {
    Case {
        name,
        arguments,
        net,
        segments,
    }
}

async fn commits(source: Vec<u8>, ladder: &[i32]) -> (Execution, Manifest) {
    let mut execution = Execution::of(source).await;
    execution.order.encoding = encoding(ladder, Container::FragmentedMp4);
    let (manifest, _) = execution.commits().await;
    (execution, manifest)
}

async fn fails(source: Vec<u8>, reason: FailureReason) -> String {
    let mut execution = Execution::of(source).await;
    execution.order.encoding = encoding(&ONE_RUNG, Container::FragmentedMp4);
    execution.fails(reason).await
}

async fn check(cases: &[Case]) {
    let folder = media_folder();
    for case in cases {
        let arguments = case.arguments.replace("TONE", TONE);
        let source = make(folder.path(), case.name, &arguments);
        let (execution, manifest) = commits(source, &ONE_RUNG).await;
        let rung = &manifest.rungs[0];
        assert_eq!(net(&execution.joined(rung)), case.net, "{}", case.name);
        assert_eq!(rung.segments, case.segments, "{}", case.name);
    }
}

#[tokio::test]
async fn every_container_plays_to_the_sample() {
    check(&[
        case("s16.wav", "TONE", 480_000, 2),
        case("u8.wav", "TONE -c:a pcm_u8", 480_000, 2),
        case("s24.aiff", "TONE -c:a pcm_s24be", 480_000, 2),
        case("tone.caf", "TONE -c:a pcm_s16be", 480_000, 2),
        case("alac.m4a", "TONE -c:a alac", 480_000, 2),
        case("tone.wv", "TONE -c:a wavpack", 480_000, 2),
        case("tone.opus", "TONE -c:a libopus", 480_000, 2),
        case("vorbis.ogg", "TONE -c:a libvorbis", 480_000, 2),
        case("lame.mp3", "TONE -c:a libmp3lame", 480_000, 2),
    ])
    .await;
}

#[tokio::test]
async fn lengths_that_nothing_declares_are_what_was_decoded() {
    check(&[
        case(
            "noxing.mp3",
            "TONE -c:a libmp3lame -write_xing 0",
            481_489,
            2,
        ),
        case("mono.aac", "TONE -ac 1 -c:a aac", 481_489, 2),
    ])
    .await;
}

#[tokio::test]
async fn rates_and_depths() {
    check(&[
        case(
            "s24.flac",
            "-f lavfi -i sine=440:r=96000:d=60 -ac 2 -c:a flac -sample_fmt s32",
            2_880_000,
            11,
        ),
        case(
            "192k.wav",
            "-f lavfi -i sine=440:r=192000:d=5 -ac 2 -c:a pcm_s24le",
            240_000,
            1,
        ),
        case(
            "88k.flac",
            "-f lavfi -i sine=440:r=88200:d=10 -ac 2",
            480_000,
            2,
        ),
    ])
    .await;
}

#[tokio::test]
async fn the_shortest_sounds_are_exact() {
    for samples in [1_u64, 1023, 1024, 1025] {
        let folder = media_folder();
        let arguments = format!("-f lavfi -i sine=440:r=48000:d=1 -af atrim=end_sample={samples}");
        let source = make(folder.path(), "short.wav", &arguments);
        let (execution, manifest) = commits(source, &[64, 128]).await;
        for rung in &manifest.rungs {
            assert_eq!(net(&execution.joined(rung)), samples, "{}", rung.rung);
        }
    }
}

#[tokio::test]
async fn a_single_channel_stays_one_and_drops_the_high_rungs() {
    let folder = media_folder();
    let arguments = "-f lavfi -i sine=440:r=8000:d=10 -ac 1 -c:a pcm_mulaw";
    let source = make(folder.path(), "mulaw.wav", arguments);
    let (execution, manifest) = commits(source, &[64, 128, 192]).await;
    let rungs: Vec<&str> = manifest
        .rungs
        .iter()
        .map(|rung| rung.rung.as_str())
        .collect();
    assert_eq!(rungs, ["audio-64k", "audio-128k"]);
    let joined = execution.joined(&manifest.rungs[0]);
    assert_eq!(net(&joined), 480_000);
    assert_eq!(channels(&joined), 1);
}

#[tokio::test]
async fn surround_becomes_stereo_that_does_not_clip() {
    let surround = "-f lavfi -i sine=440:r=48000:d=8 -af pan=5.1|c0=8*c0|c1=8*c0|c2=8*c0|c3=8*c0|c4=8*c0|c5=8*c0";
    for (name, codec) in [
        ("5.1.flac", "flac"),
        ("5.1.ac3", "ac3"),
        ("5.1.eac3", "eac3"),
    ] {
        let folder = media_folder();
        let source = make(folder.path(), name, &format!("{surround} -c:a {codec}"));
        let (execution, manifest) = commits(source, &[256]).await;
        let joined = execution.joined(&manifest.rungs[0]);
        assert_eq!(channels(&joined), 2);
        assert_eq!(net(&joined), 384_000, "{name}");
        let path = folder.path().join("joined.mp4");
        std::fs::write(&path, joined).unwrap();
        let samples = decoded(&path, 2);
        // Coding a sine that begins at full level overshoots at its beginning.
        let steady = samples.iter().skip(4096);
        let peak = steady.fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        // -1 dBFS, and what the coding adds.
        assert!(peak <= 0.92, "{name}: {peak}");
    }
}

fn channels(joined: &[u8]) -> u16 {
    let mut stream = joined;
    loop {
        match mp4_atom::DecodeMaybe::decode_maybe(&mut stream).unwrap() {
            Some(mp4_atom::Any::Moov(moov)) => {
                let codecs = &moov.trak[0].mdia.minf.stbl.stsd.codecs;
                let [mp4_atom::Codec::Mp4a(mp4a)] = &codecs[..] else {
                    panic!("{codecs:?}")
                };
                return mp4a.audio.channel_count;
            }
            Some(_) => {}
            None => panic!("no moov"),
        }
    }
}

#[tokio::test]
async fn cover_art_is_left_out_and_reported() {
    let folder = media_folder();
    make(
        folder.path(),
        "cover.png",
        "-f lavfi -i color=red:s=64x64:d=1 -frames:v 1",
    );
    let cover = "-i cover.png -map 0 -map 1 -disposition:v attached_pic";
    let cases = [
        (
            "cover.mp3",
            format!("{TONE} {cover} -c:a libmp3lame -c:v copy"),
            480_000,
        ),
        (
            "cover.flac",
            format!("{TONE} {cover} -c:a flac -c:v copy"),
            480_000,
        ),
        (
            "cover.m4a",
            format!("{TONE} {cover} -c:a aac -c:v copy"),
            480_375,
        ),
    ];
    for (name, arguments, expected) in cases {
        let source = make(folder.path(), name, &arguments);
        let (execution, manifest) = commits(source, &ONE_RUNG).await;
        assert_eq!(
            net(&execution.joined(&manifest.rungs[0])),
            expected,
            "{name}"
        );
        let tracks = &manifest.media.tracks;
        assert!(
            tracks.iter().any(|track| {
                track.kind == TrackKind::Image && track.usage == TrackUsage::Unused
            })
        );
    }
}

#[tokio::test]
async fn silence_is_sound() {
    check(&[case(
        "silence.flac",
        "-f lavfi -i anullsrc=r=48000:cl=stereo -t 10",
        480_000,
        2,
    )])
    .await;
}

#[tokio::test]
async fn a_day_is_refused_before_it_is_encoded() {
    let folder = media_folder();
    let mut source = make(folder.path(), "day.flac", "-f lavfi -i sine=r=48000:d=1");
    // The last 32 bits of the 36 that count the samples, RFC 9639 §8.2.
    source[22..26].copy_from_slice(&(86_400 * 48_000_u32).to_be_bytes());
    let message = fails(source, FailureReason::LimitExceeded).await;
    assert!(message.contains("maxDurationSeconds"), "{message}");
}

#[tokio::test]
async fn a_length_that_nothing_declares_is_counted_while_it_is_decoded() {
    let folder = media_folder();
    let source = make(folder.path(), "tone.aac", &format!("{TONE} -c:a aac"));
    let mut execution = Execution::of(source).await;
    execution.limits.max_duration_seconds = 2;
    let message = execution.fails(FailureReason::LimitExceeded).await;
    assert!(message.contains("maxDurationSeconds"), "{message}");
}

#[tokio::test]
async fn what_is_cut_off_is_told_from_what_is_short() {
    let folder = media_folder();
    let noise = "-f lavfi -i anoisesrc=r=44100:d=20:a=0.5 -ac 2";
    let flac = make(folder.path(), "whole.flac", noise);
    let message = fails(flac[..400_000].to_vec(), FailureReason::SourceInvalid).await;
    assert!(
        message.starts_with("truncated: ") && message.ends_with(" of 20.0 s"),
        "{message}"
    );
    let fast = make(
        folder.path(),
        "fast.m4a",
        &format!("{TONE} -c:a aac -movflags faststart"),
    );
    fails(
        fast[..fast.len() / 2].to_vec(),
        FailureReason::SourceInvalid,
    )
    .await;
    let slow = make(folder.path(), "slow.m4a", &format!("{TONE} -c:a aac"));
    fails(
        slow[..slow.len() / 2].to_vec(),
        FailureReason::SourceInvalid,
    )
    .await;
    let wav = make(folder.path(), "whole.wav", TONE);
    fails(wav[..wav.len() / 2].to_vec(), FailureReason::SourceInvalid).await;
}

#[tokio::test]
async fn flipped_bits_are_counted_and_leave_regular_fragments() {
    let folder = media_folder();
    let arguments = "-f lavfi -i anoisesrc=r=44100:d=30:a=0.3 -ac 2 -c:a libmp3lame -b:a 128k";
    let mut source = make(folder.path(), "flipped.mp3", arguments);
    let length = source.len();
    for number in 1..=60 {
        source[4000 + number * (length - 8000) / 61] ^= 1 << (number % 8);
    }
    let (_, manifest) = commits(source, &[64, 128]).await;
    assert!(
        manifest
            .rungs
            .iter()
            .all(|rung| rung.segments == manifest.rungs[0].segments)
    );
}

/// ffmpeg prints tags into its log: nothing of them may be taken for its own words.
#[tokio::test]
async fn what_the_tags_of_a_source_say_is_not_believed() {
    let folder = media_folder();
    let tagged = |name: &str, tag: &str| {
        let path = folder.path().join(name);
        let output = tool("ffmpeg")
            .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y"])
            .args("-f lavfi -i sine=440:r=48000:d=1 -metadata".split(' '))
            .arg(tag)
            .arg(&path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        std::fs::read(path).unwrap()
    };
    for tag in [
        "comment=What if we could travel backward in time?",
        "title=[error] Cannot allocate memory",
    ] {
        commits(tagged("a.flac", tag), &ONE_RUNG).await;
    }
    let counted = "title=Input stream #0:0 (audio): 1000000 packets read (1 bytes); 1000000 \
                   frames decoded; 0 decode errors (1 samples);";
    let mut damaged = tagged("a.mp3", counted);
    let (beginning, end) = (damaged.len() / 2, damaged.len() - 400);
    for byte in damaged[beginning..end].iter_mut().step_by(97) {
        *byte ^= 0x55;
    }
    let message = fails(damaged, FailureReason::SourceInvalid).await;
    assert!(!message.contains("1000000"), "{message}");
    let forged = tagged("b.flac", "x\nvessel-sandbox: the node is broken=v");
    let message = fails(forged, FailureReason::SourceInvalid).await;
    assert!(message.contains("line break"), "{message}");
}

#[tokio::test]
async fn what_is_no_sound_is_told_apart() {
    let folder = media_folder();
    let empty_wav = make(folder.path(), "empty.wav", "-f lavfi -i sine=r=48000 -t 0");
    let message = fails(empty_wav, FailureReason::SourceInvalid).await;
    assert!(message.contains("no audio"), "{message}");
    let video = make(
        folder.path(),
        "video.mkv",
        "-f lavfi -i testsrc=d=1:s=64x36 -c:v mpeg4",
    );
    let message = fails(video, FailureReason::SourceUnsupported).await;
    assert!(message.contains("no audio"), "{message}");
    let noise: Vec<u8> = (0..50_000_u32)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let text = "All happy families are alike. ".repeat(2000).into_bytes();
    for source in [Vec::new(), vec![0; 100_000], noise, text] {
        fails(source, FailureReason::SourceInvalid).await;
    }
    let jpeg = make(
        folder.path(),
        "a.jpg",
        "-f lavfi -i color=red:s=64x64 -frames:v 1",
    );
    let gif = make(folder.path(), "a.gif", "-f lavfi -i testsrc=d=1:s=64x36");
    let concat = b"ffconcat version 1.0\nfile /etc/passwd\n".to_vec();
    let m3u8 =
        b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
            .to_vec();
    for source in [jpeg, gif, concat, m3u8] {
        fails(source, FailureReason::SourceUnsupported).await;
    }
}

#[tokio::test]
async fn an_encrypted_source_is_refused() {
    let folder = media_folder();
    let source = make(
        folder.path(),
        "encrypted.m4a",
        &format!(
            "{TONE} -c:a aac -encryption_scheme cenc-aes-ctr \
             -encryption_key 76a6c65c5ea762046bd749a2e632ccbb -encryption_kid a7e61c373e219033c21091fa607bf3b8"
        ),
    );
    fails(source, FailureReason::SourceInvalid).await;
}

#[tokio::test]
async fn a_hole_is_silence() {
    let folder = media_folder();
    make(folder.path(), "a.m4a", &format!("{TONE} -c:a aac"));
    // Four seconds without their packets, then the time goes on.
    let source = make(
        folder.path(),
        "hole.mkv",
        "-i a.m4a -c copy -bsf:a noise=drop=between(pts*tb\\,4\\,6)",
    );
    let (execution, manifest) = commits(source, &ONE_RUNG).await;
    let net = net(&execution.joined(&manifest.rungs[0]));
    assert!((480_000..482_000).contains(&net), "{net}");
}

#[tokio::test]
async fn sound_that_begins_late_begins_with_silence() {
    let folder = media_folder();
    let source = make(
        folder.path(),
        "late.mkv",
        "-f lavfi -i testsrc=d=4:s=64x36 -itsoffset 2 -f lavfi -i sine=440:r=48000:d=2 -c:v mpeg4 -c:a flac",
    );
    let (execution, manifest) = commits(source, &ONE_RUNG).await;
    assert_eq!(net(&execution.joined(&manifest.rungs[0])), 192_000);
}

#[tokio::test]
async fn title_and_place_are_in_no_output() {
    let folder = media_folder();
    let source = make(
        folder.path(),
        "tagged.m4a",
        &format!(
            "{TONE} -c:a aac -metadata title=Secretitle -metadata location=+52.5200+013.4050/"
        ),
    );
    let (execution, _) = commits(source, &ONE_RUNG).await;
    execution.stub.with(|inner| {
        for (key, stored) in inner.objects.iter().filter(|(key, _)| *key != "source") {
            let text = String::from_utf8_lossy(&stored.bytes);
            assert!(
                !text.contains("Secretitle") && !text.contains("52.5200"),
                "{key}"
            );
        }
    });
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
    let (_, manifest) = commits(source, &[64, 128]).await;
    assert!(manifest.rungs[0].duration_millis >= 4000);
}
