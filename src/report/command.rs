//! Commands as they can be pasted into a shell.

use std::borrow::Cow;

use super::Report;
use crate::diag::url_without_password;
use crate::plan::Path;

/// Options of the command line that decide what comes out; passwords included.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// Overrides of the file, `KEY=VALUE`.
    pub overrides: &'a [String],
    /// The store, instead of the file's.
    pub store: Option<&'a str>,
    /// The path, instead of the one that the plan chooses.
    pub path: Option<Path>,
}

impl Report<'_> {
    /// The command that repeats the run and compares; passwords are covered.
    pub(super) fn repeat(&self) -> String {
        let mut command = format!("pipefit run {} --locked", shell(self.file));
        for words in self.given.overrides {
            command.push_str(&format!(" -S {}", shell(&url_without_password(words))));
        }
        command.push_str(&self.store_option());
        if let Some(path) = self.given.path {
            command.push_str(&format!(" --path {}", path.name()));
        }
        command
    }

    /// The command that predicts with this very version.
    pub(super) fn predict(&self) -> String {
        let model = format!("{}:{}", self.published.name, self.published.version);
        format!("pipefit predict {} --input FILE{}", shell(&model), self.store_option())
    }

    /// Whether a password was given that the commands do not show.
    pub(super) fn covers_a_password(&self) -> bool {
        let mut words = self.given.overrides.iter().map(String::as_str).chain(self.given.store);
        words.any(|word| url_without_password(word) != word)
    }

    fn store_option(&self) -> String {
        let option = |url| format!(" --store {}", shell(&url_without_password(url)));
        self.given.store.map_or_else(String::new, option)
    }
}

/// A word of a command line, quoted where a POSIX shell would take it apart.
pub(super) fn shell(word: &str) -> Cow<'_, str> {
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
