//! The names of many keys.

use crate::diag::{Code, Result};
use std::fmt;

/// Names of keys, one behind the other: a million of them take little beside the table that they hold.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeyList {
    text: String,
    /// Where each name ends, and the next begins.
    ends: Vec<usize>,
}

impl KeyList {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The name at a place below [`len`](Self::len).
    pub fn get(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[start..self.ends[at]]
    }

    /// All names in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|at| self.get(at))
    }
}

impl<T: AsRef<str>> FromIterator<T> for KeyList {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        let mut list = Self::default();
        for name in names {
            list.text.push_str(name.as_ref());
            list.ends.push(list.text.len());
        }
        list
    }
}

impl fmt::Debug for KeyList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Names as they are found: of any bytes, in any order, some perhaps twice.
#[derive(Default)]
pub struct Found {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

/// A name to sort: its first bytes after those that all names share, and where it lies.
type Sortable = (u64, usize, usize);

impl Found {
    /// Takes a name.
    pub fn push(&mut self, name: &[u8]) {
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len());
    }

    /// The names as they came.
    ///
    /// # Errors
    /// `UnreadableValue` for the first that is not UTF-8.
    pub fn in_order(self) -> Result<KeyList> {
        let mut list = KeyList {
            text: String::with_capacity(self.bytes.len()),
            ends: Vec::with_capacity(self.ends.len()),
        };
        let mut start = 0;
        for end in self.ends {
            list.push(&self.bytes[start..end])?;
            start = end;
        }
        Ok(list)
    }

    /// The names sorted by their bytes, each once.
    ///
    /// # Errors
    /// `UnreadableValue` for the first that is not UTF-8.
    pub fn sorted(self) -> Result<KeyList> {
        self.sorted_bytes().in_order()
    }

    /// The names sorted by their bytes, each once, of any bytes.
    pub fn sorted_bytes(self) -> Self {
        let Self { bytes, ends } = self;
        let shared = shared(&bytes, &ends);
        let mut start = 0;
        let sortable = |end: &usize| -> Sortable {
            let name = &bytes[start..*end];
            let mut first = [0; 8];
            let rest = &name[shared.min(name.len())..];
            first.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            let sortable = (u64::from_be_bytes(first), start, *end);
            start = *end;
            sortable
        };
        let mut names: Vec<Sortable> = ends.iter().map(sortable).collect();
        drop(ends);
        let name = |(_, start, end): &Sortable| &bytes[*start..*end];
        names.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| name(a).cmp(name(b))));
        names.dedup_by(|a, b| name(a) == name(b));
        let mut sorted =
            Self { bytes: Vec::with_capacity(bytes.len()), ends: Vec::with_capacity(names.len()) };
        names.iter().for_each(|sortable| sorted.push(name(sortable)));
        sorted
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The name at a place below [`len`](Self::len).
    pub fn get(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start..self.ends[at]]
    }

    /// The names as they stand.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|at| self.get(at))
    }
}

impl KeyList {
    /// Takes a name.
    fn push(&mut self, name: &[u8]) -> Result<()> {
        self.text.push_str(std::str::from_utf8(name).map_err(|_| {
            let message = format!("the name of key `{}` is not UTF-8", name.escape_ascii());
            let help = "rename it, or choose a pattern that it does not match";
            Code::UnreadableValue.error(message).help(help)
        })?);
        self.ends.push(self.text.len());
        Ok(())
    }
}

/// How many bytes all names begin with alike.
fn shared(bytes: &[u8], ends: &[usize]) -> usize {
    let Some(first) = ends.first() else { return 0 };
    let mut shared = *first;
    for ends in ends.windows(2) {
        let name = &bytes[ends[0]..ends[1]];
        let alike = name.iter().zip(&bytes[..shared]).take_while(|(a, b)| a == b).count();
        shared = alike;
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::{Found, KeyList};

    fn sorted(names: &[&[u8]]) -> crate::diag::Result<KeyList> {
        let mut found = Found::default();
        names.iter().for_each(|name| found.push(name));
        found.sorted()
    }

    #[test]
    fn names_come_sorted_by_their_bytes_each_once() {
        for names in [
            &["row:10", "row:2", "row:1", "row:10", "row:", "row:1000000000", "row:1000000001"][..],
            &["b", "a\0", "a", "", "a\0\0", "a", "größe", "grose"],
            &["x"],
            &[],
        ] {
            let mut expected = names.to_vec();
            expected.sort_unstable();
            expected.dedup();
            let bytes: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
            let list = sorted(&bytes).expect("UTF-8");
            assert_eq!(list.iter().collect::<Vec<_>>(), expected);
            assert_eq!((list.len(), list.is_empty()), (expected.len(), expected.is_empty()));
            assert_eq!(list, expected.iter().collect());
        }
    }

    #[test]
    fn the_first_name_that_is_not_utf_8_is_told() {
        let error = sorted(&[b"b\xff", b"a\xfe", b"a"]).expect_err("not UTF-8");
        assert_eq!(error.message(), "the name of key `a\\xfe` is not UTF-8");
        // Half a character and its other half are two names.
        assert!(sorted(&[b"\xc3", b"\xa9"]).is_err());
    }
}
