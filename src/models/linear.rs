//! Linear forms: their values on a frame, and how they are saved.

use rayon::prelude::*;

use crate::contract::{Block, Frame, Linear, Loader, Saver};
use crate::diag::{Code, Result};
use crate::linalg::{BLOCK, Matrix, linear_into};
use crate::onnx::{Graph, Numbers, Wire};
use crate::table::Rows;

/// Below this many cells a thread pool costs more than it saves.
const PARALLEL_CELLS: usize = 1_000_000;

/// The form's values, rows x outputs. Each row's terms are added in the features' order, from the
/// intercept on, so equal rows give equal bits in every batch; an indicator that is not set adds a
/// zero, which changes no bit, so it is left out.
///
/// # Errors
/// `TypeMismatch`, `BadCell` or `NotFinite` with feature and row, as [`Frame::design`]; `NotFinite`
/// when a value overflows.
pub(super) fn values(form: &Linear, frame: &Frame) -> Result<Matrix> {
    if frame.features() != form.coef.rows() {
        let message =
            format!("a model was fitted on {} features and got {}", form.coef.rows(), frame.features());
        return Err(Code::Bug.error(message));
    }
    let chunk = |start: usize| chunk(form, frame, start, (frame.rows() - start).min(BLOCK));
    let starts: Vec<usize> = (0..frame.rows()).step_by(BLOCK).collect();
    let chunks: Vec<Vec<f64>> = if frame.rows() * frame.features() > PARALLEL_CELLS {
        starts.par_iter().copied().map(chunk).collect()
    } else {
        starts.iter().copied().map(chunk).collect()
    };
    let mut values = Matrix::zeros(frame.rows(), form.coef.columns());
    for (start, chunk) in starts.iter().zip(&chunks) {
        let rows = chunk.len() / form.coef.columns();
        for (k, output) in chunk.chunks(rows).enumerate() {
            values.column_mut(k)[*start..start + rows].copy_from_slice(output);
        }
    }
    check(frame, &values)?;
    Ok(values)
}

/// The form's values in a graph.
///
/// # Errors
/// `NotSupported` for a category.
pub(super) fn onnx(form: &Linear, graph: &mut Graph, features: &Wire) -> Result<Numbers> {
    let products = if features.features() == 0 {
        graph.constant_rows(&vec![0.0; form.intercept.len()])?
    } else {
        let numbers = graph.numbers(features)?;
        graph.product(&numbers, &form.coef)
    };
    Ok(graph.add(&products, &form.intercept))
}

/// The values of `rows` rows from `start`, output after output.
fn chunk(form: &Linear, frame: &Frame, start: usize, rows: usize) -> Vec<f64> {
    let mut values = vec![0.0; rows * form.coef.columns()];
    for (k, into) in values.chunks_mut(rows).enumerate() {
        into.fill(form.intercept[k]);
        output(form.coef.column(k), frame, start, into);
    }
    values
}

/// Adds the terms of the rows from `start`. A category makes a value missing, and [`check`] finds it.
fn output(coef: &[f64], frame: &Frame, start: usize, into: &mut [f64]) {
    let end = start + into.len();
    let mut run: Vec<&[f64]> = Vec::new();
    let mut j = 0;
    for block in frame.blocks() {
        match block {
            Block::Number { values, .. } => run.push(&values[start..end]),
            Block::OneHot { codes, .. } => {
                add(into, &run, &coef[j - run.len()..j]);
                run.clear();
                let coef = &coef[j..j + block.features()];
                for (sum, code) in into.iter_mut().zip(&codes[start..end]) {
                    // MISSING is beyond every indicator.
                    *sum += coef.get(*code as usize).copied().unwrap_or(0.0);
                }
            }
            Block::Codes { .. } => {
                run.clear();
                into.fill(f64::NAN);
            }
        }
        j += block.features();
    }
    add(into, &run, &coef[j - run.len()..j]);
}

/// Adds the products of some columns in their order: what is there already goes first, times 1.
fn add(into: &mut [f64], columns: &[&[f64]], coef: &[f64]) {
    if columns.is_empty() {
        return;
    }
    let sums = into.to_vec();
    let columns: Vec<&[f64]> = std::iter::once(sums.as_slice()).chain(columns.iter().copied()).collect();
    let coef: Vec<f64> = std::iter::once(1.0).chain(coef.iter().copied()).collect();
    linear_into(into, &columns, &coef, 0.0);
}

/// Finds out why a value is not finite: any unusable cell makes its row's values so.
fn check(frame: &Frame, values: &Matrix) -> Result<()> {
    for k in 0..values.columns() {
        if let Some(row) = values.column(k).iter().position(|value| !value.is_finite()) {
            frame.design(&Rows::Range(row as u32..row as u32 + 1))?;
            let message = format!("the prediction of row {} is {}", row + 1, values[(row, k)]);
            return Err(Code::NotFinite.error(message).help(
                "look at the row with `pipefit data show`: its values are far beyond those of training",
            ));
        }
    }
    Ok(())
}

/// Saves a form as `coef`, features x outputs, and `intercept`.
pub(super) fn save(form: &Linear, saver: &mut Saver) {
    saver.matrix("coef", &form.coef);
    saver.numbers("intercept", &form.intercept);
}

/// Loads a form.
///
/// # Errors
/// `Damaged` when shapes do not fit, there is no output, or a number is not finite.
pub(super) fn load(loader: &Loader) -> Result<Linear> {
    let coef = loader.matrix("coef")?;
    if coef.columns() == 0 {
        return Err(loader.damaged("coef", "has no output"));
    }
    let form = Linear { intercept: loader.numbers_of("intercept", coef.columns())?, coef };
    usable(form).ok_or_else(|| loader.damaged("coef", "or its `intercept` holds a number that is not finite"))
}

/// The form, unless a coefficient is not finite.
///
/// # Errors
/// `NotFinite`.
pub(super) fn finite(form: Linear, model: &str) -> Result<Linear> {
    if let Some(form) = usable(form) {
        return Ok(form);
    }
    let message = format!("{model} has coefficients that are not finite");
    Err(Code::NotFinite.error(message).help("the features or the target are too great: scale them"))
}

/// The form if all its numbers are finite, with 0 for an intercept of -0: no sum that starts at 0 can
/// be -0, which alone would show a zero that was left out.
fn usable(mut form: Linear) -> Option<Linear> {
    form.intercept.iter_mut().for_each(|intercept| *intercept += 0.0);
    form.coef.values().iter().chain(&form.intercept).all(|number| number.is_finite()).then_some(form)
}

/// `coef_` as scikit-learn shapes it, outputs x features.
pub(super) fn coef(form: &Linear) -> Matrix {
    Matrix::from_fn(form.coef.columns(), form.coef.rows(), |k, j| form.coef[(j, k)])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::table::{Levels, MISSING};

    fn number(values: &[f64]) -> Block {
        Block::Number { name: "x".into(), values: values.to_vec().into() }
    }

    fn form(p: usize) -> Linear {
        let coef = |j: usize, k: usize| ((j * 7 + k * 3) % 11) as f64 / 7.0 - 0.8;
        usable(Linear { coef: Matrix::from_fn(p, 2, coef), intercept: vec![-0.0, 0.1] }).unwrap()
    }

    fn bits(values: &Matrix) -> Vec<u64> {
        values.values().iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn indicators_give_the_bits_of_their_dense_form() {
        let names: Arc<[Arc<str>]> = (0..3).map(|k| Arc::from(format!("c_{k}"))).collect();
        let codes = [2, MISSING, 0, 1, 0].into();
        let frame = Frame::new(
            5,
            vec![Block::OneHot { names, codes }, number(&[0.3, -0.0, 1e9, 0.7, -2.0]), number(&[0.0; 5])],
        );
        let sparse = values(&form(5), &frame).unwrap();
        assert_eq!(bits(&sparse), bits(&values(&form(5), &frame.unpacked()).unwrap()));
    }

    #[test]
    fn a_row_has_the_same_bits_in_every_batch() {
        let cells =
            |scale: f64| (0..9000).map(|i| ((i * 37 % 101) as f64).sqrt() * scale).collect::<Vec<_>>();
        let frame = Frame::new(9000, (0..130).map(|j| number(&cells(f64::from(j) + 0.1))).collect());
        let all = values(&form(130), &frame).unwrap();
        for row in [0u32, 2047, 2048, 8999] {
            let blocks = frame.blocks().iter().map(|block| {
                let Block::Number { values, .. } = block else { panic!("numbers") };
                number(&values[row as usize..row as usize + 1])
            });
            let one = values(&form(130), &Frame::new(1, blocks.collect())).unwrap();
            assert_eq!(bits(&one), [all[(row as usize, 0)].to_bits(), all[(row as usize, 1)].to_bits()]);
        }
    }

    #[test]
    fn an_unusable_cell_is_named() {
        let error = |block: Block| {
            let row = block_rows(&block);
            values(&form(1), &Frame::new(row, vec![block])).unwrap_err()
        };
        let missing = error(number(&[1.0, f64::NAN]));
        assert_eq!(missing.code(), Code::BadCell);
        assert!(missing.message().contains("row 2"), "{missing}");
        assert_eq!(error(number(&[f64::INFINITY])).code(), Code::NotFinite);
        let levels = Arc::new(Levels::new(vec!["a".into()], false));
        let category = Block::Codes { name: "c".into(), codes: vec![0].into(), levels };
        assert_eq!(error(category).code(), Code::TypeMismatch);
        let great = Linear { coef: Matrix::from_columns(1, 1, vec![1e200]), intercept: vec![0.0] };
        let overflow = values(&great, &Frame::new(1, vec![number(&[1e200])])).unwrap_err();
        assert_eq!(overflow.message(), "the prediction of row 1 is inf");
    }

    fn block_rows(block: &Block) -> usize {
        match block {
            Block::Number { values, .. } => values.len(),
            Block::Codes { codes, .. } => codes.len(),
            Block::OneHot { codes, .. } => codes.len(),
        }
    }
}
