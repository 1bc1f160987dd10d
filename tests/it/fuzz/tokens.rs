//! Pieces that inputs are made of: chance hardly ever writes one of them.

use std::sync::LazyLock;

use pipefit::contract::erased::Declared;
use pipefit::{metrics, models, splitters, steps};

/// What YAML and pipeline files are made of: pieces of syntax, every component and every metric.
pub static YAML: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let steps = steps::ALL.iter().flat_map(|kind| component(*kind));
    let models = models::ALL.iter().flat_map(|kind| component(*kind));
    let splitters = splitters::ALL.iter().flat_map(|kind| component(*kind));
    let names = metrics::ALL.iter().map(|metric| metric.name);
    SYNTAX.iter().copied().chain(steps).chain(models).chain(splitters).chain(names).collect()
});

/// A component by its name, and with all of its defaults.
fn component(kind: &dyn Declared) -> [&'static str; 2] {
    let defaults: Vec<String> =
        kind.parameters().iter().map(|param| format!("{}: {}", param.name, param.default)).collect();
    // Made once in a program.
    [kind.name(), format!("{}: {{{}}}", kind.name(), defaults.join(", ")).leak()]
}

/// Pieces of syntax, and what a default does not say.
const SYNTAX: &[&str] = &[
    ": ",
    ":",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    "'",
    "\"",
    "|\n",
    ">-\n",
    "\n",
    "\n  ",
    "\t",
    "\r\n",
    "#",
    "? ",
    "&a ",
    "*a",
    "<<: *a\n",
    "!!str ",
    "!x ",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "~",
    "null",
    "true",
    ".nan",
    "-.inf",
    "1e999",
    "-0",
    "9223372036854775808",
    "0x7f",
    "${params.k}",
    "${env:X}",
    "${env:NO}",
    "${",
    "}",
    "\0cv=",
    "\0model.C=1e3\nseed=2",
    "\u{feff}",
    "é",
    "😀",
    "\u{85}",
    "\u{7f}",
    "params: {k: 1}\n",
    "seed: 3\n",
    "cv: null\n",
    "roles: {weight: w}\n",
    "OrdinalEncoder: {categories: [[a, b]]}",
    "SimpleImputer: {strategy: constant, fill_value: 1}",
    "MinMaxScaler: {clip: true}",
    "SelectKBest: {k: 2}",
    "Ridge: {alpha: 0}",
    "KFold: {n_splits: 3}",
    "select: [SelectKBest]\n",
    "schema: {a: number}\n",
    "remainder: passthrough\n",
    "clean: [drop_duplicates, {query: \"a > 1\"}]\n",
    "- query: '1 < a <= 2 and `b` in [1, \"x\"]'\n",
    " not a.isnull() ",
    " ** -1 // .5 % ",
    "((((((((",
    "rename: {a: b}",
    "fillna: 0",
    "expect: {rows: {min: 2}, columns: {a: {regex: \"(a|b)*\", levels: [a]}}}\n",
    "auto",
    "[[[[[[[[",
    "{{{{{{{{",
];

/// What tables are made of.
pub const TABLE: &[&str] = &[
    ",",
    "\t",
    ";",
    "\n",
    "\r",
    "\r\n",
    "\"",
    "\"\"",
    "{",
    "}",
    "[",
    "]",
    ":",
    "\\u",
    "\\ud800",
    "\\",
    "null",
    "NaN",
    "nan",
    "NA",
    "None",
    "-Infinity",
    "inf",
    "true",
    "False",
    "1e999",
    "-0",
    "0.1",
    "9007199254740993",
    "1_0",
    "+7",
    " 1 ",
    "0x1",
    "9999999999999999999999",
    "\0",
    "\u{feff}",
    "é",
    "😀",
    "\u{85}",
    "\u{2028}",
    "[[[[[[[[",
    "{\"a\":1}",
    "{\"0\":1}",
    "\"x\":",
    "{\"a\":[1,",
    "}\n{",
    "Unnamed: 0",
    "\u{1f}",
    "'",
    "#",
];
