//! Two recorded runs side by side: what was changed, and what came of it.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use super::digits::significant;
use crate::gate::{CONFIDENCE, HEURISTIC, Paired};

/// What is said of a part that one of the runs has no word of.
const UNTOLD: &str = "a run does not tell";

/// How two runs differ.
#[derive(Debug)]
pub struct Comparison {
    /// Id, pipeline and what was published, of each.
    runs: [Value; 2],
    /// Keys of the file whose values differ; `None` where a run does not tell its file, as a learner's does not.
    file: Option<Vec<Changed>>,
    /// Parts that are the same or not: the data, the folds, the tool, the artifact.
    parts: Vec<Part>,
    /// The scores of the metrics that either has.
    scores: Vec<Scores>,
}

#[derive(Debug)]
struct Part {
    name: &'static str,
    /// `None` where a run does not tell, as those of older versions do not.
    same: Option<bool>,
    values: [Value; 2],
}

#[derive(Debug)]
struct Scores {
    metric: String,
    means: [Option<f64>; 2],
    /// On the same rows in the same folds.
    paired: Option<Paired>,
}

impl Comparison {
    /// Compares the records of two runs.
    pub fn of(a: &Value, b: &Value) -> Self {
        let both = |pointer: &str| [a, b].map(|run| run.pointer(pointer).cloned().unwrap_or(Value::Null));
        let part = |name, pointer: &str, shown: &[&str]| {
            let told = both(pointer);
            let same = told.iter().all(|value| !value.is_null()).then(|| told[0] == told[1]);
            let values = [a, b].map(|run| {
                let values =
                    shown.iter().filter_map(|key| Some(((*key).to_owned(), run.pointer(key)?.clone())));
                values
                    .map(|(key, value)| (key.rsplit('/').next().unwrap_or_default().to_owned(), value))
                    .collect()
            });
            Part { name, same, values }
        };
        let parts = vec![
            part("data", "/data/sha256", &["/data/rows", "/data/columns", "/data/sha256"]),
            part("folds", "/plan/folds_sha256", &["/cv/splitter", "/cv/n_splits", "/plan/folds_sha256"]),
            part("tool", "/tool", &["/tool/version", "/tool/processor"]),
            part(
                "artifact",
                "/artifact/sha256",
                &["/artifact/name", "/artifact/version", "/artifact/sha256"],
            ),
        ];
        let same_rows = parts[..2].iter().all(|part| part.same == Some(true));
        let runs = [a, b].map(|run| {
            json!({
                "run": run["run"], "started": run["started"], "pipeline": run["pipeline"],
                "variant": run.get("variant"), "model": run.pointer("/model/class"), "artifact": run["artifact"]["name"],
                "version": run["artifact"]["version"],
            })
        });
        Self {
            runs,
            file: a.get("resolved").zip(b.get("resolved")).map(|(a, b)| changed_keys(a, b)),
            parts,
            scores: scores(a, b, same_rows),
        }
    }

    /// Whether the runs came to the same model from the same data.
    pub fn is_same(&self) -> bool {
        self.file.as_ref().is_some_and(Vec::is_empty) && self.parts.iter().all(|part| part.same == Some(true))
    }

    /// The object `pipefit.diff/1`.
    pub fn json(&self) -> Value {
        let keys = |keys: &Vec<Changed>| -> Value {
            keys.iter().map(|(key, [a, b])| json!({"key": key, "a": a, "b": b})).collect()
        };
        let score = |scores: &Scores| {
            let [a, b] = scores.means;
            let paired = scores.paired.as_ref().map(|paired| {
                json!({
                    "mean": paired.mean, "standard_error": paired.error, "t": paired.t,
                    "degrees_of_freedom": paired.degrees, "confidence": CONFIDENCE,
                    "interval": [paired.interval.0, paired.interval.1], "p_value": two_sided(paired),
                })
            });
            json!({"metric": scores.metric, "a": a, "b": b, "difference": difference(scores), "paired": paired})
        };
        let mut object = json!({
            "schema": "pipefit.diff/1", "a": self.runs[0], "b": self.runs[1], "same": self.is_same(),
            "file": self.file.as_ref().map(keys),
        });
        for part in &self.parts {
            object[part.name] = json!({"same": part.same, "a": part.values[0], "b": part.values[1]});
        }
        object["scores"] = self.scores.iter().map(score).collect();
        object["note"] = self.is_paired().then_some(HEURISTIC).into();
        object
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (letter, run) in ["a", "b"].iter().zip(&self.runs) {
            let _ = writeln!(text, "{letter}  {}", title(run));
        }
        let verdict = match self.file.as_deref() {
            None => UNTOLD,
            Some([]) => "same",
            Some(_) => "differs",
        };
        let _ = writeln!(text, "\nfile      {verdict}");
        let keys = || self.file.iter().flatten();
        let width = keys().map(|(key, _)| key.len()).max().unwrap_or(0);
        for (key, [a, b]) in keys() {
            let _ = writeln!(text, "  {key:width$}  {} -> {}", shown(a.as_ref()), shown(b.as_ref()));
        }
        for part in &self.parts {
            let _ = writeln!(text, "{:8}  {}", part.name, part.verdict());
        }
        let width = self.scores.iter().map(|scores| scores.metric.len()).max().unwrap_or(0);
        text.push('\n');
        for scores in &self.scores {
            let [a, b] = scores.means.map(number);
            let _ = writeln!(text, "{:width$}  {a} -> {b}  {}", scores.metric, scores.verdict());
        }
        if self.is_paired() {
            let _ = writeln!(text, "\n{HEURISTIC}");
        }
        text
    }

    /// For a pull request, with GitHub's tables.
    pub fn markdown(&self) -> String {
        let mut text = String::from("| | a | b |\n|---|---|---|\n");
        let row = |text: &mut String, name: &str, [a, b]: [String; 2]| {
            let _ = writeln!(text, "| {name} | {a} | {b} |");
        };
        row(&mut text, "run", [0, 1].map(|i| cell(&title(&self.runs[i]))));
        for (key, values) in self.file.iter().flatten() {
            row(&mut text, &code(key), [0, 1].map(|i| code(&shown(values[i].as_ref()))));
        }
        for part in self.parts.iter().filter(|part| part.same != Some(true)) {
            row(&mut text, part.name, [0, 1].map(|i| cell(&part.told(i))));
        }
        let same: Vec<&str> =
            self.parts.iter().filter(|part| part.same == Some(true)).map(|part| part.name).collect();
        if !same.is_empty() {
            let _ = writeln!(text, "\nSame: {}.", same.join(", "));
        }
        text.push_str("\n| metric | a | b | difference |\n|---|---|---|---|\n");
        for scores in &self.scores {
            let [a, b] = scores.means.map(number);
            let _ = writeln!(text, "| {} | {a} | {b} | {} |", code(&scores.metric), scores.verdict());
        }
        if self.is_paired() {
            let _ = writeln!(text, "\n{HEURISTIC}");
        }
        text
    }

    fn is_paired(&self) -> bool {
        self.scores.iter().any(|scores| scores.paired.is_some())
    }
}

impl Part {
    fn verdict(&self) -> String {
        match self.same {
            Some(true) => "same".to_owned(),
            Some(false) => format!("differs: {} -> {}", self.told(0), self.told(1)),
            None => UNTOLD.to_owned(),
        }
    }

    /// What a run says of it: without digests, unless these alone differ.
    fn told(&self, run: usize) -> String {
        let plain = |run: usize| -> Vec<String> {
            let values = self.values[run]
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(key, _)| !key.ends_with("sha256"));
            values.map(|(key, value)| format!("{key} {}", shown(Some(value)))).collect()
        };
        let mut told = plain(run);
        if plain(0) == plain(1) {
            let digest =
                self.values[run].as_object().into_iter().flatten().find(|(key, _)| key.ends_with("sha256"));
            let digest = digest.and_then(|(_, digest)| digest.as_str()).unwrap_or_default();
            told.push(digest.chars().take(12).collect());
        }
        told.retain(|word| !word.is_empty());
        told.join(", ")
    }
}

impl Scores {
    fn verdict(&self) -> String {
        let Some(difference) = difference(self) else { return String::new() };
        let mut text = signed(difference);
        if let Some(paired) = &self.paired {
            let (low, high) = paired.interval;
            let _ = write!(
                text,
                " ({:.0} % interval {} to {}, p {})",
                100.0 * CONFIDENCE,
                signed(low),
                signed(high),
                significant(two_sided(paired), 2)
            );
        }
        text
    }
}

/// The probability of a difference as large as this, either way, if there is none.
fn two_sided(paired: &Paired) -> f64 {
    2.0 * paired.p_value.min(1.0 - paired.p_value)
}

fn difference(scores: &Scores) -> Option<f64> {
    let [a, b] = scores.means;
    Some(b? - a?)
}

fn scores(a: &Value, b: &Value, same_rows: bool) -> Vec<Scores> {
    let of = |run: &Value| run.pointer("/cv/scores").and_then(Value::as_object).cloned().unwrap_or_default();
    let (of_a, of_b) = (of(a), of(b));
    let metrics = of_a.keys().chain(of_b.keys().filter(|metric| !of_a.contains_key(*metric)));
    let sizes: Option<Vec<(usize, usize)>> =
        a.pointer("/cv/folds").and_then(Value::as_array).and_then(|folds| {
            let size =
                |fold: &Value, key: &str| fold[key].as_u64().and_then(|size| usize::try_from(size).ok());
            folds.iter().map(|fold| Some((size(fold, "train")?, size(fold, "test")?))).collect()
        });
    let one = |metric: &String| {
        let folds = |scores: Option<&Value>| -> Option<Vec<f64>> {
            scores?["folds"].as_array()?.iter().map(Value::as_f64).collect()
        };
        let pair = [of_a.get(metric), of_b.get(metric)];
        let paired = || {
            let (a, b, sizes) = (folds(pair[0])?, folds(pair[1])?, sizes.as_ref()?);
            let fits = same_rows && a.len() >= 2 && a.len() == b.len() && a.len() == sizes.len();
            fits.then(|| Paired::of(&a, &b, sizes))
        };
        Scores {
            metric: metric.clone(),
            means: pair.map(|scores| scores?["mean"].as_f64()),
            paired: paired(),
        }
    };
    metrics.map(one).collect()
}

/// A key and its value in each of two files, `None` where it is not there.
type Changed = (String, [Option<Value>; 2]);

/// The keys whose values differ in two resolved pipeline files, in the order of the first and then of the second.
pub fn changed_keys(a: &Value, b: &Value) -> Vec<Changed> {
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    leaves(a, String::new(), &mut of_a);
    leaves(b, String::new(), &mut of_b);
    let known: BTreeMap<&str, &Value> = of_a.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let other: BTreeMap<&str, &Value> = of_b.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let differs = of_a.iter().filter(|(key, value)| other.get(key.as_str()) != Some(&value));
    let differs = differs.map(|(key, value)| {
        (key.clone(), [Some(value.clone()), other.get(key.as_str()).map(|v| (*v).clone())])
    });
    let new = of_b.iter().filter(|(key, _)| !known.contains_key(key.as_str()));
    differs.chain(new.map(|(key, value)| (key.clone(), [None, Some(value.clone())]))).collect()
}

/// Every value that is not a map, by its address; lists of plain values are one.
fn leaves(value: &Value, key: String, found: &mut Vec<(String, Value)>) {
    let is_deep = |value: &Value| value.is_object() || value.is_array();
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            let dot = if key.is_empty() { "" } else { "." };
            entries.iter().for_each(|(name, value)| leaves(value, format!("{key}{dot}{name}"), found));
        }
        Value::Array(items) if items.iter().any(is_deep) => {
            items.iter().enumerate().for_each(|(i, item)| leaves(item, format!("{key}[{i}]"), found));
        }
        _ if key.is_empty() => {}
        _ => found.push((key, value.clone())),
    }
}

fn title(run: &Value) -> String {
    let text = |key: &str| shown(run.get(key));
    let variant = run["variant"].as_object().into_iter().flatten();
    let variant: String = variant.map(|(name, value)| format!(", {name} {}", shown(Some(value)))).collect();
    format!(
        "{}  {}{variant}, {} version {}, {}",
        text("run"),
        text("pipeline"),
        text("artifact"),
        text("version"),
        text("model")
    )
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "absent".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| significant(value, 5))
}

fn signed(value: f64) -> String {
    let text = significant(value, 3);
    if value > 0.0 { format!("+{text}") } else { text }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

fn code(text: &str) -> String {
    format!("`{}`", cell(text).replace('`', "'"))
}
