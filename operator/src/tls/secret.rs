//! The Secret that all replicas share.
use super::authority::GrantAuthority;
use super::material::{Material, MaterialError};
use crate::metrics::Metrics;
use axum_server::tls_rustls::RustlsConfig;
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use vessel_crds::labels::{MANAGED_BY, VESSEL};

/// Name of the Secret.
const SECRET: &str = "vessel-grant-tls";
/// How often the end of the certificate is looked at.
const LOOK: Duration = Duration::from_hours(1);
/// Shortest time between two looks.
const PAUSE: Duration = Duration::from_mins(1);
/// How often creating and reading may cross with another replica's before something is odd.
const TRIES: usize = 5;

/// A certificate that can't be had.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The apiserver refused or did not answer.
    #[error("Secret {SECRET}: {0}")]
    Kube(#[from] kube::Error),
    /// What the Secret holds makes no certificate.
    #[error("Secret {SECRET}: {0}; delete the Secret and a new one is made")]
    Material(#[from] MaterialError),
    /// The server does not take it.
    #[error(
        "Secret {SECRET}: tls.crt and tls.key do not work together: {0}; delete the Secret and a new one is made"
    )]
    Server(#[from] std::io::Error),
    /// Other replicas keep changing it.
    #[error("Secret {SECRET} keeps changing under us")]
    Contended,
}

/// The certificate that the grant endpoint serves.
#[derive(Clone)]
pub struct Certificate {
    secrets: Api<Secret>,
    hosts: Vec<String>,
    served: RustlsConfig,
    authority: GrantAuthority,
    metrics: Arc<Metrics>,
}

impl Certificate {
    /// Reads the certificate, or makes it.
    pub async fn load(
        client: Client,
        namespace: &str,
        hosts: Vec<String>,
        authority: GrantAuthority,
        metrics: Arc<Metrics>,
    ) -> Result<Self, TlsError> {
        let secrets: Api<Secret> = Api::namespaced(client, namespace);
        let material = ensure(&secrets, &hosts).await?;
        let pem = |text: &str| text.as_bytes().to_vec();
        let served = RustlsConfig::from_pem(pem(&material.certificate), pem(&material.key)).await?;
        let certificate = Self {
            secrets,
            hosts,
            served,
            authority,
            metrics,
        };
        certificate.tell(&material)?;
        Ok(certificate)
    }

    /// What the server serves with.
    pub fn served(&self) -> RustlsConfig {
        self.served.clone()
    }

    /// Follows the Secret for ever: renews the certificate in time, makes it again when it
    /// was deleted, and serves what another replica or cert-manager has put there.
    pub async fn follow(self) {
        let config = watcher::Config::default().fields(&format!("metadata.name={SECRET}"));
        let changes = watcher(self.secrets.clone(), config).default_backoff();
        let mut changes = std::pin::pin!(changes.filter(|event| {
            let counts = matches!(
                event,
                Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_))
            );
            std::future::ready(counts)
        }));
        let mut ticks = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                _ = changes.next() => {}
                _ = ticks.tick() => {}
            }
            if let Err(error) = self.refresh().await {
                tracing::error!(%error, "the grant endpoint keeps its certificate");
            }
            // Our own write comes back as a change: whatever it is, it makes no loop.
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn refresh(&self) -> Result<(), TlsError> {
        let material = ensure(&self.secrets, &self.hosts).await?;
        let pem = |text: &str| text.as_bytes().to_vec();
        self.served
            .reload_from_pem(pem(&material.certificate), pem(&material.key))
            .await?;
        self.tell(&material)
    }

    fn tell(&self, material: &Material) -> Result<(), TlsError> {
        self.authority.set(&material.authority);
        let end = material.not_after()?.as_second();
        self.metrics.process.set_grant_certificate_expiry(end);
        Ok(())
    }
}

/// The material that all replicas agree on: whoever creates or renews it first has made it
/// for all, because both writes are conditional.
async fn ensure(secrets: &Api<Secret>, hosts: &[String]) -> Result<Material, TlsError> {
    for _ in 0..TRIES {
        let now = Timestamp::now();
        let Some(secret) = secrets.get_opt(SECRET).await? else {
            let material = Material::new(hosts, now)?;
            let created = secrets
                .create(&PostParams::default(), &secret(&material))
                .await;
            if won(created)? {
                return Ok(material);
            }
            continue;
        };
        let material = Material::read(secret.data.as_ref().unwrap_or(&BTreeMap::new()))?;
        let Some(renewed) = material.renewed(hosts, now)? else {
            return Ok(material);
        };
        let next = Secret {
            data: Some(renewed.write()),
            ..secret
        };
        let replaced = secrets.replace(SECRET, &PostParams::default(), &next).await;
        if won(replaced)? {
            return Ok(renewed);
        }
    }
    Err(TlsError::Contended)
}

fn secret(material: &Material) -> Secret {
    Secret {
        metadata: ObjectMeta {
            name: Some(SECRET.to_owned()),
            labels: Some(BTreeMap::from([(MANAGED_BY.to_owned(), VESSEL.to_owned())])),
            ..ObjectMeta::default()
        },
        type_: Some("kubernetes.io/tls".to_owned()),
        data: Some(material.write()),
        ..Secret::default()
    }
}

/// Whether our write was the one; a lost race is none.
fn won(written: kube::Result<Secret>) -> kube::Result<bool> {
    match written {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(error),
    }
}
