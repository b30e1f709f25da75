//! The CustomResourceDefinitions: whether the cluster serves the schema that we know.
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client};
use std::fmt;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use vessel_crds::labels::{SCHEMA, SCHEMA_VERSION};
use vessel_crds::schema;

/// Between two looks while something is missing.
const SOON: Duration = Duration::from_secs(2);
/// Between two looks once all is well: an upgrade of the CRDs alone shows in five minutes.
const LATER: Duration = Duration::from_mins(5);

/// Whether the definitions are there, as the readiness probe tells it.
pub type DefinitionsView = watch::Receiver<DefinitionsState>;

/// Whether the definitions are there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DefinitionsState {
    /// Nobody has looked yet.
    Unseen,
    /// All four are served with our schema.
    Served,
    /// These are not.
    Wrong(Vec<Problem>),
}

/// What is wrong with a definition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    name: String,
    kind: ProblemKind,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum ProblemKind {
    Missing,
    NotEstablished,
    Schema(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.kind {
            ProblemKind::Missing => write!(
                f,
                "CRD {name} is missing: install the chart with crds.enabled=true"
            ),
            ProblemKind::NotEstablished => write!(f, "CRD {name} is not Established yet"),
            ProblemKind::Schema(found) => write!(
                f,
                "CRD {name} carries {SCHEMA_VERSION} {found:?} and this operator serves {SCHEMA:?}: upgrade the CRDs and the operator together"
            ),
        }
    }
}

impl fmt::Display for DefinitionsState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unseen => f.write_str("the CRDs were not looked at yet"),
            Self::Served => f.write_str("ok"),
            Self::Wrong(problems) => {
                let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("; "))
            }
        }
    }
}

/// Looks at the definitions for ever, often while something is wrong.
pub async fn watch(client: Client, state: watch::Sender<DefinitionsState>) {
    loop {
        match look(&client).await {
            Ok(seen) => {
                state.send_if_modified(|known| {
                    let changed = *known != seen;
                    if changed {
                        tracing::info!(state = %seen, "the CRDs");
                        *known = seen;
                    }
                    changed
                });
            }
            Err(error) => tracing::warn!(%error, "the CRDs could not be looked at"),
        }
        let served = *state.borrow() == DefinitionsState::Served;
        sleep(if served { LATER } else { SOON }).await;
    }
}

/// Waits until all definitions are served with our schema.
pub async fn served(mut view: DefinitionsView) {
    // An error means that nobody looks any more: the process is ending.
    let _ = view
        .wait_for(|state| *state == DefinitionsState::Served)
        .await;
}

async fn look(client: &Client) -> kube::Result<DefinitionsState> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut problems = Vec::new();
    for ours in schema::definitions() {
        let Some(name) = ours.metadata.name else {
            continue;
        };
        let found = definitions.get_opt(&name).await?;
        if let Some(kind) = problem(found.as_ref()) {
            problems.push(Problem { name, kind });
        }
    }
    Ok(if problems.is_empty() {
        DefinitionsState::Served
    } else {
        DefinitionsState::Wrong(problems)
    })
}

fn problem(found: Option<&CustomResourceDefinition>) -> Option<ProblemKind> {
    let Some(found) = found else {
        return Some(ProblemKind::Missing);
    };
    let annotations = found.metadata.annotations.as_ref();
    let version = annotations.and_then(|a| a.get(SCHEMA_VERSION));
    let version = version.map_or("", String::as_str);
    if version != SCHEMA {
        return Some(ProblemKind::Schema(version.to_owned()));
    }
    let conditions = found.status.as_ref().and_then(|s| s.conditions.as_ref());
    let established = conditions.is_some_and(|all| {
        all.iter()
            .any(|c| c.type_ == "Established" && c.status == "True")
    });
    (!established).then_some(ProblemKind::NotEstablished)
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
        CustomResourceDefinitionCondition, CustomResourceDefinitionStatus,
    };

    fn established(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
        crd.status = Some(CustomResourceDefinitionStatus {
            conditions: Some(vec![CustomResourceDefinitionCondition {
                type_: "Established".to_owned(),
                status: "True".to_owned(),
                ..CustomResourceDefinitionCondition::default()
            }]),
            ..CustomResourceDefinitionStatus::default()
        });
        crd
    }

    #[test]
    fn a_definition_is_served_when_it_is_established_with_our_schema() {
        for crd in schema::definitions() {
            assert_eq!(problem(Some(&crd)), Some(ProblemKind::NotEstablished));
            assert_eq!(problem(Some(&established(crd))), None);
        }
        assert_eq!(problem(None), Some(ProblemKind::Missing));
    }

    #[test]
    fn another_schema_is_named() {
        let mut crd = established(schema::definitions().remove(0));
        let annotations = crd.metadata.annotations.as_mut().unwrap();
        annotations.insert(SCHEMA_VERSION.to_owned(), "7".to_owned());
        let kind = problem(Some(&crd)).unwrap();
        let problem = Problem {
            name: "mediaassets.vessel.media".to_owned(),
            kind,
        };
        let text = DefinitionsState::Wrong(vec![problem]).to_string();
        assert!(text.contains("mediaassets.vessel.media"), "{text}");
        assert!(text.contains("\"7\""), "{text}");
    }
}
