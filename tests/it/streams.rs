//! How a command behaves towards shell and terminal: exit codes, closed pipes, colour, signals, the store's order.

use crate::cli::shipped;
use crate::command::{PIPEFIT, Place, Ran, need, on_both};
use serde_json::json;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn every_class_of_exit_code_is_met() {
    on_both(|place| {
        shipped(place);
        let file = "pipelines/diabetes.yaml";
        place.run(&["--version"]).ok();
        assert!(place.run(&["--help"]).ok().out.contains("Commands:"));
        // 2: usage, a missing pipeline file, a store that is none.
        for arguments in
            [&["fit"][..], &["run"], &["run", file, "--thread", "2"], &["run", file, "--threads", "0"]]
        {
            place.run(arguments).fails(2, &[]);
        }
        place.run(&["run", "absent.yaml"]).fails(2, &["absent.yaml"]);
        place.run(&["run", "pipelines"]).fails(2, &["pipelines"]);
        place.run(&["run", file, "--store", "ftp://x"]).fails(2, &["ftp"]);
        let ran = place.run(&["run", "--json", "--thread", "2", file]);
        assert_eq!((ran.code, &ran.object()["exit_code"]), (Some(2), &json!(2)));
        // 3: the file; also by an override.
        place.run(&["run", file, "-S", "model=Rigde"]).fails(3, &["Rigde", "`Ridge`"]);
        place.run(&["run", file, "-S", "source.path=x"]).fails(3, &["path"]);
        // 4: the data. 5: the learning.
        place.run(&["run", file, "-S", "target=absent"]).fails(4, &["absent"]);
        place.run(&["run", file, "-S", "cv=500"]).fails(5, &["500", "442"]);
        // 6: the store.
        place.run(&["run", file, "--store", "redis://127.0.0.1:1"]).fails(6, &["127.0.0.1:1"]);
        // 7: a promise.
        place.run(&["run", file]).ok();
        place.run(&["run", file, "--locked"]).ok();
        let before = place.models();
        place.run(&["run", file, "--locked", "-S", "model=Ridge"]).fails(7, &["lock"]);
        std::fs::remove_file(place.path("pipelines/diabetes.yaml.lock")).unwrap();
        place.run(&["run", file, "--locked"]).fails(7, &["diabetes.yaml.lock"]);
        assert_eq!(place.models(), before);
        let ran = place.run(&["run", file, "--json", "-S", "target=absent"]);
        assert_eq!((ran.code, &ran.object()["exit_code"]), (Some(4), &json!(4)));
        assert!(ran.err.contains("absent"), "{ran}");
    });
}

#[test]
fn the_store_is_chosen_in_the_documented_order() {
    let place = Place::new();
    shipped(&place);
    let used = |arguments: &[&str], variable: Option<&str>| {
        let mut command = place.command(&[&["run", "--json"], arguments].concat());
        match variable {
            Some(store) => command.env("PIPEFIT_STORE", store),
            None => command.env_remove("PIPEFIT_STORE"),
        };
        let run = Ran::of(arguments, command.output().unwrap()).json();
        run["store"]["address"].as_str().unwrap().to_owned()
    };
    let file = "pipelines/diabetes.yaml";
    place.write("own/own.yaml", format!("{}store: dir:here\n", place.read(file)).replace("../ex", "../ex"));
    assert_eq!(used(&[file], None), "dir:.pipefit");
    assert_eq!(used(&[file], Some("there")), "dir:there");
    used(&["own/own.yaml"], Some("there"));
    assert!(place.path("own/here/blobs").is_dir(), "a store in the file is taken from the file");
    assert_eq!(used(&["own/own.yaml", "--store", "dir:flag"], Some("there")), "dir:flag");
    assert!(place.path("flag/blobs").is_dir());
}

/// A reader that has had enough closes the pipe: no panic, no error.
#[test]
fn a_closed_pipe_is_no_error() {
    let place = Place::new();
    shipped(&place);
    for arguments in [
        &["run", "--json", "pipelines/diabetes.yaml"][..],
        &["explain", "LogisticRegression"],
        &["list", "steps"],
        &["--help"],
        &["data", "get", "data:diabetes", "-"],
        &["predict", "diabetes", "--input", "data:diabetes"],
        &["models", "ls"],
        &["check", "pipelines/diabetes.yaml"],
        &["plan", "pipelines/diabetes.yaml"],
    ] {
        let mut command = place.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = Ran::of(arguments, child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{ran}");
    }
    // The same with stderr closed, where a diagnostic would go.
    let mut command = place.command(&["run", "absent.yaml"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(2));
}

/// An answer that does not get out is an error: a script must not take half a file for a whole one.
#[test]
fn an_answer_that_is_lost_is_an_error() {
    let place = Place::new();
    shipped(&place);
    place.run(&["run", "pipelines/diabetes.yaml"]).ok();
    for arguments in [
        &["predict", "diabetes", "--input", "data:diabetes"][..],
        &["data", "get", "data:diabetes", "-"],
        &["models", "ls", "--json"],
        &["check", "pipelines/diabetes.yaml"],
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = place.command(arguments).stdout(full).output().unwrap();
        Ran::of(arguments, output).fails(6, &["E0604", "stdout", "No space left"]);
    }
}

/// Names in keys and tables are others' choice: they neither steer the terminal nor break a list.
#[test]
fn names_do_not_steer_the_terminal() {
    on_both(|place| {
        place.write("t.csv", "a,\u{1b}[31mred,y\n1,q\u{1b}[2J,3\n2,x,4\n3,x,5\n4,x,6\n");
        place.run(&["data", "put", "k\u{1b}[31m\nx", "t.csv"]).ok();
        place.run(&["data", "put", "k", "t.csv"]).ok();
        place.write(
            "p.yaml",
            "version: 1\nname: p\nsource: {key: k}\ntarget: y\npreprocess: [{OneHotEncoder: {handle_unknown: ignore}}]\n\
             model: Ridge\ncv: 2\nschema: {a: category}\n",
        );
        let show = ["data", "show", "k"];
        for arguments in
            [&["data", "ls"][..], &show, &["run", "p.yaml"], &["plan", "p.yaml"], &["models", "show", "p"]]
        {
            let ran = place.run(arguments).ok();
            assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{ran}");
        }
        assert_eq!(place.run(&["data", "ls"]).ok().out.lines().count(), 2);
        assert!(place.run(&["data", "ls", "--json"]).ok().out.contains(r"k\u001b[31m\nx"));
        assert_eq!(place.run(&["data", "get", "k", "-"]).ok().out, place.read("t.csv"));
    });
}

/// On a terminal diagnostics have colour, unless `NO_COLOR` says no; on a pipe never.
#[test]
fn colour_is_for_terminals_that_want_it() {
    need("script");
    let place = Place::new();
    place.write("broken.yaml", "version: 1\nname: broken\nmodl: Ridge\n");
    let command = format!("{PIPEFIT} check broken.yaml");
    let on_a_terminal = |plain: bool| {
        let mut script = place.through("script", &["-qec", &command, "/dev/null"]);
        script.env("TERM", "xterm");
        if plain {
            script.env("NO_COLOR", "1");
        }
        let output = script.output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(on_a_terminal(false).contains("\u{1b}["));
    let plain = on_a_terminal(true);
    assert!(plain.contains("error[") && !plain.contains('\u{1b}'), "{plain:?}");
    assert!(!place.run(&["check", "broken.yaml"]).err.contains('\u{1b}'));
}

/// Ctrl-C in the middle of a long run: 130, nothing published, and the next run works.
#[test]
fn an_interrupt_ends_with_130_and_publishes_nothing() {
    let place = Place::new();
    let mut table = String::from("a,b,c,d,e,f,y\n");
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    for row in 0..60_000 {
        let x: [f64; 6] = std::array::from_fn(|_| next());
        let class = u8::from(x[0] + x[1] + next() > 1.5);
        table.push_str(&format!(
            "{},{},{},{},{},{},{class}\n",
            x[0],
            x[1],
            x[2],
            x[3],
            x[4],
            x[5] + f64::from(row % 7)
        ));
    }
    place.write("table.csv", &table);
    place.write(
        "long.yaml",
        "version: 1\nname: long\nsource: {key: long, load_if_missing: table.csv}\ntarget: y\n\
         preprocess: [{SimpleImputer: {strategy: median}}, StandardScaler]\nmodel: LogisticRegression\ncv: 1000\n",
    );
    for (signal, times) in [("-INT", 1), ("-TERM", 1), ("-INT", 2)] {
        // The key is there once the run has begun in earnest.
        place.run(&["data", "rm", "long"]);
        let mut command = place.command(&["run", "long.yaml", "--json"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(120);
        while !place.path("store/keys/long").exists() {
            assert!(Instant::now() < deadline, "the run never began");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(200));
        for _ in 0..times {
            let id = child.id().to_string();
            assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
            std::thread::sleep(Duration::from_millis(20));
        }
        let signalled = Instant::now();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{output:?}");
        assert!(signalled.elapsed() < Duration::from_secs(60));
        if times == 1 {
            let ran = Ran::of(&["run", "long.yaml"], output);
            assert_eq!(ran.object()["exit_code"], 130, "{ran}");
            assert!(ran.err.contains("interrupted"), "{ran}");
        }
        assert_eq!(place.models(), json!([]));
        assert!(!place.path("artifacts").exists() && !place.path("long.yaml.lock").exists());
    }
    place.run(&["run", "long.yaml", "-S", "cv=2"]).ok();
}
