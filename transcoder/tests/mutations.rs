//! Damaged sources: whatever comes in, the verdict is typed and blames the source, nothing
//! hangs, grows or stays behind.
//!
//! An ordinary run takes a few of them, `make fuzz` thousands. What fails is saved, and tried
//! again by `VESSEL_FUZZ_REPLAY=FILE`.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]
#[path = "support/mutants.rs"]
mod mutants;
#[path = "support/mutation/mod.rs"]
mod mutation;
mod support;

use mutants::{BASES, Base, Report, Trial};
use mutation::mutated;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use support::execution::media_folder;
use support::media::make;
use vessel_crds::reason::FailureReason;

/// What an ordinary run takes.
const COUNT: u64 = 150;
const SEED: u64 = 1;
/// Inputs between two lines of progress.
const PROGRESS: u64 = 100;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn number(name: &str, default: u64) -> u64 {
    variable(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|error| panic!("{name}={text}: {error}"))
    })
}

/// Where inputs are saved that fail.
fn kept_in() -> PathBuf {
    variable("VESSEL_FUZZ_DIR")
        .map_or_else(|| std::env::temp_dir().join("vessel-fuzz"), PathBuf::from)
}

/// Where inputs come from.
struct Inputs {
    bases: Vec<(&'static Base, Vec<u8>)>,
    seed: u64,
    next: AtomicU64,
    count: u64,
}

impl Inputs {
    fn made(seed: u64, count: u64) -> Self {
        let folder = media_folder();
        let make = |base: &'static Base| {
            let name = format!("{}.{}", base.name, base.extension);
            (base, make(folder.path(), &name, &base.arguments()))
        };
        Self {
            bases: BASES.iter().map(make).collect(),
            seed,
            next: AtomicU64::new(0),
            count,
        }
    }

    fn take(&self) -> Option<Trial> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if index >= self.count {
            return None;
        }
        let place = usize::try_from(index).unwrap() % self.bases.len();
        let (base, bytes) = &self.bases[place];
        let (source, mutations) = mutated(bytes, base.layout, self.seed, index);
        Some(Trial {
            name: format!("{}-{index}.{}.{}", self.seed, base.name, base.extension),
            format: base.name,
            about: format!("VESSEL_FUZZ_SEED={} index {index}: {mutations}", self.seed),
            source,
        })
    }
}

/// Tries one after another until there are no more.
fn work(inputs: &Inputs, report: &Mutex<Report>, kept: &Path) {
    while let Some(trial) = inputs.take() {
        let result = trial.run();
        let mut report = report.lock().unwrap();
        if let Err(finding) = report.note(&trial, result) {
            let path = kept.join(&trial.name);
            std::fs::create_dir_all(kept).unwrap();
            std::fs::write(&path, &trial.source).unwrap();
            println!(
                "{finding}\n  {}\n  VESSEL_FUZZ_REPLAY={}",
                trial.about,
                path.display()
            );
        }
        if report.trials().is_multiple_of(PROGRESS) {
            println!(
                "{} of {} inputs, {} findings",
                report.trials(),
                inputs.count,
                report.findings()
            );
        }
    }
}

#[test]
fn a_damaged_source_gets_a_verdict_that_blames_the_source() {
    if variable("VESSEL_FUZZ_REPLAY").is_some() {
        return;
    }
    let seed = number("VESSEL_FUZZ_SEED", SEED);
    let inputs = Inputs::made(seed, number("VESSEL_FUZZ_COUNT", COUNT));
    let report = Mutex::new(Report::default());
    let workers = std::thread::available_parallelism().map_or(2, usize::from) + 1;
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| work(&inputs, &report, &kept_in()));
        }
    });
    let report = report.into_inner().unwrap();
    println!("{report}");
    assert_eq!(report.trials(), inputs.count);
    assert_eq!(report.findings(), 0, "seed {seed}: see above");
}

/// The inputs that nothing was done to: otherwise every verdict would be about the base.
#[test]
fn a_source_that_is_whole_is_committed() {
    for (base, source) in Inputs::made(SEED, 0).bases {
        let trial = Trial {
            name: base.name.to_owned(),
            format: base.name,
            about: "untouched".to_owned(),
            source,
        };
        assert_eq!(trial.run().unwrap().reason, None, "{}", base.name);
    }
}

#[test]
fn a_saved_input_is_tried_again() {
    let Some(path) = variable("VESSEL_FUZZ_REPLAY") else {
        return;
    };
    let trial = Trial {
        name: path.clone(),
        format: "replay",
        about: path.clone(),
        source: std::fs::read(path).unwrap(),
    };
    let ended = trial.traced();
    println!("{}", ended.log);
    let mut report = Report::default();
    report.note(&trial, ended.result).unwrap();
    println!("{report}");
}

/// Where the tags of a Flash video begin: behind its header and the length of no tag before.
fn tags(flv: &[u8]) -> Vec<usize> {
    let next = |&at: &usize| {
        let length = flv.get(at + 1..at + 4)?;
        let length = length
            .iter()
            .fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        Some(at + 15 + length).filter(|at| at + 15 < flv.len())
    };
    std::iter::successors(Some(13), next).collect()
}

/// A filter that fills a gap makes pictures for all of it before it notices that nobody takes
/// them any more.
#[test]
fn a_jump_in_time_is_not_waited_for_beyond_the_limit() {
    let inputs = Inputs::made(SEED, 0);
    let mut bases = inputs.bases.into_iter();
    let (base, mut source) = bases.find(|(base, _)| base.name == "flv").unwrap();
    let tags = tags(&source);
    let last = tags.iter().rfind(|&&at| source[at] == 9).unwrap();
    // The highest byte of its time in milliseconds: 28 hours. More than 30 ffmpeg takes for an
    // error.
    source[last + 7] = 6;
    let trial = Trial {
        name: "jump.flv".to_owned(),
        format: base.name,
        about: "a jump".to_owned(),
        source,
    };
    let verdict = trial.run().unwrap();
    assert_eq!(verdict.reason, Some(FailureReason::LimitExceeded));
}
