//! Everything that can be set, read once and checked once. What runs afterwards trusts it.
use clap::{Args, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

mod config;

pub use config::{
    ConfigError, EmbeddedStore, GrantConfig, LimitsConfig, PullPolicy, QueueConfig,
    TranscoderConfig,
};

/// The operator of Vessel: encodes media assets with Kubernetes Jobs and keeps them playing.
#[derive(Debug, Parser)]
#[command(name = "vessel-operator", version)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the operator.
    Run(RunArguments),
    /// Put one file into a bucket, unless its key is there already; waits for the bucket.
    PutSample(crate::put_sample::PutSample),
}

/// What `run` takes.
#[derive(Args, Clone, Debug)]
pub struct RunArguments {
    /// Namespace that the release is installed in.
    #[arg(long, env = "VESSEL_NAMESPACE")]
    pub namespace: String,
    /// Name of this pod; the holder of the lease.
    #[arg(long, env = "VESSEL_POD_NAME")]
    pub pod_name: String,
    /// Name of the release.
    #[arg(long, env = "VESSEL_RELEASE", default_value = "vessel")]
    pub release: String,
    /// File with the settings.
    #[arg(long, default_value = "/etc/vessel/config.yaml")]
    pub config: PathBuf,
    /// Folder with TranscodeProfiles and MediaStores that are applied at the start.
    #[arg(long, default_value = "/etc/vessel/defaults")]
    pub defaults: PathBuf,
    /// Address of /healthz, /readyz and /metrics.
    #[arg(long, default_value = "0.0.0.0:8080")]
    pub http_address: SocketAddr,
    /// Address of the grant endpoint.
    #[arg(long, default_value = "0.0.0.0:8443")]
    pub grant_address: SocketAddr,
}

/// The checked settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Namespace of the release: its Secrets, its Lease.
    pub namespace: String,
    /// Name of this pod.
    pub pod_name: String,
    /// Name of the release.
    pub release: String,
    /// Where default profiles and stores lie as YAML.
    pub defaults: PathBuf,
    /// Address of health and metrics.
    pub http_address: SocketAddr,
    /// Address of the grant endpoint.
    pub grant_address: SocketAddr,
    /// How much runs at once.
    pub queue: QueueConfig,
    /// What a source and a job must not exceed.
    pub limits: LimitsConfig,
    /// How URLs are granted.
    pub grant: GrantConfig,
    /// The store that the chart runs itself, if it does.
    pub embedded_store: Option<EmbeddedStore>,
    /// How transcoder pods look.
    pub transcoder: TranscoderConfig,
}

impl Settings {
    /// Reads the file that the arguments name.
    pub fn load(arguments: RunArguments) -> Result<Self, ConfigError> {
        let config = config::read(&arguments.config)?;
        Ok(Self {
            namespace: arguments.namespace,
            pod_name: arguments.pod_name,
            release: arguments.release,
            defaults: arguments.defaults,
            http_address: arguments.http_address,
            grant_address: arguments.grant_address,
            queue: config.queue,
            limits: config.limits,
            grant: config.grant,
            embedded_store: config.embedded_store,
            transcoder: config.transcoder,
        })
    }

    /// Audience of the projected tokens of this release's pods.
    pub fn audience(&self) -> String {
        vessel_storage::grant::audience(&self.namespace, &self.release)
    }

    /// The settings of a release `vessel` with an empty file.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.yaml");
        std::fs::write(&config, "{}").unwrap();
        let config = config.to_str().unwrap();
        let line = [
            "run",
            "run",
            "--namespace=vessel",
            "--pod-name=a",
            "--config",
            config,
        ];
        match Arguments::parse_from(line).command {
            Command::Run(arguments) => Self::load(arguments).unwrap(),
            Command::PutSample(_) => panic!("run was asked for"),
        }
    }
}
