//! `-S key=value`: sets any key of the file from the command line, to several values if need be.

use super::variant::MOST_VARIANTS;
use crate::diag::{Code, Diagnostic, Source, Span};
use crate::yaml::{self, Entry, MAX_DEPTH, MAX_NODES, Node, Value, shorten};

/// The name of the source that an override's places point into.
pub(super) const SOURCE: &str = "-S";

/// A key and what it is set to: one value, or several where each makes a pipeline.
pub(super) struct Override {
    address: Vec<Span>,
    values: Vec<Node>,
}

impl Override {
    /// Whether it sets something of a section.
    pub(super) fn is_of(&self, section: &str) -> bool {
        self.address.first().is_some_and(|first| first.text() == section)
    }

    /// The address as it was written.
    fn name(&self) -> String {
        self.address.iter().map(Span::text).collect::<Vec<_>>().join(".")
    }
}

/// Reads `key=value`. The address has dots (`model.Ridge.alpha`), the value is YAML; `key=1,2` is two values.
pub(super) fn read(overrides: &[String]) -> (Vec<Override>, Vec<Diagnostic>) {
    let (mut read, mut problems) = (Vec::new(), Vec::new());
    for text in overrides {
        match one(text) {
            Ok(one) => read.push(one),
            Err(more) => problems.extend(more),
        }
    }
    let count = read.iter().map(|one| one.values.len()).fold(1, usize::saturating_mul);
    if count > MOST_VARIANTS {
        let message = format!("`-S` makes {count} pipelines, more than {MOST_VARIANTS}");
        let problem = Code::Usage.error(message).help("a search tries parameters with less writing");
        problems.push(problem.at(&read[0].address[0]));
        read.iter_mut().for_each(|one| one.values.truncate(1));
    }
    (read, problems)
}

/// Every combination of the values of overrides that have several, the last one's changing fastest, by address.
pub(super) fn combinations(overrides: &[Override]) -> Vec<Vec<(String, Node)>> {
    let mut combinations = vec![Vec::new()];
    for swept in overrides.iter().filter(|one| one.values.len() > 1) {
        let with = |known: &Vec<(String, Node)>, value: &Node| {
            let mut combination = known.clone();
            combination.push((swept.name(), value.clone()));
            combination
        };
        combinations = combinations
            .iter()
            .flat_map(|known| swept.values.iter().map(move |value| with(known, value)))
            .collect();
    }
    combinations
}

/// Applies overrides in their order, with these values where they have several; of two for one key the later wins. Maps on the way are
/// made.
pub(super) fn apply(root: &mut Node, overrides: &[Override], swept: &[(String, Node)]) -> Vec<Diagnostic> {
    let mut swept = swept.iter();
    let mut problems = Vec::new();
    for one in overrides {
        let value = match &one.values[..] {
            [value] => Some(value),
            _ => swept.next().map(|(_, value)| value),
        };
        problems.extend(value.and_then(|value| set(root, &one.address, value.clone()).err()));
    }
    problems
}

/// The parts of the address with their places, and the values.
fn one(text: &str) -> Result<Override, Vec<Diagnostic>> {
    let source = &Source::new(SOURCE, text);
    let whole = Span { source: source.clone(), start: 0, end: source.text.len() };
    let usage = |message: String| Code::Usage.error(message).help("write `-S params.k=60`").at(&whole);
    let Some((key, value)) = text.split_once('=') else {
        return Err(vec![usage("`-S` takes `key=value`".to_owned())]);
    };
    let mut address = Vec::new();
    let mut start = 0;
    for part in key.split('.') {
        let trimmed = part.trim();
        let from = start + (part.len() - part.trim_start().len());
        if trimmed.is_empty() {
            return Err(vec![usage(format!("`{}` is not the address of a key", shorten(key)))]);
        }
        address.push(Span { source: source.clone(), start: from, end: from + trimmed.len() });
        start += part.len() + 1;
    }
    if address[0].text() == "extends" {
        return Err(vec![usage("`extends` cannot be set from the command line".to_owned())]);
    }
    let values = if several(value) {
        let each =
            |value: &str| yaml::parse_from(&Source::new(SOURCE, format!("{key}={value}")), key.len() + 1);
        value.split(',').map(each).collect::<Result<Vec<_>, _>>()?
    } else {
        vec![yaml::parse_from(source, key.len() + 1)?]
    };
    if values.iter().any(|value| address.len() + value.height() > MAX_DEPTH) {
        return Err(vec![usage(format!("the file would be more than {MAX_DEPTH} levels deep"))]);
    }
    Ok(Override { address, values })
}

/// Whether a value is plain words with commas between: `1,2`. Quotes and brackets make one value of what has commas.
fn several(value: &str) -> bool {
    value.contains(',') && !value.contains(['[', ']', '{', '}', '"', '\'', '#', '&', '*', '!', '|', '>'])
}

fn set(root: &mut Node, address: &[Span], value: Node) -> Result<(), Diagnostic> {
    if root.count() + address.len() + value.count() > MAX_NODES {
        let problem = Code::YamlSyntax.error(format!("more than {MAX_NODES} values"));
        return Err(problem.help("data does not belong into a pipeline file").at(&value.span));
    }
    let mut node = root;
    for (depth, part) in address.iter().enumerate() {
        let entries = map_at(node, &address[..depth], part)?;
        let key = part.text();
        let index = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
            let value = Node::new(part.clone(), Value::Null);
            entries.push(Entry { key: key.to_owned(), key_span: part.clone(), value });
            entries.len() - 1
        });
        node = &mut entries[index].value;
    }
    *node = value;
    Ok(())
}

/// The node as a map, made where there is nothing yet, and where a bare class (`model: Ridge`) gets
/// its first parameter.
fn map_at<'n>(node: &'n mut Node, above: &[Span], part: &Span) -> Result<&'n mut Vec<Entry>, Diagnostic> {
    let bare_class = !above.is_empty() && node.as_text() == Some(part.text());
    if node.is_null() {
        node.value = Value::Map(Vec::new());
    } else if bare_class {
        let span = node.span.clone();
        let parameters = Node::new(span.clone(), Value::Null);
        let entry = Entry { key: part.text().to_owned(), key_span: span, value: parameters };
        node.value = Value::Map(vec![entry]);
    }
    let found = node.found();
    match &mut node.value {
        Value::Map(entries) => Ok(entries),
        other => {
            let path = above.iter().map(Span::text).collect::<Vec<_>>().join(".");
            let help = match other {
                Value::List(_) => format!("a list is replaced whole: `-S \"{path}=[...]\"`"),
                _ => format!("set `{path}` itself"),
            };
            let place = if path.is_empty() { "the file".to_owned() } else { format!("`{path}`") };
            let message =
                format!("{place} is {found}, so that `{}` cannot be set in it", shorten(part.text()));
            Err(Code::BadReference.error(message).help(help).at(part))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{apply, combinations, read};
    use crate::diag::{Source, render};
    use crate::yaml::{Node, parse};

    fn applied(text: &str, overrides: &[&str]) -> (Node, String) {
        let mut root = parse(&Source::new("f.yaml", text)).expect("the file is YAML");
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        let (overrides, mut problems) = read(&overrides);
        problems.extend(apply(&mut root, &overrides, &combinations(&overrides)[0]));
        (root, render(&problems, false))
    }

    #[test]
    fn keys_are_set_and_maps_are_made() {
        let file = "params: {k: 40}\nmodel: Ridge\ncv: 5\nsteps:\n  StandardScaler:\n";
        let set = [
            "params.k=60",
            "model.Ridge.alpha=1e-3",
            "cv=null",
            "output.dir=x y",
            "params.l=[1, {a: b}]",
            "cv=7",
            "steps.StandardScaler.with_mean=false",
        ];
        let (root, problems) = applied(file, &set);
        assert_eq!(problems, "");
        let at =
            |path: &str| path.split('.').try_fold(&root, |node, key| node.get(key)).expect("a value").clone();
        assert_eq!(at("params.k").as_i64(), Some(60));
        assert_eq!(at("params.k").span.source.name, "-S");
        assert_eq!(at("params.k").span.text(), "60");
        assert_eq!(at("model.Ridge.alpha").as_f64(), Some(1e-3));
        assert_eq!(at("cv").as_i64(), Some(7));
        assert_eq!(at("output.dir").as_text(), Some("x y"));
        assert_eq!(at("params.l").count(), 5);
        assert_eq!(at("steps.StandardScaler.with_mean").as_bool(), Some(false));
        assert_eq!(applied("", &["name=a"]).0.get("name").and_then(Node::as_text), Some("a"));
    }

    #[test]
    fn what_cannot_be_set_is_shown_as_it_was_given() {
        let file = "model: Ridge\npreprocess: [A]\ncv: 5\n";
        let set = [
            "model.Lasso.alpha=1",
            "preprocess.A.x=1",
            "cv.x=1",
            "novalue",
            "a..b=1",
            "cv=[1",
            "cv={a: 1, a: 2}",
        ];
        let (_, out) = applied(file, &set);
        for part in [
            "error[E0207]: `model` is the text `Ridge`, so that `Lasso` cannot be set in it\n --> -S:1:7\n  |\n1 | model.Lasso.alpha=1\n  |       ^^^^^ help: set `model` itself\n",
            "error[E0207]: `preprocess` is a list, so that `A` cannot be set in it\n --> -S:1:12\n",
            "error[E0207]: `cv` is the number `5`, so that `x` cannot be set in it\n",
            "error[E0002]: `-S` takes `key=value`\n",
            "error[E0002]: `a..b` is not the address of a key\n",
            "error[E0201]: ",
            "error[E0202]: duplicate key `a`\n --> -S:1:11\n",
        ] {
            assert!(out.contains(part), "{part}\n{out}");
        }
        assert_eq!(out.matches("error[").count(), set.len(), "{out}");
    }
}
