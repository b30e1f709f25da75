//! The gate before the commit. ffmpeg's exit code alone says nothing.
//!
//! Here are the pure parts: (a) both ffmpegs ended well and said nothing strange, (b) the
//! source could be decoded, (c) it is as long as it says, (e) every rung plays exactly the
//! samples that were decoded, (f) all are cut at the same places. [`timeline`] has (d), the
//! regularity of each rung; [`decode`] has (g), that what was packaged decodes; the upload
//! has (h), that every object was acknowledged with its checksum.
pub mod decode;
pub mod keep;
pub mod timeline;

use crate::ffmpeg::log::LogFacts;
use crate::ffmpeg::process::Ended;
use crate::length::Samples;
use crate::probe::DeclaredLength;
use crate::stop::{Failure, Stop, failed};
use vessel_crds::reason::FailureReason;
use vessel_storage::path::Rung;

/// What may be missing of a declared length, in milliseconds, where that is more than 1 %.
const MISSING_MILLIS: u64 = 500;

/// What the decoder came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Decoded {
    /// Samples that it put out.
    pub samples: Samples,
    /// Packets that it could not decode.
    pub decode_errors: u64,
}

/// What a rung came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RungLength {
    /// The rung.
    pub rung: Rung,
    /// Where its fragments begin.
    pub decode_times: Vec<u64>,
    /// What plays.
    pub plays: Samples,
}

/// (a) to (c) for the decoder: the source is whole and was understood.
pub fn decoded(ended: &Ended, samples: Samples, declared: DeclaredLength) -> Result<Decoded, Stop> {
    ended.surroundings()?;
    if ended.status.success() && ended.log.inputs.is_empty() {
        let message = "ffmpeg did not count what it decoded: another version than the image's?";
        return Err(failed(FailureReason::Internal, message));
    }
    let counts = Counts::of(&ended.log);
    counts.mostly_decoded(&ended.log, samples)?;
    // A cut in the middle of a packet breaks that one too: the cut is what to say.
    whole(samples, declared)?;
    counts.almost_all_decoded(&ended.log)?;
    ended.source_fault("the source can't be decoded")?;
    if let Some(marker) = &ended.log.marker {
        return Err(invalid(format!(
            "the source breaks off or jumps in time: ffmpeg says: {marker}"
        ))
        .into());
    }
    Ok(Decoded {
        samples,
        decode_errors: counts.errors,
    })
}

/// (b): what became of the packets.
#[derive(Clone, Copy, Debug)]
struct Counts {
    packets: u64,
    errors: u64,
}

impl Counts {
    fn of(log: &LogFacts) -> Self {
        Self {
            packets: log.inputs.iter().map(|input| input.packets).sum(),
            errors: log.inputs.iter().map(|input| input.decode_errors).sum(),
        }
    }

    /// Something was decoded at all.
    fn mostly_decoded(self, log: &LogFacts, samples: Samples) -> Result<(), Failure> {
        if self.errors * 2 > self.packets {
            return Err(self.undecodable("encrypted or damaged", log));
        }
        if samples.0 > 0 {
            return Ok(());
        }
        let why = if log.errors.is_empty() {
            String::new()
        } else {
            format!("; {}", log.summary())
        };
        Err(invalid(format!("no audio: nothing could be decoded{why}")))
    }

    /// At most one packet in a hundred was not.
    fn almost_all_decoded(self, log: &LogFacts) -> Result<(), Failure> {
        if self.errors * 100 <= self.packets {
            return Ok(());
        }
        Err(self.undecodable("damaged", log))
    }

    fn undecodable(self, state: &str, log: &LogFacts) -> Failure {
        invalid(format!(
            "{} of {} packets can't be decoded: the source is {state}; {}",
            self.errors,
            self.packets,
            log.summary()
        ))
    }
}

/// (c): what the container counts is there, up to half a second or one percent.
fn whole(samples: Samples, declared: DeclaredLength) -> Result<(), Failure> {
    let DeclaredLength::Exact(declared) = declared else {
        return Ok(());
    };
    let missing = declared.saturating_sub(samples.millis());
    if missing <= MISSING_MILLIS.max(declared / 100) {
        return Ok(());
    }
    Err(invalid(format!(
        "truncated: {:.1} of {:.1} s",
        samples.seconds(),
        Samples::from_millis(declared).seconds()
    )))
}

/// (a) for the encoder.
pub fn encoded(ended: &Ended) -> Result<(), Stop> {
    ended.surroundings()?;
    if !ended.status.success() {
        return Err(failed(
            FailureReason::EncoderFailed,
            format!(
                "the encoder ended with {}: {}",
                ended.status,
                ended.log.summary()
            ),
        ));
    }
    match &ended.log.marker {
        None => Ok(()),
        Some(marker) => Err(verification(format!("the encoder says: {marker}"))),
    }
}

/// (e) and (f): every rung plays exactly the samples that were decoded, cut at the same
/// places.
pub fn equal(rungs: &[RungLength], samples: Samples) -> Result<(), Stop> {
    let first = rungs.first().map(|rung| &rung.decode_times);
    for rung in rungs {
        if rung.plays != samples {
            return Err(verification(format!(
                "{} plays {} samples of {}",
                rung.rung, rung.plays.0, samples.0
            )));
        }
        if Some(&rung.decode_times) != first {
            return Err(verification(format!(
                "{} is cut at other places",
                rung.rung
            )));
        }
    }
    Ok(())
}

fn invalid(message: String) -> Failure {
    Failure::new(FailureReason::SourceInvalid, message)
}

/// A failure of the gate that is ours.
pub fn verification(message: impl std::fmt::Display) -> Stop {
    failed(FailureReason::VerificationFailed, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffmpeg::log::InputCount;
    use DeclaredLength::{Estimated, Exact, Unknown};
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    const SECOND: u64 = 48_000;

    fn ended(wait_status: i32, packets: u64, decode_errors: u64) -> Ended {
        let input = InputCount {
            packets,
            frames: packets - decode_errors,
            decode_errors,
        };
        Ended {
            status: ExitStatus::from_raw(wait_status),
            log: LogFacts {
                inputs: vec![input],
                ..LogFacts::default()
            },
        }
    }

    fn reason(result: Result<impl std::fmt::Debug, Stop>) -> (FailureReason, String) {
        match result.unwrap_err() {
            Stop::Failed(failure) => (failure.reason, failure.message),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_failing_decoder_blames_the_source() {
        let result = decoded(&ended(1 << 8, 100, 0), Samples(1), Unknown);
        assert_eq!(reason(result).0, FailureReason::SourceInvalid);
        let crash = decoded(&ended(11, 100, 0), Samples(1), Unknown);
        assert_eq!(reason(crash).0, FailureReason::SourceInvalid);
        let killed = decoded(&ended(9, 100, 0), Samples(1), Unknown);
        assert_eq!(reason(killed).0, FailureReason::OutOfMemory);
    }

    #[test]
    fn a_sandbox_that_was_refused_blames_the_node() {
        let mut refused = ended(1 << 8, 1, 0);
        refused.log.refusal = Some("no Landlock".to_owned());
        let result = decoded(&refused, Samples(0), Unknown);
        assert_eq!(reason(result).0, FailureReason::Internal);
    }

    #[test]
    fn markers_are_found_although_the_exit_code_is_0() {
        let mut marked = ended(0, 100, 0);
        marked.log.marker = Some("Error during demuxing".to_owned());
        let result = decoded(&marked, Samples(1), Unknown);
        assert_eq!(reason(result).0, FailureReason::SourceInvalid);
        assert_eq!(
            reason(encoded(&marked)).0,
            FailureReason::VerificationFailed
        );
        assert_eq!(
            reason(encoded(&ended(1 << 8, 1, 0))).0,
            FailureReason::EncoderFailed
        );
        assert!(encoded(&ended(0, 1, 0)).is_ok());
    }

    #[test]
    fn one_packet_in_a_hundred_may_be_broken() {
        let judge = |packets, errors| decoded(&ended(0, packets, errors), Samples(SECOND), Unknown);
        assert_eq!(judge(200, 2).unwrap().decode_errors, 2);
        assert!(reason(judge(200, 3)).1.contains("3 of 200 packets"));
        assert!(reason(judge(432, 432)).1.contains("encrypted"));
        let nothing = decoded(&ended(0, 0, 0), Samples(0), Unknown);
        assert!(reason(nothing).1.contains("no audio"));
    }

    #[test]
    fn a_decoder_that_counted_nothing_proves_nothing() {
        let mut uncounted = ended(0, 1, 0);
        uncounted.log.inputs.clear();
        let result = decoded(&uncounted, Samples(SECOND), Exact(1000));
        assert_eq!(reason(result).0, FailureReason::Internal);
        uncounted.status = ExitStatus::from_raw(1 << 8);
        let failed = decoded(&uncounted, Samples(0), Unknown);
        assert_eq!(reason(failed).0, FailureReason::SourceInvalid);
    }

    #[test]
    fn a_declared_length_holds_where_it_is_exact() {
        let judge =
            |millis, declared| decoded(&ended(0, 1000, 0), Samples::from_millis(millis), declared);
        assert_eq!(
            reason(judge(1700, Exact(60_000))).1,
            "truncated: 1.7 of 60.0 s"
        );
        assert!(judge(59_500, Exact(60_000)).is_ok());
        assert!(judge(59_300, Exact(60_000)).is_err());
        assert!(judge(990_000, Exact(1_000_000)).is_ok());
        assert!(judge(989_000, Exact(1_000_000)).is_err());
        let cut = decoded(&ended(0, 30, 1), Samples::from_millis(1700), Exact(60_000));
        assert_eq!(reason(cut).1, "truncated: 1.7 of 60.0 s");
        assert!(judge(61_000, Exact(60_000)).is_ok());
        assert!(judge(40_000, Estimated(99_200)).is_ok());
        assert!(judge(1, Unknown).is_ok());
    }

    #[test]
    fn every_rung_plays_what_was_decoded_and_is_cut_alike() {
        let rung = |plays, decode_times: &[u64]| RungLength {
            rung: Rung::audio(64),
            decode_times: decode_times.to_vec(),
            plays: Samples(plays),
        };
        assert!(equal(&[rung(7, &[0]), rung(7, &[0])], Samples(7)).is_ok());
        let longer = equal(&[rung(8, &[0])], Samples(7));
        assert_eq!(reason(longer).0, FailureReason::VerificationFailed);
        let other = equal(&[rung(7, &[0, 3]), rung(7, &[0, 4])], Samples(7));
        assert!(reason(other).1.contains("other places"));
    }
}
