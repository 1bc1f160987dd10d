//! The keys of rows that are written: `churn:row:{id}`.

use std::collections::BTreeMap;

use crate::diag::{Code, Result};
use crate::source::formats::Spelled;
use crate::table::Table;

/// What stands before and behind the id of a row in its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowKeys {
    before: String,
    behind: String,
}

impl RowKeys {
    /// Keys as they are written on the command line: `{id}`, or else `*`, is the place of the id; without it the id follows
    /// the text, after a colon.
    ///
    /// # Errors
    /// `Usage` for two places.
    pub fn parse(text: &str) -> Result<Self> {
        let place = if text.contains("{id}") { "{id}" } else { "*" };
        let mut parts = text.splitn(3, place);
        let before = parts.next().unwrap_or_default().to_owned();
        match (parts.next(), parts.next()) {
            (None, _) if before.ends_with(':') => Ok(Self { before, behind: String::new() }),
            (None, _) => Ok(Self { before: before + ":", behind: String::new() }),
            (Some(behind), None) => Ok(Self { before, behind: behind.to_owned() }),
            _ => Err(Code::Usage
                .error(format!("`{text}` has more than one place for the id of a row"))
                .help("write `{id}` once, such as `churn:row:{id}`")),
        }
    }

    /// The key of a row.
    pub fn key(&self, id: &str) -> String {
        format!("{}{id}{}", self.before, self.behind)
    }

    /// The pattern that the keys of all rows match.
    pub fn pattern(&self) -> String {
        let literal = |text: &str| -> String {
            let special = |c: char| matches!(c, '*' | '?' | '[' | '\\');
            text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
        };
        format!("{}*{}", literal(&self.before), literal(&self.behind))
    }

    /// The keys of a table's rows: by the text in a column, or by their numbers from `start` + 1 on, with as many digits as
    /// `digits` says.
    ///
    /// # Errors
    /// `MissingColumn`; `BadCell` for a row without an id.
    pub fn of(&self, table: &Table, id: Option<&str>, start: usize, digits: usize) -> Result<Vec<String>> {
        let Some(id) = id else {
            let number = |row: usize| self.key(&format!("{:0digits$}", start + row + 1));
            return Ok((0..table.rows()).map(number).collect());
        };
        let column = table.require(id)?;
        let spelled = Spelled::of(table);
        let key = |row: usize| {
            let text = spelled.cell(row, column).ok_or_else(|| {
                let message = format!("column `{id}` has no value in row {}", start + row + 1);
                Code::BadCell.error(message).help("each row needs an id, which its key is made of")
            });
            text.map(|text| self.key(&text))
        };
        (0..table.rows()).map(key).collect()
    }
}

/// Refuses two rows of one key.
///
/// # Errors
/// `BadCell` that names both rows.
pub fn refuse_equal(keys: &[String]) -> Result<()> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (row, key) in keys.iter().enumerate() {
        if let Some(first) = seen.insert(key, row) {
            let message = format!("rows {} and {} have the same key `{key}`", first + 1, row + 1);
            return Err(Code::BadCell.error(message).help("choose a column whose values differ in all rows"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{RowKeys, refuse_equal};
    use crate::diag::Code;
    use crate::source::formats::{Format, ReadOptions, read};

    #[test]
    fn keys_have_one_place_for_the_id() {
        let key = |text: &str| RowKeys::parse(text).expect(text).key("7");
        assert_eq!(key("row:*"), "row:7");
        assert_eq!(key("row"), "row:7");
        assert_eq!(key("row:"), "row:7");
        assert_eq!(key("a{id}b*"), "a7b*");
        assert_eq!(key("{user}:*:x"), "{user}:7:x");
        for text in ["*:*", "{id}{id}"] {
            assert_eq!(RowKeys::parse(text).expect_err(text).code(), Code::Usage);
        }
        assert_eq!(RowKeys::parse("a[{id}?\\").expect("keys").pattern(), "a\\[*\\?\\\\");
    }

    #[test]
    fn ids_are_texts_or_numbers_of_rows() {
        let table = |csv: &str| {
            read(csv.as_bytes(), Format::Csv, "k", &ReadOptions::default()).expect("a table").table
        };
        let keys = RowKeys::parse("r").expect("keys");
        let rows = table("id,x\nb,1\na,2\nb,3\n");
        let named = keys.of(&rows, Some("id"), 0, 0).expect("ids");
        assert_eq!(named, ["r:b", "r:a", "r:b"]);
        assert_eq!(
            refuse_equal(&named).expect_err("equal").message(),
            "rows 1 and 3 have the same key `r:b`"
        );
        assert_eq!(keys.of(&rows, None, 9, 3).expect("numbers"), ["r:010", "r:011", "r:012"]);
        let error = keys.of(&table("id,x\na,1\n,2\n"), Some("id"), 0, 0).expect_err("none");
        assert_eq!((error.code(), error.message()), (Code::BadCell, "column `id` has no value in row 2"));
    }
}
