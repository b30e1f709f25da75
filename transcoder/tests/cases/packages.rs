//! Recordings of other people, from the packages that they are in: downloaded once by the
//! registries' own clients, and kept outside of the clone.
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use tempfile::TempDir;

/// One download at a time.
static DOWNLOAD: Mutex<()> = Mutex::new(());

/// A file of a Debian package.
pub fn debian(package: &str, path: &str) -> PathBuf {
    let unpacked = cached(package, |work| {
        let download = [
            "apt-get",
            "-qq",
            "--option=APT::Sandbox::User=root",
            "download",
            package,
        ];
        if !runs(work, &download) {
            run(work, &["apt-get", "-qq", "update"]);
            run(work, &download);
        }
        run(
            work,
            &["dpkg-deb", "--extract", &only_file(work), "contents"],
        );
    });
    unpacked.join(path)
}

/// A file of a Python package, which is not installed.
pub fn python(package: &str, path: &str) -> PathBuf {
    let unpacked = cached(package, |work| {
        run(
            work,
            &[
                "python3",
                "-m",
                "pip",
                "download",
                "--quiet",
                "--only-binary=:all:",
                "--no-deps",
                package,
            ],
        );
        run(
            work,
            &[
                "python3",
                "-m",
                "zipfile",
                "--extract",
                &only_file(work),
                "contents",
            ],
        );
    });
    unpacked.join(path)
}

/// The folder of a package in the cache, where `fetch` makes `contents` if there is none.
fn cached(package: &str, fetch: impl FnOnce(&Path)) -> PathBuf {
    let cache = cache();
    let folder = cache.join(package);
    let _guard = DOWNLOAD.lock().unwrap_or_else(PoisonError::into_inner);
    if folder.exists() {
        return folder;
    }
    std::fs::create_dir_all(&cache).unwrap();
    let work = TempDir::new_in(&cache).unwrap();
    fetch(work.path());
    let moved = std::fs::rename(work.path().join("contents"), &folder);
    // Another process may have been quicker.
    assert!(moved.is_ok() || folder.exists(), "{moved:?}");
    folder
}

fn cache() -> PathBuf {
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache");
    let base = std::env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    base.join("vessel/packages")
}

fn only_file(folder: &Path) -> String {
    let mut files = std::fs::read_dir(folder).unwrap();
    files.next().unwrap().unwrap().path().display().to_string()
}

fn runs(folder: &Path, command: &[&str]) -> bool {
    let status = Command::new(command[0])
        .args(&command[1..])
        .current_dir(folder)
        .status();
    status.is_ok_and(|status| status.success())
}

fn run(folder: &Path, command: &[&str]) {
    assert!(
        runs(folder, command),
        "{command:?} failed: these cases need the package it fetches"
    );
}
