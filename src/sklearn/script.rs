//! The Python file.

use super::form::{Form, Helper};
use super::literal::{self, Imports};
use super::part::{Part, Parts};
use crate::artifact::Manifest;
use crate::diag::{Code, Diagnostic, Result};
use crate::table::{Digest, Kind};

const HELP: &str = "predict with `pipefit predict` or `pipefit serve`";

/// Python that rebuilds the pipeline of an artifact: `build()` as it was written, `load()` as it was fitted, from the artifact itself,
/// which is to lie beside the file as `STEM.safetensors`. `title` is what a person calls the version.
///
/// # Errors
/// `NotSupported` with the name of a component that has no scikit-learn form, of a column that none takes, or of `clean`.
pub fn script(artifact: &[u8], stem: &str, title: &str) -> Result<String> {
    let manifest = crate::artifact::manifest(artifact)?;
    if !manifest.clean.is_empty() {
        return Err(refused("`clean` changes columns before they are features"));
    }
    let columns = columns(&manifest)?;
    let parts = Parts::of(&manifest)?;
    let mut script = Script::default();
    let build = script.build(&parts)?;
    let load = script.load(&parts)?;
    let head =
        HEAD.replace("TITLE", title).replace("STEM", stem).replace("VERSION", env!("CARGO_PKG_VERSION"));
    let digest = format!("SHA256 = \"{}\"\n", Digest::of(artifact));
    let mut text = format!("{head}\n{}\n{columns}{digest}{READ}", script.imports());
    text.push_str(&format!("\n\ndef build():\n    \"\"\"The pipeline with its parameters, not fitted.\"\"\"\n    return {build}\n"));
    text.push_str(&load);
    for helper in &script.helpers {
        text.push_str(&format!("\n\n{}", helper.text));
    }
    text.push_str(MAIN);
    Ok(text)
}

fn refused(why: &str) -> Diagnostic {
    Code::NotSupported.error(format!("this pipeline has no scikit-learn form: {why}")).help(HELP)
}

/// The columns by what they hold, and what is read as missing.
fn columns(manifest: &Manifest) -> Result<String> {
    let mut kinds: [(&str, Vec<String>); 3] =
        [("NUMBERS", Vec::new()), ("BOOLS", Vec::new()), ("CATEGORIES", Vec::new())];
    for field in manifest.schema.fields() {
        let place = match field.kind {
            Kind::Number => 0,
            Kind::Bool => 1,
            Kind::Category => 2,
            Kind::Datetime | Kind::Text => {
                return Err(refused(&format!("column `{}` is a {}", field.name, field.kind.name())));
            }
        };
        kinds[place].1.push(literal::text(&field.name));
    }
    let list = |(name, columns): (&str, Vec<String>)| {
        format!("{name} = {}\n", literal::list(columns.into_iter(), 0))
    };
    let mut text: String = kinds.into_iter().map(list).collect();
    let missing = literal::list(manifest.na_values.values.iter().map(|value| literal::text(value)), 0);
    let default = if manifest.na_values.keep_default { "True" } else { "False" };
    text.push_str(&format!("MISSING = {{\"na_values\": {missing}, \"keep_default_na\": {default}}}\n"));
    let first = |(name, labels): (&str, &[String])| match labels.first() {
        Some(label) => format!("{}: {}", literal::text(name), literal::text(label)),
        None => format!("{}: None", literal::text(name)),
    };
    let examples =
        manifest.categories.iter().map(|category| (category.column.as_str(), category.levels.labels()));
    let examples: Vec<String> = examples.map(first).collect();
    text.push_str(&format!("EXAMPLES = {{{}}}\n", examples.join(", ")));
    Ok(text)
}

#[derive(Default)]
struct Script {
    imports: Imports,
    helpers: Vec<&'static Helper>,
}

impl Script {
    fn imports(&self) -> String {
        self.imports.text()
    }

    fn uses(&mut self, helper: &'static Helper) {
        if self.helpers.iter().all(|known| known.name != helper.name) {
            self.helpers.push(helper);
        }
    }

    /// The call that makes the pipeline.
    fn build(&mut self, parts: &Parts) -> Result<String> {
        self.imports.add("safetensors", "safe_open");
        self.imports.add("sklearn.compose", "ColumnTransformer");
        self.imports.add("sklearn.frozen", "FrozenEstimator");
        self.imports.add("sklearn.pipeline", "make_pipeline");
        let mut text = "make_pipeline(\n        ColumnTransformer([\n".to_owned();
        for group in &parts.groups {
            let steps = match &group.steps[..] {
                [] => "\"passthrough\"".to_owned(),
                steps => {
                    let mut call =
                        |part: &Part| Ok(format!("                {},\n", self.call(part, "step")?));
                    let calls = steps.iter().map(&mut call).collect::<Result<String>>()?;
                    format!("make_pipeline(\n{calls}            )")
                }
            };
            let columns = literal::list(group.columns.iter().map(|column| literal::text(column)), 12);
            text.push_str(&format!("            ({}, {steps}, {columns}),\n", literal::text(&group.name)));
        }
        text.push_str("        ]),\n");
        for part in &parts.select {
            text.push_str(&format!("        {},\n", self.call(part, "step")?));
        }
        text.push_str(&format!("        {},\n    )", self.call(&parts.model, "model")?));
        Ok(text)
    }

    fn call(&mut self, part: &Part, what: &str) -> Result<String> {
        Ok(Form::of(part, what)?.call(part, &mut self.imports))
    }

    /// The function that gives every part what it learned.
    fn load(&mut self, parts: &Parts) -> Result<String> {
        let mut text = LOAD.to_owned();
        for group in parts.groups.iter().filter(|group| !group.steps.is_empty()) {
            text.push_str(&format!("    steps = groups[{}]\n", literal::text(&group.name)));
            for (i, part) in group.steps.iter().enumerate() {
                let helper = Form::of(part, "step")?.helper;
                self.uses(helper);
                let first = if i == 0 { "True" } else { "False" };
                let place = literal::text(&part.place);
                text.push_str(&format!("    {}(steps[{i}], part({place}), first={first})\n", helper.name));
            }
        }
        for (i, part) in parts.select.iter().enumerate() {
            let helper = Form::of(part, "step")?.helper;
            self.uses(helper);
            let place = literal::text(&part.place);
            text.push_str(&format!("    {}(pipeline[{}], part({place}), first=False)\n", helper.name, i + 1));
        }
        let helper = Form::of(&parts.model, "model")?.helper;
        self.uses(helper);
        text.push_str(&format!(
            "    {}(pipeline[-1], part(\"model\"))\n    return assembled(pipeline)\n",
            helper.name
        ));
        text.push_str(PARTS);
        Ok(text)
    }
}

const HEAD: &str = r#""""TITLE as a scikit-learn pipeline, written by pipefit VERSION.

    from STEM import build, load, read
    load().predict(read("rows.csv"))     # as it was fitted; also: python STEM.py rows.csv
    build().fit(x, y)                    # with the same parameters, fitted anew

Needs numpy, pandas, safetensors and scikit-learn 1.6 or later. What was learned is read from STEM.safetensors, which is data only.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd"#;

const READ: &str = r#"

def read(file):
    """The rows of a CSV file, as the pipeline takes them."""
    return table(pd.read_csv(file, dtype=str, **MISSING))


def table(rows):
    """The columns of a table, as the pipeline takes them: floats, and text as objects; NaN is missing."""
    def cells(name, kind):
        values = [np.nan if pd.isna(cell) else kind(cell) for cell in rows[name]]
        return pd.Series(values, index=rows.index, dtype=object if kind is str else float)

    def truth(cell):
        return float({"true": 1, "false": 0}.get(str(cell).lower(), cell))

    kinds = {name: float for name in NUMBERS} | {name: truth for name in BOOLS} | {name: str for name in CATEGORIES}
    return pd.DataFrame({name: cells(name, kind) for name, kind in kinds.items()}, index=rows.index)
"#;

const LOAD: &str = r#"

def load(file=Path(__file__).with_suffix(".safetensors")):
    """The pipeline as it was fitted."""
    if hashlib.sha256(Path(file).read_bytes()).hexdigest() != SHA256:
        raise ValueError(f"{file} is not the one that this file was written for")
    with safe_open(file, "numpy") as data:
        learned = json.loads(data.metadata()["pipefit"])["state"]
        learned |= {name: data.get_tensor(name) for name in data.keys()}

    def part(place):
        return {name[len(place) + 1:]: value for name, value in learned.items() if name.startswith(place + ".")}

    pipeline = build()
    groups = {name: steps for name, steps, _ in pipeline[0].transformers}
"#;

const PARTS: &str = r#"

def assembled(pipeline):
    """The pipeline with its groups frozen, so that fitting the ColumnTransformer around them changes nothing in them."""
    columns = pipeline[0]
    for i, (name, steps, names) in enumerate(columns.transformers):
        if steps != "passthrough":
            columns.transformers[i] = (name, FrozenEstimator(steps), names)
    row = {name: 0.0 for name in [*NUMBERS, *BOOLS]} | EXAMPLES
    columns.fit(table(pd.DataFrame([row])))
    return pipeline


def tell_features(step, part, first):
    """How many features a step takes, and their names where it gets a table."""
    step.n_features_in_ = len(part["names"])
    if first:
        step.feature_names_in_ = np.array(part["names"], dtype=object)


def classes(labels):
    """The classes: numbers where the data has numbers."""
    if not labels["numeric"]:
        return np.array(labels["labels"], dtype=object)
    numbers = np.array(labels["labels"], dtype=float)
    return numbers.astype(int) if (numbers == numbers.astype(int)).all() else numbers
"#;

const MAIN: &str = r#"

if __name__ == "__main__":
    rows, pipeline = read(sys.argv[1]), load()
    answer = pd.DataFrame({"prediction": pipeline.predict(rows)})
    if hasattr(pipeline, "predict_proba"):
        answer[[f"proba_{label}" for label in pipeline.classes_]] = pipeline.predict_proba(rows)
    answer.to_csv(sys.stdout, index=False)
"#;
