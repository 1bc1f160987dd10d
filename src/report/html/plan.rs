//! How it was run, and why.

use super::text::{Message, Name, Text};
use super::{scrolling, section as framed};
use crate::report::Report;
use crate::report::digits::counted;

/// The path, its reason, and each step's.
pub fn section(report: &Report) -> String {
    let plan = report.plan;
    let mut pairs = vec![("Path", format!("<b>{}</b>: {}", plan.path.name(), Message(&plan.reason)))];
    if let Some(reason) = &report.outcome.rows_reason {
        pairs.push(("Model", format!("fitted on the rows: {}", Message(reason))));
    }
    if report.bound.graph.splitter.is_some() {
        pairs.push(("Folds", Message(&report.bound.graph.splitter_reason).to_string()));
    }
    let more = if plan.iterates { " and one in every iteration of the model" } else { "" };
    let passes = counted_passes(plan.passes);
    pairs.push(("Work", format!("{passes} over the table{more}, about {}", bytes(plan.memory.bytes))));
    let row = |step: &crate::plan::StepPlan| {
        format!(
            "<tr><th scope=\"row\" class=\"name\"><code>{}</code></th><td>{}</td><td class=\"nowrap\">{}</td><td>{}</td></tr>\n",
            Name(&step.address),
            Text(step.class),
            step.path.name(),
            Message(&step.reason)
        )
    };
    let table = format!(
        "<table>\n<thead><tr><th scope=\"col\">step</th><th scope=\"col\">class</th>\
         <th scope=\"col\">allows</th><th scope=\"col\">why</th></tr></thead>\n<tbody>\n{}</tbody>\n</table>\n",
        plan.steps.iter().map(row).collect::<String>()
    );
    let body = format!("{}<br>\n{}", definitions(&pairs), scrolling("the plan of every step", "", &table));
    framed("plan", "Plan", &body)
}

fn counted_passes(passes: usize) -> String {
    if passes == 1 { "1 pass".to_owned() } else { format!("{passes} passes") }
}

/// Names and what they stand for; the values are html.
pub fn definitions(pairs: &[(&str, String)]) -> String {
    let pair = |(name, value): &(&str, String)| format!("<dt>{name}</dt><dd>{value}</dd>\n");
    format!("<dl class=\"pairs\">\n{}</dl>\n", pairs.iter().map(pair).collect::<String>())
}

/// Memory in the unit that fits.
fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return counted(bytes as usize, "byte");
    }
    let mut size = bytes as f64 / 1000.0;
    let mut unit = 0;
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    if size < 9.95 { format!("{size:.1} {}", UNITS[unit]) } else { format!("{size:.0} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn bytes_have_their_unit() {
        let shown = [1, 999, 1000, 41106, 999_900, 5_000_000_000].map(bytes);
        assert_eq!(shown, ["1 byte", "999 bytes", "1.0 kB", "41 kB", "1.0 MB", "5.0 GB"]);
    }
}
