//! The columns of Parquet files, and what becomes of each.

use ::parquet::basic::{ConvertedType, LogicalType, Repetition, Type};
use ::parquet::schema::types::{SchemaDescriptor, Type as Node};

use crate::diag::{Code, Diagnostic, Result};
use crate::source::formats::ReadOptions;
use crate::table::{Field, Kind, MISSING, Schema};

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// `true` and `false`.
    Truth,
    /// Integers, with or without a sign.
    Integer { signed: bool },
    /// Numbers of 32 or 64 bits.
    Float,
    /// Integers that count units of `10^-scale`.
    Decimal { scale: u32 },
    /// Text.
    Text,
    /// No value in any row, and no type.
    Nothing,
}

/// A column that is read.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// Its name.
    pub name: String,
    /// What it holds in each file.
    pub stored: Vec<Stored>,
    /// The type that it gets.
    pub kind: Kind,
    /// Its place among the leaves of each file's schema.
    pub leaves: Vec<usize>,
}

impl Wanted {
    /// Whether its levels are numbers in the data.
    pub fn numeric(&self) -> bool {
        self.stored.iter().any(|stored| stored.numbers())
    }

    /// The bytes of a row of it in memory.
    pub fn width(&self) -> u64 {
        if self.kind == Kind::Category { size_of_val(&MISSING) as u64 } else { size_of::<f64>() as u64 }
    }
}

/// The columns to read, in the order of the first file. `files` are the names and schemas.
///
/// # Errors
/// `MissingColumn` for a name of the options that is not there, and for columns that are not the
/// same in all files; `UnreadableValue` for a column of a type that no column here can have.
pub(super) fn wanted(files: &[(String, &SchemaDescriptor)], options: &ReadOptions) -> Result<Vec<Wanted>> {
    let Some((first, schema)) = files.first() else { return Ok(Vec::new()) };
    let names: Vec<&str> = schema.root_schema().get_fields().iter().map(|field| field.name()).collect();
    let asked = options.columns.iter().flatten().chain(options.schema.keys());
    let field = |name: &&str| Field { name: (*name).to_owned(), kind: Kind::Number };
    let there = Schema::new(names.iter().map(field).collect());
    for name in asked {
        there.require(name).map_err(|error| error.within(first, None, None))?;
    }
    same_columns(files)?;
    let read = |name: &&str| options.columns.as_ref().is_none_or(|some| some.iter().any(|own| own == name));
    names.iter().copied().filter(read).map(|name| one(files, name, options)).collect()
}

/// One column over all files.
fn one(files: &[(String, &SchemaDescriptor)], name: &str, options: &ReadOptions) -> Result<Wanted> {
    let asked = options.schema.get(name).copied();
    let mut known: Option<(Stored, &str)> = None;
    let (mut leaves, mut all) = (Vec::with_capacity(files.len()), Vec::with_capacity(files.len()));
    for (file, schema) in files {
        let fields = schema.root_schema().get_fields();
        let node = fields.iter().find(|field| field.name() == name);
        let leaf = (0..schema.num_columns()).find(|leaf| schema.column(*leaf).path().parts() == [name]);
        let (node, leaf) = match (node, leaf) {
            (Some(node), Some(leaf)) => (node, leaf),
            (Some(node), None) => return Err(refused(name, &nested(node), file)),
            _ => return Err(Code::Bug.error(format!("column `{name}` is gone"))),
        };
        let stored = stored(node, asked).map_err(|what| refused(name, &what, file))?;
        match known {
            None | Some((Stored::Nothing, _)) => known = Some((stored, file)),
            Some((other, _)) if fits(other, stored) => {}
            Some((other, first)) => {
                let message = format!(
                    "column `{name}` holds {} in `{file}`, and {} in `{first}`",
                    stored.words(),
                    other.words()
                );
                let help = "write the files with the same types";
                return Err(Code::UnreadableValue.error(message).help(help).within(file, None, None));
            }
        }
        leaves.push(leaf);
        all.push(stored);
    }
    let stored = known.map_or(Stored::Nothing, |(stored, _)| stored);
    let own = match stored {
        Stored::Truth => Kind::Bool,
        Stored::Text => Kind::Category,
        _ => Kind::Number,
    };
    Ok(Wanted { name: name.to_owned(), stored: all, kind: asked.unwrap_or(own), leaves })
}

/// Whether a file's values go into a column that another file began.
fn fits(first: Stored, other: Stored) -> bool {
    first == other || other == Stored::Nothing || first.numbers() && other.numbers()
}

impl Stored {
    fn numbers(self) -> bool {
        matches!(self, Self::Integer { .. } | Self::Float | Self::Decimal { .. })
    }

    fn words(self) -> &'static str {
        match self {
            Self::Truth => "true and false",
            Self::Integer { .. } | Self::Float | Self::Decimal { .. } => "numbers",
            Self::Text => "text",
            Self::Nothing => "nothing",
        }
    }
}

/// What a field holds, or the words for a type that is not read.
pub(super) fn stored(node: &Node, asked: Option<Kind>) -> std::result::Result<Stored, String> {
    if node.is_group() || node.get_basic_info().repetition() == Repetition::REPEATED {
        return Err(nested(node));
    }
    let physical = node.get_physical_type();
    let info = node.get_basic_info();
    let decimal = |scale: i32, precision: i32| match u32::try_from(scale) {
        Ok(scale) if precision <= 38 => Ok(Stored::Decimal { scale }),
        _ => Err(format!("decimals of {precision} digits")),
    };
    if let Some(logical) = info.logical_type_ref() {
        return match logical {
            LogicalType::String | LogicalType::Enum | LogicalType::Json => Ok(Stored::Text),
            LogicalType::Integer(integer) => Ok(Stored::Integer { signed: integer.is_signed }),
            LogicalType::Decimal(kind) => decimal(kind.scale, kind.precision),
            LogicalType::Unknown => Ok(Stored::Nothing),
            LogicalType::Date => Err("dates".to_owned()),
            LogicalType::Time(_) => Err("times".to_owned()),
            LogicalType::Timestamp(_) => Err("timestamps".to_owned()),
            LogicalType::Uuid => Err("UUIDs".to_owned()),
            LogicalType::Float16 => Err("floats of 16 bits".to_owned()),
            other => Err(format!("values of the type {other:?}")),
        };
    }
    match (info.converted_type(), physical) {
        (ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON, _) => Ok(Stored::Text),
        (
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64,
            _,
        ) => Ok(Stored::Integer { signed: false }),
        (ConvertedType::DECIMAL, _) => decimal(node.get_scale(), node.get_precision()),
        (ConvertedType::DATE, _) => Err("dates".to_owned()),
        (ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS, _) => Err("times".to_owned()),
        (ConvertedType::TIMESTAMP_MILLIS | ConvertedType::TIMESTAMP_MICROS, _) | (_, Type::INT96) => {
            Err("timestamps".to_owned())
        }
        (ConvertedType::INTERVAL, _) => Err("intervals".to_owned()),
        (_, Type::BOOLEAN) => Ok(Stored::Truth),
        (_, Type::INT32 | Type::INT64) => Ok(Stored::Integer { signed: true }),
        (_, Type::FLOAT | Type::DOUBLE) => Ok(Stored::Float),
        // Old writers did not say that their bytes are text.
        (_, Type::BYTE_ARRAY) if asked.is_some() => Ok(Stored::Text),
        (_, Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY) => Err("bytes".to_owned()),
    }
}

/// The words for a field of several values.
fn nested(node: &Node) -> String {
    let info = node.get_basic_info();
    match (info.logical_type_ref(), info.converted_type()) {
        (Some(LogicalType::List), _) | (_, ConvertedType::LIST) => "lists".to_owned(),
        (Some(LogicalType::Map), _) | (_, ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE) => {
            "maps".to_owned()
        }
        _ if node.is_primitive() => "lists".to_owned(),
        _ => "structs".to_owned(),
    }
}

fn refused(name: &str, what: &str, file: &str) -> Diagnostic {
    let help = match what {
        "dates" | "times" | "timestamps" | "intervals" => {
            "write it as a number, such as days since a date, or leave it out with `source.columns`"
        }
        "bytes" => "if it is text, say `schema: {NAME: category}`; else leave it out with `source.columns`",
        "lists" | "maps" | "structs" => {
            "write each of its values as a column, or leave it out with `source.columns`"
        }
        _ => "write it as a number or as text, or leave it out with `source.columns`",
    };
    let message = format!("column `{name}` holds {what}, which are not read");
    let error = Code::UnreadableValue.error(message).help(help.replace("NAME", name));
    error.within(file, None, None)
}

/// Refuses names that stand twice, and files with other columns than the first.
fn same_columns(files: &[(String, &SchemaDescriptor)]) -> Result<()> {
    let names = |schema: &SchemaDescriptor| -> Vec<String> {
        let mut names: Vec<_> =
            schema.root_schema().get_fields().iter().map(|field| field.name().to_owned()).collect();
        names.sort();
        names
    };
    let Some(((first, schema), rest)) = files.split_first() else { return Ok(()) };
    let expected = names(schema);
    if let Some(twice) = expected.windows(2).find(|two| two[0] == two[1]) {
        let error = Code::UnreadableValue.error(format!("column `{}` stands twice", twice[0]));
        return Err(error.help("give every column its own name").within(first, None, None));
    }
    if expected.is_empty() {
        let error = Code::EmptyData.error("the data has no columns").within(first, None, None);
        return Err(error.help("write a table with at least one column"));
    }
    for (file, schema) in rest {
        let own = names(schema);
        let odd = expected.iter().find(|name| own.binary_search(name).is_err());
        let more = own.iter().find(|name| expected.binary_search(name).is_err());
        let message = match (odd, more) {
            (Some(name), _) => format!("column `{name}` is in `{first}`, but not in `{file}`"),
            (None, Some(name)) => format!("column `{name}` is in `{file}`, but not in `{first}`"),
            (None, None) if own.len() != expected.len() => format!("a column stands twice in `{file}`"),
            (None, None) => continue,
        };
        let help = "the files of a source have the same columns; name other files in `source.file`";
        return Err(Code::MissingColumn.error(message).help(help).within(file, None, None));
    }
    Ok(())
}
