//! The API server's audit log: who asked what.
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;

/// A request, as the audit log has it (`audit.k8s.io/v1`, level Metadata).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`…
    pub verb: String,
    user: User,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(rename = "requestReceivedTimestamp")]
    received: Timestamp,
}

#[derive(Clone, Debug, Deserialize)]
struct User {
    username: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectRef {
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
}

impl Request {
    /// The kind of object, with its subresource: `pods`, `mediaassets/status`.
    pub fn resource(&self) -> String {
        match self.object_ref.subresource.as_str() {
            "" => self.object_ref.resource.clone(),
            subresource => format!("{}/{subresource}", self.object_ref.resource),
        }
    }

    /// The namespace of the object; empty for objects of the cluster.
    pub fn namespace(&self) -> &str {
        &self.object_ref.namespace
    }

    /// Whether it changes something.
    pub fn writes(&self) -> bool {
        !["get", "list", "watch"].contains(&self.verb.as_str())
    }

    /// Whether it was refused for lack of rights. (Admission answers 403 too: to whoever
    /// makes something in a namespace that is being deleted.)
    pub fn was_denied(&self) -> bool {
        let decision = self.annotations.get("authorization.k8s.io/decision");
        decision.is_some_and(|decision| decision == "forbid")
    }

    /// Verb, kind and object, for people.
    pub fn line(&self) -> String {
        let ObjectRef {
            namespace, name, ..
        } = &self.object_ref;
        format!("{} {} {namespace}/{name}", self.verb, self.resource())
    }
}

/// What a service account of the release asked since `since`; `None` where there is no
/// audit log to be read (a cluster that is not this machine's own).
pub fn requests_of(account: &str, since: Timestamp) -> Option<Vec<Request>> {
    let text = fs::read_to_string(path()).ok()?;
    let user = format!(
        "system:serviceaccount:{}:{account}",
        crate::cluster::RELEASE_NAMESPACE
    );
    // The last line may be half written.
    let requests = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Request>(line).ok());
    let ours = requests
        .filter(|request| request.user.username == user)
        .filter(|request| request.received >= since);
    Some(ours.collect())
}

fn path() -> PathBuf {
    let local = || PathBuf::from("/var/lib/vessel-cluster/log/audit.log");
    env::var_os("VESSEL_AUDIT_LOG").map_or_else(local, PathBuf::from)
}
