//! Descriptions of a presentation, moved from their folder to a stable path: every relative
//! URI gets the folder in front of it.
mod hls;
mod mpd;
mod storyboard;

use crate::path::Format;
use url::Url;

/// A description that can't be moved: it was damaged after it was committed.
#[derive(Debug, thiserror::Error)]
pub enum Damaged {
    /// It is not text.
    #[error("it is not UTF-8")]
    Encoding(#[from] std::str::Utf8Error),
    /// A line of an HLS playlist can't be read.
    #[error("line {0:?} can't be read")]
    Line(String),
    /// It is no HLS playlist.
    #[error("it does not begin with #EXTM3U")]
    NoPlaylist,
    /// It is no WebVTT.
    #[error("it does not begin with WEBVTT")]
    NoStoryboard,
    /// It is no XML.
    #[error("it is no XML: {0}")]
    Xml(#[from] quick_xml::Error),
    /// It is no MPD of ours.
    #[error("it is no MPD: {0}")]
    NoMpd(&'static str),
    /// Writing into memory failed.
    #[error("it can't be written: {0}")]
    Write(#[from] std::io::Error),
}

/// `text` with every relative URI below `folder`, which ends with `/`.
pub fn moved(format: Format, text: &[u8], folder: &str) -> Result<Vec<u8>, Damaged> {
    let text = std::str::from_utf8(text)?;
    match format {
        Format::Hls => hls::moved(text, folder),
        Format::Dash => mpd::moved(text, folder),
        Format::Storyboard => storyboard::moved(text, folder),
    }
}

/// A URI with a scheme or from the root stays as it is.
fn below(uri: &str, folder: &str) -> String {
    if uri.starts_with('/') || Url::parse(uri).is_ok() {
        uri.to_owned()
    } else {
        format!("{folder}{uri}")
    }
}
