//! From the settings of a MediaStore and its Secret to clients.
use super::registry::{NotReady, Wire};
use crate::metrics::{Metrics, StoreObserver};
use k8s_openapi::api::core::v1::Secret;
use std::sync::Arc;
use vessel_crds::MediaStoreSpec;
use vessel_storage::bucket::{Bucket, Connection, Credentials, Unobserved};

/// The key pair that a Secret holds, if it holds one.
pub(super) fn credentials(secret: &Secret) -> Option<Credentials> {
    let text = |name: &str| {
        let bytes = secret.data.as_ref()?.get(name)?;
        let text = std::str::from_utf8(&bytes.0).ok()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    Some(Credentials::Static {
        access_key_id: text("accessKeyId")?,
        secret_access_key: text("secretAccessKey")?,
        session_token: text("sessionToken"),
    })
}

/// How the bucket of `spec` is spoken to; `found` are the credentials of the Secret that it
/// names.
pub(super) fn connection(
    spec: &MediaStoreSpec,
    found: Option<&Credentials>,
    namespace: &str,
) -> Result<Connection, NotReady> {
    let credentials = match (&spec.credentials_secret_name, found) {
        (None, _) => Credentials::Workload,
        (Some(_), Some(found)) => found.clone(),
        (Some(name), None) => return Err(missing(name, namespace)),
    };
    Ok(Connection {
        bucket: spec.bucket.clone(),
        region: spec.region.clone(),
        endpoint: spec.endpoint.clone(),
        addressing: spec.addressing,
        ca_bundle: spec.ca_bundle.clone(),
        credentials,
    })
}

fn missing(name: &str, namespace: &str) -> NotReady {
    NotReady::new(
        "CredentialsMissing",
        format!(
            "Secret {name} in namespace {namespace} is missing or lacks accessKeyId and \
             secretAccessKey: create it, or remove spec.credentialsSecretName to use the \
             operator's workload identity"
        ),
    )
}

/// The clients of a connection: one for pods and the operator, one that only signs URLs for
/// people, under the address that they reach.
pub(super) async fn wire(
    connection: Connection,
    presign_endpoint: Option<&String>,
    store: &str,
    metrics: &Arc<Metrics>,
) -> Result<Wire, NotReady> {
    let invalid = |error: vessel_storage::bucket::ConnectError| {
        NotReady::new("InvalidSettings", error.to_string())
    };
    let observer = StoreObserver::new(Arc::clone(metrics), store);
    let bucket = Bucket::connect(connection.clone(), observer)
        .await
        .map_err(invalid)?;
    let upload = match presign_endpoint {
        None => bucket.clone(),
        Some(endpoint) => {
            let public = Connection {
                endpoint: Some(endpoint.clone()),
                ..connection.clone()
            };
            Bucket::connect(public, Arc::new(Unobserved))
                .await
                .map_err(invalid)?
        }
    };
    Ok(Wire {
        connection,
        bucket,
        upload,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::ByteString;
    use std::collections::BTreeMap;

    fn secret(fields: &[(&str, &str)]) -> Secret {
        let bytes = |(name, text): &(&str, &str)| {
            ((*name).to_owned(), ByteString(text.as_bytes().to_vec()))
        };
        Secret {
            data: Some(fields.iter().map(bytes).collect::<BTreeMap<_, _>>()),
            ..Secret::default()
        }
    }

    #[test]
    fn a_secret_holds_credentials_when_both_keys_say_something() {
        let pair = [("accessKeyId", "a"), ("secretAccessKey", "b\n")];
        let expected = Credentials::Static {
            access_key_id: "a".to_owned(),
            secret_access_key: "b".to_owned(),
            session_token: None,
        };
        assert_eq!(credentials(&secret(&pair)), Some(expected));
        assert_eq!(credentials(&secret(&[("accessKeyId", "a")])), None);
        let blank = [("accessKeyId", "a"), ("secretAccessKey", " ")];
        assert_eq!(credentials(&secret(&blank)), None);
    }

    #[test]
    fn a_missing_secret_is_named_with_its_namespace() {
        let spec: MediaStoreSpec = serde_json::from_value(serde_json::json!({
            "bucket": "media", "credentialsSecretName": "keys"
        }))
        .unwrap();
        let not_ready = connection(&spec, None, "vessel").unwrap_err();
        assert_eq!(not_ready.reason, "CredentialsMissing");
        assert!(
            not_ready
                .message
                .contains("Secret keys in namespace vessel")
        );
    }
}
