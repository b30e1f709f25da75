//! What ffprobe may say of a hostile source, as far as it decides what is made: the plan, the
//! command lines and the storyboard.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vessel_crds::encoding::{AudioLadder, Encoding, VideoLadder, VideoRung};
use vessel_crds::media::TrackUsage;
use vessel_storage::order::{Limits, SandboxMode};
use vessel_transcoder::ffmpeg::argv;
use vessel_transcoder::ffmpeg::log::LengthSource;
use vessel_transcoder::ladder::{self, MAX_PIXELS};
use vessel_transcoder::length::Samples;
use vessel_transcoder::package::storyboard;
use vessel_transcoder::probe;

fn ladders() -> Encoding {
    let rung = |height_pixels| VideoRung {
        height_pixels,
        bitrate_kbps: 800,
        audio_bitrate_kbps: 64,
    };
    Encoding {
        audio: Some(AudioLadder {
            bitrates_kbps: vec![64, 192],
        }),
        video: Some(VideoLadder {
            rungs: [360, 720, 1080].map(rung).to_vec(),
            ..VideoLadder::default()
        }),
        ..Encoding::default()
    }
}

const LIMITS: Limits = Limits {
    max_source_bytes: 5 << 30,
    max_duration_seconds: 43_200,
    max_objects: 50_000,
    memory_bytes: 1 << 30,
    scratch_bytes: 6 << 30,
    allowed_cidrs: Vec::new(),
    denied_cidrs: Vec::new(),
    sandbox: SandboxMode::Required,
};

fuzz_target!(|json: &[u8]| {
    for source in [LengthSource::Container, LengthSource::BitRate] {
        let Ok(probe) = probe::read(json, source) else {
            return;
        };
        let facts = probe.facts(|_| TrackUsage::Unused);
        assert!(facts.tracks.len() <= 64);
        let Ok(plan) = ladder::plan(&ladders(), &probe, &LIMITS) else {
            continue;
        };
        let _ = argv::encode(&plan, "/scratch/source", 2);
        if let Some(audio) = &plan.audio {
            let _ = argv::decode(audio, "/scratch/source", 2);
        }
        for rung in plan.rungs() {
            let cadence = rung.cadence;
            assert!(cadence.timescale > 0 && cadence.sample > 0 && cadence.fragment_samples > 0);
        }
        let Some(video) = &plan.video else { continue };
        for rung in &video.rungs {
            let (width, height) = (u64::from(rung.size.width), u64::from(rung.size.height));
            assert!(width % 2 == 0 && height % 2 == 0 && width * height <= MAX_PIXELS * 2);
        }
        let _ = argv::storyboard(&video.storyboard);
        let _ = storyboard::index(video, Samples::from_seconds(LIMITS.max_duration_seconds), 1);
    }
});
