//! The regularity of a rung, checked fragment by fragment: part (d) of the gate.
use crate::length::{Cadence, LastSample};
use crate::package::fragment::{Fragment, Init, Sync};

/// The fragments of a rung so far.
#[derive(Debug)]
pub struct Timeline {
    cadence: Cadence,
    /// What is irregular about its initialization segment. The muxer knows the edit list from
    /// the first sample alone: where none comes, that is what to say.
    begin: Option<Irregular>,
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
    #[error("the edit list is {0:?} instead of [(0, {1})]")]
    Edits(Vec<(u64, Option<u64>)>, u64),
    /// Times in other units than those that were asked for.
    #[error("{0} units a second instead of {1}")]
    Timescale(u32, u32),
    /// A gap or an overlap.
    #[error("fragment {0} begins at {1} instead of {2}")]
    DecodeTime(usize, u64, u64),
    /// Decoding can't begin with the fragment.
    #[error("fragment {0} does not begin with a sync sample")]
    NoSync(usize),
    /// A sample of another length than the others.
    #[error("fragment {0} has a sample of {1} units")]
    SampleLength(usize, u64),
    /// A fragment of another length than the others, before the last.
    #[error("fragment {0} has {1} samples")]
    Samples(usize, usize),
    /// Nothing at all.
    #[error("no fragments")]
    Empty,
}

impl Timeline {
    /// A rung that begins with this initialization segment.
    pub fn begin(init: &Init, cadence: Cadence) -> Self {
        let begin = if init.timescale != cadence.timescale {
            Some(Irregular::Timescale(init.timescale, cadence.timescale))
        } else if init.edits != [(0, Some(cadence.priming))] {
            Some(Irregular::Edits(init.edits.clone(), cadence.priming))
        } else {
            None
        };
        Self {
            cadence,
            begin,
            decode_times: Vec::new(),
            total: 0,
            last: Last::Ahead,
        }
    }

    /// Takes the next fragment; answers how long it plays in units, the priming left out.
    pub fn take(&mut self, fragment: &Fragment) -> Result<u64, Irregular> {
        if let Some(irregular) = self.begin.take() {
            return Err(irregular);
        }
        let number = self.decode_times.len() + 1;
        if fragment.decode_time != self.total {
            return Err(Irregular::DecodeTime(
                number,
                fragment.decode_time,
                self.total,
            ));
        }
        self.regular(number, fragment)?;
        let begin = self.total;
        self.decode_times.push(begin);
        let lengths = fragment.samples.iter().map(|sample| sample.duration);
        self.total += lengths.sum::<u64>();
        Ok(self.total.saturating_sub(begin.max(self.cadence.priming)))
    }

    /// All samples are alike, and there are as many as in the others; but for the end of all.
    fn regular(&mut self, number: usize, fragment: &Fragment) -> Result<(), Irregular> {
        let (whole, count) = (self.cadence.sample, fragment.samples.len());
        let (Some(first), Some(end)) = (fragment.samples.first(), fragment.samples.last()) else {
            return Err(Irregular::Samples(number, 0));
        };
        if first.sync == Sync::No {
            return Err(Irregular::NoSync(number));
        }
        if self.last == Last::Seen || count as u64 > self.cadence.fragment_samples {
            return Err(Irregular::Samples(number, count));
        }
        let lengths = fragment.samples.iter().map(|sample| sample.duration);
        if let Some(length) = lengths.take(count - 1).find(|&length| length != whole) {
            return Err(Irregular::SampleLength(number, length));
        }
        let shortest = match self.cadence.last {
            LastSample::MayBeShorter => 1,
            LastSample::Whole => whole,
        };
        if !(shortest..=whole).contains(&end.duration) {
            return Err(Irregular::SampleLength(number, end.duration));
        }
        if (count as u64) < self.cadence.fragment_samples || end.duration < whole {
            self.last = Last::Seen;
        }
        Ok(())
    }

    /// The whole: where its fragments begin, and how many units play.
    pub fn finish(self) -> Result<(Vec<u64>, u64), Irregular> {
        if self.decode_times.is_empty() {
            return Err(Irregular::Empty);
        }
        let plays = self.total.saturating_sub(self.cadence.priming);
        Ok((self.decode_times, plays))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::length::{FRAME_SAMPLES, PRIMING_SAMPLES};
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

    const SOUND: Cadence = Cadence {
        timescale: 48_000,
        sample: FRAME_SAMPLES,
        fragment_samples: 3,
        priming: PRIMING_SAMPLES,
        last: LastSample::MayBeShorter,
    };

    fn timeline() -> Timeline {
        Timeline::begin(&init(), SOUND)
    }

    #[test]
    fn a_regular_rung_adds_up() {
        let mut timeline = timeline();
        assert_eq!(timeline.take(&fragment(0, 3, 1024)), Ok(2048));
        assert_eq!(timeline.take(&fragment(3072, 3, 1024)), Ok(3072));
        assert_eq!(timeline.take(&fragment(6144, 2, 7)), Ok(1031));
        assert_eq!(timeline.finish(), Ok((vec![0, 3072, 6144], 6151)));
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
            (vec![odd], Irregular::SampleLength(1, 1000)),
            (vec![fragment(0, 3, 1025)], Irregular::SampleLength(1, 1025)),
            (vec![fragment(0, 3, 0)], Irregular::SampleLength(1, 0)),
            (vec![fragment(0, 4, 1024)], Irregular::Samples(1, 4)),
            (
                vec![fragment(0, 2, 1024), fragment(2048, 3, 1024)],
                Irregular::Samples(2, 3),
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

    fn begun_with(init: &Init) -> Result<u64, Irregular> {
        Timeline::begin(init, SOUND).take(&fragment(0, 3, 1024))
    }

    #[test]
    fn an_initialization_segment_without_the_edit_list_is_refused() {
        for edits in [vec![], vec![(0, Some(0))], vec![(0, None), (0, Some(1024))]] {
            let init = Init {
                edits: edits.clone(),
                ..init()
            };
            assert_eq!(begun_with(&init), Err(Irregular::Edits(edits, 1024)));
        }
        let init = Init {
            timescale: 44_100,
            ..init()
        };
        assert_eq!(begun_with(&init), Err(Irregular::Timescale(44_100, 48_000)));
    }

    #[test]
    fn a_rung_without_samples_is_empty_whatever_its_edit_list_says() {
        let init = Init {
            edits: Vec::new(),
            ..init()
        };
        let empty = Timeline::begin(&init, SOUND).finish();
        assert_eq!(empty, Err(Irregular::Empty));
    }

    #[test]
    fn the_last_picture_lasts_as_long_as_the_others() {
        let film = Cadence {
            timescale: 25_000,
            sample: 1000,
            priming: 0,
            last: LastSample::Whole,
            ..SOUND
        };
        let init = Init {
            timescale: 25_000,
            edits: vec![(0, Some(0))],
            ..init()
        };
        let pictures = |count, last| {
            let mut fragment = fragment(0, count, last);
            for picture in &mut fragment.samples[..count - 1] {
                picture.duration = 1000;
            }
            fragment
        };
        let take = |fragment| Timeline::begin(&init, film).take(&fragment);
        assert_eq!(take(pictures(3, 1000)), Ok(3000));
        assert_eq!(take(pictures(2, 1000)), Ok(2000));
        assert_eq!(take(pictures(3, 999)), Err(Irregular::SampleLength(1, 999)));
        assert_eq!(take(pictures(4, 1000)), Err(Irregular::Samples(1, 4)));
    }

    proptest! {
        /// What the segments play adds up to the whole, for any length.
        #[test]
        fn segments_add_up(fragments in 0..5_usize, frames in 1..=3_usize, last in 1..=1024_u64) {
            let mut timeline = timeline();
            let mut sum = 0;
            for number in 0..fragments {
                let begin = u64::try_from(number).unwrap() * 3072;
                sum += timeline.take(&fragment(begin, 3, 1024)).unwrap();
            }
            let begin = u64::try_from(fragments).unwrap() * 3072;
            sum += timeline.take(&fragment(begin, frames, last)).unwrap();
            let (_, total) = timeline.finish().unwrap();
            prop_assert_eq!(total, sum);
        }
    }
}
