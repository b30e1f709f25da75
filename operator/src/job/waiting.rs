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

/// Why the Job controller could not make the pod, from the message of its `FailedCreate`
/// event.
pub fn of_failed_create(message: &str) -> Waiting {
    let reason = if message.contains("exceeded quota") || message.contains("failed quota") {
        WaitingReason::QuotaExceeded
    } else {
        WaitingReason::PodsRejected
    };
    Waiting::new(reason, message)
}
