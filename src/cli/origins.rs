//! `pipefit plan FILE --origin`: every key with its value, and where that was written.

use serde_json::{Value, json};

use super::output::Output;
use super::{plan, run};
use crate::diag::Span;
use crate::graph::Graph;
use crate::spec::Setting;

/// How wide a column may be without being cut short; what is longer pushes the next one aside.
const WIDEST: usize = 48;

/// Tells the settings of all pipelines of a file.
pub fn tell(graphs: &[Graph], as_json: bool, output: &Output) {
    if as_json {
        plan::answer_all(graphs.iter().map(object).collect(), graphs, output);
    } else {
        graphs.iter().for_each(|graph| output.answer(&text(graph)));
    }
}

fn object(graph: &Graph) -> Value {
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
    let settings: Vec<Value> = graph.settings.iter().map(one).collect();
    let object = json!({"schema": "pipefit.origins/1", "pipeline": graph.name, "settings": settings});
    run::with_variant(object, graph)
}

fn text(graph: &Graph) -> String {
    let line = |setting: &Setting| {
        let value = setting.value.as_str().map_or_else(|| setting.value.to_string(), str::to_owned);
        [setting.key.clone(), value, setting.origin()]
    };
    let lines: Vec<[String; 3]> = graph.settings.iter().map(line).collect();
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.filter(|width| *width <= WIDEST).max().unwrap_or(0)
    };
    let (keys, values) = (width(0), width(1));
    let title = if graph.variant.is_only() { String::new() } else { format!("{}\n", graph.variant.name()) };
    let lines = lines.iter().map(|[key, value, origin]| format!("{key:keys$}  {value:values$}  {origin}\n"));
    title + &lines.collect::<String>()
}
