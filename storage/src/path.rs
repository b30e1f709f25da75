//! Paths below an execution's folder: a closed grammar, parsed and printed, never joined.
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An object of an execution.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ObjectPath {
    /// `manifest.json`: every object with its bytes and digest.
    Manifest,
    /// `verdict.json`: how the execution ended.
    Verdict,
    /// `master.m3u8`: the HLS master playlist.
    Master,
    /// `manifest.mpd`: the DASH manifest.
    Mpd,
    /// `{rung}/playlist.m3u8`: an HLS media playlist.
    Playlist(Rung),
    /// `{rung}/init.mp4`: an initialization segment.
    Init(Rung),
    /// `{rung}/00001.m4s` or `….ts`: a media segment, numbered from 1.
    Segment(Rung, u32, SegmentKind),
    /// `poster.jpg`: the still picture that stands for the whole: a frame of the video, or the
    /// cover art of a recording.
    Poster,
    /// `peaks.json`: the waveform.
    Peaks,
    /// `storyboard.vtt`: which tile of which sheet shows which moment.
    Storyboard,
    /// `storyboard/00001.jpg`: a sheet of small pictures, numbered from 1.
    StoryboardSheet(u32),
}

/// The folder of the storyboard's sheets.
const STORYBOARD: &str = "storyboard";

/// The two kinds of media segments.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SegmentKind {
    /// `m4s`: a movie fragment.
    Fragment,
    /// `ts`: a piece of a transport stream.
    Transport,
}

/// Name of a rung of the ladder: `audio-128k`, `video-720p`. Lower-case letters, digits and
/// hyphens, at most 32.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rung(String);

/// A path outside of the grammar.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no path of a rendition")]
pub struct InvalidPath(pub String);

impl Rung {
    /// The rung of an audio ladder.
    pub fn audio(bitrate_kbps: u32) -> Self {
        Self(format!("audio-{bitrate_kbps}k"))
    }

    /// The rung of a video ladder.
    pub fn video(height_pixels: u32) -> Self {
        Self(format!("video-{height_pixels}p"))
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Rung {
    type Err = InvalidPath;
    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(legal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPath(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Rung {
    type Error = InvalidPath;
    fn try_from(text: String) -> Result<Self, InvalidPath> {
        text.parse()
    }
}

impl From<Rung> for String {
    fn from(rung: Rung) -> Self {
        rung.0
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SegmentKind {
    /// The file name's ending.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Fragment => "m4s",
            Self::Transport => "ts",
        }
    }
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Manifest => f.write_str("manifest.json"),
            Self::Verdict => f.write_str("verdict.json"),
            Self::Master => f.write_str("master.m3u8"),
            Self::Mpd => f.write_str("manifest.mpd"),
            Self::Playlist(rung) => write!(f, "{rung}/playlist.m3u8"),
            Self::Init(rung) => write!(f, "{rung}/init.mp4"),
            Self::Segment(rung, number, kind) => {
                write!(f, "{rung}/{number:05}.{}", kind.extension())
            }
            Self::Poster => f.write_str("poster.jpg"),
            Self::Peaks => f.write_str("peaks.json"),
            Self::Storyboard => f.write_str("storyboard.vtt"),
            Self::StoryboardSheet(number) => write!(f, "{STORYBOARD}/{number:05}.jpg"),
        }
    }
}

impl FromStr for ObjectPath {
    type Err = InvalidPath;
    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let invalid = || InvalidPath(text.to_owned());
        let Some((rung, file)) = text.split_once('/') else {
            return match text {
                "manifest.json" => Ok(Self::Manifest),
                "verdict.json" => Ok(Self::Verdict),
                "master.m3u8" => Ok(Self::Master),
                "manifest.mpd" => Ok(Self::Mpd),
                "poster.jpg" => Ok(Self::Poster),
                "peaks.json" => Ok(Self::Peaks),
                "storyboard.vtt" => Ok(Self::Storyboard),
                _ => Err(invalid()),
            };
        };
        numbered(rung, file)
            .or_else(|| named(rung, file))
            .filter(|path| path.to_string() == text)
            .ok_or_else(invalid)
    }
}

fn named(rung: &str, file: &str) -> Option<ObjectPath> {
    let rung = rung.parse().ok()?;
    match file {
        "playlist.m3u8" => Some(ObjectPath::Playlist(rung)),
        "init.mp4" => Some(ObjectPath::Init(rung)),
        _ => None,
    }
}

fn numbered(folder: &str, file: &str) -> Option<ObjectPath> {
    let (number, extension) = file.split_once('.')?;
    let number: u32 = number.parse().ok().filter(|n| *n > 0)?;
    let segment = |kind| Some(ObjectPath::Segment(folder.parse().ok()?, number, kind));
    match extension {
        "m4s" => segment(SegmentKind::Fragment),
        "ts" => segment(SegmentKind::Transport),
        "jpg" if folder == STORYBOARD => Some(ObjectPath::StoryboardSheet(number)),
        _ => None,
    }
}

impl Serialize for ObjectPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_form_reads_as_it_prints() {
        for text in [
            "manifest.json",
            "verdict.json",
            "master.m3u8",
            "manifest.mpd",
            "audio-128k/playlist.m3u8",
            "video-720p/init.mp4",
            "audio-64k/00001.m4s",
            "audio-64k/100000.ts",
            "poster.jpg",
            "peaks.json",
            "storyboard.vtt",
            "storyboard/00001.jpg",
        ] {
            assert_eq!(text.parse::<ObjectPath>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nothing_else_is_a_path() {
        for text in [
            "",
            "/",
            "..",
            "../x",
            "a/../b",
            "audio-64k/",
            "audio-64k/1.m4s",
            "audio-64k/00000.m4s",
            "audio-64k/+0001.m4s",
            "audio-64k/00001.mp4",
            "AUDIO/init.mp4",
            "a/b/init.mp4",
            "commit.json",
            "audio-64k//init.mp4",
            "audio%2f/init.mp4",
            "audio-64k/00001.m4s\n",
            "audio-64k/00001.jpg",
            "storyboard/1.jpg",
        ] {
            assert!(text.parse::<ObjectPath>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_parses_prints_the_same(text in "[a-z0-9./_-]{0,40}") {
            if let Ok(path) = text.parse::<ObjectPath>() {
                prop_assert_eq!(path.to_string(), text);
            }
        }
    }
}
