//! Slots that were given away but that the caches do not show yet, and jobs that could not
//! use theirs.
//!
//! The budget is counted from the Jobs of the cluster and stored nowhere; this only bridges
//! the moments in which a cache lags behind our own writes.
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// How long a reservation outlives a TranscodeJob that is gone from the caches.
const ORPHANED: SignedDuration = SignedDuration::from_secs(60);

/// A slot that was given away.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reservation {
    /// Namespace of the job.
    pub namespace: String,
    /// Name of the batch Job that takes the slot.
    pub batch_job: String,
    /// When it was given away.
    pub since: Timestamp,
}

/// Slots by the UID of their TranscodeJob.
#[derive(Debug, Default)]
pub struct Ledger {
    reserved: BTreeMap<String, Reservation>,
    deferred: BTreeMap<String, Timestamp>,
}

impl Ledger {
    /// Gives a slot away.
    pub fn reserve(&mut self, uid: &str, reservation: Reservation) {
        self.reserved.insert(uid.to_owned(), reservation);
    }

    /// Takes a slot back.
    pub fn release(&mut self, uid: &str) {
        self.reserved.remove(uid);
    }

    /// Lets others go first until `until`.
    pub fn defer(&mut self, uid: &str, until: Timestamp) {
        self.release(uid);
        self.deferred.insert(uid.to_owned(), until);
    }

    /// Whether a job has a slot already.
    pub fn holds(&self, uid: &str) -> bool {
        self.reserved.contains_key(uid)
    }

    /// Whether a job lets others go first.
    pub fn is_deferred(&self, uid: &str, now: Timestamp) -> bool {
        self.deferred.get(uid).is_some_and(|until| *until > now)
    }

    /// Drops what the caches show by now: a reservation whose Job is there, and one whose
    /// TranscodeJob has been gone for a while.
    pub fn settle(
        &mut self,
        now: Timestamp,
        shown: impl Fn(&Reservation) -> bool,
        exists: impl Fn(&str) -> bool,
    ) {
        self.reserved.retain(|uid, reservation| {
            let orphaned = !exists(uid) && now.duration_since(reservation.since) > ORPHANED;
            !shown(reservation) && !orphaned
        });
        self.deferred.retain(|_, until| *until > now);
    }

    /// The slots that no cache shows yet.
    pub fn reservations(&self) -> impl Iterator<Item = &Reservation> {
        self.reserved.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn reservation(since: i64) -> Reservation {
        Reservation {
            namespace: "a".to_owned(),
            batch_job: "song-1".to_owned(),
            since: at(since),
        }
    }

    #[test]
    fn a_slot_counts_until_the_cache_shows_its_job() {
        let mut ledger = Ledger::default();
        ledger.reserve("uid", reservation(0));
        ledger.settle(at(3600), |_| false, |_| true);
        assert_eq!(ledger.reservations().count(), 1);
        ledger.settle(at(3600), |_| true, |_| true);
        assert_eq!(ledger.reservations().count(), 0);
    }

    #[test]
    fn a_slot_of_a_deleted_job_comes_back_after_a_while() {
        let mut ledger = Ledger::default();
        ledger.reserve("uid", reservation(0));
        ledger.settle(at(30), |_| false, |_| false);
        assert!(ledger.holds("uid"));
        ledger.settle(at(61), |_| false, |_| false);
        assert!(!ledger.holds("uid"));
    }

    #[test]
    fn who_could_not_use_a_slot_lets_others_go_first() {
        let mut ledger = Ledger::default();
        ledger.reserve("uid", reservation(0));
        ledger.defer("uid", at(10));
        assert!(!ledger.holds("uid"));
        assert!(ledger.is_deferred("uid", at(9)));
        assert!(!ledger.is_deferred("uid", at(10)));
    }
}
