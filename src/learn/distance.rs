//! How far two samples are apart.

use std::f64::consts::PI;

use crate::linalg::chi_squared_tail;

/// A distance, and the probability of one as great if both samples come from one distribution.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distance {
    /// How far.
    pub value: f64,
    /// How likely by chance.
    pub p_value: f64,
}

/// The population stability index of two counts of the same bins: the sum of (p - q) ln(p / q). A bin that either lacks counts half a
/// row in both, so that the logarithm is finite. Its p-value is that of Yurdakul, "Statistical properties of the population
/// stability index" (2018): if nothing has changed it is (1/n + 1/m) times chi-squared of bins less one.
pub fn stability_index(reference: &[u64], window: &[u64]) -> Option<Distance> {
    let bins: Vec<(f64, f64)> = reference
        .iter()
        .zip(window)
        .filter(|(n, m)| **n + **m > 0)
        .map(
            |(n, m)| {
                if *n == 0 || *m == 0 { (*n as f64 + 0.5, *m as f64 + 0.5) } else { (*n as f64, *m as f64) }
            },
        )
        .collect();
    let (n, m) = bins.iter().fold((0.0, 0.0), |(n, m), bin| (n + bin.0, m + bin.1));
    if reference.iter().sum::<u64>() == 0 || window.iter().sum::<u64>() == 0 {
        return None;
    }
    let value = bins.iter().map(|(a, b)| (a / n - b / m) * ((a / n) / (b / m)).ln()).sum();
    if bins.len() < 2 {
        return Some(Distance { value: 0.0, p_value: 1.0 });
    }
    let p_value = chi_squared_tail(value / (1.0 / n + 1.0 / m), bins.len() - 1);
    Some(Distance { value, p_value })
}

/// The two-sample statistic of Kolmogorov and Smirnov: the greatest distance of the two distribution functions, of samples in
/// order. Its p-value is that of the limit, Kolmogorov's distribution at D √(nm / (n + m)); with ties it is too great, never too
/// small.
pub fn kolmogorov_smirnov(reference: &[f64], window: &[f64]) -> Option<Distance> {
    if reference.is_empty() || window.is_empty() {
        return None;
    }
    let (n, m) = (reference.len(), window.len());
    let (mut i, mut j, mut value) = (0, 0, 0.0_f64);
    while i < n && j < m {
        let at = reference[i].min(window[j]);
        while i < n && reference[i] <= at {
            i += 1;
        }
        while j < m && window[j] <= at {
            j += 1;
        }
        value = value.max((i as f64 / n as f64 - j as f64 / m as f64).abs());
    }
    let size = (n as f64 * m as f64 / (n + m) as f64).sqrt();
    Some(Distance { value, p_value: kolmogorov_tail(value * size) })
}

/// The probability that Kolmogorov's distribution is `x` or more: 2 Σ (-1)^(k-1) exp(-2 k² x²), and for small x the other series
/// of the same function (DLMF 20.7.32), which converges there.
fn kolmogorov_tail(x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let odd = |k: i32| f64::from(2 * k - 1);
    if x < 1.0 {
        let sum: f64 = (1..=10).map(|k| (-(odd(k) * PI / x).powi(2) / 8.0).exp()).sum();
        return 1.0 - (2.0 * PI).sqrt() / x * sum;
    }
    let term = |k: i32| (-2.0 * f64::from(k * k) * x * x).exp() * if k % 2 == 0 { -1.0 } else { 1.0 };
    2.0 * (1..=10).map(term).sum::<f64>()
}
