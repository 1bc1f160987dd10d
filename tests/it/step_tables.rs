//! Every step in some variants, and tables of all types to try them on.

use std::sync::Arc;

use pipefit::contract::erased::{AnyStep, StepKind};
use pipefit::contract::{Block, Frame, Types, Value};
use pipefit::steps;
use pipefit::table::{Levels, MISSING};

/// The rows of every table.
pub const ROWS: usize = 24;

/// A step with parameters set.
pub struct Variant {
    pub kind: &'static dyn StepKind,
    pub step: Box<dyn AnyStep>,
    pub told: String,
}

/// Every step with its defaults, and with parameters that change what it does.
pub fn variants() -> Vec<Variant> {
    let mut variants = Vec::new();
    for kind in steps::ALL {
        let name = kind.name();
        // A step needs no entry in these: its defaults and its switches are tried anyway.
        let more = of_column_steps(name).or_else(|| of_table_steps(name)).unwrap_or_else(|| switches(*kind));
        for params in [Vec::new()].into_iter().chain(more) {
            let mut step = kind.make();
            for (name, value) in &params {
                assert_eq!(step.set(name, value), Ok(true), "{}: {name}", kind.name());
            }
            assert_eq!(step.check(), [], "{} {params:?}", kind.name());
            variants.push(Variant { kind: *kind, step, told: format!("{} {params:?}", kind.name()) });
        }
    }
    variants
}

/// Sets of parameters.
type Settings = Vec<Vec<(&'static str, Value)>>;

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn yes() -> Value {
    Value::Bool(true)
}

/// For steps that treat each column by itself.
fn of_column_steps(name: &str) -> Option<Settings> {
    Some(match name {
        "SimpleImputer" => ["mean", "median", "most_frequent", "constant"]
            .into_iter()
            .flat_map(|strategy| {
                let own = || vec![("strategy", text(strategy)), ("add_indicator", yes())];
                let kept = own().into_iter().chain([("keep_empty_features", yes())]).collect();
                [own(), kept]
            })
            .collect(),
        "StandardScaler" => {
            vec![vec![("with_mean", Value::Bool(false))], vec![("with_std", Value::Bool(false))]]
        }
        "MinMaxScaler" => {
            let range = Value::List(vec![Value::Float(-1.0), Value::Int(3)]);
            vec![vec![("feature_range", range)], vec![("clip", yes())]]
        }
        "RobustScaler" => {
            let range = Value::List(vec![Value::Int(10), Value::Float(72.5)]);
            vec![
                vec![("with_centering", Value::Bool(false))],
                vec![("with_scaling", Value::Bool(false))],
                vec![("quantile_range", range), ("unit_variance", yes())],
            ]
        }
        _ => return None,
    })
}

/// For steps that look at several columns, or make several of one.
fn of_table_steps(name: &str) -> Option<Settings> {
    Some(match name {
        "PCA" => {
            let own = |value: Value| vec![("n_components", value)];
            let two = own(Value::Int(2)).into_iter().chain([("whiten", yes())]).collect();
            vec![two, own(Value::Float(0.999)), own(text("mle"))]
        }
        "PolynomialFeatures" => {
            let degrees = Value::List(vec![Value::Int(2), Value::Int(3)]);
            let bare = ("include_bias", Value::Bool(false));
            vec![
                vec![("degree", degrees), bare.clone()],
                vec![("degree", Value::Int(3)), ("interaction_only", yes()), bare],
            ]
        }
        "OneHotEncoder" => ["first", "if_binary"]
            .into_iter()
            .map(|drop| vec![("drop", text(drop))])
            .chain([vec![("handle_unknown", text("ignore"))]])
            .collect(),
        "OrdinalEncoder" => [Value::Int(-1), Value::Float(f64::NAN)]
            .into_iter()
            .map(|unknown| vec![("handle_unknown", text("use_encoded_value")), ("unknown_value", unknown)])
            .chain([vec![("encoded_missing_value", Value::Int(-7))]])
            .collect(),
        "VarianceThreshold" => vec![vec![("threshold", Value::Float(0.2))]],
        "SelectKBest" => vec![
            vec![("k", Value::Int(2))],
            vec![("k", Value::Int(2)), ("score_func", text("f_regression"))],
            vec![("k", text("all")), ("score_func", text("f_regression"))],
        ],
        _ => return None,
    })
}

/// Every parameter that is true or false, turned the other way, one at a time.
fn switches(kind: &'static dyn StepKind) -> Vec<Vec<(&'static str, Value)>> {
    let turned = |param: pipefit::contract::Param| match param.default {
        Value::Bool(value) => Some(vec![(param.name, Value::Bool(!value))]),
        _ => None,
    };
    kind.parameters().into_iter().filter_map(turned).collect()
}

pub fn number(name: &str, value: impl Fn(usize) -> f64) -> Block {
    Block::Number { name: name.into(), values: (0..ROWS).map(value).collect() }
}

pub fn category(name: &str, labels: &[&str], code: impl Fn(usize) -> u32) -> Block {
    let levels = Arc::new(Levels::new(labels.iter().map(|label| label.to_string()).collect(), false));
    Block::Codes { name: name.into(), codes: (0..ROWS).map(code).collect(), levels }
}

/// A value that looks random and is none.
pub fn noise(row: usize, seed: usize) -> f64 {
    ((row * 7919 + seed * 104_729) % 1009) as f64 / 1009.0
}

/// Tables whose types the name tells. The training rows are all but every fifth; the rest has what
/// they lack: a level, a missing value, a value beyond the extremes.
pub fn tables() -> Vec<(&'static str, Frame, Types)> {
    let numbers = || {
        vec![
            number("a", |row| noise(row, 1) * 10.0),
            number("b", |row| 1e6 + noise(row, 2)),
            number("whole", |row| (row % 4) as f64),
            number("constant", |_| 0.1),
        ]
    };
    let holey = || {
        vec![
            number("h", |row| if row % 3 == 0 { f64::NAN } else { noise(row, 3) }),
            number("late", |row| if row % 5 == 0 { f64::NAN } else { noise(row, 4) - 4.0 }),
            number("gone", |row| if row % 5 == 0 { row as f64 } else { f64::NAN }),
        ]
    };
    let categories = || {
        vec![
            category("c", &["x", "y", "z"], |row| if row % 5 == 0 { 2 } else { row as u32 % 2 }),
            category("m", &["f", "m"], |row| if row % 4 == 0 { MISSING } else { row as u32 % 2 }),
            category("late", &["p", "q"], |row| if row % 10 == 0 { MISSING } else { row as u32 / 3 % 2 }),
        ]
    };
    let indicators = || {
        let names: Arc<[Arc<str>]> = ["o_0", "o_1", "o_2"].map(Arc::from).into();
        let code = |row: usize| if row.is_multiple_of(7) { MISSING } else { row as u32 % 3 };
        vec![Block::OneHot { names, codes: (0..ROWS).map(code).collect() }]
    };
    let datetimes = || {
        let day = |row: usize| (row as f64 * 400.0 - 3000.0) * 86_400e6;
        vec![
            number(
                "at",
                |row| if row % 4 == 0 { f64::NAN } else { day(row) + (noise(row, 5) * 86_400e6).floor() },
            ),
            number("on", |row| if row % 5 == 0 { day(row) + 1e6 } else { day(row) }),
        ]
    };
    let frame = |blocks: Vec<Vec<Block>>| Frame::new(ROWS, blocks.concat());
    vec![
        ("numbers", frame(vec![numbers()]), Types::NUMBERS),
        ("numbers and indicators", frame(vec![numbers(), indicators()]), Types::NUMBERS),
        ("holey numbers", frame(vec![numbers(), holey()]), Types::HOLEY_NUMBERS),
        ("categories", frame(vec![categories()]), Types::CATEGORIES),
        ("datetimes", frame(vec![datetimes()]), Types::DATETIMES),
        ("everything", frame(vec![holey(), categories(), numbers()]), Types::ANY),
    ]
}
