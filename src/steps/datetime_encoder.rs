//! `skrub.DatetimeEncoder`.

use std::sync::Arc;

use super::features;
use crate::contract::{
    Block, Checks, FittedStep, Frame, Loader, Needs, Params, Rng, Saver, State, Stats, Step, Train, Types,
    Value, Width, choice, params,
};
use crate::diag::{Code, Result};
use crate::table::Civil;

choice! {
    /// The last part of a datetime that becomes a feature.
    pub enum Resolution {
        /// The year.
        Year = "year",
        /// The month, 1 to 12.
        Month = "month",
        /// The day of the month.
        Day = "day",
        /// The hour, 0 to 23.
        Hour = "hour",
        /// The minute.
        Minute = "minute",
        /// The second.
        Second = "second",
        /// The microseconds of the second.
        Microsecond = "microsecond",
    }
}

params! {
    /// Makes numbers of datetimes, in UTC: `at_year`, `at_month` and so on to the resolution, and `at_total_seconds`, the
    /// seconds since 1970. Where all training rows are at midnight, nothing below the day is made. Missing stays missing.
    /// The name, parameters and features are those of skrub.
    pub struct DatetimeEncoder {
        /// The last part that becomes a feature; none with null.
        resolution: Option<Resolution> = Some(Resolution::Hour), Bound::Any;
        /// Add the day of the week, 1 for Monday.
        add_weekday: bool = false, Bound::Any;
        /// Add the seconds since 1970.
        add_total_seconds: bool = true, Bound::Any;
        /// Add the day of the year, 1 to 366.
        add_day_of_year: bool = false, Bound::Any;
        /// How parts that come again are encoded.
        periodic_encoding: Value = Value::Null, Bound::Only("null");
    }
    without_effect: [];
}

impl Checks for DatetimeEncoder {}

/// A part of a datetime, by the ending of its feature's name.
type Part = (&'static str, fn(&Civil) -> i64);

const PARTS: [Part; 9] = [
    ("year", |civil| civil.year),
    ("month", |civil| civil.month),
    ("day", |civil| civil.day),
    ("hour", |civil| civil.hour),
    ("minute", |civil| civil.minute),
    ("second", |civil| civil.second),
    ("microsecond", |civil| civil.microsecond),
    ("weekday", |civil| civil.weekday),
    ("day_of_year", |civil| civil.day_of_year),
];
const TOTAL_SECONDS: &str = "total_seconds";
/// The place of the day in [`PARTS`].
const DAY: usize = 2;

/// For every column the features that are made of it: `extracted_features_`.
#[derive(Debug)]
pub struct FittedDatetimeEncoder {
    names: Vec<Arc<str>>,
    extracted: Vec<Vec<String>>,
}

impl DatetimeEncoder {
    /// The features of a column, of which all training rows may be at midnight.
    fn extracted(&self, all_midnight: bool) -> Vec<String> {
        let last = self.resolution.map(|resolution| match resolution {
            _ if all_midnight => (resolution as usize).min(DAY),
            _ => resolution as usize,
        });
        let levels = PARTS[..last.map_or(0, |last| last + 1)].iter().map(|(name, _)| *name);
        let more = [
            (self.add_total_seconds, TOTAL_SECONDS),
            (self.add_weekday, "weekday"),
            (self.add_day_of_year, "day_of_year"),
        ];
        levels.chain(more.into_iter().filter(|(add, _)| *add).map(|(_, name)| name)).map(Into::into).collect()
    }
}

impl Step for DatetimeEncoder {
    type Fitted = FittedDatetimeEncoder;

    fn accepts(&self) -> Types {
        Types::DATETIMES
    }

    fn emits(&self, _input: Types) -> Types {
        Types::HOLEY_NUMBERS
    }

    fn width(&self, input: Width) -> Width {
        let made = input.features() * self.extracted(false).len();
        Width { holey: made, ..Width::of_numbers(made) }
    }

    /// Whether all are at midnight, no statistic tells.
    fn needs(&self) -> Needs {
        Needs::ROWS
    }

    fn no_onnx(&self) -> Option<&'static str> {
        Some("takes times, for which graphs have no type")
    }

    fn fit_stats(&self, _stats: &Stats) -> Result<FittedDatetimeEncoder> {
        Err(Code::Bug.error("DatetimeEncoder is fitted from rows"))
    }

    fn fit(&self, train: &Train, _rng: &mut Rng) -> Result<FittedDatetimeEncoder> {
        if train.rows.is_empty() {
            let error = Code::EmptyData.error("DatetimeEncoder has no training rows");
            return Err(error.help("use fewer folds, or more rows"));
        }
        let frame = train.x.unpacked();
        let mut fitted = FittedDatetimeEncoder { names: Vec::new(), extracted: Vec::new() };
        for block in frame.blocks() {
            let Block::Number { name, values } = block else {
                return Err(no_datetime(&block.names()[0]));
            };
            features::finite(name, values)?;
            let midnight = |value: f64| value.is_nan() || value.rem_euclid(86_400e6) == 0.0;
            let all_midnight = train.rows.iter().all(|row| midnight(values[row as usize]));
            fitted.names.push(Arc::clone(name));
            fitted.extracted.push(self.extracted(all_midnight));
        }
        if fitted.extracted.iter().all(Vec::is_empty) {
            let error = Code::BadValue.error("`DatetimeEncoder` makes no features");
            return Err(error.help("give it a `resolution`, or `add_total_seconds: true`"));
        }
        Ok(fitted)
    }
}

fn no_datetime(feature: &str) -> crate::diag::Diagnostic {
    let message = format!("feature `{feature}` is a category, and DatetimeEncoder takes datetimes");
    Code::TypeMismatch
        .error(message)
        .help(format!("say `schema: {{{feature}: datetime}}`, or give it another group"))
}

impl FittedStep for FittedDatetimeEncoder {
    fn apply(&self, frame: &Frame) -> Result<Frame> {
        let frame = features::expected(frame, self.names.len(), DatetimeEncoder::NAME)?;
        let mut blocks = Vec::new();
        for (block, extracted) in frame.blocks().iter().zip(&self.extracted) {
            let Block::Number { name, values } = block else {
                return Err(no_datetime(&block.names()[0]));
            };
            features::finite(name, values)?;
            // A datetime is taken apart once for all features.
            let parts: Vec<Civil> = values.iter().map(|value| Civil::of(*value)).collect();
            for feature in extracted {
                let values = match PARTS.iter().find(|(name, _)| name == feature) {
                    Some((_, part)) => {
                        let part = |(civil, value): (&Civil, &f64)| {
                            if value.is_nan() { f64::NAN } else { part(civil) as f64 }
                        };
                        parts.iter().zip(values.iter()).map(part).collect()
                    }
                    None => values.iter().map(|value| value / 1e6).collect(),
                };
                blocks.push(Block::Number { name: format!("{name}_{feature}").into(), values });
            }
        }
        Ok(Frame::new(frame.rows(), blocks))
    }
}

impl State for FittedDatetimeEncoder {
    fn save(&self, saver: &mut Saver) {
        features::save_names(saver, &self.names);
        saver.json("extracted", &self.extracted);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let names = features::load_names(loader)?;
        let extracted: Vec<Vec<String>> = loader.json("extracted")?;
        let known = |name: &String| name == TOTAL_SECONDS || PARTS.iter().any(|(part, _)| part == name);
        if extracted.len() != names.len() || !extracted.iter().flatten().all(known) {
            return Err(loader.damaged("extracted", "is no list of parts of a datetime for every feature"));
        }
        Ok(Self { names, extracted })
    }
}

#[cfg(test)]
mod tests {
    use super::{DatetimeEncoder, PARTS, Resolution};
    use crate::contract::{Block, Checks as _, FittedStep as _, Frame, Params, Rng, Step as _, Train};
    use crate::table::{Rows, parse_datetime};

    fn frame(texts: &[&str]) -> Frame {
        let values = texts.iter().map(|text| parse_datetime(text).unwrap_or(f64::NAN)).collect();
        Frame::new(texts.len(), vec![Block::Number { name: "at".into(), values }])
    }

    fn made(step: &DatetimeEncoder, texts: &[&str]) -> Vec<(String, Vec<f64>)> {
        let x = frame(texts);
        let rows = Rows::Range(0..2);
        let train = Train { x: &x, y: None, weight: None, rows: &rows };
        let fitted = step.fit(&train, &mut Rng::seeded(0)).expect("a fit");
        let made = fitted.apply(&x).expect("features");
        let column = |block: &Block| match block {
            Block::Number { name, values } => (name.to_string(), values.to_vec()),
            _ => panic!("no numbers"),
        };
        made.blocks().iter().map(column).collect()
    }

    #[test]
    fn parts_are_numbers_and_missing_stays_missing() {
        let step = DatetimeEncoder { add_weekday: true, ..DatetimeEncoder::default() };
        assert_eq!(step.check(), []);
        let all = made(&step, &["2024-02-29T13:14:15", "", "1969-12-31T23:00:00"]);
        let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["at_year", "at_month", "at_day", "at_hour", "at_total_seconds", "at_weekday"]);
        assert!(all.iter().all(|(_, values)| values[1].is_nan()));
        let row = |row: usize| all.iter().map(|(_, values)| values[row]).collect::<Vec<_>>();
        assert_eq!(row(0), [2024.0, 2.0, 29.0, 13.0, 1_709_212_455.0, 4.0]);
        assert_eq!(row(2), [1969.0, 12.0, 31.0, 23.0, -3600.0, 3.0]);
    }

    #[test]
    fn midnights_alone_have_no_hours() {
        let step = DatetimeEncoder { resolution: Some(Resolution::Second), ..DatetimeEncoder::default() };
        let all = made(&step, &["2024-02-29", "", "2024-02-29T13:14:15"]);
        let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["at_year", "at_month", "at_day", "at_total_seconds"]);
        let nothing =
            DatetimeEncoder { resolution: None, add_total_seconds: false, ..DatetimeEncoder::default() };
        let x = frame(&["2024-01-01", "2024-01-01"]);
        let train = Train { x: &x, y: None, weight: None, rows: &Rows::Range(0..2) };
        assert!(nothing.fit(&train, &mut Rng::seeded(0)).is_err());
        assert_eq!(PARTS[Resolution::Microsecond as usize].0, "microsecond");
        assert_eq!(DatetimeEncoder::NAME, "DatetimeEncoder");
    }
}
