//! Wrong objects are refused by the API server itself, with a message that says what to
//! change. Nothing but the CustomResourceDefinitions is needed for that.
use kube::api::{DynamicObject, Patch, PatchParams, ValidationDirective};
use kube::discovery::ApiResource;
use kube::{Api, Resource};
use serde_json::{Value, json};
use std::fs;
use vessel_crds::{MediaAsset, MediaStore, TranscodeProfile};
use vessel_e2e::cluster::root;
use vessel_e2e::scene::play;
use vessel_e2e::shell::kubectl;
use vessel_e2e::wait::{seconds, until};
use vessel_e2e::{Cluster, tests};

tests! {
    a_source_that_can_not_be_meant_is_refused,
    a_name_or_word_that_can_not_be_meant_is_refused,
    a_number_or_size_that_can_not_be_meant_is_refused,
    what_is_immutable_stays,
    a_store_that_can_not_be_meant_is_refused,
    a_profile_that_can_not_be_meant_is_refused,
    explain_reads_like_documentation,
}

/// A wrong object: its name, its spec, and what the answer must say.
type Case<'a> = (&'a str, Value, &'a str);

async fn a_source_that_can_not_be_meant_is_refused(cluster: &Cluster) {
    let web = "https://media.example.com/song.flac";
    let source = |source: Value| json!({"source": source});
    let cases = [
        (
            "two",
            source(json!({"http": {"url": web}, "s3": {"key": "samples/song.flac"}})),
            "source takes exactly one of upload, http and s3: add the one you mean and remove the others",
        ),
        (
            "none",
            source(json!({})),
            "source takes exactly one of upload, http and s3",
        ),
        (
            "absent",
            json!({"title": "Night Drive"}),
            "spec.source: Required value",
        ),
        (
            "ftp",
            source(json!({"http": {"url": "ftp://a.example/b"}})),
            "spec.source.http.url in body should match '^https?://",
        ),
        (
            "above",
            source(json!({"s3": {"key": "samples/../vessel/in/secret"}})),
            "s3.key must not begin or end with '/', nor have the parts '', '.' or '..'",
        ),
        (
            "rooted",
            source(json!({"s3": {"key": "/samples/song.flac"}})),
            "name the object by its plain key",
        ),
        (
            "bucket",
            source(json!({"s3": {"key": "song.flac", "bucket": "../etc"}})),
            "spec.source.s3.bucket in body should match",
        ),
        (
            "digest",
            source(json!({"http": {"url": web, "sha256": "abc"}})),
            "spec.source.http.sha256",
        ),
        (
            "file",
            source(json!({"upload": {}})),
            "spec.source.upload.filename: Required value",
        ),
        (
            "generation",
            source(json!({"upload": {"filename": "a", "generation": -1}})),
            "should be greater than or equal to 1",
        ),
        (
            "key",
            source(json!({"s3": {"key": ""}})),
            "spec.source.s3.key",
        ),
    ];
    assets_are_refused(cluster, &cases).await;
}

async fn a_name_or_word_that_can_not_be_meant_is_refused(cluster: &Cluster) {
    let long = "a".repeat(64);
    let label = "metadata.name must be a DNS label: at most 63 lower-case letters, digits and '-'";
    let cases = [
        (long.as_str(), with("title", "long".into()), label),
        ("dotted.name", with("title", "dots".into()), label),
        (
            "who",
            with("visibility", "Hidden".into()),
            r#"supported values: "Private", "Public""#,
        ),
        (
            "case",
            with("deletionPolicy", "delete".into()),
            r#"supported values: "Delete", "Retain""#,
        ),
        (
            "when",
            with("profileUpdates", "Always".into()),
            r#"supported values: "Pinned", "Follow""#,
        ),
        (
            "typo",
            with("titel", "Night Drive".into()),
            "field not declared in schema",
        ),
        (
            "profile",
            with("profiles", json!([long])),
            "spec.profiles[0]",
        ),
        (
            "twice",
            with("profiles", json!(["audio", "audio"])),
            "duplicate",
        ),
    ];
    assets_are_refused(cluster, &cases).await;
}

async fn a_number_or_size_that_can_not_be_meant_is_refused(cluster: &Cluster) {
    let retention = |field: &str, seconds: i64| with("retention", json!({field: seconds}));
    let artist = json!({"artist": "A".repeat(1025)});
    let cases = [
        (
            "low",
            with("priority", json!(-1001)),
            "spec.priority in body should be greater than or equal to -1000",
        ),
        (
            "high",
            with("priority", json!(1001)),
            "spec.priority in body should be less than or equal to 1000",
        ),
        (
            "cleanup",
            retention("cleanupAfterFailedSeconds", -1),
            "should be greater than or equal to 0",
        ),
        (
            "expire",
            retention("expireAfterSeconds", -60),
            "should be greater than or equal to 1",
        ),
        (
            "foreign",
            with("retention", json!({"source": "DeleteWhenReady"})),
            "retention.source: DeleteWhenReady is for uploads alone",
        ),
        (
            "metadata",
            with("metadata", artist),
            "spec.metadata.artist: Too long",
        ),
        (
            "title",
            with("title", "A".repeat(257).into()),
            "spec.title: Too long",
        ),
    ];
    assets_are_refused(cluster, &cases).await;
}

/// The spec of a good asset with one field more.
fn with(field: &str, value: Value) -> Value {
    json!({"source": {"http": {"url": "https://media.example.com/song.flac"}}, field: value})
}

async fn assets_are_refused(cluster: &Cluster, cases: &[Case<'_>]) {
    definitions(cluster).await;
    play(cluster, "refused", async |scene| {
        let assets = scene.dynamic(&resource::<MediaAsset>());
        for (name, spec, expected) in cases {
            refused(&assets, "MediaAsset", name, spec, expected).await;
        }
    })
    .await;
}

async fn what_is_immutable_stays(cluster: &Cluster) {
    definitions(cluster).await;
    play(cluster, "immutable", async |scene| {
        let assets = scene.dynamic(&resource::<MediaAsset>());
        let spec = json!({
            "source": {"upload": {"filename": "song.flac", "generation": 3}},
            "storeName": "nowhere", "visibility": "Public", "suspend": true,
        });
        let name = "settled";
        accepted(&assets, "MediaAsset", name, &spec, Effect::Kept).await;
        let with = |field: &str, value: Value| {
            let mut spec = spec.clone();
            spec[field] = value;
            spec
        };
        let cases: [Case; 4] = [
            (
                name,
                with("storeName", "elsewhere".into()),
                "storeName is immutable: create another asset for another store",
            ),
            (name, without(&spec, "storeName"), "storeName is immutable"),
            (
                name,
                with("visibility", "Private".into()),
                "visibility is immutable: delete the asset and create it again",
            ),
            (
                name,
                with(
                    "source",
                    json!({"upload": {"filename": "song.flac", "generation": 2}}),
                ),
                "upload.generation only rises: a higher number asks for a new upload",
            ),
        ];
        for (name, spec, expected) in cases {
            refused(&assets, "MediaAsset", name, &spec, expected).await;
        }
        let next = with(
            "source",
            json!({"upload": {"filename": "song.flac", "generation": 4}}),
        );
        accepted(&assets, "MediaAsset", name, &next, Effect::DryRun).await;
    })
    .await;
}

async fn a_store_that_can_not_be_meant_is_refused(cluster: &Cluster) {
    definitions(cluster).await;
    let with = |field: &str, value: Value| {
        let mut spec = json!({"bucket": "library"});
        spec[field] = value;
        spec
    };
    let cases: Vec<Case> = vec![
        ("no-bucket", json!({}), "spec.bucket: Required value"),
        (
            "prefix",
            with("prefix", "vessel".into()),
            "spec.prefix in body should match",
        ),
        (
            "endpoint",
            with("endpoint", "store.example.com:9000".into()),
            "spec.endpoint in body should match '^https?://'",
        ),
        (
            "addressing",
            with("addressing", "path".into()),
            r#"supported values: "Path", "VirtualHost""#,
        ),
        (
            "grace",
            with("sweep", json!({"graceSeconds": -1})),
            "should be greater than or equal to 0",
        ),
        (
            "interval",
            with("sweep", json!({"intervalSeconds": 0})),
            "should be greater than or equal to 1",
        ),
        (
            "selector",
            with("allowedNamespaces", json!({"from": "Selector"})),
            "from: Selector needs a selector",
        ),
        (
            "scheme",
            with("sources", json!({"http": {"scheme": "Http"}})),
            r#"supported values: "HttpsOnly", "HttpAllowed""#,
        ),
        (
            "dotted.name",
            with("region", "eu-central-1".into()),
            "metadata.name must be a DNS label",
        ),
    ];
    let stores = Api::all_with(cluster.client.clone(), &resource::<MediaStore>());
    for (name, spec, expected) in cases {
        refused(
            &stores,
            "MediaStore",
            &format!("e2e-{name}"),
            &spec,
            expected,
        )
        .await;
    }
}

async fn a_profile_that_can_not_be_meant_is_refused(cluster: &Cluster) {
    definitions(cluster).await;
    let audio = |rates: Value| json!({"encoding": {"audio": {"bitratesKbps": rates}}});
    let packaged = |packaging: Value| json!({"encoding": {"audio": {"bitratesKbps": [128]}, "packaging": packaging}});
    let cases: Vec<Case> = vec![
        (
            "nothing",
            json!({"encoding": {}}),
            "encoding needs audio, video or both",
        ),
        ("no-rates", audio(json!([])), "should have at least 1 items"),
        (
            "rate",
            audio(json!([1000])),
            "should be less than or equal to 512",
        ),
        (
            "short",
            packaged(json!({"segmentSeconds": 1})),
            "should be greater than or equal to 2",
        ),
        (
            "container",
            packaged(json!({"container": "Mp4"})),
            r#"supported values: "FragmentedMp4", "MpegTs""#,
        ),
        (
            "protocol",
            packaged(json!({"protocols": ["Smooth"]})),
            r#"supported values: "Hls", "Dash""#,
        ),
        (
            "deadline",
            json!({"encoding": {"audio": {"bitratesKbps": [128]}}, "execution": {"deadlineSeconds": -5}}),
            "should be greater than or equal to 60",
        ),
    ];
    let profiles = Api::all_with(cluster.client.clone(), &resource::<TranscodeProfile>());
    for (name, spec, expected) in cases {
        refused(
            &profiles,
            "TranscodeProfile",
            &format!("e2e-{name}"),
            &spec,
            expected,
        )
        .await;
    }
}

async fn explain_reads_like_documentation(cluster: &Cluster) {
    definitions(cluster).await;
    let source = explained("mediaasset.spec.source").await;
    for sentence in [
        "Where the media comes from: exactly one of `upload`, `http` and `s3`.",
        "The file is downloaded from a web server.",
        "whose key `url` takes a bare `curl -T file URL`.",
        "upload <Object>",
        "http <Object>",
        "s3 <Object>",
    ] {
        assert!(
            source.contains(sentence),
            "{sentence:?} is not in: {source}"
        );
    }
    let key = explained("mediaasset.spec.source.s3").await;
    let sentence = "The store's `spec.sources` says which keys a namespace may read.";
    assert!(key.contains(sentence), "{sentence:?} is not in: {key}");
}

/// What `kubectl explain` says, with every run of spaces as one. The API server publishes
/// new kinds a moment after they are established.
async fn explained(field: &str) -> String {
    let what = format!("kubectl explains {field}");
    let text = until(&what, seconds(30), async || {
        kubectl(&["explain", field]).await
    })
    .await;
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether an accepted object is kept.
#[derive(Clone, Copy, PartialEq)]
enum Effect {
    Kept,
    DryRun,
}

async fn accepted(api: &Api<DynamicObject>, kind: &str, name: &str, spec: &Value, effect: Effect) {
    submit(api, kind, name, spec, effect).await.unwrap();
}

/// Panics unless the object is refused with a message that contains `expected`.
async fn refused(api: &Api<DynamicObject>, kind: &str, name: &str, spec: &Value, expected: &str) {
    match submit(api, kind, name, spec, Effect::DryRun).await {
        Err(kube::Error::Api(answer)) => {
            let said = &answer.message;
            assert!(
                said.contains(expected),
                "{kind} {name}: expected {expected:?} in {said:?}"
            );
        }
        other => panic!("{kind} {name} was not refused: {other:?}"),
    }
}

/// Sends an object as `kubectl apply --server-side` does.
async fn submit(
    api: &Api<DynamicObject>,
    kind: &str,
    name: &str,
    spec: &Value,
    effect: Effect,
) -> kube::Result<DynamicObject> {
    let how = PatchParams {
        dry_run: effect == Effect::DryRun,
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::apply("vessel-e2e").force()
    };
    let object = json!({
        "apiVersion": "vessel.media/v1alpha1", "kind": kind,
        "metadata": {"name": name}, "spec": spec,
    });
    api.patch(name, &how, &Patch::Apply(&object)).await
}

fn without(spec: &Value, field: &str) -> Value {
    let mut spec = spec.clone();
    spec.as_object_mut().unwrap().remove(field);
    spec
}

fn resource<K: Resource<DynamicType = ()>>() -> ApiResource {
    ApiResource::erase::<K>(&())
}

/// Applies the definitions where the cluster has none.
async fn definitions(cluster: &Cluster) {
    let definition = ApiResource {
        group: "apiextensions.k8s.io".to_owned(),
        version: "v1".to_owned(),
        api_version: "apiextensions.k8s.io/v1".to_owned(),
        kind: "CustomResourceDefinition".to_owned(),
        plural: "customresourcedefinitions".to_owned(),
    };
    let api: Api<DynamicObject> = Api::all_with(cluster.client.clone(), &definition);
    for plural in [
        "mediaassets",
        "transcodejobs",
        "transcodeprofiles",
        "mediastores",
    ] {
        let name = format!("{plural}.vessel.media");
        if api.get_opt(&name).await.unwrap().is_some() {
            continue;
        }
        let text = fs::read_to_string(root().join(format!("crds/{plural}.yaml"))).unwrap();
        let object: Value = serde_yaml::from_str(&text).unwrap();
        let how = PatchParams::apply("vessel-e2e");
        api.patch(&name, &how, &Patch::Apply(&object))
            .await
            .unwrap();
    }
    until("the definitions are established", seconds(30), async || {
        established(&api).await
    })
    .await;
}

async fn established(api: &Api<DynamicObject>) -> Result<(), String> {
    for plural in [
        "mediaassets",
        "transcodejobs",
        "transcodeprofiles",
        "mediastores",
    ] {
        let name = format!("{plural}.vessel.media");
        let object = api.get(&name).await.map_err(|e| e.to_string())?;
        let text = object.data["status"]["conditions"].to_string();
        if !text.contains(r#""type":"Established""#) {
            return Err(format!("{name}: {text}"));
        }
    }
    Ok(())
}
