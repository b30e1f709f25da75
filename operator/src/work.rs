//! What can go wrong in any step of a reconciliation, and what follows from it.
use crate::apiserver::ApiError;
use crate::metrics::ReconcileErrorClass;
use std::time::Duration;
use tokio::time::timeout;
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

/// How long an end may take that depends on a bucket: nobody waits longer to be told why.
const PATIENCE: Duration = Duration::from_secs(10);

/// Does `work` on a bucket for the sake of something that is going. A bucket that refuses or
/// does not answer is no failure then, but a reason to wait; what was done of the work does
/// no harm when it is done again.
pub async fn with_patience<T>(
    work: impl Future<Output = Result<T, WorkError>>,
) -> Result<Result<T, String>, WorkError> {
    match timeout(PATIENCE, work).await {
        Ok(Ok(done)) => Ok(Ok(done)),
        Ok(Err(WorkError::Bucket(error))) => Ok(Err(error.to_string())),
        Ok(Err(error)) => Err(error),
        Err(_) => Ok(Err("the bucket does not answer".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_bucket_is_a_reason_to_wait() {
        let silent = with_patience(std::future::pending::<Result<(), WorkError>>()).await;
        assert_eq!(silent.unwrap().unwrap_err(), "the bucket does not answer");
    }
}
