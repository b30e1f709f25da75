//! How often a pod, and an address, may call. Checked before the apiserver is asked.
use super::refusal::Refused;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use vessel_storage::grant::RefusalReason;

/// Calls a second of one pod; about 2 are needed.
const POD_RATE: NonZeroU32 = NonZeroU32::MIN.saturating_add(5);
/// Calls of one pod at once.
const POD_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);
/// Calls a second of one address: behind a gateway many pods share one.
const ADDRESS_RATE: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);
/// Every so many calls the idle keys are dropped.
const TIDY: u32 = 1024;

/// How often may be called.
#[derive(Debug)]
pub(super) struct Limits {
    pods: DefaultKeyedRateLimiter<String>,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
    calls: AtomicU32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pods: RateLimiter::keyed(Quota::per_second(POD_RATE).allow_burst(POD_BURST)),
            addresses: RateLimiter::keyed(Quota::per_second(ADDRESS_RATE)),
            calls: AtomicU32::new(0),
        }
    }
}

impl Limits {
    /// Counts a call. The pod is the one that the token claims: who lies about it is still
    /// held by the limit of its address.
    pub fn check(&self, address: IpAddr, pod_uid: &str) -> Result<(), Refused> {
        if self.calls.fetch_add(1, Ordering::Relaxed) % TIDY == TIDY - 1 {
            self.pods.retain_recent();
            self.addresses.retain_recent();
        }
        let allowed = self.addresses.check_key(&address).is_ok()
            && self.pods.check_key(&pod_uid.to_owned()).is_ok();
        if allowed {
            return Ok(());
        }
        let message = "too many calls: try again after a moment, with more objects a call";
        Err(Refused::new(RefusalReason::RateLimited, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_pod_that_calls_too_often_is_held_and_its_neighbour_is_not() {
        let limits = Limits::default();
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let allowed = (0..60)
            .filter(|_| limits.check(address, "a").is_ok())
            .count();
        assert!((30..60).contains(&allowed), "{allowed}");
        assert!(limits.check(address, "b").is_ok());
    }

    #[test]
    fn an_address_that_invents_pods_is_held_too() {
        let limits = Limits::default();
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let calls = (0..300).map(|n| limits.check(address, &n.to_string()));
        assert!(calls.flatten().count() < 300);
    }
}
