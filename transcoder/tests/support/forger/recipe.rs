//! What the forger says and writes. As JSON it is its source; where it encodes sound alone it
//! finds the same in the samples that it decoded.
use serde::{Deserialize, Serialize};

/// What is said and written.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Recipe {
    /// As ffprobe describes the source.
    pub description: String,
    /// Samples of 8 bytes that are decoded.
    pub samples: usize,
    /// How the decoder ends.
    pub decoder: Words,
    /// How the encoder ends.
    pub encoder: Words,
    /// What the encoder writes, by output.
    pub rungs: Vec<Vec<u8>>,
}

/// The last words of a tool.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Words {
    /// Lines of its log.
    pub log: Vec<String>,
    /// Its exit code.
    pub code: u8,
}

impl Recipe {
    /// From JSON with anything behind it.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::Deserializer::from_slice(bytes)
            .into_iter()
            .next()?
            .ok()
    }
}
