//! Taking, keeping and releasing the lease.
use super::rules::{self, Seen, Timing};
use super::view::LeaseView;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use std::time::Instant;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// The name of the lease.
const LEASE: &str = "vessel-operator";

/// Leadership that is gone: the process must end, and start anew as one that waits.
#[derive(Debug, thiserror::Error)]
pub enum LeaderError {
    /// The apiserver took no renewal in time.
    #[error("the lease {LEASE} could not be renewed for {0:?}: somebody else may lead now")]
    RenewalMissed(std::time::Duration, #[source] Option<kube::Error>),
    /// Somebody else has it.
    #[error("the lease {LEASE} was taken by {0}")]
    Taken(String),
}

/// One candidate.
#[derive(Clone)]
pub struct Elector {
    leases: Api<Lease>,
    holder: String,
    timing: Timing,
    view: LeaseView,
}

/// The lease while it is ours.
#[derive(Debug)]
pub struct Leadership(Lease);

impl Elector {
    /// A candidate called `holder`: the pod's name.
    pub fn new(
        client: Client,
        namespace: &str,
        holder: &str,
        timing: Timing,
        view: LeaseView,
    ) -> Self {
        Self {
            leases: Api::namespaced(client, namespace),
            holder: holder.to_owned(),
            timing,
            view,
        }
    }

    /// Waits until the lease is ours. Nothing that the apiserver answers ends the wait.
    pub async fn acquire(&self) -> Leadership {
        let mut seen = None;
        loop {
            match self.try_acquire(&mut seen).await {
                Ok(Some(leadership)) => return leadership,
                Ok(None) => {}
                Err(error) => tracing::warn!(%error, "the lease could not be looked at"),
            }
            sleep(self.timing.retry).await;
        }
    }

    /// Renews the lease until `stop`, then gives it back. Returns early when it is lost.
    pub async fn keep(
        &self,
        leadership: Leadership,
        stop: &CancellationToken,
    ) -> Result<(), LeaderError> {
        let Leadership(mut lease) = leadership;
        loop {
            tokio::select! {
                () = stop.cancelled() => {
                    self.release(lease).await;
                    return Ok(());
                }
                () = sleep(self.timing.retry) => lease = self.renew(lease).await?,
            }
        }
    }

    async fn try_acquire(&self, seen: &mut Option<Seen>) -> kube::Result<Option<Leadership>> {
        let started = Instant::now();
        let Some(lease) = self.leases.get_opt(LEASE).await? else {
            let lease = self.taken(Lease {
                metadata: ObjectMeta {
                    name: Some(LEASE.to_owned()),
                    ..ObjectMeta::default()
                },
                spec: None,
            });
            let created = self.leases.create(&PostParams::default(), &lease).await;
            return self.won(created, started);
        };
        let now = Seen::again(seen.take(), lease, started);
        let takeable = now.can_be_taken_by(&self.holder, self.timing, started);
        let lease = seen.insert(now).lease.clone();
        if !takeable {
            return Ok(None);
        }
        let replaced = self.replace(&self.taken(lease)).await;
        self.won(replaced, started)
    }

    /// Somebody else's win is no error.
    fn won(
        &self,
        written: kube::Result<Lease>,
        started: Instant,
    ) -> kube::Result<Option<Leadership>> {
        match written {
            Ok(lease) => {
                self.tell(&lease, started);
                Ok(Some(Leadership(lease)))
            }
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Tries until the deadline. A conflict means that the lease is not as we left it: read
    /// it, and go on only if it is ours still.
    async fn renew(&self, mut lease: Lease) -> Result<Lease, LeaderError> {
        let deadline = Instant::now() + self.timing.renew_deadline;
        let mut last = None;
        while Instant::now() < deadline {
            let started = Instant::now();
            let renewal = rules::renewed(lease.clone(), Timestamp::now());
            let left = deadline.saturating_duration_since(started);
            match timeout(left, self.replace(&renewal)).await {
                Ok(Ok(renewed)) => {
                    self.tell(&renewed, started);
                    return Ok(renewed);
                }
                Ok(Err(kube::Error::Api(status))) if status.code == 409 => {
                    lease = self.still_ours(lease).await?;
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the lease could not be renewed; trying again");
                    last = Some(error);
                }
                Err(_) => break,
            }
            sleep(self.timing.retry).await;
        }
        Err(LeaderError::RenewalMissed(self.timing.renew_deadline, last))
    }

    async fn still_ours(&self, before: Lease) -> Result<Lease, LeaderError> {
        let Ok(Some(lease)) = self.leases.get_opt(LEASE).await else {
            return Ok(before);
        };
        let holder = lease.spec.as_ref().and_then(|s| s.holder_identity.clone());
        let same = rules::transitions(&lease) == rules::transitions(&before);
        match holder {
            Some(holder) if holder == self.holder && same => Ok(lease),
            holder => Err(LeaderError::Taken(holder.unwrap_or_default())),
        }
    }

    async fn release(&self, lease: Lease) {
        let lease = rules::released(lease, Timestamp::now());
        if let Err(error) = self.replace(&lease).await {
            tracing::warn!(%error, "the lease could not be released; it runs out by itself");
        }
    }

    async fn replace(&self, lease: &Lease) -> kube::Result<Lease> {
        self.leases
            .replace(LEASE, &PostParams::default(), lease)
            .await
    }

    fn taken(&self, lease: Lease) -> Lease {
        rules::taken(lease, &self.holder, self.timing, Timestamp::now())
    }

    /// Others take the lease no earlier than its length after the write that they saw, which
    /// was begun at `started`.
    fn tell(&self, lease: &Lease, started: Instant) {
        self.view
            .renewed(rules::transitions(lease), started + self.timing.lease);
    }
}
