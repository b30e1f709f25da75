//! What of `spec.retention` this version does not act on. Nobody is left to believe that it
//! does: the asset's message and an Event say so.
use vessel_crds::MediaAsset;
use vessel_crds::media_asset::SourceRetention;

/// The fields that are set and not acted on.
pub fn not_acted_on(asset: &MediaAsset) -> Option<String> {
    let retention = asset.spec.retention.as_ref()?;
    let fields: Vec<_> = [
        (
            retention.source != SourceRetention::Keep,
            "spec.retention.source",
        ),
        (
            retention.cleanup_after_failed_seconds.is_some(),
            "spec.retention.cleanupAfterFailedSeconds",
        ),
        (
            retention.expire_after_seconds.is_some(),
            "spec.retention.expireAfterSeconds",
        ),
    ]
    .into_iter()
    .filter_map(|(set, name)| set.then_some(name))
    .collect();
    (!fields.is_empty()).then(|| fields.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::fixtures::asset;
    use serde_json::json;

    #[test]
    fn what_is_set_is_named() {
        let of = |retention: serde_json::Value| {
            not_acted_on(&asset(&json!({"spec": {"retention": retention}})))
        };
        assert_eq!(of(json!(null)), None);
        assert_eq!(of(json!({"source": "Keep"})), None);
        assert_eq!(
            of(json!({"source": "DeleteWhenReady", "expireAfterSeconds": 60})).as_deref(),
            Some("spec.retention.source, spec.retention.expireAfterSeconds")
        );
    }
}
