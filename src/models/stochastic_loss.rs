//! What stochastic gradient descent minimizes, a row at a time.

/// A loss of a prediction, with its derivative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Loss {
    /// Half the squared error.
    Squared,
    /// Squared up to this distance, linear beyond.
    Huber(f64),
    /// The error beyond this distance.
    EpsilonInsensitive(f64),
    /// Its square.
    SquaredEpsilonInsensitive(f64),
    /// How far a margin is below this one; 0 is the perceptron's.
    Hinge(f64),
    /// The square of how far a margin is below 1.
    SquaredHinge,
    /// The log-loss, of targets 0 and 1.
    Log,
    /// The squared hinge, linear for margins below -1.
    ModifiedHuber,
}

impl Loss {
    /// Of a target and what is predicted.
    pub(super) fn value(self, y: f64, p: f64) -> f64 {
        let beyond = |epsilon: f64| ((y - p).abs() - epsilon).max(0.0);
        match self {
            Self::Squared => 0.5 * (p - y) * (p - y),
            Self::Huber(delta) => {
                let error = (y - p).abs();
                if error <= delta { 0.5 * (error * error) } else { delta * (error - 0.5 * delta) }
            }
            Self::EpsilonInsensitive(epsilon) => beyond(epsilon),
            Self::SquaredEpsilonInsensitive(epsilon) => beyond(epsilon) * beyond(epsilon),
            Self::Hinge(threshold) => {
                let margin = p * y;
                if margin <= threshold { threshold - margin } else { 0.0 }
            }
            Self::SquaredHinge => {
                let short = 1.0 - p * y;
                if short > 0.0 { short * short } else { 0.0 }
            }
            Self::Log => softplus(p) - y * p,
            Self::ModifiedHuber => {
                let margin = p * y;
                if margin >= 1.0 {
                    0.0
                } else if margin >= -1.0 {
                    (1.0 - margin) * (1.0 - margin)
                } else {
                    -4.0 * margin
                }
            }
        }
    }

    /// The derivative by the prediction.
    pub(super) fn gradient(self, y: f64, p: f64) -> f64 {
        match self {
            Self::Squared => p - y,
            Self::Huber(delta) => (p - y).clamp(-delta, delta),
            Self::EpsilonInsensitive(epsilon) => {
                if y - p > epsilon {
                    -1.0
                } else if p - y > epsilon {
                    1.0
                } else {
                    0.0
                }
            }
            Self::SquaredEpsilonInsensitive(epsilon) => {
                let error = y - p;
                if error > epsilon {
                    -2.0 * (error - epsilon)
                } else if error < -epsilon {
                    2.0 * (-error - epsilon)
                } else {
                    0.0
                }
            }
            Self::Hinge(threshold) => {
                if p * y <= threshold {
                    -y
                } else {
                    0.0
                }
            }
            Self::SquaredHinge => {
                let short = 1.0 - p * y;
                if short > 0.0 { -2.0 * y * short } else { 0.0 }
            }
            Self::Log if p > -37.0 => {
                let e = (-p).exp();
                ((1.0 - y) - y * e) / (1.0 + e)
            }
            Self::Log => p.exp() - y,
            Self::ModifiedHuber => {
                let margin = p * y;
                if margin >= 1.0 {
                    0.0
                } else if margin >= -1.0 {
                    2.0 * (1.0 - margin) * -y
                } else {
                    -4.0 * y
                }
            }
        }
    }

    /// What stands for the rows that are not of the class.
    pub(super) fn negative(self) -> f64 {
        if self == Self::Log { 0.0 } else { -1.0 }
    }
}

/// ln(1 + exp(x)), with the branches that scikit-learn takes, so that the digits are its own.
fn softplus(x: f64) -> f64 {
    if x <= -37.0 {
        x.exp()
    } else if x <= -2.0 {
        x.exp().ln_1p()
    } else if x <= 18.0 {
        (1.0 + x.exp()).ln()
    } else if x <= 33.3 {
        x + (-x).exp()
    } else {
        x
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_those_of_the_losses() {
        let regressions = [
            Loss::Squared,
            Loss::Huber(0.4),
            Loss::EpsilonInsensitive(0.1),
            Loss::SquaredEpsilonInsensitive(0.1),
        ];
        let classifications =
            [Loss::Hinge(1.0), Loss::Hinge(0.0), Loss::SquaredHinge, Loss::Log, Loss::ModifiedHuber];
        for loss in regressions.into_iter().chain(classifications) {
            for y in [loss.negative(), 1.0] {
                for p in [-3.217, -0.713, -0.021, 0.237, 0.871, 2.413] {
                    let h = 1e-6;
                    let slope = (loss.value(y, p + h) - loss.value(y, p - h)) / (2.0 * h);
                    assert!((slope - loss.gradient(y, p)).abs() < 1e-6, "{loss:?} {y} {p}");
                }
            }
        }
    }

    #[test]
    fn extreme_predictions_have_finite_losses() {
        for p in [-1e300, -800.0, -36.9, -37.1, 17.9, 18.1, 33.4, 800.0, 1e300] {
            for y in [0.0, 1.0] {
                assert!(Loss::Log.value(y, p).is_finite() && Loss::Log.gradient(y, p).is_finite(), "{p}");
            }
        }
    }
}
