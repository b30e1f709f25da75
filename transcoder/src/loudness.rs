//! The level of the sound: measured by EBU R 128 (ITU-R BS.1770), and changed by one gain for
//! the whole. Pure, but for the pass that measures before there is anything to change.
use crate::ffmpeg::argv::{self, Address};
use crate::ffmpeg::process::{self, Invocation, Reads, Sandbox};
use crate::ladder::{AudioPlan, Limiter, Plan};
use crate::stop::Stop;
use crate::tools::Tool;
use std::path::Path;
use vessel_crds::encoding::{Loudness, LoudnessMode};
use vessel_crds::media::MeasuredLoudness;
use vessel_storage::order::Limits;

/// Thousandths of a dB below full scale that a changed level leaves to true peaks.
const HEADROOM: i32 = 1000;
/// ffmpeg's meter. It stands in the chain and hands the samples on as they are: on a branch of
/// its own, which ends in `anullsink`, ffmpeg 7.1 aborts at its end.
const METER: &str = "ebur128=framelog=quiet:peak=true";
/// The limiter. 0.891 is -1 dBFS; it neither scales nor delays.
const LIMITER: &str = "alimiter=limit=0.891:level=0:latency=1";

/// What is done about the level of the sound.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// It stays, and nobody asks how loud it is.
    Untouched,
    /// It stays, and is measured while the sound is decoded.
    Metered,
    /// It has to be measured before it can be brought to this many thousandths of a LUFS.
    Wanted(i32),
    /// It was measured, and is changed.
    Changed(MeasuredLoudness, Gain),
}

/// A change of level, the same from the first sample to the last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Gain {
    /// Thousandths of a dB.
    pub milli_decibels: i32,
    /// Whether peaks are limited behind it.
    pub limiter: Limiter,
}

impl Level {
    /// What a profile wants.
    pub const fn of(loudness: &Loudness) -> Self {
        match loudness.mode {
            LoudnessMode::Off => Self::Untouched,
            LoudnessMode::Measure => Self::Metered,
            LoudnessMode::Normalize => Self::Wanted(loudness.target_lufs * 1000),
        }
    }

    /// What was measured before anything was encoded.
    pub const fn measured(self) -> Option<MeasuredLoudness> {
        match self {
            Self::Changed(measured, _) => Some(measured),
            Self::Untouched | Self::Metered | Self::Wanted(_) => None,
        }
    }
}

impl Gain {
    /// The gain that makes `measured` as loud as `target`, in thousandths of a LUFS.
    pub const fn to(target: i32, measured: MeasuredLoudness) -> Self {
        let milli_decibels = target - measured.integrated_milli_lufs;
        let peak = measured.true_peak_milli_dbtp + milli_decibels;
        Self {
            milli_decibels,
            limiter: if peak > -HEADROOM {
                Limiter::On
            } else {
                Limiter::Off
            },
        }
    }

    fn filter(self) -> String {
        let sign = if self.milli_decibels < 0 { "-" } else { "" };
        let amount = self.milli_decibels.unsigned_abs();
        let (whole, rest) = (amount / 1000, amount % 1000);
        format!("volume={sign}{whole}.{rest:03}dB:precision=float")
    }
}

/// ffmpeg's filters for the level of sound that is sampled and laid out as it will play; empty
/// where there are none.
pub fn filters(plan: &AudioPlan) -> Vec<String> {
    let mut filters = Vec::new();
    let mut limiter = plan.limiter;
    match plan.level {
        Level::Untouched | Level::Wanted(_) => {}
        Level::Metered => filters.push(METER.to_owned()),
        Level::Changed(_, gain) => {
            filters.push(gain.filter());
            limiter = gain.limiter;
        }
    }
    if limiter == Limiter::On {
        filters.push(LIMITER.to_owned());
    }
    filters
}

/// Measures what has to be measured before it can be encoded. What has no loudness, such as
/// silence, stays as it is; and what can't be decoded is for the encode to judge.
pub async fn settle(
    sandbox: &Sandbox,
    source: &Path,
    limits: &Limits,
    plan: &mut Plan,
) -> Result<(), Stop> {
    let Some(audio) = &mut plan.audio else {
        return Ok(());
    };
    let Level::Wanted(target) = audio.level else {
        return Ok(());
    };
    let measured = measure(sandbox, source, limits, audio).await?;
    audio.level = measured.map_or(Level::Untouched, |measured| {
        Level::Changed(measured, Gain::to(target, measured))
    });
    tracing::info!(level = ?audio.level, "the level was measured");
    Ok(())
}

async fn measure(
    sandbox: &Sandbox,
    source: &Path,
    limits: &Limits,
    plan: &AudioPlan,
) -> Result<Option<MeasuredLoudness>, Stop> {
    let threads = process::threads();
    let metered = AudioPlan {
        level: Level::Metered,
        limiter: Limiter::Off,
        ..plan.clone()
    };
    let seconds = limits.max_duration_seconds;
    let arguments = argv::measure(&metered, Address::File(source), threads, seconds);
    let running = sandbox.start(Invocation {
        tool: Tool::Ffmpeg,
        arguments: &arguments,
        reads: Reads::File(source),
        extra: Vec::new(),
    })?;
    let ended = running.end().await?;
    ended.surroundings()?;
    Ok(ended.log.meter.measured())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::Channels;
    use crate::ladder::fixtures::song;

    fn measured(integrated: i32, peak: i32) -> MeasuredLoudness {
        MeasuredLoudness {
            integrated_milli_lufs: integrated,
            range_milli_lu: 0,
            true_peak_milli_dbtp: peak,
        }
    }

    #[test]
    fn the_gain_is_what_is_missing_and_peaks_are_limited_only_where_they_would_clip() {
        let cases = [
            (-16_000, -30_000, -30_000, 14_000, Limiter::Off),
            (-16_000, -16_000, -1000, 0, Limiter::Off),
            (-16_000, -16_000, -900, 0, Limiter::On),
            (-16_000, -9300, 400, -6700, Limiter::Off),
            (-16_000, -22_400, -3000, 6400, Limiter::On),
            (-8000, -69_900, -60_000, 61_900, Limiter::On),
            (-31_000, 9900, 12_000, -40_900, Limiter::Off),
        ];
        for (target, integrated, peak, milli_decibels, limiter) in cases {
            let gain = Gain::to(target, measured(integrated, peak));
            let expected = Gain {
                milli_decibels,
                limiter,
            };
            assert_eq!(gain, expected, "{integrated} at most {peak} to {target}");
        }
    }

    #[test]
    fn a_level_is_metered_before_it_is_limited_and_changed_before_too() {
        let plan = song(Channels::Stereo, &[64]).audio.unwrap();
        let words = |level, limiter| {
            let plan = AudioPlan {
                limiter,
                level,
                ..plan.clone()
            };
            filters(&plan).join(",")
        };
        let gain = |milli_decibels, limiter| {
            let gain = Gain {
                milli_decibels,
                limiter,
            };
            Level::Changed(measured(-20_000, -3000), gain)
        };
        assert_eq!(words(Level::Untouched, Limiter::Off), "");
        assert_eq!(
            words(Level::Metered, Limiter::On),
            format!("{METER},{LIMITER}")
        );
        // A quieter downmix does not clip any more.
        assert_eq!(
            words(gain(-6050, Limiter::Off), Limiter::On),
            "volume=-6.050dB:precision=float"
        );
        assert_eq!(
            words(gain(400, Limiter::On), Limiter::Off),
            format!("volume=0.400dB:precision=float,{LIMITER}")
        );
        assert_eq!(
            words(gain(-400, Limiter::Off), Limiter::Off),
            "volume=-0.400dB:precision=float"
        );
    }
}
