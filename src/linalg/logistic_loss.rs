//! The log loss of two classes and the softmax loss of more, of many rows at once.

use faer::{Accum, MatMut, MatRef, Par};

use super::Matrix;
use super::blocks::grow;
use super::elementary::{exp_of_negative, ln_1p_of_positive};
use super::faer_view::view;
use super::sums::{self, vectorised};

/// How linear predictors become class probabilities.
pub(super) struct Classes {
    classes: usize,
    /// For the softmax of K classes, K x (K - 1): orthonormal columns that sum to 0 (Helmert). The predictors of the
    /// classes are this times K - 1 free ones. For two classes 1 x 1: the predictor of code 1 itself.
    pub(super) basis: Matrix,
}

/// Rows of one block: what is known of them, and what is to be derived.
pub(super) struct Derive<'a> {
    /// Codes of the classes.
    pub(super) codes: &'a [u32],
    /// Weights; 0 for rows that take no part.
    pub(super) weight: &'a [f64],
    /// Rows x free predictors; afterwards the derivative of each row's weighted loss with respect to them.
    pub(super) predictors: &'a mut [f64],
    /// Rows x pairs (a, b >= a) of free predictors for the weighted second derivatives, or nothing.
    pub(super) curvatures: Option<&'a mut [f64]>,
}

/// Room to work in.
#[derive(Default)]
pub(super) struct LossRoom {
    losses: Vec<f64>,
    /// Rows x classes: exponentials, then probabilities, then slopes.
    chances: Vec<f64>,
    own: Vec<f64>,
    top: Vec<f64>,
    others: Vec<f64>,
    /// Rows x free predictors: the expected column of the basis.
    means: Vec<f64>,
}

impl Classes {
    pub(super) fn new(classes: usize) -> Self {
        let helmert = |k: usize, a: usize| {
            let norm = (((a + 1) * (a + 2)) as f64).sqrt();
            if k <= a {
                1.0 / norm
            } else if k == a + 1 {
                -((a + 1) as f64) / norm
            } else {
                0.0
            }
        };
        let basis = match classes {
            2 => Matrix::from_columns(1, 1, vec![1.0]),
            _ => Matrix::from_fn(classes, classes - 1, helmert),
        };
        Self { classes, basis }
    }

    /// The number of classes.
    pub(super) fn count(&self) -> usize {
        self.classes
    }

    /// The number of free predictors.
    pub(super) fn free(&self) -> usize {
        self.basis.columns()
    }

    /// The number of pairs of free predictors.
    pub(super) fn pairs(&self) -> usize {
        self.free() * (self.free() + 1) / 2
    }

    /// The number of predictors that a model has: one for two classes, else one a class.
    pub(super) fn outputs(&self) -> usize {
        self.basis.rows()
    }

    /// Derives the losses of rows and gives their weighted sum. Rows of weight 0 add nothing, whatever their loss.
    pub(super) fn derive(&self, rows: Derive, room: &mut LossRoom) -> f64 {
        let n = rows.codes.len();
        if self.classes == 2 {
            two(rows, grow(&mut room.losses, n));
        } else {
            self.softmax(rows, room);
        }
        sums::sum(&room.losses[..n])
    }

    fn softmax(&self, rows: Derive, room: &mut LossRoom) {
        let (n, free) = (rows.codes.len(), self.free());
        let chances = grow(&mut room.chances, n * self.classes);
        let (own, top, others) = (grow(&mut room.own, n), grow(&mut room.top, n), grow(&mut room.others, n));
        let predictors = MatRef::from_column_major_slice(&*rows.predictors, n, free);
        let into = MatMut::from_column_major_slice_mut(chances, n, self.classes);
        let basis = view(&self.basis);
        faer::linalg::matmul::matmul(into, Accum::Replace, predictors, basis.transpose(), 1.0, Par::Seq);
        let places = || rows.codes.iter().enumerate().map(|(i, code)| *code as usize * n + i);
        own.iter_mut().zip(places()).for_each(|(own, place)| *own = chances[place]);
        exponentials(chances, own, top);
        // The others are summed without the own class: nothing cancels where its probability is near 1.
        places().for_each(|place| chances[place] = 0.0);
        total(chances, others);
        losses(grow(&mut room.losses, n), own, top, others, rows.weight);
        if let Some(curvatures) = rows.curvatures {
            own.iter().zip(places()).for_each(|(own, place)| chances[place] = *own);
            chances.chunks_exact_mut(n).for_each(|chances| share(chances, own, others));
            self.curve(chances, rows.weight, grow(&mut room.means, n * free), curvatures);
        } else {
            chances.chunks_exact_mut(n).for_each(|chances| share(chances, own, others));
        }
        for chances in chances.chunks_exact_mut(n) {
            vectorised(
                #[inline(always)]
                || chances.iter_mut().zip(rows.weight).for_each(|(chance, weight)| *chance *= weight),
            );
        }
        for (i, place) in places().enumerate() {
            chances[place] = -rows.weight[i] * (others[i] / (others[i] + own[i]));
        }
        let slopes = MatRef::from_column_major_slice(&*chances, n, self.classes);
        let into = MatMut::from_column_major_slice_mut(rows.predictors, n, free);
        faer::linalg::matmul::matmul(into, Accum::Replace, slopes, basis, 1.0, Par::Seq);
    }

    /// Covariances of the columns of the basis under each row's probabilities.
    fn curve(&self, chances: &[f64], weight: &[f64], means: &mut [f64], curvatures: &mut [f64]) {
        let (n, free) = (weight.len(), self.free());
        let probabilities = MatRef::from_column_major_slice(chances, n, self.classes);
        let into = MatMut::from_column_major_slice_mut(means, n, free);
        faer::linalg::matmul::matmul(into, Accum::Replace, probabilities, view(&self.basis), 1.0, Par::Seq);
        let pairs = (0..free).flat_map(|a| (a..free).map(move |b| (a, b)));
        for ((a, b), into) in pairs.zip(curvatures.chunks_exact_mut(n)) {
            let (mean_a, mean_b) = (&means[a * n..(a + 1) * n], &means[b * n..(b + 1) * n]);
            into.fill(0.0);
            for (k, chances) in chances.chunks_exact(n).enumerate() {
                let (za, zb) = (self.basis[(k, a)], self.basis[(k, b)]);
                vectorised(
                    #[inline(always)]
                    || {
                        for (((into, p), ma), mb) in into.iter_mut().zip(chances).zip(mean_a).zip(mean_b) {
                            *into += p * (za - ma) * (zb - mb);
                        }
                    },
                );
            }
            vectorised(
                #[inline(always)]
                || into.iter_mut().zip(weight).for_each(|(into, weight)| *into *= weight),
            );
        }
    }
}

fn two(rows: Derive, losses: &mut [f64]) {
    let Derive { codes, weight, predictors, curvatures } = rows;
    match curvatures {
        Some(curvatures) => vectorised(
            #[inline(always)]
            || {
                let both = predictors.iter_mut().zip(curvatures).zip(losses);
                for (((eta, curvature), loss), (code, weight)) in both.zip(codes.iter().zip(weight)) {
                    (*loss, *eta, *curvature) = one_of_two(*eta, *code, *weight);
                }
            },
        ),
        None => vectorised(
            #[inline(always)]
            || {
                let both = predictors.iter_mut().zip(losses);
                for ((eta, loss), (code, weight)) in both.zip(codes.iter().zip(weight)) {
                    (*loss, *eta, _) = one_of_two(*eta, *code, *weight);
                }
            },
        ),
    }
}

/// Loss, slope and curvature of a row of two classes.
#[inline(always)]
fn one_of_two(eta: f64, code: u32, weight: f64) -> (f64, f64, f64) {
    let sign = f64::from(code).mul_add(2.0, -1.0);
    let right = eta * sign;
    let small = exp_of_negative(-right.abs());
    let large = 1.0 / (1.0 + small);
    let loss = ln_1p_of_positive(small) + if right < 0.0 { -right } else { 0.0 };
    let wrong = if right < 0.0 { large } else { small * large };
    let slope = -sign * weight * wrong;
    (if weight == 0.0 { 0.0 } else { weight * loss }, slope, weight * (small * large * large))
}

/// From predictors of the classes and of the own one: `top`, how far the greatest exceeds the own; `own` and all others
/// become exponentials, relative to the greatest.
fn exponentials(chances: &mut [f64], own: &mut [f64], top: &mut [f64]) {
    let n = own.len();
    top.fill(0.0);
    for chances in chances.chunks_exact_mut(n) {
        vectorised(
            #[inline(always)]
            || {
                for ((chance, own), top) in chances.iter_mut().zip(&*own).zip(&mut *top) {
                    *chance -= own;
                    *top = if *chance > *top { *chance } else { *top };
                }
            },
        );
    }
    for chances in chances.chunks_exact_mut(n) {
        vectorised(
            #[inline(always)]
            || {
                for (chance, top) in chances.iter_mut().zip(&*top) {
                    *chance = exp_of_negative(*chance - top);
                }
            },
        );
    }
    vectorised(
        #[inline(always)]
        || own.iter_mut().zip(&*top).for_each(|(own, top)| *own = exp_of_negative(-top)),
    );
}

fn total(chances: &[f64], sum: &mut [f64]) {
    sum.fill(0.0);
    for chances in chances.chunks_exact(sum.len()) {
        vectorised(
            #[inline(always)]
            || sum.iter_mut().zip(chances).for_each(|(sum, chance)| *sum += chance),
        );
    }
}

/// Losses top + ln(own + others), where one of the exponentials is 1.
fn losses(losses: &mut [f64], own: &[f64], top: &[f64], others: &[f64], weight: &[f64]) {
    vectorised(
        #[inline(always)]
        || {
            let sums = own.iter().zip(top).zip(others).zip(weight);
            for (loss, (((own, top), others), weight)) in losses.iter_mut().zip(sums) {
                let beside = if *top > 0.0 { (others - 1.0) + own } else { *others };
                let value = top + ln_1p_of_positive(beside);
                *loss = if *weight == 0.0 { 0.0 } else { weight * value };
            }
        },
    );
}

fn share(chances: &mut [f64], own: &[f64], others: &[f64]) {
    vectorised(
        #[inline(always)]
        || {
            for ((chance, own), others) in chances.iter_mut().zip(own).zip(others) {
                *chance /= own + others;
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loss, slopes and curvatures of one row, as in the definition.
    fn by_hand(classes: &Classes, eta: &[f64], code: usize, weight: f64) -> (f64, Vec<f64>, Vec<f64>) {
        let free = classes.free();
        let all: Vec<f64> = match classes.classes {
            2 => vec![0.0, eta[0]],
            count => (0..count).map(|k| (0..free).map(|a| classes.basis[(k, a)] * eta[a]).sum()).collect(),
        };
        let column = |a: usize| match classes.classes {
            2 => vec![0.0, 1.0],
            _ => classes.basis.column(a).to_vec(),
        };
        let sum: f64 = all.iter().map(|eta| eta.exp()).sum();
        let p: Vec<f64> = all.iter().map(|eta| eta.exp() / sum).collect();
        let mean = |a: usize| column(a).iter().zip(&p).map(|(z, p)| z * p).sum::<f64>();
        let slopes = (0..free).map(|a| weight * (mean(a) - column(a)[code])).collect();
        let mut curvatures = Vec::new();
        for a in 0..free {
            for b in a..free {
                let both: f64 = (0..all.len()).map(|k| p[k] * column(a)[k] * column(b)[k]).sum();
                curvatures.push(weight * (both - mean(a) * mean(b)));
            }
        }
        (weight * (sum.ln() - all[code]), slopes, curvatures)
    }

    #[test]
    fn rows_are_derived_as_defined() {
        for count in [2, 3, 5] {
            let (classes, n) = (Classes::new(count), 37);
            let (free, pairs) = (classes.free(), classes.pairs());
            let codes: Vec<u32> = (0..n).map(|i| (i * 7 % count) as u32).collect();
            let weight: Vec<f64> = (0..n).map(|i| (i % 4) as f64).collect();
            let eta: Vec<f64> = (0..n * free).map(|i| ((i * i * 31) % 101) as f64 / 10.0 - 5.0).collect();
            let mut slopes = eta.clone();
            let mut curvatures = vec![0.0; n * pairs];
            let rows =
                |predictors, curvatures| Derive { codes: &codes, weight: &weight, predictors, curvatures };
            let room = &mut LossRoom::default();
            let sum = classes.derive(rows(&mut slopes, Some(&mut curvatures)), room);
            let mut again = eta.clone();
            assert_eq!(classes.derive(rows(&mut again, None), room), sum);
            assert_eq!(again, slopes);
            let mut expected = 0.0;
            for i in 0..n {
                let own: Vec<f64> = (0..free).map(|a| eta[a * n + i]).collect();
                let (loss, slope, curvature) = by_hand(&classes, &own, codes[i] as usize, weight[i]);
                expected += loss;
                for a in 0..free {
                    assert!((slopes[a * n + i] - slope[a]).abs() < 1e-14, "{count} {i} {a}");
                }
                for k in 0..pairs {
                    assert!((curvatures[k * n + i] - curvature[k]).abs() < 1e-14, "{count} {i} {k}");
                }
            }
            assert!((sum - expected).abs() < 1e-12 * expected);
        }
    }

    #[test]
    fn certain_rows_keep_their_digits() {
        for count in [2, 3] {
            let classes = Classes::new(count);
            // The predictors of the classes are apart by 80.
            let far: Vec<f64> = match count {
                2 => vec![80.0],
                _ => (0..2).map(|a| 80.0 * classes.basis[(1, a)]).collect(),
            };
            let others = (count - 1) as f64;
            let derive = |code, predictors: &mut [f64], weight| {
                let rows = Derive { codes: &[code], weight: &[weight], predictors, curvatures: None };
                classes.derive(rows, &mut LossRoom::default())
            };
            let mut slopes = far.clone();
            let loss = derive(1, &mut slopes, 1.0);
            assert!((loss / (others * (-80f64).exp()) - 1.0).abs() < 1e-12, "{loss}");
            let size: f64 = slopes.iter().map(|slope| slope * slope).sum::<f64>().sqrt();
            assert!(size > 0.9 * (-80f64).exp() && size < 3.0 * (-80f64).exp(), "{size}");
            assert!((derive(0, &mut far.clone(), 1.0) - 80.0).abs() < 1e-12);
            let mut infinite = vec![f64::INFINITY; far.len()];
            assert_eq!(derive(0, &mut infinite, 0.0), 0.0);
        }
    }

    #[test]
    fn losses_that_are_not_numbers_show() {
        let of = |count, predictors: &mut [f64]| {
            let rows = Derive { codes: &[1], weight: &[1.0], predictors, curvatures: None };
            Classes::new(count).derive(rows, &mut LossRoom::default())
        };
        assert!(of(2, &mut [f64::NAN]).is_nan());
        assert!(of(3, &mut [f64::NAN, 0.0]).is_nan());
        assert!(!of(2, &mut [f64::NEG_INFINITY]).is_finite());
    }
}
