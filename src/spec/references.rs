//! `${params.x}`, `${matrix.x}` and `${env:NAME}`, replaced inside scalar values after the file is parsed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diag::{Code, Diagnostic, Span, Veil, suggest};
use crate::yaml::{self, MAX_DEPTH, MAX_NODES, MAX_TEXT, Node, Value, shorten};

use super::reader::MAX_PROBLEMS;

/// Where `${env:NAME}` may stand, and in which keys of a section; in all of it where none is named.
/// These say where the work is done. What says what is done ends in artifacts, reports and locks,
/// which the environment must never reach.
const OPEN: &[(&str, &[&str])] = &[
    ("params", &[]),
    ("store", &[]),
    ("source", &["key", "pattern", "index", "file", "load_if_missing"]),
    ("target", &[]),
    ("output", &["dir"]),
];

/// Looks up an environment variable.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What was wrong, and the values that could not be made: what else is said of them follows from
/// that and is not worth saying. And what the environment gave, which nobody may read.
#[derive(Default)]
pub(super) struct Replaced {
    pub problems: Vec<Diagnostic>,
    pub values: Vec<Span>,
    pub veil: Veil,
}

/// Replaces all references in the tree. A parameter can refer to those above it and to the values of the matrix. Values that
/// came from the environment remember what they were written as.
pub(super) fn replace(root: &mut Node, matrix: &[(String, Node)], environment: Environment<'_>) -> Replaced {
    let mut expander = Expander {
        environment,
        open: true,
        matrix: matrix.iter().cloned().collect(),
        params: BTreeMap::new(),
        all: BTreeSet::new(),
        text: 0,
        nodes: 0,
        out: Replaced::default(),
    };
    let Value::Map(entries) = &mut root.value else { return expander.out };
    if let Some(Value::Map(params)) =
        entries.iter_mut().find(|entry| entry.key == "params").map(|entry| &mut entry.value.value)
    {
        expander.all = params.iter().map(|entry| entry.key.clone()).collect();
        for param in params {
            expander.node(&mut param.value, 2);
            expander.params.insert(param.key.clone(), param.value.clone());
        }
    }
    for entry in entries.iter_mut().filter(|entry| !["params", "matrix"].contains(&entry.key.as_str())) {
        expander.section(&entry.key, &mut entry.value);
    }
    expander.out
}

struct Expander<'a> {
    environment: Environment<'a>,
    /// Whether the environment may be used in this place.
    open: bool,
    /// The values of the matrix.
    matrix: BTreeMap<String, Node>,
    /// The parameters that are complete.
    params: BTreeMap<String, Node>,
    /// The names of all parameters.
    all: BTreeSet<String>,
    /// How much text and how many nodes the references have made so far.
    text: usize,
    nodes: usize,
    out: Replaced,
}

/// A scalar in pieces.
enum Piece<'t> {
    Plain(&'t str),
    /// A section and a path in it.
    Value(&'static str, &'t str),
    Environment(&'t str),
}

impl Expander<'_> {
    fn section(&mut self, key: &str, value: &mut Node) {
        let keys = OPEN.iter().find(|(section, _)| *section == key).map(|(_, keys)| *keys);
        match (&mut value.value, keys) {
            (Value::Map(parts), Some(keys)) if !keys.is_empty() => {
                for part in parts {
                    self.open = keys.contains(&part.key.as_str());
                    self.node(&mut part.value, 2);
                }
            }
            _ => {
                self.open = keys.is_some_and(<[&str]>::is_empty);
                self.node(value, 1);
            }
        }
    }

    /// `depth`: how many lists and maps are around the node.
    fn node(&mut self, node: &mut Node, depth: usize) {
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.node(item, depth + 1)),
            Value::Map(entries) => {
                entries.iter_mut().for_each(|entry| self.node(&mut entry.value, depth + 1))
            }
            Value::Text(text) if text.contains("${") => {
                let text = std::mem::take(text);
                let made = self.scalar(&text, &node.span, depth);
                match made {
                    Ok(made) => *node = made,
                    Err(problem) => {
                        if self.out.values.len() < MAX_PROBLEMS {
                            self.out.values.push(node.span.clone());
                            self.out.problems.extend(problem);
                        }
                        node.value = Value::Text(text);
                    }
                }
            }
            _ => {}
        }
    }

    /// What a scalar with references stands for. `Err(None)`: it stands for what has failed already.
    fn scalar(&mut self, text: &str, span: &Span, depth: usize) -> Result<Node, Option<Diagnostic>> {
        if self.out.values.len() >= MAX_PROBLEMS {
            return Err(None);
        }
        let pieces = pieces(text, span)?;
        if let [Piece::Value(section, path)] = pieces.as_slice() {
            let node = self.value(section, path, span)?.clone();
            self.weigh(&node, span, depth)?;
            return Ok(Node { span: span.clone(), ..node });
        }
        if let [Piece::Environment(name)] = pieces.as_slice() {
            let value = self.variable(name, span)?;
            let quoted = span.text().starts_with(['"', '\'', '|', '>']);
            let value = match yaml::plain(&value) {
                // An empty variable is an empty text: it is set.
                Ok(typed) if !quoted && !value.is_empty() => typed,
                _ => Value::Text(value),
            };
            return Ok(Node { span: span.clone(), value, unexpanded: Some(Arc::from(text)) });
        }
        let (mut value, mut shown, mut secret) = (String::new(), String::new(), false);
        for piece in pieces {
            match piece {
                Piece::Plain(text) => {
                    value.push_str(text);
                    shown.push_str(text);
                }
                Piece::Value(section, path) => {
                    let node = self.value(section, path, span)?;
                    let Some(text) = scalar_text(node) else {
                        let message =
                            format!("`{section}.{path}` is {} and cannot be part of a text", node.kind());
                        let help = "a list or map must be the whole value";
                        return Err(Some(Code::BadReference.error(message).help(help).at(&find(span, path))));
                    };
                    value.push_str(&text);
                    shown.push_str(node.unexpanded.as_deref().unwrap_or(&text));
                    secret |= node.unexpanded.is_some();
                }
                Piece::Environment(name) => {
                    value.push_str(&self.variable(name, span)?);
                    shown.push_str(&format!("${{env:{name}}}"));
                    secret = true;
                }
            }
            self.grow(0, value.len(), span)?;
        }
        self.text += value.len();
        Ok(Node {
            span: span.clone(),
            value: Value::Text(value),
            unexpanded: secret.then(|| Arc::from(shown)),
        })
    }

    /// What a path in `params` or `matrix` leads to.
    fn value(&self, section: &str, path: &str, span: &Span) -> Result<&Node, Option<Diagnostic>> {
        let mut parts = path.split('.');
        let first = parts.next().unwrap_or("");
        let fail = |message: String, help: String| {
            Some(Code::BadReference.error(message).help(help).at(&find(span, path)))
        };
        let known = if section == "matrix" { &self.matrix } else { &self.params };
        let Some(value) = known.get(first) else {
            let name = shorten(first);
            if section == "params" && self.all.contains(first) {
                let message = format!("`params.{name}` is not known yet");
                return Err(fail(message, "a parameter can refer to those that stand above it".to_owned()));
            }
            let names: Vec<&str> = if section == "matrix" {
                self.matrix.keys().map(String::as_str).collect()
            } else {
                self.all.iter().map(String::as_str).collect()
            };
            let help = match suggest(first, names) {
                Some(near) => format!("did you mean `${{{section}.{near}}}`?"),
                None => format!("add `{name}` to `{section}`"),
            };
            return Err(fail(format!("`{section}` has no `{name}`"), help));
        };
        let mut node = value;
        for part in parts {
            node = node.get(part).ok_or_else(|| {
                let message = format!("`{section}` has no `{}`", shorten(path));
                let help = format!(
                    "`{}` is not a key of what `{section}.{}` leads to",
                    shorten(part),
                    shorten(first)
                );
                fail(message, help)
            })?;
        }
        if self.out.values.contains(&node.span) {
            return Err(None);
        }
        if !self.open && node.has_secret() {
            let message =
                format!("`params.{}` comes from the environment and cannot be used here", shorten(path));
            return Err(Some(closed(message, &find(span, path))));
        }
        Ok(node)
    }

    fn variable(&mut self, name: &str, span: &Span) -> Result<String, Option<Diagnostic>> {
        if !self.open {
            let message = format!("`${{env:{}}}` cannot be used here", shorten(name));
            return Err(Some(closed(message, &find(span, name))));
        }
        let value = (self.environment)(name).ok_or_else(|| {
            let message = format!("the environment variable `{}` is not set", shorten(name));
            let help = format!("set it, as in `{}=... pipefit run ...`", shorten(name));
            Some(Code::BadReference.error(message).help(help).at(&find(span, name)))
        })?;
        self.out.veil.hide(&value, &format!("${{env:{name}}}"));
        Ok(value)
    }

    /// Counts what a reference makes, so that a small file cannot become a large tree.
    fn weigh(&mut self, node: &Node, span: &Span, depth: usize) -> Result<(), Option<Diagnostic>> {
        if depth + node.height() > MAX_DEPTH {
            let message = format!("with what `params` holds the file is more than {MAX_DEPTH} levels deep");
            return Err(Some(
                Code::YamlSyntax.error(message).help("no part of a pipeline file needs that").at(span),
            ));
        }
        let (nodes, text) = (node.count(), text_of(node));
        self.grow(nodes, text, span)?;
        self.nodes += nodes;
        self.text += text;
        Ok(())
    }

    fn grow(&self, nodes: usize, text: usize, span: &Span) -> Result<(), Option<Diagnostic>> {
        if self.nodes + nodes <= MAX_NODES && self.text + text <= MAX_TEXT {
            return Ok(());
        }
        let problem =
            Code::YamlSyntax.error(format!("references make more than {MAX_NODES} values or 4 MiB of text"));
        Err(Some(problem.help("data does not belong into a pipeline file").at(span)))
    }
}

/// The problem of a value from the environment in a place that artifacts and reports show.
fn closed(message: String, span: &Span) -> Diagnostic {
    let help = "the environment can give `store`, `source.key`, `source.pattern`, `source.index`, `source.file`, \
        `source.load_if_missing`, `target` and `output.dir`; elsewhere use `${params.name}` with `-S params.name=...`";
    Code::BadReference.error(message).help(help).at(span)
}

/// Bytes of text in a node and all in it.
fn text_of(node: &Node) -> usize {
    match &node.value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.iter().map(text_of).sum(),
        Value::Map(entries) => entries.iter().map(|entry| entry.key.len() + text_of(&entry.value)).sum(),
        _ => 0,
    }
}

fn scalar_text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Int(value) => Some(value.to_string()),
        Value::Float(value) => Some(value.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

fn pieces<'t>(text: &'t str, span: &Span) -> Result<Vec<Piece<'t>>, Option<Diagnostic>> {
    let fail = |what: &str, message: String, help: &str, code: Code| {
        Some(code.error(message).help(help).at(&find(span, what)))
    };
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if start > 0 {
            pieces.push(Piece::Plain(&rest[..start]));
        }
        let inner = &rest[start + 2..];
        let Some(end) = inner.find('}') else {
            let message = "`${` is not closed".to_owned();
            return Err(fail(
                "${",
                message,
                "write `${params.name}`, `${matrix.name}` or `${env:NAME}`",
                Code::BadReference,
            ));
        };
        let (name, behind) = (&inner[..end], &inner[end + 1..]);
        pieces.push(if let Some(path) = name.strip_prefix("params.").filter(|path| is_path(path)) {
            Piece::Value("params", path)
        } else if let Some(path) = name.strip_prefix("matrix.").filter(|path| is_path(path)) {
            Piece::Value("matrix", path)
        } else if let Some(variable) = name.strip_prefix("env:").filter(|name| is_variable(name)) {
            Piece::Environment(variable)
        } else {
            let message = format!("`${{{}}}` is not a reference", shorten(name));
            return Err(fail(
                name,
                message,
                "write `${params.name}`, `${matrix.name}` or `${env:NAME}`",
                Code::BadReference,
            ));
        });
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Plain(rest));
    }
    Ok(pieces)
}

fn is_path(path: &str) -> bool {
    path.split('.').all(|part| !part.is_empty() && !part.contains(['$', '{', ' ']))
}

fn is_variable(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(inner)
}

/// The `${...}` with these words inside a scalar's span, or all of it where an escape hides them.
fn find(span: &Span, words: &str) -> Span {
    let text = span.text();
    let inside = |at: usize| {
        let start = text[..at + words.len()].rfind("${")?;
        let end = text[at..].find('}').map_or(text.len(), |end| at + end + 1);
        Some((start, end))
    };
    match text.match_indices(words).find_map(|(at, _)| inside(at)) {
        Some((start, end)) => {
            Span { source: span.source.clone(), start: span.start + start, end: span.start + end }
        }
        None => span.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::replace;
    use crate::diag::{Source, render};
    use crate::yaml::{Node, Value, parse};

    fn replaced(text: &str) -> (Node, String) {
        let mut root = parse(&Source::new("f.yaml", text)).expect("the file is YAML");
        let environment = |name: &str| match name {
            "SECRET" => Some("hunter2".to_owned()),
            "NUMBER" => Some("17".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let matrix = [("r".to_owned(), Node::new(root.span.clone(), Value::Text("eu".to_owned())))];
        let failures = replace(&mut root, &matrix, &environment);
        (root, render(&failures.problems, false))
    }

    #[test]
    fn a_whole_scalar_keeps_its_type_and_a_part_becomes_text() {
        let text = "params: {k: 40, x: 1e-3, l: [1, 2], m: {n: deep}, j: \"${params.k}\", r: \"x-${matrix.r}\"}\n\
            store:\n  f: ${env:NUMBER}\n  g: '${env:NUMBER}'\n  h: ${env:EMPTY}\n\
            a: ${params.k}\nb: \"n=${params.k}, ${params.x}\"\nc: ${params.l}\nd: ${params.m.n}\ne: \"${params.j}\"\nr: \"${matrix.r}\"\ns: \"${params.r}.${matrix.r}\"\n\
            ${params.k}: key\n";
        let (root, problems) = replaced(text);
        assert_eq!(problems, "");
        let store = root.get("store").expect("a section");
        let value = |key: &str| root.get(key).or(store.get(key)).expect("a value").value.clone();
        let text = |text: &str| Value::Text(text.to_owned());
        assert_eq!(value("a"), Value::Int(40));
        assert_eq!(value("b"), text("n=40, 0.001"));
        assert_eq!((value("r"), value("s")), (text("eu"), text("x-eu.eu")));
        assert_eq!(root.get("c").and_then(Node::as_list).map(<[Node]>::len), Some(2));
        assert_eq!((value("d"), value("e")), (text("deep"), Value::Int(40)));
        assert_eq!((value("f"), value("g"), value("h")), (Value::Int(17), text("17"), text("")));
        assert_eq!(root.get("a").expect("a").span.text(), "${params.k}");
        assert_eq!(root.get("a").expect("a").unexpanded, None);
        assert!(root.get("${params.k}").is_some());
    }

    #[test]
    fn what_came_from_the_environment_stays_marked() {
        let text = "params: {p: \"${env:SECRET}\", q: \"a-${params.p}\"}\nstore: redis://:${env:SECRET}@h\ntarget: ${params.q}\noutput: {dir: \"${params.q}/${params.p}\"}\n";
        let (root, problems) = replaced(text);
        assert_eq!(problems, "");
        for (key, value, shown) in [
            ("store", "redis://:hunter2@h", "redis://:${env:SECRET}@h"),
            ("target", "a-hunter2", "a-${env:SECRET}"),
            ("dir", "a-hunter2/hunter2", "a-${env:SECRET}/${env:SECRET}"),
        ] {
            let node = root.get(key).or_else(|| root.get("output")?.get(key)).expect("a value");
            assert_eq!((node.as_text(), node.unexpanded.as_deref()), (Some(value), Some(shown)));
            assert!(!node.found().contains("hunter2"));
        }
    }

    #[test]
    fn what_leads_nowhere_is_shown_at_its_place() {
        let text = "params: {kay: 1, l: [1], b: \"${params.c}\", c: 2}\na: x${params.key}y\ntarget: ${env:NOPE}\ne: ${other}\nf: ${params.k\ng: ${matrix.x}\nh: a${params.l}\ni: ${params.b}\nj: ${params.kay.z}\n";
        let (_, out) = replaced(text);
        for part in [
            "`params.c` is not known yet\n --> f.yaml:1:30\n",
            "`params` has no `key`\n --> f.yaml:2:5\n  |\n2 | a: x${params.key}y\n  |     ^^^^^^^^^^^^^ help: did you mean `${params.kay}`?\n",
            "`NOPE` is not set\n --> f.yaml:3:9\n",
            "`${other}` is not a reference\n",
            "`${` is not closed\n",
            "`matrix` has no `x`\n",
            "`params.l` is a list and cannot be part of a text\n",
            "`params` has no `kay.z`\n",
        ] {
            assert!(out.contains(part), "{part}\n{out}");
        }
        // `i` stands for `b`, which has failed already.
        assert_eq!(out.matches("error[").count(), 8, "{out}");
    }

    #[test]
    fn references_cannot_make_a_small_file_large() {
        let mut text =
            String::from("params:\n  p0: [x, x, x, x, x, x, x, x, x, x]\n  t0: xxxxxxxxxxxxxxxx\n");
        for i in 1..30 {
            let list = vec![format!("\"${{params.p{}}}\"", i - 1); 10].join(", ");
            text.push_str(&format!(
                "  p{i}: [{list}]\n  t{i}: \"{}\"\n",
                format!("${{params.t{}}}", i - 1).repeat(10)
            ));
        }
        let (root, out) = replaced(&text);
        assert!(out.contains("references make more than"), "{out}");
        assert!(root.count() < 300_000);
    }
}
