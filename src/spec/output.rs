//! What is left behind.

use super::reader::{Keys, Reader, value, wrong};
use super::{FilePath, Text, is_name};
use crate::diag::Code;
use crate::yaml::{Entry, Node, Value, shorten};

/// The section `output`.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The model's name in the registry, and the folder on disk: the pipeline's name by default.
    pub artifact: Text,
    /// The folder of the disk copy; `None` for the default in the working directory.
    pub dir: Option<FilePath>,
    /// The formats of the report, in the order written.
    pub report: Vec<String>,
    /// Whether an ONNX graph of the model is asked for.
    pub onnx: bool,
    /// How many versions without an alias stay; all when `None`.
    pub keep: Option<usize>,
}

const OUTPUT: Keys =
    Keys { name: "`output`", known: &["artifact", "dir", "report", "onnx", "keep"], later: &["sklearn"] };
const FORMATS: &[&str] = &["html", "md", "json"];
const MOST_KEPT: i64 = 1_000_000;

impl Reader<'_> {
    /// The section `output`.
    pub(super) fn output(&mut self, root: &[Entry], name: &Text) -> Output {
        let entries = value(root, "output").map_or(&[][..], |node| self.entries(node, &OUTPUT));
        let artifact = value(entries, "artifact").and_then(|node| self.name(node, "`output.artifact`"));
        let report = value(entries, "report").map(|node| self.report_formats(node));
        let onnx = value(entries, "onnx").is_some_and(|node| match node.value {
            Value::Bool(asked) => asked,
            _ => {
                self.report(wrong("`output.onnx`", "true or false", node));
                false
            }
        });
        let keep = value(entries, "keep").and_then(|node| self.whole(node, "`output.keep`", 1, MOST_KEPT));
        Output {
            artifact: artifact.unwrap_or_else(|| name.clone()),
            dir: value(entries, "dir").and_then(|node| self.path(node, "`output.dir`")),
            report: report.unwrap_or_else(|| FORMATS.iter().map(|format| (*format).to_owned()).collect()),
            onnx,
            keep: keep.map(|versions| versions as usize),
        }
    }

    fn report_formats(&mut self, node: &Node) -> Vec<String> {
        let texts = self.texts(node, "`output.report`");
        texts
            .into_iter()
            .filter(|text| self.word(text, "`output.report`", FORMATS))
            .map(|text| text.value)
            .collect()
    }

    /// The name of a pipeline or an artifact.
    pub(super) fn name(&mut self, node: &Node, what: &str) -> Option<Text> {
        let text = self.text(node, what)?;
        if is_name(&text.value) {
            return Some(text);
        }
        let message = format!("{what} cannot be `{}`", shorten(text.shown()));
        let help = "use up to 64 of A-Z a-z 0-9 . _ - and begin with a letter or digit";
        self.report(Code::BadReference.error(message).help(help).at(&text.span));
        None
    }
}
