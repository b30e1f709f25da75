//! The last words of an execution: termination message, `verdict.json`, exit code.
use crate::cost::Meter;
use crate::stop::Stop;
use vessel_crds::media::MediaFacts;
use vessel_crds::reason::FailureClass;
use vessel_storage::verdict::{
    EXIT_DONE, EXIT_PERMANENT, EXIT_RETRYABLE, TERMINATION_BYTES, Verdict, VerdictOutcome,
};

/// Longest message for people, in characters.
const MESSAGE_CHARS: usize = 1000;

/// The verdict on how an execution ended.
pub fn verdict(ended: Result<(), &Stop>, media: Option<MediaFacts>, meter: &Meter) -> Verdict {
    let (outcome, failure, message) = match ended {
        Ok(()) => (VerdictOutcome::Committed, None, "committed".to_owned()),
        Err(Stop::Superseded(message)) => (VerdictOutcome::Superseded, None, message.clone()),
        Err(Stop::Cancelled(message)) => (VerdictOutcome::Cancelled, None, message.clone()),
        Err(Stop::Failed(failure)) => (
            VerdictOutcome::Failed,
            Some(failure),
            failure.message.clone(),
        ),
    };
    Verdict {
        outcome,
        reason: failure.map(|failure| failure.reason),
        message: message.chars().take(MESSAGE_CHARS).collect(),
        permanent: failure.is_some_and(|failure| failure.class == FailureClass::Permanent),
        media,
        source_etag: None,
        cost: meter.cost(),
        stages: meter.stages(),
    }
}

/// The exit code that goes with it.
pub const fn exit_code(verdict: &Verdict) -> u8 {
    match verdict.outcome {
        VerdictOutcome::Committed | VerdictOutcome::Superseded | VerdictOutcome::Cancelled => {
            EXIT_DONE
        }
        VerdictOutcome::Failed if verdict.permanent => EXIT_PERMANENT,
        VerdictOutcome::Failed => EXIT_RETRYABLE,
    }
}

/// The verdict as a termination message. What makes it too long is left out: first the
/// tracks, then the tags, then all media facts, at last the message's end.
pub fn termination_message(verdict: &Verdict) -> Vec<u8> {
    let mut verdict = verdict.clone();
    let mut bytes = json(&verdict);
    if bytes.len() > TERMINATION_BYTES {
        if let Some(media) = &mut verdict.media {
            media.tracks.clear();
        }
        bytes = json(&verdict);
    }
    if bytes.len() > TERMINATION_BYTES {
        if let Some(media) = &mut verdict.media {
            media.tags = None;
        }
        bytes = json(&verdict);
    }
    if bytes.len() > TERMINATION_BYTES {
        verdict.media = None;
        bytes = json(&verdict);
    }
    while bytes.len() > TERMINATION_BYTES && !verdict.message.is_empty() {
        let half = verdict.message.chars().count() / 2;
        verdict.message = verdict.message.chars().take(half).collect();
        bytes = json(&verdict);
    }
    bytes
}

fn json(verdict: &Verdict) -> Vec<u8> {
    serde_json::to_vec(verdict).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop::{Failure, failed};
    use vessel_crds::media::{Tags, Track, TrackKind, TrackUsage};
    use vessel_crds::reason::FailureReason;

    #[test]
    fn every_end_has_its_exit_code() {
        let meter = Meter::start();
        let full = Failure::permanent(FailureReason::StorageUnavailable, "full");
        let cases: [(Result<(), Stop>, u8); 6] = [
            (Ok(()), EXIT_DONE),
            (Err(Stop::Superseded("by another".to_owned())), EXIT_DONE),
            (Err(Stop::Cancelled("deleted".to_owned())), EXIT_DONE),
            (
                Err(failed(FailureReason::SourceInvalid, "text")),
                EXIT_PERMANENT,
            ),
            (
                Err(failed(FailureReason::StorageUnavailable, "503")),
                EXIT_RETRYABLE,
            ),
            (Err(Stop::Failed(full)), EXIT_PERMANENT),
        ];
        for (ended, code) in cases {
            let verdict = verdict(ended.as_ref().copied(), None, &meter);
            assert_eq!(exit_code(&verdict), code, "{ended:?}");
        }
    }

    fn tags(character: &str) -> Tags {
        let text = Some(character.repeat(256));
        Tags {
            title: text.clone(),
            artist: text.clone(),
            album: text,
        }
    }

    #[test]
    fn tags_are_left_out_before_what_was_measured() {
        let media = |character| MediaFacts {
            duration_millis: Some(1),
            tags: Some(tags(character)),
            ..MediaFacts::default()
        };
        for (character, kept) in [("é", true), ("日", false)] {
            let stop = failed(FailureReason::SourceInvalid, "ü".repeat(600));
            let verdict = verdict(Err(&stop), Some(media(character)), &Meter::start());
            let read: Verdict = serde_json::from_slice(&termination_message(&verdict)).unwrap();
            let media = read.media.unwrap();
            assert_eq!(media.duration_millis, Some(1));
            assert_eq!(media.tags.is_some(), kept, "{character}");
        }
    }

    #[test]
    fn a_termination_message_always_fits_and_always_parses() {
        let track = Track {
            kind: TrackKind::Audio,
            codec: "x".repeat(64),
            usage: TrackUsage::Unused,
            language: Some("\u{1}".repeat(35)),
            sample_rate_hertz: None,
            channels: None,
            width_pixels: None,
            height_pixels: None,
            frame_rate_millihertz: None,
        };
        let media = MediaFacts {
            tracks: vec![track; 64],
            container: Some("\"".repeat(128)),
            tags: Some(tags("\"")),
            ..MediaFacts::default()
        };
        for message in ["short", &"\u{0}".repeat(5000), &"ü".repeat(5000)] {
            let stop = failed(FailureReason::SourceInvalid, message);
            let verdict = verdict(Err(&stop), Some(media.clone()), &Meter::start());
            let bytes = termination_message(&verdict);
            assert!(bytes.len() <= TERMINATION_BYTES);
            let read: Verdict = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(read.reason, Some(FailureReason::SourceInvalid));
        }
    }
}
