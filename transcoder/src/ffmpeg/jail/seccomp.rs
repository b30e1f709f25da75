//! The system calls that the program is left with. Any other one kills it, all of its threads
//! at once: a program that tries is not ffmpeg any more.
use super::syscalls;
use nix::libc::{ENOSYS, SYS_clone3};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule,
};
use std::collections::BTreeMap;
use std::ffi::CStr;

/// When a system call is meant, by its number: always where there are no rules.
pub(super) type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Why there is no filter.
#[derive(Debug, thiserror::Error)]
pub(super) enum FilterError {
    #[error(transparent)]
    Build(#[from] BackendError),
    #[error(transparent)]
    Apply(#[from] seccompiler::Error),
}

/// Leaves to this process, `own`, what ffmpeg needs, and the exec of this pathname, as it lies
/// in memory: a copy of it is another one.
///
/// Numbers of other ABIs (x32, i386) are not on the list, so those are closed too.
pub(super) fn confine(pathname: &CStr, own: u32) -> Result<(), FilterError> {
    // The flags of clone3 lie in memory, where no filter sees them. Where there is no clone3,
    // glibc takes clone. Of two filters the stricter answer holds.
    let absent = Rules::from([(SYS_clone3, Vec::new())]);
    let answer = SeccompAction::Errno(ENOSYS.cast_unsigned());
    apply(absent, SeccompAction::Allow, answer)?;
    let allowed = syscalls::allowed(pathname, own)?;
    apply(allowed, SeccompAction::KillProcess, SeccompAction::Allow)
}

fn apply(rules: Rules, others: SeccompAction, these: SeccompAction) -> Result<(), FilterError> {
    let arch = std::env::consts::ARCH.try_into()?;
    let program: BpfProgram = SeccompFilter::new(rules, others, these, arch)?.try_into()?;
    Ok(seccompiler::apply_filter(&program)?)
}

/// Holds if all of these conditions do.
pub(super) fn rule(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions)
}

/// An argument of 32 bits.
pub(super) fn argument(index: u8, value: u32) -> Result<SeccompCondition, BackendError> {
    let length = SeccompCmpArgLen::Dword;
    SeccompCondition::new(index, length, SeccompCmpOp::Eq, value.into())
}

/// An argument of 64 bits.
pub(super) fn address(index: u8, value: usize) -> Result<SeccompCondition, BackendError> {
    let length = SeccompCmpArgLen::Qword;
    SeccompCondition::new(index, length, SeccompCmpOp::Eq, value as u64)
}
