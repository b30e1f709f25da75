//! The watch page: what plays under a name, in a browser.
use crate::assets;
use crate::caching::Caching;
use crate::extras::Extras;
use crate::kind::Kind;
use crate::origin::{Origin, folder_of};
use crate::path::AssetName;
use crate::problem::{Problem, decorate};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderMap, HeaderValue};
use std::sync::Arc;
use vessel_storage::path::ObjectPath;
use vessel_storage::pointer::{PointedRendition, Pointer, PresentationKind};

/// Nothing but our own files; `blob:` is what Media Source Extensions play from.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// The page with a player.
#[derive(Template)]
#[template(path = "watch.html")]
struct WatchPage<'a> {
    title: &'a str,
    artist: Option<&'a str>,
    /// Length for people, `3:24`.
    duration: Option<String>,
    /// Length in seconds, as HTML's `duration` wants it.
    seconds: Option<i64>,
    element: &'static str,
    /// HLS master playlist.
    source: String,
    /// DASH manifest.
    dash: Option<String>,
    poster: Option<String>,
    /// Of a video.
    storyboard: Option<String>,
    /// Of sound alone.
    peaks: Option<String>,
    script: &'static str,
    style: &'static str,
    icon: &'static str,
}

/// The page that says why nothing plays.
#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    heading: &'static str,
    sentence: &'static str,
    status: u16,
    /// Whether the same address may play later.
    may_change: bool,
    style: &'static str,
    icon: &'static str,
}

/// `GET /watch/{namespace}/{name}`.
pub async fn page(
    State(origin): State<Arc<Origin>>,
    Path((namespace, name)): Path<(String, String)>,
) -> Response {
    let mut response = match watch(&origin, &namespace, &name).await {
        Ok(response) => response,
        Err(problem) => refuse(&problem),
    };
    protect(response.headers_mut());
    (Extension(Kind::Page), response).into_response()
}

async fn watch(origin: &Origin, namespace: &str, name: &str) -> Result<Response, Problem> {
    let asset = AssetName::parse(namespace, name).ok_or(Problem::NotFound)?;
    let pointer = origin.playing(&asset).await?;
    let mut renditions = pointer.renditions.iter();
    let rendition = renditions
        .find(|r| r.hls.is_some())
        .ok_or(Problem::NotFound)?;
    let there = Companions::of(origin.extras(), &pointer, rendition).await;
    let page = WatchPage::of(&pointer, rendition, &there);
    let mut response = render(&page)?;
    response
        .headers_mut()
        .insert(CACHE_CONTROL, Caching::Stable.header());
    Ok(response)
}

/// What goes with a rendition and was made.
struct Companions {
    poster: bool,
    storyboard: bool,
    peaks: bool,
}

impl Companions {
    async fn of(extras: &Extras, pointer: &Pointer, rendition: &PointedRendition) -> Self {
        let folder = folder_of(pointer, rendition);
        let has = async |path, kind| rendition.kind == kind && extras.has(folder, &path).await;
        let (poster, storyboard, peaks) = tokio::join!(
            extras.has(folder, &ObjectPath::Poster),
            has(ObjectPath::Storyboard, PresentationKind::Video),
            has(ObjectPath::Peaks, PresentationKind::Audio),
        );
        Self {
            poster,
            storyboard,
            peaks,
        }
    }
}

impl<'a> WatchPage<'a> {
    fn of(pointer: &'a Pointer, rendition: &PointedRendition, there: &Companions) -> Self {
        let Pointer {
            namespace, name, ..
        } = pointer;
        let profile = &rendition.profile;
        let path = |file: &str| format!("../../v1/{namespace}/{name}/{profile}/{file}");
        Self {
            title: pointer.title.as_deref().unwrap_or(name),
            artist: pointer.metadata.get("artist").map(String::as_str),
            duration: pointer.duration_millis.map(clock),
            seconds: pointer.duration_millis.map(|millis| millis / 1000),
            element: match rendition.kind {
                PresentationKind::Audio => "audio",
                PresentationKind::Video => "video",
            },
            source: path("master.m3u8"),
            dash: rendition.dash.as_ref().map(|_| path("manifest.mpd")),
            poster: there.poster.then(|| path("poster.jpg")),
            storyboard: there.storyboard.then(|| path("storyboard.vtt")),
            peaks: there.peaks.then(|| path("peaks.json")),
            script: assets::SCRIPT,
            style: assets::STYLE,
            icon: assets::ICON,
        }
    }
}

/// `3:24`, `1:02:03`.
fn clock(millis: i64) -> String {
    let seconds = (millis.max(0) + 500) / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

fn refuse(problem: &Problem) -> Response {
    let page = ProblemPage {
        heading: heading(problem),
        sentence: problem.sentence(),
        status: problem.status().as_u16(),
        may_change: !matches!(problem, Problem::Gone | Problem::Private),
        style: assets::STYLE,
        icon: assets::ICON,
    };
    match render(&page) {
        Ok(mut response) => {
            *response.status_mut() = problem.status();
            decorate(problem, response.headers_mut());
            response
        }
        Err(problem) => problem.into_response(),
    }
}

const fn heading(problem: &Problem) -> &'static str {
    match problem {
        Problem::Gone => "Withdrawn",
        Problem::Private => "Private",
        Problem::Unavailable | Problem::Busy | Problem::Upstream => "Not available right now",
        Problem::NotFound | Problem::OutOfRange(_) | Problem::Method => "Nothing here",
    }
}

fn render(page: &impl Template) -> Result<Response, Problem> {
    match page.render() {
        Ok(text) => Ok(Html(text).into_response()),
        Err(error) => {
            tracing::error!(%error, "a page can't be written");
            Err(Problem::Upstream)
        }
    }
}

fn protect(headers: &mut HeaderMap) {
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_for_people() {
        for (millis, text) in [
            (0, "0:00"),
            (999, "0:01"),
            (204_000, "3:24"),
            (3_723_000, "1:02:03"),
            (-5, "0:00"),
        ] {
            assert_eq!(clock(millis), text);
        }
    }
}
