//! `extends`: a file takes over what other files say, and says some of it otherwise.

use std::fs;
use std::path::{Path, PathBuf};

use super::Files;
use super::files::{Unread, open};
use super::reader::wrong;
use crate::diag::{Code, Diagnostic, Span};
use crate::yaml::{self, Entry, MAX_NODES, MAX_TEXT, Node, Value, shorten};

/// How many files may extend each other.
const MOST_DEEP: usize = 16;
/// How many files a pipeline may be written in.
const MOST_FILES: usize = 64;

/// The tree of a file laid over those of the files that it extends. These are added to `files`, whose last is the file.
pub(super) fn laid_over(root: Node, files: &mut Files) -> (Node, Vec<Diagnostic>) {
    let mut reading = Reading { files, open: Vec::new(), problems: Vec::new() };
    let first = reading.files.first().map(|source| PathBuf::from(&source.name));
    reading.open.extend(first.and_then(|path| path.canonicalize().ok()));
    let folder = reading.files.folder(&root.span).to_owned();
    let span = root.get("extends").map(|extends| extends.span.clone());
    let whole = reading.whole(root, &folder);
    let mut problems = reading.problems;
    if whole.count() > MAX_NODES
        && let Some(span) = span
    {
        let problem =
            Code::YamlSyntax.error(format!("with what it extends the file has more than {MAX_NODES} values"));
        problems.push(problem.help("data does not belong into a pipeline file").at(&span));
        return (Node::new(whole.span, Value::Map(Vec::new())), problems);
    }
    (whole, problems)
}

struct Reading<'a> {
    files: &'a mut Files,
    /// The files that extend the one that is read.
    open: Vec<PathBuf>,
    problems: Vec<Diagnostic>,
}

impl Reading<'_> {
    /// A tree over what it extends; paths are relative to `folder`.
    fn whole(&mut self, mut node: Node, folder: &Path) -> Node {
        let Some(extends) = without_extends(&mut node) else { return node };
        let below =
            self.paths(&extends).into_iter().filter_map(|(path, span)| self.read(&folder.join(path), &span));
        let below =
            below.collect::<Vec<_>>().into_iter().reduce(|below, above| over(below, above, &mut Vec::new()));
        match below {
            Some(below) => over(below, node, &mut Vec::new()),
            None => node,
        }
    }

    fn paths(&mut self, extends: &Node) -> Vec<(String, Span)> {
        let items = match &extends.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(extends),
        };
        let mut paths = Vec::new();
        for item in items {
            match item.as_text() {
                Some(path) if path.contains("${") => {
                    let message = format!("`{}` cannot be the path of an extended file", shorten(path));
                    let help = "references are replaced when all files were read; write the path itself";
                    self.problems.push(Code::BadReference.error(message).help(help).at(&item.span));
                }
                Some(path) if !path.is_empty() => paths.push((path.to_owned(), item.span.clone())),
                _ => self.problems.push(
                    wrong("`extends`", "a path or a list of paths", item)
                        .help("write `extends: [base.yaml]`"),
                ),
            }
        }
        paths
    }

    fn read(&mut self, path: &Path, span: &Span) -> Option<Node> {
        let opened = self.open(path, span);
        let (node, folder) = opened.map_err(|problems| self.problems.extend(problems)).ok()?;
        self.open.push(path.canonicalize().unwrap_or_else(|_| path.to_owned()));
        let whole = self.whole(node, &folder);
        self.open.pop();
        Some(whole)
    }

    fn open(&mut self, path: &Path, span: &Span) -> Result<(Node, PathBuf), Vec<Diagnostic>> {
        let refuse =
            |message: String, help: &str| vec![Code::BadReference.error(message).help(help).at(span)];
        let shown = path.display();
        if fs::canonicalize(path).is_ok_and(|path| self.open.contains(&path)) {
            let help = "a file cannot be below itself: leave one of the two out";
            return Err(refuse(format!("`{shown}` extends itself"), help));
        }
        // A pipe may never begin, and a device never end.
        if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(refuse(format!("`{shown}` is no file"), "name a pipeline file, or a part of one"));
        }
        if self.open.len() >= MOST_DEEP || self.files.count() >= MOST_FILES {
            let message =
                format!("more than {MOST_DEEP} files extend each other, or {MOST_FILES} are extended");
            return Err(refuse(message, "put what they share into fewer files"));
        }
        let source = open(path).map_err(|unread| match unread {
            Unread::Missing(error) => refuse(
                format!("cannot read `{shown}`: {error}"),
                "a path in `extends` is relative to the file that it is written in",
            ),
            Unread::NoText(problem) => vec![problem],
        })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        self.files.add(source.clone(), &folder);
        if self.files.bytes() > MAX_TEXT {
            let message = "the file and what it extends are longer than 4 MiB".to_owned();
            return Err(refuse(message, "data does not belong into a pipeline file"));
        }
        let node = yaml::parse(&source)?;
        if node.as_map().is_none() && !node.is_null() {
            return Err(vec![
                wrong("an extended file", "a map", &node).help("it is a pipeline file, or a part of one"),
            ]);
        }
        Ok((node, folder))
    }
}

/// Takes the key `extends` out of a tree.
fn without_extends(node: &mut Node) -> Option<Node> {
    let Value::Map(entries) = &mut node.value else { return None };
    let at = entries.iter().position(|entry| entry.key == "extends")?;
    Some(entries.remove(at).value).filter(|extends| !extends.is_null())
}

/// One tree over another: maps merge, in the order of the one below; anything else replaces what is there; null removes it. `address`
/// is where both stand.
fn over(below: Node, above: Node, address: &mut Vec<String>) -> Node {
    let (mut entries, span, more) = match (below.value, above) {
        (Value::Map(entries), Node { value: Value::Map(more), span, .. }) => (entries, span, more),
        (_, above) => return above,
    };
    for entry in more {
        let at = entries.iter().position(|known| known.key == entry.key);
        match at {
            // Of folds null says that there are none.
            Some(at) if entry.value.is_null() && !(address.is_empty() && entry.key == "cv") => {
                drop(entries.remove(at))
            }
            Some(at) => {
                address.push(entry.key.clone());
                let value = if is_one_thing(address) {
                    entry.value
                } else {
                    let below =
                        std::mem::replace(&mut entries[at].value, Node::new(span.clone(), Value::Null));
                    over(below, entry.value, address)
                };
                address.pop();
                entries[at] = Entry { value, ..entry };
            }
            None => entries.push(entry),
        }
    }
    Node::new(span, Value::Map(entries))
}

/// Whether what stands there is a component or a chain of them: parameters of one class mean nothing to another.
fn is_one_thing(address: &[String]) -> bool {
    match address {
        [section] => ["select", "model", "cv", "search"].contains(&section.as_str()),
        [section, _, key] => section == "preprocess" && key == "steps",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::diag::{Source, render};
    use crate::spec::{Parsed, parse, read};

    /// Files in a folder, and what becomes of the last.
    fn written(files: &[(&str, &str)]) -> (Parsed, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        let (last, _) = files.last().expect("a file");
        (read(&folder.path().join(last), &[]), folder)
    }

    fn told(parsed: &Parsed, folder: &Path) -> String {
        render(&parsed.diagnostics, false).replace(&format!("{}/", folder.display()), "")
    }

    const BASE: &str = "version: 1
name: base
params: {k: 3, dir: data}
source: {key: \"data:base\", load_if_missing: \"${params.dir}/base.csv\", format: csv}
schema: {age: number, plan: category, at: datetime}
target: t
preprocess:
  num: {columns: {type: number}, steps: [SimpleImputer, StandardScaler]}
  cat: {columns: {type: category}, steps: [OneHotEncoder]}
  remainder: passthrough
model: {Ridge: {alpha: 2.0, fit_intercept: false}}
cv: {KFold: {n_splits: 3, shuffle: true}}
scoring: [r2, neg_mean_squared_error]
output: {artifact: base, dir: out}
";

    #[test]
    fn maps_merge_and_components_and_lists_replace_whole_and_null_removes() {
        let own = "version: 1
name: own
extends: shared/base.yaml
params: {k: 4, dir: null, more: 1}
source: {format: null, load_if_missing: own.csv}
schema: {plan: text, at: null}
preprocess: {num: {steps: [StandardScaler: {with_mean: false}]}, cat: null}
model: {Lasso: {alpha: \"${params.k}\"}}
cv: {KFold: {n_splits: 4}}
scoring: [r2]
output: {artifact: null}
";
        let (parsed, folder) = written(&[("shared/base.yaml", BASE), ("own.yaml", own)]);
        assert!(parsed.diagnostics.is_empty(), "{}", told(&parsed, folder.path()));
        let spec = parsed.specs.into_iter().next().expect("a spec");
        let alone = "version: 1
name: own
params: {k: 4, more: 1}
source: {key: \"data:base\"}
schema: {age: number, plan: text}
target: t
preprocess:
  num: {columns: {type: number}, steps: [StandardScaler: {with_mean: false}]}
  remainder: passthrough
model: {Lasso: {alpha: 4}}
cv: {KFold: {n_splits: 4}}
scoring: [r2]
";
        let alone = parse(Source::new("alone.yaml", alone), Path::new(""), &[], &|_| None);
        assert_eq!(spec.resolved(), alone.specs[0].resolved());
        // Paths belong to the file that they are written in.
        let file = spec.source.load_if_missing.as_ref().expect("a path");
        assert_eq!(file.path, folder.path().join("own.csv"));
        assert_eq!(spec.output.dir.as_ref().expect("a folder").path, folder.path().join("shared/out"));
    }

    #[test]
    fn no_folds_are_said_by_null_and_later_files_win() {
        let (parsed, folder) = written(&[
            ("a.yaml", BASE),
            ("b.yaml", "extends: [a.yaml]\nname: b\nmodel: Lasso\ncv: 5\nseed: 7\n"),
            ("c.yaml", "name: c\nseed: 8\n"),
            ("own.yaml", "extends: [b.yaml, c.yaml]\ncv: null\n"),
        ]);
        assert!(parsed.diagnostics.is_empty(), "{}", told(&parsed, folder.path()));
        let spec = parsed.specs.into_iter().next().expect("a spec");
        let (name, seed) = (spec.name.value.as_str(), spec.seed);
        assert_eq!(
            (name, seed, spec.model.as_ref().map(|model| model.name.as_str())),
            ("c", 8, Some("Lasso"))
        );
        assert!(matches!(spec.cv, crate::spec::Cv::Off(_)));
    }

    #[test]
    fn problems_are_told_where_they_are_written() {
        let (parsed, folder) = written(&[
            ("loop.yaml", "extends: own.yaml\nmodell: Ridge\n"),
            ("base.yaml", "seed: -1\nnot: [closed\n"),
            ("list.yaml", "- a\n"),
            (
                "own.yaml",
                "version: 1\nname: own\nextends: [loop.yaml, base.yaml, list.yaml, no.yaml, \"${params.x}\", ., 5]\nsource: {key: k}\n\
                target: t\nmodel: Ridge\n",
            ),
        ]);
        let out = told(&parsed, folder.path());
        for (message, place) in [
            ("`own.yaml` extends itself", "loop.yaml:1:10"),
            ("unknown key `modell`", "loop.yaml:2:1"),
            ("an extended file must be a map, not a list", "list.yaml:1:1"),
            ("cannot read `no.yaml`", "own.yaml:3:44"),
            ("`${params.x}` cannot be the path of an extended file", "own.yaml:3:53"),
            ("is no file", "own.yaml:3:68"),
            ("`extends` must be a path or a list of paths, not the number `5`", "own.yaml:3:71"),
        ] {
            let at = out.find(message).unwrap_or_else(|| panic!("{message}: {out}"));
            let line = out[at..].lines().nth(1).unwrap_or_default();
            assert!(line.ends_with(place), "{message}: {line}\n{out}");
        }
        assert!(out.contains("base.yaml:3:1"), "{out}");
        assert!(parsed.diagnostics.iter().all(|problem| problem.code().exit_code() == 3), "{out}");
    }

    #[test]
    fn a_chain_ends() {
        let mut files: Vec<(String, String)> = vec![("0.yaml".to_owned(), BASE.to_owned())];
        files.extend((1..20).map(|i| (format!("{i}.yaml"), format!("extends: [{}.yaml]\n", i - 1))));
        let files: Vec<(&str, &str)> =
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let (parsed, folder) = written(&files[..16]);
        assert!(!parsed.has_errors(), "{}", told(&parsed, folder.path()));
        let (parsed, folder) = written(&files);
        assert!(told(&parsed, folder.path()).contains("more than 16 files extend each other"));
    }
}
