//! Ranges of an object: RFC 9110 §14.
use headers::{ETag, HeaderMapExt, IfRange};
use http::header::RANGE;
use http::{HeaderMap, Method};
use http_range_header::{
    EndPosition, RangeUnsatisfiableError, StartPosition, SyntacticallyCorrectRange,
    parse_range_header,
};
use std::ops::Range;

/// Which bytes of an object a request asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// All of them: no range, several, a header that is none, or one of a HEAD (§14.2).
    Whole,
    /// One range; its end is exclusive.
    Part(Range<u64>),
    /// A range that lies outside of the object: 416.
    Unsatisfiable,
}

impl Wanted {
    /// Reads the headers of a request for an object of `length` bytes with the tag `etag`.
    pub fn read(method: &Method, headers: &HeaderMap, length: u64, etag: Option<&ETag>) -> Self {
        match headers.get(RANGE).and_then(|value| value.to_str().ok()) {
            Some(range) if *method == Method::GET && is_unchanged(headers, etag) => {
                Self::parse(range, length)
            }
            _ => Self::Whole,
        }
    }

    fn parse(range: &str, length: u64) -> Self {
        match parse_range_header(range) {
            Ok(parsed) => match parsed.ranges.as_slice() {
                [one] => one_range(one, length),
                _ => Self::Whole,
            },
            Err(RangeUnsatisfiableError::ZeroSuffix) => Self::Unsatisfiable,
            Err(_) => Self::Whole,
        }
    }
}

/// `If-Range` (§13.1.5): a range is only served of the object that the viewer has a part of.
/// We send no modification dates, so a date never matches.
fn is_unchanged(headers: &HeaderMap, etag: Option<&ETag>) -> bool {
    match headers.typed_try_get::<IfRange>() {
        Ok(None) => true,
        Ok(Some(condition)) => !condition.is_modified(etag, None),
        Err(_) => false,
    }
}

fn one_range(range: &SyntacticallyCorrectRange, length: u64) -> Wanted {
    let start = match range.start {
        StartPosition::Index(start) => start,
        StartPosition::FromLast(count) => length.saturating_sub(count),
    };
    let end = match range.end {
        EndPosition::Index(last) if last < start => return Wanted::Whole,
        EndPosition::Index(last) => last.saturating_add(1).min(length),
        EndPosition::LastByte => length,
    };
    if start < length {
        Wanted::Part(start..end)
    } else {
        Wanted::Unsatisfiable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::IF_RANGE;
    use proptest::prelude::*;

    #[test]
    fn ranges_of_a_thousand_bytes() {
        use Wanted::{Part, Unsatisfiable, Whole};
        for (header, wanted) in [
            ("bytes=0-0", Part(0..1)),
            ("bytes=0-499", Part(0..500)),
            ("bytes=500-", Part(500..1000)),
            ("bytes=-100", Part(900..1000)),
            ("bytes=-5000", Part(0..1000)),
            ("bytes=900-5000", Part(900..1000)),
            ("bytes=999-999", Part(999..1000)),
            ("bytes=999-18446744073709551615", Part(999..1000)),
            ("bytes=1000-", Unsatisfiable),
            ("bytes=1000-2000", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=0-1,5-6", Whole),
            ("bytes=0-1, 2000-", Whole),
            ("bytes=5-2", Whole),
            ("bytes=a-b", Whole),
            ("bytes=", Whole),
            ("bytes=-", Whole),
            ("bytes=0-99999999999999999999999", Whole),
            ("items=0-5", Whole),
            ("0-5", Whole),
        ] {
            assert_eq!(Wanted::parse(header, 1000), wanted, "{header}");
        }
    }

    #[test]
    fn an_empty_object_has_no_range() {
        assert_eq!(Wanted::parse("bytes=0-", 0), Wanted::Unsatisfiable);
    }

    #[test]
    fn if_range_guards_against_another_version() {
        let etag: ETag = "\"one\"".parse().unwrap();
        for (condition, wanted) in [
            (None, Wanted::Part(0..10)),
            (Some("\"one\""), Wanted::Part(0..10)),
            (Some("\"two\""), Wanted::Whole),
            (Some("W/\"one\""), Wanted::Whole),
            (Some("Sat, 21 Nov 2026 08:00:00 GMT"), Wanted::Whole),
            (Some("nonsense"), Wanted::Whole),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, HeaderValue::from_static("bytes=0-9"));
            if let Some(condition) = condition {
                headers.insert(IF_RANGE, HeaderValue::from_static(condition));
            }
            assert_eq!(
                Wanted::read(&Method::GET, &headers, 1000, Some(&etag)),
                wanted,
                "{condition:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_part_lies_within_the_object(header in "bytes=[0-9]{0,6}-[0-9]{0,6}(,[0-9]-)?", length in 0_u64..200_000) {
            if let Wanted::Part(part) = Wanted::parse(&header, length) {
                prop_assert!(part.start < part.end && part.end <= length);
            }
        }
    }
}
