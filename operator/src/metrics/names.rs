//! Names that people choose, bounded: a label may not grow with what users create.
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Most names of a kind that get a label of their own.
const CAP: usize = 50;

/// The label of everything beyond the cap.
pub(super) const OTHER: &str = "other";

/// The names that have a label of their own: the first that came.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<BTreeSet<String>>);

impl Names {
    /// The label for `name`.
    pub fn label(&self, name: &str) -> String {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.contains(name) {
            return name.to_owned();
        }
        if names.len() >= CAP {
            return OTHER.to_owned();
        }
        names.insert(name.to_owned());
        name.to_owned()
    }

    /// Every label that was given out, but `other`.
    pub fn known(&self) -> Vec<String> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_cap_count_as_other() {
        let names = Names::default();
        for number in 0..CAP {
            assert_eq!(names.label(&format!("p{number}")), format!("p{number}"));
        }
        assert_eq!(names.label("one-more"), OTHER);
        assert_eq!(names.label("p7"), "p7");
        assert_eq!(names.known().len(), CAP);
    }
}
