//! A sandboxed ffmpeg or ffprobe as a child process.
use super::jail::{Policy, REFUSED, WEAK};
use super::log::{self, LogFacts};
use crate::stop::{Failure, Stop, failed, internal};
use crate::tools::{Tool, Toolbox};
use command_fds::{CommandFdExt, FdMapping};
use nix::sys::signal::Signal;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use vessel_crds::reason::FailureReason;
use vessel_storage::order::{Limits, SandboxMode};

/// The first descriptor beyond stdin, stdout and stderr.
pub const FIRST_EXTRA: i32 = 3;

/// Threads of a decoder or an encoder: what the container's quota allows.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Starts tools in the sandbox.
#[derive(Clone, Debug)]
pub struct Sandbox {
    tools: Toolbox,
    address_space_bytes: u64,
    mode: SandboxMode,
}

/// What a tool is run with.
#[derive(Debug)]
pub struct Invocation<'a> {
    /// Which tool.
    pub tool: Tool,
    /// Its arguments.
    pub arguments: &'a [String],
    /// What it reads.
    pub reads: Reads<'a>,
    /// Pipe ends that it gets as descriptors 3, 4, ….
    pub extra: Vec<OwnedFd>,
}

/// What a tool reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reads<'a> {
    /// What we have made ourselves, on its descriptors.
    Own,
    /// The source, in this file, which it may open.
    File(&'a Path),
    /// The source, on its standard input.
    Stdin,
}

/// A tool that runs. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    log: JoinHandle<LogFacts>,
    report: JoinHandle<String>,
    input: Input,
    /// Its standard input.
    pub stdin: Option<ChildStdin>,
    /// Its standard output.
    pub stdout: Option<ChildStdout>,
}

/// How a tool ended.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What its log said.
    pub log: LogFacts,
    /// Why the sandbox could not be entered, if it could not.
    pub refusal: Option<String>,
    /// Whose bytes it read.
    pub input: Input,
}

/// Whose bytes a tool reads.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Input {
    /// A stranger's.
    #[default]
    Source,
    /// What we have made ourselves.
    Own,
}

impl Sandbox {
    /// A sandbox within the container's limits: four fifths of its memory as address space.
    pub fn new(tools: Toolbox, limits: &Limits) -> Self {
        Self {
            tools,
            address_space_bytes: limits.memory_bytes / 5 * 4,
            mode: limits.sandbox,
        }
    }

    /// Starts a tool.
    pub fn start(&self, invocation: Invocation<'_>) -> Result<Running, Stop> {
        let own = std::env::current_exe()
            .map_err(|error| internal("the path of this program", &error))?;
        let policy = self.policy(&invocation)?;
        let mut command = Command::new(own);
        command
            .args(["exec-sandboxed", "--policy", &policy, "--"])
            .args(self.tools.command(invocation.tool))
            .args(invocation.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let (report, reporter) =
            std::io::pipe().map_err(|error| internal("a pipe for the sandbox's report", &error))?;
        let input = match invocation.reads {
            Reads::File(_) | Reads::Stdin => Input::Source,
            Reads::Own => Input::Own,
        };
        command
            .fd_mappings(mappings(invocation.extra, reporter.into()))
            .map_err(|error| internal("the descriptors of ffmpeg", &error))?;
        let mut child = command
            .spawn()
            .map_err(|error| internal("the sandbox did not start", &error))?;
        let report = pipe::Receiver::from_owned_fd(report.into())
            .map_err(|error| internal("the sandbox's report", &error))?;
        let stderr = child.stderr.take();
        Ok(Running {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            log: tokio::spawn(async move {
                match stderr {
                    Some(stderr) => log::read(stderr).await,
                    None => LogFacts::default(),
                }
            }),
            report: tokio::spawn(read_report(report)),
            input,
            child,
        })
    }

    fn policy(&self, invocation: &Invocation<'_>) -> Result<String, Stop> {
        let extra = i32::try_from(invocation.extra.len()).unwrap_or(i32::MAX - FIRST_EXTRA - 1);
        let policy = Policy {
            reads: match invocation.reads {
                Reads::File(path) => vec![PathBuf::from(path)],
                Reads::Own | Reads::Stdin => Vec::new(),
            },
            executes: self.tools.readable(),
            address_space_bytes: self.address_space_bytes,
            last_descriptor: FIRST_EXTRA - 1 + extra,
            report_descriptor: Some(FIRST_EXTRA + extra),
            mode: self.mode,
        };
        serde_json::to_string(&policy).map_err(|error| internal("the policy", &error))
    }
}

/// What the sandbox had to say before it became the program, which can't add to it.
async fn read_report(mut report: pipe::Receiver) -> String {
    let mut text = String::new();
    if let Err(error) = report.read_to_string(&mut text).await {
        tracing::warn!(%error, "no report of the sandbox");
    }
    text
}

/// The program's descriptors from [`FIRST_EXTRA`] on, and behind them that of the report.
fn mappings(extra: Vec<OwnedFd>, report: OwnedFd) -> Vec<FdMapping> {
    extra
        .into_iter()
        .chain([report])
        .zip(FIRST_EXTRA..)
        .map(|(parent_fd, child_fd)| FdMapping {
            parent_fd,
            child_fd,
        })
        .collect()
}

impl Running {
    /// Waits for its end. Its pipes have to be read or dropped before.
    pub async fn end(mut self) -> Result<Ended, Stop> {
        drop((self.stdin.take(), self.stdout.take()));
        let status = self
            .child
            .wait()
            .await
            .map_err(|error| internal("waiting for ffmpeg", &error))?;
        let log = self
            .log
            .await
            .map_err(|error| internal("reading ffmpeg's log", &error))?;
        let report = self
            .report
            .await
            .map_err(|error| internal("reading the sandbox's report", &error))?;
        for weakness in report.lines().filter_map(|line| line.strip_prefix(WEAK)) {
            tracing::warn!(weakness, "ffmpeg ran in a sandbox with holes");
        }
        tracing::debug!(%status, errors = log.error_count, "a tool ended");
        let mut refusals = report.lines().filter_map(|line| line.strip_prefix(REFUSED));
        Ok(Ended {
            status,
            log,
            refusal: refusals.next().map(str::to_owned),
            input: self.input,
        })
    }
}

/// What is said of a demuxer. It asks for as much memory as the source says that there is of
/// something, and is refused what is beyond all bounds.
const DEMUXER: [&str; 3] = ["Error during demuxing", "Error opening input", "file:"];

/// How the loader, ffmpeg and its threads say that the address space is used up.
fn is_short_of_memory(line: &str) -> bool {
    if DEMUXER.iter().any(|words| line.starts_with(words)) {
        return false;
    }
    let words = [
        "Cannot allocate memory",
        "pthread_create() failed",
        "error while loading shared libraries",
    ];
    words.iter().any(|words| line.contains(words))
}

impl Ended {
    /// It made no system call but those of ffmpeg. Otherwise a stranger's bytes have taken it
    /// over, or it is another ffmpeg than we know.
    pub fn respected_the_sandbox(&self) -> Result<(), Failure> {
        if self.status.signal() != Some(Signal::SIGSYS as i32) {
            return Ok(());
        }
        let (reason, message) = match self.input {
            Input::Source => (
                FailureReason::SourceInvalid,
                "sandbox violation: reading the source, ffmpeg did what only an attack makes it do",
            ),
            Input::Own => (
                FailureReason::Internal,
                "sandbox violation: ffmpeg made a system call that it is not known to make",
            ),
        };
        Err(Failure::new(reason, message))
    }

    /// What is wrong before the source or the work is to be judged: the sandbox could not be
    /// entered, or was not respected, or memory was short.
    pub fn surroundings(&self) -> Result<(), Failure> {
        if let Some(refusal) = &self.refusal {
            return Err(Failure::new(FailureReason::Internal, refusal));
        }
        self.respected_the_sandbox()?;
        let killed = self.status.signal() == Some(Signal::SIGKILL as i32);
        let short = self.log.errors.iter().any(|line| is_short_of_memory(line));
        if killed || short {
            return Err(Failure::new(
                FailureReason::OutOfMemory,
                "ffmpeg ran out of memory: raise spec.execution.resources of the profile",
            ));
        }
        Ok(())
    }

    /// The same, when a failure of any kind is the source's fault.
    pub fn source_fault(&self, what: &str) -> Result<(), Stop> {
        self.surroundings()?;
        if self.status.success() {
            return Ok(());
        }
        if self
            .log
            .errors
            .iter()
            .any(|line| line.contains("no decoder found"))
        {
            let message = format!(
                "Vessel has no decoder for the source: {}",
                self.log.summary()
            );
            return Err(failed(FailureReason::SourceUnsupported, message));
        }
        let how = match self.status.signal() {
            Some(signal) => format!("ffmpeg was ended by signal {signal}"),
            None => self.log.summary(),
        };
        Err(failed(
            FailureReason::SourceInvalid,
            format!("{what}: {how}"),
        ))
    }
}
