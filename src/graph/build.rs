//! From what was written to the checked graph, with every problem in one go.

use std::path::{Path, PathBuf};

use super::draft::{Draft, Made};
use super::nodes::{
    ColumnName, FeastNode, FeatureformNode, Graph, Group, ModelNode, Origin, OutputNode, Selector,
    SourceNode, StepNode, StoreNode, StreamNode,
};
use super::{exported, lookup, online, promotion, search, types};
use crate::clean;
use crate::contract::erased::{AnyModel, AnySplitter};
use crate::contract::{Metric, Task, Types, Value};
use crate::diag::{Code, Diagnostic, Span, Veil, suggest};
use crate::metrics;
use crate::spec::{self, Cv, Parsed, Preprocess, Remainder, SourceSection, Spec, Text, Written};
use crate::table::Kind;
use crate::yaml;

/// Reads and checks a pipeline file of one pipeline. The graph is there when no problem is an error.
pub fn read(path: &Path, overrides: &[String]) -> (Option<Graph>, Vec<Diagnostic>) {
    let (graphs, mut problems) = read_all(path, overrides);
    if let [first, _, ..] = &graphs[..] {
        let message = format!("`{}` is {} pipelines, and this takes one", path.display(), graphs.len());
        let help = format!(
            "choose one by its values, as in `-S matrix.{}`",
            first.variant.name().replace(", ", " -S matrix.")
        );
        problems.push(Code::Usage.error(message).help(help));
        return (None, problems);
    }
    (graphs.into_iter().next(), problems)
}

/// Reads and checks a pipeline file: a graph for each of its pipelines, several where it has a matrix. They are there when no problem is
/// an error.
pub fn read_all(path: &Path, overrides: &[String]) -> (Vec<Graph>, Vec<Diagnostic>) {
    checked(spec::read(path, overrides))
}

/// As [`read_all`], of what was read.
pub fn checked(mut parsed: Parsed) -> (Vec<Graph>, Vec<Diagnostic>) {
    let mut problems = Vec::new();
    let graphs: Vec<Graph> = parsed.specs.iter().filter_map(|spec| build(spec, &mut problems)).collect();
    parsed.add(problems);
    (if parsed.has_errors() { Vec::new() } else { graphs }, parsed.diagnostics)
}

/// Checks what was written; what is wrong goes to `problems`.
fn build(spec: &Spec, problems: &mut Vec<Diagnostic>) -> Option<Graph> {
    let draft = draft(spec, problems);
    let model = draft.model.as_ref().map(|node| &*node.model);
    let task = model.map(AnyModel::task);
    let splitter = splitter(&spec.cv, model, problems);
    let scoring = scoring(spec, model, problems);
    if let (Some(weight), Some(model)) = (&spec.roles.weight, model)
        && !model.takes_weights()
    {
        let message = format!("`{}` takes no sample weights", model.name());
        let help = "leave out `roles.weight`, or use another model";
        problems.push(Code::Conflict.error(message).at(&weight.span).help(help));
    }
    let known = known_types(spec, &draft);
    problems.extend(types::check_draft(&draft, &known));
    let search = spec.search.as_ref().map(|written| search::search(written, spec, &draft, &known, problems));
    let promote = promotion::promote(spec, scoring.as_deref(), problems);
    // Everything was judged; from here on the graph needs its parts.
    let pipeline = draft.pipeline()?;
    if spec.output.onnx {
        problems.extend(exported::refused(&pipeline, search.iter().flatten(), &spec.clean));
    }
    if let Some(online) = &spec.online {
        problems.extend(online::refused(&pipeline, search.iter().flatten(), spec, online));
    }
    let (splitter, splitter_reason) = splitter?;
    let (origin, text) = origin(&spec.source)?;
    Some(Graph {
        name: spec.name.value.clone(),
        variant: spec.variant.clone(),
        seed: spec.seed,
        store: store(spec),
        source: source(spec, task, origin, text),
        clean: spec.clean.clone(),
        expect: spec.expect.clone(),
        target: column(spec.target.as_ref()?),
        ids: spec.roles.id.iter().map(column).collect(),
        weight: spec.roles.weight.as_ref().map(column),
        scoring_spans: match &spec.scoring[..] {
            [] => vec![pipeline.model.span.clone()],
            names => names.iter().map(|name| name.span.clone()).collect(),
        },
        pipeline,
        search: search.flatten(),
        splitter,
        splitter_reason,
        cv_span: cv_span(&spec.cv),
        scoring: scoring?,
        output: output(&spec.output),
        promote,
        online: spec.online.clone(),
        resolved: spec.resolved(),
        veil: veil(spec),
    })
}

/// Where the table comes from and what of it is read.
fn source(spec: &Spec, task: Option<Task>, origin: Origin, text: &Text) -> SourceNode {
    SourceNode {
        origin,
        shown: text.shown().to_owned(),
        span: text.span.clone(),
        format: spec.source.format.clone(),
        load_if_missing: spec.source.load_if_missing.as_ref().map(|file| file.path.clone()),
        columns: spec.source.columns.as_ref().map(|columns| columns.iter().map(column).collect()),
        na_values: spec.source.na_values.clone(),
        pin: spec.source.pin,
        schema: spec.schema.iter().map(|(name, kind)| (column(name), *kind)).collect(),
        label: (task == Some(Task::Classification))
            .then(|| {
                spec.target.as_ref().map(|target| clean::name_before(&spec.clean, &target.value).to_owned())
            })
            .flatten(),
    }
}

/// The components that are written.
fn draft(spec: &Spec, problems: &mut Vec<Diagnostic>) -> Draft {
    let mut made = Made { problems, unmade: Vec::new() };
    let groups = groups(&spec.preprocess, &spec.span, &mut made);
    let select = chain(&spec.select, "select", &mut made);
    let model = spec.model.as_ref().and_then(|written| {
        let model = lookup::model(written, made.problems)?;
        let name = model.name().to_lowercase();
        Some(ModelNode { name, model: model.into(), span: written.span.clone() })
    });
    if model.is_none() {
        made.unmade.push("model".to_owned());
    }
    Draft { groups, select, model, unmade: made.unmade, lost: spec.lost }
}

fn output(output: &spec::Output) -> OutputNode {
    OutputNode {
        artifact: output.artifact.value.clone(),
        dir: output.dir.as_ref().map_or_else(|| PathBuf::from("artifacts"), |dir| dir.path.clone()),
        report: output.report.clone(),
        onnx: output.onnx,
        keep: output.keep,
    }
}

fn store(spec: &Spec) -> Option<StoreNode> {
    spec.store.as_ref().map(|store| StoreNode {
        url: store.value.clone(),
        base: spec.files.folder(&store.span).to_owned(),
        unexpanded: store.unexpanded.as_deref().map(str::to_owned),
    })
}

fn cv_span(cv: &Cv) -> Option<Span> {
    match cv {
        Cv::Off(span) => Some(span.clone()),
        Cv::Folds { span, .. } => span.clone(),
        Cv::Splitter(splitter) => Some(splitter.span.clone()),
    }
}

/// What came from the environment: the variables, and the whole values that they are part of.
fn veil(spec: &Spec) -> Veil {
    let mut veil = spec.veil.clone();
    let paths = [&spec.source.load_if_missing, &spec.source.file, &spec.output.dir];
    let texts = [&spec.store, &spec.source.key, &spec.source.pattern, &spec.source.index, &spec.target];
    let streams = [
        spec.source.stream.as_ref().map(|stream| &stream.key),
        spec.online.as_ref().map(|online| &online.stream),
    ];
    let views = spec.source.feast.iter().flat_map(|feast| [&feast.project, &feast.feature_view]);
    let paths = paths.into_iter().flatten().map(|path| &path.text);
    let all = paths.chain(texts.into_iter().flatten()).chain(streams.into_iter().flatten()).chain(views);
    for text in all.filter(|text| text.unexpanded.is_some()) {
        veil.hide(&text.value, text.shown());
    }
    veil
}

/// Which keys or files hold the table, and where that is written.
fn origin(source: &SourceSection) -> Option<(Origin, &Text)> {
    let key = source.key.as_ref().map(|key| (Origin::Key(key.value.clone()), key));
    let pattern = source.pattern.as_ref().map(|pattern| (Origin::Pattern(pattern.value.clone()), pattern));
    let file = source.file.as_ref().map(|file| (Origin::File(file.path.clone()), &file.text));
    let stream = source.stream.as_ref().map(|stream| {
        let name = |column: &Option<Text>| column.as_ref().map(|column| column.value.clone());
        let (id, time) = (name(&stream.id), name(&stream.time));
        let key = stream.key.value.clone();
        (Origin::Stream(StreamNode { key, from: stream.from, to: stream.to, id, time }), &stream.key)
    });
    let feast = source.feast.as_ref().map(|feast| {
        let names = |columns: &[Text]| columns.iter().map(|column| column.value.clone()).collect();
        let node = FeastNode {
            project: feast.project.value.clone(),
            view: feast.feature_view.value.clone(),
            join_keys: names(&feast.join_keys),
            features: names(&feast.features),
            time: feast.time.as_ref().map(|column| column.value.clone()),
        };
        (Origin::Feast(node), &feast.feature_view)
    });
    let featureform = source.featureform.as_ref().map(|featureform| {
        let features = featureform.features.iter();
        let node = FeatureformNode {
            entity: featureform.entity.value.clone(),
            features: features.map(|(name, variant)| (name.value.clone(), variant.value.clone())).collect(),
            prefix: featureform.prefix.as_ref().map(|prefix| prefix.value.clone()),
        };
        (Origin::Featureform(node), &featureform.entity)
    });
    let index = source.index.as_ref().map(|index| (Origin::Index(index.value.clone()), index));
    key.or(pattern).or(index).or(stream).or(feast).or(featureform).or(file)
}

fn column(name: &Text) -> ColumnName {
    ColumnName { name: name.value.clone(), shown: name.shown().to_owned(), span: name.span.clone() }
}

/// The types of each group's columns, as far as the file tells: by the group's types, or by
/// `schema` and `clean` for all of its names.
fn known_types(spec: &Spec, draft: &Draft) -> Vec<Option<Types>> {
    let read = spec.schema.iter().map(|(column, kind)| (column.value.clone(), *kind)).collect();
    let after = clean::kinds_after(&spec.clean, read);
    let kind_of = |name: &String| after.get(name).copied();
    let known = |group: &Group| match &group.selector {
        Selector::Chosen { kinds, .. } if !kinds.is_empty() => Some(types::of_kinds(kinds.iter().copied())),
        Selector::Chosen { names, .. } if !names.is_empty() => {
            let kinds: Option<Vec<Kind>> = names.iter().map(kind_of).collect();
            kinds.map(|kinds| types::of_kinds(kinds.into_iter()))
        }
        _ => None,
    };
    draft.groups.iter().map(known).collect()
}

/// The groups of `preprocess`.
fn groups(preprocess: &Preprocess, file: &Span, made: &mut Made) -> Vec<Group> {
    let plain = |steps| vec![Group { name: None, selector: Selector::All, steps, span: file.clone() }];
    match preprocess {
        Preprocess::None => plain(Vec::new()),
        Preprocess::Steps(steps) => plain(chain(steps, "preprocess", made)),
        Preprocess::Auto(span) => auto(span, made),
        Preprocess::Groups { groups, remainder, span } => {
            let mut checked: Vec<Group> = Vec::new();
            for group in groups {
                let steps = chain(&group.steps, &format!("preprocess__{}", group.name), made);
                let selector = selector(&group.columns);
                checked.push(Group {
                    name: Some(group.name.clone()),
                    selector,
                    steps,
                    span: group.span.clone(),
                });
            }
            if *remainder == Remainder::Passthrough {
                let name = Some("remainder".to_owned());
                checked.push(Group {
                    name,
                    selector: Selector::Remainder,
                    steps: Vec::new(),
                    span: span.clone(),
                });
            }
            checked
        }
    }
}

/// `preprocess: auto`: numbers are imputed and scaled, categories imputed and one-hot encoded.
fn auto(span: &Span, made: &mut Made) -> Vec<Group> {
    let written = |name: &str, parameters: &[(&str, &str)]| {
        let node = |text: &str| yaml::Node::new(span.clone(), yaml::Value::Text(text.to_owned()));
        let parameters = parameters.iter().map(|(name, text)| ((*name).to_owned(), span.clone(), node(text)));
        Written { name: name.to_owned(), span: span.clone(), parameters: parameters.collect() }
    };
    let num = [written("SimpleImputer", &[]), written("StandardScaler", &[])];
    let cat = [
        written("SimpleImputer", &[("strategy", "most_frequent")]),
        written("OneHotEncoder", &[("handle_unknown", "ignore")]),
    ];
    let mut group = |name: &str, kinds: &[Kind], steps: &[Written]| Group {
        name: Some(name.to_owned()),
        selector: Selector::Chosen { kinds: kinds.to_vec(), names: Vec::new(), except: Vec::new() },
        steps: chain(steps, &format!("preprocess__{name}"), made),
        span: span.clone(),
    };
    vec![group("num", &[Kind::Number, Kind::Bool], &num), group("cat", &[Kind::Category], &cat)]
}

fn selector(columns: &spec::Selector) -> Selector {
    let names = |list: &[Text]| list.iter().map(|name| name.value.clone()).collect();
    Selector::Chosen {
        kinds: columns.kinds.clone(),
        names: names(&columns.names),
        except: names(&columns.except),
    }
}

/// Steps of one list, named as `make_pipeline` names them: repeated classes are numbered.
fn chain(steps: &[Written], address: &str, made: &mut Made) -> Vec<StepNode> {
    let mut nodes = Vec::new();
    for (i, written) in steps.iter().enumerate() {
        let same = |other: &&Written| other.name == written.name;
        let name = written.name.to_lowercase();
        let name = match steps.iter().filter(same).count() {
            1 => name,
            _ => format!("{name}-{}", steps[..=i].iter().filter(same).count()),
        };
        let address = format!("{address}__{name}");
        match lookup::step(written, made.problems) {
            Some(step) => {
                nodes.push(StepNode { address, name, step: step.into(), span: written.span.clone() });
            }
            None => made.unmade.push(address),
        }
    }
    nodes
}

/// The splitter and why it is this one; `None` when a problem was found.
fn splitter(
    cv: &Cv,
    model: Option<&dyn AnyModel>,
    problems: &mut Vec<Diagnostic>,
) -> Option<(Option<Box<dyn AnySplitter>>, String)> {
    match cv {
        Cv::Off(_) => Some((None, "`cv: null` only refits".to_owned())),
        Cv::Splitter(written) => {
            let splitter = lookup::splitter(written, problems)?;
            if let Some(model) = model
                && splitter.stratifies()
                && model.task() == Task::Regression
            {
                let message =
                    format!("`{}` needs classes, and `{}` is a regression", splitter.name(), model.name());
                problems.push(Code::Conflict.error(message).at(&written.span).help("use `KFold`"));
                return None;
            }
            let reason = format!("{} as written", splitter.name());
            Some((Some(splitter), reason))
        }
        Cv::Folds { folds, span } => {
            let model = model?;
            let class = if model.task() == Task::Classification { "StratifiedKFold" } else { "KFold" };
            let mut splitter = crate::splitters::named(class)?.make();
            if let Err(fault) = splitter.set("n_splits", &Value::Int(*folds as i64)) {
                let problem =
                    Code::BadValue.error(fault.message).help("`cv` is a number of folds from 2, or null");
                problems.push(span.as_ref().map_or(problem.clone(), |span| problem.at(span)));
                return None;
            }
            let what = if model.task() == Task::Classification { "a classifier" } else { "a regression" };
            let reason = format!("{class} unshuffled, which is what `cv: {folds}` means for {what}");
            Some((Some(splitter), reason))
        }
    }
}

/// The metrics of `scoring`, or the task's default.
fn scoring(
    spec: &Spec,
    model: Option<&dyn AnyModel>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Vec<&'static Metric>> {
    let mut found = Vec::new();
    for name in &spec.scoring {
        match metrics::named(&name.value) {
            None => problems.push(unknown_metric(name)),
            Some(metric) => {
                if let Some(model) = model
                    && metric.task != model.task()
                {
                    let kind = |task| if task == Task::Regression { "regressions" } else { "classifiers" };
                    let message = format!(
                        "`{}` is for {}, and `{}` is none",
                        metric.name,
                        kind(metric.task),
                        model.name()
                    );
                    let help = format!("the default is `{}`", metrics::default_for(model.task()).name);
                    problems.push(Code::Conflict.error(message).at(&name.span).help(help));
                }
                found.push(metric);
            }
        }
    }
    if spec.scoring.is_empty() {
        found.push(metrics::default_for(model?.task()));
    }
    Some(found)
}

fn unknown_metric(name: &Text) -> Diagnostic {
    let shows = "`pipefit list metrics` shows all";
    if metrics::known_elsewhere(&name.value) {
        let message = format!("metric `{}` of scikit-learn is not in this version", name.shown());
        return Code::NotSupported.error(message).at(&name.span).help(shows);
    }
    let help = match suggest(&name.value, metrics::ALL.iter().map(|metric| metric.name)) {
        Some(near) => format!("did you mean `{near}`? {shows}"),
        None => shows.to_owned(),
    };
    Code::UnknownComponent.error(format!("unknown metric `{}`", name.shown())).at(&name.span).help(help)
}
