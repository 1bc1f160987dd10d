//! The Open Inference Protocol, version 2, with its extension for binary tensors.
//!
//! <https://github.com/kserve/open-inference-protocol>. Inputs are one tensor `[rows, columns]` in the order of training, or
//! a tensor `[rows]` or `[rows, 1]` for each column, named as the column.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::json;
use super::model::{Answer, Loaded, push_number};
use super::refusal::malformed;
use super::sheet::{Cell, Sheet, not_json, too_many_rows};
use crate::diag::{Code, Result};
use crate::table::{Field, Kind};

/// A request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(borrow)]
    inputs: Vec<Tensor<'a>>,
    #[serde(borrow, default)]
    outputs: Option<Vec<Output<'a>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tensor<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    shape: Vec<usize>,
    #[serde(borrow)]
    datatype: Cow<'a, str>,
    #[serde(default)]
    parameters: Map<String, Value>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Output<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    parameters: Map<String, Value>,
}

/// A body: JSON, and the tensors behind it.
pub(super) fn parse(text: &str) -> Result<Request<'_>> {
    serde_json::from_str(text).map_err(|error| not_json(&error))
}

/// Puts the inputs into a sheet; `tail` holds the binary ones, in order.
pub(super) fn rows(request: &Request<'_>, mut tail: &[u8], sheet: &mut Sheet<'_>) -> Result<()> {
    for tensor in &request.inputs {
        let places = places(tensor, request.inputs.len(), sheet)?;
        let rows = rows_of(tensor, &places, sheet)?;
        let before = sheet.len(places[0]);
        if before > 0 {
            return Err(malformed(format!("the input `{}` stands twice", shown(&tensor.name))));
        }
        for place in &places {
            fits(tensor, &sheet.inputs().fields()[*place])?;
        }
        match (tensor.data, size(tensor)?) {
            (Some(data), None) => json::tensor(data.get(), &places, sheet)?,
            (None, Some(size)) => {
                let (own, rest) = tail.split_at_checked(size).ok_or_else(|| {
                    malformed(format!("the input `{}` is longer than the body", shown(&tensor.name)))
                })?;
                tail = rest;
                binary(tensor, own, &places, sheet)?;
            }
            _ => {
                let message =
                    format!("the input `{}` needs either `data` or `binary_data_size`", shown(&tensor.name));
                return Err(malformed(message));
            }
        }
        let found = sheet.len(places[0]);
        if found != rows {
            let message = format!("the input `{}` has {found} rows, its shape {rows}", shown(&tensor.name));
            return Err(malformed(message));
        }
    }
    if !tail.is_empty() {
        return Err(malformed(format!("{} bytes follow the last tensor", tail.len())));
    }
    sheet.end_columns()
}

fn shown(name: &str) -> String {
    crate::yaml::shorten(name).escape_debug().to_string()
}

/// The columns that a tensor is for.
fn places(tensor: &Tensor<'_>, tensors: usize, sheet: &Sheet<'_>) -> Result<Vec<usize>> {
    let width = sheet.inputs().fields().len();
    let is_matrix = tensors == 1 && tensor.shape.len() == 2 && tensor.shape[1] == width;
    let is_column = width == 1 && sheet.inputs().fields()[0].name == tensor.name;
    if is_matrix && !is_column {
        return Ok((0..width).collect());
    }
    if tensors == 1 && width > 1 && tensor.shape.len() == 2 && sheet.inputs().index(&tensor.name).is_none() {
        let message =
            format!("the input `{}` has {} columns, not {width}", shown(&tensor.name), tensor.shape[1]);
        return Err(malformed(message).help(sheet.listed()));
    }
    Ok(vec![sheet.place(&tensor.name, 0)?])
}

/// The rows of a tensor, by its shape.
fn rows_of(tensor: &Tensor<'_>, places: &[usize], sheet: &Sheet<'_>) -> Result<usize> {
    let width = places.len();
    match tensor.shape[..] {
        [rows] | [rows, _] if rows > sheet.most() => Err(too_many_rows(sheet.most())),
        [rows] if width == 1 => Ok(rows),
        [rows, columns] if columns == width => Ok(rows),
        _ => {
            let (name, shape) = (shown(&tensor.name), &tensor.shape);
            let message = format!("the input `{name}` has the shape {shape:?}, not [rows, {width}]");
            Err(malformed(message).help("a column's tensor has the shape [rows] or [rows, 1]"))
        }
    }
}

/// Whether a datatype goes with a column's type.
fn fits(tensor: &Tensor<'_>, field: &Field) -> Result<()> {
    let known = width(&tensor.datatype).is_some() || matches!(&*tensor.datatype, "BYTES" | "FP16");
    if !known {
        let message =
            format!("the input `{}` has the datatype `{}`", shown(&tensor.name), shown(&tensor.datatype));
        return Err(
            malformed(message).help("known are BOOL, INT8 to INT64, UINT8 to UINT64, FP16 to FP64 and BYTES")
        );
    }
    let wrong = match field.kind {
        Kind::Number => matches!(&*tensor.datatype, "BYTES" | "BOOL"),
        Kind::Bool => &*tensor.datatype == "BYTES",
        Kind::Category | Kind::Text => false,
        Kind::Datetime => tensor.datatype != "BYTES",
    };
    if !wrong {
        return Ok(());
    }
    let message =
        format!("column `{}` is a {}, and its datatype `{}`", field.name, field.kind.name(), tensor.datatype);
    Err(Code::BadCell
        .error(message)
        .help("send numbers as FP64, true and false as BOOL, and datetimes as BYTES"))
}

/// The bytes of a value in binary tensors, where they have a fixed number.
fn width(datatype: &str) -> Option<usize> {
    Some(match datatype {
        "BOOL" | "INT8" | "UINT8" => 1,
        "INT16" | "UINT16" => 2,
        "INT32" | "UINT32" | "FP32" => 4,
        "INT64" | "UINT64" | "FP64" => 8,
        _ => return None,
    })
}

/// The bytes of a binary tensor; `None` for one in JSON.
fn size(tensor: &Tensor<'_>) -> Result<Option<usize>> {
    match tensor.parameters.get("binary_data_size") {
        None => Ok(None),
        Some(size) => match size.as_u64().and_then(|size| usize::try_from(size).ok()) {
            Some(size) => Ok(Some(size)),
            None => Err(malformed(format!("`binary_data_size` of `{}` is no size", shown(&tensor.name)))),
        },
    }
}

/// Reads a binary tensor row by row: numbers little-endian, texts with their length before them. NaN is a missing value here,
/// where there is no other word for it.
fn binary(tensor: &Tensor<'_>, mut bytes: &[u8], places: &[usize], sheet: &mut Sheet<'_>) -> Result<()> {
    let torn = || malformed(format!("the input `{}` ends within a value", shown(&tensor.name)));
    let mut cells = 0;
    while !bytes.is_empty() {
        let place = places[cells % places.len()];
        cells += 1;
        let Some(width) = width(&tensor.datatype) else {
            if tensor.datatype != "BYTES" {
                return Err(malformed(format!("binary tensors of `{}` are not read", tensor.datatype)));
            }
            let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(torn)?;
            let (text, rest) =
                rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(torn)?;
            let text = std::str::from_utf8(text).map_err(|_| malformed("a text that is not UTF-8"))?;
            sheet.push(place, Cell::Text(text))?;
            bytes = rest;
            continue;
        };
        let (own, rest) = bytes.split_at_checked(width).ok_or_else(torn)?;
        bytes = rest;
        match spelled(&tensor.datatype, own) {
            Some(text) => sheet.push(place, Cell::Bare(&text))?,
            None => sheet.push(place, Cell::Missing)?,
        }
    }
    if cells % places.len() == 0 { Ok(()) } else { Err(torn()) }
}

/// A binary value as JSON would spell it; `None` for NaN.
fn spelled(datatype: &str, bytes: &[u8]) -> Option<String> {
    let mut eight = [0; 8];
    eight[..bytes.len()].copy_from_slice(bytes);
    let unsigned = u64::from_le_bytes(eight);
    let unused = 64 - 8 * bytes.len() as u32;
    match datatype {
        "BOOL" => Some(if unsigned == 0 { "false" } else { "true" }.to_owned()),
        "FP64" => number(f64::from_bits(unsigned)),
        "FP32" => number(f64::from(f32::from_bits(unsigned as u32))),
        _ if datatype.starts_with('U') => Some(unsigned.to_string()),
        _ => Some(((unsigned << unused) as i64 >> unused).to_string()),
    }
}

fn number(value: f64) -> Option<String> {
    (!value.is_nan()).then(|| format!("{value:?}"))
}

/// An answer: JSON, and the bytes of the tensors behind it.
pub(super) struct Response {
    pub body: Vec<u8>,
    /// The length of the JSON, where tensors follow.
    pub header: Option<usize>,
}

/// Tells predictions as tensors: all outputs, or those that the request names.
pub(super) fn response(request: &Request<'_>, model: &Loaded, answer: &Answer) -> Result<Response> {
    let all = outputs(model, answer);
    let binary = |parameters: &Map<String, Value>, name| parameters.get(name).and_then(Value::as_bool);
    let default = binary(&request.parameters, "binary_data_output").unwrap_or(false);
    let mut wanted: Vec<(&str, bool)> = all.iter().map(|name| (*name, default)).collect();
    // An empty list asks for nothing in particular, as with the protocol's other servers.
    if let Some(asked) = request.outputs.as_ref().filter(|asked| !asked.is_empty()) {
        wanted.clear();
        for output in asked {
            let Some(name) = all.iter().find(|name| **name == output.name) else {
                let message = format!("the model has no output `{}`", shown(&output.name));
                return Err(malformed(message).help(format!("it has `{}`", all.join("`, `"))));
            };
            wanted.push((name, binary(&output.parameters, "binary_data").unwrap_or(default)));
        }
    }
    let mut body = Vec::with_capacity(256 + 24 * answer.rows());
    let mut tail = Vec::new();
    body.extend_from_slice(b"{\"model_name\":");
    body.extend_from_slice(Value::from(model.name.as_str()).to_string().as_bytes());
    body.extend_from_slice(format!(",\"model_version\":\"{}\"", model.version).as_bytes());
    if let Some(id) = &request.id {
        body.extend_from_slice(format!(",\"id\":{}", Value::from(&**id)).as_bytes());
    }
    body.extend_from_slice(b",\"outputs\":[");
    for (i, (name, binary)) in wanted.iter().enumerate() {
        if i > 0 {
            body.push(b',');
        }
        push_output(name, *binary, model, answer, &mut body, &mut tail);
    }
    body.extend_from_slice(b"]}");
    let header = wanted.iter().any(|(_, binary)| *binary).then_some(body.len());
    body.extend_from_slice(&tail);
    Ok(Response { body, header })
}

/// The outputs that an answer has.
fn outputs(model: &Loaded, answer: &Answer) -> Vec<&'static str> {
    match answer {
        Answer::Classes { proba: Some(_), .. } if model.classes.is_some() => vec!["prediction", "proba"],
        _ => vec!["prediction"],
    }
}

/// One output tensor: what it is into `body`, and its values there or into `tail`.
fn push_output(
    name: &str,
    binary: bool,
    model: &Loaded,
    answer: &Answer,
    body: &mut Vec<u8>,
    tail: &mut Vec<u8>,
) {
    let rows = answer.rows();
    let proba = match answer {
        Answer::Classes { proba: Some(proba), .. } if name == "proba" => Some(proba),
        _ => None,
    };
    let datatype = match (proba, &model.classes) {
        (None, Some(classes)) => classes.datatype,
        _ => "FP64",
    };
    let shape = proba.map_or(format!("[{rows}]"), |proba| format!("[{rows},{}]", proba.columns()));
    body.extend_from_slice(
        format!("{{\"name\":\"{name}\",\"datatype\":\"{datatype}\",\"shape\":{shape}").as_bytes(),
    );
    if binary {
        let before = tail.len();
        for row in 0..rows {
            match proba {
                Some(proba) => {
                    (0..proba.columns()).for_each(|k| tail.extend_from_slice(&proba[(row, k)].to_le_bytes()));
                }
                None => push_binary(model, answer, row, tail),
            }
        }
        let size = tail.len() - before;
        body.extend_from_slice(format!(",\"parameters\":{{\"binary_data_size\":{size}}}}}").as_bytes());
        return;
    }
    body.extend_from_slice(b",\"data\":");
    match proba {
        None => answer.push_all(model, body),
        Some(proba) => {
            body.push(b'[');
            for i in 0..rows * proba.columns() {
                if i > 0 {
                    body.push(b',');
                }
                push_number(proba[(i / proba.columns(), i % proba.columns())], body);
            }
            body.push(b']');
        }
    }
    body.push(b'}');
}

/// A prediction in the bytes of its datatype.
fn push_binary(model: &Loaded, answer: &Answer, row: usize, tail: &mut Vec<u8>) {
    match (answer, &model.classes) {
        (Answer::Values(values), _) => tail.extend_from_slice(&values[row].to_le_bytes()),
        (Answer::Classes { codes, .. }, Some(classes)) => {
            let text = classes.text.get(codes[row] as usize).map_or("", String::as_str);
            match classes.datatype {
                "INT64" => tail.extend_from_slice(&text.parse().unwrap_or(0i64).to_le_bytes()),
                "FP64" => tail.extend_from_slice(&text.parse().unwrap_or(f64::NAN).to_le_bytes()),
                _ => {
                    tail.extend_from_slice(&(text.len() as u32).to_le_bytes());
                    tail.extend_from_slice(text.as_bytes());
                }
            }
        }
        (Answer::Classes { .. }, None) => {}
    }
}

/// What the server is.
pub(super) fn server() -> Value {
    json!({"name": "pipefit", "version": env!("CARGO_PKG_VERSION"), "extensions": ["binary_tensor_data"]})
}

/// What a model takes and gives.
pub(super) fn metadata(model: &Loaded) -> Value {
    let datatype = |kind| match kind {
        Kind::Number => "FP64",
        Kind::Bool => "BOOL",
        Kind::Category | Kind::Text | Kind::Datetime => "BYTES",
    };
    let input =
        |field: &Field| json!({"name": field.name, "datatype": datatype(field.kind), "shape": [-1, 1]});
    let inputs: Vec<Value> = model.inputs.fields().iter().map(input).collect();
    let prediction = model.classes.as_ref().map_or("FP64", |classes| classes.datatype);
    let mut outputs = vec![json!({"name": "prediction", "datatype": prediction, "shape": [-1]})];
    if let Some(classes) = model.classes.as_ref().filter(|_| model.has_probabilities()) {
        outputs.push(json!({"name": "proba", "datatype": "FP64", "shape": [-1, classes.json.len()]}));
    }
    json!({
        "name": model.name, "versions": [model.version.to_string()], "platform": "pipefit",
        "inputs": inputs, "outputs": outputs, "parameters": {"sha256": model.sha256},
    })
}
