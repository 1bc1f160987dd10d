//! Pass 2: the out-of-fold predictions of many fits in one walk over the rows.

use std::ops::Range;

use rayon::prelude::*;

use super::pack::{PACK, Packer};
use super::two_pass::{Fit, TwoPass};
use crate::contract::Prediction;
use crate::diag::Result;
use crate::linalg::{Affine, Block, Matrix, linear_many};
use crate::table::{RUN_ROWS, Table};

/// The linear forms of one fold's fits, one column an output.
struct Forms {
    /// Numbers x outputs.
    numbers: Matrix,
    /// Indicators x outputs.
    indicators: Matrix,
    offsets: Vec<f64>,
}

impl TwoPass<'_> {
    /// What each fold's fits say of its test rows, in the rows' order: `fits[k]` are those of fold `k`.
    /// Those that are linear in the raw columns share one walk over the table, which is in storage order.
    ///
    /// # Errors
    /// For each fit, whatever its steps or its model refuse; reading fails all.
    pub fn predict(&self, fits: &[Vec<&Fit>], parallel: bool) -> Result<Vec<Vec<Result<Prediction>>>> {
        let forms: Vec<Forms> = fits.iter().map(|fits| self.forms(fits)).collect();
        let sums = if forms.iter().any(|forms| !forms.offsets.is_empty()) {
            self.sums(&forms, parallel)?
        } else {
            fits.iter().map(|_| Matrix::zeros(0, 0)).collect()
        };
        let fold = |((fits, mut sums), k): ((&Vec<&Fit>, Matrix), usize)| {
            let mut output = 0;
            let one = |fit: &&Fit| match &fit.composed {
                // The only form's sums need no copy.
                Some(forms) if forms.len() == sums.columns() => {
                    Ok(fit.fitted.model.link(std::mem::replace(&mut sums, Matrix::zeros(0, 0))))
                }
                Some(forms) => {
                    let columns = output..output + forms.len();
                    output = columns.end;
                    let values = columns.flat_map(|t| sums.column(t)).copied().collect();
                    Ok(fit.fitted.model.link(Matrix::from_columns(sums.rows(), forms.len(), values)))
                }
                None => fit.fitted.predict(&self.bound.frame()?.take(&self.bound.folds[k].test)),
            };
            fits.iter().map(one).collect()
        };
        let folds = fits.iter().zip(sums).zip(0..);
        Ok(if parallel {
            folds.collect::<Vec<_>>().into_par_iter().map(fold).collect()
        } else {
            folds.map(fold).collect()
        })
    }

    /// The forms of all linear fits of a fold, side by side.
    fn forms(&self, fits: &[&Fit]) -> Forms {
        let all: Vec<&Affine> = fits.iter().filter_map(|fit| fit.composed.as_ref()).flatten().collect();
        let mut dense = Matrix::zeros(self.layout.features, all.len());
        for (t, form) in all.iter().enumerate() {
            form.terms.iter().for_each(|(at, factor)| dense[(*at as usize, t)] = *factor);
        }
        // Positions of targets come last and have no part in a prediction.
        let of = |positions: &[usize]| {
            let positions: Vec<usize> =
                positions.iter().copied().filter(|at| *at < self.layout.features).collect();
            Matrix::from_fn(positions.len(), all.len(), |i, t| dense[(positions[i], t)])
        };
        Forms {
            numbers: of(&self.layout.numbers),
            indicators: of(&self.layout.indicators),
            offsets: all.iter().map(|form| form.offset).collect(),
        }
    }

    /// Each fold's test rows x outputs.
    fn sums(&self, forms: &[Forms], parallel: bool) -> Result<Vec<Matrix>> {
        let one = |unit: usize| self.sums_of_unit(forms, unit, parallel);
        let units = self.scan().units();
        let rows = |k: usize| self.bound.folds[k].test.len();
        let empty = |(k, forms): (usize, &Forms)| Matrix::zeros(rows(k), forms.offsets.len());
        let mut sums: Vec<Matrix> = forms.iter().enumerate().map(empty).collect();
        let mut filled = vec![0; sums.len()];
        // Some units at a time: all of their parts beside the sums would be the predictions twice.
        let window = if parallel { 4 * rayon::current_num_threads() } else { 1 };
        for from in (0..units).step_by(window) {
            let units = from..(from + window).min(units);
            let parts: Vec<Result<Vec<Vec<Matrix>>>> =
                if parallel { units.into_par_iter().map(one).collect() } else { units.map(one).collect() };
            for unit in parts {
                for ((sums, filled), part) in sums.iter_mut().zip(&mut filled).zip(unit?) {
                    for part in part {
                        let rows = *filled..*filled + part.rows();
                        (0..part.columns())
                            .for_each(|t| sums.column_mut(t)[rows.clone()].copy_from_slice(part.column(t)));
                        *filled = rows.end;
                    }
                }
            }
        }
        Ok(sums)
    }

    /// Of each fold, the parts that its rows in a unit make, in order.
    fn sums_of_unit(&self, forms: &[Forms], unit: usize, parallel: bool) -> Result<Vec<Vec<Matrix>>> {
        let table = self.scan().unit(unit)?;
        let part = |rows| self.sums_of_part(forms, &table, unit * RUN_ROWS, rows);
        let parts = self.layout.products.parts(table.rows());
        let parts: Vec<Vec<Vec<Matrix>>> = if parallel {
            parts.collect::<Vec<_>>().into_par_iter().map(part).collect()
        } else {
            parts.map(part).collect()
        };
        let mut all: Vec<Vec<Matrix>> = forms.iter().map(|_| Vec::new()).collect();
        for part in parts {
            all.iter_mut().zip(part).for_each(|(all, part)| all.extend(part));
        }
        Ok(all)
    }

    /// The same of some rows of a unit that starts at global row `start`.
    fn sums_of_part(
        &self,
        forms: &[Forms],
        table: &Table,
        start: usize,
        part: Range<usize>,
    ) -> Vec<Vec<Matrix>> {
        let mut packer = Packer::new(&self.layout, &self.cell_of);
        let mut parts: Vec<Vec<Matrix>> = forms.iter().map(|_| Vec::new()).collect();
        for from in part.clone().step_by(PACK) {
            let rows = from..(from + PACK).min(part.end);
            let pack = packer.pack(table, start, rows, None, |_, _, _| {});
            pack.blocks(|k, block| parts[k].push(forms[k].of(&block)));
        }
        parts
    }
}

impl Forms {
    /// The outputs for a block: the numbers first, then the indicators in their order.
    fn of(&self, block: &Block) -> Matrix {
        let mut sums = linear_many(block.rows, block.numbers, block.shifts, &self.numbers, &self.offsets);
        if self.indicators.rows() > 0 {
            for t in 0..self.offsets.len() {
                let factors = self.indicators.column(t);
                for (i, sum) in sums.column_mut(t).iter_mut().enumerate() {
                    block.sets.of(block.from + i).iter().for_each(|set| *sum += factors[*set as usize]);
                }
            }
        }
        sums
    }
}
