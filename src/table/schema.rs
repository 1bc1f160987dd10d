//! The names and types of a table's columns.

use serde::{Deserialize, Serialize};

use crate::diag::{Code, Result};

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A 64-bit float; NaN is missing.
    Number,
    /// True or false, kept as 1 and 0, and a number to every step.
    Bool,
    /// One of a set of levels.
    Category,
    /// A date and time, kept as microseconds since 1970 (UTC); NaN is missing.
    Datetime,
    /// Words, kept as a category is, that nothing learns from.
    Text,
}

impl Kind {
    /// All types, as they are written in a file.
    pub const ALL: [Kind; 5] = [Kind::Number, Kind::Bool, Kind::Category, Kind::Datetime, Kind::Text];

    /// The type as it is written in a file.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Number => "number",
            Kind::Bool => "bool",
            Kind::Category => "category",
            Kind::Datetime => "datetime",
            Kind::Text => "text",
        }
    }

    /// Whether a column of it holds codes of words, not numbers.
    pub fn is_coded(self) -> bool {
        matches!(self, Kind::Category | Kind::Text)
    }

    /// The type with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A column's name and type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// The column's type.
    pub kind: Kind,
}

/// The columns of a table, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Field>", into = "Vec<Field>")]
pub struct Schema {
    fields: Vec<Field>,
    /// The places of the columns, sorted by name: tables have tens of thousands of columns.
    by_name: Vec<u32>,
}

impl Schema {
    /// The schema of these columns.
    pub fn new(fields: Vec<Field>) -> Self {
        let mut by_name: Vec<u32> = (0..fields.len() as u32).collect();
        by_name.sort_by_key(|place| &fields[*place as usize].name);
        Self { fields, by_name }
    }

    /// The columns.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The place of the column with this name; of the first, if it stands twice.
    pub fn index(&self, name: &str) -> Option<usize> {
        let own = |place: &u32| self.fields[*place as usize].name.as_str();
        let at = self.by_name.partition_point(|place| own(place) < name);
        self.by_name.get(at).filter(|place| own(place) == name).map(|place| *place as usize)
    }

    /// The place of the column with this name.
    ///
    /// # Errors
    /// `MissingColumn`, with the nearest name.
    pub fn require(&self, name: &str) -> Result<usize> {
        self.index(name).ok_or_else(|| {
            let help = match crate::diag::suggest(name, self.names()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the columns are {}", listed(self.names())),
            };
            Code::MissingColumn.error(format!("no column `{name}` in the data")).help(help)
        })
    }

    /// Whether all columns with these names are there.
    ///
    /// # Errors
    /// `MissingColumn` that names all that are not, and the nearest names.
    pub fn require_all<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let missing: Vec<&str> = names.into_iter().filter(|name| self.index(name).is_none()).collect();
        if missing.len() < 2 {
            return missing.into_iter().try_for_each(|name| self.require(name).map(drop));
        }
        let message =
            format!("{} columns are not in the data: {}", missing.len(), listed(missing.iter().copied()));
        let near =
            |name: &&str| Some(format!("`{}` for `{name}`", crate::diag::suggest(name, self.names())?));
        let near: Vec<_> = missing.iter().take(LISTED).filter_map(near).collect();
        let help = match near[..] {
            [] => format!("the columns are {}", listed(self.names())),
            _ => format!("did you mean {}?", near.join(", ")),
        };
        Err(Code::MissingColumn.error(message).help(help))
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.name.as_str())
    }
}

impl From<Vec<Field>> for Schema {
    fn from(fields: Vec<Field>) -> Self {
        Self::new(fields)
    }
}

impl From<Schema> for Vec<Field> {
    fn from(schema: Schema) -> Self {
        schema.fields
    }
}

/// How many names a message lists.
const LISTED: usize = 20;

/// Names for a message: the first of them, each in backticks.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(LISTED);
    let shown = names[..names.len().min(LISTED)].join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::{Field, Kind, Schema};

    #[test]
    fn a_name_finds_its_first_column() {
        let field = |name: &str| Field { name: name.into(), kind: Kind::Number };
        let schema = Schema::new(["b", "a", "ä", "a"].map(field).into());
        assert_eq!(
            ["a", "b", "ä", "", "c"].map(|name| schema.index(name)),
            [Some(1), Some(0), Some(2), None, None]
        );
        assert_eq!(Schema::default().index("a"), None);
    }

    #[test]
    fn every_missing_column_is_named_with_what_it_may_be_called() {
        let fields = ["age", "Incom"].map(|name| Field { name: name.into(), kind: Kind::Number });
        let schema = Schema::new(fields.to_vec());
        assert_eq!(schema.require_all(["Incom", "age"]), Ok(()));
        let told = |names: &[&str]| {
            let error = schema.require_all(names.iter().copied()).expect_err("something is missing");
            (error.message().to_owned(), error.advice().unwrap_or_default().to_owned())
        };
        let (message, help) = told(&["Income", "age", "height"]);
        assert_eq!(message, "2 columns are not in the data: `Income`, `height`");
        assert_eq!(help, "did you mean `Incom` for `Income`?");
        let (message, help) = told(&["height", "age"]);
        assert_eq!((&*message, &*help), ("no column `height` in the data", "the columns are `age`, `Incom`"));
        let many: Vec<String> = (0..30).map(|i| format!("feature{i}")).collect();
        let (message, _) = told(&many.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(
            message.starts_with("30 columns") && message.ends_with("`feature19` and 10 more"),
            "{message}"
        );
    }
}
