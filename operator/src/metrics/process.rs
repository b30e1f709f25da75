//! This process: reconciliations, grants, API calls.
use super::{MetricsError, histogram, opts, register};
use prometheus::{HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Registry};
use std::time::Duration;
use vessel_storage::grant::RefusalReason;

const RECONCILES: &[f64] = &[
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1., 2.5, 5., 10., 30.,
];

/// This process.
#[derive(Debug)]
pub struct ProcessMetrics {
    duration: HistogramVec,
    errors: IntCounterVec,
    grants: IntCounterVec,
    kube: IntCounterVec,
    leader: IntGauge,
    certificate: IntGaugeVec,
}

/// The loops that reconcile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Controller {
    /// MediaAssets.
    Asset,
    /// TranscodeJobs.
    Job,
    /// MediaStores.
    Store,
    /// TranscodeProfiles.
    Profile,
}

impl Controller {
    const ALL: [Self; 4] = [Self::Asset, Self::Job, Self::Store, Self::Profile];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Job => "job",
            Self::Store => "store",
            Self::Profile => "profile",
        }
    }
}

/// What follows from a failed reconciliation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReconcileErrorClass {
    /// Somebody else wrote first: observed again at once.
    Conflict,
    /// The apiserver refused or did not answer.
    Kubernetes,
    /// The bucket refused or did not answer.
    Storage,
    /// An object that can't be read.
    Invalid,
    /// A fault of this program.
    Internal,
}

impl ReconcileErrorClass {
    const ALL: [Self; 5] = [
        Self::Conflict,
        Self::Kubernetes,
        Self::Storage,
        Self::Invalid,
        Self::Internal,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "Conflict",
            Self::Kubernetes => "Kubernetes",
            Self::Storage => "Storage",
            Self::Invalid => "Invalid",
            Self::Internal => "Internal",
        }
    }
}

/// How a call of a pod ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GrantResult {
    /// It got what it asked for.
    Granted,
    /// It was refused.
    Refused(RefusalReason),
}

const REFUSALS: [RefusalReason; 7] = [
    RefusalReason::Unauthenticated,
    RefusalReason::NotCurrent,
    RefusalReason::Invalid,
    RefusalReason::SourceChanged,
    RefusalReason::SourceNotFound,
    RefusalReason::RateLimited,
    RefusalReason::Unavailable,
];

impl GrantResult {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "Granted",
            Self::Refused(reason) => match reason {
                RefusalReason::Unauthenticated => "Unauthenticated",
                RefusalReason::NotCurrent => "NotCurrent",
                RefusalReason::Invalid | RefusalReason::Unknown => "Invalid",
                RefusalReason::SourceChanged => "SourceChanged",
                RefusalReason::SourceNotFound => "SourceNotFound",
                RefusalReason::RateLimited => "RateLimited",
                RefusalReason::Unavailable => "Unavailable",
            },
        }
    }
}

impl ProcessMetrics {
    pub(super) fn new(every: &Registry) -> Result<Self, MetricsError> {
        let counter = |name, help, labels: &[&str]| {
            register(every, IntCounterVec::new(opts(name, help), labels))
        };
        let build = IntGaugeVec::new(
            opts("vessel_build_info", "1, with the version that runs."),
            &["version", "revision"],
        );
        let revision = option_env!("VESSEL_REVISION").unwrap_or("unknown");
        register(every, build)?
            .with_label_values(&[env!("CARGO_PKG_VERSION"), revision])
            .set(1);
        let metrics = Self {
            duration: register(
                every,
                HistogramVec::new(
                    histogram(
                        "vessel_reconcile_duration_seconds",
                        "How long a reconciliation took.",
                        RECONCILES,
                    ),
                    &["controller"],
                ),
            )?,
            errors: counter(
                "vessel_reconcile_errors_total",
                "Reconciliations that failed.",
                &["controller", "class"],
            )?,
            grants: counter(
                "vessel_grants_total",
                "Calls of pods to the grant endpoint.",
                &["result"],
            )?,
            kube: counter(
                "vessel_kube_requests_total",
                "Requests to the apiserver.",
                &["verb", "code"],
            )?,
            leader: register(
                every,
                IntGauge::new("vessel_leader", "1 on the replica that holds the lease."),
            )?,
            certificate: register(
                every,
                IntGaugeVec::new(
                    opts(
                        "vessel_certificate_expiry_timestamp_seconds",
                        "When a certificate ends.",
                    ),
                    &["use"],
                ),
            )?,
        };
        metrics.start_at_zero();
        Ok(metrics)
    }

    fn start_at_zero(&self) {
        for controller in Controller::ALL {
            for class in ReconcileErrorClass::ALL {
                self.errors
                    .with_label_values(&[controller.as_str(), class.as_str()]);
            }
        }
        self.grants
            .with_label_values(&[GrantResult::Granted.as_str()]);
        for reason in REFUSALS {
            self.grants
                .with_label_values(&[GrantResult::Refused(reason).as_str()]);
        }
    }

    /// A reconciliation took that long.
    pub fn reconciled(&self, controller: Controller, took: Duration) {
        let labels = [controller.as_str()];
        self.duration
            .with_label_values(&labels)
            .observe(took.as_secs_f64());
    }

    /// A reconciliation failed.
    pub fn reconcile_failed(&self, controller: Controller, class: ReconcileErrorClass) {
        let labels = [controller.as_str(), class.as_str()];
        self.errors.with_label_values(&labels).inc();
    }

    /// A call of a pod ended.
    pub fn granted(&self, result: GrantResult) {
        self.grants.with_label_values(&[result.as_str()]).inc();
    }

    /// A request to the apiserver was answered.
    pub(super) fn kube_request(&self, verb: &str, code: &str) {
        self.kube.with_label_values(&[verb, code]).inc();
    }

    /// This process holds the lease from now on; it exits when it loses it.
    pub fn set_leader(&self) {
        self.leader.set(1);
    }

    /// Whether this process holds the lease.
    pub fn leads(&self) -> bool {
        self.leader.get() == 1
    }

    /// When the certificate of the grant endpoint ends, in seconds since 1970.
    pub fn set_grant_certificate_expiry(&self, seconds: i64) {
        self.certificate.with_label_values(&["grant"]).set(seconds);
    }
}
