//! Numbers as people read them: in printer columns, messages and events.
use bytesize::ByteSize;
use jiff::fmt::friendly::{Spacing, SpanPrinter};
use jiff::{SignedDuration, Timestamp};

/// `3m24s`; whole seconds, and `0s` for anything shorter.
pub fn duration(length: SignedDuration) -> String {
    SpanPrinter::new()
        .spacing(Spacing::None)
        .duration_to_string(&SignedDuration::from_secs(length.as_secs()))
}

/// `3m24s` from milliseconds, rounded to the nearest second.
pub fn duration_of_millis(millis: i64) -> String {
    duration(SignedDuration::from_millis(millis.saturating_add(500)))
}

/// `12.4 MiB`.
pub fn size(bytes: i64) -> String {
    ByteSize::b(u64::try_from(bytes).unwrap_or_default())
        .display()
        .iec()
        .to_string()
}

/// `71%`.
pub fn percent(value: i32) -> String {
    format!("{value}%")
}

/// `12.3x`, from thousandths.
pub fn speed(permille: i64) -> String {
    format!("{}.{}x", permille / 1000, permille % 1000 / 100)
}

/// A moment in UTC, by the second.
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A sentence that ends with a full stop, whatever its writer thought of that.
pub fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', '!', '?', '…']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_people_write_them() {
        assert_eq!(duration_of_millis(204_100), "3m24s");
        assert_eq!(duration_of_millis(12_000), "12s");
        assert_eq!(duration_of_millis(3_600_000), "1h");
        assert_eq!(duration_of_millis(0), "0s");
    }

    #[test]
    fn sizes_and_percents() {
        assert_eq!(size(13_000_000), "12.4 MiB");
        assert_eq!(size(-1), "0 B");
        assert_eq!(percent(71), "71%");
        assert_eq!(speed(12_399), "12.3x");
        assert_eq!(speed(950), "0.9x");
    }

    #[test]
    fn a_sentence_ends_once() {
        assert_eq!(sentence("it broke"), "it broke.");
        assert_eq!(sentence("it broke. "), "it broke.");
        assert_eq!(sentence(""), "");
    }
}
