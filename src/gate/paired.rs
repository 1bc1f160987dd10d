//! The difference of two pipelines on the same folds.

use crate::linalg::student;

/// How sure the interval is.
pub const CONFIDENCE: f64 = 0.95;

/// What folds tell of the difference of two pipelines: the t test of Nadeau and Bengio, "Inference for the Generalization
/// Error" (2003), which counts the variance over the folds 1/k + test/train times, since training rows overlap. For repeated
/// random splits it is an approximation, for k folds a heuristic.
#[derive(Clone, Debug, PartialEq)]
pub struct Paired {
    /// The champion's score in each fold.
    pub champion: Vec<f64>,
    /// The new one's.
    pub challenger: Vec<f64>,
    /// The mean of the differences, new less old.
    pub mean: f64,
    /// Its corrected standard error.
    pub error: f64,
    /// The mean over the standard error; infinite, or not a number, where all differences are equal.
    pub t: f64,
    /// The number of folds less one.
    pub degrees: usize,
    /// The ends of the interval at [`CONFIDENCE`].
    pub interval: (f64, f64),
    /// The probability of such a t or a greater one if the new pipeline is no better.
    pub p_value: f64,
}

impl Paired {
    /// Compares scores of the same folds, with the sizes (training rows, test rows) of each.
    ///
    /// # Panics
    /// With fewer than two folds, or lists of different lengths.
    pub fn of(champion: &[f64], challenger: &[f64], sizes: &[(usize, usize)]) -> Self {
        let folds = champion.len();
        assert!(folds >= 2 && challenger.len() == folds && sizes.len() == folds);
        let (count, degrees) = (folds as f64, folds - 1);
        let differences: Vec<f64> = challenger.iter().zip(champion).map(|(new, old)| new - old).collect();
        let mean = differences.iter().sum::<f64>() / count;
        let squares: f64 = differences.iter().map(|d| (d - mean) * (d - mean)).sum();
        let ratio = sizes.iter().map(|(train, test)| *test as f64 / *train as f64).sum::<f64>() / count;
        let error = (squares / degrees as f64 * (1.0 / count + ratio)).sqrt();
        let t = mean / error;
        let half = student::upper_point((1.0 - CONFIDENCE) / 2.0, degrees) * error;
        // Without any spread nothing is left to chance but a difference of nothing.
        let p_value = if t.is_nan() { 0.5 } else { student::upper_tail(t, degrees) };
        let interval = (mean - half, mean + half);
        let (champion, challenger) = (champion.to_vec(), challenger.to_vec());
        Self { champion, challenger, mean, error, t, degrees, interval, p_value }
    }
}

#[cfg(test)]
mod tests {
    use super::Paired;

    /// As NumPy and scipy.stats.t compute it: `d = b - a`, `se = sqrt(var(d, ddof=1) * (1/5 + mean(test/train)))`,
    /// `t.interval(0.95, 4, d.mean(), se)`, `t.sf(d.mean() / se, 4)`.
    #[test]
    fn the_interval_is_that_of_scipy() {
        let champion = [0.42955643, 0.52259828, 0.4826784, 0.42649776, 0.55024834];
        let challenger = [0.43512, 0.52401, 0.49001, 0.42311, 0.56123];
        let paired =
            Paired::of(&champion, &challenger, &[(353, 89), (353, 89), (354, 88), (354, 88), (354, 88)]);
        for (what, found, expected) in [
            ("mean", paired.mean, 0.004380158),
            ("error", paired.error, 0.003717521332630591),
            ("t", paired.t, 1.1782469038047225),
            ("low", paired.interval.0, -0.005941335907450582),
            ("high", paired.interval.1, 0.014701651907450583),
            ("p", paired.p_value, 0.1520031536760282),
        ] {
            assert!((found - expected).abs() <= 1e-12 * expected.abs(), "{what}: {found}, not {expected}");
        }
        assert_eq!(paired.degrees, 4);
    }

    #[test]
    fn equal_differences_leave_nothing_to_chance() {
        let of = |new: [f64; 3]| Paired::of(&[0.5, 0.25, 0.75], &new, &[(2, 1); 3]);
        let (better, same, worse) = (of([0.75, 0.5, 1.0]), of([0.5, 0.25, 0.75]), of([0.25, 0.0, 0.5]));
        assert_eq!([better.p_value, same.p_value, worse.p_value], [0.0, 0.5, 1.0]);
        assert_eq!((better.interval, same.interval), ((0.25, 0.25), (0.0, 0.0)));
    }
}
