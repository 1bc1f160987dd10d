//! Wrong data: the exit code of its class, the column, row or key by name, nothing published, nothing lost.

use crate::command::{Place, files_under, on_both};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A regression over all columns of the key.
const RIDGE: &str = "version: 1\nname: m\nsource: {key: \"data:t\"}\ntarget: y\n\
                     preprocess: [SimpleImputer, StandardScaler]\nmodel: Ridge\ncv: 3\n";
/// A classification of the same key.
const LOGISTIC: &str = "version: 1\nname: m\nsource: {key: \"data:t\"}\ntarget: y\n\
                        preprocess: [SimpleImputer, StandardScaler]\nmodel: LogisticRegression\ncv: 3\n";
/// The same, with categories.
const ENCODED: &str = "version: 1\nname: m\nsource: {key: \"data:t\"}\ntarget: y\npreprocess:\n  \
                       cat: {columns: {type: category}, steps: [OneHotEncoder]}\n  \
                       num: {columns: {type: number}, steps: [StandardScaler]}\nmodel: Ridge\ncv: 3\n";
/// A table that all of them can learn from.
const GOOD: &str =
    "x1,x2,y\n1,2,1\n2,1,2\n3,4,1\n4,3,2\n5,6,1\n6,5,2\n7,8,1\n8,7,2\n9,9,1\n10,12,2\n11,10,1\n12,11,2\n";

/// What there is in a store and on disk before or after a command that must change nothing.
fn published(place: &Place) -> (Value, Value, Vec<(PathBuf, Vec<u8>)>) {
    let mut files = files_under(&place.path("artifacts"));
    files.extend(files_under(&place.path("store/blobs")));
    files.extend(files_under(&place.path("store/records")));
    files.extend(files_under(&place.path("store/staging")));
    files.extend(std::fs::read(place.path("p.yaml.lock")).map(|bytes| (PathBuf::from("lock"), bytes)));
    (place.models(), place.run(&["runs", "ls", "--json"]).json(), files)
}

/// Puts bytes into a key past all checks, as another program would.
fn put_raw(place: &Place, key: &str, bytes: &[u8]) {
    if place.store().starts_with("dir:") {
        place.write(&format!("store/keys/{}", key.replace(':', "%3A")), bytes);
    } else {
        let client = redis::Client::open(place.store()).unwrap();
        let mut connection = client.get_connection().unwrap();
        redis::cmd("SET").arg(key).arg(bytes).exec(&mut connection).unwrap();
    }
}

/// The good table with one row in place of row `row` (from 1).
fn with_row(row: usize, cells: &str) -> String {
    let mut lines: Vec<&str> = GOOD.lines().collect();
    lines[row] = cells;
    lines.join("\n") + "\n"
}

/// A wrong table, the pipeline that reads it, and what must come of it.
struct Fault<'a> {
    what: &'a str,
    pipeline: &'a str,
    with: &'a [&'a str],
    table: Vec<u8>,
    code: i32,
    says: &'a [&'a str],
}

fn fault<'a>(
    what: &'a str,
    pipeline: &'a str,
    table: impl Into<Vec<u8>>,
    code: i32,
    says: &'a [&'a str],
) -> Fault<'a> {
    Fault { what, pipeline, with: &[], table: table.into(), code, says }
}

impl<'a> Fault<'a> {
    fn with(self, with: &'a [&'a str]) -> Self {
        Self { with, ..self }
    }

    /// Runs it where a good version is published already.
    #[track_caller]
    fn meets(&self, place: &Place) {
        place.write("p.yaml", self.pipeline);
        put_raw(place, "data:t", &self.table);
        let before = published(place);
        let mut arguments = vec!["run", "p.yaml"];
        for with in self.with {
            arguments.extend(["-S", with]);
        }
        let ran = place.run(&arguments);
        assert_eq!(ran.code, Some(self.code), "{}: {ran}", self.what);
        let ran = ran.fails(self.code, self.says);
        assert!(ran.err.contains("help:"), "{}: no next step: {ran}", self.what);
        assert_eq!(ran.err.matches("error[").count(), 1, "{}: {ran}", self.what);
        assert!(published(place) == before, "{}: something was published or lost: {ran}", self.what);
        arguments.push("--json");
        let ran = place.run(&arguments);
        let object = ran.object();
        assert_eq!((ran.code, &object["exit_code"]), (Some(self.code), &json!(self.code)), "{ran}");
        let diagnostic = &object["diagnostics"][0];
        assert!(diagnostic["code"].as_str().unwrap().starts_with(&format!("E0{}", self.code)), "{ran}");
        // The data is as it was, to the byte.
        if place.store().starts_with("dir:") {
            assert!(std::fs::read(place.path("store/keys/data%3At")).unwrap() == self.table);
        }
    }
}

/// Columns that are not there.
fn columns() -> Vec<Fault<'static>> {
    vec![
        fault("no target", RIDGE, "x1,x2\n1,2\n2,3\n3,5\n", 4, &["`y`", "p.yaml:4:9"]),
        fault("a target almost there", RIDGE, GOOD.replace(",y\n", ",Y\n"), 4, &["`y`", "`Y`"]),
        fault("no weight column", RIDGE, GOOD, 4, &["`w`"]).with(&["roles.weight=w"]),
        fault("no id column", RIDGE, GOOD, 4, &["`customer`"]).with(&["roles.id=[customer]"]),
        fault("a column to read is missing", RIDGE, GOOD, 4, &["`x3`"]).with(&["source.columns=[x1, x3, y]"]),
        fault("a schema column is missing", RIDGE, GOOD, 4, &["`x3`"]).with(&["schema.x3=number"]),
        fault("a group's column is missing", ENCODED, GOOD, 4, &["`x9`"])
            .with(&["preprocess.num.columns=[x9]"]),
        fault("nothing but the target", RIDGE, "y\n1\n2\n3\n", 4, &["`y`"]),
        fault("two columns of one name", RIDGE, GOOD.replace("x1,x2", "x1,x1"), 4, &["`x1`", "data:t"]),
    ]
}

/// Cells and targets that cannot be used.
fn cells() -> Vec<Fault<'static>> {
    let texts = GOOD.replace(",1\n", ",no\n").replace(",2\n", ",yes\n");
    let one_empty = GOOD
        .lines()
        .map(|line| line.replacen(',', ",,", 1).replacen(",,", ",", usize::from(line.starts_with('x'))))
        .collect::<Vec<_>>();
    let hollow: String = one_empty
        .iter()
        .map(|line| if line.starts_with('x') { line.replacen("x1,", "x1,gap,", 1) } else { line.clone() } + "\n")
        .collect();

    vec![
        fault("text in a number column", RIDGE, with_row(3, "many,4,1"), 4, &["`x1`", "row 3", "many"])
            .with(&["schema.x1=number"]),
        fault("infinity", RIDGE, with_row(5, "5,inf,1"), 4, &["`x2`", "row 5"]),
        fault("minus infinity", RIDGE, with_row(6, "-Infinity,5,2"), 4, &["`x1`", "row 6"]),
        fault("beyond the greatest float", RIDGE, with_row(6, "1e999,5,2"), 4, &["`x1`", "row 6"]),
        fault(
            "an integer beyond 2^53",
            RIDGE,
            with_row(4, "9007199254740993,3,2"),
            4,
            &["`x1`", "row 4", "9007199254740993"],
        ),
        fault("such a target", RIDGE, with_row(4, "4,3,9007199254740993"), 4, &["`y`", "row 4"]),
        fault("a column without any value", RIDGE, hollow, 4, &["`gap`", "12 rows"]),
        fault("a missing target", RIDGE, with_row(2, "2,1,"), 4, &["`y`", "row 2"]),
        fault("a missing class", LOGISTIC, with_row(7, "7,8,NA"), 4, &["`y`", "row 7"]),
        fault("a constant target", RIDGE, GOOD.replace(",2\n", ",1\n"), 4, &["`y`", "every row"]),
        fault("one class", LOGISTIC, GOOD.replace(",2\n", ",1\n"), 4, &["`y`", "`1`"]),
        fault("an infinite target", RIDGE, with_row(9, "9,9,inf"), 4, &["`y`", "row 9"]),
        fault("classes for a regression", RIDGE, texts.as_str(), 4, &["`y`", "Ridge"]),
        fault("a measure for a classifier", LOGISTIC, with_row(1, "1,2,1.5"), 4, &["`y`", "1.5"]),
        fault("a score that needs 0/1", LOGISTIC, texts.as_str(), 4, &["f1", "f1_macro"])
            .with(&["scoring=[f1]"]),
        fault("a negative weight", RIDGE, with_row(8, "8,-7,2"), 4, &["`x2`", "row 8", "-7"])
            .with(&["roles.weight=x2"]),
        fault("a missing weight", RIDGE, with_row(8, "8,,2"), 4, &["`x2`", "row 8"])
            .with(&["roles.weight=x2"]),
        fault("weights of text", RIDGE, with_row(8, "8,heavy,2"), 4, &["`x2`"]).with(&["roles.weight=x2"]),
    ]
}

/// Bytes that are no table.
fn tables() -> Vec<Fault<'static>> {
    vec![
        fault("empty", RIDGE, "", 4, &["data:t"]),
        fault("blank lines", RIDGE, "\n\n\n", 4, &["data:t"]),
        fault("a header only", RIDGE, "x1,x2,y\n", 4, &["no rows"]),
        fault("an empty list", RIDGE, "[]", 4, &["data:t"]),
        fault("empty columns", RIDGE, "{\"x1\": [], \"x2\": [], \"y\": []}", 4, &["no rows"]),
        fault("a row with a cell more", RIDGE, with_row(4, "4,3,2,9"), 4, &["data:t", "row 4"]),
        fault("a row with a cell less", RIDGE, with_row(4, "4,3"), 4, &["data:t", "row 4"]),
        fault("an open quote", RIDGE, with_row(4, "\"4,3,2"), 4, &["data:t"]),
        fault(
            "bytes that are no UTF-8",
            RIDGE,
            [with_row(4, "4,3,2").as_bytes(), b"\xff\xfe,1,2\n"].concat(),
            4,
            &["data:t", "UTF-8"],
        ),
        fault("JSON that ends early", RIDGE, "{\"x1\": [1, 2, 3], \"y\": [1, 2", 4, &["data:t"]),
        fault(
            "JSON columns of two lengths",
            RIDGE,
            "{\"x1\": [1, 2, 3], \"y\": [1, 2]}",
            4,
            &["data:t", "`y`"],
        ),
        fault("JSON that is no table", RIDGE, "42", 4, &["data:t"]),
        fault("a nested object", RIDGE, "[{\"x1\": {\"a\": 1}, \"y\": 1}]", 4, &["data:t", "x1"]),
        fault(
            "a pickle",
            RIDGE,
            b"\x80\x04\x95\x0a\x00\x00\x00\x00\x00\x00\x00}\x94.".to_vec(),
            4,
            &["data:t", "pickle", "import"],
        ),
        fault(
            "a Java object",
            RIDGE,
            b"\xac\xed\x00\x05sr\x00\x11java.util.HashMap".to_vec(),
            4,
            &["data:t", "Java"],
        ),
        fault("noise", RIDGE, (0..=255u8).cycle().take(3000).collect::<Vec<_>>(), 4, &["data:t"]),
    ]
}

/// Tables from which nothing can be learned in some fold.
fn learning() -> Vec<Fault<'static>> {
    let mut sorted = String::from("x1,x2,y\n");
    (0..12).for_each(|i| sorted.push_str(&format!("{i},{},{}\n", (i * 7) % 5, u8::from(i >= 8))));
    let mut letters = String::from("x1,c,y\n");
    (0..12).for_each(|i| {
        letters.push_str(&format!("{i},{},{}\n", if i == 5 { "rare" } else { "common" }, i * i))
    });
    let rare = GOOD.replace("12,11,2", "12,11,3");
    vec![
        fault("more folds than rows", RIDGE, GOOD, 5, &["13", "12"]).with(&["cv=13"]),
        fault("one row to score r2 on", RIDGE, GOOD, 5, &["r2", "fold 1"]).with(&["cv=12"]),
        fault("all classes rarer than the folds", LOGISTIC, GOOD, 5, &["7"]).with(&["cv=7"]),
        fault("a fold with one class for roc_auc", LOGISTIC, sorted.as_str(), 5, &["roc_auc", "fold 1"])
            .with(&["cv={KFold: {n_splits: 3}}", "scoring=[roc_auc]"]),
        fault("training rows of one class", LOGISTIC, sorted.as_str(), 5, &["fold 3"])
            .with(&["cv={KFold: {n_splits: 3}}"]),
        fault(
            "a fold that lacks a class for neg_log_loss",
            LOGISTIC,
            rare.as_str(),
            5,
            &["neg_log_loss", "fold"],
        )
        .with(&["scoring=[neg_log_loss]"]),
        fault("a category that training lacks", ENCODED, letters.as_str(), 5, &["fold 2", "`c`", "`rare`"]),
        fault("the same by number", ENCODED, letters.as_str(), 5, &["fold 2", "`c`", "`rare`"])
            .with(&["preprocess.cat.steps=[OrdinalEncoder]"]),
    ]
}

#[test]
fn wrong_data_is_named_and_nothing_is_published_or_lost() {
    let faults: Vec<_> = [columns(), cells(), tables(), learning()].into_iter().flatten().collect();
    on_both(|place| {
        place.write("p.yaml", RIDGE);
        put_raw(place, "data:t", GOOD.as_bytes());
        place.run(&["run", "p.yaml"]).ok();
        // All of them are tried, so that one run of the test tells of all that is wrong.
        let meets = |fault: &&Fault| {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| fault.meets(place))).is_err()
        };
        let unmet: Vec<_> = faults.iter().filter(meets).map(|fault| fault.what).collect();
        assert!(unmet.is_empty(), "{} of {} on {}: {unmet:?}", unmet.len(), faults.len(), place.store());
        // What was published is as good as on the first day, and the next good table is learned from.
        put_raw(place, "data:t", GOOD.as_bytes());
        place.run(&["models", "verify", "m"]).ok();
        place.run(&["predict", "m:1", "--input", "data:t"]).ok();
        place.write("p.yaml", RIDGE);
        place.run(&["run", "p.yaml"]).ok();
        assert_eq!(place.versions("m").len(), 2);
    });
}

/// A step that takes numbers only meets categories in data that no schema describes.
#[test]
fn a_type_that_a_step_cannot_take_is_told_when_the_data_is_read() {
    let place = Place::new();
    place.write("p.yaml", RIDGE.replace("SimpleImputer, ", ""));
    put_raw(&place, "data:t", with_row(3, "many,4,1").as_bytes());
    place.run(&["run", "p.yaml"]).fails(3, &["x1", "StandardScaler", "p.yaml:5"]);
    put_raw(&place, "data:t", with_row(3, ",4,1").as_bytes());
    let ran = place.run(&["run", "p.yaml"]);
    assert!(matches!(ran.code, Some(3..=5)) && ran.err.contains("x1"), "{ran}");
    assert!(!place.path("artifacts").exists());
}

/// Numbers so large that their squares are infinite end with words or with a model, never with NaN in it.
#[test]
fn overflow_never_gets_into_a_model() {
    let place = Place::new();
    for model in ["LinearRegression", "Ridge"] {
        place.write("p.yaml", RIDGE.replace("Ridge", model));
        for cells in ["1e308,3,2", "4,-1.7e308,2", "4,3,1e308", "4e-320,3,2"] {
            put_raw(&place, "data:t", with_row(4, cells).as_bytes());
            let ran = place.run(&["run", "p.yaml", "--json"]);
            let object = ran.object();
            match ran.code {
                Some(0) => {
                    let scores = object["cv"]["scores"]["r2"]["folds"].as_array().unwrap();
                    assert!(scores.iter().all(Value::is_number), "{cells}: {object}");
                    let coef = object["model"]["coef"].as_array().unwrap();
                    assert!(coef.iter().all(Value::is_number), "{cells}: {object}");
                }
                Some(4 | 5) => assert!(!object["diagnostics"][0]["help"].is_null(), "{ran}"),
                _ => panic!("{cells}: {ran}"),
            }
        }
    }
}

#[test]
fn what_is_odd_but_can_be_learned_from_warns() {
    on_both(|place| {
        let warned = |pipeline: &str, with: &[&str], table: &str, words: &[&str]| {
            place.write("p.yaml", pipeline);
            put_raw(place, "data:t", table.as_bytes());
            let mut arguments = vec!["run", "p.yaml", "--json"];
            with.iter().for_each(|with| arguments.extend(["-S", with]));
            let ran = place.run(&arguments).ok().says(words);
            let warnings = ran.object()["warnings"].to_string();
            assert!(words.iter().all(|word| warnings.contains(word)), "{words:?}: {ran}");
            ran.object()
        };
        let rare = GOOD.replace("12,11,2", "12,11,3");
        let run = warned(LOGISTIC, &[], &rare, &["3"]);
        assert_eq!(run["model"]["classes"], json!([1, 2, 3]));
        // A constant target in one fold.
        let mut steps = String::from("x1,x2,y\n");
        (0..12).for_each(|i| steps.push_str(&format!("{i},{},{}\n", (i * 7) % 5, if i < 4 { 1 } else { i })));
        warned(RIDGE, &[], &steps, &["r2", "fold 1"]);
        // A column that is missing in all training rows of a fold.
        let mut late = String::from("x1,late,y\n");
        (0..12).for_each(|i| late.push_str(&format!("{i},{},{}\n", if i < 4 { "5" } else { "" }, i * i)));
        warned(RIDGE, &[], &late, &["late", "fold 1"]);
        // More features wanted than there are.
        warned(RIDGE, &["select={SelectKBest: {k: 9, score_func: f_regression}}"], GOOD, &["9"]);
        // A group that matches nothing.
        warned(ENCODED, &[], GOOD, &["cat"]);
        // One column, a constant column, and an identifier beyond 2^53: nothing to say.
        for (with, table) in [
            (
                None,
                GOOD.lines()
                    .map(|line| line.split_once(',').unwrap().1.to_owned() + "\n")
                    .collect::<String>(),
            ),
            (
                None,
                GOOD.lines()
                    .map(|line| format!("{}{line}\n", if line.starts_with('x') { "k," } else { "7," }))
                    .collect(),
            ),
            (Some("roles.id=[x1]"), with_row(4, "9007199254740993,3,2")),
        ] {
            place.write("p.yaml", RIDGE);
            put_raw(place, "data:t", table.as_bytes());
            let mut arguments = vec!["run", "p.yaml"];
            with.iter().for_each(|with| arguments.extend(["-S", *with]));
            place.run(&arguments).ok();
        }
    });
}

#[test]
fn keys_that_are_not_there_and_files_that_are_no_tables() {
    on_both(|place| {
        let with = |line: &str| {
            RIDGE.replace("key: \"data:t\"", &format!("key: \"data:t\", load_if_missing: {line}"))
        };
        place.write("p.yaml", RIDGE);
        place.run(&["run", "p.yaml"]).fails(4, &["data:t", "p.yaml:3:15", "data put"]);
        place.write("near.csv", GOOD);
        place.run(&["data", "put", "data:tt", "near.csv"]).ok();
        place.run(&["run", "p.yaml"]).fails(4, &["data:t", "did you mean `data:tt`"]);
        place.run(&["data", "rm", "data:tt"]).ok();
        place.write("p.yaml", with("absent.csv"));
        place.run(&["run", "p.yaml"]).fails(4, &["data:t", "absent.csv"]);
        // A file that is no table never becomes the key.
        let pickle: &[u8] = b"\x80\x04\x95\x0a\x00\x00\x00\x00\x00\x00\x00}\x94.";
        for (bytes, word) in
            [(&b""[..], "f.csv"), (pickle, "pickle"), (b"a,b\n1,2,3\n", "f.csv"), (b"{\"a\": [1", "f.csv")]
        {
            place.write("f.csv", bytes);
            place.write("p.yaml", with("f.csv"));
            place.run(&["run", "p.yaml"]).fails(4, &[word]);
            place.run(&["data", "put", "data:t", "f.csv"]).fails(4, &[word]);
            assert_eq!(place.run(&["data", "ls"]).ok().out, "");
        }
        assert_eq!(place.models(), json!([]));
        // A table does, and stays what it is when the file changes: a warning.
        place.write("f.csv", GOOD);
        place.run(&["run", "p.yaml"]).ok();
        place.write("f.csv", with_row(2, "2,7,2"));
        let run = place.run(&["run", "p.yaml", "--json"]).ok().says(&["data:t", "f.csv", "differs"]).object();
        assert!(run["warnings"][0]["message"].as_str().unwrap().contains("differs"), "{run}");
        assert_eq!(place.run(&["data", "get", "data:t", "-"]).ok().out, GOOD);
    });
}

#[test]
fn a_key_of_another_kind_is_named() {
    let mut place = Place::with_server();
    place.write("p.yaml", RIDGE);
    let mut raw = place.server().unwrap().raw();
    for (kind, command, told) in [
        ("hash", ["HSET", "data:t", "f", "1"], "`data:t` is a hash"),
        ("list", ["RPUSH", "data:t", "1", "2"], "the columns are `value`"),
        ("set", ["SADD", "data:t", "1", "2"], "the columns are `value`"),
        ("zset", ["ZADD", "data:t", "1", "a"], "the columns are `score`, `value`"),
    ] {
        redis::cmd("DEL").arg("data:t").exec(&mut raw).unwrap();
        redis::cmd(command[0]).arg(&command[1..]).exec(&mut raw).unwrap();
        place.run(&["run", "p.yaml"]).fails(4, &[told]);
        assert!(place.run(&["data", "show", "data:t"]).ok().out.starts_with("data:t: "));
        place.run(&["predict", "m", "--input", "data:t"]).fails(4, &["m"]);
        let held: String = redis::cmd("TYPE").arg("data:t").query(&mut raw).unwrap();
        assert_eq!(held, kind);
    }
    assert_eq!(place.models(), json!([]));
}
