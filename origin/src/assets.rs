//! What the watch page loads: bundled by `web/`, embedded by the build, named by content.
use crate::caching::{Caching, MaxAge};
use crate::encoding::Encoding;
use crate::problem::Problem;
use axum::response::{IntoResponse, Response};
use headers::{ContentLength, ETag, HeaderMapExt, IfNoneMatch};
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};

/// A file of the watch page.
struct Asset {
    /// Its name with a digest of its content.
    file: &'static str,
    content_type: &'static str,
    plain: &'static [u8],
    packed: &'static [u8],
}

// `ASSETS`, and the names of those that the page mentions: `SCRIPT`, `STYLE`, `ICON`.
include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Answers a request for a file.
pub fn answer(file: &str, request: &HeaderMap) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.file == file) else {
        return Problem::NotFound.into_response();
    };
    let encoding = Encoding::accepted(request);
    let (body, suffix) = match encoding {
        Encoding::Gzip => (asset.packed, "-gzip"),
        Encoding::Identity => (asset.plain, ""),
    };
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(
        CACHE_CONTROL,
        Caching::Immutable(MaxAge(31_536_000)).header(),
    );
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = format!("\"{file}{suffix}\"").parse::<ETag>() {
        let known = request.typed_get::<IfNoneMatch>();
        let is_known = known.is_some_and(|known| !known.precondition_passes(&etag));
        headers.typed_insert(etag);
        if is_known {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    if encoding == Encoding::Gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.typed_insert(ContentLength(body.len() as u64));
    (StatusCode::OK, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_player_for_dash_is_fetched_only_by_those_who_want_it() {
        let script = ASSETS.iter().find(|asset| asset.file == SCRIPT).unwrap();
        let dash = ASSETS.iter().find(|asset| asset.file.starts_with("dash-"));
        let dash = dash.unwrap();
        let text = std::str::from_utf8(script.plain).unwrap();
        assert!(text.contains(&format!("./{}", dash.file)));
        assert!(text.len() < 640 << 10, "{}", text.len());
        assert_eq!(
            answer(dash.file, &HeaderMap::new()).status(),
            StatusCode::OK
        );
    }

    #[test]
    fn the_page_mentions_files_that_are_there() {
        for file in [SCRIPT, STYLE, ICON] {
            let response = answer(file, &HeaderMap::new());
            assert_eq!(response.status(), StatusCode::OK, "{file}");
            assert!(response.headers().contains_key("etag"));
        }
        assert_eq!(
            answer("player.js", &HeaderMap::new()).status(),
            StatusCode::NOT_FOUND
        );
    }
}
