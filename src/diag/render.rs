//! Diagnostics as text for people, in the form that rustc made familiar.

use super::{Diagnostic, Place, Severity, Span, without_passwords};

/// A rendered source line is cut to this many columns around its span.
const SNIPPET_WIDTH: usize = 100;
/// Help that would end beyond this column gets a line of its own.
const INLINE_WIDTH: usize = 100;
/// More characters on either side of a span's start than a snippet can show.
const NEAR: usize = 10 * SNIPPET_WIDTH;
/// Columns kept before the span when a line is cut at its left.
const CONTEXT_WIDTH: usize = 30;
const TAB_WIDTH: usize = 4;
const CUT: &str = "...";

/// All diagnostics as text: code, message, place, the line as it was written with carets, help.
/// Diagnostics are separated by an empty line; the text ends with a line break unless it is empty.
/// `color` adds ANSI colours.
pub fn render(diagnostics: &[Diagnostic], color: bool) -> String {
    let texts: Vec<String> = diagnostics.iter().map(|d| one(d, Paint { color })).collect();
    texts.join("\n")
}

fn one(diagnostic: &Diagnostic, paint: Paint) -> String {
    let (word, style) = match diagnostic.severity() {
        Severity::Error => ("error", Paint::ERROR),
        Severity::Warning => ("warning", Paint::WARNING),
    };
    let head = paint.style(style, &format!("{word}[{}]", diagnostic.code().id()));
    let message = printable(&without_passwords(diagnostic.message()));
    let mut out = format!("{head}{}\n", paint.style(Paint::BOLD, &format!(": {message}")));
    let help = diagnostic.advice().map(|help| printable(&without_passwords(help)));
    let mut margin = 1;
    let mut left_over = help.as_deref();
    match diagnostic.place() {
        Some(Place::Span(span)) => {
            let (line, _) = span.line_column();
            margin = line.to_string().len();
            if snippet(&mut out, span, help.as_deref(), style, paint) {
                left_over = None;
            } else if help.is_some() {
                out.push_str(&paint.gutter(&format!("{:margin$} |\n", "")));
            }
        }
        Some(Place::File { name, line, column }) => {
            let numbers: String =
                [*line, line.and(*column)].iter().flatten().map(|n| format!(":{n}")).collect();
            let name = printable(&without_passwords(name));
            out.push_str(&format!("{:margin$}{} {name}{numbers}\n", "", paint.gutter("-->")));
        }
        None => {}
    }
    if let Some(help) = left_over {
        let indent = format!("\n{:1$}", "", margin + 9);
        let help = help.trim_end().replace('\n', &indent);
        out.push_str(&format!("{:margin$} {} help: {help}\n", "", paint.gutter("=")));
    }
    out
}

/// Writes the arrow, the line and the carets; with the help behind them, if it fits there.
fn snippet(out: &mut String, span: &Span, help: Option<&str>, style: &str, paint: Paint) -> bool {
    let (line_number, column) = span.line_column();
    let margin = line_number.to_string().len();
    let line = Line::of(span);
    let name = printable(&without_passwords(&span.source.name));
    out.push_str(&format!("{:margin$}{} {name}:{line_number}:{column}\n", "", paint.gutter("-->")));
    out.push_str(&paint.gutter(&format!("{:margin$} |", "")));
    out.push('\n');
    out.push_str(&paint.gutter(&format!("{line_number} |")));
    out.push_str(format!(" {}", line.text).trim_end());
    out.push('\n');
    let carets_end = margin + 3 + line.start + line.length;
    let inline = help
        .filter(|help| !help.contains('\n') && carets_end + " help: ".len() + width(help) <= INLINE_WIDTH);
    let mut marks = "^".repeat(line.length);
    if let Some(help) = inline {
        marks.push_str(" help: ");
        marks.push_str(help);
    }
    out.push_str(&paint.gutter(&format!("{:margin$} |", "")));
    out.push_str(&format!(" {:1$}{2}\n", "", line.start, paint.style(style, &marks)));
    inline.is_some()
}

/// A source line made printable, with the columns of the carets under it.
struct Line {
    text: String,
    start: usize,
    length: usize,
}

impl Line {
    fn of(span: &Span) -> Self {
        let text = &span.source.text;
        let at = floor_boundary(text, span.start);
        let line_start = text[..at].rfind('\n').map_or(0, |i| i + 1);
        let line_end = text[at..].find('\n').map_or(text.len(), |i| at + i);
        let end = floor_boundary(text, span.end).clamp(at, line_end);
        // Same width: the carets stay where they are.
        let masked = without_passwords(&text[line_start..line_end]);
        let line = masked.trim_end_matches('\r');
        let before = text[line_start..at].chars().count();
        let under = text[at..end].chars().count().min(NEAR);
        // A line can be as long as a file: no more of it is looked at than can be shown.
        let skipped = before.saturating_sub(NEAR);
        let before = before - skipped;
        let cells: Vec<(String, usize)> =
            line.chars().skip(skipped).take(before + under + NEAR).map(cell).collect();
        let columns = |cells: &[(String, usize)]| cells.iter().map(|c| c.1).sum::<usize>();
        let first = before.min(cells.len());
        let last = (before + under).min(cells.len());
        let start = columns(&cells[..first]);
        let length = columns(&cells[first..last]).max(1);
        Self::cut(&cells, start, length)
    }

    /// Cuts what does not fit, keeping the start of the span in sight.
    fn cut(cells: &[(String, usize)], start: usize, length: usize) -> Self {
        let total: usize = cells.iter().map(|c| c.1).sum();
        if total <= SNIPPET_WIDTH {
            return Self { text: cells.iter().map(|c| c.0.as_str()).collect(), start, length };
        }
        let from = if start + length <= SNIPPET_WIDTH { 0 } else { start.saturating_sub(CONTEXT_WIDTH) };
        let mut text = String::from(if from > 0 { CUT } else { "" });
        let prefix = text.len();
        let (mut column, mut first, mut full) = (0, None, false);
        for (shown, columns) in cells {
            if column >= from {
                first.get_or_insert(column);
                full = column + columns > from + SNIPPET_WIDTH;
                if full {
                    break;
                }
                text.push_str(shown);
            }
            column += columns;
        }
        let kept = column.saturating_sub(start).max(1);
        if full {
            text.push_str(CUT);
        }
        Self { text, start: (start + prefix).saturating_sub(first.unwrap_or(0)), length: length.min(kept) }
    }
}

fn floor_boundary(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

/// What is shown for a character, and how many columns that takes.
fn cell(c: char) -> (String, usize) {
    if c == '\t' {
        (" ".repeat(TAB_WIDTH), TAB_WIDTH)
    } else {
        (visible(c).to_string(), char_width(visible(c)))
    }
}

/// Control and direction characters could rewrite what the terminal shows.
fn visible(c: char) -> char {
    let steers =
        c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}');
    if steers { '\u{FFFD}' } else { c }
}

/// The text without characters that steer a terminal; lines stay.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { c } else { visible(c) }).collect()
}

fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// Columns of a character in a terminal: 0 for combining marks, 2 for East Asian wide characters
/// and emoji (Unicode's EastAsianWidth.txt, whole blocks at a time), else 1.
fn char_width(c: char) -> usize {
    match u32::from(c) {
        0..0x300 => 1,
        0x300..=0x36F | 0x483..=0x489 | 0x591..=0x5BD | 0x610..=0x61A | 0x64B..=0x65F => 0,
        0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x200B..=0x200F | 0x20D0..=0x20FF => 0,
        0xFE00..=0xFE0F | 0xFE20..=0xFE2F | 0xE0100..=0xE01EF => 0,
        0x1100..=0x115F | 0x231A..=0x231B | 0x2E80..=0x303E | 0x3041..=0xA4CF | 0xA960..=0xA97F => 2,
        0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 => 2,
        0x1F300..=0x1F64F | 0x1F680..=0x1F6FF | 0x1F900..=0x1F9FF | 0x1FA70..=0x1FAFF => 2,
        0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

#[derive(Clone, Copy)]
struct Paint {
    color: bool,
}

impl Paint {
    const ERROR: &str = "1;31";
    const WARNING: &str = "1;33";
    const BOLD: &str = "1";
    const GUTTER: &str = "1;34";

    fn style(self, style: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn gutter(self, text: &str) -> String {
        self.style(Self::GUTTER, text)
    }
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::diag::{Code, Diagnostic, Source, Span};

    fn spot(text: &str, word: &str) -> Span {
        let start = text.find(word).expect("the word is in the text");
        Span { source: Source::new("pipelines/diabetes.yaml", text), start, end: start + word.len() }
    }

    fn error(span: &Span) -> Diagnostic {
        Code::UnknownComponent.error("unknown step `X`").at(span)
    }

    #[test]
    fn the_page_of_the_file_format_is_met_to_the_letter() {
        let span = spot("\n\n\n\n\n\n\n\n  - StandardScalar\n", "StandardScalar");
        let diagnostic = Code::UnknownComponent
            .error("unknown step `StandardScalar`")
            .at(&span)
            .help("did you mean `StandardScaler`? `pipefit list steps` shows all");
        let expected = "\
error[E0203]: unknown step `StandardScalar`
 --> pipelines/diabetes.yaml:9:5
  |
9 |   - StandardScalar
  |     ^^^^^^^^^^^^^^ help: did you mean `StandardScaler`? `pipefit list steps` shows all
";
        assert_eq!(render(std::slice::from_ref(&diagnostic), false), expected);
        let colored = render(&[diagnostic], true);
        assert!(colored.contains("\u{1b}[1;31merror[E0203]\u{1b}[0m"), "{colored:?}");
    }

    #[test]
    fn long_help_stands_on_a_line_of_its_own() {
        let text = format!("{}x: bad\n", "\n".repeat(11));
        let help = "a sentence ".repeat(10);
        let out = render(&[error(&spot(&text, "bad")).help(help.trim())], false);
        let expected = format!(
            "error[E0203]: unknown step `X`\n  --> pipelines/diabetes.yaml:12:4\n   |\n12 | x: bad\n   |    ^^^\n   |\n   = help: {}\n",
            help.trim()
        );
        assert_eq!(out, expected);
    }

    fn carets_under(text: &str, word: &str) -> (String, String) {
        let out = render(&[error(&spot(text, word))], false);
        let mut lines = out.lines().skip(3);
        let mut next = || lines.next().expect("a line").split_once("| ").expect("a gutter").1.to_owned();
        (next(), next())
    }

    #[test]
    fn carets_stand_right_behind_tabs_wide_and_combining_characters() {
        assert_eq!(carets_under("\tk: bad", "bad"), ("    k: bad".into(), "       ^^^".into()));
        assert_eq!(carets_under("名前: bad", "bad"), ("名前: bad".into(), "      ^^^".into()));
        assert_eq!(carets_under("e\u{301}: bad", "bad"), ("e\u{301}: bad".into(), "   ^^^".into()));
        assert_eq!(carets_under("k: 名前", "名前"), ("k: 名前".into(), "   ^^^^".into()));
        assert_eq!(carets_under("k: bad\r\nx", "bad"), ("k: bad".into(), "   ^^^".into()));
    }

    #[test]
    fn long_lines_are_cut_around_the_span() {
        let text = format!("{}bad{}", "a ".repeat(500), " b".repeat(500));
        let (line, carets) = carets_under(&text, "bad");
        let column = carets.find('^').expect("a caret");
        assert_eq!(&line[column..column + 3], "bad");
        assert!(line.starts_with("...") && line.ends_with("...") && line.len() <= 110, "{line}");
        let text = format!("{}bad{}", "a ".repeat(50_000), " b".repeat(50_000));
        assert_eq!(carets_under(&text, "bad"), (line, carets));
        let (line, carets) = carets_under(&"x".repeat(500), &"x".repeat(500));
        assert_eq!(line.len(), 103);
        assert_eq!(carets.len(), 100);
        let (line, carets) = carets_under(&format!("{}{}", " ".repeat(31), "x".repeat(500)), "xxx");
        assert_eq!((line.find('x'), carets.find('^')), (Some(31), Some(31)));
        let text = format!("{}{}", " ".repeat(31), "x".repeat(500));
        let (line, carets) = carets_under(&text, &"x".repeat(500));
        assert_eq!((line.find('x'), carets.find('^')), (Some(33), Some(33)));
    }

    #[test]
    fn places_at_the_end_of_the_text_and_without_a_snippet_work() {
        let source = Source::new("f.yaml", "a: 1\n");
        let end = Span { source, start: 5, end: 9 };
        let out = render(&[error(&end)], false);
        assert_eq!(out, "error[E0203]: unknown step `X`\n --> f.yaml:2:1\n  |\n2 |\n  | ^\n");
        let file = Code::BadCell.error("a cell").within("data.csv", Some(3), Some(2)).help("look\nthere");
        let none = Code::WarnData.warning("odd");
        let expected = "error[E0406]: a cell\n --> data.csv:3:2\n  = help: look\n          there\n\nwarning[W0010]: odd\n";
        assert_eq!(render(&[file, none], false), expected);
        assert_eq!(render(&[], false), "");
    }

    #[test]
    fn neither_passwords_nor_escape_sequences_reach_the_terminal() {
        let text = "store: redis://me:hunter2@host\u{1b}[2J\u{202e}";
        let (line, carets) = carets_under(text, "host");
        assert_eq!(line, "store: redis://me:*******@host\u{FFFD}[2J\u{FFFD}");
        assert_eq!(carets.len(), carets.find('^').expect("a caret") + 4);
        let out = render(&[Code::StoreRefused.error("no\u{7} redis://:pw@h")], false);
        assert_eq!(out, "error[E0602]: no\u{FFFD} redis://:**@h\n");
    }
}
