//! The chi-squared distribution.

use std::f64::consts::PI;

/// The probability that chi-squared with so many degrees of freedom, 1 at least, is `x` or more, to about 13 digits: the regularized
/// upper incomplete gamma function Q(degrees / 2, x / 2), by its series (DLMF 8.7.3) or its continued fraction (DLMF 8.9.2).
pub fn chi_squared_tail(x: f64, degrees: usize) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    if x.is_infinite() {
        return 0.0;
    }
    let (a, x) = (degrees as f64 / 2.0, x / 2.0);
    let front = (a * x.ln() - x - log_gamma(degrees)).exp();
    let tail = if x < a + 1.0 { 1.0 - front * series(a, x) } else { front * fraction(a, x) };
    tail.clamp(0.0, 1.0)
}

/// ln Γ(degrees / 2), upwards from Γ(1/2) = √π or Γ(1) = 1.
fn log_gamma(degrees: usize) -> f64 {
    let (mut a, mut log) = if degrees.is_multiple_of(2) { (1.0, 0.0) } else { (0.5, PI.sqrt().ln()) };
    while a < degrees as f64 / 2.0 {
        log += f64::ln(a);
        a += 1.0;
    }
    log
}

/// The sum of x^n / (a (a + 1) ... (a + n)).
fn series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
    while term > sum * f64::EPSILON / 4.0 {
        n += 1.0;
        term *= x / n;
        sum += term;
    }
    sum
}

/// The continued fraction, by Lentz's algorithm as in [`student`](super::student).
fn fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    const MOST_TERMS: i32 = 100_000;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / TINY, 1.0 / away_from_zero(b));
    let mut all = d;
    for i in 1..MOST_TERMS {
        let i = f64::from(i);
        let numerator = -i * (i - a);
        b += 2.0;
        d = 1.0 / away_from_zero(numerator * d + b);
        c = away_from_zero(b + numerator / c);
        let factor = d * c;
        all *= factor;
        if (factor - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::chi_squared_tail;

    /// As `scipy.stats.chi2.sf` gives them.
    #[test]
    fn tails_are_those_of_scipy() {
        for (x, degrees, tail) in CASES {
            let found = chi_squared_tail(x, degrees);
            assert!((found - tail).abs() <= 1e-12 * tail, "{x}, {degrees}: {found} {tail}");
        }
        assert_eq!((chi_squared_tail(0.0, 3), chi_squared_tail(f64::INFINITY, 3)), (1.0, 0.0));
    }

    const CASES: [(f64, usize, f64); 42] = [
        (0.1, 1, 0.7518296340458492),
        (1.0, 1, 0.31731050786291115),
        (0.9, 1, 0.34278171114790873),
        (3.3, 1, 0.06927988322120171),
        (41.0, 1, 1.5222921962563087e-10),
        (300.0, 1, 3.2943623833139784e-67),
        (0.1, 2, 0.951229424500714),
        (1.0, 2, 0.6065306597126334),
        (1.8, 2, 0.4065696597405992),
        (4.6, 2, 0.10025884372280373),
        (42.0, 2, 7.582560427911903e-10),
        (300.0, 2, 7.175095973164448e-66),
        (0.1, 3, 0.9918374237318764),
        (1.0, 3, 0.8012519569012009),
        (2.7, 3, 0.4402272943602312),
        (5.9, 3, 0.11657810649177301),
        (43.0, 3, 2.4610019516315715e-09),
        (300.0, 3, 9.948758346327588e-65),
        (0.1, 9, 0.9999999743696746),
        (1.0, 9, 0.9994375026978325),
        (8.1, 9, 0.5241009367303544),
        (13.700000000000001, 9, 0.13340413220041508),
        (49.0, 9, 1.6598164740779374e-07),
        (300.0, 9, 2.6102773472069844e-59),
        (0.1, 10, 0.9999999975020487),
        (1.0, 10, 0.9998278843700441),
        (9.0, 10, 0.5321035763747151),
        (15.0, 10, 0.1320618562877206),
        (50.0, 10, 2.669083424904495e-07),
        (300.0, 10, 1.5546747543803087e-58),
        (0.1, 21, 1.0),
        (1.0, 21, 0.9999999999632087),
        (18.900000000000002, 21, 0.5915550028439184),
        (29.3, 21, 0.10698331826248643),
        (61.0, 21, 9.00295167817313e-06),
        (300.0, 21, 3.181025503035581e-51),
        (0.1, 100, 1.0),
        (1.0, 100, 1.0),
        (90.0, 100, 0.7531979655998298),
        (132.0, 100, 0.017672963010813163),
        (140.0, 100, 0.0051405024585059085),
        (300.0, 100, 7.4121008573230175e-22),
    ];
}
