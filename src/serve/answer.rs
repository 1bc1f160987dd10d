//! A request whose bytes are all there, and its answer. No network, no clock: a function.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::{Value, json};

use super::model::{Answer, Loaded, Models, Served};
use super::refusal::{Refusal, malformed};
use super::route::{Route, Work};
use super::{json as layouts, open_inference, rows};
use crate::diag::Code;

/// Lists and objects that a body may nest. The deepest of all protocols needs 5.
const DEPTH: usize = 16;

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What is asked for.
    pub route: &'a Route<'a>,
    /// What stands behind `?` in its address.
    pub query: &'a str,
    /// Its `content-type`.
    pub content_type: Option<&'a str>,
    /// Its `inference-header-content-length`: the bytes of JSON before binary tensors.
    pub json_length: Option<&'a str>,
    /// Its body.
    pub body: &'a [u8],
    /// The rows that it may have at most.
    pub most_rows: usize,
}

/// An answer.
#[derive(Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The `content-type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
    /// The bytes of JSON before binary tensors, where there are any.
    pub json_length: Option<usize>,
    /// The version that answered.
    pub model: Option<Arc<Loaded>>,
    /// The rows that it predicted.
    pub rows: usize,
}

impl Reply {
    /// JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::of(status, "application/json", body.to_string().into_bytes())
    }

    /// Bytes of a type.
    pub fn of(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status, content_type, body, json_length: None, model: None, rows: 0 }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self::json(refusal.status, &refusal.body())
    }
}

/// Answers a request for or to a model. A panic is a bug of ours, and is told as one.
pub fn answer(models: &Models, call: &Call<'_>) -> Reply {
    let attempt = catch_unwind(AssertUnwindSafe(|| tried(models, call)));
    match attempt {
        Ok(Ok(reply)) => reply,
        Ok(Err(refusal)) => refusal.into(),
        Err(_) => Refusal::from(Code::Bug.error("the request met a state that should be impossible")).into(),
    }
}

fn tried(models: &Models, call: &Call<'_>) -> Result<Reply, Refusal> {
    match call.route.work {
        Work::Server => return Ok(Reply::json(200, &open_inference::server())),
        Work::Models => return Ok(listed(models)),
        _ => {}
    }
    let model = model(models, call.route)?.current();
    if let Some(version) = call.route.version.filter(|version| *version != model.version.to_string()) {
        let shown: String = version.chars().take(20).collect();
        let message = format!("version `{shown}` of `{}` is not served", model.name);
        return Err(Code::UnknownModel.error(message).help(format!("version {} is", model.version)).into());
    }
    let mut reply = match call.route.work {
        Work::Model => Reply::json(200, &open_inference::metadata(&model)),
        Work::ModelReady => Reply::json(200, &json!({"name": model.name, "ready": true})),
        Work::Status => Reply::json(200, &rows::status(&model)),
        _ => predicted(&model, call)?,
    };
    reply.model = Some(model);
    Ok(reply)
}

/// The model that a route names, or the only one.
fn model<'m>(models: &'m Models, route: &Route<'_>) -> Result<&'m Served, Refusal> {
    let names = || models.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match route.model {
        Some(name) => models.get(name).ok_or_else(|| {
            let shown: String = name.chars().take(64).collect();
            let error = Code::UnknownModel.error(format!("no model `{}` is served", shown.escape_debug()));
            error.help(format!("served are {}", names())).into()
        }),
        None => match models.len() {
            1 => Ok(models.values().next().expect("the length is 1")),
            _ => {
                let message = "several models are served, and the address names none";
                let help = format!("post to /models/NAME/{}: {}", route.work.name(), names());
                Err(Code::Usage.error(message).help(help).into())
            }
        },
    }
}

fn listed(models: &Models) -> Reply {
    let one = |served: &Served| {
        let model = served.current();
        json!({
            "name": model.name, "version": model.version, "sha256": model.sha256,
            "degraded": served.trouble().map(|trouble| trouble.message().to_owned()),
        })
    };
    Reply::json(200, &json!({"models": models.values().map(one).collect::<Vec<_>>()}))
}

/// Predicts the rows of a body.
fn predicted(model: &Arc<Loaded>, call: &Call<'_>) -> Result<Reply, Refusal> {
    let proba = asks_for_proba(call)?;
    let kind = content(call)?;
    let (body, tail) = parts(call, kind)?;
    if layouts::is_deep(body, DEPTH) && kind != Content::Csv {
        return Err(malformed(format!("the body nests deeper than {DEPTH}")).into());
    }
    if kind == Content::Csv {
        let table = rows::csv(body, model, call.most_rows)?;
        let answer = model.predict(&table)?;
        return Ok(Reply { rows: answer.rows(), ..plain_reply(call, model, &answer, proba)? });
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        malformed(format!("the body is not UTF-8 from byte {} on", error.valid_up_to() + 1))
    })?;
    let mut sheet = model.sheet(call.most_rows);
    let mut name = "predictions";
    match call.route.work {
        Work::Infer => {
            let request = open_inference::parse(text)?;
            open_inference::rows(&request, tail, &mut sheet)?;
            let answer = model.predict(&sheet.finish()?)?;
            let response = open_inference::response(&request, model, &answer)?;
            let content_type = match response.header {
                Some(_) => "application/octet-stream",
                None => "application/json",
            };
            let reply = Reply::of(200, content_type, response.body);
            return Ok(Reply { rows: answer.rows(), json_length: response.header, ..reply });
        }
        Work::Invocations => rows::invocations(text, &mut sheet)?,
        Work::Instances => {
            if rows::instances(text, &mut sheet)? {
                name = "outputs";
            }
        }
        _ => rows::plain(text, &mut sheet)?,
    }
    let answer = model.predict(&sheet.finish()?)?;
    let reply = match call.route.work {
        Work::Instances => Reply::of(200, "application/json", rows::predictions(name, model, &answer)),
        _ => plain_reply(call, model, &answer, proba)?,
    };
    Ok(Reply { rows: answer.rows(), ..reply })
}

fn plain_reply(call: &Call<'_>, model: &Loaded, answer: &Answer, proba: bool) -> Result<Reply, Refusal> {
    let body = match call.route.work {
        Work::Invocations => rows::predictions("predictions", model, answer),
        _ => rows::plain_answer(model, answer, proba)?,
    };
    Ok(Reply::of(200, "application/json", body))
}

/// Whether probabilities are asked for; the only thing that may stand in an address.
fn asks_for_proba(call: &Call<'_>) -> Result<bool, Refusal> {
    match (call.route.work, call.query) {
        (_, "") | (Work::Predict, "proba=false") => Ok(false),
        (Work::Predict, "proba=true" | "proba") => Ok(true),
        _ => {
            let error = Code::Usage.error("the address has a query that means nothing here");
            Err(error.help("`?proba=true` goes with `/predict` alone").into())
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Content {
    Json,
    Csv,
}

/// What the body is. One of no type is JSON; a form, which any web page may send, is not.
fn content(call: &Call<'_>) -> Result<Content, Refusal> {
    let kind = call.content_type.unwrap_or("application/json");
    let (kind, parameters) = kind.split_once(';').unwrap_or((kind, ""));
    let charset = parameters.trim().to_ascii_lowercase();
    if charset.starts_with("charset=") && !["charset=utf-8", "charset=\"utf-8\""].contains(&&*charset) {
        return Err(Refusal::new(415, malformed("the body is to be UTF-8")));
    }
    let is = |name| kind.trim().eq_ignore_ascii_case(name);
    let takes_csv = matches!(call.route.work, Work::Invocations | Work::Predict);
    if is("application/json") || call.route.work == Work::Infer && is("application/octet-stream") {
        return Ok(Content::Json);
    }
    if is("text/csv") && takes_csv {
        return Ok(Content::Csv);
    }
    let help = if takes_csv { "`application/json` or `text/csv`" } else { "`application/json`" };
    Err(Refusal::new(415, malformed("the body has a type that is not read").help(format!("send {help}"))))
}

/// The JSON of a body, and the binary tensors behind it.
fn parts<'a>(call: &Call<'a>, kind: Content) -> Result<(&'a [u8], &'a [u8]), Refusal> {
    match call.json_length {
        Some(length) if call.route.work == Work::Infer && kind == Content::Json => {
            let split = length.parse().ok().and_then(|length| call.body.split_at_checked(length));
            split.ok_or_else(|| {
                malformed("`inference-header-content-length` is no length of this body").into()
            })
        }
        _ => Ok((call.body, &[])),
    }
}
