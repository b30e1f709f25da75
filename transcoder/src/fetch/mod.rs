//! Reads the source into scratch, under a name of our own: what it is called elsewhere plays
//! no part. Who works on it may read along.
pub mod address;
pub mod arriving;
mod granted;
mod headers;
mod http;
mod movie;
pub mod shape;
mod spool;
pub mod wave;

pub use spool::Spool;
#[cfg(test)]
pub(crate) use spool::tests::limits;

use crate::cost::Meter;
use crate::fetch::arriving::Arriving;
use crate::grant::GrantClient;
use crate::settings::Settings;
use crate::stop::{Stop, failed};
use crate::store::Store;
use std::path::PathBuf;
use vessel_crds::reason::FailureReason;
use vessel_storage::digest::Sha256;
use vessel_storage::order::OrderedSource;

/// The source in scratch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Source {
    /// Where it lies.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Sha256,
    /// ETag that its server gave.
    pub etag: Option<String>,
}

/// Makes room for the source: the end that [`fetch`] fills, and the one that is read.
pub async fn begin<'a>(
    settings: &Settings,
    meter: &'a Meter,
) -> Result<(Spool<'a>, Arriving), Stop> {
    spool::create(&settings.scratch, &settings.limits, meter).await
}

/// Reads the source. Readers learn of its end when it is known to be the one that was asked for.
pub async fn fetch(
    settings: &Settings,
    grants: &GrantClient,
    store: &Store,
    mut spool: Spool<'_>,
) -> Result<Source, Stop> {
    let fetched = transfer(settings, grants, store, &mut spool).await;
    spool.end(&fetched);
    fetched
}

async fn transfer(
    settings: &Settings,
    grants: &GrantClient,
    store: &Store,
    spool: &mut Spool<'_>,
) -> Result<Source, Stop> {
    match &settings.order.source {
        OrderedSource::Granted => granted::fetch(grants, store, spool).await,
        OrderedSource::Http {
            url,
            sha256,
            expected_etag,
            headers,
            plain_http,
        } => {
            let request = http::Request {
                url,
                expected_etag: expected_etag.as_deref(),
                headers: headers::Headers::read(*headers, &settings.headers).await?,
                plain_http: *plain_http,
                ranges: &settings.ranges,
            };
            let source = http::fetch(&request, spool).await?;
            expect_digest(&source, sha256.as_deref())?;
            Ok(source)
        }
    }
}

/// Compares the digest that the asset names.
fn expect_digest(source: &Source, expected: Option<&str>) -> Result<(), Stop> {
    let Some(expected) = expected else {
        return Ok(());
    };
    if source.sha256.to_string() == expected {
        return Ok(());
    }
    Err(failed(
        FailureReason::SourceChanged,
        format!(
            "the source has the SHA-256 {}, and source.http.sha256 says {expected}",
            source.sha256
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_digest_is_another_source() {
        let source = Source {
            path: PathBuf::from("/scratch/source"),
            bytes: 1,
            sha256: Sha256::of(b"x"),
            etag: None,
        };
        assert!(expect_digest(&source, None).is_ok());
        assert!(expect_digest(&source, Some(&Sha256::of(b"x").to_string())).is_ok());
        let error = expect_digest(&source, Some(&Sha256::of(b"y").to_string())).unwrap_err();
        assert!(error.to_string().starts_with("SourceChanged"), "{error}");
    }
}
