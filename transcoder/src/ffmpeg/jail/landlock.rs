//! Files, TCP, signals and abstract sockets.
use super::Policy;
use ::landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
};
use vessel_storage::order::SandboxMode;

pub(super) use ::landlock::RulesetStatus;

/// Answers how much of it this kernel can do.
///
/// ABI 4 brought TCP, 5 ioctl, 6 signals and abstract sockets: 4 is asked for, the rest is
/// taken where it is there.
pub(super) fn restrict(policy: &Policy) -> Result<RulesetStatus, RulesetError> {
    let demanded = match policy.mode {
        SandboxMode::Required => CompatLevel::HardRequirement,
        SandboxMode::BestEffort => CompatLevel::BestEffort,
    };
    let execute: BitFlags<AccessFs> = AccessFs::from_read(ABI::V4);
    let status = Ruleset::default()
        .set_compatibility(demanded)
        .handle_access(AccessFs::from_all(ABI::V4))?
        .handle_access(AccessNet::from_all(ABI::V4))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))?
        .scope(Scope::from_all(ABI::V6))?
        .create()?
        .add_rules(path_beneath_rules(&policy.reads, AccessFs::ReadFile))?
        .add_rules(path_beneath_rules(&policy.executes, execute))?
        .restrict_self()?;
    Ok(status.ruleset)
}
