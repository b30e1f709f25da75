//! The headers Secret of an http source: `headers` (lines `Name: value`) and `hosts` (the
//! only names to which they are sent).
use crate::stop::{Stop, failed};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::path::Path;
use url::Url;
use vessel_crds::reason::FailureReason;
use vessel_storage::order::HeadersSecret;

/// Headers, and the hosts that they are meant for.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    headers: HeaderMap,
    hosts: Vec<String>,
}

impl Headers {
    /// Reads the Secret as the kubelet mounts it.
    pub async fn read(secret: HeadersSecret, folder: &Path) -> Result<Self, Stop> {
        if secret == HeadersSecret::None {
            return Ok(Self::default());
        }
        let read = async |name: &str| {
            let text = tokio::fs::read_to_string(folder.join(name)).await;
            text.map_err(|_| {
                denied(&format!(
                    "the Secret that spec.source.http.headersSecretName names is not there or \
                     lacks the key {name}: create it with the keys headers and hosts"
                ))
            })
        };
        Self::parse(&read("headers").await?, &read("hosts").await?)
    }

    fn parse(headers: &str, hosts: &str) -> Result<Self, Stop> {
        let lines = headers
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty());
        Ok(Self {
            headers: lines.map(header).collect::<Result<_, _>>()?,
            hosts: hosts
                .split_whitespace()
                .map(|host| host.trim_end_matches('.').to_ascii_lowercase())
                .collect(),
        })
    }

    /// What is sent to `url`: nothing unless its host is named.
    pub fn for_url(&self, url: &Url) -> HeaderMap {
        let host = url
            .host_str()
            .map(|host| host.trim_end_matches('.').to_ascii_lowercase());
        if host.is_some_and(|host| self.hosts.contains(&host)) {
            self.headers.clone()
        } else {
            HeaderMap::new()
        }
    }
}

/// The values are secret: an error names the header at most.
fn header(line: &str) -> Result<(HeaderName, HeaderValue), Stop> {
    const SHAPE: &str = "the key headers of the headers Secret takes lines `Name: value`";
    let (name, value) = line.split_once(':').ok_or_else(|| denied(SHAPE))?;
    let name: HeaderName = name.trim().parse().map_err(|_| denied(SHAPE))?;
    let mut value = HeaderValue::from_str(value.trim()).map_err(|_| {
        denied(&format!(
            "the header {name} of the headers Secret has no legal value"
        ))
    })?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn denied(message: &str) -> Stop {
    failed(FailureReason::SourceDenied, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(headers: &Headers, url: &str) -> usize {
        headers.for_url(&url.parse().unwrap()).len()
    }

    #[test]
    fn headers_go_to_the_named_hosts_alone() {
        let headers = Headers::parse(
            "Authorization: Bearer x\n\nX-Key:y\n",
            "media.example.com\n Other.Example. ",
        )
        .unwrap();
        assert_eq!(sent(&headers, "https://media.example.com/a"), 2);
        assert_eq!(sent(&headers, "https://MEDIA.example.com:8443/a"), 2);
        assert_eq!(sent(&headers, "https://other.example/a"), 2);
        assert_eq!(sent(&headers, "https://example.com/a"), 0);
        assert_eq!(sent(&headers, "https://media.example.com.evil.test/a"), 0);
        assert_eq!(sent(&headers, "https://evil.test/?media.example.com"), 0);
    }

    #[test]
    fn an_error_never_shows_a_value() {
        for text in [
            "no colon hunter2",
            "Bad Name: hunter2",
            "X: hunter2\u{7f}\u{0}",
        ] {
            let error = Headers::parse(text, "h").unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_missing_secret_is_denied_and_heals() {
        let folder = tempfile::tempdir().unwrap();
        let error = Headers::read(HeadersSecret::Mounted, folder.path())
            .await
            .unwrap_err();
        let Stop::Failed(failure) = error else {
            panic!("{error}")
        };
        assert_eq!(failure.reason, FailureReason::SourceDenied);
        assert_eq!(failure.class, vessel_crds::reason::FailureClass::Retryable);
        assert!(
            Headers::read(HeadersSecret::None, folder.path())
                .await
                .is_ok()
        );
    }
}
