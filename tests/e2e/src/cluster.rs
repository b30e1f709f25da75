//! The cluster under test.
use crate::store::{self, Store};
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::api::ListParams;
use kube::config::AuthInfo;
use kube::{Api, Client};
use std::env;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use tokio::sync::OnceCell;

/// Namespace in which the release is installed.
pub const RELEASE_NAMESPACE: &str = "vessel";

/// Address of this machine as the local cluster's pods see it.
const LOCAL_HOST: &str = "198.18.0.1";

/// A cluster in which the release `vessel` is installed.
pub struct Cluster {
    /// Client with the rights of the kubeconfig: those of an administrator.
    pub client: Client,
    /// Client for the origin, the metrics and the store.
    pub http: reqwest::Client,
    config: kube::Config,
    store: OnceCell<Store>,
}

impl Cluster {
    /// Connects to the cluster that `KUBECONFIG` names, or to the local one of this clone.
    pub async fn connect() -> Result<Self, String> {
        // The first to choose wins; all of ours choose the same.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let options = kube::config::KubeConfigOptions::default();
        let path = kubeconfig();
        let read = kube::config::Kubeconfig::read_from(&path)
            .map_err(|e| format!("{}: {e}: run `make up` first", path.display()))?;
        let config = kube::Config::from_custom_kubeconfig(read, &options)
            .await
            .map_err(|e| format!("{}: {e}", path.display()))?;
        let client = Client::try_from(config.clone()).map_err(|e| e.to_string())?;
        client
            .apiserver_version()
            .await
            .map_err(|e| format!("{}: {e}: run `make up` first", path.display()))?;
        let http = reqwest::Client::builder()
            .timeout(std::time::Duration::from_secs(20))
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Self {
            client,
            http,
            config,
            store: OnceCell::new(),
        })
    }

    /// A client that knows nothing but a token.
    pub fn client_with(&self, token: &str) -> Client {
        let mut config = self.config.clone();
        config.auth_info = AuthInfo {
            token: Some(token.to_owned().into()),
            ..AuthInfo::default()
        };
        Client::try_from(config).unwrap()
    }

    /// A client that the API server takes for another user.
    pub fn client_as(&self, user: &str) -> Client {
        let mut config = self.config.clone();
        config.auth_info.impersonate = Some(user.to_owned());
        Client::try_from(config).unwrap()
    }

    /// The store that the tests make for themselves, beside the release's own.
    pub async fn store(&self) -> &Store {
        self.store.get_or_init(|| store::install(self)).await
    }

    /// The same, if a test has asked for it.
    pub fn made_store(&self) -> Option<&Store> {
        self.store.get()
    }

    /// Objects of a kind in the release's namespace.
    pub fn release<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), RELEASE_NAMESPACE)
    }

    /// Where a Service of the release is reached from this machine, without a final `/`.
    pub async fn service_url(&self, name: &str) -> String {
        let service = self.release::<Service>().get(name).await.unwrap();
        format!("http://{}", service.spec.unwrap().cluster_ip.unwrap())
    }

    /// Where the origin is reached from this machine.
    pub async fn origin(&self) -> String {
        self.service_url("vessel-origin").await
    }

    /// The operator's pods.
    pub async fn operator_pods(&self) -> Vec<Pod> {
        let pods = self
            .release::<Pod>()
            .list(&ListParams::default())
            .await
            .unwrap();
        pods.items
            .into_iter()
            .filter(|pod| {
                pod.metadata
                    .name
                    .as_ref()
                    .unwrap()
                    .starts_with("vessel-operator-")
            })
            .collect()
    }
}

/// Address of this machine as pods see it: where test servers listen.
pub fn host_address() -> IpAddr {
    let address = env::var("VESSEL_E2E_HOST_IP");
    address
        .as_deref()
        .unwrap_or(LOCAL_HOST)
        .parse()
        .expect("VESSEL_E2E_HOST_IP is an address")
}

/// The root of the clone.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

/// The kubeconfig in use: that of `KUBECONFIG`, or of the local cluster of this clone.
pub fn kubeconfig() -> PathBuf {
    env::var_os("KUBECONFIG")
        .filter(|path| !path.is_empty())
        .map_or_else(|| root().join(".cluster/kubeconfig"), PathBuf::from)
}
