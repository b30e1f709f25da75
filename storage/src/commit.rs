//! `commit.json`: the one write that decides what a TranscodeJob produced.
use crate::digest::Sha256;
use crate::uid::PodUid;
use serde::{Deserialize, Serialize};

/// The commit of a TranscodeJob: created once, with If-None-Match.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Commit {
    /// This execution is what the job produced, for ever.
    Published(Published),
    /// The job was called off, or its storage is being freed: nothing can be committed.
    Void,
}

/// What was committed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Published {
    /// The execution.
    #[serde(rename = "podUID")]
    pub pod_uid: PodUid,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Key of the manifest, with the store's prefix.
    pub manifest_key: String,
    /// Digest of the manifest.
    #[serde(rename = "manifestSHA256")]
    pub manifest_sha256: Sha256,
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Wire {
    Void { void: bool },
    Published(Published),
}

impl Serialize for Commit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Published(published) => published.serialize(serializer),
            Self::Void => Wire::Void { void: true }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Commit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Wire::deserialize(deserializer)? {
            Wire::Published(published) => Ok(Self::Published(published)),
            Wire::Void { void: true } => Ok(Self::Void),
            Wire::Void { void: false } => Err(serde::de::Error::custom("void: false is no commit")),
        }
    }
}

impl Commit {
    /// The exact bytes of the document.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_read_as_they_are_written() {
        let published = Commit::Published(Published {
            pod_uid: "7d0f5d3a-8f2c-4a51-9a57-0d8a5f6f2b11".parse().unwrap(),
            attempt: 2,
            manifest_key: "vessel/pub/a/j/p/manifest.json".to_owned(),
            manifest_sha256: Sha256::of(b"x"),
        });
        for commit in [published, Commit::Void] {
            let bytes = commit.to_bytes().unwrap();
            assert_eq!(serde_json::from_slice::<Commit>(&bytes).unwrap(), commit);
        }
        assert_eq!(Commit::Void.to_bytes().unwrap(), br#"{"void":true}"#);
        assert!(serde_json::from_str::<Commit>(r#"{"void":false}"#).is_err());
        assert!(serde_json::from_str::<Commit>("{}").is_err());
    }
}
