//! `pipefit init KEY|FILE`: a first pipeline file for a table.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::data::{parsed, read_any};
use super::output::Output;
use super::{Done, Global, schema};
use crate::diag::{Code, Result, suggest};
use crate::source::formats::{self, Described, ReadOptions};
use crate::source::{Place, keys, read_file, write_file};
use crate::table::{Column, Kind, Table, parse_datetime};

/// Names that a target often has, the likeliest first.
const TARGETS: [&str; 6] = ["target", "y", "label", "class", "outcome", "price"];
/// A number with no more different values than this is taken for a class.
const MOST_CLASSES: usize = 10;
/// And with so many rows of each at least.
const ROWS_OF_A_CLASS: usize = 5;
/// The schema that editors read, beside the pipeline file.
const SCHEMA: &str = "pipefit.schema.json";
/// Where comments begin.
const COMMENTS: usize = 44;

/// What `init` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The key or the file of the table
    #[arg(value_name = "KEY|FILE")]
    table: String,
    /// The column to learn; by default one called `target`, `y`, `label`, ..., else the last
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// The file to write; by default named after the table
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Looks at the table and writes a pipeline file that learns from it, and the schema for editors beside it.
pub fn run(arguments: &Arguments, global: &Global, output: &Output) -> Done {
    let place = Place::to_read(&arguments.table);
    let table = table(&place, global)?;
    let mut columns = formats::describe(&table);
    let target = target(arguments, &columns)?;
    let dates: Vec<usize> =
        (0..columns.len()).filter(|i| *i != target && holds_dates(&table.columns()[*i])).collect();
    dates.iter().for_each(|i| columns[*i].kind = Kind::Datetime);
    let name = name(&arguments.table);
    let file = arguments.output.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.yaml")));
    if file.exists() {
        let message = format!("`{}` is there already, and stays as it is", file.display());
        return Err(Code::Usage.error(message).help("write another file with `--output FILE`").into());
    }
    let folder = file.parent().unwrap_or(Path::new("")).to_owned();
    let text = written(&name, &source(&place, &folder), &columns, (target, &dates), table.rows());
    write_file(&file, text.as_bytes())?;
    let beside = folder.join(SCHEMA);
    if !beside.exists() {
        write_file(&beside, format!("{:#}\n", schema::schema()).as_bytes())?;
    }
    if output.json {
        output.object(&json!({"schema": "pipefit.init/1", "status": "ok", "file": file, "target": columns[target].name}));
    } else {
        output.answer(&text);
        output.say(&format!("{0}: written; next: `pipefit run {0}`", file.display()));
    }
    Ok(())
}

fn table(place: &Place, global: &Global) -> Result<Table> {
    let options = ReadOptions::default();
    let table = match place {
        Place::File(path) => {
            parsed(read_file(path)?, formats::format_of_path(path), &path.display().to_string(), &options)?
        }
        Place::Key(key) => {
            let (_, keys) = keys::open(&global.store_url(), Path::new(""))?;
            read_any(key, &*keys, &options)?.0.table
        }
        Place::Standard => {
            let help = "a pipeline reads its table again and again: name a key or a file";
            return Err(Code::Usage.error("`-` cannot be named in a pipeline file").help(help));
        }
    };
    if table.columns().len() < 2 || table.rows() == 0 {
        let message =
            format!("{} rows and {} columns are too few to learn from", table.rows(), table.columns().len());
        return Err(Code::EmptyData
            .error(message)
            .help("a column to learn, one to learn it from, and some rows"));
    }
    Ok(table)
}

/// The place of the column to learn.
fn target(arguments: &Arguments, columns: &[Described]) -> Result<usize> {
    let place = |name: &str| columns.iter().position(|column| column.name == name);
    let Some(wanted) = &arguments.target else {
        return Ok(TARGETS.iter().find_map(|name| place(name)).unwrap_or(columns.len() - 1));
    };
    place(wanted).ok_or_else(|| {
        let names = || columns.iter().map(|column| column.name.as_str());
        let help = match suggest(wanted, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
        };
        Code::MissingColumn.error(format!("`{}` has no column `{wanted}`", arguments.table)).help(help)
    })
}

/// A pipeline's name, of the table's.
fn name(table: &str) -> String {
    let last = table.rsplit(['/', '\\']).next().unwrap_or(table);
    let last = last.split('.').next().unwrap_or(last).trim_start_matches("data:");
    let plain =
        |c: char| if c.is_ascii_alphanumeric() || "_-".contains(c) { c.to_ascii_lowercase() } else { '-' };
    let name: String = last.chars().map(plain).take(60).collect();
    let name = name.trim_matches(['-', '_']).to_owned();
    if name.is_empty() { "pipeline".to_owned() } else { name }
}

/// The line of the source. A path is relative to the pipeline file.
fn source(place: &Place, folder: &Path) -> String {
    match place {
        Place::Key(key) => format!("{{key: {}}}", quoted(key)),
        Place::File(path) if folder.as_os_str().is_empty() => {
            format!("{{file: {}}}", quoted(&path.display().to_string()))
        }
        Place::File(path) => {
            let whole = path.canonicalize().unwrap_or_else(|_| path.clone());
            format!("{{file: {}}}", quoted(&whole.display().to_string()))
        }
        Place::Standard => "{}".to_owned(),
    }
}

/// A text as YAML has it inside brackets: JSON is YAML.
fn quoted(text: &str) -> String {
    let plain = !text.is_empty()
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
        && !["true", "false", "null"].contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { Value::from(text).to_string() }
}

fn is_class(column: &Described, rows: usize) -> bool {
    let whole = column.range.is_none_or(|(low, high)| low.fract() == 0.0 && high.fract() == 0.0);
    match column.kind {
        Kind::Category | Kind::Text | Kind::Bool => true,
        Kind::Number => whole && column.distinct <= MOST_CLASSES && rows >= column.distinct * ROWS_OF_A_CLASS,
        Kind::Datetime => false,
    }
}

/// Whether a column names rows: a value of its own in each of them.
fn names_rows(column: &Described, rows: usize) -> bool {
    let called = column.name.eq_ignore_ascii_case("id") || column.name.to_ascii_lowercase().ends_with("_id");
    let own = column.distinct == rows && rows > 1;
    own && (called || column.kind.is_coded()) || called && column.kind.is_coded()
}

/// Whether all words of a column are datetimes: in CSV and JSON they are words until a schema says so.
fn holds_dates(column: &Column) -> bool {
    let Column::Codes { levels, .. } = column else { return false };
    !levels.is_empty()
        && !levels.numeric()
        && levels.labels().iter().all(|label| parse_datetime(label).is_some())
}

/// The file. `target` and `dates` are places of columns; the types of the latter have to be said.
fn written(
    name: &str,
    source: &str,
    columns: &[Described],
    (target, dates): (usize, &[usize]),
    rows: usize,
) -> String {
    let classes = is_class(&columns[target], rows);
    let is_id = |i: &usize| *i != target && names_rows(&columns[*i], rows);
    let ids: Vec<usize> = (0..columns.len()).filter(is_id).collect();
    let features: Vec<&Described> =
        (0..columns.len()).filter(|i| *i != target && !ids.contains(i)).map(|i| &columns[i]).collect();
    let line = |text: &str, comment: &str| match comment {
        "" => format!("{text}\n"),
        comment => format!("{text:COMMENTS$} # {}\n", comment.replace('\n', " ")),
    };
    let mut text = format!("# yaml-language-server: $schema={SCHEMA}\nversion: 1\nname: {name}\n");
    text += &line(&format!("source: {source}"), &format!("{rows} rows, {} columns", columns.len()));
    if !dates.is_empty() {
        let types: Vec<String> =
            dates.iter().map(|i| format!("{}: datetime", quoted(&columns[*i].name))).collect();
        text += &line(&format!("schema: {{{}}}", types.join(", ")), "");
    }
    let found = &columns[target];
    text += &line(&format!("target: {}", quoted(&found.name)), &short(&found.values()));
    if !ids.is_empty() {
        let names: Vec<String> = ids.iter().map(|i| quoted(&columns[*i].name)).collect();
        text += &line(&format!("roles: {{id: [{}]}}", names.join(", ")), "never features: they name rows");
    }
    text += &preprocess(&features, &line);
    let (model, scoring) = if classes {
        let proba = if found.distinct == 2 {
            "[accuracy, roc_auc, neg_log_loss]"
        } else {
            "[accuracy, neg_log_loss]"
        };
        ("LogisticRegression", proba)
    } else {
        ("Ridge", "[r2, neg_root_mean_squared_error]")
    };
    text += &line(&format!("model: {model}"), "`pipefit list models` shows all");
    text += &line("cv: 5", if classes { "StratifiedKFold" } else { "KFold" });
    text += &line(&format!("scoring: {scoring}"), "");
    text
}

/// The column groups that there are.
fn preprocess(features: &[&Described], line: &dyn Fn(&str, &str) -> String) -> String {
    let of = |wanted: &[Kind]| -> Vec<&&Described> {
        features.iter().filter(|column| wanted.contains(&column.kind)).collect()
    };
    let names = |columns: &[&&Described]| {
        short(&columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", "))
    };
    let mut text = line("preprocess:", "");
    let mut group = |name: &str, columns: &[&&Described], types: &str, steps: &str| {
        if !columns.is_empty() {
            text += &line(&format!("  {name}:"), &names(columns));
            text += &line(&format!("    columns: {{type: {types}}}"), "");
            text += &line(&format!("    steps: {steps}"), "");
        }
    };
    let missing = |columns: &[&&Described]| columns.iter().any(|column| column.missing > 0);
    let numbers = of(&[Kind::Number, Kind::Bool]);
    let filled = "[{SimpleImputer: {strategy: median}}, StandardScaler]";
    group("num", &numbers, "[number, bool]", if missing(&numbers) { filled } else { "[StandardScaler]" });
    let words = of(&[Kind::Category]);
    let encoded = "[{OneHotEncoder: {handle_unknown: ignore}}]";
    let filled = "[{SimpleImputer: {strategy: most_frequent}}, {OneHotEncoder: {handle_unknown: ignore}}]";
    group("cat", &words, "category", if missing(&words) { filled } else { encoded });
    let times = of(&[Kind::Datetime]);
    group("time", &times, "datetime", "[DatetimeEncoder, SimpleImputer, StandardScaler]");
    text
}

/// What a comment has room for.
fn short(text: &str) -> String {
    const MOST: usize = 60;
    let line = text.replace(['\n', '\r'], " ");
    if line.chars().count() <= MOST { line } else { line.chars().take(MOST).chain("...".chars()).collect() }
}
