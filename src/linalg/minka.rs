//! The number of principal components that a spectrum speaks for.

use std::f64::consts::PI;

/// Variances below this count as none, whatever the units: scikit-learn's bound.
const NOTHING: f64 = 1e-15;

/// How many components have the greatest evidence, 1 at least and one less than there are variances at most: Minka,
/// "Automatic choice of dimensionality for PCA", NIPS 2000, as `sklearn.decomposition.PCA(n_components="mle")` computes it.
/// `variances` descend and have one number a feature.
pub fn minka_rank(variances: &[f64], rows: usize) -> usize {
    let evidence = |rank: &usize| evidence(variances, *rank, rows as f64).unwrap_or(f64::NEG_INFINITY);
    let mut best = (1, f64::NEG_INFINITY);
    for (rank, evidence) in (1..variances.len()).map(|rank| (rank, evidence(&rank))) {
        if evidence > best.1 {
            best = (rank, evidence);
        }
    }
    best.0
}

/// The logarithm of the evidence for so many components; `None` where it is not defined.
fn evidence(variances: &[f64], rank: usize, rows: f64) -> Option<f64> {
    let (kept, rest) = variances.split_at(rank);
    if kept[rank - 1] < NOTHING {
        return None;
    }
    let (p, k) = (variances.len() as f64, rank as f64);
    let gamma = |i: usize| log_gamma_of_half(variances.len() - i) - PI.ln() * (p - i as f64) / 2.0;
    let prior = -k * 2.0_f64.ln() + (0..rank).map(gamma).sum::<f64>();
    let noise = (rest.iter().sum::<f64>() / (p - k)).max(NOTHING);
    let signal = -kept.iter().map(|v| v.ln()).sum::<f64>() * rows / 2.0;
    let fit = signal - noise.ln() * rows * (p - k) / 2.0;
    let freedom = p * k - k * (k + 1.0) / 2.0;
    let volume = (2.0 * PI).ln() * (freedom + k) / 2.0;
    let mut curvature = 0.0;
    for (i, own) in kept.iter().enumerate() {
        for (j, other) in variances.iter().enumerate().skip(i + 1) {
            let smoothed = if j < rank { *other } else { noise };
            curvature += ((own - other) * (1.0 / smoothed - 1.0 / own)).ln() + rows.ln();
        }
    }
    let evidence = prior + fit + volume - curvature / 2.0 - k * rows.ln() / 2.0;
    evidence.is_finite().then_some(evidence)
}

/// The logarithm of the gamma function at `twice / 2`, from 1/2 and 1 upwards.
fn log_gamma_of_half(twice: usize) -> f64 {
    let first = if twice % 2 == 1 { (0.5 * PI.ln(), 1) } else { (0.0, 2) };
    (first.1..twice).step_by(2).fold(first.0, |sum, m| sum + (m as f64 / 2.0).ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gamma_of_halves() {
        // sqrt(pi), 1, sqrt(pi) / 2, 1, 3 sqrt(pi) / 4, 2, and 9!.
        for (twice, value) in
            [(1, PI.sqrt()), (2, 1.0), (3, PI.sqrt() / 2.0), (4, 1.0), (6, 2.0), (20, 362_880.0)]
        {
            assert!((log_gamma_of_half(twice) - f64::ln(value)).abs() < 1e-14, "{twice}");
        }
        assert!((log_gamma_of_half(5) - (0.75 * PI.sqrt()).ln()).abs() < 1e-14);
    }

    /// `_assess_dimension` of scikit-learn 1.9.1.
    #[test]
    fn evidence_is_that_of_scikit_learn() {
        let variances = [4.2, 2.1, 0.3, 0.28, 0.25];
        let expected = [-28.106585700659647, 99.15954434915619, 96.52840444916131, 94.03207925700542];
        for (rank, expected) in (1..).zip(expected) {
            let found = evidence(&variances, rank, 150.0).unwrap();
            assert!((found - expected).abs() < 1e-11, "{rank}: {found}");
        }
        assert_eq!(minka_rank(&variances, 150), 2);
        assert_eq!(minka_rank(&[3.0], 10), 1);
        // Equal variances leave it undefined.
        assert_eq!(minka_rank(&[1.0, 1.0, 1.0], 10), 1);
    }
}
