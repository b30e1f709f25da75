//! What ffprobe says of pictures that came out.
use super::media::tool;
use mp4_atom::{Any, DecodeMaybe};
use std::path::Path;

/// A track of pictures.
pub struct Described {
    pub width: u32,
    pub height: u32,
    pub pixel_format: String,
    pub aspect: String,
    pub transfer: String,
    pub range: String,
}

/// The first track of a file with this content.
pub fn described(folder: &Path, content: &[u8]) -> Described {
    let path = folder.join("described");
    std::fs::write(&path, content).unwrap();
    let output = tool("ffprobe")
        .args(["-loglevel", "error", "-show_streams", "-of", "json", "-i"])
        .arg(&path)
        .output()
        .unwrap();
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let stream = &report["streams"][0];
    let number = |name: &str| u32::try_from(stream[name].as_u64().unwrap_or(0)).unwrap();
    let text = |name: &str| stream[name].as_str().unwrap_or_default().to_owned();
    Described {
        width: number("width"),
        height: number("height"),
        pixel_format: text("pix_fmt"),
        aspect: text("sample_aspect_ratio"),
        transfer: text("color_transfer"),
        range: text("color_range"),
    }
}

/// Samples of a fragmented MP4.
pub fn frames(mut stream: &[u8]) -> u64 {
    let mut total = 0;
    while let Some(any) = Any::decode_maybe(&mut stream).unwrap() {
        if let Any::Moof(moof) = any {
            total += moof.traf[0]
                .trun
                .iter()
                .map(|run| run.samples.len() as u64)
                .sum::<u64>();
        }
    }
    total
}
