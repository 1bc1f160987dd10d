//! The gate of a run: who the champion is, and how its pipeline does on today's rows.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{Options, Prepared, limits};
use crate::artifact::{self, Manifest};
use crate::diag::{Code, Result, Source, Veil, Watch};
use crate::gate::{self, Champion, Decision};
use crate::graph::{self, Graph, PromoteNode};
use crate::plan::{self, Bound};
use crate::registry::{MODEL_FILE, Published, Registry, Version};
use crate::run::{self, Outcome};
use crate::spec;

/// What a decision is made of.
pub struct Gate<'a> {
    /// What is required.
    pub promote: &'a PromoteNode,
    /// How things are run.
    pub options: &'a Options,
    /// The bound graph of this run.
    pub bound: &'a Bound<'a>,
    /// The data of this run.
    pub prepared: &'a Prepared,
    /// What came out.
    pub outcome: &'a Outcome,
    /// Progress and stop.
    pub watch: &'a dyn Watch,
    /// What reports and records must not show.
    pub veil: &'a Veil,
}

type Folds = BTreeMap<String, Vec<f64>>;

impl Gate<'_> {
    /// Decides about the version that the alias names now.
    ///
    /// # Errors
    /// What the store has to say, `Damaged` for a champion that cannot be read, `NotReproducible` for one that is not signed and has to be, `Interrupted`. A champion whose pipeline cannot be run
    /// today is no error: it is a requirement that is not met.
    pub fn decide(&self, registry: &Registry, name: &str) -> Result<Decision> {
        let number = registry.named(name, &self.promote.alias)?;
        let champion = number.map(|number| self.champion(registry, name, number)).transpose()?;
        Ok(gate::decide(self.promote, self.outcome, champion.as_ref()))
    }

    fn champion(&self, registry: &Registry, name: &str, number: u64) -> Result<Champion> {
        let published = registry.resolve(&format!("{name}:{number}"))?;
        let again = if self.promote.is_paired() { Some(self.again(registry, &published)?) } else { None };
        let recorded = match self.options.signer {
            // The registry's own record of them is not signed; the artifact, which has them as well, is.
            Some(_) => artifact::read(&registry.file(&published, MODEL_FILE)?)?.manifest.scores,
            None => recorded(&published.version),
        };
        Ok(Champion { version: number, recorded, again })
    }

    /// Cross-validates the champion's pipeline on today's table and the folds of this run, so that both are scored on rows that
    /// neither has seen. The champion itself has seen most of them.
    fn again(
        &self,
        registry: &Registry,
        published: &Published,
    ) -> Result<std::result::Result<Folds, String>> {
        let manifest = artifact::read(&registry.file(published, MODEL_FILE)?)?.manifest;
        let graph = match as_today(&manifest, self.bound.graph) {
            Ok(graph) => graph,
            Err(why) => return Ok(Err(self.veil.words(&why))),
        };
        match self.scores(&graph) {
            Ok(folds) => Ok(Ok(folds)),
            Err(error) if error.code() == Code::Interrupted => Err(error),
            Err(error) => Ok(Err(self.veil.words(error.message()))),
        }
    }

    fn scores(&self, graph: &Graph) -> Result<Folds> {
        let mut bound = self.prepared.bind(graph)?;
        bound.folds = self.bound.folds.clone();
        let plan = plan::plan_within(&bound, self.options.path, &limits(self.options))?;
        let (outcome, _) = run::run(&bound, &plan, self.watch)?;
        let of = |scores: &run::Scores| (scores.metric.name.to_owned(), scores.folds.clone());
        Ok(outcome.scores.iter().map(of).collect())
    }
}

/// The mean scores of a version's own run.
fn recorded(version: &Version) -> BTreeMap<String, f64> {
    let score = |(name, value): (&String, &Value)| Some((name.clone(), value.as_f64()?));
    version.scores.iter().filter_map(score).collect()
}

/// Today's file with the champion's steps and model in it, or why there is no such thing.
fn as_today(manifest: &Manifest, today: &Graph) -> std::result::Result<Graph, String> {
    let mut file = today.resolved.clone();
    for section in ["preprocess", "select", "model"] {
        file[section] = manifest.file.get(section).cloned().unwrap_or(Value::Null);
    }
    let Some(sections) = file.as_object_mut() else { return Err("today's file is no map".to_owned()) };
    ["search", "promote", "output"].iter().for_each(|section| drop(sections.shift_remove(*section)));
    if let Some(search) = manifest.search.as_ref().filter(|search| !search.best_params.is_empty()) {
        // What the search chose is the only candidate of another one.
        let grid = search.best_params.iter().map(|(address, value)| (address.clone(), json!([value])));
        let grid: serde_json::Map<_, _> = grid.collect();
        file["search"] = json!({"GridSearchCV": {"param_grid": grid}});
    }
    let source = Source::new("the champion's pipeline", file.to_string());
    let parsed = spec::parse(source, Path::new(""), &[], &|name| std::env::var(name).ok());
    let (graphs, problems) = graph::checked(parsed);
    match graphs.into_iter().next() {
        Some(graph) => Ok(graph),
        None => {
            let first = problems.first().map(|problem| problem.message().to_owned());
            Err(first.unwrap_or_else(|| "it is no pipeline of today".to_owned()))
        }
    }
}
