//! Which class was taken for which.

use super::text::Text;
use super::{scrolling, section as framed};
use crate::report::digits::{count, counted};
use crate::report::out_of_fold::Confusion;

/// Of more classes than this, only the most frequent are shown.
const MOST_CLASSES: usize = 20;
/// The strongest colour, weak enough for text on it.
const STRONGEST: f64 = 0.5;

/// The matrix: true classes down, predicted ones across. `weighted` says that rows have weights.
pub fn section(confusion: &Confusion, weighted: bool) -> String {
    let Confusion { labels, counts } = confusion;
    let of_class = |class: usize| counts[class].iter().sum::<usize>();
    let mut shown: Vec<usize> = (0..labels.len()).collect();
    shown.sort_by_key(|class| std::cmp::Reverse(of_class(*class)));
    shown.truncate(MOST_CLASSES);
    shown.sort_unstable();
    let all: usize = (0..labels.len()).map(of_class).sum();
    let right: usize = (0..labels.len()).map(|class| counts[class][class]).sum();
    let note = format!(
        "<p class=\"note\">Each row of the data, predicted by the fold's model that had not learned from it: \
         {} of {} are right. A row of the table is a true class, a column what was predicted; colours are \
         shares of the true class.{}{}</p>\n",
        count(right),
        counted(all, "row"),
        if weighted { " Every row counts once, whatever its weight." } else { "" },
        if shown.len() < labels.len() {
            format!(" The {MOST_CLASSES} most frequent of {} classes are shown.", labels.len())
        } else {
            String::new()
        }
    );
    let name = |class: usize| Text(&labels.labels()[class]);
    let heads: String =
        shown.iter().map(|class| format!("<th scope=\"col\" class=\"n\">{}</th>", name(*class))).collect();
    let row = |truth: &usize| {
        let total = of_class(*truth);
        let share = |rows: usize| if total == 0 { 0.0 } else { rows as f64 / total as f64 };
        let cell = |predicted: &usize| {
            let rows = counts[*truth][*predicted];
            let hit = if truth == predicted { " hit" } else { "" };
            let heat = if rows == 0 { 0.0 } else { STRONGEST * (0.1 + 0.9 * share(rows)) };
            format!("<td class=\"n{hit}\" style=\"--a:{heat:.2}\">{}</td>", count(rows))
        };
        format!(
            "<tr><th scope=\"row\" class=\"name\">{}</th>{}<td>{:.1} %</td></tr>\n",
            name(*truth),
            shown.iter().map(cell).collect::<String>(),
            100.0 * share(counts[*truth][*truth])
        )
    };
    let table = format!(
        "<table class=\"heat\">\n<thead><tr><th scope=\"col\">true \\ predicted</th>{heads}\
         <th scope=\"col\">recall</th></tr></thead>\n<tbody>\n{}</tbody>\n</table>\n",
        shown.iter().map(row).collect::<String>()
    );
    framed("predictions", "Predictions", &(note + &scrolling("the confusion matrix", "", &table)))
}
