//! `pipefit list steps|models|splitters|searches|metrics`

use clap::Args;
use serde_json::json;

use super::Done;
use super::output::Output;
use crate::contract::erased::Declared;

/// What `list` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Which components
    #[arg(value_parser = ["steps", "models", "splitters", "searches", "metrics"])]
    what: String,
}

/// Lists the components of a room: name and first sentence.
pub fn run(arguments: &Arguments, output: &Output) -> Done {
    let declared = |kind: &dyn Declared| (kind.name(), kind.summary());
    let rows: Vec<(&str, String)> = match arguments.what.as_str() {
        "steps" => crate::steps::ALL.iter().map(|kind| declared(*kind)).collect(),
        "models" => crate::models::ALL.iter().map(|kind| declared(*kind)).collect(),
        "splitters" => crate::splitters::ALL.iter().map(|kind| declared(*kind)).collect(),
        "searches" => crate::graph::SEARCHERS.iter().map(|kind| declared(*kind)).collect(),
        _ => crate::metrics::ALL.iter().map(|metric| (metric.name, metric.summary.to_owned())).collect(),
    };
    if output.json {
        let items: Vec<_> =
            rows.iter().map(|(name, summary)| json!({"name": name, "summary": summary})).collect();
        output.object(&json!({"schema": "pipefit.list/1", "what": arguments.what, "items": items}));
        return Ok(());
    }
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, summary): &(&str, String)| {
        let sentence = summary.split_inclusive(". ").next().unwrap_or_default();
        format!("{name:width$}  {}\n", sentence.trim())
    };
    output.answer(&rows.iter().map(line).collect::<String>());
    Ok(())
}
