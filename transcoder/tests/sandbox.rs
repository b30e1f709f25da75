//! The sandbox bites: a program inside of it reads no other file, opens no socket, and keeps
//! no descriptor that it was not given.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]
mod support;

use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Output};

/// Runs a shell inside of the sandbox, which may execute the system's programs.
fn inside(script: &str, reads: &[&Path], address_space_bytes: u64) -> Output {
    let policy = serde_json::json!({
        "reads": reads,
        "executes": ["/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache"],
        "addressSpaceBytes": address_space_bytes,
        "lastDescriptor": 2,
        "mode": "Required",
    });
    Command::new(env!("CARGO_BIN_EXE_vessel-transcoder"))
        .args(["exec-sandboxed", "--policy", &policy.to_string(), "--"])
        .args(["/bin/bash", "-c", script])
        .env("SECRET", "hunter2")
        .output()
        .unwrap()
}

fn works(script: &str, reads: &[&Path]) -> bool {
    inside(script, reads, 1 << 30).status.success()
}

#[test]
fn only_the_named_file_is_read_and_none_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let [source, other] = ["source", "other"].map(|name| folder.path().join(name));
    std::fs::write(&source, "x").unwrap();
    std::fs::write(&other, "x").unwrap();
    let read = |path: &Path| works(&format!("read -n 1 < {}", path.display()), &[&source]);
    assert!(read(&source));
    assert!(!read(&other));
    assert!(!read(Path::new("/etc/passwd")));
    assert!(!read(Path::new("/proc/self/environ")));
    assert!(!works(
        &format!("echo y >> {}", source.display()),
        &[&source]
    ));
    assert!(!works(
        &format!("echo y > {}", folder.path().join("new").display()),
        &[&source]
    ));
    assert!(!works(
        &format!("ls {}", folder.path().display()),
        &[&source]
    ));
}

#[tokio::test]
async fn nothing_is_connected() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for protocol in ["tcp", "udp"] {
        let script = format!("exec 3<>/dev/{protocol}/127.0.0.1/{port}");
        let outside = Command::new("/bin/bash")
            .args(["-c", &script])
            .status()
            .unwrap();
        assert!(outside.success(), "{protocol} works outside");
        let output = inside(&script, &[], 1 << 30);
        assert!(!output.status.success(), "{protocol}");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("Operation not permitted"), "{error}");
    }
}

#[test]
fn the_environment_is_empty_and_no_descriptor_leaks() {
    let kept = tempfile::tempfile().unwrap();
    let flags = nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty());
    nix::fcntl::fcntl(&kept, flags).unwrap();
    let script = format!(
        "[ -z \"$SECRET\" ] && ! read -u {} && ! : <&{0}",
        kept.as_raw_fd()
    );
    assert!(works(&script, &[]));
}

#[test]
fn limits_hold() {
    let core_and_file = "[ \"$(ulimit -c)\" = 0 ] && [ \"$(ulimit -f)\" = 0 ]";
    assert!(works(core_and_file, &[]));
    let output = inside("ulimit -v", &[], 512 << 20);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "524288");
}

#[test]
fn other_processes_get_no_signals() {
    let mut other = Command::new("/bin/sleep").arg("60").spawn().unwrap();
    let killed = works(&format!("kill {}", other.id()), &[]);
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(!killed);
}

#[test]
fn a_program_that_can_not_be_confined_does_not_start() {
    let output = Command::new(env!("CARGO_BIN_EXE_vessel-transcoder"))
        .args(["exec-sandboxed", "--policy", "{}", "--", "/bin/true"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("vessel-sandbox: "));
}
