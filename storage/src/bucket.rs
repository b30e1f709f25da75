//! The S3 client: every call that Vessel makes to a bucket, with its errors sorted by what
//! to do about them.
//!
//! Every write is either a create (`If-None-Match: *`) or a compare-and-set (`If-Match`):
//! there is no unconditional PUT, so two leaders at once can't overwrite each other.
mod clock;
mod connect;
mod error;
mod list;
mod object;
mod observe;
mod presign;
mod stream;
mod versioning;

pub use connect::{ConnectError, Connection, Credentials};
pub use error::{BucketError, ErrorClass};
pub use list::{BATCH, DeleteFailure, Deleted, Listed, Page};
pub use object::{Creation, ObjectHead, ObjectRef, Replacement, Stored};
pub use observe::{Code, Observe, Op, Unobserved};
pub use presign::PutTerms;
pub use stream::Opened;
pub use versioning::Versioning;

use aws_sdk_s3::Client;
use clock::ServerClock;
use std::fmt;
use std::sync::Arc;

/// A bucket of one S3 server, with the credentials to use it.
#[derive(Clone)]
pub struct Bucket {
    client: Client,
    name: String,
    clock: ServerClock,
    observer: Arc<dyn Observe>,
}

impl Bucket {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
