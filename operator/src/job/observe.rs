//! A job as the caches and the registry of stores show it: no request to anybody.
use super::evidence;
use super::plan::View;
use super::trust::{Witnesses, objection};
use crate::controllers::Leader;
use crate::store::{StoreHandle, StoreState};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use std::sync::Arc;
use vessel_crds::TranscodeJob;

/// What a reconciliation of a job knows.
#[derive(Clone, Debug)]
pub struct Observed {
    /// What the plan is made from.
    pub view: View,
    /// The job's store.
    pub store: Option<Arc<StoreHandle>>,
}

/// Looks at `job`.
pub fn observe(job: &TranscodeJob, leader: &Leader, now: Timestamp) -> Observed {
    let namespace = job.namespace().unwrap_or_default();
    let work = &job.spec.work;
    let store = leader.context.stores.get(&work.store_name);
    let asset = leader
        .caches
        .asset(&namespace, &work.asset_name, &work.asset_uid);
    let namespace = leader.caches.namespace(&namespace);
    let witnesses = Witnesses {
        asset: asset.as_deref(),
        store: store.as_deref(),
        namespace: namespace.as_deref(),
    };
    let standing =
        objection(job, witnesses).unwrap_or_else(|| evidence::standing(&leader.caches, job, now));
    let status = job.status.as_ref();
    let start_deadline = leader.context.settings.limits.start_deadline_seconds;
    let view = View {
        standing,
        store: usable(store.as_deref(), &work.store_name, &work.store_uid),
        scheduling: job.spec.scheduling.clone(),
        next_attempt: status
            .and_then(|status| status.next_attempt_time.as_ref())
            .map(|time| time.0),
        started: status.map_or(0, |status| status.attempts_started),
        start_deadline: SignedDuration::from_secs(
            i64::try_from(start_deadline).unwrap_or(i64::MAX),
        ),
    };
    Observed { view, store }
}

/// Whether the store is there, ready, and still the one that the job was made for.
fn usable(store: Option<&StoreHandle>, name: &str, uid: &str) -> Result<(), String> {
    let Some(store) = store else {
        return Err(format!(
            "there is no MediaStore {name:?}: create it, or delete the asset"
        ));
    };
    match &store.state {
        StoreState::NotReady(why) => Err(format!(
            "MediaStore {name:?}: {}: {}",
            why.reason, why.message
        )),
        StoreState::Ready(ready) if ready.uid.to_string() != uid => Err(format!(
            "MediaStore {name:?} is another store now (storeUID {}): the job belongs to {uid}",
            ready.uid
        )),
        StoreState::Ready(_) => Ok(()),
    }
}
