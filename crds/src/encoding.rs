//! What in a profile changes bytes. It is hashed into a job's identity: see
//! [`crate::identity`].
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What comes out: ladders, packaging, loudness. A change here means other bytes.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.audio) || has(self.video)")
    .message("encoding needs audio, video or both"))]
#[x_kube(validation = Rule::new("!(has(self.video) && has(self.packaging) && self.packaging.container == 'MpegTs')")
    .message("packaging.container MpegTs carries sound alone: leave encoding.video out, or use FragmentedMp4"))]
pub struct Encoding {
    /// The audio ladder. Without it sound is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioLadder>,
    /// The video ladder. It vanishes for sources without moving pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoLadder>,
    /// How the renditions are cut and described.
    #[serde(default)]
    pub packaging: Packaging,
    /// What is done about loudness.
    #[serde(default)]
    pub loudness: Loudness,
}

/// AAC-LC at 48 kHz, mono or stereo, in several rates.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AudioLadder {
    /// Rates in kbit/s, ascending. Rates above a lossy source's own are dropped.
    #[schemars(length(min = 1, max = 8), inner(range(min = 16, max = 512)))]
    pub bitrates_kbps: Vec<i32>,
}

/// H.264 in several sizes.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VideoLadder {
    /// How much time the encoder takes for each picture.
    // Left out at its default: it came after ladders had been hashed without it.
    #[serde(default, skip_serializing_if = "EncoderEffort::is_default")]
    pub effort: EncoderEffort,
    /// The rungs, ascending. Rungs larger than the source are dropped; nothing is upscaled.
    #[schemars(length(min = 1, max = 8))]
    pub rungs: Vec<VideoRung>,
}

/// How much CPU the encoder spends to describe the same picture in fewer bits.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum EncoderEffort {
    /// x264's `veryfast`: half of the CPU of `Balanced`.
    Quick,
    /// x264's `fast`.
    #[default]
    Balanced,
    /// x264's `slow`: twice the CPU of `Balanced`.
    Thorough,
}

impl EncoderEffort {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// One size of a video ladder.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VideoRung {
    /// Height in pixels of the 16:9 box into which the picture is fitted: 360, 720, 1080.
    #[schemars(range(min = 64, max = 4320))]
    pub height_pixels: i32,
    /// Average video rate in kbit/s.
    #[schemars(range(min = 32, max = 100_000))]
    pub bitrate_kbps: i32,
    /// Rate in kbit/s of the audio rung that is paired with this one in playlists.
    #[schemars(range(min = 16, max = 512))]
    pub audio_bitrate_kbps: i32,
}

/// How renditions are cut into segments and described to players.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Packaging {
    /// Length of a segment in seconds.
    #[serde(default = "six_seconds")]
    #[schemars(range(min = 2, max = 10))]
    pub segment_seconds: i32,
    /// What a segment is.
    #[serde(default)]
    pub container: Container,
    /// Which playlists are written. MPEG-TS segments are described by HLS alone.
    #[serde(default = "hls_and_dash")]
    #[schemars(length(min = 1, max = 2))]
    pub protocols: Vec<Protocol>,
}

const fn six_seconds() -> i32 {
    6
}

fn hls_and_dash() -> Vec<Protocol> {
    vec![Protocol::Hls, Protocol::Dash]
}

impl Default for Packaging {
    fn default() -> Self {
        Self {
            segment_seconds: six_seconds(),
            container: Container::default(),
            protocols: hls_and_dash(),
        }
    }
}

/// The container of the segments.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Container {
    /// Fragmented MP4 (CMAF-like, ISO/IEC 14496-12), for HLS and DASH.
    #[default]
    FragmentedMp4,
    /// MPEG transport stream (ISO/IEC 13818-1), for HLS on old players.
    MpegTs,
}

/// A streaming protocol.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Protocol {
    /// HTTP Live Streaming, RFC 8216.
    Hls,
    /// MPEG-DASH, ISO/IEC 23009-1.
    Dash,
}

const fn minus_sixteen() -> i32 {
    -16
}

impl Default for Loudness {
    fn default() -> Self {
        Self {
            mode: LoudnessMode::default(),
            target_lufs: minus_sixteen(),
        }
    }
}

/// What is done about loudness.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Loudness {
    /// Off, Measure (the values go into the status) or Normalize (the level is changed too).
    #[serde(default)]
    pub mode: LoudnessMode,
    /// What Normalize aims at, in LUFS (EBU R 128).
    #[serde(default = "minus_sixteen")]
    #[schemars(range(min = -31, max = -8))]
    pub target_lufs: i32,
}

/// See [`Loudness::mode`].
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum LoudnessMode {
    /// Nothing is measured.
    Off,
    /// Measured by EBU R 128, unchanged.
    #[default]
    Measure,
    /// Measured, then brought to the target by a linear gain and a limiter.
    Normalize,
}
