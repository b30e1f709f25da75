//! What the source is, by ffprobe, turned into a checked value.
mod tags;

use crate::ffmpeg::argv;
use crate::ffmpeg::log::LengthSource;
use crate::ffmpeg::process::{Ended, Invocation, Sandbox};
use crate::input::Input;
use crate::ladder::MAX_PIXELS;
use crate::ladder::frame_rate::FrameRate;
use crate::stop::{Stop, failed, internal};
use crate::tools::Tool;
use serde::Deserialize;
use std::collections::BTreeMap;
use tokio::io::AsyncReadExt;
use vessel_crds::media::{self, MediaFacts, Track, TrackKind, TrackUsage};
use vessel_crds::reason::FailureReason;

/// Longest description that is read, in bytes.
const REPORT_BYTES: u64 = 4 << 20;
/// Containers whose declared length is exact, by ffmpeg's names.
const EXACT_FORMATS: [&str; 8] = [
    "flac", "mov", "wav", "w64", "aiff", "caf", "mp3", "matroska",
];

/// What the source is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Probe {
    /// Container by ffmpeg's name.
    pub container: String,
    /// Tracks in the source's order.
    pub tracks: Vec<ProbedTrack>,
    /// What it says of itself.
    pub tags: Option<media::Tags>,
    /// ffmpeg's own version.
    pub ffmpeg_version: String,
}

/// One track.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProbedTrack {
    /// What it carries.
    pub kind: TrackKind,
    /// Codec by ffmpeg's name.
    pub codec: String,
    /// Whether it is marked as the default one of its kind.
    pub default: DefaultTrack,
    /// Language, by the source's own word.
    pub language: Option<String>,
    /// Sampling rate in Hz; 0 where there is none.
    pub sample_rate: u32,
    /// Channels; 0 where there are none.
    pub channels: u32,
    /// Format of the decoded samples, by ffmpeg's name: `s16`, `fltp`.
    pub sample_format: String,
    /// Rate in bit/s, where it is known.
    pub bit_rate: Option<u64>,
    /// Length, as far as it is declared.
    pub length: DeclaredLength,
    /// What it shows, if it shows anything.
    pub picture: Option<ProbedPicture>,
}

/// What a track shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProbedPicture {
    /// Width and height in pixels as stored; 0 where they are not known.
    pub size: (u32, u32),
    /// Width and height of a pixel.
    pub pixel_aspect: (u32, u32),
    /// How it has to be turned to be upright.
    pub turn: Turn,
    /// Average rate.
    pub rate: Option<FrameRate>,
    /// How its light is coded.
    pub transfer: Transfer,
}

/// How a picture has to be turned to be upright.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Turn {
    /// Not at all, or upside down.
    None,
    /// By a right angle to either side.
    Quarter,
}

impl Turn {
    /// Whether width and height change places.
    pub const fn swaps_sides(self) -> bool {
        matches!(self, Self::Quarter)
    }

    /// ffmpeg turns by a right angle what is within a degree of it.
    fn of_degrees(degrees: f64) -> Self {
        if (degrees.rem_euclid(180.0) - 90.0).abs() < 1.0 {
            Self::Quarter
        } else {
            Self::None
        }
    }
}

/// How light is coded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transfer {
    /// For the brightness of ordinary screens.
    Standard,
    /// High dynamic range by SMPTE ST 2084 (PQ).
    Pq,
    /// High dynamic range by ARIB STD-B67 (HLG).
    Hlg,
}

/// Whether a track is marked as the default one of its kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DefaultTrack {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// What the source says about its length.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DeclaredLength {
    /// So many milliseconds, by a count in the container.
    Exact(u64),
    /// About so many milliseconds.
    Estimated(u64),
    /// Nothing.
    Unknown,
}

#[derive(Debug, Default, Deserialize)]
struct Report {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    chapters: Vec<Tagged>,
    #[serde(default)]
    programs: Vec<Program>,
    #[serde(default)]
    stream_groups: Vec<Tagged>,
    #[serde(default)]
    format: Format,
    #[serde(default)]
    program_version: ProgramVersion,
}

/// Tags by name.
type Tags = BTreeMap<String, String>;

/// What is read for its tags alone.
#[derive(Debug, Default, Deserialize)]
struct Tagged {
    #[serde(default)]
    tags: Tags,
}

#[derive(Debug, Default, Deserialize)]
struct Program {
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    streams: Vec<Tagged>,
}

impl Report {
    fn tags(&self) -> impl Iterator<Item = &Tags> {
        let programs = self.programs.iter();
        let inner = programs.flat_map(|program| &program.streams);
        let tagged = self.chapters.iter().chain(&self.stream_groups).chain(inner);
        std::iter::once(&self.format.tags)
            .chain(self.streams.iter().map(|stream| &stream.tags))
            .chain(self.programs.iter().map(|program| &program.tags))
            .chain(tagged.map(|tagged| &tagged.tags))
    }

    /// ffmpeg prints the names of tags as they are, so that a line break in one would forge a
    /// line of its log. No format allows one there.
    fn readable_tags(&self) -> Result<(), Stop> {
        let mut names = self.tags().flat_map(BTreeMap::keys);
        if names.any(|name| name.contains('\n')) {
            return Err(failed(
                FailureReason::SourceInvalid,
                "the source has a tag with a line break in its name: write its tags anew",
            ));
        }
        Ok(())
    }
}

#[derive(Debug, Default, Deserialize)]
struct ProgramVersion {
    #[serde(default)]
    version: String,
}

#[derive(Debug, Default, Deserialize)]
struct Format {
    #[serde(default, rename = "format_name")]
    name: String,
    duration: Option<String>,
    bit_rate: Option<String>,
    #[serde(default)]
    tags: Tags,
}

#[derive(Debug, Default, Deserialize)]
struct Stream {
    #[serde(default)]
    codec_type: String,
    #[serde(default)]
    codec_name: String,
    #[serde(default)]
    sample_fmt: String,
    sample_rate: Option<String>,
    #[serde(default)]
    channels: u32,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
    sample_aspect_ratio: Option<String>,
    avg_frame_rate: Option<String>,
    r_frame_rate: Option<String>,
    #[serde(default)]
    color_transfer: String,
    #[serde(default)]
    side_data_list: Vec<SideData>,
    duration: Option<String>,
    bit_rate: Option<String>,
    #[serde(default)]
    disposition: BTreeMap<String, i64>,
    #[serde(default)]
    tags: Tags,
}

#[derive(Debug, Default, Deserialize)]
struct SideData {
    rotation: Option<f64>,
}

impl Stream {
    /// What it shows, if it shows anything.
    fn picture(&self) -> Option<ProbedPicture> {
        let rotation = self.side_data_list.iter().find_map(|data| data.rotation);
        let rate = |text: &Option<String>| fraction(text.as_deref()?, '/');
        let rate = rate(&self.avg_frame_rate).or_else(|| rate(&self.r_frame_rate));
        let aspect = self.sample_aspect_ratio.as_deref();
        (self.codec_type == "video").then(|| ProbedPicture {
            size: (self.width, self.height),
            pixel_aspect: aspect
                .and_then(|text| fraction(text, ':'))
                .unwrap_or((1, 1)),
            turn: Turn::of_degrees(rotation.unwrap_or(0.0)),
            rate: rate.map(|(numerator, denominator)| FrameRate::new(numerator, denominator)),
            transfer: match self.color_transfer.as_str() {
                "smpte2084" => Transfer::Pq,
                "arib-std-b67" => Transfer::Hlg,
                _ => Transfer::Standard,
            },
        })
    }

    /// Whether a flag of its disposition is set.
    fn set(&self, flag: &str) -> bool {
        self.disposition.get(flag).is_some_and(|&value| value != 0)
    }
}

/// Describes the source.
pub async fn probe(sandbox: &Sandbox, source: &Input) -> Result<Probe, Stop> {
    let arguments = argv::probe(source.address());
    let mut running = sandbox.start(Invocation {
        tool: Tool::Ffprobe,
        arguments: &arguments,
        reads: source.reads(),
        extra: Vec::new(),
    })?;
    let (stdin, stdout) = (running.stdin.take(), running.stdout.take());
    let report = async {
        let mut json = Vec::new();
        if let Some(stdout) = stdout {
            let read = stdout.take(REPORT_BYTES).read_to_end(&mut json).await;
            read.map_err(|error| internal("reading ffprobe's report", &error))?;
        }
        Ok((json, running.end().await?))
    };
    let (json, ended) = source.feeding(stdin, report).await?;
    judge(&ended)?;
    read(&json, ended.log.length)
}

/// Whether ffprobe understood the source at all.
fn judge(ended: &Ended) -> Result<(), Stop> {
    ended.surroundings()?;
    // Playlists are recognized only under names that they never have here.
    let unlisted =
        |line: &String| line.contains("not on whitelist") || line.contains("Not detecting m3u8");
    if !ended.status.success() && ended.log.errors.iter().any(unlisted) {
        return Err(failed(
            FailureReason::SourceUnsupported,
            "the source is a picture, a playlist or another kind of file that Vessel does not \
             take: give it a recording (FLAC, WAV, MP3, AAC, Ogg, Matroska, MP4, …)",
        ));
    }
    let large = |line: &String| line.contains("exceeds specified max pixel count");
    if !ended.status.success() && ended.log.errors.iter().any(large) {
        let message = format!(
            "the pictures are too large to decode: at most {MAX_PIXELS} pixels; {}",
            ended.log.summary()
        );
        return Err(failed(FailureReason::LimitExceeded, message));
    }
    ended.source_fault("the source is no media file, or a broken one")
}

/// Reads ffprobe's report. It says what a hostile source makes it say.
pub fn read(json: &[u8], length_source: LengthSource) -> Result<Probe, Stop> {
    let report: Report = serde_json::from_slice(json).map_err(|error| {
        failed(
            FailureReason::SourceInvalid,
            format!("the source's description does not parse: {error}"),
        )
    })?;
    report.readable_tags()?;
    let lengths = Lengths {
        source: length_source,
        format: &report.format,
        streams: report.streams.len(),
    };
    Ok(Probe {
        tracks: report
            .streams
            .iter()
            .map(|stream| track(stream, &lengths))
            .collect(),
        tags: tags::of(&report),
        container: clipped(&report.format.name, 128),
        ffmpeg_version: report.program_version.version,
    })
}

/// `"30000/1001"`; `None` if either part is 0.
fn fraction(text: &str, separator: char) -> Option<(u32, u32)> {
    let (numerator, denominator) = text.split_once(separator)?;
    let part = |text: &str| text.parse().ok().filter(|&number: &u32| number > 0);
    Some((part(numerator)?, part(denominator)?))
}

fn track(stream: &Stream, lengths: &Lengths<'_>) -> ProbedTrack {
    let number = |text: &Option<String>| text.as_ref().and_then(|text| text.parse().ok());
    ProbedTrack {
        kind: kind(stream),
        codec: clipped(&stream.codec_name, 64),
        default: if stream.set("default") {
            DefaultTrack::Yes
        } else {
            DefaultTrack::No
        },
        language: stream
            .tags
            .get("language")
            .map(|language| clipped(language, 35)),
        sample_rate: stream
            .sample_rate
            .as_ref()
            .and_then(|rate| rate.parse().ok())
            .unwrap_or(0),
        channels: stream.channels,
        sample_format: stream.sample_fmt.clone(),
        // Where the stream has none, the container's is that of its only stream.
        bit_rate: number(&stream.bit_rate)
            .or_else(|| number(&lengths.format.bit_rate).filter(|_| lengths.streams == 1)),
        length: lengths.of(stream),
        picture: stream.picture(),
    }
}

fn kind(stream: &Stream) -> TrackKind {
    match stream.codec_type.as_str() {
        "audio" => TrackKind::Audio,
        "video" if stream.set("attached_pic") => TrackKind::Image,
        "video" => TrackKind::Video,
        "subtitle" => TrackKind::Subtitle,
        _ => TrackKind::Data,
    }
}

/// What is known about lengths beside a stream's own words.
struct Lengths<'a> {
    source: LengthSource,
    format: &'a Format,
    streams: usize,
}

impl Lengths<'_> {
    /// The stream's own length before the container's, which is that of its longest stream.
    fn of(&self, stream: &Stream) -> DeclaredLength {
        let own = millis(stream.duration.as_deref()).or_else(|| {
            stream
                .tags
                .get("DURATION")
                .and_then(|text| clock_millis(text))
        });
        let exact_format = self
            .format
            .name
            .split(',')
            .any(|name| EXACT_FORMATS.contains(&name));
        if self.source == LengthSource::BitRate {
            return DeclaredLength::Unknown;
        }
        let whole = millis(self.format.duration.as_deref());
        match (own, whole) {
            (Some(own), _) if exact_format => DeclaredLength::Exact(own),
            (None, Some(whole)) if exact_format && self.streams == 1 => {
                DeclaredLength::Exact(whole)
            }
            (Some(length), _) | (None, Some(length)) => DeclaredLength::Estimated(length),
            (None, None) => DeclaredLength::Unknown,
        }
    }
}

/// `"60.000000"` → 60000. Text that is no positive number is no length.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked"
)]
fn millis(seconds: Option<&str>) -> Option<u64> {
    let seconds: f64 = seconds?.parse().ok()?;
    let plausible = seconds.is_finite() && seconds > 0.0 && seconds < 1e12;
    plausible.then(|| (seconds * 1000.0).round() as u64)
}

/// `"00:01:00.500000000"` → 60500, as Matroska writes the length of a track.
fn clock_millis(text: &str) -> Option<u64> {
    let mut parts = text.splitn(3, ':');
    let hours: u64 = parts.next()?.parse().ok()?;
    let minutes: u64 = parts.next()?.parse().ok()?;
    let seconds = millis(parts.next())?;
    hours
        .checked_mul(60)?
        .checked_add(minutes)?
        .checked_mul(60_000)?
        .checked_add(seconds)
}

fn clipped(text: &str, characters: usize) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(characters)
        .collect()
}

impl DeclaredLength {
    /// The number, whatever it is worth.
    pub const fn millis(self) -> Option<u64> {
        match self {
            Self::Exact(millis) | Self::Estimated(millis) => Some(millis),
            Self::Unknown => None,
        }
    }

    /// The number, if the container counts it.
    pub const fn exact_millis(self) -> Option<u64> {
        match self {
            Self::Exact(millis) => Some(millis),
            Self::Estimated(_) | Self::Unknown => None,
        }
    }
}

impl Probe {
    /// The facts for the status, where `usage` says which tracks play.
    pub fn facts(&self, usage: impl Fn(usize) -> TrackUsage) -> MediaFacts {
        let tracks = self.tracks.iter().enumerate().take(64);
        MediaFacts {
            duration_millis: None,
            container: Some(self.container.clone()),
            tracks: tracks
                .map(|(index, track)| track.fact(usage(index)))
                .collect(),
            decode_errors: None,
            tags: self.tags.clone(),
            loudness: None,
        }
    }
}

impl ProbedTrack {
    fn fact(&self, usage: TrackUsage) -> Track {
        let positive = |number: u32| i32::try_from(number).ok().filter(|&number| number > 0);
        let picture = self.picture.as_ref();
        let size = picture.map(|picture| picture.size);
        let rate = picture.and_then(|picture| picture.rate);
        let rate = rate.filter(|_| self.kind == TrackKind::Video);
        Track {
            kind: self.kind,
            codec: self.codec.clone(),
            usage,
            language: self.language.clone(),
            sample_rate_hertz: positive(self.sample_rate),
            channels: positive(self.channels),
            width_pixels: size.and_then(|(width, _)| positive(width)),
            height_pixels: size.and_then(|(_, height)| positive(height)),
            frame_rate_millihertz: rate.and_then(|rate| positive(rate.millihertz())),
        }
    }
}

#[cfg(test)]
impl Default for ProbedTrack {
    fn default() -> Self {
        Self {
            kind: TrackKind::Data,
            codec: String::new(),
            default: DefaultTrack::No,
            language: None,
            sample_rate: 0,
            channels: 0,
            sample_format: String::new(),
            bit_rate: None,
            length: DeclaredLength::Unknown,
            picture: None,
        }
    }
}

#[cfg(test)]
mod tests;
