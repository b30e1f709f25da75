//! A job's identity: what it would produce, in 64 hexadecimal digits.
//!
//! Equal inputs give the same key in every version of Vessel: a field whose default means
//! the old behaviour is left out of the hash, so a new one changes no key.
use crate::encoding::Encoding;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What a job's identity is made from.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// UID of the asset.
    pub asset_uid: &'a str,
    /// Version of its source.
    pub source_version: &'a str,
    /// UID of the store.
    pub store_uid: &'a str,
    /// What in the profile changes bytes.
    pub encoding: &'a Encoding,
    /// The asset's restart token.
    pub restart_token: &'a str,
}

impl Identity<'_> {
    /// SHA-256 over the length-prefixed parts, as 64 hexadecimal digits. The length before
    /// each part keeps two different lists of parts from running into the same bytes.
    pub fn key(&self) -> String {
        let canonical = canonical(self.encoding);
        let parts = [
            "vessel/1",
            self.asset_uid,
            self.source_version,
            self.store_uid,
            &canonical,
            self.restart_token,
        ];
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hex::encode(hash.finalize())
    }
}

/// JSON with sorted keys in which every field at its default is left out.
pub fn canonical(encoding: &Encoding) -> String {
    let defaults = serde_json::to_value(Encoding::default()).unwrap_or(Value::Null);
    let value = serde_json::to_value(encoding).unwrap_or(Value::Null);
    without_defaults(value, &defaults).to_string()
}

/// `value` without the fields that equal those of `defaults`, at every depth, with its keys
/// sorted whether or not another crate has asked serde_json to keep insertion order.
fn without_defaults(value: Value, defaults: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept: BTreeMap<String, Value> = fields
                .into_iter()
                .filter_map(|(name, field)| {
                    let default = defaults.get(&name).unwrap_or(&Value::Null);
                    let differs = field != *default;
                    differs.then(|| (name.clone(), without_defaults(field, default)))
                })
                .collect();
            Value::Object(kept.into_iter().collect())
        }
        Value::Array(list) => {
            let list = list
                .into_iter()
                .map(|item| without_defaults(item, &Value::Null));
            Value::Array(list.collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::{AudioLadder, Container, Packaging};

    fn ladder() -> Encoding {
        Encoding {
            audio: Some(AudioLadder {
                bitrates_kbps: vec![64, 128, 192, 256],
            }),
            ..Encoding::default()
        }
    }

    fn key(encoding: &Encoding, restart_token: &str) -> String {
        Identity {
            asset_uid: "7d0f5d3a-8f2c-4a51-9a57-0d8a5f6f2b11",
            source_version: "etag",
            store_uid: "b3f0c1de-2f0e-4d1c-8a0c-5e9b7a1c2d3e",
            encoding,
            restart_token,
        }
        .key()
    }

    #[test]
    fn defaults_are_left_out() {
        assert_eq!(
            canonical(&ladder()),
            r#"{"audio":{"bitratesKbps":[64,128,192,256]}}"#
        );
        let ts = Encoding {
            packaging: Packaging {
                container: Container::MpegTs,
                ..Packaging::default()
            },
            ..ladder()
        };
        assert_eq!(
            canonical(&ts),
            r#"{"audio":{"bitratesKbps":[64,128,192,256]},"packaging":{"container":"MpegTs"}}"#
        );
    }

    /// Keys are for ever: a change here re-encodes every library in the world.
    #[test]
    fn golden() {
        insta::assert_snapshot!(key(&ladder(), ""));
    }

    #[test]
    fn a_default_effort_is_left_out_of_a_video_ladder() {
        let ladder = |effort: Value| -> String {
            let mut encoding = serde_json::json!({"video": {"rungs": [
                {"heightPixels": 360, "bitrateKbps": 800, "audioBitrateKbps": 64}]}});
            if !effort.is_null() {
                encoding["video"]["effort"] = effort;
            }
            canonical(&serde_json::from_value(encoding).unwrap())
        };
        assert_eq!(ladder(Value::Null), ladder("Balanced".into()));
        assert_ne!(ladder(Value::Null), ladder("Thorough".into()));
    }

    #[test]
    fn every_part_counts() {
        assert_ne!(key(&ladder(), ""), key(&ladder(), "again"));
        assert_ne!(key(&ladder(), ""), key(&Encoding::default(), ""));
    }
}
