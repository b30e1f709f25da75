//! The DASH manifest (ISO/IEC 23009-1, profile isoff-live) of the same segments that the HLS
//! playlists describe. Every URI is relative.
use super::bandwidth::Weight;
use super::hls::Rendition;
use crate::ladder::Presents;
use crate::length::{SAMPLE_RATE, Samples, in_samples};
use dash_mpd_core::{
    AdaptationSet, AudioChannelConfiguration, MPD, Period, Representation, S, SegmentTemplate,
    SegmentTimeline,
};
use std::time::Duration;

/// A folder is named as its representation is, so that one template holds for all.
const INITIALIZATION: &str = "$RepresentationID$/init.mp4";
const MEDIA: &str = "$RepresentationID$/$Number%05d$.m4s";

/// The manifest of renditions of which those of a kind are cut at the same places.
pub fn manifest(renditions: &[Rendition], target_seconds: u64) -> Vec<u8> {
    let (film, sound): (Vec<&Rendition>, Vec<&Rendition>) =
        renditions.iter().partition(|rendition| rendition.is_seen());
    let sets = [film, sound].into_iter().filter(|set| !set.is_empty());
    let length = renditions.iter().map(length).max().unwrap_or_default();
    let longest = renditions.iter().map(longest).max().unwrap_or_default();
    let mpd = MPD {
        xmlns: Some("urn:mpeg:dash:schema:mpd:2011".to_owned()),
        profiles: Some("urn:mpeg:dash:profile:isoff-live:2011".to_owned()),
        mpdtype: Some("static".to_owned()),
        mediaPresentationDuration: Some(duration(length)),
        // With one segment at hand, the stated rates suffice for all that follow.
        minBufferTime: Some(longest),
        maxSegmentDuration: Some(longest),
        periods: vec![Period {
            id: Some("0".to_owned()),
            start: Some(Duration::ZERO),
            adaptations: sets.map(|set| adaptation(&set, target_seconds)).collect(),
            ..Period::default()
        }],
        ..MPD::default()
    };
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{mpd}\n").into_bytes()
}

fn length(rendition: &Rendition) -> Samples {
    let units = rendition.segments.iter().map(|segment| segment.length);
    in_samples(units.sum(), rendition.timescale)
}

/// The longest segment, to the microsecond above.
fn longest(rendition: &Rendition) -> Duration {
    let units = rendition.segments.iter().map(|segment| segment.length);
    let units = u128::from(units.max().unwrap_or_default());
    let scale = u128::from(rendition.timescale.max(1));
    let micros = (units * 1_000_000).div_ceil(scale);
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

fn adaptation(renditions: &[&Rendition], target_seconds: u64) -> AdaptationSet {
    let first = renditions.first();
    let segments = first.map_or(&[][..], |first| &first.segments);
    let timescale = first.map_or(0, |first| first.timescale);
    let kind = match first.map(|first| first.presents) {
        Some(Presents::Pictures(..)) => "video",
        _ => "audio",
    };
    AdaptationSet {
        contentType: Some(kind.to_owned()),
        mimeType: Some(format!("{kind}/mp4")),
        segmentAlignment: Some(true),
        startWithSAP: Some(1),
        audioSamplingRate: (kind == "audio").then(|| SAMPLE_RATE.to_string()),
        SegmentTemplate: Some(template(segments, timescale)),
        representations: renditions
            .iter()
            .map(|rendition| representation(rendition, target_seconds))
            .collect(),
        ..AdaptationSet::default()
    }
}

/// Times are those of presentation: the edit list has taken the priming off, so the first
/// segment begins at 0 and is shorter by it.
fn template(segments: &[Weight], timescale: u32) -> SegmentTemplate {
    let runs = segments.chunk_by(|one, next| one.length == next.length);
    let timeline = runs.enumerate().map(|(number, run)| S {
        t: (number == 0).then_some(0),
        d: run.first().map_or(0, |segment| segment.length),
        r: i64::try_from(run.len())
            .ok()
            .map(|count| count - 1)
            .filter(|&again| again > 0),
        ..S::default()
    });
    SegmentTemplate {
        timescale: Some(timescale.into()),
        startNumber: Some(1),
        initialization: Some(INITIALIZATION.to_owned()),
        media: Some(MEDIA.to_owned()),
        SegmentTimeline: Some(SegmentTimeline {
            segments: timeline.collect(),
        }),
        ..SegmentTemplate::default()
    }
}

fn representation(rendition: &Rendition, target_seconds: u64) -> Representation {
    let common = Representation {
        id: Some(rendition.rung.to_string()),
        bandwidth: Some(rendition.peak(target_seconds)),
        codecs: Some(rendition.codec.clone()),
        ..Representation::default()
    };
    match rendition.presents {
        Presents::Sound(channels) => Representation {
            AudioChannelConfiguration: vec![AudioChannelConfiguration {
                schemeIdUri: "urn:mpeg:dash:23003:3:audio_channel_configuration:2011".to_owned(),
                value: Some(channels.count().to_string()),
                ..AudioChannelConfiguration::default()
            }],
            ..common
        },
        Presents::Pictures(size, rate) => Representation {
            width: Some(size.width.into()),
            height: Some(size.height.into()),
            frameRate: Some(rate.to_string()),
            sar: Some("1:1".to_owned()),
            ..common
        },
    }
}

/// To the microsecond.
fn duration(length: Samples) -> Duration {
    let (seconds, rest) = (length.0 / SAMPLE_RATE, length.0 % SAMPLE_RATE);
    Duration::from_secs(seconds) + Duration::from_micros(rest * 1_000_000 / SAMPLE_RATE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::frame_rate::FrameRate;
    use crate::ladder::{Channels, Size};
    use proptest::prelude::*;
    use vessel_storage::path::{ObjectPath, Rung, SegmentKind};

    fn rendition(kbps: u32, lengths: &[u64]) -> Rendition {
        let weight = |&length| Weight {
            bytes: 125 * u64::from(kbps),
            length,
        };
        Rendition {
            rung: Rung::audio(kbps),
            codec: "mp4a.40.2".to_owned(),
            presents: Presents::Sound(Channels::Stereo),
            timescale: 48_000,
            kind: SegmentKind::Fragment,
            segments: lengths.iter().map(weight).collect(),
        }
    }

    #[test]
    fn a_length_is_told_to_the_microsecond_whatever_it_is() {
        assert_eq!(duration(Samples(48_001)), Duration::from_micros(1_000_020));
        let longest = duration(Samples(u64::MAX));
        assert_eq!(longest.as_secs(), u64::MAX / SAMPLE_RATE);
    }

    #[test]
    fn the_manifest() {
        let lengths = [286_720, 287_744, 287_744, 287_744, 33_536];
        let ladder = [64, 128].map(|kbps| rendition(kbps, &lengths));
        insta::assert_snapshot!(String::from_utf8(manifest(&ladder, 6)).unwrap());
    }

    #[test]
    fn pictures_and_sound_are_sets_of_their_own() {
        let sound = rendition(128, &[286_720, 287_744, 33_536]);
        let size = Size {
            width: 1280,
            height: 720,
        };
        let film = Rendition {
            rung: Rung::video(720),
            codec: "avc1.64001f".to_owned(),
            presents: Presents::Pictures(size, FrameRate::new(30_000, 1001)),
            timescale: 30_000,
            ..rendition(2800, &[180_180, 180_180, 3003])
        };
        insta::assert_snapshot!(
            "film",
            String::from_utf8(manifest(&[sound, film], 6)).unwrap()
        );
    }

    #[test]
    fn the_templates_lead_to_where_the_segments_lie() {
        let rung = Rung::audio(128);
        let fill = |template: &str| {
            template
                .replace("$RepresentationID$", rung.as_str())
                .replace("$Number%05d$", "00007")
        };
        let segment = ObjectPath::Segment(rung.clone(), 7, SegmentKind::Fragment);
        assert_eq!(fill(MEDIA), segment.to_string());
        assert_eq!(
            fill(INITIALIZATION),
            ObjectPath::Init(rung.clone()).to_string()
        );
    }

    proptest! {
        /// A reader adds the timeline up to the segments that there are.
        #[test]
        fn the_timeline_reads_back(lengths in prop::collection::vec(1..4_u64, 1..40)) {
            let text = String::from_utf8(manifest(&[rendition(64, &lengths)], 6)).unwrap();
            let mpd = dash_mpd_core::parse(&text).unwrap();
            let template = mpd.periods[0].adaptations[0].SegmentTemplate.clone().unwrap();
            let timeline = template.SegmentTimeline.unwrap().segments;
            let read: Vec<u64> = timeline
                .iter()
                .flat_map(|run| vec![run.d; usize::try_from(run.r.unwrap_or(0)).unwrap() + 1])
                .collect();
            prop_assert_eq!(read, lengths);
        }
    }
}
