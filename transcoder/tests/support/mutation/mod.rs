//! Damages media: a seed and an index name one list of mutations of one input, always the same.
pub mod layout;
pub mod seal;
#[cfg(test)]
mod tests;

pub use layout::Layout;
use layout::{Field, Order};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::fmt;

/// Longest run of bytes that is written, taken out or put in.
const RUN: usize = 64;
/// Most mutations of one input.
const MOST: u32 = 4;

/// One change of an input.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Mutation {
    /// A bit turns over.
    Flip { at: usize, bit: u8 },
    /// Bytes are written over others.
    Overwrite { at: usize, bytes: Vec<u8> },
    /// The input ends there.
    Truncate { at: usize },
    /// Bytes are taken out.
    Remove { at: usize, length: usize },
    /// Bytes are put in between.
    Insert { at: usize, bytes: Vec<u8> },
    /// Bytes are put in once more elsewhere.
    Duplicate {
        from: usize,
        length: usize,
        to: usize,
    },
    /// A number of the container says something else.
    Field { field: Field, value: u64 },
    /// Checksums of the container are made right again, so that what lies behind them is read.
    Seal,
}

/// What was done to an input.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mutations(pub Vec<Mutation>);

impl fmt::Display for Mutations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.0.iter().map(|one| format!("{one:?}")).collect();
        f.write_str(&all.join(", "))
    }
}

/// The mutated input of that index, and what was done to it.
pub fn mutated(base: &[u8], layout: Layout, seed: u64, index: u64) -> (Vec<u8>, Mutations) {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed.rotate_left(32) ^ index);
    let mut bytes = base.to_vec();
    let mut mutations = Vec::new();
    for _ in 0..count(&mut random) {
        let mutation = choose(&mut random, &bytes, layout);
        mutation.apply(&mut bytes);
        mutations.push(mutation);
    }
    if layout == Layout::Ogg && random.random_bool(0.7) {
        Mutation::Seal.apply(&mut bytes);
        mutations.push(Mutation::Seal);
    }
    (bytes, Mutations(mutations))
}

/// Mostly one: what a single change does is easily hidden by another.
fn count(random: &mut Xoshiro256PlusPlus) -> u32 {
    if random.random_bool(0.6) {
        1
    } else {
        random.random_range(2..=MOST)
    }
}

fn choose(random: &mut Xoshiro256PlusPlus, bytes: &[u8], layout: Layout) -> Mutation {
    let fields = layout.fields(bytes);
    // What describes the rest mostly comes first, and hardly any bytes are needed for it.
    let end = if random.random_bool(0.5) {
        bytes.len().min(1024)
    } else {
        bytes.len()
    };
    let at = random.random_range(0..=end.saturating_sub(1));
    let length = random.random_range(1..=RUN);
    match random.random_range(0..10) {
        0 | 1 => Mutation::Flip {
            at,
            bit: random.random_range(0..8),
        },
        2 => Mutation::Overwrite {
            at,
            bytes: run(random, length),
        },
        3 => Mutation::Truncate {
            at: random.random_range(0..=bytes.len()),
        },
        4 => Mutation::Remove { at, length },
        5 => Mutation::Insert {
            at,
            bytes: run(random, length),
        },
        6 => Mutation::Duplicate {
            from: random.random_range(0..=bytes.len()),
            length: random.random_range(1..=bytes.len().max(1)),
            to: at,
        },
        _ if fields.is_empty() => Mutation::Flip { at, bit: 0 },
        _ => {
            let field = fields[random.random_range(0..fields.len())];
            let value = number(random, field.read(bytes));
            Mutation::Field { field, value }
        }
    }
}

/// Noise, or one byte again and again.
fn run(random: &mut Xoshiro256PlusPlus, length: usize) -> Vec<u8> {
    let same = random.random_bool(0.5);
    let first = [0, 0xff, random.random()][random.random_range(0..3)];
    (0..length)
        .map(|_| if same { first } else { random.random() })
        .collect()
}

/// Numbers at which readers go wrong.
fn number(random: &mut Xoshiro256PlusPlus, old: u64) -> u64 {
    let choices = [
        0,
        1,
        old.wrapping_add(1),
        old.wrapping_sub(1),
        old / 2,
        old.wrapping_mul(2),
        old ^ 0x80,
        0x7f,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_fff8,
        u64::MAX,
        u64::MAX >> 1,
        random.random(),
        random.random_range(0..1 << 16),
        random.random_range(0..1 << 8),
    ];
    choices[random.random_range(0..choices.len())]
}

impl Mutation {
    /// Changes the bytes. Places behind their end are taken for the end.
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        let end = bytes.len();
        match self {
            Self::Flip { at, bit } => {
                if let Some(byte) = bytes.get_mut(*at) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            Self::Overwrite { at, bytes: new } => {
                for (old, new) in bytes.iter_mut().skip(*at).zip(new) {
                    *old = *new;
                }
            }
            Self::Truncate { at } => bytes.truncate(*at),
            Self::Remove { at, length } => {
                let at = (*at).min(end);
                bytes.drain(at..at.saturating_add(*length).min(end));
            }
            Self::Insert { at, bytes: new } => {
                let at = (*at).min(end);
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Duplicate { from, length, to } => {
                let from = (*from).min(end);
                let copy = bytes[from..from.saturating_add(*length).min(end)].to_vec();
                let to = (*to).min(end);
                bytes.splice(to..to, copy);
            }
            Self::Field { field, value } => field.write(bytes, *value),
            Self::Seal => seal::ogg(bytes),
        }
    }
}

impl Field {
    /// The number that stands there; 0 where there are no bytes.
    pub fn read(self, bytes: &[u8]) -> u64 {
        let digits = bytes.iter().skip(self.at).take(self.width);
        let push = |number: u64, digit: &u8| number << 8 | u64::from(*digit);
        match self.order {
            Order::Big => digits.fold(0, push),
            Order::Little => digits.rev().fold(0, push),
        }
    }

    /// Writes the lowest bytes of a number there.
    pub fn write(self, bytes: &mut [u8], value: u64) {
        let mut digits = value.to_le_bytes()[..self.width].to_vec();
        if self.order == Order::Big {
            digits.reverse();
        }
        for (old, new) in bytes.iter_mut().skip(self.at).zip(digits) {
            *old = new;
        }
    }
}
