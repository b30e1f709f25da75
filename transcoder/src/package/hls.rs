//! HLS playlists (RFC 8216). Every URI is relative, so that a folder plays as it lies.
use super::bandwidth::{Weight, average, peak};
use crate::ladder::Presents;
use m3u8_rs::{
    AlternativeMedia, AlternativeMediaType, ClosedCaptionGroupId, Map, MasterPlaylist,
    MediaPlaylist, MediaPlaylistType, MediaSegment, QuotedOrUnquoted, Resolution, VariantStream,
};
use std::collections::HashMap;
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
    /// What it carries.
    pub presents: Presents,
    /// What its segments are.
    pub kind: SegmentKind,
    /// Units a second of its segments' lengths.
    pub timescale: u32,
    /// Its segments, in order.
    pub segments: Vec<Weight>,
}

/// A rendition of pictures and the rendition of sound that is heard with it.
pub type Pair<'a> = (&'a Rendition, Option<&'a Rendition>);

impl Rendition {
    /// The largest rate over runs of segments, in bit/s.
    pub fn peak(&self, target_seconds: u64) -> u64 {
        peak(&self.segments, self.timescale, target_seconds)
    }

    /// The rate of the whole, in bit/s.
    pub fn average(&self) -> u64 {
        average(&self.segments, self.timescale)
    }

    /// Whether it is seen rather than heard.
    pub const fn is_seen(&self) -> bool {
        matches!(self.presents, Presents::Pictures(..))
    }
}

/// The one target duration of all renditions, in seconds: every `EXTINF`, rounded to the
/// nearest, is at most that (§4.3.3.1), and it is the same for all (§6.2.4).
pub fn target_duration(renditions: &[Rendition]) -> u64 {
    let rounded = renditions.iter().flat_map(|rendition| {
        let scale = u64::from(rendition.timescale.max(1));
        let segments = rendition.segments.iter();
        segments.map(move |segment| (segment.length + scale / 2) / scale)
    });
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
            duration: extinf(segment.length, rendition.timescale),
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

/// The master playlist. The middle variant comes first: players begin with it.
///
/// Where there are pictures, each is paired with one rendition of sound, in a group of its own,
/// and one variant more is sound alone; `pairs` says which belong together, ascending.
pub fn master(
    pairs: &[Pair<'_>],
    sound: &[Rendition],
    target_seconds: u64,
) -> Result<Vec<u8>, std::io::Error> {
    let (variants, alternatives) = if pairs.is_empty() {
        let variants = sound.iter().map(|own| audio_variant(own, target_seconds));
        (variants.collect(), Vec::new())
    } else {
        with_pictures(pairs, sound, target_seconds)
    };
    let playlist = MasterPlaylist {
        version: Some(VERSION),
        variants: middle_first(variants),
        alternatives,
        independent_segments: true,
        ..MasterPlaylist::default()
    };
    let mut text = Vec::new();
    playlist.write_to(&mut text)?;
    Ok(text)
}

fn with_pictures(
    pairs: &[Pair<'_>],
    sound: &[Rendition],
    target_seconds: u64,
) -> (Vec<VariantStream>, Vec<AlternativeMedia>) {
    let pictures = pairs
        .iter()
        .map(|pair| video_variant(*pair, target_seconds));
    let mut heard: Vec<&Rendition> = pairs.iter().filter_map(|(_, sound)| *sound).collect();
    heard.dedup_by_key(|rendition| &rendition.rung);
    // For a connection that carries no picture.
    let alone = sound.first().map(|lowest| VariantStream {
        audio: Some(lowest.rung.to_string()),
        ..audio_variant(lowest, target_seconds)
    });
    if let Some(lowest) = sound.first()
        && !heard.iter().any(|rendition| rendition.rung == lowest.rung)
    {
        heard.insert(0, lowest);
    }
    let alternatives = heard.into_iter().map(group).collect();
    (pictures.chain(alone).collect(), alternatives)
}

/// Of variants in ascending order, with sound alone at their end.
fn middle_first(mut variants: Vec<VariantStream>) -> Vec<VariantStream> {
    let seen = variants
        .iter()
        .filter(|variant| variant.resolution.is_some())
        .count();
    let among = if seen > 0 { seen } else { variants.len() };
    if among > 0 {
        let middle = variants.remove((among - 1) / 2);
        variants.insert(0, middle);
    }
    variants
}

fn audio_variant(rendition: &Rendition, target_seconds: u64) -> VariantStream {
    VariantStream {
        uri: ObjectPath::Playlist(rendition.rung.clone()).to_string(),
        bandwidth: rendition.peak(target_seconds),
        average_bandwidth: Some(rendition.average()),
        codecs: Some(rendition.codec.clone()),
        ..VariantStream::default()
    }
}

/// Rates are of both together, §4.3.4.2.
fn video_variant((picture, sound): Pair<'_>, target_seconds: u64) -> VariantStream {
    let both = || std::iter::once(picture).chain(sound);
    let codecs: Vec<&str> = both().map(|rendition| rendition.codec.as_str()).collect();
    let mut variant = VariantStream {
        bandwidth: both().map(|rendition| rendition.peak(target_seconds)).sum(),
        average_bandwidth: Some(both().map(Rendition::average).sum()),
        codecs: Some(codecs.join(",")),
        audio: sound.map(|rendition| rendition.rung.to_string()),
        closed_captions: Some(ClosedCaptionGroupId::None),
        other_attributes: Some(HashMap::from([(
            "VIDEO-RANGE".to_owned(),
            QuotedOrUnquoted::Unquoted("SDR".to_owned()),
        )])),
        ..audio_variant(picture, target_seconds)
    };
    if let Presents::Pictures(size, rate) = picture.presents {
        variant.resolution = Some(Resolution {
            width: size.width.into(),
            height: size.height.into(),
        });
        variant.frame_rate = Some(f64::from(rate.millihertz()) / 1000.0);
    }
    variant
}

/// `EXT-X-MEDIA` of a rendition of sound, alone in its group.
fn group(rendition: &Rendition) -> AlternativeMedia {
    let channels = match rendition.presents {
        Presents::Sound(channels) => Some(channels.count().to_string()),
        Presents::Pictures(..) => None,
    };
    AlternativeMedia {
        media_type: AlternativeMediaType::Audio,
        uri: Some(ObjectPath::Playlist(rendition.rung.clone()).to_string()),
        group_id: rendition.rung.to_string(),
        name: "Sound".to_owned(),
        default: true,
        autoselect: true,
        channels,
        language: None,
        assoc_language: None,
        forced: false,
        instream_id: None,
        characteristics: None,
        other_attributes: None,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "f32 holds a segment's length to 1 µs"
)]
fn extinf(units: u64, timescale: u32) -> f32 {
    (units as f64 / f64::from(timescale.max(1))) as f32
}

/// The last part of a path: playlists lie beside their segments.
fn file_name(path: &ObjectPath) -> String {
    let path = path.to_string();
    path.rsplit('/').next().unwrap_or(&path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::frame_rate::FrameRate;
    use crate::ladder::{Channels, Size};
    use proptest::prelude::*;

    fn rendition(kbps: u32, kind: SegmentKind) -> Rendition {
        let segment = |bytes, length| Weight { bytes, length };
        let scale = u64::from(kbps);
        Rendition {
            rung: Rung::audio(kbps),
            codec: "mp4a.40.2".to_owned(),
            presents: Presents::Sound(Channels::Stereo),
            kind,
            timescale: 48_000,
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
        insta::assert_snapshot!("master", text(master(&[], &ladder, target)));
        insta::assert_snapshot!("media", text(media(&ladder[0], target)));
        let transport = rendition(64, SegmentKind::Transport);
        insta::assert_snapshot!("media_transport", text(media(&transport, target)));
    }

    fn pictures(width: u32, height: u32, kbps: u64) -> Rendition {
        let segment = |length| Weight {
            bytes: kbps * 125 * length / 30_000,
            length,
        };
        Rendition {
            rung: Rung::video(height),
            codec: "avc1.64001f".to_owned(),
            presents: Presents::Pictures(Size { width, height }, FrameRate::new(30_000, 1001)),
            kind: SegmentKind::Fragment,
            timescale: 30_000,
            segments: vec![segment(180_180), segment(180_180), segment(3003)],
        }
    }

    #[test]
    fn pictures_are_paired_with_sound() {
        let sound = [64, 128, 192, 256].map(|kbps| rendition(kbps, SegmentKind::Fragment));
        let film = [(640, 360, 800), (1280, 720, 2800), (1920, 1080, 5000)]
            .map(|(width, height, kbps)| pictures(width, height, kbps));
        let pairs: Vec<Pair<'_>> = film.iter().zip(sound.iter().map(Some)).collect();
        insta::assert_snapshot!("master_film", text(master(&pairs, &sound, 6)));
        insta::assert_snapshot!("media_film", text(media(&film[0], 6)));
        let silent: Vec<Pair<'_>> = film.iter().map(|own| (own, None)).collect();
        insta::assert_snapshot!("master_silent", text(master(&silent, &[], 6)));
    }

    #[test]
    fn a_very_short_rendition_still_has_a_target_duration() {
        let mut short = rendition(64, SegmentKind::Fragment);
        short.segments.truncate(1);
        short.segments[0].length = 1;
        assert_eq!(target_duration(&[short]), 1);
        assert_eq!(target_duration(&[]), 1);
    }

    #[test]
    fn a_target_duration_is_rounded_once() {
        let mut long = rendition(64, SegmentKind::Fragment);
        for (samples, seconds) in [(263_981, 5), (264_000, 6)] {
            long.segments[0].length = samples;
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
                .map(|&samples| Weight { bytes: samples, length: samples })
                .collect();
            let target = target_duration(std::slice::from_ref(&rendition));
            let text = text(media(&rendition, target));
            let extinfs: Vec<f64> = text
                .lines()
                .filter_map(|line| line.strip_prefix("#EXTINF:")?.trim_end_matches(',').parse().ok())
                .collect();
            prop_assert_eq!(extinfs.len(), lengths.len());
            for (extinf, samples) in extinfs.iter().zip(&lengths) {
                prop_assert!((extinf - f64::from(u32::try_from(*samples).unwrap()) / 48_000.0).abs() < 0.000_01);
                prop_assert!(extinf.round() <= f64::from(u32::try_from(target).unwrap()));
            }
            prop_assert!(text.ends_with("#EXT-X-ENDLIST\n"));
        }
    }
}
