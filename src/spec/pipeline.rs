//! The whole file.

use super::reader::{Keys, Reader, entry, value, wrong};
use super::{Cv, Files, Online, Output, Preprocess, Promote, Roles, SourceSection, Text, Variant, Written};
use crate::clean::Operation;
use crate::diag::{Code, Span, Veil};
use crate::expect::Expect;
use crate::table::Kind;
use crate::yaml::{Entry, Node, Value};

/// A pipeline file as it was written, with `-S` and all references applied. Where a part could not
/// be read it has its default, and the problem was reported.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// The file and what it extends.
    pub files: Files,
    /// A place for what concerns the file as a whole: its first key.
    pub span: Span,
    /// The pipeline's name.
    pub name: Text,
    /// Values to refer to.
    pub params: Vec<Entry>,
    /// The seed of everything whose own is unwritten; 0 by default.
    pub seed: u32,
    /// The store, as written.
    pub store: Option<Text>,
    /// Where the data comes from.
    pub source: SourceSection,
    /// Types that the file gives to columns.
    pub schema: Vec<(Text, Kind)>,
    /// The column to learn.
    pub target: Option<Text>,
    /// Columns that are never features.
    pub roles: Roles,
    /// What is done to the table before any split, in order.
    pub clean: Vec<Operation>,
    /// What must hold of it then.
    pub expect: Option<Expect>,
    /// `clean`, `expect`, `promote` and `online` as they were written.
    pub(super) written: Vec<Entry>,
    /// Steps and column groups.
    pub preprocess: Preprocess,
    /// Selectors behind them.
    pub select: Vec<Written>,
    /// The model.
    pub model: Option<Written>,
    /// The folds.
    pub cv: Cv,
    /// The metrics; the first decides. Empty for the model's default.
    pub scoring: Vec<Text>,
    /// How candidates are searched, as a class with parameters; `None` runs the pipeline as written.
    pub search: Option<Written>,
    /// What is left behind.
    pub output: Output,
    /// What a new version must show to be promoted.
    pub promote: Option<Promote>,
    /// How it goes on learning once it is published.
    pub online: Option<Online>,
    /// What was written, with all references replaced.
    pub(super) tree: Node,
    /// Which of the file's pipelines it is.
    pub variant: Variant,
    /// What came from the environment.
    pub veil: Veil,
    /// Whether a component or a column group could not be read and is left out.
    pub lost: bool,
}

const FILE: Keys = Keys {
    name: "the file",
    known: &[
        "version",
        "name",
        "extends",
        "params",
        "matrix",
        "seed",
        "store",
        "source",
        "schema",
        "target",
        "roles",
        "clean",
        "expect",
        "preprocess",
        "select",
        "model",
        "cv",
        "scoring",
        "search",
        "output",
        "promote",
        "online",
    ],
    later: &["test", "schedule"],
};
const FORMAT_VERSION: i64 = 1;

impl Reader<'_> {
    /// The whole file; `None` if it is no map.
    pub(super) fn pipeline(&mut self, root: &Node) -> Option<Spec> {
        if root.as_map().is_none() {
            let what = if root.is_null() {
                "the file is empty".to_owned()
            } else {
                format!("the file is {}", root.kind())
            };
            let help = "a pipeline file is a map that begins with `version: 1`";
            self.report(Code::MissingKey.error(what).help(help).at(&root.span));
            return None;
        }
        let entries = self.entries(root, &FILE);
        let own = |entry: &&Entry| self.files.place(&entry.key_span) == Some(0);
        let span = entries.iter().find(own).map_or(&root.span, |entry| &entry.key_span).clone();
        self.version(entries, &span);
        let name = self.pipeline_name(entries, &span);
        let output = self.output(entries, &name);
        let spec = Spec {
            files: self.files.clone(),
            name,
            params: self.params(entries),
            seed: self.seed(entries),
            store: value(entries, "store").and_then(|node| self.text(node, "`store`")),
            source: self.source(entries, &span),
            schema: self.schema(entries),
            target: self.target(entries, &span),
            roles: self.roles(entries),
            clean: self.clean(entries),
            expect: self.expect(entries),
            written: ["clean", "expect", "promote", "online"]
                .iter()
                .filter_map(|key| entry(entries, key))
                .cloned()
                .collect(),
            preprocess: self.preprocess(entries),
            select: value(entries, "select")
                .map(|node| self.components(node, "a selector"))
                .unwrap_or_default(),
            model: self.model(entries, &span),
            cv: self.cv(entries),
            scoring: self.scoring(value(entries, "scoring")),
            search: value(entries, "search").and_then(|node| self.component(node, "a search")),
            output,
            promote: self.promote(entries),
            online: self.online(entries),
            tree: Node::new(span.clone(), Value::Null),
            variant: Variant::default(),
            veil: Veil::default(),
            lost: self.lost,
            span,
        };
        self.check_columns(&spec);
        Some(spec)
    }

    fn version(&mut self, entries: &[Entry], start: &Span) {
        let Some(node) = value(entries, "version") else {
            self.missing("version", "the file", start, "`version: 1`, the version of the file's format");
            return;
        };
        match node.as_i64() {
            Some(FORMAT_VERSION) => {}
            Some(version) if version > FORMAT_VERSION => {
                let problem = Code::NotSupported
                    .error(format!("this version of pipefit reads format 1, not {version}"));
                self.report(problem.help("write `version: 1`, or use a newer pipefit").at(&node.span));
            }
            _ => self.report(wrong("`version`", "the number 1", node).help("write `version: 1`")),
        }
    }

    fn pipeline_name(&mut self, entries: &[Entry], start: &Span) -> Text {
        let name = match value(entries, "name") {
            Some(node) => self.name(node, "`name`"),
            None => {
                self.missing("name", "the file", start, "`name:`, which runs and models are filed under");
                None
            }
        };
        name.unwrap_or_else(|| Text { value: "unnamed".to_owned(), span: start.clone(), unexpanded: None })
    }

    fn params(&mut self, entries: &[Entry]) -> Vec<Entry> {
        let Some(node) = value(entries, "params") else { return Vec::new() };
        match node.as_map() {
            Some(params) => params.to_vec(),
            None => {
                self.report(
                    wrong("`params`", "a map", node)
                        .help("write `params: {k: 40}` and use it as `${params.k}`"),
                );
                Vec::new()
            }
        }
    }

    fn seed(&mut self, entries: &[Entry]) -> u32 {
        let seed = value(entries, "seed").and_then(|node| self.whole(node, "`seed`", 0, i64::from(u32::MAX)));
        seed.and_then(|seed| u32::try_from(seed).ok()).unwrap_or(0)
    }

    fn model(&mut self, entries: &[Entry], start: &Span) -> Option<Written> {
        match entry(entries, "model") {
            Some(entry) => self.component(&entry.value, "a model"),
            None => {
                self.missing("model", "the file", start, "`model:`, such as `model: LinearRegression`");
                None
            }
        }
    }
}
