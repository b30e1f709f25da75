//! The gate before the commit, letter by letter: an ffmpeg that forges what its log says or
//! what it wrote is caught, whichever condition it breaks.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]
mod boxes;
mod honest;
#[path = "../support/mod.rs"]
mod support;

use boxes::{boxes, entries, moof, moov, time, without_last_fragments};
use command_fds::{CommandFdExt, FdMapping};
use honest::{Honest, SECONDS, counted};
use std::collections::BTreeSet;
use std::path::Path;
use support::execution::{Ended, Execution, media_folder};
use support::media::tool;
use support::recipe::Recipe;
use vessel_crds::reason::FailureReason::{self, EncoderFailed, SourceInvalid, VerificationFailed};
use vessel_storage::manifest::Manifest;
use vessel_storage::verdict::VerdictOutcome;
use vessel_transcoder::ffmpeg::process::{Ended as ToolEnded, Input};
use vessel_transcoder::ffmpeg::{argv, log};
use vessel_transcoder::gate::decode::judge;

#[cfg(target_arch = "x86_64")]
const TRIPLET: &str = "x86_64-linux-gnu";
#[cfg(target_arch = "aarch64")]
const TRIPLET: &str = "aarch64-linux-gnu";

/// One condition, broken.
struct Forgery {
    /// The condition's letter.
    letter: char,
    what: &'static str,
    of: Honest,
    forge: fn(&mut Recipe),
    /// `None` if it has to pass.
    caught: Option<(FailureReason, &'static str)>,
}

const FORGERIES: &[Forgery] = &[
    forgery(
        'a',
        "the decoder fails",
        Honest::Song,
        |recipe| recipe.decoder.code = 1,
        SourceInvalid,
        "can't be decoded",
    ),
    forgery(
        'a',
        "the decoder breaks off with exit code 0",
        Honest::Song,
        |recipe| {
            recipe.decoder.log.push(
                "[aist#0:0/flac @ 0x1] [error] Error during demuxing: Invalid data".to_owned(),
            );
        },
        SourceInvalid,
        "Error during demuxing",
    ),
    forgery(
        'a',
        "the encoder fails",
        Honest::Song,
        |recipe| recipe.encoder.code = 1,
        EncoderFailed,
        "the encoder ended",
    ),
    forgery(
        'a',
        "the encoder's clock goes backward",
        Honest::Song,
        |recipe| {
            recipe.encoder.log.push(
                "[out#0/mp4 @ 0x1] [aac @ 0x2] [warning] Queue input is backward in time"
                    .to_owned(),
            );
        },
        VerificationFailed,
        "backward in time",
    ),
    forgery(
        'a',
        "the encoder's times do not ascend",
        Honest::Song,
        |recipe| {
            recipe.encoder.log.push(
                "[out#0/mp4 @ 0x1] [warning] Non-monotonic DTS; previous: 2, current: 1".to_owned(),
            );
        },
        VerificationFailed,
        "Non-monotonic",
    ),
    forgery(
        'b',
        "nothing is decoded",
        Honest::Song,
        |recipe| recipe.samples = 0,
        SourceInvalid,
        "no audio",
    ),
    forgery(
        'b',
        "two packets of a hundred can't be decoded",
        Honest::Song,
        |recipe| recipe.decoder = counted("audio", 100, 2),
        SourceInvalid,
        "2 of 100 packets",
    ),
    forgery(
        'b',
        "two pictures of a hundred can't be decoded",
        Honest::Film,
        |recipe| recipe.encoder = counted("video", 100, 2),
        SourceInvalid,
        "2 of 100 packets",
    ),
    Forgery {
        caught: None,
        ..forgery(
            'b',
            "one packet of a hundred can't be decoded: that is recorded",
            Honest::Song,
            |recipe| recipe.decoder = counted("audio", 100, 1),
            SourceInvalid,
            "",
        )
    },
    forgery(
        'c',
        "sound that ends before the end",
        Honest::Song,
        |recipe| recipe.description = recipe.description.replace("3.0", "4.0"),
        SourceInvalid,
        "truncated: 3.0 of 4.0 s",
    ),
    forgery(
        'c',
        "pictures that end before the end",
        Honest::Film,
        |recipe| recipe.description = recipe.description.replace("3.0", "4.0"),
        SourceInvalid,
        "truncated: 3.0 of 4.0 s",
    ),
    forgery(
        'd',
        "a fragment begins late",
        Honest::Song,
        |recipe| moof(recipe, 1, |moof| time(moof, 1)),
        VerificationFailed,
        "begins at",
    ),
    forgery(
        'd',
        "a picture begins late",
        Honest::Film,
        |recipe| moof(recipe, 1, |moof| time(moof, 1)),
        VerificationFailed,
        "begins at",
    ),
    forgery(
        'd',
        "a fragment does not begin with a sync sample",
        Honest::Film,
        |recipe| {
            moof(recipe, 1, |moof| {
                moof.traf[0].tfhd.default_sample_flags = Some(0x0101_0000);
                for sample in entries(moof) {
                    sample.flags = None;
                }
            });
        },
        VerificationFailed,
        "sync sample",
    ),
    forgery(
        'd',
        "a frame that is too short",
        Honest::Song,
        |recipe| {
            moof(recipe, 1, |moof| {
                moof.traf[0].tfhd.default_sample_duration = Some(1000);
                for sample in entries(moof) {
                    sample.duration = None;
                }
            });
        },
        VerificationFailed,
        "a sample of 1000 units",
    ),
    forgery(
        'd',
        "a fragment with a frame less",
        Honest::Song,
        |recipe| {
            moof(recipe, 1, |moof| entries(moof).truncate(45));
            moof(recipe, 2, |moof| time(moof, -1024));
        },
        VerificationFailed,
        "fragment 3 has",
    ),
    forgery(
        'd',
        "no edit list",
        Honest::Song,
        |recipe| moov(recipe, |moov| moov.trak[0].edts = None),
        VerificationFailed,
        "the edit list",
    ),
    forgery(
        'd',
        "an edit list that cuts pictures off",
        Honest::Film,
        |recipe| {
            moov(recipe, |moov| {
                let list = moov.trak[0].edts.as_mut().unwrap().elst.as_mut().unwrap();
                list.entries[0].media_time = Some(1000);
            });
        },
        VerificationFailed,
        "the edit list",
    ),
    forgery(
        'e',
        "a sample more was decoded than plays",
        Honest::Song,
        |recipe| recipe.samples += 1,
        VerificationFailed,
        "plays 144000 samples of 144001",
    ),
    forgery(
        'e',
        "sound and pictures end more than a segment apart",
        Honest::Both,
        |recipe| {
            let last = recipe.rungs.len() - 2;
            for rung in &mut recipe.rungs[last..] {
                without_last_fragments(rung, 2);
            }
            recipe.description = recipe.description.replace("matroska", "mpegts");
        },
        SourceInvalid,
        "the sound would play for 3.0 s and the pictures for 1.0 s",
    ),
    forgery(
        'f',
        "a rung that is a fragment shorter than the others",
        Honest::Film,
        |recipe| without_last_fragments(&mut recipe.rungs[0], 1),
        VerificationFailed,
        "is cut at other places",
    ),
    forgery(
        'g',
        "a segment that can't be decoded",
        Honest::Song,
        |recipe| {
            let mark = b"UNDECODABLE";
            let rung = recipe.rungs.last_mut().unwrap();
            let end = rung.len();
            rung[end - mark.len()..].copy_from_slice(mark);
        },
        VerificationFailed,
        "1 errors",
    ),
];

const fn forgery(
    letter: char,
    what: &'static str,
    of: Honest,
    forge: fn(&mut Recipe),
    reason: FailureReason,
    says: &'static str,
) -> Forgery {
    Forgery {
        letter,
        what,
        of,
        forge,
        caught: Some((reason, says)),
    }
}

/// A root whose tools are the forger, with the libraries that this test itself is run with.
fn root_with_forger(root: &Path) {
    let [programs, libraries] = [root.join("usr/bin"), root.join("usr/lib").join(TRIPLET)];
    std::fs::create_dir_all(&programs).unwrap();
    std::fs::create_dir_all(&libraries).unwrap();
    for tool in ["ffmpeg", "ffprobe"] {
        std::fs::copy(env!("CARGO_BIN_EXE_forger"), programs.join(tool)).unwrap();
    }
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    for line in maps.lines().filter(|line| line.contains(".so")) {
        let library = Path::new(&line[line.find('/').unwrap()..]);
        std::fs::copy(library, libraries.join(library.file_name().unwrap())).unwrap();
    }
}

async fn run(of: Honest, forge: fn(&mut Recipe)) -> (Execution, Ended) {
    let mut recipe = of.recipe().await.clone();
    forge(&mut recipe);
    let mut execution = Execution::of(serde_json::to_vec(&recipe).unwrap()).await;
    execution.order.encoding = of.encoding();
    let root = execution.folder.path().join("root");
    root_with_forger(&root);
    let ended = execution
        .run_with(|command| {
            command.env("VESSEL_FFMPEG_ROOT", root);
        })
        .await;
    (execution, ended)
}

/// Or else the others prove nothing.
#[tokio::test]
async fn what_is_honest_passes() {
    for of in [Honest::Song, Honest::Film, Honest::Both] {
        let (_, ended) = run(of, |_| {}).await;
        let outcome = ended.verdict.outcome;
        assert_eq!(outcome, VerdictOutcome::Committed, "{ended:#?}");
    }
}

#[tokio::test]
async fn whatever_breaks_a_condition_is_caught() {
    let mut wrong = Vec::new();
    for forgery in FORGERIES {
        let (execution, ended) = run(forgery.of, forgery.forge).await;
        let verdict = &ended.verdict;
        let as_expected = match forgery.caught {
            None => {
                let manifest = execution.stub.object("manifest.json");
                let manifest = manifest.map(|json| serde_json::from_slice::<Manifest>(&json));
                manifest.is_some_and(|manifest| manifest.unwrap().media.decode_errors == Some(1))
            }
            Some((reason, says)) => {
                assert!(execution.stub.get("commit.json").is_none());
                verdict.reason == Some(reason)
                    && verdict.message.contains(says)
                    // Ours is tried once more, the source's is not.
                    && verdict.permanent == (reason == SourceInvalid)
            }
        };
        if !as_expected {
            wrong.push(format!(
                "({}) {}: {:?} {}",
                forgery.letter, forgery.what, verdict.reason, verdict.message
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// (g): what the real ffmpeg says of real segments, by our command line.
#[tokio::test]
async fn a_damaged_segment_does_not_decode() {
    let whole = Honest::Song.recipe().await.rungs[0].clone();
    let mut damaged = whole.clone();
    let (begin, length) = *boxes(&whole, *b"mdat").last().unwrap();
    damaged[begin + 8..begin + length].fill(0xff);
    let mut cut = whole.clone();
    without_last_fragments(&mut cut, 1);
    let frames = (SECONDS as u64 * 48_000 + 1024).div_ceil(1024);
    assert!(judge(&checked(&whole).await, 1, frames).is_ok());
    for bytes in [damaged, cut] {
        let verdict = judge(&checked(&bytes).await, 1, frames);
        assert!(verdict.is_err(), "{verdict:?}");
    }
}

async fn checked(rung: &[u8]) -> ToolEnded {
    let folder = media_folder();
    let path = folder.path().join("rung.mp4");
    std::fs::write(&path, rung).unwrap();
    let mut command = tool("ffmpeg");
    let mapping = FdMapping {
        parent_fd: std::fs::File::open(path).unwrap().into(),
        child_fd: 3,
    };
    command.args(argv::check("mov", 1));
    command.fd_mappings(vec![mapping]).unwrap();
    let output = command.output().unwrap();
    ToolEnded {
        status: output.status,
        log: log::read(&output.stderr[..]).await,
        refusal: None,
        input: Input::Own,
    }
}

/// (h): the bucket is the one that forges.
#[tokio::test]
async fn an_object_that_is_not_acknowledged_as_it_was_sent_is_caught() {
    let recipe = Honest::Song.recipe().await;
    for (acknowledged, kept) in [(1, 0), (0, 1)] {
        let mut execution = Execution::of(serde_json::to_vec(recipe).unwrap()).await;
        execution.order.encoding = Honest::Song.encoding();
        let root = execution.folder.path().join("root");
        root_with_forger(&root);
        execution.stub.with(|inner| {
            inner.faults.put_garbled = acknowledged;
            inner.faults.put_unacknowledged = kept;
            inner.faults.put_kept_wrong = kept;
        });
        let ended = execution
            .run_with(|command| {
                command.env("VESSEL_FFMPEG_ROOT", root);
            })
            .await;
        assert_eq!(ended.verdict.reason, Some(VerificationFailed), "{ended:#?}");
        assert!(execution.stub.get("commit.json").is_none());
    }
}

#[test]
fn every_letter_of_the_gate_is_broken_by_a_forgery() {
    let letters: BTreeSet<char> = FORGERIES.iter().map(|forgery| forgery.letter).collect();
    assert_eq!(letters, ('a'..='g').collect());
}
