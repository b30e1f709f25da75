//! HLS playlists (RFC 8216). Every URI is relative, so that a folder plays as it lies.
use super::bandwidth::{Weight, average, peak};
use crate::ladder::Channels;
use crate::length::SAMPLE_RATE;
use m3u8_rs::{Map, MasterPlaylist, MediaPlaylist, MediaPlaylistType, MediaSegment, VariantStream};
use vessel_storage::path::{ObjectPath, Rung, SegmentKind};

/// The version of the format that the playlists need: `EXT-X-MAP` without I-frames alone.
const VERSION: usize = 7;

/// What a playlist says about a rendition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rendition {
    /// Its folder.
    pub rung: Rung,
    /// Its codec by RFC 6381.
    pub codec: String,
    /// Its channels.
    pub channels: Channels,
    /// What its segments are.
    pub kind: SegmentKind,
    /// Its segments, in order.
    pub segments: Vec<Weight>,
}

/// The one target duration of all renditions, in seconds: every `EXTINF`, rounded to the
/// nearest, is at most that (§4.3.3.1), and it is the same for all (§6.2.4).
pub fn target_duration(renditions: &[Rendition]) -> u64 {
    let lengths = renditions.iter().flat_map(|rendition| &rendition.segments);
    let rounded = lengths.map(|segment| (segment.length.0 + SAMPLE_RATE / 2) / SAMPLE_RATE);
    rounded.max().unwrap_or(1).max(1)
}

/// The media playlist of a rendition.
pub fn media(rendition: &Rendition, target_seconds: u64) -> Result<Vec<u8>, std::io::Error> {
    let map = Map {
        uri: file_name(&ObjectPath::Init(rendition.rung.clone())),
        ..Map::default()
    };
    let segments = rendition
        .segments
        .iter()
        .zip(1..)
        .map(|(segment, number)| MediaSegment {
            uri: file_name(&ObjectPath::Segment(
                rendition.rung.clone(),
                number,
                rendition.kind,
            )),
            duration: extinf(segment),
            map: (number == 1 && rendition.kind == SegmentKind::Fragment).then(|| map.clone()),
            ..MediaSegment::default()
        });
    let playlist = MediaPlaylist {
        version: Some(VERSION),
        target_duration: target_seconds,
        segments: segments.collect(),
        end_list: true,
        playlist_type: Some(MediaPlaylistType::Vod),
        independent_segments: true,
        ..MediaPlaylist::default()
    };
    let mut text = Vec::new();
    playlist.write_to(&mut text)?;
    Ok(text)
}

/// The master playlist. The middle rendition comes first: players begin with it.
pub fn master(renditions: &[Rendition], target_seconds: u64) -> Result<Vec<u8>, std::io::Error> {
    let middle = renditions.len().saturating_sub(1) / 2;
    let others = renditions
        .iter()
        .enumerate()
        .filter(|&(index, _)| index != middle);
    let ordered = renditions
        .get(middle)
        .into_iter()
        .chain(others.map(|(_, other)| other));
    let variants = ordered.map(|rendition| VariantStream {
        uri: ObjectPath::Playlist(rendition.rung.clone()).to_string(),
        bandwidth: peak(&rendition.segments, target_seconds),
        average_bandwidth: Some(average(&rendition.segments)),
        codecs: Some(rendition.codec.clone()),
        ..VariantStream::default()
    });
    let playlist = MasterPlaylist {
        version: Some(VERSION),
        variants: variants.collect(),
        independent_segments: true,
        ..MasterPlaylist::default()
    };
    let mut text = Vec::new();
    playlist.write_to(&mut text)?;
    Ok(text)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "f32 holds a segment's length to 1 µs"
)]
fn extinf(segment: &Weight) -> f32 {
    segment.length.seconds() as f32
}

/// The last part of a path: playlists lie beside their segments.
fn file_name(path: &ObjectPath) -> String {
    let path = path.to_string();
    path.rsplit('/').next().unwrap_or(&path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::length::Samples;
    use proptest::prelude::*;

    fn rendition(kbps: u32, kind: SegmentKind) -> Rendition {
        let segment = |bytes, samples| Weight {
            bytes,
            length: Samples(samples),
        };
        let scale = u64::from(kbps);
        Rendition {
            rung: Rung::audio(kbps),
            codec: "mp4a.40.2".to_owned(),
            channels: Channels::Stereo,
            kind,
            segments: vec![
                segment(750 * scale, 286_720),
                segment(760 * scale, 287_744),
                segment(90 * scale, 33_536),
            ],
        }
    }

    fn text(bytes: Result<Vec<u8>, std::io::Error>) -> String {
        String::from_utf8(bytes.unwrap()).unwrap()
    }

    #[test]
    fn the_playlists() {
        let ladder = [64, 128, 192, 256].map(|kbps| rendition(kbps, SegmentKind::Fragment));
        let target = target_duration(&ladder);
        insta::assert_snapshot!("master", text(master(&ladder, target)));
        insta::assert_snapshot!("media", text(media(&ladder[0], target)));
        let transport = rendition(64, SegmentKind::Transport);
        insta::assert_snapshot!("media_transport", text(media(&transport, target)));
    }

    #[test]
    fn a_very_short_rendition_still_has_a_target_duration() {
        let mut short = rendition(64, SegmentKind::Fragment);
        short.segments.truncate(1);
        short.segments[0].length = Samples(1);
        assert_eq!(target_duration(&[short]), 1);
        assert_eq!(target_duration(&[]), 1);
    }

    #[test]
    fn a_target_duration_is_rounded_once() {
        let mut long = rendition(64, SegmentKind::Fragment);
        for (samples, seconds) in [(263_981, 5), (264_000, 6)] {
            long.segments[0].length = Samples(samples);
            long.segments.truncate(1);
            assert_eq!(target_duration(std::slice::from_ref(&long)), seconds);
        }
    }

    proptest! {
        /// An independent reading of the text gives back what was meant, and every EXTINF is
        /// at most the target duration when rounded.
        #[test]
        fn a_media_playlist_reads_back(lengths in prop::collection::vec(1..480_000_u64, 1..30)) {
            let mut rendition = rendition(64, SegmentKind::Fragment);
            rendition.segments = lengths
                .iter()
                .map(|&samples| Weight { bytes: samples, length: Samples(samples) })
                .collect();
            let target = target_duration(std::slice::from_ref(&rendition));
            let text = text(media(&rendition, target));
            let extinfs: Vec<f64> = text
                .lines()
                .filter_map(|line| line.strip_prefix("#EXTINF:")?.trim_end_matches(',').parse().ok())
                .collect();
            prop_assert_eq!(extinfs.len(), lengths.len());
            for (extinf, samples) in extinfs.iter().zip(&lengths) {
                prop_assert!((extinf - Samples(*samples).seconds()).abs() < 0.000_01);
                prop_assert!(extinf.round() <= f64::from(u32::try_from(target).unwrap()));
            }
            prop_assert!(text.ends_with("#EXT-X-ENDLIST\n"));
        }
    }
}
