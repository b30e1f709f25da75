//! Which segments are decoded before the commit: the first, the last and three others, held
//! in memory from the moment they come by.
use bytes::Bytes;
use std::hash::{BuildHasher, RandomState};

/// Segments between the first and the last.
const OTHERS: usize = 3;

/// The segments of a rung that are decoded before the commit.
#[derive(Clone, Debug, Default)]
pub struct Keep {
    init: Option<Bytes>,
    first: Option<Kept>,
    others: Vec<Kept>,
    last: Option<Kept>,
    offered: u64,
}

/// One kept segment.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Kept {
    number: u64,
    bytes: Bytes,
    frames: u64,
}

impl Keep {
    /// The initialization segment, without which the others don't decode.
    pub fn begin_with(&mut self, init: Bytes) {
        self.init = Some(init);
    }

    /// A segment comes by. Those between the first and the last have equal chances
    /// (algorithm R).
    pub fn offer(&mut self, bytes: &Bytes, frames: u64) {
        let kept = Kept {
            number: self.offered,
            bytes: bytes.clone(),
            frames,
        };
        self.offered += 1;
        if self.first.is_none() {
            self.first = Some(kept);
            return;
        }
        let Some(between) = self.last.replace(kept) else {
            return;
        };
        if self.others.len() < OTHERS {
            self.others.push(between);
        } else {
            // `between` is the n-th candidate.
            let place = random() % between.number.max(1);
            let place = usize::try_from(place).ok();
            if let Some(other) = place.and_then(|place| self.others.get_mut(place)) {
                *other = between;
            }
        }
    }

    /// What was kept, in the order of the stream, the initialization segment first.
    pub fn stream(&self) -> Vec<Bytes> {
        let segments = self.segments().into_iter().map(|kept| kept.bytes.clone());
        self.init.iter().cloned().chain(segments).collect()
    }

    /// Frames of what was kept.
    pub fn frames(&self) -> u64 {
        self.segments().iter().map(|kept| kept.frames).sum()
    }

    fn segments(&self) -> Vec<&Kept> {
        let mut segments: Vec<&Kept> = self
            .first
            .iter()
            .chain(&self.others)
            .chain(&self.last)
            .collect();
        segments.sort_by_key(|kept| kept.number);
        segments
    }
}

/// The seeds of std's hash maps are random.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(segments: u64) -> Vec<u64> {
        let mut keep = Keep::default();
        for number in 0..segments {
            keep.offer(&Bytes::from(vec![0; 4]), number);
        }
        keep.segments().iter().map(|kept| kept.number).collect()
    }

    #[test]
    fn a_short_rung_is_kept_whole() {
        for segments in 0..=5 {
            assert_eq!(kept(segments), (0..segments).collect::<Vec<_>>());
        }
    }

    #[test]
    fn of_a_long_rung_the_ends_and_three_between_are_kept() {
        for _ in 0..20 {
            let kept = kept(100);
            assert_eq!(kept.len(), 5);
            assert_eq!((kept[0], kept[4]), (0, 99));
            assert!(kept.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn the_initialization_segment_comes_first() {
        let mut keep = Keep::default();
        keep.begin_with(Bytes::from_static(b"init"));
        keep.offer(&Bytes::from_static(b"one"), 281);
        assert_eq!(
            keep.stream(),
            [Bytes::from_static(b"init"), Bytes::from_static(b"one")]
        );
        assert_eq!(keep.frames(), 281);
    }
}
