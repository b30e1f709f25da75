//! From what is wanted and what is there to what is made. Pure.
pub mod audio;
pub mod frame_rate;
pub mod video;

pub use audio::{AudioPlan, AudioRung, Channels, Limiter};
pub use video::{Size, Storyboard, VideoPlan, VideoRungPlan};

use crate::ladder::frame_rate::FrameRate;
use crate::length::{Cadence, FRAME_SAMPLES, LastSample, PRIMING_SAMPLES, SAMPLE_RATE, Samples};
use crate::loudness::Level;
use crate::probe::{DeclaredLength, DefaultTrack, Probe, ProbedTrack};
use crate::stop::{Failure, Stop, failed};
use vessel_crds::encoding::{Container, Encoding, Packaging, Protocol};
use vessel_crds::media::{TrackKind, TrackUsage};
use vessel_crds::reason::FailureReason;
use vessel_storage::order::Limits;
use vessel_storage::path::{ObjectPath, Rung};

/// Most pixels of a picture: 8192 × 4320.
pub const MAX_PIXELS: u64 = 35_389_440;

/// What is made of a source.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// The audio ladder, if there is sound in it.
    pub audio: Option<AudioPlan>,
    /// The video ladder, if there are moving pictures in it.
    pub video: Option<VideoPlan>,
    /// Length of a segment in seconds, as the profile wants it.
    pub segment_seconds: u64,
    /// What a segment is.
    pub container: Container,
    /// Which playlists are written.
    pub descriptions: Descriptions,
}

/// Which playlists are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Descriptions {
    /// HLS alone.
    Hls,
    /// DASH alone.
    Dash,
    /// Both.
    HlsAndDash,
}

/// One rung of either ladder, as its reader has to know it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlannedRung {
    /// Its folder.
    pub rung: Rung,
    /// What it carries.
    pub presents: Presents,
    /// How its samples follow each other.
    pub cadence: Cadence,
    /// Fragments of a segment.
    pub fragments_per_segment: u64,
}

/// What a rung carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Presents {
    /// Sound.
    Sound(Channels),
    /// Pictures.
    Pictures(Size, FrameRate),
}

impl PlannedRung {
    /// Whether it is seen rather than heard.
    pub const fn is_seen(&self) -> bool {
        matches!(self.presents, Presents::Pictures(..))
    }
}

impl Descriptions {
    /// DASH describes movie fragments alone: of transport streams there is HLS, whatever was
    /// asked for.
    fn of(packaging: &Packaging) -> Self {
        let wanted = |protocol| packaging.protocols.contains(&protocol);
        match (
            packaging.container,
            wanted(Protocol::Hls),
            wanted(Protocol::Dash),
        ) {
            (Container::MpegTs, _, _) | (_, _, false) => Self::Hls,
            (Container::FragmentedMp4, true, true) => Self::HlsAndDash,
            (Container::FragmentedMp4, false, true) => Self::Dash,
        }
    }

    /// The HLS master playlist, if there is one.
    pub fn hls(self) -> Option<ObjectPath> {
        matches!(self, Self::Hls | Self::HlsAndDash).then_some(ObjectPath::Master)
    }

    /// The DASH manifest, if there is one.
    pub fn dash(self) -> Option<ObjectPath> {
        matches!(self, Self::Dash | Self::HlsAndDash).then_some(ObjectPath::Mpd)
    }
}

/// What is made of a source, or why nothing can be.
pub fn plan(encoding: &Encoding, probe: &Probe, limits: &Limits) -> Result<Plan, Stop> {
    let segment_seconds = u64::try_from(encoding.packaging.segment_seconds).unwrap_or(6);
    let sound = encoding.audio.as_ref().zip(chosen(probe, TrackKind::Audio));
    let film = encoding.video.as_ref().zip(chosen(probe, TrackKind::Video));
    if let Some((_, (_, track))) = film {
        pixels_within(track)?;
    }
    let mut plan = Plan {
        audio: sound.map(|(ladder, track)| audio::plan(ladder, track, segment_seconds)),
        video: film.and_then(|(ladder, track)| video::plan(ladder, track, segment_seconds)),
        segment_seconds,
        container: encoding.packaging.container,
        descriptions: Descriptions::of(&encoding.packaging),
    };
    if plan.audio.is_none() && plan.video.is_none() {
        return Err(nothing_to_make(encoding, probe));
    }
    if let Some(audio) = &mut plan.audio {
        audio.level = Level::of(&encoding.loudness);
    }
    plan.believe_within(limits);
    plan.level_ends();
    plan.within_limits(limits)?;
    Ok(plan)
}

/// The first default track of a kind, else the first, with its index among all tracks.
fn chosen(probe: &Probe, kind: TrackKind) -> Option<(usize, &ProbedTrack)> {
    let of_kind = || {
        let tracks = probe.tracks.iter().enumerate();
        tracks.filter(move |(_, track)| track.kind == kind)
    };
    of_kind()
        .find(|(_, track)| track.default == DefaultTrack::Yes)
        .or_else(|| of_kind().next())
}

/// A file with tracks of another kind is whole; the profile makes nothing of it.
fn nothing_to_make(encoding: &Encoding, probe: &Probe) -> Stop {
    let has = |kind| probe.tracks.iter().any(|track| track.kind == kind);
    if has(TrackKind::Video) && encoding.video.is_none() {
        return failed(
            FailureReason::SourceUnsupported,
            "no audio: the source is a video without sound, and the profile makes sound alone: \
             choose a profile with encoding.video",
        );
    }
    if has(TrackKind::Audio) && encoding.audio.is_none() {
        return failed(
            FailureReason::SourceUnsupported,
            "no video: the source is sound alone, and the profile makes pictures alone: choose \
             a profile with encoding.audio",
        );
    }
    failed(
        FailureReason::SourceInvalid,
        "no audio: the source has neither an audio nor a video track",
    )
}

fn pixels_within(track: &ProbedTrack) -> Result<(), Failure> {
    let (width, height) = track
        .picture
        .as_ref()
        .map_or((0, 0), |picture| picture.size);
    if u64::from(width) * u64::from(height) <= MAX_PIXELS {
        return Ok(());
    }
    Err(Failure::permanent(
        FailureReason::LimitExceeded,
        format!("pictures of {width}×{height} pixels: at most {MAX_PIXELS} pixels are decoded"),
    ))
}

/// Whether a length is one that may be encoded.
pub fn length_within(length: Samples, limits: &Limits) -> Result<(), Failure> {
    if length <= Samples::from_seconds(limits.max_duration_seconds) {
        return Ok(());
    }
    Err(Failure::permanent(
        FailureReason::LimitExceeded,
        format!(
            "the source is longer than {} s: cut it, or raise limits.maxDurationSeconds",
            limits.max_duration_seconds
        ),
    ))
}

impl Plan {
    /// Whether a track of the source plays.
    pub fn usage(&self, track: usize) -> TrackUsage {
        let sound = self.audio.as_ref().map(|audio| audio.track_index);
        let film = self.video.as_ref().map(|video| video.track_index);
        if [sound, film].contains(&Some(track)) {
            TrackUsage::Used
        } else {
            TrackUsage::Unused
        }
    }

    /// What the source says about its length: the longer one of what plays.
    pub fn declared_millis(&self) -> Option<u64> {
        let sound = self
            .audio
            .as_ref()
            .and_then(|audio| audio.declared.millis());
        let film = self
            .video
            .as_ref()
            .and_then(|video| video.declared.millis());
        sound.max(film)
    }

    /// Every rung in the order of the encoder's outputs: sound first, ascending.
    pub fn rungs(&self) -> Vec<PlannedRung> {
        let sound = self.audio.iter().flat_map(AudioPlan::planned);
        let film = self.video.iter().flat_map(VideoPlan::planned);
        sound.chain(film).collect()
    }

    /// An estimate beyond the limits is none: by it, a source of a second would be made hours
    /// long, with silence or with its last picture.
    fn believe_within(&mut self, limits: &Limits) {
        let sound = self.audio.as_mut().map(|audio| &mut audio.declared);
        let film = self.video.as_mut().map(|video| &mut video.declared);
        for declared in sound.into_iter().chain(film) {
            if let DeclaredLength::Estimated(millis) = *declared
                && length_within(Samples::from_millis(millis), limits).is_err()
            {
                *declared = DeclaredLength::Unknown;
            }
        }
    }

    /// Where sound and pictures end clearly apart, the shorter one goes on: as silence, or as
    /// its last picture.
    fn level_ends(&mut self) {
        let (Some(audio), Some(video)) = (&mut self.audio, &mut self.video) else {
            return;
        };
        let (Some(sound), Some(film)) = (audio.declared.millis(), video.declared.millis()) else {
            return;
        };
        if sound.abs_diff(film) <= self.segment_seconds * 500 {
            return;
        }
        if sound > film {
            video.hold_millis = sound - film;
        } else {
            audio.pad_to = Some(Samples::from_millis(film));
        }
    }

    /// What the source declares is refused before it is encoded; what it does not declare is
    /// counted on the way.
    fn within_limits(&self, limits: &Limits) -> Result<(), Failure> {
        let lengths = [
            self.audio.as_ref().map(|audio| audio.declared),
            self.video.as_ref().map(|video| video.declared),
        ];
        let exact = lengths
            .into_iter()
            .flatten()
            .filter_map(DeclaredLength::exact_millis);
        let Some(millis) = exact.max() else {
            return Ok(());
        };
        length_within(Samples::from_millis(millis), limits)?;
        let objects = self.objects_estimate(millis);
        if objects <= u64::from(limits.max_objects) {
            return Ok(());
        }
        Err(Failure::new(
            FailureReason::LimitExceeded,
            format!(
                "the ladder would have about {objects} objects, and {} are allowed: lengthen the \
                 segments, shorten the ladder or raise limits.maxObjectsPerJob",
                limits.max_objects
            ),
        ))
    }

    fn objects_estimate(&self, millis: u64) -> u64 {
        let of_rung = |rung: &PlannedRung| {
            let units = rung.cadence.sample * rung.cadence.fragment_samples;
            let segment = units * rung.fragments_per_segment * 1000;
            millis.div_ceil((segment / u64::from(rung.cadence.timescale)).max(1)) + 2
        };
        self.rungs().iter().map(of_rung).sum::<u64>() + 2
    }
}

impl AudioPlan {
    fn planned(&self) -> impl Iterator<Item = PlannedRung> {
        self.rungs.iter().map(|rung| PlannedRung {
            rung: rung.rung.clone(),
            presents: Presents::Sound(self.channels),
            cadence: Cadence {
                timescale: u32::try_from(SAMPLE_RATE).unwrap_or(u32::MAX),
                sample: FRAME_SAMPLES,
                fragment_samples: self.frames_per_segment,
                priming: PRIMING_SAMPLES,
                last: LastSample::MayBeShorter,
            },
            fragments_per_segment: 1,
        })
    }
}

impl VideoPlan {
    fn planned(&self) -> impl Iterator<Item = PlannedRung> {
        self.rungs.iter().map(|rung| PlannedRung {
            rung: rung.rung.clone(),
            presents: Presents::Pictures(rung.size, self.rate),
            cadence: Cadence {
                timescale: self.rate.timescale(),
                sample: self.rate.picture_units(),
                fragment_samples: self.group_pictures,
                priming: 0,
                last: LastSample::Whole,
            },
            fragments_per_segment: self.groups_per_segment,
        })
    }
}

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;
