//! `search`: from addresses and values to the candidates, each a pipeline that shares with the others
//! whatever it does not change.

use super::draft::Draft;
use super::nodes::{Candidate, Pipeline, Search};
use super::slots::{Component, Shared, Slots, assign};
use super::{lookup, searchers, spaces, types};
use crate::contract::Types;
use crate::contract::erased::AnyModel;
use crate::diag::{Code, Diagnostic, Severity, Span, suggest};
use crate::spec::{Cv, Spec, Written};
use crate::yaml::{Entry, Node, shorten};

/// More candidates are a slip.
const MOST: usize = 100_000;
/// More problems of a grid than anybody reads.
const MOST_PROBLEMS: usize = 50;

/// One address of a grid.
struct Setting<'a> {
    address: &'a str,
    span: &'a Span,
    slot: usize,
    /// The parameter; `None` where the whole step or model is exchanged.
    parameter: Option<&'a str>,
    /// What to try, and the component where one is exchanged.
    choices: Vec<(Node, Option<Component>)>,
}

/// The candidates of what was written; `None` when a problem was found, here or in the pipeline's components. `known` are
/// the types of each group's columns.
pub fn search(
    written: &Written,
    spec: &Spec,
    draft: &Draft,
    known: &[Option<Types>],
    problems: &mut Vec<Diagnostic>,
) -> Option<Search> {
    let mut found = Found(Vec::new());
    let class = searcher(written, &mut found);
    if let Cv::Off(span) = &spec.cv {
        let help = "leave out `cv`, or `search`";
        found.add(Code::Conflict.error("a search needs folds, and `cv` is null").at(span).help(help));
    }
    let candidates = class.and_then(|_| candidates(written, spec, draft, known, &mut found));
    let failed = found.0.iter().any(|problem| problem.severity() == Severity::Error);
    // What is wrong with the pipeline as written is wrong with most candidates too.
    let new: Vec<_> = found.0.into_iter().filter(|problem| !problems.contains(problem)).collect();
    problems.extend(new);
    let (class, candidates) = (class?, candidates?);
    (!failed).then(|| Search { class, candidates, span: written.span.clone() })
}

/// Problems, each once: many candidates share one.
struct Found(Vec<Diagnostic>);

impl Found {
    fn add(&mut self, problem: Diagnostic) {
        if self.0.len() < MOST_PROBLEMS && !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }
}

/// The class of the search, if it is one; its parameters beside the grid are reported.
fn searcher(written: &Written, found: &mut Found) -> Option<&'static str> {
    let name = written.name.as_str();
    let Some(kind) = searchers::ALL.iter().find(|kind| kind.name() == name) else {
        let problem = if searchers::ELSEWHERE.contains(&name) {
            Code::NotSupported.error(format!("search `{name}` of scikit-learn is not in this version"))
        } else {
            Code::UnknownComponent.error(format!("unknown search `{name}`"))
        };
        found.add(
            problem.at(&written.span).help("use `GridSearchCV`; `pipefit explain GridSearchCV` tells of it"),
        );
        return None;
    };
    for (parameter, span, _) in written.parameters.iter().filter(|(parameter, ..)| parameter != "param_grid")
    {
        let elsewhere = searchers::SAID_ELSEWHERE.iter().find(|(name, _)| name == parameter);
        let problem = match elsewhere {
            Some((_, help)) => {
                Code::NotSupported.error(format!("`{parameter}` is not said in `search`")).help(*help)
            }
            None => Code::UnknownParameter
                .error(format!("`{name}` has no parameter `{parameter}`"))
                .help(format!("it has `param_grid`; see `pipefit explain {name}`")),
        };
        found.add(problem.at(span));
    }
    Some(kind.name())
}

/// The candidates of all grids, one grid after the other.
fn candidates(
    written: &Written,
    spec: &Spec,
    draft: &Draft,
    known: &[Option<Types>],
    found: &mut Found,
) -> Option<Vec<Candidate>> {
    let example = "write `param_grid: {model__alpha: [0.1, 1, 10]}`";
    let node = written.parameters.iter().find(|(name, ..)| name == "param_grid").map(|(_, _, node)| node);
    let Some(node) = node.filter(|node| !node.is_null()) else {
        let problem = Code::MissingKey.error(format!("`{}` has no `param_grid`", written.name));
        found.add(problem.at(&written.span).help(example));
        return None;
    };
    let grids: Vec<&Node> = match node.as_list() {
        Some(items) => items.iter().collect(),
        None => vec![node],
    };
    let slots = Slots::of(draft);
    let mut read = Vec::new();
    for grid in &grids {
        match grid.as_map() {
            Some(entries) if !entries.is_empty() || grids.len() > 1 => {
                let grid = Grid { entries, slots: &slots, spec, lost: draft.lost };
                let settings = entries.iter().filter_map(|entry| grid.setting(entry, found)).collect();
                read.push(sorted(settings, found));
            }
            entries => {
                let message = match entries {
                    Some(_) => "`param_grid` is an empty map".to_owned(),
                    None => format!("`param_grid` must be a map of addresses, not {}", grid.found()),
                };
                found.add(Code::BadValue.error(message).at(&grid.span).help(example));
            }
        }
    }
    let count = read.iter().map(|grid| count(grid)).fold(0, usize::saturating_add);
    if count > MOST {
        let message = format!("the grid has {count} candidates, more than {MOST}");
        found.add(Code::BadValue.error(message).at(&node.span).help("try fewer values at once"));
        return None;
    }
    if grids.is_empty() {
        found.add(Code::BadValue.error("`param_grid` is an empty list").at(&node.span).help(example));
    }
    if found.0.iter().any(|problem| problem.severity() == Severity::Error) {
        return None;
    }
    let pipeline = &draft.pipeline()?;
    let mut shared = Shared::of(pipeline);
    let mut all = Vec::with_capacity(count);
    for grid in &read {
        for at in 0..self::count(grid) {
            let candidate = candidate(grid, at, &slots, pipeline, &mut shared, found)?;
            for problem in types::check(&candidate.pipeline, known) {
                found.add(problem);
            }
            all.push(candidate);
        }
    }
    Some(all)
}

fn count(grid: &[Setting]) -> usize {
    grid.iter().map(|setting| setting.choices.len()).fold(1, usize::saturating_mul)
}

/// The settings by address; two of one parameter are reported.
fn sorted<'a>(mut settings: Vec<Setting<'a>>, found: &mut Found) -> Vec<Setting<'a>> {
    settings.sort_by(|a, b| a.address.cmp(b.address));
    for (i, setting) in settings.iter().enumerate() {
        let same = |other: &&Setting| (other.slot, other.parameter) == (setting.slot, setting.parameter);
        if let Some(other) = settings[..i].iter().find(same) {
            let message = format!("`{}` and `{}` are the same", other.address, setting.address);
            found.add(Code::Conflict.error(message).at(setting.span).help("keep one of them"));
        }
    }
    settings
}

/// One map of addresses.
struct Grid<'a> {
    entries: &'a [Entry],
    slots: &'a Slots,
    spec: &'a Spec,
    /// Whether there may be more addresses than the slots'.
    lost: bool,
}

impl<'a> Grid<'a> {
    /// What an entry sets. Each value is tried on a copy of what the file has, so that what is wrong
    /// with it is said at its place.
    fn setting(&self, entry: &'a Entry, found: &mut Found) -> Option<Setting<'a>> {
        if entry.value.is_null() {
            return None;
        }
        let nodes = spaces::values(&entry.value).map_err(|problem| found.add(problem)).ok();
        let Some((slot, parameter)) = self.slots.find(&entry.key) else {
            if !self.lost {
                found.add(unknown(entry, self.slots));
            }
            return None;
        };
        // Where the component is exchanged too, only the candidates tell what it has.
        let whole = |other: &Entry| self.slots.find(&other.key) == Some((slot, None));
        let exchanged = self.entries.iter().any(whole);
        let span = &entry.key_span;
        let mut setting = Setting { address: &entry.key, span, slot, parameter, choices: Vec::new() };
        for node in nodes? {
            let component = match parameter {
                Some(parameter) if !exchanged => {
                    let mut copy = self.slots.all[slot].component.clone();
                    assign(&mut copy, &[(parameter, span, &node)], false)
                        .into_iter()
                        .for_each(|p| found.add(p));
                    None
                }
                Some(_) => None,
                None => self.component(&node, slot, found),
            };
            if parameter.is_some() || component.is_some() {
                setting.choices.push((node, component));
            }
        }
        Some(setting)
    }

    /// A component in place of the one that is written.
    fn component(&self, node: &Node, slot: usize, found: &mut Found) -> Option<Component> {
        let is_model = self.slots.all[slot].address == "model";
        if !is_model && node.as_text() == Some("passthrough") {
            return Some(Component::Passthrough);
        }
        let mut problems = Vec::new();
        let written = self.spec.component(node, if is_model { "a model" } else { "a step" }, &mut problems);
        let component = written.and_then(|written| {
            if !is_model {
                return lookup::step(&written, &mut problems).map(|step| Component::Step(step.into()));
            }
            let model = lookup::model(&written, &mut problems)?;
            match self.misfit(&*model) {
                Some(problem) => {
                    problems.push(problem.at(&written.span));
                    None
                }
                None => Some(Component::Model(model.into())),
            }
        });
        problems.into_iter().for_each(|problem| found.add(problem));
        component
    }

    /// Why a model cannot stand in for the one that is written.
    fn misfit(&self, model: &dyn AnyModel) -> Option<Diagnostic> {
        if self.slots.task.is_some_and(|task| task != model.task()) {
            let message = format!("`{}` learns something else than the model of the file", model.name());
            let help = "search regressions and classifiers in files of their own";
            return Some(Code::Conflict.error(message).help(help));
        }
        (self.spec.roles.weight.is_some() && !model.takes_weights()).then(|| {
            let message = format!("`{}` takes no sample weights", model.name());
            Code::Conflict.error(message).help("leave out `roles.weight`, or use another model")
        })
    }
}

/// The problem of an address that leads nowhere, with the one that was probably meant.
fn unknown(entry: &Entry, slots: &Slots) -> Diagnostic {
    let addresses = slots.addresses();
    let last = entry.key.rsplit("__").next();
    let ending = || {
        let mut ends = addresses.iter().filter(|address| address.rsplit("__").next() == last);
        ends.next().map(String::as_str)
    };
    let near = suggest(&entry.key, addresses.iter().map(String::as_str)).or_else(ending);
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            let begins: Vec<_> = slots.all.iter().map(|slot| format!("`{}__`", slot.address)).collect();
            format!("an address begins with {}, and a parameter follows", begins.join(" or "))
        }
    };
    let message = format!("no parameter has the address `{}`", shorten(&entry.key));
    Code::BadReference.error(message).at(&entry.key_span).help(help)
}

/// The candidate at a place of a grid: the last address varies fastest.
fn candidate(
    grid: &[Setting],
    at: usize,
    slots: &Slots,
    pipeline: &Pipeline,
    shared: &mut Shared,
    found: &mut Found,
) -> Option<Candidate> {
    let mut rest = at;
    let mut chosen = Vec::with_capacity(grid.len());
    for setting in grid.iter().rev() {
        chosen.push((setting, &setting.choices[rest % setting.choices.len()]));
        rest /= setting.choices.len();
    }
    chosen.reverse();
    let mut changes = Vec::new();
    for (i, slot) in slots.all.iter().enumerate() {
        let of_slot: Vec<_> = chosen.iter().filter(|(setting, _)| setting.slot == i).collect();
        if of_slot.is_empty() {
            continue;
        }
        // A component is exchanged before its parameters are set.
        let exchanged = of_slot.iter().find_map(|(_, (_, component))| component.clone());
        let mut component = exchanged.unwrap_or_else(|| slot.component.clone());
        let parameters: Vec<_> = of_slot
            .iter()
            .filter_map(|(setting, (node, _))| Some((setting.parameter?, setting.span, node)))
            .collect();
        let mut failed = false;
        for problem in assign(&mut component, &parameters, true) {
            failed |= problem.severity() == Severity::Error;
            found.add(problem);
        }
        if failed {
            return None;
        }
        changes.push((slot, component));
    }
    let params = chosen.iter().map(|(setting, (node, _))| (setting.address.to_owned(), lookup::value(node)));
    Some(Candidate { params: params.collect(), pipeline: shared.changed(pipeline, changes) })
}
