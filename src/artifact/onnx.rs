//! A fitted pipeline as an ONNX graph.

use super::Artifact;
use crate::diag::{Code, Diagnostic, Result};
use crate::onnx::{Graph, Part, Wire, no_form};
use crate::run::FittedNode;
use crate::table::Kind;

impl Artifact {
    /// The pipeline as an ONNX model: an input for each raw column, rows x 1, called as the column, of doubles (NaN is missing) or of
    /// text (the empty text is missing); then `prediction`, rows x targets of doubles or rows x 1 of text, and for a classifier
    /// `probabilities`, rows x classes in their order. A row that `predict` refuses has NaN, and the empty text for its class; of
    /// the dummies, which do not look at it, their answer.
    ///
    /// # Errors
    /// `NotSupported` with the name of a step that has no such form.
    pub fn onnx(&self) -> Result<Vec<u8>> {
        let manifest = &self.manifest;
        if !manifest.clean.is_empty() {
            return Err(no_form("`clean` changes columns before they are features").help(HELP));
        }
        let mut graph = Graph::new();
        let mut columns: Vec<(&str, Part)> = Vec::new();
        for field in manifest.schema.fields() {
            let part = match field.kind {
                Kind::Number | Kind::Bool => Part::Numbers(graph.input_numbers(&field.name)),
                Kind::Category => Part::Labels(graph.input_labels(&field.name)),
                Kind::Datetime | Kind::Text => {
                    let why = format!("column `{}` is a {}", field.name, field.kind.name());
                    return Err(no_form(&why).help(HELP));
                }
            };
            columns.push((&field.name, part));
        }
        let mut wires = Vec::new();
        for group in &self.fitted.steps.groups {
            let column = |name: &String| {
                let found = columns.iter().find(|(column, _)| column == name).map(|(_, part)| part.clone());
                found
                    .ok_or_else(|| Code::Bug.error(format!("a group of a column `{name}` that is not there")))
            };
            let parts = group.columns.iter().map(column).collect::<Result<Vec<_>>>()?;
            wires.push(through(&mut graph, &group.steps, Wire { parts })?);
        }
        let features = through(&mut graph, &self.fitted.steps.select, Wire::beside(wires))?;
        let outputs = self.fitted.model.onnx(&mut graph, &features);
        let outputs = outputs.map_err(|error| named(error, "model", self.fitted.class))?;
        match &outputs.prediction {
            Part::Numbers(numbers) => graph.output_numbers("prediction", numbers),
            Part::Labels(labels) => graph.output_labels("prediction", labels),
        }
        if let Some(proba) = &outputs.proba {
            graph.output_numbers("probabilities", proba);
        }
        let mut facts = vec![("target", manifest.target.clone())];
        if let Some(classes) = &manifest.classes {
            facts.push(("classes", serde_json::json!(classes.levels.labels()).to_string()));
        }
        Ok(graph.finish(&manifest.pipeline, env!("CARGO_PKG_VERSION"), &facts))
    }
}

const HELP: &str = "predict with `pipefit predict` or `pipefit serve`";

fn through(graph: &mut Graph, nodes: &[FittedNode], mut wire: Wire) -> Result<Wire> {
    for node in nodes {
        wire = node.step.onnx(graph, &wire).map_err(|error| named(error, "step", node.class))?;
    }
    Ok(wire)
}

fn named(error: Diagnostic, what: &str, class: &str) -> Diagnostic {
    error.prefixed(&format!("{what} `{class}`")).help(HELP)
}
