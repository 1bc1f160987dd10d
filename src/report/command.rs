//! Commands as they can be pasted into a shell.

use std::borrow::Cow;

/// A word of a command line, quoted where a POSIX shell would take it apart.
pub fn shell(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(plain) {
        return Cow::Borrowed(word);
    }
    // What begins with a dash would be an option, quoted or not.
    let path = if word.starts_with('-') { "./" } else { "" };
    Cow::Owned(format!("'{path}{}'", word.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::shell;

    #[test]
    fn words_stay_one_word() {
        assert_eq!(shell("pipelines/a.yaml"), "pipelines/a.yaml");
        assert_eq!(shell("my files/it's $x.yaml"), r"'my files/it'\''s $x.yaml'");
        assert_eq!(shell("-rf"), "'./-rf'");
        assert_eq!(shell(""), "''");
    }
}
