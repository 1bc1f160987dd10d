//! What every step promises, whatever it is: walked over the list of steps, so that a new one is
//! tested by being listed.

use std::sync::Arc;

use super::step_tables::{ROWS, Variant, category, noise, number, tables, variants};
use pipefit::contract::erased::{AnyFittedStep, AnyStep};
use pipefit::contract::{Block, Frame, Loader, Map, MapColumn, Rng, Saver, Tensor, Term, Train, Types};
use pipefit::diag::{Code, Result};
use pipefit::linalg::Matrix;
use pipefit::table::{Levels, MISSING, Rows, Target};

fn training_rows() -> Rows {
    Rows::Except { all: ROWS as u32, hole: (0..ROWS as u32).step_by(5).collect() }
}

/// The target that suits the step: numbers for `f_regression`, else classes.
fn target(variant: &Variant, rows: usize) -> Target {
    if variant.told.contains("f_regression") {
        Target::Values(Matrix::from_fn(rows, 1, |row, _| noise(row, 1) + noise(row, 9)))
    } else {
        let labels = Arc::new(Levels::new(["no", "yes"].map(Into::into).to_vec(), false));
        Target::Classes { codes: (0..rows).map(|row| u32::from(noise(row, 8) > 0.4)).collect(), labels }
    }
}

fn fit(variant: &Variant, frame: &Frame, rows: &Rows) -> Result<Box<dyn AnyFittedStep>> {
    let y = target(variant, frame.rows());
    let train = Train { x: frame, y: Some(&y), weight: None, rows };
    variant.step.fit(&train, &mut Rng::seeded(1))
}

fn takes(step: &dyn AnyStep, types: Types) -> bool {
    let accepts = step.accepts();
    (accepts.numbers || !types.numbers)
        && (accepts.categories || !types.categories)
        && (accepts.datetimes || !types.datetimes)
        && (accepts.missing || !types.missing)
}

/// Calls `check` with every variant, every table that it takes, and its fit on the training rows.
fn each_fit(check: impl Fn(&str, &Variant, &Frame, Types, &dyn AnyFittedStep)) {
    let mut fits = 0;
    for variant in variants() {
        for (name, frame, types) in tables().into_iter().filter(|(_, _, types)| takes(&*variant.step, *types))
        {
            let told = format!("{} on {name}", variant.told);
            let fitted =
                fit(&variant, &frame, &training_rows()).unwrap_or_else(|error| panic!("{told}: {error}"));
            check(&told, &variant, &frame, types, &*fitted);
            fits += 1;
        }
    }
    assert!(fits >= 60, "{fits} fits");
}

/// A cell as text, with all bits of a number.
fn cells(frame: &Frame) -> Vec<Vec<String>> {
    let column = |block: &Block| match block {
        Block::Number { values, .. } => values.iter().map(|value| format!("{:x}", value.to_bits())).collect(),
        Block::Codes { codes, levels, .. } => {
            codes.iter().map(|code| format!("{:?}", levels.label(*code))).collect()
        }
        Block::OneHot { .. } => unreachable!("unpacked"),
    };
    frame.unpacked().blocks().iter().map(column).collect()
}

fn row(frame: &Frame, row: usize) -> Frame {
    frame.take(&Rows::Range(row as u32..row as u32 + 1))
}

fn saved(fitted: &dyn AnyFittedStep) -> Saver {
    let mut saver = Saver::default();
    fitted.save(&mut saver);
    saver
}

/// The terms of a map at one row of a frame of single features.
fn term(frame: &Frame, row: usize, term: Term) -> f64 {
    let flag = |set: bool| f64::from(u8::from(set));
    match (term, &frame.blocks()[source(term)]) {
        (Term::Value(_), Block::Number { values, .. }) => {
            if values[row].is_nan() {
                0.0
            } else {
                values[row]
            }
        }
        (Term::Missing(_), Block::Number { values, .. }) => flag(values[row].is_nan()),
        (Term::Missing(_), Block::Codes { codes, .. }) => flag(codes[row] == MISSING),
        (Term::Level(_, level), Block::Codes { codes, levels, .. }) => {
            let own = if codes[row] == MISSING { levels.len() as u32 } else { codes[row] };
            flag(own == level)
        }
        other => panic!("a term without meaning: {other:?}"),
    }
}

fn source(term: Term) -> usize {
    match term {
        Term::Value(j) | Term::Missing(j) | Term::Level(j, _) => j as usize,
    }
}

/// The output row that a map says, each number with the size of what was added up for it.
fn mapped(map: &Map, frame: &Frame, row: usize) -> Vec<(f64, f64)> {
    let column = |column: &MapColumn| {
        assert!(column.terms.is_sorted_by(|a, b| a.0 < b.0), "terms are sorted and none stands twice");
        let parts = column.terms.iter().map(|(part, factor)| factor * term(frame, row, *part));
        let (sum, size) = parts
            .fold((column.offset, column.offset.abs()), |(sum, size), part| (sum + part, size + part.abs()));
        match column.missing {
            Some(j) if is_missing(&frame.blocks()[j as usize], row) => {
                assert!(sum.abs() <= 4.0 * f64::EPSILON * size, "the sum is 0 where the feature is missing");
                (f64::NAN, size)
            }
            _ => (sum, size),
        }
    };
    map.columns.iter().map(column).collect()
}

fn is_missing(block: &Block, row: usize) -> bool {
    match block {
        Block::Number { values, .. } => values[row].is_nan(),
        Block::Codes { codes, .. } => codes[row] == MISSING,
        Block::OneHot { .. } => false,
    }
}

#[test]
fn a_map_says_what_apply_does() {
    each_fit(|told, variant, frame, types, fitted| {
        let map = fitted.map();
        assert!(map.is_some() || !variant.step.maps(types), "{told}: promised a map");
        let Some(map) = map else { return };
        let input = frame.unpacked();
        for i in 0..ROWS {
            let applied = fitted.apply(&row(frame, i));
            if map.refused.iter().any(|part| term(&input, i, *part) != 0.0) {
                let missing = applied.map(|out| out.blocks().iter().any(|block| is_missing(block, 0)));
                assert!(missing.unwrap_or(true), "{told}: row {i} is refused by the map only");
                continue;
            }
            let out = applied.unwrap_or_else(|error| panic!("{told}: row {i}: {error}")).unpacked();
            let names: Vec<_> = map.columns.iter().map(|column| Arc::clone(&column.name)).collect();
            assert_eq!(out.names(), names, "{told}");
            for (block, (said, size)) in out.blocks().iter().zip(mapped(&map, &input, i)) {
                let Block::Number { name, values } = block else { panic!("{told}: a map makes numbers") };
                // x/s - m/s loses digits that (x-m)/s keeps, where x and m are large.
                let near = (values[0] - said).abs() <= f64::max(1e-12, 8.0 * f64::EPSILON * size);
                assert!(
                    near || values[0].is_nan() && said.is_nan(),
                    "{told}: {name} row {i}: {} {said}",
                    values[0]
                );
            }
        }
    });
}

#[test]
fn rows_are_transformed_one_by_one() {
    each_fit(|told, _, frame, _, fitted| {
        let singles: Vec<_> = (0..ROWS).map(|i| fitted.apply(&row(frame, i))).collect();
        let Ok(whole) = fitted.apply(frame) else {
            assert!(singles.iter().any(Result::is_err), "{told}");
            return;
        };
        let whole = cells(&whole);
        for (i, single) in singles.into_iter().enumerate() {
            let single = cells(&single.unwrap_or_else(|error| panic!("{told}: row {i}: {error}")));
            assert!(whole.iter().zip(&single).all(|(all, one)| all[i] == one[0]), "{told}: row {i}");
        }
    });
}

#[test]
fn what_is_saved_is_what_was_fitted() {
    each_fit(|told, variant, frame, _, fitted| {
        let again = fit(variant, frame, &training_rows()).unwrap();
        assert_eq!(format!("{:?}", saved(fitted)), format!("{:?}", saved(&*again)), "{told}: fit twice");
        let (tensors, facts) = saved(fitted).finish();
        let loader = Loader::new(tensors, facts);
        let loaded = variant.kind.load(&loader).unwrap_or_else(|error| panic!("{told}: {error}"));
        assert_eq!(loader.leftovers(), [""; 0], "{told}");
        assert_eq!(format!("{:?}", saved(fitted)), format!("{:?}", saved(&*loaded)), "{told}: saved again");
        assert_eq!(fitted.map(), loaded.map(), "{told}");
        assert_eq!(fitted.facts(), loaded.facts(), "{told}");
        for i in 0..ROWS {
            let (own, other) = (fitted.apply(&row(frame, i)), loaded.apply(&row(frame, i)));
            match (own, other) {
                (Ok(own), Ok(other)) => assert_eq!(cells(&own), cells(&other), "{told}: row {i}"),
                (own, other) => assert_eq!(own.err(), other.err(), "{told}: row {i}"),
            }
        }
    });
}

#[test]
fn damaged_state_is_refused_or_harmless() {
    each_fit(|told, variant, frame, _, fitted| {
        let (tensors, facts) = saved(fitted).finish();
        let load = |tensors: &std::collections::BTreeMap<_, _>, facts: &std::collections::BTreeMap<_, _>| {
            let loaded = variant.kind.load(&Loader::new(tensors.clone(), facts.clone()));
            // Whatever was loaded, using it must not panic.
            loaded.map(|loaded| (loaded.apply(frame).map(|_| ()), loaded.map()))
        };
        for name in tensors.keys() {
            let mut less = tensors.clone();
            less.remove(name);
            assert_eq!(load(&less, &facts).unwrap_err().code(), Code::Damaged, "{told}: without {name}");
            for odd in [0.5, f64::NAN, -1.0, 1e300] {
                less.insert(name.clone(), Tensor::F64 { shape: vec![1], values: vec![odd] });
                let _ = load(&less, &facts);
            }
            less.insert(name.clone(), Tensor::U32 { shape: vec![2], values: vec![u32::MAX, 9] });
            let _ = load(&less, &facts);
        }
        for (name, fact) in &facts {
            let mut less = facts.clone();
            less.remove(name);
            assert_eq!(load(&tensors, &less).unwrap_err().code(), Code::Damaged, "{told}: without {name}");
            for odd in
                ["null", "[]", "{}", "7", "[99]", "[[1, 2]]", "\"text\"", "[true]", "[null]", "[3.5, -1]"]
            {
                less.insert(name.clone(), serde_json::from_str(odd).unwrap());
                let _ = load(&tensors, &less);
            }
            if let serde_json::Value::Array(mut items) = fact.clone() {
                items.pop();
                less.insert(name.clone(), items.into());
                let _ = load(&tensors, &less);
            }
        }
    });
}

#[test]
fn the_declared_types_come_out() {
    each_fit(|told, variant, frame, types, fitted| {
        let emits = variant.step.emits(types);
        for i in (0..ROWS).filter(|i| i % 5 != 0) {
            let out = fitted.apply(&row(frame, i)).unwrap_or_else(|error| panic!("{told}: row {i}: {error}"));
            for block in out.blocks() {
                let declared =
                    if matches!(block, Block::Codes { .. }) { emits.categories } else { emits.numbers };
                assert!(declared, "{told}: {:?}", block.names());
                let hole = matches!(block, Block::Number { .. }) && is_missing(block, 0);
                assert!(emits.missing || !hole, "{told}: {:?} in row {i}", block.names());
            }
        }
    });
}

#[test]
fn permuted_rows_permute_the_output() {
    let order: Vec<u32> = (0..ROWS as u32).map(|row| row * 7 % ROWS as u32).collect();
    for variant in variants() {
        for (name, frame, _) in tables().into_iter().filter(|(_, _, types)| takes(&*variant.step, *types)) {
            let told = format!("{} on {name}", variant.told);
            let y = target(&variant, ROWS);
            let permuted = Rows::List(order.clone().into());
            let fit = |x: &Frame, y: &Target| {
                let train = Train { x, y: Some(y), weight: None, rows: &Rows::all(ROWS) };
                variant
                    .step
                    .fit(&train, &mut Rng::seeded(1))
                    .unwrap_or_else(|error| panic!("{told}: {error}"))
            };
            let own = fit(&frame, &y).apply(&frame).unwrap().take(&permuted);
            let (frame, y) = (frame.take(&permuted), y.gather(&permuted));
            let other = fit(&frame, &y).apply(&frame).unwrap();
            assert_eq!(own.names(), other.names(), "{told}");
            for (a, b) in own.unpacked().blocks().iter().zip(other.unpacked().blocks()) {
                match (a, b) {
                    (Block::Number { values: a, .. }, Block::Number { values: b, .. }) => {
                        let near = |(a, b): (&f64, &f64)| {
                            (a - b).abs() <= 1e-9 * a.abs().max(1.0) || a.is_nan() && b.is_nan()
                        };
                        assert!(a.iter().zip(b.iter()).all(near), "{told}");
                    }
                    _ => assert_eq!(
                        cells(&Frame::new(ROWS, vec![a.clone()])),
                        cells(&Frame::new(ROWS, vec![b.clone()]))
                    ),
                }
            }
        }
    }
}

#[test]
fn odd_data_gives_an_error_with_a_name_or_a_result() {
    let odd: Vec<(&str, Frame, bool)> = vec![
        (
            "infinity",
            Frame::new(ROWS, vec![number("x", |row| if row == 7 { f64::INFINITY } else { row as f64 })]),
            true,
        ),
        (
            "huge",
            Frame::new(ROWS, vec![number("x", |row| if row % 2 == 0 { 1.7e308 } else { -1.7e308 })]),
            false,
        ),
        ("constant", Frame::new(ROWS, vec![number("x", |_| -3.25)]), false),
        ("all missing", Frame::new(ROWS, vec![number("x", |_| f64::NAN)]), false),
        ("no category", Frame::new(ROWS, vec![category("x", &["a"], |_| MISSING)]), false),
        ("no levels", Frame::new(ROWS, vec![category("x", &[], |_| MISSING)]), false),
        ("no features", Frame::new(ROWS, Vec::new()), false),
    ];
    for variant in variants() {
        for (name, frame, refused) in &odd {
            for rows in [Rows::all(ROWS), Rows::Range(3..4), Rows::Range(0..0)] {
                let told = format!("{} on {name}, {} rows", variant.told, rows.len());
                let outcome = fit(&variant, frame, &rows).and_then(|fitted| fitted.apply(frame));
                assert!(outcome.is_err() || !rows.is_empty(), "{told}");
                assert!(outcome.is_err() || !refused, "{told}");
                if let Err(error) = outcome {
                    let says =
                        error.message().contains("`x`") || error.message().contains(variant.kind.name());
                    let says = says
                        || error.message().contains("training row")
                        || error.message().contains("no feature");
                    assert!(says && error.code() != Code::Bug, "{told}: {error}");
                }
            }
        }
    }
}

#[test]
fn another_number_of_features_or_type_is_an_error() {
    each_fit(|told, _, frame, _, fitted| {
        let mut blocks = frame.blocks().to_vec();
        blocks.push(number("extra", |row| row as f64));
        assert_eq!(fitted.apply(&Frame::new(ROWS, blocks)).unwrap_err().code(), Code::Bug, "{told}");
        assert_eq!(fitted.apply(&Frame::new(ROWS, Vec::new())).unwrap_err().code(), Code::Bug, "{told}");
        let single = frame.unpacked();
        let swapped = single.blocks().iter().map(|block| match block {
            Block::Codes { name, .. } => number(name, |row| row as f64),
            other => category(&other.names()[0], &["a", "b"], |row| row as u32 % 2),
        });
        let error = fitted.apply(&Frame::new(ROWS, swapped.collect())).unwrap_err();
        assert_eq!(error.code(), Code::TypeMismatch, "{told}: {error}");
    });
}
