//! `config.yaml`. A key that is unknown is an error that names it.
use k8s_openapi::api::core::v1::{Affinity, LocalObjectReference, Toleration};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use vessel_storage::order::SandboxMode;

/// A file of settings that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is not there, or may not be read.
    #[error(
        "{path} can't be read: mount the ConfigMap vessel-config there, or name the file with --config"
    )]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not what is expected.
    #[error("{path}: {source}")]
    Parse {
        /// The file.
        path: String,
        /// What and where.
        #[source]
        source: serde_yaml::Error,
    },
    /// A value that can't work.
    #[error("{path}: {field} {problem}")]
    Value {
        /// The file.
        path: String,
        /// The key.
        field: &'static str,
        /// What is wrong with its value, and what it should be.
        problem: String,
    },
}

/// The file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Config {
    pub queue: QueueConfig,
    pub limits: LimitsConfig,
    pub grant: GrantConfig,
    pub embedded_store: Option<EmbeddedStore>,
    pub transcoder: TranscoderConfig,
}

/// How much runs at once.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct QueueConfig {
    /// Jobs that run at once; 0 is no limit.
    pub max_running: u32,
    /// Jobs that run at once in one namespace; 0 is no limit.
    pub per_namespace: u32,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            max_running: 5,
            per_namespace: 0,
        }
    }
}

/// What a source and a job must not exceed.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Bytes of a source; one PUT takes at most 5 GiB.
    pub max_source_bytes: u64,
    /// Seconds of media.
    pub max_duration_seconds: u64,
    /// Objects of one execution.
    pub max_objects_per_job: u32,
    /// Seconds that an upload is awaited.
    pub upload_expiry_seconds: u64,
    /// Seconds in which a pod has to start.
    pub start_deadline_seconds: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            max_source_bytes: 5 << 30,
            max_duration_seconds: 43_200,
            max_objects_per_job: 50_000,
            upload_expiry_seconds: 86_400,
            start_deadline_seconds: 600,
        }
    }
}

/// How URLs are granted to pods.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GrantConfig {
    /// Seconds that a granted URL works.
    pub ttl_seconds: u64,
    /// Where pods reach the grant endpoint.
    pub url: String,
}

impl Default for GrantConfig {
    fn default() -> Self {
        Self {
            ttl_seconds: 300,
            url: "https://vessel-operator.vessel.svc".to_owned(),
        }
    }
}

impl GrantConfig {
    /// How long a granted URL works.
    pub const fn ttl(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.ttl_seconds)
    }

    /// The names that the endpoint's certificate carries: the one that pods call it by, and
    /// its long form.
    pub fn hosts(&self) -> Vec<String> {
        let url = url::Url::parse(&self.url).ok();
        match url.as_ref().and_then(url::Url::host) {
            Some(url::Host::Domain(host)) => vec![host.to_owned(), format!("{host}.cluster.local")],
            Some(url::Host::Ipv4(address)) => vec![address.to_string()],
            Some(url::Host::Ipv6(address)) => vec![address.to_string()],
            None => Vec::new(),
        }
    }
}

/// The store that the chart runs itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EmbeddedStore {
    /// Name of its MediaStore.
    pub store_name: String,
    /// Secret with its root credentials; the operator makes it.
    pub root_secret_name: String,
}

/// How transcoder pods look.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TranscoderConfig {
    /// Image of the container.
    pub image: String,
    /// When the image is pulled.
    pub image_pull_policy: PullPolicy,
    /// Secrets of the tenant's namespace to pull it with.
    pub image_pull_secrets: Vec<LocalObjectReference>,
    /// Bytes of the scratch volume.
    pub scratch_bytes: u64,
    /// What to do on kernels that can't build the whole sandbox.
    pub sandbox: SandboxMode,
    /// Ranges that http sources must not open, besides the private ones.
    #[serde(rename = "deniedCIDRs")]
    pub denied_cidrs: Vec<String>,
    /// Further labels of the pods.
    pub pod_labels: BTreeMap<String, String>,
    /// Further annotations of the pods.
    pub pod_annotations: BTreeMap<String, String>,
    /// On which nodes they run.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that they bear.
    pub tolerations: Vec<Toleration>,
    /// Where they would rather run.
    pub affinity: Option<Affinity>,
    /// Their PriorityClass; empty for none.
    pub priority_class_name: String,
    /// Their RuntimeClass; empty for none.
    pub runtime_class_name: String,
}

impl Default for TranscoderConfig {
    fn default() -> Self {
        Self {
            image: concat!(
                "docker.io/vesselmedia/transcoder:",
                env!("CARGO_PKG_VERSION")
            )
            .to_owned(),
            image_pull_policy: PullPolicy::default(),
            image_pull_secrets: Vec::new(),
            scratch_bytes: 6 << 30,
            sandbox: SandboxMode::default(),
            denied_cidrs: Vec::new(),
            pod_labels: BTreeMap::new(),
            pod_annotations: BTreeMap::new(),
            node_selector: BTreeMap::new(),
            tolerations: Vec::new(),
            affinity: None,
            priority_class_name: String::new(),
            runtime_class_name: String::new(),
        }
    }
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum PullPolicy {
    /// Always.
    Always,
    /// When the node has none of that name.
    #[default]
    IfNotPresent,
    /// Never.
    Never,
}

impl PullPolicy {
    /// The word as it stands in a pod.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

pub(super) fn read(path: &Path) -> Result<Config, ConfigError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: name.clone(),
        source,
    })?;
    parse(&name, &text)
}

fn parse(path: &str, text: &str) -> Result<Config, ConfigError> {
    let config: Config = serde_yaml::from_str(text).map_err(|source| ConfigError::Parse {
        path: path.to_owned(),
        source,
    })?;
    check(path, &config)?;
    Ok(config)
}

fn check(path: &str, config: &Config) -> Result<(), ConfigError> {
    let problem = |field, problem: &str| ConfigError::Value {
        path: path.to_owned(),
        field,
        problem: problem.to_owned(),
    };
    if !(10..=3600).contains(&config.grant.ttl_seconds) {
        return Err(problem("grant.ttlSeconds", "must be between 10 and 3600"));
    }
    if !config.grant.url.starts_with("https://") || config.grant.hosts().is_empty() {
        return Err(problem("grant.url", "must be https:// and a host name"));
    }
    if config.limits.max_source_bytes > 5 << 30 {
        return Err(problem(
            "limits.maxSourceBytes",
            "must be at most 5368709120: one PUT takes no more than 5 GiB",
        ));
    }
    if !(60..=604_800).contains(&config.limits.upload_expiry_seconds) {
        return Err(problem(
            "limits.uploadExpirySeconds",
            "must be between 60 and 604800: no URL can be signed for more than a week",
        ));
    }
    if config.transcoder.image.is_empty() {
        return Err(problem("transcoder.image", "must name an image"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse("config.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        let config = parse("config.yaml", "{}").unwrap();
        assert_eq!(config.queue.max_running, 5);
        assert_eq!(config.limits.max_source_bytes, 5_368_709_120);
        assert_eq!(config.transcoder.sandbox, SandboxMode::Required);
        assert!(config.embedded_store.is_none());
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        assert!(error("queue: {maxRuning: 3}").contains("maxRuning"));
        assert!(error("quue: {}").contains("quue"));
        assert!(error("transcoder: {deniedCidrs: []}").contains("deniedCidrs"));
    }

    #[test]
    fn a_value_that_cannot_work_is_an_error_that_says_what_could() {
        assert_eq!(
            error("grant: {ttlSeconds: 5}"),
            "config.yaml: grant.ttlSeconds must be between 10 and 3600"
        );
        assert!(error("grant: {url: http://x}").contains("https://"));
        assert!(error("limits: {maxSourceBytes: 5368709121}").contains("5 GiB"));
        assert!(error("limits: {uploadExpirySeconds: 604801}").contains("week"));
    }
}
