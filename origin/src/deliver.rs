//! Content as answers: headers by what it is, conditions, ranges, encodings.
use crate::caching::Caching;
use crate::encoding::Encoding;
use crate::objects::{Entry, Objects};
use crate::problem::Problem;
use crate::range::Wanted;
use crate::texts::Text;
use crate::upstream::{Fault, Head, Part};
use crate::viewing;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use headers::{ContentLength, ContentRange, ETag, HeaderMapExt, IfNoneMatch};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use std::ops::Range;
use vessel_storage::content::ContentType;
use vessel_storage::key::Key;
use vessel_storage::path::{ObjectPath, Rung, SegmentKind};

/// What an object is, by its path.
pub fn content_type(path: &ObjectPath) -> ContentType {
    match path {
        ObjectPath::Master | ObjectPath::Playlist(_) => ContentType::HlsPlaylist,
        ObjectPath::Mpd => ContentType::DashManifest,
        ObjectPath::Manifest | ObjectPath::Verdict | ObjectPath::Peaks => ContentType::Json,
        ObjectPath::Poster | ObjectPath::StoryboardSheet(_) => ContentType::Jpeg,
        ObjectPath::Storyboard => ContentType::WebVtt,
        ObjectPath::Segment(_, _, SegmentKind::Transport) => ContentType::MpegTs,
        ObjectPath::Init(rung) | ObjectPath::Segment(rung, _, SegmentKind::Fragment) => {
            fragmented(rung)
        }
    }
}

fn fragmented(rung: &Rung) -> ContentType {
    if rung.as_str().starts_with("audio-") {
        ContentType::AudioMp4
    } else {
        ContentType::VideoMp4
    }
}

/// A text that is sent whole, in the encoding that the viewer takes.
pub fn text(request: &HeaderMap, text: &Text, kind: ContentType, caching: Caching) -> Response {
    let (body, encoding) = text.body(Encoding::accepted(request));
    let tag = format!("\"{}\"", text.tag(encoding)).parse::<ETag>().ok();
    let mut headers = common(kind, caching, tag.as_ref());
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("none"));
    if is_known(request, tag.as_ref()) {
        return unchanged(headers);
    }
    if encoding == Encoding::Gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.typed_insert(ContentLength(body.len() as u64));
    (StatusCode::OK, headers, body).into_response()
}

/// A segment, or the range of it that the viewer asks for. Its bytes are read for those alone
/// who get some of them.
pub async fn object(
    method: &Method,
    request: &HeaderMap,
    objects: &Objects,
    key: &Key,
    kind: ContentType,
    caching: Caching,
) -> Result<Response, Fault> {
    let is_head = *method == Method::HEAD;
    if is_head || request.contains_key(IF_NONE_MATCH) {
        let head = objects.look(key).await?;
        if is_head || is_known(request, head.etag.as_ref()) {
            return Ok(match Frame::new(method, request, &head, kind, caching) {
                Ok(frame) => frame.around(Body::empty()),
                Err(problem) => problem.into_response(),
            });
        }
    }
    let entry = objects.get(key).await?;
    match Frame::new(method, request, &entry.head(), kind, caching) {
        Ok(frame) => {
            let body = body(objects, key, entry, frame.range.clone()).await?;
            Ok(frame.around(body))
        }
        Err(problem) => Ok(problem.into_response()),
    }
}

/// An answer about an object, without its bytes.
struct Frame {
    status: StatusCode,
    headers: HeaderMap,
    /// The bytes that belong into it.
    range: Range<u64>,
}

impl Frame {
    fn new(
        method: &Method,
        request: &HeaderMap,
        head: &Head,
        kind: ContentType,
        caching: Caching,
    ) -> Result<Self, Problem> {
        let etag = head.etag.as_ref();
        let mut headers = common(kind, caching, etag);
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if is_known(request, etag) {
            return Ok(Self {
                status: StatusCode::NOT_MODIFIED,
                headers: bare(headers),
                range: 0..0,
            });
        }
        let (status, range) = match Wanted::read(method, request, head.length, etag) {
            Wanted::Whole => (StatusCode::OK, 0..head.length),
            Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, range),
            Wanted::Unsatisfiable => return Err(Problem::OutOfRange(head.length)),
        };
        headers.typed_insert(ContentLength(range.end - range.start));
        if status == StatusCode::PARTIAL_CONTENT
            && let Ok(content_range) = ContentRange::bytes(range.clone(), head.length)
        {
            headers.typed_insert(content_range);
        }
        Ok(Self {
            status,
            headers,
            range,
        })
    }

    fn around(self, body: Body) -> Response {
        (self.status, self.headers, body).into_response()
    }
}

async fn body(
    objects: &Objects,
    key: &Key,
    entry: Entry,
    range: Range<u64>,
) -> Result<Body, Fault> {
    match entry {
        _ if range.is_empty() => Ok(Body::empty()),
        Entry::Kept(blob) => Ok(viewing::body(objects, key, &blob, range)),
        Entry::Large(_) => {
            let opened = objects.pass(key, Part::Bytes(range)).await?;
            Ok(Body::from_stream(opened.body))
        }
    }
}

fn common(kind: ContentType, caching: Caching, etag: Option<&ETag>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind.as_str()));
    headers.insert(CACHE_CONTROL, caching.header());
    if let Some(etag) = etag {
        headers.typed_insert(etag.clone());
    }
    headers
}

/// `If-None-Match` (RFC 9110 §13.1.2): the viewer has this very content.
fn is_known(request: &HeaderMap, etag: Option<&ETag>) -> bool {
    match (request.typed_get::<IfNoneMatch>(), etag) {
        (Some(condition), Some(etag)) => !condition.precondition_passes(etag),
        _ => false,
    }
}

fn unchanged(headers: HeaderMap) -> Response {
    (StatusCode::NOT_MODIFIED, bare(headers)).into_response()
}

/// What is left of the headers when the viewer has the content.
fn bare(mut headers: HeaderMap) -> HeaderMap {
    headers.remove(CONTENT_TYPE);
    headers.remove(ACCEPT_RANGES);
    debug_assert!(headers.contains_key(ETAG), "a condition is about a tag");
    headers
}
