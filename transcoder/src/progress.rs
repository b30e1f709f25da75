//! How far the work is, for people: by media time, in coarse steps. Nothing depends on it.
use crate::grant::GrantClient;
use crate::length::Samples;
use crate::stop::Stop;
use std::sync::Mutex;
use std::time::Duration;
use vessel_storage::grant::Progress;
use vessel_storage::verdict::Stage;

/// Pause between two looks at the board.
const PERIOD: Duration = Duration::from_secs(5);
/// Percent between two reports of one stage.
const STEP: u8 = 10;

/// Where the work notes how far it is.
#[derive(Debug)]
pub struct Board(Mutex<State>);

#[derive(Clone, Copy, Debug)]
struct State {
    stage: Stage,
    done: Samples,
    total: Option<Samples>,
}

impl Default for Board {
    /// At the beginning.
    fn default() -> Self {
        Self(Mutex::new(State {
            stage: Stage::Fetch,
            done: Samples(0),
            total: None,
        }))
    }
}

impl Board {
    /// A stage begins.
    pub fn begin(&self, stage: Stage) {
        self.change(|state| state.stage = stage);
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

    fn progress(&self) -> Progress {
        let state = *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Progress {
            stage: state.stage,
            percent: state.total.map(|total| percent(state.done, total)),
            media_millis: state.done.millis(),
        }
    }

    /// Reports from time to time, for ever. Ends only when the job was called off.
    pub async fn report(&self, grants: &GrantClient) -> Stop {
        let mut ticks = tokio::time::interval(PERIOD);
        let mut last: Option<Progress> = None;
        loop {
            ticks.tick().await;
            let now = self.progress();
            if last.as_ref().is_none_or(|last| is_step(last, &now)) {
                if let Err(stop) = grants.progress(&now).await {
                    return stop;
                }
                last = Some(now);
            }
        }
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
        let board = Board::default();
        board.reach(Samples(48_000));
        let progress = board.progress();
        assert_eq!((progress.percent, progress.media_millis), (None, 1000));
    }
}
