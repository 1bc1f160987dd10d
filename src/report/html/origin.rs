//! Where the model lies, and how to have it again.

use super::plan::definitions;
use super::section as framed;
use super::text::{Message, Text};
use crate::report::Report;

/// Store, durability, paths, digests and the run.
pub fn section(report: &Report) -> String {
    let published = report.published;
    let timing = report.timing;
    let seconds = |seconds: f64| {
        if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.1} s") }
    };
    let names = std::iter::once("model.safetensors".to_owned())
        .chain(published.formats.iter().map(|format| format!("report.{format}")));
    let names: Vec<String> = names.map(|name| format!("<code>{}</code>", Text(&name))).collect();
    let pairs = [
        ("Folder", format!("<code>{}</code>", Text(&published.path))),
        ("Files", names.join(", ")),
        ("Model sha256", format!("<code>{}</code>", published.sha256)),
        ("Data sha256", format!("<code>{}</code>", report.fingerprint)),
        ("Store", format!("<code>{}</code>", Text(&crate::diag::without_passwords(&published.store)))),
        ("Durability", Message(&published.durability).to_string()),
        ("Run", format!("<code>{}</code>, started {}", Text(report.run), Text(report.started))),
        (
            "Took",
            format!(
                "{} to read, {} for the folds, {} for the refit, on {}",
                seconds(timing.read),
                seconds(timing.cv),
                seconds(timing.refit),
                crate::report::digits::counted(report.threads, "thread")
            ),
        ),
    ];
    framed("origin", "Where it is", &definitions(&pairs))
}

/// The commands, and the file with all its defaults.
pub fn repeat(report: &Report) -> String {
    let graph = report.bound.graph;
    // Serialising a tree that was parsed does not fail; without it the section is only shorter.
    let resolved = serde_yaml::to_string(&graph.resolved).map_or_else(
        |_| String::new(),
        |yaml| {
            format!(
                "<details>\n<summary>The file with all defaults, as it was run</summary>\n<pre>{}</pre>\n</details>",
                Text(&yaml)
            )
        },
    );
    let covered = if report.covers_a_password() {
        "<p class=\"note\">The password is covered: put it where the stars are.</p>\n"
    } else {
        ""
    };
    let body = format!(
        "<p>Run it again, and fail if data, folds, scores or model differ from what \
         <code>{}.lock</code> holds:</p>\n<pre>{}</pre>\n\
         <p>Predict with this very version:</p>\n<pre>{}</pre>\n{covered}{resolved}",
        Text(report.file),
        Text(&report.repeat()),
        Text(&report.predict()),
    );
    framed("repeat", "How to repeat it", &body)
}
