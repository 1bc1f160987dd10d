//! Student's t distribution.

use std::f64::consts::PI;

/// The probability that Student's t with so many degrees of freedom is `t` or more, to about 14 digits: half of the regularized
/// incomplete beta function I_x(v/2, 1/2) at x = v / (v + t^2). `degrees` is 1 at least.
pub fn upper_tail(t: f64, degrees: usize) -> f64 {
    let (v, squared) = (degrees as f64, t * t);
    if squared.is_infinite() {
        return if t > 0.0 { 0.0 } else { 1.0 };
    }
    let both = beta(degrees, v / (v + squared), squared / (v + squared));
    if t >= 0.0 { both / 2.0 } else { 1.0 - both / 2.0 }
}

/// The t that is exceeded with this probability, between 0 and 0.5.
pub fn upper_point(probability: f64, degrees: usize) -> f64 {
    let mut high = 1.0;
    while upper_tail(high, degrees) > probability {
        high *= 2.0;
    }
    let mut low = 0.0;
    loop {
        let middle = (low + high) / 2.0;
        // No double is between them.
        if middle <= low || middle >= high {
            return high;
        }
        if upper_tail(middle, degrees) > probability { low = middle } else { high = middle }
    }
}

/// I_x(v/2, 1/2), where `rest` is 1 - x.
fn beta(degrees: usize, x: f64, rest: f64) -> f64 {
    let (a, b) = (degrees as f64 / 2.0, 0.5);
    let front = (a * x.ln()).exp() * rest.sqrt() / whole(degrees);
    // The fraction converges quickly on this side; on the other one of them is taken from 1 (DLMF 8.17.4).
    if x <= (a + 1.0) / (a + b + 2.0) {
        front * fraction(a, b, x) / a
    } else {
        1.0 - front * fraction(b, a, rest) / b
    }
}

/// B(v/2, 1/2), from B(1/2, 1/2) = pi or B(1, 1/2) = 2 upwards by B(a + 1, b) = B(a, b) a / (a + b).
fn whole(degrees: usize) -> f64 {
    let (mut a, mut whole) = if degrees.is_multiple_of(2) { (1.0, 2.0) } else { (0.5, PI) };
    while a < degrees as f64 / 2.0 {
        whole *= a / (a + 0.5);
        a += 1.0;
    }
    whole
}

/// The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's algorithm as Thompson and Barnett,
/// "Coulomb and Bessel functions of complex arguments and order" (1986), have it.
fn fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    const MOST_TERMS: usize = 10_000;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in 1..MOST_TERMS {
        let m = m as f64;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut step = 1.0;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            step = c * d;
            value *= step;
        }
        if (step - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::{upper_point, upper_tail};

    /// What scipy.stats.t gives: `sf(t, v)`.
    const TAILS: &[(f64, usize, f64)] = &[
        (-2.5, 1, 0.8788810584091566),
        (0.1, 1, 0.4682744825694465),
        (0.7, 1, 0.30559988778578523),
        (1.0, 1, 0.25000000000000006),
        (2.776, 1, 0.11005871872549863),
        (12.0, 1, 0.026464676059589878),
        (60.0, 1, 0.005304673632623272),
        (-2.5, 2, 0.9351941398892446),
        (0.1, 2, 0.4647327192070701),
        (0.7, 2, 0.2781965123164327),
        (1.0, 2, 0.2113248654051871),
        (2.776, 2, 0.05448186680541355),
        (12.0, 2, 0.00343646683857923),
        (60.0, 2, 0.00013883104529733938),
        (-2.5, 4, 0.966616727594006),
        (0.1, 4, 0.4625779204697266),
        (0.7, 4, 0.2612500827967251),
        (1.0, 4, 0.18695048315002943),
        (2.776, 4, 0.02501138915998821),
        (12.0, 4, 0.0001382142742514865),
        (60.0, 4, 2.310534363817564e-07),
        (-2.5, 9, 0.9830690861585072),
        (0.1, 9, 0.4612682239783406),
        (0.7, 9, 0.2508095196080725),
        (1.0, 9, 0.1717181980689568),
        (2.776, 9, 0.010770580761988804),
        (12.0, 9, 3.8499431114928265e-07),
        (60.0, 9, 2.5005952358364503e-13),
        (-2.5, 29, 0.9908373278307869),
        (0.1, 29, 0.46051622224368693),
        (0.7, 29, 0.24475257430724187),
        (1.0, 29, 0.16279099400809682),
        (2.776, 29, 0.004768631760849038),
        (12.0, 29, 4.5303541665685913e-13),
        (60.0, 29, 2.854021679701055e-32),
        (-2.5, 199, 0.9933863700167461),
        (0.1, 199, 0.46022249776695545),
        (0.7, 199, 0.2423724083285819),
        (1.0, 199, 0.15926245615988693),
        (2.776, 199, 0.0030141929480863045),
        (12.0, 199, 1.2899803373965888e-25),
        (60.0, 199, 1.0502395485377842e-129),
    ];

    /// What scipy.stats.t gives: `isf(p, v)`.
    const POINTS: &[(f64, usize, f64)] = &[
        (0.4, 1, 0.32491969623290634),
        (0.05, 1, 6.313751514675044),
        (0.025, 1, 12.706204736174705),
        (0.0005, 1, 636.6192487687196),
        (0.4, 2, 0.2886751345948128),
        (0.05, 2, 2.9199855803537256),
        (0.025, 2, 4.302652729749464),
        (0.0005, 2, 31.59905457644362),
        (0.4, 4, 0.2707222947075976),
        (0.05, 4, 2.131846786326651),
        (0.025, 4, 2.7764451051977943),
        (0.0005, 4, 8.610301581379275),
        (0.4, 9, 0.260955336473911),
        (0.05, 9, 1.8331129326562376),
        (0.025, 9, 2.2621571627982053),
        (0.0005, 9, 4.780912585931139),
        (0.4, 29, 0.25568363457125604),
        (0.05, 29, 1.6991270265334977),
        (0.025, 29, 2.045229642132704),
        (0.0005, 29, 3.659405019466333),
        (0.4, 199, 0.25368607538177196),
        (0.05, 199, 1.6525467461665635),
        (0.025, 199, 1.9719565442517537),
        (0.0005, 199, 3.3400865561614315),
    ];

    #[test]
    fn tails_are_those_of_scipy() {
        for &(t, degrees, expected) in TAILS {
            let found = upper_tail(t, degrees);
            assert!((found - expected).abs() <= 4e-14 * expected, "{t} {degrees}: {found}, not {expected}");
        }
        assert_eq!([upper_tail(f64::INFINITY, 4), upper_tail(f64::NEG_INFINITY, 4)], [0.0, 1.0]);
        assert_eq!(upper_tail(0.0, 9), 0.5);
    }

    #[test]
    fn points_are_those_of_scipy() {
        for &(probability, degrees, expected) in POINTS {
            let found = upper_point(probability, degrees);
            assert!(
                (found - expected).abs() <= 1e-13 * expected,
                "{probability} {degrees}: {found}, not {expected}"
            );
        }
    }
}
