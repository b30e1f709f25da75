//! The claim of a prefix: which cluster it belongs to.
use super::registry::NotReady;
use vessel_storage::bucket::{Bucket, BucketError, Creation, Replacement};
use vessel_storage::claim::Claim;
use vessel_storage::key::Prefix;
use vessel_storage::uid::{ClusterUid, StoreUid};

/// What a claim is made with.
#[derive(Clone, Debug)]
pub(super) struct Claimant<'a> {
    /// This cluster.
    pub cluster: ClusterUid,
    /// The cluster whose claim may be taken over (`spec.takeOverFrom`).
    pub take_over_from: Option<ClusterUid>,
    /// The identity that the status knows already.
    pub known: Option<StoreUid>,
    /// Name of the MediaStore, for messages.
    pub store: &'a str,
}

/// What follows from the claim document as it was read: pure.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Decision {
    /// The prefix is ours.
    Ours(StoreUid),
    /// Nobody has claimed it: claim it.
    Create,
    /// It is taken over from another cluster.
    TakeOver(StoreUid),
    /// It is not ours.
    Refuse(NotReady),
}

fn decide(found: Option<&Claim>, claimant: &Claimant<'_>) -> Decision {
    match found {
        None => match claimant.known {
            None => Decision::Create,
            Some(known) => Decision::Refuse(NotReady::new(
                "ClaimMissing",
                format!(
                    "vessel.json, which says that the prefix is ours (storeUID {known}), is gone: \
                     was the bucket emptied? Restore it, or delete the MediaStore {} and create \
                     it again to start anew",
                    claimant.store
                ),
            )),
        },
        Some(claim) if claim.cluster_uid == claimant.cluster => Decision::Ours(claim.store_uid),
        Some(claim) if claimant.take_over_from == Some(claim.cluster_uid) => {
            Decision::TakeOver(claim.store_uid)
        }
        Some(claim) => Decision::Refuse(NotReady::new(
            "ClaimedByOther",
            format!(
                "the prefix belongs to the cluster {0}: use another prefix, or, if that cluster is \
                 gone or has let go of it, set spec.takeOverFrom: {0}",
                claim.cluster_uid
            ),
        )),
    }
}

/// Makes sure that the prefix is ours; its identity, or why it is not.
pub(super) async fn claim(
    bucket: &Bucket,
    prefix: &Prefix,
    claimant: &Claimant<'_>,
) -> Result<Result<StoreUid, NotReady>, BucketError> {
    let key = prefix.claim();
    // Two looks are enough: whoever lost a race reads the winner's document.
    for _ in 0..3 {
        let found = bucket.get_json::<Claim>(&key).await?;
        let ours = |store_uid| Claim {
            cluster_uid: claimant.cluster,
            store_uid,
        };
        match decide(found.as_ref().map(|stored| &stored.value), claimant) {
            Decision::Ours(uid) => return Ok(Ok(uid)),
            Decision::Refuse(why) => return Ok(Err(why)),
            Decision::Create => {
                let uid = StoreUid(uuid::Uuid::new_v4());
                if let Creation::Created(_) = bucket.create_json(&key, &ours(uid)).await? {
                    return Ok(Ok(uid));
                }
            }
            Decision::TakeOver(uid) => {
                let etag = found.map(|stored| stored.etag).unwrap_or_default();
                let replaced = bucket.replace_json(&key, &ours(uid), &etag).await?;
                if let Replacement::Replaced(_) = replaced {
                    return Ok(Ok(uid));
                }
            }
        }
    }
    Ok(Err(NotReady::new(
        "ClaimContended",
        "vessel.json keeps changing: another operator writes to this prefix",
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(digit: u8) -> uuid::Uuid {
        uuid::Uuid::from_bytes([digit; 16])
    }

    #[test]
    fn a_prefix_is_taken_only_from_nobody_or_from_whom_the_spec_names() {
        let here = ClusterUid(uid(1));
        let there = ClusterUid(uid(2));
        let store = StoreUid(uid(3));
        let claim = |cluster_uid| Claim {
            cluster_uid,
            store_uid: store,
        };
        let claimant = |take_over_from, known| Claimant {
            cluster: here,
            take_over_from,
            known,
            store: "main",
        };
        let refused = |decision| match decision {
            Decision::Refuse(why) => why.reason,
            other => format!("{other:?}"),
        };
        assert_eq!(decide(None, &claimant(None, None)), Decision::Create);
        assert_eq!(
            refused(decide(None, &claimant(None, Some(store)))),
            "ClaimMissing"
        );
        assert_eq!(
            decide(Some(&claim(here)), &claimant(None, None)),
            Decision::Ours(store)
        );
        assert_eq!(
            refused(decide(Some(&claim(there)), &claimant(None, None))),
            "ClaimedByOther"
        );
        assert_eq!(
            decide(Some(&claim(there)), &claimant(Some(there), None)),
            Decision::TakeOver(store)
        );
        let third = ClusterUid(uid(4));
        let wrong = decide(Some(&claim(third)), &claimant(Some(there), None));
        assert_eq!(refused(wrong), "ClaimedByOther");
    }
}
