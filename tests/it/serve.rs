//! `pipefit serve`: what every protocol answers, and what it refuses.

use crate::http::{Serving, post, published, records};
use serde_json::{Value, json};

/// What `predict` says of a file: label or number, then probabilities, as they are spelled.
fn predicted(place: &crate::command::Place, model: &str, file: &str, proba: bool) -> Vec<Vec<String>> {
    let mut arguments = vec!["predict", model, "--input", file];
    arguments.extend(proba.then_some("--proba"));
    let ran = place.run(&arguments).ok();
    ran.out.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// Numbers as bits.
fn bits<'a>(numbers: impl IntoIterator<Item = &'a Value>) -> Vec<u64> {
    numbers.into_iter().map(|number| number.as_f64().unwrap().to_bits()).collect()
}

#[test]
fn every_protocol_gives_the_bits_of_predict() {
    let place = published(&["diabetes"]);
    let file = "examples/data/diabetes.csv";
    let expected = predicted(&place, "diabetes", file, false);
    let expected: Vec<u64> = expected.iter().map(|row| row[0].parse::<f64>().unwrap().to_bits()).collect();
    let serving = Serving::start(&place, &["diabetes"]);
    assert_eq!(serving.started["models"][0]["version"], 1);
    let rows = records(&place.read(file), "target");
    let names: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    let lists: Vec<Vec<&Value>> =
        rows.iter().map(|row| names.iter().map(|name| &row[*name]).collect()).collect();
    let turned: Vec<Vec<&Value>> =
        rows.iter().map(|row| names.iter().rev().map(|name| &row[*name]).collect()).collect();
    let backwards: Vec<&&String> = names.iter().rev().collect();
    let columns: Value = names
        .iter()
        .map(|name| ((*name).clone(), rows.iter().map(|row| row[*name].clone()).collect::<Value>()))
        .collect();
    let flat: Vec<&Value> = lists.iter().flatten().copied().collect();
    let tensor = |name: &str, shape: Value, data: Value| json!({"name": name, "shape": shape, "datatype": "FP64", "data": data});
    let each = names.iter().map(|name| tensor(name, json!([rows.len(), 1]), columns[*name].clone()));
    let each: Vec<Value> = each.collect();
    let matrix = |data: Value| json!({"inputs": [tensor("x", json!([rows.len(), 10]), data)]});
    let mut connection = serving.connect();
    for (path, body, list) in [
        ("/predict", json!(rows), "/predictions"),
        ("/models/diabetes/predict", json!(rows), "/predictions"),
        ("/invocations", json!({"dataframe_records": rows}), "/predictions"),
        ("/invocations", json!({"dataframe_split": {"columns": backwards, "data": turned}}), "/predictions"),
        (
            "/invocations",
            json!({"dataframe_split": {"index": [0], "columns": names, "data": lists}, "params": {}}),
            "/predictions",
        ),
        ("/invocations", json!({"instances": lists}), "/predictions"),
        ("/models/diabetes/invocations", json!({"inputs": columns}), "/predictions"),
        ("/v1/models/diabetes:predict", json!({"instances": rows}), "/predictions"),
        (
            "/v1/models/diabetes/versions/1:predict",
            json!({"signature_name": "serving_default", "inputs": columns}),
            "/outputs",
        ),
        ("/v2/models/diabetes/infer", matrix(json!(lists)), "/outputs/0/data"),
        ("/v2/models/diabetes/versions/1/infer", matrix(json!(flat)), "/outputs/0/data"),
        ("/v2/models/diabetes/infer", json!({"id": "a\"b", "inputs": each}), "/outputs/0/data"),
    ] {
        let answer =
            connection.send(&post(path, "application/json; charset=utf-8", body.to_string().as_bytes()));
        let found = answer.ok();
        assert_eq!(bits(found.pointer(list).unwrap().as_array().unwrap()), expected, "{path}");
        assert_eq!(answer.header("pipefit-model"), Some("diabetes:1"));
        assert_eq!(answer.header("pipefit-sha256"), serving.started["models"][0]["sha256"].as_str());
    }
    let csv: Vec<String> =
        place.read(file).lines().map(|line| line.rsplit_once(',').unwrap().0.to_owned() + "\n").collect();
    for path in ["/invocations", "/predict"] {
        let answer = connection.send(&post(path, "text/csv", csv.concat().as_bytes())).ok();
        assert_eq!(bits(answer["predictions"].as_array().unwrap()), expected, "CSV to {path}");
    }
    // One row alone gives the same bits as among all.
    for (row, expected) in rows.iter().zip(&expected).take(20) {
        let answer = connection.send(&post("/predict", "application/json", row.to_string().as_bytes())).ok();
        assert_eq!(bits(answer["predictions"].as_array().unwrap()), [*expected]);
    }
}

#[test]
fn classes_and_probabilities_of_rows_with_gaps_are_those_of_predict() {
    let place = published(&["penguins"]);
    let file = "examples/data/penguins.csv";
    let expected = predicted(&place, "penguins", file, true);
    let serving = Serving::start(&place, &["penguins"]);
    let rows = records(&place.read(file), "species");
    let answer = serving.post("/predict?proba=true", &json!(rows).to_string()).ok();
    assert_eq!(answer["classes"], json!(["Adelie", "Chinstrap", "Gentoo"]));
    assert_eq!(answer["predictions"].as_array().unwrap().len(), expected.len());
    for (i, row) in expected.iter().enumerate() {
        assert_eq!(answer["predictions"][i], row[0].as_str());
        let proba: Vec<u64> = row[1..].iter().map(|text| text.parse::<f64>().unwrap().to_bits()).collect();
        assert_eq!(bits(answer["probabilities"][i].as_array().unwrap()), proba, "row {i}");
    }
    let names: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    let tensor = |name: &&String| {
        let data: Vec<&Value> = rows.iter().map(|row| &row[*name]).collect();
        let datatype = if data.iter().any(|cell| cell.is_string()) { "BYTES" } else { "FP64" };
        json!({"name": name, "shape": [rows.len()], "datatype": datatype, "data": data})
    };
    let inputs: Vec<Value> = names.iter().map(tensor).collect();
    let infer = serving.post("/v2/models/penguins/infer", &json!({"inputs": inputs}).to_string()).ok();
    assert_eq!(infer["outputs"][0]["datatype"], "BYTES");
    assert_eq!(infer["outputs"][0]["data"], answer["predictions"]);
    assert_eq!(infer["outputs"][1]["shape"], json!([rows.len(), 3]));
    let flat: Vec<&Value> =
        answer["probabilities"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap()).collect();
    assert_eq!(bits(infer["outputs"][1]["data"].as_array().unwrap()), bits(flat));
    // Who lists no output gets all.
    let none_asked = json!({"inputs": inputs, "outputs": []}).to_string();
    assert_eq!(serving.post("/v2/models/penguins/infer", &none_asked).ok()["outputs"], infer["outputs"]);
    let one = json!({"inputs": inputs, "outputs": [{"name": "proba"}]}).to_string();
    let one = serving.post("/v2/models/penguins/infer", &one).ok();
    assert_eq!((one["outputs"].as_array().unwrap().len(), &one["outputs"][0]["name"]), (1, &json!("proba")));
    // A category that training never saw is what the encoder was told to make of it: nothing.
    let mut odd = rows[0].clone();
    odd["island"] = json!("Atlantis");
    assert_eq!(serving.post("/predict", &odd.to_string()).ok()["predictions"], json!(["Adelie"]));
}

#[test]
fn binary_tensors_go_both_ways() {
    let place = published(&["diabetes"]);
    let serving = Serving::start(&place, &["diabetes"]);
    let rows = records(&place.read("examples/data/diabetes.csv"), "target");
    let expected = serving.post("/predict", &json!(rows).to_string()).ok();
    let cells = rows.iter().flat_map(|row| row.as_object().unwrap().values());
    let values: Vec<u8> = cells.flat_map(|cell| cell.as_f64().unwrap().to_le_bytes()).collect();
    let head = json!({
        "inputs": [{"name": "x", "shape": [rows.len(), 10], "datatype": "FP64", "parameters": {"binary_data_size": values.len()}}],
        "parameters": {"binary_data_output": true},
    });
    let head = head.to_string();
    let request = |length: usize, tail: &[u8]| {
        let body = [head.as_bytes(), tail].concat();
        let post = post("/v2/models/diabetes/infer", "application/octet-stream", &body);
        let line = format!("\r\ninference-header-content-length: {length}\r\n");
        let end = post.windows(2).position(|two| two == b"\r\n").unwrap();
        [&post[..end], line.as_bytes(), &post[end + 2..]].concat()
    };
    let answer = serving.send(&request(head.len(), &values));
    assert_eq!(answer.status, 200, "{answer}");
    let length: usize = answer.header("inference-header-content-length").unwrap().parse().unwrap();
    let told: Value = serde_json::from_slice(&answer.body[..length]).unwrap();
    let tail = &answer.body[length..];
    assert_eq!(told["outputs"][0]["parameters"]["binary_data_size"], tail.len());
    let found: Vec<u64> = tail.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
    assert_eq!(found, bits(expected["predictions"].as_array().unwrap()));
    for (length, tail, word) in [
        (head.len(), &values[..values.len() - 1], "longer than the body"),
        (head.len(), &[values.as_slice(), &[0]].concat()[..], "1 bytes follow"),
        (head.len() + 1, &values[..], "trailing characters"),
        (usize::MAX, &values[..], "is no length of this body"),
    ] {
        // The text begins where the JSON ends, so one byte more is no UTF-8 or no JSON.
        let answer = serving.send(&request(length, tail));
        assert_eq!(answer.status, 400, "{answer}");
        let text = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(text.contains(word) || length == head.len() + 1, "{text}");
    }
}

#[test]
fn the_server_and_its_models_are_described() {
    let place = published(&["diabetes", "penguins"]);
    let serving = Serving::start(&place, &["diabetes", "penguins:1"]);
    assert_eq!(serving.get("/v2").ok()["extensions"], json!(["binary_tensor_data"]));
    for path in ["/v2/health/live", "/v2/health/ready", "/ping", "/health", "/version", "/metrics", "/models"]
    {
        assert_eq!(serving.get(path).status, 200, "{path}");
    }
    let about = serving.get("/v2/models/penguins").ok();
    assert_eq!(about["inputs"][0], json!({"name": "island", "datatype": "BYTES", "shape": [-1, 1]}));
    assert_eq!(about["outputs"][1], json!({"name": "proba", "datatype": "FP64", "shape": [-1, 3]}));
    assert_eq!(serving.get("/v2/models/penguins/versions/1/ready").ok()["ready"], true);
    assert_eq!(serving.get("/v1/models/diabetes").ok()["model_version_status"][0]["state"], "AVAILABLE");
    let head = serving.send(b"HEAD /v2 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    assert_eq!(head.status, 200);
    serving.get("/v2/models/penguin").refused(404, &["`penguin`", "`diabetes`, `penguins`"]);
    serving.get("/v2/models/penguins/versions/7").refused(404, &["version `7`", "version 1 is"]);
    serving.get("/nothing").refused(404, &["/v2/models/NAME/infer"]);
    serving.post("/predict", "[]").refused(400, &["several models", "/models/NAME/predict"]);
    let get = serving.get("/v2/models/penguins/infer");
    get.refused(405, &["POST"]);
    assert_eq!(get.header("allow"), Some("post"));
    serving.post("/metrics", "").refused(405, &["GET"]);
    serving.post("/v2/models/penguins/infer?x=1", "{}").refused(400, &["query"]);
    let metrics = String::from_utf8(serving.get("/metrics").body).unwrap();
    for line in [
        "pipefit_http_requests_total{route=\"model\",status=\"404\"} 2",
        "pipefit_http_requests_total{route=\"unknown\",status=\"404\"} 1",
        "pipefit_model_degraded{model=\"penguins\"} 0",
        "pipefit_http_request_duration_seconds_count{route=\"infer\"} 2",
        "pipefit_model_info{model=\"diabetes\",version=\"1\",sha256=\"",
    ] {
        assert!(metrics.contains(line), "no `{line}` in {metrics}");
    }
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("pipefit_") && value.parse::<f64>().is_ok(), "{line}");
    }
    serving.terminate();
    let ran = serving.end();
    assert_eq!(ran.code, Some(0), "{ran}");
}

#[test]
fn what_is_wrong_is_told_with_column_and_row() {
    let place = published(&["penguins"]);
    let serving = Serving::start(&place, &["penguins"]);
    let row = &records(&place.read("examples/data/penguins.csv"), "species")[0];
    let with = |name: &str, value: Value| {
        let mut row = row.clone();
        row[name] = value;
        json!([row]).to_string()
    };
    let mut short = row.clone();
    short.as_object_mut().unwrap().shift_remove("year");
    let text = json!([row]).to_string();
    let nan = with("year", json!(0)).replace(":0", ":NaN");
    for (body, words) in [
        (with("bill_length_mm", json!("long")), &["`bill_length_mm`, row 1: `long` is text", "`null`"][..]),
        (with("bill_length_mm", json!("41")), &["`bill_length_mm`, row 1: `41` is text"]),
        (with("bill_length_mm", json!(true)), &["`bill_length_mm`, row 1: `true` is no number"]),
        (with("bill_length_mm", json!([1])), &["`bill_length_mm`, row 1: a list is not a cell"]),
        (with("island", json!({})), &["`island`, row 1: an object is not a cell"]),
        (with("year", json!(0)).replace(":0", ":1e999"), &["`year`, row 1: `1e999` is infinite"]),
        (with("year", json!(0)).replace(":0", ":9007199254740993"), &["beyond 2^53"]),
        (nan, &["line 1 column", "NaN and Infinity are no JSON"]),
        (with("yaer", json!(1)), &["no input `yaer`", "did you mean `year`?"]),
        (with("species", json!("Adelie")), &["no input `species`", "leave it out"]),
        (json!([row, short]).to_string(), &["row 2 lacks the column `year`", "`null`"]),
        (json!([{}]).to_string(), &["row 1 lacks the columns `island`, `bill_length_mm`"]),
        (text.replacen("{", "{\"year\":1,", 1), &["row 1: field `year` stands twice"]),
        ("[]".into(), &["no rows"]),
        ("".into(), &["EOF"]),
        ("[".into(), &["EOF"]),
        ("nul".into(), &["EOF"]),
        ("42".into(), &["expected a list of rows"]),
        ("[1]".into(), &["expected an object for row 1"]),
        (format!("{text} x"), &["trailing characters"]),
        (with("island", json!("x")).replace("\"x\"", "\"\\ud800\""), &["half a character"]),
        (format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)), &["nests deeper than 16"]),
        (format!("[{}]", vec![row.to_string(); 10_001].join(",")), &["more than 10000 rows"]),
    ] {
        serving.post("/predict", &body).refused(400, words);
    }
}

/// Bodies of the protocols that are refused, and what is said of them.
const MALFORMED: &[(&str, &str, &str)] = &[
    (
        "/invocations",
        r#"{"dataframe_split": {"columns": ["year"], "data": []}, "inputs": {}}"#,
        "needs one of",
    ),
    (
        "/invocations",
        r#"{"dataframe_split": {"columns": ["year", "year"], "data": []}}"#,
        "`year` stands twice",
    ),
    (
        "/invocations",
        r#"{"dataframe_split": {"columns": ["year"], "data": [[1, 2]]}}"#,
        "row 1 has 2 cells, not 1",
    ),
    (
        "/invocations",
        r#"{"dataframe_split": {"columns": ["year"], "data": [[1]]}}"#,
        "row 1 lacks the columns",
    ),
    ("/invocations", r#"{"inputs": {"year": [1, 2], "year": [1, 2]}}"#, "`year` stands twice"),
    ("/invocations", r#"{"inputs": {"year": [1]}}"#, "lacks the columns `island`"),
    ("/invocations", r#"{"instances": [[1]], "params": {"x": 1}}"#, "`params`"),
    ("/invocations", r#"{"instance": [[1]]}"#, "unknown field `instance`"),
    (
        "/v1/models/penguins:predict",
        r#"{"instances": [[1]], "instances": []}"#,
        "duplicate field `instances`",
    ),
    ("/v2/models/penguins/infer", r#"{"inputs": []}"#, "no rows"),
    (
        "/v2/models/penguins/infer",
        r#"{"inputs": [{"name": "year", "shape": [1], "datatype": "FP64"}]}"#,
        "either `data`",
    ),
    (
        "/v2/models/penguins/infer",
        r#"{"inputs": [{"name": "year", "shape": [2], "datatype": "FP64", "data": [1]}]}"#,
        "has 1 rows, its shape 2",
    ),
    (
        "/v2/models/penguins/infer",
        r#"{"inputs": [{"name": "year", "shape": [1, 1, 1], "datatype": "FP64", "data": [1]}]}"#,
        "[1, 1, 1]",
    ),
    (
        "/v2/models/penguins/infer",
        r#"{"inputs": [{"name": "year", "shape": [18446744073709551615], "datatype": "FP64", "data": [1]}]}"#,
        "more than 10000 rows",
    ),
    (
        "/v2/models/penguins/infer",
        r#"{"inputs": [{"name": "year", "shape": [-1], "datatype": "FP64", "data": [1]}]}"#,
        "invalid value",
    ),
    (
        "/v2/models/penguins/infer",
        r#"{"inputs": [{"name": "year", "shape": [1], "datatype": "BYTES", "data": ["1"]}]}"#,
        "`year` is a number",
    ),
    (
        "/v2/models/penguins/infer",
        r#"{"inputs": [{"name": "year", "shape": [1], "datatype": "F64", "data": [1]}]}"#,
        "datatype `F64`",
    ),
    (
        "/v2/models/penguins/infer",
        r#"{"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP64", "data": [1, 2, 3]}]}"#,
        "has 3 columns, not 7",
    ),
];

#[test]
fn what_is_wrong_with_a_body_is_told_in_one_form_by_all_protocols() {
    let place = published(&["penguins"]);
    let serving = Serving::start(&place, &["penguins"]);
    for (path, body, words) in MALFORMED {
        serving.post(path, body).refused(400, &[words]);
    }
    let text = json!(records(&place.read("examples/data/penguins.csv"), "species")).to_string();
    let csv = |body: &str| serving.send(&post("/invocations", "text/csv", body.as_bytes()));
    csv("year\n2007\n").refused(400, &["are not in the data"]);
    csv(&place.read("examples/data/penguins.csv")).refused(400, &["no input `species`"]);
    csv("\u{80}\0").refused(400, &[]);
    for (content_type, status) in [
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json; charset=latin1", 415),
    ] {
        serving.send(&post("/predict", content_type, text.as_bytes())).refused(status, &[]);
    }
    serving
        .send(&post("/predict", "application/json", b"[{\"island\": \"\xff\"}]"))
        .refused(400, &["not UTF-8"]);
    let gzip = post("/predict", "application/json\r\ncontent-encoding: gzip", text.as_bytes());
    serving.send(&gzip).refused(415, &["compressed"]);
    serving.terminate();
    serving.end().says(&["stopped"]);
}

#[test]
fn a_token_opens_and_is_told_to_nobody() {
    let token = "amsel-drossel-fink-star-7";
    let place = published(&["diabetes"]);
    place.run(&["serve", "diabetes", "--bind", "0.0.0.0:0"]).fails(2, &["no token", "--token-file"]);
    place.write("short", "amsel\n");
    place.run(&["serve", "diabetes", "--token-file", "short"]).fails(2, &["shorter than 16"]);
    place.run(&["serve", "diabetes", "diabetes:1"]).fails(2, &["given twice"]);
    place.run(&["serve", "diabets"]).fails(4, &["did you mean `diabetes`?"]);
    place.write("token", format!("{token}\n"));
    let from_file = Serving::start(&place, &["diabetes", "--token-file", "token", "--log-requests"]);
    let from_variable = Serving::with(&place, &["diabetes"], &[("PIPEFIT_TOKEN", token)]);
    for serving in [from_file, from_variable] {
        let with = |value: &str| {
            let request = format!("GET /v2 HTTP/1.1\r\nhost: any.example\r\nauthorization: {value}\r\n\r\n");
            serving.send(request.as_bytes())
        };
        assert_eq!(with(&format!("Bearer {token}")).status, 200);
        let wrong = with("Bearer amsel-drossel-fink-star-8");
        wrong.refused(401, &["does not bear the token"]);
        assert_eq!(wrong.header("www-authenticate"), Some("bearer"));
        serving.get("/metrics").refused(401, &[]);
        serving.get("/nothing").refused(401, &[]);
        assert_eq!(serving.get("/v2/health/ready").status, 200);
        serving.terminate();
        let ran = serving.end();
        assert!(!ran.err.contains("amsel"), "{ran}");
    }
}

#[test]
fn only_known_names_and_pages_reach_it() {
    let place = published(&["diabetes"]);
    let serving = Serving::start(
        &place,
        &["diabetes", "--allow-host", "models.internal", "--allow-origin", "https://ok.example"],
    );
    let status =
        |headers: &str| serving.send(format!("GET /v2 HTTP/1.1\r\n{headers}\r\n\r\n").as_bytes()).status;
    assert_eq!(status("host: localhost:1234"), 200);
    assert_eq!(status("host: models.internal"), 200);
    assert_eq!(status("host: evil.example"), 403);
    assert_eq!(status("host: localhost\r\norigin: https://evil.example"), 403);
    assert_eq!(status("host: localhost\r\norigin: null"), 403);
    assert_eq!(status("host: localhost\r\norigin: https://ok.example"), 200);
    let taken = serving.address.to_string();
    place.run(&["serve", "diabetes", "--bind", &taken]).says(&["nothing can listen"]);
}
