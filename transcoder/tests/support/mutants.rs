//! One execution of a damaged source, and what is held against it.
use crate::mutation::Layout;
use crate::support::execution::{Execution, encoding};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use vessel_crds::encoding::{Container, EncoderEffort, Encoding, VideoLadder, VideoRung};
use vessel_crds::reason::FailureReason;
use vessel_storage::verdict::{EXIT_DONE, EXIT_PERMANENT, EXIT_RETRYABLE, Verdict, VerdictOutcome};

/// Longest execution: hundreds of times what a tiny source takes.
const PATIENCE: Duration = Duration::from_mins(1);
/// Longest source: what claims hours is made hours long, as an honest recording would be.
const SECONDS: u64 = 30;
/// Largest process of an execution, in bytes.
const MEMORY: u64 = 600 << 20;
/// What may be said of a damaged source. Whatever else is said blames somebody else.
const BLAMES: [FailureReason; 3] = [
    FailureReason::SourceInvalid,
    FailureReason::SourceUnsupported,
    FailureReason::LimitExceeded,
];

/// A source that is damaged.
#[derive(Debug)]
pub struct Base {
    pub name: &'static str,
    pub extension: &'static str,
    pub layout: Layout,
    /// What ffmpeg makes it of, behind its sound and its pictures.
    codecs: &'static str,
}

const fn base(
    name: &'static str,
    extension: &'static str,
    layout: Layout,
    codecs: &'static str,
) -> Base {
    Base {
        name,
        extension,
        layout,
        codecs,
    }
}

/// What is damaged: half a second of sound, and of pictures where there are any.
pub const BASES: [Base; 17] = [
    base("flac", "flac", Layout::Flac, "-map 0 -c flac"),
    base("wav", "wav", Layout::Riff, "-map 0 -c pcm_s16le"),
    base("aiff", "aiff", Layout::Aiff, "-map 0 -c pcm_s24be"),
    base("mp3", "mp3", Layout::MpegAudio, "-map 0 -c libmp3lame"),
    base("adts", "aac", Layout::Adts, "-map 0 -c aac"),
    base("vorbis", "ogg", Layout::Ogg, "-map 0 -c libvorbis"),
    base("opus", "opus", Layout::Ogg, "-map 0 -c libopus"),
    base("m4a", "m4a", Layout::IsoMedia, "-map 0 -c aac"),
    base(
        "alac",
        "m4a",
        Layout::IsoMedia,
        "-map 0 -c alac -movflags +faststart",
    ),
    base("mp4", "mp4", Layout::IsoMedia, "-c:a aac -c:v libx264"),
    base(
        "fragmented",
        "mp4",
        Layout::IsoMedia,
        "-c:a aac -c:v libx264 -movflags +frag_keyframe+empty_moov",
    ),
    base("mov", "mov", Layout::IsoMedia, "-c:a pcm_s16be -c:v prores"),
    base("matroska", "mkv", Layout::Ebml, "-c:a flac -c:v libx264"),
    base("webm", "webm", Layout::Ebml, "-c:a libopus -c:v libvpx"),
    base(
        "transport",
        "ts",
        Layout::Transport,
        "-c:a mp2 -c:v mpeg2video",
    ),
    base("avi", "avi", Layout::Riff, "-c:a libmp3lame -c:v mpeg4"),
    base(
        "flv",
        "flv",
        Layout::Flv,
        "-c:a libmp3lame -ar 44100 -c:v flv",
    ),
];

impl Base {
    /// The same bytes from every run.
    pub fn arguments(&self) -> String {
        format!(
            "-f lavfi -i sine=440:r=48000:d=0.5 -f lavfi -i testsrc2=s=64x36:r=25:d=0.5 -ac 2 \
             -strict -2 -g 5 -bf 0 -preset ultrafast -threads 1 -fflags +bitexact \
             -flags:a +bitexact -flags:v +bitexact {}",
            self.codecs
        )
    }
}

/// One input.
#[derive(Debug)]
pub struct Trial {
    /// Under which it is saved.
    pub name: String,
    pub format: &'static str,
    pub about: String,
    pub source: Vec<u8>,
}

/// What an execution did that it may not do.
#[derive(Debug)]
pub struct Finding(String);

/// How a trial ended.
#[derive(Debug)]
pub struct Tried {
    pub result: Result<Verdict, Finding>,
    pub log: String,
}

impl Trial {
    /// Runs it.
    pub fn run(&self) -> Result<Verdict, Finding> {
        self.tried("warn").result
    }

    /// Runs it with everything in the log that ffmpeg says.
    pub fn traced(&self) -> Tried {
        self.tried("trace")
    }

    /// On a runtime of its own, which ends the bucket with it.
    fn tried(&self, level: &str) -> Tried {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(self.execute(level))
    }

    async fn execute(&self, level: &str) -> Tried {
        let mut execution = Execution::of(self.source.clone()).await;
        execution.order.encoding = one_of_each();
        execution.limits.max_duration_seconds = SECONDS;
        let mut child = execution.start_with(|command| {
            command.process_group(0).env("RUST_LOG", level);
        });
        let group = Pid::from_raw(child.id().unwrap().try_into().unwrap());
        let mut log = Vec::new();
        let mut stderr = child.stderr.take().unwrap();
        let ended = tokio::time::timeout(PATIENCE, async {
            tokio::join!(child.wait(), stderr.read_to_end(&mut log)).0
        });
        let result = match ended.await {
            Err(_) => {
                let stuck = processes(group);
                killpg(group, Signal::SIGKILL).unwrap();
                Err(Finding(format!("it hangs in {stuck:?}")))
            }
            Ok(status) => judge(&execution, status.unwrap().code(), group).await,
        };
        Tried {
            result,
            log: String::from_utf8_lossy(&log).into_owned(),
        }
    }
}

/// The least that goes all the ways: sound and pictures, HLS and DASH.
fn one_of_each() -> Encoding {
    Encoding {
        video: Some(VideoLadder {
            effort: EncoderEffort::Quick,
            rungs: vec![VideoRung {
                height_pixels: 360,
                bitrate_kbps: 800,
                audio_bitrate_kbps: 64,
            }],
        }),
        ..encoding(&[64], Container::FragmentedMp4)
    }
}

fn expect(holds: bool, what: impl FnOnce() -> String) -> Result<(), Finding> {
    if holds { Ok(()) } else { Err(Finding(what())) }
}

/// What holds for every execution.
async fn judge(execution: &Execution, code: Option<i32>, group: Pid) -> Result<Verdict, Finding> {
    let words = std::fs::read(execution.folder.path().join("termination"));
    let words =
        words.map_err(|error| Finding(format!("exit code {code:?}, no verdict: {error}")))?;
    let verdict: Verdict =
        serde_json::from_slice(&words).map_err(|error| Finding(format!("no verdict: {error}")))?;
    blames_the_source(&verdict)?;
    let expected = match verdict.outcome {
        VerdictOutcome::Committed => EXIT_DONE,
        _ if verdict.permanent => EXIT_PERMANENT,
        _ => EXIT_RETRYABLE,
    };
    expect(code == Some(expected.into()), || {
        format!("exit code {code:?} for {verdict:?}")
    })?;
    let committed = execution.stub.get("commit.json").is_some();
    expect(
        committed == (verdict.outcome == VerdictOutcome::Committed),
        || format!("a commit: {committed}, for {verdict:?}"),
    )?;
    let peak = verdict.cost.peak_memory_bytes;
    expect(peak < MEMORY, || {
        format!("{peak} bytes of memory for {verdict:?}")
    })?;
    only_its_own_files(execution.folder.path())?;
    nobody_is_left(group).await?;
    Ok(verdict)
}

fn blames_the_source(verdict: &Verdict) -> Result<(), Finding> {
    let typed = match (verdict.outcome, verdict.reason) {
        (VerdictOutcome::Committed, None) => true,
        (VerdictOutcome::Failed, Some(reason)) => BLAMES.contains(&reason),
        _ => false,
    };
    expect(typed && !verdict.message.is_empty(), || {
        format!("{:?}: {}", verdict.reason, verdict.message)
    })
}

/// Whatever was written outside of scratch would lie in the one folder that it may write to.
fn only_its_own_files(folder: &Path) -> Result<(), Finding> {
    let listed = |path: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(path).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    let (outside, scratch) = (listed(folder), listed(&folder.join("scratch")));
    expect(
        outside == ["headers", "scratch", "termination", "token"]
            && listed(&folder.join("headers")).is_empty()
            && (scratch.is_empty() || scratch == ["source"]),
        || format!("files beside its own: {outside:?}, {scratch:?}"),
    )
}

/// Processes that were killed end a little later.
async fn nobody_is_left(group: Pid) -> Result<(), Finding> {
    let gone = async {
        while !processes(group).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let gone = tokio::time::timeout(PATIENCE, gone).await;
    gone.map_err(|_| Finding(format!("left behind: {:?}", processes(group))))
}

/// The living of a process group, by `proc(5)`: number and name of each.
fn processes(group: Pid) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap();
    let stats =
        entries.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("stat")).ok());
    let living = |stat: String| {
        let (name, rest) = stat.rsplit_once(") ")?;
        let mut words = rest.split(' ');
        let alive = words.next() != Some("Z");
        let own = words.nth(1) == Some(group.to_string().as_str());
        (alive && own).then(|| format!("{name})"))
    };
    stats.filter_map(living).collect()
}

/// What came of all of them.
#[derive(Debug, Default)]
pub struct Report {
    verdicts: BTreeMap<(&'static str, &'static str), u64>,
    findings: u64,
    peak_memory: u64,
    slowest_millis: u64,
}

impl Report {
    /// Counts one; answers what is wrong with it.
    pub fn note(&mut self, trial: &Trial, result: Result<Verdict, Finding>) -> Result<(), Finding> {
        let word = match &result {
            Err(_) => "a finding",
            Ok(verdict) => verdict.reason.map_or("Committed", FailureReason::as_str),
        };
        *self.verdicts.entry((trial.format, word)).or_default() += 1;
        let verdict = result.inspect_err(|_| self.findings += 1)?;
        self.peak_memory = self.peak_memory.max(verdict.cost.peak_memory_bytes);
        self.slowest_millis = self.slowest_millis.max(verdict.cost.wall_millis);
        Ok(())
    }

    pub fn trials(&self) -> u64 {
        self.verdicts.values().sum()
    }

    pub fn findings(&self) -> u64 {
        self.findings
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((format, verdict), count) in &self.verdicts {
            writeln!(f, "{format:<12} {verdict:<18} {count:>6}")?;
        }
        write!(
            f,
            "{} inputs, {} findings, largest process {} MiB, slowest {} ms",
            self.trials(),
            self.findings,
            self.peak_memory >> 20,
            self.slowest_millis
        )
    }
}
