//! UIDs, one type for each kind of thing: mixing two of them up would delete the wrong one.
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Text that is no UID in the form in which Kubernetes writes them.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is no UID: expected lower-case hexadecimal digits with hyphens")]
pub struct InvalidUid(String);

macro_rules! uid {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl FromStr for $name {
            type Err = InvalidUid;
            /// Lower-case with hyphens, as Kubernetes writes it: a key has one spelling.
            fn from_str(text: &str) -> Result<Self, InvalidUid> {
                match Uuid::try_parse(text) {
                    Ok(uuid) if uuid.to_string() == text => Ok(Self(uuid)),
                    _ => Err(InvalidUid(text.to_owned())),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uid!(
    /// UID of a MediaAsset.
    AssetUid
);
uid!(
    /// UID of a TranscodeJob.
    JobUid
);
uid!(
    /// UID of a pod: of one execution.
    PodUid
);
uid!(
    /// UID that a store's claim document carries; survives the MediaStore object.
    StoreUid
);
uid!(
    /// UID of a cluster: that of its `kube-system` namespace.
    ClusterUid
);
