//! `models export --sklearn`: the text of the file, what it says where there is a Python that can run it, and what is refused.
//! `tests/clients/sklearn_parity.py` holds many more pipelines to scikit-learn.

use crate::command::{Place, repository, tell};
use crate::http::published;
use std::process::Command;

/// A Python with scikit-learn and safetensors: `PIPEFIT_PYTHON`, else `python3`.
fn python() -> Option<String> {
    let python = std::env::var("PIPEFIT_PYTHON").unwrap_or_else(|_| "python3".into());
    let needs = "import sklearn.frozen, pandas, safetensors";
    let ran = Command::new(&python).args(["-c", needs]).output().ok()?;
    ran.status.success().then_some(python)
}

/// The file with another digest: that of an artifact is not the text's affair.
fn without_digest(text: &str) -> String {
    let line = |line: &str| match line.starts_with("SHA256 = ") {
        true => "SHA256 = \"...\"\n".to_owned(),
        false => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn the_file_is_as_it_was() {
    let place = published(&["penguins"]);
    let done = place.run(&["models", "export", "penguins", "--sklearn", "out/penguins.py", "--json"]);
    assert_eq!(done.code, Some(6), "a folder that is not there: {done}");
    let done = place.run(&["models", "export", "penguins", "--sklearn", "penguins.py", "--json"]).json();
    assert_eq!(done["format"], "sklearn");
    assert_eq!(done["files"], serde_json::json!(["penguins.py", "penguins.safetensors"]));
    let text = place.read("penguins.py");
    let artifact = std::fs::read(place.path("penguins.safetensors")).unwrap();
    assert_eq!(artifact, std::fs::read(place.path("artifacts/penguins/1/model.safetensors")).unwrap());
    let digest = place.run(&["models", "show", "penguins", "--json"]).json()["version"]["sha256"].clone();
    assert!(text.contains(&format!("SHA256 = {digest}\n")), "{text}");
    let golden = std::fs::read_to_string(repository("tests/formats/sklearn-1.py")).unwrap();
    assert!(
        without_digest(&text) == golden,
        "not tests/formats/sklearn-1.py, but:\n{}",
        without_digest(&text)
    );
}

/// Numbers to 1e-12 of 1, and the same texts.
fn same(found: &str, expected: &str) {
    assert_eq!(found.lines().count(), expected.lines().count());
    for (found, expected) in found.lines().zip(expected.lines()) {
        for (found, expected) in found.split(',').zip(expected.split(',')) {
            match (found.parse::<f64>(), expected.parse::<f64>()) {
                (Ok(one), Ok(other)) => {
                    assert!((one - other).abs() <= 1e-12 * other.abs().max(1.0), "{found} {expected}")
                }
                _ => assert_eq!(found, expected),
            }
        }
    }
}

#[test]
fn scikit_learn_says_what_predict_says() {
    let Some(python) = python() else {
        return tell("no Python with scikit-learn, pandas and safetensors: the exported files were not run");
    };
    let place = published(&["penguins", "diabetes"]);
    for (name, proba) in [("penguins", &["--proba"][..]), ("diabetes", &[])] {
        let file = format!("examples/data/{name}.csv");
        place.run(&["models", "export", name, "--sklearn", &format!("{name}.py")]).ok();
        let ran = Command::new(&python)
            .current_dir(place.root())
            .args(["-W", "error", &format!("{name}.py"), &file])
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let said = place.run(&[&["predict", name, "--input", &file], proba].concat()).ok();
        same(&String::from_utf8(ran.stdout).unwrap(), &said.out);
    }
    // The numbers of another version are not those of this file.
    std::fs::copy(place.path("diabetes.safetensors"), place.path("penguins.safetensors")).unwrap();
    let ran = Command::new(&python)
        .current_dir(place.root())
        .args(["penguins.py", "examples/data/penguins.csv"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(!ran.status.success() && told.contains("not the one that this file was written for"), "{told}");
}

#[test]
fn what_has_no_form_is_refused_by_name() {
    let place = Place::new();
    let rows: String = (0..30).map(|i| format!("{i},2026-01-{:02},{}\n", i % 28 + 1, i * i)).collect();
    place.write("data.csv", format!("a,at,y\n{rows}"));
    let file = |rest: &str| {
        format!("version: 1\nname: m\nsource: {{file: data.csv}}\ntarget: y\nmodel: Ridge\n{rest}")
    };
    let export = || place.run(&["models", "export", "m", "--sklearn", "m.py"]);
    place.write("m.yaml", file("schema: {at: datetime}\npreprocess: [DatetimeEncoder]\nroles: {id: [a]}\n"));
    place.run(&["run", "m.yaml"]).ok();
    export().fails(3, &["column `at` is a datetime", "pipefit predict"]);
    place.write("m.yaml", file("roles: {id: [at]}\nclean: [{fillna: {value: {a: 20}}}]\n"));
    place.run(&["run", "m.yaml"]).ok();
    export().fails(3, &["`clean` changes columns"]);
    assert!(!place.path("m.py").exists() && !place.path("m.safetensors").exists());
    place.run(&["models", "export", "m", "--sklearn", "m.txt"]).fails(2, &["does not end in `.py`"]);
    assert_eq!(place.run(&["models", "export", "m", "dir", "--sklearn", "m.py"]).code, Some(2));
    assert_eq!(place.run(&["models", "export", "m", "--onnx", "m.onnx", "--sklearn", "m.py"]).code, Some(2));
}
