//! Which keys go, and in which order: pure.
use super::halt::Halt;
use crate::metrics::SweepErrorReason;
use vessel_storage::bucket::Listed;
use vessel_storage::key::{Key, Place, Prefix};
use vessel_storage::path::ObjectPath;
use vessel_storage::tombstone::Target;

/// Sweeps of fewer objects than this are never too large a share: in a small library the
/// deletion of one asset is most of it.
const SMALL: u64 = 5_000;

/// The keys that go.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Plan {
    /// Playlists and manifests: without them nobody starts to play.
    pub first: Vec<Listed>,
    /// Segments, and everything else.
    pub then: Vec<Listed>,
}

impl Plan {
    /// Every key, in order.
    pub fn all(&self) -> impl Iterator<Item = &Listed> {
        self.first.iter().chain(&self.then)
    }

    /// How many objects go.
    pub fn objects(&self) -> u64 {
        (self.first.len() + self.then.len()) as u64
    }

    /// How many bytes go.
    pub fn bytes(&self) -> u64 {
        self.all().map(|object| object.bytes).sum()
    }
}

/// What goes of what was listed below the folder of `target`. The commit of a job stays until
/// the very end. A key that is not of the grammar, or not of the target, is somebody's doing:
/// nothing goes before that is understood.
pub(super) fn plan(prefix: &Prefix, target: Target, listed: Vec<Listed>) -> Result<Plan, Halt> {
    let mut plan = Plan::default();
    for object in listed {
        match (target, prefix.place(object.key.as_str())) {
            (Target::Job(folder), Some(Place::Commit(of))) if of == folder => {}
            (Target::Job(folder), Some(Place::Object(of, path))) if of.job == folder => {
                if is_first(&path) {
                    plan.first.push(object);
                } else {
                    plan.then.push(object);
                }
            }
            (Target::Source { asset }, Some(Place::Upload(of, _))) if of == asset => {
                plan.then.push(object);
            }
            (Target::Upload { asset, generation }, Some(Place::Upload(of, number)))
                if of == asset && number == generation =>
            {
                plan.then.push(object);
            }
            _ => return Err(stray(&object.key)),
        }
    }
    Ok(plan)
}

fn is_first(path: &ObjectPath) -> bool {
    matches!(
        path,
        ObjectPath::Master
            | ObjectPath::Mpd
            | ObjectPath::Playlist(_)
            | ObjectPath::Storyboard
            | ObjectPath::Manifest
    )
}

fn stray(key: &Key) -> Halt {
    Halt::new(
        SweepErrorReason::Invalid,
        format!(
            "{key} lies in a folder that is to be freed, and Vessel never wrote it: move it away"
        ),
    )
}

/// Halts when a sweep would delete too large a share of a store: `dead` objects, of which the
/// store has that many besides `published` ones.
pub(super) fn within_share(dead: u64, published: u64, percent: i32) -> Result<(), Halt> {
    let percent = u64::try_from(percent).unwrap_or(100);
    if dead <= SMALL || dead.saturating_mul(100) <= percent.saturating_mul(dead + published) {
        return Ok(());
    }
    Err(Halt::new(
        SweepErrorReason::ShareExceeded,
        format!(
            "{dead} of {} objects would be deleted, more than {percent} %: look at what was \
             deleted; raise spec.sweep.maxSharePercent to let it go on",
            dead + published
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vessel_storage::key::{JobFolder, Tree};
    use vessel_storage::uid::{AssetUid, JobUid};

    fn uid(digit: u8) -> uuid::Uuid {
        uuid::Uuid::from_bytes([digit; 16])
    }

    fn folder() -> JobFolder {
        JobFolder {
            tree: Tree::Public,
            asset: AssetUid(uid(1)),
            job: JobUid(uid(2)),
        }
    }

    fn listed(key: &str) -> Listed {
        Listed {
            key: Key::foreign(key),
            bytes: 10,
            modified: None,
        }
    }

    fn of_job(names: &[&str]) -> Result<Plan, Halt> {
        let prefix = Prefix::new("v/");
        let root = prefix.job(folder());
        let listed = names
            .iter()
            .map(|name| listed(&format!("{root}{name}")))
            .collect();
        plan(&prefix, Target::Job(folder()), listed)
    }

    #[test]
    fn playlists_go_before_segments_and_the_commit_stays() {
        let pod = uid(3);
        let names = [
            "audio-64k/00001.m4s",
            "audio-64k/playlist.m3u8",
            "manifest.json",
            "master.m3u8",
            "verdict.json",
        ];
        let mut names: Vec<String> = names.iter().map(|name| format!("{pod}/{name}")).collect();
        names.push("commit.json".to_owned());
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let plan = of_job(&names).unwrap();
        let ends = |objects: &[Listed]| -> Vec<String> {
            let name = |object: &Listed| object.key.as_str().rsplit('/').next().unwrap().to_owned();
            objects.iter().map(name).collect()
        };
        assert_eq!(
            ends(&plan.first),
            ["playlist.m3u8", "manifest.json", "master.m3u8"]
        );
        assert_eq!(ends(&plan.then), ["00001.m4s", "verdict.json"]);
        assert_eq!((plan.objects(), plan.bytes()), (5, 50));
    }

    #[test]
    fn what_vessel_did_not_write_halts_the_sweep() {
        for name in ["notes.txt", "x/master.m3u8", "../b/commit.json"] {
            let halt = of_job(&[name]).unwrap_err();
            assert_eq!(halt.reason, SweepErrorReason::Invalid, "{name}");
        }
    }

    #[test]
    fn a_large_share_halts_and_a_small_library_does_not() {
        assert!(within_share(40, 0, 50).is_ok());
        assert!(within_share(6_000, 6_000, 50).is_ok());
        assert!(within_share(6_001, 6_000, 50).is_err());
        assert!(within_share(6_001, 0, 100).is_ok());
    }

    fn key() -> impl Strategy<Value = String> {
        let uid = || prop_oneof![Just(uid(1)), Just(uid(2)), Just(uid(3))];
        let tree = prop_oneof![
            Just("pub"),
            Just("prv"),
            Just("in"),
            Just("ptr"),
            Just("sweep")
        ];
        let name = prop_oneof![
            Just("commit.json".to_owned()),
            Just("master.m3u8".to_owned()),
            Just("audio-64k/00001.m4s".to_owned()),
            Just("1/source".to_owned()),
            "[a-z./]{0,12}",
        ];
        let prefix = prop_oneof![Just("v/"), Just("w/"), Just("")];
        (prefix, tree, uid(), uid(), uid(), name).prop_map(|(prefix, tree, a, b, c, name)| {
            match tree {
                "in" => format!("{prefix}in/{a}/{name}"),
                "ptr" | "sweep" => format!("{prefix}{tree}/{a}.json"),
                _ => format!("{prefix}{tree}/{a}/{b}/{c}/{name}"),
            }
        })
    }

    proptest! {
        /// Whatever a list answers, nothing outside of the dead folder is ever deleted.
        #[test]
        fn only_the_dead_folder_goes(keys in prop::collection::vec(key(), 0..8)) {
            let prefix = Prefix::new("v/");
            let listed = || keys.iter().map(|key| listed(key)).collect::<Vec<_>>();
            let root = prefix.job(folder());
            if let Ok(plan) = plan(&prefix, Target::Job(folder()), listed()) {
                for object in plan.all() {
                    prop_assert!(object.key.as_str().starts_with(root.as_str()));
                    prop_assert!(!object.key.as_str().ends_with("commit.json"));
                }
            }
            let asset = AssetUid(uid(1));
            let upload = Target::Upload { asset, generation: 1 };
            let roots = [
                (Target::Source { asset }, prefix.uploads(asset)),
                (upload, prefix.upload_folder(asset, 1)),
            ];
            for (target, root) in roots {
                if let Ok(plan) = plan(&prefix, target, listed()) {
                    for object in plan.all() {
                        prop_assert!(object.key.as_str().starts_with(root.as_str()));
                    }
                }
            }
        }
    }
}
