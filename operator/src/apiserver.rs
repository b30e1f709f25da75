//! Writes to the apiserver: creates, compare-and-sets, and deletes of one UID.
//!
//! No write is safe because of the lease; each is safe by itself. A lost race is an answer,
//! not an error.
use crate::metrics::ReconcileErrorClass;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions,
    PropagationPolicy,
};
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::fmt::Debug;
use vessel_crds::labels::{FIELD_MANAGER, FINALIZER};

/// A request that the apiserver refused or did not answer.
#[derive(Debug, thiserror::Error)]
#[error("{action} {kind} {name}: {source}")]
pub struct ApiError {
    /// What was asked.
    pub action: Action,
    /// Kind of the object.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The answer.
    #[source]
    pub source: Box<kube::Error>,
}

/// What was asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Read one object.
    Get,
    /// Read several objects.
    List,
    /// Create an object.
    Create,
    /// Write a status, a finalizer or a field that follows another object.
    Patch,
    /// Delete an object.
    Delete,
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Create => "create",
            Self::Patch => "patch",
            Self::Delete => "delete",
        })
    }
}

impl ApiError {
    fn of<K>(action: Action, name: &str, source: kube::Error) -> Self
    where
        K: Resource,
        K::DynamicType: Default,
    {
        Self {
            action,
            kind: K::kind(&K::DynamicType::default()).into_owned(),
            name: name.to_owned(),
            source: Box::new(source),
        }
    }

    /// Every name that could be given to an object is taken.
    pub fn exists<K>(name: &str) -> Self
    where
        K: Resource,
        K::DynamicType: Default,
    {
        let message = "every name that it could have is taken: delete what is in the way";
        let status = kube::core::Status::failure(message, "AlreadyExists").with_code(409);
        Self::of::<K>(Action::Create, name, kube::Error::Api(status.boxed()))
    }

    fn status(&self) -> Option<&kube::core::Status> {
        match self.source.as_ref() {
            kube::Error::Api(status) => Some(status),
            _ => None,
        }
    }

    /// Whether somebody else wrote first, or the object is gone: observe again.
    pub fn is_stale(&self) -> bool {
        self.status().is_some_and(|status| {
            (status.code == 409 && status.reason != "AlreadyExists") || status.code == 404
        })
    }

    /// Whether the apiserver has understood the request and will refuse it again.
    pub fn is_refused(&self) -> bool {
        self.status()
            .is_some_and(|status| matches!(status.code, 400 | 403 | 422))
    }

    /// What follows.
    pub fn class(&self) -> ReconcileErrorClass {
        if self.is_stale() {
            ReconcileErrorClass::Conflict
        } else {
            ReconcileErrorClass::Kubernetes
        }
    }
}

/// How a create ended.
#[derive(Clone, Debug)]
pub enum Created<K> {
    /// It is there, and ours.
    Ours(Box<K>),
    /// Something of that name is there that is not ours.
    Foreign,
}

/// Creates a child by POST. One that is there already is ours if `controller` controls it.
pub async fn create<K>(client: &Client, child: &K, controller: &str) -> Result<Created<K>, ApiError>
where
    K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Serialize,
    K::DynamicType: Default,
{
    if let Some(created) = create_new(client, child).await? {
        return Ok(Created::Ours(Box::new(created)));
    }
    let namespace = child.namespace().unwrap_or_default();
    let found: Option<K> = get(client, &namespace, &child.name_any()).await?;
    Ok(match found {
        Some(found) if crate::caches::controller_uid(found.meta()) == Some(controller) => {
            Created::Ours(Box::new(found))
        }
        _ => Created::Foreign,
    })
}

/// Reads an object past every cache.
pub async fn get<K>(client: &Client, namespace: &str, name: &str) -> Result<Option<K>, ApiError>
where
    K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    K::DynamicType: Default,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    api.get_opt(name)
        .await
        .map_err(|error| ApiError::of::<K>(Action::Get, name, error))
}

/// Lists objects by a field selector.
pub async fn list<K>(client: &Client, namespace: &str, fields: &str) -> Result<Vec<K>, ApiError>
where
    K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    K::DynamicType: Default,
{
    let parameters = kube::api::ListParams::default().fields(fields).limit(50);
    list_by(client, namespace, &parameters).await
}

/// Lists objects by a label selector.
pub async fn list_labelled<K>(
    client: &Client,
    namespace: &str,
    labels: &str,
) -> Result<Vec<K>, ApiError>
where
    K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    K::DynamicType: Default,
{
    let parameters = kube::api::ListParams::default().labels(labels).limit(50);
    list_by(client, namespace, &parameters).await
}

async fn list_by<K>(
    client: &Client,
    namespace: &str,
    parameters: &kube::api::ListParams,
) -> Result<Vec<K>, ApiError>
where
    K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    K::DynamicType: Default,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    api.list(parameters)
        .await
        .map(|list| list.items)
        .map_err(|error| ApiError::of::<K>(Action::List, namespace, error))
}

/// Writes the status of `object` as it was observed: another version of it is a conflict.
/// Whether the answer fits the type is of no concern.
pub async fn write_status<K, S>(client: &Client, object: &K, status: &S) -> Result<(), ApiError>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    S: Serialize,
{
    let name = object.name_any();
    let api = untyped::<K>(client, &object.namespace().unwrap_or_default());
    let body = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {"name": name, "uid": object.uid(), "resourceVersion": object.resource_version()},
        "status": status,
    });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    api.patch_status(&name, &parameters, &Patch::Apply(&body))
        .await
        .map(|_| ())
        .map_err(|error| ApiError::of::<K>(Action::Patch, &name, error))
}

/// Replaces the fields of `spec` in the spec of `object` as it was observed, each as a whole:
/// what is absent in the new value goes.
pub async fn replace_in_spec<K, S>(client: &Client, object: &K, spec: &S) -> Result<(), ApiError>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned,
    S: Serialize,
{
    let fields = serde_json::to_value(spec).unwrap_or_default();
    let version = json!({
        "op": "test", "path": "/metadata/resourceVersion", "value": object.resource_version(),
    });
    let replaced =
        fields.as_object().into_iter().flatten().map(
            |(name, value)| json!({"op": "add", "path": format!("/spec/{name}"), "value": value}),
        );
    json_patch(
        client,
        object,
        std::iter::once(version).chain(replaced).collect(),
    )
    .await
}

/// Deletes the object with that UID and, in the background, its dependents. One that is gone
/// or has been replaced by another is a success.
pub async fn delete<K>(
    client: &Client,
    namespace: &str,
    name: &str,
    uid: Option<String>,
) -> Result<(), ApiError>
where
    K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    K::DynamicType: Default,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let parameters = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Background),
        preconditions: Some(Preconditions {
            uid,
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    match api.delete(name, &parameters).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        Err(error) => Err(ApiError::of::<K>(Action::Delete, name, error)),
    }
}

/// Adds our finalizer to an object that has none of ours.
pub async fn add_finalizer<K>(client: &Client, object: &K) -> Result<(), ApiError>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let patch = if object.finalizers().is_empty() {
        json!([
            {"op": "test", "path": "/metadata/uid", "value": object.uid()},
            {"op": "test", "path": "/metadata/finalizers", "value": null},
            {"op": "add", "path": "/metadata/finalizers", "value": [FINALIZER]},
        ])
    } else {
        json!([
            {"op": "test", "path": "/metadata/uid", "value": object.uid()},
            {"op": "add", "path": "/metadata/finalizers/-", "value": FINALIZER},
        ])
    };
    json_patch(client, object, patch).await
}

/// Removes our finalizer, if it still stands where it was seen.
pub async fn remove_finalizer<K>(client: &Client, object: &K) -> Result<(), ApiError>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let Some(index) = object
        .finalizers()
        .iter()
        .position(|name| name == FINALIZER)
    else {
        return Ok(());
    };
    let ours = format!("/metadata/finalizers/{index}");
    let patch = json!([
        {"op": "test", "path": "/metadata/uid", "value": object.uid()},
        {"op": "test", "path": ours, "value": FINALIZER},
        {"op": "remove", "path": ours},
    ]);
    json_patch(client, object, patch).await
}

async fn json_patch<K>(
    client: &Client,
    object: &K,
    patch: serde_json::Value,
) -> Result<(), ApiError>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let name = object.name_any();
    let api: Api<K> = Api::namespaced(client.clone(), &object.namespace().unwrap_or_default());
    let operations: json_patch::Patch = serde_json::from_value(patch)
        .map_err(|error| ApiError::of::<K>(Action::Patch, &name, kube::Error::SerdeError(error)))?;
    match api
        .patch(
            &name,
            &PatchParams::default(),
            &Patch::<()>::Json(operations),
        )
        .await
    {
        Ok(_) => Ok(()),
        // Gone already.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        // A test of the patch did not hold: somebody else wrote first.
        Err(kube::Error::Api(status)) if status.code == 422 => {
            let stale = kube::Error::Api(status.with_code(409).boxed());
            Err(ApiError::of::<K>(Action::Patch, &name, stale))
        }
        Err(error) => Err(ApiError::of::<K>(Action::Patch, &name, error)),
    }
}

/// Creates an object; `None` when something of that name is there.
pub async fn create_new<K>(client: &Client, object: &K) -> Result<Option<K>, ApiError>
where
    K: Resource<Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned + Serialize,
    K::DynamicType: Default,
{
    let api: Api<K> = Api::namespaced(client.clone(), &object.namespace().unwrap_or_default());
    let parameters = PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    match api.create(&parameters, object).await {
        Ok(created) => Ok(Some(created)),
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(None),
        Err(error) => Err(ApiError::of::<K>(Action::Create, &object.name_any(), error)),
    }
}

/// Reads an object as it lies there, whether or not its type still fits.
pub async fn get_untyped<K>(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<Option<serde_json::Value>, ApiError>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    let found = untyped::<K>(client, namespace)
        .get_opt(name)
        .await
        .map_err(|error| ApiError::of::<K>(Action::Get, name, error))?;
    Ok(found.map(|object| object.data))
}

fn untyped<K>(client: &Client, namespace: &str) -> Api<DynamicObject>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    Api::namespaced_with(client.clone(), namespace, &ApiResource::erase::<K>(&()))
}
