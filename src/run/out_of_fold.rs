//! Pass 2: the out-of-fold predictions of many fits in one walk over the rows.

use std::ops::Range;

use rayon::prelude::*;

use super::pack::{Pack, Packers, pack_rows};
use super::two_pass::{Fit, TwoPass};
use crate::contract::Prediction;
use crate::diag::Result;
use crate::linalg::{Affine, Block, LinearForms, Matrix};
use crate::plan::parts;
use crate::table::RUN_ROWS;

/// The linear forms of one fold's fits, one column an output.
struct Forms {
    /// Of the numbers.
    numbers: LinearForms,
    /// Indicators x outputs.
    indicators: Matrix,
}

/// All folds' forms are evaluated for every row where they are at most so many: two tiles of models take little longer than
/// reading the rows, and rows that are evaluated as they lie need not be sorted by fold first.
const TOGETHER: usize = 16;

/// Folds are scattered where a row in so many is of another fold than the one before it.
const SCATTERED: usize = 64;

/// The forms of all folds side by side, for rows as they lie.
struct Together {
    forms: Forms,
    /// The first output of each fold, and behind it that of what is there only to fill a tile.
    first: Vec<usize>,
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
        let sums = self.sums(fits, parallel)?;
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

    /// Forms side by side.
    fn forms(&self, all: &[&Affine]) -> Forms {
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

    /// The forms of all folds for rows as they lie, where that is faster than to sort them: few forms, and folds that are
    /// scattered over the rows.
    fn together(&self, folds: &[Vec<&Affine>]) -> Option<Together> {
        let outputs: usize = folds.iter().map(Vec::len).sum();
        let changes = self.cell_of.windows(2).filter(|pair| pair[0] != pair[1]).count();
        if outputs == 0 || outputs > TOGETHER || changes < self.cell_of.len() / SCATTERED {
            return None;
        }
        let nothing = Affine { offset: 0.0, terms: Vec::new() };
        let filling = outputs.next_multiple_of(LinearForms::TILE) - outputs;
        let all: Vec<&Affine> =
            folds.iter().flatten().copied().chain(std::iter::repeat_n(&nothing, filling)).collect();
        let ends = folds.iter().scan(0, |end, forms| {
            *end += forms.len();
            Some(*end)
        });
        Some(Together { forms: self.forms(&all), first: [0].into_iter().chain(ends).collect() })
    }

    /// The values of all linear fits' forms. Every unit's rows have their place among those of their fold, so that units are
    /// worked on in any order and nothing is copied.
    fn sums(&self, fits: &[Vec<&Fit>], parallel: bool) -> Result<Outputs<Vec<f64>>> {
        let composed = fits.iter().map(|fits| fits.iter().filter_map(|fit| fit.composed.as_ref()).flatten());
        let folds: Vec<Vec<&Affine>> = composed.map(Iterator::collect).collect();
        let rows = |k: usize| self.bound.folds[k].test.len();
        // Each made anew, not copied: zeros that nobody has written cost no memory and no time.
        let outputs = |(k, forms): (usize, &Vec<&Affine>)| forms.iter().map(|_| vec![0.0; rows(k)]).collect();
        let mut sums: Outputs<Vec<f64>> = folds.iter().enumerate().map(outputs).collect();
        if folds.iter().all(Vec::is_empty) {
            return Ok(sums);
        }
        let forms = match self.together(&folds) {
            Some(together) => Work::Together(together),
            None => Work::Apart(folds.iter().map(|forms| self.forms(forms)).collect()),
        };
        let mut rest: Outputs<&mut [f64]> =
            sums.iter_mut().map(|outputs| outputs.iter_mut().map(Vec::as_mut_slice).collect()).collect();
        let counts = |cells: &[u16]| {
            let mut counts = vec![0; folds.len()];
            cells.iter().for_each(|cell| counts[*cell as usize] += 1);
            counts
        };
        let as_they_lie;
        let (pack, packed_as) = match &forms {
            Work::Apart(_) => (pack_rows(folds.len()), &*self.cell_of),
            Work::Together(_) => {
                as_they_lie = vec![0; self.cell_of.len()];
                (pack_rows(1), &as_they_lie[..])
            }
        };
        let packers = Packers::new(&self.layout, packed_as);
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
            let one = |(rows, into): (Range<usize>, Outputs<&mut [f64]>)| {
                let start = unit * RUN_ROWS;
                packers.with(|packer| {
                    let cells = &self.cell_of[start + rows.start..start + rows.end];
                    forms.write(packer.pack(&table, start, rows, None, |_, _, _| {}), cells, into);
                });
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

/// How rows are worked on.
enum Work {
    /// Each fold's rows with its own forms.
    Apart(Vec<Forms>),
    /// All rows with all forms.
    Together(Together),
}

impl Work {
    /// The values of packed rows, which are of these folds.
    fn write(&self, pack: Pack, cells: &[u16], mut into: Outputs<&mut [f64]>) {
        match self {
            Self::Apart(forms) => {
                pack.blocks(|k, block| forms[k].write(&block, &mut split(&mut into[k], block.rows)));
            }
            Self::Together(together) => {
                let mut values = Vec::new();
                let mut next = vec![0; into.len()];
                pack.blocks(|_, block| {
                    values.resize(block.rows * together.forms.numbers.len(), 0.0);
                    let mut outputs: Vec<&mut [f64]> = values.chunks_mut(block.rows).collect();
                    together.forms.numbers.write(block.numbers, block.shifts, &mut outputs);
                    for (row, cell) in cells[block.from..block.from + block.rows].iter().enumerate() {
                        let cell = *cell as usize;
                        for (own, into) in (together.first[cell]..).zip(&mut into[cell]) {
                            into[next[cell]] = together.forms.indicated(own, &block, row, outputs[own][row]);
                        }
                        next[cell] += 1;
                    }
                });
            }
        }
    }
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
                out.iter_mut().enumerate().for_each(|(i, sum)| *sum = self.indicated(t, block, i, *sum));
            }
        }
    }

    /// The sum of the numbers of a block's row, and the indicators that are set in it.
    fn indicated(&self, output: usize, block: &Block, row: usize, sum: f64) -> f64 {
        if self.indicators.rows() == 0 {
            return sum;
        }
        let factors = self.indicators.column(output);
        block.sets.of(block.from + row).iter().fold(sum, |sum, set| sum + factors[*set as usize])
    }
}
