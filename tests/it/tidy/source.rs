//! Rust source as tokens: enough to see paths, macros and functions, and never to mistake a comment or a string for code.

use std::fs;
use std::path::Path;

/// A source file of the project.
pub struct Source {
    /// Its path from the top of the project, with slashes.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// A word, `::`, or any other single character of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What stands there.
    pub text: &'a str,
    /// The line, from 1.
    pub line: usize,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Function<'a> {
    /// Its name.
    pub name: &'a str,
    /// The line of its `fn`.
    pub line: usize,
    /// From there to the closing brace.
    pub lines: usize,
}

impl Source {
    /// The `.rs` files below a folder of the project, sorted by path.
    pub fn below(folder: &str) -> Vec<Self> {
        let read = |path: String| Self { text: fs::read_to_string(top().join(&path)).expect(&path), path };
        files_below(folder).into_iter().filter(|path| path.ends_with(".rs")).map(read).collect()
    }

    /// The room that a file below `src` belongs to; none for `main.rs` and `lib.rs`.
    pub fn room(&self) -> Option<&str> {
        let name = self.path.strip_prefix("src/")?.split('/').next()?;
        (name != "main.rs" && name != "lib.rs").then(|| name.trim_end_matches(".rs"))
    }

    /// How many modules lead from the crate's root to the file's own, which is one of them.
    pub fn depth(&self) -> usize {
        let parts = self.path.matches('/').count();
        if self.path.ends_with("/mod.rs") { parts - 1 } else { parts }
    }

    /// All tokens.
    pub fn tokens(&self) -> Vec<Token<'_>> {
        tokens(&self.text)
    }

    /// The tokens before the unit tests at the file's foot; none in a file that is nothing else.
    pub fn product(&self) -> Vec<Token<'_>> {
        let mut tokens = self.tokens();
        if self.path.ends_with("/tests.rs") {
            return Vec::new();
        }
        if let Some(start) = tests_at(&tokens) {
            tokens.truncate(start);
        }
        tokens
    }
}

/// Where `#[cfg(test)] mod ..` begins.
pub fn tests_at(tokens: &[Token]) -> Option<usize> {
    let opening = ["#", "[", "cfg", "(", "test", ")", "]", "mod"];
    tokens.windows(opening.len()).position(|window| window.iter().map(|token| token.text).eq(opening))
}

/// The top of the project.
pub fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a folder of the project (`""` for all of it) by path, sorted; what builds and runs leave behind is not
/// part of it.
pub fn files_below(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(top().join(&folder)).expect(&folder) {
            let entry = entry.expect("a folder's entry");
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            let left_behind = ["target", "artifacts", "__pycache__"].contains(&&*name);
            if left_behind || name.starts_with('.') && name != ".ci" {
                continue;
            }
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let kind = entry.file_type().expect("a file's type");
            if kind.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// Splits Rust into tokens; comments and literals are left out.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while let Some(next) = text[at..].chars().next() {
        let rest = &text[at..];
        let skipped = comment(rest).or_else(|| literal(rest));
        let len = skipped.unwrap_or_else(|| {
            word(rest).unwrap_or(if rest.starts_with("::") { 2 } else { next.len_utf8() })
        });
        if skipped.is_none() && !next.is_whitespace() {
            tokens.push(Token { text: &rest[..len], line });
        }
        line += rest[..len].matches('\n').count();
        at += len;
    }
    tokens
}

/// The length of a word or number at the start.
fn word(text: &str) -> Option<usize> {
    let len = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    (len > 0).then_some(len)
}

/// The length of a comment at the start.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let bytes = &text.as_bytes()[at..];
        match bytes {
            [b'/', b'*', ..] => depth += 1,
            [b'*', b'/', ..] => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

/// The length of a string or character literal at the start, its prefix included.
fn literal(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        let rest = text.strip_prefix(prefix);
        let rest = if prefix.contains('r') { rest.map(|rest| rest.trim_start_matches('#')) } else { rest };
        rest.is_some_and(|rest| rest.starts_with('"'))
            || matches!(*prefix, "b" | "") && is_character(&text[prefix.len()..])
    })?;
    let body = &text[prefix.len()..];
    if prefix.contains('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let start = hashes + 1;
        return Some(
            prefix.len() + start + body[start..].find(&end).map_or(body.len() - start, |at| at + end.len()),
        );
    }
    let quote = body.chars().next()?;
    let mut escaped = false;
    let closing = body[1..].char_indices().find(|&(_, c)| {
        let closes = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        closes
    });
    Some(prefix.len() + closing.map_or(body.len(), |(at, _)| at + 2))
}

/// Whether a character literal starts here, and not a lifetime.
fn is_character(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next() == Some('\'') && (chars.next() == Some('\\') || chars.next() == Some('\''))
}

/// The names directly below a root: of `crate::a::b`, `use crate::{a::b, c}` and root `crate`, `a` and `c`.
pub fn below<'a>(tokens: &[Token<'a>], root: &str) -> Vec<Token<'a>> {
    let mut found = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let inner = i > 0 && tokens[i - 1].text == "::";
        if token.text == root && !inner && tokens.get(i + 1).is_some_and(|next| next.text == "::") {
            found.extend(children(&tokens[i + 2..]));
        }
    }
    found
}

/// The names that a path goes on with: one, or one an item of a group.
pub fn children<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    if tokens.first().is_none_or(|token| token.text != "{") {
        return tokens.first().into_iter().copied().collect();
    }
    let mut depth = 0;
    let mut found = Vec::new();
    for pair in tokens.windows(2) {
        match pair[0].text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && matches!(pair[0].text, "{" | ",") {
            found.push(pair[1]);
        }
    }
    found
}

/// The functions that have a body, nested ones too.
pub fn functions<'a>(tokens: &[Token<'a>]) -> Vec<Function<'a>> {
    let is_name = |token: &Token| token.text.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let starts = (1..tokens.len()).filter(|&i| tokens[i - 1].text == "fn" && is_name(&tokens[i]));
    starts
        .filter_map(|i| Some((i, end_of_body(&tokens[i..])?)))
        .map(|(i, end)| {
            let (name, line) = (tokens[i].text, tokens[i].line);
            Function { name, line, lines: end - line + 1 }
        })
        .collect()
}

/// The line of the brace that closes the first body; none if a semicolon comes first.
fn end_of_body(tokens: &[Token]) -> Option<usize> {
    let (mut brackets, mut braces) = (0, 0);
    for token in tokens {
        match token.text {
            "(" | "[" => brackets += 1,
            ")" | "]" => brackets -= 1,
            ";" if brackets == 0 && braces == 0 => return None,
            "{" => braces += 1,
            "}" => braces -= 1,
            _ => continue,
        }
        if token.text == "}" && braces == 0 {
            return Some(token.line);
        }
    }
    None
}

#[test]
fn comments_and_literals_are_no_code() {
    let text = r##"
        // crate::a /* "
        /* crate::b /* nested */ crate::b */
        let s = "crate::c \" crate::c"; let r = r#"crate::d " crate::d"#; let b = b"crate::e";
        let c = ('"', '\'', '\\', b'"'); let l: &'static str = crate::f::X;
        use crate::{g::{h, i}, j as k};
    "##;
    let names: Vec<_> = below(&tokens(text), "crate").iter().map(|token| token.text).collect();
    assert_eq!(names, ["f", "g", "j"]);
}

#[test]
fn functions_are_measured() {
    let text =
        "fn a();\nfn b(x: [u8; 2]) -> u8\nwhere\n    T: Fn(u8),\n{\n    if x { 1 }\n}\ntype F = fn(u8);\n";
    assert_eq!(functions(&tokens(text)), [Function { name: "b", line: 2, lines: 6 }]);
}

#[test]
fn unit_tests_are_no_product() {
    let text = "use a::b;\n#[cfg(test)]\nmod tests { use c::d; }\n".to_owned();
    let source = Source { path: "src/room/file.rs".into(), text };
    assert_eq!((source.product().len(), source.room(), source.depth()), (5, Some("room"), 2));
}
