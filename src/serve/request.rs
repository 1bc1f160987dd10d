//! One request, from its head to its answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response};
use serde_json::{Value, json};

use super::admission::admit;
use super::answer::{Call, Reply, answer};
use super::connection::Connection;
use super::refusal::{Refusal, malformed};
use super::route::{Work, route};
use super::state::State;
use crate::diag::Code;

/// Bodies up to this length are worked on where they come in: handing them to another thread takes longer than most of them.
const SMALL: usize = 64 << 10;
const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");
const MODEL: HeaderName = HeaderName::from_static("pipefit-model");
const SHA256: HeaderName = HeaderName::from_static("pipefit-sha256");

/// Answers a request, counts it and tells of it.
pub(super) async fn respond(
    state: Arc<State>,
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let start = Instant::now();
    let (head, body) = request.into_parts();
    let work = route(head.uri.path()).map(|route| route.work);
    let reply = handled(&state, &connection, &head, body, start).await.unwrap_or_else(Reply::from);
    state.connections.wait(&connection);
    let took = start.elapsed();
    state.metrics.answered(work, reply.status, took);
    if let Some(model) = reply.model.as_ref().filter(|_| reply.rows > 0) {
        state.metrics.predicted(model, reply.rows);
    }
    if state.settings.log_requests || reply.status == 500 {
        let path: String = head.uri.path().chars().take(200).collect();
        let level = if reply.status < 500 { "info" } else { "error" };
        let ms = took.as_micros() as f64 / 1e3;
        let (model, version) = match &reply.model {
            Some(model) => (Value::from(model.name.as_str()), Value::from(model.version)),
            None => (Value::Null, Value::Null),
        };
        let more = json!({
            "method": head.method.as_str(), "path": path, "status": reply.status, "ms": ms, "rows": reply.rows,
            "model": model, "version": version,
        });
        state.note(level, "request", more);
    }
    Ok(response(reply, work))
}

async fn handled(
    state: &Arc<State>,
    connection: &Connection,
    head: &Parts,
    body: Incoming,
    start: Instant,
) -> Result<Reply, Refusal> {
    let found = route(head.uri.path());
    admit(&state.settings, found.as_ref().map(|found| found.work), &head.headers)?;
    let Some(found) = found else {
        let error = Code::Usage.error("the address has no meaning here");
        let help =
            "rows are posted to /predict, /invocations, /v2/models/NAME/infer or /v1/models/NAME:predict";
        return Err(Refusal::new(404, error.help(help)));
    };
    let fits = match found.work.predicts() {
        true => head.method == Method::POST,
        false => head.method == Method::GET || head.method == Method::HEAD,
    };
    if !fits {
        let error = Code::Usage.error("the method does not go with the address");
        let method = if found.work.predicts() { "POST" } else { "GET" };
        return Err(Refusal::new(405, error.help(format!("use {method}"))));
    }
    if !found.work.predicts() {
        connection.works();
        return Ok(told(state, found.work).unwrap_or_else(|| call(state, head, &[])));
    }
    let encoding = text(&head.headers, header::CONTENT_ENCODING).unwrap_or("identity");
    if !encoding.eq_ignore_ascii_case("identity") {
        return Err(Refusal::new(415, malformed("compressed bodies are not read").help("send it as it is")));
    }
    let body = gathered(state, body).await?;
    connection.works();
    if body.bytes.len() <= SMALL {
        return Ok(call(state, head, &body.bytes));
    }
    at_leisure(state, head, body, start).await
}

/// What the server tells of itself; `None` for what the models do.
fn told(state: &State, work: Work) -> Option<Reply> {
    Some(match work {
        Work::Live => Reply::json(200, &json!({"live": true})),
        Work::Ready => {
            let degraded = state.models.values().any(|served| served.trouble().is_some());
            Reply::json(200, &json!({"ready": true, "degraded": degraded}))
        }
        Work::Ping => Reply::of(200, "text/plain", b"\n".to_vec()),
        Work::Version => Reply::of(200, "text/plain", env!("CARGO_PKG_VERSION").as_bytes().to_vec()),
        Work::Metrics => {
            let mut text = state.beside.as_ref().map_or_else(String::new, |beside| beside());
            text.push_str(&state.metrics.text(&state.models, state.connections.count()));
            Reply::of(200, "text/plain; version=0.0.4", text.into_bytes())
        }
        _ => return None,
    })
}

/// Answers what is about models.
fn call(state: &State, head: &Parts, body: &[u8]) -> Reply {
    let Some(route) = route(head.uri.path()) else {
        return Refusal::new(404, Code::Usage.error("the address has no meaning here")).into();
    };
    let call = Call {
        route: &route,
        query: head.uri.query().unwrap_or_default(),
        content_type: text(&head.headers, header::CONTENT_TYPE),
        json_length: text(&head.headers, JSON_LENGTH),
        body,
        most_rows: state.settings.limits.rows,
    };
    answer(&state.models, &call)
}

/// A header as text; one that is none is no text that anything here is called by.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// A body, and its share of what all bodies together may take.
struct Held {
    bytes: Bytes,
    _share: Share,
}

/// Bytes that are given back when this is dropped.
struct Share {
    state: Arc<State>,
    bytes: usize,
}

impl Share {
    /// Takes so many more.
    fn take(&mut self, more: usize) -> Result<(), Refusal> {
        let all: &AtomicUsize = &self.state.bodies;
        self.bytes += more;
        if all.fetch_add(more, Ordering::Relaxed) + more > self.state.settings.limits.bodies {
            return Err(busy());
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.state.bodies.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

fn busy() -> Refusal {
    Refusal::new(503, Code::Usage.error("too many requests are under way").help("try again in a second"))
}

/// The whole body, if it is short enough and comes in time.
async fn gathered(state: &Arc<State>, mut body: Incoming) -> Result<Held, Refusal> {
    let limits = &state.settings.limits;
    let too_long = || {
        let error = malformed(format!("the body is longer than {} bytes", limits.body));
        Refusal::new(413, error.help("send the rows in parts, or use `pipefit predict`"))
    };
    if body.size_hint().lower() > limits.body as u64 {
        return Err(too_long());
    }
    let mut share = Share { state: Arc::clone(state), bytes: 0 };
    let whole = async {
        let mut first: Option<Bytes> = None;
        let mut all: Vec<u8> = Vec::new();
        while let Some(frame) = body.frame().await {
            let torn = |_| malformed("the body ends too early, or is no HTTP");
            let Ok(data) = frame.map_err(torn)?.into_data() else { continue };
            share.take(data.len())?;
            if share.bytes > limits.body {
                return Err(too_long());
            }
            match first.take() {
                None if all.is_empty() => first = Some(data),
                before => {
                    all.extend_from_slice(&before.unwrap_or_default());
                    all.extend_from_slice(&data);
                }
            }
        }
        Ok(first.unwrap_or_else(|| all.into()))
    };
    let bytes = match tokio::time::timeout(limits.arrival, whole).await {
        Ok(bytes) => bytes?,
        Err(_) => {
            let message = format!("the body did not come within {} s", limits.arrival.as_secs());
            return Err(Refusal::new(408, malformed(message)));
        }
    };
    Ok(Held { bytes, _share: share })
}

/// Answers on a thread of its own, if there is one in time.
async fn at_leisure(state: &Arc<State>, head: &Parts, body: Held, start: Instant) -> Result<Reply, Refusal> {
    let place = Arc::clone(&state.waiting).try_acquire_owned().map_err(|_| busy())?;
    let (own, head, limit) = (Arc::clone(state), head.clone(), state.settings.limits.work);
    let work = tokio::task::spawn_blocking(move || {
        let reply = (start.elapsed() < limit).then(|| call(&own, &head, &body.bytes));
        drop(place);
        reply
    });
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(Some(reply))) => Ok(reply),
        Ok(Ok(None)) | Err(_) => Err(busy()),
        Ok(Err(_)) => Err(Refusal::from(Code::Bug.error("the request was lost"))),
    }
}

fn response(reply: Reply, work: Option<Work>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() = hyper::StatusCode::from_u16(reply.status).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(model) = &reply.model {
        // Names and digests hold nothing that a header may not.
        let value = |bytes: &Bytes| HeaderValue::from_maybe_shared(bytes.clone()).ok();
        headers.extend(value(&model.label).map(|label| (MODEL, label)));
        headers.extend(value(&model.digest).map(|digest| (SHA256, digest)));
    }
    if let Some(length) = reply.json_length {
        headers.insert(JSON_LENGTH, length.into());
    }
    match reply.status {
        401 => drop(headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
        405 => {
            let allowed = if work.is_some_and(Work::predicts) { "POST" } else { "GET, HEAD" };
            headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        // What is left of such a body is not waited for.
        408 | 413 => drop(headers.insert(header::CONNECTION, HeaderValue::from_static("close"))),
        503 => drop(headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"))),
        _ => {}
    }
    response
}
