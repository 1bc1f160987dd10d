//! Where the answer goes (stdout) and where everything else goes (stderr).

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};

use serde_json::{Value, json};

use crate::diag::{Code, Diagnostic, Severity, printable, render, to_json};

/// The two streams of a command.
pub struct Output {
    /// Whether the answer is JSON.
    pub json: bool,
    color: bool,
    /// Why some of the answer did not get out.
    lost: Cell<Option<io::Error>>,
}

impl Output {
    /// The streams of this process.
    pub fn new(json: bool) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { json, color: !plain && io::stderr().is_terminal(), lost: Cell::new(None) }
    }

    /// Prints an answer for people. Names in it are others' choice and must not steer the terminal.
    pub fn answer(&self, text: &str) {
        self.bytes(printable(text).as_bytes());
    }

    /// Prints an answer that is data. A reader that closed the pipe has had enough; that is no error. Any
    /// other failure is kept for [`lost`](Self::lost).
    pub fn bytes(&self, bytes: &[u8]) {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => self.lost.set(Some(error)),
            _ => {}
        }
    }

    /// The error of an answer that did not get out, e.g. since stdout is a file on a full disk.
    pub fn lost(&self) -> Option<Diagnostic> {
        let error = self.lost.take()?;
        let message = format!("the answer cannot be written to stdout: {error}");
        Some(Code::StoreIo.error(message).help("free some space, or send it elsewhere, and run again"))
    }

    /// Prints the answer as JSON.
    pub fn object(&self, value: &Value) {
        self.bytes(format!("{value}\n").as_bytes());
    }

    /// Prints diagnostics for people.
    pub fn tell(&self, diagnostics: &[Diagnostic]) {
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(render(diagnostics, self.color).as_bytes());
    }

    /// Prints a line of progress.
    pub fn say(&self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    /// Tells why a command cannot go on, and gives its exit code.
    pub fn fail(&self, diagnostics: &[Diagnostic]) -> u8 {
        self.tell(diagnostics);
        if self.json {
            self.object(&failure(diagnostics));
        }
        exit_code(diagnostics)
    }
}

/// The object `pipefit.error/1`.
pub fn failure(diagnostics: &[Diagnostic]) -> Value {
    let all: Vec<Value> = diagnostics.iter().map(to_json).collect();
    json!({
        "schema": "pipefit.error/1",
        "status": "error",
        "exit_code": exit_code(diagnostics),
        "diagnostics": all,
    })
}

/// The exit code of the first error.
pub fn exit_code(diagnostics: &[Diagnostic]) -> u8 {
    let error = diagnostics.iter().find(|diagnostic| diagnostic.severity() == Severity::Error);
    error.map_or(Code::Bug.exit_code(), |error| error.code().exit_code())
}
