//! The section `preprocess`: a list of steps, or column groups with steps of their own.

use super::reader::{Keys, Reader, entry, value, wrong};
use super::{Text, Written};
use crate::diag::{Code, Span};
use crate::table::Kind;
use crate::yaml::{Entry, Node, Value, shorten};

/// What happens to the columns before the model sees them.
#[derive(Clone, Debug, PartialEq)]
pub enum Preprocess {
    /// Nothing.
    None,
    /// Steps chosen by type: `auto`.
    Auto(Span),
    /// Steps over all columns, one after the other.
    Steps(Vec<Written>),
    /// Column groups, side by side.
    Groups {
        /// The groups in the order of the text.
        groups: Vec<Group>,
        /// What happens to columns that no group takes.
        remainder: Remainder,
        /// Where the section was written.
        span: Span,
    },
}

/// What happens to columns that no group takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remainder {
    /// They are left out.
    Drop,
    /// They go to the model as they are.
    Passthrough,
}

/// Columns and the steps over them.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The group's name, the first part of its features' names.
    pub name: String,
    /// Where the name was written.
    pub span: Span,
    /// The columns.
    pub columns: Selector,
    /// The steps, one after the other.
    pub steps: Vec<Written>,
}

/// Columns by type or by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    /// The types; all where it is empty.
    pub kinds: Vec<Kind>,
    /// The names; all where it is empty.
    pub names: Vec<Text>,
    /// The names that are left out.
    pub except: Vec<Text>,
    /// Where it was written.
    pub span: Span,
}

const GROUP: Keys = Keys { name: "a column group", known: &["columns", "steps"], later: &[] };
const SELECTOR: Keys = Keys { name: "`columns`", known: &["type", "except"], later: &["pattern"] };
const GROUP_EXAMPLE: &str = "write `name: {columns: {type: number}, steps: [StandardScaler]}`";

impl Reader<'_> {
    /// The section `preprocess`.
    pub(super) fn preprocess(&mut self, root: &[Entry]) -> Preprocess {
        let Some(section) = entry(root, "preprocess") else { return Preprocess::None };
        let node = &section.value;
        match &node.value {
            Value::Text(text) if text == "auto" => Preprocess::Auto(node.span.clone()),
            Value::Text(_) | Value::List(_) => Preprocess::Steps(self.components(node, "a step")),
            Value::Map(entries) => self.groups(entries, &section.key_span),
            _ => {
                let help = "write `[SimpleImputer, StandardScaler]`, column groups, or `auto`";
                self.report(wrong("`preprocess`", "a list or a map", node).help(help));
                self.lost = true;
                Preprocess::None
            }
        }
    }

    fn groups(&mut self, entries: &[Entry], span: &Span) -> Preprocess {
        let before = self.problems.len();
        let groups: Vec<Group> = entries
            .iter()
            .filter(|entry| entry.key != "remainder")
            .filter_map(|entry| self.group(entry))
            .collect();
        let remainder = match value(entries, "remainder") {
            Some(node) => self.remainder(node),
            None => Remainder::Drop,
        };
        if groups.is_empty() && remainder == Remainder::Drop && self.problems.len() == before {
            let problem =
                Code::BadValue.error("`preprocess` has no column group, so that no feature is left");
            self.report(problem.help(GROUP_EXAMPLE).at(span));
        }
        Preprocess::Groups { groups, remainder, span: span.clone() }
    }

    fn remainder(&mut self, node: &Node) -> Remainder {
        let words = ["drop", "passthrough"];
        match self.text(node, "`remainder`").filter(|text| self.word(text, "`remainder`", &words)) {
            Some(text) if text.value == "passthrough" => Remainder::Passthrough,
            _ => Remainder::Drop,
        }
    }

    fn group(&mut self, entry: &Entry) -> Option<Group> {
        let group = self.written_group(entry);
        self.lost |= group.is_none();
        group
    }

    fn written_group(&mut self, entry: &Entry) -> Option<Group> {
        self.check_group_name(&entry.key, &entry.key_span);
        let node = &entry.value;
        // A class where a group's name belongs is the commonest slip.
        let is_group =
            node.as_map().is_some_and(|keys| keys.iter().any(|key| GROUP.known.contains(&key.key.as_str())));
        if !is_group {
            let name = shorten(&entry.key);
            let message = format!("the column group `{name}` has neither `columns` nor `steps`");
            let help = match entry.key.starts_with(|c: char| c.is_ascii_uppercase()) {
                true => format!("if `{name}` is a step, make `preprocess` a list: begin the line with `- `"),
                false => GROUP_EXAMPLE.to_owned(),
            };
            self.report(Code::BadValue.error(message).help(help).at(&entry.key_span));
            return None;
        }
        let entries = self.entries(node, &GROUP);
        let name = format!("the column group `{}`", shorten(&entry.key));
        let columns = match value(entries, "columns") {
            Some(node) => self.selector(node),
            None => {
                self.missing(
                    "columns",
                    &name,
                    &entry.key_span,
                    "`columns: {type: number}` or `columns: [a, b]`",
                );
                None
            }
        };
        let steps = match value(entries, "steps") {
            Some(node) => self.components(node, "a step"),
            None => {
                self.missing(
                    "steps",
                    &name,
                    &entry.key_span,
                    "`steps: [...]`; `[]` passes the columns on as they are",
                );
                Vec::new()
            }
        };
        Some(Group { name: entry.key.clone(), span: entry.key_span.clone(), columns: columns?, steps })
    }

    /// As in scikit-learn, `__` separates a group's name from a column's.
    fn check_group_name(&mut self, name: &str, span: &Span) {
        if name.is_empty() || name.contains("__") || name.contains(char::is_whitespace) {
            let message = format!("`{}` cannot be the name of a column group", shorten(name));
            self.report(
                Code::BadReference.error(message).help("use a word without spaces and without `__`").at(span),
            );
        }
    }

    fn selector(&mut self, node: &Node) -> Option<Selector> {
        let span = node.span.clone();
        let name = "`columns`";
        if node.as_map().is_none() {
            let names = self.names(node, name);
            return (!names.is_empty()).then_some(Selector {
                kinds: Vec::new(),
                names,
                except: Vec::new(),
                span,
            });
        }
        let entries = self.entries(node, &SELECTOR);
        let kinds = value(entries, "type").map(|node| match node.as_list() {
            Some(items) => items.iter().filter_map(|item| self.kind(item, "`columns.type`")).collect(),
            None => self.kind(node, "`columns.type`").into_iter().collect::<Vec<_>>(),
        });
        let except = value(entries, "except").map(|node| self.texts(node, "`columns.except`"));
        if kinds.is_none() && except.is_none() {
            if !entries.iter().any(|entry| SELECTOR.later.contains(&entry.key.as_str())) {
                self.missing("type", name, &span, "`type: number`, or name the columns: `[a, b]`");
            }
            return None;
        }
        // A type that could not be read must not become "all types".
        let kinds = match kinds {
            Some(kinds) if kinds.is_empty() => return None,
            other => other.unwrap_or_default(),
        };
        Some(Selector { kinds, names: Vec::new(), except: except.unwrap_or_default(), span })
    }
}
