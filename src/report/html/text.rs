//! Text from outside on its way into html: whatever it is, it stays text.

use std::fmt::{Display, Formatter, Result, Write};

/// A text as html shows it, in an element or in a quoted attribute.
pub struct Text<'a>(pub &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c if hidden(c) => f.write_char('\u{fffd}'),
            c => f.write_char(c),
        })
    }
}

/// A name that may be broken after its underscores, rather than anywhere.
pub struct Name<'a>(pub &'a str);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut pieces = self.0.split_inclusive('_').peekable();
        while let Some(piece) = pieces.next() {
            Text(piece).fmt(f)?;
            // Not between two underscores.
            if pieces.peek().is_some_and(|next| *next != "_") {
                f.write_str("<wbr>")?;
            }
        }
        Ok(())
    }
}

/// Control characters are not allowed in html, and those that turn the direction of writing would
/// turn that of the page.
fn hidden(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (c.is_control() && !matches!(c, '\n' | '\t'))
}

/// A message, with what it has in backticks as code, and without passwords.
pub struct Message<'a>(pub &'a str);

impl Display for Message<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let text = crate::diag::without_passwords(self.0);
        let pieces: Vec<&str> = text.split('`').collect();
        // An odd number of backticks: nobody knows which of them are a pair.
        if pieces.len().is_multiple_of(2) {
            return Text(&text).fmt(f);
        }
        pieces.iter().enumerate().try_for_each(|(i, piece)| match i % 2 {
            0 => Text(piece).fmt(f),
            _ => write!(f, "<code>{}</code>", Text(piece)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Message, Name, Text};

    #[test]
    fn nothing_is_markup() {
        let text = "<b a='1' c=\"2\">&amp;\u{0}\u{202e}x\n";
        let expected = "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;amp;\u{fffd}\u{fffd}x\n";
        assert_eq!(Text(text).to_string(), expected);
    }

    #[test]
    fn names_break_after_underscores() {
        assert_eq!(Name("num__bill_length").to_string(), "num__<wbr>bill_<wbr>length");
        assert_eq!(Name("a<b_").to_string(), "a&lt;b_");
        assert_eq!(Name("").to_string(), "");
    }

    #[test]
    fn backticks_are_code() {
        assert_eq!(Message("no `a<b` in `x`").to_string(), "no <code>a&lt;b</code> in <code>x</code>");
        assert_eq!(Message("a ` alone <").to_string(), "a ` alone &lt;");
        assert_eq!(Message("redis://u:secret@host").to_string(), "redis://u:******@host");
    }
}
