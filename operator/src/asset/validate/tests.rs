use super::*;
use crate::asset::fixtures::{STORE_UID, asset, profile, store, store_not_ready};
use serde_json::{Value, json};

fn choices(stores: Vec<Arc<StoreHandle>>, profiles: Vec<TranscodeProfile>) -> Choices {
    let namespace = json!({"metadata": {"name": "music", "labels": {"team": "music"}}});
    Choices {
        stores,
        profiles,
        namespace: Some(Arc::new(serde_json::from_value(namespace).unwrap())),
    }
}

fn main_store() -> Arc<StoreHandle> {
    store("main", &json!({}))
}

fn adaptive() -> TranscodeProfile {
    profile("adaptive", &json!({}))
}

/// A new asset: nothing is resolved yet.
fn new_asset(spec: &Value) -> MediaAsset {
    asset(&json!({"spec": spec, "status": null}))
}

fn reason(result: Result<Valid, Blocked>) -> BlockReason {
    result.unwrap_err().reason
}

#[test]
fn defaults_are_resolved_once() {
    let several = vec![
        profile("zebra", &json!({"spec": {"default": true}})),
        adaptive(),
        profile("audio", &json!({})),
    ];
    let valid = validate(
        &new_asset(&json!({})),
        &choices(vec![main_store()], several),
    )
    .unwrap();
    assert_eq!(valid.resolved.store_name, "main");
    assert_eq!(valid.resolved.store_uid.as_deref(), Some(STORE_UID));
    assert_eq!(valid.resolved.profiles, ["adaptive", "zebra"]);

    let other_default = vec![
        store("other", &json!({})),
        store("main", &json!({"default": false})),
    ];
    let valid = validate(
        &asset(&json!({})),
        &choices(other_default, vec![adaptive()]),
    )
    .unwrap();
    assert_eq!(valid.resolved.store_name, "main");
}

#[test]
fn two_default_stores_need_somebodys_help() {
    let two = choices(
        vec![main_store(), store("other", &json!({}))],
        vec![adaptive()],
    );
    let blocked = validate(&new_asset(&json!({})), &two).unwrap_err();
    assert_eq!(blocked.reason, BlockReason::AmbiguousDefault);
    assert!(blocked.reason.is_stalled());
    assert!(
        blocked.message.contains("main and other"),
        "{}",
        blocked.message
    );
    assert!(validate(&new_asset(&json!({"storeName": "other"})), &two).is_ok());
}

#[test]
fn what_is_missing_may_still_come() {
    let asset = new_asset(&json!({}));
    let cases = [
        (
            choices(vec![], vec![adaptive()]),
            BlockReason::StoreNotReady,
        ),
        (
            choices(vec![store_not_ready("main")], vec![adaptive()]),
            BlockReason::StoreNotReady,
        ),
        (
            choices(vec![main_store()], vec![]),
            BlockReason::ProfileNotFound,
        ),
    ];
    for (choices, expected) in cases {
        let reason = reason(validate(&asset, &choices));
        assert_eq!(reason, expected);
        assert!(!reason.is_stalled());
    }
    let named = new_asset(&json!({"storeName": "nowhere"}));
    let missing = validate(&named, &choices(vec![main_store()], vec![adaptive()])).unwrap_err();
    assert!(
        missing.message.contains("no MediaStore \"nowhere\""),
        "{}",
        missing.message
    );
}

#[test]
fn a_store_or_profile_of_others_is_not_for_us() {
    let only = |team: &str| json!({"allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"team": team}}}});
    let asset = new_asset(&json!({}));
    let foreign_store = choices(vec![store("main", &only("film"))], vec![adaptive()]);
    assert_eq!(
        reason(validate(&asset, &foreign_store)),
        BlockReason::StoreNotAllowed
    );
    let named = new_asset(&json!({"profiles": ["adaptive"]}));
    let foreign = profile("adaptive", &json!({"spec": only("film")}));
    assert_eq!(
        reason(validate(
            &named,
            &choices(vec![main_store()], vec![foreign])
        )),
        BlockReason::ProfileNotAllowed
    );
    let ours = choices(vec![store("main", &only("music"))], vec![adaptive()]);
    assert!(validate(&asset, &ours).is_ok());
}

#[test]
fn another_store_of_the_same_name_is_not_written_to() {
    let asset = asset(
        &json!({"status": {"resolved": {"storeUid": "00000000-0000-4000-8000-000000000009"}}}),
    );
    let blocked = validate(&asset, &choices(vec![main_store()], vec![adaptive()])).unwrap_err();
    assert_eq!(blocked.reason, BlockReason::StoreNotReady);
    assert!(
        blocked.message.contains("another one now"),
        "{}",
        blocked.message
    );
}
