//! An asset that does not deserialise. It stops nothing else; its status says so, as it lies
//! in the apiserver and without the type that does not fit.
use super::Error;
use crate::apiserver::{ApiError, get_untyped, write_status};
use crate::caches::Asset;
use crate::controllers::Leader;
use crate::metrics::ReconcileErrorClass;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt;
use kube::core::error_boundary::InvalidObject;
use serde_json::{Value, json};
use vessel_crds::condition::{ConditionStatus, ConditionType, Fact};
use vessel_crds::{MediaAsset, Phase};

/// The word for it on conditions and Events.
const INVALID: &str = "Invalid";

/// Says on an asset that can't be read that nothing is done for it, once.
pub async fn tell(asset: &Asset, broken: &InvalidObject, leader: &Leader) -> Error {
    let note = format!(
        "{INVALID}: the object does not fit its schema, nothing is done for it: {}: correct it, or let the version of Vessel look after it that wrote it",
        broken.error
    );
    match stall(asset, broken, &note, leader).await {
        Ok(Written::AsItWas) => {}
        Ok(Written::Stalled) => warn(asset, &note, leader).await,
        Err(error) if error.class() == ReconcileErrorClass::Conflict => {
            return Error::Status(error);
        }
        // The apiserver may refuse what does not fit: then only the Event tells.
        Err(error) => {
            tracing::warn!(name = asset.name_any(), %error, "the status of an asset that can't be read can't be written");
            warn(asset, &note, leader).await;
        }
    }
    Error::Invalid(Box::new(broken.clone()))
}

async fn warn(asset: &Asset, note: &str, leader: &Leader) {
    let events = &leader.context.events;
    events.warning(asset, INVALID, note).await;
}

enum Written {
    AsItWas,
    Stalled,
}

async fn stall(
    asset: &Asset,
    broken: &InvalidObject,
    note: &str,
    leader: &Leader,
) -> Result<Written, ApiError> {
    let client = &leader.context.client;
    let namespace = asset.namespace().unwrap_or_default();
    let found = get_untyped::<MediaAsset>(client, &namespace, &asset.name_any()).await?;
    let before = found
        .and_then(|object| object.get("status").cloned())
        .unwrap_or_default();
    let generation = broken.metadata.generation.unwrap_or_default();
    let after = stalled(&before, note, generation, &leader.context.clock.now_meta());
    if after == before {
        return Ok(Written::AsItWas);
    }
    write_status(client, &super::finalize::stub(asset), &after).await?;
    Ok(Written::Stalled)
}

/// The status as it lies there, with the conditions of an asset that can't be read. Whatever
/// else it says stays: its finalizer needs to know the store. Pure.
fn stalled(before: &Value, note: &str, generation: i64, now: &Time) -> Value {
    let conditions = before.get("conditions").cloned().unwrap_or_default();
    let conditions: Vec<Condition> = serde_json::from_value(conditions).unwrap_or_default();
    let fact = |kind, status| Fact::new(kind, status, INVALID, note);
    let facts = [
        fact(ConditionType::Ready, ConditionStatus::False),
        fact(ConditionType::Stalled, ConditionStatus::True),
    ];
    let ours = [
        ConditionType::Ready,
        ConditionType::Stalled,
        ConditionType::Reconciling,
    ];
    let is_ours = |condition: &Condition| ours.iter().any(|kind| kind.as_str() == condition.type_);
    let kept = conditions.iter().filter(|condition| !is_ours(condition));
    let mut next: Vec<Condition> = kept.cloned().collect();
    next.extend(Fact::merge(&facts, &conditions, generation, now));
    let mut after = before.as_object().cloned().unwrap_or_default();
    after.insert("observedGeneration".to_owned(), json!(generation));
    after.insert("phase".to_owned(), json!(Phase::Failed));
    after.insert("message".to_owned(), json!(note));
    after.insert("conditions".to_owned(), json!(next));
    Value::Object(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Time {
        Time(jiff::Timestamp::from_second(second).unwrap())
    }

    #[test]
    fn what_else_a_status_says_stays_and_it_is_written_once() {
        let condition = |kind: &str, status: &str| {
            json!({
                "type": kind, "status": status, "reason": "Published", "message": "",
                "lastTransitionTime": "1970-01-01T00:00:00Z",
            })
        };
        let before = json!({
            "observedGeneration": 1, "phase": "Ready", "fromTheFuture": {"a": 1},
            "resolved": {"storeName": "main"},
            "conditions": [condition("Playable", "True"), condition("Ready", "True"), condition("Reconciling", "True")],
        });
        let after = stalled(&before, "it is broken", 2, &at(60));
        assert_eq!(after["resolved"], before["resolved"]);
        assert_eq!(after["fromTheFuture"], before["fromTheFuture"]);
        let kinds: Vec<_> = after["conditions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|condition| {
                (
                    condition["type"].as_str().unwrap(),
                    condition["status"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            kinds,
            [
                ("Playable", "True"),
                ("Ready", "False"),
                ("Stalled", "True")
            ]
        );
        assert_eq!(stalled(&after, "it is broken", 2, &at(120)), after);
    }

    #[test]
    fn an_object_without_a_status_gets_one() {
        let after = stalled(&Value::Null, "it is broken", 1, &at(60));
        assert_eq!(after["phase"], "Failed");
        assert_eq!(after["conditions"].as_array().map(Vec::len), Some(2));
    }
}
