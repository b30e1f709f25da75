//! What ffmpeg's log says, read as it comes: it has no bound, so only facts and the last
//! errors are kept. The exit code alone says nothing: 0 for a file cut in the middle.
//!
//! ffmpeg prints the source's own tags too. So a fact is taken only from a line that has the
//! context and the level of that fact, and the words at the beginning of its text.
mod loudness;

use loudness::Meter;
use std::collections::VecDeque;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// Errors that are kept, the last ones.
const KEPT_ERRORS: usize = 6;
/// Longest line that is looked at, in bytes.
const LINE_BYTES: u64 = 4096;
/// What no clean run says, as a warning or an error.
const MARKERS: [&str; 3] = [
    "Queue input is backward in time",
    "Non-monoton",
    "Error during demuxing",
];

/// What a log said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LogFacts {
    /// The last lines at the levels error and fatal, without their context.
    pub errors: VecDeque<String>,
    /// The first line that no clean run has.
    pub marker: Option<String>,
    /// What was read and decoded of each stream that is mapped: those that are discarded have
    /// no decoder and no count.
    pub inputs: Vec<InputCount>,
    /// Whether the length was guessed from the bit rate.
    pub length: LengthSource,
    /// Lines at the levels error and fatal.
    pub error_count: u64,
    /// Whether ffmpeg itself speaks: before it does the loader, without levels.
    pub speaker: Speaker,
    /// What the meter of the loudness said.
    pub meter: Meter,
}

/// Whose lines come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Speaker {
    /// What comes before ffmpeg's `main`.
    #[default]
    Start,
    /// The program itself.
    Program,
}

/// A line of ffmpeg: `[flac @ 0x…] [error] text`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Entry<'a> {
    /// The name before the `@` of the outermost context.
    context: Option<&'a str>,
    level: Level,
    text: &'a str,
}

/// The levels of ffmpeg's log that are asked for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Level {
    Verbose,
    Info,
    Warning,
    Error,
}

/// Where ffmpeg has a length from.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LengthSource {
    /// From the container.
    #[default]
    Container,
    /// From the bit rate: a guess.
    BitRate,
}

/// What was read and decoded of the input stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InputCount {
    /// Which of the inputs it belongs to, from 0.
    pub file: u32,
    /// Packets read.
    pub packets: u64,
    /// Frames decoded.
    pub frames: u64,
    /// Packets that could not be decoded.
    pub decode_errors: u64,
}

impl<'a> Entry<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut context = None;
        let mut rest = line;
        loop {
            let (bracket, behind) = rest.strip_prefix('[')?.split_once("] ")?;
            if let Some((name, _)) = bracket.split_once(" @ 0x") {
                context = context.or(Some(name));
                rest = behind;
                continue;
            }
            return Some(Self {
                context,
                level: Level::named(bracket)?,
                text: behind.trim(),
            });
        }
    }
}

impl Level {
    fn named(name: &str) -> Option<Self> {
        match name {
            "verbose" => Some(Self::Verbose),
            "info" => Some(Self::Info),
            "warning" => Some(Self::Warning),
            "error" | "fatal" | "panic" => Some(Self::Error),
            _ => None,
        }
    }
}

impl LogFacts {
    /// Takes one line in.
    pub fn line(&mut self, line: &str) {
        if let Some(entry) = Entry::parse(line) {
            self.speaker = Speaker::Program;
            self.entry(entry);
        } else if self.speaker == Speaker::Start {
            self.start(line);
        } else {
            self.meter.go_on(line);
        }
    }

    /// A line of the loader.
    fn start(&mut self, line: &str) {
        if line.contains("error while loading shared libraries") {
            self.error(line);
        }
    }

    fn entry(&mut self, entry: Entry<'_>) {
        let Entry {
            context,
            level,
            text,
        } = entry;
        match level {
            Level::Info => self.meter.begin(context, text),
            Level::Verbose | Level::Warning | Level::Error => self.meter.interrupt(),
        }
        let marked = MARKERS.iter().any(|marker| text.starts_with(marker));
        if marked && context.is_some() && level >= Level::Warning {
            self.marker.get_or_insert_with(|| text.to_owned());
        }
        if level == Level::Error {
            self.error(text);
        }
        match (context, level) {
            (Some(_), Level::Warning) if text.starts_with("Estimating duration from bitrate") => {
                self.length = LengthSource::BitRate;
            }
            (Some(context), Level::Verbose) if context.starts_with("in#") => {
                self.inputs.extend(input_count(text));
            }
            _ => {}
        }
    }

    fn error(&mut self, text: &str) {
        self.error_count += 1;
        if self.errors.len() == KEPT_ERRORS {
            self.errors.pop_front();
        }
        self.errors.push_back(text.trim().to_owned());
    }

    /// What went wrong in ffmpeg's words, for people.
    pub fn summary(&self) -> String {
        let lines: Vec<&str> = self.errors.iter().map(String::as_str).collect();
        if lines.is_empty() {
            return "ffmpeg gave no reason".to_owned();
        }
        format!("ffmpeg says: {}", lines.join("; "))
    }
}

/// `Input stream #0:0 (audio): 192 packets read (247330 bytes); 192 frames decoded; 0 decode
/// errors (882000 samples);`
fn input_count(text: &str) -> Option<InputCount> {
    let rest = text.strip_prefix("Input stream #")?;
    let (file, _) = rest.split_once(':')?;
    let (_, counts) = rest.split_once("): ")?;
    let number_before = |what: &str| -> Option<u64> {
        let (before, _) = counts.split_once(what)?;
        before
            .rsplit([' ', ';'])
            .find(|word| !word.is_empty())?
            .parse()
            .ok()
    };
    Some(InputCount {
        file: file.parse().ok()?,
        packets: number_before(" packets read")?,
        frames: number_before(" frames decoded")?,
        decode_errors: number_before(" decode errors")?,
    })
}

/// Which part of a line was read: what lies behind [`LINE_BYTES`] is no line of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    First,
    Other,
}

impl Part {
    /// What comes after these bytes.
    fn after(read: &[u8]) -> Self {
        if read.ends_with(b"\n") {
            Self::First
        } else {
            Self::Other
        }
    }
}

/// Reads a log to its end.
pub async fn read(stream: impl AsyncRead + Unpin) -> LogFacts {
    let mut facts = LogFacts::default();
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    let mut part = Part::First;
    loop {
        line.clear();
        let read = (&mut reader)
            .take(LINE_BYTES)
            .read_until(b'\n', &mut line)
            .await;
        match read {
            Ok(0) | Err(_) => return facts,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                tracing::trace!(line = text.trim_end(), "ffmpeg");
                if part == Part::First {
                    facts.line(text.trim_end());
                }
                part = Part::after(&line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn packets_and_decode_errors_are_counted() {
        let mut facts = LogFacts::default();
        facts.line(
            "[in#0/mov,mp4 @ 0x55] [verbose]   Input stream #0:0 (audio): 432 packets read \
             (99 bytes); 0 frames decoded; 432 decode errors (0 samples); ",
        );
        let expected = InputCount {
            file: 0,
            packets: 432,
            frames: 0,
            decode_errors: 432,
        };
        assert_eq!(facts.inputs, [expected]);
    }

    #[test]
    fn the_first_marker_and_the_last_errors_are_kept() {
        let mut facts = LogFacts::default();
        facts.line("[aist#0:0/flac @ 0x1] [error] Error during demuxing: Invalid data found");
        for number in 0..10 {
            facts.line(&format!("[flac @ 0x1] [error] invalid sync code {number}"));
        }
        assert_eq!(
            facts.marker.as_deref(),
            Some("Error during demuxing: Invalid data found")
        );
        assert_eq!(facts.errors.len(), KEPT_ERRORS);
        assert!(facts.summary().contains("invalid sync code 9"));
        assert_eq!(facts.error_count, 11);
    }

    /// What ffmpeg prints of a source's tags: at info, without a context, or cut into lines.
    #[tokio::test]
    async fn what_a_source_says_of_itself_is_no_fact() {
        let count = "Input stream #0:0 (audio): 9 packets read (1 bytes); 9 frames decoded; 0 \
                     decode errors (1 samples);";
        let filler = "x".repeat(usize::try_from(LINE_BYTES).unwrap() - 30);
        let padded = "[in#0/flac @ 0x5] [verbose] ".to_owned() + count;
        let log = format!(
            "[info] Input #0, flac, from 'file:a':\n\
             [info]     comment  : What if we could travel backward in time?\n\
             [info]     title    : [error] Cannot allocate memory\n\
             [info]     artist   : Estimating duration from bitrate\n\
             [info]     album    : {count}\n\
             [info]     genre    : Error during demuxing\n\
             [info]     {filler:<4085}{padded}\n\
             ffmpeg: error while loading shared libraries: v\n"
        );
        let facts = read(log.as_bytes()).await;
        let expected = LogFacts {
            speaker: Speaker::Program,
            ..LogFacts::default()
        };
        assert_eq!(facts, expected);
    }

    #[test]
    fn what_comes_before_ffmpeg_is_heard() {
        let mut facts = LogFacts::default();
        facts.line("ffmpeg: error while loading shared libraries: libm.so.6");
        assert_eq!(facts.error_count, 1);
        facts.line("[fatal] Error opening input files: Invalid data found");
        facts.line("[out#0/mp4 @ 0x1] [aac @ 0x2] [warning] Queue input is backward in time");
        assert_eq!(facts.error_count, 2);
        assert_eq!(
            facts.marker.as_deref(),
            Some("Queue input is backward in time")
        );
    }

    #[test]
    fn a_guessed_length_is_told_from_a_declared_one() {
        let mut facts = LogFacts::default();
        facts
            .line("[mp3 @ 0x1] [warning] Estimating duration from bitrate, this may be inaccurate");
        assert_eq!(facts.length, LengthSource::BitRate);
    }

    proptest! {
        /// A hostile log is only text.
        #[test]
        fn any_line_is_taken(line in "(\\[error\\] |Input stream #|packets read|[0-9 ;():]|.){0,20}") {
            LogFacts::default().line(&line);
        }
    }
}
