//! Specs of assets as people write them.
use crate::store::TEST_STORE;
use serde_json::{Value, json};

/// An audio asset that anybody may play, from an object of the bucket.
pub fn from_s3(key: &str) -> Value {
    public(json!({"s3": {"key": key}}))
}

/// An audio asset that anybody may play, from a web server.
pub fn from_http(url: &str) -> Value {
    public(json!({"http": {"url": url}}))
}

/// An audio asset that anybody may play, from an upload.
pub fn from_upload(filename: &str) -> Value {
    public(json!({"upload": {"filename": filename}}))
}

fn public(source: Value) -> Value {
    json!({"source": source, "profiles": ["audio"], "visibility": "Public"})
}

/// The same in the store that the tests make, whose sweep and sources they choose.
pub fn in_test_store(spec: Value) -> Value {
    in_store(spec, TEST_STORE)
}

/// The same in a store by its name.
pub fn in_store(mut spec: Value, name: &str) -> Value {
    spec["storeName"] = name.into();
    spec
}
