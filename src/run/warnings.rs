//! What the folds and the refit warn of, each thing once.

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic};

/// The warnings of every fold and of the refit, in the order of first appearance: the same warning
/// of several fits is one, which names the folds. What the refit alone warns of stands as it is.
pub fn merged(folds: Vec<Vec<Diagnostic>>, refit: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let all = folds.len();
    let mut places: BTreeMap<(Code, String), usize> = BTreeMap::new();
    let mut found: Vec<(Diagnostic, Vec<usize>)> = Vec::new();
    for (k, warnings) in folds.into_iter().chain([refit]).enumerate() {
        for warning in warnings {
            let key = (warning.code(), warning.message().to_owned());
            let place = *places.entry(key).or_insert(found.len());
            if place == found.len() {
                found.push((warning, vec![k]));
            } else if found[place].1.last() != Some(&k) {
                found[place].1.push(k);
            }
        }
    }
    found.into_iter().map(|(warning, fits)| prefixed(warning, &fits, all)).collect()
}

/// What candidates other than the winner were warned of: one warning a code, since a grid repeats
/// itself; it tells the first of them. `all` is the number of candidates.
pub fn of_others(candidates: impl Iterator<Item = (String, Vec<Diagnostic>)>, all: usize) -> Vec<Diagnostic> {
    let mut found: BTreeMap<Code, (usize, String)> = BTreeMap::new();
    for (label, warnings) in candidates {
        let mut codes: Vec<Code> = warnings.iter().map(Diagnostic::code).collect();
        codes.sort_unstable();
        codes.dedup();
        for code in codes {
            let first = || {
                let first = warnings.iter().find(|warning| warning.code() == code);
                format!("{label}: {}", first.map_or("", Diagnostic::message))
            };
            found.entry(code).or_insert_with(|| (0, first())).0 += 1;
        }
    }
    let told = |(code, (count, first)): (Code, (usize, String))| {
        let message =
            format!("{count} of {all} candidates beside the best have such warnings; the first is {first}");
        code.warning(message)
    };
    found.into_iter().map(told).collect()
}

/// The warning of some fits, of which number `all` is the refit.
fn prefixed(warning: Diagnostic, fits: &[usize], all: usize) -> Diagnostic {
    let folds: Vec<usize> = fits.iter().filter(|k| **k < all).map(|k| k + 1).collect();
    let refit = if folds.len() < fits.len() { " and the refit" } else { "" };
    match folds.as_slice() {
        [] => warning,
        [one] => warning.prefixed(&format!("fold {one}{refit}")),
        every if every.len() == all => warning.prefixed(&format!("every fold{refit}")),
        several => warning.prefixed(&format!("folds {}{refit}", ranges(several))),
    }
}

/// Ascending numbers for a message: `1-3, 5`.
fn ranges(numbers: &[usize]) -> String {
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    let text = |run: &[usize]| match run {
        [first, .., last] => format!("{first}-{last}"),
        one => format!("{}", one[0]),
    };
    runs.map(text).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::merged;
    use crate::diag::{Code, Diagnostic};

    /// A selector that was to keep more features than there are said so once a fold, and once more.
    #[test]
    fn the_same_warning_of_many_folds_is_one() {
        let of = |texts: &[&str]| -> Vec<Diagnostic> {
            texts.iter().map(|text| Code::WarnData.warning(*text)).collect()
        };
        let folds = vec![of(&["x", "a"]), of(&["x", "a"]), of(&["x", "x"]), of(&["x", "a", "b"])];
        let told: Vec<String> =
            merged(folds, of(&["x", "c"])).iter().map(|warning| warning.message().to_owned()).collect();
        assert_eq!(told, ["every fold and the refit: x", "folds 1-2, 4: a", "fold 4: b", "c"]);
        assert_eq!(merged(Vec::new(), of(&["x"]))[0].message(), "x");
        assert_eq!(merged(vec![of(&["x"])], of(&["x"]))[0].message(), "fold 1 and the refit: x");
    }
}
