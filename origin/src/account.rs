//! What is counted of a request while its answer is sent.
use crate::kind::Kind;
use crate::metrics::InFlight;
use crate::origin::Origin;
use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use http::HeaderValue;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use prometheus::IntCounter;
use std::sync::Arc;
use std::time::Instant;

/// A request whose answer is not sent yet.
pub struct Sending {
    origin: Arc<Origin>,
    started: Instant,
    _in_flight: InFlight,
}

impl Sending {
    /// A request came in.
    pub fn begin(origin: Arc<Origin>) -> Self {
        Self {
            _in_flight: origin.metrics().begin(),
            started: Instant::now(),
            origin,
        }
    }

    /// Counts the answer: its head now, its body as it is sent.
    pub fn watch(self, mut response: Response) -> Response {
        let kind = response.extensions().get().copied().unwrap_or(Kind::Other);
        self.origin.metrics().answered(kind, response.status());
        state_length(&mut response);
        response.map(|body| self.watch_body(kind, body))
    }

    fn watch_body(self, kind: Kind, body: Body) -> Body {
        if body.is_end_stream() {
            self.first_byte(kind);
            return body;
        }
        let mut counted = Counted {
            sent: self.origin.metrics().sent(kind),
            sending: self,
            kind,
            begun: false,
        };
        Body::new(body.map_frame(move |frame| {
            if let Some(bytes) = frame.data_ref() {
                counted.count(bytes);
            }
            frame
        }))
    }

    fn first_byte(&self, kind: Kind) {
        self.origin
            .metrics()
            .first_byte(kind, self.started.elapsed());
    }
}

/// A body that is counted no longer tells its length by itself.
fn state_length(response: &mut Response) {
    if let Some(length) = response
        .body()
        .size_hint()
        .exact()
        .filter(|length| *length > 0)
    {
        let value = HeaderValue::from(length);
        response
            .headers_mut()
            .entry(CONTENT_LENGTH)
            .or_insert(value);
    }
}

struct Counted {
    sending: Sending,
    sent: IntCounter,
    kind: Kind,
    begun: bool,
}

impl Counted {
    fn count(&mut self, bytes: &Bytes) {
        if !self.begun {
            self.begun = true;
            self.sending.first_byte(self.kind);
        }
        self.sent.inc_by(bytes.len() as u64);
    }
}
