//! Bytes to a fitted pipeline. The bytes may be anybody's.

use std::sync::Arc;

use super::manifest::{Manifest, NodeStructure};
use super::write::group_name;
use super::{FIRST_FORMAT, FORMAT};
use crate::contract::{Frame, Loader};
use crate::diag::{Code, Diagnostic, Result};
use crate::run::{Fitted, FittedGroup, FittedNode, FittedSteps};
use crate::table::{Column, Kind, Schema, Table};

/// A published pipeline: what it learned, and what it says of itself.
pub struct Artifact {
    /// What it says of itself.
    pub manifest: Manifest,
    /// What it learned.
    pub fitted: Fitted,
}

/// Reads an artifact whose digest was checked.
///
/// # Errors
/// `Damaged` for whatever is not exactly as [`write`](super::write) makes it: another format, an
/// unknown field or class, a tensor missing, left over or of another shape, parts that do not fit together.
pub fn read(bytes: &[u8]) -> Result<Artifact> {
    let mut manifest = manifest(bytes)?;
    let tensors = super::tensors::tensors(bytes, "the artifact")?;
    let loader = Loader::new(tensors, std::mem::take(&mut manifest.state));
    let fitted = load(&manifest, &loader)?;
    if let Some(name) = loader.leftovers().first() {
        return Err(damaged(&format!("has a part `{name}` that nothing reads")));
    }
    fits(&manifest, &fitted)?;
    Ok(Artifact { manifest, fitted })
}

/// What an artifact says of itself, the small parts of the learned state among it, which [`read`] takes out.
///
/// # Errors
/// As [`read`], of the manifest.
pub fn manifest(bytes: &[u8]) -> Result<Manifest> {
    let text = super::tensors::text(bytes, "the artifact")?;
    let form: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| damaged(&format!("has a manifest that is no JSON: {error}")))?;
    let format = form.get("format").and_then(serde_json::Value::as_str).unwrap_or_default();
    if ![FIRST_FORMAT, FORMAT].contains(&format) {
        let message = format!(
            "the artifact has the format `{format}`; this version reads `{FORMAT}` and `{FIRST_FORMAT}`"
        );
        return Err(Code::Damaged
            .error(message)
            .help("use the version of pipefit that wrote it, or a newer one"));
    }
    let manifest: Manifest = serde_json::from_value(form)
        .map_err(|error| damaged(&format!("has a manifest of another form: {error}")))?;
    let newer = [
        ("search", manifest.search.is_some()),
        ("clean", !manifest.clean.is_empty()),
        ("expect", !manifest.expect.is_empty()),
    ];
    if let Some((part, _)) = newer.iter().find(|(_, there)| *there && manifest.format == FIRST_FORMAT) {
        return Err(damaged(&format!("has a manifest of another form: `{part}` is newer than its format")));
    }
    match manifest.disagreement() {
        Some(what) => Err(damaged(what)),
        None => Ok(manifest),
    }
}

/// Sends a table without rows through the pipeline: parts that are sound one by one and do not fit together are noticed
/// here, and not at the first prediction.
fn fits(manifest: &Manifest, fitted: &Fitted) -> Result<()> {
    let apart = |error: Diagnostic| damaged(&format!("does not fit together: {}", error.message()));
    let features = fitted.steps.transform(&Frame::of(&without_rows(manifest)?)).map_err(apart)?;
    fitted.model.predict(&features).map_err(apart)?;
    if !features.names().iter().map(|name| &**name).eq(manifest.features.iter().map(String::as_str)) {
        return Err(damaged("names other features than its steps make"));
    }
    let classes = manifest.classes.as_ref().map(|classes| &classes.levels);
    if fitted.model.facts().classes.as_deref() != classes {
        return Err(damaged("names other classes than its model knows"));
    }
    Ok(())
}

/// A table of the schema without rows.
fn without_rows(manifest: &Manifest) -> Result<Table> {
    let other = || damaged("has other categories than its schema");
    let mut categories = manifest.categories.iter();
    let mut columns = Vec::new();
    for field in manifest.schema.fields() {
        columns.push(match field.kind {
            Kind::Number | Kind::Bool | Kind::Datetime => Column::Number(Vec::new().into()),
            Kind::Category | Kind::Text => {
                let category = categories.next().filter(|category| category.column == field.name);
                let levels = Arc::new(category.ok_or_else(other)?.levels.clone());
                Column::Codes { codes: Vec::new().into(), levels }
            }
        });
    }
    if categories.next().is_some() {
        return Err(other());
    }
    Table::new(Schema::clone(&manifest.schema), columns)
        .map_err(|error| damaged(&format!("has a schema that is none: {}", error.message())))
}

fn damaged(what: &str) -> Diagnostic {
    Code::Damaged.error(format!("the artifact {what}")).help("`pipefit models verify` checks every version")
}

fn load(manifest: &Manifest, loader: &Loader) -> Result<Fitted> {
    let structure = &manifest.structure;
    let mut groups = Vec::with_capacity(structure.groups.len());
    for (i, group) in structure.groups.iter().enumerate() {
        let steps = loader.child(&group_name(i), |loader| chain(&group.steps, loader))?;
        groups.push(FittedGroup { name: group.name.clone(), columns: group.columns.clone(), steps });
    }
    let select = loader.child("select", |loader| chain(&structure.select, loader))?;
    let kind = crate::models::named(&structure.model).ok_or_else(|| unknown(&structure.model))?;
    let model = loader.child("model", |loader| kind.load(loader))?;
    let names = manifest.features.clone();
    Ok(Fitted { steps: FittedSteps { groups, select }, class: kind.name(), model, names })
}

fn chain(nodes: &[NodeStructure], loader: &Loader) -> Result<Vec<FittedNode>> {
    let one = |node: &NodeStructure| {
        let kind = crate::steps::named(&node.class).ok_or_else(|| unknown(&node.class))?;
        let step = loader.child(&node.name, |loader| kind.load(loader))?;
        Ok(FittedNode { class: kind.name(), name: node.name.clone(), step: step.into() })
    };
    nodes.iter().map(one).collect()
}

fn unknown(class: &str) -> Diagnostic {
    damaged(&format!("has a component `{class}` that this version does not know"))
}
