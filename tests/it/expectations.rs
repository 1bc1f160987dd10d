//! `clean` and `expect` through the commands: what is learned, what is told, and what a published model does with new rows.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::command::Place;

const PIPELINE: &str = "\
version: 1
name: m
source: {key: k, load_if_missing: t.csv}
target: y
clean:
  - drop_duplicates
  - rename: {columns: {Age: age}}
  - replace: {size: {'?': null}}
  - astype: {size: number}
  - query: \"age.isnull() or age < 150\"
  - fillna: {age: 30}
  - clip: {lower: 18, upper: 90, columns: [age]}
expect:
  rows: {min: 10}
  columns:
    age: {type: number, min: 18, max: 90}
    plan: {levels: [free, pro], max_missing: 0.5}
preprocess:
  num: {columns: [age, size], steps: [SimpleImputer, StandardScaler]}
  cat: {columns: [plan], steps: [OneHotEncoder]}
model: Ridge
cv: 3
";

/// A table as it is found, and as `clean` is to leave it.
fn tables() -> (String, String) {
    let (mut found, mut left) = (String::from("Age,plan,size,y\n"), String::from("age,plan,size,y\n"));
    for i in 0..24 {
        let plan = if i % 3 == 0 { "pro" } else { "free" };
        let (age, clean_age) = match i {
            5 => (String::new(), 30),
            7 => ("120".to_owned(), 90),
            9 => ("3".to_owned(), 18),
            _ => ((20 + 2 * i).to_string(), 20 + 2 * i),
        };
        let (size, clean_size) = if i % 6 == 1 {
            ("?".to_owned(), String::new())
        } else {
            ((i * i % 11).to_string(), (i * i % 11).to_string())
        };
        let y = f64::from(i) + f64::from(i * i % 7) / 2.0;
        writeln!(found, "{age},{plan},{size},{y}").unwrap();
        writeln!(left, "{clean_age},{plan},{clean_size},{y}").unwrap();
        if i % 8 == 2 {
            writeln!(found, "{age},{plan},{size},{y}").unwrap();
        }
        if i == 12 {
            writeln!(found, "200,{plan},1,{y}").unwrap();
        }
    }
    (found, left)
}

fn place() -> Place {
    let place = Place::new();
    let (found, left) = tables();
    place.write("t.csv", found);
    place.write("left/t.csv", left);
    place.write("p.yaml", PIPELINE);
    let section = |text: &str, from: &str, to: &str| {
        let (start, rest) = text.split_once(from).unwrap();
        format!("{start}{}", &rest[rest.find(to).unwrap()..])
    };
    let plain = section(PIPELINE, "clean:\n", "preprocess:").replace("key: k,", "key: left,");
    place.write("left/p.yaml", plain);
    place
}

/// The model is that of the table which is left; what was read and what was dropped is told, and the lock holds.
#[test]
fn what_is_left_is_learned_from() {
    let place = place();
    let ran = place.run(&["run", "p.yaml", "--json"]).json();
    let plain = place.run(&["run", "left/p.yaml", "--json"]).json();
    assert_eq!(ran["cv"], plain["cv"]);
    assert_eq!(ran["model"], plain["model"]);
    let (data, clean) = (&ran["data"], &ran["plan"]["clean"]);
    assert_eq!((&data["rows"], &data["columns"], &clean["rows"]), (&json!(28), &json!(4), &json!(24)));
    assert_eq!(data["features"], json!(["age", "plan", "size"]));
    let dropped: Vec<&Value> =
        clean["operations"].as_array().unwrap().iter().map(|one| &one["dropped"]).collect();
    assert_eq!(
        dropped,
        [&json!(3), &Value::Null, &Value::Null, &Value::Null, &json!(1), &Value::Null, &Value::Null]
    );
    assert_eq!(plain["plan"]["clean"], Value::Null);
    // The fingerprint is that of what lies there.
    let shown = place.run(&["data", "show", "k", "--json"]).json();
    assert_eq!(shown["sha256"], data["sha256"], "{shown}");
    let plan = place.run(&["plan", "p.yaml"]).ok().out;
    for words in [
        "m: 28 rows",
        "clean     24 rows are left",
        "3 dropped  drop_duplicates\n",
        "1 dropped  query: age.isnull() or age < 150\n",
    ] {
        assert!(plan.contains(words), "no `{words}` in {plan}");
    }
    let plan = place.run(&["plan", "p.yaml", "--format", "json"]).json();
    assert_eq!(&plan["clean"], clean);
    let markdown = place.read("artifacts/m/1/report.md");
    assert!(markdown.contains("| `drop_duplicates` | 3 |"), "{markdown}");
    assert!(place.read("artifacts/m/1/report.html").contains("drop_duplicates: 3 rows dropped"));
    place.run(&["run", "p.yaml", "--locked"]).ok();
    place.run(&["models", "verify", "m"]).ok();
    assert_eq!(place.models()[0]["versions"][0]["rows"], json!(24));
}

/// New rows go the way of the columns, and none of them is left out.
#[test]
fn new_rows_are_cleaned_as_columns() {
    let place = place();
    place.run(&["run", "p.yaml"]).ok();
    let predicted = |rows: &str| -> Vec<String> {
        place.write("new.csv", format!("Age,plan,size\n{rows}"));
        let out = place.run(&["predict", "m", "--input", "new.csv"]).ok().out;
        out.lines().skip(1).map(str::to_owned).collect()
    };
    let rows = predicted("30,free,4\n,free,4\n30,free,4\n200,pro,?\n90,pro,\n-5,pro,1\n18,pro,1\n");
    assert_eq!(rows.len(), 7, "a row was left out");
    assert_eq!((&rows[0], &rows[3], &rows[5]), (&rows[1], &rows[4], &rows[6]));
    assert_eq!(rows[0], rows[2]);
    // Infinity is within bounds after `clip`.
    assert_eq!(predicted("inf,free,4\n"), predicted("90,free,4\n"));
    let refused = |text: &str, words: &[&str]| {
        place.write("new.csv", text);
        place.run(&["predict", "m", "--input", "new.csv"]).fails(4, words);
    };
    refused("age,plan,size\n30,free,4\n", &["no column `Age`"]);
    refused(
        "Age,plan,size\n30,free,4\n30,free,big\n",
        &["E0406", "column `size`, row 2: `big` is not a number"],
    );
    refused("Age,plan,size\n30,gold,4\n30,,4\n", &["E0413", "1 value not among the levels: `gold` in row 1"]);
    // Everything that does not hold is told at once.
    refused(
        "Age,plan,size\n30,gold,4\n30,,4\n30,,4\n30,,4\n",
        &[
            "breaks 2 expectations",
            "`plan`: 3 of 4 values are missing, 75.000 % and not 50 % at most: first in rows 2, 3, 4",
            "`gold` in row 1",
        ],
    );
}

/// All that does not hold comes in one report, with rows as they stand in the data, and nothing is published.
#[test]
fn everything_unexpected_is_told_at_once() {
    let place = Place::new();
    place.write("t.csv", "id,age,plan,on,y\na1,1,free,true,1\na2,1,free,true,1\na2,-3,gold,,2\nb3,200,,false,3\nA4,150,pro,true,4\n,7,pro,true,5\n");
    let start =
        "version: 1\nname: m\nsource: {key: k, load_if_missing: t.csv}\ntarget: y\nroles: {id: [id]}\n";
    let clean = "clean: [{drop_duplicates: {subset: [age, plan]}}]\n";
    let expect = "expect:\n  rows: {min: 10}\n  columns:\n    id: {unique: true, regex: '[ab]\\d'}\n    \
                  age: {min: 0, max: 120}\n    plan: {type: number, levels: [free, pro], max_missing: 0.1}\n    \
                  on: {type: bool, levels: [true]}\n    y: {max: 4}\n    agee: {}\n    other: {required: false}\n";
    place.write("p.yaml", format!("{start}{clean}{expect}model: Ridge\ncv: 2\n"));
    let ran = place.run(&["run", "p.yaml"]);
    ran.fails(
        4,
        &[
            "error[E0413]: the data breaks 10 expectations:\n  5 rows, fewer than 10\n",
            "column `id`: 1 value that `[ab]\\d` does not match: `A4` in row 5\n",
            "column `age`: 1 value below 0: `-3` in row 3\n",
            "column `age`: 2 values above 120: `200` in row 4, `150` in row 5\n",
            "column `plan`: the type is category, not number\n",
            "column `plan`: 1 of 5 values are missing, 20.000 % and not 10 % at most: first in row 4\n",
            "column `plan`: 1 value not among the levels: `gold` in row 3\n",
            "column `on`: 1 value not among the levels: `False` in row 4\n",
            "column `y`: 1 value above 4: `5` in row 6\n",
            "there is no column `agee`, but `age`\n",
            " --> p.yaml:8:3\n",
        ],
    );
    assert_eq!(place.models(), json!([]));
    let object = place.run(&["run", "p.yaml", "--json"]).object();
    assert_eq!(object["diagnostics"][0]["code"], json!("E0413"));
    // Without the cleaning a name stands twice.
    place.write("q.yaml", format!("{start}{expect}model: Ridge\ncv: 2\n"));
    place.run(&["run", "q.yaml"]).fails(4, &["column `id`: 1 value that stood before: `a2` in row 3\n"]);
}

/// Errors from behind the cleaning name rows as they stand in the data, or say that they do not.
#[test]
fn rows_keep_their_numbers() {
    let place = Place::new();
    place.write("t.csv", "x,y\n1,1\n1,1\n2,2\n3,\n4,3\n5,4\n6,inf\n");
    let start = "version: 1\nname: m\nsource: {key: k, load_if_missing: t.csv}\ntarget: y\n";
    let run = |clean: &str, model: &str| {
        place.write("p.yaml", format!("{start}clean: [{clean}]\nmodel: {model}\ncv: 2\n"));
        place.run(&["run", "p.yaml"])
    };
    run("drop_duplicates", "Ridge").fails(4, &["target `y` is missing in row 4 (1 of 6 rows)"]);
    run("drop_duplicates, dropna", "Ridge").fails(4, &["`y`", "row 7"]);
    run("drop_duplicates, dropna, {clip: {upper: 5}}", "Ridge").ok();
    run("drop_duplicates, {query: \"y < 5\"}", "Ridge").ok();
    place.write("u.csv", "x,y\n1,1\n1,1\n2,2\n3,1\n,3\n5,4\n6,5\n");
    place.run(&["data", "put", "k", "u.csv"]).ok();
    run("drop_duplicates", "Ridge")
        .fails(4, &["`x` is missing", "rows are counted among those that `clean` leaves"]);
}

/// Integers that a float cannot hold are an error where they are learned from, and none where they are dropped or bounded.
#[test]
fn what_a_float_cannot_hold_may_be_cleaned_away() {
    let place = Place::new();
    place.write("t.csv", "x,y\n1,1\n2,3\n9007199254740993,2\n3,1\n4,4\n5,2\n");
    let start = "version: 1\nname: m\nsource: {key: k, load_if_missing: t.csv}\ntarget: y\n";
    let run = |clean: &str| {
        place.write("p.yaml", format!("{start}clean: [{clean}]\nmodel: Ridge\ncv: 2\n"));
        place.run(&["run", "p.yaml"])
    };
    run("{rename: {x: z}}").fails(4, &["column `x`, row 3: `9007199254740993` is an integer beyond 2^53"]);
    run("{query: \"x < 10\"}").ok();
    run("{clip: {upper: 10}}").ok();
    run("{clip: {lower: 0}}").fails(4, &["column `x`, row 3", "beyond 2^53"]);
    run("{astype: {x: category}}").fails(4, &["beyond 2^53"]);
}

/// `min` and `max` of datetimes, in the data and in new rows.
#[test]
fn datetimes_have_a_first_and_a_last() {
    let place = Place::new();
    let day = |i: usize| format!("2024-01-{:02}T12:00:00+02:00", i + 1);
    let row = |i: usize| format!("{},{i},{}\n", if i == 3 { String::new() } else { day(i) }, i * i % 7);
    let rows: String = (0..20).map(row).collect();
    place.write("t.csv", format!("at,x,y\n{rows}"));
    let run = |rule: &str| {
        place.write(
            "p.yaml",
            format!(
                "version: 1\nname: m\nsource: {{key: k, load_if_missing: t.csv}}\nschema: {{at: datetime}}\n\
                 target: y\nexpect: {{columns: {{at: {rule}}}}}\npreprocess:\n  \
                 at: {{columns: [at], steps: [DatetimeEncoder, SimpleImputer]}}\n  x: {{columns: [x], steps: []}}\n\
                 model: Ridge\ncv: 2\n"
            ),
        );
        place.run(&["run", "p.yaml"])
    };
    run("{min: 2024-01-01T11:00:00, max: 2027-01-01T00:00:00Z}")
        .fails(4, &["column `at`: 1 value below 2024-01-01T11:00:00: `2024-01-01T10:00:00` in row 1\n"]);
    run("{max: 2024-01-18}")
        .fails(4, &["3 values above 2024-01-18T00:00:00: `2024-01-18T10:00:00` in row 18"]);
    run("{min: 3}").fails(4, &["column `at`: the type is datetime, and `min` and `max` are for numbers\n"]);
    run("{type: datetime, min: 2020-01-01, max: 2024-01-20T10:00:00Z}").ok();
    // Both bounds travel with the model.
    place.write("new.csv", "at,x\n2024-01-05,1\n2019-12-31T23:59:59,2\n");
    place
        .run(&["predict", "m", "--input", "new.csv"])
        .fails(4, &["column `at`: 1 value below 2020-01-01T00:00:00: `2019-12-31T23:59:59` in row 2"]);
    place.write("new.csv", "at,x\n2024-01-05,1\n");
    place.run(&["predict", "m", "--input", "new.csv"]).ok();
}
