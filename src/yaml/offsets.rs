//! From the parser's character positions to bytes.

/// Distance between two remembered positions, in characters.
const STRIDE: usize = 128;

/// Byte offsets of a text's characters.
pub(super) struct Offsets<'a> {
    text: &'a str,
    /// The byte of every `STRIDE`-th character; empty where every character is one byte.
    marks: Vec<usize>,
}

impl<'a> Offsets<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let marks = match text.is_ascii() {
            true => Vec::new(),
            false => text.char_indices().step_by(STRIDE).map(|(byte, _)| byte).collect(),
        };
        Self { text, marks }
    }

    /// The byte at which the character `index` begins; the text's length beyond its end.
    pub(super) fn byte(&self, index: usize) -> usize {
        if self.marks.is_empty() {
            return index.min(self.text.len());
        }
        let Some(mark) = self.marks.get(index / STRIDE) else { return self.text.len() };
        self.text[*mark..].char_indices().nth(index % STRIDE).map_or(self.text.len(), |(byte, _)| mark + byte)
    }
}

#[cfg(test)]
mod tests {
    use super::Offsets;

    #[test]
    fn every_character_is_found() {
        for text in ["", "abc", &"aä名🎉".repeat(100)] {
            let offsets = Offsets::new(text);
            for (index, (byte, _)) in text.char_indices().enumerate() {
                assert_eq!(offsets.byte(index), byte);
            }
            assert_eq!(offsets.byte(text.chars().count()), text.len());
            assert_eq!(offsets.byte(10_000), text.len());
        }
    }
}
