//! Why a pod that was asked for does not run yet, as its Job, its events and its status
//! tell it.
use k8s_openapi::api::core::v1::{ContainerStateWaiting, Pod, PodStatus};
use vessel_crds::reason::WaitingReason;

/// A wait with its reason. Waiting is a plan, not an error.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Waiting {
    /// Why, in one word.
    pub reason: WaitingReason,
    /// Why, in a sentence.
    pub message: String,
}

impl Waiting {
    /// A wait.
    pub fn new(reason: WaitingReason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

/// Words of the kubelet for an image that can't be had.
const IMAGE_REASONS: [&str; 6] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
];

/// Why `pod` has not started; `None` when it has, or when nothing is in its way.
pub fn of_pod(pod: &Pod) -> Option<Waiting> {
    let status = pod.status.as_ref()?;
    unschedulable(status).or_else(|| container_waits(status))
}

/// Whether the container of `pod` runs.
pub fn is_running(pod: &Pod) -> bool {
    pod.status
        .iter()
        .flat_map(|status| status.container_statuses.iter().flatten())
        .any(|container| {
            container
                .state
                .as_ref()
                .is_some_and(|state| state.running.is_some())
        })
}

fn unschedulable(status: &PodStatus) -> Option<Waiting> {
    let condition = status.conditions.iter().flatten().find(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.reason.as_deref() == Some("Unschedulable")
    })?;
    let message = condition.message.clone().unwrap_or_default();
    Some(Waiting::new(WaitingReason::Unschedulable, message))
}

fn container_waits(status: &PodStatus) -> Option<Waiting> {
    let waiting: &ContainerStateWaiting = status
        .container_statuses
        .iter()
        .flatten()
        .find_map(|container| container.state.as_ref()?.waiting.as_ref())?;
    let word = waiting.reason.as_deref().unwrap_or_default();
    let message = waiting.message.clone().unwrap_or_else(|| word.to_owned());
    if IMAGE_REASONS.contains(&word) {
        Some(Waiting::new(WaitingReason::ImagePull, message))
    } else if word.starts_with("Create") {
        Some(Waiting::new(WaitingReason::PodsRejected, message))
    } else {
        None
    }
}

/// What stands before these words names a pod that is another one at every try: the same
/// wait would be told anew each time.
const FORBIDDEN: &str = "is forbidden: ";

/// Why the Job controller could not make the pod, from the message of its `FailedCreate`
/// event.
pub fn of_failed_create(message: &str) -> Waiting {
    let reason = if message.contains("exceeded quota") || message.contains("failed quota") {
        WaitingReason::QuotaExceeded
    } else {
        WaitingReason::PodsRejected
    };
    let why = message
        .split_once(FORBIDDEN)
        .map_or(message, |(_, why)| why);
    Waiting::new(reason, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(status: &Value) -> Pod {
        serde_json::from_value(json!({"metadata": {}, "status": status})).unwrap()
    }

    fn container(state: &Value) -> Value {
        json!({"containerStatuses": [{
            "name": "transcoder", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": state,
        }]})
    }

    fn waiting(reason: &str) -> Option<WaitingReason> {
        let state = json!({"waiting": {"reason": reason, "message": "so it is"}});
        of_pod(&pod(&container(&state))).map(|waiting| waiting.reason)
    }

    #[test]
    fn what_keeps_a_pod_from_starting() {
        let unschedulable = json!({"conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available",
        }]});
        let told = of_pod(&pod(&unschedulable)).unwrap();
        assert_eq!(
            told,
            Waiting::new(WaitingReason::Unschedulable, "0/1 nodes are available")
        );
        assert_eq!(waiting("ImagePullBackOff"), Some(WaitingReason::ImagePull));
        assert_eq!(waiting("ErrImageNeverPull"), Some(WaitingReason::ImagePull));
        assert_eq!(
            waiting("CreateContainerConfigError"),
            Some(WaitingReason::PodsRejected)
        );
        assert_eq!(waiting("ContainerCreating"), None);
        assert_eq!(of_pod(&pod(&json!({}))), None);
    }

    #[test]
    fn a_running_container_is_a_running_pod() {
        assert!(is_running(&pod(&container(&json!({"running": {}})))));
        assert!(!is_running(&pod(&container(&json!({"waiting": {}})))));
        assert!(!is_running(&pod(&json!({}))));
    }

    #[test]
    fn a_refused_pod_is_told_without_its_name() {
        let quota = of_failed_create(
            "Error creating: pods \"q-1-rv82l\" is forbidden: exceeded quota: q, limited: pods=0",
        );
        assert_eq!(
            quota,
            Waiting::new(
                WaitingReason::QuotaExceeded,
                "exceeded quota: q, limited: pods=0"
            )
        );
        let security = of_failed_create(
            "Error creating: pods \"a-1-x\" is forbidden: violates PodSecurity \"restricted:latest\"",
        );
        assert_eq!(security.reason, WaitingReason::PodsRejected);
        assert_eq!(
            of_failed_create("no such PriorityClass").message,
            "no such PriorityClass"
        );
    }
}
