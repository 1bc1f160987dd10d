//! Words that Python writes into JSON and JSON does not have.

/// The text with `null` for Python's bare `NaN`, and `Infinity` in quotes, if it has any outside of strings:
/// `json.dumps` writes them, and `pandas.read_json` reads them.
pub(in crate::source) fn quote_bare_words(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut quoted = String::new();
    let (mut copied, mut at, mut inside) = (0, 0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if inside => at += 1,
            b'"' => inside = !inside,
            b'N' | b'I' | b'-' if !inside => {
                let word = ["NaN", "Infinity", "-Infinity"]
                    .into_iter()
                    .find(|w| bytes[at..].starts_with(w.as_bytes()));
                if let Some(word) = word {
                    quoted.push_str(&text[copied..at]);
                    quoted.push_str(match word {
                        "NaN" => "null",
                        "Infinity" => "\"Infinity\"",
                        _ => "\"-Infinity\"",
                    });
                    at += word.len();
                    copied = at;
                    continue;
                }
            }
            _ => {}
        }
        at += 1;
    }
    (copied > 0).then(|| {
        quoted.push_str(&text[copied..]);
        quoted
    })
}

#[cfg(test)]
mod tests {
    use super::quote_bare_words;

    #[test]
    fn words_outside_of_strings_alone_are_quoted() {
        assert_eq!(quote_bare_words("[-Infinity, NaN]").as_deref(), Some("[\"-Infinity\", null]"));
        assert_eq!(quote_bare_words("[\"\\\\\", NaN]").as_deref(), Some("[\"\\\\\", null]"));
        assert_eq!(quote_bare_words("[\"NaN\", \"\\\"Infinity\"]"), None);
    }
}
