//! Facts about the media, as the transcoder found them.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the source turned out to be.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaFacts {
    /// Length of what plays, in milliseconds, counted from the decoded samples.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_millis: Option<i64>,
    /// The container, by ffmpeg's name of its demuxer: `flac`, `mp3`, `mov,mp4,m4a,…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub container: Option<String>,
    /// The tracks of the source, in its order; at most 64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub tracks: Vec<Track>,
    /// Packets of the source that could not be decoded and were left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decode_errors: Option<i64>,
    /// What the source says of itself, cleaned: none of it stands in what plays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
    /// How loud the sound is, as measured before any change of level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loudness: Option<MeasuredLoudness>,
}

/// What a source says of itself.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tags {
    /// Its title.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub title: Option<String>,
    /// Who plays.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub artist: Option<String>,
    /// What it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub album: Option<String>,
}

/// Loudness by EBU R 128 (ITU-R BS.1770). Silence has none.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MeasuredLoudness {
    /// Integrated loudness in thousandths of a LUFS.
    pub integrated_milli_lufs: i32,
    /// Loudness range in thousandths of an LU (EBU Tech 3342).
    pub range_milli_lu: i32,
    /// Largest true peak of a channel in thousandths of a dBTP.
    pub true_peak_milli_dbtp: i32,
}

/// One track of the source.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Track {
    /// What the track carries.
    pub kind: TrackKind,
    /// Its codec, by ffmpeg's name: `flac`, `h264`.
    #[schemars(length(max = 64))]
    pub codec: String,
    /// Whether it went into what plays.
    pub usage: TrackUsage,
    /// Its language, by the source's own word (RFC 5646 or ISO 639).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 35))]
    pub language: Option<String>,
    /// Sampling rate of audio, in Hz.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate_hertz: Option<i32>,
    /// Channels of audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<i32>,
    /// Width of video, in pixels as stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width_pixels: Option<i32>,
    /// Height of video, in pixels as stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height_pixels: Option<i32>,
    /// Average rate of video, in pictures in 1000 s: 23976 for 24000/1001 a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_rate_millihertz: Option<i32>,
}

/// What a track carries.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum TrackKind {
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// A still picture that belongs to the file: cover art.
    Image,
    /// Subtitles or captions.
    Subtitle,
    /// Anything else.
    #[serde(other)]
    Data,
}

/// Whether a track went into what plays.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum TrackUsage {
    /// It plays.
    Used,
    /// It was left out.
    Unused,
}
