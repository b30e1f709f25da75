//! The part of docs/media.md that is made of the tables.
use crate::TABLES;
use crate::case::{Case, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/media.md");
/// What stands around that part.
const MARKS: [&str; 2] = ["<!-- made of the tests -->\n", "<!-- until here -->\n"];
/// Containers by ffmpeg's names, and what people call them.
const CONTAINERS: [(&str, &str); 19] = [
    ("aac", "ADTS (`.aac`)"),
    ("ac3", "AC-3"),
    ("aiff", "AIFF, AIFF-C"),
    ("asf", "ASF (WMA, WMV)"),
    ("avi", "AVI"),
    ("caf", "CAF"),
    ("eac3", "E-AC-3"),
    ("flac", "FLAC"),
    ("flv", "FLV"),
    ("matroska", "Matroska, WebM"),
    ("mov", "MP4, M4A, QuickTime, 3GP"),
    ("mp3", "MP3, MP2"),
    ("mpeg", "MPEG program stream"),
    ("mpegts", "MPEG transport stream"),
    ("mxf", "MXF"),
    ("ogg", "Ogg"),
    ("w64", "Wave64"),
    ("wav", "WAV, RF64"),
    ("wv", "WavPack"),
];

fn cases() -> impl Iterator<Item = &'static Case> {
    TABLES.iter().copied().flatten()
}

fn plays(case: &Case) -> bool {
    !matches!(case.outcome, Outcome::Refused(..))
}

/// Container and codecs.
fn parts(input: &str) -> (&str, impl Iterator<Item = &str>) {
    let (container, codecs) = input.split_once(": ").unwrap();
    (
        container,
        codecs.split(", ").filter(|codec| !codec.is_empty()),
    )
}

fn containers() -> String {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for case in cases().filter(|case| plays(case)) {
        let (container, codecs) = parts(case.input);
        found.entry(container).or_default().extend(codecs);
    }
    let mut table = "| container | with, by ffmpeg's names |\n|---|---|\n".to_owned();
    for (name, label) in CONTAINERS {
        let codecs = found.remove(name).unwrap_or_default();
        let codecs: Vec<String> = codecs.iter().map(|codec| format!("`{codec}`")).collect();
        writeln!(table, "| {label} | {} |", codecs.join(" ")).unwrap();
    }
    assert!(found.is_empty(), "containers without a name: {found:?}");
    table
}

fn outcomes() -> String {
    let mut table =
        "| row | what comes in | container: tracks | what comes out |\n|---|---|---|---|\n"
            .to_owned();
    let mut cases: Vec<&Case> = cases().collect();
    // The contract's rows first, in its order.
    cases.sort_by_key(|case| case.row.unwrap_or(u8::MAX));
    for case in cases {
        let row = case.row.map(|row| row.to_string()).unwrap_or_default();
        let input = case.input.trim_end_matches(", ");
        writeln!(
            table,
            "| {row} | {} | {input} | {} |",
            case.what,
            outcome(case.outcome)
        )
        .unwrap();
    }
    table
}

fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Sound { net, segments } => {
            let many = if segments == 1 { "" } else { "s" };
            format!("{} samples, {segments} segment{many}", thousands(net))
        }
        Outcome::Film {
            sizes,
            pictures,
            net,
        } => {
            let sizes = sizes
                .iter()
                .map(|(_, width, height)| format!("{width}×{height}"));
            let sizes = sizes.collect::<Vec<_>>().join(" ");
            let many = if pictures == 1 { "" } else { "s" };
            let sound = match net {
                0 => String::new(),
                net => format!(", {} samples", thousands(net)),
            };
            format!("{sizes}, {pictures} picture{many}{sound}")
        }
        Outcome::Refused(reason, "") => format!("**{}**", reason.as_str()),
        Outcome::Refused(reason, says) => format!("**{}**: … {} …", reason.as_str(), says.trim()),
    }
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap())
        .collect();
    groups.join(",")
}

/// Written anew by `make generate`.
#[test]
fn the_page_about_media_tells_what_the_tests_hold() {
    let page = std::fs::read_to_string(Path::new(PAGE)).unwrap();
    let [begin, end] = MARKS.map(|mark| page.find(mark).expect(mark));
    let (before, after) = (&page[..begin + MARKS[0].len()], &page[end..]);
    let made = format!("\n{}\n### Case by case\n{}\n", containers(), outcomes());
    let written = format!("{before}{made}{after}");
    if std::env::var_os("VESSEL_GENERATE").is_some() {
        std::fs::write(PAGE, written).unwrap();
    } else {
        assert!(
            page == written,
            "docs/media.md is out of date: run `make generate`"
        );
    }
}
