//! From what an asset asks for to what it gets: its store and its profiles, resolved once.
//! Pure.
use super::allowed::permits;
use crate::caches::NamespaceMeta;
use crate::store::{ReadyStore, StoreHandle, StoreState};
use kube::{Resource, ResourceExt};
use std::sync::Arc;
use vessel_crds::encoding::Encoding;
use vessel_crds::execution::Execution;
use vessel_crds::media_asset::Resolved;
use vessel_crds::{MediaAsset, TranscodeProfile};

/// What an asset can choose from.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// Every MediaStore.
    pub stores: Vec<Arc<StoreHandle>>,
    /// Every TranscodeProfile that can be read, by name.
    pub profiles: Vec<TranscodeProfile>,
    /// The asset's namespace.
    pub namespace: Option<Arc<NamespaceMeta>>,
}

/// What an asset gets.
#[derive(Clone, Debug)]
pub struct Valid {
    /// Its store.
    pub store: Arc<StoreHandle>,
    /// The same, ready.
    pub ready: ReadyStore,
    /// What goes into the status.
    pub resolved: Resolved,
    /// Its profiles, in its order.
    pub profiles: Vec<ChosenProfile>,
}

/// A profile of an asset.
#[derive(Clone, Debug, PartialEq)]
pub struct ChosenProfile {
    /// Its name.
    pub name: String,
    /// What it says now; `None` when there is no such profile any more.
    pub current: Option<CurrentProfile>,
}

/// What a profile says now.
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentProfile {
    /// What changes bytes.
    pub encoding: Encoding,
    /// How its pods run.
    pub execution: Execution,
}

/// Why an asset gets nothing, for now or until somebody helps.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Blocked {
    /// One word.
    pub reason: BlockReason,
    /// What is so and what to do.
    pub message: String,
    /// What was resolved already.
    pub resolved: Option<Resolved>,
}

/// Why an asset gets nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BlockReason {
    /// Two stores are marked default.
    AmbiguousDefault,
    /// The store is not there or not ready.
    StoreNotReady,
    /// The store is not for this namespace.
    StoreNotAllowed,
    /// A profile is not there.
    ProfileNotFound,
    /// A profile is not for this namespace.
    ProfileNotAllowed,
}

impl BlockReason {
    /// The word as it stands in conditions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AmbiguousDefault => "AmbiguousDefault",
            Self::StoreNotReady => "StoreNotReady",
            Self::StoreNotAllowed => "StoreNotAllowed",
            Self::ProfileNotFound => "ProfileNotFound",
            Self::ProfileNotAllowed => "ProfileNotAllowed",
        }
    }

    /// Whether nothing will happen without somebody's help. What is missing may still come.
    pub const fn is_stalled(self) -> bool {
        matches!(
            self,
            Self::AmbiguousDefault | Self::StoreNotAllowed | Self::ProfileNotAllowed
        )
    }
}

impl Blocked {
    fn new(reason: BlockReason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            resolved: None,
        }
    }
}

/// What `asset` gets from `choices`. What was resolved before stays.
pub fn validate(asset: &MediaAsset, choices: &Choices) -> Result<Valid, Blocked> {
    let before = asset
        .status
        .as_ref()
        .and_then(|status| status.resolved.clone());
    let store = store(asset, before.as_ref(), choices)?;
    let names = profile_names(asset, before.as_ref(), choices)?;
    let mut resolved = Resolved {
        store_name: store.name.clone(),
        store_uid: before.as_ref().and_then(|before| before.store_uid.clone()),
        profiles: names.clone(),
    };
    let block = |blocked: Blocked| Blocked {
        resolved: Some(resolved.clone()),
        ..blocked
    };
    let ready = ready(&store, before.as_ref()).map_err(block)?;
    let profiles = profiles(&names, choices).map_err(block)?;
    resolved.store_uid = Some(ready.uid.to_string());
    Ok(Valid {
        store,
        ready,
        resolved,
        profiles,
    })
}

fn store(
    asset: &MediaAsset,
    before: Option<&Resolved>,
    choices: &Choices,
) -> Result<Arc<StoreHandle>, Blocked> {
    let named = before
        .map(|before| &before.store_name)
        .or(asset.spec.store_name.as_ref());
    let store = match named {
        Some(name) => choices.stores.iter().find(|store| store.name == *name).ok_or_else(|| {
            let message = format!("there is no MediaStore {name:?}: create it, or make the asset anew with another spec.storeName");
            Blocked::new(BlockReason::StoreNotReady, message)
        })?,
        None => default_store(choices)?,
    };
    if permits(&store.spec.allowed_namespaces, choices.namespace.as_deref()) {
        return Ok(Arc::clone(store));
    }
    let message = format!(
        "the MediaStore {:?} is not for this namespace: ask for it in its spec.allowedNamespaces",
        store.name
    );
    Err(Blocked::new(BlockReason::StoreNotAllowed, message))
}

fn default_store(choices: &Choices) -> Result<&Arc<StoreHandle>, Blocked> {
    let defaults: Vec<_> = choices
        .stores
        .iter()
        .filter(|store| store.spec.default)
        .collect();
    match defaults.as_slice() {
        [store] => Ok(store),
        [] => Err(Blocked::new(
            BlockReason::StoreNotReady,
            "no MediaStore is marked default: set spec.storeName, or spec.default of a store",
        )),
        many => {
            let names: Vec<_> = many.iter().map(|store| store.name.as_str()).collect();
            let message = format!(
                "the MediaStores {} are all marked default: set spec.storeName, or leave one of them",
                names.join(" and ")
            );
            Err(Blocked::new(BlockReason::AmbiguousDefault, message))
        }
    }
}

fn profile_names(
    asset: &MediaAsset,
    before: Option<&Resolved>,
    choices: &Choices,
) -> Result<Vec<String>, Blocked> {
    if !asset.spec.profiles.is_empty() {
        return Ok(asset.spec.profiles.clone());
    }
    if let Some(before) = before.filter(|before| !before.profiles.is_empty()) {
        return Ok(before.profiles.clone());
    }
    let namespace = choices.namespace.as_deref();
    let mut defaults: Vec<_> = choices
        .profiles
        .iter()
        .filter(|profile| {
            profile.spec.default && permits(&profile.spec.allowed_namespaces, namespace)
        })
        .map(ResourceExt::name_any)
        .collect();
    defaults.sort();
    if defaults.is_empty() {
        let message = "no TranscodeProfile is marked default: set spec.profiles, or spec.default of a profile";
        return Err(Blocked::new(BlockReason::ProfileNotFound, message));
    }
    Ok(defaults)
}

fn ready(store: &StoreHandle, before: Option<&Resolved>) -> Result<ReadyStore, Blocked> {
    let ready = match &store.state {
        StoreState::Ready(ready) => ready,
        StoreState::NotReady(why) => {
            let message = format!(
                "MediaStore {:?}: {}: {}",
                store.name, why.reason, why.message
            );
            return Err(Blocked::new(BlockReason::StoreNotReady, message));
        }
    };
    let uid = ready.uid.to_string();
    let other = before
        .and_then(|before| before.store_uid.as_ref())
        .filter(|before| **before != uid);
    match other {
        None => Ok(ready.clone()),
        Some(before) => {
            let message = format!(
                "the MediaStore {:?} is another one now (storeUID {uid}, it was {before}): bring the old one back, or make the asset anew",
                store.name
            );
            Err(Blocked::new(BlockReason::StoreNotReady, message))
        }
    }
}

fn profiles(names: &[String], choices: &Choices) -> Result<Vec<ChosenProfile>, Blocked> {
    names.iter().map(|name| chosen(name, choices)).collect()
}

fn chosen(name: &str, choices: &Choices) -> Result<ChosenProfile, Blocked> {
    let found = choices
        .profiles
        .iter()
        .find(|profile| profile.meta().name.as_deref() == Some(name));
    if let Some(profile) = found
        && !permits(
            &profile.spec.allowed_namespaces,
            choices.namespace.as_deref(),
        )
    {
        let message = format!(
            "the TranscodeProfile {name:?} is not for this namespace: ask for it in its spec.allowedNamespaces"
        );
        return Err(Blocked::new(BlockReason::ProfileNotAllowed, message));
    }
    Ok(ChosenProfile {
        name: name.to_owned(),
        current: found.map(|profile| CurrentProfile {
            encoding: profile.spec.encoding.clone(),
            execution: profile.spec.execution.clone(),
        }),
    })
}

#[cfg(test)]
mod tests;
