//! Models that cut their training rows again give the same from moments as from rows, on any number of threads.

use pipefit::contract::{Facts, Prediction};
use pipefit::diag::Silent;
use pipefit::graph;
use pipefit::plan::{self, Path, Plan};
use pipefit::run::{self, Outcome};
use pipefit::table::{Column, Data, Field, Kind, Levels, MISSING, Schema, Table};

/// A number in [-0.5, 0.5), without a pattern.
fn noise(i: usize, j: usize) -> f64 {
    let x = (i as u64 + 7).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (j as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03);
    let x = (x ^ x >> 31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((x ^ x >> 29) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
}

/// Numbers of different scales, one in two with holes, a category with holes, a weight and a target.
fn table(rows: usize, numbers: usize) -> Data {
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    let scale = |j: usize| [1.0, 40.0, 0.02, 3.0][j % 4];
    for j in 0..numbers {
        let hole = |i: usize| j % 2 == 1 && noise(i, 100 + j) > 0.45;
        let value = |i: usize| (noise(i, j) + 0.3 * noise(i, 99) + j as f64 - 2.0) * scale(j);
        let values: Vec<f64> = (0..rows).map(|i| if hole(i) { f64::NAN } else { value(i) }).collect();
        fields.push(Field { name: format!("x{j}"), kind: Kind::Number });
        columns.push(Column::Number(values.into()));
    }
    let code = |i: usize| match (noise(i, 300) + 0.5) * 5.0 {
        code if code < 4.0 => code as u32,
        _ => MISSING,
    };
    let levels = Levels::new(["Bonn", "Cork", "Oslo", "Rome"].map(str::to_owned).to_vec(), false);
    let codes: Vec<u32> = (0..rows).map(code).collect();
    let y = |i: usize| {
        2.0 * noise(i, 0) - noise(i, 1)
            + 0.3 * f64::from(code(i) % 3)
            + noise(i, 400)
            + 0.2 * noise(i, 99)
            + 7.0
    };
    let own = [
        ("town", Kind::Category, Column::Codes { codes: codes.into(), levels: levels.into() }),
        ("w", Kind::Number, Column::Number((0..rows).map(|i| noise(i, 500) + 0.75).collect())),
        ("y", Kind::Number, Column::Number((0..rows).map(y).collect())),
    ];
    for (name, kind, column) in own {
        fields.push(Field { name: name.to_owned(), kind });
        columns.push(column);
    }
    Data::from(Table::new(Schema::new(fields), columns).unwrap())
}

const HEAD: &str = "version: 1\nname: inner\nsource: {key: table}\ntarget: y\n";
const STEPS: &str = "preprocess:\n  \
    num: {columns: {type: number}, steps: [SimpleImputer, StandardScaler]}\n  \
    cat: {columns: {type: category}, steps: [OneHotEncoder]}\n";

fn outcome(pipeline: &str, data: &Data, path: Option<Path>) -> (Plan, Outcome) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inner.yaml");
    std::fs::write(&file, format!("{HEAD}{STEPS}{pipeline}\n")).unwrap();
    let (graph, problems) = graph::read(&file, &[]);
    let graph = graph.unwrap_or_else(|| panic!("{pipeline}: {problems:?}"));
    let bound = plan::bind(&graph, data).unwrap();
    let plan = plan::plan(&bound, path).unwrap();
    let (outcome, _) = run::run(&bound, &plan, &Silent).unwrap_or_else(|error| panic!("{pipeline}: {error}"));
    (plan, outcome)
}

fn agree(what: &str, a: f64, b: f64, scale: f64) {
    let apart = (a - b).abs() / (1e-9 * a.abs().max(b.abs()) + 1e-11 * scale);
    assert!(a == b || apart <= 1.0, "{what}: {a} {b}, {apart:.1e} of what is allowed");
}

/// All numbers that a model tells of, `alpha`, `alphas`, `mse_path` and `best_score` among them.
fn told(facts: &Facts) -> Vec<(String, f64)> {
    fn numbers(name: &str, value: &serde_json::Value, into: &mut Vec<(String, f64)>) {
        match value {
            serde_json::Value::Array(all) => all.iter().for_each(|value| numbers(name, value, into)),
            value => into.extend(value.as_f64().map(|number| (name.to_owned(), number))),
        }
    }
    let mut all = Vec::new();
    // What says how the optimum was reached, not where it is.
    let more = facts.more.iter().filter(|(name, _)| !matches!(*name, "n_iter" | "dual_gap" | "condition"));
    more.for_each(|(name, value)| numbers(name, value, &mut all));
    all
}

fn same_facts(what: &str, a: &Facts, b: &Facts) {
    let (mine, theirs) = (told(a), told(b));
    assert_eq!(mine.len(), theirs.len(), "{what}");
    assert!(mine.iter().any(|(name, _)| name == "alpha"), "{what}: {mine:?}");
    for ((name, a), (_, b)) in mine.iter().zip(&theirs) {
        agree(&format!("{what}: {name}"), *a, *b, 1.0);
    }
    // The scales of sd(y) / sd(x_j): the features are of unit scale, or indicators.
    let (mine, theirs) = (a.coef.as_ref().unwrap(), b.coef.as_ref().unwrap());
    assert!(mine.values().iter().any(|coef| *coef != 0.0));
    mine.values().iter().zip(theirs.values()).for_each(|(a, b)| agree(what, *a, *b, 1.0));
    let intercepts = a.intercept.as_ref().unwrap().iter().zip(b.intercept.as_ref().unwrap());
    intercepts.for_each(|(a, b)| agree(what, *a, *b, 1.0));
}

/// Runs a pipeline on both paths.
fn both(pipeline: &str, data: &Data) {
    let (plan, ours) = outcome(pipeline, data, None);
    let (_, theirs) = outcome(pipeline, data, Some(Path::General));
    assert_eq!(plan.path, Path::TwoPass, "{pipeline}: {}", plan.reason);
    assert_eq!(ours.rows_reason, None, "{pipeline}");
    assert_eq!(ours.fitted.names, theirs.fitted.names);
    same_facts(pipeline, &ours.facts, &theirs.facts);
    assert_eq!(ours.folds.len(), theirs.folds.len());
    for (k, (ours, theirs)) in ours.folds.iter().zip(&theirs.folds).enumerate() {
        same_facts(&format!("{pipeline}, fold {k}"), &ours.facts, &theirs.facts);
        let (Prediction::Values(a), Prediction::Values(b)) = (&ours.prediction, &theirs.prediction) else {
            panic!("values")
        };
        a.values().iter().zip(b.values()).for_each(|(a, b)| agree(pipeline, *a, *b, 1.0));
        ours.scores.iter().zip(&theirs.scores).for_each(|(a, b)| agree(pipeline, *a, *b, 1.0));
    }
}

const MODELS: [&str; 11] = [
    "{LassoCV: {alphas: 20}}",
    "{LassoCV: {alphas: 20, cv: {KFold: {n_splits: 3, shuffle: true, random_state: 5}}}}",
    "{ElasticNetCV: {alphas: 10, l1_ratio: [0.3, 0.9], cv: 4}}",
    "{LassoCV: {alphas: [0.01, 0.1], cv: 3, fit_intercept: false, positive: true}}",
    "{RidgeCV: {cv: 5}}",
    "{RidgeCV: {alphas: [0.01, 1, 100, 1e4], cv: {KFold: {n_splits: 3, shuffle: true, random_state: 5}}, \
     scoring: neg_mean_squared_error}}",
    "{RidgeCV: {cv: 3, fit_intercept: false, scoring: neg_root_mean_squared_error}}",
    "RidgeCV",
    "{RidgeCV: {alphas: [0.01, 1, 100, 1e4], fit_intercept: false, scoring: neg_mean_squared_error}}",
    "{RidgeCV: {alphas: [0.1, 10], scoring: r2}}",
    "{RidgeCV: {alphas: 5, scoring: neg_root_mean_squared_error}}",
];

#[test]
fn both_paths_agree_however_the_folds_are_cut() {
    let data = table(1500, 6);
    for model in MODELS {
        for outer in ["4", "{KFold: {n_splits: 4, shuffle: true}}", "null"] {
            both(&format!("roles: {{id: [w]}}\nmodel: {model}\ncv: {outer}"), &data);
        }
        both(&format!("roles: {{weight: w}}\nmodel: {model}\ncv: 3"), &data);
    }
}

#[test]
fn both_paths_agree_in_a_search() {
    let data = table(900, 4);
    let searches = [
        "model: {LassoCV: {alphas: 10, cv: 3}}\ncv: 3\n\
         search: {GridSearchCV: {param_grid: {model__eps: [0.1, 0.01], preprocess__num__simpleimputer__strategy: [mean, median]}}}",
        "model: {LassoCV: {alphas: 10}}\ncv: {KFold: {n_splits: 3, shuffle: true}}\n\
         search: {GridSearchCV: {param_grid: {model__cv: [2, 4, {KFold: {n_splits: 3, shuffle: true, random_state: 2}}]}}}",
        "model: Ridge\ncv: 3\nsearch: {GridSearchCV: {param_grid: \
         [{model__alpha: [1, 10]}, {model: [{LassoCV: {alphas: 10, cv: 2}}, {RidgeCV: {cv: 3}}, {LassoCV: {alphas: 5, cv: 2}}]}]}}",
    ];
    for search in searches {
        let pipeline = format!("roles: {{weight: w}}\n{search}");
        let (plan, ours) = outcome(&pipeline, &data, None);
        assert_eq!(plan.path, Path::TwoPass, "{}", plan.reason);
        let (_, theirs) = outcome(&pipeline, &data, Some(Path::General));
        let (ours, theirs) = (ours.search.unwrap(), theirs.search.unwrap());
        assert_eq!(ours.best, theirs.best, "{pipeline}");
        for (ours, theirs) in ours.tried.iter().zip(&theirs.tried) {
            for (a, b) in ours.folds.iter().zip(&theirs.folds) {
                agree(&pipeline, a.unwrap(), b.unwrap(), 1.0);
            }
        }
    }
}

/// More than one unit of rows, and cells that end within units and blocks.
#[test]
fn equal_bits_on_any_number_of_threads() {
    let data = table(150_000, 4);
    for (model, outer, passes) in [
        ("{LassoCV: {alphas: 5, cv: 3}}", "{KFold: {n_splits: 2, shuffle: true}}", 2),
        ("{LassoCV: {alphas: 5, cv: {KFold: {n_splits: 3, shuffle: true, random_state: 0}}}}", "3", 2),
        ("{RidgeCV: {cv: 4}}", "2", 2),
        ("RidgeCV", "3", 3),
    ] {
        let pipeline = format!("roles: {{weight: w}}\nmodel: {model}\ncv: {outer}");
        let bits = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (plan, outcome) = pool.install(|| outcome(&pipeline, &data, None));
            assert_eq!((plan.path, plan.passes), (Path::TwoPass, passes), "{pipeline}");
            let facts = outcome.folds.iter().map(|fold| &fold.facts).chain([&outcome.facts]);
            let coef = facts.flat_map(|facts| facts.coef.as_ref().unwrap().values().to_vec());
            let scores = outcome.folds.iter().flat_map(|fold| fold.scores.clone());
            coef.chain(scores).map(f64::to_bits).collect::<Vec<_>>()
        };
        let one = bits(1);
        assert!(one == bits(2) && one == bits(8), "{pipeline}");
    }
}

#[test]
fn what_needs_rows_says_so() {
    let data = table(300, 3);
    for (model, why) in [
        ("{RidgeCV: {scoring: neg_mean_absolute_error}}", "their errors' squares do not tell"),
        ("{RidgeCV: {cv: 3, scoring: neg_mean_absolute_error}}", "a metric that moments do not tell"),
    ] {
        let (plan, _) = outcome(&format!("roles: {{id: [w]}}\nmodel: {model}\ncv: 3"), &data, None);
        assert_eq!(plan.path, Path::General);
        assert!(plan.reason.contains(why), "{}", plan.reason);
    }
    let (plan, _) = outcome("roles: {id: [w]}\nmodel: LassoCV\ncv: 3", &data, None);
    assert_eq!(plan.passes, 2);
    // Without folds nothing is predicted; and predictions take no more memory than the table.
    assert_eq!(outcome("roles: {id: [w]}\nmodel: LassoCV\ncv: null", &data, None).0.passes, 1);
    let search = "search: {GridSearchCV: {param_grid: {model__alpha: {linspace: [1, 20, 20]}}}}";
    let file = format!("roles: {{id: [w]}}\nmodel: Ridge\ncv: 3\n{search}");
    assert_eq!(outcome(&file, &data, None).0.passes, 4);
    let model = plan.steps.last().unwrap();
    assert!(model.path == Path::TwoPass && model.reason.contains("inner folds"), "{}", model.reason);
}
