//! What ffmpeg's log says, read as it comes: it has no bound, so only facts and the last
//! errors are kept. The exit code alone says nothing: 0 for a file cut in the middle.
use std::collections::VecDeque;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

/// Errors that are kept, the last ones.
const KEPT_ERRORS: usize = 6;
/// Longest line that is looked at, in bytes.
const LINE_BYTES: u64 = 4096;
/// What no clean run says.
const MARKERS: [&str; 3] = ["backward in time", "Non-monoton", "Error during demuxing"];

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
    /// Why the sandbox could not be entered, if it could not.
    pub refusal: Option<String>,
    /// Lines at the levels error and fatal.
    pub error_count: u64,
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
    /// Packets read.
    pub packets: u64,
    /// Frames decoded.
    pub frames: u64,
    /// Packets that could not be decoded.
    pub decode_errors: u64,
}

impl LogFacts {
    /// Takes one line in.
    pub fn line(&mut self, line: &str) {
        if let Some(refusal) = line.strip_prefix(super::jail::REFUSED) {
            self.refusal.get_or_insert_with(|| refusal.to_owned());
        }
        if let Some(weakness) = line.strip_prefix(super::jail::WEAK) {
            tracing::warn!(weakness, "ffmpeg runs in a sandbox with holes");
        }
        if MARKERS.iter().any(|marker| line.contains(marker)) {
            self.marker.get_or_insert_with(|| message(line).to_owned());
        }
        if line.contains("Estimating duration from bitrate") {
            self.length = LengthSource::BitRate;
        }
        if let Some(count) = input_count(line) {
            self.inputs.push(count);
        }
        let loader = line.contains("error while loading shared libraries");
        if loader || line.contains("[error] ") || line.contains("[fatal] ") {
            self.error_count += 1;
            if self.errors.len() == KEPT_ERRORS {
                self.errors.pop_front();
            }
            self.errors.push_back(message(line).to_owned());
        }
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

/// The text behind the context and the level: `[flac @ 0x…] [error] text`.
fn message(line: &str) -> &str {
    [
        "[error] ",
        "[fatal] ",
        "[warning] ",
        "[info] ",
        "[verbose] ",
    ]
    .iter()
    .find_map(|level| line.split_once(level))
    .map_or(line, |(_, text)| text)
    .trim()
}

/// `Input stream #0:0 (audio): 192 packets read (247330 bytes); 192 frames decoded; 0 decode
/// errors (882000 samples);`
fn input_count(line: &str) -> Option<InputCount> {
    let (_, rest) = line.split_once("Input stream #")?;
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
        packets: number_before(" packets read")?,
        frames: number_before(" frames decoded")?,
        decode_errors: number_before(" decode errors")?,
    })
}

/// Reads a log to its end.
pub async fn read(stream: impl AsyncRead + Unpin) -> LogFacts {
    let mut facts = LogFacts::default();
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
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
                facts.line(text.trim_end());
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
        let line = "[in#0/mov,mp4 @ 0x55] [verbose]   Input stream #0:0 (audio): 432 packets read \
                    (99 bytes); 0 frames decoded; 432 decode errors (0 samples); ";
        let expected = InputCount {
            packets: 432,
            frames: 0,
            decode_errors: 432,
        };
        assert_eq!(input_count(line), Some(expected));
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
