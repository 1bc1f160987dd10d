//! Reads a text within the limits.

use std::sync::Arc;

use saphyr_parser::{Event, Parser};

use super::builder::Builder;
use super::offsets::Offsets;
use super::{MAX_BYTES, MAX_LOOKS, MAX_NODES, MAX_TOKENS, Node, Value, syntax};
use crate::diag::{Code, Diagnostic, Source, Span};

/// The one document of a text; null where there is none. All duplicate keys, merge keys and foreign
/// tags are reported in one go; anything else that is wrong ends the reading at its place.
pub fn parse(source: &Arc<Source>) -> Result<Node, Vec<Diagnostic>> {
    parse_from(source, 0)
}

/// As [`parse`], of what follows byte `start` of the text: the value behind `key=`.
pub fn parse_from(source: &Arc<Source>, start: usize) -> Result<Node, Vec<Diagnostic>> {
    let text = &source.text[start..];
    check_text(source, start).map_err(|diagnostic| vec![diagnostic])?;
    let offsets = Offsets::new(text);
    let span = |from: usize, to: usize| Span { source: source.clone(), start: from + start, end: to + start };
    let mut builder = Builder::default();
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, place) = match event {
            Ok(pair) => pair,
            Err(error) => {
                let from = offsets.byte(error.marker().index());
                let next = text[from..].chars().next().filter(|c| !c.is_whitespace());
                let place = span(from, from + next.map_or(0, char::len_utf8));
                let problem = syntax::explain(&error, &place, builder.open_bracket());
                return Err(builder.fail(problem));
            }
        };
        let place = span(offsets.byte(place.start.index()), offsets.byte(place.end.index()));
        if matches!(event, Event::DocumentStart(_)) {
            documents += 1;
            if documents > 1 {
                let error = Code::YamlSyntax
                    .error("a second document begins here")
                    .help("write one pipeline a file, without `---` between")
                    .at(&place);
                return Err(builder.fail(error));
            }
        } else if let Err(diagnostic) = builder.take(event, place) {
            return Err(builder.fail(diagnostic));
        }
    }
    builder.finish().map(|root| root.unwrap_or_else(|| Node::new(span(0, 0), Value::Null)))
}

/// What is refused before the parser sees it: a text that is too long, characters that YAML
/// excludes (the parser would take a NUL for the end), more structure than any tree may have.
fn check_text(source: &Arc<Source>, start: usize) -> Result<(), Diagnostic> {
    let text = &source.text;
    let at = |start: usize, end: usize| Span { source: source.clone(), start, end };
    if text.len() > MAX_BYTES {
        let mut limit = MAX_BYTES;
        while !text.is_char_boundary(limit) {
            limit -= 1;
        }
        return Err(Code::YamlSyntax
            .error("the file is longer than 1 MiB")
            .help("data does not belong into a pipeline file")
            .at(&at(limit, limit)));
    }
    let excluded = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    if let Some((byte, c)) = text[start..].char_indices().find(|(_, c)| excluded(*c)) {
        return Err(Code::YamlSyntax
            .error(format!("the control character U+{:04X} cannot stand in YAML", u32::from(c)))
            .help("inside double quotes it can be written as an escape, such as \"\\x07\"")
            .at(&at(start + byte, start + byte + c.len_utf8())));
    }
    check_work(text, start).map_err(|byte| {
        Code::YamlSyntax
            .error(format!(
                "too many values, or too many brackets in each other (the limit is {MAX_NODES} values)"
            ))
            .help("data does not belong into a pipeline file")
            .at(&at(byte, byte + 1))
    })
}

/// The parser keeps the tokens of a flow collection until it ends, and for each of them looks at all
/// brackets that are open. This bounds both before it begins: generously, since brackets inside
/// quotes count too. `Err` is the byte where it is too much.
fn check_work(text: &str, start: usize) -> Result<(), usize> {
    let (mut halves, mut open, mut looks) = (0_usize, 0_usize, 0_usize);
    for (byte, c) in text.bytes().enumerate().skip(start) {
        match c {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            b',' | b'"' | b'\'' | b'&' | b'*' | b'!' | b':' | b'?' => {}
            _ => continue,
        }
        // Two quotes are one token; anything else is one, and may have a plain scalar behind it.
        halves += if matches!(c, b'"' | b'\'') { 1 } else { 4 };
        looks += open;
        if halves > 2 * MAX_TOKENS || looks > MAX_LOOKS {
            return Err(byte);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::parse;
    use crate::diag::{Diagnostic, Source, render};
    use crate::yaml::{Node, Value};

    fn tree(text: &str) -> Node {
        parse(&Source::new("t.yaml", text)).unwrap_or_else(|problems| panic!("{}", render(&problems, false)))
    }

    fn problems(text: &str) -> Vec<Diagnostic> {
        let problems = parse(&Source::new("t.yaml", text)).expect_err(text);
        for problem in &problems {
            assert!(problem.place().is_some() && problem.advice().is_some(), "{problem:?}");
        }
        problems
    }

    fn message(text: &str) -> String {
        problems(text)[0].message().to_owned()
    }

    /// Every scalar's span must cover what was written.
    fn check_spans(node: &Node) {
        match &node.value {
            Value::List(items) => items.iter().for_each(check_spans),
            Value::Map(entries) => {
                for entry in entries {
                    assert_eq!(entry.key_span.text().trim_matches(['"', '\'']), entry.key);
                    check_spans(&entry.value);
                }
            }
            Value::Text(text) => assert_eq!(node.span.text().trim_matches(['"', '\'']), text),
            _ => {}
        }
    }

    #[test]
    fn values_keep_type_order_and_place() {
        let root = tree("b: 1e-3\na: [no, 'yes', 0x1f, .inf]\nc: {d: ~, e: true}\nf:\n- x\n- y: 2\ng:\n");
        let keys: Vec<_> = root.as_map().expect("a map").iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["b", "a", "c", "f", "g"]);
        assert_eq!(root.get("b").and_then(Node::as_f64), Some(1e-3));
        let list = root.get("a").and_then(Node::as_list).expect("a list");
        assert_eq!(
            (list[0].as_text(), list[1].as_text(), list[2].as_i64()),
            (Some("no"), Some("yes"), Some(31))
        );
        assert_eq!(root.get("c").and_then(|c| c.get("e")).and_then(Node::as_bool), Some(true));
        assert_eq!(root.get("a").expect("a").span.text(), "[no, 'yes', 0x1f, .inf]");
        assert_eq!(root.get("f").expect("f").span.text(), "- x\n- y: 2");
        assert_eq!(root.get("f").and_then(Node::as_list).expect("f")[1].span.text(), "y: 2");
        assert_eq!(root.get("g").expect("g").span.text(), "g");
        assert!(root.get("g").expect("g").is_null());
        check_spans(&root);
    }

    #[test]
    fn spans_are_right_behind_unicode_carriage_returns_and_a_byte_order_mark() {
        for text in [
            "名前: 名\nключ: [\"ä🎉\", é]\nz: end\n",
            "a: ä\r\nb: 'ö'\r\nc: z\r\n",
            "\u{feff}a: ä\nb: c\n",
            "# é\na: | # ü\n  é\nb: end\n",
            &format!("{}\nx: y\n", "# ä".repeat(300)),
        ] {
            let root = tree(text);
            let last = &root.as_map().expect("a map").last().expect("an entry");
            assert_eq!(last.key_span.text(), last.key, "{text}");
            assert_eq!(last.value.span.text(), last.value.as_text().expect("text"));
            if !text.contains('|') {
                check_spans(&root);
            }
        }
    }

    #[test]
    fn block_scalars_and_documents() {
        assert_eq!(tree("a: |\n  x\n  y\n").get("a").and_then(Node::as_text), Some("x\ny\n"));
        assert_eq!(tree("a: >-\n  x\n  y\n").get("a").and_then(Node::as_text), Some("x y"));
        assert_eq!(tree("--- \na: 1\n...\n").get("a").and_then(Node::as_i64), Some(1));
        assert!(tree("").is_null());
        assert!(tree("# nothing\n").is_null());
        assert_eq!(tree("1: x\n").as_map().expect("a map")[0].key, "1");
        assert_eq!(tree("a: !!str 5\nb: ! 6\n").get("a").and_then(Node::as_text), Some("5"));
    }

    #[test]
    fn all_duplicates_are_reported_in_one_go() {
        let problems = problems("a: 1\nb: {c: 1, d: 2, c: 3}\na: 2\n'a': 3\n");
        let places: Vec<_> = problems.iter().map(|p| (p.message().to_owned(), p.place().cloned())).collect();
        assert_eq!(places.len(), 3, "{places:?}");
        let out = render(&problems, false);
        assert!(out.contains("duplicate key `c`\n --> t.yaml:2:17"), "{out}");
        assert!(out.contains("duplicate key `a`\n --> t.yaml:3:1\n"), "{out}");
        assert!(out.contains("duplicate key `a`\n --> t.yaml:4:1\n"), "{out}");
        assert!(out.contains("help: it is already set in line 1; remove one of them"), "{out}");
    }

    #[test]
    fn aliases_copy_what_was_anchored() {
        let root = tree("a: &x {k: [1, &y 2]}\nb: *x\nc: [*y, *x]\n");
        assert_eq!(root.get("b").and_then(|b| b.get("k")), root.get("a").and_then(|a| a.get("k")));
        assert_eq!(root.get("b").expect("b").span.text(), "*x");
        let list = root.get("c").and_then(Node::as_list).expect("c");
        assert_eq!(list[0].as_i64(), Some(2));
        assert_eq!(list[1].get("k"), root.get("a").and_then(|a| a.get("k")));
        assert!(message("a: &x [*x]\n").contains("what it is part of"));
        assert!(message("a: *x\n").contains("alias"));
        assert!(message("&x a: 1\nb: *x\n").contains("stands for a key"));
    }

    #[test]
    fn what_is_refused() {
        for (text, part) in [
            ("? [a]\n: 1\n", "cannot be a key"),
            ("{a: 1}: 1\n", "cannot be a key"),
            ("a: &x 1\n*x : 1\n", "cannot be a key"),
            (": 1\n", "a key is missing"),
            ("a: 1\n---\nb: 2\n", "a second document"),
            ("a: !!python/object:os.system x\n", "the tag `!!python/object:os.system` is refused"),
            ("a: !custom x\n", "the tag `!custom` is refused"),
            ("a: !!set {x: null}\n", "the tag `!!set` is refused"),
            ("%TAG !! tag:evil,2000:\n---\na: !!str x\n", "is refused"),
            ("a: &x {k: 1}\nb: {<<: *x}\n", "merge keys"),
            ("a: 1e999\n", "beyond"),
            ("a: !!int x\n", "is not what its tag"),
            ("a: b\0c\n", "U+0000"),
            ("a: {b: ${env:X}}\n", "must be quoted"),
            ("a: [1, 2\nb: 3\n", "where no key can stand"),
            ("a: 'x\n", "never closed"),
            ("a: b: c\n", "a `:` where no key can stand"),
            ("a:\n\t- b\n", "tab"),
            ("a: 1\n b: 2\n", ""),
            ("a: \"\\q\"\n", "unknown escape"),
            ("a: @x\n", "no value can begin with"),
            ("a: 1\nb\n", "without `key:`"),
            ("a: ]\n", ""),
            ("- a\nb: 1\n", ""),
        ] {
            assert!(message(text).contains(part), "{text}: {}", message(text));
        }
    }

    #[test]
    fn a_bracket_that_was_left_open_is_named() {
        for text in ["a: [1, 2\nb: 3\n", "a: {x: 1,\nb: [3}\n", "a: [1,\n"] {
            let help = problems(text)[0].advice().expect("help").to_owned();
            assert!(help.contains("is still open"), "{text}: {help}");
        }
    }

    #[test]
    fn every_merge_key_tag_and_duplicate_comes_before_what_ends_the_reading() {
        let problems = problems("a: !x 1\na: 2\nb: {<<: 1}\nc: {d: 1, d: 2}\ne: [\n");
        let messages: Vec<_> = problems.iter().map(Diagnostic::message).collect();
        assert_eq!(messages.len(), 4, "{messages:?}");
    }

    /// Debug builds are slower than what users run; the bound is loose, the sizes are not.
    fn refused_quickly(name: &str, text: &str) {
        let start = Instant::now();
        let problems = problems(text);
        assert!(start.elapsed() < Duration::from_secs(2), "{name}: {:?}", start.elapsed());
        let out = render(&problems[..1], false);
        assert!(out.len() < 2_000, "{name}: {} bytes", out.len());
    }

    #[test]
    fn bombs_are_refused_before_they_grow() {
        let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        let mut texts = format!("a0: &a0 '{}'\n", "x".repeat(100_000));
        for i in 1..20 {
            let copies = vec![format!("*a{}", i - 1); 10].join(", ");
            laughs.push_str(&format!("a{i}: &a{i} [{copies}]\n"));
            texts.push_str(&format!("a{i}: &a{i} [{copies}]\n"));
        }
        refused_quickly("billion laughs", &laughs);
        refused_quickly("long text laughs", &texts);
        let nested: String = (0..70).map(|i| format!("a{}: &a{} [*a{i}]\n", i + 1, i + 1)).collect();
        refused_quickly("nested by aliases", &format!("a0: &a0 [x]\n{nested}"));
        for (name, unit) in [("flow", "["), ("maps", "{a: "), ("block", "- "), ("questions", "? ")] {
            refused_quickly(name, &unit.repeat(10_000));
            refused_quickly(name, &format!("a: {}", unit.repeat(10_000)));
        }
        let steps: String = (0..1_000).map(|i| format!("{:i$}a:\n", "")).collect();
        refused_quickly("indented", &steps);
        refused_quickly("2 MiB", &"a: 1\n".repeat(400_000));
        refused_quickly("items", &"- a\n".repeat(200_000));
        refused_quickly("commas", &format!("[{}]", "a,".repeat(400_000)));
        refused_quickly("deep commas", &format!("{}{}", "[".repeat(250), "a,".repeat(125_000)));
        refused_quickly("quotes", &format!("[{}", "\"\"".repeat(400_000)));
        refused_quickly("anchors", &"- &a b\n".repeat(5_000));
        refused_quickly("duplicates", &"a: 1\n".repeat(40_000));
    }

    #[test]
    fn the_limits_themselves_are_allowed() {
        let deep = format!("{}1{}", "[".repeat(64), "]".repeat(64));
        assert_eq!(tree(&deep).height(), 64);
        assert!(message(&format!("[{deep}]")).contains("64 levels"));
        assert_eq!(tree(&"- a\n".repeat(99_999)).count(), 100_000);
        assert_eq!(tree(&format!("[{}]", "a,".repeat(99_999))).count(), 100_000);
        assert!(message(&"- a\n".repeat(100_000)).contains("100000 values"));
        let long = format!("a: {}", "x".repeat((1 << 20) - 3));
        assert_eq!(tree(&long).get("a").and_then(Node::as_text).map(str::len), Some((1 << 20) - 3));
        assert!(message(&format!("{long}x")).contains("1 MiB"));
    }

    const SAMPLES: &[&str] = &[
        "version: 1\nname: d\nsource: {key: \"data:d\", columns: [a, b]}\nmodel: Ridge\ncv: 5\n",
        "preprocess:\n  num: {columns: {type: number}, steps: [{SimpleImputer: {strategy: median}}, StandardScaler]}\n  remainder: drop\n",
        "a: &x [1, 2, {b: *y}]\nb: &y {c: *x}\n? k\n: v\n",
        "t: |\n  text\n   more\nf: >-\n  folded\n\n  text\n'q''s': \"\\u00e9\\n\"\n",
        "%YAML 1.2\n---\na: !!str 5\nb: !<tag:yaml.org,2002:int> 6\n...\n",
        "- - - a\n  - b\n-\n  - c\n- {a: 1, b: [x, y: z]}\n# end\n",
        "名前: ${env:ПУТЬ}\nemoji: [🎉, \u{feff}é]\r\nx:\ty\r\n",
        "n: [1e-3, .inf, -.INF, .nan, 0x1f, 0o7, ~, null, True, +1, 1., .5]\n",
        "{\"a\": [1,2,{}], \"b\": {\"c\": null}, : x, ? y : z}\n",
        "a: 1\nb:\n  c: 2\n  d:\n  - e\n  - f: g\n    h: i\nj: 'k\n  l'\n",
    ];

    /// A few thousand edits, from a fixed seed: no text may panic, and every tree must fit its text.
    #[test]
    fn mutations_never_panic() {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = move |bound: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 16) as usize % bound
        };
        let alphabet: Vec<char> =
            "{}[]:,-?&*!|>'\"%@`#\n\t\r ~a0.é🎉\u{feff}\u{85}\u{2028}\\<$".chars().collect();
        for round in 0..4_000 {
            let mut text: Vec<char> = SAMPLES[round % SAMPLES.len()].chars().collect();
            for _ in 0..=next(4) {
                let at = next(text.len().max(1));
                if text.is_empty() {
                    break;
                }
                match next(4) {
                    0 => drop(text.remove(at)),
                    1 => text.insert(at, alphabet[next(alphabet.len())]),
                    2 => text[at] = alphabet[next(alphabet.len())],
                    _ => text.truncate(at + 1),
                }
            }
            let text: String = text.into_iter().collect();
            match parse(&Source::new("t.yaml", text.as_str())) {
                Ok(root) => assert!(text.get(root.span.start..root.span.end).is_some(), "{text:?}"),
                Err(problems) => assert!(!render(&problems, false).is_empty()),
            }
        }
    }
}
