//! One problem.

use super::{Code, Span};

/// Whether a problem stops the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; the work goes on.
    Warning,
    /// The work stops.
    Error,
}

/// Where a problem lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a text that was parsed with spans: a pipeline file.
    Span(Span),
    /// In a file or key, at a line and column counted from 1 where they are known.
    File {
        /// The file's path or the key's name.
        name: String,
        /// The line.
        line: Option<usize>,
        /// The column.
        column: Option<usize>,
    },
}

/// A problem: code, message, place, help. One pointer wide, since it is the error of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic(Box<Body>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Body {
    code: Code,
    severity: Severity,
    message: String,
    help: Option<String>,
    place: Option<Place>,
}

impl Diagnostic {
    pub(super) fn new(code: Code, severity: Severity, message: String) -> Self {
        Self(Box::new(Body { code, severity, message, help: None, place: None }))
    }

    /// Says what to do next: a lowercase fragment, values in backticks.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Says where in a pipeline file.
    pub fn at(mut self, span: &Span) -> Self {
        self.0.place = Some(Place::Span(span.clone()));
        self
    }

    /// Says which file or key.
    pub fn within(mut self, name: impl Into<String>, line: Option<usize>, column: Option<usize>) -> Self {
        self.0.place = Some(Place::File { name: name.into(), line, column });
        self
    }

    /// Says where in a pipeline file, unless a place is already known.
    pub fn or_at(self, span: &Span) -> Self {
        if self.0.place.is_some() { self } else { self.at(span) }
    }

    /// Puts words before the message, as in "fold 3: ...".
    pub fn prefixed(mut self, words: &str) -> Self {
        self.0.message = format!("{words}: {}", self.0.message);
        self
    }

    /// Says it in other words: message and help, and the name of a file or key.
    pub(super) fn retold(mut self, words: impl Fn(&str) -> String, name: impl Fn(&str) -> String) -> Self {
        self.0.message = words(&self.0.message);
        self.0.help = self.0.help.map(|help| words(&help));
        if let Some(Place::File { name: own, .. }) = &mut self.0.place {
            *own = name(own);
        }
        self
    }

    /// What kind of problem this is.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Whether it stops the work.
    pub fn severity(&self) -> Severity {
        self.0.severity
    }

    /// What went wrong.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do next.
    pub fn advice(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// Where it lies.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Diagnostic {}
