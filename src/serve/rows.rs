//! The other protocols: MLflow's scoring server, TensorFlow Serving's and KServe's version 1, and plain rows.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::json::{self, Form};
use super::model::{Answer, Loaded, push_number};
use super::refusal::malformed;
use super::sheet::{Sheet, not_json, too_many_rows};
use crate::diag::{Code, Result};
use crate::source::formats::{self, Format, ReadOptions};
use crate::table::Table;

/// MLflow's `/invocations`, <https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/>.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Invocations<'a> {
    #[serde(borrow)]
    dataframe_split: Option<&'a RawValue>,
    #[serde(borrow)]
    dataframe_records: Option<&'a RawValue>,
    #[serde(borrow)]
    instances: Option<&'a RawValue>,
    #[serde(borrow)]
    inputs: Option<&'a RawValue>,
    params: Option<serde_json::Map<String, Value>>,
}

/// `DataFrame.to_dict(orient="split")`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Split<'a> {
    #[serde(borrow)]
    columns: Vec<Cow<'a, str>>,
    #[serde(borrow, rename = "index")]
    _index: Option<&'a RawValue>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// `/v1/models/M:predict`, <https://www.tensorflow.org/tfx/serving/api_rest>.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Instances<'a> {
    #[serde(borrow, rename = "signature_name")]
    _signature: Option<&'a RawValue>,
    #[serde(borrow)]
    instances: Option<&'a RawValue>,
    #[serde(borrow)]
    inputs: Option<&'a RawValue>,
}

/// Reads a body of MLflow's protocol.
pub(super) fn invocations(text: &str, sheet: &mut Sheet<'_>) -> Result<()> {
    let body: Invocations<'_> = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    if body.params.as_ref().is_some_and(|params| !params.is_empty()) {
        return Err(malformed("`params` has no meaning for this model").help("leave it out"));
    }
    match (body.dataframe_split, body.dataframe_records, body.instances, body.inputs) {
        (Some(split), None, None, None) => dataframe_split(split.get(), sheet),
        (None, Some(records), None, None) => json::rows(records.get(), Form::Objects, None, sheet),
        (None, None, Some(rows), None) => json::rows(rows.get(), Form::Either, None, sheet),
        (None, None, None, Some(inputs)) => columns_or_rows(inputs.get(), sheet),
        _ => {
            let message =
                "the body needs one of `dataframe_split`, `dataframe_records`, `instances`, `inputs`";
            Err(malformed(message))
        }
    }
}

fn dataframe_split(text: &str, sheet: &mut Sheet<'_>) -> Result<()> {
    let split: Split<'_> = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    let mut order = Vec::with_capacity(split.columns.len());
    for name in &split.columns {
        let place = sheet.place(name, order.len())?;
        if order.contains(&place) {
            return Err(malformed(format!("column `{name}` stands twice")));
        }
        order.push(place);
    }
    json::rows(split.data.get(), Form::Lists, Some(&order), sheet)
}

fn columns_or_rows(text: &str, sheet: &mut Sheet<'_>) -> Result<()> {
    if text.starts_with('{') {
        json::columns(text, sheet)
    } else {
        json::rows(text, Form::Either, None, sheet)
    }
}

/// Reads a body of TensorFlow Serving's protocol; true where it asks for `outputs`, as `inputs` does.
pub(super) fn instances(text: &str, sheet: &mut Sheet<'_>) -> Result<bool> {
    let body: Instances<'_> = serde_json::from_str(text).map_err(|error| not_json(&error))?;
    match (body.instances, body.inputs) {
        (Some(rows), None) => json::rows(rows.get(), Form::Either, None, sheet).map(|()| false),
        (None, Some(inputs)) => columns_or_rows(inputs.get(), sheet).map(|()| true),
        _ => Err(malformed("the body needs one of `instances` and `inputs`")),
    }
}

/// Reads plain rows: an object, or a list of objects.
pub(super) fn plain(text: &str, sheet: &mut Sheet<'_>) -> Result<()> {
    let text = text.trim_ascii();
    if text.starts_with('{') {
        json::record(text, sheet)
    } else {
        json::rows(text, Form::Objects, None, sheet)
    }
}

/// Reads CSV with a header, as from a file.
pub(super) fn csv(body: &[u8], model: &Loaded, most: usize) -> Result<Table> {
    let schema = model.inputs.fields().iter().map(|field| (field.name.clone(), field.kind)).collect();
    let read = formats::read(
        body,
        Format::Csv,
        "body",
        &ReadOptions { schema, columns: None, na_values: model.na_values() },
    )?;
    let used = |suspect: &&formats::Suspect| !model.bears(&suspect.column);
    if let Some(suspect) = read.suspects.iter().find(used) {
        return Err(suspect.error.clone());
    }
    let sheet = model.sheet(most);
    read.table.schema().names().try_for_each(|name| sheet.place(name, 0).map(drop))?;
    if read.table.rows() > most {
        return Err(too_many_rows(most));
    }
    read.table.select(model.inputs.names())
}

/// `{"predictions": [...]}`, under the name that the protocol has for them.
pub(super) fn predictions(name: &str, model: &Loaded, answer: &Answer) -> Vec<u8> {
    let mut body = Vec::with_capacity(32 + 24 * answer.rows());
    body.extend_from_slice(format!("{{\"{name}\":").as_bytes());
    answer.push_all(model, &mut body);
    body.push(b'}');
    body
}

/// Predictions with the model that made them, and with probabilities where they are asked for.
///
/// # Errors
/// `Usage` where there are no probabilities.
pub(super) fn plain_answer(model: &Loaded, answer: &Answer, proba: bool) -> Result<Vec<u8>> {
    let mut body = Vec::with_capacity(256 + 24 * answer.rows());
    let about = json!({"name": model.name, "version": model.version, "sha256": model.sha256});
    body.extend_from_slice(format!("{{\"model\":{about},\"predictions\":").as_bytes());
    answer.push_all(model, &mut body);
    if proba {
        let (Answer::Classes { proba: Some(proba), .. }, Some(classes)) = (answer, &model.classes) else {
            return Err(Code::Usage.error("the model has no probabilities").help("leave out `proba=true`"));
        };
        body.extend_from_slice(b",\"classes\":[");
        body.extend_from_slice(classes.json.join(",").as_bytes());
        body.extend_from_slice(b"],\"probabilities\":[");
        for row in 0..proba.rows() {
            for k in 0..proba.columns() {
                body.extend_from_slice(match (row, k) {
                    (0, 0) => b"[",
                    (_, 0) => b"],[",
                    _ => b",",
                });
                push_number(proba[(row, k)], &mut body);
            }
        }
        body.extend_from_slice(b"]]");
    }
    body.push(b'}');
    Ok(body)
}

/// The state of a model, as TensorFlow Serving and KServe tell it.
pub(super) fn status(model: &Loaded) -> Value {
    json!({
        "name": model.name, "ready": true,
        "model_version_status": [{
            "version": model.version.to_string(), "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }],
    })
}
