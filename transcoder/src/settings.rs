//! What the pod is told by its environment, parsed once.
use crate::fetch::address::Ranges;
use crate::tools::Toolbox;
use std::path::PathBuf;
use url::Url;
use vessel_storage::order::{HEADERS_DIR, Limits, Order, SCRATCH_DIR, TOKEN_FILE};

/// What the pod is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What to make, and from what.
    pub order: Order,
    /// What not to exceed.
    pub limits: Limits,
    /// Address ranges from the limits.
    pub ranges: Ranges,
    /// Where grants come from.
    pub grant: GrantEndpoint,
    /// Certificates (PEM) that the bucket's may be signed with, besides the system's.
    pub store_ca: Option<String>,
    /// Where ffmpeg is.
    pub tools: Toolbox,
    /// Folder for the source.
    pub scratch: PathBuf,
    /// Folder of the headers Secret.
    pub headers: PathBuf,
}

/// Where grants come from.
#[derive(Clone, Debug)]
pub struct GrantEndpoint {
    /// Base of its paths.
    pub url: Url,
    /// Certificates (PEM) that it may be signed with; the system's where there are none.
    pub ca: Option<String>,
    /// File with the projected token, read again at each call: the kubelet renews it.
    pub token_file: PathBuf,
}

/// What is wrong with the environment.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A variable is missing.
    #[error("the environment lacks {0}, which the operator sets")]
    Missing(&'static str),
    /// A variable does not parse.
    #[error("{0} does not parse: {1}")]
    Invalid(&'static str, String),
    /// The grant endpoint would get the token in the clear.
    #[error("VESSEL_GRANT_URL must be https: the token would travel in the clear to {0}")]
    PlainGrant(String),
}

impl Settings {
    /// Reads the environment through `get`.
    pub fn read(get: &dyn Fn(&'static str) -> Option<String>) -> Result<Self, SettingsError> {
        let path = |name, default: &str| PathBuf::from(get(name).unwrap_or(default.to_owned()));
        let limits: Limits = json(get, "VESSEL_LIMITS")?;
        Ok(Self {
            order: json(get, "VESSEL_JOB")?,
            ranges: Ranges::parse(&limits.allowed_cidrs, &limits.denied_cidrs)
                .map_err(|error| SettingsError::Invalid("VESSEL_LIMITS", error.to_string()))?,
            limits,
            grant: GrantEndpoint {
                url: grant_url(get)?,
                ca: get("VESSEL_GRANT_CA"),
                token_file: path("VESSEL_TOKEN_FILE", TOKEN_FILE),
            },
            store_ca: get("VESSEL_STORE_CA"),
            tools: get("VESSEL_FFMPEG_ROOT")
                .map_or(Toolbox::System, |root| Toolbox::Root(root.into())),
            scratch: path("VESSEL_SCRATCH_DIR", SCRATCH_DIR),
            headers: path("VESSEL_HEADERS_DIR", HEADERS_DIR),
        })
    }
}

fn required(
    get: &dyn Fn(&'static str) -> Option<String>,
    name: &'static str,
) -> Result<String, SettingsError> {
    get(name).ok_or(SettingsError::Missing(name))
}

fn json<T: serde::de::DeserializeOwned>(
    get: &dyn Fn(&'static str) -> Option<String>,
    name: &'static str,
) -> Result<T, SettingsError> {
    serde_json::from_str(&required(get, name)?)
        .map_err(|error| SettingsError::Invalid(name, error.to_string()))
}

fn grant_url(get: &dyn Fn(&'static str) -> Option<String>) -> Result<Url, SettingsError> {
    const NAME: &str = "VESSEL_GRANT_URL";
    let url = Url::parse(&required(get, NAME)?)
        .map_err(|error| SettingsError::Invalid(NAME, error.to_string()))?;
    let loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(_)) | None => false,
    };
    if url.scheme() == "https" || loopback {
        Ok(url)
    } else {
        Err(SettingsError::PlainGrant(url.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = r#"{"namespace":"music","name":"night-drive-0123456789",
        "jobUID":"b3f0c1de-2f0e-4d1c-8a0c-5e9b7a1c2d3e","assetUID":"7d0f5d3a-8f2c-4a51-9a57-0d8a5f6f2b11",
        "attempt":1,"profileName":"audio","encoding":{"audio":{"bitratesKbps":[64]}},"source":{"kind":"Granted"}}"#;
    const LIMITS: &str = r#"{"maxSourceBytes":1,"maxDurationSeconds":1,"maxObjects":1,
        "memoryBytes":1,"scratchBytes":1,"allowedCidrs":["10.0.0.0/8"],"sandbox":"Required"}"#;

    fn read(url: &'static str, limits: &'static str) -> Result<Settings, SettingsError> {
        Settings::read(&move |name| {
            let value = match name {
                "VESSEL_JOB" => JOB,
                "VESSEL_LIMITS" => limits,
                "VESSEL_GRANT_URL" => url,
                _ => return None,
            };
            Some(value.to_owned())
        })
    }

    #[test]
    fn what_the_operator_writes_is_read() {
        let settings = read("https://vessel-operator.vessel.svc", LIMITS).unwrap();
        assert_eq!(settings.scratch, PathBuf::from("/scratch"));
        assert_eq!(settings.order.profile_name, "audio");
    }

    #[test]
    fn the_token_never_travels_in_the_clear() {
        assert!(read("http://127.0.0.1:8080", LIMITS).is_ok());
        let error = read("http://vessel-operator.vessel.svc", LIMITS).unwrap_err();
        assert!(error.to_string().contains("must be https"), "{error}");
    }

    #[test]
    fn an_error_names_the_variable() {
        let error = read("https://x", r#"{"maxSourceBytes":1}"#).unwrap_err();
        assert!(error.to_string().contains("VESSEL_LIMITS"), "{error}");
        let error = Settings::read(&|_| None).unwrap_err();
        assert!(error.to_string().contains("VESSEL_LIMITS"), "{error}");
    }
}
