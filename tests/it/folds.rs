//! The folds are the very rows that scikit-learn chooses, over the configurations of
//! `tests/golden/folds.json`.

use pipefit::contract::{Split, Value as Parameter};
use pipefit::splitters;
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
    println!("{} KFold and {} StratifiedKFold configurations", checked[0], checked[1]);
    assert!(checked[0] >= 50 && checked[1] >= 50);
}
