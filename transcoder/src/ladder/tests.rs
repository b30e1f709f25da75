use super::fixtures::{adaptive, audio, film, limits, pictures, probe, track};
use super::*;
use vessel_crds::encoding::{LoudnessMode, Packaging};

fn encoding() -> Encoding {
    audio(&[64, 128, 192, 256])
}

#[test]
fn the_default_track_is_taken_and_else_the_first() {
    let cover = ProbedTrack {
        kind: TrackKind::Image,
        ..track("png", 0, None)
    };
    let marked = ProbedTrack {
        default: DefaultTrack::Yes,
        ..track("flac", 2, None)
    };
    let plain = track("aac", 2, None);
    let cases = [
        (vec![cover.clone(), plain.clone(), marked.clone()], 2),
        (vec![cover.clone(), plain.clone(), plain.clone()], 1),
    ];
    for (tracks, expected) in cases {
        let made = plan(&encoding(), &probe(tracks), &limits()).unwrap();
        assert_eq!(made.audio.unwrap().track_index, expected);
    }
}

#[test]
fn what_a_source_lacks_is_told_from_what_a_profile_lacks() {
    let cover = ProbedTrack {
        kind: TrackKind::Image,
        ..track("png", 0, None)
    };
    let silent = pictures(640, 360, (25, 1));
    let film_alone = Encoding {
        audio: None,
        ..adaptive()
    };
    let cases = [
        (encoding(), cover, "SourceInvalid: no audio"),
        (encoding(), silent, "SourceUnsupported: no audio"),
        (
            film_alone,
            track("flac", 2, None),
            "SourceUnsupported: no video",
        ),
    ];
    for (encoding, track, expected) in cases {
        let error = plan(&encoding, &probe(vec![track]), &limits()).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}

#[test]
fn a_film_without_sound_is_a_film() {
    let made = plan(
        &adaptive(),
        &probe(vec![pictures(640, 360, (25, 1))]),
        &limits(),
    );
    let made = made.unwrap();
    assert!(made.audio.is_none());
    assert_eq!(made.rungs().len(), 1);
    assert_eq!(made.usage(0), TrackUsage::Used);
}

#[test]
fn the_shorter_one_of_sound_and_pictures_goes_on() {
    let of = |sound, film| {
        let sound = ProbedTrack {
            length: DeclaredLength::Exact(sound),
            ..track("flac", 2, None)
        };
        let film = ProbedTrack {
            length: DeclaredLength::Exact(film),
            ..pictures(640, 360, (25, 1))
        };
        let made = plan(&adaptive(), &probe(vec![film, sound]), &limits()).unwrap();
        (
            made.video.unwrap().hold_millis,
            made.audio.unwrap().pad_to.map(Samples::millis),
        )
    };
    assert_eq!(of(10_000, 4_000), (6_000, None));
    assert_eq!(of(4_000, 10_000), (0, Some(10_000)));
    assert_eq!(of(10_000, 7_000), (0, None));
}

#[test]
fn nothing_is_made_hours_long_by_an_estimate() {
    let of = |sound| {
        let sound = ProbedTrack {
            length: DeclaredLength::Estimated(sound),
            ..track("flac", 2, None)
        };
        let made = plan(
            &adaptive(),
            &probe(vec![pictures(640, 360, (25, 1)), sound]),
            &limits(),
        );
        made.unwrap().video.unwrap().hold_millis
    };
    assert_eq!(of(35_500), 10_000);
    assert_eq!(of(43_200_001), 0);
    assert_eq!(of(u64::MAX), 0);
}

#[test]
fn a_length_beyond_all_numbers_is_too_long() {
    let sound = ProbedTrack {
        length: DeclaredLength::Exact(u64::MAX),
        ..track("flac", 2, None)
    };
    let error = plan(&adaptive(), &probe(vec![sound]), &limits()).unwrap_err();
    assert!(error.to_string().starts_with("LimitExceeded"), "{error}");
}

#[test]
fn pictures_beyond_all_measure_are_refused() {
    let huge = probe(vec![pictures(8192, 8192, (25, 1))]);
    let error = plan(&adaptive(), &huge, &limits()).unwrap_err();
    assert!(error.to_string().starts_with("LimitExceeded"), "{error}");
}

#[test]
fn rungs_are_listed_as_they_come_out_of_the_encoder() {
    let names: Vec<String> = film()
        .rungs()
        .iter()
        .map(|rung| rung.rung.to_string())
        .collect();
    assert_eq!(
        names,
        [
            "audio-64k",
            "audio-128k",
            "audio-192k",
            "audio-256k",
            "video-360p",
            "video-720p"
        ]
    );
}

#[test]
fn the_profile_says_what_is_done_about_the_level() {
    for (mode, level) in [
        (LoudnessMode::Off, Level::Untouched),
        (LoudnessMode::Measure, Level::Metered),
        (LoudnessMode::Normalize, Level::Wanted(-16_000)),
    ] {
        let mut encoding = encoding();
        encoding.loudness.mode = mode;
        let source = probe(vec![track("flac", 2, None)]);
        let plan = plan(&encoding, &source, &limits()).unwrap();
        assert_eq!(plan.audio.unwrap().level, level);
    }
}

#[test]
fn transport_streams_are_described_by_hls_alone() {
    use Protocol::{Dash, Hls};
    let of = |container, protocols: &[Protocol]| {
        Descriptions::of(&Packaging {
            container,
            protocols: protocols.to_vec(),
            ..Packaging::default()
        })
    };
    let fragments = Container::FragmentedMp4;
    assert_eq!(of(fragments, &[Hls, Dash]), Descriptions::HlsAndDash);
    assert_eq!(of(fragments, &[Dash]), Descriptions::Dash);
    assert_eq!(of(fragments, &[Hls]), Descriptions::Hls);
    assert_eq!(of(Container::MpegTs, &[Dash]), Descriptions::Hls);
}

#[test]
fn a_declared_length_beyond_the_limit_is_refused_before_it_is_encoded() {
    let day = ProbedTrack {
        length: DeclaredLength::Exact(86_400_000),
        ..track("flac", 2, None)
    };
    let error = plan(&encoding(), &probe(vec![day.clone()]), &limits()).unwrap_err();
    assert!(error.to_string().contains("maxDurationSeconds"), "{error}");
    let guessed = ProbedTrack {
        length: DeclaredLength::Estimated(86_400_000),
        ..day
    };
    assert!(plan(&encoding(), &probe(vec![guessed]), &limits()).is_ok());
    let few = Limits {
        max_objects: 30,
        ..limits()
    };
    let minute = ProbedTrack {
        length: DeclaredLength::Exact(60_000),
        ..track("flac", 2, None)
    };
    let error = plan(&encoding(), &probe(vec![minute]), &few).unwrap_err();
    assert!(error.to_string().contains("maxObjectsPerJob"), "{error}");
}
