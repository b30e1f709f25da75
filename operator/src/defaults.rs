//! What a fresh install starts with: profiles, stores, and the embedded store's password.
use crate::settings::EmbeddedStore;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, DynamicObject};
use kube::{Api, Client};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::sleep;
use vessel_crds::labels::{FIELD_MANAGER, MANAGED_BY, VESSEL};
use vessel_crds::{MediaStore, TranscodeProfile};

/// Between two tries to apply what the apiserver did not take.
const AGAIN: Duration = Duration::from_secs(5);

/// Defaults that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum DefaultsError {
    /// The folder or a file can't be read.
    #[error(
        "{0} can't be read: mount the ConfigMap vessel-defaults there, or name the folder with --defaults"
    )]
    Read(PathBuf, #[source] std::io::Error),
    /// A file is no manifest.
    #[error("{0} is no YAML")]
    Parse(PathBuf, #[source] serde_yaml::Error),
    /// A manifest of a kind that is no default.
    #[error("{0} holds a {1}: only TranscodeProfiles and MediaStores are applied")]
    Kind(PathBuf, String),
}

/// A default that is to be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    kind: Kind,
    name: String,
    body: Value,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Profile,
    Store,
}

impl Kind {
    fn resource(self) -> ApiResource {
        match self {
            Self::Profile => ApiResource::erase::<TranscodeProfile>(&()),
            Self::Store => ApiResource::erase::<MediaStore>(&()),
        }
    }
}

/// Every manifest of the folder. What begins with `.` is the mount's own machinery.
pub fn read(folder: &Path) -> Result<Vec<Manifest>, DefaultsError> {
    let error = |source| DefaultsError::Read(folder.to_owned(), source);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(error)? {
        let path = entry.map_err(error)?.path();
        let hidden = path
            .file_name()
            .is_none_or(|n| n.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut manifests = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path)
            .map_err(|source| DefaultsError::Read(path.clone(), source))?;
        parse(&path, &text, &mut manifests)?;
    }
    Ok(manifests)
}

fn parse(path: &Path, text: &str, into: &mut Vec<Manifest>) -> Result<(), DefaultsError> {
    for document in serde_yaml::Deserializer::from_str(text) {
        let error = |source| DefaultsError::Parse(path.to_owned(), source);
        let body = Value::deserialize(document).map_err(error)?;
        if body.is_null() {
            continue;
        }
        let text = |pointer: &str| {
            let text = body.pointer(pointer).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let kind = match text("/kind").as_str() {
            "TranscodeProfile" => Kind::Profile,
            "MediaStore" => Kind::Store,
            other => return Err(DefaultsError::Kind(path.to_owned(), other.to_owned())),
        };
        let name = text("/metadata/name");
        into.push(Manifest { kind, name, body });
    }
    Ok(())
}

/// Applies every manifest, again and again while the apiserver does not answer. What it
/// refuses is said once and left out: the rest must not wait for it.
pub async fn apply(client: &Client, mut manifests: Vec<Manifest>) {
    loop {
        let mut left = Vec::new();
        for manifest in manifests {
            match apply_one(client, &manifest).await {
                Ok(()) => {
                    tracing::info!(name = %manifest.name, kind = ?manifest.kind, "applied a default");
                }
                Err(kube::Error::Api(status)) if is_final(status.code) => {
                    tracing::error!(name = %manifest.name, kind = ?manifest.kind, error = %status.message,
                        "a default of the chart was refused: correct the chart's values");
                }
                Err(error) => {
                    tracing::warn!(name = %manifest.name, %error, "a default could not be applied; trying again");
                    left.push(manifest);
                }
            }
        }
        if left.is_empty() {
            return;
        }
        manifests = left;
        sleep(AGAIN).await;
    }
}

/// Whether the apiserver will say the same again. Just after a CRD was established another
/// apiserver may not serve it yet (404).
fn is_final(code: u16) -> bool {
    (400..500).contains(&code) && !matches!(code, 404 | 429)
}

async fn apply_one(client: &Client, manifest: &Manifest) -> kube::Result<()> {
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &manifest.kind.resource());
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let patch = Patch::Apply(&manifest.body);
    api.patch(&manifest.name, &params, &patch).await.map(|_| ())
}

/// Makes the Secret with the embedded store's root credentials if there is none. Helm never
/// knows the password, so no release and no values file holds it.
pub async fn ensure_root_secret(
    client: &Client,
    namespace: &str,
    embedded: &EmbeddedStore,
) -> kube::Result<()> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let secret = root_secret(&embedded.root_secret_name, &password());
    match secrets.create(&PostParams::default(), &secret).await {
        Ok(_) => {
            tracing::info!(secret = %embedded.root_secret_name, "made the embedded store's password");
            Ok(())
        }
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(error) => Err(error),
    }
}

/// 244 random bits, in the 64 letters and digits of two version 4 UUIDs.
fn password() -> String {
    let half = || uuid::Uuid::new_v4().simple().to_string();
    half() + &half()
}

fn root_secret(name: &str, password: &str) -> Secret {
    let text = |text: &str| ByteString(text.as_bytes().to_vec());
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(BTreeMap::from([(MANAGED_BY.to_owned(), VESSEL.to_owned())])),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([
            ("accessKeyId".to_owned(), text("vessel")),
            ("secretAccessKey".to_owned(), text(password)),
        ])),
        ..Secret::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mounted_folder_is_read_through_its_links_and_without_its_machinery() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("..2026_11_21");
        std::fs::create_dir(&data).unwrap();
        let manifest = "kind: TranscodeProfile\nmetadata: {name: audio}\n";
        std::fs::write(data.join("profile-audio.yaml"), manifest).unwrap();
        std::os::unix::fs::symlink(&data, folder.path().join("..data")).unwrap();
        let link = folder.path().join("profile-audio.yaml");
        std::os::unix::fs::symlink("..data/profile-audio.yaml", link).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "not a manifest").unwrap();
        let manifests = read(folder.path()).unwrap();
        let names: Vec<_> = manifests.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names, ["audio"]);
    }

    #[test]
    fn another_kind_is_refused_by_name() {
        let mut manifests = Vec::new();
        let path = Path::new("x.yaml");
        let text = "kind: MediaStore\nmetadata: {name: main}\n---\nkind: Pod\n";
        let error = parse(path, text, &mut manifests).unwrap_err();
        assert!(error.to_string().contains("holds a Pod"), "{error}");
        assert_eq!(manifests[0].name, "main");
    }

    #[test]
    fn a_password_is_long_and_never_twice_the_same() {
        assert_eq!(password().len(), 64);
        assert_ne!(password(), password());
    }
}
