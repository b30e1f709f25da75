//! What can go wrong in any step of a reconciliation, and what follows from it.
use crate::apiserver::ApiError;
use crate::metrics::ReconcileErrorClass;
use vessel_storage::bucket::BucketError;
use vessel_storage::uid::InvalidUid;

/// A request that failed, or an object that can't be true.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The apiserver refused or did not answer.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The bucket refused or did not answer.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// A UID that no apiserver writes.
    #[error(transparent)]
    Uid(#[from] InvalidUid),
}

impl WorkError {
    /// What follows.
    pub fn class(&self) -> ReconcileErrorClass {
        match self {
            Self::Api(error) => error.class(),
            Self::Bucket(_) => ReconcileErrorClass::Storage,
            Self::Uid(_) => ReconcileErrorClass::Internal,
        }
    }
}
