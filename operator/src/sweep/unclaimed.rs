//! Objects of assets that are not there and that no tombstone names. They are counted and
//! left alone: absence proves nothing (etcd may have been restored from yesterday), and what
//! `deletionPolicy: Retain` has left is meant to stay.
use super::graves::Graves;
use super::mark::key as tombstone;
use crate::store::ReadyStore;
use kube::api::ListParams;
use kube::{Api, Client};
use std::collections::BTreeSet;
use vessel_crds::MediaAsset;
use vessel_storage::bucket::{BucketError, Listed};
use vessel_storage::key::{Key, Place, Tree};
use vessel_storage::tombstone::Target;
use vessel_storage::uid::AssetUid;

/// Assets that are asked for at once.
const PAGE: u32 = 500;
/// Most folders that are listed for one count: what is more waits for somebody to look at.
const FOLDERS: usize = 500;

/// Why it could not be counted.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The store did not answer.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The apiserver did not answer.
    #[error("the assets can't be listed: {0}")]
    Assets(#[from] kube::Error),
}

/// What nobody owns.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Unclaimed {
    /// Bytes of all objects.
    pub bytes: i64,
    /// Number of objects.
    pub objects: i64,
}

/// Counts what nobody owns in a store, of which every tombstone is known. The folders are
/// listed before the assets: whatever belongs to an asset was written after it.
pub(super) async fn measure(
    name: &str,
    store: &ReadyStore,
    graves: &Graves,
    assets: impl AsyncFnOnce() -> kube::Result<BTreeSet<AssetUid>>,
) -> Result<Unclaimed, Error> {
    let prefix = &store.prefix;
    let mut folders = Vec::new();
    for tree in [
        prefix.tree(Tree::Public),
        prefix.tree(Tree::Private),
        prefix.all_uploads(),
    ] {
        folders.extend(store.bucket.list_folders(&tree).await?);
    }
    let live = assets().await?;
    let is_dead = |folder: &&Key| asset_of(folder).is_some_and(|asset| !live.contains(&asset));
    let is_marked = |object: &Listed| {
        let place = prefix.place(object.key.as_str());
        let mut marks = place.iter().flat_map(marks);
        marks.any(|target| graves.knows(name, &tombstone(store, target)))
    };
    let mut sum = Unclaimed::default();
    for folder in folders.iter().filter(is_dead).take(FOLDERS) {
        let listed = store.bucket.list_all(folder).await?;
        let unmarked = listed.iter().filter(|object| !is_marked(object));
        sum = unmarked.fold(sum, Unclaimed::and);
    }
    Ok(sum)
}

impl Unclaimed {
    fn and(self, object: &Listed) -> Self {
        let bytes = i64::try_from(object.bytes).unwrap_or(i64::MAX);
        Self {
            bytes: self.bytes.saturating_add(bytes),
            objects: self.objects.saturating_add(1),
        }
    }
}

/// The asset whose folder that is.
fn asset_of(folder: &Key) -> Option<AssetUid> {
    let folder = folder.as_str().strip_suffix('/')?;
    folder.rsplit('/').next()?.parse().ok()
}

/// What a tombstone names that marks an object.
fn marks(place: &Place) -> impl Iterator<Item = Target> {
    let targets = match place {
        Place::Commit(folder) => [Some(Target::Job(*folder)), None],
        Place::Object(execution, _) => [Some(Target::Job(execution.job)), None],
        Place::Upload(asset, generation) => {
            let (asset, generation) = (*asset, *generation);
            [
                Some(Target::Source { asset }),
                Some(Target::Upload { asset, generation }),
            ]
        }
    };
    targets.into_iter().flatten()
}

/// The UIDs of all assets, past every cache.
pub(super) async fn assets(client: &Client) -> kube::Result<BTreeSet<AssetUid>> {
    let api: Api<MediaAsset> = Api::all(client.clone());
    let mut page = ListParams::default().limit(PAGE);
    let mut uids = BTreeSet::new();
    loop {
        let list = api.list_metadata(&page).await?;
        let found = list
            .items
            .iter()
            .filter_map(|asset| asset.metadata.uid.as_ref());
        uids.extend(found.filter_map(|uid| uid.parse::<AssetUid>().ok()));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(uids),
        }
    }
}
