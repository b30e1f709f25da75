//! A viewer's way through an object: from memory as long as it is there, from the bucket after
//! that. Nobody keeps an object in memory by taking it slowly.
use crate::blob::{Blob, Reader};
use crate::objects::Objects;
use crate::upstream::{Fault, Part};
use axum::body::{Body, Bytes};
use futures::TryStreamExt;
use futures::stream::{BoxStream, try_unfold};
use headers::ETag;
use std::ops::Range;
use std::sync::{Arc, Weak};
use vessel_storage::key::Key;

/// The bytes of `range` as an answer.
pub fn body(objects: &Objects, key: &Key, blob: &Arc<Blob>, range: Range<u64>) -> Body {
    match blob.copy(&range) {
        Some(all) if all.len() as u64 == range.end - range.start => Body::from(all),
        _ => {
            let viewing = Viewing {
                objects: objects.clone(),
                key: key.clone(),
                etag: blob.etag().cloned(),
                left: range,
                source: Source::Memory(Arc::downgrade(blob), blob.reader()),
            };
            Body::from_stream(try_unfold(viewing, Viewing::next))
        }
    }
}

struct Viewing {
    objects: Objects,
    key: Key,
    etag: Option<ETag>,
    left: Range<u64>,
    source: Source,
}

enum Source {
    Memory(Weak<Blob>, Reader),
    Bucket(BoxStream<'static, Result<Bytes, Fault>>),
}

impl Viewing {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Fault> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let bytes = self.piece().await?;
        self.left.start += bytes.len() as u64;
        Ok(Some((bytes, self)))
    }

    async fn piece(&mut self) -> Result<Bytes, Fault> {
        if let Source::Memory(blob, reader) = &mut self.source {
            if let Some(blob) = blob.upgrade() {
                return blob.piece(self.left.clone(), reader).await;
            }
            self.source = Source::Bucket(self.reopen().await?);
        }
        match &mut self.source {
            Source::Bucket(body) => body.try_next().await?.ok_or_else(|| {
                Fault::Unavailable(format!("{:?} of {} did not come", self.left, self.key))
            }),
            Source::Memory(..) => Err(Fault::Missing),
        }
    }

    async fn reopen(&mut self) -> Result<BoxStream<'static, Result<Bytes, Fault>>, Fault> {
        let opened = self
            .objects
            .pass(&self.key, Part::Bytes(self.left.clone()))
            .await?;
        if opened.etag == self.etag {
            Ok(opened.body)
        } else {
            Err(Fault::Damaged(format!("{} was replaced", self.key)))
        }
    }
}
