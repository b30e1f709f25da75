//! The status of a MediaStore: pure.
use super::probe::Outcome;
use super::registry::{NotReady, Published};
use crate::human;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use vessel_crds::condition::{ConditionStatus, ConditionType, Fact};
use vessel_crds::media_store::SweepStatus;
use vessel_crds::{MediaStore, MediaStoreStatus};
use vessel_storage::bucket::Versioning;

/// What a status is made from.
#[derive(Clone, Debug)]
pub(super) struct Seen<'a> {
    pub outcome: &'a Outcome,
    pub published: Option<Published>,
    pub sweep: Option<SweepStatus>,
}

/// What the status should say.
pub(super) fn status(store: &MediaStore, seen: Seen<'_>, now: &Time) -> MediaStoreStatus {
    let before = store.status.clone().unwrap_or_default();
    let generation = store.metadata.generation.unwrap_or_default();
    let bytes = seen.published.map(|published| published.bytes);
    let facts = facts(store, seen.outcome);
    MediaStoreStatus {
        observed_generation: generation,
        conditions: Fact::merge(&facts, &before.conditions, generation, now),
        store_uid: match seen.outcome {
            Outcome::Works(uid, _) => Some(uid.to_string()),
            Outcome::Fails(_) => before.store_uid,
        },
        published_bytes: bytes.or(before.published_bytes),
        size: bytes.map(human::size).or(before.size),
        sweep: seen.sweep.or(before.sweep),
    }
}

fn facts(store: &MediaStore, outcome: &Outcome) -> Vec<Fact> {
    let why = match outcome {
        Outcome::Works(_, versioning) => {
            let bucket = &store.spec.bucket;
            let message = match versioning {
                Versioning::Off => format!("bucket {bucket} reads, writes, lists and deletes"),
                Versioning::KeepsDeleted => format!(
                    "bucket {bucket} reads, writes, lists and deletes; it is versioned, so what is deleted stays there as an older version and is paid for: let a lifecycle rule of the bucket end noncurrent versions"
                ),
            };
            let ready = ConditionType::Ready;
            return vec![Fact::new(ready, ConditionStatus::True, "Probed", &message)];
        }
        Outcome::Fails(why) => why,
    };
    let fact = |kind, status| Fact::new(kind, status, &why.reason, &why.message);
    let progress = if heals(why) {
        ConditionType::Reconciling
    } else {
        ConditionType::Stalled
    };
    vec![
        fact(ConditionType::Ready, ConditionStatus::False),
        fact(progress, ConditionStatus::True),
    ]
}

/// Whether it may end without anybody's help.
fn heals(why: &NotReady) -> bool {
    matches!(why.reason.as_str(), "StorageUnavailable" | "ClaimContended")
}

/// Another store of which one contains the other: keys would be claimed and swept twice. The
/// older one goes on.
pub(super) fn overlap<'a>(
    store: &MediaStore,
    others: impl Iterator<Item = &'a MediaStore>,
) -> Option<NotReady> {
    let older = |other: &&MediaStore| age(other) < age(store);
    let other = others
        .filter(|other| other.name_any() != store.name_any())
        .filter(|other| same_bucket(store, other))
        .filter(|other| {
            let (a, b) = (&store.spec.prefix, &other.spec.prefix);
            a.starts_with(b.as_str()) || b.starts_with(a.as_str())
        })
        .find(older)?;
    Some(NotReady::new(
        "PrefixOverlap",
        format!(
            "MediaStore {} has prefix {:?} in the same bucket: of two stores none may contain the \
             other; use another prefix",
            other.name_any(),
            other.spec.prefix
        ),
    ))
}

fn same_bucket(a: &MediaStore, b: &MediaStore) -> bool {
    a.spec.bucket == b.spec.bucket && a.spec.endpoint == b.spec.endpoint
}

fn age(store: &MediaStore) -> (Option<&Time>, String) {
    (store.metadata.creation_timestamp.as_ref(), store.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use vessel_crds::condition;
    use vessel_storage::uid::StoreUid;

    fn store(name: &str, prefix: &str, created: i64) -> MediaStore {
        let mut store: MediaStore = serde_json::from_value(serde_json::json!({
            "apiVersion": "vessel.media/v1alpha1", "kind": "MediaStore",
            "metadata": {"name": name, "generation": 3},
            "spec": {"bucket": "vessel", "prefix": prefix}
        }))
        .unwrap();
        store.metadata.creation_timestamp = Some(time(created));
        store
    }

    fn time(seconds: i64) -> Time {
        Time(Timestamp::from_second(seconds).unwrap())
    }

    fn seen(outcome: &Outcome) -> Seen<'_> {
        Seen {
            outcome,
            published: None,
            sweep: None,
        }
    }

    #[test]
    fn a_store_that_works_again_keeps_its_identity_and_drops_its_complaint() {
        let uid = StoreUid(uuid::Uuid::from_bytes([7; 16]));
        let mut store = store("main", "v/", 0);
        store.status = Some(status(
            &store,
            seen(&Outcome::Works(uid, Versioning::Off)),
            &time(1),
        ));
        let denied = Outcome::Fails(NotReady::new("StorageDenied", "no"));
        let broken = status(&store, seen(&denied), &time(2));
        assert_eq!(broken.store_uid, Some(uid.to_string()));
        assert!(condition::is_true(
            &broken.conditions,
            ConditionType::Stalled
        ));
        store.status = Some(broken);
        let again = status(
            &store,
            seen(&Outcome::Works(uid, Versioning::Off)),
            &time(3),
        );
        assert!(condition::is_true(&again.conditions, ConditionType::Ready));
        assert_eq!(again.conditions.len(), 1);
        assert_eq!(again.conditions[0].last_transition_time, time(3));
    }

    #[test]
    fn a_bucket_that_keeps_what_is_deleted_is_ready_and_says_so() {
        let uid = StoreUid(uuid::Uuid::from_bytes([7; 16]));
        let says = |versioning| {
            let outcome = Outcome::Works(uid, versioning);
            let status = status(&store("main", "v/", 0), seen(&outcome), &time(1));
            assert!(condition::is_true(&status.conditions, ConditionType::Ready));
            status.conditions[0].message.contains("versioned")
        };
        assert!(says(Versioning::KeepsDeleted));
        assert!(!says(Versioning::Off));
    }

    #[test]
    fn a_store_that_did_not_change_has_the_same_status() {
        let outcome = Outcome::Fails(NotReady::new("StorageUnavailable", "no answer"));
        let mut store = store("main", "v/", 0);
        store.status = Some(status(&store, seen(&outcome), &time(1)));
        let second = status(&store, seen(&outcome), &time(600));
        assert_eq!(Some(&second), store.status.as_ref());
        assert!(condition::is_true(
            &second.conditions,
            ConditionType::Reconciling
        ));
    }

    #[test]
    fn of_two_stores_of_which_one_contains_the_other_the_older_goes_on() {
        let (old, new) = (store("b", "v/", 1), store("a", "v/films/", 2));
        let all = [old.clone(), new.clone()];
        assert_eq!(overlap(&old, all.iter()), None);
        let why = overlap(&new, all.iter()).unwrap();
        assert_eq!(why.reason, "PrefixOverlap");
        assert!(why.message.contains("MediaStore b"));
        let apart = store("c", "w/", 3);
        assert_eq!(overlap(&apart, all.iter()), None);
    }
}
