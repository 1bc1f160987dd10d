//! Pass 2: the out-of-fold predictions of many fits in one walk over the rows.

use std::ops::Range;

use rayon::prelude::*;

use super::pack::{Packer, Packers, pack_rows};
use super::two_pass::{Fit, TwoPass};
use crate::contract::Prediction;
use crate::diag::Result;
use crate::linalg::{Affine, Block, LinearForms, Matrix};
use crate::plan::parts;
use crate::table::{RUN_ROWS, Table};

/// The linear forms of one fold's fits, one column an output.
struct Forms {
    /// Of the numbers.
    numbers: LinearForms,
    /// Indicators x outputs.
    indicators: Matrix,
}

/// For each fold, for each output, the values of its test rows, or of those in a unit.
type Outputs<V> = Vec<Vec<V>>;

/// A unit, with the outputs of each of its parts.
type UnitOutputs<'a> = (usize, Vec<(Range<usize>, Outputs<&'a mut [f64]>)>);

impl TwoPass<'_> {
    /// Shows `judge` what each fold's fits say of its test rows, in the rows' order: `fits[k]` are those of fold `k`. Gives
    /// what it makes of each. Those that are linear in the raw columns share one walk over the table, which is in storage order.
    ///
    /// # Errors
    /// For each fit, to `judge`, whatever its steps or its model refuse; reading fails all.
    pub fn predict<T: Send>(
        &self,
        fits: &[Vec<&Fit>],
        parallel: bool,
        judge: impl Fn(usize, &Fit, Result<Prediction>) -> T + Sync,
    ) -> Result<Vec<Vec<T>>> {
        let forms: Vec<Forms> = fits.iter().map(|fits| self.forms(fits)).collect();
        let sums = self.sums(&forms, parallel)?;
        let fold = |((fits, sums), k): ((&Vec<&Fit>, Vec<Vec<f64>>), usize)| {
            let mut sums = sums.into_iter();
            let mut one = |fit: &Fit| match &fit.composed {
                Some(forms) => {
                    let mut values = sums.next().unwrap_or_default();
                    let rows = values.len();
                    sums.by_ref().take(forms.len() - 1).for_each(|more| values.extend(more));
                    Ok(fit.fitted.model.link(Matrix::from_columns(rows, forms.len(), values)))
                }
                None => fit.fitted.predict(&self.bound.frame()?.take(&self.bound.folds[k].test)),
            };
            fits.iter().map(|fit| judge(k, fit, one(fit))).collect()
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
        let offsets = all.iter().map(|form| form.offset).collect();
        Forms {
            numbers: LinearForms::new(&of(&self.layout.numbers), offsets),
            indicators: of(&self.layout.indicators),
        }
    }

    /// The forms' values. Every unit's rows have their place among those of their fold, so that units are worked on in any
    /// order and nothing is copied.
    fn sums(&self, forms: &[Forms], parallel: bool) -> Result<Outputs<Vec<f64>>> {
        let rows = |k: usize| self.bound.folds[k].test.len();
        // Each made anew, not copied: zeros that nobody has written cost no memory and no time.
        let outputs =
            |(k, forms): (usize, &Forms)| (0..forms.numbers.len()).map(|_| vec![0.0; rows(k)]).collect();
        let mut sums: Outputs<Vec<f64>> = forms.iter().enumerate().map(outputs).collect();
        if forms.iter().all(|forms| forms.numbers.is_empty()) {
            return Ok(sums);
        }
        let mut rest: Outputs<&mut [f64]> =
            sums.iter_mut().map(|outputs| outputs.iter_mut().map(Vec::as_mut_slice).collect()).collect();
        let counts = |cells: &[u16]| {
            let mut counts = vec![0; forms.len()];
            cells.iter().for_each(|cell| counts[*cell as usize] += 1);
            counts
        };
        let pack = pack_rows(forms.len());
        let packers = Packers::new(&self.layout, &self.cell_of);
        let mut units: Vec<UnitOutputs> = Vec::with_capacity(self.scan().units());
        for (unit, cells) in self.cell_of.chunks(RUN_ROWS).enumerate() {
            let part = |rows: Range<usize>| {
                let outputs = rest.iter_mut().zip(counts(&cells[rows.clone()]));
                (rows, outputs.map(|(rest, count)| split(rest, count)).collect())
            };
            units.push((unit, parts(cells.len(), pack).map(part).collect()));
        }
        // The parts of a streamed unit are left to its thread: one that waits for them would begin with another unit.
        let beside = parallel && !self.bound.x.is_streamed();
        let one = |(unit, parts): UnitOutputs| {
            let table = self.scan().unit(unit)?;
            let one = |(rows, into)| {
                packers.with(|packer| sums_of_part(forms, packer, &table, unit * RUN_ROWS, rows, into))
            };
            if beside {
                parts.into_par_iter().for_each(one)
            } else {
                parts.into_iter().for_each(one)
            }
            Ok(())
        };
        if parallel {
            units.into_par_iter().map(one).collect::<Result<()>>()?;
        } else {
            units.into_iter().try_for_each(one)?;
        }
        Ok(sums)
    }
}

/// The values of some rows of a unit that starts at global row `start`.
fn sums_of_part(
    forms: &[Forms],
    packer: &mut Packer,
    table: &Table,
    start: usize,
    part: Range<usize>,
    mut into: Outputs<&mut [f64]>,
) {
    let pack = packer.pack(table, start, part, None, |_, _, _| {});
    pack.blocks(|k, block| forms[k].write(&block, &mut split(&mut into[k], block.rows)));
}

/// Takes the first rows off every output.
fn split<'a>(outputs: &mut [&'a mut [f64]], rows: usize) -> Vec<&'a mut [f64]> {
    let first = |output: &mut &'a mut [f64]| output.split_off_mut(..rows).unwrap_or_default();
    outputs.iter_mut().map(first).collect()
}

impl Forms {
    /// The outputs for a block: the numbers first, then the indicators in their order.
    fn write(&self, block: &Block, out: &mut [&mut [f64]]) {
        self.numbers.write(block.numbers, block.shifts, out);
        if self.indicators.rows() > 0 {
            for (t, out) in out.iter_mut().enumerate() {
                let factors = self.indicators.column(t);
                for (i, sum) in out.iter_mut().enumerate() {
                    block.sets.of(block.from + i).iter().for_each(|set| *sum += factors[*set as usize]);
                }
            }
        }
    }
}
