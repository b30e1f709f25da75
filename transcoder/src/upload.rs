//! Uploads of finished objects, while the encoder makes the next ones.
//!
//! Objects wait in memory, and only so many bytes of them: where the bucket is slower than
//! the encoder, the pipes fill and the encoder pauses.
use crate::grant::GrantClient;
use crate::stop::{Failure, Stop, chain, failed};
use crate::store::{Answer, Store};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use vessel_crds::reason::FailureReason;
use vessel_storage::content::ContentType;
use vessel_storage::digest::Sha256;
use vessel_storage::grant::{MAX_OBJECTS, ObjectDeclaration, ObjectGrant, SignedRequest};
use vessel_storage::manifest::ManifestObject;
use vessel_storage::path::ObjectPath;
use vessel_storage::uid::PodUid;

/// PUTs under way at once.
const CONCURRENCY: usize = 4;
/// Pause between two calls for grants while segments trickle in: about two a second, so that
/// a call carries many objects.
const SPACING: Duration = Duration::from_millis(500);
/// Unit of the budget: a semaphore counts in 32 bits.
const UNIT: u64 = 1024;

/// An object that is going to be PUT.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its path below the execution's folder.
    pub path: ObjectPath,
    /// What it is.
    pub content_type: ContentType,
    /// Its content.
    pub bytes: Bytes,
}

/// What was PUT.
#[derive(Clone, Debug, Default)]
pub struct Uploaded {
    /// Every object, in the order in which they were declared.
    pub objects: Vec<ManifestObject>,
    /// The execution, as the operator knows it.
    pub pod_uid: Option<PodUid>,
}

/// The uploading end of a queue.
#[derive(Debug)]
pub struct Uploader {
    grants: GrantClient,
    store: Store,
    queue: mpsc::UnboundedReceiver<Queued>,
    max_objects: u32,
    uploaded: Uploaded,
}

/// The filling end of a queue.
#[derive(Clone, Debug)]
pub struct UploadQueue {
    sender: mpsc::UnboundedSender<Queued>,
    budget: Arc<Semaphore>,
    units: u32,
}

#[derive(Debug)]
struct Queued {
    object: Object,
    _room: OwnedSemaphorePermit,
}

impl Uploader {
    /// A queue of at most `budget_bytes`, and what empties it.
    pub fn new(
        grants: GrantClient,
        store: Store,
        max_objects: u32,
        budget_bytes: u64,
    ) -> (Self, UploadQueue) {
        let (sender, queue) = mpsc::unbounded_channel();
        let units = u32::try_from(budget_bytes / UNIT)
            .unwrap_or(u32::MAX)
            .max(1);
        let budget = Arc::new(Semaphore::new(units as usize));
        let uploader = Self {
            grants,
            store,
            queue,
            max_objects,
            uploaded: Uploaded::default(),
        };
        (
            uploader,
            UploadQueue {
                sender,
                budget,
                units,
            },
        )
    }

    /// PUTs what comes until every [`UploadQueue`] is gone.
    pub async fn run(&mut self) -> Result<(), Stop> {
        let mut next_call = Instant::now();
        while let Some(first) = self.queue.recv().await {
            tokio::time::sleep_until(next_call).await;
            let mut batch = vec![first];
            while batch.len() < MAX_OBJECTS {
                let Ok(queued) = self.queue.try_recv() else {
                    break;
                };
                batch.push(queued);
            }
            next_call = Instant::now() + SPACING;
            self.put_all(batch.iter().map(|queued| queued.object.clone()).collect())
                .await?;
        }
        Ok(())
    }

    /// PUTs these objects, at most [`MAX_OBJECTS`], at once.
    pub async fn put_all(&mut self, objects: Vec<Object>) -> Result<(), Stop> {
        let total = self.uploaded.objects.len() + objects.len();
        if total > self.max_objects as usize {
            return Err(failed(
                FailureReason::LimitExceeded,
                format!(
                    "more than {} objects: shorten the media or raise limits.maxObjectsPerJob",
                    self.max_objects
                ),
            ));
        }
        let declared: Vec<ObjectDeclaration> = objects.iter().map(Object::declaration).collect();
        let (grant, declared) = self.grants.objects(declared).await?;
        let (grants, store) = (&self.grants, &self.store);
        let work = objects.iter().zip(&declared).zip(grant.objects);
        stream::iter(work)
            .map(|((object, declared), granted)| put(grants, store, object, declared, granted))
            .buffer_unordered(CONCURRENCY)
            .try_collect::<()>()
            .await?;
        self.uploaded.pod_uid = Some(grant.pod_uid);
        self.uploaded
            .objects
            .extend(declared.into_iter().map(manifest_object));
        Ok(())
    }

    /// What was PUT so far.
    pub fn uploaded(&self) -> &Uploaded {
        &self.uploaded
    }
}

impl UploadQueue {
    /// Waits for room, then queues the object.
    pub async fn push(&self, object: Object) -> Result<(), Stop> {
        let closed = || failed(FailureReason::Internal, "the upload ended early");
        // What is larger than the whole budget goes alone.
        let units = u32::try_from(object.bytes.len() as u64 / UNIT + 1).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.budget)
            .acquire_many_owned(units.min(self.units))
            .await
            .map_err(|_| closed())?;
        self.sender
            .send(Queued {
                object,
                _room: room,
            })
            .map_err(|_| closed())
    }
}

impl Object {
    fn declaration(&self) -> ObjectDeclaration {
        ObjectDeclaration {
            path: self.path.clone(),
            bytes: self.bytes.len() as u64,
            sha256: Sha256::of(&self.bytes),
            content_type: self.content_type,
        }
    }
}

fn manifest_object(declared: ObjectDeclaration) -> ManifestObject {
    ManifestObject {
        path: declared.path,
        bytes: declared.bytes,
        sha256: declared.sha256,
    }
}

/// PUTs one object; asks for a new grant once when the first has expired meanwhile.
async fn put(
    grants: &GrantClient,
    store: &Store,
    object: &Object,
    declared: &ObjectDeclaration,
    granted: ObjectGrant,
) -> Result<(), Stop> {
    match store.send(&granted.put, object.bytes.clone()).await? {
        Answer::Denied(_) => {
            let renewed = grants.object(declared.clone()).await?;
            let answer = store.send(&renewed.put, object.bytes.clone()).await?;
            acknowledged(grants, store, declared, &renewed, answer).await
        }
        answer => acknowledged(grants, store, declared, &granted, answer).await,
    }
}

/// The bucket has verified the checksum, which is among the signed headers, if it repeats it in
/// its answer. Where it does not, what lies there is read.
async fn acknowledged(
    grants: &GrantClient,
    store: &Store,
    declared: &ObjectDeclaration,
    granted: &ObjectGrant,
    answer: Answer,
) -> Result<(), Stop> {
    let path = &declared.path;
    match answer {
        Answer::Done(answer) => match checksum(&answer) {
            Some(same) if same == declared.sha256.base64() => Ok(()),
            Some(other) => Err(failed(
                FailureReason::VerificationFailed,
                format!("the bucket acknowledged {path} with the checksum {other}"),
            )),
            None => {
                let other = another_object(grants, store, declared, granted).await?;
                other.map_or(Ok(()), |other| {
                    let message = format!("the bucket keeps {path} with the SHA-256 {other}");
                    Err(failed(FailureReason::VerificationFailed, message))
                })
            }
        },
        Answer::PreconditionFailed => there_already(grants, store, declared, granted).await,
        Answer::Denied(message) => Err(failed(
            FailureReason::StorageDenied,
            format!("PUT of {path}: {message}; the store's credentials need s3:PutObject"),
        )),
        Answer::NotFound => Err(failed(
            FailureReason::StorageUnavailable,
            format!("PUT of {path}: the bucket is not there"),
        )),
    }
}

/// 412: somebody has written that key. It was this execution, its answer having been lost,
/// if its bytes say so.
async fn there_already(
    grants: &GrantClient,
    store: &Store,
    declared: &ObjectDeclaration,
    granted: &ObjectGrant,
) -> Result<(), Stop> {
    match another_object(grants, store, declared, granted).await? {
        None => Ok(()),
        Some(other) => Err(failed(
            FailureReason::Internal,
            format!(
                "another object lies at {} of this execution (SHA-256 {other})",
                declared.path
            ),
        )),
    }
}

/// The digest of what lies at an object's key, if it is not the object's. Asks for a new grant
/// once when it can't be read: the first may have expired, or the transfer broke.
async fn another_object(
    grants: &GrantClient,
    store: &Store,
    declared: &ObjectDeclaration,
    granted: &ObjectGrant,
) -> Result<Option<Sha256>, Stop> {
    let found = match read_back(store, declared, &granted.get).await? {
        Ok(found) => found,
        Err(failure) => {
            tracing::warn!(%failure, "an object is read again");
            let renewed = grants.object(declared.clone()).await?;
            read_back(store, declared, &renewed.get).await??
        }
    };
    Ok(Some(found).filter(|found| *found != declared.sha256))
}

/// The digest of what lies at an object's key; the inner failure is worth another grant.
async fn read_back(
    store: &Store,
    declared: &ObjectDeclaration,
    get: &SignedRequest,
) -> Result<Result<Sha256, Failure>, Stop> {
    let path = &declared.path;
    let (reason, message) = match store.send(get, Bytes::new()).await? {
        Answer::Done(answer) => match answer.bytes().await {
            Ok(bytes) => return Ok(Ok(Sha256::of(&bytes))),
            Err(error) => (
                FailureReason::StorageUnavailable,
                chain(&error.without_url()),
            ),
        },
        Answer::Denied(message) => (
            FailureReason::StorageDenied,
            format!("{message}; the store's credentials need s3:GetObject"),
        ),
        Answer::NotFound | Answer::PreconditionFailed => (
            FailureReason::StorageUnavailable,
            "it is not there".to_owned(),
        ),
    };
    let message = format!("GET of {path}: {message}");
    Ok(Err(Failure::new(reason, message)))
}

fn checksum(answer: &reqwest::Response) -> Option<String> {
    let value = answer.headers().get("x-amz-checksum-sha256")?;
    Some(value.to_str().ok()?.to_owned())
}
