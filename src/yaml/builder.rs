//! Builds the tree from the parser's events, without recursion and within the limits.

use std::collections::BTreeMap;

use saphyr_parser::{Event, ScalarStyle, Tag};

use super::syntax::{too_deep, too_many};
use super::{Entry, MAX_ANCHORS, MAX_DEPTH, MAX_NODES, MAX_PROBLEMS, MAX_TEXT, Node, Value, scalar, shorten};
use crate::diag::{Code, Diagnostic, Span};

/// The lists and maps that are open, and what is known of those that are not.
#[derive(Default)]
pub(super) struct Builder {
    open: Vec<Frame>,
    root: Option<Node>,
    anchors: BTreeMap<usize, Anchor>,
    nodes: usize,
    text: usize,
    problems: Vec<Diagnostic>,
}

struct Frame {
    span: Span,
    children: Children,
    anchor: usize,
    /// `Builder::nodes` and `Builder::text` when it was opened.
    nodes: usize,
    text: usize,
    height: usize,
}

enum Children {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, key: Option<(String, Span)> },
}

/// Where an anchored node lies, and what a copy of it weighs. Aliases are looked up in the tree
/// itself, so that an anchor costs no copy.
struct Anchor {
    /// The indices of children that lead from the root to it.
    path: Vec<usize>,
    nodes: usize,
    text: usize,
    height: usize,
}

impl Builder {
    /// The next event. `Err`: nothing sensible can follow.
    pub(super) fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, anchor, tag.as_deref(), span)
            }
            Event::Alias(id) => self.alias(id, span),
            Event::SequenceStart(anchor, tag) => {
                self.collection_tag(tag.as_deref(), "seq", &span);
                self.start(Children::List(Vec::new()), anchor, from_dash(span))
            }
            Event::MappingStart(anchor, tag) => {
                self.collection_tag(tag.as_deref(), "map", &span);
                self.start(Children::Map { entries: Vec::new(), key: None }, anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.end(&span);
                Ok(())
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    /// The tree, or all that was wrong; `None` for an empty text.
    pub(super) fn finish(self) -> Result<Option<Node>, Vec<Diagnostic>> {
        if self.problems.is_empty() { Ok(self.root) } else { Err(self.problems) }
    }

    /// All that was wrong before, and the problem that ended it.
    pub(super) fn fail(mut self, diagnostic: Diagnostic) -> Vec<Diagnostic> {
        self.problems.push(diagnostic);
        self.problems
    }

    /// The innermost `[` or `{` that is open.
    pub(super) fn open_bracket(&self) -> Option<Span> {
        let span = &self.open.last()?.span;
        let bracket = span.source.text[span.start..].starts_with(['[', '{']);
        bracket.then(|| Span { end: span.start + 1, ..span.clone() })
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(diagnostic);
        }
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Frame { children: Children::Map { key: None, .. }, .. }))
    }

    fn count(&mut self, nodes: usize, text: usize, span: &Span) -> Result<(), Diagnostic> {
        self.nodes += nodes;
        self.text += text;
        if self.nodes > MAX_NODES {
            return Err(too_many(span));
        }
        if self.text > MAX_TEXT {
            return Err(Code::YamlSyntax
                .error("more than 4 MiB of text, counted after aliases are expanded")
                .help("data does not belong into a pipeline file")
                .at(span));
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<(), Diagnostic> {
        self.count(1, text.len(), &span)?;
        // The parser's span of a block or plain scalar can reach into the next line.
        let written = span.text().trim_end().len();
        let span = Span { end: span.start + written, ..span };
        let plain = style == ScalarStyle::Plain;
        if self.expects_key() {
            return self.key(text, plain, span);
        }
        let value = match tag {
            Some(tag) if is_local(tag) => Ok(Value::Text(text.to_owned())),
            Some(tag) if tag.is_yaml_core_schema() && scalar::TAGS.contains(&tag.suffix.as_str()) => {
                scalar::tagged(&tag.suffix, text)
            }
            Some(tag) => {
                self.report(foreign_tag(tag, &span));
                Ok(Value::Text(text.to_owned()))
            }
            None if plain => scalar::plain(text),
            None => Ok(Value::Text(text.to_owned())),
        };
        let value = value.unwrap_or_else(|message| {
            self.report(
                Code::BadValue.error(message).help("quote the value if it is meant to be text").at(&span),
            );
            Value::Null
        });
        let span = match self.open.last() {
            // Nothing stands behind the key: the key itself is the place to show.
            Some(Frame { children: Children::Map { key: Some((_, key_span)), .. }, .. })
                if plain && text.is_empty() && tag.is_none() =>
            {
                key_span.clone()
            }
            _ => span,
        };
        self.anchor(anchor, 1, text.len(), 0, &span)?;
        self.push(Node::new(span, value), 0);
        Ok(())
    }

    fn key(&mut self, text: &str, plain: bool, span: Span) -> Result<(), Diagnostic> {
        if plain && text.is_empty() {
            return Err(Code::YamlSyntax.error("a key is missing").help("write `key: value`").at(&span));
        }
        if plain && text == "<<" {
            self.report(
                Code::YamlSyntax
                    .error("merge keys (`<<`) are not part of YAML 1.2")
                    .help("write the keys out")
                    .at(&span),
            );
        }
        if let Some(Frame { children: Children::Map { key, .. }, .. }) = self.open.last_mut() {
            *key = Some((text.to_owned(), span));
        }
        Ok(())
    }

    fn start(&mut self, children: Children, anchor: usize, span: Span) -> Result<(), Diagnostic> {
        if self.expects_key() {
            return Err(not_a_key("a list or map", &span));
        }
        let (nodes, text) = (self.nodes, self.text);
        self.count(1, 0, &span)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(&span));
        }
        self.open.push(Frame { span, children, anchor, nodes, text, height: 1 });
        Ok(())
    }

    fn end(&mut self, end: &Span) {
        let Some(frame) = self.open.pop() else { return };
        let (last, value) = match frame.children {
            Children::List(items) => (items.last().map(|item| item.span.end), Value::List(items)),
            Children::Map { entries, .. } => {
                self.report_duplicates(&entries);
                let last = entries.last().map(|entry| entry.value.span.end.max(entry.key_span.end));
                (last, Value::Map(entries))
            }
        };
        // The end of an indented collection is only noticed at the next token.
        let closing = matches!(end.text(), "]" | "}");
        let stop = if closing { end.end } else { last.unwrap_or(frame.span.end) };
        let span = Span { end: stop.max(frame.span.start), ..frame.span };
        let (nodes, text) = (self.nodes - frame.nodes, self.text - frame.text);
        if let Err(diagnostic) = self.anchor(frame.anchor, nodes, text, frame.height, &span) {
            self.report(diagnostic);
        }
        self.push(Node::new(span, value), frame.height);
    }

    fn push(&mut self, node: Node, height: usize) {
        let Some(frame) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        frame.height = frame.height.max(height + 1);
        match &mut frame.children {
            Children::List(items) => items.push(node),
            Children::Map { entries, key } => {
                let (key, key_span) = key.take().expect("a value follows a key, by `expects_key`");
                entries.push(Entry { key, key_span, value: node });
            }
        }
    }

    /// Remembers the node that is about to be pushed.
    fn anchor(
        &mut self,
        id: usize,
        nodes: usize,
        text: usize,
        height: usize,
        span: &Span,
    ) -> Result<(), Diagnostic> {
        if id == 0 {
            return Ok(());
        }
        if self.anchors.len() >= MAX_ANCHORS {
            return Err(Code::YamlSyntax
                .error(format!("more than {MAX_ANCHORS} anchors"))
                .help("a text that begins with `&` must be quoted")
                .at(span));
        }
        let path = self.open.iter().map(Frame::len).collect();
        self.anchors.insert(id, Anchor { path, nodes, text, height });
        Ok(())
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Diagnostic> {
        if self.expects_key() {
            return Err(not_a_key("an alias", &span));
        }
        let Some(anchor) = self.anchors.get(&id) else {
            return Err(Code::YamlSyntax
                .error(format!("`{}` stands for a key, or for what it is part of", shorten(span.text())))
                .help(
                    "an alias repeats a whole value that ended before it; quote a text that begins with `*`",
                )
                .at(&span));
        };
        let (nodes, text, height) = (anchor.nodes, anchor.text, anchor.height);
        if self.open.len() + height > MAX_DEPTH {
            return Err(too_deep(&span));
        }
        let copy = self.find(&anchor.path).cloned();
        self.count(nodes, text, &span)?;
        let mut copy = copy.expect("an anchor is remembered as its node is pushed");
        copy.span = span;
        self.push(copy, height);
        Ok(())
    }

    /// The finished node at the end of a path.
    fn find(&self, path: &[usize]) -> Option<&Node> {
        for (depth, (frame, index)) in self.open.iter().zip(path).enumerate() {
            if let Some(node) = frame.child(*index) {
                return path[depth + 1..].iter().try_fold(node, |node, index| node.child(*index));
            }
        }
        None
    }

    /// Sorting finds them without a second copy of every key.
    fn report_duplicates(&mut self, entries: &[Entry]) {
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by(|a, b| entries[*a].key.cmp(&entries[*b].key));
        let mut again: Vec<(usize, usize)> = order
            .chunk_by(|a, b| entries[*a].key == entries[*b].key)
            .flat_map(|same| same[1..].iter().map(|index| (*index, same[0])))
            .collect();
        again.sort_unstable();
        for (index, first) in again.into_iter().take(MAX_PROBLEMS) {
            let (line, _) = entries[first].key_span.line_column();
            self.report(
                Code::UnknownKey
                    .error(format!("duplicate key `{}`", shorten(&entries[index].key)))
                    .help(format!("it is already set in line {line}; remove one of them"))
                    .at(&entries[index].key_span),
            );
        }
    }

    fn collection_tag(&mut self, tag: Option<&Tag>, own: &str, span: &Span) {
        if let Some(tag) = tag
            && !is_local(tag)
            && !(tag.is_yaml_core_schema() && tag.suffix == own)
        {
            self.report(foreign_tag(tag, span));
        }
    }
}

impl Frame {
    fn len(&self) -> usize {
        match &self.children {
            Children::List(items) => items.len(),
            Children::Map { entries, .. } => entries.len(),
        }
    }

    fn child(&self, index: usize) -> Option<&Node> {
        match &self.children {
            Children::List(items) => items.get(index),
            Children::Map { entries, .. } => entries.get(index).map(|entry| &entry.value),
        }
    }
}

impl Node {
    fn child(&self, index: usize) -> Option<&Self> {
        match &self.value {
            Value::List(items) => items.get(index),
            Value::Map(entries) => entries.get(index).map(|entry| &entry.value),
            _ => None,
        }
    }
}

/// The bare `!`, which says "take it as it is".
fn is_local(tag: &Tag) -> bool {
    tag.handle.is_empty() && tag.suffix == "!"
}

/// The parser places a list that is indented like its key behind its first dash.
fn from_dash(span: Span) -> Span {
    let text = &span.source.text;
    let is_dash = |at: usize| text[at..].starts_with('-') && text[at + 1..].starts_with(char::is_whitespace);
    let before = text[..span.start].trim_end().len();
    let behind = before > 0 && text[..before].ends_with('-') && is_dash(before - 1);
    let at_start = is_dash(span.start) || text[span.start..].starts_with(['[', '&', '!']);
    if behind && !at_start { Span { start: before - 1, ..span } } else { span }
}

fn foreign_tag(tag: &Tag, span: &Span) -> Diagnostic {
    let name = match tag.is_yaml_core_schema() {
        true => format!("!!{}", tag.suffix),
        false => format!("{}{}", tag.handle, tag.suffix),
    };
    Code::YamlSyntax
        .error(format!("the tag `{}` is refused", shorten(&name)))
        .help("write the value without it, or quote a text that begins with `!`")
        .at(span)
}

fn not_a_key(what: &str, span: &Span) -> Diagnostic {
    Code::YamlSyntax
        .error(format!("{what} cannot be a key"))
        .help("keys are plain words; quote one that begins with `[`, `{` or `*`")
        .at(span)
}
