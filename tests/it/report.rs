//! The report as html and markdown: complete, well formed, self-contained, and safe whatever the data is called.

use std::path::{Path, PathBuf};
use std::process::Command;

use pipefit::diag::{Code, Diagnostic, Silent};
use pipefit::graph::{self, Graph};
use pipefit::report::{self, Extent, Given, Published, Report, Timing};
use pipefit::run::{self, Outcome};
use pipefit::source::keys;
use pipefit::table::Digest;
use pipefit::{job, plan};

/// The largest report of a shipped pipeline.
const MOST_BYTES: usize = 200_000;
/// Elements that have no end tag, here.
const VOID: &[&str] = &["meta", "link", "br", "wbr"];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn checked(file: &Path) -> Graph {
    let (graph, problems) = graph::read(file, &[]);
    graph.unwrap_or_else(|| panic!("{}: {problems:?}", file.display()))
}

/// Runs a pipeline and hands its report over.
fn with_report<T>(file: &Path, warnings: &[Diagnostic], tell: impl FnOnce(&Report, &Outcome) -> T) -> T {
    with_options(file, Given::default(), warnings, tell)
}

fn with_options<T>(
    file: &Path,
    given: Given,
    warnings: &[Diagnostic],
    tell: impl FnOnce(&Report, &Outcome) -> T,
) -> T {
    let graph = checked(file);
    let (_, keys) = keys::open("mem:", Path::new("")).unwrap();
    let loaded = job::load(&graph, &*keys, &Silent).unwrap();
    let bound = plan::bind(&graph, &loaded.table).unwrap();
    let plan = plan::plan(&bound, None).unwrap();
    let (outcome, _) = run::run(&bound, &plan, &Silent).unwrap();
    let published = Published {
        name: graph.output.artifact.clone(),
        version: 3,
        sha256: Digest::of(b"model"),
        path: "artifacts/<a>/3".into(),
        store: "redis://user:secret@host/0".into(),
        durability: "`host` keeps what it acknowledges".into(),
        formats: graph.output.report.clone(),
    };
    let report = Report {
        run: "20260101-000000.000-00000000",
        started: "2026-01-01T00:00:00Z",
        file: "my pipelines/a&b.yaml",
        given,
        table: Extent::of(&loaded.table),
        dropped: &[],
        fingerprint: loaded.fingerprint,
        folds: Some(Digest::of(b"folds")),
        tool: ("0.0.0", "x86_64"),
        bound: &bound,
        plan: &plan,
        outcome: &outcome,
        published: &published,
        promotion: None,
        timing: Timing { read: 0.01, search: 0.0, cv: 0.2, refit: 3.0, publish: None, total: None },
        threads: 2,
        warnings,
    };
    tell(&report, &outcome)
}

fn html_of(file: &Path) -> String {
    with_report(file, &[], |report, _| report::html(report))
}

fn shipped() -> Vec<PathBuf> {
    let names = ["diabetes", "iris", "penguins"];
    names.map(|name| top().join(format!("pipelines/{name}.yaml"))).to_vec()
}

/// Opening, closing and lone tags in order, as name and attributes. Panics where a tag or an attribute is not as a careful
/// writer of html writes it: quoted attributes, no stray `<`, `>` or `&`.
fn tags(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find(['<', '>', '&']) {
        let here: String = rest[at..].chars().take(60).collect();
        rest = &rest[at..];
        if rest.starts_with('&') {
            let end = rest.find(';').unwrap_or_else(|| panic!("a bare & at {here}"));
            assert!(
                ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"].contains(&&rest[..=end]),
                "entity at {here}"
            );
            rest = &rest[end..];
            continue;
        }
        assert!(rest.starts_with('<'), "a bare > at {here}");
        let end = rest.find('>').unwrap_or_else(|| panic!("an open tag at {here}"));
        let inside = &rest[1..end];
        assert!(!inside.contains('<'), "a bare < at {here}");
        let name: String = inside.chars().take_while(|c| !c.is_whitespace()).collect();
        let mut pieces = inside[name.len()..].trim_end_matches('/').split('"');
        let mut attributes = Vec::new();
        while let (Some(key), Some(value)) = (pieces.next(), pieces.next()) {
            let key = key.trim().strip_suffix('=').unwrap_or_else(|| panic!("attribute at {here}"));
            assert!(
                key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
                "attribute `{key}` at {here}"
            );
            assert!(!attributes.iter().any(|(known, _)| known == key), "`{key}` twice at {here}");
            attributes.push((key.to_owned(), value.to_owned()));
        }
        let lone = if inside.ends_with('/') { "/" } else { "" };
        tags.push((format!("{}{lone}", name.trim_end_matches('/')), attributes));
        rest = &rest[end + 1..];
        if name == "style" {
            rest = &rest[rest.find("</style>").expect("the end of the style")..];
        }
    }
    tags
}

/// Panics unless every element ends where it should, ids are unique and links within the page lead somewhere, headings come
/// in order, table headers have a scope, and pictures a name.
#[track_caller]
fn assert_well_formed(html: &str) {
    let body = html.strip_prefix("<!DOCTYPE html>\n").expect("the document type");
    let (mut open, mut ids, mut links, mut level) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let mut names = Vec::new();
    for (name, attributes) in tags(body) {
        let attribute =
            |key: &str| attributes.iter().find(|(own, _)| own == key).map(|(_, value)| value.clone());
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed), "closed is another than was opened");
            continue;
        }
        ids.extend(attribute("id"));
        links.extend(attribute("href").and_then(|href| href.strip_prefix('#').map(str::to_owned)));
        links.extend(attribute("aria-labelledby"));
        if let Some(heading @ 1..=6) = name.strip_prefix('h').and_then(|digit| digit.parse().ok()) {
            assert!(heading <= level + 1, "h{heading} after h{level}");
            level = heading;
        }
        match name.as_str() {
            "html" => assert_eq!(attribute("lang").as_deref(), Some("en")),
            "th" => assert!(attribute("scope").is_some(), "a header cell without a scope"),
            "svg" => {
                assert_eq!(attribute("role").as_deref(), Some("img"));
                assert!(attribute("aria-label").is_some_and(|label| !label.is_empty()));
            }
            _ => {}
        }
        assert!(!attributes.iter().any(|(key, _)| key.starts_with("on")), "a script in an attribute");
        if !name.ends_with('/') && !VOID.contains(&name.as_str()) {
            open.push(name.clone());
        }
        names.push(name);
    }
    assert_eq!(open, [] as [&str; 0], "still open");
    let mut once = ids.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), ids.len(), "ids are unique: {ids:?}");
    assert!(links.iter().all(|link| ids.contains(link)), "{links:?} in {ids:?}");
    for once in ["head", "style", "h1", "main", "header"] {
        assert_eq!(names.iter().filter(|name| *name == once).count(), 1, "{once}");
    }
}

/// Nothing is fetched, nothing is run.
#[track_caller]
fn assert_self_contained(html: &str) {
    for word in ["http", "<script", "javascript:", "@import", "url(", "src=", "<iframe", "<object", "secret"]
    {
        assert!(!html.contains(word), "`{word}` in the report");
    }
}

#[test]
fn shipped_pipelines_have_a_sound_report_with_every_score() {
    for file in shipped() {
        let (html, markdown) = with_report(&file, &[], |report, outcome| {
            let (html, markdown) = (report::html(report), report::markdown(report));
            for scores in &outcome.scores {
                for value in scores.folds.iter().copied().chain([scores.mean(), scores.std()]) {
                    let cell = format!("<td class=\"n\" title=\"{value}\">");
                    let (_, shown) = html.split_once(&cell).unwrap_or_else(|| panic!("{cell}"));
                    let shown = shown.split('<').next().unwrap();
                    assert!(
                        (shown.parse::<f64>().unwrap() - value).abs() <= 0.5001e-4,
                        "{shown} for {value}"
                    );
                    assert!(markdown.contains(&format!("| {shown} |")), "{shown} in markdown");
                }
            }
            assert!(html.contains(&format!("title=\"{}\"", report.fingerprint)));
            (html, markdown)
        });
        assert_well_formed(&html);
        assert_self_contained(&html);
        assert!(html.len() < MOST_BYTES, "{} bytes for {}", html.len(), file.display());
        assert!(!markdown.contains("secret"));
        assert!(markdown.contains("pipefit run 'my pipelines/a&b.yaml' --locked"), "{markdown}");
    }
}

#[test]
fn equal_input_gives_equal_bytes() {
    for file in shipped() {
        assert_eq!(html_of(&file), html_of(&file), "{}", file.display());
    }
}

/// What is plotted are the rows' own numbers: a confusion matrix adds up to the rows, a scatter has a point for each.
#[test]
fn every_row_is_in_the_plot() {
    let clouds = |html: &str| -> usize {
        html.split("class=\"cloud\" d=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap().matches('M').count())
            .sum()
    };
    assert_eq!(clouds(&html_of(&top().join("pipelines/diabetes.yaml"))), 442);
    let penguins = html_of(&top().join("pipelines/penguins.yaml"));
    let (_, matrix) = penguins.split_once("class=\"heat\"").unwrap();
    let (matrix, _) = matrix.split_once("</table>").unwrap();
    let cells = matrix.split("<td class=\"n").skip(1);
    let cell =
        |rest: &str| rest.split_once('>').unwrap().1.split('<').next().unwrap().parse::<usize>().unwrap();
    assert_eq!(cells.map(cell).sum::<usize>(), 344);
}

/// Rows of a made table, and a pipeline on it.
fn made(csv: &str, yaml: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data.csv"), csv).unwrap();
    let file = folder.path().join("made.yaml");
    std::fs::write(&file, yaml).unwrap();
    (folder, file)
}

#[test]
fn names_from_outside_stay_text() {
    let mut csv = "\"a<b> & \"\"c\"\"\",\"x|y`z\",\"<script>alert(1)</script>\",\"kind|of\"\n".to_owned();
    for i in 0..40 {
        let class = if (i * 7) % 5 > 1 { "<img src=x onerror=alert(1)>" } else { "no|'never' &lt;" };
        csv.push_str(&format!("{},{},{},{class}\n", i % 9, (i * i) % 11, ["<i>", "&amp;", "`|"][i % 3]));
    }
    let yaml = "version: 1\nname: made\n\
         source: {key: \"data:<b> & | c\", load_if_missing: data.csv}\ntarget: \"kind|of\"\n\
         preprocess:\n  num: {columns: {type: number}, steps: [StandardScaler]}\n  \
         cat: {columns: {type: category}, steps: [OneHotEncoder]}\n\
         model: LogisticRegression\ncv: 4\nscoring: [accuracy]\n";
    let (_folder, file) = made(&csv, yaml);
    let warning = Code::WarnData.warning("odd <b> in `a<b>`").help("see redis://u:secret@h & `x|y`");
    with_report(&file, &[warning], |report, _| {
        let html = report::html(report);
        assert_well_formed(&html);
        for word in ["<script", "<img", "<b> &", "<i>&", "secret", "http"] {
            assert!(!html.contains(word), "`{word}`");
        }
        for shown in [
            "num__<wbr>a&lt;b&gt; &amp; &quot;c&quot;",
            "&lt;script&gt;alert(1)&lt;/script&gt;",
            "&lt;img src=x onerror=alert(1)&gt;",
            "no|&#39;never&#39; &amp;lt;",
            "data:&lt;b&gt; &amp; | c",
            "odd &lt;b&gt; in <code>a&lt;b&gt;</code>",
            "redis://u:******@h &amp; <code>x|y</code>",
            "pipefit run &#39;my pipelines/a&amp;b.yaml&#39; --locked",
        ] {
            assert!(html.contains(shown), "{shown}");
        }
        let markdown = report::markdown(report);
        for shown in [
            r"| ``num__x\|y`z`` |",
            r"key `data:<b> & \| c`: 40 rows",
            "odd &lt;b> in `a<b>`",
            r"| towards `no\|'never' &lt;` |",
        ] {
            assert!(markdown.contains(shown), "{shown} in\n{markdown}");
        }
        for (i, line) in markdown.lines().enumerate().filter(|(_, line)| line.starts_with('|')) {
            let unescaped = line.replace(r"\|", "").matches('|').count();
            assert!([3, 8].contains(&unescaped), "line {}: {line}", i + 1);
        }
    });
}

#[test]
fn the_command_to_repeat_it_has_every_option_and_no_password() {
    let overrides = ["model.Ridge.alpha=2".to_owned(), "name=it's <b>, redis://:se, cret@h".to_owned()];
    let given = Given {
        overrides: &overrides,
        store: Some("redis://me:secret@host/0"),
        path: Some(plan::Path::General),
    };
    with_options(&shipped()[0], given, &[], |report, _| {
        let command = "pipefit run 'my pipelines/a&b.yaml' --locked -S model.Ridge.alpha=2 \
             -S 'name=it'\\''s <b>, redis://:********@h' --store 'redis://me:******@host/0' --path general";
        let (html, markdown) = (report::html(report), report::markdown(report));
        assert!(markdown.contains(&format!("    {command}\n")), "{markdown}");
        let escaped = command.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        assert!(html.contains(&format!("<pre>{}</pre>", escaped.replace('\'', "&#39;"))), "{html}");
        assert!(html.contains("--input FILE --store &#39;redis://me:******@host/0&#39;"));
        for text in [&html, &markdown] {
            assert!(!text.contains("secret") && !text.contains("cret@"));
            assert!(text.contains("The password is covered"));
        }
        assert_well_formed(&html);
    });
}

/// The command line hands its options on to the report.
#[test]
fn a_report_on_disk_says_how_it_was_called() {
    let (folder, file) = made(
        "a,y\n1,2\n2,3\n3,5\n4,4\n",
        "version: 1\nname: one\nsource: {key: k, load_if_missing: data.csv}\ntarget: y\nmodel: Ridge\ncv: null\n\
         output: {dir: out, report: [md]}\n",
    );
    let store = format!("dir:{}", folder.path().join("store").display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipefit"));
    command.current_dir(&folder).arg("run").arg(&file);
    let done = command.args(["-S", "model.Ridge.alpha=2", "--path", "general", "--store", &store]).output();
    let done = done.unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let markdown = std::fs::read_to_string(folder.path().join("out/one/1/report.md")).unwrap();
    let options = format!("--locked -S model.Ridge.alpha=2 --store {store} --path general\n");
    assert!(markdown.contains(&options), "{markdown}");
}

#[test]
fn a_default_that_is_no_number_is_not_told() {
    let (_folder, file) = made(
        "a,y\n1,2\n,3\n3,5\n4,4\n",
        "version: 1\nname: one\nsource: {key: k, load_if_missing: data.csv}\ntarget: y\n\
         preprocess: {all: {columns: [a], steps: [{SimpleImputer: {missing_values: .nan, fill_value: 3}}]}}\n\
         model: Ridge\ncv: null\n",
    );
    let html = html_of(&file);
    assert!(html.contains("<span>fill_value: 3</span>") && !html.contains("<span>missing_values"), "{html}");
}

/// Many features, many classes, many rows: the report stays small and says what it leaves out.
#[test]
fn what_is_large_is_cut_and_said() {
    let mut csv: String = (0..60).map(|j| format!("x{j},")).collect::<String>() + "y\n";
    for i in 0..2_000u64 {
        let cell = |j: u64| (i * (2 * j + 3) + j * j * 7 + i * i % 13) % 17;
        csv.push_str(&(0..60).map(|j| format!("{},", cell(j))).collect::<String>());
        csv.push_str(&format!("{}\n", 3 * cell(4) + cell(9) + i % 5));
    }
    let yaml = |model: &str| {
        format!(
            "version: 1\nname: large\nsource: {{key: k, load_if_missing: data.csv}}\ntarget: y\nmodel: {model}\ncv: 2\n"
        )
    };
    let (_folder, file) = made(&csv, &yaml("Ridge"));
    let html = html_of(&file);
    assert_well_formed(&html);
    assert!(html.contains("1,500 of 2,000 rows, evenly chosen"));
    assert!(html.contains("The 40 largest of 60 features are shown."));
    assert_eq!(html.matches("<td class=\"bar\">").count(), 40);
    assert!(html.len() < MOST_BYTES, "{} bytes", html.len());

    let mut csv = "a,b,y\n".to_owned();
    (0..220).for_each(|i| csv.push_str(&format!("{},{},class{}\n", i % 22, (i * i) % 31, i % 22)));
    let (_folder, file) = made(&csv, &yaml("{LogisticRegression: {C: 0.01}}"));
    let html = html_of(&file);
    assert_well_formed(&html);
    assert!(html.contains("The 20 most frequent of 22 classes are shown."));
    assert_eq!(html.matches("<td class=\"bar\">").count(), 44);
    assert!(html.len() < MOST_BYTES, "{} bytes", html.len());
}

#[test]
fn a_refit_alone_has_a_report_too() {
    let (_folder, file) = made(
        "a,y\n1,2\n2,3\n3,5\n4,4\n",
        "version: 1\nname: one\nsource: {key: k, load_if_missing: data.csv}\ntarget: y\nmodel: LinearRegression\ncv: null\n",
    );
    let html = html_of(&file);
    assert_well_formed(&html);
    assert_self_contained(&html);
    assert!(html.contains("not cross-validated") && !html.contains("id=\"predictions\""));
}

/// No golden pipeline, whatever it is made of, has a broken report.
#[test]
fn every_golden_pipeline_has_a_sound_report() {
    let folder = top().join("tests/golden/pipelines");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 50);
    for file in files {
        let html = html_of(&file);
        assert_well_formed(&html);
        assert!(html.len() < MOST_BYTES, "{}", file.display());
        for word in ["NaN", "inf<", "-0.0000<"] {
            assert!(!html.contains(&format!(">{word}")), "`{word}` in {}", file.display());
        }
    }
}
