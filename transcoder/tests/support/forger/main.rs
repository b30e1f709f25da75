//! Stands in for ffmpeg and ffprobe in tests/gate: it writes what a recipe says, right or
//! wrong, and checks honestly but for one mark.
#![allow(
    unsafe_code,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "it stands in for a program that may fail in any way"
)]
mod recipe;

use mp4_atom::{Any, DecodeMaybe};
use recipe::{Recipe, Words};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;
use std::process::exit;

/// What the check takes for undecodable.
const UNDECODABLE: &[u8] = b"UNDECODABLE";

fn main() {
    let argv: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| argv.iter().any(|argument| argument == word);
    let source = argv
        .iter()
        .find_map(|argument| argument.strip_prefix("file:"));
    let recipe = source.and_then(|path| Recipe::read(&std::fs::read(path).unwrap()));
    if has("-show_streams") {
        println!("{}", recipe.unwrap().description);
    } else if has("null") {
        check(
            argv.iter()
                .filter(|argument| argument.starts_with("pipe:"))
                .count(),
        );
    } else if has("pipe:4") {
        let samples = if has("pipe:3") { read(3) } else { Vec::new() };
        encode(recipe.or_else(|| Recipe::read(&samples)));
    } else if has("f32le") {
        decode(&recipe.unwrap());
    } else {
        // Posters and storyboards are extras.
        exit(1);
    }
}

fn read(descriptor: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    // SAFETY: the supervisor gave the descriptor, and nobody else here has it.
    let mut file = unsafe { File::from_raw_fd(descriptor) };
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

fn end(words: &Words) -> ! {
    for line in &words.log {
        eprintln!("{line}");
    }
    exit(words.code.into());
}

fn decode(recipe: &Recipe) {
    let mut samples = serde_json::to_vec(recipe).unwrap();
    samples.resize(recipe.samples * 8, 0);
    let _ = std::io::stdout().write_all(&samples);
    end(&recipe.decoder);
}

fn encode(recipe: Option<Recipe>) {
    let Some(recipe) = recipe else { exit(1) };
    for (rung, descriptor) in recipe.rungs.iter().zip(4..) {
        // SAFETY: as above.
        let mut file = unsafe { File::from_raw_fd(descriptor) };
        // A supervisor that has found an error reads no further.
        let _ = file.write_all(rung);
    }
    end(&recipe.encoder);
}

fn check(inputs: usize) {
    for (number, descriptor) in (0..inputs).zip(3..) {
        let bytes = read(descriptor);
        let marked = bytes
            .windows(UNDECODABLE.len())
            .any(|part| part == UNDECODABLE);
        let (packets, errors) = (samples(&bytes), u32::from(marked));
        eprintln!(
            "[in#{number}/mov @ 0x1] [verbose]   Input stream #{number}:0 (any): {packets} packets \
             read (1 bytes); {packets} frames decoded; {errors} decode errors (1 samples); "
        );
    }
}

fn samples(mut stream: &[u8]) -> usize {
    let mut total = 0;
    while let Some(any) = Any::decode_maybe(&mut stream).unwrap() {
        if let Any::Moof(moof) = any {
            let runs = moof.traf.iter().flat_map(|track| &track.trun);
            total += runs.map(|run| run.samples.len()).sum::<usize>();
        }
    }
    total
}
