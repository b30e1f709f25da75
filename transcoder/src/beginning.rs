//! What the beginning of a source tells of the whole, and whether that is enough. Pure.
//!
//! ffprobe reads a pipe no further than it has to, and sees neither the size of the source nor
//! its end. A plan that is made then has to be the one that the file would lead to.
use crate::fetch::shape::is_streamed_format;
use crate::fetch::wave;
use crate::ladder::audio::is_lossless;
use crate::ladder::{self, Plan};
use crate::length::Samples;
use crate::loudness::Level;
use crate::probe::{DeclaredLength, Probe, ProbedTrack};
use vessel_storage::order::Limits;

/// Bytes within which a WAV file says how long it is.
pub const HEADER: u64 = 1 << 20;

/// What is known of a source beside what ffprobe says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Known {
    /// Its first bytes.
    pub head: Vec<u8>,
    /// Size of the whole, if its server has told it and ffprobe can't see it.
    pub announced: Option<u64>,
}

/// Adds what follows from it.
pub fn complete(probe: &mut Probe, known: &Known) {
    let per_rate = |divisor: u64| known.announced?.saturating_mul(8000).checked_div(divisor);
    let is_wave = probe.container == "wav";
    let samples = |track: &&mut ProbedTrack| is_wave && track.codec.starts_with("pcm_");
    for track in probe.tracks.iter_mut().filter(samples) {
        if let Some(millis) = wave::declared_millis(&known.head) {
            track.length = DeclaredLength::Exact(millis);
        } else if let Some(millis) = track.bit_rate.and_then(per_rate) {
            track.length = DeclaredLength::Estimated(millis);
        }
    }
    if let [track] = probe.tracks.as_mut_slice()
        && let (None, DeclaredLength::Exact(millis)) = (track.bit_rate, track.length)
    {
        // As ffprobe does with a file.
        track.bit_rate = per_rate(millis);
    }
}

/// Whether the whole source would lead to the same plan.
pub fn suffices(probe: &Probe, plan: &Plan, limits: &Limits) -> bool {
    let within = |millis| ladder::length_within(Samples::from_millis(millis), limits).is_ok();
    is_streamed_format(&probe.container)
        && plan.declared_millis().is_none_or(within)
        && sound_suffices(probe, plan)
        && film_suffices(plan)
}

/// Rungs above a lossy source's own rate are dropped, and a level that is wanted is reached
/// from that of the whole.
fn sound_suffices(probe: &Probe, plan: &Plan) -> bool {
    let known = |track: &ProbedTrack| is_lossless(track) || track.bit_rate.is_some();
    plan.audio.as_ref().is_none_or(|audio| {
        let track = probe.tracks.get(audio.track_index);
        !matches!(audio.level, Level::Wanted(_)) && track.is_some_and(known)
    })
}

/// Sound and pictures end together, and the storyboard is spread over the length.
fn film_suffices(plan: &Plan) -> bool {
    let exact = |length: DeclaredLength| length.exact_millis().is_some();
    let Some(video) = &plan.video else {
        return true;
    };
    let sound = plan.audio.as_ref();
    exact(video.declared) && sound.is_none_or(|sound| exact(sound.declared))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::limits;
    use crate::ladder::Channels;
    use crate::ladder::fixtures::{film, song};
    use DeclaredLength::{Estimated, Exact, Unknown};

    fn probe(container: &str, tracks: &[(&str, Option<u64>, DeclaredLength)]) -> Probe {
        let tracks = tracks.iter().map(|&(codec, bit_rate, length)| ProbedTrack {
            codec: codec.to_owned(),
            bit_rate,
            length,
            ..ProbedTrack::default()
        });
        Probe {
            container: container.to_owned(),
            tracks: tracks.collect(),
            tags: None,
            ffmpeg_version: String::new(),
        }
    }

    #[test]
    fn the_size_of_the_whole_tells_rates_and_lengths() {
        let completed = |container, track, announced| {
            let mut probe = probe(container, &[track]);
            let head = Vec::new();
            complete(&mut probe, &Known { head, announced });
            (probe.tracks[0].bit_rate, probe.tracks[0].length)
        };
        let opus = ("opus", None, Exact(10_000));
        let webm = "matroska,webm";
        assert_eq!(completed(webm, opus, Some(120_000)).0, Some(96_000));
        assert_eq!(completed(webm, opus, None).0, None);
        let pcm = ("pcm_s16le", Some(1_536_000), Unknown);
        assert_eq!(completed("wav", pcm, Some(1_920_044)).1, Estimated(10_000));
        assert_eq!(completed("ogg", pcm, Some(1_920_044)).1, Unknown);
        let odd = ("pcm_s16le", Some(0), Unknown);
        assert_eq!(completed("wav", odd, Some(9)).1, Unknown);
    }

    #[test]
    fn a_wave_file_is_held_to_its_header() {
        let format = [1, 0, 1, 0, 0, 0, 0, 0, 0xe8, 3, 0, 0, 2, 0, 16, 0];
        let data = [&b"data"[..], &2500_u32.to_le_bytes()].concat();
        let head = [&b"RIFF....WAVEfmt \x10\0\0\0"[..], &format, &data].concat();
        let known = Known {
            head,
            announced: None,
        };
        let length = |codec| {
            let mut probe = probe("wav", &[(codec, Some(8000), Exact(1000))]);
            complete(&mut probe, &known);
            probe.tracks[0].length
        };
        assert_eq!(length("pcm_s16le"), Exact(2500));
        assert_eq!(length("adpcm_ms"), Exact(1000), "its rate is an average");
    }

    #[test]
    fn a_plan_waits_for_what_it_depends_on() {
        let limits = limits(10);
        let plan = song(Channels::Stereo, &[64]);
        let holds = |container, track| suffices(&probe(container, &[track]), &plan, &limits);
        assert!(holds("flac", ("flac", None, Unknown)));
        assert!(holds("ogg", ("vorbis", Some(96_000), Unknown)));
        assert!(
            !holds("ogg", ("opus", None, Unknown)),
            "its rate may drop rungs"
        );
        assert!(!holds("mp3", ("mp3", Some(96_000), Unknown)));
        let mut levelled = plan.clone();
        levelled.audio.as_mut().unwrap().level = Level::Wanted(-16_000);
        let flac = probe("flac", &[("flac", None, Exact(500))]);
        assert!(suffices(&flac, &plan, &limits));
        assert!(!suffices(&flac, &levelled, &limits), "it is measured first");
        let mut long = plan.clone();
        long.audio.as_mut().unwrap().declared = Estimated(u64::from(u32::MAX));
        let track = ("pcm_s16le", Some(1), Unknown);
        assert!(!suffices(&probe("wav", &[track]), &long, &limits));
    }

    #[test]
    fn films_wait_for_lengths_that_are_not_exact() {
        let limits = limits(10);
        let tracks = [("h264", None, Unknown), ("aac", Some(1), Unknown)];
        let probe = probe("matroska,webm", &tracks);
        let mut plan = film();
        let lengths = [
            (Exact(500), Exact(500), true),
            (Unknown, Exact(500), false),
            (Exact(500), Estimated(500), false),
        ];
        for (sound, pictures, expected) in lengths {
            plan.audio.as_mut().unwrap().declared = sound;
            plan.video.as_mut().unwrap().declared = pictures;
            assert_eq!(suffices(&probe, &plan, &limits), expected);
        }
    }
}
