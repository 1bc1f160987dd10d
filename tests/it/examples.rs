//! The scripts in `examples` do what they say, and go on to their ends.

use crate::command::{Place, Ran, need, repository, tell};
use crate::http::published;
use std::process::Command;

/// Runs one with the binary under test, from a folder that it does not know.
fn script(name: &str) -> Ran {
    let place = Place::new();
    let mut command = Command::new(repository("examples").join(name));
    command
        .current_dir(place.root())
        .env("PIPEFIT", env!("CARGO_BIN_EXE_pipefit"))
        .env_remove("PIPEFIT_STORE");
    Ran::of(&[name], command.output().unwrap())
}

#[test]
fn a_session_with_a_server() {
    need("curl");
    let ran = script("serving.sh").ok();
    for word in [
        "\"model_version\":\"1\",\"id\":\"42\"",
        "\"code\":\"E0406\"",
        "pipefit_model_swaps_total 2",
        "\"cut_off\":0",
    ] {
        assert!(ran.out.contains(word), "no `{word}` in {ran}");
    }
}

#[test]
fn a_model_that_goes_on_learning() {
    let ran = script("learning.sh").ok();
    for word in [
        "400 entries read, 700 rows learned",
        "800 entries read, 1500 rows learned",
        "0 entries read, 1500 rows learned",
    ] {
        assert!(ran.out.contains(word), "no `{word}` in {ran}");
    }
    let predicted: Vec<f64> = ran.out.lines().filter_map(|line| line.parse().ok()).collect();
    assert_eq!(predicted.len(), 2, "{ran}");
    assert!((predicted[0] - 19.0).abs() < 1.0 && (predicted[1] - 29.0).abs() < 2.0, "{ran}");
}

#[test]
fn a_model_read_with_numpy_alone() {
    let python = std::env::var("PIPEFIT_PYTHON").unwrap_or_else(|_| "python3".into());
    let needs = Command::new(&python).args(["-c", "import numpy, safetensors"]).output();
    if !needs.is_ok_and(|ran| ran.status.success()) {
        return tell("no Python with numpy and safetensors: examples/load_model.py was not run");
    }
    let place = published(&["diabetes"]);
    let table = "examples/data/diabetes.csv";
    let mut command = Command::new(python);
    command.arg(repository("examples/load_model.py")).args(["artifacts/diabetes/1/model.safetensors", table]);
    let ran = Ran::of(&["load_model.py"], command.current_dir(place.root()).output().unwrap()).ok();
    let said = place.run(&["predict", "diabetes", "--input", table]).ok();
    let numbers = |text: &str| text.lines().skip(1).map(|line| line.parse().unwrap()).collect::<Vec<f64>>();
    let (found, expected) = (numbers(&ran.out), numbers(&said.out));
    assert_eq!(found.len(), 442);
    assert!(
        found.iter().zip(&expected).all(|(one, other)| (one - other).abs() <= 1e-12 * other.abs()),
        "{ran}"
    );
}
