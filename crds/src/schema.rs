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
    reflow(&mut value);
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

/// Puts each paragraph of a description on one line: `kubectl explain` wraps lines itself,
/// and would print the breaks of the source code as well. A rustdoc link keeps its name.
fn reflow(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(text)) = fields.get_mut("description") {
                *text = paragraphs(text);
            }
            fields.values_mut().for_each(reflow);
        }
        Value::Array(list) => list.iter_mut().for_each(reflow),
        _ => {}
    }
}

fn paragraphs(text: &str) -> String {
    let joined: Vec<String> = text
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let mut words = joined.join("\n\n");
    while let Some((before, name, after)) = link(&words) {
        words = format!("{before}{name}{after}");
    }
    words
}

/// The first rustdoc link of `text` as (before, name, after): `[name](path)` or `[name]`.
fn link(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("[`")?;
    let (name, after) = rest.split_once("`]")?;
    let after = after
        .strip_prefix('(')
        .and_then(|target| target.split_once(')'))
        .map_or(after, |(_, after)| after);
    Some((before, name, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_prose_without_breaks_and_links() {
        let text =
            "[`progress_percent`](Self::progress_percent) for\npeople: `71%`.\n\nSee [`Phase`].";
        assert_eq!(
            paragraphs(text),
            "progress_percent for people: `71%`.\n\nSee Phase."
        );
    }

    #[test]
    fn a_new_object_starts_with_a_status() {
        for crd in definitions() {
            let value = installed(&crd).unwrap();
            let start = "/spec/versions/0/schema/openAPIV3Schema/properties/status/default/observedGeneration";
            assert_eq!(
                value.pointer(start),
                Some(&json!(-1)),
                "{}",
                crd.spec.names.kind
            );
        }
    }

    #[test]
    fn every_field_is_documented() {
        for crd in definitions() {
            let value = installed(&crd).unwrap();
            let schema = value
                .pointer("/spec/versions/0/schema/openAPIV3Schema")
                .unwrap();
            let mut bare = Vec::new();
            for part in ["spec", "status"] {
                undocumented(&schema["properties"][part], part, &mut bare);
            }
            assert!(bare.is_empty(), "{}: {bare:?}", crd.spec.names.kind);
        }
    }

    fn undocumented(schema: &Value, path: &str, bare: &mut Vec<String>) {
        if schema.get("description").is_none() {
            bare.push(path.to_owned());
        }
        for (name, field) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            undocumented(field, &format!("{path}.{name}"), bare);
        }
        if let Some(fields) = schema
            .pointer("/items/properties")
            .and_then(Value::as_object)
        {
            for (name, field) in fields {
                undocumented(field, &format!("{path}[].{name}"), bare);
            }
        }
    }
}
