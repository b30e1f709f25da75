//! What every part of the operator is given.
use crate::events::Events;
use crate::leader::LeaseView;
use crate::metrics::Metrics;
use crate::settings::Settings;
use crate::store::Stores;
use crate::sweep::Graves;
use crate::tls::GrantAuthority;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Client;
use std::fmt;
use std::sync::Arc;

/// What every part of the operator is given.
#[derive(Clone)]
pub struct Context {
    /// The apiserver.
    pub client: Client,
    /// The settings.
    pub settings: Arc<Settings>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Every MediaStore with its bucket.
    pub stores: Stores,
    /// Writes Events.
    pub events: Events,
    /// The time.
    pub clock: Clock,
    /// Who signed the grant endpoint's certificate: pods are told.
    pub grant_authority: GrantAuthority,
    /// What this process knows of the lease.
    pub lease: LeaseView,
    /// Which tombstones wait.
    pub graves: Graves,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// A clock that tests can set. It tells this machine's time; what lies in a bucket is dated
/// by the bucket's own ([`vessel_storage::bucket::Bucket::server_time`]).
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// This machine's clock.
    pub fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// A clock that `tell` drives.
    pub fn told_by(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }

    /// The time as meta/v1 writes it: whole seconds, so that what was written reads back equal.
    pub fn now_meta(&self) -> Time {
        let now = self.now();
        Time(Timestamp::from_second(now.as_second()).unwrap_or(now))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
