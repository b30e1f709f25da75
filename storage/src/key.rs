//! Every key of the bucket, from typed parts.
//!
//! ```text
//! {prefix}vessel.json                                    claim of the prefix
//! {prefix}in/{asset}/{generation}/source                 uploads
//! {prefix}{pub|prv}/{asset}/{job}/commit.json            the commit of a TranscodeJob
//! {prefix}{pub|prv}/{asset}/{job}/{pod}/…                one execution
//! {prefix}ptr/{asset}.json                               what plays
//! {prefix}names/{namespace}/{name}.json                  which asset bears a name
//! {prefix}sweep/{uid}.json                               tombstone of a job
//! {prefix}sweep/in-{asset}.json                          tombstone of all uploads of an asset
//! {prefix}sweep/in-{asset}-{generation}.json             tombstone of one upload
//! ```
use crate::path::ObjectPath;
use crate::uid::{AssetUid, JobUid, PodUid};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use vessel_crds::media_asset::Visibility;

/// What every key of a store begins with: empty, or ending with `/`.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Prefix(String);

/// A key of the bucket.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Key(String);

/// The two trees of what plays: a bucket policy or a CDN rule can name one of them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Tree {
    /// `pub`: anybody may read it.
    #[serde(rename = "pub")]
    Public,
    /// `prv`: read with a signed URL.
    #[serde(rename = "prv")]
    Private,
}

/// The folder of a TranscodeJob.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobFolder {
    /// In which tree it lies.
    pub tree: Tree,
    /// Its asset.
    pub asset: AssetUid,
    /// The TranscodeJob.
    pub job: JobUid,
}

/// The folder of one execution.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ExecutionFolder {
    /// The folder of its job.
    pub job: JobFolder,
    /// The pod.
    pub pod: PodUid,
}

impl Tree {
    /// The folder's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "pub",
            Self::Private => "prv",
        }
    }
}

impl From<Visibility> for Tree {
    fn from(visibility: Visibility) -> Self {
        match visibility {
            Visibility::Public => Self::Public,
            Visibility::Private => Self::Private,
        }
    }
}

impl Key {
    /// A key that somebody else has named: the object of an `s3` source, or a listed one.
    pub fn foreign(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    /// The key as S3 takes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Prefix {
    /// The prefix of a store; a missing `/` at its end is added.
    pub fn new(prefix: &str) -> Self {
        if prefix.is_empty() || prefix.ends_with('/') {
            Self(prefix.to_owned())
        } else {
            Self(format!("{prefix}/"))
        }
    }

    /// The prefix itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `key` lies under this prefix. Everything lies under an empty one.
    pub fn contains(&self, key: &str) -> bool {
        key.starts_with(&self.0)
    }

    /// Claim of this prefix.
    pub fn claim(&self) -> Key {
        Key(format!("{}vessel.json", self.0))
    }

    /// Where store probes write: a key of their own.
    pub fn probe(&self, nonce: &str) -> Key {
        Key(format!("{}probe/{nonce}", self.0))
    }

    /// Where an upload lands.
    pub fn upload(&self, asset: AssetUid, generation: i64) -> Key {
        Key(format!("{}in/{asset}/{generation}/source", self.0))
    }

    /// The folder of all uploads of an asset, ending with `/`.
    pub fn uploads(&self, asset: AssetUid) -> Key {
        Key(format!("{}in/{asset}/", self.0))
    }

    /// The folder of one upload of an asset, ending with `/`.
    pub fn upload_folder(&self, asset: AssetUid, generation: i64) -> Key {
        Key(format!("{}in/{asset}/{generation}/", self.0))
    }

    /// The pointer of an asset.
    pub fn pointer(&self, asset: AssetUid) -> Key {
        Key(format!("{}ptr/{asset}.json", self.0))
    }

    /// Which asset bears a name.
    pub fn name(&self, namespace: &str, name: &str) -> Key {
        Key(format!("{}names/{namespace}/{name}.json", self.0))
    }

    /// The tombstone of a job.
    pub fn job_tombstone(&self, job: JobUid) -> Key {
        Key(format!("{}sweep/{job}.json", self.0))
    }

    /// The tombstone of an asset's uploads.
    pub fn source_tombstone(&self, asset: AssetUid) -> Key {
        Key(format!("{}sweep/in-{asset}.json", self.0))
    }

    /// The tombstone of one upload of an asset.
    pub fn upload_tombstone(&self, asset: AssetUid, generation: i64) -> Key {
        Key(format!("{}sweep/in-{asset}-{generation}.json", self.0))
    }

    /// The folder of all tombstones, ending with `/`.
    pub fn tombstones(&self) -> Key {
        Key(format!("{}sweep/", self.0))
    }

    /// The folder of a tree, ending with `/`.
    pub fn tree(&self, tree: Tree) -> Key {
        Key(format!("{}{}/", self.0, tree.as_str()))
    }

    /// The folder of the uploads of all assets, ending with `/`.
    pub fn all_uploads(&self) -> Key {
        Key(format!("{}in/", self.0))
    }

    /// The folder of a job, ending with `/`.
    pub fn job(&self, folder: JobFolder) -> Key {
        Key(format!("{}{folder}/", self.0))
    }

    /// The commit of a job.
    pub fn commit(&self, folder: JobFolder) -> Key {
        Key(format!("{}{folder}/commit.json", self.0))
    }

    /// The folder of an execution, ending with `/`.
    pub fn execution(&self, folder: ExecutionFolder) -> Key {
        Key(format!("{}{}/{}/", self.0, folder.job, folder.pod))
    }

    /// An object of an execution.
    pub fn object(&self, folder: ExecutionFolder, path: &ObjectPath) -> Key {
        Key(format!("{}{}/{}/{path}", self.0, folder.job, folder.pod))
    }
}

impl fmt::Display for JobFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tree.as_str(), self.asset, self.job)
    }
}

impl JobFolder {
    /// The folder of one of its executions.
    pub const fn execution(self, pod: PodUid) -> ExecutionFolder {
        ExecutionFolder { job: self, pod }
    }
}

/// Where a key of an asset's storage lies; what the sweep and the accounting read keys with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// The commit of a job.
    Commit(JobFolder),
    /// An object of an execution.
    Object(ExecutionFolder, ObjectPath),
    /// An upload of an asset.
    Upload(AssetUid, i64),
}

impl Prefix {
    /// Reads a listed key back; `None` for anything outside of the grammar.
    pub fn place(&self, key: &str) -> Option<Place> {
        let rest = key.strip_prefix(&self.0)?;
        let (top, rest) = rest.split_once('/')?;
        match top {
            "in" => upload_place(rest),
            "pub" => tree_place(Tree::Public, rest),
            "prv" => tree_place(Tree::Private, rest),
            _ => None,
        }
    }
}

fn upload_place(rest: &str) -> Option<Place> {
    let (asset, rest) = rest.split_once('/')?;
    let generation = rest.strip_suffix("/source")?;
    // `01` and `+1` would name the same generation as `1`: a key has one spelling.
    let number: i64 = generation
        .parse()
        .ok()
        .filter(|n: &i64| n.to_string() == generation)?;
    Some(Place::Upload(asset.parse().ok()?, number))
}

fn tree_place(tree: Tree, rest: &str) -> Option<Place> {
    let (asset, rest) = rest.split_once('/')?;
    let (job, rest) = rest.split_once('/')?;
    let folder = JobFolder {
        tree,
        asset: asset.parse().ok()?,
        job: job.parse().ok()?,
    };
    if rest == "commit.json" {
        return Some(Place::Commit(folder));
    }
    let (pod, path) = rest.split_once('/')?;
    let execution = folder.execution(PodUid::from_str(pod).ok()?);
    Some(Place::Object(execution, path.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::{Rung, SegmentKind};
    use proptest::prelude::*;

    fn folder() -> JobFolder {
        JobFolder {
            tree: Tree::Public,
            asset: "7d0f5d3a-8f2c-4a51-9a57-0d8a5f6f2b11".parse().unwrap(),
            job: "b3f0c1de-2f0e-4d1c-8a0c-5e9b7a1c2d3e".parse().unwrap(),
        }
    }

    #[test]
    fn the_layout() {
        let prefix = Prefix::new("vessel");
        let execution = folder().execution("00000000-0000-4000-8000-000000000001".parse().unwrap());
        let segment = ObjectPath::Segment(Rung::audio(128), 7, SegmentKind::Fragment);
        let asset = folder().asset;
        insta::assert_snapshot!(
            [
                prefix.claim(),
                prefix.upload(asset, 2),
                prefix.commit(folder()),
                prefix.object(execution, &segment),
                prefix.pointer(asset),
                prefix.name("music", "night-drive"),
                prefix.job_tombstone(folder().job),
                prefix.source_tombstone(asset),
                prefix.upload_tombstone(asset, 2),
            ]
            .map(|key| key.to_string())
            .join("\n")
        );
    }

    #[test]
    fn a_listed_key_reads_back_to_its_place() {
        let prefix = Prefix::new("vessel/");
        let execution = folder().execution("00000000-0000-4000-8000-000000000001".parse().unwrap());
        let path = ObjectPath::Init(Rung::audio(64));
        let cases = [
            (prefix.commit(folder()), Place::Commit(folder())),
            (
                prefix.object(execution, &path),
                Place::Object(execution, path),
            ),
            (
                prefix.upload(folder().asset, 3),
                Place::Upload(folder().asset, 3),
            ),
        ];
        for (key, place) in cases {
            assert_eq!(prefix.place(key.as_str()), Some(place));
        }
    }

    #[test]
    fn a_folder_never_contains_a_neighbour() {
        let prefix = Prefix::new("");
        let folder_key = prefix.job(folder());
        assert!(folder_key.as_str().ends_with('/'));
        assert!(
            prefix
                .commit(folder())
                .as_str()
                .starts_with(folder_key.as_str())
        );
    }

    proptest! {
        /// What reads back prints the same, so nothing outside of the grammar has a place.
        #[test]
        fn only_the_grammar_has_a_place(rest in "(pub|prv|in|ptr|sweep)?(/[a-z0-9.-]{0,40}){0,5}") {
            let prefix = Prefix::new("v/");
            let key = format!("v/{rest}");
            let printed = match prefix.place(&key) {
                None => return Ok(()),
                Some(Place::Commit(job)) => prefix.commit(job),
                Some(Place::Object(execution, path)) => prefix.object(execution, &path),
                Some(Place::Upload(asset, generation)) => prefix.upload(asset, generation),
            };
            prop_assert_eq!(printed.as_str(), key);
        }
    }
}
