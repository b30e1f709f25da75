//! What a case is: a source, and what must come out of it.
use std::path::{Path, PathBuf};
use vessel_crds::reason::FailureReason;

use crate::check::Ready;

/// One line of the tables.
#[derive(Clone, Copy)]
pub struct Case {
    /// The row of the contract's table of media cases that it holds.
    pub row: Option<u8>,
    /// The source in words.
    pub what: &'static str,
    /// Container and codecs by ffmpeg's names, as the probe finds them: `wav: pcm_s16le`.
    pub input: &'static str,
    pub source: Source,
    pub profile: Profile,
    pub delivery: Delivery,
    pub outcome: Outcome,
    /// What else must hold.
    pub also: &'static [fn(&Ready)],
}

/// Where the bytes come from.
#[derive(Clone, Copy)]
pub enum Source {
    /// ffmpeg makes a file of this name by these arguments.
    Made(&'static str, &'static str),
    /// ffmpeg makes several files, of which the last one is the source.
    Steps(&'static [(&'static str, &'static str)]),
    /// Bytes that no muxer would write.
    Crafted(fn(&Path) -> Vec<u8>),
    /// A file of somebody else's.
    Packaged(fn() -> PathBuf),
}

/// What is asked for.
#[derive(Clone, Copy)]
pub enum Profile {
    /// Audio rungs of these rates in kbit/s.
    Sound(&'static [i32]),
    /// The ladders of the profile `adaptive`.
    Adaptive,
}

/// How the source reaches the transcoder.
#[derive(Clone, Copy)]
pub enum Delivery {
    /// By a signed address of the store, which has no name in it.
    Granted,
    /// From a web server, under this path and with this file name in `Content-Disposition`.
    Web(&'static str, &'static str),
}

/// Name, width and height of a rung.
pub type RungSize = (&'static str, u32, u32);

/// What must come out.
#[derive(Clone, Copy)]
pub enum Outcome {
    /// Sound alone: samples at 48 kHz that play, and segments.
    Sound { net: u64, segments: u32 },
    /// Pictures: the rungs, pictures of each, samples of sound, 0 where there is none.
    Film {
        sizes: &'static [RungSize],
        pictures: u64,
        net: u64,
    },
    /// Nothing, for a reason that says this.
    Refused(FailureReason, &'static str),
}

/// A case of our own.
pub const fn case(what: &'static str, source: Source) -> Case {
    Case {
        row: None,
        what,
        input: "",
        source,
        profile: Profile::Sound(&[64]),
        delivery: Delivery::Granted,
        outcome: Outcome::Refused(FailureReason::Internal, "nothing is expected yet"),
        also: &[],
    }
}

/// A case of the contract.
pub const fn row(number: u8, what: &'static str, source: Source) -> Case {
    let mut case = case(what, source);
    case.row = Some(number);
    case
}

/// What ffmpeg makes.
pub const fn made(name: &'static str, arguments: &'static str) -> Source {
    Source::Made(name, arguments)
}

impl Case {
    pub const fn of(mut self, input: &'static str) -> Self {
        self.input = input;
        self
    }

    pub const fn rungs(mut self, bitrates_kbps: &'static [i32]) -> Self {
        self.profile = Profile::Sound(bitrates_kbps);
        self
    }

    pub const fn named(mut self, path: &'static str, name: &'static str) -> Self {
        self.delivery = Delivery::Web(path, name);
        self
    }

    pub const fn also(mut self, checks: &'static [fn(&Ready)]) -> Self {
        self.also = checks;
        self
    }

    pub const fn sound(mut self, net: u64, segments: u32) -> Self {
        self.outcome = Outcome::Sound { net, segments };
        self
    }

    pub const fn film(mut self, sizes: &'static [RungSize], pictures: u64, net: u64) -> Self {
        self.profile = Profile::Adaptive;
        self.outcome = Outcome::Film {
            sizes,
            pictures,
            net,
        };
        self
    }

    pub const fn refused(mut self, reason: FailureReason, says: &'static str) -> Self {
        self.outcome = Outcome::Refused(reason, says);
        self
    }

    /// Refused where pictures are asked for too.
    pub const fn unseen(mut self, reason: FailureReason, says: &'static str) -> Self {
        self.profile = Profile::Adaptive;
        self.refused(reason, says)
    }
}
