//! The CustomResourceDefinitions as they are installed.
use crate::{MediaAsset, MediaStore, TranscodeJob, TranscodeProfile};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Value, json};

/// All four definitions, in the order of the documentation.
pub fn definitions() -> Vec<CustomResourceDefinition> {
    vec![
        MediaAsset::crd(),
        TranscodeJob::crd(),
        TranscodeProfile::crd(),
        MediaStore::crd(),
    ]
}

/// A definition as it goes into YAML: without nulls and empty lists, and with the status
/// that a new object starts with (kstatus calls a missing status Current).
pub fn installed(crd: &CustomResourceDefinition) -> Result<Value, serde_json::Error> {
    let mut value = serde_json::to_value(crd)?;
    if let Some(root) = value.as_object_mut() {
        root.remove("status");
    }
    if let Some(versions) = value
        .pointer_mut("/spec/versions")
        .and_then(Value::as_array_mut)
    {
        for version in versions {
            add_status_default(version);
        }
    }
    prune(&mut value);
    Ok(value)
}

fn add_status_default(version: &mut Value) {
    let Some(status) = version.pointer_mut("/schema/openAPIV3Schema/properties/status") else {
        return;
    };
    let has_phase = status.pointer("/properties/phase").is_some();
    let start = if has_phase {
        json!({"observedGeneration": -1, "phase": "Pending"})
    } else {
        json!({"observedGeneration": -1})
    };
    if let Some(status) = status.as_object_mut() {
        status.insert("default".to_owned(), start);
    }
}

/// Drops nulls and empty lists, which server-side apply and `kubectl diff` trip over, and
/// `nullable`: a field that is there but null would count as present in CEL's `has`. An empty
/// object is kept: `subresources.status: {}` means something.
fn prune(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| {
                !field.is_null() && field.as_array().is_none_or(|list| !list.is_empty())
            });
            if fields.get("nullable") == Some(&Value::Bool(true)) {
                fields.remove("nullable");
            }
            fields.values_mut().for_each(prune);
        }
        Value::Array(list) => list.iter_mut().for_each(prune),
        _ => {}
    }
}
