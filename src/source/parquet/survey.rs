//! What takes a pass over Parquet files: levels, all rows, or the facts of every column.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rayon::prelude::*;

use super::cells::{self, Words};
use super::scan::{Known, ParquetScan};
use crate::diag::Result;
use crate::source::formats::{Read, Suspect};
use crate::table::{Digest, Facts, RUN_ROWS, Scan, digest_of_pieces, gather, piece_digest};

/// What is known after one pass over all columns.
pub struct Survey {
    /// The digest of the table, equal to that of the same table in memory.
    pub fingerprint: Digest,
    /// The facts of each column.
    pub facts: Vec<Facts>,
    /// The first cell of each number column that a float cannot hold, in column order.
    pub suspects: Vec<Suspect>,
}

/// The words of some columns, each with a number that means nothing.
type Seen = Vec<HashMap<Box<str>, u32>>;

impl ParquetScan {
    /// The scan with the levels of its categories, which are those of all rows.
    pub(super) fn with_levels(self) -> Result<Self> {
        let is_category = |j: &usize| self.shared.columns[*j].kind.is_coded();
        let places: Vec<usize> =
            (0..self.columns.len()).filter(|place| is_category(&self.columns[*place])).collect();
        if places.is_empty() {
            return Ok(self);
        }
        let columns: Vec<usize> = places.iter().map(|place| self.columns[*place]).collect();
        let words = Self::of(Arc::clone(&self.shared), columns, vec![None; places.len()]);
        let empty = || vec![HashMap::new(); places.len()];
        let seen = if words.units() == 1 {
            words.words(0, empty())?
        } else {
            let units = (0..words.units()).into_par_iter();
            let seen = units.try_fold(empty, |seen, unit| words.words(unit, seen));
            seen.try_reduce(empty, |one, other| {
                Ok(one.into_iter().zip(other).map(|(one, other)| both(one, other)).collect())
            })?
        };
        let mut known = vec![None; self.columns.len()];
        for (place, seen) in places.into_iter().zip(seen) {
            let numeric = self.shared.columns[self.columns[place]].numeric();
            // Sorted there.
            let labels = seen.into_keys().map(String::from).collect();
            known[place] = Some(Arc::new(Known::new(labels, numeric)));
        }
        Ok(Self::of(Arc::clone(&self.shared), self.columns.clone(), known))
    }

    /// The words of a unit, beside those that were seen before.
    fn words(&self, unit: usize, mut seen: Seen) -> Result<Seen> {
        let mut codes = Vec::with_capacity(RUN_ROWS);
        self.pieces(unit, |place, piece| {
            codes.clear();
            cells::codes(&piece.raw, piece.stored, &mut Words::Growing(&mut seen[place]), &mut codes)
                .map_err(|fault| piece.fault(&fault))
        })?;
        Ok(seen)
    }

    /// All rows in memory.
    ///
    /// # Errors
    /// Whatever is damaged, and cells that are not of the type asked for.
    pub fn gather(&self) -> Result<Read> {
        let mut suspects = Firsts::default();
        let table = gather(self, true, |unit| self.read(unit), |found| suspects.add(found))?;
        Ok(Read { suspects: suspects.in_order(self), table })
    }

    /// Reads every column once.
    ///
    /// # Errors
    /// As [`ParquetScan::gather`].
    pub fn survey(&self) -> Result<Survey> {
        let of_unit = |unit: usize| {
            let (table, suspects) = self.read(unit)?;
            let start = unit * RUN_ROWS;
            let facts: Vec<Facts> = table.columns().iter().map(|column| Facts::of(column, start)).collect();
            let digests: Vec<Digest> = table.columns().iter().map(piece_digest).collect();
            Ok((facts, digests, suspects))
        };
        let units: Vec<_> = (0..self.units()).into_par_iter().map(of_unit).collect::<Result<_>>()?;
        let mut facts = vec![Facts::default(); self.columns.len()];
        let mut pieces = vec![Vec::new(); self.columns.len()];
        let mut firsts = Firsts::default();
        for (own, digests, suspects) in units {
            facts.iter_mut().zip(own).for_each(|(all, own)| *all = all.then(own));
            pieces.iter_mut().zip(digests).for_each(|(all, own): (&mut Vec<Digest>, _)| all.push(own));
            firsts.add(suspects);
        }
        let fingerprint = digest_of_pieces(self.schema(), &pieces);
        Ok(Survey { fingerprint, facts, suspects: firsts.in_order(self) })
    }
}

fn both(mut one: HashMap<Box<str>, u32>, other: HashMap<Box<str>, u32>) -> HashMap<Box<str>, u32> {
    if one.is_empty() {
        return other;
    }
    one.extend(other);
    one
}

/// The first suspect of each column, by name.
#[derive(Default)]
struct Firsts(BTreeMap<String, Suspect>);

impl Firsts {
    /// Those of the next unit.
    fn add(&mut self, suspects: Vec<Suspect>) {
        for suspect in suspects {
            self.0.entry(suspect.column.clone()).or_insert(suspect);
        }
    }

    fn in_order(mut self, scan: &ParquetScan) -> Vec<Suspect> {
        scan.schema().names().filter_map(|name| self.0.remove(name)).collect()
    }
}
