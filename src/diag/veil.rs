//! What nobody may read: the values of the environment variables that a pipeline file names.

use super::Diagnostic;

/// Names (what stands in backticks, paths, keys) are covered from this length on: a shorter value is
/// part of too many innocent words.
const LEAST_IN_NAMES: usize = 4;
/// In the words around them it takes a longer value, so that no sentence of ours becomes nonsense.
const LEAST_IN_WORDS: usize = 8;

/// Texts that came from the environment, and what to show in their place: `${env:NAME}` as it was
/// written. The pipeline's own words never hold them; those of a store, a disk or a reader may.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Veil {
    /// What is hidden and what is shown instead, the longest first.
    pairs: Vec<(String, String)>,
}

impl Veil {
    /// Hides a text from now on.
    pub fn hide(&mut self, hidden: &str, shown: &str) {
        if hidden.len() >= LEAST_IN_NAMES && self.pairs.iter().all(|(own, _)| own != hidden) {
            self.pairs.push((hidden.to_owned(), shown.to_owned()));
            self.pairs.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
        }
    }

    /// A path, key or address as it may be shown.
    pub fn name(&self, name: &str) -> String {
        self.cover(name, true)
    }

    /// Words with names in backticks as they may be shown.
    pub fn words(&self, words: &str) -> String {
        self.cover(words, false)
    }

    /// A problem as it may be told.
    pub fn diagnostic(&self, problem: Diagnostic) -> Diagnostic {
        if self.pairs.is_empty() {
            return problem;
        }
        problem.retold(|words| self.words(words), |name| self.name(name))
    }

    fn cover(&self, text: &str, mut is_name: bool) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let least = if is_name { LEAST_IN_NAMES } else { LEAST_IN_WORDS };
            let here = |(hidden, _): &&(String, String)| hidden.len() >= least && rest.starts_with(hidden);
            if let Some((hidden, shown)) = self.pairs.iter().find(here) {
                out.push_str(shown);
                rest = &rest[hidden.len()..];
                continue;
            }
            is_name ^= next == '`';
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::Veil;
    use crate::diag::{Code, Place};

    fn veil() -> Veil {
        let mut veil = Veil::default();
        for (hidden, shown) in [
            ("data", "${env:D}"),
            ("canary-9", "${env:C}"),
            ("data:canary-9", "${env:D}:${env:C}"),
            ("a", "x"),
        ] {
            veil.hide(hidden, shown);
        }
        veil
    }

    #[test]
    fn names_are_covered_and_words_stay_words() {
        let words = "the data has no `data`, nor `a/data/b`; canary-9 broke";
        let covered = "the data has no `${env:D}`, nor `a/${env:D}/b`; ${env:C} broke";
        assert_eq!(veil().words(words), covered);
        assert_eq!(
            veil().name("data:canary-9, canary-9 and data"),
            "${env:D}:${env:C}, ${env:C} and ${env:D}"
        );
        assert_eq!(Veil::default().words("`data`"), "`data`");
    }

    #[test]
    fn every_text_of_a_problem_is_covered() {
        let problem =
            Code::BadCell.error("bad `canary-9`").help("see `canary-9`").within("data", Some(3), None);
        let covered = veil().diagnostic(problem);
        assert_eq!((covered.message(), covered.advice()), ("bad `${env:C}`", Some("see `${env:C}`")));
        assert!(matches!(covered.place(), Some(Place::File { name, .. }) if name == "${env:D}"));
    }
}
