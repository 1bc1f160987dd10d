//! How a bound graph will be run, and why. Depends on file and table only: neither memory nor
//! threads nor time choose a path.

use std::sync::Arc;

use super::judge::{self, Judged};
use super::memory::{Limits, Memory, Run};
use super::parts::part_rows;
use super::{Bound, Inner, Multiplied, Products};
use crate::contract::Needs;
use crate::contract::erased::AnyModel;
use crate::diag::{Code, Result};
use crate::graph::Pipeline;
use crate::table::{RUN_ROWS, Target};

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
    /// The path; with a search two-pass only where every candidate takes it.
    pub path: Path,
    /// The path of each candidate of a search; without one that of the pipeline alone.
    pub paths: Vec<Path>,
    /// Why this path.
    pub reason: String,
    /// The products of columns whose moments the two-pass path collects.
    pub products: Products,
    /// Every step and the model, in order.
    pub steps: Vec<StepPlan>,
    /// The cells of the rows whose moments the two-pass path makes.
    pub inner: Inner,
    /// How often the table is read, beside [`Plan::iterates`].
    pub passes: usize,
    /// Whether a model reads the rows in every iteration as well, those of all folds at once.
    pub iterates: bool,
    /// What the run holds at its peak beside the process, and how much of it at a time.
    pub memory: Memory,
    /// Whether the work is large enough for threads to pay.
    pub parallel: bool,
}

/// Folds that fit the number that each row of the two-pass path keeps.
const MOST_CELLS: usize = u16::MAX as usize;
/// Moments up to this many bytes are kept however small the table is.
const SMALL_MOMENTS: u64 = 1 << 30;
/// The same for the cells that one walk makes for inner folds.
const SMALL_CELLS: u64 = 1 << 26;
/// Below this many cell visits the whole work takes about a millisecond, and threads cost more.
const PARALLEL_WORK: usize = 4_000_000;

/// Decides how to run a bound graph, with any memory. `forced` is `--path`.
///
/// # Errors
/// `NotSupported` when the two-pass path is forced on a pipeline that it cannot run, with the reason.
pub fn plan(bound: &Bound, forced: Option<Path>) -> Result<Plan> {
    plan_within(bound, forced, &Limits::default())
}

/// As [`plan`], within limits.
///
/// # Errors
/// As there; `NoMemory` where one fold at a time takes more.
pub fn plan_within(bound: &Bound, forced: Option<Path>, limits: &Limits) -> Result<Plan> {
    let graph = bound.graph;
    let steps = judged(&graph.pipeline, bound).steps;
    let pipelines: Vec<&Pipeline> = match &graph.search {
        Some(search) => search.candidates.iter().map(|candidate| &candidate.pipeline).collect(),
        None => vec![&graph.pipeline],
    };
    let (mut obstacles, mut products) = obstacles(&pipelines, bound);
    let inner = inner(bound, &pipelines, &mut obstacles, products.products().len(), forced);
    let first = obstacles.iter().flatten().next();
    if let (Some(Path::TwoPass), Some(obstacle)) = (forced, first) {
        let message = format!("the two-pass path cannot run this pipeline: {obstacle}");
        return Err(Code::NotSupported.error(message).help("leave out `--path`"));
    }
    let chosen = |obstacle: &Option<String>| {
        forced.unwrap_or(if obstacle.is_some() { Path::General } else { Path::TwoPass })
    };
    let paths: Vec<Path> = obstacles.iter().map(chosen).collect();
    let fast: Vec<&Pipeline> = pipelines
        .iter()
        .zip(&paths)
        .filter(|(_, path)| **path == Path::TwoPass)
        .map(|(pipeline, _)| *pipeline)
        .collect();
    let iterates = fast.iter().any(|pipeline| iterates(&pipeline.model.model));
    let slow = paths.iter().filter(|path| **path == Path::General).count();
    if slow == paths.len() {
        products = Products::default();
    }
    let path = if slow == 0 { Path::TwoPass } else { Path::General };
    let reason = match (forced, first) {
        (Some(_), _) => "as `--path` says".to_owned(),
        (None, Some(obstacle)) if slow < paths.len() => {
            format!("{} candidates two-pass, {slow} general: {obstacle}", paths.len() - slow)
        }
        (None, Some(obstacle)) => obstacle.clone(),
        (None, None) => {
            let multiplies = if products.products().is_empty() { "" } else { " or multiplies columns" };
            let model = if iterates {
                "reads the rows in every iteration, once for all folds"
            } else {
                "is fitted from moments"
            };
            format!("every step is affine in each fold{multiplies}, and the model {model}")
        }
    };
    let (rows, columns) = (bound.x.rows(), bound.x.width() + products.products().len());
    let fits = (bound.folds.len() * paths.len()).saturating_add(1);
    let passes = passes(bound, &fast, slow, &inner);
    let parallel = rows.saturating_mul(columns).saturating_mul(fits) > PARALLEL_WORK;
    let products_made = products.products().len();
    let run = Run {
        bound,
        pipelines: pipelines.iter().copied().zip(paths.iter().copied()).collect(),
        inner: &inner,
        positions: width(bound, products_made),
        cell: moments_of_a_cell(bound, products_made),
        parallel,
    };
    let memory = run.memory(limits)?;
    Ok(Plan { path, paths, reason, products, steps, inner, passes, iterates, memory, parallel })
}

/// How often the table is read: on the general path to fit and to predict each fold, and for the fit on all rows; on the
/// two-pass path for moments, once for each model that reads the rows with them at hand, and for the out-of-fold predictions of
/// so many pipelines at a time.
fn passes(bound: &Bound, fast: &[&Pipeline], slow: usize, inner: &Inner) -> usize {
    let folds = bound.folds.len();
    let general = if slow > 0 { 2 * folds + 1 } else { 0 };
    if fast.is_empty() {
        return general;
    }
    let predictions = if folds == 0 { 0 } else { fast.len().div_ceil(bound.predicted_together()) };
    let once_more = fast.iter().filter(|pipeline| reads_once_more(&pipeline.model.model)).count();
    general + inner.walks.len() + once_more + predictions
}

/// Whether a model of the two-pass path reads the rows in every iteration.
fn iterates(model: &Arc<dyn AnyModel>) -> bool {
    model.needs().has(Needs::BLOCKS) && !reads_once_more(model)
}

/// Whether it reads them once, with the moments at hand.
fn reads_once_more(model: &Arc<dyn AnyModel>) -> bool {
    model.needs().has(Needs::BLOCKS.and(Needs::JOINT))
}

/// The cells of the inner folds of all models that may take the two-pass path; where their moments would be too many, that
/// is an obstacle.
fn inner(
    bound: &Bound,
    pipelines: &[&Pipeline],
    obstacles: &mut [Option<String>],
    products: usize,
    forced: Option<Path>,
) -> Inner {
    let width = width(bound, products);
    let one = moments_of_a_cell(bound, products).max(1);
    let most = (SMALL_CELLS.max(table_bytes(bound) / 2) / one) as usize;
    if forced == Some(Path::General) || obstacles.iter().all(Option::is_some) {
        return Inner::none();
    }
    let open = pipelines.iter().zip(obstacles.iter()).filter(|(_, obstacle)| obstacle.is_none());
    let inner = Inner::of(bound, open.map(|(pipeline, _)| &pipeline.model.model), width as usize, most);
    let bytes = inner_bytes(bound, &inner, products);
    if bytes <= SMALL_MOMENTS.max(table_bytes(bound)) {
        return inner;
    }
    let reason = format!("the moments of all inner folds of the model would take {} MiB", bytes >> 20);
    for (pipeline, obstacle) in pipelines.iter().zip(obstacles) {
        if obstacle.is_none() && pipeline.model.model.inner_folds().is_some() {
            *obstacle = Some(reason.clone());
        }
    }
    Inner::of(bound, std::iter::empty(), width as usize, most)
}

/// Bytes of the moments of the cells of inner folds, also before those of the units merge, and of what a fit makes of them.
fn inner_bytes(bound: &Bound, inner: &Inner, products: usize) -> u64 {
    if inner.is_trivial() {
        return 0;
    }
    moments_of_a_cell(bound, products)
        .saturating_mul((inner.cells() + inner.parts + 4 * inner.most_folds()) as u64)
}

/// For each pipeline why the two-pass path cannot run it, if it cannot; and the products of those that it can.
fn obstacles(pipelines: &[&Pipeline], bound: &Bound) -> (Vec<Option<String>>, Products) {
    let of_folds = not_a_partition(bound).or_else(|| too_many_moments(bound, 0));
    let mut multiplied: Vec<Multiplied> = Vec::new();
    let mut products = Products::default();
    let obstacle = |pipeline: &&Pipeline| {
        let judged = judged(pipeline, bound);
        if let Some(slow) = judged.steps.into_iter().find(|step| step.path == Path::General) {
            return Some(format!("{} {}", slow.address, slow.reason));
        }
        let new = |step: &Multiplied| !multiplied.contains(step);
        let more: Vec<Multiplied> = judged.products.into_iter().filter(new).collect();
        if of_folds.is_some() || more.is_empty() {
            return of_folds.clone();
        }
        // Each alone before they are made, and then those that all have in common once.
        let most = more.iter().map(|step| step.monomials.products.len() - step.columns.len()).max();
        let too_many = too_many_moments(bound, most.unwrap_or(0));
        if too_many.is_some() {
            return too_many;
        }
        let together = [&multiplied[..], &more].concat();
        let all = Products::of(&together);
        let too_many = too_many_moments(bound, all.products().len());
        if too_many.is_none() {
            (multiplied, products) = (together, all);
        }
        too_many
    };
    let obstacles = pipelines.iter().map(obstacle).collect();
    (obstacles, products)
}

/// Every step and the model.
fn judged(pipeline: &Pipeline, bound: &Bound) -> Judged {
    let mut judged = judge::steps(pipeline, bound);
    judged.steps.push(judge_model(&pipeline.model.model));
    judged
}

fn judge_model(model: &Arc<dyn AnyModel>) -> StepPlan {
    let (path, reason) = if model.needs().has(Needs::ROWS) {
        (Path::General, model.needs_rows())
    } else if reads_once_more(model) {
        (
            Path::TwoPass,
            "is fitted from joint moments and one more pass over the rows, for all folds together",
        )
    } else if model.needs().has(Needs::BLOCKS) {
        (Path::TwoPass, "reads the rows in every iteration, once for all folds and candidates")
    } else if model.inner_folds().is_some() {
        (
            Path::TwoPass,
            "is fitted from the joint moments of its inner folds, or from rows where those would lose digits",
        )
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
    let mut overlap = false;
    for fold in &bound.folds {
        fold.test.each(|row| overlap |= std::mem::replace(&mut seen[row as usize], true));
    }
    if overlap {
        return Some("the folds overlap".to_owned());
    }
    if !bound.folds.iter().all(|fold| fold.test.ascend()) {
        return Some("the folds have their rows in an order of their own".to_owned());
    }
    let rest = |fold: &crate::contract::Fold| fold.train.len() + fold.test.len() == rows;
    let whole = seen.iter().all(|seen| *seen) && bound.folds.iter().all(rest);
    (!whole).then(|| "the folds leave rows out".to_owned())
}

/// Why the moments of all folds are more than is worth keeping, if they are: their number grows
/// with the square of the columns and levels, where the rows grow with the columns alone.
fn too_many_moments(bound: &Bound, products: usize) -> Option<String> {
    if bound.folds.len() > MOST_CELLS {
        return Some(format!("{} folds are more than {MOST_CELLS}", bound.folds.len()));
    }
    let moments = moment_bytes(bound, products);
    (moments > SMALL_MOMENTS.max(table_bytes(bound))).then(|| {
        let mib = moments >> 20;
        let products = if products > 0 { ", products" } else { "" };
        format!("the moments of all columns, levels{products} and folds would take {mib} MiB")
    })
}

/// Bytes of the moments of every fold, of all but each fold, and of every unit before they merge.
fn moment_bytes(bound: &Bound, products: usize) -> u64 {
    let units = bound.x.units() as u64;
    let part = part_rows(width(bound, products) as usize, bound.folds.len().max(1));
    let parts = (RUN_ROWS / part) as u64;
    let moments = (bound.folds.len().max(1) as u64) * (2 + units + parts) + 1;
    moments_of_a_cell(bound, products).saturating_mul(moments)
}

/// Bytes of the moments of some rows.
fn moments_of_a_cell(bound: &Bound, products: usize) -> u64 {
    let width = width(bound, products);
    width.saturating_mul(width).saturating_mul(8 * (1 + u64::from(bound.weight.is_some())))
}

/// How many columns the moments have at most.
fn width(bound: &Bound, products: usize) -> u64 {
    let positions = |place: usize| bound.x.levels(place).map_or(2, |levels| levels.len() as u64 + 1);
    let targets = match &bound.y {
        Target::Values(values) => values.columns() as u64,
        Target::Classes { labels, .. } => labels.len() as u64,
    };
    (0..bound.x.width()).map(positions).sum::<u64>() + targets + products as u64
}

fn table_bytes(bound: &Bound) -> u64 {
    bound.x.rows() as u64 * 8 * bound.x.width() as u64
}
