//! How a pod ended, as its status tells it.
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Pod, PodStatus};
use vessel_crds::transcode_job::Disruptor;
use vessel_storage::verdict::{EXIT_DONE, EXIT_PERMANENT};

/// How a pod ended.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PodEnd {
    /// UID of the pod: of the execution.
    pub uid: String,
    /// `status.reason`: `Evicted`, `DeadlineExceeded`, `NodeLost`.
    pub reason: String,
    /// `status.message`.
    pub message: String,
    /// Exit code of the container, if it ran.
    pub exit_code: Option<i32>,
    /// What the runtime says about the container: `OOMKilled`, `Error`, `Completed`.
    pub container_reason: String,
    /// What the container left in its termination log.
    pub termination_message: String,
    /// The platform's word that it interrupted the pod.
    pub disruption: Option<Disruption>,
}

/// A pod's `DisruptionTarget` condition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Disruption {
    /// Why, in one word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
}

impl Disruption {
    /// Who interrupted the pod.
    pub fn disruptor(&self) -> Disruptor {
        if self.reason == "TerminationByKubelet" {
            Disruptor::Kubelet
        } else {
            Disruptor::Platform
        }
    }
}

impl PodEnd {
    /// The end of `pod`; `None` while it has not ended. A container that has ended is enough
    /// if it says that it is done or has failed for good; else the kubelet has yet to say
    /// why.
    pub fn of(pod: &Pod) -> Option<Self> {
        let status = pod.status.as_ref()?;
        let terminated = terminated(status);
        let spoke = terminated.is_some_and(|end| {
            let last_word = [i32::from(EXIT_DONE), i32::from(EXIT_PERMANENT)];
            end.message.is_some() && last_word.contains(&end.exit_code)
        });
        let phase = status.phase.as_deref().unwrap_or_default();
        if !spoke && !matches!(phase, "Succeeded" | "Failed") {
            return None;
        }
        Some(Self {
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            reason: status.reason.clone().unwrap_or_default(),
            message: status.message.clone().unwrap_or_default(),
            exit_code: terminated.map(|end| end.exit_code),
            container_reason: terminated
                .and_then(|end| end.reason.clone())
                .unwrap_or_default(),
            termination_message: terminated
                .and_then(|end| end.message.clone())
                .unwrap_or_default(),
            disruption: disruption(status),
        })
    }

    /// Whether the container was killed for its memory limit.
    pub fn out_of_memory(&self) -> bool {
        self.container_reason == "OOMKilled"
    }

    /// Whether the kubelet evicted it.
    pub fn evicted(&self) -> bool {
        self.reason == "Evicted"
    }

    /// Whether it ran longer than its `activeDeadlineSeconds`.
    pub fn past_deadline(&self) -> bool {
        self.reason == "DeadlineExceeded"
    }

    /// The end in a few words.
    pub fn describe(&self) -> String {
        let code = self.exit_code.map_or_else(
            || "no exit code".to_owned(),
            |code| format!("exit code {code}"),
        );
        [
            code.as_str(),
            &self.container_reason,
            &self.reason,
            &self.message,
        ]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
    }
}

fn terminated(status: &PodStatus) -> Option<&ContainerStateTerminated> {
    status
        .container_statuses
        .iter()
        .flatten()
        .find_map(|container| container.state.as_ref()?.terminated.as_ref())
}

fn disruption(status: &PodStatus) -> Option<Disruption> {
    status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "DisruptionTarget" && condition.status == "True")
        .map(|condition| Disruption {
            reason: condition.reason.clone().unwrap_or_default(),
            message: condition.message.clone().unwrap_or_default(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(phase: &str, exit_code: i32, message: Option<&str>) -> Pod {
        let terminated = json!({"exitCode": exit_code, "reason": "Error", "message": message});
        with(phase, &json!({"terminated": terminated}))
    }

    fn with(phase: &str, state: &Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"uid": "u"},
            "status": {"phase": phase, "containerStatuses": [{
                "name": "transcoder", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state,
            }]},
        }))
        .unwrap()
    }

    #[test]
    fn a_last_word_ends_a_pod_before_its_phase_does() {
        assert!(PodEnd::of(&pod("Running", 0, Some("{}"))).is_some());
        assert!(PodEnd::of(&pod("Running", 64, Some("{}"))).is_some());
        // Why it may be tried again is for the kubelet to say.
        assert!(PodEnd::of(&pod("Running", 75, Some("{}"))).is_none());
        assert!(PodEnd::of(&pod("Running", 137, None)).is_none());
        assert!(PodEnd::of(&pod("Failed", 137, None)).is_some());
        assert!(PodEnd::of(&with("Running", &json!({"running": {}}))).is_none());
        assert!(PodEnd::of(&Pod::default()).is_none());
    }

    #[test]
    fn who_interrupted_a_pod() {
        let mut interrupted = pod("Failed", 143, None);
        let condition = json!([{"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}]);
        interrupted.status.as_mut().unwrap().conditions =
            serde_json::from_value(condition).unwrap();
        let end = PodEnd::of(&interrupted).unwrap();
        assert_eq!(end.disruption.unwrap().disruptor(), Disruptor::Kubelet);
        assert_eq!(
            PodEnd::of(&pod("Failed", 1, None)).unwrap().disruption,
            None
        );
    }

    #[test]
    fn an_end_is_told_in_a_few_words() {
        let end = PodEnd::of(&pod("Failed", 137, None)).unwrap();
        assert_eq!(end.describe(), "exit code 137, Error");
        assert_eq!(PodEnd::default().describe(), "no exit code");
    }
}
