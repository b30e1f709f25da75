//! Sources in a bucket: only what the store allows to the namespace, and never what the
//! store itself has written.
use super::{Located, fingerprint};
use crate::asset::allowed::permits;
use crate::caches::NamespaceMeta;
use crate::store::ReadyStore;
use crate::work::WorkError;
use jiff::{SignedDuration, Timestamp};
use vessel_crds::media_asset::{SourceState, SourceStatus};
use vessel_crds::source::S3Source;
use vessel_crds::{MediaAsset, MediaStoreSpec};
use vessel_storage::bucket::{ErrorClass, ObjectHead, ObjectRef};
use vessel_storage::key::{Key, Prefix};

/// A missing object is looked for again after this.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// Why a namespace may not read an object.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Denied {
    /// It lies where the store keeps what it publishes.
    #[error(
        "s3://{0}/{1} lies under the store's own prefix: copy it to a place that spec.sources.s3 of the MediaStore allows"
    )]
    OwnPrefix(String, String),
    /// Servers on file systems would take it for another key.
    #[error("the key {0:?} has an empty, '.' or '..' part: name the object by a key without them")]
    Ambiguous(String),
    /// No rule of the store allows it.
    #[error(
        "the MediaStore does not allow this namespace to read s3://{0}/{1}: ask for a rule in its spec.sources.s3"
    )]
    NotAllowed(String, String),
}

/// Whether assets of `namespace` may read `source`.
pub fn allowed(
    store: &MediaStoreSpec,
    source: &S3Source,
    namespace: Option<&NamespaceMeta>,
) -> Result<(), Denied> {
    if source
        .key
        .split('/')
        .any(|part| matches!(part, "" | "." | ".."))
    {
        return Err(Denied::Ambiguous(source.key.clone()));
    }
    let bucket = source.bucket.as_ref().unwrap_or(&store.bucket);
    let named = || (bucket.clone(), source.key.clone());
    if *bucket == store.bucket && Prefix::new(&store.prefix).contains(&source.key) {
        let (bucket, key) = named();
        return Err(Denied::OwnPrefix(bucket, key));
    }
    let rule = store.sources.s3.iter().find(|rule| {
        rule.bucket.as_ref().unwrap_or(&store.bucket) == bucket
            && source.key.starts_with(&rule.prefix)
            && permits(&rule.namespaces, namespace)
    });
    if rule.is_some() {
        return Ok(());
    }
    let (bucket, key) = named();
    Err(Denied::NotAllowed(bucket, key))
}

/// Looks at the object.
pub(super) async fn look_at(
    source: &S3Source,
    asset: &MediaAsset,
    store: &ReadyStore,
    now: Timestamp,
) -> Result<Located, WorkError> {
    let object = ObjectRef {
        bucket: source.bucket.clone(),
        key: Key::foreign(&source.key),
        version_id: source.version_id.clone(),
    };
    let bucket = source.bucket.as_deref().unwrap_or(store.bucket.name());
    let again = now.saturating_add(LOOK_AGAIN).unwrap_or(now);
    match store.bucket.head(object).await {
        Ok(Some(head)) => Ok(Located::Found(found(
            head,
            fingerprint(&asset.spec.source, &asset.spec.restart_token),
        ))),
        Ok(None) => {
            let message = format!(
                "there is no object s3://{bucket}/{}: put it there or correct spec.source.s3; it is looked for every 30 s",
                source.key
            );
            Ok(Located::Missing(message, again))
        }
        // The store itself works: it is this object that is refused.
        Err(error) if error.class == ErrorClass::Denied => Ok(Located::Denied(format!(
            "s3://{bucket}/{}: {}; the credentials of the MediaStore need s3:GetObject there",
            source.key, error.message
        ))),
        Err(error) => Err(error.into()),
    }
}

fn found(head: ObjectHead, fingerprint: String) -> SourceStatus {
    SourceStatus {
        version: head.version_id.unwrap_or_else(|| head.etag.clone()),
        fingerprint: Some(fingerprint),
        etag: Some(head.etag),
        bytes: i64::try_from(head.bytes).ok(),
        sha256: None,
        generation: None,
        state: SourceState::Present,
    }
}
