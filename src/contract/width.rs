//! How large a set of features is at most, before anything is fitted: what memory is estimated from.

/// Features on an edge of the graph, counted by how they are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Width {
    /// Numbers, a column each.
    pub numbers: usize,
    /// Those of the features in which values may be missing.
    pub holey: usize,
    /// Categories, a column of codes each.
    pub categories: usize,
    /// The levels of all categories, missing counted as one.
    pub levels: usize,
    /// Indicators of which a row sets one of each group at most.
    pub indicators: usize,
    /// The groups of indicators, a column of codes each.
    pub groups: usize,
}

impl Width {
    /// The number of features.
    pub fn features(&self) -> usize {
        self.numbers + self.categories + self.indicators
    }

    /// The bytes of a row of them.
    pub fn row_bytes(&self) -> u64 {
        8 * self.numbers as u64 + 4 * (self.categories + self.groups) as u64
    }

    /// Every indicator a number of its own.
    pub fn unpacked(self) -> Self {
        Self { numbers: self.numbers + self.indicators, indicators: 0, groups: 0, ..self }
    }

    /// So many numbers, and nothing else.
    pub fn of_numbers(numbers: usize) -> Self {
        Self { numbers, ..Self::default() }
    }

    /// Both side by side.
    pub fn beside(self, other: Self) -> Self {
        Self {
            numbers: self.numbers + other.numbers,
            holey: self.holey + other.holey,
            categories: self.categories + other.categories,
            levels: self.levels + other.levels,
            indicators: self.indicators + other.indicators,
            groups: self.groups + other.groups,
        }
    }
}
