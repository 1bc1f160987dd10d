//! Where the answer goes (stdout) and where everything else goes (stderr).

use std::io::{self, IsTerminal, Write};

use serde_json::{Value, json};

use crate::diag::{Code, Diagnostic, Severity, render, to_json};

/// The two streams of a command.
pub struct Output {
    /// Whether the answer is JSON.
    pub json: bool,
    color: bool,
}

impl Output {
    /// The streams of this process.
    pub fn new(json: bool) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { json, color: !plain && io::stderr().is_terminal() }
    }

    /// Prints the answer. A reader that closed the pipe has had enough; that is no error.
    pub fn answer(&self, text: &str) {
        let mut stdout = io::stdout().lock();
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }

    /// Prints the answer as JSON.
    pub fn object(&self, value: &Value) {
        self.answer(&format!("{value}\n"));
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
