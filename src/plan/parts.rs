//! The parts of a unit's rows that are worked on side by side.

use std::ops::Range;

use crate::linalg::BLOCK;
use crate::table::RUN_ROWS;

/// Rows of a part.
pub(super) const PART_ROWS: usize = 4 * BLOCK;

/// Moments of a part may have so many times as many numbers as its rows.
const SHARE: usize = 4;

/// Rows whose moments are made together, for so many positions and cells: those of a part, or where its moments would be much
/// larger than it those of a whole unit. The numbers of a run hang on it, so it depends on file and table only.
pub fn part_rows(positions: usize, cells: usize) -> usize {
    if positions.saturating_mul(cells) <= SHARE * PART_ROWS { PART_ROWS } else { RUN_ROWS }
}

/// A unit's rows in parts.
pub fn parts(rows: usize, part: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(part).map(move |from| from..(from + part).min(rows))
}
