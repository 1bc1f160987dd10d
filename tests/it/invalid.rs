//! What is wrong with components is told in one go, whatever else is wrong with the file. What the file's form alone
//! tells is tested where it is read, in `spec`.

use pipefit::diag::{Diagnostic, Severity, render};
use pipefit::graph;

use crate::command::{repository, tell};

/// Every file of `tests/it/invalid/components` gives exactly what stands beside it. `PIPEFIT_BLESS=1` writes what is missing
/// or differs, to be read before it is committed.
#[test]
fn files_with_broken_components_are_told_as_expected() {
    let folder = repository("tests/it/invalid/components");
    let bless = std::env::var_os("PIPEFIT_BLESS").is_some();
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        let (graph, problems) = graph::read(&path, &[]);
        assert!(graph.is_none(), "{name}");
        let out = render(&problems, false).replace(&format!("{}/", folder.display()), "");
        let helped =
            |problem: &Diagnostic| problem.severity() == Severity::Warning || problem.advice().is_some();
        assert!(problems.iter().all(helped), "{name}: {out}");
        let expected = path.with_extension("expected");
        if bless {
            std::fs::write(&expected, &out).unwrap();
        }
        assert_eq!(out, std::fs::read_to_string(&expected).unwrap_or_default(), "{name}");
        count += 1;
    }
    assert!(count >= 5);
    tell(&format!("{count} files with broken components"));
}
