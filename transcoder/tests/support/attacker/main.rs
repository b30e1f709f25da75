//! A program that has taken the place of ffmpeg and wants out. The source names what it tries;
//! on stderr it says, as ffmpeg would, how that went.
#![allow(
    unsafe_code,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "an attack is made of raw system calls"
)]
mod calls;
mod resources;

use std::io::Error;
use std::path::Path;

/// How an attempt went.
enum Outcome {
    Denied(String),
    Escaped(String),
}

impl Outcome {
    fn of<T>(result: Result<T, Error>) -> Self {
        match result {
            Ok(_) => Self::Escaped("it worked".to_owned()),
            Err(error) => Self::Denied(error.to_string()),
        }
    }
}

fn main() {
    let source = std::env::args().next_back().unwrap();
    let source = source.strip_prefix("file:").unwrap_or(&source).to_owned();
    let order = std::fs::read_to_string(&source).unwrap();
    let mut words = order.split_whitespace();
    let what = words.next().unwrap();
    let target = words.next().unwrap_or(&source);
    // Whoever reads the log learns by this how far it came, if it goes no further.
    eprintln!("[error] tries {what}");
    match attempt(what, target) {
        Outcome::Denied(how) => eprintln!("[error] denied {what}: {how}"),
        Outcome::Escaped(how) => eprintln!("[error] ESCAPED {what}: {how}"),
    }
    std::process::exit(1);
}

fn attempt(what: &str, target: &str) -> Outcome {
    // SAFETY: it has no preconditions.
    let supervisor = unsafe { nix::libc::getppid() };
    let target = target.replace("SUPERVISOR", &supervisor.to_string());
    match what {
        "read" => Outcome::of(std::fs::read(target)),
        "list" => Outcome::of(std::fs::read_dir(target)),
        "follow" => Outcome::of(std::fs::read_link(target)),
        "append" => Outcome::of(std::fs::File::options().append(true).open(target)),
        "create" => Outcome::of(std::fs::File::create_new(Path::new(&target).join("new"))),
        "truncate" => Outcome::of(std::fs::File::create(target)),
        "environment" => resources::environment(),
        "descriptors" => resources::descriptors(),
        "memory" => resources::memory(),
        "shout" => resources::shout(),
        "hang" => loop {
            std::thread::sleep(std::time::Duration::from_hours(1));
        },
        "forge" => resources::forge(),
        "abort" => std::process::abort(),
        "threads" => resources::threads(),
        _ => calls::attempt(what, supervisor),
    }
}
