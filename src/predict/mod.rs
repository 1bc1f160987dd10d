//! Batch prediction with a published model: a table in, a table of predictions out.

mod parts;

use std::sync::Arc;

use crate::artifact::Artifact;
use crate::contract::{Frame, Prediction};
use crate::diag::{Code, Diagnostic, Result};
use crate::expect;
use crate::table::{Column, Data, Field, Kind, Levels, Schema, Table};

pub use parts::predict_parts;

/// What to give beside the prediction.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The probability of every class.
    pub proba: bool,
    /// Columns of the input to repeat after the predictions.
    pub keep: Vec<String>,
}

/// A table of predictions, and what is worth knowing.
#[derive(Debug)]
pub struct Predicted {
    /// `prediction`, then `proba_<class>`, then the kept columns; one row a row of the input.
    pub table: Table,
    /// Notes about the input, such as columns that the model does not use.
    pub warnings: Vec<Diagnostic>,
}

/// Predicts every row of a table that was read with the model's own types.
///
/// # Errors
/// A missing feature or column to keep; whatever a step or the model refuses; probabilities asked of
/// a model without any.
pub fn predict(artifact: &Artifact, table: &Table, options: &Options) -> Result<Predicted> {
    let manifest = &artifact.manifest;
    let inputs = manifest.inputs();
    let names = || inputs.iter().map(|field| field.name.as_str());
    table.schema().require_all(names())?;
    let kept = table.select(options.keep.iter().map(String::as_str))?;
    let prediction = outcome(artifact, &table.select(names())?)?;
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    let classes = manifest.classes.as_ref().map(|labels| Arc::new(labels.levels.clone()));
    columns_of(&prediction, classes, options.proba, &mut fields, &mut columns)?;
    for (field, column) in kept.fields() {
        fields.push(field.clone());
        columns.push(column.clone());
    }
    Ok(Predicted {
        table: Table::new(Schema::new(fields), columns)?,
        warnings: unused(artifact, table.schema(), options),
    })
}

/// The prediction of every row of a table that has the model's inputs, in their order, and nothing else.
///
/// # Errors
/// What the model expects of its inputs and does not find; whatever a step or the model refuses.
pub fn outcome(artifact: &Artifact, inputs: &Table) -> Result<Prediction> {
    let x = cleaned(artifact, inputs)?;
    if !artifact.manifest.expect.is_empty() {
        expect::holds(&artifact.manifest.expect, &Data::from(x.clone()))?;
    }
    artifact.fitted.predict(&Frame::of(&x))
}

/// The features as they were learned from: `clean` does to each column what it did in training, and leaves no row out.
fn cleaned(artifact: &Artifact, inputs: &Table) -> Result<Table> {
    let manifest = &artifact.manifest;
    if manifest.clean.is_empty() {
        return Ok(inputs.clone());
    }
    let lanes = manifest.lanes();
    let column = |(field, column): (&Field, &Column)| match lanes.get(field.name.as_str()) {
        Some(lane) => lane.apply(column),
        None => Ok(column.clone()),
    };
    let columns = manifest.schema.fields().iter().zip(inputs.columns()).map(column).collect::<Result<_>>()?;
    Table::new(Schema::clone(&manifest.schema), columns)
}

/// The prediction as columns.
fn columns_of(
    prediction: &Prediction,
    classes: Option<Arc<Levels>>,
    proba: bool,
    fields: &mut Vec<Field>,
    columns: &mut Vec<Column>,
) -> Result<()> {
    match prediction {
        Prediction::Values(values) => {
            if proba {
                let message = "the model is a regression and has no probabilities";
                return Err(Code::Usage.error(message).help("leave out `--proba`"));
            }
            for t in 0..values.columns() {
                let name = if t == 0 { "prediction".to_owned() } else { format!("prediction_{t}") };
                fields.push(Field { name, kind: Kind::Number });
                columns.push(Column::Number(values.column(t).to_vec().into()));
            }
        }
        Prediction::Classes { codes, proba: probabilities, .. } => {
            let levels =
                classes.ok_or_else(|| Code::Damaged.error("the artifact's classifier has no classes"))?;
            fields.push(Field { name: "prediction".to_owned(), kind: Kind::Category });
            columns.push(Column::Codes { codes: codes.clone().into(), levels: Arc::clone(&levels) });
            if !proba {
                return Ok(());
            }
            let missing = || Code::Usage.error("the model has no probabilities").help("leave out `--proba`");
            let probabilities = probabilities.as_ref().ok_or_else(missing)?;
            if probabilities.columns() != levels.len() {
                return Err(Code::Damaged.error("the artifact's classes and probabilities do not match"));
            }
            for (c, label) in levels.labels().iter().enumerate() {
                fields.push(Field { name: format!("proba_{label}"), kind: Kind::Number });
                columns.push(Column::Number(probabilities.column(c).to_vec().into()));
            }
        }
    }
    Ok(())
}

/// One note about all columns that the model does not use.
fn unused(artifact: &Artifact, schema: &Schema, options: &Options) -> Vec<Diagnostic> {
    let manifest = &artifact.manifest;
    let inputs = Schema::new(manifest.inputs());
    let known = |name: &&str| {
        inputs.index(name).is_some()
            || manifest.target == **name
            || options.keep.iter().any(|kept| kept == name)
    };
    let extra: Vec<_> = schema.names().filter(|name| !known(name)).map(|name| format!("`{name}`")).collect();
    if extra.is_empty() {
        return Vec::new();
    }
    vec![Code::WarnData.warning(format!("the model does not use {}", extra.join(", ")))]
}
