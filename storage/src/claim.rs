//! `vessel.json`: which cluster a prefix belongs to.
use crate::uid::{ClusterUid, StoreUid};
use serde::{Deserialize, Serialize};

/// The claim of a prefix. Written once with If-None-Match; a store that another cluster has
/// claimed is never written to or swept.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Claim {
    /// The cluster that owns the prefix.
    #[serde(rename = "clusterUID")]
    pub cluster_uid: ClusterUid,
    /// Identity of the store, whatever the MediaStore object is called.
    #[serde(rename = "storeUID")]
    pub store_uid: StoreUid,
}
