//! Playlists of any numbers that rungs may come to.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use vessel_storage::path::{Rung, SegmentKind};
use vessel_transcoder::ladder::frame_rate::FrameRate;
use vessel_transcoder::ladder::{Channels, Presents, Size};
use vessel_transcoder::package::bandwidth::Weight;
use vessel_transcoder::package::{dash, hls};

#[derive(Arbitrary, Debug)]
struct Numbers {
    name: u16,
    picture: Option<(u16, u16, u16, u16)>,
    /// As they are and as segments may be: up to 1 GiB, and a day at most.
    segments: Vec<(u32, u32)>,
    timescale: u32,
}

impl Numbers {
    fn rendition(&self) -> hls::Rendition {
        let weights = self.segments.iter().take(50_000);
        let number = u32::from(self.name);
        let (rung, presents) = match self.picture {
            None => (Rung::audio(number), Presents::Sound(Channels::Stereo)),
            Some((width, height, numerator, denominator)) => (
                Rung::video(number),
                Presents::Pictures(
                    Size {
                        width: width.into(),
                        height: height.into(),
                    },
                    FrameRate::new(numerator.into(), denominator.into()),
                ),
            ),
        };
        hls::Rendition {
            rung,
            codec: "mp4a.40.2".to_owned(),
            presents,
            kind: SegmentKind::Fragment,
            timescale: self.timescale,
            segments: weights
                .map(|&(bytes, length)| Weight {
                    bytes: bytes.into(),
                    length: length.into(),
                })
                .collect(),
        }
    }
}

fuzz_target!(|all: Vec<Numbers>| {
    let renditions: Vec<hls::Rendition> = all.iter().take(8).map(Numbers::rendition).collect();
    let target = hls::target_duration(&renditions);
    assert!(target >= 1);
    for rendition in &renditions {
        let text = String::from_utf8(hls::media(rendition, target).unwrap()).unwrap();
        assert_eq!(text.matches("#EXTINF:").count(), rendition.segments.len());
    }
    let (film, sound): (Vec<hls::Rendition>, Vec<hls::Rendition>) =
        renditions.iter().cloned().partition(hls::Rendition::is_seen);
    let pairs: Vec<hls::Pair<'_>> = film.iter().map(|film| (film, sound.first())).collect();
    let _ = hls::master(&pairs, &sound, target).unwrap();
    let _ = dash::manifest(&renditions, target);
});
