//! Preprocessing steps and selectors, one file each. Adding one is its file and two lines here.

use std::sync::Arc;

use crate::contract::erased::{Kind, StepKind};
use crate::contract::{Block, Frame, Loader};
use crate::diag::{Code, Diagnostic, Result};

pub mod standard_scaler;

/// Every step, in the order that `pipefit list steps` prints.
pub const ALL: &[&dyn StepKind] = &[&Kind::<standard_scaler::StandardScaler>::NEW];

/// The step of this name.
pub fn named(name: &str) -> Option<&'static dyn StepKind> {
    ALL.iter().copied().find(|kind| kind.name() == name)
}

/// The frame with each of its `features` number features put through `apply`.
fn each_number(
    frame: &Frame,
    features: usize,
    apply: impl Fn(usize, &Arc<str>, &[f64]) -> Result<Block>,
) -> Result<Frame> {
    let frame = frame.unpacked();
    if frame.features() != features {
        let message = format!("a step was fitted on {features} features and got {}", frame.features());
        return Err(Code::Bug.error(message));
    }
    let one = |(j, block): (usize, &Block)| match block {
        Block::Number { name, values } => apply(j, name, values),
        other => Err(not_a_number(&other.names()[0], "a numeric step")),
    };
    let blocks = frame.blocks().iter().enumerate().map(one).collect::<Result<_>>()?;
    Ok(Frame::new(frame.rows(), blocks))
}

/// The error for a category where a step takes numbers.
fn not_a_number(feature: &str, step: &str) -> Diagnostic {
    let message = format!("feature `{feature}` is a category, and {step} takes numbers");
    Code::TypeMismatch
        .error(message)
        .help("encode it, select columns by type in a column group, or try `preprocess: auto`")
}

/// The features' names from an artifact.
fn load_names(loader: &Loader) -> Result<Vec<Arc<str>>> {
    let names: Vec<String> = loader.json("names")?;
    Ok(names.into_iter().map(Into::into).collect())
}

