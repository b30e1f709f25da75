//! Content types and cache lifetimes of everything that is published.
use serde::{Deserialize, Serialize};

/// What an object is. Its header values are set when it is PUT, so that a bare public
/// bucket serves it rightly.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum ContentType {
    /// HLS playlist, RFC 8216 §4.
    HlsPlaylist,
    /// DASH MPD, ISO/IEC 23009-1.
    DashManifest,
    /// Init or media segment of audio.
    AudioMp4,
    /// Init or media segment of video.
    VideoMp4,
    /// MPEG transport stream segment.
    MpegTs,
    /// Manifest, verdict or peaks.
    Json,
    /// A still picture.
    Jpeg,
    /// The storyboard's index, W3C WebVTT.
    WebVtt,
}

impl ContentType {
    /// The value of the `Content-Type` header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HlsPlaylist => "application/vnd.apple.mpegurl",
            Self::DashManifest => "application/dash+xml",
            Self::AudioMp4 => "audio/mp4",
            Self::VideoMp4 => "video/mp4",
            Self::MpegTs => "video/mp2t",
            Self::Json => "application/json",
            Self::Jpeg => "image/jpeg",
            Self::WebVtt => "text/vtt",
        }
    }
}

/// `Cache-Control` of everything below an execution's folder: none of it ever changes.
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// `Cache-Control` of what changes in place: pointers, names, commits, tombstones.
pub const NO_CACHE: &str = "no-cache";
