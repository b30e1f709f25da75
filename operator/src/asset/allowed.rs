//! Whether a namespace may use something. Pure.
use crate::caches::NamespaceMeta;
use kube::ResourceExt;
use kube::core::{Selector, SelectorExt};
use vessel_crds::media_store::{AllowedNamespaces, NamespacesFrom};

/// Whether `rule` permits `namespace`. A namespace that is not known yet, and a selector that
/// does not parse, match nothing.
pub fn permits(rule: &AllowedNamespaces, namespace: Option<&NamespaceMeta>) -> bool {
    if rule.from == NamespacesFrom::All {
        return true;
    }
    let selector = rule
        .selector
        .clone()
        .and_then(|selector| Selector::try_from(selector).ok());
    match (selector, namespace) {
        (Some(selector), Some(namespace)) => selector.matches(namespace.labels()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rule(rule: serde_json::Value) -> AllowedNamespaces {
        serde_json::from_value(rule).unwrap()
    }

    #[test]
    fn a_selector_asks_for_labels() {
        let music: NamespaceMeta =
            serde_json::from_value(json!({"metadata": {"name": "m", "labels": {"team": "music"}}}))
                .unwrap();
        let team = |team: &str| {
            rule(json!({"from": "Selector", "selector": {"matchLabels": {"team": team}}}))
        };
        assert!(permits(&rule(json!({})), None));
        assert!(permits(&team("music"), Some(&music)));
        assert!(!permits(&team("film"), Some(&music)));
        assert!(!permits(&team("music"), None));
        assert!(!permits(&rule(json!({"from": "Selector"})), Some(&music)));
    }
}
