//! Source by source: what must come out. Every row of the contract's table of media cases, and
//! as many again of what people upload and of what breaks players.
//!
//! The values are those of the formats, not of an encoder: net is the number of samples at
//! 48 kHz that play.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]
mod case;
mod check;
mod craft;
mod document;
mod more_film;
mod more_refused;
mod more_sound;
mod packages;
mod rows_film;
mod rows_refused;
mod rows_sound;
#[path = "../support/mod.rs"]
mod support;
mod web;
mod words;

use case::Case;
use check::check;
use std::collections::BTreeSet;

/// All tables.
const TABLES: &[&[Case]] = &[
    rows_sound::CONTAINERS,
    rows_sound::UNDECLARED,
    rows_sound::RATES,
    rows_sound::SURROUND,
    rows_sound::SHORT,
    rows_sound::COVERED,
    rows_sound::DAMAGED,
    rows_sound::PACKAGED,
    rows_sound::NAMES,
    rows_film::CHANGING,
    rows_film::LATE,
    rows_film::SIZES,
    rows_film::RATES,
    rows_film::HDR,
    rows_film::SPARSE,
    rows_film::PACKAGED,
    rows_refused::CUT,
    rows_refused::ENCRYPTED,
    rows_refused::OTHER,
    more_sound::TRACKS,
    more_sound::LAYOUTS,
    more_sound::LARGE,
    more_sound::TAGGED,
    more_sound::FLACS,
    more_sound::CODECS,
    more_sound::BROKEN,
    more_film::PHONES,
    more_film::SCREENS,
    more_film::SHAPES,
    more_film::RATES,
    more_film::FORMATS,
    more_film::CAMERAS,
    more_film::DISKS,
    more_film::BROADCASTS,
    more_film::EDITED,
    more_film::BROKEN,
    more_refused::PICTURES,
    more_refused::DOCUMENTS,
    more_refused::UNLISTED,
];

#[test]
fn every_row_of_the_contract_is_held_by_a_case() {
    let rows = TABLES.iter().copied().flatten().filter_map(|case| case.row);
    let rows: BTreeSet<u8> = rows.collect();
    assert_eq!(rows, (1..=39).collect());
}

/// A test of each table: they run beside each other.
macro_rules! tables {
    ($($rule:ident: $table:expr;)*) => {
        $(#[tokio::test]
        async fn $rule() {
            check($table).await;
        })*
    };
}

tables! {
    every_container_plays_to_the_sample: rows_sound::CONTAINERS;
    lengths_that_nothing_declares_are_what_was_decoded: rows_sound::UNDECLARED;
    rates_and_depths: rows_sound::RATES;
    surround_becomes_stereo_that_does_not_clip: rows_sound::SURROUND;
    the_shortest_sounds_and_silence_are_exact: rows_sound::SHORT;
    cover_art_is_left_out_and_reported: rows_sound::COVERED;
    damage_and_holes_leave_regular_fragments: rows_sound::DAMAGED;
    recordings_of_other_people: rows_sound::PACKAGED;
    names_play_no_part: rows_sound::NAMES;
    a_film_that_changes_in_the_middle_has_regular_sound: rows_film::CHANGING;
    sound_and_pictures_begin_and_end_together: rows_film::LATE;
    sizes_become_even_upright_and_square: rows_film::SIZES;
    rates_become_constant_and_no_higher_than_sixty: rows_film::RATES;
    high_dynamic_range_becomes_a_sensible_ordinary_picture: rows_film::HDR;
    films_of_which_something_is_missing: rows_film::SPARSE;
    films_of_other_people: rows_film::PACKAGED;
    what_is_cut_off_is_told_from_what_is_short: rows_refused::CUT;
    what_can_not_be_decoded_is_refused: rows_refused::ENCRYPTED;
    what_is_no_recording_is_refused: rows_refused::OTHER;
    the_first_track_or_the_default_one_plays: more_sound::TRACKS;
    layouts_and_formats_become_stereo_within_full_scale: more_sound::LAYOUTS;
    long_and_large_files: more_sound::LARGE;
    tags_and_garbage_are_no_sound: more_sound::TAGGED;
    flac_in_all_its_clothes: more_sound::FLACS;
    codecs_of_sound: more_sound::CODECS;
    sound_that_is_joined_cut_or_broken: more_sound::BROKEN;
    films_of_phones: more_film::PHONES;
    recordings_of_screens: more_film::SCREENS;
    shapes: more_film::SHAPES;
    rates: more_film::RATES;
    formats_of_pictures: more_film::FORMATS;
    films_of_cameras: more_film::CAMERAS;
    films_of_disks: more_film::DISKS;
    broadcasts: more_film::BROADCASTS;
    edit_lists_and_tracks: more_film::EDITED;
    films_that_are_broken: more_film::BROKEN;
    still_pictures_are_refused: more_refused::PICTURES;
    documents_and_playlists_are_refused: more_refused::DOCUMENTS;
    what_vessel_does_not_take_is_told_so: more_refused::UNLISTED;
}
