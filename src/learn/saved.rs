//! A learner's state as bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::column::{Cells, Column};
use super::drift::Drift;
use super::guard::Compared;
use super::labels::Waiting;
use super::score::Score;
use super::state::{Kept, State, empty};
use super::updated::Updated;
use crate::artifact::tensors;
use crate::contract::{Loader, Saver};
use crate::diag::{Code, Diagnostic, Result};
use crate::linalg::{Factor, Ring};
use crate::table::{Digest, Schema};

/// The format of a state. A change of its fields takes another number.
pub const FORMAT: &str = "pipefit.learner/1";

/// No count of rows or entries is greater: many such can be added.
pub(super) const MOST: u64 = 1 << 53;

/// What a state is called in messages.
const WHAT: &str = "the learner's state";

/// Where a learner is: its state, and what of the stream is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Saved {
    /// What it knows.
    pub state: State,
    /// How it came there.
    pub place: Place,
}

/// What of a stream a state has learned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The id of the last entry that was read, milliseconds and number; none before the first.
    pub last: Option<(u64, u64)>,
    /// How many entries were read.
    pub read: u64,
    /// How many of them were refused.
    pub refused: u64,
    /// How many entries the stream had got up to the last one that was read, where that is known: entries that somebody
    /// takes away before they are read are missed by it.
    pub passed: Option<u64>,
    /// The version whose rows the state began with; none where it began with nothing.
    pub version: Option<u64>,
    /// How the guarded alias' version does on the rows of the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<Compared>,
}

impl Place {
    fn is_sound(&self) -> bool {
        let counts = [self.read, self.refused, self.passed.unwrap_or(0)];
        counts.into_iter().all(|count| count <= MOST) && self.guard.as_ref().is_none_or(Compared::is_sound)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: String,
    place: Place,
    schema: Schema,
    state: BTreeMap<String, serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rest {
    columns: Vec<Column>,
    clock: u64,
    learned_at: u64,
    score: Score,
    /// The rows of each factor.
    rows: Vec<u64>,
    /// Of how many latest rows the factors are.
    window: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drift: Option<Drift>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<Waiting>,
}

impl Saved {
    /// The bytes of a state and its place.
    ///
    /// # Errors
    /// `Bug` when they cannot be laid out.
    pub fn bytes_of(state: &State, place: &Place) -> Result<Vec<u8>> {
        let place = place.clone();
        let mut saver = Saver::default();
        let (factors, window): (Vec<&Factor>, _) = match &state.kept {
            Kept::All(factor) => (vec![factor], None),
            Kept::Latest(ring) => (ring.buckets().collect(), Some(ring.window())),
            Kept::Updated(updated) => {
                saver.child("updated", |saver| updated.save(saver));
                (Vec::new(), None)
            }
        };
        for (i, factor) in factors.iter().enumerate() {
            saver.matrix(&format!("factor.{i}"), factor.root());
        }
        for (j, cells) in state.pending.iter().enumerate() {
            match cells {
                Cells::Numbers(values) => saver.numbers(&format!("pending.{j}"), values),
                Cells::Codes(codes) => saver.codes(&format!("pending.{j}"), codes),
            }
        }
        let rest = Rest {
            columns: state.columns.clone(),
            clock: state.clock,
            learned_at: state.learned_at,
            score: state.score.clone(),
            rows: factors.iter().map(|factor| factor.rows()).collect(),
            window,
            drift: state.drift.clone(),
            labels: state.labels.clone(),
        };
        saver.json("rest", rest);
        let (tensors, facts) = saver.finish();
        let schema = (*state.schema).clone();
        let manifest = Manifest { format: FORMAT.to_owned(), place, schema, state: facts };
        let text = serde_json::to_string(&manifest).map_err(|error| Code::Bug.error(error.to_string()))?;
        tensors::pack(&tensors, text)
    }

    /// What [`Saved::bytes_of`] made.
    ///
    /// # Errors
    /// `Damaged` for anything else: the bytes may be anybody's.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let text = tensors::text(bytes, WHAT)?;
        let form: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| damaged(&error.to_string()))?;
        let format = form.get("format").and_then(serde_json::Value::as_str).unwrap_or_default();
        if format != FORMAT {
            let message = format!("has the format `{format}`; this version reads `{FORMAT}`");
            return Err(damaged(&message).help("use the version of pipefit that wrote it, or a newer one"));
        }
        let manifest: Manifest = serde_json::from_value(form).map_err(|error| damaged(&error.to_string()))?;
        let loader = Loader::new(tensors::tensors(bytes, WHAT)?, manifest.state);
        let state = state(&loader, manifest.schema)?;
        if !manifest.place.is_sound() {
            return Err(damaged("counts more entries than can be"));
        }
        match loader.leftovers().first() {
            Some(name) => Err(damaged(&format!("has a part `{name}` that nothing reads"))),
            None => Ok(Self { state, place: manifest.place }),
        }
    }

    /// The digest of a state alone.
    ///
    /// # Errors
    /// As [`Saved::bytes_of`].
    pub fn digest(state: &State) -> Result<Digest> {
        Ok(Digest::of(&Self::bytes_of(state, &Place::default())?))
    }
}

fn state(loader: &Loader, schema: Schema) -> Result<State> {
    let rest: Rest = loader.json("rest")?;
    let Rest { columns, clock, learned_at, score, rows, window, drift, labels } = rest;
    if columns.len() != schema.fields().len() + 1 {
        return Err(damaged("has other columns than its schema"));
    }
    if rows.iter().any(|rows| *rows > MOST) {
        return Err(damaged("counts more rows than can be"));
    }
    let factor = |(i, rows): (usize, &u64)| {
        let root = loader.matrix(&format!("factor.{i}"))?;
        Factor::of(root, *rows).ok_or_else(|| damaged("has a factor that is none"))
    };
    let mut factors: Vec<Factor> = rows.iter().enumerate().map(factor).collect::<Result<_>>()?;
    let kept = match window {
        Some(window) => {
            Kept::Latest(Ring::of(factors, window).ok_or_else(|| damaged("has factors that do not match"))?)
        }
        None if factors.is_empty() => Kept::Updated(loader.child("updated", Updated::load)?),
        None if factors.len() == 1 => Kept::All(factors.remove(0)),
        None => return Err(damaged("has more factors than one")),
    };
    let mut pending = Vec::with_capacity(columns.len());
    for (j, column) in columns.iter().enumerate() {
        let name = format!("pending.{j}");
        pending.push(match empty(column) {
            Cells::Numbers(_) => Cells::Numbers(loader.numbers(&name)?),
            Cells::Codes(_) => Cells::Codes(loader.codes(&name)?),
        });
    }
    let columns = columns.into_iter().map(|column| match column {
        Column::Category(category) => Column::Category(category.indexed()),
        number @ Column::Number(_) => number,
    });
    let schema = Arc::new(schema);
    let columns = columns.collect();
    let labels = labels.map(Waiting::indexed);
    let state = State { schema, columns, kept, pending, clock, learned_at, score, drift, labels };
    match state.disagreement() {
        Some(what) => Err(damaged(what)),
        None => Ok(state),
    }
}

fn damaged(what: &str) -> Diagnostic {
    Code::Damaged.error(format!("{WHAT} {what}")).help("remove it, and learn anew with `pipefit run`")
}
