//! GET of the source that the job was made from, and of no other version.
use super::Grants;
use super::identity::Execution;
use super::refusal::Refused;
use crate::asset::source::s3;
use crate::caches::NamespaceMeta;
use crate::store::ReadyStore;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};
use vessel_crds::source::S3Source;
use vessel_storage::bucket::{ErrorClass, ObjectRef};
use vessel_storage::grant::{RefusalReason, SourceGrant};
use vessel_storage::key::Key;

/// Signs the GET. The object is looked at first: one that has changed is refused here, with
/// the right word, and its length is told.
pub(super) async fn grant(grants: &Grants, execution: &Execution) -> Result<SourceGrant, Refused> {
    let store = grants.store(execution)?;
    let object = object(grants, execution, &store).await?;
    let head = match store.bucket.head(object.clone()).await {
        Ok(head) => head,
        Err(error) if error.class == ErrorClass::Denied => {
            let message = format!("the store's credentials may not read the source: {error}");
            return Err(Refused::new(RefusalReason::SourceNotFound, message));
        }
        Err(error) => return Err(error.into()),
    };
    let head = head.ok_or_else(|| {
        let message = format!("there is no object {}", object.key);
        Refused::new(RefusalReason::SourceNotFound, message)
    })?;
    let recorded = execution.job.spec.work.source_etag.as_ref();
    if recorded.is_some_and(|etag| *etag != head.etag) {
        let message = format!(
            "object {} is no longer the one that was recorded",
            object.key
        );
        return Err(Refused::new(RefusalReason::SourceChanged, message));
    }
    let ttl = grants.settings.grant.ttl();
    let get = store
        .bucket
        .presign_get(&object, Some(&head.etag), ttl)
        .await?;
    Ok(SourceGrant {
        get,
        bytes: head.bytes,
        etag: Some(head.etag),
    })
}

async fn object(
    grants: &Grants,
    execution: &Execution,
    store: &ReadyStore,
) -> Result<ObjectRef, Refused> {
    let source = &execution.job.spec.work.source;
    if let Some(upload) = &source.upload {
        let asset = execution.folder.job.asset;
        return Ok((&store.prefix.upload(asset, upload.generation)).into());
    }
    let Some(s3) = &source.s3 else {
        let message = "the source is downloaded from its URL: nothing is signed for it";
        return Err(Refused::invalid(message));
    };
    allowed(grants, execution, s3).await?;
    Ok(ObjectRef {
        bucket: s3.bucket.clone(),
        key: Key::foreign(&s3.key),
        version_id: s3.version_id.clone(),
    })
}

/// The store's rules are asked again on every call: what was allowed when the job was made
/// may not be any more.
async fn allowed(grants: &Grants, execution: &Execution, source: &S3Source) -> Result<(), Refused> {
    let namespace = execution.job.namespace().unwrap_or_default();
    let namespaces: Api<Namespace> = Api::all(grants.client.clone());
    let namespace: Option<NamespaceMeta> = namespaces.get_metadata_opt(&namespace).await?;
    let handle = grants.stores.get(&execution.job.spec.work.store_name);
    let handle = handle.ok_or_else(|| Refused::unavailable("the MediaStore is gone"))?;
    s3::allowed(&handle.spec, source, namespace.as_ref())
        .map_err(|denied| Refused::invalid(denied.to_string()))
}
