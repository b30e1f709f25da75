//! What to do with a lease as it is seen: pure.
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use std::time::{Duration, Instant};

/// The times of an election.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// How long a lease that does not change is somebody's.
    pub lease: Duration,
    /// How long a holder tries to renew before it gives up.
    pub renew_deadline: Duration,
    /// How long lies between two tries.
    pub retry: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// A lease, and since when it has been as it is.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub lease: Lease,
    pub since: Instant,
}

impl Seen {
    /// The lease as it was just read: the time starts anew only if it has changed.
    pub fn again(before: Option<Self>, lease: Lease, now: Instant) -> Self {
        match before {
            Some(before) if before.lease.spec == lease.spec => Self { lease, ..before },
            _ => Self { lease, since: now },
        }
    }

    /// Whether `holder` may take it: it is free, its own, or has not changed for too long.
    pub fn can_be_taken_by(&self, holder: &str, timing: Timing, now: Instant) -> bool {
        let current = self
            .lease
            .spec
            .as_ref()
            .and_then(|s| s.holder_identity.as_deref());
        match current {
            None | Some("") => true,
            Some(current) if current == holder => true,
            Some(_) => now.saturating_duration_since(self.since) >= timing.lease,
        }
    }
}

/// The lease taken by `holder`: one transition more, so that what two processes write can be
/// told apart even if they share a pod's name.
pub(super) fn taken(mut lease: Lease, holder: &str, timing: Timing, now: Timestamp) -> Lease {
    let transitions = lease.spec.as_ref().and_then(|s| s.lease_transitions);
    lease.spec = Some(LeaseSpec {
        holder_identity: Some(holder.to_owned()),
        lease_duration_seconds: Some(seconds(timing.lease)),
        acquire_time: Some(MicroTime(now)),
        renew_time: Some(MicroTime(now)),
        lease_transitions: Some(transitions.map_or(0, |t| t.saturating_add(1))),
        ..LeaseSpec::default()
    });
    lease
}

/// Our lease, renewed.
pub(super) fn renewed(mut lease: Lease, now: Timestamp) -> Lease {
    if let Some(spec) = &mut lease.spec {
        spec.renew_time = Some(MicroTime(now));
    }
    lease
}

/// Our lease, given back: the next one need not wait.
pub(super) fn released(mut lease: Lease, now: Timestamp) -> Lease {
    if let Some(spec) = &mut lease.spec {
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
        spec.renew_time = Some(MicroTime(now));
    }
    lease
}

/// `spec.leaseTransitions`.
pub(super) fn transitions(lease: &Lease) -> i64 {
    let spec = lease.spec.as_ref();
    spec.and_then(|s| s.lease_transitions).unwrap_or(0).into()
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Timing = Timing {
        lease: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry: Duration::from_secs(2),
    };

    fn held_by(holder: &str) -> Lease {
        taken(Lease::default(), holder, T, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_lease_of_another_is_taken_only_once_it_has_stood_still() {
        let start = Instant::now();
        let later = |seconds| start + Duration::from_secs(seconds);
        let seen = Seen::again(None, held_by("a"), start);
        assert!(!seen.can_be_taken_by("b", T, later(14)));
        let same = Seen::again(Some(seen.clone()), held_by("a"), later(14));
        assert!(same.can_be_taken_by("b", T, later(15)));
        let moved = renewed(held_by("a"), Timestamp::now());
        let moved = Seen::again(Some(seen), moved, later(14));
        assert!(!moved.can_be_taken_by("b", T, later(15)));
    }

    #[test]
    fn a_free_lease_and_our_own_are_taken_at_once() {
        let now = Instant::now();
        let own = Seen::again(None, held_by("a"), now);
        assert!(own.can_be_taken_by("a", T, now));
        let free = released(held_by("a"), Timestamp::now());
        assert!(Seen::again(None, free, now).can_be_taken_by("b", T, now));
    }

    #[test]
    fn every_taking_counts_one_transition() {
        let first = held_by("a");
        assert_eq!(transitions(&first), 0);
        let second = taken(first, "a", T, Timestamp::now());
        assert_eq!(transitions(&second), 1);
        assert_eq!(transitions(&renewed(second, Timestamp::now())), 1);
    }
}
