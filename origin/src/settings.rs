//! Flags and environment, turned once into checked values.
use crate::caching::MaxAge;
use clap::Parser;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use vessel_crds::media_store::Addressing;
use vessel_storage::bucket::{Connection, Credentials};
use vessel_storage::key::Prefix;

/// Serves what plays from the bucket: HLS, DASH, and a page to watch it.
#[derive(Debug, Parser)]
#[command(name = "vessel-origin", version)]
pub struct Flags {
    /// Address to listen on.
    #[arg(long, env = "VESSEL_HTTP_ADDRESS", default_value = "0.0.0.0:8080")]
    http_address: SocketAddr,
    /// Name of the bucket.
    #[arg(long, env = "VESSEL_STORE_BUCKET")]
    store_bucket: String,
    /// Name of the MediaStore, for metrics. Default: the bucket's.
    #[arg(long, env = "VESSEL_STORE_NAME", default_value = "")]
    store_name: String,
    /// What every key of the store begins with.
    #[arg(long, env = "VESSEL_STORE_PREFIX", default_value = "")]
    store_prefix: String,
    /// Address of the S3 server; empty for AWS itself.
    #[arg(long, env = "VESSEL_STORE_ENDPOINT", default_value = "")]
    store_endpoint: String,
    /// Region of the bucket. Default: us-east-1.
    #[arg(long, env = "VESSEL_STORE_REGION", default_value = "")]
    store_region: String,
    /// Whether the bucket's name goes into the path (Path) or into the host (VirtualHost).
    #[arg(long, env = "VESSEL_STORE_ADDRESSING", default_value = "Path", value_parser = addressing)]
    store_addressing: Addressing,
    /// Access key; empty for the identity that the platform gives to this pod.
    #[arg(
        long,
        env = "VESSEL_STORE_ACCESS_KEY_ID",
        default_value = "",
        hide_env_values = true
    )]
    store_access_key_id: String,
    /// Secret of the access key; taken from the environment alone.
    #[arg(skip = secret("VESSEL_STORE_SECRET_ACCESS_KEY"))]
    store_secret_access_key: String,
    /// Session token of temporary keys; taken from the environment alone.
    #[arg(skip = secret("VESSEL_STORE_SESSION_TOKEN"))]
    store_session_token: String,
    /// File with the certificates (PEM) of a private authority.
    #[arg(long, env = "VESSEL_STORE_CA_FILE", default_value = "")]
    store_ca_file: String,
    /// Seconds that caches may keep segments for.
    #[arg(
        long,
        env = "VESSEL_SEGMENT_MAX_AGE_SECONDS",
        default_value_t = 31_536_000
    )]
    segment_max_age_seconds: u32,
    /// Bytes of memory for segments and playlists.
    #[arg(long, env = "VESSEL_CACHE_BYTES", default_value_t = 128 << 20)]
    cache_bytes: u64,
    /// Seconds to go on serving after SIGTERM, until no load balancer sends anybody here.
    #[arg(long, env = "VESSEL_DRAIN_SECONDS", default_value_t = 3)]
    drain_seconds: u64,
}

/// Settings that make sense.
#[derive(Debug)]
pub struct Settings {
    /// Address to listen on.
    pub http_address: SocketAddr,
    /// The bucket.
    pub connection: Connection,
    /// Name of the store in metrics.
    pub store_name: String,
    /// What every key begins with.
    pub prefix: Prefix,
    /// How long caches may keep segments.
    pub segment_max_age: MaxAge,
    /// Memory for content, in bytes.
    pub cache_bytes: u64,
    /// How long to go on serving after SIGTERM.
    pub drain: Duration,
}

/// Settings that make no sense, and what to change.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSettings {
    /// No bucket.
    #[error("VESSEL_STORE_BUCKET is empty: set it to the name of the store's bucket")]
    Bucket,
    /// One half of a key pair.
    #[error(
        "VESSEL_STORE_ACCESS_KEY_ID and VESSEL_STORE_SECRET_ACCESS_KEY belong together: \
         set both, or neither to use the pod's own identity"
    )]
    KeyPair,
    /// The certificates can't be read.
    #[error("VESSEL_STORE_CA_FILE {0} can't be read: {1}")]
    CaFile(PathBuf, #[source] std::io::Error),
}

impl Flags {
    /// Checks what clap can't.
    pub fn check(self) -> Result<Settings, InvalidSettings> {
        if self.store_bucket.is_empty() {
            return Err(InvalidSettings::Bucket);
        }
        let connection = Connection {
            credentials: self.credentials()?,
            ca_bundle: self.ca_bundle()?,
            bucket: self.store_bucket.clone(),
            region: filled(self.store_region).unwrap_or_else(|| "us-east-1".to_owned()),
            endpoint: filled(self.store_endpoint),
            addressing: self.store_addressing,
        };
        Ok(Settings {
            http_address: self.http_address,
            connection,
            store_name: filled(self.store_name).unwrap_or(self.store_bucket),
            prefix: Prefix::new(&self.store_prefix),
            segment_max_age: MaxAge(self.segment_max_age_seconds),
            cache_bytes: self.cache_bytes,
            drain: Duration::from_secs(self.drain_seconds),
        })
    }

    fn credentials(&self) -> Result<Credentials, InvalidSettings> {
        match (
            self.store_access_key_id.as_str(),
            self.store_secret_access_key.as_str(),
        ) {
            ("", "") => Ok(Credentials::Workload),
            ("", _) | (_, "") => Err(InvalidSettings::KeyPair),
            (id, secret) => Ok(Credentials::Static {
                access_key_id: id.to_owned(),
                secret_access_key: secret.to_owned(),
                session_token: filled(self.store_session_token.clone()),
            }),
        }
    }

    fn ca_bundle(&self) -> Result<Option<String>, InvalidSettings> {
        let path = match self.store_ca_file.as_str() {
            "" => return Ok(None),
            path => PathBuf::from(path),
        };
        match std::fs::read_to_string(&path) {
            Ok(pem) => Ok(Some(pem)),
            Err(error) => Err(InvalidSettings::CaFile(path, error)),
        }
    }
}

/// A command line is seen by everybody on the machine: secrets have no flag.
fn secret(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn filled(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn addressing(text: &str) -> Result<Addressing, &'static str> {
    match text {
        "Path" | "" => Ok(Addressing::Path),
        "VirtualHost" => Ok(Addressing::VirtualHost),
        _ => Err("must be Path or VirtualHost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn flags(args: &[&str]) -> Flags {
        let name = std::iter::once("vessel-origin");
        Flags::try_parse_from(name.chain(args.iter().copied())).unwrap()
    }

    #[test]
    fn the_flags_are_consistent() {
        Flags::command().debug_assert();
    }

    #[test]
    fn empty_values_count_as_absent() {
        let settings = flags(&["--store-bucket", "media", "--store-endpoint", ""])
            .check()
            .unwrap();
        assert_eq!(settings.connection.endpoint, None);
        assert_eq!(settings.connection.credentials, Credentials::Workload);
        assert_eq!(settings.store_name, "media");
        assert_eq!(settings.prefix.as_str(), "");
    }

    #[test]
    fn what_makes_no_sense_says_what_to_change() {
        let ca = [
            "--store-bucket",
            "media",
            "--store-ca-file",
            "/nowhere/ca.crt",
        ];
        for (args, word) in [
            (&["--store-bucket", ""][..], "VESSEL_STORE_BUCKET"),
            (
                &["--store-bucket", "media", "--store-access-key-id", "k"],
                "belong together",
            ),
            (&ca, "/nowhere/ca.crt"),
        ] {
            let error = flags(args).check().unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        assert!(addressing("Host").is_err());
    }
}
