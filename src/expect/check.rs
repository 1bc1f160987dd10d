//! The contract meets a table.

use super::tally::Tally;
use super::{Expect, Rule};
use crate::diag::{Code, Diagnostic, Result, suggest};
use crate::table::{Data, Table};

/// Checks the whole contract.
///
/// # Errors
/// `Expectation` with everything that does not hold; whatever reading rows meets that are not in memory.
pub fn check(expect: &Expect, data: &Data) -> Result<()> {
    let mut faults = Vec::new();
    let rows = data.rows();
    if let Some(least) = expect.rows.0.filter(|least| rows < *least) {
        faults.push(format!("{}, fewer than {least}", counted(rows)));
    }
    if let Some(most) = expect.rows.1.filter(|most| rows > *most) {
        faults.push(format!("{}, more than {most}", counted(rows)));
    }
    faults.extend(of_columns(&expect.columns, data)?);
    told(faults).map_or(Ok(()), |error| Err(error.at(&expect.span)))
}

/// Checks rules of columns alone, as for new rows.
///
/// # Errors
/// As [`check`], without a place in a file.
pub fn holds(rules: &[Rule], data: &Data) -> Result<()> {
    told(of_columns(rules, data)?).map_or(Ok(()), Err)
}

fn counted(rows: usize) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}

/// All faults as one error.
fn told(faults: Vec<String>) -> Option<Diagnostic> {
    let message = match &faults[..] {
        [] => return None,
        [one] => format!("the data breaks an expectation: {one}"),
        all => format!("the data breaks {} expectations:\n  {}", all.len(), all.join("\n  ")),
    };
    let help = "correct the data, drop or change such rows with `clean`, or correct what is expected";
    Some(Code::Expectation.error(message).help(help))
}

fn of_columns(rules: &[Rule], data: &Data) -> Result<Vec<String>> {
    if data.whole().is_some() {
        // One after the other: a rule may come from anybody's artifact, and what it is checked with takes memory.
        let each = rules.iter().map(|rule| of_some(std::slice::from_ref(rule), data));
        return Ok(each.collect::<Result<Vec<_>>>()?.concat());
    }
    of_some(rules, data)
}

/// What breaks some rules, found in one pass over the rows.
fn of_some(rules: &[Rule], data: &Data) -> Result<Vec<String>> {
    let schema = data.schema();
    let fields = schema.fields();
    let places: Vec<Option<usize>> = rules.iter().map(|rule| schema.index(&rule.column)).collect();
    let tally = |(rule, place): (_, &Option<usize>)| place.map(|place| Tally::new(rule, fields[place].kind));
    let mut tallies: Vec<Option<Tally>> = rules.iter().zip(&places).map(tally).collect();
    let found: Vec<usize> = places.iter().flatten().copied().collect();
    if !found.is_empty() {
        let columns = data.select(&found);
        let mut add = |table: &Table| {
            tallies.iter_mut().flatten().zip(table.columns()).for_each(|(tally, column)| tally.add(column));
        };
        match columns.whole() {
            Some(table) => add(table),
            None => (0..columns.units())
                .try_for_each(|unit| columns.scan().unit(unit).map(|table| add(&table)))?,
        }
    }
    let number = |row: usize| data.row_number(row);
    let mut faults = Vec::new();
    for (rule, tally) in rules.iter().zip(&tallies) {
        let name = &rule.column;
        match tally {
            Some(tally) => {
                faults.extend(
                    tally.faults(&number).into_iter().map(|fault| format!("column `{name}`: {fault}")),
                );
            }
            None if rule.required => {
                let near =
                    suggest(name, schema.names()).map_or(String::new(), |near| format!(", but `{near}`"));
                faults.push(format!("there is no column `{name}`{near}"));
            }
            None => {}
        }
    }
    Ok(faults)
}
