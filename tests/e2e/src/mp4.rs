//! A judge of fragmented MP4 (ISO/IEC 14496-12): the samples, as `re_mp4` and ffprobe see them.
use crate::hls::{Presentation, Rung};
use crate::media::{probe, probe_stream};
use re_mp4::{Mp4, Sample};

/// When the first sample of each segment is shown, in seconds.
type Cuts = Vec<f64>;

impl Rung {
    /// Samples at 48 kHz that play: all that was encoded but the encoder's priming of 1024
    /// samples, which the edit list leaves out. Panics where the packets are not regular.
    pub async fn net_samples(&self) -> u64 {
        let file = self.whole();
        let first = probe(file.path(), "stream=start_pts").await;
        assert_eq!(first, "-1024", "{}: the edit list is lost", self.uri);
        let samples = self.samples();
        let (last, others) = samples.split_last().expect("packets");
        assert_eq!(last.timescale, 48_000);
        assert!(
            (1..=1024).contains(&last.duration),
            "{}: {last:?}",
            self.uri
        );
        follow(&self.uri, &samples);
        for packet in others {
            assert_eq!(packet.duration, 1024, "{}: {packet:?}", self.uri);
        }
        others.len() as u64 * 1024 + last.duration - 1024
    }

    /// How many pictures there are. Panics where they are not regular, where a segment does
    /// not begin with one that decodes alone, or where they are not as they are stated.
    pub async fn regular_pictures(&self) -> u64 {
        let stated = self.pictures().expect("a variant that is seen");
        let file = self.whole();
        let size = probe_stream(file.path(), "v:0", "stream=width,height").await;
        let expected = format!("{},{}", stated.width, stated.height);
        assert_eq!(size, expected, "{}: RESOLUTION", self.uri);
        let samples = self.samples();
        follow(&self.uri, &samples);
        let step = samples[0].duration;
        let mut shown: Vec<i64> = samples.iter().map(|s| s.composition_timestamp).collect();
        shown.sort_unstable();
        let mut due = 0;
        for (sample, time) in samples.iter().zip(&shown) {
            let found = (sample.duration, *time);
            assert_eq!(found, (step, due), "{}: {sample:?}", self.uri);
            due += step.cast_signed();
        }
        let rate = samples[0].timescale as f64 / step as f64;
        let stated_rate = f64::from(stated.frame_rate);
        assert!(
            (rate - stated_rate).abs() < 0.001,
            "{}: FRAME-RATE={stated_rate}, measured {rate}",
            self.uri
        );
        samples.len() as u64
    }

    /// Where the segments begin. Panics unless each begins with a sample that decodes alone.
    pub fn cuts(&self) -> Cuts {
        let samples = self.samples();
        let mut start = self.init.len() as u64;
        let begins = self.segments.iter().map(|segment| {
            let first = samples.iter().find(|sample| sample.offset >= start);
            let first = first.unwrap_or_else(|| panic!("{}: an empty segment", self.uri));
            assert!(first.is_sync, "{}: {first:?}", self.uri);
            start += segment.bytes.len() as u64;
            first.composition_timestamp as f64 / first.timescale as f64
        });
        begins.collect()
    }

    fn samples(&self) -> Vec<Sample> {
        let bytes = std::fs::read(self.whole().path()).unwrap();
        let parsed = Mp4::read_bytes(&bytes).unwrap_or_else(|e| panic!("{}: {e}", self.uri));
        let mut tracks = parsed.tracks().values();
        let track = tracks.next().expect("a track");
        assert!(tracks.next().is_none(), "{}: one track a rung", self.uri);
        let mut samples = track.samples.clone();
        for sample in &mut samples {
            // The reader takes the signed offsets of version 1 (§8.8.8.2) for unsigned ones.
            let offset = sample.composition_timestamp - sample.decode_timestamp;
            let offset = i64::from((offset as u32).cast_signed());
            sample.composition_timestamp = sample.decode_timestamp + offset;
        }
        samples
    }
}

impl Presentation {
    /// Panics unless pictures are cut at the same places on all rungs, and end with the sound
    /// that is heard with them, but for less than a segment.
    pub fn pictures_and_sound_go_together(&self) {
        let seen = || self.rungs.iter().filter(|rung| rung.pictures().is_some());
        let first = seen().next().expect("a variant that is seen").cuts();
        for rung in seen() {
            assert_eq!(rung.cuts(), first, "{}", rung.uri);
            let longest = rung.segments.iter().map(|segment| segment.seconds);
            let longest = longest.fold(0.0, f64::max);
            let sound = self.sound_of(rung).map_or(rung.seconds(), Rung::seconds);
            assert!(
                (rung.seconds() - sound).abs() < longest,
                "{}: {} s of pictures, {sound} s of sound",
                rung.uri,
                rung.seconds()
            );
        }
    }
}

/// Panics unless each sample is decoded when the one before it ends, from 0 on.
fn follow(uri: &str, samples: &[Sample]) {
    let begin = samples.first().expect("samples").decode_timestamp;
    assert!(begin <= 0, "{uri}: decoding begins at {begin}");
    let mut due = begin;
    for sample in samples {
        assert_eq!(sample.decode_timestamp, due, "{uri}: {sample:?}");
        due += sample.duration.cast_signed();
    }
}
