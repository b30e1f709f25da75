//! Whether a bucket really does what the protocols ask of it.
use super::claim::{self, Claimant};
use super::registry::NotReady;
use vessel_crds::MediaStoreSpec;
use vessel_storage::bucket::{Bucket, BucketError, Creation, ErrorClass, Replacement};
use vessel_storage::key::{Key, Prefix};
use vessel_storage::uid::StoreUid;

/// What a probe found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// Everything works.
    Works(StoreUid),
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
                None => Ok(Outcome::Works(uid)),
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
    // The probe's object goes, whatever it has shown.
    let deleted = bucket.delete(std::slice::from_ref(&key)).await;
    if let Some(why) = result? {
        return Ok(Some(why));
    }
    if let Some(failure) = deleted?.failed.first() {
        return Ok(Some(NotReady::new(
            "StorageDenied",
            format!(
                "objects can't be deleted ({}): allow s3:DeleteObject",
                failure.message
            ),
        )));
    }
    let read = bucket.get_bytes(&key).await?;
    Ok(read.map(|_| inconsistent("a deleted object is still read")))
}

async fn conditions(bucket: &Bucket, key: &Key) -> Result<Option<NotReady>, BucketError> {
    let Creation::Created(etag) = bucket.create(key, b"1".to_vec()).await? else {
        return Ok(Some(inconsistent("a new key exists already")));
    };
    if bucket.create(key, b"2".to_vec()).await? != Creation::Exists {
        return Ok(Some(unconditional("If-None-Match")));
    }
    let Replacement::Replaced(_) = bucket.replace(key, b"3".to_vec(), &etag).await? else {
        return Ok(Some(inconsistent("an ETag does not match its own object")));
    };
    if bucket.replace(key, b"4".to_vec(), &etag).await? != Replacement::Changed {
        return Ok(Some(unconditional("If-Match")));
    }
    let read = bucket.get_bytes(key).await?;
    if read.map(|stored| stored.value).as_deref() != Some(b"3") {
        return Ok(Some(inconsistent("what was written is not what is read")));
    }
    let listed = bucket.list(key, None).await?;
    let found = listed.objects.iter().any(|object| object.key == *key);
    Ok((!found).then(|| inconsistent("what was written is not listed")))
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
            format!(
                "{server} answered {} of {} with {said}",
                error.op, error.target
            ),
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
