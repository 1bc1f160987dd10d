//! What came from the environment: it says where the work is done, and nothing that is kept or told shows it.

use crate::command::{Place, Ran, files_under};
use crate::proxy::holds;
use crate::store_faults::TABLE;
use std::path::Path;

/// What stands in the variables, each with a word of its own so that none hides another.
const STORE: &str = "amsel-1";
const KEY: &str = "drossel-2";
const FOLDER: &str = "finkenvogel-3";
const TARGET: &str = "ybis";
const OUT: &str = "meisen-5";
const PASSWORD: &str = "specht-6";

/// Every place that the environment may speak in.
const FILE: &str = "version: 1
name: m
params: {folder: \"${env:FOLDER}\"}
store: \"${env:URL}\"
source: {key: \"data:${env:KEY}\", load_if_missing: \"${params.folder}/t.csv\"}
target: \"${env:TARGET}\"
preprocess: [SimpleImputer, StandardScaler]
model: Ridge
cv: 3
output: {dir: \"${env:OUT}/deep\"}
";

/// Runs a command with these variables set.
fn called(place: &Place, arguments: &[&str], url: &str) -> Ran {
    let mut command = place.command(arguments);
    command.env("URL", url).env("KEY", KEY).env("FOLDER", FOLDER).env("TARGET", TARGET).env("OUT", OUT);
    Ran::of(arguments, command.env("RUST_BACKTRACE", "1").output().unwrap())
}

/// Holds none of the words to be in what a command told, but for the folder on disk on stdout: whoever started the
/// run must find it.
fn told_nothing(ran: &Ran) {
    let out = ran.out.replace(&format!("{OUT}/deep"), "");
    for word in [STORE, KEY, FOLDER, TARGET, OUT, PASSWORD] {
        assert!(!out.contains(word) && !ran.err.contains(word), "{word} in {ran}");
    }
}

#[test]
fn nothing_from_the_environment_is_kept_or_told() {
    for server in [false, true] {
        let mut place = if server { Place::with_server() } else { Place::new() };
        let table = TABLE.replacen('y', TARGET, 1);
        place.write(&format!("{FOLDER}/t.csv"), &table);
        place.write("p.yaml", FILE);
        let url = if server { format!("{}?prefix={STORE}:", place.store()) } else { format!("dir:{STORE}") };
        for json in [&[][..], &["--json"]] {
            for command in [
                &["check", "p.yaml"][..],
                &["run", "p.yaml"],
                &["plan", "p.yaml"],
                &["run", "p.yaml", "--locked"],
            ] {
                let ran = called(&place, &[command, json].concat(), &url).ok();
                told_nothing(&ran);
            }
        }
        // The key differs from the file now, which is a warning that names both; it is part of the report.
        place.write(&format!("{FOLDER}/t.csv"), table + "9,9,9\n");
        let ran = called(&place, &["run", "p.yaml", "--json"], &url).ok();
        assert!(ran.err.contains("the key is used"), "{ran}");
        told_nothing(&ran);
        assert_eq!(ran.object()["data"]["target"], "${env:TARGET}");
        let folder = ran.object()["artifact"]["path"].as_str().unwrap().to_owned();
        assert!(place.path(&folder).join("model.safetensors").exists(), "{folder}");
        kept(&mut place, &folder, server);
    }
}

/// The same where the table is a file, and a search decides.
#[test]
fn nothing_of_a_file_from_the_environment_is_kept_or_told() {
    let mut place = Place::new();
    let url = format!("dir:{STORE}");
    let lines = FILE.lines().map(|line| if line.starts_with("source") { SEARCHED } else { line });
    place.write("p.yaml", lines.collect::<Vec<_>>().join("\n"));
    place.write(&format!("{FOLDER}/t.csv"), TABLE.replacen('y', TARGET, 1));
    for command in [&["plan", "p.yaml"][..], &["run", "p.yaml"], &["run", "p.yaml", "--locked"]] {
        told_nothing(&called(&place, command, &url).ok());
    }
    let ran = called(&place, &["run", "p.yaml", "--json"], &url).ok();
    told_nothing(&ran);
    assert!(ran.object()["search"]["best_params"].is_object(), "{ran}");
    let folder = ran.object()["artifact"]["path"].as_str().unwrap().to_owned();
    kept(&mut place, &folder, false);
    for bytes in ["", "a,b\n1\n", "{\"a\": [1]", "PAR1", "PAR1 and no more PAR1"] {
        place.write(&format!("{FOLDER}/t.csv"), bytes);
        let ran = called(&place, &["run", "p.yaml"], &url);
        assert_eq!(ran.code, Some(4), "{ran}");
        told_nothing(&ran);
    }
    std::fs::remove_dir_all(place.path(FOLDER)).unwrap();
    let ran = called(&place, &["run", "p.yaml"], &url);
    assert_eq!(ran.code, Some(4), "{ran}");
    told_nothing(&ran);
}

const SEARCHED: &str = "source: {file: \"${params.folder}/t.csv\"}
search: {GridSearchCV: {param_grid: {model__alpha: [0.1, 1]}}}";

/// Looks into what is published: the folder, the lock, and all records and blobs of the store.
fn kept(place: &mut Place, folder: &str, server: bool) {
    let mut files = files_under(&place.path(folder));
    assert_eq!(files.len(), 4, "model and three reports");
    files.push(("lock".into(), std::fs::read(place.path("p.yaml.lock")).unwrap()));
    if server {
        let mut connection = place.server().unwrap().raw();
        let keys: Vec<Vec<u8>> = redis::cmd("KEYS").arg(format!("{STORE}:*")).query(&mut connection).unwrap();
        assert!(keys.len() > 4);
        for key in keys {
            let dump: Vec<u8> = value(&mut connection, &key);
            files.push((String::from_utf8_lossy(&key).into_owned().into(), dump));
        }
    } else {
        let stored = files_under(&place.path(STORE));
        assert!(stored.len() > 8);
        // The table itself is the user's, under the user's key.
        let own = |path: &Path| path.components().any(|part| part.as_os_str() == "keys");
        files.extend(stored.into_iter().filter(|(path, _)| !own(path)));
    }
    for (path, bytes) in files {
        for word in [STORE, KEY, FOLDER, TARGET, OUT, PASSWORD] {
            let text = String::from_utf8_lossy(&bytes);
            assert!(!holds(&bytes, word), "{word} is in {}: {text}", path.display());
        }
    }
}

/// What a key holds, whatever its type.
fn value(connection: &mut redis::Connection, key: &[u8]) -> Vec<u8> {
    let kind: String = redis::cmd("TYPE").arg(key).query(connection).unwrap();
    if kind == "string" {
        return redis::cmd("GET").arg(key).query(connection).unwrap();
    }
    let parts: Vec<Vec<u8>> = redis::cmd("HVALS").arg(key).query(connection).unwrap();
    parts.concat()
}

#[test]
fn no_error_tells_it_either() {
    let place = Place::new();
    place.write("p.yaml", FILE);
    let store = format!("dir:{STORE}");
    let table = format!("{FOLDER}/t.csv");
    let check = |url: &str, code: i32| {
        for json in [&[][..], &["--json"]] {
            for command in [&["run", "p.yaml"][..], &["plan", "p.yaml"]] {
                let ran = called(&place, &[command, json].concat(), url);
                assert_eq!(ran.code, Some(code), "{ran}");
                told_nothing(&ran);
            }
        }
    };
    // No file.
    check(&store, 4);
    // No table, then none in this form.
    for bytes in ["", "a,b\n1\n", "{\"a\": [1]", "a,b\n1,2\n"] {
        place.write(&table, bytes);
        check(&store, 4);
    }
    // A target that cannot be learned.
    for bytes in
        ["a,T\n1,x\n2,y\n3,z\n", "a,T\n1,1\n2,1\n3,1\n", "a,T\n1,1\n2,\n3,1\n", "a,T\n1,1e999\n2,2\n3,1\n"]
    {
        std::fs::remove_dir_all(place.path(STORE)).unwrap();
        place.write(&table, bytes.replace('T', TARGET));
        check(&store, 4);
    }
    // A store that is a file, and a server that is not there.
    std::fs::remove_dir_all(place.path(STORE)).unwrap();
    place.write(STORE, "");
    check(&store, 6);
    check(&format!("redis://:{PASSWORD}@127.0.0.1:1/0?prefix={STORE}:"), 6);
}
