//! From what is wanted and what is there to what is made. Pure.
use crate::length::{FRAME_SAMPLES, SAMPLE_RATE, Samples};
use crate::probe::{DeclaredLength, DefaultTrack, Probe, ProbedTrack};
use crate::stop::{Failure, Stop, failed};
use vessel_crds::encoding::{Container, Encoding, LoudnessMode, Packaging, Protocol};
use vessel_crds::media::{TrackKind, TrackUsage};
use vessel_crds::reason::FailureReason;
use vessel_storage::order::Limits;
use vessel_storage::path::{ObjectPath, Rung};

/// Above this many kbit/s a single channel gains nothing.
const MONO_KBPS: u32 = 128;
/// Codecs that keep every sample. A rate of theirs says nothing about quality.
const LOSSLESS: [&str; 10] = [
    "alac", "ape", "flac", "mlp", "shorten", "tak", "truehd", "tta", "wavpack", "mp4als",
];

/// What is made of a source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// The audio ladder.
    pub audio: AudioPlan,
    /// Index of the audio track among all tracks.
    pub track_index: usize,
    /// What the source says about its length.
    pub declared: DeclaredLength,
    /// What a segment is.
    pub container: Container,
    /// Which playlists are written.
    pub descriptions: Descriptions,
}

/// Which playlists are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Descriptions {
    /// HLS alone.
    Hls,
    /// DASH alone.
    Dash,
    /// Both.
    HlsAndDash,
}

impl Descriptions {
    /// DASH describes movie fragments alone: of transport streams there is HLS, whatever was
    /// asked for.
    fn of(packaging: &Packaging) -> Self {
        let wanted = |protocol| packaging.protocols.contains(&protocol);
        match (
            packaging.container,
            wanted(Protocol::Hls),
            wanted(Protocol::Dash),
        ) {
            (Container::MpegTs, _, _) | (_, _, false) => Self::Hls,
            (Container::FragmentedMp4, true, true) => Self::HlsAndDash,
            (Container::FragmentedMp4, false, true) => Self::Dash,
        }
    }

    /// The HLS master playlist, if there is one.
    pub fn hls(self) -> Option<ObjectPath> {
        matches!(self, Self::Hls | Self::HlsAndDash).then_some(ObjectPath::Master)
    }

    /// The DASH manifest, if there is one.
    pub fn dash(self) -> Option<ObjectPath> {
        matches!(self, Self::Dash | Self::HlsAndDash).then_some(ObjectPath::Mpd)
    }
}

/// The audio ladder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AudioPlan {
    /// Which of the source's audio tracks, from 0.
    pub track: usize,
    /// Channels of every rung.
    pub channels: Channels,
    /// Whether peaks are limited before encoding.
    pub limiter: Limiter,
    /// The rungs, ascending.
    pub rungs: Vec<AudioRung>,
    /// AAC frames of a segment.
    pub frames_per_segment: u64,
}

/// One rung.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AudioRung {
    /// Its folder.
    pub rung: Rung,
    /// Its rate in kbit/s.
    pub bitrate_kbps: u32,
}

/// Channels of what is encoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Channels {
    /// One.
    Mono,
    /// Two.
    Stereo,
}

impl Channels {
    /// How many.
    pub const fn count(self) -> u64 {
        match self {
            Self::Mono => 1,
            Self::Stereo => 2,
        }
    }
}

/// Whether peaks are limited before encoding.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limiter {
    /// They are left alone.
    Off,
    /// They end at -1 dBFS: a downmix, or samples beyond full scale, would clip.
    On,
}

/// What is made of a source, or why nothing can be.
pub fn plan(encoding: &Encoding, probe: &Probe, limits: &Limits) -> Result<Plan, Stop> {
    let Some(ladder) = &encoding.audio else {
        return Err(failed(
            FailureReason::SourceUnsupported,
            "the profile has no audio ladder, and this version encodes sound alone: add \
             spec.encoding.audio to the profile",
        ));
    };
    if encoding.loudness.mode == LoudnessMode::Normalize {
        return Err(failed(
            FailureReason::SourceUnsupported,
            "this version does not change the level of the sound: set \
             spec.encoding.loudness.mode of the profile to Measure or Off",
        ));
    }
    let (track_index, track, source) = audio_track(probe)?;
    let channels = if source.channels == 1 {
        Channels::Mono
    } else {
        Channels::Stereo
    };
    let seconds = u64::try_from(encoding.packaging.segment_seconds).unwrap_or(6);
    let audio = AudioPlan {
        track,
        channels,
        limiter: limiter(source),
        rungs: rungs(&ladder.bitrates_kbps, source, channels),
        frames_per_segment: (seconds * SAMPLE_RATE / FRAME_SAMPLES).max(1),
    };
    let plan = Plan {
        audio,
        track_index,
        declared: source.length,
        container: encoding.packaging.container,
        descriptions: Descriptions::of(&encoding.packaging),
    };
    within_limits(&plan, limits)?;
    Ok(plan)
}

/// The first default audio track, else the first: its index among all tracks and among the
/// audio tracks.
fn audio_track(probe: &Probe) -> Result<(usize, usize, &ProbedTrack), Stop> {
    let audio = || {
        let tracks = probe.tracks.iter().enumerate();
        let audio = tracks.filter(|(_, track)| track.kind == TrackKind::Audio);
        audio
            .enumerate()
            .map(|(track, (index, probed))| (index, track, probed))
    };
    audio()
        .find(|(_, _, track)| track.default == DefaultTrack::Yes)
        .or_else(|| audio().next())
        .ok_or_else(|| without_audio(probe))
}

/// A video without sound is whole; this version has nothing to make of it.
fn without_audio(probe: &Probe) -> Stop {
    let mut tracks = probe.tracks.iter();
    if tracks.any(|track| track.kind == TrackKind::Video) {
        return failed(
            FailureReason::SourceUnsupported,
            "no audio: the source is a video without sound, and this version encodes sound alone",
        );
    }
    failed(
        FailureReason::SourceInvalid,
        "no audio: the source has no audio track",
    )
}

fn is_lossless(track: &ProbedTrack) -> bool {
    track.codec.starts_with("pcm_") || LOSSLESS.contains(&track.codec.as_str())
}

/// Sources of more than two channels are mixed down, which adds them up; floating-point
/// samples may lie beyond full scale. Lossy codecs decode to floats too, but were made from
/// what did not clip.
fn limiter(track: &ProbedTrack) -> Limiter {
    let floats = ["flt", "fltp", "dbl", "dblp"].contains(&track.sample_format.as_str());
    if track.channels > 2 || (floats && is_lossless(track)) {
        Limiter::On
    } else {
        Limiter::Off
    }
}

/// Rungs above the first that reaches a lossy source's own rate are dropped, and those above
/// 128 kbit/s for one channel. The lowest always stays.
fn rungs(wanted: &[i32], source: &ProbedTrack, channels: Channels) -> Vec<AudioRung> {
    let mut wanted: Vec<u32> = wanted
        .iter()
        .filter_map(|&kbps| kbps.try_into().ok())
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    let reaches = |kbps: u32| {
        let own = source.bit_rate.filter(|_| !is_lossless(source));
        own.is_some_and(|own| u64::from(kbps) * 1000 >= own)
    };
    let enough = wanted
        .iter()
        .position(|&kbps| reaches(kbps))
        .unwrap_or(usize::MAX);
    wanted
        .iter()
        .enumerate()
        .filter(|&(index, &kbps)| {
            let heard = channels == Channels::Stereo || kbps <= MONO_KBPS;
            index == 0 || (index <= enough && heard)
        })
        .map(|(_, &kbps)| AudioRung::new(kbps))
        .collect()
}

/// What the source declares is refused before it is encoded; what it does not declare is
/// counted on the way.
fn within_limits(plan: &Plan, limits: &Limits) -> Result<(), Failure> {
    let Some(millis) = plan.declared.millis() else {
        return Ok(());
    };
    if matches!(plan.declared, DeclaredLength::Exact(_)) {
        length_within(Samples::from_millis(millis), limits)?;
        let objects = objects_estimate(plan, millis);
        if objects > u64::from(limits.max_objects) {
            return Err(Failure::new(
                FailureReason::LimitExceeded,
                format!(
                    "the ladder would have about {objects} objects, and {} are allowed: lengthen \
                     the segments, shorten the ladder or raise limits.maxObjectsPerJob",
                    limits.max_objects
                ),
            ));
        }
    }
    Ok(())
}

fn objects_estimate(plan: &Plan, millis: u64) -> u64 {
    let segment = Samples(plan.audio.frames_per_segment * FRAME_SAMPLES)
        .millis()
        .max(1);
    let rung = millis.div_ceil(segment) + 2;
    rung * plan.audio.rungs.len() as u64 + 2
}

/// Whether a length is one that may be encoded.
pub fn length_within(length: Samples, limits: &Limits) -> Result<(), Failure> {
    if length <= Samples::from_seconds(limits.max_duration_seconds) {
        return Ok(());
    }
    Err(Failure::permanent(
        FailureReason::LimitExceeded,
        format!(
            "the source is longer than {} s: cut it, or raise limits.maxDurationSeconds",
            limits.max_duration_seconds
        ),
    ))
}

impl Plan {
    /// Whether a track of the source plays.
    pub fn usage(&self, track: usize) -> TrackUsage {
        if track == self.track_index {
            TrackUsage::Used
        } else {
            TrackUsage::Unused
        }
    }
}

impl AudioRung {
    /// The rung of a rate.
    pub fn new(bitrate_kbps: u32) -> Self {
        Self {
            rung: Rung::audio(bitrate_kbps),
            bitrate_kbps,
        }
    }
}

impl AudioPlan {
    /// What makes ffmpeg end a fragment after exactly [`Self::frames_per_segment`] frames: a
    /// little less than their length, in microseconds.
    pub const fn fragment_micros(&self) -> u64 {
        self.frames_per_segment * FRAME_SAMPLES * 1000 / SAMPLE_RATE * 1000
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Channels::{Mono, Stereo};
    use proptest::prelude::*;
    use vessel_crds::encoding::AudioLadder;
    use vessel_storage::order::SandboxMode;

    const LADDER: [i32; 4] = [64, 128, 192, 256];

    fn track(codec: &str, channels: u32, bit_rate: Option<u64>) -> ProbedTrack {
        ProbedTrack {
            kind: TrackKind::Audio,
            codec: codec.to_owned(),
            default: DefaultTrack::No,
            language: None,
            sample_rate: 44_100,
            channels,
            sample_format: "s16".to_owned(),
            bit_rate,
            length: DeclaredLength::Unknown,
            size: (0, 0),
        }
    }

    fn probe(tracks: Vec<ProbedTrack>) -> Probe {
        Probe {
            container: "x".to_owned(),
            tracks,
            ffmpeg_version: "7.1".to_owned(),
        }
    }

    fn limits() -> Limits {
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

    fn encoding() -> Encoding {
        Encoding {
            audio: Some(AudioLadder {
                bitrates_kbps: LADDER.to_vec(),
            }),
            ..Encoding::default()
        }
    }

    fn kept(track: &ProbedTrack, channels: Channels) -> Vec<u32> {
        rungs(&LADDER, track, channels)
            .iter()
            .map(|rung| rung.bitrate_kbps)
            .collect()
    }

    #[test]
    fn rungs_above_the_source_are_dropped() {
        let cases = [
            (
                track("flac", 2, Some(700_000)),
                Stereo,
                vec![64, 128, 192, 256],
            ),
            (
                track("flac", 2, Some(40_000)),
                Stereo,
                vec![64, 128, 192, 256],
            ),
            (track("mp3", 2, Some(128_000)), Stereo, vec![64, 128]),
            (track("mp3", 2, Some(130_000)), Stereo, vec![64, 128, 192]),
            (
                track("mp3", 2, Some(320_000)),
                Stereo,
                vec![64, 128, 192, 256],
            ),
            (track("vorbis", 2, Some(32_000)), Stereo, vec![64]),
            (track("vorbis", 2, None), Stereo, vec![64, 128, 192, 256]),
            (track("pcm_s16le", 1, Some(705_600)), Mono, vec![64, 128]),
            (track("mp3", 1, Some(64_000)), Mono, vec![64]),
        ];
        for (track, channels, expected) in cases {
            assert_eq!(kept(&track, channels), expected, "{track:?}");
        }
        assert_eq!(rungs(&[192], &track("flac", 1, None), Mono).len(), 1);
    }

    #[test]
    fn the_default_track_is_taken_and_else_the_first() {
        let cover = ProbedTrack {
            kind: TrackKind::Image,
            ..track("png", 0, None)
        };
        let marked = ProbedTrack {
            default: DefaultTrack::Yes,
            ..track("flac", 2, None)
        };
        let plain = track("aac", 2, None);
        let cases = [
            (vec![cover.clone(), plain.clone(), marked.clone()], (2, 1)),
            (vec![cover.clone(), plain.clone(), plain], (1, 0)),
        ];
        for (tracks, expected) in cases {
            let made = plan(&encoding(), &probe(tracks), &limits()).unwrap();
            assert_eq!((made.track_index, made.audio.track), expected);
        }
        let none = plan(&encoding(), &probe(vec![cover]), &limits()).unwrap_err();
        assert!(
            none.to_string().starts_with("SourceInvalid: no audio"),
            "{none}"
        );
        let silent = ProbedTrack {
            kind: TrackKind::Video,
            ..track("h264", 0, None)
        };
        let none = plan(&encoding(), &probe(vec![silent]), &limits()).unwrap_err();
        assert!(
            none.to_string().starts_with("SourceUnsupported: no audio"),
            "{none}"
        );
    }

    #[test]
    fn what_this_version_can_not_do_is_refused() {
        let source = || probe(vec![track("flac", 2, None)]);
        let mut normalized = encoding();
        normalized.loudness.mode = LoudnessMode::Normalize;
        let silent = Encoding {
            audio: None,
            ..encoding()
        };
        for encoding in [normalized, silent] {
            let error = plan(&encoding, &source(), &limits()).unwrap_err();
            assert!(
                error.to_string().starts_with("SourceUnsupported"),
                "{error}"
            );
        }
    }

    #[test]
    fn transport_streams_are_described_by_hls_alone() {
        use Protocol::{Dash, Hls};
        let of = |container, protocols: &[Protocol]| {
            Descriptions::of(&Packaging {
                container,
                protocols: protocols.to_vec(),
                ..Packaging::default()
            })
        };
        let fragments = Container::FragmentedMp4;
        assert_eq!(of(fragments, &[Hls, Dash]), Descriptions::HlsAndDash);
        assert_eq!(of(fragments, &[Dash]), Descriptions::Dash);
        assert_eq!(of(fragments, &[Hls]), Descriptions::Hls);
        assert_eq!(of(Container::MpegTs, &[Dash]), Descriptions::Hls);
    }

    #[test]
    fn what_could_clip_is_limited() {
        let float = |codec| ProbedTrack {
            sample_format: "fltp".to_owned(),
            ..track(codec, 2, None)
        };
        assert_eq!(limiter(&track("flac", 6, None)), Limiter::On);
        assert_eq!(limiter(&float("pcm_f32le")), Limiter::On);
        assert_eq!(limiter(&float("mp3")), Limiter::Off);
        assert_eq!(limiter(&track("flac", 2, None)), Limiter::Off);
    }

    #[test]
    fn six_seconds_are_281_frames() {
        let plan = plan(&encoding(), &probe(vec![track("flac", 2, None)]), &limits()).unwrap();
        assert_eq!(plan.audio.frames_per_segment, 281);
        assert_eq!(plan.audio.fragment_micros(), 5_994_000);
    }

    #[test]
    fn a_declared_length_beyond_the_limit_is_refused_before_it_is_encoded() {
        let day = ProbedTrack {
            length: DeclaredLength::Exact(86_400_000),
            ..track("flac", 2, None)
        };
        let error = plan(&encoding(), &probe(vec![day.clone()]), &limits()).unwrap_err();
        assert!(error.to_string().contains("maxDurationSeconds"), "{error}");
        let guessed = ProbedTrack {
            length: DeclaredLength::Estimated(86_400_000),
            ..day
        };
        assert!(plan(&encoding(), &probe(vec![guessed]), &limits()).is_ok());
        let few = Limits {
            max_objects: 30,
            ..limits()
        };
        let minute = ProbedTrack {
            length: DeclaredLength::Exact(60_000),
            ..track("flac", 2, None)
        };
        let error = plan(&encoding(), &probe(vec![minute]), &few).unwrap_err();
        assert!(error.to_string().contains("maxObjectsPerJob"), "{error}");
    }

    proptest! {
        /// The lowest rung always stays, and what stays is ascending and was wanted.
        #[test]
        fn a_ladder_is_never_empty(
            wanted in prop::collection::vec(16..512_i32, 1..8),
            rate in prop::option::of(0..400_000_u64),
            mono in any::<bool>(),
        ) {
            let channels = if mono { Mono } else { Stereo };
            let kept = rungs(&wanted, &track("mp3", 2, rate), channels);
            let kept: Vec<u32> = kept.iter().map(|rung| rung.bitrate_kbps).collect();
            let lowest = wanted.iter().min().copied().unwrap();
            prop_assert_eq!(kept.first().copied(), u32::try_from(lowest).ok());
            prop_assert!(kept.is_sorted());
            prop_assert!(kept.iter().all(|&kbps| wanted.contains(&i32::try_from(kbps).unwrap())));
        }

        /// ffmpeg ends a fragment with the first frame at which its length reaches the value:
        /// that is never the frame before the last one.
        #[test]
        fn a_fragment_ends_after_its_frames(seconds in 1..=10_u64) {
            let frames = seconds * SAMPLE_RATE / FRAME_SAMPLES;
            let plan = AudioPlan {
                track: 0,
                channels: Stereo,
                limiter: Limiter::Off,
                rungs: Vec::new(),
                frames_per_segment: frames,
            };
            let micros = |frames: u64| frames * FRAME_SAMPLES * 1_000_000 / SAMPLE_RATE;
            prop_assert!(plan.fragment_micros() <= micros(frames));
            prop_assert!(plan.fragment_micros() > micros(frames - 1));
        }
    }
}
