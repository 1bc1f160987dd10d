//! The texts that a pipeline is written in.

use std::fs::File;
use std::io::{Error, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diag::{Code, Diagnostic, Source, Span};
use crate::yaml::MAX_BYTES;

/// The pipeline file and what it extends, in the order in which they were opened, with the folders that paths in them are
/// relative to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Files(Vec<(Arc<Source>, PathBuf)>);

impl Files {
    /// Adds a file.
    pub(super) fn add(&mut self, source: Arc<Source>, folder: &Path) {
        self.0.push((source, folder.to_owned()));
    }

    /// The pipeline file itself, if it could be opened.
    pub fn first(&self) -> Option<&Arc<Source>> {
        self.0.first().map(|(source, _)| source)
    }

    /// How many they are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// How many bytes they have together.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|(source, _)| source.text.len()).sum()
    }

    /// The folder that a path written at `span` is relative to: its file's, or the working directory (empty) where it came from
    /// the command line.
    pub fn folder(&self, span: &Span) -> &Path {
        self.place(span).map_or(Path::new(""), |place| self.0[place].1.as_path())
    }

    /// Which of the files a span is in.
    pub(super) fn place(&self, span: &Span) -> Option<usize> {
        self.0.iter().position(|(source, _)| Arc::ptr_eq(source, &span.source))
    }
}

/// Why a file gives no text.
pub(super) enum Unread {
    /// It cannot be read.
    Missing(Error),
    /// It is no text.
    NoText(Diagnostic),
}

/// The text of a file, up to a byte more than any may have.
pub(super) fn open(path: &Path) -> Result<Arc<Source>, Unread> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Unread::Missing)?;
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(Unread::Missing)?;
    let name = path.display().to_string();
    String::from_utf8(bytes).map(|text| Source::new(name.clone(), text)).map_err(|error| {
        let start = error.utf8_error().valid_up_to();
        let source = Source::new(name, String::from_utf8_lossy(error.as_bytes()));
        let span = Span { source, start, end: start + char::REPLACEMENT_CHARACTER.len_utf8() };
        Unread::NoText(Code::YamlSyntax.error("the file is not UTF-8").help("save it as UTF-8").at(&span))
    })
}
