//! What the meter says of the loudness: the summary of ffmpeg's `ebur128` at its end.
//!
//! It is one message of many lines, written at once, and only the first line has a context.
//! So it counts only line by line as the filter writes it, behind a first line of the filter
//! itself: what a source says of itself never begins a line.
use vessel_crds::media::MeasuredLoudness;

/// The filter, as a context of the log.
const CONTEXT: &str = "Parsed_ebur128_";
/// Its first line.
const TITLE: &str = "Summary:";
/// Thousandths of a LUFS that the filter says where nothing was loud enough to count.
const FLOOR: i32 = -70_000;
/// Thousandths of a LUFS that the filter says of everything that is louder.
const CEILING: i32 = 10_000;
/// The lines behind the first one, without their indentation.
const LINES: [Line; 13] = [
    Line::Text(""),
    Line::Text("Integrated loudness:"),
    Line::Value("I:", "LUFS"),
    Line::Value("Threshold:", "LUFS"),
    Line::Text(""),
    Line::Text("Loudness range:"),
    Line::Value("LRA:", "LU"),
    Line::Value("Threshold:", "LUFS"),
    Line::Value("LRA low:", "LUFS"),
    Line::Value("LRA high:", "LUFS"),
    Line::Text(""),
    Line::Text("True peak:"),
    Line::Value("Peak:", "dBFS"),
];
/// Where the values stand that are kept.
const INTEGRATED: usize = 2;
const RANGE: usize = 6;
const PEAK: usize = 12;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Line {
    Text(&'static str),
    /// A label, a number, its unit.
    Value(&'static str, &'static str),
}

/// What the meter said so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Meter {
    reading: Reading,
    /// How far a summary has come.
    begun: Option<Summary>,
}

/// What the summaries came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Reading {
    #[default]
    Nothing,
    Once(Option<MeasuredLoudness>),
    /// The sound changed its form on the way: of each part there is a summary, of the whole
    /// there is none.
    InParts,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Summary {
    lines: usize,
    /// Thousandths; absent where there is no finite number.
    integrated: Option<i32>,
    range: Option<i32>,
    peak: Option<i32>,
}

impl Meter {
    /// A line with a context, at the level of information.
    pub(super) fn begin(&mut self, context: Option<&str>, text: &str) {
        let own = context.is_some_and(|context| context.starts_with(CONTEXT));
        self.begun = (own && text == TITLE).then(Summary::default);
    }

    /// Any other line of the program that has a level.
    pub(super) const fn interrupt(&mut self) {
        self.begun = None;
    }

    /// A line without a level.
    pub(super) fn go_on(&mut self, text: &str) {
        self.begun = self.begun.and_then(|summary| summary.with(text.trim()));
        if let Some(summary) = self.begun.take_if(|summary| summary.lines == LINES.len()) {
            self.reading = match self.reading {
                Reading::Nothing => Reading::Once(summary.measured()),
                Reading::Once(_) | Reading::InParts => Reading::InParts,
            };
        }
    }

    /// The loudness, where the sound has one.
    pub const fn measured(&self) -> Option<MeasuredLoudness> {
        match self.reading {
            Reading::Once(measured) => measured,
            Reading::Nothing | Reading::InParts => None,
        }
    }
}

impl Summary {
    /// With one more line; `None` if it is not the one that follows.
    fn with(mut self, text: &str) -> Option<Self> {
        match LINES.get(self.lines)? {
            Line::Text(expected) => (text == *expected).then_some(())?,
            Line::Value(label, unit) => {
                let number = text.strip_prefix(label)?.strip_suffix(unit)?;
                let value = thousandths(number.trim().parse().ok()?);
                match self.lines {
                    INTEGRATED => self.integrated = value,
                    RANGE => self.range = value,
                    PEAK => self.peak = value,
                    _ => {}
                }
            }
        }
        self.lines += 1;
        Some(self)
    }

    /// Silence, and what is beyond the scale, have no loudness.
    fn measured(self) -> Option<MeasuredLoudness> {
        let within = |loudness: &i32| (FLOOR + 1..CEILING).contains(loudness);
        Some(MeasuredLoudness {
            integrated_milli_lufs: self.integrated.filter(within)?,
            range_milli_lu: self.range?,
            true_peak_milli_dbtp: self.peak?,
        })
    }
}

/// -23.0 → -23,000; nothing for what is no finite number.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn thousandths(number: f64) -> Option<i32> {
    let plausible = number.is_finite() && number.abs() < 1000.0;
    plausible.then(|| (number * 1000.0).round() as i32)
}

#[cfg(test)]
mod tests {
    use super::super::{LogFacts, read};
    use super::*;
    use proptest::prelude::*;

    /// As ffmpeg 7.1 writes it, for a stereo sine of 1 kHz at -23 dBFS (EBU Tech 3341, case 1).
    const REFERENCE: &str = "[af#0:0 @ 0x5555] [verbose] All consumers returned EOF\n\
        [Parsed_ebur128_2 @ 0x7fe9e4017880] [info] Summary:\n\n  \
          Integrated loudness:\n    \
            I:         -23.0 LUFS\n    \
            Threshold: -33.0 LUFS\n\n  \
          Loudness range:\n    \
            LRA:         0.0 LU\n    \
            Threshold: -43.0 LUFS\n    \
            LRA low:   -23.0 LUFS\n    \
            LRA high:  -23.0 LUFS\n\n  \
          True peak:\n    \
            Peak:      -23.0 dBFS\n\
        [af#0:0 @ 0x55556b1805c0] [verbose] Terminating thread with return code 0 (success)\n";

    async fn measured(log: &str) -> Option<MeasuredLoudness> {
        read(log.as_bytes()).await.meter.measured()
    }

    fn like(values: [(&str, &str); 3]) -> String {
        values.iter().fold(REFERENCE.to_owned(), |log, (from, to)| {
            log.replace(from, to)
        })
    }

    #[tokio::test]
    async fn the_summary_is_read() {
        let expected = |integrated, range, peak| {
            Some(MeasuredLoudness {
                integrated_milli_lufs: integrated,
                range_milli_lu: range,
                true_peak_milli_dbtp: peak,
            })
        };
        assert_eq!(measured(REFERENCE).await, expected(-23_000, 0, -23_000));
        let loud = like([
            ("I:         -23.0", "I:           8.3"),
            ("LRA:         0.0", "LRA:        11.9"),
            ("Peak:      -23.0", "Peak:       18.1"),
        ]);
        assert_eq!(measured(&loud).await, expected(8300, 11_900, 18_100));
    }

    /// What ffmpeg 7.1 says of silence, of less than 400 ms, of what is no number, and of what
    /// is louder than its scale.
    #[tokio::test]
    async fn what_has_no_loudness_has_none() {
        let floor = ("I:         -23.0", "I:         -70.0");
        let same = ("LRA:", "LRA:");
        for (integrated, peak) in [
            (floor, "Peak:       -inf"),
            (floor, "Peak:      -23.0"),
            (floor, "Peak:        nan"),
            (("I:         -23.0", "I:         -23.0"), "Peak:       -inf"),
            (("I:         -23.0", "I:          10.0"), "Peak:       18.1"),
        ] {
            let log = like([integrated, same, ("Peak:      -23.0", peak)]);
            assert_eq!(measured(&log).await, None, "{log}");
        }
    }

    #[tokio::test]
    async fn of_sound_that_changes_its_form_there_is_no_one_loudness() {
        assert_eq!(measured(&format!("{REFERENCE}{REFERENCE}")).await, None);
    }

    #[tokio::test]
    async fn a_source_can_not_say_how_loud_it_is() {
        let (_, body) = REFERENCE.split_once("Summary:\n").unwrap();
        for head in [
            "[info]     title           : [Parsed_ebur128_2 @ 0x7fe9e4017880] [info] Summary:\n",
            "[info]                     : Summary:\n",
            "[Parsed_ebur128_2 @ 0x7fe9e4017880] [verbose] Summary:\n",
            "[Parsed_aformat_2 @ 0x7fe9e4017880] [info] Summary:\n",
            "[info] Summary:\n",
            "Summary:\n",
        ] {
            assert_eq!(measured(&format!("{head}{body}")).await, None, "{head}");
        }
        let line = "    I:         -23.0 LUFS\n";
        let other = "[info]     I:         -10.0 LUFS\n";
        let between = REFERENCE.replace(line, &format!("{other}{line}"));
        assert_eq!(measured(&between).await, None);
        let twice = REFERENCE.replace(line, &format!("{line}    I:         -10.0 LUFS\n"));
        assert_eq!(measured(&twice).await, None);
    }

    proptest! {
        /// A hostile log is only text.
        #[test]
        fn any_lines_are_taken(
            lines in prop::collection::vec("(I:|LRA:|Peak:| |LUFS|LU|dBFS|[-0-9.e]|inf|nan|.){0,12}", 0..20),
        ) {
            let mut facts = LogFacts::default();
            facts.line("[Parsed_ebur128_2 @ 0x7f] [info] Summary:");
            for line in lines {
                facts.line(&line);
            }
        }
    }
}
