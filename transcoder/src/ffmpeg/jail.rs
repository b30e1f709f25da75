//! The sandbox, as the process that enters it sees it: it gives up its rights, then becomes
//! ffmpeg. All of it happens in a fresh process before the program is loaded, so that
//! nothing has to run between fork and exec.
//!
//! Left to the program are the descriptors that it is given, the files named in the policy,
//! and computing. Landlock takes files, TCP, signals and abstract sockets; the seccomp
//! filter takes the sockets that Landlock knows nothing of, and io_uring, which could open
//! them behind the filter's back.
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
    path_beneath_rules,
};
use nix::sys::resource::{Resource, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::ExitCode;
use vessel_storage::order::SandboxMode;

/// What the first line on stderr begins with when the sandbox could not be entered.
pub const REFUSED: &str = "vessel-sandbox: ";

/// What a line on stderr begins with when the kernel could not do all of it, which `BestEffort`
/// lets pass.
pub const WEAK: &str = "vessel-sandbox-weak: ";

/// The one variable of the environment: malloc reserves 64 MiB of address space a thread
/// otherwise, and ffmpeg has a thread for everything.
const ARENAS: &str = "2";
/// Bytes of a thread's stack; the default of 8 MiB would count against the address space.
const STACK: u64 = 2 << 20;

/// What is left to the program.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Files that it may read.
    pub reads: Vec<PathBuf>,
    /// Files and folders that it may read and execute: itself and its libraries.
    pub executes: Vec<PathBuf>,
    /// Bytes of address space.
    pub address_space_bytes: u64,
    /// Descriptors that it keeps: 0 to this one.
    pub last_descriptor: i32,
    /// What to do on a kernel that can't do all of it.
    pub mode: SandboxMode,
}

/// Why the program did not start.
#[derive(Debug, thiserror::Error)]
enum JailError {
    #[error("the policy does not parse: {0}")]
    Policy(#[from] serde_json::Error),
    #[error("descriptors: {0}")]
    Descriptors(#[from] std::io::Error),
    #[error("limits: {0}")]
    Limits(#[from] nix::Error),
    #[error(
        "this node's kernel has no Landlock of ABI 4 or later (Linux 6.7), which keeps ffmpeg \
         from files and network: run on other nodes, or set transcoder.sandbox to BestEffort ({0})"
    )]
    Landlock(#[from] landlock::RulesetError),
    #[error("seccomp: {0}")]
    Seccomp(#[from] seccompiler::Error),
    #[error("seccomp: {0}")]
    Filter(#[from] seccompiler::BackendError),
    #[error("{0} did not start: {1}")]
    Exec(String, std::io::Error),
}

/// Enters the sandbox and becomes `command`. Returns only when that failed.
pub fn main(policy: &str, command: &[String]) -> ExitCode {
    let error = match become_program(policy, command) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    eprintln!("{REFUSED}{error}");
    ExitCode::FAILURE
}

fn become_program(policy: &str, command: &[String]) -> Result<std::convert::Infallible, JailError> {
    let policy: Policy = serde_json::from_str(policy)?;
    close_descriptors(policy.last_descriptor)?;
    limit_resources(policy.address_space_bytes)?;
    nix::sys::prctl::set_no_new_privs()?;
    let status = restrict(&policy)?;
    if status.ruleset != RulesetStatus::FullyEnforced {
        eprintln!("{WEAK}Landlock is {:?} here", status.ruleset);
    }
    refuse_syscalls(refused_syscalls(Signals::of(&status), std::process::id())?)?;
    let (program, arguments) = command
        .split_first()
        .map_or(("", &[][..]), |(program, rest)| (program.as_str(), rest));
    let error = std::process::Command::new(program)
        .args(arguments)
        .env_clear()
        .env("MALLOC_ARENA_MAX", ARENAS)
        .exec();
    Err(JailError::Exec(program.to_owned(), error))
}

/// Closes whatever this process inherited beyond what it was given. Those that are closed on
/// exec anyway are closed here too: nothing below needs them.
fn close_descriptors(last: i32) -> Result<(), std::io::Error> {
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > last) {
        // EBADF: the descriptor with which the folder was read.
        let _ = nix::unistd::close(descriptor);
    }
    Ok(())
}

fn limit_resources(address_space_bytes: u64) -> Result<(), nix::Error> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    setrlimit(Resource::RLIMIT_FSIZE, 0, 0)?;
    setrlimit(Resource::RLIMIT_STACK, STACK, STACK)?;
    setrlimit(
        Resource::RLIMIT_AS,
        address_space_bytes,
        address_space_bytes,
    )
}

/// ABI 4 brought TCP, 5 ioctl, 6 signals and abstract sockets: 4 is asked for, the rest is
/// taken where it is there.
fn restrict(policy: &Policy) -> Result<RestrictionStatus, landlock::RulesetError> {
    let demanded = match policy.mode {
        SandboxMode::Required => CompatLevel::HardRequirement,
        SandboxMode::BestEffort => CompatLevel::BestEffort,
    };
    let execute: BitFlags<AccessFs> = AccessFs::from_read(ABI::V4);
    Ruleset::default()
        .set_compatibility(demanded)
        .handle_access(AccessFs::from_all(ABI::V4))?
        .handle_access(AccessNet::from_all(ABI::V4))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))?
        .scope(Scope::from_all(ABI::V6))?
        .create()?
        .add_rules(path_beneath_rules(&policy.reads, AccessFs::ReadFile))?
        .add_rules(path_beneath_rules(&policy.executes, execute))?
        .restrict_self()
}

/// Who keeps the program from sending signals to others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Signals {
    /// Landlock, from ABI 6 on.
    Scoped,
    /// Nobody yet.
    Open,
}

impl Signals {
    fn of(status: &RestrictionStatus) -> Self {
        match status.landlock {
            LandlockStatus::Available { effective_abi, .. } if effective_abi >= ABI::V6 => {
                Self::Scoped
            }
            _ => Self::Open,
        }
    }
}

/// When a system call is refused, by its number: always where there are no rules.
type Refusals = BTreeMap<i64, Vec<SeccompRule>>;

/// By number, with those of the x32 ABI, which a filter by number would let through. `own` is
/// the process that is going to be the program: its threads signal each other.
fn refused_syscalls(signals: Signals, own: u32) -> Result<Refusals, seccompiler::BackendError> {
    const X32: i64 = 0x4000_0000;
    // Of the kernel's `fcntl.h`; libc does not name it.
    const F_SETOWN_EX: i32 = 15;
    let always = |numbers: &[i64]| -> Refusals {
        let numbers = numbers.iter();
        numbers.map(|&number| (number, Vec::new())).collect()
    };
    let mut refusals = always(&[
        nix::libc::SYS_socket,
        nix::libc::SYS_socketpair,
        nix::libc::SYS_io_uring_setup,
    ]);
    if signals == Signals::Open {
        refusals.extend(always(&[
            nix::libc::SYS_kill,
            nix::libc::SYS_tkill,
            nix::libc::SYS_pidfd_send_signal,
            nix::libc::SYS_rt_sigqueueinfo,
            nix::libc::SYS_rt_tgsigqueueinfo,
        ]));
        let others = when(0, SeccompCmpOp::Ne, own.into())?;
        refusals.insert(nix::libc::SYS_tgkill, vec![others]);
        // The owner of a pipe gets a signal when there is something to read.
        let owner = [nix::libc::F_SETOWN, F_SETOWN_EX];
        let owner = owner.map(|command| when(1, SeccompCmpOp::Eq, command.unsigned_abs().into()));
        let owner = owner.into_iter().collect::<Result<_, _>>()?;
        refusals.insert(nix::libc::SYS_fcntl, owner);
    }
    if cfg!(target_arch = "x86_64") {
        let native = refusals.clone().into_iter();
        refusals.extend(native.map(|(number, rules)| (number | X32, rules)));
    }
    Ok(refusals)
}

/// Holds for a call whose argument, as 32 bits, compares so.
fn when(
    argument: u8,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule, seccompiler::BackendError> {
    let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)?;
    SeccompRule::new(vec![condition])
}

fn refuse_syscalls(rules: Refusals) -> Result<(), JailError> {
    let refuse = SeccompAction::Errno(nix::libc::EPERM.unsigned_abs());
    let arch = std::env::consts::ARCH.try_into()?;
    let program: BpfProgram =
        SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch)?.try_into()?;
    Ok(seccompiler::apply_filter(&program)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_and_io_uring_are_refused_and_signals_where_landlock_does_not_scope_them() {
        let scoped = refused_syscalls(Signals::Scoped, 1).unwrap();
        for number in [
            nix::libc::SYS_socket,
            nix::libc::SYS_socketpair,
            nix::libc::SYS_io_uring_setup,
        ] {
            assert!(scoped.contains_key(&number));
        }
        assert!(!scoped.contains_key(&nix::libc::SYS_kill));
        let open = refused_syscalls(Signals::Open, 1).unwrap();
        assert!(open.contains_key(&nix::libc::SYS_kill));
    }

    /// A call by its number, in a process that inherits this thread's filter.
    fn calls(number: i64, arguments: &[i64]) -> bool {
        let arguments: Vec<String> = arguments.iter().map(i64::to_string).collect();
        let arguments = arguments.join(", ");
        let script = format!("exit(syscall({number}, {arguments}) == 0 ? 0 : 1)");
        let status = std::process::Command::new("/usr/bin/perl")
            .args(["-e", &script])
            .status();
        status.unwrap().success()
    }

    #[test]
    fn where_landlock_does_not_scope_signals_none_reaches_another_process() {
        use nix::libc::{SYS_fcntl, SYS_kill, SYS_tgkill};
        let mut other = std::process::Command::new("/bin/sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let (own, foreign) = (i64::from(std::process::id()), i64::from(other.id()));
        let owner = i64::from(nix::libc::F_SETOWN);
        let reaches = move || {
            [
                calls(SYS_kill, &[foreign, 0]),
                calls(SYS_tgkill, &[foreign, foreign, 0]),
                calls(SYS_fcntl, &[0, owner, foreign]),
                calls(SYS_tgkill, &[own, own, 0]),
            ]
        };
        assert_eq!(reaches(), [true; 4]);
        // Filters hold for a thread and what it starts.
        let confined = std::thread::spawn(move || {
            refuse_syscalls(refused_syscalls(Signals::Open, std::process::id()).unwrap()).unwrap();
            reaches()
        });
        let confined = confined.join().unwrap();
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(confined, [false, false, false, true]);
    }

    #[test]
    fn a_policy_reads_as_it_is_written() {
        let policy = Policy {
            reads: vec!["/scratch/source".into()],
            executes: vec!["/usr/lib".into()],
            address_space_bytes: 1 << 30,
            last_descriptor: 4,
            mode: SandboxMode::Required,
        };
        let text = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
    }
}
