//! A source on a web server. Every connection goes to an address that was checked; redirects
//! are followed by hand, each of them checked again.
use super::Source;
use super::address::Ranges;
use super::granted::copy;
use super::headers::Headers;
use super::spool::Spool;
use crate::grant::CONNECT;
use crate::stop::{Stop, chain, failed, internal};
use crate::store::IDLE;
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, LOCATION, RANGE};
use reqwest::{Client, Response, StatusCode};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use url::{Host, Url};
use vessel_crds::reason::FailureReason;
use vessel_storage::order::PlainHttp;

/// Redirects that are followed.
const REDIRECTS: usize = 3;
/// Transfers that may break in a row without a byte between them.
const PATIENCE: u32 = 4;
/// Pause before a transfer is resumed; it doubles.
const PAUSE: Duration = Duration::from_millis(500);

/// What to read.
#[derive(Debug)]
pub struct Request<'a> {
    /// Its address.
    pub url: &'a str,
    /// ETag that an earlier attempt saw.
    pub expected_etag: Option<&'a str>,
    /// Headers to send.
    pub headers: Headers,
    /// Whether plain http is allowed.
    pub plain_http: PlainHttp,
    /// Which addresses may be opened.
    pub ranges: &'a Ranges,
}

/// What the first answer said, against which the later ones are held.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Version {
    etag: Option<String>,
    length: Option<u64>,
}

/// Reads a source from a web server.
pub async fn fetch(request: &Request<'_>, spool: &mut Spool<'_>) -> Result<Source, Stop> {
    let answer = open(request, &HeaderMap::new()).await?;
    let version = Version::of(&answer);
    if request
        .expected_etag
        .is_some_and(|expected| version.etag.as_deref() != Some(expected))
    {
        return Err(changed("its ETag is another than at the last attempt"));
    }
    if let Some(length) = version.length {
        spool.announce(length)?;
    }
    let mut broken = copy(answer, spool).await?;
    let mut idle = 0;
    while let Some(message) = version.missing(spool, broken)? {
        if idle == PATIENCE {
            return Err(unreachable(format!(
                "the transfer keeps breaking: {message}"
            )));
        }
        tokio::time::sleep(PAUSE * 2_u32.pow(idle)).await;
        let before = spool.bytes();
        broken = resume(request, &version, spool).await?;
        idle = if spool.bytes() > before { 0 } else { idle + 1 };
    }
    spool.finish(version.etag)
}

/// Reads on where the transfer broke, or from the beginning where that is not possible.
async fn resume(
    request: &Request<'_>,
    version: &Version,
    spool: &mut Spool<'_>,
) -> Result<Option<String>, Stop> {
    let answer = match open(request, &version.resume_headers(spool.bytes())).await {
        Ok(answer) => answer,
        Err(Stop::Failed(failure)) if failure.reason == FailureReason::SourceUnreachable => {
            return Ok(Some(failure.message));
        }
        Err(stop) => return Err(stop),
    };
    version.same(&answer, spool.bytes())?;
    if answer.status() != StatusCode::PARTIAL_CONTENT {
        spool.restart();
    }
    copy(answer, spool).await
}

impl Version {
    fn of(answer: &Response) -> Self {
        let etag = answer
            .headers()
            .get(ETAG)
            .and_then(|etag| etag.to_str().ok());
        Self {
            etag: etag.map(str::to_owned),
            length: content_length(answer),
        }
    }

    /// A strong ETag (RFC 9110 §8.8.3): the only one that proves equal bytes.
    fn strong_etag(&self) -> Option<&str> {
        self.etag.as_deref().filter(|etag| !etag.starts_with("W/"))
    }

    /// Asks for the rest (RFC 9110 §13.1.5); for all of it without a strong ETag.
    fn resume_headers(&self, offset: u64) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let etag = self.strong_etag().and_then(|etag| etag.parse().ok());
        let range = format!("bytes={offset}-").parse().ok();
        if let (Some(etag), Some(range), 1..) = (etag, range, offset) {
            headers.insert(IF_RANGE, etag);
            headers.insert(RANGE, range);
        }
        headers
    }

    /// Whether an answer continues this version: any difference is another source.
    fn same(&self, answer: &Response, offset: u64) -> Result<(), Stop> {
        let other = Self::of(answer);
        if other.etag != self.etag {
            return Err(changed("its ETag changed while it was read"));
        }
        if answer.status() == StatusCode::PARTIAL_CONTENT {
            let range = answer
                .headers()
                .get(CONTENT_RANGE)
                .and_then(|range| range.to_str().ok());
            let total = self
                .length
                .map_or("*".to_owned(), |length| length.to_string());
            let begins = format!("bytes {offset}-");
            let expected = range.is_some_and(|range| {
                range.starts_with(&begins)
                    && (range.ends_with(&format!("/{total}")) || self.length.is_none())
            });
            return if expected {
                Ok(())
            } else {
                Err(changed("its length changed while it was read"))
            };
        }
        if other.length == self.length {
            Ok(())
        } else {
            Err(changed("its length changed while it was read"))
        }
    }

    /// Why the transfer is not complete, if it is not.
    fn missing(&self, spool: &Spool<'_>, broken: Option<String>) -> Result<Option<String>, Stop> {
        if self.length.is_some_and(|length| spool.bytes() > length) {
            return Err(changed("it is longer than its server had announced"));
        }
        let short = self.length.is_some_and(|length| spool.bytes() < length);
        Ok(broken.or_else(|| short.then(|| "the answer is short".to_owned())))
    }
}

fn content_length(answer: &Response) -> Option<u64> {
    // Not `Response::content_length`, which knows what is left of a body.
    let value = answer.headers().get(reqwest::header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}

/// Opens the address, following redirects. The headers Secret goes to the first
/// origin (RFC 6454) alone: never to another port, nor from https to http.
async fn open(request: &Request<'_>, extra: &HeaderMap) -> Result<Response, Stop> {
    let mut url = Url::parse(request.url)
        .map_err(|error| denied(format!("source.http.url is no address: {error}")))?;
    let first = url.origin();
    for _ in 0..=REDIRECTS {
        check_scheme(&url, request.plain_http)?;
        let client = client(&url, request.ranges).await?;
        let mut headers = extra.clone();
        if url.origin() == first {
            headers.extend(request.headers.for_url(&url));
        }
        let answer = client.get(url.clone()).headers(headers).send().await;
        let answer = answer.map_err(|error| {
            let host = url.host_str().unwrap_or_default();
            unreachable(format!(
                "{host} does not answer: {}",
                chain(&error.without_url())
            ))
        })?;
        match redirect(&answer, &url)? {
            None if answer.status() == StatusCode::PARTIAL_CONTENT
                && !extra.contains_key(RANGE) =>
            {
                return Err(unreachable(
                    "the server answered with a part that nobody asked for",
                ));
            }
            None => return judged(answer, &url),
            Some(next) => url = next,
        }
    }
    Err(unreachable(format!("more than {REDIRECTS} redirects")))
}

fn check_scheme(url: &Url, plain_http: PlainHttp) -> Result<(), Stop> {
    match (url.scheme(), plain_http) {
        ("https", _) | ("http", PlainHttp::Allowed) => Ok(()),
        ("http", PlainHttp::Refused) => Err(denied(
            "the source's address is plain http, which its store does not allow: use https, or \
             set spec.sources.http.scheme of the MediaStore to HttpAllowed",
        )),
        (other, _) => Err(denied(format!("{other} is no scheme of a web server"))),
    }
}

/// A client that can reach the checked addresses of this host and nothing else.
async fn client(url: &Url, ranges: &Ranges) -> Result<Client, Stop> {
    let port = url.port_or_known_default().unwrap_or(443);
    let builder = Client::builder()
        .no_proxy()
        .connect_timeout(CONNECT)
        .read_timeout(IDLE)
        .redirect(reqwest::redirect::Policy::none());
    let check = |address: IpAddr| ranges.check(address).map_err(denied);
    let builder = match url.host() {
        None => return Err(denied("source.http.url has no host")),
        Some(Host::Ipv4(address)) => check(address.into()).map(|()| builder)?,
        Some(Host::Ipv6(address)) => check(address.into()).map(|()| builder)?,
        Some(Host::Domain(name)) => {
            let addresses = resolve(name, port).await?;
            addresses
                .iter()
                .try_for_each(|address| check(address.ip()))?;
            builder.resolve_to_addrs(name, &addresses)
        }
    };
    builder
        .build()
        .map_err(|error| internal("no client for the source", &error))
}

async fn resolve(name: &str, port: u16) -> Result<Vec<SocketAddr>, Stop> {
    let lookup = tokio::time::timeout(CONNECT, tokio::net::lookup_host((name, port))).await;
    let addresses: Vec<SocketAddr> = match lookup {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => return Err(unreachable(format!("{name} has no address: {error}"))),
        Err(_) => {
            return Err(unreachable(format!(
                "{name} could not be looked up in time"
            )));
        }
    };
    if addresses.is_empty() {
        return Err(unreachable(format!("{name} has no address")));
    }
    Ok(addresses)
}

fn redirect(answer: &Response, url: &Url) -> Result<Option<Url>, Stop> {
    let followed = [301, 302, 303, 307, 308].contains(&answer.status().as_u16());
    if !followed {
        return Ok(None);
    }
    let location = answer
        .headers()
        .get(LOCATION)
        .and_then(|location| location.to_str().ok());
    location
        .and_then(|location| url.join(location).ok())
        .map(Some)
        .ok_or_else(|| unreachable("a redirect without an address"))
}

fn judged(answer: Response, url: &Url) -> Result<Response, Stop> {
    let status = answer.status();
    let host = url.host_str().unwrap_or_default();
    match status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(answer),
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(failed(
            FailureReason::SourceNotFound,
            format!("{host} answered {status}: check source.http.url"),
        )),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(denied(format!(
            "{host} answered {status}: check the Secret that source.http.headersSecretName names"
        ))),
        _ => Err(unreachable(format!("{host} answered {status}"))),
    }
}

fn unreachable(message: impl std::fmt::Display) -> Stop {
    failed(FailureReason::SourceUnreachable, message)
}

fn denied(message: impl std::fmt::Display) -> Stop {
    failed(FailureReason::SourceDenied, message)
}

fn changed(message: &str) -> Stop {
    failed(
        FailureReason::SourceChanged,
        format!("{message}: a new restartToken takes the source as it is now"),
    )
}
