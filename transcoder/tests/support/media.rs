//! Media made by ffmpeg at test time, and what ffmpeg says about what came out.
use mp4_atom::{Any, DecodeMaybe};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The root of the system whose ffmpeg is used, if it is not this one.
pub fn ffmpeg_root() -> Option<PathBuf> {
    std::env::var_os("VESSEL_FFMPEG_ROOT").map(PathBuf::from)
}

static SYSTEM: OnceLock<()> = OnceLock::new();

/// Older versions don't count decode errors, on which the gate before the commit relies.
fn expect_version() {
    let output = Command::new("/usr/bin/ffmpeg").arg("-version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_else(|error| error.to_string());
    assert!(
        text.starts_with("ffmpeg version 7"),
        "these tests need ffmpeg 7: set VESSEL_FFMPEG_ROOT to a Debian 13 root with the package \
         ffmpeg. /usr/bin/ffmpeg says: {}",
        text.lines().next().unwrap_or_default()
    );
}

/// ffmpeg or ffprobe, outside of any sandbox.
pub fn tool(name: &str) -> Command {
    let Some(root) = ffmpeg_root() else {
        SYSTEM.get_or_init(expect_version);
        return Command::new(name);
    };
    let libraries = root.join("usr/lib/x86_64-linux-gnu");
    let folder = |dir: &str| format!("{}{dir}", libraries.display());
    let mut command = Command::new(libraries.join("ld-linux-x86-64.so.2"));
    command
        .arg("--library-path")
        .arg(
            ["", "/blas", "/lapack", "/pulseaudio", "/samba"]
                .map(folder)
                .join(":"),
        )
        .arg(root.join("usr/bin").join(name));
    command
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}; set VESSEL_FFMPEG_ROOT to a root with ffmpeg 7.1")
    });
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A file that ffmpeg makes of these arguments, written with spaces between them.
pub fn make(folder: &Path, name: &str, arguments: &str) -> Vec<u8> {
    let path = folder.join(name);
    run(tool("ffmpeg")
        .current_dir(folder)
        .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y"])
        .args(arguments.split_whitespace())
        .arg(&path));
    std::fs::read(path).unwrap()
}

/// Ten seconds of 440 Hz at 44.1 kHz, in stereo.
pub const TONE: &str = "-f lavfi -i sine=440:r=44100:d=10 -ac 2";

/// Interleaved 32-bit floats that ffmpeg decodes from a playlist or a file, at 48 kHz.
pub fn decoded(path: &Path, channels: u32) -> Vec<f32> {
    let output = run(tool("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-i"])
        .arg(path)
        .args(["-ac", &channels.to_string(), "-f", "f32le", "-"]));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.is_empty(), "{}: {errors}", path.display());
    let (samples, rest) = output.stdout.as_chunks::<4>();
    assert!(rest.is_empty());
    samples
        .iter()
        .map(|&bytes| f32::from_le_bytes(bytes))
        .collect()
}

/// Samples at 48 kHz that a fragmented MP4 plays: the sum of its samples' durations, the
/// priming left out. ffprobe can't tell: it takes every AAC frame for a whole one.
pub fn net(mut stream: &[u8]) -> u64 {
    let (mut total, mut default) = (0, 0);
    while let Some(any) = Any::decode_maybe(&mut stream).unwrap() {
        match any {
            Any::Moov(moov) => default = moov.mvex.unwrap().trex[0].default_sample_duration,
            Any::Moof(moof) => {
                let header = &moof.traf[0].tfhd;
                let default = header.default_sample_duration.unwrap_or(default);
                let samples = moof.traf[0].trun.iter().flat_map(|run| &run.samples);
                total += samples
                    .map(|sample| u64::from(sample.duration.unwrap_or(default)))
                    .sum::<u64>();
            }
            _ => {}
        }
    }
    total - 1024
}
