//! What the pointer document should say. Pure.
use crate::store::ReadyStore;
use kube::ResourceExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use vessel_crds::media::{MediaFacts, TrackKind, TrackUsage};
use vessel_crds::{MediaAsset, TranscodeJob};
use vessel_storage::digest::Sha256;
use vessel_storage::key::JobFolder;
use vessel_storage::pointer::{PointedRendition, Pointer, PointerState, PresentationKind};
use vessel_storage::uid::{AssetUid, StoreUid};

/// A pointer before it has a revision.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pointer: Pointer,
    /// The folders of the jobs that it names.
    pub jobs: Vec<(String, JobFolder)>,
}

/// Facts of a status that no document could hold: a UID, digest or path that is none.
#[derive(Debug, thiserror::Error)]
#[error("TranscodeJob {job}: {message}")]
pub struct InvalidOutput {
    /// Name of the job.
    pub job: String,
    /// What is wrong.
    pub message: String,
}

impl Draft {
    /// The pointer of `asset` when `play` plays; `None` when nothing does.
    pub fn new(
        asset: &MediaAsset,
        store: &ReadyStore,
        play: &[Arc<TranscodeJob>],
    ) -> Result<Option<Self>, InvalidOutput> {
        let Some(first) = play.first() else {
            return Ok(None);
        };
        let uid = asset.uid().unwrap_or_default();
        let asset_uid = uid.parse().map_err(|error| invalid(first, &error))?;
        let mut renditions = Vec::new();
        let mut jobs = Vec::new();
        for job in play {
            let rendition = rendition(job)?;
            let folder = JobFolder {
                tree: asset.spec.visibility.into(),
                asset: asset_uid,
                job: rendition.job_uid,
            };
            jobs.push((job.name_any(), folder));
            renditions.push(rendition);
        }
        let duration_millis = media(first).and_then(|media| media.duration_millis);
        let pointer = Pointer {
            revision: 0,
            lease_transitions: 0,
            state: PointerState::Live,
            visibility: asset.spec.visibility,
            asset_uid,
            store_uid: store.uid,
            namespace: asset.namespace().unwrap_or_default(),
            name: asset.name_any(),
            title: asset.spec.title.clone(),
            metadata: asset.spec.metadata.clone(),
            duration_millis,
            renditions,
        };
        Ok(Some(Self { pointer, jobs }))
    }

    /// A pointer of which nothing plays.
    pub fn withdrawn(pointer: Pointer) -> Self {
        Self {
            pointer: Pointer {
                revision: 0,
                lease_transitions: 0,
                state: PointerState::Withdrawn,
                renditions: Vec::new(),
                ..pointer
            },
            jobs: Vec::new(),
        }
    }

    /// The pointer of `asset` while nothing of it may play.
    pub fn withdrawn_of(asset: &MediaAsset, uid: AssetUid, store: StoreUid) -> Self {
        Self::withdrawn(Pointer {
            revision: 0,
            lease_transitions: 0,
            state: PointerState::Withdrawn,
            visibility: asset.spec.visibility,
            asset_uid: uid,
            store_uid: store,
            namespace: asset.namespace().unwrap_or_default(),
            name: asset.name_any(),
            title: None,
            metadata: BTreeMap::new(),
            duration_millis: None,
            renditions: Vec::new(),
        })
    }

    /// Digest of what it says, whatever its revision.
    pub fn digest(&self) -> String {
        let json = serde_json::to_vec(&self.pointer).unwrap_or_default();
        Sha256::of(&json).to_string()
    }

    /// Whether `pointer` says the same.
    pub fn is_said_by(&self, pointer: &Pointer) -> bool {
        let bare = Pointer {
            revision: 0,
            lease_transitions: 0,
            ..pointer.clone()
        };
        bare == self.pointer
    }

    /// The document, after `before`.
    pub fn after(&self, before: Option<&Pointer>, lease_transitions: i64) -> Pointer {
        Pointer {
            revision: before.map_or(0, |before| before.revision).saturating_add(1),
            lease_transitions,
            ..self.pointer.clone()
        }
    }

    /// The asset.
    pub const fn asset_uid(&self) -> AssetUid {
        self.pointer.asset_uid
    }

    /// Namespace and name of the asset.
    pub fn name(&self) -> (&str, &str) {
        (&self.pointer.namespace, &self.pointer.name)
    }
}

fn invalid(job: &TranscodeJob, message: &dyn std::fmt::Display) -> InvalidOutput {
    InvalidOutput {
        job: job.name_any(),
        message: message.to_string(),
    }
}

fn rendition(job: &TranscodeJob) -> Result<PointedRendition, InvalidOutput> {
    let output = job
        .status
        .as_ref()
        .and_then(|status| status.output.as_ref());
    let output = output.ok_or_else(|| invalid(job, &"it has no output"))?;
    let uid = job.uid().unwrap_or_default();
    let path = |path: &Option<String>| {
        path.as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|error: vessel_storage::path::InvalidPath| invalid(job, &error))
    };
    Ok(PointedRendition {
        profile: job.spec.work.profile_name.clone(),
        job_uid: uid.parse().map_err(|error| invalid(job, &error))?,
        pod_uid: output
            .pod_uid
            .parse()
            .map_err(|error| invalid(job, &error))?,
        manifest_sha256: output
            .manifest_sha256
            .parse()
            .map_err(|error| invalid(job, &error))?,
        hls: path(&output.hls)?,
        dash: path(&output.dash)?,
        kind: kind(job),
    })
}

fn media(job: &TranscodeJob) -> Option<&MediaFacts> {
    job.status.as_ref()?.media.as_ref()
}

/// Moving pictures, if a track of them was used.
fn kind(job: &TranscodeJob) -> PresentationKind {
    let video = media(job).is_some_and(|media| {
        media
            .tracks
            .iter()
            .any(|track| track.kind == TrackKind::Video && track.usage == TrackUsage::Used)
    });
    if video {
        PresentationKind::Video
    } else {
        PresentationKind::Audio
    }
}
