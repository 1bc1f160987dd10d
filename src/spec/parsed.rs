//! From a file to a `Spec`.

use std::path::Path;
use std::sync::Arc;

use super::files::{self, Unread};
use super::reader::{MAX_PROBLEMS, Reader};
use super::references::{self, Environment};
use super::{Files, Spec, Variant, extends, overrides, variant};
use crate::diag::{Code, Diagnostic, Place, Severity, Source, Span};
use crate::yaml::{self, Node};

/// More problems than anybody reads.
const MOST: usize = 2 * MAX_PROBLEMS;

/// What became of a file: all that could be read of it, and all that was wrong.
#[derive(Debug)]
pub struct Parsed {
    /// What it says: a pipeline for each variant of a matrix; none where it is not even a map.
    pub specs: Vec<Spec>,
    /// All problems in the order of the file, then of what it extends, then of the command line.
    pub diagnostics: Vec<Diagnostic>,
    /// Values whose references failed: other complaints about them would only repeat that.
    failed: Vec<Span>,
    files: Files,
}

/// Reads a pipeline file, what it extends, and the environment variables that it names.
pub fn read(path: &Path, overrides: &[String]) -> Parsed {
    match files::open(path) {
        Ok(source) => {
            let base = path.parent().unwrap_or(Path::new(""));
            parse(source, base, overrides, &|name| std::env::var(name).ok())
        }
        Err(Unread::Missing(error)) => {
            let name = path.display().to_string();
            let problem = Code::NoPipelineFile
                .error(format!("cannot read `{name}`: {error}"))
                .help("a path is relative to the working directory")
                .within(name, None, None);
            Parsed::failed(vec![problem], Files::default())
        }
        Err(Unread::NoText(problem)) => Parsed::failed(vec![problem], Files::default()),
    }
}

/// The pipeline in a text, with the files that it extends. `base` is the folder that its paths are relative to, `overrides` are the
/// `key=value` of `-S`, `environment` looks up `${env:NAME}`.
pub fn parse(source: Arc<Source>, base: &Path, overrides: &[String], environment: Environment<'_>) -> Parsed {
    let mut files = Files::default();
    files.add(source.clone(), base);
    let root = match yaml::parse(&source) {
        Ok(root) => root,
        Err(problems) => return Parsed::failed(problems, files),
    };
    let (root, mut problems) = extends::laid_over(root, &mut files);
    let (overrides, more) = overrides::read(overrides);
    problems.extend(more);
    let mut parsed = Parsed { specs: Vec::new(), diagnostics: problems, failed: Vec::new(), files };
    for swept in overrides::combinations(&overrides) {
        let mut root = root.clone();
        let mut problems = overrides::apply(&mut root, &overrides, &swept);
        let combinations = variant::combinations(&root, parsed.specs.len(), &mut problems);
        parsed.tell(problems);
        for matrix in combinations {
            let variant = Variant { matrix, swept: swept.clone(), all: Arc::default() };
            parsed.variant(root.clone(), variant, environment);
        }
    }
    if !overrides.iter().any(|one| one.is_of("matrix")) {
        let all: Arc<[String]> = parsed.specs.iter().map(|spec| spec.variant.name()).collect();
        parsed.specs.iter_mut().for_each(|spec| spec.variant.all = Arc::clone(&all));
    }
    let clash = variant::clash(&parsed.specs);
    parsed.tell(clash);
    parsed
}

impl Parsed {
    fn failed(diagnostics: Vec<Diagnostic>, files: Files) -> Self {
        let mut parsed = Self { specs: Vec::new(), diagnostics, failed: Vec::new(), files };
        parsed.tell(Vec::new());
        parsed
    }

    /// Adds a variant of a tree, and what is wrong with it.
    fn variant(&mut self, mut root: Node, variant: Variant, environment: Environment<'_>) {
        let replaced = references::replace(&mut root, &variant.matrix, environment);
        self.failed.extend(replaced.values);
        self.tell(replaced.problems);
        let mut reader = Reader { files: &self.files, problems: Vec::new(), meant: Vec::new(), lost: false };
        let spec = reader.pipeline(&root);
        let problems = reader.problems;
        let spec = spec.map(|spec| Spec { veil: replaced.veil, variant, tree: root, ..spec });
        self.specs.extend(spec);
        self.add(problems);
    }

    /// Adds what another room found wrong, without what only follows from a reference that failed.
    pub fn add(&mut self, more: Vec<Diagnostic>) {
        let holds = |span: &Span, failed: &Span| {
            Arc::ptr_eq(&span.source, &failed.source) && span.start <= failed.start && failed.end <= span.end
        };
        let follows = |problem: &Diagnostic| {
            let Some(Place::Span(span)) = problem.place() else { return false };
            self.failed.iter().any(|failed| holds(span, failed))
        };
        let more = more.into_iter().filter(|problem| !follows(problem)).collect();
        self.tell(more);
    }

    /// Adds what was found wrong, in the order of the file, and once for all variants.
    fn tell(&mut self, more: Vec<Diagnostic>) {
        for problem in more {
            if !self.diagnostics.contains(&problem) {
                self.diagnostics.push(problem);
            }
        }
        let order = |problem: &Diagnostic| match problem.place() {
            Some(Place::Span(span)) => {
                self.files.place(span).map_or((usize::MAX, 0), |file| (file, span.start))
            }
            _ => (usize::MAX, 0),
        };
        self.diagnostics.sort_by_key(order);
        // Errors must never make room for warnings.
        if self.diagnostics.len() > MOST {
            self.diagnostics.retain(|problem| problem.severity() == Severity::Error);
            self.diagnostics.truncate(MOST);
        }
    }

    /// Whether anything stops the work.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|problem| problem.severity() == Severity::Error)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Parsed, parse};
    use crate::diag::{Code, Source, Span, render, to_json};
    use crate::spec::{Cv, Preprocess, Remainder};
    use crate::table::Kind;

    const SMALLEST: &str = "\
version: 1
name: diabetes
source:
  key: \"data:diabetes\"                       # a key in the store
  load_if_missing: ../examples/data/diabetes.csv
target: target
preprocess: [SimpleImputer, StandardScaler]  # a list = Pipeline over all features
model: LinearRegression
cv: 5
output: {artifact: diabetes}
";

    const FULL: &str = "\
version: 1
name: churn
params: {k: 40, password: \"${env:SECRET}\", c: .inf}
seed: 42
store: redis://:${params.password}@cache:6379/0
source: {key: \"data:${env:SECRET}\", format: csv, load_if_missing: data/churn.csv, columns: [age, plan, churned, w, n]}
schema: {age: number, plan: category}
target: {column: churned}
roles: {id: n, weight: w}
preprocess:
  num: {columns: {type: [number, bool]}, steps: [{SimpleImputer: {strategy: median}}, StandardScaler: ]}
  cat: {columns: {type: category, except: [age]}, steps: [OneHotEncoder]}
  plan: {columns: [plan], steps: [{OrdinalEncoder: {categories: [[free, pro, team]]}}]}
  remainder: passthrough
select: {SelectKBest: {score_func: f_classif, k: \"${params.k}\"}}
model: {LogisticRegression: {C: \"${params.c}\", tol: 1e-4, note: \"${params.k}\"}}
cv: {StratifiedKFold: {n_splits: 5, shuffle: true, random_state: 42}}
scoring: [roc_auc, neg_log_loss]
output: {artifact: churn, dir: ../artifacts, report: [json]}
";

    fn environment(name: &str) -> Option<String> {
        match name {
            "SECRET" => Some("canary".to_owned()),
            "PIN" => Some("-98765".to_owned()),
            _ => None,
        }
    }

    fn parsed(text: &str, overrides: &[&str]) -> Parsed {
        let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
        parse(Source::new("p/f.yaml", text), Path::new("p"), &overrides, &environment)
    }

    fn clean(text: &str, overrides: &[&str]) -> crate::spec::Spec {
        let parsed = parsed(text, overrides);
        assert!(parsed.diagnostics.is_empty(), "{}", render(&parsed.diagnostics, false));
        parsed.specs.into_iter().next().expect("a file without problems")
    }

    #[test]
    fn the_smallest_useful_file_has_its_defaults() {
        let spec = clean(SMALLEST, &[]);
        let source = &spec.source;
        assert_eq!(source.key.as_ref().map(|key| key.value.as_str()), Some("data:diabetes"));
        assert_eq!(source.format, "auto");
        let file = source.load_if_missing.as_ref().expect("a path");
        assert_eq!(
            (file.text.value.as_str(), file.path.as_path()),
            ("../examples/data/diabetes.csv", Path::new("p/../examples/data/diabetes.csv"))
        );
        let Preprocess::Steps(steps) = &spec.preprocess else { panic!("{:?}", spec.preprocess) };
        assert_eq!(
            steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>(),
            ["SimpleImputer", "StandardScaler"]
        );
        assert_eq!(steps[1].span.text(), "StandardScaler");
        assert!(matches!(&spec.cv, Cv::Folds { folds: 5, span: Some(_) }));
        assert_eq!((spec.seed, spec.scoring.len()), (0, 0));
        assert_eq!(spec.output.report, ["html", "md", "json"]);
        let without = clean(&SMALLEST.replace("cv: 5\noutput: {artifact: diabetes}\n", ""), &[]);
        assert_eq!(without.cv, Cv::Folds { folds: 5, span: None });
        assert_eq!(without.output.artifact.value, "diabetes");
        assert_eq!(without.resolved(), spec.resolved());
    }

    #[test]
    fn every_section_is_read() {
        let spec = clean(FULL, &[]);
        assert_eq!(
            spec.store.as_ref().map(|store| store.value.as_str()),
            Some("redis://:canary@cache:6379/0")
        );
        let Preprocess::Groups { groups, remainder, .. } = &spec.preprocess else { panic!("groups") };
        assert_eq!(*remainder, Remainder::Passthrough);
        assert_eq!(
            groups.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(),
            ["num", "cat", "plan"]
        );
        assert_eq!(groups[0].columns.kinds, [Kind::Number, Kind::Bool]);
        assert_eq!(groups[1].columns.except[0].value, "age");
        assert_eq!(groups[2].columns.names[0].value, "plan");
        assert!(groups[0].steps[1].parameters.is_empty());
        let (name, span, value) = &spec.select[0].parameters[1];
        assert_eq!((name.as_str(), span.text(), value.as_i64()), ("k", "k", Some(40)));
        assert_eq!(spec.target.as_ref().map(|target| target.value.as_str()), Some("churned"));
        assert_eq!(spec.roles.id[0].value, "n");
        assert_eq!(spec.scoring[1].span.text(), "neg_log_loss");
        let unfolded = clean(FULL, &["cv=null"]);
        assert!(matches!(unfolded.cv, Cv::Off(_)));
    }

    #[test]
    fn what_is_kept_of_a_file_is_whole_secret_free_and_the_same_anywhere() {
        let spec = clean(
            FULL,
            &["params.k=60", "source.load_if_missing=/tmp/x.csv", "output.dir=/tmp/y", "store=dir:/tmp/z"],
        );
        assert_eq!(
            spec.source.load_if_missing.as_ref().map(|file| file.path.clone()),
            Some(PathBuf::from("/tmp/x.csv"))
        );
        let expected = r#"{"version":1,"name":"churn","params":{"k":60,"password":"${env:SECRET}","c":".inf"},"seed":42,"source":{"key":"data:${env:SECRET}","format":"csv","columns":["age","plan","churned","w","n"]},"schema":{"age":"number","plan":"category"},"target":"churned","roles":{"id":["n"],"weight":"w"},"preprocess":{"num":{"columns":{"type":["number","bool"]},"steps":[{"SimpleImputer":{"strategy":"median"}},{"StandardScaler":{}}]},"cat":{"columns":{"type":["category"],"except":["age"]},"steps":[{"OneHotEncoder":{}}]},"plan":{"columns":["plan"],"steps":[{"OrdinalEncoder":{"categories":[["free","pro","team"]]}}]},"remainder":"passthrough"},"select":[{"SelectKBest":{"score_func":"f_classif","k":60}}],"model":{"LogisticRegression":{"C":".inf","tol":0.0001,"note":60}},"cv":{"StratifiedKFold":{"n_splits":5,"shuffle":true,"random_state":42}},"scoring":["roc_auc","neg_log_loss"],"output":{"artifact":"churn","report":["json"]}}"#;
        assert_eq!(spec.resolved().to_string(), expected);
        let again = clean(&spec.resolved().to_string(), &[]);
        assert_eq!(again.resolved().to_string(), expected);
        for text in [
            SMALLEST,
            "version: 1\nname: a\nsource: {key: k}\ntarget: t\nmodel: Ridge\npreprocess: auto\ncv: null\n",
        ] {
            let resolved = clean(text, &[]).resolved();
            assert_eq!(clean(&resolved.to_string(), &[]).resolved(), resolved);
        }
    }

    #[test]
    fn paths_from_the_command_line_start_in_the_working_directory() {
        let spec = clean(SMALLEST, &["source.load_if_missing=x.csv", "store=dir:s", "output.dir=out"]);
        assert_eq!(
            spec.source.load_if_missing.as_ref().map(|file| file.path.as_path()),
            Some(Path::new("x.csv"))
        );
        let store = spec.store.as_ref().expect("a store");
        assert_eq!(
            (spec.files.folder(&store.span), spec.files.folder(&spec.name.span)),
            (Path::new(""), Path::new("p"))
        );
    }

    #[test]
    fn the_environment_never_reaches_a_diagnostic() {
        let broken = FULL
            .replace("seed: 42", "seed: \"x${env:SECRET}\"")
            .replace("format: csv", "format: \"${env:SECRET}\"")
            .replace("name: churn", "name: \"/${env:SECRET}\"")
            .replace("remainder: passthrough", "remainder: \"${env:SECRET}\"")
            .replace("[OneHotEncoder]", "[\"${env:SECRET}\"]")
            .replace("{column: churned}", "\"${env:SECRET}\"")
            .replace("id: n", "id: [\"${env:SECRET}\", \"${env:SECRET}\"]")
            .replace("plan: category", "plan: \"${env:SECRET}\"")
            .replace("report: [json]", "report: \"${env:SECRET}\"");
        let parsed = parsed(&broken, &["cv=\"${env:SECRET} x\"", "output.artifact=../${env:SECRET}"]);
        let texts: String = parsed.diagnostics.iter().map(|problem| to_json(problem).to_string()).collect();
        let out = render(&parsed.diagnostics, false) + &texts;
        assert!(parsed.diagnostics.len() >= 10, "{out}");
        assert!(!out.contains("canary"), "{out}");
        let pins = SMALLEST
            .replace("cv: 5", "cv: ${env:PIN}\nseed: ${env:PIN}")
            .replace("name: diabetes", "name: ${env:PIN}");
        let out = render(&self::parsed(&pins, &["model.LinearRegression=${env:PIN}"]).diagnostics, false);
        assert!(out.matches("`${env:PIN}`").count() == 4 && !out.contains("98765"), "{out}");
    }

    #[test]
    fn the_environment_says_where_and_never_what() {
        let text = SMALLEST.to_owned() + "params: {s: \"${env:SECRET}\", deep: {s: \"${env:SECRET}\"}}\n";
        let open = ["store=dir:${env:SECRET}", "output.dir=${env:SECRET}", "target=${params.s}"];
        assert!(!clean(&text, &open).resolved().to_string().contains("canary"));
        for closed in [
            "name=${env:SECRET}",
            "seed=${env:PIN}",
            "cv=${env:PIN}",
            "cv={KFold: {n_splits: \"${env:PIN}\"}}",
            "model=${env:SECRET}",
            "model.LinearRegression.fit_intercept=${env:SECRET}",
            "model.LinearRegression=${params.deep}",
            "preprocess=[{SimpleImputer: {fill_value: \"x${params.s}\"}}]",
            "select.SelectKBest.k=${env:PIN}",
            "scoring=[\"${env:NOT_EVEN_SET}\"]",
            "source.format=${env:SECRET}",
            "source.columns=[target, \"${env:SECRET}\"]",
            "roles.id=${env:SECRET}",
            "schema.age=${env:SECRET}",
            "output.artifact=${params.s}",
            "search={GridSearchCV: {param_grid: {model__alpha: [\"${env:PIN}\"]}}}",
            "search.GridSearchCV.param_grid.model__alpha=[\"${params.s}\"]",
        ] {
            let problems = parsed(&text, &[closed]).diagnostics;
            let out = render(&problems, false);
            assert!(out.contains("cannot be used here"), "{closed}: {out}");
            assert!(out.contains(" --> -S:1:") && problems.len() == 1, "{closed}: {out}");
            assert!(!out.contains("canary") && !out.contains("98765"), "{closed}: {out}");
        }
    }

    #[test]
    fn what_follows_from_a_failed_reference_is_not_said() {
        let text = SMALLEST.replace("cv: 5", "cv: ${params.nope}");
        let mut parsed = parsed(&text, &[]);
        assert_eq!(parsed.diagnostics.len(), 1, "{}", render(&parsed.diagnostics, false));
        let start = text.find("${").expect("the reference");
        let span = Span {
            source: parsed.specs.first().and_then(|spec| spec.files.first()).expect("a file").clone(),
            start,
            end: start + 14,
        };
        let early = Span { start: 0, end: 7, ..span.clone() };
        let around = Span { start: start - 1, end: start + 15, ..span.clone() };
        let problems = [&span, &around, &early].map(|span| Code::BadValue.error(span.text().trim()).at(span));
        parsed.add(problems.to_vec());
        let messages: Vec<_> = parsed.diagnostics.iter().map(|problem| problem.message()).collect();
        assert_eq!(messages, ["version", "`params` has no `nope`"]);
    }

    #[test]
    fn errors_stay_when_there_are_too_many_warnings() {
        let mut parsed = parsed(SMALLEST, &[]);
        let span = parsed.specs.first().expect("a spec").name.span.clone();
        parsed.add((0..500).map(|i| Code::WarnNoEffect.warning(format!("w {i}")).at(&span)).collect());
        parsed.add(vec![Code::BadValue.error("e")]);
        assert!(parsed.has_errors());
    }

    #[test]
    fn a_file_that_is_not_there_is_another_error_than_one_that_is_broken() {
        let folder = tempfile::tempdir().expect("a folder");
        for path in [folder.path().join("no.yaml"), folder.path().to_owned()] {
            let parsed = super::read(&path, &[]);
            assert_eq!(parsed.diagnostics[0].code(), Code::NoPipelineFile);
            assert!(parsed.specs.is_empty() && parsed.has_errors());
        }
        let path = folder.path().join("f.yaml");
        std::fs::write(&path, SMALLEST).expect("written");
        let parsed = super::read(&path, &["name=x".to_owned()]);
        assert_eq!(parsed.specs.first().map(|spec| spec.name.value.as_str()), Some("x"));
        let spec = parsed.specs.into_iter().next().expect("a spec");
        assert_eq!(spec.files.folder(&spec.source.span), folder.path());
        std::fs::write(&path, vec![b'#'; 3 << 20]).expect("written");
        assert_eq!(super::read(&path, &[]).diagnostics[0].code(), Code::YamlSyntax);
    }

    /// Every file of `tests/it/invalid` gives exactly what stands beside it.
    /// `PIPEFIT_BLESS=1` writes what is missing or differs, to be read before it is committed.
    #[test]
    fn broken_files_are_told_as_expected() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/invalid");
        let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
            .expect("the folder of broken files")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
            .collect();
        files.sort();
        assert!(files.len() >= 25);
        let bless = std::env::var_os("PIPEFIT_BLESS").is_some();
        for path in files {
            let expected = path.with_extension("expected");
            let text = std::fs::read_to_string(&expected).unwrap_or_default();
            let parsed = super::read(&path, &[]);
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8");
            let folder = format!("{}/", folder.display());
            let out = render(&parsed.diagnostics, false).replace(&folder, "");
            assert!(parsed.has_errors(), "{name}");
            assert!(
                parsed.diagnostics.iter().all(|problem| problem.code().exit_code() == 3),
                "{name}: {out}"
            );
            assert!(parsed.diagnostics.iter().all(|problem| problem.advice().is_some()), "{name}: {out}");
            if bless && out != text {
                std::fs::write(&expected, &out).expect("the expectation is written");
            } else {
                assert_eq!(out, text, "{name}");
            }
        }
    }

    /// Edits of whole files, from a fixed seed: no panic, and no broken file without a problem.
    #[test]
    fn mutations_never_panic() {
        let mut state = 0x2545_F491_4F6C_DD1D_u64;
        let mut next = move |bound: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 16) as usize % bound
        };
        let tokens = [
            "null",
            "[]",
            "{}",
            "1",
            "x",
            "\"\"",
            "${params.k}",
            "- ",
            ": ",
            "\n",
            "true",
            "'",
            "{",
            "]",
            ".nan",
        ];
        for round in 0..1_500 {
            let words: Vec<&str> = [SMALLEST, FULL][round % 2].split_inclusive([' ', '\n', ',']).collect();
            let mut words = words;
            for _ in 0..=next(3) {
                let at = next(words.len());
                match next(3) {
                    0 => drop(words.remove(at)),
                    1 => words.insert(at, tokens[next(tokens.len())]),
                    _ => words[at] = tokens[next(tokens.len())],
                }
            }
            let parsed = parsed(&words.concat(), &["model.Ridge.alpha=1"]);
            assert!(!parsed.specs.is_empty() || parsed.has_errors());
            for spec in parsed.specs {
                assert!(!spec.resolved().to_string().contains("canary"), "{}", words.concat());
            }
        }
    }
}
