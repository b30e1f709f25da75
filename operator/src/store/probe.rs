//! Whether a bucket really does what the protocols ask of it.
use super::claim::{self, Claimant};
use super::registry::NotReady;
use jiff::SignedDuration;
use vessel_crds::MediaStoreSpec;
use vessel_storage::bucket::{
    Bucket, BucketError, Creation, ErrorClass, Listed, Replacement, Versioning,
};
use vessel_storage::key::{Key, Prefix};
use vessel_storage::uid::StoreUid;

/// Objects of probes that are older than this were left by killed ones.
const LEFTOVER: SignedDuration = SignedDuration::from_hours(1);

/// What a probe found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// Everything works.
    Works(StoreUid, Versioning),
    /// Something does not.
    Fails(NotReady),
}

/// Claims the prefix and does once everything that is done later: a conditional write, a
/// compare-and-set, a read, a list, a delete.
pub(super) async fn probe(
    bucket: &Bucket,
    spec: &MediaStoreSpec,
    claimant: &Claimant<'_>,
) -> Outcome {
    let prefix = Prefix::new(&spec.prefix);
    let outcome = async {
        match claim::claim(bucket, &prefix, claimant).await? {
            Ok(uid) => match exercise(bucket, &prefix).await? {
                None => Ok(Outcome::Works(uid, bucket.versioning().await)),
                Some(why) => Ok(Outcome::Fails(why)),
            },
            Err(why) => Ok(Outcome::Fails(why)),
        }
    };
    outcome
        .await
        .unwrap_or_else(|error: BucketError| Outcome::Fails(explain(&error, spec)))
}

/// `None` when everything went as S3 promises.
async fn exercise(bucket: &Bucket, prefix: &Prefix) -> Result<Option<NotReady>, BucketError> {
    let key = prefix.probe(&uuid::Uuid::new_v4().to_string());
    let result = conditions(bucket, &key).await;
    let listed = bucket.list(&prefix.probe(""), None).await;
    // The probe's object goes, whatever it has shown, and those that killed probes left.
    let mut gone = listed
        .as_ref()
        .map_or_else(|_| Vec::new(), |page| leftovers(&page.objects, &key));
    gone.push(key.clone());
    let deleted = bucket.delete(&gone).await;
    if let Some(why) = result? {
        return Ok(Some(why));
    }
    if !listed?.objects.iter().any(|object| object.key == key) {
        return Ok(Some(inconsistent("what was written is not listed")));
    }
    if let Some(failure) = deleted?.failed.first() {
        let said = &failure.message;
        let message = format!("objects can't be deleted ({said}): allow s3:DeleteObject");
        return Ok(Some(NotReady::new("StorageDenied", message)));
    }
    let read = bucket.get_bytes(&key).await?;
    Ok(read.map(|_| inconsistent("a deleted object is still read")))
}

/// Objects of probes that were written long before ours, by the server's clock.
fn leftovers(listed: &[Listed], ours: &Key) -> Vec<Key> {
    let now = listed.iter().find(|object| object.key == *ours);
    let Some(now) = now.and_then(|object| object.modified) else {
        return Vec::new();
    };
    let old = |object: &&Listed| {
        object
            .modified
            .is_some_and(|at| now.duration_since(at) > LEFTOVER)
    };
    listed
        .iter()
        .filter(old)
        .map(|object| object.key.clone())
        .collect()
}

async fn conditions(bucket: &Bucket, key: &Key) -> Result<Option<NotReady>, BucketError> {
    let created = match bucket.create(key, b"1".to_vec()).await? {
        Creation::Created(etag) => Some(etag),
        Creation::Exists => own(bucket, key, b"1").await?,
    };
    let Some(etag) = created else {
        return Ok(Some(inconsistent("a new key exists already")));
    };
    if bucket.create(key, b"2".to_vec()).await? != Creation::Exists {
        return Ok(Some(unconditional("If-None-Match")));
    }
    let replaced = match bucket.replace(key, b"3".to_vec(), &etag).await? {
        Replacement::Replaced(etag) => Some(etag),
        Replacement::Changed => own(bucket, key, b"3").await?,
    };
    if replaced.is_none() {
        return Ok(Some(inconsistent("an ETag does not match its own object")));
    }
    if bucket.replace(key, b"4".to_vec(), &etag).await? != Replacement::Changed {
        return Ok(Some(unconditional("If-Match")));
    }
    let read = bucket.get_bytes(key).await?;
    let same = read.is_some_and(|stored| stored.value == b"3");
    Ok((!same).then(|| inconsistent("what was written is not what is read")))
}

/// After a lost answer the write that was in the way may be our own: its ETag then.
async fn own(bucket: &Bucket, key: &Key, body: &[u8]) -> Result<Option<String>, BucketError> {
    let read = bucket.get_bytes(key).await?;
    Ok(read
        .filter(|stored| stored.value == body)
        .map(|stored| stored.etag))
}

fn unconditional(header: &str) -> NotReady {
    NotReady::new(
        "ConditionalWritesUnsupported",
        format!("the server ignores {header}: Vessel needs a server with conditional writes"),
    )
}

fn inconsistent(what: &str) -> NotReady {
    NotReady::new(
        "StorageInconsistent",
        format!("{what}: Vessel needs a server that is strongly consistent"),
    )
}

/// A server that takes longer than a probe may.
pub(super) fn timed_out(spec: &MediaStoreSpec) -> Outcome {
    let server = spec.endpoint.as_deref().unwrap_or("AWS");
    Outcome::Fails(NotReady::new(
        "StorageUnavailable",
        format!("{server} did not answer in time; trying again"),
    ))
}

/// The words for a failed request, and what to do about it.
fn explain(error: &BucketError, spec: &MediaStoreSpec) -> NotReady {
    let bucket = &spec.bucket;
    let said = &error.message;
    let server = spec.endpoint.as_deref().unwrap_or("AWS");
    match error.class {
        ErrorClass::Unavailable => NotReady::new(
            "StorageUnavailable",
            format!("{server} does not answer as it should ({said}); trying again"),
        ),
        ErrorClass::Denied => NotReady::new("StorageDenied", denied(spec, said)),
        ErrorClass::NotFound => NotReady::new(
            "BucketNotFound",
            format!("there is no bucket {bucket} at {server}: create it"),
        ),
        ErrorClass::Other => NotReady::new(
            "StorageUnsupported",
            format!("{server} answered {} with {said}", error.op),
        ),
    }
}

fn denied(spec: &MediaStoreSpec, said: &str) -> String {
    let bucket = &spec.bucket;
    match &spec.credentials_secret_name {
        Some(secret) => format!(
            "bucket {bucket} refuses the credentials of Secret {secret} ({said}): put the right \
             accessKeyId and secretAccessKey there, and allow them to read, write, list and delete"
        ),
        None => format!(
            "bucket {bucket} refuses the operator's workload identity ({said}): allow it to read, \
             write, list and delete, or set spec.credentialsSecretName"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vessel_storage::bucket::Op;
    use vessel_storage::gateway::Gateway;
    use vessel_storage::uid::ClusterUid;

    fn spec() -> MediaStoreSpec {
        serde_json::from_value(serde_json::json!({"bucket": "media", "prefix": "v/"})).unwrap()
    }

    fn claimant() -> Claimant<'static> {
        Claimant {
            cluster: ClusterUid(uuid::Uuid::from_bytes([1; 16])),
            take_over_from: None,
            known: None,
            store: "main",
        }
    }

    #[tokio::test]
    async fn a_real_server_passes_and_keeps_its_identity_and_nothing_else() {
        let gateway = Gateway::start().unwrap();
        let bucket = gateway.bucket().await.unwrap();
        let first = probe(&bucket, &spec(), &claimant()).await;
        assert!(matches!(first, Outcome::Works(..)), "{first:?}");
        assert_eq!(probe(&bucket, &spec(), &claimant()).await, first);
        let left = bucket.list_all(&Key::foreign("")).await.unwrap();
        assert_eq!(left.len(), 1, "the claim");
    }

    #[tokio::test]
    async fn a_wrong_key_and_a_missing_bucket_are_told_apart() {
        let gateway = Gateway::start().unwrap();
        gateway.bucket().await.unwrap();
        let reason = |connection| async {
            let observer = std::sync::Arc::new(vessel_storage::bucket::Unobserved);
            let bucket = Bucket::connect(connection, observer).await.unwrap();
            match probe(&bucket, &spec(), &claimant()).await {
                Outcome::Works(..) => "Works".to_owned(),
                Outcome::Fails(why) => why.reason,
            }
        };
        assert_eq!(reason(gateway.connection("wrong")).await, "StorageDenied");
        let mut missing = gateway.connection("test-secret");
        missing.bucket = "missing".to_owned();
        assert_eq!(reason(missing).await, "BucketNotFound");
    }

    #[test]
    fn every_failure_says_what_to_do() {
        let spec: MediaStoreSpec = serde_json::from_value(serde_json::json!({
            "bucket": "media", "endpoint": "http://s3", "credentialsSecretName": "keys"
        }))
        .unwrap();
        let cases = [
            (
                ErrorClass::Unavailable,
                "StorageUnavailable",
                "trying again",
            ),
            (ErrorClass::Denied, "StorageDenied", "Secret keys"),
            (ErrorClass::NotFound, "BucketNotFound", "create it"),
            (ErrorClass::Other, "StorageUnsupported", "http://s3"),
        ];
        for (class, reason, hint) in cases {
            let error = BucketError {
                class,
                op: Op::Get,
                target: "k".to_owned(),
                message: "m".to_owned(),
                source: None,
            };
            let why = explain(&error, &spec);
            assert_eq!(why.reason, reason);
            assert!(why.message.contains(hint), "{}", why.message);
        }
    }
}
