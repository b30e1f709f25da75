//! Events that a person reads with `kubectl describe`.
//!
//! An Event that can't be written never fails a reconciliation. Equal ones within six
//! minutes become one with a count.
use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource};
use std::fmt;
use vessel_crds::labels::FIELD_MANAGER;

/// Writes Events.
#[derive(Clone)]
pub struct Events(Recorder);

impl Events {
    /// Events that say that this pod wrote them.
    pub fn new(client: Client, pod_name: &str) -> Self {
        let reporter = Reporter {
            controller: FIELD_MANAGER.to_owned(),
            instance: Some(pod_name.to_owned()),
        };
        Self(Recorder::new(client, reporter))
    }

    /// Tells of something that went as it should.
    pub async fn normal<K>(&self, object: &K, reason: &str, note: &str)
    where
        K: Resource<DynamicType = ()> + Sync,
    {
        let object = object.object_ref(&());
        self.publish(EventType::Normal, &object, reason, note).await;
    }

    /// Tells of something that somebody should look at.
    pub async fn warning<K>(&self, object: &K, reason: &str, note: &str)
    where
        K: Resource<DynamicType = ()> + Sync,
    {
        let object = object.object_ref(&());
        self.publish(EventType::Warning, &object, reason, note)
            .await;
    }

    async fn publish(&self, type_: EventType, object: &ObjectReference, reason: &str, note: &str) {
        // events.k8s.io/v1 takes at most 1,024 bytes.
        let (note, _) = note.split_at(note.floor_char_boundary(1000));
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note: Some(note.to_owned()),
            action: reason.to_owned(),
            secondary: None,
        };
        if let Err(error) = self.0.publish(&event, object).await {
            tracing::warn!(%reason, %error, "an Event could not be written");
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}
