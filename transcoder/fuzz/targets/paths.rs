//! What a bucket lists, what a pod asks for and what a viewer asks for: a path has one spelling.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vessel_storage::key::{Place, Prefix};
use vessel_storage::path::{ObjectPath, Rung};

fuzz_target!(|text: &str| {
    if let Ok(path) = text.parse::<ObjectPath>() {
        assert_eq!(path.to_string(), text);
        assert!(!text.contains("..") && !text.starts_with('/'));
    }
    if let Ok(rung) = text.parse::<Rung>() {
        assert_eq!(rung.to_string(), text);
    }
    for prefix in ["", "vessel"].map(Prefix::new) {
        if let Some(place) = prefix.place(text) {
            let key = match place {
                Place::Commit(folder) => prefix.commit(folder),
                Place::Object(folder, path) => prefix.object(folder, &path),
                Place::Upload(asset, generation) => prefix.upload(asset, generation),
            };
            assert_eq!(key.as_str(), text);
        }
    }
});
