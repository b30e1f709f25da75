//! gzip for text: whether a viewer takes it (RFC 9110 §12.5.3), and how it is made.
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http::header::ACCEPT_ENCODING;
use std::io::Write;

/// How a body is encoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// gzip.
    Gzip,
}

impl Encoding {
    /// What the viewer takes.
    pub fn accepted(headers: &HeaderMap) -> Self {
        let mut named = None;
        let mut any = None;
        let values = headers.get_all(ACCEPT_ENCODING).iter();
        for item in values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|v| v.split(','))
        {
            let (coding, weight) = item.split_once(';').unwrap_or((item, ""));
            match coding.trim() {
                coding if coding.eq_ignore_ascii_case("gzip") => named = Some(is_wanted(weight)),
                "*" => any = Some(is_wanted(weight)),
                _ => {}
            }
        }
        if named.or(any).unwrap_or(false) {
            Self::Gzip
        } else {
            Self::Identity
        }
    }
}

/// A weight of zero means "not acceptable" (RFC 9110 §12.4.2).
fn is_wanted(weight: &str) -> bool {
    let value = weight.trim().strip_prefix("q=").map(str::parse::<f32>);
    !matches!(value, Some(Ok(q)) if q <= 0.0)
}

/// `text` in gzip; `None` if that would be no shorter.
pub fn gzip(text: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 2), Compression::new(6));
    encoder.write_all(text).ok()?;
    let packed = encoder.finish().ok()?;
    (packed.len() < text.len()).then(|| packed.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use std::io::Read;

    #[test]
    fn what_viewers_take() {
        use Encoding::{Gzip, Identity};
        for (header, encoding) in [
            ("gzip", Gzip),
            ("gzip, deflate, br", Gzip),
            ("br;q=1.0, GZIP;q=0.5", Gzip),
            ("*", Gzip),
            ("gzip;q=0", Identity),
            ("gzip;q=0, *", Identity),
            ("*;q=0", Identity),
            ("br", Identity),
            ("", Identity),
            ("identity", Identity),
            ("xgzip", Identity),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(header));
            assert_eq!(Encoding::accepted(&headers), encoding, "{header:?}");
        }
        assert_eq!(Encoding::accepted(&HeaderMap::new()), Identity);
    }

    #[test]
    fn what_is_packed_unpacks() {
        let text = "#EXTINF:6,\n00001.m4s\n".repeat(100);
        let packed = gzip(text.as_bytes()).unwrap();
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&packed[..])
            .read_to_string(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, text);
        assert_eq!(gzip(b"x"), None);
    }
}
