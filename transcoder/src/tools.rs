//! Where ffmpeg and ffprobe are, and what they have to read to run.
use std::path::{Path, PathBuf};

/// The programs that are run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tool {
    /// Decodes and encodes.
    Ffmpeg,
    /// Describes a source.
    Ffprobe,
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub enum Toolbox {
    /// Installed in the system, as in the image.
    System,
    /// In a Debian root of its own (`VESSEL_FFMPEG_ROOT`), run with the loader and the
    /// libraries of that root: how tests run the image's version on another system.
    Root(PathBuf),
}

/// Folders of libraries below a Debian root. Some of ffmpeg's libraries lie in folders of
/// their own, to which only that root's loader cache points.
const LIBRARY_DIRS: [&str; 5] = ["", "/blas", "/lapack", "/pulseaudio", "/samba"];

impl Tool {
    const fn name(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg",
            Self::Ffprobe => "ffprobe",
        }
    }
}

impl Toolbox {
    /// The command that starts a tool: program first, without the tool's own arguments.
    pub fn command(&self, tool: Tool) -> Vec<String> {
        match self {
            Self::System => vec![format!("/usr/bin/{}", tool.name())],
            Self::Root(root) => {
                let at = |path: &str| root.join(path).display().to_string();
                vec![
                    at(&format!("usr/lib/{}/{}", triplet(), loader())),
                    "--library-path".to_owned(),
                    LIBRARY_DIRS
                        .map(|dir| at(&format!("usr/lib/{}{dir}", triplet())))
                        .join(":"),
                    at(&format!("usr/bin/{}", tool.name())),
                ]
            }
        }
    }

    /// What a tool has to read and to execute: itself, the loader and the libraries.
    pub fn readable(&self) -> Vec<PathBuf> {
        match self {
            Self::System => [
                "/usr/bin/ffmpeg",
                "/usr/bin/ffprobe",
                "/usr/lib",
                "/usr/lib64",
                "/lib",
                "/lib64",
                "/etc/ld.so.cache",
            ]
            .map(PathBuf::from)
            .to_vec(),
            Self::Root(root) => vec![root.join("usr")],
        }
    }

    /// Whether the tool is there, for an error that comes before any work.
    pub fn missing(&self) -> Option<PathBuf> {
        let program = match self {
            Self::System => Path::new("/usr/bin/ffmpeg").to_owned(),
            Self::Root(root) => root.join("usr/bin/ffmpeg"),
        };
        (!program.exists()).then_some(program)
    }
}

const fn triplet() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "aarch64-linux-gnu"
    } else {
        "x86_64-linux-gnu"
    }
}

const fn loader() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "ld-linux-aarch64.so.1"
    } else {
        "ld-linux-x86-64.so.2"
    }
}
