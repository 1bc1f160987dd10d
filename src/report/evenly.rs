//! A few of many, evenly chosen.

/// The places of at most `most` of `all` things, ascending, evenly apart, the first among them.
pub fn evenly(all: usize, most: usize) -> impl Iterator<Item = usize> {
    let shown = all.min(most);
    (0..shown).map(move |i| (i as u128 * all as u128 / shown as u128) as usize)
}

#[cfg(test)]
mod tests {
    use super::evenly;

    #[test]
    fn all_of_few_and_few_of_many() {
        assert_eq!(evenly(3, 5).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(evenly(10, 4).collect::<Vec<_>>(), [0, 2, 5, 7]);
        assert_eq!(evenly(0, 4).count(), 0);
    }
}
