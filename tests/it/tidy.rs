//! What the code's own text must keep to: the order of the rooms, who may print and do I/O, sizes, and that the pages still
//! tell the truth. Each failure lists every place at once.

mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use pipefit::diag::Code;

use self::source::{Source, below, children, files_below, functions, tests_at, top};

/// The rooms from the top. A room uses rooms of the lines above its own only; docs/architecture.md says why.
const ROOMS: &[&[&str]] = &[
    &["diag"],
    &["yaml"],
    &["linalg"],
    &["table"],
    &["clean"],
    &["expect"],
    &["onnx"],
    &["contract"],
    &["splitters", "metrics"],
    &["steps", "models"],
    &["spec"],
    &["graph"],
    &["plan"],
    &["run"],
    &["gate"],
    &["artifact"],
    &["sklearn"],
    &["report"],
    &["store"],
    &["source"],
    &["signing"],
    &["registry"],
    &["learn"],
    &["job"],
    &["predict"],
    &["serve"],
    &["score"],
    &["cli"],
];

/// What may be used in some places only: a crate or a part of `std`, and rooms or files.
const EDGES: &[(&str, &str, &[&str])] = &[
    // `spec` reads the pipeline file, the lock lies beside it; `store` marks what it has not finished with its process.
    ("std", "fs", &["store", "source", "spec", "cli", "src/job/lock.rs"]),
    ("std", "net", &["store", "source", "serve", "cli"]),
    ("std", "process", &["store", "cli", "src/main.rs"]),
    ("redis", "", &["store", "source"]),
    ("rustls", "", &["store", "signing"]),
    ("parquet", "", &["source"]),
    ("hyper", "", &["serve"]),
    ("tokio", "", &["serve"]),
    ("prost", "", &["onnx", "src/source/layouts/entity.rs"]),
    ("saphyr_parser", "", &["yaml"]),
    ("clap", "", &["cli"]),
    ("indicatif", "", &["cli"]),
    ("signal_hook", "", &["cli"]),
];

/// Codes that no code path gives yet, with what they wait for.
const RESERVED_CODES: &[&str] = &[];

const MAX_LINES_OF_A_FILE: usize = 500;
const MAX_LINES_OF_A_FUNCTION: usize = 70;
/// Packages in Cargo.lock, those for other systems too, and the distinct ones that the binary here is made of. A new crate
/// is a decision: raise the bound in the commit that brings it, and say there what it is for.
const MAX_LOCKED_CRATES: usize = 290;
const MAX_LINKED_CRATES: usize = 221;
const MAX_BINARY_BYTES: u64 = 52_000_000;

/// Fails with all places, if there are any.
#[track_caller]
fn none(what: &str, places: &[String]) {
    assert!(places.is_empty(), "{what}:\n  {}\n", places.join("\n  "));
}

/// The line of a room, from the top.
fn level(room: &str) -> Option<usize> {
    ROOMS.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn a_room_uses_only_rooms_above_it() {
    let mut places = Vec::new();
    for file in Source::below("src") {
        let Some(room) = file.room() else { continue };
        let own = level(room).unwrap_or_else(|| panic!("`{}` is in no known room", file.path));
        let (all, product) = (file.tokens(), file.product());
        let mut used = below(&all, "crate");
        // As many `super::` as the file is deep lead to the root as well.
        let climb: Vec<&str> = ["super", "::"].repeat(file.depth());
        for i in 0..product.len() {
            let starts = i == 0 || product[i - 1].text != "::";
            let path = product[i..].iter().map(|token| token.text);
            if starts && path.take(climb.len()).eq(climb.iter().copied()) {
                used.extend(children(&product[i + climb.len()..]));
            }
        }
        for name in used {
            if name.text != room && level(name.text).is_some_and(|level| level >= own) {
                places.push(format!("{}:{} uses `{}`", file.path, name.line, name.text));
            }
        }
    }
    none("a room uses a room that is not above it", &places);
}

#[test]
fn the_list_of_rooms_is_the_one_in_the_pages_and_in_the_crate() {
    let page = read("docs/architecture.md");
    let list = page.split("## The rooms").nth(1).and_then(|rest| rest.split("\n## ").next());
    let lines = list.expect("a section with the rooms").lines().filter_map(|line| line.strip_prefix("- "));
    let names = |line: &str| -> Vec<String> {
        let names = line.split(':').next().unwrap_or_default().split('`').skip(1).step_by(2);
        names.map(str::to_owned).collect()
    };
    assert_eq!(lines.map(names).collect::<Vec<_>>(), ROOMS, "docs/architecture.md");

    let rooms: BTreeSet<&str> = ROOMS.iter().copied().flatten().copied().collect();
    let library = read("src/lib.rs");
    let modules: BTreeSet<&str> =
        library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(modules, rooms, "src/lib.rs");
    let folders: BTreeSet<String> =
        Source::below("src").iter().filter_map(Source::room).map(str::to_owned).collect();
    assert!(folders.iter().map(String::as_str).eq(rooms), "folders of src: {folders:?}");
}

#[test]
fn only_the_command_line_prints() {
    let mut places = Vec::new();
    for file in Source::below("src").iter().filter(|file| file.room() != Some("cli")) {
        for pair in file.tokens().windows(2) {
            let printing = ["print", "println", "eprint", "eprintln", "dbg"].contains(&pair[0].text)
                && pair[1].text == "!";
            if printing || ["stdout", "stderr", "stdin"].contains(&pair[0].text) {
                places.push(format!("{}:{} `{}`", file.path, pair[0].line, pair[0].text));
            }
        }
    }
    none("something outside of src/cli talks to the terminal", &places);
}

#[test]
fn the_outside_world_is_reached_at_the_edges() {
    let mut places = Vec::new();
    for file in Source::below("src") {
        let product = file.product();
        for &(root, part, allowed) in EDGES {
            if allowed.iter().any(|place| file.room() == Some(place) || file.path == *place) {
                continue;
            }
            let used = below(&product, root);
            let used = used.iter().filter(|name| part.is_empty() || name.text == part);
            places.extend(used.map(|name| format!("{}:{} `{root}::{}`", file.path, name.line, name.text)));
        }
    }
    none("an edge of the house is used in its middle", &places);
}

#[test]
fn files_and_functions_can_be_overlooked() {
    let mut places = Vec::new();
    for file in Source::below("src").into_iter().chain(Source::below("tests")) {
        let lines = file.text.lines().count();
        if lines > MAX_LINES_OF_A_FILE {
            places.push(format!("{} has {lines} lines", file.path));
        }
        let tokens = file.tokens();
        for function in functions(&tokens).iter().filter(|function| function.lines > MAX_LINES_OF_A_FUNCTION)
        {
            places.push(format!(
                "{}:{} `{}` has {} lines",
                file.path, function.line, function.name, function.lines
            ));
        }
    }
    none("longer than a file or a function may be", &places);
}

#[test]
fn nothing_is_left_unfinished_or_silenced() {
    let unfinished = [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X")];
    let mut places = Vec::new();
    for file in Source::below("src").into_iter().chain(Source::below("tests")) {
        for (i, line) in file.text.lines().enumerate() {
            let found = unfinished.iter().filter(|word| line.contains(**word));
            places.extend(found.map(|word| format!("{}:{} {word}", file.path, i + 1)));
        }
        let tokens = file.tokens();
        for (i, token) in tokens.iter().enumerate() {
            let next = |k: usize| tokens.get(i + k).map_or("", |token| token.text);
            let before = if i > 0 { tokens[i - 1].text } else { "" };
            let left = ["todo", "unimplemented"].contains(&token.text) && next(1) == "!";
            let ignored = token.text == "ignore" && before == "[" && next(1) == "]";
            let silenced = ["allow", "expect"].contains(&token.text)
                && before == "["
                && !tokens[i..]
                    .iter()
                    .take_while(|token| token.text != "]")
                    .any(|token| token.text == "reason");
            if left || ignored || silenced {
                places.push(format!("{}:{} `{}`", file.path, token.line, token.text));
            }
        }
    }
    none("unfinished, ignored, or silenced without a reason", &places);
}

#[test]
fn unit_tests_stand_at_the_foot() {
    let mut places = Vec::new();
    for file in Source::below("src") {
        let tokens = file.tokens();
        let Some(start) = tests_at(&tokens) else { continue };
        let (mut depth, mut end) = (0, start);
        for (i, token) in tokens.iter().enumerate().skip(start) {
            match token.text {
                "{" => depth += 1,
                "}" => depth -= 1,
                ";" if depth == 0 => end = i,
                _ => {}
            }
            if token.text == "}" && depth == 0 {
                end = i;
            }
            if end > start {
                break;
            }
        }
        if end + 1 < tokens.len() {
            places.push(format!("{}:{}", file.path, tokens[end + 1].line));
        }
    }
    none("code after the unit tests", &places);
}

#[test]
fn every_component_is_in_its_list() {
    let mut places = Vec::new();
    for room in ["steps", "models", "splitters", "metrics"] {
        let files = Source::below(&format!("src/{room}"));
        let list = files.iter().find(|file| file.path.ends_with("/mod.rs")).expect("the list");
        let tokens = list.tokens();
        let all =
            tokens.iter().position(|token| token.text == "ALL").map_or(&tokens[..0], |at| &tokens[at..]);
        let modules: BTreeSet<&str> =
            tokens.windows(2).filter(|two| two[0].text == "mod").map(|two| two[1].text).collect();
        for file in files.iter().filter(|file| file.depth() == 2) {
            let name = Path::new(&file.path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            if !modules.contains(name) {
                places.push(format!("{} is no module of the room", file.path));
            } else if declares_a_component(file) && below(all, name).is_empty() {
                places.push(format!("{} is not in `ALL`", file.path));
            }
        }
    }
    none("a component that nobody can find", &places);
}

/// Whether a file has parameters, or is a metric: others in the room are what several components share.
fn declares_a_component(file: &Source) -> bool {
    let product = file.product();
    let words: Vec<&str> = product.iter().map(|token| token.text).collect();
    words.windows(2).any(|two| two == ["params", "!"])
        || words.windows(3).any(|three| three == [":", "Metric", "="])
}

#[test]
fn every_code_can_happen() {
    let mut used = BTreeSet::new();
    for file in Source::below("src").iter().filter(|file| file.path != "src/diag/code.rs") {
        used.extend(below(&file.product(), "Code").iter().map(|name| name.text.to_owned()));
    }
    let all = Code::ALL.iter().map(|code| format!("{code:?}"));
    let dead: Vec<String> =
        all.filter(|code| used.contains(code) == RESERVED_CODES.contains(&code.as_str())).collect();
    none("codes that nothing gives, or that are given though they are called reserved", &dead);
}

#[test]
fn exit_codes_are_documented() {
    let page = read("docs/file-format.md");
    let codes: BTreeSet<u8> = Code::ALL.iter().map(|code| code.exit_code()).collect();
    let silent = codes.iter().filter(|code| !page.contains(&format!("\n| {code} |")));
    none("exit codes without a row in docs/file-format.md", &silent.map(u8::to_string).collect::<Vec<_>>());
}

#[test]
fn the_project_names_no_machine() {
    // Where somebody's checkout or home lies, and the package registries, which every machine reaches in its own way.
    let words = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
        concat!("crates", ".io"),
        concat!("pypi", ".org"),
        concat!("python", "hosted"),
        concat!("deb.", "debian"),
        concat!("npm", "js"),
    ];
    let mut places = Vec::new();
    for path in files_below("").into_iter().filter(|path| !path.ends_with("Cargo.lock")) {
        let Ok(text) = fs::read_to_string(top().join(&path)) else { continue };
        for (i, line) in text.lines().enumerate() {
            let found = words.iter().filter(|word| line.contains(**word));
            places.extend(found.map(|word| format!("{path}:{} {word}", i + 1)));
        }
    }
    none("names of machines", &places);
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut places = Vec::new();
    for path in files_below("").into_iter().filter(|path| path.ends_with(".md")) {
        let text = read(&path);
        let folder = top().join(&path).parent().expect("a folder").to_owned();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if !target.contains("://") && !file.is_empty() && !folder.join(file).exists() {
                places.push(format!("{path} -> {target}"));
            }
        }
    }
    none("links to nothing", &places);
}

#[test]
fn crates_are_counted() {
    let locked = read("Cargo.lock").lines().filter(|line| *line == "[[package]]").count();
    assert!(locked <= MAX_LOCKED_CRATES, "{locked} packages in Cargo.lock, {MAX_LOCKED_CRATES} allowed");
    let tree = ["tree", "--edges", "normal", "--prefix", "none", "--locked", "--offline"];
    let tree = Command::new(env!("CARGO")).args(tree).current_dir(top()).output().expect("cargo");
    assert!(tree.status.success(), "cargo tree: {}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).expect("UTF-8");
    let linked: BTreeSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    assert!(
        linked.len() > 10 && linked.len() <= MAX_LINKED_CRATES,
        "{} crates, {MAX_LINKED_CRATES} allowed",
        linked.len()
    );
}

/// The binary of this very build, without symbols; it is larger than the released one, which is smaller by its optimisation
/// for size and without checks. Where a release build lies about, it is held to the same bound.
#[test]
fn the_binary_is_small() {
    let folder = tempfile::tempdir().expect("a folder");
    let stripped = folder.path().join("pipefit");
    let status = Command::new("strip").arg("-o").arg(&stripped).arg(env!("CARGO_BIN_EXE_pipefit")).status();
    assert!(status.expect("`strip` is there wherever a C compiler is").success());
    let profiles = Path::new(env!("CARGO_BIN_EXE_pipefit")).parent().and_then(Path::parent).expect("target");
    let release = profiles.join("release/pipefit");
    for binary in [stripped, release].iter().filter(|binary| binary.exists()) {
        let bytes = binary.metadata().expect("a size").len();
        assert!(bytes <= MAX_BINARY_BYTES, "{} has {bytes} bytes", binary.display());
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).expect(path)
}
