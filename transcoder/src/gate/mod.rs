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
use crate::ladder::Presents;
use crate::length::Samples;
use crate::probe::DeclaredLength;
use crate::stop::{Failure, Stop, failed};
use vessel_crds::reason::FailureReason;
use vessel_storage::path::Rung;

/// What may be missing of a declared length, in milliseconds, where that is more than 1 %.
const MISSING_MILLIS: u64 = 500;

/// What a rung came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RungLength {
    /// The rung.
    pub rung: Rung,
    /// What it carries.
    pub presents: Presents,
    /// Where its fragments begin.
    pub decode_times: Vec<u64>,
    /// Units of its timescale that play.
    pub plays: u64,
}

/// Whose bytes are judged, in the messages for people.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Medium {
    Sound,
    Pictures,
}

impl Medium {
    const fn missing(self) -> &'static str {
        match self {
            Self::Sound => "no audio",
            Self::Pictures => "no video",
        }
    }
}

/// (a) to (c) for the decoder of the sound: the source is whole and was understood. Answers how
/// many packets could not be decoded.
pub fn sound(ended: &Ended, samples: Samples, declared: DeclaredLength) -> Result<u64, Stop> {
    ended.surroundings()?;
    if ended.status.success() && ended.log.inputs.is_empty() {
        let message = "ffmpeg did not count what it decoded: another version than the image's?";
        return Err(failed(FailureReason::Internal, message));
    }
    let counts = Counts::of(&ended.log, Medium::Sound);
    counts.mostly_decoded(&ended.log)?;
    counts.something_decoded(&ended.log, samples)?;
    // A cut in the middle of a packet breaks that one too: the cut is what to say.
    whole(samples, declared)?;
    counts.almost_all_decoded(&ended.log)?;
    ended.source_fault("the source can't be decoded")?;
    if let Some(marker) = &ended.log.marker {
        return Err(breaks_off(marker).into());
    }
    Ok(counts.errors)
}

/// (b) for pictures of which next to nothing could be decoded: whatever came out of them is
/// irregular for that reason alone.
pub fn pictures_mostly_decoded(ended: &Ended) -> Result<(), Failure> {
    Counts::of(&ended.log, Medium::Pictures).mostly_decoded(&ended.log)
}

/// (a) and (b) for an encoder that decodes the pictures itself: whether a failure of it is the
/// source's fault.
pub fn pictures_understood(ended: &Ended) -> Result<(), Stop> {
    if let Some(marker) = ended
        .log
        .marker
        .as_ref()
        .filter(|text| text.contains("demuxing"))
    {
        return Err(breaks_off(marker).into());
    }
    let own = |line: &String| line.contains("while opening encoder");
    if ended.log.errors.iter().any(own) {
        return Ok(());
    }
    ended.source_fault("the pictures can't be decoded")
}

/// (b) and (c) for the pictures that came out. Answers how many packets could not be decoded.
pub fn pictures(ended: &Ended, made: Samples, declared: DeclaredLength) -> Result<u64, Stop> {
    let counts = Counts::of(&ended.log, Medium::Pictures);
    counts.something_decoded(&ended.log, made)?;
    whole(made, declared)?;
    counts.almost_all_decoded(&ended.log)?;
    Ok(counts.errors)
}

fn breaks_off(marker: &str) -> Failure {
    invalid(format!(
        "the source breaks off or jumps in time: ffmpeg says: {marker}"
    ))
}

/// (b): what became of the packets of the source.
#[derive(Clone, Copy, Debug)]
struct Counts {
    medium: Medium,
    packets: u64,
    errors: u64,
}

impl Counts {
    /// The source is the first input of either ffmpeg; the encoder's second is our samples.
    fn of(log: &LogFacts, medium: Medium) -> Self {
        let source = || log.inputs.iter().filter(|input| input.file == 0);
        Self {
            medium,
            packets: source().map(|input| input.packets).sum(),
            errors: source().map(|input| input.decode_errors).sum(),
        }
    }

    fn mostly_decoded(self, log: &LogFacts) -> Result<(), Failure> {
        if self.errors * 2 > self.packets {
            return Err(self.undecodable("encrypted or damaged", log));
        }
        Ok(())
    }

    fn something_decoded(self, log: &LogFacts, made: Samples) -> Result<(), Failure> {
        if made.0 > 0 {
            return Ok(());
        }
        let why = if log.errors.is_empty() {
            String::new()
        } else {
            format!("; {}", log.summary())
        };
        let missing = self.medium.missing();
        Err(invalid(format!("{missing}: nothing could be decoded{why}")))
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
pub fn whole(samples: Samples, declared: DeclaredLength) -> Result<(), Failure> {
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

/// (e) and (f): every rung of sound plays exactly the samples that were sent to it, every rung
/// of pictures as long as the others, and those of a kind are cut at the same places.
pub fn equal(rungs: &[RungLength], sent: Option<Samples>) -> Result<(), Stop> {
    let (film, sound): (Vec<_>, Vec<_>) = rungs
        .iter()
        .partition(|rung| matches!(rung.presents, Presents::Pictures(..)));
    for rung in &sound {
        if Some(Samples(rung.plays)) != sent {
            return Err(verification(format!(
                "{} plays {} samples of {}",
                rung.rung,
                rung.plays,
                sent.unwrap_or_default().0
            )));
        }
    }
    alike(&sound)?;
    alike(&film)
}

fn alike(rungs: &[&RungLength]) -> Result<(), Stop> {
    let Some((first, others)) = rungs.split_first() else {
        return Ok(());
    };
    for rung in others {
        if rung.decode_times != first.decode_times {
            return Err(verification(format!(
                "{} is cut at other places",
                rung.rung
            )));
        }
        if rung.plays != first.plays {
            return Err(verification(format!(
                "{} is not as long as {}",
                rung.rung, first.rung
            )));
        }
    }
    Ok(())
}

/// (e): sound and pictures end together, up to a segment, where the source said how long both
/// are and the shorter one was made longer. Each is all that could be decoded of it: if they
/// end apart, what the source said was wrong.
pub fn level(sound: Samples, film: Samples, segment_seconds: u64) -> Result<(), Stop> {
    if sound.0.abs_diff(film.0) <= Samples::from_seconds(segment_seconds).0 {
        return Ok(());
    }
    let message = format!(
        "the source is wrong about how long its tracks are: by what it says, the sound would \
         play for {:.1} s and the pictures for {:.1} s; write its container anew",
        sound.seconds(),
        film.seconds()
    );
    Err(invalid(message).into())
}

/// What is wrong where an encoder that ended well wrote nothing to a rung. Sound is counted
/// before it is encoded; pictures that were decoded are dropped if their times lie before 0.
pub fn nothing_written(rung: &Rung, presents: Presents) -> Stop {
    match presents {
        Presents::Sound(_) => verification(format!("{rung}: the encoder wrote nothing")),
        Presents::Pictures(..) => {
            invalid("no video: by the source's times none of its pictures is ever shown".to_owned())
                .into()
        }
    }
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
    use crate::ffmpeg::process::Input;
    use crate::ladder::frame_rate::FrameRate;
    use crate::ladder::{Channels, Size};
    use DeclaredLength::{Estimated, Exact, Unknown};
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    const SECOND: u64 = 48_000;

    fn ended(wait_status: i32, packets: u64, decode_errors: u64) -> Ended {
        let input = InputCount {
            file: 0,
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
            ..Ended::default()
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
        let result = sound(&ended(1 << 8, 100, 0), Samples(1), Unknown);
        assert_eq!(reason(result).0, FailureReason::SourceInvalid);
        let crash = sound(&ended(11, 100, 0), Samples(1), Unknown);
        assert_eq!(reason(crash).0, FailureReason::SourceInvalid);
        let killed = sound(&ended(9, 100, 0), Samples(1), Unknown);
        assert_eq!(reason(killed).0, FailureReason::OutOfMemory);
    }

    #[test]
    fn a_violation_of_the_sandbox_blames_the_source_where_that_is_read() {
        let mut violated = ended(31, 0, 0);
        let (source, message) = reason(sound(&violated, Samples(0), Unknown));
        assert_eq!(source, FailureReason::SourceInvalid);
        assert!(message.starts_with("sandbox violation"), "{message}");
        violated.input = Input::Own;
        assert_eq!(reason(encoded(&violated)).0, FailureReason::Internal);
    }

    #[test]
    fn a_sandbox_that_was_refused_blames_the_node() {
        let mut refused = ended(1 << 8, 1, 0);
        refused.refusal = Some("no Landlock".to_owned());
        let result = sound(&refused, Samples(0), Unknown);
        assert_eq!(reason(result).0, FailureReason::Internal);
    }

    #[test]
    fn markers_are_found_although_the_exit_code_is_0() {
        let mut marked = ended(0, 100, 0);
        marked.log.marker = Some("Error during demuxing".to_owned());
        let result = sound(&marked, Samples(1), Unknown);
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
        let judge = |packets, errors| sound(&ended(0, packets, errors), Samples(SECOND), Unknown);
        assert_eq!(judge(200, 2).unwrap(), 2);
        assert!(reason(judge(200, 3)).1.contains("3 of 200 packets"));
        assert!(reason(judge(432, 432)).1.contains("encrypted"));
        let nothing = sound(&ended(0, 0, 0), Samples(0), Unknown);
        assert!(reason(nothing).1.contains("no audio"));
    }

    #[test]
    fn a_decoder_that_counted_nothing_proves_nothing() {
        let mut uncounted = ended(0, 1, 0);
        uncounted.log.inputs.clear();
        let result = sound(&uncounted, Samples(SECOND), Exact(1000));
        assert_eq!(reason(result).0, FailureReason::Internal);
        uncounted.status = ExitStatus::from_raw(1 << 8);
        let failed = sound(&uncounted, Samples(0), Unknown);
        assert_eq!(reason(failed).0, FailureReason::SourceInvalid);
    }

    #[test]
    fn a_declared_length_holds_where_it_is_exact() {
        let judge =
            |millis, declared| sound(&ended(0, 1000, 0), Samples::from_millis(millis), declared);
        assert_eq!(
            reason(judge(1700, Exact(60_000))).1,
            "truncated: 1.7 of 60.0 s"
        );
        assert!(judge(59_500, Exact(60_000)).is_ok());
        assert!(judge(59_300, Exact(60_000)).is_err());
        assert!(judge(990_000, Exact(1_000_000)).is_ok());
        assert!(judge(989_000, Exact(1_000_000)).is_err());
        let cut = sound(&ended(0, 30, 1), Samples::from_millis(1700), Exact(60_000));
        assert_eq!(reason(cut).1, "truncated: 1.7 of 60.0 s");
        assert!(judge(61_000, Exact(60_000)).is_ok());
        assert!(judge(40_000, Estimated(99_200)).is_ok());
        assert!(judge(1, Unknown).is_ok());
    }

    #[test]
    fn sound_and_pictures_end_within_a_segment() {
        let seconds = Samples::from_seconds;
        assert!(level(seconds(10), seconds(16), 6).is_ok());
        let apart = level(seconds(10), seconds(17), 6);
        assert_eq!(reason(apart).0, FailureReason::SourceInvalid);
    }

    #[test]
    fn pictures_of_which_none_is_shown_blame_the_source() {
        let rung = Rung::video(360);
        let size = Size {
            width: 2,
            height: 2,
        };
        let film = Presents::Pictures(size, FrameRate::new(25, 1));
        let none = |presents| reason(Err::<(), _>(nothing_written(&rung, presents))).0;
        assert_eq!(none(film), FailureReason::SourceInvalid);
        let sound = Presents::Sound(Channels::Mono);
        assert_eq!(none(sound), FailureReason::VerificationFailed);
    }

    #[test]
    fn every_rung_plays_what_was_decoded_and_is_cut_alike() {
        let rung = |plays, decode_times: &[u64]| RungLength {
            rung: Rung::audio(64),
            presents: Presents::Sound(Channels::Stereo),
            decode_times: decode_times.to_vec(),
            plays,
        };
        let sent = Some(Samples(7));
        assert!(equal(&[rung(7, &[0]), rung(7, &[0])], sent).is_ok());
        let longer = equal(&[rung(8, &[0])], sent);
        assert_eq!(reason(longer).0, FailureReason::VerificationFailed);
        let other = equal(&[rung(7, &[0, 3]), rung(7, &[0, 4])], sent);
        assert!(reason(other).1.contains("other places"));
        let size = Size {
            width: 2,
            height: 2,
        };
        let film = |plays| RungLength {
            presents: Presents::Pictures(size, FrameRate::new(25, 1)),
            ..rung(plays, &[0])
        };
        assert!(equal(&[rung(7, &[0, 3]), film(9), film(9)], sent).is_ok());
        let longer = equal(&[film(9), film(8)], None);
        assert!(reason(longer).1.contains("not as long"));
    }
}
