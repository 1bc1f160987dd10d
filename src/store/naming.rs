//! Which blobs a record names: those whose digests stand in it.

use crate::table::Digest;
use std::collections::BTreeSet;

/// The length of a digest in hexadecimal.
const LENGTH: usize = 64;

/// Adds every digest that stands in the bytes of a record, in hexadecimal and with other characters around it.
pub(super) fn add_named(bytes: &[u8], named: &mut BTreeSet<Digest>) {
    let words = bytes.split(|byte| !byte.is_ascii_hexdigit()).filter(|word| word.len() == LENGTH);
    named.extend(words.filter_map(|word| std::str::from_utf8(word).ok()?.parse::<Digest>().ok()));
}

#[cfg(test)]
mod tests {
    use super::add_named;
    use crate::table::Digest;
    use std::collections::BTreeSet;

    #[test]
    fn digests_stand_between_other_characters() {
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        let text = format!("{{\"x\":\"{a}\",\"y\":\"{b}0\",\"z\":[\"{a}\"]}}");
        let mut named = BTreeSet::new();
        add_named(text.as_bytes(), &mut named);
        assert_eq!(named, BTreeSet::from([a]));
        add_named(b.to_string().as_bytes(), &mut named);
        assert_eq!(named.len(), 2);
    }
}
