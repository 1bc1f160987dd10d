//! A graph meets a table: columns, target, weights and folds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use crate::clean::Lane;
use crate::contract::{Fold, Frame, Split, Task, Types};
use crate::diag::{Code, Diagnostic, Result};
use crate::graph::{ColumnName, Graph, Selector, types};
use crate::linalg::Matrix;
use crate::table::{Column, Data, Field, Kind, Levels, MISSING, Schema, Table, Target};

/// A graph with everything that the data decides.
pub struct Bound<'g> {
    /// The checked file.
    pub graph: &'g Graph,
    /// The feature columns.
    pub x: Data,
    /// The columns of each group of the graph, in order; a group whose selector matched nothing has
    /// none and is skipped.
    pub groups: Vec<Vec<String>>,
    /// The target of every row.
    pub y: Target,
    /// The sample weight of every row.
    pub weight: Option<Vec<f64>>,
    /// The folds; none for `cv: null`.
    pub folds: Vec<Fold>,
    /// What is worth knowing.
    pub warnings: Vec<Diagnostic>,
    /// What `clean` has done to the feature columns that it changed: new rows go the same way.
    pub lanes: Vec<Lane>,
    frame: OnceLock<Frame>,
}

impl Bound<'_> {
    /// The features of all rows, for whatever is fitted on rows or applied to them.
    ///
    /// # Errors
    /// Whatever reading them into memory meets, where they are not there.
    pub fn frame(&self) -> Result<&Frame> {
        if let Some(frame) = self.frame.get() {
            return Ok(frame);
        }
        let frame = Frame::of(self.x.table()?);
        Ok(self.frame.get_or_init(|| frame))
    }

    /// How many pipelines of the two-pass path are predicted in one walk: their predictions are then no more than the table.
    pub fn predicted_together(&self) -> usize {
        self.x.width().max(8)
    }
}

/// Binds a graph to a table of at least its columns.
///
/// # Errors
/// Everything about the data that makes learning impossible: a missing column or target, a column
/// without any value, one class only, weights that are none, folds that cannot be made.
pub fn bind<'g>(graph: &'g Graph, table: &Data) -> Result<Bound<'g>> {
    let mut warnings = Vec::new();
    let place = |column: &ColumnName| {
        table.schema().require(&column.name).map_err(|error| graph.veil.diagnostic(error.at(&column.span)))
    };
    let target = place(&graph.target)?;
    let weight = graph.weight.as_ref().map(place).transpose()?;
    let ids = graph.ids.iter().map(place).collect::<Result<Vec<_>>>()?;
    if table.rows() == 0 {
        let empty = Code::EmptyData.error("the table has no rows").at(&graph.source.span);
        return Err(empty.help("fill the key, with `pipefit data put`"));
    }
    if table.rows() == 1 {
        let help = "nothing can be learned from a single row; check what the key holds";
        return Err(Code::EmptyData.error("the table has one row").at(&graph.source.span).help(help));
    }
    if table.rows() > u32::MAX as usize {
        let message = format!("the table has {} rows, more than {}", table.rows(), u32::MAX);
        return Err(Code::UnreadableValue.error(message).help("learn from a part of them"));
    }
    let is_text = |j: &usize| table.schema().fields()[*j].kind == Kind::Text;
    let is_feature = |j: &usize| *j != target && Some(*j) != weight && !ids.contains(j) && !is_text(j);
    let features: Vec<usize> = (0..table.width()).filter(is_feature).collect();
    if features.is_empty() {
        let message = format!("the table has no features beside the target `{}`", graph.target.shown);
        return Err(Code::EmptyData
            .error(message)
            .at(&graph.source.span)
            .help("the data needs at least one column more"));
    }
    let x = table.select(&features);
    usable(&x).map_err(|error| error.at(&graph.source.span))?;
    refuse_text(graph, table)?;
    let groups = groups(graph, x.schema(), &mut warnings)?;
    refuse_datetimes(graph, &x, &groups)?;
    // Of these two every value is needed.
    let kept = table.select(&[target].into_iter().chain(weight).collect::<Vec<_>>());
    let number = |row: usize| table.row_number(row);
    let y = learnable(graph, kept.table()?, 0, &number)?;
    let weight = weight.map(|_| weights(&graph.weight, &kept.table()?.columns()[1], &number)).transpose()?;
    refuse_metrics(graph, &y)?;
    let folds = folds(graph, table.rows(), &y, &mut warnings)?;
    Ok(Bound { graph, x, groups, y, weight, folds, warnings, lanes: Vec::new(), frame: OnceLock::new() })
}

/// Refuses groups that name a column of text, which no step takes.
fn refuse_text(graph: &Graph, table: &Data) -> Result<()> {
    let fields = table.schema().fields();
    for group in &graph.pipeline.groups {
        let Selector::Chosen { names, .. } = &group.selector else { continue };
        let text =
            |name: &&String| fields.iter().any(|field| field.name == **name && field.kind == Kind::Text);
        if let Some(name) = names.iter().find(text) {
            let message = format!("column `{name}` is text, which no step takes");
            let help = format!("say `schema: {{{name}: category}}` if its texts are categories");
            return Err(Code::TypeMismatch.error(message).help(help).at(&group.span));
        }
    }
    Ok(())
}

/// Refuses steps and models that would take a datetime for a number: no cell shows what it is.
fn refuse_datetimes(graph: &Graph, x: &Data, groups: &[Vec<String>]) -> Result<()> {
    let fields = x.schema().fields();
    if fields.iter().all(|field| field.kind != Kind::Datetime) {
        return Ok(());
    }
    let kinds = |names: &Vec<String>| {
        let kinds = names.iter().filter_map(|name| Some(fields[x.schema().index(name)?].kind));
        Some(types::of_kinds(kinds))
    };
    let types: Vec<Option<Types>> = groups.iter().map(kinds).collect();
    let candidates = graph.search.iter().flat_map(|search| &search.candidates);
    let pipelines = [&graph.pipeline].into_iter().chain(candidates.map(|candidate| &candidate.pipeline));
    let problem =
        pipelines.into_iter().find_map(|pipeline| types::check(pipeline, &types).into_iter().next());
    problem.map_or(Ok(()), Err)
}

/// Refuses columns without a value, and infinite cells.
fn usable(x: &Data) -> Result<()> {
    for (field, facts) in x.schema().fields().iter().zip(x.facts()) {
        if facts.missing == x.rows() {
            let message = format!("column `{}` has no value in any of {} rows", field.name, x.rows());
            return Err(Code::EmptyColumn.error(message).help("leave it out with `source.columns`"));
        }
        if let Some((row, value)) = facts.infinite {
            let message = format!("column `{}` is {value} in row {}", field.name, x.row_number(row));
            return Err(Code::BadCell.error(message).help("replace infinite values, or make them missing"));
        }
    }
    Ok(())
}

/// The columns of every group of a graph among those of a schema; a group whose selector matches nothing has none.
///
/// # Errors
/// `MissingColumn` for a name that is not there, `EmptyData` where no group has any column.
pub fn groups(graph: &Graph, schema: &Schema, warnings: &mut Vec<Diagnostic>) -> Result<Vec<Vec<String>>> {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut groups = Vec::new();
    for group in &graph.pipeline.groups {
        let columns: Vec<String> = match &group.selector {
            Selector::All => schema.names().map(Into::into).collect(),
            Selector::Remainder => {
                schema.names().filter(|name| !taken.contains(*name)).map(Into::into).collect()
            }
            Selector::Chosen { kinds, names, except } => {
                for name in names.iter().chain(except) {
                    schema.require(name).map_err(|error| error.at(&group.span))?;
                }
                let except: BTreeSet<&String> = except.iter().collect();
                let fits = |field: &&Field| {
                    (kinds.is_empty() || kinds.contains(&field.kind)) && !except.contains(&field.name)
                };
                if names.is_empty() {
                    schema.fields().iter().filter(fits).map(|field| field.name.clone()).collect()
                } else {
                    // The order written is the order of the features, as in ColumnTransformer.
                    let fields = schema.fields();
                    let field = |name: &String| schema.index(name).map(|j| &fields[j]);
                    names.iter().filter_map(field).filter(fits).map(|field| field.name.clone()).collect()
                }
            }
        };
        if columns.is_empty() && !matches!(group.selector, Selector::Remainder) {
            let name = group.name.as_deref().unwrap_or("preprocess");
            let message = format!("group `{name}` matches no column and is skipped");
            warnings.push(Code::WarnSelector.warning(message).at(&group.span));
        }
        taken.extend(columns.iter().cloned());
        groups.push(columns);
    }
    if groups.iter().all(Vec::is_empty) {
        let message = "no column group matches any column of the data";
        return Err(Code::EmptyData
            .error(message)
            .at(&graph.pipeline.groups[0].span)
            .help("`pipefit data show KEY` lists the columns and their types"));
    }
    Ok(groups)
}

/// The target, if it can be learned by the graph's model.
fn learnable(graph: &Graph, table: &Table, j: usize, number: &dyn Fn(usize) -> usize) -> Result<Target> {
    let column = &table.columns()[j];
    let kind = table.schema().fields()[j].kind;
    let name = &graph.target.shown;
    let bad = |message: String| Code::BadTarget.error(message).at(&graph.target.span);
    if let Some(row) = first_missing(column) {
        let many = column.missing();
        let message =
            format!("target `{name}` is missing in row {} ({many} of {} rows)", number(row), table.rows());
        return Err(bad(message).help("drop these rows: `clean: [{dropna: {subset: [TARGET]}}]`"));
    }
    if kind == Kind::Datetime {
        let help = "name a column of numbers or classes, or say `schema: {NAME: category}`";
        return Err(bad(format!("target `{name}` is a datetime")).help(help.replace("NAME", name)));
    }
    match (graph.pipeline.model.model.task(), column) {
        (Task::Regression, Column::Codes { .. }) => {
            let model = graph.pipeline.model.model.name();
            let message = format!("target `{name}` is a category, and {model} is a regression");
            Err(bad(message).help("use a classifier, such as `LogisticRegression`"))
        }
        (Task::Regression, Column::Number(values)) => {
            if let Some(row) = values.iter().position(|v| v.is_infinite()) {
                let message = format!("target `{name}` is {} in row {}", values[row], number(row));
                return Err(bad(message).help("drop or replace these rows before they are read"));
            }
            if values.iter().all(|v| *v == values[0]) {
                let message = format!("target `{name}` is {} in every row", values[0]);
                return Err(bad(message).help("there is nothing to learn; name another column"));
            }
            Ok(Target::Values(Matrix::from_columns(values.len(), 1, values.to_vec())))
        }
        (Task::Classification, column) => {
            let chosen = graph
                .source
                .schema
                .iter()
                .any(|(own, kind)| own.name == graph.target.name && *kind == Kind::Category);
            if let Some((row, value)) = first_fraction(column).filter(|_| !chosen) {
                let message = format!("target `{name}` is {value} in row {}: not a class", number(row));
                let help = format!("use a regression, such as `Ridge`, or `schema: {{{name}: category}}`");
                return Err(bad(message).help(help));
            }
            let (codes, labels) = classes(column, kind);
            if labels.len() < 2 {
                let only = labels.label(0).unwrap_or_default();
                let message =
                    format!("target `{name}` is `{only}` in every row: a classifier needs two classes");
                return Err(bad(message).help("there is nothing to learn; name another column"));
            }
            Ok(Target::Classes { codes: codes.into(), labels: Arc::new(labels) })
        }
    }
}

/// The first row whose value is a number with a fraction, and that value.
fn first_fraction(column: &Column) -> Option<(usize, f64)> {
    let fraction = |value: &f64| value.fract() != 0.0;
    match column {
        Column::Number(values) => values.iter().copied().enumerate().find(|(_, value)| fraction(value)),
        Column::Codes { levels, .. } if !levels.numeric() => None,
        Column::Codes { codes, levels } => {
            let value = |label: &String| label.parse().ok().filter(fraction);
            let values: Vec<Option<f64>> = levels.labels().iter().map(value).collect();
            let of_row = |(row, code): (usize, &u32)| Some((row, (*values.get(*code as usize)?)?));
            codes.iter().enumerate().find_map(of_row)
        }
    }
}

fn first_missing(column: &Column) -> Option<usize> {
    match column {
        Column::Number(values) => values.iter().position(|v| v.is_nan()),
        Column::Codes { codes, .. } => codes.iter().position(|c| *c == MISSING),
    }
}

/// A column as classes: those that occur, sorted, and a code a row.
fn classes(column: &Column, kind: Kind) -> (Vec<u32>, Levels) {
    let label = |row: usize| match (column, kind) {
        (Column::Number(values), Kind::Bool) => if values[row] == 1.0 { "True" } else { "False" }.to_owned(),
        (Column::Number(values), _) => crate::table::label_of(values[row]),
        (Column::Codes { codes, levels }, _) => levels.label(codes[row]).unwrap_or_default().to_owned(),
    };
    // Codes of the column's own values first, since a label a row would be slow.
    let (keys, numeric): (Vec<u64>, bool) = match column {
        Column::Number(values) => {
            (values.iter().map(|v| (v + 0.0).to_bits()).collect(), kind == Kind::Number)
        }
        Column::Codes { codes, levels } => (codes.iter().map(|c| u64::from(*c)).collect(), levels.numeric()),
    };
    let mut firsts: BTreeMap<u64, usize> = BTreeMap::new();
    for (row, key) in keys.iter().enumerate() {
        firsts.entry(*key).or_insert(row);
    }
    let labels = Levels::new(firsts.values().map(|row| label(*row)).collect(), numeric);
    let code_of = |row: usize| labels.code(&label(row)).unwrap_or(MISSING);
    let codes: BTreeMap<u64, u32> = firsts.iter().map(|(key, row)| (*key, code_of(*row))).collect();
    (keys.iter().map(|key| codes[key]).collect(), labels)
}

/// Weights that can be used.
fn weights(name: &Option<ColumnName>, column: &Column, number: &dyn Fn(usize) -> usize) -> Result<Vec<f64>> {
    let column_name = name.as_ref().map_or("", |column| &column.name);
    let bad = |message: String| {
        let error = Code::BadWeight.error(message);
        name.as_ref().map_or(error.clone(), |column| error.at(&column.span))
    };
    let Column::Number(values) = column else {
        return Err(bad(format!("weight column `{column_name}` is a category, not numbers"))
            .help("`pipefit data show KEY` lists the columns with their types"));
    };
    if let Some(row) = values.iter().position(|v| !v.is_finite() || *v < 0.0) {
        return Err(bad(format!("weight `{column_name}` is {} in row {}", values[row], number(row)))
            .help("weights are finite numbers that are not negative"));
    }
    if values.iter().all(|v| *v == 0.0) {
        return Err(bad(format!("weight `{column_name}` is 0 in every row"))
            .help("some row must count; leave out `roles.weight` if all count the same"));
    }
    Ok(values.to_vec())
}

/// Refuses metrics that these classes do not have: the first at its place, with the others named.
fn refuse_metrics(graph: &Graph, y: &Target) -> Result<()> {
    let Target::Classes { labels, .. } = y else { return Ok(()) };
    let mut refused = Vec::new();
    for (metric, span) in graph.scoring.iter().zip(&graph.scoring_spans) {
        refused.extend(crate::metrics::refuses(metric, labels).map(|error| (metric.name, error.at(span))));
    }
    let mut refused = refused.into_iter();
    let Some((_, first)) = refused.next() else { return Ok(()) };
    let others: Vec<_> = refused.map(|(name, _)| format!("`{name}`")).collect();
    if others.is_empty() {
        return Err(first);
    }
    let help = first.advice().unwrap_or("use another metric");
    let help = format!("{help}; the same holds for {}", others.join(", "));
    Err(first.help(help))
}

fn folds(graph: &Graph, rows: usize, y: &Target, warnings: &mut Vec<Diagnostic>) -> Result<Vec<Fold>> {
    let Some(splitter) = &graph.splitter else { return Ok(Vec::new()) };
    let classes = match y {
        Target::Classes { codes, .. } => Some(&**codes),
        Target::Values(_) => None,
    };
    let span = graph.cv_span.as_ref().unwrap_or(&graph.source.span);
    let split = splitter.split(&Split { rows, classes, seed: graph.seed });
    let (folds, more) = split.map_err(|error| error.or_at(span))?;
    warnings.extend(more.into_iter().map(|warning| warning.or_at(span)));
    Ok(folds)
}
