//! The folds are the very rows that scikit-learn chooses, over the configurations of
//! `tests/golden/folds.json`.

use pipefit::contract::{Split, Value as Parameter};
use pipefit::diag::Code;
use pipefit::splitters;
use pipefit::table::Rows;
use serde_json::Value;

/// The test fold of every row, or why there are none.
fn fold_of(class: &str, case: &Value, classes: Option<&[u32]>, rows: usize) -> Result<Vec<u64>, String> {
    let mut splitter = splitters::named(class).unwrap().make();
    let set =
        |splitter: &mut Box<dyn pipefit::contract::erased::AnySplitter>, name: &str, value: Parameter| {
            assert!(splitter.set(name, &value).unwrap(), "{class} has no `{name}`");
        };
    set(&mut splitter, "n_splits", Parameter::Int(case["k"].as_i64().unwrap()));
    set(&mut splitter, "shuffle", Parameter::Bool(case["shuffle"].as_bool().unwrap()));
    if let Some(state) = case["random_state"].as_i64() {
        set(&mut splitter, "random_state", Parameter::Int(state));
    }
    let (folds, _) = splitter.split(&Split { rows, classes, seed: 0 }).map_err(|error| error.to_string())?;
    let mut fold_of = vec![u64::MAX; rows];
    for (k, fold) in folds.iter().enumerate() {
        let test: Vec<u32> = fold.test.iter().collect();
        assert!(test.is_sorted(), "test rows ascend");
        test.iter().for_each(|row| fold_of[*row as usize] = k as u64);
        let train: Vec<u32> = fold.train.iter().collect();
        assert_eq!(train.len() + test.len(), rows);
        assert!(train.iter().all(|row| test.binary_search(row).is_err()), "no row is on both sides");
    }
    Ok(fold_of)
}

#[test]
fn folds_are_those_of_scikit_learn() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/folds.json");
    let golden: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut checked = [0, 0];
    for case in golden["KFold"].as_array().unwrap() {
        let rows = case["n"].as_u64().unwrap() as usize;
        let theirs: Vec<u64> = serde_json::from_value(case["fold_of"].clone()).unwrap();
        assert_eq!(fold_of("KFold", case, None, rows).unwrap(), theirs, "{case}");
        checked[0] += 1;
    }
    for case in golden["StratifiedKFold"].as_array().unwrap() {
        let classes: Vec<u32> = serde_json::from_value(case["y"].clone()).unwrap();
        let ours = fold_of("StratifiedKFold", case, Some(&classes), classes.len());
        if case.get("refused").is_some() {
            assert!(ours.is_err(), "{case}");
        } else {
            let theirs: Vec<u64> = serde_json::from_value(case["fold_of"].clone()).unwrap();
            assert_eq!(ours.unwrap(), theirs, "{case}");
        }
        checked[1] += 1;
    }
    assert!(checked[0] >= 50 && checked[1] >= 50);
}

#[test]
fn unshuffled_folds_of_k_fold_are_ranges_and_unwritten_states_are_the_seed() {
    let k_fold = splitters::named("KFold").unwrap();
    let split = |set: &[(&str, Parameter)], seed: u32| {
        let mut splitter = k_fold.make();
        set.iter().for_each(|(name, value)| assert!(splitter.set(name, value).unwrap()));
        assert!(splitter.check().is_empty());
        splitter.split(&Split { rows: 50, classes: None, seed }).unwrap().0
    };
    let shuffle = ("shuffle", Parameter::Bool(true));
    let state = ("random_state", Parameter::Int(3));
    let ranges = split(&[], 3);
    assert_eq!(ranges.len(), 5);
    assert!(ranges.iter().all(|fold| matches!(fold.test, Rows::Range(_))));
    assert_eq!(ranges, split(&[], 4), "no seed enters unshuffled folds");
    assert_eq!(split(std::slice::from_ref(&shuffle), 3), split(&[shuffle.clone(), state.clone()], 0));
    assert_ne!(split(std::slice::from_ref(&shuffle), 3), split(&[shuffle], 4));
}

#[test]
fn parameters_that_cannot_be_are_faults() {
    for kind in splitters::ALL {
        let mut splitter = kind.make();
        let fault = splitter.set("n_splits", &Parameter::Int(1)).unwrap_err();
        assert_eq!(fault.message, "`n_splits` is a whole number, at least 2; this is `1`");
        assert!(splitter.set("random_state", &Parameter::Int(-1)).is_err());
        assert!(splitter.set("random_state", &Parameter::Int(1 << 32)).is_err());
        assert!(splitter.check().is_empty());
        assert!(splitter.set("random_state", &Parameter::Int(0)).unwrap());
        let faults = splitter.check();
        assert_eq!(faults[0].parameter, Some("random_state"));
        assert!(faults.len() == 1 && faults[0].help.is_some(), "{faults:?}");
    }
}

#[test]
fn more_folds_than_rows_are_refused_with_a_way_out() {
    for kind in splitters::ALL {
        let input = Split { rows: 3, classes: Some(&[0, 1, 0]), seed: 0 };
        let error = kind.make().split(&input).unwrap_err();
        assert!(error.code() == Code::BadFolds && error.advice().is_some(), "{error:?}");
    }
}
