//! Whether a pipeline can be written as an ONNX graph.

use super::nodes::{Pipeline, Search};
use crate::clean::Operation;
use crate::diag::{Code, Diagnostic, Span};

/// Why this pipeline or a candidate of a search cannot, each step and model once.
pub(super) fn refused<'a>(
    pipeline: &'a Pipeline,
    searches: impl Iterator<Item = &'a Search>,
    clean: &[Operation],
) -> Vec<Diagnostic> {
    let candidates = searches.flat_map(|search| &search.candidates).map(|candidate| &candidate.pipeline);
    let mut problems: Vec<Diagnostic> = Vec::new();
    let mut found = |what: String, why: &str, span: &Span| {
        let message = format!("`output.onnx`: {what} {why}");
        let help = "leave out `output.onnx`, or what has no ONNX form";
        let problem = Code::NotSupported.error(message).at(span).help(help);
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    };
    let of_columns = clean.iter().find(|operation| !operation.drops_rows());
    if let Some(operation) = of_columns {
        let what = format!("`{}` of `clean`", operation.name());
        found(what, "changes columns before they are features", &operation.span);
    }
    for pipeline in std::iter::once(pipeline).chain(candidates) {
        let groups = pipeline.groups.iter().flat_map(|group| &group.steps);
        for node in groups.chain(&pipeline.select) {
            if let Some(why) = node.step.no_onnx() {
                found(format!("step `{}`", node.step.name()), why, &node.span);
            }
        }
        if let Some(why) = pipeline.model.model.no_onnx() {
            found(format!("model `{}`", pipeline.model.model.name()), why, &pipeline.model.span);
        }
    }
    problems
}
