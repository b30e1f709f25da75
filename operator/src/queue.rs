//! Who may start: one budget, counted from the Jobs of the cluster.
//!
//! [`admission`] decides, [`ledger`] bridges stale caches, [`Queue`] puts the two together,
//! and [`observe`] reads the caches.
pub mod admission;
pub mod ledger;
mod observe;
mod report;
mod run;

pub(crate) use observe::candidate;
pub use observe::unfinished;
pub use run::run;

use crate::caches::{Caches, Triggers};
use crate::context::Clock;
use crate::settings::QueueConfig;
use crate::store::Stores;
use admission::{Candidate, Turn, admit};
use jiff::{SignedDuration, Timestamp};
use ledger::{Ledger, Reservation};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vessel_crds::reason::WaitingReason;

/// The queue of the leader.
#[derive(Clone, Debug)]
pub struct Queue(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    caches: Caches,
    stores: Stores,
    limits: QueueConfig,
    clock: Clock,
    triggers: Triggers,
    ledger: Mutex<Ledger>,
}

impl Queue {
    /// The queue over what the caches show.
    pub fn new(
        caches: Caches,
        stores: Stores,
        limits: QueueConfig,
        clock: Clock,
        triggers: Triggers,
    ) -> Self {
        Self(Arc::new(Inner {
            caches,
            stores,
            limits,
            clock,
            triggers,
            ledger: Mutex::default(),
        }))
    }

    /// Asks for a slot for the batch Job `batch_job`. A slot that was given stays given until
    /// the caches show the Job or [`Queue::release`] or [`Queue::defer`] take it back.
    pub fn claim(&self, candidate: Candidate, batch_job: &str) -> Turn {
        let now = self.0.clock.now();
        let mut ledger = self.settled(now);
        if ledger.holds(&candidate.uid) {
            return Turn::Now;
        }
        let mut snapshot = observe::snapshot(&self.0, &ledger, now);
        if !snapshot
            .candidates
            .iter()
            .any(|other| other.uid == candidate.uid)
        {
            snapshot.candidates.push(candidate.clone());
        }
        let turn = admit(&snapshot)
            .remove(&candidate.uid)
            .unwrap_or(Turn::Wait(WaitingReason::QueueFull));
        if turn == Turn::Now {
            let reservation = Reservation {
                namespace: candidate.namespace,
                batch_job: batch_job.to_owned(),
                since: now,
            };
            ledger.reserve(&candidate.uid, reservation);
        }
        turn
    }

    /// Takes a slot back: no Job came of it.
    pub fn release(&self, uid: &str) {
        self.ledger().release(uid);
        self.0.triggers.queue.notify_one();
    }

    /// Takes a slot back, if one was given: what waits for something else needs none.
    pub fn give_back(&self, uid: &str) {
        if self.ledger().holds(uid) {
            self.release(uid);
        }
    }

    /// Takes a slot back and lets others go first for a while.
    pub fn defer(&self, uid: &str, pause: SignedDuration) {
        let now = self.0.clock.now();
        let until = now.saturating_add(pause).unwrap_or(now);
        self.ledger().defer(uid, until);
        self.0.triggers.queue.notify_one();
    }

    /// The turn of every job that waits, as of now.
    pub fn turns(&self) -> (Vec<Candidate>, BTreeMap<String, Turn>) {
        let now = self.0.clock.now();
        let ledger = self.settled(now);
        let snapshot = observe::snapshot(&self.0, &ledger, now);
        let turns = admit(&snapshot);
        (snapshot.candidates, turns)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The ledger without what the caches show by now.
    fn settled(&self, now: Timestamp) -> MutexGuard<'_, Ledger> {
        let mut ledger = self.ledger();
        let caches = &self.0.caches;
        ledger.settle(
            now,
            |slot| caches.batch_job(&slot.namespace, &slot.batch_job).is_some(),
            |uid| observe::exists(caches, uid),
        );
        ledger
    }
}
