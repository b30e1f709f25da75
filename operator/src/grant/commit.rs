//! The PUT that decides, once the manifest lies where the commit will point.
use super::Grants;
use super::identity::Execution;
use super::refusal::Refused;
use vessel_storage::bucket::PutTerms;
use vessel_storage::commit::{Commit, Published};
use vessel_storage::content::{ContentType, NO_CACHE};
use vessel_storage::digest::Sha256;
use vessel_storage::grant::{CommitGrant, CommitRequest};
use vessel_storage::path::ObjectPath;

/// Signs the PUT of the commit, with its exact bytes, and a GET of it.
pub(super) async fn grant(
    grants: &Grants,
    execution: &Execution,
    request: &CommitRequest,
) -> Result<CommitGrant, Refused> {
    let store = grants.store(execution)?;
    let manifest = store.prefix.object(execution.folder, &ObjectPath::Manifest);
    let head = store.bucket.head(&manifest).await?;
    if head.is_none_or(|head| head.bytes != request.manifest_bytes) {
        let message = "PUT the manifest first: what lies there is not what the call declares";
        return Err(Refused::invalid(message));
    }
    let commit = Commit::Published(Published {
        pod_uid: execution.folder.pod,
        attempt: execution.attempt,
        manifest_key: manifest.to_string(),
        manifest_sha256: request.manifest_sha256,
    });
    let body = commit
        .to_bytes()
        .map_err(|error| Refused::unavailable(error.to_string()))?;
    let terms = PutTerms {
        bytes: body.len() as u64,
        sha256: Sha256::of(&body),
        content_type: ContentType::Json,
        cache_control: NO_CACHE,
    };
    let key = store.prefix.commit(execution.folder.job);
    let ttl = grants.settings.grant.ttl();
    Ok(CommitGrant {
        pod_uid: execution.folder.pod,
        put: store.bucket.presign_put(&key, &terms, ttl).await?,
        body: String::from_utf8(body).map_err(|error| Refused::unavailable(error.to_string()))?,
        get: store.bucket.presign_get(&(&key).into(), None, ttl).await?,
    })
}
