use super::*;
use crate::asset::fixtures::asset;
use serde_json::{Value, json};
use vessel_crds::MediaStoreSpec;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn spec() -> MediaStoreSpec {
    serde_json::from_value(json!({
        "bucket": "vessel", "prefix": "vessel/",
        "sources": {"s3": [
            {"prefix": "samples/"},
            {"bucket": "archive", "prefix": "", "namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "music"}}}},
        ]},
    }))
    .unwrap()
}

fn s3(source: &Value) -> S3Source {
    serde_json::from_value(source.clone()).unwrap()
}

#[test]
fn a_namespace_reads_what_the_store_allows_to_it_and_never_the_stores_own() {
    let music =
        serde_json::from_value(json!({"metadata": {"name": "m", "labels": {"team": "music"}}}))
            .unwrap();
    let film =
        serde_json::from_value(json!({"metadata": {"name": "f", "labels": {"team": "film"}}}))
            .unwrap();
    let cases = [
        (json!({"key": "samples/a.flac"}), &film, true),
        (
            json!({"key": "samples/a.flac", "bucket": "vessel"}),
            &film,
            true,
        ),
        (json!({"key": "secret/a.flac"}), &film, false),
        (json!({"key": "samples"}), &film, false),
        (
            json!({"key": "vessel/prv/a/b/c/audio-64k/00001.m4s"}),
            &film,
            false,
        ),
        (
            json!({"key": "vessel/in/a/1/source", "bucket": "vessel"}),
            &film,
            false,
        ),
        (
            json!({"key": "samples/../vessel/in/a/1/source"}),
            &film,
            false,
        ),
        (json!({"key": "samples//a.flac"}), &film, false),
        (json!({"key": "/samples/a.flac"}), &film, false),
        (json!({"key": "./samples/a.flac"}), &film, false),
        (json!({"key": "samples/..a.flac"}), &film, true),
        (json!({"key": "any", "bucket": "archive"}), &music, true),
        (json!({"key": "any", "bucket": "archive"}), &film, false),
        (
            json!({"key": "samples/a.flac", "bucket": "elsewhere"}),
            &music,
            false,
        ),
    ];
    for (source, namespace, allowed) in cases {
        assert_eq!(
            s3::allowed(&spec(), &s3(&source), Some(namespace)).is_ok(),
            allowed,
            "{source}"
        );
    }
}

#[test]
fn a_store_without_a_prefix_lends_nothing_of_its_own_bucket() {
    let bare = MediaStoreSpec {
        prefix: String::new(),
        ..spec()
    };
    assert!(s3::allowed(&bare, &s3(&json!({"key": "samples/a.flac"})), None).is_err());
}

fn known(asset: &MediaAsset) -> Option<String> {
    match step(asset, at(0)) {
        SourceStep::Known(source) => Some(source.version),
        _ => None,
    }
}

#[test]
fn an_http_source_is_known_by_its_address_or_digest() {
    let http = |http: Value| asset(&json!({"spec": {"source": {"s3": null, "http": http}}}));
    let plain = known(&http(json!({"url": "https://example.com/a"}))).unwrap();
    assert_eq!(plain.len(), 64);
    assert_ne!(
        Some(plain),
        known(&http(json!({"url": "https://example.com/b"})))
    );
    let digest = "ab".repeat(32);
    let named = http(json!({"url": "https://example.com/a", "sha256": digest}));
    assert_eq!(known(&named), Some(digest));
}

#[test]
fn an_s3_source_is_looked_at_once_for_each_address_and_restart() {
    let fresh = asset(&json!({}));
    assert!(matches!(step(&fresh, at(0)), SourceStep::LookAt(_)));
    let fingerprint = fingerprint(&fresh.spec.source, "");
    let found = json!({"status": {"source": {"version": "\"etag\"", "fingerprint": fingerprint}}});
    assert_eq!(known(&asset(&found)).as_deref(), Some("\"etag\""));
    for change in [
        json!({"spec": {"restartToken": "again"}}),
        json!({"spec": {"source": {"s3": {"key": "samples/b"}}}}),
    ] {
        let changed = asset(&crate::asset::fixtures::over(found.clone(), &change));
        assert!(
            matches!(step(&changed, at(0)), SourceStep::LookAt(_)),
            "{change}"
        );
    }
    let titled = asset(&crate::asset::fixtures::over(
        found,
        &json!({"spec": {"title": "Other"}}),
    ));
    assert!(known(&titled).is_some());
}

fn upload(status: &Value, generation: i64) -> MediaAsset {
    asset(&json!({
        "spec": {"source": {"s3": null, "upload": {"filename": "a.flac", "generation": generation}}},
        "status": status,
    }))
}

#[test]
fn an_upload_is_asked_for_awaited_and_expires() {
    assert!(matches!(
        step(&upload(&json!({}), 1), at(0)),
        SourceStep::Ask(_)
    ));
    let asked = json!({"upload": {
        "secretName": "s", "secretUid": "u", "generation": 1, "expiresAt": "1970-01-01T01:00:00Z",
    }});
    assert!(matches!(
        step(&upload(&asked, 1), at(0)),
        SourceStep::Poll(..)
    ));
    // Whoever was just in time is still found.
    assert!(matches!(
        step(&upload(&asked, 1), at(3600)),
        SourceStep::Poll(..)
    ));
    let mut expired = asked.clone();
    expired["upload"]["secretUid"] = Value::Null;
    assert!(matches!(
        step(&upload(&expired, 1), at(3600)),
        SourceStep::Expired(_)
    ));
    // A higher generation asks again.
    assert!(matches!(
        step(&upload(&expired, 2), at(3600)),
        SourceStep::Ask(_)
    ));
}

#[test]
fn a_second_upload_needs_a_higher_generation() {
    let first = upload(&json!({}), 1);
    let fingerprint = fingerprint(&first.spec.source, "");
    let found = json!({"source": {"version": "1-\"etag\"", "fingerprint": fingerprint}});
    assert!(known(&upload(&found, 1)).is_some());
    assert!(matches!(
        step(&upload(&found, 2), at(0)),
        SourceStep::Ask(_)
    ));
}

#[test]
fn an_upload_is_looked_for_often_at_first() {
    assert_eq!(upload::next_look(at(0), at(100)), at(105));
    assert_eq!(upload::next_look(at(0), at(599)), at(604));
    assert_eq!(upload::next_look(at(0), at(600)), at(630));
}

#[test]
fn a_secret_has_a_name_of_its_own_for_each_try() {
    let name = |n| upload::secret_name(&"a".repeat(63), "uid", 1, n);
    assert!(name(0).starts_with(&format!("{}-upload-", "a".repeat(40))));
    assert!(name(0).len() <= 63);
    assert_ne!(name(0), name(1));
    assert_eq!(name(0), name(0));
}
