//! ffmpeg has been taken over, from its first instruction on: what it tries then, and what the
//! supervisor makes of it. Every attempt goes through the whole execution.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]
mod support;

use std::path::Path;
use std::time::Duration;
use support::execution::{Ended, Execution};
use support::unprivileged::as_pod;
use tokio::process::{Child, Command};
use vessel_crds::reason::FailureReason;
use vessel_storage::verdict::VerdictOutcome;

#[cfg(target_arch = "x86_64")]
const LIBRARIES: (&str, &str) = ("x86_64-linux-gnu", "ld-linux-x86-64.so.2");
#[cfg(target_arch = "aarch64")]
const LIBRARIES: (&str, &str) = ("aarch64-linux-gnu", "ld-linux-aarch64.so.1");

/// An execution whose ffmpeg and ffprobe are the attacker's, with these orders.
struct Attack(Execution);

impl Attack {
    async fn with(orders: &str) -> Self {
        let execution = Execution::of(orders.to_owned()).await;
        root_with_attacker(&execution.folder.path().join("root"));
        Self(execution)
    }

    fn start(&self) -> Child {
        let folder = self.0.folder.path();
        self.0.start_with(|command: &mut Command| {
            command.env("VESSEL_FFMPEG_ROOT", folder.join("root"));
            as_pod(command, folder);
        })
    }

    async fn run(&self) -> Ended {
        self.0.ended(self.start()).await
    }
}

/// A root whose tools are the attacker, with the libraries that this test itself is run with.
fn root_with_attacker(root: &Path) {
    let (triplet, loader) = LIBRARIES;
    let [programs, libraries] = [root.join("usr/bin"), root.join("usr/lib").join(triplet)];
    std::fs::create_dir_all(&programs).unwrap();
    std::fs::create_dir_all(&libraries).unwrap();
    for tool in ["ffmpeg", "ffprobe"] {
        std::fs::copy(env!("CARGO_BIN_EXE_attacker"), programs.join(tool)).unwrap();
    }
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    for line in maps.lines().filter(|line| line.contains(".so")) {
        let library = Path::new(&line[line.find('/').unwrap()..]);
        let name = library.file_name().unwrap();
        std::fs::copy(library, libraries.join(name)).unwrap();
    }
    assert!(libraries.join(loader).exists(), "{maps}");
}

/// Runs the orders; the source is to blame. Answers the message.
async fn blamed(orders: &str) -> String {
    let ended = Attack::with(orders).await.run().await;
    assert_eq!(
        ended.verdict.outcome,
        VerdictOutcome::Failed,
        "{orders}: {ended:#?}"
    );
    assert_eq!(
        ended.verdict.reason,
        Some(FailureReason::SourceInvalid),
        "{orders}: {ended:#?}"
    );
    assert!(
        ended.verdict.permanent && ended.code == Some(64),
        "{orders}"
    );
    assert!(
        !ended.verdict.message.contains("ESCAPED"),
        "{orders}: {ended:#?}"
    );
    ended.verdict.message
}

/// The call answers an error, and the program goes on.
async fn refused(orders: &[&str]) {
    for orders in orders {
        let message = blamed(orders).await;
        let what = orders.split_whitespace().next().unwrap();
        assert!(
            message.contains(&format!("denied {what}")),
            "{orders}: {message}"
        );
    }
}

/// The same, and for want of permission: a file that is not there proves nothing.
async fn forbidden(orders: &[&str]) {
    for orders in orders {
        let message = blamed(orders).await;
        assert!(message.contains("Permission denied"), "{orders}: {message}");
    }
}

/// The call ends the program.
async fn fatal(orders: &[&str]) {
    for orders in orders {
        let message = blamed(orders).await;
        assert!(
            message.starts_with("sandbox violation"),
            "{orders}: {message}"
        );
    }
}

/// Or else the others prove nothing.
#[test]
fn outside_of_the_sandbox_the_attacker_gets_what_it_wants() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    for orders in [
        "read /etc/passwd",
        "read /proc/self/environ",
        "follow /proc/SUPERVISOR/exe",
        "list /",
        "append",
        "create /tmp/CREATED",
        "environment",
        "tcp",
        "udp",
        "unix",
        "pair",
        "fork",
        "memfd",
        "owner",
        "i386",
    ] {
        let orders = orders.replace("/tmp/CREATED", &folder.path().display().to_string());
        std::fs::write(&source, &orders).unwrap();
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_attacker"))
            .arg(&source)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("ESCAPED"), "{orders}: {said}");
    }
}

#[tokio::test]
async fn no_file_of_the_pod_is_read_or_listed() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    secret.as_file().set_permissions(everybody).unwrap();
    let secret = format!("read {}", secret.path().display());
    forbidden(&[
        "read /etc/passwd",
        "read /proc/self/environ",
        "read /proc/self/maps",
        "read /proc/1/environ",
        "read /proc/SUPERVISOR/environ",
        "read /proc/SUPERVISOR/mem",
        "read /proc/SUPERVISOR/fd/0",
        "follow /proc/SUPERVISOR/exe",
        "list /",
        "list /tmp",
        "list /proc/self/fd",
        &secret,
    ])
    .await;
}

#[tokio::test]
async fn the_token_is_not_read_and_the_folder_of_the_source_not_listed() {
    for (what, name) in [
        ("read", "token"),
        ("list", "scratch"),
        ("create", "scratch"),
    ] {
        let attack = Attack::with("").await;
        let target = attack.0.folder.path().join(name);
        attack
            .0
            .stub
            .put("source", format!("{what} {}", target.display()));
        let ended = attack.run().await;
        let message = ended.verdict.message;
        assert!(message.contains("Permission denied"), "{message}");
    }
}

#[tokio::test]
async fn nothing_is_written_not_even_the_source() {
    forbidden(&[
        "append",
        "truncate",
        "create /tmp",
        "create /dev/shm",
        "append /proc/self/comm",
    ])
    .await;
    fatal(&["chmod", "unlink"]).await;
}

#[tokio::test]
async fn nothing_was_left_lying_about_in_the_process() {
    refused(&["environment", "descriptors"]).await;
}

#[tokio::test]
async fn there_are_no_sockets() {
    fatal(&["tcp", "udp", "unix", "pair"]).await;
}

#[tokio::test]
async fn there_are_threads_and_no_other_programs() {
    refused(&["threads"]).await;
    let clone3 = blamed("clone3").await;
    assert!(clone3.contains("Function not implemented"), "{clone3}");
    fatal(&["fork", "namespace", "shell", "itself", "execveat", "memfd"]).await;
}

#[tokio::test]
async fn the_supervisor_is_out_of_reach() {
    fatal(&[
        "ptrace", "peek", "kill", "tgkill", "tkill", "owner", "starve", "affinity",
    ])
    .await;
}

#[tokio::test]
async fn the_kernel_s_large_doors_are_shut() {
    fatal(&[
        "uring", "bpf", "perf", "keys", "faults", "mount", "seccomp", "limit", "type", "x32",
        "i386",
    ])
    .await;
}

#[tokio::test]
async fn memory_ends_where_the_limit_says() {
    let mut attack = Attack::with("memory").await;
    attack.0.limits.memory_bytes = 512 << 20;
    let message = attack.run().await.verdict.message;
    let (_, got) = message.split_once("denied memory: ").unwrap();
    let mebibytes: u64 = got.split(' ').next().unwrap().parse().unwrap();
    assert!((128..410).contains(&mebibytes), "{message}");
}

#[tokio::test]
async fn a_crash_of_its_own_is_no_violation() {
    let message = blamed("abort").await;
    assert!(message.contains("signal 6"), "{message}");
}

#[tokio::test]
async fn text_that_speaks_for_the_sandbox_is_only_text() {
    refused(&["forge"]).await;
}

/// Largest resident size of a process so far, in KiB.
fn peak(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Its child that runs the attacker, once there is one.
async fn attacker_of(process: u32) -> u32 {
    let children = format!("/proc/{process}/task");
    loop {
        for task in std::fs::read_dir(&children).unwrap().flatten() {
            let children = std::fs::read_to_string(task.path().join("children"));
            for child in children.unwrap_or_default().split_whitespace() {
                let command = std::fs::read_to_string(format!("/proc/{child}/cmdline"));
                if command.is_ok_and(|command| {
                    command.contains("library-path") && !command.contains("exec-sandboxed")
                }) {
                    return child.parse().unwrap();
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_flood_of_words_takes_no_memory_of_the_supervisor() {
    let attack = Attack::with("shout").await;
    let child = attack.start();
    let supervisor = child.id().unwrap();
    let ended = attack.0.ended(child);
    tokio::pin!(ended);
    let mut largest = 0;
    let ended = loop {
        tokio::select! {
            ended = &mut ended => break ended,
            () = tokio::time::sleep(Duration::from_millis(20)) => {
                largest = largest.max(peak(supervisor).unwrap_or(0));
            }
        }
    };
    assert_eq!(
        ended.verdict.reason,
        Some(FailureReason::SourceInvalid),
        "{ended:#?}"
    );
    assert!((1..128 << 10).contains(&largest), "{largest} KiB");
    assert!(
        ended.log.len() < 64 << 10,
        "{} bytes of log",
        ended.log.len()
    );
}

#[tokio::test]
async fn one_that_hangs_ends_with_its_supervisor() {
    let attack = Attack::with("hang").await;
    let child = attack.start();
    let supervisor = child.id().unwrap();
    let attacker = attacker_of(supervisor).await;
    let pid = nix::unistd::Pid::from_raw(supervisor.try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let ended = attack.0.ended(child).await;
    assert_eq!(
        ended.verdict.reason,
        Some(FailureReason::Disrupted),
        "{ended:#?}"
    );
    let state = || std::fs::read_to_string(format!("/proc/{attacker}/stat")).unwrap_or_default();
    let lives = || state().split(' ').nth(2).is_some_and(|state| state != "Z");
    for _ in 0..200 {
        if !lives() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it outlives its supervisor: {}", state());
}
