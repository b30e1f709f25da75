//! A MediaStore of the tests' own on the release's bucket, and the bucket itself.
use crate::cluster::{Cluster, RELEASE_NAMESPACE};
use crate::scene::LABEL;
use crate::wait::{seconds, until};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use vessel_crds::MediaStore;
use vessel_crds::condition::{ConditionType, find, is_true};
use vessel_storage::key::Prefix;

/// Name of the store that the release makes.
pub const RELEASE_STORE: &str = "main";
/// Name of the store that the tests make, and of its Secret.
pub const TEST_STORE: &str = "vessel-e2e";
/// What the keys of the tests' store begin with.
const TEST_PREFIX: &str = "vessel-e2e/";
/// What the keys of sources begin with that the tests' store may read.
const SOURCES: &str = "e2e-sources/";
/// What the keys of sources begin with that the release's store may read.
pub const SAMPLES: &str = "samples/";

/// The bucket of the release, and the MediaStore that the tests made on it.
pub struct Store {
    client: Client,
    /// Name of the bucket.
    pub bucket: String,
    /// Spec of the tests' store, to make others like it.
    pub spec: Value,
    /// What keys of the tests' store begin with.
    pub prefix: Prefix,
    /// What keys of the release's store begin with.
    pub release_prefix: Prefix,
    /// Access key and secret of the bucket.
    pub credentials: [String; 2],
}

/// Makes the tests' store and waits until it works.
pub async fn install(cluster: &Cluster) -> Store {
    let stores: Api<MediaStore> = Api::all(cluster.client.clone());
    let release = until("the release's store is Ready", seconds(120), async || {
        works(&stores, RELEASE_STORE).await
    })
    .await
    .spec;
    let credentials = credentials(cluster).await;
    let outside = cluster.service_url("vessel-store").await;
    let spec = json!({
        "bucket": release.bucket,
        "prefix": TEST_PREFIX,
        "region": release.region,
        "endpoint": release.endpoint,
        "presignEndpoint": outside,
        "addressing": release.addressing,
        "credentialsSecretName": TEST_STORE,
        "sources": {
            "s3": [{"prefix": SOURCES}],
            "http": {"scheme": "HttpAllowed", "allowedCIDRs": ["198.18.0.0/17"]},
        },
        "sweep": {"intervalSeconds": 2, "graceSeconds": 5, "skewSeconds": 1, "maxSharePercent": 100},
    });
    put_secret(cluster, TEST_STORE, &credentials).await;
    let store = Store {
        client: client(&outside, &release.region, &credentials),
        bucket: release.bucket,
        spec,
        prefix: Prefix::new(TEST_PREFIX),
        release_prefix: Prefix::new(&release.prefix),
        credentials,
    };
    put(cluster, TEST_STORE, &store.spec).await;
    until("the tests' store is Ready", seconds(60), async || {
        works(&stores, TEST_STORE).await
    })
    .await;
    store
}

/// The MediaStore, if it works.
pub async fn works(stores: &Api<MediaStore>, name: &str) -> Result<MediaStore, String> {
    let store = stores.get(name).await.map_err(|e| e.to_string())?;
    let conditions = store
        .status
        .as_ref()
        .map(|s| s.conditions.clone())
        .unwrap_or_default();
    if is_true(&conditions, ConditionType::Ready) {
        return Ok(store);
    }
    Err(format!(
        "{name}: {:?}",
        find(&conditions, ConditionType::Ready)
    ))
}

/// Makes or changes a MediaStore.
pub async fn put(cluster: &Cluster, name: &str, spec: &Value) {
    let object = json!({
        "apiVersion": "vessel.media/v1alpha1", "kind": "MediaStore",
        "metadata": {"name": name, "labels": {LABEL: "store"}},
        "spec": spec,
    });
    let how = PatchParams::apply("vessel-e2e").force();
    let stores: Api<MediaStore> = Api::all(cluster.client.clone());
    stores
        .patch(name, &how, &Patch::Apply(&object))
        .await
        .unwrap();
}

/// Deletes a MediaStore and its Secret.
pub async fn remove(cluster: &Cluster, name: &str) {
    let stores: Api<MediaStore> = Api::all(cluster.client.clone());
    let _ = stores.delete(name, &DeleteParams::default()).await;
    let _ = cluster
        .release::<Secret>()
        .delete(name, &DeleteParams::default())
        .await;
}

/// Makes or changes the credentials of a store.
pub async fn put_secret(cluster: &Cluster, name: &str, [access, secret]: &[String; 2]) {
    let object = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": name, "namespace": RELEASE_NAMESPACE, "labels": {LABEL: "store"}},
        "stringData": {"accessKeyId": access, "secretAccessKey": secret},
    });
    let how = PatchParams::apply("vessel-e2e").force();
    cluster
        .release::<Secret>()
        .patch(name, &how, &Patch::Apply(&object))
        .await
        .unwrap();
}

/// The credentials of the embedded store.
async fn credentials(cluster: &Cluster) -> [String; 2] {
    let secret = cluster
        .release::<Secret>()
        .get("vessel-store-root")
        .await
        .unwrap();
    let data = secret.data.unwrap();
    ["accessKeyId", "secretAccessKey"].map(|key| String::from_utf8(data[key].0.clone()).unwrap())
}

fn client(endpoint: &str, region: &str, [access, secret]: &[String; 2]) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new(access, secret, None, None, "vessel-e2e"))
        .endpoint_url(endpoint)
        .force_path_style(true)
        .region(Region::new(region.to_owned()))
        .build();
    Client::from_conf(config)
}

impl Store {
    /// Puts a source where assets of the tests' store may read it; returns its key.
    pub async fn put_source(&self, name: &str, bytes: Vec<u8>) -> String {
        self.put_object(format!("{SOURCES}{name}"), bytes).await
    }

    /// Puts a source where assets of the release's store may read it; returns its key.
    pub async fn put_sample(&self, name: &str, bytes: Vec<u8>) -> String {
        self.put_object(format!("{SAMPLES}{name}"), bytes).await
    }

    async fn put_object(&self, key: String, bytes: Vec<u8>) -> String {
        let request = self.client.put_object().bucket(&self.bucket).key(&key);
        request.body(ByteStream::from(bytes)).send().await.unwrap();
        key
    }

    /// The bytes of an object.
    pub async fn get(&self, key: &str) -> Vec<u8> {
        let answer = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await;
        let body = answer.unwrap_or_else(|e| panic!("GET {key}: {e:?}")).body;
        body.collect().await.unwrap().to_vec()
    }

    /// Every key that begins with `prefix`.
    pub async fn list(&self, prefix: &str) -> Vec<String> {
        let request = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix);
        let mut pages = request.into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let contents = page.unwrap().contents.unwrap_or_default();
            keys.extend(contents.into_iter().filter_map(|object| object.key));
        }
        keys
    }

    /// Every key of an asset's storage in a store: published, uploaded, tombstones left out.
    pub async fn keys_of(&self, prefix: &Prefix, asset_uid: &str) -> Vec<String> {
        let mut keys = Vec::new();
        for folder in ["pub", "prv", "in"] {
            keys.extend(
                self.list(&format!("{}{folder}/{asset_uid}/", prefix.as_str()))
                    .await,
            );
        }
        keys
    }

    /// Deletes every object that begins with a prefix.
    async fn empty(&self, prefix: &str) {
        for key in self.list(prefix).await {
            let request = self.client.delete_object().bucket(&self.bucket).key(key);
            request.send().await.unwrap();
        }
    }

    /// Takes away what the tests put: their stores, objects and sources. Assets need their
    /// store for as long as they are.
    pub async fn clean(&self, cluster: &Cluster) {
        let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
        let scenes = ListParams::default().labels(&format!("{LABEL}=scene"));
        until("the scenes are gone", seconds(120), async || {
            let left = namespaces
                .list(&scenes)
                .await
                .map_err(|e| e.to_string())?
                .items;
            match left.first() {
                None => Ok(()),
                Some(scene) => Err(scene.name_any()),
            }
        })
        .await;
        let stores: Api<MediaStore> = Api::all(cluster.client.clone());
        let ours = ListParams::default().labels(&format!("{LABEL}=store"));
        for store in stores.list(&ours).await.unwrap() {
            remove(cluster, &store.name_any()).await;
        }
        for prefix in [TEST_STORE, SOURCES, &format!("{SAMPLES}e2e-")] {
            self.empty(prefix).await;
        }
    }
}

/// A value of a Secret's data.
pub fn secret_value(secret: &Secret, key: &str) -> String {
    let data = secret.data.as_ref().unwrap();
    String::from_utf8(data[key].0.clone()).unwrap()
}
