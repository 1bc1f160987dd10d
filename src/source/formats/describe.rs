//! A table in a few words, for `data show`.

use crate::table::{Column, Kind, MISSING, Table, datetime_text};

use super::label_of;

/// How many levels are shown.
const SHOWN: usize = 10;

/// What a column holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// The column's name.
    pub name: String,
    /// The column's type.
    pub kind: Kind,
    /// How many rows have no value.
    pub missing: usize,
    /// How many different values there are, missing not among them.
    pub distinct: usize,
    /// The least and the greatest value of a number or datetime column that has one.
    pub range: Option<(f64, f64)>,
    /// The first ten levels of a category or bool column in their order, with how many rows have
    /// each.
    pub levels: Vec<(String, usize)>,
}

/// What each column holds, in the table's order.
pub fn describe(table: &Table) -> Vec<Described> {
    table
        .fields()
        .map(|(field, column)| {
            let missing = column.missing();
            let (distinct, range, levels) = match (column, field.kind) {
                (Column::Codes { codes, levels }, _) => {
                    let (distinct, shown) = counted(codes, levels.labels());
                    (distinct, None, shown)
                }
                (Column::Number(values), Kind::Bool) => {
                    let codes: Vec<u32> = values
                        .iter()
                        .map(|v| if v.is_nan() { MISSING } else { u32::from(*v != 0.0) })
                        .collect();
                    let (distinct, shown) = counted(&codes, &["false".into(), "true".into()]);
                    (distinct, None, shown)
                }
                (Column::Number(values), _) => {
                    let (distinct, range) = spread(values);
                    (distinct, range, Vec::new())
                }
            };
            Described { name: field.name.clone(), kind: field.kind, missing, distinct, range, levels }
        })
        .collect()
}

impl Described {
    /// The values in one line: `0.5 .. 3`, or `a (3), b (1), ...`.
    pub fn values(&self) -> String {
        if let Some((least, greatest)) = self.range {
            let text =
                |value| if self.kind == Kind::Datetime { datetime_text(value) } else { label_of(value) };
            return format!("{} .. {}", text(least), text(greatest));
        }
        let mut parts: Vec<String> =
            self.levels.iter().map(|(label, rows)| format!("{label} ({rows})")).collect();
        if self.distinct > parts.len() {
            parts.push("...".into());
        }
        parts.join(", ")
    }
}

/// How many levels occur, and the first of those with their counts.
fn counted(codes: &[u32], labels: &[String]) -> (usize, Vec<(String, usize)>) {
    let mut counts = vec![0; labels.len()];
    for code in codes {
        if let Some(count) = counts.get_mut(*code as usize) {
            *count += 1;
        }
    }
    let present = || labels.iter().zip(&counts).filter(|(_, count)| **count > 0);
    (present().count(), present().take(SHOWN).map(|(label, count)| (label.clone(), *count)).collect())
}

/// How many values differ, and the least and greatest.
fn spread(values: &[f64]) -> (usize, Option<(f64, f64)>) {
    // Zero has one sign here.
    let mut sorted: Vec<f64> =
        values.iter().filter(|value| !value.is_nan()).map(|value| value + 0.0).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let range = sorted.first().copied().zip(sorted.last().copied());
    sorted.dedup();
    (sorted.len(), range)
}

#[cfg(test)]
mod tests {
    use super::describe;
    use crate::source::formats::{Format, ReadOptions, read};

    #[test]
    fn columns_in_a_few_words() {
        let csv = b"n,b,s,none\n2.5,true,y,\n-1,,x,\n0,true,y,\n-0,false,,\n";
        let table = read(csv, Format::Csv, "k", &ReadOptions::default()).expect("a table").table;
        let all = describe(&table);
        let short: Vec<_> = all.iter().map(|d| (d.kind.name(), d.missing, d.distinct, d.values())).collect();
        assert_eq!(
            short,
            [
                ("number", 0, 3, "-1 .. 2.5".to_owned()),
                ("bool", 1, 2, "false (1), true (2)".to_owned()),
                ("category", 1, 2, "x (1), y (2)".to_owned()),
                ("number", 4, 0, String::new()),
            ]
        );
    }

    #[test]
    fn the_first_ten_levels_are_shown() {
        let csv: String = std::iter::once("s\n".into()).chain((10..30).map(|i| format!("l{i}\n"))).collect();
        let table = read(csv.as_bytes(), Format::Csv, "k", &ReadOptions::default()).expect("a table").table;
        let described = &describe(&table)[0];
        assert_eq!((described.distinct, described.levels.len()), (20, 10));
        assert!(described.values().ends_with("l19 (1), ..."));
    }
}
