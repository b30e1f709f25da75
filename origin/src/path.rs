//! Request paths: parsed into typed parts and never joined as strings.
//!
//! ```text
//! /v1/{namespace}/{name}/{profile}/master.m3u8|manifest.mpd     stable: by name
//!                                 …/storyboard.vtt|poster.jpg|peaks.json
//! /v1/o/{asset}/{job}/{pod}/…                                   immutable: by execution
//! ```
//! Four parts after `/v1/` are a stable path, `o` and three UIDs an immutable one; a namespace
//! may therefore be called `o`. Paths are compared as they were sent: a percent-encoded one is
//! another key to a cache in front of us, so it names nothing.
use crate::kind::Kind;
use std::fmt;
use std::str::FromStr;
use vessel_storage::key::{ExecutionFolder, JobFolder, Tree};
use vessel_storage::path::ObjectPath;

/// A DNS label (RFC 1123): what Kubernetes calls namespaces, assets and profiles.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Label(String);

/// Text that is no DNS label.
#[derive(Debug, thiserror::Error)]
#[error("no DNS label")]
pub struct InvalidLabel;

impl FromStr for Label {
    type Err = InvalidLabel;
    fn from_str(text: &str) -> Result<Self, InvalidLabel> {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let edge = text.starts_with('-') || text.ends_with('-');
        if (1..=63).contains(&text.len()) && text.bytes().all(legal) && !edge {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidLabel)
        }
    }
}

impl Label {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The texts that lead to other objects.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Format {
    /// `master.m3u8`.
    Hls,
    /// `manifest.mpd`.
    Dash,
    /// `storyboard.vtt`.
    Storyboard,
}

/// What can be asked for by an asset's name.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum File {
    /// A text: it is sent with its URIs moved.
    Text(Format),
    /// `poster.jpg`.
    Poster,
    /// `peaks.json`.
    Peaks,
}

impl File {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "master.m3u8" => Some(Self::Text(Format::Hls)),
            "manifest.mpd" => Some(Self::Text(Format::Dash)),
            "storyboard.vtt" => Some(Self::Text(Format::Storyboard)),
            "poster.jpg" => Some(Self::Poster),
            "peaks.json" => Some(Self::Peaks),
            _ => None,
        }
    }
}

/// Name of an asset.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct AssetName {
    /// Its namespace.
    pub namespace: Label,
    /// Its name.
    pub name: Label,
}

impl AssetName {
    /// The name in two parts of a path; `None` if either is no DNS label.
    pub fn parse(namespace: &str, name: &str) -> Option<Self> {
        Some(Self {
            namespace: namespace.parse().ok()?,
            name: name.parse().ok()?,
        })
    }
}

/// What a path below `/v1/` names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// What plays now under a name.
    Stable {
        /// The asset.
        asset: AssetName,
        /// The profile.
        profile: Label,
        /// What of it.
        file: File,
    },
    /// An object that never changes.
    Immutable {
        /// The execution that made it.
        folder: ExecutionFolder,
        /// Its path there.
        path: ObjectPath,
    },
}

impl Target {
    /// Reads the path of a request; `None` for everything outside of the grammar, and for what
    /// lies in a bucket but is no viewer's business (manifests, verdicts).
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/v1/")?;
        stable(rest).or_else(|| immutable(rest))
    }

    /// What it is, for metrics.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Stable { file, .. } => match file {
                File::Text(Format::Hls) => Kind::Master,
                File::Text(Format::Dash) => Kind::Mpd,
                File::Text(Format::Storyboard) | File::Poster | File::Peaks => Kind::Extra,
            },
            Self::Immutable { path, .. } => object_kind(path),
        }
    }
}

fn object_kind(path: &ObjectPath) -> Kind {
    match path {
        ObjectPath::Master => Kind::Master,
        ObjectPath::Mpd => Kind::Mpd,
        ObjectPath::Playlist(_) => Kind::MediaPlaylist,
        ObjectPath::Init(_) => Kind::Init,
        ObjectPath::Segment(..) => Kind::Segment,
        ObjectPath::Poster
        | ObjectPath::Peaks
        | ObjectPath::Storyboard
        | ObjectPath::StoryboardSheet(_) => Kind::Extra,
        ObjectPath::Manifest | ObjectPath::Verdict => Kind::Other,
    }
}

fn stable(rest: &str) -> Option<Target> {
    let mut parts = rest.split('/');
    let asset = AssetName::parse(parts.next()?, parts.next()?)?;
    let profile = parts.next()?.parse().ok()?;
    let file = File::parse(parts.next()?)?;
    if parts.next().is_some() {
        return None;
    }
    Some(Target::Stable {
        asset,
        profile,
        file,
    })
}

fn immutable(rest: &str) -> Option<Target> {
    let mut parts = rest.strip_prefix("o/")?.splitn(4, '/');
    let folder = JobFolder {
        tree: Tree::Public,
        asset: parts.next()?.parse().ok()?,
        job: parts.next()?.parse().ok()?,
    };
    let folder = folder.execution(parts.next()?.parse().ok()?);
    let path = parts.next()?.parse().ok()?;
    match path {
        ObjectPath::Manifest | ObjectPath::Verdict => None,
        path => Some(Target::Immutable { folder, path }),
    }
}

/// The folder of an execution, relative to a stable path: what every URI of a playlist gets in
/// front of it, so that a prefix or a token in the viewer's URL is inherited.
pub fn relative_folder(folder: ExecutionFolder) -> String {
    let JobFolder { asset, job, .. } = folder.job;
    format!("../../../o/{asset}/{job}/{}/", folder.pod)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ASSET: &str = "7d0f5d3a-8f2c-4a51-9a57-0d8a5f6f2b11";
    const JOB: &str = "b3f0c1de-2f0e-4d1c-8a0c-5e9b7a1c2d3e";
    const POD: &str = "00000000-0000-4000-8000-000000000001";

    fn immutable_path(path: &str) -> String {
        format!("/v1/o/{ASSET}/{JOB}/{POD}/{path}")
    }

    #[test]
    fn every_kind_of_path() {
        for (path, kind) in [
            (
                "/v1/music/night-drive/adaptive/master.m3u8".to_owned(),
                Kind::Master,
            ),
            (
                "/v1/music/night-drive/adaptive/manifest.mpd".to_owned(),
                Kind::Mpd,
            ),
            ("/v1/o/o/o/master.m3u8".to_owned(), Kind::Master),
            ("/v1/music/film/adaptive/poster.jpg".to_owned(), Kind::Extra),
            ("/v1/music/film/adaptive/peaks.json".to_owned(), Kind::Extra),
            (
                "/v1/music/film/adaptive/storyboard.vtt".to_owned(),
                Kind::Extra,
            ),
            (immutable_path("master.m3u8"), Kind::Master),
            (immutable_path("manifest.mpd"), Kind::Mpd),
            (
                immutable_path("audio-128k/playlist.m3u8"),
                Kind::MediaPlaylist,
            ),
            (immutable_path("audio-128k/init.mp4"), Kind::Init),
            (immutable_path("audio-128k/00001.m4s"), Kind::Segment),
            (immutable_path("audio-128k/00001.ts"), Kind::Segment),
            (immutable_path("poster.jpg"), Kind::Extra),
            (immutable_path("storyboard/00001.jpg"), Kind::Extra),
        ] {
            assert_eq!(Target::parse(&path).map(|t| t.kind()), Some(kind), "{path}");
        }
    }

    #[test]
    fn a_namespace_may_be_called_o() {
        let target = Target::parse("/v1/o/name/audio/master.m3u8").unwrap();
        assert!(matches!(target, Target::Stable { .. }));
    }

    #[test]
    fn an_immutable_path_reads_the_public_tree() {
        let target = Target::parse(&immutable_path("audio-64k/init.mp4")).unwrap();
        let Target::Immutable { folder, .. } = target else {
            panic!("{target:?}")
        };
        assert_eq!(folder.job.tree, Tree::Public);
    }

    #[test]
    fn nothing_else_is_a_path() {
        let long = format!("/v1/{}/n/p/master.m3u8", "a".repeat(64));
        let upper = immutable_path("master.m3u8").replace(ASSET, &ASSET.to_uppercase());
        for path in [
            "/v1/",
            "/v1//",
            "/v1/a/b/c/",
            "/v1/a/b/c/master.m3u8/",
            "/v1/a/b/c/d/master.m3u8",
            "/v1//b/c/master.m3u8",
            "/v1/a//c/master.m3u8",
            "/v1/a/b/master.m3u8",
            "//v1/a/b/c/master.m3u8",
            "/v1/../b/c/master.m3u8",
            "/v1/a/b/../master.m3u8",
            "/v1/a/./b/master.m3u8",
            "/v1/A/b/c/master.m3u8",
            "/v1/-a/b/c/master.m3u8",
            "/v1/a-/b/c/master.m3u8",
            "/v1/a_b/b/c/master.m3u8",
            "/v1/mus%69c/b/c/master.m3u8",
            "/v1/a%2Fb/c/d/master.m3u8",
            "/v1/ä/b/c/master.m3u8",
            "/v1/a/b/c/MASTER.M3U8",
            "/v1/a/b/c/master.m3u8%00",
            "/v1/a/b/c/playlist.m3u8",
            "/v1/a/b/c/verdict.json",
            "/v1/a/b/c/storyboard/00001.jpg",
            "/v1/a/b/c/master.m3u8;x",
            "/v2/a/b/c/master.m3u8",
            "/v1/t/k.1.x/o/a/b/c/master.m3u8",
            &long,
            &upper,
            &immutable_path(""),
            &immutable_path("/master.m3u8"),
            &immutable_path("manifest.json"),
            &immutable_path("verdict.json"),
            &immutable_path("commit.json"),
            &immutable_path("../commit.json"),
            &immutable_path("audio-64k/../master.m3u8"),
            &immutable_path("audio-64k/%2e%2e/x"),
            &immutable_path("audio-64k//00001.m4s"),
            &immutable_path("audio-64k/1.m4s"),
            &format!("/v1/o/{ASSET}/{JOB}/commit.json"),
            &format!("/v1/o/{ASSET}/{JOB}/x/master.m3u8"),
            &format!("/v1/o/../{JOB}/{POD}/master.m3u8"),
            &format!("/v1/prv/{ASSET}/{JOB}/{POD}/master.m3u8"),
        ] {
            assert_eq!(Target::parse(path), None, "{path}");
        }
    }

    proptest! {
        /// A parsed path prints as it was sent: one object has one path.
        #[test]
        fn one_object_has_one_path(path in "/v1/(o/)?[a-z0-9./%-]{0,60}") {
            match Target::parse(&path) {
                None => {}
                Some(Target::Stable { asset, profile, file }) => {
                    let file = match file {
                        File::Text(Format::Hls) => "master.m3u8",
                        File::Text(Format::Dash) => "manifest.mpd",
                        File::Text(Format::Storyboard) => "storyboard.vtt",
                        File::Poster => "poster.jpg",
                        File::Peaks => "peaks.json",
                    };
                    let printed = format!("/v1/{}/{}/{profile}/{file}", asset.namespace, asset.name);
                    prop_assert_eq!(printed, path);
                }
                Some(Target::Immutable { folder, path: object }) => {
                    let relative = relative_folder(folder);
                    let printed = format!("/v1/{}{object}", relative.trim_start_matches("../"));
                    prop_assert_eq!(printed, path);
                }
            }
        }

        #[test]
        fn any_text_is_read_without_a_fault(path in "\\PC{0,80}") {
            let _ = Target::parse(&path);
        }
    }
}
