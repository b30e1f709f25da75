//! The regularity of a rung, checked fragment by fragment: part (d) of the gate.
use crate::length::{FRAME_SAMPLES, PRIMING_SAMPLES, SAMPLE_RATE, Samples};
use crate::package::fragment::{Fragment, Init, Sync};

/// The fragments of a rung so far.
#[derive(Debug)]
pub struct Timeline {
    frames_per_segment: usize,
    decode_times: Vec<u64>,
    total: u64,
    last: Last,
}

/// Whether the fragment that may be shorter has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Last {
    Ahead,
    Seen,
}

/// What is irregular.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Irregular {
    /// An edit list that cuts off something else than the encoder's priming.
    #[error("the edit list is {0:?} instead of [(0, {PRIMING_SAMPLES})]")]
    Edits(Vec<(u64, Option<u64>)>),
    /// Times in other units than samples.
    #[error("{0} units a second instead of {SAMPLE_RATE}")]
    Timescale(u32),
    /// A gap or an overlap.
    #[error("fragment {0} begins at {1} instead of {2}")]
    DecodeTime(usize, u64, u64),
    /// Decoding can't begin with the fragment.
    #[error("fragment {0} does not begin with a sync sample")]
    NoSync(usize),
    /// A frame of another length than 1024, before the last.
    #[error("fragment {0} has a frame of {1} samples")]
    FrameLength(usize, u64),
    /// A fragment of another length than the others, before the last.
    #[error("fragment {0} has {1} frames")]
    Frames(usize, usize),
    /// Nothing at all.
    #[error("no fragments")]
    Empty,
}

impl Timeline {
    /// A rung that begins with this initialization segment.
    pub fn begin(init: &Init, frames_per_segment: u64) -> Result<Self, Irregular> {
        if u64::from(init.timescale) != SAMPLE_RATE {
            return Err(Irregular::Timescale(init.timescale));
        }
        if init.edits != [(0, Some(PRIMING_SAMPLES))] {
            return Err(Irregular::Edits(init.edits.clone()));
        }
        Ok(Self {
            frames_per_segment: usize::try_from(frames_per_segment).unwrap_or(usize::MAX),
            decode_times: Vec::new(),
            total: 0,
            last: Last::Ahead,
        })
    }

    /// Takes the next fragment; answers how long it plays, the priming left out.
    pub fn take(&mut self, fragment: &Fragment) -> Result<Samples, Irregular> {
        let number = self.decode_times.len() + 1;
        if fragment.decode_time != self.total {
            return Err(Irregular::DecodeTime(
                number,
                fragment.decode_time,
                self.total,
            ));
        }
        let frames = fragment.samples.len();
        let (Some(first), Some(end)) = (fragment.samples.first(), fragment.samples.last()) else {
            return Err(Irregular::Frames(number, 0));
        };
        if first.sync == Sync::No {
            return Err(Irregular::NoSync(number));
        }
        if self.last == Last::Seen || frames > self.frames_per_segment {
            return Err(Irregular::Frames(number, frames));
        }
        let all_but_end = fragment.samples.iter().take(frames - 1);
        let odd = all_but_end
            .map(|sample| sample.duration)
            .find(|&length| length != FRAME_SAMPLES);
        if let Some(length) =
            odd.or((!(1..=FRAME_SAMPLES).contains(&end.duration)).then_some(end.duration))
        {
            return Err(Irregular::FrameLength(number, length));
        }
        if frames < self.frames_per_segment || end.duration < FRAME_SAMPLES {
            self.last = Last::Seen;
        }
        let begin = self.total;
        self.decode_times.push(begin);
        self.total += fragment
            .samples
            .iter()
            .map(|sample| sample.duration)
            .sum::<u64>();
        let plays_from = begin.max(PRIMING_SAMPLES);
        Ok(Samples(self.total.saturating_sub(plays_from)))
    }

    /// The whole: where its fragments begin, and how many samples play.
    pub fn finish(self) -> Result<(Vec<u64>, Samples), Irregular> {
        if self.decode_times.is_empty() {
            return Err(Irregular::Empty);
        }
        let plays = Samples(self.total.saturating_sub(PRIMING_SAMPLES));
        Ok((self.decode_times, plays))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::fragment::{Defaults, Sample};
    use proptest::prelude::*;

    fn init() -> Init {
        Init {
            codec: "mp4a.40.2".to_owned(),
            timescale: 48_000,
            edits: vec![(0, Some(1024))],
            defaults: Defaults::default(),
        }
    }

    fn fragment(decode_time: u64, frames: usize, last: u64) -> Fragment {
        let sample = |duration| Sample {
            duration,
            bytes: 0..1,
            sync: Sync::Yes,
        };
        let mut samples = vec![sample(FRAME_SAMPLES); frames];
        samples[frames - 1] = sample(last);
        Fragment {
            decode_time,
            samples,
        }
    }

    fn timeline() -> Timeline {
        Timeline::begin(&init(), 3).unwrap()
    }

    #[test]
    fn a_regular_rung_adds_up() {
        let mut timeline = timeline();
        assert_eq!(timeline.take(&fragment(0, 3, 1024)), Ok(Samples(2048)));
        assert_eq!(timeline.take(&fragment(3072, 3, 1024)), Ok(Samples(3072)));
        assert_eq!(timeline.take(&fragment(6144, 2, 7)), Ok(Samples(1031)));
        assert_eq!(timeline.finish(), Ok((vec![0, 3072, 6144], Samples(6151))));
    }

    #[test]
    fn each_irregularity_is_found() {
        let mut no_sync = fragment(0, 3, 1024);
        no_sync.samples[0].sync = Sync::No;
        let mut odd = fragment(0, 3, 1024);
        odd.samples[1].duration = 1000;
        let cases = [
            (vec![fragment(5, 3, 1024)], Irregular::DecodeTime(1, 5, 0)),
            (vec![no_sync], Irregular::NoSync(1)),
            (vec![odd], Irregular::FrameLength(1, 1000)),
            (vec![fragment(0, 3, 1025)], Irregular::FrameLength(1, 1025)),
            (vec![fragment(0, 3, 0)], Irregular::FrameLength(1, 0)),
            (vec![fragment(0, 4, 1024)], Irregular::Frames(1, 4)),
            (
                vec![fragment(0, 2, 1024), fragment(2048, 3, 1024)],
                Irregular::Frames(2, 3),
            ),
            (
                vec![fragment(0, 3, 1024), fragment(4096, 3, 1024)],
                Irregular::DecodeTime(2, 4096, 3072),
            ),
        ];
        for (fragments, expected) in cases {
            let mut timeline = timeline();
            let result: Result<Vec<_>, _> = fragments
                .iter()
                .map(|fragment| timeline.take(fragment))
                .collect();
            assert_eq!(result, Err(expected));
        }
        assert_eq!(timeline().finish(), Err(Irregular::Empty));
    }

    #[test]
    fn an_initialization_segment_without_the_edit_list_is_refused() {
        for edits in [vec![], vec![(0, Some(0))], vec![(0, None), (0, Some(1024))]] {
            let init = Init {
                edits: edits.clone(),
                ..init()
            };
            assert_eq!(
                Timeline::begin(&init, 3).err(),
                Some(Irregular::Edits(edits))
            );
        }
        let init = Init {
            timescale: 44_100,
            ..init()
        };
        assert_eq!(
            Timeline::begin(&init, 3).err(),
            Some(Irregular::Timescale(44_100))
        );
    }

    proptest! {
        /// What the segments play adds up to the whole, for any length.
        #[test]
        fn segments_add_up(fragments in 0..5_usize, frames in 1..=3_usize, last in 1..=1024_u64) {
            let mut timeline = timeline();
            let mut sum = 0;
            for number in 0..fragments {
                let begin = u64::try_from(number).unwrap() * 3072;
                sum += timeline.take(&fragment(begin, 3, 1024)).unwrap().0;
            }
            let begin = u64::try_from(fragments).unwrap() * 3072;
            sum += timeline.take(&fragment(begin, frames, last)).unwrap().0;
            let (_, total) = timeline.finish().unwrap();
            prop_assert_eq!(total.0, sum);
        }
    }
}
