//! A minute of music, synthesized: what a fresh installation has to play.
use crate::tools::Tool;
use crate::tools::Toolbox;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Length in seconds.
const SECONDS: u32 = 60;
/// Four chords of four seconds each: A minor, F major, C major, G major.
const CHORDS: [[f64; 3]; 4] = [
    [220.00, 261.63, 329.63],
    [174.61, 220.00, 261.63],
    [261.63, 329.63, 392.00],
    [196.00, 246.94, 293.66],
];
/// Length of a chord in seconds.
const CHORD: u32 = 4;

/// Why there is no sample.
#[derive(Debug, thiserror::Error)]
enum SampleError {
    #[error("ffmpeg did not start: {0}")]
    Start(#[source] std::io::Error),
    #[error("ffmpeg ended with {0}")]
    Failed(std::process::ExitStatus),
    #[error("{0} can't be written: {1}")]
    Write(PathBuf, #[source] std::io::Error),
}

/// Writes the sample.
pub fn main(output: &Path) -> ExitCode {
    let tools = std::env::var("VESSEL_FFMPEG_ROOT")
        .map_or(Toolbox::System, |root| Toolbox::Root(root.into()));
    match write(&tools, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vessel-transcoder sample: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Under another name first: a reader never sees half of it.
fn write(tools: &Toolbox, output: &Path) -> Result<(), SampleError> {
    let unfinished = output.with_extension("part");
    let command = tools.command(Tool::Ffmpeg);
    let (program, launch) = command
        .split_first()
        .map_or(("", &[][..]), |(program, rest)| (program.as_str(), rest));
    let status = Command::new(program)
        .args(launch)
        .args([
            "-hide_banner",
            "-nostdin",
            "-loglevel",
            "error",
            "-f",
            "lavfi",
            "-i",
        ])
        .arg(music())
        .args([
            "-sample_fmt",
            "s16",
            "-metadata",
            "title=Night Drive",
            "-f",
            "flac",
            "-y",
        ])
        .arg(&unfinished)
        .stdin(Stdio::null())
        .status()
        .map_err(SampleError::Start)?;
    if !status.success() {
        return Err(SampleError::Failed(status));
    }
    let failed = |error| SampleError::Write(output.to_owned(), error);
    std::fs::rename(&unfinished, output).map_err(failed)
}

/// The filter graph: an arpeggio that wanders between the ears, over a soft pad and a bass,
/// faded at both ends.
fn music() -> String {
    let arpeggio = format!("0.30*{}", plucked(4, 2.0));
    let answer = format!("0.22*{}", plucked(3, 4.0));
    let left = format!("{arpeggio}+0.5*({answer})+{}", pad());
    let right = format!("0.5*({arpeggio})+{answer}+{}", pad());
    let fade_out = SECONDS - 3;
    format!(
        "aevalsrc=exprs='{left}|{right}':s=44100:d={SECONDS}:c=stereo,\
         afade=t=in:d=0.5,afade=t=out:st={fade_out}:d=3,\
         aecho=0.8:0.7:180|340:0.25|0.15,alimiter=limit=0.9:level=0:latency=1"
    )
}

/// Notes of the chord one after the other, so many a second, each with a short attack and a
/// decay. Only whole periods of a note are cut off by its envelope, so nothing clicks.
fn plucked(a_second: u32, octaves: f64) -> String {
    let since = format!("mod(t,1/{a_second})");
    let note = format!("mod(floor(t*{a_second}),3)");
    let envelope = format!("min(1,{since}*80)*exp(-6*{since})");
    let tone = voices(|voice| {
        format!(
            "eq({note},{voice})*sin(2*PI*{octaves}*{}*t)",
            chord_frequency(voice)
        )
    });
    format!("({tone})*{envelope}")
}

/// All notes of the chord, softly, and its root an octave below.
fn pad() -> String {
    let swell = format!("(0.5-0.5*cos(2*PI*t/{CHORD}))");
    let chord = voices(|voice| format!("sin(2*PI*{}*t)", chord_frequency(voice)));
    let bass = format!("sin(PI*{}*t)", chord_frequency(0));
    format!("{swell}*(0.06*({chord})+0.18*{bass})")
}

fn voices(of: impl Fn(usize) -> String) -> String {
    [0, 1, 2].map(of).join("+")
}

/// Frequency of a voice of the chord that sounds at `t`.
fn chord_frequency(voice: usize) -> String {
    let at = format!("mod(floor(t/{CHORD}),{})", CHORDS.len());
    let terms = CHORDS.iter().enumerate().map(|(number, chord)| {
        format!(
            "eq({at},{number})*{:.2}",
            chord.get(voice).copied().unwrap_or_default()
        )
    });
    format!("({})", terms.collect::<Vec<_>>().join("+"))
}
