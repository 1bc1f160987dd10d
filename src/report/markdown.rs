//! The report as markdown, for a pull request or a terminal.

use std::fmt::Write;

use super::Report;
use super::digits::{Digits, count, significant};
use super::promotion::{HEADS, is_paired, row, verdict};
use super::search::{OPTIMISTIC, Search};
use crate::gate::HEURISTIC;

/// The report as markdown, with GitHub's tables.
pub fn markdown(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = sections(report, &mut text);
    text
}

fn sections(report: &Report, text: &mut String) -> std::fmt::Result {
    let (bound, outcome, published) = (report.bound, report.outcome, report.published);
    let graph = bound.graph;
    writeln!(text, "# {}\n", prose(&graph.name))?;
    let path = format!("{}: {}", report.plan.path.name(), prose(&report.plan.reason));
    let data = format!(
        "{} {}: {} rows, {} features, target {}",
        graph.source.origin.word(),
        code(&graph.source.shown),
        count(report.table.rows()),
        count(bound.x.width()),
        code(&graph.target.shown)
    );
    let pairs = [
        ("model", outcome.fitted.class.to_owned()),
        ("published", format!("{} version {}", code(&published.name), published.version)),
        ("sha256", code(&published.sha256.to_string())),
        ("folder", code(&published.path)),
        ("data", data),
        ("data sha256", code(&report.fingerprint.to_string())),
        ("path", path),
        ("store", code(&crate::diag::without_passwords(&published.store))),
        ("durability", prose(&published.durability)),
        ("run", format!("{}, {}", code(report.run), report.started)),
    ];
    writeln!(text, "| | |\n|---|---|")?;
    pairs.iter().try_for_each(|(name, value)| writeln!(text, "| {name} | {} |", cell(value)))?;
    cleaned(report, text)?;
    scores(report, text)?;
    promotion(report, text)?;
    search(report, text)?;
    coefficients(report, text)?;
    warnings(report, text)?;
    writeln!(text, "\n## How to repeat it\n\n    {}", report.repeat().replace(['\n', '\r'], " "))?;
    if report.covers_a_password() {
        writeln!(text, "\nThe password is covered: put it where the stars are.")?;
    }
    Ok(())
}

fn cleaned(report: &Report, text: &mut String) -> std::fmt::Result {
    if report.dropped.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n## Cleaning\n\n| operation | rows dropped |\n|---|--:|")?;
    report.dropped.iter().try_for_each(|dropped| {
        let rows = dropped.rows.map_or_else(|| "columns only".to_owned(), count);
        writeln!(text, "| {} | {rows} |", cell(&code(&dropped.operation)))
    })
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
    write!(text, "\n|---|--:|--:|")?;
    outcome.folds.iter().try_for_each(|_| write!(text, "--:|"))?;
    writeln!(text)?;
    for scores in &outcome.scores {
        let digits = Digits::of(scores.folds.iter().copied(), 5);
        let [mean, std] = [scores.mean(), scores.std()].map(|value| digits.show(value));
        write!(text, "| {} | {mean} | {std} |", scores.metric.name)?;
        scores.folds.iter().try_for_each(|score| write!(text, " {} |", digits.show(*score)))?;
        writeln!(text)?;
    }
    Ok(())
}

fn promotion(report: &Report, text: &mut String) -> std::fmt::Result {
    let Some(decision) = report.promotion else { return Ok(()) };
    writeln!(text, "\n## Promotion\n\n{}", prose(&verdict(decision)))?;
    if decision.judged.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n| {} |\n|---|--:|--:|--:|---|---|", HEADS.join(" | "))?;
    for judged in &decision.judged {
        let cells = row(judged).map(|text| cell(&text));
        writeln!(text, "| {} |", cells.join(" | "))?;
    }
    if is_paired(decision) {
        writeln!(text, "\n{HEURISTIC}")?;
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
            let value = value.unwrap_or_default();
            write!(text, " {} |", cell(&code(&crate::diag::without_passwords(&value))))?;
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
    let classes = facts.classes.as_ref().map(|classes| classes.labels());
    match classes {
        Some([_, positive]) if coef.rows() == 1 => write!(text, " towards {} |", cell(&code(positive)))?,
        Some(labels) if coef.rows() == labels.len() => {
            labels.iter().try_for_each(|label| write!(text, " {} |", cell(&code(label))))?
        }
        _ => (0..coef.rows()).try_for_each(|_| write!(text, " coefficient |"))?,
    }
    write!(text, "\n|---|")?;
    (0..coef.rows()).try_for_each(|_| write!(text, "--:|"))?;
    writeln!(text)?;
    for (j, name) in report.outcome.fitted.names.iter().enumerate() {
        write!(text, "| {} |", cell(&code(name)))?;
        (0..coef.rows()).try_for_each(|i| write!(text, " {} |", significant(coef[(i, j)], 6)))?;
        writeln!(text)?;
    }
    write!(text, "| (intercept) |")?;
    let mut intercept = facts.intercept.iter().flatten();
    intercept.try_for_each(|value| write!(text, " {} |", significant(*value, 6)))?;
    writeln!(text)
}

fn warnings(report: &Report, text: &mut String) -> std::fmt::Result {
    for (i, warning) in report.all_warnings().enumerate() {
        if i == 0 {
            writeln!(text, "\n## Warnings\n")?;
        }
        write!(text, "- {}: {}", warning.code().id(), prose(warning.message()))?;
        if let Some(advice) = warning.advice() {
            write!(text, "; {}", prose(advice))?;
        }
        writeln!(text)?;
    }
    Ok(())
}

/// A text in a cell of a table: a bar would end the cell, a line break the table.
fn cell(text: &str) -> String {
    text.replace('|', r"\|").replace(['\n', '\r'], " ")
}

/// A text that is shown as it is, whatever it holds.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    if text.is_empty() {
        return text;
    }
    // A space keeps the text's own backticks from the fence, and is not shown.
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// A message, whose backticks are code already; no markup from outside, and no passwords.
fn prose(text: &str) -> String {
    let text = crate::diag::without_passwords(text);
    let pieces: Vec<&str> = text.split('`').collect();
    let plain = |piece: &str| piece.replace('&', "&amp;").replace('<', "&lt;").replace(['\n', '\r'], " ");
    if pieces.len().is_multiple_of(2) {
        return plain(&text.replace('`', "'"));
    }
    let piece = |(i, piece): (usize, &&str)| if i % 2 == 0 { plain(piece) } else { code(piece) };
    pieces.iter().enumerate().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::{cell, code, prose};

    #[test]
    fn cells_hold_bars_and_backticks() {
        assert_eq!(cell(&code("a|b")), r"`a\|b`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("``a"), "``` ``a ```");
        assert_eq!(cell("a\nb"), "a b");
    }

    #[test]
    fn messages_are_not_markup() {
        assert_eq!(prose("no <b> in `a<b`"), "no &lt;b> in `a<b`");
        assert_eq!(prose("a ` alone"), "a ' alone");
        assert_eq!(prose("redis://u:pw@h"), "redis://u:**@h");
    }
}
