//! Tensors and a text as one safetensors file.

use std::collections::{BTreeMap, HashMap};

use safetensors::tensor::{TensorView, serialize};
use safetensors::{Dtype, SafeTensors};

use crate::contract::Tensor;
use crate::diag::{Code, Diagnostic, Result};

/// The largest file that is read, in bytes.
const LIMIT: usize = 4 << 30;

/// The one key of the metadata, since the format's map has no order.
const KEY: &str = "pipefit";

/// The file with these tensors and this text.
///
/// # Errors
/// `Bug` when the tensors cannot be laid out.
pub fn pack(tensors: &BTreeMap<String, Tensor>, text: String) -> Result<Vec<u8>> {
    let bytes: Vec<(String, Vec<u8>)> =
        tensors.iter().map(|(name, tensor)| (name.clone(), bytes(tensor))).collect();
    let mut views = Vec::with_capacity(bytes.len());
    for ((name, tensor), (_, bytes)) in tensors.iter().zip(&bytes) {
        let (dtype, shape) = match tensor {
            Tensor::F64 { shape, .. } => (Dtype::F64, shape),
            Tensor::U32 { shape, .. } => (Dtype::U32, shape),
        };
        let view = TensorView::new(dtype, shape.clone(), bytes).map_err(|error| bug(&error.to_string()))?;
        views.push((name.clone(), view));
    }
    let metadata = HashMap::from([(KEY.to_owned(), text)]);
    serialize(views, Some(metadata)).map_err(|error| bug(&error.to_string()))
}

/// The text in a file, without its tensors; `what` is what the file is in messages.
///
/// # Errors
/// `Damaged` for whatever is not a file as [`pack`] makes it.
pub fn text(bytes: &[u8], what: &str) -> Result<String> {
    if bytes.len() > LIMIT {
        return Err(damaged(what, &format!("has {} bytes, more than {LIMIT}", bytes.len())));
    }
    let not_safetensors = |error| damaged(what, &format!("is no safetensors file: {error:?}"));
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(not_safetensors)?;
    let metadata = header.metadata().as_ref();
    if let Some(name) = metadata.and_then(|all| all.keys().filter(|name| *name != KEY).min()) {
        return Err(damaged(what, &format!("has metadata `{name}` that nothing reads")));
    }
    let text = metadata.and_then(|metadata| metadata.get(KEY));
    text.cloned().ok_or_else(|| damaged(what, "has no manifest of pipefit"))
}

/// The tensors in a file.
///
/// # Errors
/// As [`text`].
pub fn tensors(bytes: &[u8], what: &str) -> Result<BTreeMap<String, Tensor>> {
    let not_safetensors = |error| damaged(what, &format!("is no safetensors file: {error:?}"));
    let tensors = SafeTensors::deserialize(bytes).map_err(not_safetensors)?;
    tensors.iter().map(|(name, view)| Ok((name.to_owned(), tensor(name, &view, what)?))).collect()
}

fn bytes(tensor: &Tensor) -> Vec<u8> {
    match tensor {
        Tensor::F64 { values, .. } => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Tensor::U32 { values, .. } => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    }
}

fn tensor(name: &str, view: &TensorView, what: &str) -> Result<Tensor> {
    let shape = view.shape().to_vec();
    let data = view.data();
    match view.dtype() {
        Dtype::F64 => {
            let values = data.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect();
            Ok(Tensor::F64 { shape, values })
        }
        Dtype::U32 => {
            let values = data.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
            Ok(Tensor::U32 { shape, values })
        }
        other => Err(damaged(what, &format!("has a tensor `{name}` of type {other:?}"))),
    }
}

fn bug(what: &str) -> Diagnostic {
    Code::Bug.error(format!("the tensors cannot be written: {what}"))
}

fn damaged(which: &str, what: &str) -> Diagnostic {
    Code::Damaged.error(format!("{which} {what}")).help("`pipefit models verify` checks every version")
}
