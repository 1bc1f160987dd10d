//! What is wrong with data and folds is told at the place in the file that asks for it.

use crate::command::{Place, Ran};

fn ran(table: &str, more: &str) -> Ran {
    let place = Place::new();
    place.write("t.csv", table);
    let start = "version: 1\nname: m\nsource: {key: k, load_if_missing: t.csv}\ntarget: y\n";
    place.write("p.yaml", format!("{start}{more}"));
    place.run(&["run", "p.yaml"])
}

const SIX: &str = "x,y\n1,3\n2,1\n3,2\n4,5\n5,1\n6,2\n";

#[test]
fn folds_that_cannot_be_made_are_told_at_cv() {
    ran(SIX, "model: Ridge\ncv: 7\n").fails(5, &["error[E0504]", " --> p.yaml:6:5\n", "cv: 7"]);
    let splitter = "model: Ridge\ncv: {KFold: {n_splits: 7}}\n";
    ran(SIX, splitter).fails(5, &["error[E0504]", " --> p.yaml:6:6\n"]);
    // Without `cv` the data has too few rows for the default.
    ran("x,y\n1,3\n2,1\n", "model: Ridge\n").fails(5, &["error[E0504]", " --> p.yaml:3:15\n"]);
}

#[test]
fn data_that_is_not_enough_is_told_at_the_source() {
    ran("x,y\n1,3\n", "model: Ridge\n").fails(4, &["the table has one row", " --> p.yaml:3:15\n"]);
    ran("y\n1\n2\n3\n", "model: Ridge\n").fails(4, &["no features", " --> p.yaml:3:15\n"]);
    ran("x,y\n,3\n,1\n", "model: Ridge\n").fails(4, &["no value in any", " --> p.yaml:3:15\n"]);
}

#[test]
fn a_metric_that_cannot_score_is_told_where_it_stands() {
    // A fold of one row has no R^2.
    let one_row = ran(SIX, "model: Ridge\ncv: 6\nscoring: [neg_mean_squared_error, r2]\n");
    one_row.fails(5, &["`r2` is undefined", " --> p.yaml:7:35\n"]);
    ran(SIX, "model: Ridge\ncv: 6\n").fails(5, &["`r2` is undefined", " --> p.yaml:5:8\n"]);
    let classes = "x,y\n1,a\n2,b\n3,c\n4,a\n5,b\n6,c\n";
    let refused = ran(classes, "model: LogisticRegression\ncv: 2\nscoring: [accuracy, f1, roc_auc]\n");
    refused.fails(4, &["`f1` is for two classes", " --> p.yaml:7:21\n", "the same holds for `roc_auc`"]);
}

#[test]
fn predict_names_every_column_that_is_missing() {
    let place = Place::new();
    place.write("t.csv", "age,height,width,y\n1,2,5,3\n2,1,4,1\n3,4,6,2\n4,3,1,5\n");
    let start = "version: 1\nname: m\nsource: {key: k, load_if_missing: t.csv}\ntarget: y\n";
    place.write("p.yaml", format!("{start}model: Ridge\ncv: 2\n"));
    place.run(&["run", "p.yaml"]).ok();
    place.write("few.csv", "age,Width\n1,2\n");
    let words =
        ["2 columns are not in the data: `height`, `width`", "did you mean `Width` for `width`?", "few.csv"];
    place.run(&["predict", "m", "--input", "few.csv"]).fails(4, &words);
}

#[test]
fn plan_shows_three_folds_and_how_many_there_are() {
    let place = Place::new();
    place.write("t.csv", SIX);
    let start = "version: 1\nname: m\nsource: {key: k, load_if_missing: t.csv}\ntarget: y\nmodel: Ridge\n";
    place.write("p.yaml", format!("{start}cv: 6\n"));
    let shown = |cv: &str| place.run(&["plan", "p.yaml", "-S", cv]).ok().out;
    let six = shown("cv=6");
    assert_eq!(six.matches("to learn from").count(), 3, "{six}");
    assert!(six.contains("and 3 more; `--format json` has all 6\n"), "{six}");
    assert!(!shown("cv=3").contains(" more;"));
    let json = place.run(&["plan", "p.yaml", "--format", "json"]).json();
    assert_eq!(json["folds"].as_array().map(Vec::len), Some(6));
}
