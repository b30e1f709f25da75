//! The sandbox, as the process that enters it sees it: it gives up its rights, then becomes
//! ffmpeg. All of it happens in a fresh process before the program is loaded, so that
//! nothing has to run between fork and exec.
//!
//! Left to the program are the descriptors that it is given, the files named in the policy,
//! and computing. Landlock takes files, TCP, signals and abstract sockets; of the system
//! calls, the seccomp filters leave those that ffmpeg makes.
mod landlock;
mod seccomp;
mod syscalls;

use self::landlock::RulesetStatus;
use nix::sys::resource::{Resource, setrlimit};
use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::ffi::{CStr, CString, NulError};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::ExitCode;
use vessel_storage::order::SandboxMode;

/// What a line of the report begins with when the sandbox could not be entered.
pub const REFUSED: &str = "vessel-sandbox: ";

/// What a line of the report begins with when the kernel could not do all of it, which
/// `BestEffort` lets pass.
pub const WEAK: &str = "vessel-sandbox-weak: ";

/// The one variable of the environment: malloc reserves 64 MiB of address space a thread
/// otherwise, and ffmpeg has a thread for everything.
const ENVIRONMENT: &CStr = c"MALLOC_ARENA_MAX=2";
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
    /// The descriptor for what the sandbox itself has to say. The program does not get it, so
    /// that it can't speak for the sandbox. Without one, that goes to stderr.
    #[serde(default)]
    pub report_descriptor: Option<i32>,
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
    Landlock(#[from] ::landlock::RulesetError),
    #[error("seccomp: {0}")]
    Filter(#[from] seccomp::FilterError),
    #[error("the command line: {0}")]
    Command(#[from] NulError),
    #[error("{0} did not start: {1}")]
    Exec(String, nix::Error),
}

/// Enters the sandbox and becomes `command`. Returns only when that failed.
pub fn main(policy: &str, command: &[String]) -> ExitCode {
    let mut report = Report::Stderr;
    let error = match become_program(policy, command, &mut report) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    report.line(REFUSED, &error.to_string());
    ExitCode::FAILURE
}

fn become_program(
    policy: &str,
    command: &[String],
    report: &mut Report,
) -> Result<Infallible, JailError> {
    let policy: Policy = serde_json::from_str(policy)?;
    *report = Report::open(policy.report_descriptor)?;
    close_descriptors(policy.last_descriptor, report)?;
    limit_resources(policy.address_space_bytes)?;
    nix::sys::prctl::set_no_new_privs()?;
    let status = landlock::restrict(&policy)?;
    if status != RulesetStatus::FullyEnforced {
        report.line(WEAK, &format!("Landlock is {status:?} here"));
    }
    exec(command)
}

/// Confines this process to what the program needs and becomes it.
fn exec(command: &[String]) -> Result<Infallible, JailError> {
    let arguments = command.iter().map(|word| CString::new(word.as_str()));
    let arguments = arguments.collect::<Result<Vec<_>, _>>()?;
    let pathname = arguments.first().cloned().unwrap_or_default();
    seccomp::confine(&pathname, std::process::id())?;
    nix::unistd::execve(&pathname, &arguments, &[ENVIRONMENT])
        .map_err(|error| JailError::Exec(pathname.to_string_lossy().into_owned(), error))
}

/// Where the sandbox speaks.
#[derive(Debug)]
enum Report {
    /// Where the program will.
    Stderr,
    /// Where the program can't: it is closed by the exec.
    Own(File),
}

impl Report {
    /// Opened anew, because what is inherited for this is not closed by an exec.
    fn open(descriptor: Option<i32>) -> Result<Self, std::io::Error> {
        let Some(descriptor) = descriptor else {
            return Ok(Self::Stderr);
        };
        let inherited = format!("/proc/self/fd/{descriptor}");
        Ok(Self::Own(File::options().write(true).open(inherited)?))
    }

    fn line(&mut self, prefix: &str, text: &str) {
        // Who does not listen does not want to know.
        let _ = match self {
            Self::Stderr => writeln!(std::io::stderr(), "{prefix}{text}"),
            Self::Own(file) => writeln!(file, "{prefix}{text}"),
        };
    }

    fn is_at(&self, descriptor: i32) -> bool {
        matches!(self, Self::Own(file) if file.as_raw_fd() == descriptor)
    }
}

/// Closes whatever this process inherited beyond what it was given. Those that are closed on
/// exec anyway are closed here too: nothing below needs them.
fn close_descriptors(last: i32, report: &Report) -> Result<(), std::io::Error> {
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    let beyond = |&descriptor: &i32| descriptor > last && !report.is_at(descriptor);
    for descriptor in open.into_iter().filter(beyond) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_reads_as_it_is_written() {
        let policy = Policy {
            reads: vec!["/scratch/source".into()],
            executes: vec!["/usr/lib".into()],
            address_space_bytes: 1 << 30,
            last_descriptor: 4,
            report_descriptor: Some(5),
            mode: SandboxMode::Required,
        };
        let text = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
    }
}
