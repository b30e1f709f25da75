//! The sweep.
use super::names::Names;
use super::{MetricsError, opts, register};
use prometheus::{IntCounterVec, IntGaugeVec, Registry};
use vessel_storage::tombstone::Cause;

/// The sweep.
#[derive(Debug)]
pub struct SweepMetrics {
    last_success: IntGaugeVec,
    candidates: IntGaugeVec,
    halted: IntGaugeVec,
    deleted: IntCounterVec,
    errors: IntCounterVec,
    stores: Names,
}

/// What stopped a sweep, or a part of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SweepErrorReason {
    /// The store did not answer.
    Unavailable,
    /// The store refused the credentials.
    Denied,
    /// The claim of the prefix is not ours any more.
    ClaimLost,
    /// More would have been deleted than a sweep may.
    ShareExceeded,
    /// Keys of a batch were not deleted.
    KeysLeft,
    /// A tombstone or a list that makes no sense.
    Invalid,
}

impl SweepErrorReason {
    /// Every reason.
    pub const ALL: [Self; 6] = [
        Self::Unavailable,
        Self::Denied,
        Self::ClaimLost,
        Self::ShareExceeded,
        Self::KeysLeft,
        Self::Invalid,
    ];

    /// The word as it stands in metric labels and Events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unavailable => "Unavailable",
            Self::Denied => "Denied",
            Self::ClaimLost => "ClaimLost",
            Self::ShareExceeded => "ShareExceeded",
            Self::KeysLeft => "KeysLeft",
            Self::Invalid => "Invalid",
        }
    }
}

/// The label of a cause: what the freed storage had been.
const fn class(cause: Cause) -> &'static str {
    match cause {
        Cause::AssetDeleted => "AssetDeleted",
        Cause::Superseded => "Superseded",
        Cause::Cancelled => "Cancelled",
        Cause::Expired => "Expired",
    }
}

const CAUSES: [Cause; 4] = [
    Cause::AssetDeleted,
    Cause::Superseded,
    Cause::Cancelled,
    Cause::Expired,
];

impl SweepMetrics {
    pub(super) fn new(leader: &Registry) -> Result<Self, MetricsError> {
        let gauge = |name, help| register(leader, IntGaugeVec::new(opts(name, help), &["store"]));
        let counter = |name, help, label| {
            register(
                leader,
                IntCounterVec::new(opts(name, help), &["store", label]),
            )
        };
        Ok(Self {
            last_success: gauge(
                "vessel_sweep_last_success_timestamp_seconds",
                "When a sweep last ended without an error.",
            )?,
            candidates: gauge("vessel_sweep_candidates", "Tombstones that wait.")?,
            halted: gauge(
                "vessel_sweep_halted",
                "1 while the sweep stands still and wants somebody to look.",
            )?,
            deleted: counter(
                "vessel_sweep_deleted_bytes_total",
                "Bytes that were freed, by what had killed them.",
                "class",
            )?,
            errors: counter(
                "vessel_sweep_errors_total",
                "What stopped a sweep, or a part of it.",
                "reason",
            )?,
            stores: Names::default(),
        })
    }

    /// A store exists: its counters start at 0.
    pub fn store_seen(&self, store: &str) {
        let store = self.stores.label(store);
        self.halted.with_label_values(&[&store]);
        self.candidates.with_label_values(&[&store]);
        for cause in CAUSES {
            self.deleted
                .with_label_values(&[store.as_str(), class(cause)]);
        }
        for reason in SweepErrorReason::ALL {
            self.errors
                .with_label_values(&[store.as_str(), reason.as_str()]);
        }
    }

    /// A store is gone: it has no state any more.
    pub fn store_gone(&self, store: &str) {
        let store = self.stores.label(store);
        for gauge in [&self.last_success, &self.candidates, &self.halted] {
            // What was never set can't be removed, which is as good.
            let _ = gauge.remove_label_values(&[&store]);
        }
    }

    /// A sweep ended without an error at `seconds` since 1970.
    pub fn succeeded(&self, store: &str, seconds: i64) {
        let store = self.stores.label(store);
        self.last_success.with_label_values(&[&store]).set(seconds);
        self.halted.with_label_values(&[&store]).set(0);
    }

    /// The sweep stands still.
    pub fn halted(&self, store: &str, reason: SweepErrorReason) {
        self.error(store, reason);
        let store = self.stores.label(store);
        self.halted.with_label_values(&[&store]).set(1);
    }

    /// A part of a sweep failed.
    pub fn error(&self, store: &str, reason: SweepErrorReason) {
        let store = self.stores.label(store);
        self.errors
            .with_label_values(&[store.as_str(), reason.as_str()])
            .inc();
    }

    /// Tombstones that wait.
    pub fn set_candidates(&self, store: &str, count: i64) {
        let store = self.stores.label(store);
        self.candidates.with_label_values(&[store]).set(count);
    }

    /// Bytes were freed.
    pub fn deleted(&self, store: &str, cause: Cause, bytes: u64) {
        let store = self.stores.label(store);
        self.deleted
            .with_label_values(&[store.as_str(), class(cause)])
            .inc_by(bytes);
    }
}
