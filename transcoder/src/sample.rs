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
/// Chords of a round.
const ROUND: u32 = 4;
/// Samples a second.
const RATE: u32 = 44_100;

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
/// faded at both ends. One round of the chords is computed, then repeated.
fn music() -> String {
    let (low, high, pad) = (plucked(4, 2), plucked(3, 4), pad());
    let notes = notes();
    let left = format!("{notes};0.30*{low}+0.11*{high}+{pad}");
    let right = format!("{notes};0.15*{low}+0.22*{high}+{pad}");
    let round = CHORD * ROUND;
    let samples = round * RATE;
    let fade_out = SECONDS - 3;
    format!(
        "aevalsrc=exprs='{left}|{right}':s={RATE}:d={round}:c=stereo,\
         aloop=loop=-1:size={samples},atrim=duration={SECONDS},\
         aecho=0.8:0.7:180|340:0.25|0.15,atrim=duration={SECONDS},\
         afade=t=in:d=0.5,afade=t=out:st={fade_out}:d=3,\
         alimiter=limit=0.9:level=0:latency=1"
    )
}

/// Stores the frequencies of the chord that sounds at `t` under 1, 2 and 3.
fn notes() -> String {
    let note = |voice: usize| {
        let [a, b, c, d] = CHORDS.map(|chord| chord.get(voice).copied().unwrap_or_default());
        let (second, third, fourth) = (CHORD, 2 * CHORD, 3 * CHORD);
        format!(
            "st({},if(lt(t,{second}),{a},if(lt(t,{third}),{b},if(lt(t,{fourth}),{c},{d}))))",
            voice + 1
        )
    };
    [0, 1, 2].map(note).join(";")
}

/// Notes of the chord one after the other, so many a second and so many times as high, each
/// with a short attack and a decay, so that nothing clicks.
fn plucked(a_second: u32, times: u32) -> String {
    let since = format!("mod(t,1/{a_second})");
    let frequency = format!("ld(1+mod(floor(t*{a_second}),3))");
    format!("sin(2*PI*{times}*{frequency}*t)*min(1,{since}*80)*exp(-6*{since})")
}

/// All notes of the chord, softly, and its root an octave below.
fn pad() -> String {
    format!(
        "(0.5-0.5*cos(2*PI*t/{CHORD}))*\
         (0.06*(sin(2*PI*ld(1)*t)+sin(2*PI*ld(2)*t)+sin(2*PI*ld(3)*t))+0.18*sin(PI*ld(1)*t))"
    )
}
