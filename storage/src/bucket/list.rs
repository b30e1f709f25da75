//! Many objects: list, delete, and what multipart uploads leave behind.
use super::Bucket;
use super::error::BucketError;
use super::observe::Op;
use crate::key::Key;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::time::Instant;

/// Most keys that one batch may delete.
pub const BATCH: usize = 1000;

/// One page of a list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    /// The objects, in the order of their keys.
    pub objects: Vec<Listed>,
    /// What the next page is asked for with; `None` at the end.
    pub next: Option<String>,
}

/// A listed object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// The key.
    pub key: Key,
    /// Length.
    pub bytes: u64,
    /// When it was written, by the server's clock.
    pub modified: Option<Timestamp>,
}

/// How a batch of deletes ended. A key that the answer does not speak of was not deleted.
#[derive(Debug, Default)]
pub struct Deleted {
    /// What is gone.
    pub done: BTreeSet<Key>,
    /// What is not.
    pub failed: Vec<DeleteFailure>,
}

/// A key that was not deleted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeleteFailure {
    /// The key.
    pub key: Key,
    /// The server's word and sentence.
    pub message: String,
}

impl Bucket {
    /// One page of at most 1,000 keys below `prefix`.
    pub async fn list(&self, prefix: &Key, next: Option<String>) -> Result<Page, BucketError> {
        let started = Instant::now();
        let result = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(prefix.as_str())
            .set_continuation_token(next)
            .send()
            .await;
        self.observe(Op::List, started, &result);
        let output = result.map_err(|error| BucketError::of(Op::List, prefix.as_str(), error))?;
        let next = output.next_continuation_token;
        // A list that says that it is cut and not how it goes on is no proof of anything.
        if output.is_truncated == Some(true) && next.is_none() {
            let message = "the list is cut off, with no token to go on";
            return Err(BucketError::other(Op::List, prefix.as_str(), message));
        }
        let objects = output.contents.unwrap_or_default();
        Ok(Page {
            objects: objects.into_iter().filter_map(listed).collect(),
            next,
        })
    }

    /// Every key below `prefix`. Only for folders of a bounded size, such as one job's.
    pub async fn list_all(&self, prefix: &Key) -> Result<Vec<Listed>, BucketError> {
        let mut page = self.list(prefix, None).await?;
        let mut objects = page.objects;
        while let Some(next) = page.next {
            page = self.list(prefix, Some(next)).await?;
            objects.append(&mut page.objects);
        }
        Ok(objects)
    }

    /// The folders right below `prefix`, each ending with `/`: one call a thousand, however
    /// much lies in them.
    pub async fn list_folders(&self, prefix: &Key) -> Result<Vec<Key>, BucketError> {
        let mut folders = Vec::new();
        let mut next = None;
        loop {
            let started = Instant::now();
            let request = self.client.list_objects_v2().bucket(&self.name);
            let request = request.prefix(prefix.as_str()).delimiter("/");
            let result = request.set_continuation_token(next).send().await;
            self.observe(Op::List, started, &result);
            let output =
                result.map_err(|error| BucketError::of(Op::List, prefix.as_str(), error))?;
            let found = output.common_prefixes.unwrap_or_default();
            folders.extend(found.into_iter().filter_map(|folder| folder.prefix));
            next = output.next_continuation_token;
            if next.is_none() {
                return Ok(folders.into_iter().map(Key::foreign).collect());
            }
        }
    }

    /// Deletes up to [`BATCH`] keys with one call.
    pub async fn delete(&self, keys: &[Key]) -> Result<Deleted, BucketError> {
        if keys.is_empty() {
            return Ok(Deleted::default());
        }
        let target = keys.first().map_or("", Key::as_str);
        let batch = batch(keys).map_err(|error| {
            BucketError::broken(Op::Delete, target, "the batch can't be built", error)
        })?;
        let started = Instant::now();
        let request = self.client.delete_objects().bucket(&self.name);
        let result = request.delete(batch).send().await;
        self.observe(Op::Delete, started, &result);
        let output = result.map_err(|error| BucketError::of(Op::Delete, target, error))?;
        let done = output.deleted.unwrap_or_default();
        let done = done.into_iter().filter_map(|gone| gone.key);
        let failed = output.errors.unwrap_or_default();
        Ok(outcome(
            keys,
            done.map(Key::foreign).collect(),
            failed.into_iter().filter_map(failure).collect(),
        ))
    }

    /// Aborts every unfinished multipart upload below `prefix`; says how many there were.
    pub async fn abort_multipart(&self, prefix: &Key) -> Result<usize, BucketError> {
        let started = Instant::now();
        let request = self.client.list_multipart_uploads().bucket(&self.name);
        let result = request.prefix(prefix.as_str()).send().await;
        self.observe(Op::List, started, &result);
        let output = result.map_err(|error| BucketError::of(Op::List, prefix.as_str(), error))?;
        let uploads = output.uploads.unwrap_or_default();
        for upload in &uploads {
            self.abort(upload.key.as_deref(), upload.upload_id.as_deref())
                .await?;
        }
        Ok(uploads.len())
    }

    async fn abort(&self, key: Option<&str>, id: Option<&str>) -> Result<(), BucketError> {
        let started = Instant::now();
        let result = self
            .client
            .abort_multipart_upload()
            .bucket(&self.name)
            .set_key(key.map(ToOwned::to_owned))
            .set_upload_id(id.map(ToOwned::to_owned))
            .send()
            .await;
        self.observe(Op::Delete, started, &result);
        result
            .map(|_| ())
            .map_err(|error| BucketError::of(Op::Delete, key.unwrap_or_default(), error))
    }
}

fn batch(keys: &[Key]) -> Result<Delete, aws_sdk_s3::error::BuildError> {
    let objects: Result<Vec<_>, _> = keys
        .iter()
        .map(|key| ObjectIdentifier::builder().key(key.as_str()).build())
        .collect();
    Delete::builder().set_objects(Some(objects?)).build()
}

fn listed(object: aws_sdk_s3::types::Object) -> Option<Listed> {
    Some(Listed {
        key: Key::foreign(object.key?),
        bytes: u64::try_from(object.size.unwrap_or_default()).unwrap_or(0),
        modified: object
            .last_modified
            .and_then(|date| Timestamp::from_second(date.secs()).ok()),
    })
}

fn failure(error: aws_sdk_s3::types::Error) -> Option<DeleteFailure> {
    let word = error.code.unwrap_or_default();
    let sentence = error.message.unwrap_or_default();
    Some(DeleteFailure {
        key: Key::foreign(error.key?),
        message: format!("{word}: {sentence}"),
    })
}

/// Of the keys that were asked for, what the answer says is gone; everything else failed.
fn outcome(asked: &[Key], gone: BTreeSet<Key>, mut failed: Vec<DeleteFailure>) -> Deleted {
    let named: BTreeSet<Key> = failed.iter().map(|failure| failure.key.clone()).collect();
    for key in asked {
        if !gone.contains(key) && !named.contains(key) {
            failed.push(DeleteFailure {
                key: key.clone(),
                message: "the answer does not speak of it".to_owned(),
            });
        }
    }
    let done = gone
        .into_iter()
        .filter(|key| !named.contains(key))
        .collect();
    Deleted { done, failed }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_answer_names_as_gone_is_gone() {
        let key = |name: &str| Key::foreign(name);
        let refused = DeleteFailure {
            key: key("b"),
            message: "AccessDenied: no".to_owned(),
        };
        let deleted = outcome(
            &[key("a"), key("b"), key("c")],
            BTreeSet::from([key("a"), key("b")]),
            vec![refused],
        );
        assert_eq!(deleted.done, BTreeSet::from([key("a")]));
        let failed: Vec<_> = deleted.failed.iter().map(|f| f.key.as_str()).collect();
        assert_eq!(failed, ["b", "c"]);
    }
}
