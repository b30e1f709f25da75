//! `sweep/{uid}.json`: the proof that storage is dead.
use crate::key::JobFolder;
use crate::uid::{AssetUid, StoreUid};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Written with If-None-Match by what killed the storage. Without one nothing is deleted.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tombstone {
    /// What is dead.
    pub target: Target,
    /// Why.
    pub cause: Cause,
    /// The store it lies in; a tombstone of another store is not ours to act on.
    #[serde(rename = "storeUID")]
    pub store_uid: StoreUid,
    /// Namespace of the asset, for people.
    pub namespace: String,
    /// Name of the asset, for people.
    pub name: String,
    /// Nothing is deleted before this, by S3's clock.
    pub not_before: Timestamp,
}

/// What is dead.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind")]
pub enum Target {
    /// All executions of a job, and its commit.
    Job(JobFolder),
    /// All uploads of an asset.
    #[serde(rename_all = "camelCase")]
    Source {
        /// The asset.
        asset: AssetUid,
    },
    /// One upload of an asset that lives on.
    #[serde(rename_all = "camelCase")]
    Upload {
        /// The asset.
        asset: AssetUid,
        /// Its `spec.source.upload.generation`.
        generation: i64,
    },
}

/// What killed it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Cause {
    /// The asset was deleted.
    AssetDeleted,
    /// Another job of the same profile plays now, or another upload has come.
    Superseded,
    /// The job failed for good or was called off.
    Cancelled,
    /// The asset's `spec.retention` gave it up.
    Expired,
}
