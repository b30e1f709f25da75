//! Whether an asset is still what was looked at: asked past every cache before what a late
//! process must not do.
use crate::apiserver::{self, ApiError};
use crate::controllers::Leader;
use kube::ResourceExt;
use vessel_crds::MediaAsset;

/// Whether `asset` is live and has not changed since it was observed.
pub async fn holds(asset: &MediaAsset, leader: &Leader) -> Result<bool, ApiError> {
    let namespace = asset.namespace().unwrap_or_default();
    let current: Option<MediaAsset> =
        apiserver::get(&leader.context.client, &namespace, &asset.name_any()).await?;
    Ok(current.is_some_and(|current| {
        current.metadata.deletion_timestamp.is_none()
            && current.metadata.uid == asset.metadata.uid
            && current.metadata.resource_version == asset.metadata.resource_version
    }))
}
