//! Whether a TranscodeJob is one that the operator made. Pure.
//!
//! Who may write TranscodeJobs could otherwise have any object of the store encoded.
use super::plan::Standing;
use crate::asset::source;
use crate::caches::{Asset, NamespaceMeta, controller};
use crate::store::StoreHandle;
use kube::Resource;
use vessel_crds::identity::Identity;
use vessel_crds::transcode_job::Work;
use vessel_crds::{MediaAsset, TranscodeJob};

/// What trust is decided from.
#[derive(Clone, Copy, Debug)]
pub struct Witnesses<'a> {
    /// The asset that controls the job, if it is there.
    pub asset: Option<&'a Asset>,
    /// The store that the job names, if it is there.
    pub store: Option<&'a StoreHandle>,
    /// The job's namespace.
    pub namespace: Option<&'a NamespaceMeta>,
}

/// Why nothing may be done for `job`; `None` when it is to be trusted.
pub fn objection(job: &TranscodeJob, witnesses: Witnesses<'_>) -> Option<Standing> {
    let untrusted = |why: &str| Some(Standing::Untrusted(why.to_owned()));
    let work = &job.spec.work;
    let Some(owner) = controller(job.meta()).filter(|owner| owner.kind == "MediaAsset") else {
        return untrusted("no MediaAsset controls it: write a MediaAsset, Vessel makes its jobs");
    };
    if owner.uid != work.asset_uid || owner.name != work.asset_name {
        return untrusted("spec.work names another asset than the one that controls it");
    }
    if key(work) != work.key {
        return untrusted("spec.work.key does not belong to spec.work");
    }
    let Some(asset) = witnesses.asset else {
        return Some(Standing::Orphan);
    };
    match &asset.0 {
        Err(_) => Some(Standing::Unknown),
        Ok(asset) if asset.meta().deletion_timestamp.is_some() => Some(Standing::Unknown),
        Ok(asset) => contradiction(work, asset, witnesses).map(Standing::Untrusted),
    }
}

fn key(work: &Work) -> String {
    Identity {
        asset_uid: &work.asset_uid,
        source_version: &work.source_version,
        store_uid: &work.store_uid,
        encoding: &work.encoding,
        restart_token: &work.restart_token,
    }
    .key()
}

/// What in `work` its asset or its store would never have asked for.
fn contradiction(work: &Work, asset: &MediaAsset, witnesses: Witnesses<'_>) -> Option<String> {
    let resolved = asset
        .status
        .as_ref()
        .and_then(|status| status.resolved.as_ref());
    if resolved.is_none_or(|resolved| resolved.store_name != work.store_name) {
        return Some("spec.work.storeName is not the store of its asset".to_owned());
    }
    if work.visibility != asset.spec.visibility {
        return Some("spec.work.visibility is not that of its asset".to_owned());
    }
    let (Some(s3), Some(store)) = (&work.source.s3, witnesses.store) else {
        return None;
    };
    source::s3::allowed(&store.spec, s3, witnesses.namespace)
        .err()
        .map(|denied| denied.to_string())
}
