//! The audio ladder: which rates, how many channels. Pure.
use crate::length::{FRAME_SAMPLES, SAMPLE_RATE, Samples};
use crate::loudness::Level;
use crate::probe::{DeclaredLength, ProbedTrack};
use vessel_crds::encoding::AudioLadder;
use vessel_storage::path::Rung;

/// Above this many kbit/s a single channel gains nothing.
const MONO_KBPS: u32 = 128;
/// Codecs that keep every sample. A rate of theirs says nothing about quality.
const LOSSLESS: [&str; 10] = [
    "alac", "ape", "flac", "mlp", "shorten", "tak", "truehd", "tta", "wavpack", "mp4als",
];

/// The audio ladder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AudioPlan {
    /// Index of the audio track among all tracks.
    pub track_index: usize,
    /// What the source says about its length.
    pub declared: DeclaredLength,
    /// Channels of every rung.
    pub channels: Channels,
    /// Whether peaks are limited before encoding.
    pub limiter: Limiter,
    /// What is done about the level before that.
    pub level: Level,
    /// The rungs, ascending.
    pub rungs: Vec<AudioRung>,
    /// AAC frames of a segment.
    pub frames_per_segment: u64,
    /// How long it plays at least, with silence behind the sound: as long as the pictures.
    pub pad_to: Option<Samples>,
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

/// The ladder of a track.
pub fn plan(ladder: &AudioLadder, track: (usize, &ProbedTrack), segment_seconds: u64) -> AudioPlan {
    let (track_index, track) = track;
    let channels = if track.channels == 1 {
        Channels::Mono
    } else {
        Channels::Stereo
    };
    AudioPlan {
        track_index,
        declared: track.length,
        channels,
        limiter: limiter(track),
        level: Level::Untouched,
        rungs: rungs(&ladder.bitrates_kbps, track, channels),
        frames_per_segment: (segment_seconds * SAMPLE_RATE / FRAME_SAMPLES).max(1),
        pad_to: None,
    }
}

/// Whether every sample of it is kept.
pub fn is_lossless(track: &ProbedTrack) -> bool {
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
    use crate::ladder::fixtures::{song, track};
    use Channels::{Mono, Stereo};
    use proptest::prelude::*;

    const LADDER: [i32; 4] = [64, 128, 192, 256];

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
        let plan = song(Stereo, &[64]).audio.unwrap();
        assert_eq!(plan.frames_per_segment, 281);
        assert_eq!(plan.fragment_micros(), 5_994_000);
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
                track_index: 0,
                declared: DeclaredLength::Unknown,
                channels: Stereo,
                limiter: Limiter::Off,
                level: Level::Untouched,
                rungs: Vec::new(),
                frames_per_segment: frames,
                pad_to: None,
            };
            let micros = |frames: u64| frames * FRAME_SAMPLES * 1_000_000 / SAMPLE_RATE;
            prop_assert!(plan.fragment_micros() <= micros(frames));
            prop_assert!(plan.fragment_micros() > micros(frames - 1));
        }
    }
}
