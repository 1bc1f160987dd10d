//! The report as markdown, for a pull request or a terminal.

use std::fmt::Write;

use super::Report;
use super::search::{OPTIMISTIC, Search};
use crate::diag::without_passwords;

/// The report as markdown.
pub fn markdown(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = sections(report, &mut text);
    text
}

fn sections(report: &Report, text: &mut String) -> std::fmt::Result {
    let (bound, outcome, published) = (report.bound, report.outcome, report.published);
    let graph = bound.graph;
    writeln!(text, "# {}\n", graph.name)?;
    writeln!(text, "| | |\n|---|---|")?;
    writeln!(text, "| model | {} |", outcome.fitted.class)?;
    writeln!(text, "| published | `{}` version {} |", published.name, published.version)?;
    writeln!(text, "| sha256 | `{}` |", published.sha256)?;
    writeln!(
        text,
        "| data | {} `{}`: {} rows, {} features, target `{}` |",
        graph.source.origin.word(),
        graph.source.shown,
        report.table.rows(),
        bound.x.columns().len(),
        graph.target.name
    )?;
    writeln!(text, "| data sha256 | `{}` |", report.fingerprint)?;
    writeln!(text, "| path | {}: {} |", report.plan.path.name(), report.plan.reason)?;
    writeln!(text, "| store | {}: {} |", published.store, published.durability)?;
    writeln!(text, "| run | `{}`, {} |", report.run, report.started)?;
    scores(report, text)?;
    search(report, text)?;
    coefficients(report, text)?;
    let warnings: Vec<_> = report.all_warnings().collect();
    if !warnings.is_empty() {
        writeln!(text, "\n## Warnings\n")?;
        for warning in warnings {
            writeln!(text, "- {}: {}", warning.code().id(), warning.message())?;
        }
    }
    writeln!(text, "\n## How to repeat it\n\n    pipefit run {}", report.file)
}

fn scores(report: &Report, text: &mut String) -> std::fmt::Result {
    let outcome = report.outcome;
    if outcome.folds.is_empty() {
        return writeln!(text, "\nNo cross-validation: `cv: null` only refits.");
    }
    let splitter = report.bound.graph.splitter.as_ref().map_or("", |splitter| splitter.name());
    writeln!(text, "\n## Scores ({splitter}, {} folds)\n", outcome.folds.len())?;
    write!(text, "| metric | mean | std |")?;
    (1..=outcome.folds.len()).try_for_each(|k| write!(text, " fold {k} |"))?;
    write!(text, "\n|---|---|---|")?;
    outcome.folds.iter().try_for_each(|_| write!(text, "---|"))?;
    writeln!(text)?;
    for scores in &outcome.scores {
        write!(text, "| {} | {:.4} | {:.4} |", scores.metric.name, scores.mean(), scores.std())?;
        scores.folds.iter().try_for_each(|score| write!(text, " {score:.4} |"))?;
        writeln!(text)?;
    }
    Ok(())
}

fn search(report: &Report, text: &mut String) -> std::fmt::Result {
    let Some(search) = Search::of(report) else { return Ok(()) };
    let metric = report.outcome.scores.first().map_or("", |scores| scores.metric.name);
    let ranked = search.ranked();
    writeln!(
        text,
        "\n## Search\n\nThe best {} of {} candidates. {OPTIMISTIC}\n",
        ranked.len(),
        search.len()
    )?;
    let addresses = search.addresses();
    write!(text, "| rank |")?;
    addresses.iter().try_for_each(|address| write!(text, " `{address}` |"))?;
    write!(text, " {metric} | std |\n|---|")?;
    (0..addresses.len() + 2).try_for_each(|_| write!(text, "---|"))?;
    writeln!(text)?;
    for (candidate, tried) in ranked {
        write!(text, "| {} |", tried.rank)?;
        for address in &addresses {
            let value =
                candidate.params.iter().find(|(own, _)| own == address).map(|(_, value)| value.to_string());
            let value = value.unwrap_or_default().replace('|', "\\|");
            write!(text, " {} |", without_passwords(&value))?;
        }
        for number in [tried.mean, tried.std] {
            match number {
                Some(number) => write!(text, " {number:.4} |")?,
                None => write!(text, " none |")?,
            }
        }
        writeln!(text)?;
    }
    Ok(())
}

fn coefficients(report: &Report, text: &mut String) -> std::fmt::Result {
    let facts = &report.outcome.facts;
    let Some(coef) = &facts.coef else { return Ok(()) };
    writeln!(text, "\n## Coefficients\n")?;
    write!(text, "| feature |")?;
    match &facts.classes {
        Some(classes) if coef.rows() > 1 => {
            classes.labels().iter().try_for_each(|label| write!(text, " {label} |"))?
        }
        _ => (0..coef.rows()).try_for_each(|_| write!(text, " coefficient |"))?,
    }
    write!(text, "\n|---|")?;
    (0..coef.rows()).try_for_each(|_| write!(text, "---|"))?;
    writeln!(text)?;
    for (j, name) in report.outcome.fitted.names.iter().enumerate() {
        write!(text, "| {name} |")?;
        (0..coef.rows()).try_for_each(|i| write!(text, " {:.6} |", coef[(i, j)]))?;
        writeln!(text)?;
    }
    let intercept = facts.intercept.iter().flatten();
    write!(text, "| (intercept) |")?;
    intercept.into_iter().try_for_each(|value| write!(text, " {value:.6} |"))?;
    writeln!(text)
}
