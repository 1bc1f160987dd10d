//! What the parser found wrong, in the user's words.

use saphyr_parser::ScanError;

use super::{MAX_DEPTH, MAX_NODES};
use crate::diag::{Code, Diagnostic, Span};

/// A part of the parser's words, what is wrong, and what to do about it.
const TABLE: &[(&str, &str, &str)] = &[
    ("indentation in quoted scalar", "a quote is never closed", "close it with the same kind of quote"),
    ("unexpected end of stream", "a quote is never closed", "close it with the same kind of quote"),
    (
        "expected ',' or ']'",
        "a list lacks `,` or `]` here",
        "separate the items by `,` and close the list with `]`",
    ),
    (
        "expected ',' or '}'",
        "a map lacks `,` or `}` here",
        "separate the entries by `,` and close the map with `}`",
    ),
    ("unknown anchor", "an alias to an anchor that was not set before", "quote a text that begins with `*`"),
    (
        "mapping values are not allowed",
        "a `:` where no key can stand",
        "quote a value that contains `: `, and check the indentation",
    ),
    ("mapping keys are not allowed", "a `?` where no key can stand", "quote a value that begins with `? `"),
    ("simple key expect", "a line without `key:`", "write `key: value`; items of a list begin with `- `"),
    ("':'", "a `:` where no key can stand", "write `key: value`, with a space behind the colon"),
    ("did not find expected key", "a key was expected here", "give all keys of a map the same indentation"),
    (
        "did not find expected '-'",
        "an item that begins with `- ` was expected here",
        "give all items of a list the same indentation",
    ),
    (
        "block sequence entries are not allowed",
        "an item of a list where none can stand",
        "begin the list on a line of its own, or write `[a, b]`",
    ),
    (
        "'-'",
        "a `-` where no item can stand",
        "write `- item`, with a space behind the dash, or quote the value",
    ),
    ("tag", "a tag that is not well formed", "quote a value that begins with `!`"),
    ("handle wasn't declared", "a tag that is not well formed", "quote a value that begins with `!`"),
    ("tab", "a tab where spaces are needed", "indent with spaces"),
    (
        "escape",
        "an unknown escape in a double-quoted text",
        "write `\\\\` for a backslash, or use single quotes",
    ),
    (
        "hexadecimal",
        "an unknown escape in a double-quoted text",
        "write `\\\\` for a backslash, or use single quotes",
    ),
    (
        "trailing content",
        "text behind a closing quote",
        "quote the whole value; inside single quotes write `''` for one",
    ),
    ("misplaced bracket", "a bracket that closes nothing", "remove it, or quote the value"),
    ("directive", "a directive that is not known", "quote a value that begins with `%`"),
    ("unexpected character", "a character that no value can begin with", "quote the value"),
    (
        "unexpected end of plain scalar",
        "a value was expected here",
        "write a value, or quote what stands here",
    ),
    ("node content", "a value was expected here", "write a value, or quote what stands here"),
    ("document", "text behind the end of the file's one map", "check the indentation of this line"),
    (
        "block scalar",
        "a block text that is not well formed",
        "write nothing behind `|` or `>`, and indent all lines alike",
    ),
    ("indentation", "a line that is indented wrongly", "indent what belongs to a key deeper than the key"),
    ("anchor or alias", "an anchor or alias without a name", "quote a value that begins with `&` or `*`"),
];

/// A parser's error at its place; `bracket` is the innermost one that was open there.
pub(super) fn explain(error: &ScanError, span: &Span, bracket: Option<Span>) -> Diagnostic {
    let info = error.info();
    if info.contains("recursion limit") {
        return too_deep(span);
    }
    if let Some(diagnostic) = unquoted_reference(span) {
        return diagnostic;
    }
    let (message, help) = match TABLE.iter().find(|(words, _, _)| info.contains(words)) {
        Some((_, message, help)) => (*message, (*help).to_owned()),
        None => (
            info.split_once(", ").map_or(info, |(_, rest)| rest),
            "check the indentation and the quotes of this line and of the one before it".to_owned(),
        ),
    };
    let help = bracket
        .map(|bracket| (bracket.line_column().0, bracket))
        .filter(|(line, _)| *line < span.line_column().0)
        .map(|(line, bracket)| {
            format!(
                "the `{}` of line {line} is still open: close it, or separate what it holds by `,`",
                bracket.text()
            )
        })
        .unwrap_or(help);
    let place = if message.starts_with("a tab") { tab_before(span) } else { None };
    Code::YamlSyntax.error(message).help(help).at(place.as_ref().unwrap_or(span))
}

/// More nodes than a tree may have.
pub(super) fn too_many(span: &Span) -> Diagnostic {
    Code::YamlSyntax
        .error(format!("more than {MAX_NODES} values, counted after aliases are expanded"))
        .help("data does not belong into a pipeline file")
        .at(span)
}

/// Too many lists and maps in each other.
pub(super) fn too_deep(span: &Span) -> Diagnostic {
    Code::YamlSyntax
        .error(format!("lists and maps lie more than {MAX_DEPTH} levels deep"))
        .help("no part of a pipeline file needs that")
        .at(span)
}

/// The tab in the indentation of the line.
fn tab_before(span: &Span) -> Option<Span> {
    let text = &span.source.text;
    let line_start = text[..span.start].rfind('\n').map_or(0, |i| i + 1);
    let start = line_start + text[line_start..].find('\t')?;
    (start <= span.start).then(|| Span { source: span.source.clone(), start, end: start + 1 })
}

/// `{key: ${env:NAME}}`: in YAML the inner `{` opens a map.
fn unquoted_reference(span: &Span) -> Option<Diagnostic> {
    let text = &span.source.text;
    let line_start = text[..span.start].rfind('\n').map_or(0, |i| i + 1);
    let before = &text[line_start..span.end];
    let dollar = before.rfind("${")?;
    let start = line_start + dollar;
    let line = text[start..].lines().next().unwrap_or("");
    let end = start + line.find('}').map_or("${".len(), |end| end + 1);
    let reference = Span { source: span.source.clone(), start, end };
    let inside = before[..dollar].contains(['{', '[']) && !before[dollar..].contains('}');
    inside.then(|| {
        Code::YamlSyntax
            .error("`${` inside `{...}` or `[...]` must be quoted")
            .help("write the value as \"${...}\"")
            .at(&reference)
    })
}
