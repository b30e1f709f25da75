//! A source in a bucket: one presigned GET, resumed by Range. If-Match is among the signed
//! headers, so that a resumed transfer can't mix two versions.
use super::Source;
use super::spool::Spool;
use crate::grant::GrantClient;
use crate::stop::{Stop, failed};
use crate::store::{Answer, RequestError, Store};
use futures::StreamExt;
use reqwest::{Response, StatusCode};
use std::time::Duration;
use vessel_crds::reason::FailureReason;

/// Transfers that may break in a row without a byte between them.
const PATIENCE: u32 = 6;
/// Pause before the first repetition; it doubles.
const PAUSE: Duration = Duration::from_millis(500);

/// Denials in a row that are no expired signature: the second grant was fresh.
const DENIALS: u32 = 2;

/// What broke a transfer.
#[derive(Clone, Debug)]
enum Broken {
    /// The connection.
    Transfer(String),
    /// An expired signature, or credentials without the right.
    Denied(String),
}

/// Reads a granted source.
pub async fn fetch(
    grants: &GrantClient,
    store: &Store,
    spool: &mut Spool<'_>,
) -> Result<Source, Stop> {
    let first = grants.source().await?;
    let mut grant = first.clone();
    let (mut idle, mut denials) = (0, 0);
    loop {
        spool.announce(grant.bytes)?;
        let before = spool.bytes();
        let broken = match store.get_from(&grant.get, before).await {
            Ok(answer) => receive(answer, spool).await?,
            Err(RequestError::Passing(message)) => Some(Broken::Transfer(message)),
            Err(error) => return Err(error.into()),
        };
        match &broken {
            None if spool.bytes() == grant.bytes => return spool.finish(grant.etag),
            None if spool.bytes() > grant.bytes => return Err(changed()),
            Some(Broken::Denied(_)) => denials += 1,
            _ => denials = 0,
        }
        idle = if spool.bytes() > before { 0 } else { idle + 1 };
        if idle == PATIENCE || denials == DENIALS {
            return Err(gives_up(broken));
        }
        tokio::time::sleep(PAUSE * 2_u32.pow(idle)).await;
        grant = grants.source().await?;
        if (grant.bytes, &grant.etag) != (first.bytes, &first.etag) {
            return Err(changed());
        }
    }
}

fn gives_up(broken: Option<Broken>) -> Stop {
    let (reason, message) = match broken {
        Some(Broken::Denied(message)) => (
            FailureReason::StorageDenied,
            format!("{message}; the store's credentials need s3:GetObject"),
        ),
        Some(Broken::Transfer(message)) => (FailureReason::StorageUnavailable, message),
        None => (
            FailureReason::StorageUnavailable,
            "the answer is short".to_owned(),
        ),
    };
    failed(reason, format!("the source can't be read: {message}"))
}

/// Takes an answer in; answers what broke the transfer, if something did.
async fn receive(answer: Answer, spool: &mut Spool<'_>) -> Result<Option<Broken>, Stop> {
    match answer {
        Answer::Done(answer) => {
            if answer.status() != StatusCode::PARTIAL_CONTENT && spool.bytes() > 0 {
                spool.restart();
            }
            Ok(copy(answer, spool).await?.map(Broken::Transfer))
        }
        Answer::PreconditionFailed => Err(changed()),
        Answer::NotFound => Err(failed(
            FailureReason::SourceNotFound,
            "the source is no longer in the bucket",
        )),
        Answer::Denied(message) => Ok(Some(Broken::Denied(message))),
    }
}

/// Copies a body; answers what broke it, if something did.
pub async fn copy(answer: Response, spool: &mut Spool<'_>) -> Result<Option<String>, Stop> {
    let mut stream = answer.bytes_stream();
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(bytes) => spool.write(&bytes).await?,
            Err(error) => return Ok(Some(crate::stop::chain(&error.without_url()))),
        }
    }
    Ok(None)
}

fn changed() -> Stop {
    failed(
        FailureReason::SourceChanged,
        "the source in the bucket was replaced while it was read",
    )
}
