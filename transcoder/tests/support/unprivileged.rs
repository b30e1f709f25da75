//! The user of the pod: what root may do is no proof of what it may.
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// The user of the image.
const USER: u32 = 65532;

/// Runs the command as the pod's user, who gets this folder, if we may give and it may reach
/// all that it needs. A root of ffmpeg's that it can't reach is linked to where it can.
pub fn as_pod(command: &mut Command, folder: &Path) {
    let program = PathBuf::from(command.as_std().get_program());
    if !is_root() || !reachable(&program) || !reachable(folder) {
        return;
    }
    let root = command.as_std().get_envs();
    let mut root = root.filter(|(name, _)| *name == "VESSEL_FFMPEG_ROOT");
    let root = root.next().and_then(|(_, root)| root).map(PathBuf::from);
    // The folder is given whole.
    if let Some(root) = root.filter(|root| !root.starts_with(folder)) {
        let Some(root) = reachable_root(&root) else {
            return;
        };
        command.env("VESSEL_FFMPEG_ROOT", root);
    }
    give(folder);
    command.uid(USER).gid(USER);
}

/// Whether everybody may pass through all folders above.
fn reachable(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    let passable = |folder: &Path| {
        let mode = folder
            .metadata()
            .map(|metadata| metadata.permissions().mode());
        mode.is_ok_and(|mode| mode & 0o001 != 0)
    };
    path.ancestors().skip(1).all(passable)
}

fn reachable_root(root: &Path) -> Option<PathBuf> {
    let programs = root.join("usr/bin");
    if reachable(&programs) {
        return Some(root.to_owned());
    }
    let name = root.canonicalize().ok()?;
    let linked = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name.file_name()?);
    if !reachable(linked.parent()?) {
        return None;
    }
    if !linked.exists() {
        let unfinished = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).ok()?;
        link(&root.join("usr"), &unfinished.path().join("usr")).ok()?;
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(unfinished.path(), open).ok()?;
        // Another test may have been faster.
        let _ = std::fs::rename(unfinished.path(), &linked);
    }
    Some(linked)
}

/// The same tree of the same files; it takes no room.
fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            link(&entry.path(), &target)?;
        } else {
            std::fs::hard_link(entry.path(), target)?;
        }
    }
    Ok(())
}

fn give(folder: &Path) {
    std::os::unix::fs::chown(folder, Some(USER), Some(USER)).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            give(&entry.path());
        } else if entry.metadata().unwrap().nlink() == 1 {
            std::os::unix::fs::chown(entry.path(), Some(USER), Some(USER)).unwrap();
        }
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
