//! A request that is not answered as asked: a status and a reason, in one form for every protocol.

use serde_json::{Value, json};

use crate::diag::{Code, Diagnostic, Place};

/// What is wrong, and its status.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// 4xx for what the client can change, 5xx for what it cannot.
    pub status: u16,
    /// What is wrong.
    pub error: Diagnostic,
}

impl Refusal {
    /// A refusal with a status of its own.
    pub fn new(status: u16, error: Diagnostic) -> Self {
        Self { status, error }
    }

    /// `{"error", "code", "help", "line"}`: `error` is where the Open Inference Protocol has its reason.
    pub fn body(&self) -> Value {
        let line = match self.error.place() {
            Some(Place::File { line, .. }) => *line,
            _ => None,
        };
        let mut body = json!({"error": self.error.message(), "code": self.error.code().id()});
        if let Some(help) = self.error.advice() {
            body["help"] = help.into();
        }
        if let Some(line) = line {
            body["line"] = line.into();
        }
        body
    }
}

/// What the data or the model refuses is the client's to change; what is broken here is not.
impl From<Diagnostic> for Refusal {
    fn from(error: Diagnostic) -> Self {
        let status = match error.code() {
            Code::UnknownModel => 404,
            Code::Bug | Code::Damaged => 500,
            _ => 400,
        };
        Self { status, error }
    }
}

/// What cannot be read as what it should be.
pub(super) fn malformed(message: impl Into<String>) -> Diagnostic {
    Code::UnreadableValue.error(message)
}
