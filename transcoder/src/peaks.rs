//! `peaks.json`: the waveform that players draw, taken from the samples on their way to the
//! encoder. Pure, and of bounded memory: where the windows become too many, each two of them
//! become one.
use crate::ladder::Channels;
use crate::length::SAMPLE_RATE;
use serde::Serialize;

/// Version of the format, in `version`.
const FORMAT: u32 = 1;
/// Most windows; even, so that all of them have a partner.
const MOST: usize = 2000;
/// Samples of a window at the beginning.
const FINEST: u64 = 64;
/// Bytes of a sample of one channel, as 32-bit float.
const SAMPLE_BYTES: usize = 4;
/// What full scale becomes.
const FULL_SCALE: f32 = 255.0;

/// The waveform of what has passed so far.
#[derive(Clone, Debug)]
pub struct Peaks {
    channels: Channels,
    /// Bytes of a frame that has not come whole.
    begun: Vec<u8>,
    /// Samples of a window.
    window: u64,
    /// Samples of the last window that have come.
    filled: u64,
    /// The largest of them.
    largest: f32,
    whole: Vec<u8>,
}

/// What stands in the file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    version: u32,
    /// Samples of every window but the last, which may be shorter.
    samples_per_peak: u64,
    sample_rate_hertz: u64,
    /// The largest absolute value of the mix of all channels in each window; 255 is full scale.
    peaks: &'a [u8],
}

impl Peaks {
    /// Of interleaved samples of so many channels.
    pub fn of(channels: Channels) -> Self {
        Self {
            channels,
            begun: Vec::new(),
            window: FINEST,
            filled: 0,
            largest: 0.0,
            whole: Vec::with_capacity(MOST),
        }
    }

    /// Takes in the next bytes: interleaved little-endian 32-bit floats, cut anywhere.
    pub fn push(&mut self, mut bytes: &[u8]) {
        let frame = match self.channels {
            Channels::Mono => SAMPLE_BYTES,
            Channels::Stereo => 2 * SAMPLE_BYTES,
        };
        if !self.begun.is_empty() {
            let missing = frame.saturating_sub(self.begun.len()).min(bytes.len());
            let (head, rest) = bytes.split_at(missing);
            self.begun.extend_from_slice(head);
            bytes = rest;
            if self.begun.len() < frame {
                return;
            }
            let begun = std::mem::take(&mut self.begun);
            self.frame(&begun);
        }
        let frames = bytes.chunks_exact(frame);
        self.begun.extend_from_slice(frames.remainder());
        for bytes in frames {
            self.frame(bytes);
        }
    }

    fn frame(&mut self, bytes: &[u8]) {
        let (samples, _) = bytes.as_chunks::<SAMPLE_BYTES>();
        let sum: f32 = samples.iter().copied().map(f32::from_le_bytes).sum();
        let mixed = match self.channels {
            Channels::Mono => sum.abs(),
            Channels::Stereo => sum.abs() / 2.0,
        };
        // What is no number is not larger than any: it is left out.
        if mixed > self.largest {
            self.largest = mixed;
        }
        self.filled += 1;
        if self.filled == self.window {
            self.end_window();
        }
    }

    fn end_window(&mut self) {
        if self.whole.len() == MOST {
            // What has just been filled is the first half of a window now.
            self.halve();
            return;
        }
        self.whole.push(scaled(self.largest));
        self.filled = 0;
        self.largest = 0.0;
    }

    fn halve(&mut self) {
        let pairs = self.whole.chunks(2);
        self.whole = pairs
            .filter_map(|pair| pair.iter().max().copied())
            .collect();
        self.window *= 2;
    }

    /// The file; `None` where nothing has passed.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        if self.filled > 0 {
            if self.whole.len() == MOST {
                self.halve();
            }
            self.whole.push(scaled(self.largest));
        }
        if self.whole.is_empty() {
            return None;
        }
        serde_json::to_vec(&File {
            version: FORMAT,
            samples_per_peak: self.window,
            sample_rate_hertz: SAMPLE_RATE,
            peaks: &self.whole,
        })
        .ok()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is that of a byte"
)]
fn scaled(peak: f32) -> u8 {
    (peak * FULL_SCALE).round().clamp(0.0, FULL_SCALE) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use Channels::{Mono, Stereo};
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Read {
        version: u32,
        samples_per_peak: u64,
        sample_rate_hertz: u64,
        peaks: Vec<u8>,
    }

    fn bytes(samples: impl IntoIterator<Item = f32>) -> Vec<u8> {
        samples.into_iter().flat_map(f32::to_le_bytes).collect()
    }

    fn read(channels: Channels, bytes: &[u8], chunk: usize) -> Read {
        let mut peaks = Peaks::of(channels);
        for chunk in bytes.chunks(chunk) {
            peaks.push(chunk);
        }
        serde_json::from_slice(&peaks.finish().unwrap()).unwrap()
    }

    #[test]
    fn a_peak_is_the_largest_of_the_mix_of_a_window() {
        let mut left = vec![0.0; 160];
        left[3] = -0.5;
        left[70] = 1.0;
        left[159] = 0.2;
        let both = left.iter().flat_map(|&sample| [sample, 0.0]);
        let expected = Read {
            version: 1,
            samples_per_peak: 64,
            sample_rate_hertz: 48_000,
            peaks: vec![64, 128, 26],
        };
        assert_eq!(read(Stereo, &bytes(both), 4096), expected);
        let alone = read(Mono, &bytes(left), 4096);
        assert_eq!(alone.peaks, [128, 255, 51]);
    }

    #[test]
    fn what_is_no_number_or_beyond_full_scale_does_no_harm() {
        let mut samples = vec![0.25; 128];
        samples[5] = f32::NAN;
        samples[6] = -f32::NAN;
        samples[70] = f32::INFINITY;
        assert_eq!(read(Mono, &bytes(samples), 4096).peaks, [64, 255]);
        assert_eq!(read(Mono, &bytes([f32::NAN]), 4).peaks, [0]);
        assert_eq!(read(Mono, &bytes([-3.0]), 4).peaks, [255]);
        assert!(Peaks::of(Stereo).finish().is_none());
    }

    #[test]
    fn there_are_never_more_than_two_thousand() {
        for (samples, window, count) in [
            (64 * 2000, 64, 2000),
            (64 * 2000 + 1, 128, 1001),
            (64 * 2001, 128, 1001),
            (64 * 2002, 128, 1001),
            (64 * 4000, 128, 2000),
            (64 * 4000 + 1, 256, 1001),
            (48_000 * 60, 2048, 1407),
        ] {
            let read = read(Mono, &bytes((0..samples).map(|_| 1.0)), 65_536);
            assert_eq!(
                (read.samples_per_peak, read.peaks.len()),
                (window, count),
                "{samples}"
            );
            assert!(read.peaks.iter().all(|&peak| peak == 255));
        }
    }

    proptest! {
        /// The windows of the file, however they came about, are those of the samples.
        #[test]
        fn every_peak_is_that_of_its_own_window(
            samples in prop::collection::vec(-1.2_f32..1.2, 1..9000),
            chunk in 1_usize..5000,
        ) {
            let mut peaks = Peaks { window: 1, ..Peaks::of(Mono) };
            for bytes in bytes(samples.iter().copied()).chunks(chunk) {
                peaks.push(bytes);
            }
            let read: Read = serde_json::from_slice(&peaks.finish().unwrap()).unwrap();
            let window = usize::try_from(read.samples_per_peak).unwrap();
            let largest = |window: &[f32]| window.iter().fold(0.0_f32, |most, one| most.max(one.abs()));
            let expected: Vec<u8> = samples.chunks(window).map(|window| scaled(largest(window))).collect();
            prop_assert!(read.peaks.len() <= MOST);
            prop_assert_eq!(read.peaks, expected);
        }
    }
}
