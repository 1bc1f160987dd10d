//! How a bound graph will be run, and why. Depends on file and table only: neither memory nor
//! threads nor time choose a path.

use super::Bound;
use crate::contract::{Needs, Types};
use crate::diag::{Code, Result};
use crate::graph::StepNode;
use crate::table::{Column, Rows, Table};

/// How the folds are fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// From the moments of the folds: two passes over the table, however many folds there are.
    TwoPass,
    /// From the training rows of every fold.
    General,
}

impl Path {
    /// As `--path` and reports spell it.
    pub fn name(self) -> &'static str {
        match self {
            Path::TwoPass => "two-pass",
            Path::General => "general",
        }
    }
}

/// How one step or the model is fitted.
#[derive(Clone, Debug)]
pub struct StepPlan {
    /// Its address.
    pub address: String,
    /// The class.
    pub class: &'static str,
    /// The path that it allows.
    pub path: Path,
    /// Why.
    pub reason: String,
}

/// How a bound graph is run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The path.
    pub path: Path,
    /// Why this path.
    pub reason: String,
    /// Every step and the model, in order.
    pub steps: Vec<StepPlan>,
    /// How often the table is read.
    pub passes: usize,
    /// What the run holds at its peak beside the process, in bytes: the table and the working sets.
    pub bytes: u64,
    /// Whether the work is large enough for threads to pay.
    pub parallel: bool,
}

/// Below this many cell visits the whole work takes about a millisecond, and threads cost more.
const PARALLEL_WORK: usize = 4_000_000;

/// Decides how to run a bound graph. `forced` is `--path`.
///
/// # Errors
/// `NotSupported` when the two-pass path is forced on a pipeline that it cannot run, with the reason.
pub fn plan(bound: &Bound, forced: Option<Path>) -> Result<Plan> {
    let mut steps = judge_steps(bound);
    steps.push(judge_model(bound));
    let obstacle = steps
        .iter()
        .find(|step| step.path == Path::General)
        .map(|step| format!("{}: {}", step.address, step.reason));
    let obstacle = obstacle.or_else(|| not_a_partition(bound));
    let path = match (forced, &obstacle) {
        (Some(Path::TwoPass), Some(obstacle)) => {
            let message = format!("the two-pass path cannot run this pipeline: {obstacle}");
            return Err(Code::NotSupported.error(message).help("leave out `--path`"));
        }
        (Some(path), _) => path,
        (None, Some(_)) => Path::General,
        (None, None) => Path::TwoPass,
    };
    let reason = match (forced, obstacle) {
        (Some(_), _) => "as `--path` says".to_owned(),
        (None, Some(obstacle)) => obstacle,
        (None, None) => "every step is affine in each fold, and the model is fitted from moments".to_owned(),
    };
    let (rows, columns) = (bound.x.rows(), bound.x.columns().len());
    let fits = bound.folds.len() + 1;
    let passes = match path {
        Path::TwoPass => 2,
        Path::General => 2 * bound.folds.len() + 1,
    };
    let parallel = rows * columns * fits > PARALLEL_WORK;
    Ok(Plan { path, reason, steps, passes, bytes: bytes(bound, path), parallel })
}

/// Every step, with the types of features that reach it.
fn judge_steps(bound: &Bound) -> Vec<StepPlan> {
    let graph = bound.graph;
    let mut plans = Vec::new();
    let mut judged = |nodes: &[StepNode], input: Types| {
        nodes.iter().fold(input, |input, node| {
            plans.push(judge(node, input));
            node.step.emits(input)
        })
    };
    let mut after = Types { numbers: false, categories: false, missing: false };
    for (group, columns) in graph.groups.iter().zip(&bound.groups) {
        after = after.or(judged(&group.steps, types(&bound.x, columns)));
    }
    judged(&graph.select, after);
    plans
}

/// The types of some columns.
fn types(x: &Table, names: &[String]) -> Types {
    let columns = names.iter().filter_map(|name| x.column(name));
    columns.fold(Types { numbers: false, categories: false, missing: false }, |types, column| {
        types.or(match column {
            Column::Number(_) => Types { missing: column.missing() > 0, ..Types::NUMBERS },
            Column::Codes { .. } => Types::CATEGORIES,
        })
    })
}

fn judge(node: &StepNode, input: Types) -> StepPlan {
    let needs = node.step.needs();
    let (path, reason) = if needs.has(Needs::ROWS) {
        (Path::General, "is fitted from rows")
    } else if !node.step.maps(input) {
        (Path::General, "is no linear map of its features")
    } else if needs.has(Needs::ORDER) {
        (Path::General, "needs sorted values, which do not merge")
    } else if needs.has(Needs::COUNTS) && input.numbers {
        (Path::General, "counts the values of numbers, which are not kept")
    } else {
        (Path::TwoPass, "is fitted from statistics, and is a linear map")
    };
    StepPlan { address: node.address.clone(), class: node.step.name(), path, reason: reason.to_owned() }
}

fn judge_model(bound: &Bound) -> StepPlan {
    let model = &bound.graph.model.model;
    let (path, reason) = if model.needs().has(Needs::ROWS) {
        (Path::General, "reads the rows in every iteration, or is no linear model")
    } else {
        (Path::TwoPass, "is fitted from joint moments, or from rows where those would lose digits")
    };
    StepPlan { address: "model".to_owned(), class: model.name(), path, reason: reason.to_owned() }
}

/// Why the folds' test rows are no partition of the rows, if they are none.
fn not_a_partition(bound: &Bound) -> Option<String> {
    if bound.folds.is_empty() {
        return None;
    }
    let rows = bound.x.rows();
    let mut seen = vec![false; rows];
    for row in bound.folds.iter().flat_map(|fold| fold.test.iter()) {
        if std::mem::replace(&mut seen[row as usize], true) {
            return Some("the folds overlap".to_owned());
        }
    }
    let rest = |fold: &crate::contract::Fold| fold.train.len() + fold.test.len() == rows;
    let whole = seen.iter().all(|seen| *seen) && bound.folds.iter().all(rest);
    (!whole).then(|| "the folds leave rows out".to_owned())
}

/// Bytes held at the peak.
fn bytes(bound: &Bound, path: Path) -> u64 {
    let rows = bound.x.rows() as u64;
    let table = rows * 8 * bound.x.columns().len() as u64;
    let kept = rows * 13;
    match path {
        Path::TwoPass => table + kept,
        // Each fold in flight holds its own features of all rows.
        Path::General => table * (1 + bound.folds.len().min(rayon::current_num_threads()) as u64) + kept,
    }
}

/// The rows of a fold as ranges, for messages and drawings.
impl Plan {
    /// The number of test rows of every fold.
    pub fn fold_sizes(bound: &Bound) -> Vec<(usize, usize)> {
        let size = |rows: &Rows| rows.len();
        bound.folds.iter().map(|fold| (size(&fold.train), size(&fold.test))).collect()
    }
}
