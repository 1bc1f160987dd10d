//! The command `pipefit` as a process, in a folder of its own, on either kind of store.

use crate::server::Server;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The binary under test.
pub const PIPEFIT: &str = env!("CARGO_BIN_EXE_pipefit");

/// A folder to work in, and a store.
pub struct Place {
    folder: tempfile::TempDir,
    store: String,
    server: Option<Server>,
}

impl Place {
    /// A folder whose store is the subfolder `store`.
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), store: "dir:store".into(), server: None }
    }

    /// A folder whose store is a server of its own.
    pub fn with_server() -> Self {
        let server = Server::start();
        Self { store: server.url("/0"), server: Some(server), ..Self::new() }
    }

    /// The same folder as a test sees it with another store.
    pub fn at(mut self, store: &str) -> Self {
        self.store = store.into();
        self
    }

    /// The store's URL.
    pub fn store(&self) -> &str {
        &self.store
    }

    /// The server, where the store is one.
    pub fn server(&mut self) -> Option<&mut Server> {
        self.server.as_mut()
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Writes a file, and the folders above it.
    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// Reads a file as text.
    pub fn read(&self, name: &str) -> String {
        String::from_utf8(std::fs::read(self.path(name)).unwrap()).unwrap()
    }

    /// The command with these arguments, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.through(PIPEFIT, arguments)
    }

    /// Another program in the folder, with the environment that `pipefit` is to have.
    pub fn through(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.root())
            .env("PIPEFIT_STORE", &self.store)
            .stdin(Stdio::null());
        // Cargo sets the path of the libraries for tests, which a user's shell does not.
        command.env_remove("NO_COLOR").env_remove("LD_LIBRARY_PATH");
        command
    }

    /// Runs the command to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(arguments, self.command(arguments).output().unwrap())
    }

    /// Runs the command to its end with something on stdin.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // All inputs are far shorter than a pipe's buffer; a command that does not read them is told apart later.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Ran::of(arguments, child.wait_with_output().unwrap())
    }

    /// What was published, as `models ls` tells it.
    pub fn models(&self) -> Value {
        self.run(&["models", "ls", "--json"]).json()["models"].clone()
    }

    /// The numbers of a model's versions; none if the model is not there.
    pub fn versions(&self, model: &str) -> Vec<u64> {
        let models = self.models();
        let found = models.as_array().unwrap().iter().find(|found| found["name"] == model);
        let versions = found.and_then(|found| found["versions"].as_array()).into_iter().flatten();
        versions.map(|version| version["version"].as_u64().unwrap()).collect()
    }
}

/// Runs a test on a store in a folder and on one in a server.
pub fn on_both(test: impl Fn(&Place)) {
    for place in [Place::new(), Place::with_server()] {
        test(&place);
    }
}

/// A finished command. It is checked here that no panic reached the user.
#[derive(Debug)]
pub struct Ran {
    arguments: String,
    /// The exit code.
    pub code: Option<i32>,
    /// What it printed on stdout.
    pub out: String,
    /// What it printed on stderr.
    pub err: String,
}

impl Ran {
    /// What a process printed and how it ended.
    pub fn of(arguments: &[&str], output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("what is printed is UTF-8");
        let ran = Self {
            arguments: arguments.join(" "),
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        for sign in ["panicked", "E0001", "RUST_BACKTRACE"] {
            assert!(!ran.err.contains(sign), "{ran}");
        }
        ran
    }

    /// Holds it to have ended well.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }

    /// Holds it to have ended well, and gives the one object that it printed.
    #[track_caller]
    pub fn json(self) -> Value {
        self.ok().object()
    }

    /// The one line of JSON on stdout, however it ended.
    #[track_caller]
    pub fn object(&self) -> Value {
        assert_eq!(self.out.lines().count(), 1, "{self}");
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Holds it to have failed so, saying all these words on stderr and nothing on stdout.
    #[track_caller]
    pub fn fails(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        assert_eq!(self.out, "", "{self}");
        assert!(self.err.starts_with("error") || self.err.starts_with("warning"), "{self}");
        self.says(words)
    }

    /// Holds it to have said all these words on stderr.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.err.contains(word), "no `{word}` in what follows\n{self}");
        }
        self
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { arguments, code, out, err } = self;
        write!(f, "pipefit {arguments}\nexit code {code:?}\nstdout: {out}\nstderr: {err}")
    }
}

/// A folder of the repository.
pub fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Copies the files of a folder of the repository to the same path in the place.
pub fn copy(place: &Place, folder: &str) {
    for entry in std::fs::read_dir(repository(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            place.write(&format!("{folder}/{name}"), std::fs::read(&path).unwrap());
        }
    }
}

/// Holds a program that a test needs to be there: a test that cannot run must not pass.
pub fn need(program: &str) {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(found.is_ok(), "`{program}` is not installed, so this test shows nothing: run tests/install");
}

/// Tells a measured number, for those who read the tests' output.
pub fn tell(what: &str) {
    println!("MEASURED {what}");
}

/// Every file under a folder, with its bytes, sorted by path.
pub fn files_under(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                files.push((path, bytes));
            }
        }
    }
    files.sort();
    files
}
