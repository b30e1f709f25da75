//! How far the work is, for people: by media time, in coarse steps. Nothing depends on it.
use crate::grant::GrantClient;
use crate::length::{SAMPLE_RATE, Samples};
use crate::stop::Stop;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use vessel_storage::grant::Progress;
use vessel_storage::verdict::Stage;

/// Pause between two looks at the board.
const PERIOD: Duration = Duration::from_secs(5);
/// Percent between two reports of one stage.
const STEP: u8 = 10;
/// How long an encode runs before its speed says something.
const WARM_UP: Duration = Duration::from_secs(2);

/// Where the work notes how far it is.
#[derive(Debug)]
pub struct Board(Mutex<State>);

#[derive(Clone, Copy, Debug)]
struct State {
    stage: Stage,
    /// When the stage began.
    since: Instant,
    done: Samples,
    total: Option<Samples>,
}

impl Default for Board {
    /// At the beginning.
    fn default() -> Self {
        Self::at(Instant::now())
    }
}

impl Board {
    fn at(since: Instant) -> Self {
        Self(Mutex::new(State {
            stage: Stage::Fetch,
            since,
            done: Samples(0),
            total: None,
        }))
    }

    /// A stage begins.
    pub fn begin(&self, stage: Stage) {
        self.begin_at(stage, Instant::now());
    }

    fn begin_at(&self, stage: Stage, since: Instant) {
        self.change(|state| (state.stage, state.since) = (stage, since));
    }

    /// So much is to be encoded, if that is known.
    pub fn expect(&self, total: Option<Samples>) {
        self.change(|state| state.total = total);
    }

    /// So much is encoded.
    pub fn reach(&self, done: Samples) {
        self.change(|state| state.done = done);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(
            &mut self
                .0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
    }

    fn progress(&self, now: Instant) -> Progress {
        let state = *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        state.progress(now)
    }

    /// Reports from time to time, for ever. Ends only when the job was called off.
    pub async fn report(&self, grants: &GrantClient) -> Stop {
        let mut ticks = tokio::time::interval(PERIOD);
        let mut last: Option<Progress> = None;
        loop {
            ticks.tick().await;
            let now = self.progress(Instant::now());
            if last.as_ref().is_none_or(|last| is_step(last, &now)) {
                if let Err(stop) = grants.progress(&now).await {
                    return stop;
                }
                last = Some(now);
            }
        }
    }
}

impl State {
    fn progress(self, now: Instant) -> Progress {
        let speed = self.speed_permille(now);
        Progress {
            stage: self.stage,
            percent: self.total.map(|total| percent(self.done, total)),
            media_millis: self.done.millis(),
            speed_permille: speed,
            remaining_seconds: speed.and_then(|speed| self.remaining_seconds(speed)),
        }
    }

    /// Since the encode began: what comes and goes with a scene or a slow bucket is not told.
    fn speed_permille(self, now: Instant) -> Option<u64> {
        let elapsed = now.saturating_duration_since(self.since);
        if self.stage != Stage::Encode || elapsed < WARM_UP || self.done.0 == 0 {
            return None;
        }
        let wall = elapsed.as_millis();
        let speed = u128::from(self.done.0) * 1_000_000 / (u128::from(SAMPLE_RATE) * wall.max(1));
        u64::try_from(speed).ok().filter(|&speed| speed > 0)
    }

    /// What is left, rounded up. A source that is longer than it says leaves nothing to tell.
    fn remaining_seconds(self, speed_permille: u64) -> Option<u64> {
        let left = self.total?.0.checked_sub(self.done.0)?;
        let at_speed = u128::from(SAMPLE_RATE) * u128::from(speed_permille);
        u64::try_from((u128::from(left) * 1000).div_ceil(at_speed.max(1))).ok()
    }
}

fn percent(done: Samples, total: Samples) -> u8 {
    let percent = done.0.saturating_mul(100) / total.0.max(1);
    // 100 is said by the commit alone.
    u8::try_from(percent).unwrap_or(u8::MAX).min(99)
}

fn is_step(last: &Progress, now: &Progress) -> bool {
    let tens = |progress: &Progress| progress.percent.map(|percent| percent / STEP);
    last.stage != now.stage || tens(last) != tens(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_step_is_reported() {
        let at = |percent| Progress {
            stage: Stage::Encode,
            percent: Some(percent),
            media_millis: 0,
            speed_permille: Some(u64::from(percent)),
            remaining_seconds: Some(u64::from(percent)),
        };
        assert!(!is_step(&at(11), &at(19)));
        assert!(is_step(&at(19), &at(20)));
        let unknown = Progress {
            percent: None,
            ..at(0)
        };
        assert!(!is_step(&unknown, &unknown));
        assert!(is_step(
            &at(90),
            &Progress {
                stage: Stage::Verify,
                ..at(90)
            }
        ));
    }

    #[test]
    fn a_hundred_percent_is_never_claimed() {
        assert_eq!(percent(Samples(50), Samples(100)), 50);
        assert_eq!(percent(Samples(200), Samples(100)), 99);
        assert_eq!(percent(Samples(1), Samples(0)), 99);
    }

    #[test]
    fn without_a_length_there_is_no_percent() {
        let start = Instant::now();
        let board = Board::at(start);
        board.reach(Samples(48_000));
        let progress = board.progress(start);
        assert_eq!((progress.percent, progress.media_millis), (None, 1000));
    }

    #[test]
    fn speed_and_what_remains_are_told_while_it_encodes() {
        let start = Instant::now();
        let begun = start + Duration::from_mins(1);
        let told = |stage, millis, done, total: Option<u64>| {
            let board = Board::at(start);
            board.begin_at(stage, begun);
            board.expect(total.map(Samples::from_seconds));
            board.reach(Samples::from_seconds(done));
            let progress = board.progress(begun + Duration::from_millis(millis));
            (progress.speed_permille, progress.remaining_seconds)
        };
        let cases = [
            (Stage::Encode, 10_000, 123, Some(200), Some(12_300), Some(7)),
            (Stage::Encode, 10_000, 5, Some(65), Some(500), Some(120)),
            (Stage::Encode, 10_000, 123, None, Some(12_300), None),
            (Stage::Encode, 10_000, 200, Some(200), Some(20_000), Some(0)),
            (Stage::Encode, 10_000, 201, Some(200), Some(20_100), None),
            // Too early, nothing done, and other work.
            (Stage::Encode, 1999, 123, Some(200), None, None),
            (Stage::Encode, 10_000, 0, Some(200), None, None),
            (Stage::Verify, 10_000, 123, Some(200), None, None),
        ];
        for (stage, millis, done, total, speed, remaining) in cases {
            let expected = (speed, remaining);
            assert_eq!(
                told(stage, millis, done, total),
                expected,
                "{stage:?} {millis} {done}"
            );
        }
        let board = Board::at(begun);
        board.begin_at(Stage::Encode, begun);
        board.reach(Samples(1));
        assert_eq!(board.progress(start).speed_permille, None);
    }
}
