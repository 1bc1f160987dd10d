//! What the user may have meant.

/// The candidate nearest to `word`, if one is near enough: at most a third of the letters changed,
/// ignoring case, `_` and `-`.
pub fn suggest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let fold = |s: &str| -> Vec<char> {
        s.chars().filter(|c| !matches!(c, '_' | '-')).flat_map(char::to_lowercase).collect()
    };
    // No name is that long, and the distance takes time and memory in proportion to both.
    if word.len() > 256 {
        return None;
    }
    let wanted = fold(word);
    let near = |candidate: &'a str| {
        let letters = fold(candidate);
        // Where every letter changed, nothing of the word is left.
        let longest = wanted.len().max(letters.len());
        let limit = longest.div_ceil(3).min(longest.saturating_sub(1));
        if wanted.len().abs_diff(letters.len()) > limit {
            return None;
        }
        let distance = distance(&wanted, &letters);
        (distance <= limit).then_some((distance, candidate))
    };
    candidates.into_iter().filter_map(near).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// Damerau-Levenshtein distance with adjacent transpositions (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in table.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in table[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (table[i - 1][j] + 1).min(table[i][j - 1] + 1).min(table[i - 1][j - 1] + change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(table[i - 2][j - 2] + 1);
            }
            table[i][j] = best;
        }
    }
    table[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn a_typo_finds_its_word_and_nonsense_finds_nothing() {
        let names = ["StandardScaler", "MinMaxScaler", "OneHotEncoder"];
        assert_eq!(suggest("StandardScalar", names), Some("StandardScaler"));
        assert_eq!(suggest("one_hot_encoder", names), Some("OneHotEncoder"));
        assert_eq!(suggest("RandomForest", names), None);
        // Column `w` once was said to mean `a`.
        assert_eq!(suggest("w", ["a", "b"]), None);
        assert_eq!((suggest("A", ["a", "b"]), suggest("", ["a"])), (Some("a"), None));
        assert_eq!(suggest(&"x".repeat(1 << 20), names), None);
    }
}
