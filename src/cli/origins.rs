//! `pipefit plan FILE --origin`: every key with its value, and where that was written.

use std::path::Path;

use serde_json::{Value, json};

use super::output::Output;
use super::{Done, plan, run};
use crate::diag::Span;
use crate::graph;
use crate::spec::{self, Setting, Spec};

/// How wide a column may be without being cut short; what is longer pushes the next one aside.
const WIDEST: usize = 48;

/// Checks a file, and tells the settings of all of its pipelines.
pub fn tell(file: &Path, overrides: &[String], as_json: bool, output: &Output) -> Done {
    let parsed = spec::read(file, overrides);
    let specs = parsed.specs.clone();
    let (graphs, problems) = graph::checked(parsed);
    let graphs = run::told(graphs, problems, output)?;
    if as_json {
        plan::answer_all(specs.iter().map(object).collect(), &graphs[0].variant, output);
    } else {
        specs.iter().for_each(|spec| output.answer(&text(spec)));
    }
    Ok(())
}

fn object(spec: &Spec) -> Value {
    let one = |setting: &Setting| {
        let place = setting.place.as_ref().map(Span::line_column);
        json!({
            "key": setting.key,
            "value": setting.value,
            "origin": setting.origin(),
            "line": place.map(|(line, _)| line),
            "column": place.map(|(_, column)| column),
        })
    };
    let settings: Vec<Value> = spec.settings().iter().map(one).collect();
    let object = json!({"schema": "pipefit.origins/1", "pipeline": spec.name.shown(), "settings": settings});
    run::with_variant(object, &spec.variant)
}

fn text(spec: &Spec) -> String {
    let line = |setting: &Setting| {
        let value = setting.value.as_str().map_or_else(|| setting.value.to_string(), str::to_owned);
        [setting.key.clone(), value, setting.origin()]
    };
    let lines: Vec<[String; 3]> = spec.settings().iter().map(line).collect();
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.filter(|width| *width <= WIDEST).max().unwrap_or(0)
    };
    let (keys, values) = (width(0), width(1));
    let title = if spec.variant.is_only() { String::new() } else { format!("{}\n", spec.variant.name()) };
    let lines = lines.iter().map(|[key, value, origin]| format!("{key:keys$}  {value:values$}  {origin}\n"));
    title + &lines.collect::<String>()
}
