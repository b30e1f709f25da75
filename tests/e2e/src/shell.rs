//! Programs of this machine.
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use tokio::process::Command;

/// Runs a program to its end and returns what it wrote to its standard output. Panics with
/// what it wrote to the other when it fails.
pub async fn stdout<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> Vec<u8> {
    let output = run(program, arguments).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}: {}\n{said}",
        program,
        output.status
    );
    output.stdout
}

/// Runs a program to its end.
pub async fn run<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> Output {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap_or_else(|e| panic!("{program}: {e}: the tests need it on the PATH"))
}

/// `PATH` with the cluster's own programs first.
pub fn path() -> std::ffi::OsString {
    let ours = crate::cluster::root().join(".cluster/bin");
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let all = std::iter::once(ours).chain(std::env::split_paths(&inherited));
    std::env::join_paths(all).unwrap()
}

/// Runs `kubectl`: what it printed, or what it complained of.
pub async fn kubectl(arguments: &[&str]) -> Result<String, String> {
    let ours = crate::cluster::root().join(".cluster/bin/kubectl");
    let program = if ours.exists() {
        ours
    } else {
        PathBuf::from("kubectl")
    };
    let kubeconfig = crate::cluster::kubeconfig();
    let output = run(
        text(&program),
        &[&["--kubeconfig", text(&kubeconfig)], arguments].concat(),
    )
    .await;
    let bytes = if output.status.success() {
        &output.stdout
    } else {
        &output.stderr
    };
    let said = String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(said)
    } else {
        Err(said)
    }
}

/// A path as text.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}
