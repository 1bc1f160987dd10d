//! An alias that follows the learner's versions, unless they are worse: the version that it names predicts every block beside the
//! learner, before that is learned.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::saved::MOST;
use crate::artifact;
use crate::contract::{Frame, Prediction};
use crate::diag::{Code, Result};
use crate::linalg::student;
use crate::registry::{MODEL_FILE, Note, Published, Registry, rfc3339};
use crate::run::Fitted;
use crate::spec::Guarded;
use crate::table::{Schema, Table};

/// Who moves the alias, in its history.
pub const BY: &str = "pipefit learn";

/// A squared error counts no more than this, nor does one that is none, so that sums of squares of them are numbers.
const MOST_LOSS: f64 = 1e140;

/// How learner, champion and the version that was champion before do on the same rows, which none of them had seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    /// What the alias names.
    champion: Option<u64>,
    /// What it named before.
    before: Option<u64>,
    /// The latest blocks, oldest first.
    blocks: VecDeque<Losses>,
}

/// The squared errors of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Losses {
    rows: u64,
    learner: f64,
    champion: f64,
    before: f64,
    /// The squares of the differences: learner less champion, champion less the one before, learner less the one before.
    squares: [f64; 3],
}

/// A published version that predicts and does not learn.
struct Frozen(Fitted);

/// The guard at work.
pub struct Guard<'a> {
    terms: &'a Guarded,
    champion: Option<Frozen>,
    before: Option<Frozen>,
    /// What was found so far.
    pub compared: Compared,
}

/// What is to become of the alias.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// What the alias named when that was decided.
    pub champion: Option<u64>,
    /// Whether it is to name the learner's version.
    pub promote: bool,
    /// Why.
    pub why: String,
}

impl<'a> Guard<'a> {
    /// The guard of a model's alias, with what was found before if that was about the same version.
    ///
    /// # Errors
    /// What the store has to say.
    pub fn open(
        terms: &'a Guarded,
        registry: &Registry,
        name: &str,
        schema: &Schema,
        saved: Option<Compared>,
    ) -> Result<Self> {
        let champion = registry.named(name, &terms.alias)?;
        let compared = match saved {
            Some(compared) if compared.champion == champion => compared,
            _ => Compared {
                champion,
                before: predecessor(registry, name, terms, champion)?,
                ..Compared::default()
            },
        };
        let load = |version: Option<u64>| version.and_then(|version| frozen(registry, name, version, schema));
        Ok(Self { terms, champion: load(compared.champion), before: load(compared.before), compared })
    }

    /// Takes in a block: what was true, what the learner predicted, and the features.
    pub fn compare(&mut self, truth: &[f64], learner: &[f64], features: &Table) {
        let Some(champion) = self.champion.as_ref().and_then(|champion| champion.predict(features)) else {
            return;
        };
        let before = self.before.as_ref().and_then(|before| before.predict(features));
        let mut losses = Losses::default();
        for (row, y) in truth.iter().enumerate() {
            let loss = |predicted: f64| match (predicted - y) * (predicted - y) {
                loss if loss <= MOST_LOSS => loss,
                _ => MOST_LOSS,
            };
            let (own, theirs) = (loss(learner[row]), loss(champion[row]));
            let earlier = before.as_ref().map_or(theirs, |before| loss(before[row]));
            losses.rows += 1;
            losses.learner += own;
            losses.champion += theirs;
            losses.before += earlier;
            losses.squares[0] += (own - theirs) * (own - theirs);
            losses.squares[1] += (theirs - earlier) * (theirs - earlier);
            losses.squares[2] += (own - earlier) * (own - earlier);
        }
        let blocks = &mut self.compared.blocks;
        blocks.push_back(losses);
        let mut rows: u64 = blocks.iter().map(|block| block.rows).sum();
        while let Some(first) = blocks.front().filter(|first| rows - first.rows >= self.terms.rows) {
            rows -= first.rows;
            blocks.pop_front();
        }
    }

    /// What to do with the alias when the learner publishes.
    pub fn verdict(&self) -> Verdict {
        let champion = self.compared.champion;
        let (promote, why) = match (champion, self.compared.all()) {
            (None, _) => (true, "the alias named nothing".to_owned()),
            (Some(version), all) if all.rows < self.terms.rows => (
                false,
                format!("{} of {} rows were compared with version {version}", all.rows, self.terms.rows),
            ),
            (Some(version), all) => {
                let worse = worse(self.terms, all.rows, all.learner, all.champion, all.squares[0]);
                let what = if worse { "worse than" } else { "no worse than" };
                (!worse, told(all.rows, all.learner, what, version, all.champion))
            }
        };
        Verdict { champion, promote, why }
    }

    /// Moves the alias back to what it named before, if the champion is worse than that. Gives where it went, and why.
    ///
    /// # Errors
    /// What the store has to say.
    pub fn roll_back(&mut self, registry: &Registry, name: &str) -> Result<Option<(u64, String)>> {
        let all = self.compared.all();
        let (Some(champion), Some(before), Some(_)) =
            (self.compared.champion, self.compared.before, &self.before)
        else {
            return Ok(None);
        };
        let rows = all.rows;
        let due =
            rows >= self.terms.rows && worse(self.terms, rows, all.champion, all.before, all.squares[1]);
        if !due || registry.named(name, &self.terms.alias)? != Some(champion) {
            return Ok(None);
        }
        let why = told(rows, all.champion, "worse than", before, all.before);
        let at = rfc3339(std::time::SystemTime::now());
        let note = Note { at: &at, by: Some(BY), why: Some(&why) };
        registry.rollback(name, Some(&self.terms.alias), Some(before), &note)?;
        // From here on the learner is compared with the version that is champion again, over the same rows.
        self.compared = Compared {
            champion: Some(before),
            before: None,
            blocks: self.compared.blocks.iter().map(|block| block.without_champion()).collect(),
        };
        self.champion = self.before.take();
        Ok(Some((before, why)))
    }

    /// For people and records.
    pub fn json(&self) -> Value {
        let all = self.compared.all();
        let mean = |sum: f64| (all.rows > 0).then(|| sum / all.rows as f64).filter(|mean| mean.is_finite());
        json!({
            "alias": self.terms.alias,
            "champion": self.compared.champion,
            "before": self.compared.before,
            "rows": all.rows,
            "mean_squared_error": {
                "learner": mean(all.learner),
                "champion": mean(all.champion),
                "before": self.compared.before.and_then(|_| mean(all.before)),
            },
        })
    }
}

impl Compared {
    /// Whether it counts no more rows than can be.
    pub(super) fn is_sound(&self) -> bool {
        self.blocks.iter().all(|block| block.rows <= MOST)
    }

    fn all(&self) -> Losses {
        self.blocks.iter().fold(Losses::default(), |all, block| Losses {
            rows: all.rows + block.rows,
            learner: all.learner + block.learner,
            champion: all.champion + block.champion,
            before: all.before + block.before,
            squares: std::array::from_fn(|i| all.squares[i] + block.squares[i]),
        })
    }
}

impl Losses {
    /// With the one before as the champion.
    fn without_champion(self) -> Self {
        Self { champion: self.before, squares: [self.squares[2], 0.0, 0.0], ..self }
    }
}

impl Frozen {
    fn predict(&self, features: &Table) -> Option<Vec<f64>> {
        match self.0.predict(&Frame::of(features)) {
            Ok(Prediction::Values(values)) => Some(values.column(0).to_vec()),
            _ => None,
        }
    }
}

/// A version that takes the learner's columns; none where it takes others, or is gone.
fn frozen(registry: &Registry, name: &str, version: u64, schema: &Schema) -> Option<Frozen> {
    let version = registry.model(name).ok()?.version(version)?.clone();
    let published = Published { name: name.to_owned(), version };
    let read = artifact::read(&registry.file(&published, MODEL_FILE).ok()?).ok()?;
    let same = read.manifest.schema.fields().iter().map(|field| (&field.name, field.kind));
    let same = same.eq(schema.fields().iter().map(|field| (&field.name, field.kind)));
    same.then_some(Frozen(read.fitted))
}

/// What the alias named before it was moved to what it names now, where that is still there.
fn predecessor(
    registry: &Registry,
    name: &str,
    terms: &Guarded,
    champion: Option<u64>,
) -> Result<Option<u64>> {
    let model = match registry.model(name) {
        Err(error) if error.code() == Code::UnknownModel => return Ok(None),
        model => model?,
    };
    let last = model.history.iter().rev().find(|step| step.alias == terms.alias);
    let from = last.filter(|step| step.to == champion).and_then(|step| step.from);
    // A version that was rolled back from is no champion to go back to.
    let forth = last.is_some_and(|step| step.how != crate::registry::How::RolledBack);
    Ok(from.filter(|from| forth && model.version(*from).is_some()))
}

/// Whether one mean is greater than another by more than is allowed, and by more than chance gives (paired t test).
fn worse(terms: &Guarded, rows: u64, sum: f64, other: f64, squares: f64) -> bool {
    let n = rows as f64;
    if sum <= other * (1.0 + terms.max_worse) {
        return false;
    }
    let mean = (sum - other) / n;
    let deviation = ((squares / n - mean * mean).max(0.0) / (n - 1.0)).sqrt();
    deviation == 0.0 || student::upper_tail(mean / deviation, rows as usize - 1) <= terms.p_value
}

fn told(rows: u64, sum: f64, what: &str, version: u64, other: f64) -> String {
    let mean = |sum: f64| sum / rows as f64;
    format!(
        "mean squared error {:.6} over the latest {rows} rows is {what} {:.6} of version {version}",
        mean(sum),
        mean(other)
    )
}
