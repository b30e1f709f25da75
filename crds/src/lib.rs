//! The API of Vessel, `vessel.media/v1alpha1`: four kinds, their schema, and the
//! vocabularies that statuses, events and metrics share.
//!
//! The doc comments of the fields are what `kubectl explain` prints, so they speak to
//! the person who writes the YAML. This crate links no Kubernetes client.

pub mod condition;
pub mod encoding;
pub mod execution;
pub mod identity;
pub mod labels;
pub mod media;
pub mod media_asset;
pub mod media_store;
pub mod phase;
pub mod reason;
pub mod schema;
pub mod source;
pub mod transcode_job;
pub mod transcode_profile;

pub use media_asset::{MediaAsset, MediaAssetSpec, MediaAssetStatus};
pub use media_store::{MediaStore, MediaStoreSpec, MediaStoreStatus};
pub use phase::Phase;
pub use reason::{FailureClass, FailureReason, WaitingReason};
pub use transcode_job::{TranscodeJob, TranscodeJobSpec, TranscodeJobStatus};
pub use transcode_profile::{TranscodeProfile, TranscodeProfileSpec, TranscodeProfileStatus};

/// The API group of every kind.
pub const GROUP: &str = "vessel.media";
/// The version of every kind.
pub const VERSION: &str = "v1alpha1";
