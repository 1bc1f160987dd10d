//! The section `clean`: a list of operations with pandas' names and parameters.

use super::reader::{Keys, Reader, entry, quoted, value, wrong};
use super::resolved;
use crate::clean::{
    AsType, Clip, DropDuplicates, DropNa, FillNa, Keep, Least, Name, Operation, Pair, Query, Rename, Replace,
    Scalar, Work,
};
use crate::diag::{Code, Span, suggest};
use crate::table::Kind;
use crate::yaml::{Entry, Node, Value, shorten};

const DROP_DUPLICATES: Keys =
    Keys { name: "`drop_duplicates`", known: &["subset", "keep"], later: &["inplace", "ignore_index"] };
const DROPNA: Keys = Keys {
    name: "`dropna`",
    known: &["subset", "how", "thresh"],
    later: &["axis", "inplace", "ignore_index"],
};
const FILLNA: Keys = Keys { name: "`fillna`", known: &["value"], later: &["axis", "inplace", "limit"] };
const REPLACE: Keys = Keys {
    name: "`replace`",
    known: &["to_replace", "value"],
    later: &["inplace", "regex", "limit", "method"],
};
const RENAME: Keys = Keys {
    name: "`rename`",
    known: &["columns"],
    later: &["mapper", "index", "axis", "copy", "inplace", "errors"],
};
const CLIP: Keys =
    Keys { name: "`clip`", known: &["lower", "upper", "columns"], later: &["axis", "inplace"] };

/// What pandas and NumPy call types, and what they are called here.
const TYPES: &[(&str, &str)] = &[
    ("float", "number"),
    ("float32", "number"),
    ("float64", "number"),
    ("int", "number"),
    ("int32", "number"),
    ("int64", "number"),
    ("Int64", "number"),
    ("str", "category"),
    ("string", "category"),
    ("object", "category"),
    ("boolean", "bool"),
];

impl Reader<'_> {
    /// The section `clean`.
    pub(super) fn clean(&mut self, root: &[Entry]) -> Vec<Operation> {
        let Some(node) = value(root, "clean") else { return Vec::new() };
        match node.as_list() {
            Some(items) => items.iter().filter_map(|item| self.operation(item)).collect(),
            None => {
                let help = "write `clean: [drop_duplicates, {dropna: {subset: [age]}}]`";
                self.report(wrong("`clean`", "a list of operations", node).help(help));
                Vec::new()
            }
        }
    }

    fn operation(&mut self, item: &Node) -> Option<Operation> {
        let (name, span, parameters) = match &item.value {
            Value::Text(name) => (name, &item.span, None),
            Value::Map(entries) => match entries.as_slice() {
                [entry] => (&entry.key, &entry.key_span, Some(&entry.value).filter(|node| !node.is_null())),
                _ => {
                    let message = format!("an operation is one key, but this map has {}", entries.len());
                    let help = "begin a new item, `- `, for each operation, and indent its parameters deeper";
                    let place = entries.get(1).map_or(&item.span, |entry| &entry.key_span);
                    self.report(Code::BadValue.error(message).help(help).at(place));
                    return None;
                }
            },
            _ => {
                let help = format!("an operation is one of {}", quoted(&Operation::NAMES));
                self.report(wrong("an item of `clean`", "an operation", item).help(help));
                return None;
            }
        };
        let before = self.problems.len();
        let work = self.work(name, span, parameters)?;
        let shown = match (&work, parameters) {
            (Work::Query(_), Some(Node { value: Value::Text(text), .. })) => {
                format!("{name}: {}", text.trim())
            }
            (_, Some(parameters)) => format!("{name}: {}", resolved::node(parameters)),
            (_, None) => name.clone(),
        };
        (self.problems.len() == before).then(|| Operation { work, shown, span: span.clone() })
    }

    fn work(&mut self, name: &str, span: &Span, parameters: Option<&Node>) -> Option<Work> {
        let needed = match (name, parameters) {
            (_, Some(_)) | ("drop_duplicates" | "dropna", _) => None,
            ("fillna", _) => Some("`fillna: {age: 0}`"),
            ("replace", _) => Some("`replace: {plan: {gold: pro}}`"),
            ("astype", _) => Some("`astype: {zip: category}`"),
            ("rename", _) => Some("`rename: {columns: {old: new}}`"),
            ("clip", _) => Some("`clip: {lower: 0}`"),
            ("query", _) => Some("`query: \"age >= 18\"`"),
            _ => None,
        };
        if let Some(example) = needed {
            let problem = Code::MissingKey.error(format!("`{name}` says nothing of what to do"));
            self.report(problem.help(format!("write {example}")).at(span));
            return None;
        }
        match (name, parameters) {
            ("drop_duplicates", parameters) => self.drop_duplicates(parameters).map(Work::DropDuplicates),
            ("dropna", parameters) => self.dropna(parameters).map(Work::DropNa),
            ("fillna", Some(node)) => self.fillna(node).map(Work::FillNa),
            ("replace", Some(node)) => self.replace(node).map(Work::Replace),
            ("astype", Some(node)) => self.astype(node).map(Work::AsType),
            ("rename", Some(node)) => self.rename(node).map(Work::Rename),
            ("clip", Some(node)) => self.clip(node, span).map(Work::Clip),
            ("query", Some(node)) => self.query(node).map(Work::Query),
            _ => {
                let help = match suggest(name, Operation::NAMES) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the operations are {}", quoted(&Operation::NAMES)),
                };
                let message = format!("unknown operation `{}`", shorten(name));
                self.report(Code::UnknownComponent.error(message).help(help).at(span));
                None
            }
        }
    }

    /// Names of columns, with their places.
    fn columns(&mut self, node: &Node, name: &str) -> Vec<Name> {
        let texts = self.names(node, name);
        texts.into_iter().map(|text| Name { text: text.value, span: text.span }).collect()
    }

    fn drop_duplicates(&mut self, parameters: Option<&Node>) -> Option<DropDuplicates> {
        let entries = parameters.map_or(&[][..], |node| self.entries(node, &DROP_DUPLICATES));
        let subset = value(entries, "subset").map(|node| self.columns(node, "`subset`"));
        let keep = match value(entries, "keep").map(|node| (node, &node.value)) {
            None => Keep::First,
            Some((_, Value::Bool(false))) => Keep::None,
            Some((_, Value::Text(word))) if word == "first" => Keep::First,
            Some((_, Value::Text(word))) if word == "last" => Keep::Last,
            Some((node, _)) => {
                self.report(
                    wrong("`keep`", "`first`, `last` or false", node).help("false keeps none of the rows"),
                );
                return None;
            }
        };
        Some(DropDuplicates { subset, keep })
    }

    fn dropna(&mut self, parameters: Option<&Node>) -> Option<DropNa> {
        let entries = parameters.map_or(&[][..], |node| self.entries(node, &DROPNA));
        let subset = value(entries, "subset").map(|node| self.columns(node, "`subset`"));
        let least = match (value(entries, "how"), entry(entries, "thresh")) {
            (Some(_), Some(thresh)) => {
                let problem = Code::Conflict.error("`dropna` has both `how` and `thresh`");
                self.report(problem.help("keep one of them").at(&thresh.key_span));
                return None;
            }
            (None, Some(thresh)) => {
                Least::Count(self.whole(&thresh.value, "`thresh`", 0, i64::from(u32::MAX))? as usize)
            }
            (how, None) => {
                let how = how.map(|node| self.text(node, "`how`")).unwrap_or_default();
                match how {
                    Some(how) if !self.word(&how, "`how`", &["any", "all"]) => return None,
                    Some(how) if how.value == "all" => Least::One,
                    _ => Least::All,
                }
            }
        };
        Some(DropNa { subset, least })
    }

    /// A constant; null where it is allowed to be none.
    fn scalar(&mut self, node: &Node, name: &str) -> Option<Scalar> {
        match &node.value {
            Value::Bool(value) => Some(Scalar::Bool(*value)),
            Value::Int(value) => Some(Scalar::Number(*value as f64)),
            Value::Float(value) if !value.is_nan() => Some(Scalar::Number(*value)),
            Value::Text(text) => Some(Scalar::Text(text.clone())),
            _ => {
                self.report(wrong(name, "a number, a text, true or false", node).help("write one value"));
                None
            }
        }
    }

    fn fillna(&mut self, node: &Node) -> Option<FillNa> {
        let values = match node.get("value") {
            Some(inner) => {
                self.entries(node, &FILLNA);
                inner
            }
            None => node,
        };
        let Some(entries) = values.as_map() else {
            return self.fill(values, "`fillna`").map(FillNa::All);
        };
        self.some(values, entries, "`fillna`", "`fillna: {age: 0}`")?;
        let each = entries.iter().filter_map(|entry| {
            let value = self.fill(&entry.value, &format!("the value for `{}`", shorten(&entry.key)))?;
            Some((key(entry), value, entry.value.span.clone()))
        });
        Some(FillNa::Each(each.collect()))
    }

    /// A value that takes the place of a missing one, and can be learned from.
    fn fill(&mut self, node: &Node, name: &str) -> Option<Scalar> {
        match self.scalar(node, name)? {
            Scalar::Number(number) if number.is_infinite() => {
                self.report(wrong(name, "a finite number", node).help("nothing is learned from infinity"));
                None
            }
            value => Some(value),
        }
    }

    /// What a value is replaced by: null makes it missing.
    fn replacement(&mut self, node: &Node, name: &str) -> Option<Option<Scalar>> {
        if node.is_null() { Some(None) } else { self.fill(node, name).map(Some) }
    }

    fn replace(&mut self, node: &Node) -> Option<Replace> {
        const HELP: &str = "write `{to_replace: -999, value: null}`, or `{column: {from: to}}`";
        let Some(entries) = node.as_map() else {
            self.report(wrong("`replace`", "a map", node).help(HELP));
            return None;
        };
        let Some(from) = node.get("to_replace") else {
            return self.replace_in(node, entries, HELP);
        };
        self.entries(node, &REPLACE);
        let to = entries.iter().find(|entry| entry.key == "value").map(|entry| &entry.value);
        if let Some(columns) = from.as_map() {
            if let Some(to) = to {
                let problem =
                    Code::Conflict.error("`to_replace` says what becomes of each value, and so does `value`");
                self.report(problem.help("leave `value` out").at(&to.span));
                return None;
            }
            return self.replace_in(from, columns, HELP);
        }
        let Some(to) = to else {
            let problem = Code::MissingKey.error("`replace` has no `value`");
            self.report(problem.help("write `value: null` to make the values missing").at(&node.span));
            return None;
        };
        let from: Vec<&Node> = from.as_list().map_or(vec![from], |items| items.iter().collect());
        let values: Vec<&Node> = to.as_list().map_or(vec![to], |items| items.iter().collect());
        if to.as_list().is_some() && values.len() != from.len() {
            let message = format!("`value` has {} values for {} in `to_replace`", values.len(), from.len());
            self.report(Code::BadValue.error(message).help("write one value, or one for each").at(&to.span));
            return None;
        }
        let mut pairs = Vec::new();
        for (i, from) in from.iter().enumerate() {
            let from = self.scalar(from, "a value of `to_replace`");
            let to = self.replacement(values.get(i).copied().unwrap_or(values[0]), "`value`");
            pairs.extend(from.zip(to));
        }
        Some(Replace::All(pairs, node.span.clone()))
    }

    fn replace_in(&mut self, node: &Node, entries: &[Entry], help: &str) -> Option<Replace> {
        self.some(node, entries, "`replace`", "`replace: {plan: {gold: pro}}`")?;
        let mut columns = Vec::new();
        for column in entries {
            let Some(values) = column.value.as_map() else {
                let name = format!("what is replaced in `{}`", shorten(&column.key));
                self.report(wrong(&name, "a map", &column.value).help(help));
                continue;
            };
            let pairs = values.iter().filter_map(|entry| {
                let to =
                    self.replacement(&entry.value, &format!("what `{}` becomes", shorten(&entry.key)))?;
                Some(Pair { from: key(entry), to, span: entry.value.span.clone() })
            });
            columns.push((key(column), pairs.collect()));
        }
        Some(Replace::Each(columns))
    }

    fn astype(&mut self, node: &Node) -> Option<AsType> {
        let Some(entries) = node.as_map() else {
            self.report(
                wrong("`astype`", "a map", node)
                    .help("write `column: type`, as in `astype: {zip: category}`"),
            );
            return None;
        };
        self.some(node, entries, "`astype`", "`astype: {zip: category}`")?;
        let mut kinds = Vec::new();
        for entry in entries {
            let elsewhere =
                entry.value.as_text().and_then(|text| TYPES.iter().find(|(other, _)| *other == text));
            if let Some((other, here)) = elsewhere {
                let problem = Code::BadValue.error(format!("a type in `astype` cannot be `{other}`"));
                self.report(problem.help(format!("write `{here}`")).at(&entry.value.span));
                continue;
            }
            kinds.extend(self.kind(&entry.value, "a type in `astype`").map(|kind: Kind| (key(entry), kind)));
        }
        Some(AsType { kinds })
    }

    fn rename(&mut self, node: &Node) -> Option<Rename> {
        let columns = match node.get("columns").filter(|inner| inner.as_map().is_some()) {
            Some(inner) => {
                self.entries(node, &RENAME);
                inner
            }
            None => node,
        };
        let Some(entries) = columns.as_map() else {
            self.report(wrong("`rename`", "a map", columns).help("write `rename: {columns: {old: new}}`"));
            return None;
        };
        self.some(columns, entries, "`rename`", "`rename: {columns: {old: new}}`")?;
        let mut names: Vec<(Name, Name)> = Vec::new();
        for entry in entries {
            let Some(new) = self.text(&entry.value, &format!("the new name of `{}`", shorten(&entry.key)))
            else {
                continue;
            };
            let new = Name { text: new.value, span: new.span };
            if names.iter().any(|(_, other)| other.text == new.text) {
                let message = format!("two columns would be called `{}`", shorten(&new.text));
                self.report(Code::Conflict.error(message).help("give each its own name").at(&new.span));
            }
            names.push((key(entry), new));
        }
        Some(Rename { columns: names })
    }

    fn clip(&mut self, node: &Node, span: &Span) -> Option<Clip> {
        let entries = self.entries(node, &CLIP);
        let mut bound = |name: &str| {
            let node = value(entries, name)?;
            let number = node.as_f64().filter(|number| number.is_finite());
            if number.is_none() {
                self.report(
                    wrong(&format!("`{name}`"), "a number", node)
                        .help("write a finite number, or leave the key out"),
                );
            }
            number
        };
        let (lower, upper) = (bound("lower"), bound("upper"));
        let columns = value(entries, "columns").map(|node| self.columns(node, "`columns`"));
        if value(entries, "lower").or(value(entries, "upper")).is_none() {
            let problem = Code::MissingKey.error("`clip` has neither `lower` nor `upper`");
            self.report(problem.help("add one of them").at(span));
        }
        if let (Some(lower), Some(upper)) = (lower, upper)
            && lower > upper
        {
            let problem = Code::Conflict.error(format!("`lower`, {lower}, is more than `upper`, {upper}"));
            self.report(problem.help("exchange them").at(span));
        }
        Some(Clip { lower, upper, columns })
    }

    fn query(&mut self, node: &Node) -> Option<Query> {
        let text = self.text(node, "`query`")?;
        match Query::parse(&text.value, &text.span) {
            Ok(query) => Some(query),
            Err(problem) => {
                self.report(problem);
                None
            }
        }
    }

    /// Reports a map without entries.
    fn some(&mut self, node: &Node, entries: &[Entry], name: &str, example: &str) -> Option<()> {
        if entries.is_empty() {
            let problem = Code::BadValue.error(format!("{name} is an empty map"));
            self.report(problem.help(format!("write {example}")).at(&node.span));
            return None;
        }
        Some(())
    }
}

fn key(entry: &Entry) -> Name {
    Name { text: entry.key.clone(), span: entry.key_span.clone() }
}
