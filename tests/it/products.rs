//! Steps that multiply features, from the moments of products of columns: the same numbers as from the rows. What a sum of
//! columns does not tell is asked of the rows.

use std::path::PathBuf;

use pipefit::contract::Prediction;
use pipefit::diag::Silent;
use pipefit::graph::{self, Graph};
use pipefit::plan::{self, Bound, Path, Plan};
use pipefit::run::{self, Outcome};
use pipefit::table::{Column, Data, Field, Kind, Levels, MISSING, Schema, Table};

use crate::command::tell;
use crate::easy::noise;

/// More than two parts of a unit.
const ROWS: usize = 20_000;

/// The standard deviation of the target is more than this.
const SPREAD: f64 = 1.4;

/// Numbers of several kinds, a category, a number with holes, a weight and a target.
fn table() -> Data {
    let number =
        |value: &dyn Fn(usize) -> f64| Column::Number((0..ROWS).map(value).collect::<Vec<_>>().into());
    let a = |i: usize| noise(i, 0) + noise(i, 1) + 0.3;
    let b = |i: usize| 40.0 * (noise(i, 2) + noise(i, 3)) - 25.0;
    let skewed = |i: usize| (2.0 * noise(i, 4)).exp();
    let binary = |i: usize| f64::from(noise(i, 5) > 0.4);
    let far = |i: usize| 5e3 + 5.0 * noise(i, 6);
    let holes = |i: usize| if noise(i, 7) > 0.9 { f64::NAN } else { noise(i, 8) };
    let level = |i: usize| if noise(i, 9) > 0.95 { MISSING } else { (3.0 * noise(i, 10).abs()) as u32 };
    let target = |i: usize| {
        let (a, b, far) = (a(i), b(i) / 40.0, far(i) - 5e3);
        a - a * a
            + 2.0 * a * b
            + 0.3 * skewed(i)
            + binary(i) * b
            + 0.1 * far * a
            + f64::from(level(i) == 1)
            + noise(i, 11)
    };
    let mut columns: Vec<(&str, Column)> = vec![
        ("a", number(&a)),
        ("b", number(&b)),
        ("skewed", number(&skewed)),
        ("binary", number(&binary)),
        ("far", number(&far)),
        ("constant", number(&|_| 0.1)),
        ("holes", number(&holes)),
        ("more", number(&|i| noise(i, 12))),
        ("other", number(&|i| noise(i, 13) + noise(i, 14))),
        ("third", number(&|i| 1e-9 * (noise(i, 15) + noise(i, 16)))),
        ("w", number(&|i| f64::from(i as u32 % 4))),
    ];
    columns.push(("y", number(&target)));
    let labels = Levels::new(["p", "q", "r"].map(Into::into).to_vec(), false);
    let codes: Vec<u32> = (0..ROWS).map(level).collect();
    columns.push(("town", Column::Codes { codes: codes.into(), levels: labels.into() }));
    let kind = |name: &str| if name == "town" { Kind::Category } else { Kind::Number };
    let fields = columns.iter().map(|(name, _)| Field { name: (*name).to_owned(), kind: kind(name) });
    let schema = Schema::new(fields.collect());
    Table::new(schema, columns.into_iter().map(|(_, column)| column).collect()).unwrap().into()
}

/// The graph of a pipeline over some of the columns.
fn graph(columns: &str, rest: &str) -> Graph {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("products.yaml");
    let head = "version: 1\nname: products\ntarget: y\n";
    std::fs::write(&file, format!("{head}source: {{key: table, columns: [{columns}, y]}}\n{rest}\n"))
        .unwrap();
    let (graph, problems) = graph::read(&file, &[]);
    graph.unwrap_or_else(|| panic!("{rest}: {problems:?}"))
}

/// Runs a pipeline as planned or on a forced path.
fn run<T>(
    columns: &str,
    rest: &str,
    path: Option<Path>,
    tell: impl FnOnce(&Bound, &Plan, Outcome) -> T,
) -> T {
    let graph = graph(columns, rest);
    let all = table();
    let places: Vec<usize> =
        columns.split(", ").chain(["y"]).map(|name| all.schema().index(name).unwrap()).collect();
    let table = all.select(&places);
    let bound = plan::bind(&graph, &table).unwrap();
    let pipefit::table::Target::Values(y) = &bound.y else { panic!("numbers") };
    let mean = y.values().iter().sum::<f64>() / ROWS as f64;
    let variance = y.values().iter().map(|y| (y - mean).powi(2)).sum::<f64>() / ROWS as f64;
    assert!(variance.sqrt() > SPREAD, "{variance}");
    let plan = plan::plan(&bound, path).unwrap();
    let (outcome, _) = run::run(&bound, &plan, &Silent).unwrap_or_else(|error| panic!("{rest}: {error}"));
    tell(&bound, &plan, outcome)
}

/// Every number of an outcome, each with the scale on which it can be told from another.
fn numbers(outcome: &Outcome) -> Vec<(String, f64, f64)> {
    let mut all = Vec::new();
    for scores in &outcome.scores {
        all.extend(scores.folds.iter().map(|score| (scores.metric.name.to_owned(), *score, 1.0)));
    }
    let folds = outcome.folds.iter().map(|fold| &fold.facts).chain([&outcome.facts]);
    for (k, facts) in folds.enumerate() {
        let coef = facts.coef.iter().flat_map(|coef| coef.values());
        all.extend(coef.enumerate().map(|(j, value)| (format!("fold {k}, coefficient {j}"), *value, 1.0)));
        all.extend(
            facts.intercept.iter().flatten().map(|value| (format!("fold {k}, intercept"), *value, SPREAD)),
        );
    }
    for (k, fold) in outcome.folds.iter().enumerate() {
        if let Prediction::Values(values) = &fold.prediction {
            all.extend(values.values().iter().map(|value| (format!("fold {k}, prediction"), *value, SPREAD)));
        }
    }
    if let Some(search) = &outcome.search {
        let all_scores =
            search.tried.iter().enumerate().flat_map(|(i, tried)| tried.folds.iter().map(move |s| (i, *s)));
        all.extend(all_scores.map(|(i, score)| (format!("candidate {i}"), score.unwrap(), 1.0)));
    }
    all
}

/// Columns and pipelines, and whether the moments of products are enough for the refit.
const PIPELINES: &[(&str, &str, bool)] = &[
    ("a, b", "preprocess: [PolynomialFeatures]\nmodel: {Ridge: {alpha: 3}}\ncv: 5", true),
    (
        "a, b, skewed, binary",
        "preprocess: [StandardScaler, PolynomialFeatures]\nmodel: Ridge\ncv: {KFold: {n_splits: 4, shuffle: true}}",
        true,
    ),
    (
        "a, b, far",
        "preprocess: [StandardScaler, {PolynomialFeatures: {degree: 3, interaction_only: true}}, StandardScaler]\n\
         model: {Lasso: {alpha: 0.01, tol: 1e-14}}\ncv: 3",
        true,
    ),
    // So many features that QR of the rows would cost more than is worth its digits.
    (
        "a, b, far, more, other, third",
        "preprocess: [RobustScaler, {PolynomialFeatures: {degree: 3}}]\nmodel: LinearRegression\ncv: 5",
        true,
    ),
    (
        "a, b",
        "preprocess: [MinMaxScaler, {PolynomialFeatures: {degree: [2, 3]}}]\nmodel: {Ridge: {alpha: 0.1}}\ncv: 3",
        true,
    ),
    (
        "a, b, constant",
        "preprocess: [MaxAbsScaler, SimpleImputer, PolynomialFeatures]\nmodel: Ridge\ncv: 4",
        true,
    ),
    (
        "a, b, skewed, holes, town",
        "preprocess:\n  \
         poly: {columns: [a, b], steps: [StandardScaler, {PolynomialFeatures: {include_bias: false}}, StandardScaler]}\n  \
         more: {columns: [b, skewed], steps: [PolynomialFeatures]}\n  \
         num: {columns: [holes], steps: [SimpleImputer]}\n  \
         cat: {columns: [town], steps: [OneHotEncoder]}\nmodel: {Ridge: {alpha: 5}}\ncv: 3",
        true,
    ),
    (
        "a, b, w",
        "preprocess: [StandardScaler, PolynomialFeatures]\nroles: {weight: w}\nmodel: Ridge\ncv: 3",
        true,
    ),
    (
        "a, b, skewed",
        "preprocess: [StandardScaler, PolynomialFeatures]\n\
         select: [{SelectKBest: {score_func: f_regression, k: 5}}]\nmodel: Ridge\ncv: 3",
        true,
    ),
    (
        "a, b, skewed",
        "preprocess: [StandardScaler, PolynomialFeatures, {PCA: {n_components: 3}}]\nmodel: Ridge\ncv: 3",
        true,
    ),
    ("a, b", "preprocess: [StandardScaler, PolynomialFeatures]\nmodel: Ridge\ncv: null", true),
    (
        "a, b, far",
        "preprocess: [StandardScaler, PolynomialFeatures]\nmodel: Ridge\ncv: 3\n\
         search: {GridSearchCV: {param_grid: {preprocess__polynomialfeatures__degree: [1, 2, 3], model__alpha: [0.1, 10]}}}",
        true,
    ),
    (
        "a, b",
        "preprocess: [StandardScaler, {PolynomialFeatures: {degree: 9}}]\nmodel: {Ridge: {alpha: 1e-3}}\ncv: 3",
        true,
    ),
    // What moments cannot tell goes to the rows.
    ("a, b, skewed", "preprocess: [{PCA: {n_components: 2}}, MinMaxScaler]\nmodel: Ridge\ncv: 3", false),
    (
        "a, skewed",
        "preprocess: [{PolynomialFeatures: {degree: 6}}]\nmodel: {Ridge: {alpha: 1e-3}}\ncv: 3",
        false,
    ),
];

#[test]
fn both_paths_give_the_same_numbers() {
    let (mut compared, mut worst) = (0, (0.0, String::new()));
    for &(columns, rest, enough) in PIPELINES {
        let fast = run(columns, rest, None, |_, plan, outcome| {
            assert_eq!(plan.path, Path::TwoPass, "{rest}: {}", plan.reason);
            assert_eq!(outcome.rows_reason.is_none(), enough, "{rest}: {:?}", outcome.rows_reason);
            outcome
        });
        let slow = run(columns, rest, Some(Path::General), |_, _, outcome| outcome);
        assert_eq!(fast.fitted.names, slow.fitted.names, "{rest}");
        let (fast, slow) = (numbers(&fast), numbers(&slow));
        assert_eq!(fast.len(), slow.len(), "{rest}");
        for ((what, a, scale), (_, b, _)) in fast.iter().zip(&slow) {
            let apart = (a - b).abs() / (1e-9 * a.abs().max(b.abs()) + 1e-11 * scale);
            if apart > worst.0 {
                worst = (apart, format!("{rest}: {what}: {a} and {b}"));
            }
            assert!(apart <= 1.0, "{rest}\n{columns}: {what}: {a} and {b}, {apart:.1e} of what is allowed");
            compared += 1;
        }
    }
    tell(&format!("{compared} numbers; worst {:.1e} of what is allowed: {}", worst.0, worst.1));
}

#[test]
fn threads_change_no_bit() {
    let (columns, rest, _) = PIPELINES[1];
    let rest = rest.replace("PolynomialFeatures", "{PolynomialFeatures: {degree: 4}}");
    let of = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(columns, &rest, None, |_, plan, outcome| (plan.parallel, numbers(&outcome))))
    };
    let bits = |(_, numbers): &(bool, Vec<(String, f64, f64)>)| {
        numbers.iter().map(|(_, x, _)| x.to_bits()).collect::<Vec<_>>()
    };
    let one = of(1);
    assert!(one.0, "the work is large enough for threads");
    for threads in [2, 8] {
        assert_eq!(bits(&of(threads)), bits(&one), "{threads} threads");
    }
}

#[test]
fn what_needs_the_values_of_products_sees_rows() {
    for (steps, reason) in [
        ("StandardScaler, PolynomialFeatures, MinMaxScaler", "minmaxscaler needs the extremes of products"),
        (
            "StandardScaler, PolynomialFeatures, RobustScaler",
            "robustscaler needs the sorted values of products",
        ),
        (
            "StandardScaler, PolynomialFeatures, VarianceThreshold",
            "variancethreshold needs the extremes of products",
        ),
        (
            "PolynomialFeatures, PolynomialFeatures",
            "polynomialfeatures-2 multiplies features that are products already",
        ),
        ("{PCA: {n_components: 2}}, PolynomialFeatures", "polynomialfeatures multiplies features"),
        ("{SelectKBest: {k: 1}}, PolynomialFeatures", "polynomialfeatures multiplies features"),
        (
            "{MinMaxScaler: {clip: true}}, PolynomialFeatures",
            "minmaxscaler clips values, which is no linear map",
        ),
        ("{PolynomialFeatures: {degree: [8, 8], interaction_only: true}}", "makes 2 of 255 products"),
        ("{PolynomialFeatures: {degree: 9}}", "the moments of all columns, levels, products"),
    ] {
        let columns =
            if steps.contains("degree") { "a, b, skewed, binary, far, constant, w, more" } else { "a, b" };
        let graph = graph(columns, &format!("preprocess: [{steps}]\nmodel: Ridge\ncv: 5"));
        let all = table();
        let places: Vec<usize> =
            columns.split(", ").chain(["y"]).map(|name| all.schema().index(name).unwrap()).collect();
        let bound = plan::bind(&graph, &all.select(&places)).unwrap();
        let plan = plan::plan(&bound, None).unwrap();
        assert_eq!(plan.path, Path::General, "{steps}");
        tell(&format!("{steps}: {}", plan.reason));
        assert!(plan.reason.contains(reason), "{steps}: {}", plan.reason);
    }
}
