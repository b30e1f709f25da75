//! Plans for tests.
use super::frame_rate::FrameRate;
use super::{Channels, Plan, plan};
use crate::probe::{DeclaredLength, Probe, ProbedPicture, ProbedTrack, Transfer, Turn};
use vessel_crds::encoding::{AudioLadder, Encoding, VideoLadder, VideoRung};
use vessel_crds::media::TrackKind;
use vessel_storage::order::{Limits, SandboxMode};

/// The limits of a default installation.
pub fn limits() -> Limits {
    Limits {
        max_source_bytes: 1 << 30,
        max_duration_seconds: 43_200,
        max_objects: 50_000,
        memory_bytes: 1 << 30,
        scratch_bytes: 1 << 30,
        allowed_cidrs: Vec::new(),
        denied_cidrs: Vec::new(),
        sandbox: SandboxMode::Required,
    }
}

/// A track of sound.
pub fn track(codec: &str, channels: u32, bit_rate: Option<u64>) -> ProbedTrack {
    ProbedTrack {
        kind: TrackKind::Audio,
        codec: codec.to_owned(),
        sample_rate: 44_100,
        channels,
        sample_format: "s16".to_owned(),
        bit_rate,
        ..ProbedTrack::default()
    }
}

/// A track of pictures.
pub fn pictures(width: u32, height: u32, rate: (u32, u32)) -> ProbedTrack {
    ProbedTrack {
        kind: TrackKind::Video,
        codec: "h264".to_owned(),
        length: DeclaredLength::Exact(25_500),
        picture: Some(ProbedPicture {
            size: (width, height),
            pixel_aspect: (1, 1),
            turn: Turn::None,
            rate: Some(FrameRate::new(rate.0, rate.1)),
            transfer: Transfer::Standard,
        }),
        ..ProbedTrack::default()
    }
}

/// A source of these tracks.
pub fn probe(tracks: Vec<ProbedTrack>) -> Probe {
    Probe {
        container: "x".to_owned(),
        tracks,
        tags: None,
        ffmpeg_version: "7.1".to_owned(),
    }
}

/// An audio ladder with defaults for the rest.
pub fn audio(bitrates_kbps: &[i32]) -> Encoding {
    Encoding {
        audio: Some(AudioLadder {
            bitrates_kbps: bitrates_kbps.to_vec(),
        }),
        ..Encoding::default()
    }
}

/// The ladder of the profile `adaptive`.
pub fn adaptive() -> Encoding {
    let rung = |height_pixels, bitrate_kbps, audio_bitrate_kbps| VideoRung {
        height_pixels,
        bitrate_kbps,
        audio_bitrate_kbps,
    };
    Encoding {
        video: Some(VideoLadder {
            rungs: vec![
                rung(360, 800, 64),
                rung(720, 2800, 128),
                rung(1080, 5000, 192),
            ],
            ..VideoLadder::default()
        }),
        ..audio(&[64, 128, 192, 256])
    }
}

/// The plan of a lossless recording.
pub fn song(channels: Channels, bitrates_kbps: &[i32]) -> Plan {
    let channels = u32::try_from(channels.count()).unwrap();
    let source = probe(vec![track("flac", channels, None)]);
    plan(&audio(bitrates_kbps), &source, &limits()).unwrap()
}

/// The plan of a film of 25.5 s in 1280×720.
pub fn film() -> Plan {
    let tracks = vec![pictures(1280, 720, (24_000, 1001)), track("flac", 2, None)];
    plan(&adaptive(), &probe(tracks), &limits()).unwrap()
}
