//! A scale from numbers to places, with round marks.

/// A range of numbers that a plot shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// An axis that shows these numbers with a little room at both ends; what is not finite is
    /// left out.
    pub fn around(values: impl IntoIterator<Item = f64>) -> Self {
        let finite = values.into_iter().filter(|v| v.is_finite());
        let (low, high) =
            finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return Self { low: 0.0, high: 1.0 };
        }
        // Halves first, since the range of large numbers can be beyond a float.
        let half = high / 2.0 - low / 2.0;
        let least = low.abs().max(high.abs()) * 1e-6;
        let room = if half > least { half * 0.08 } else { low.abs().max(1e-6) * 0.05 };
        Self { low: (low - room).max(f64::MIN), high: (high + room).min(f64::MAX) }
    }

    /// The place of a number, from 0 to 1.
    pub fn place(&self, value: f64) -> f64 {
        let place = (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        place.clamp(0.0, 1.0)
    }

    /// From three to eleven round numbers within the range, each with its label.
    pub fn marks(&self) -> Vec<(f64, String)> {
        let rough = (self.high / 2.0 - self.low / 2.0) / 2.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0].into_iter().rev().map(|k| k * power).find(|step| *step <= rough);
        let step = step.unwrap_or(power);
        if !step.is_finite() || step <= 0.0 {
            return Vec::new();
        }
        let first = (self.low / step).ceil();
        let label = |value: f64| {
            let large = self.low.abs().max(self.high.abs());
            if large >= 1e7 || step < 1e-6 {
                format!("{value:.2e}")
            } else {
                format!("{value:.*}", (-step.log10().floor()).max(0.0) as usize)
            }
        };
        let marks = (0..12).map(|k| (first + f64::from(k)) * step);
        // -0 has no sign on an axis.
        let marks = marks.take_while(|mark| *mark <= self.high).map(|mark| mark + 0.0);
        marks.map(|mark| (mark, label(mark))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Axis;

    #[test]
    fn marks_are_round_and_within() {
        for (low, high) in
            [(0.4265, 0.5502), (-3012.0, -2801.5), (25.0, 346.0), (-1e-9, 2e-9), (1e300, 1.7e308)]
        {
            let axis = Axis::around([low, high]);
            let marks = axis.marks();
            assert!((3..=11).contains(&marks.len()), "{low} {high}: {marks:?}");
            let places: Vec<f64> = marks.iter().map(|(mark, _)| axis.place(*mark)).collect();
            assert!(places.is_sorted() && places.iter().all(|p| (0.0..=1.0).contains(p)), "{places:?}");
        }
        let labels: Vec<String> = Axis::around([0.42, 0.56]).marks().into_iter().map(|m| m.1).collect();
        assert_eq!(labels, ["0.42", "0.44", "0.46", "0.48", "0.50", "0.52", "0.54", "0.56"]);
    }

    #[test]
    fn one_number_alone_lies_in_the_middle() {
        for value in [0.0, 1.0, -7.0, 1e-12, 1e12] {
            let axis = Axis::around([value, value]);
            assert!((axis.place(value) - 0.5).abs() < 1e-6, "{value}");
        }
        assert_eq!(Axis::around([f64::NAN]).place(0.25), 0.25);
    }
}
