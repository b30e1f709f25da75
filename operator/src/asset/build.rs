//! The children of an asset, as values. Pure.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::ResourceExt;
use std::collections::BTreeMap;
use vessel_crds::execution::Execution;
use vessel_crds::identity::Identity;
use vessel_crds::media_asset::SourceStatus;
use vessel_crds::transcode_job::{Scheduling, Work};
use vessel_crds::{MediaAsset, TranscodeJob, TranscodeJobSpec, labels};

/// Longest part of the asset's name in a TranscodeJob's.
const NAME_BYTES: usize = 40;
/// Digits of the key in its name.
const KEY_DIGITS: usize = 10;

/// The labels of an asset's children.
pub fn children_labels(asset: &MediaAsset) -> BTreeMap<String, String> {
    [
        (labels::MANAGED_BY, labels::VESSEL.to_owned()),
        (labels::ASSET, asset.name_any()),
        (labels::ASSET_UID, asset.uid().unwrap_or_default()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// The reference that makes `asset` the controller of a child.
pub fn owner(asset: &MediaAsset) -> OwnerReference {
    OwnerReference {
        api_version: format!("{}/{}", vessel_crds::GROUP, vessel_crds::VERSION),
        kind: "MediaAsset".to_owned(),
        name: asset.name_any(),
        uid: asset.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// Name of the TranscodeJob with that key: `{asset ≤ 40}-{10 hex of key}`.
pub fn job_name(asset: &str, key: &str) -> String {
    let (asset, _) = asset.split_at(asset.floor_char_boundary(NAME_BYTES));
    format!("{asset}-{}", key.get(..KEY_DIGITS).unwrap_or(key))
}

/// When the jobs of `asset` run.
pub fn scheduling(asset: &MediaAsset) -> Scheduling {
    Scheduling {
        priority: asset.spec.priority,
        suspend: asset.spec.suspend,
    }
}

/// What a job would encode, with its key.
pub fn work(
    asset: &MediaAsset,
    source: &SourceStatus,
    store: (&str, &str),
    profile: (&str, &vessel_crds::encoding::Encoding),
) -> Work {
    let (store_name, store_uid) = store;
    let (profile_name, encoding) = profile;
    let asset_uid = asset.uid().unwrap_or_default();
    let key = Identity {
        asset_uid: &asset_uid,
        source_version: &source.version,
        store_uid,
        encoding,
        restart_token: &asset.spec.restart_token,
    }
    .key();
    Work {
        asset_name: asset.name_any(),
        key,
        profile_name: profile_name.to_owned(),
        encoding: encoding.clone(),
        source: asset.spec.source.clone(),
        source_version: source.version.clone(),
        source_etag: source.etag.clone(),
        source_bytes: source.bytes,
        store_name: store_name.to_owned(),
        store_uid: store_uid.to_owned(),
        visibility: asset.spec.visibility,
        restart_token: asset.spec.restart_token.clone(),
        asset_uid,
    }
}

/// The TranscodeJob of `work`. It carries the finalizer from its first moment: storage may
/// follow at once.
pub fn transcode_job(asset: &MediaAsset, work: Work, execution: Execution) -> TranscodeJob {
    let mut labels = children_labels(asset);
    labels.insert(labels::PROFILE.to_owned(), work.profile_name.clone());
    let name = job_name(&asset.name_any(), &work.key);
    let spec = TranscodeJobSpec {
        work,
        scheduling: scheduling(asset),
        execution,
    };
    TranscodeJob {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: asset.namespace(),
            labels: Some(labels),
            finalizers: Some(vec![labels::FINALIZER.to_owned()]),
            owner_references: Some(vec![owner(asset)]),
            ..ObjectMeta::default()
        },
        spec,
        status: None,
    }
}
