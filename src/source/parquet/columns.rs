//! The columns of Parquet files, and what becomes of each.

use ::parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type};
use ::parquet::file::metadata::FileMetaData;
use ::parquet::schema::types::Type as Node;

use crate::diag::{Code, Result};
use crate::source::formats::ReadOptions;
use crate::source::typed::{Holds, check_names, kind_of, refused};
use crate::table::{Kind, MISSING};

/// Says of which columns of texts the levels are numbers: a list of their names in JSON.
pub(super) const LEVELS: &str = "pipefit.levels.numbers";

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
    /// Days since 1970.
    Date,
    /// Units since 1970, of which a second has so many.
    Instant { a_second: i64 },
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
    /// Whether a file says that its texts are numbers.
    said: bool,
}

impl Wanted {
    /// Whether its levels are numbers in the data.
    pub fn numeric(&self) -> bool {
        let numbers = |stored: &Stored| stored.holds() == Holds::Numbers;
        self.kind == Kind::Category && (self.said || self.stored.iter().any(numbers))
    }

    /// The bytes of a row of it in memory.
    pub fn width(&self) -> u64 {
        if self.kind.is_coded() { size_of_val(&MISSING) as u64 } else { size_of::<f64>() as u64 }
    }
}

/// The columns to read, in the order of the first file. `files` are the names and what stands in the footers.
///
/// # Errors
/// `MissingColumn` for a name of the options that is not there, and for columns that are not the
/// same in all files; `UnreadableValue` for a column of a type that no column here can have.
pub(super) fn wanted(files: &[(String, &FileMetaData)], options: &ReadOptions) -> Result<Vec<Wanted>> {
    let all: Vec<(&str, Vec<&str>)> = files
        .iter()
        .map(|(file, data)| {
            let fields = data.schema_descr().root_schema().get_fields();
            (file.as_str(), fields.iter().map(|field| field.name()).collect())
        })
        .collect();
    check_names(&all, options)?;
    let Some((_, first)) = all.into_iter().next() else { return Ok(Vec::new()) };
    let read = |name: &&str| options.columns.as_ref().is_none_or(|some| some.iter().any(|own| own == name));
    first.into_iter().filter(read).map(|name| one(files, name, options)).collect()
}

/// One column over all files.
fn one(files: &[(String, &FileMetaData)], name: &str, options: &ReadOptions) -> Result<Wanted> {
    let asked = options.schema.get(name).copied();
    let (mut leaves, mut all) = (Vec::with_capacity(files.len()), Vec::with_capacity(files.len()));
    let mut said = false;
    for (file, data) in files {
        let schema = data.schema_descr();
        let fields = schema.root_schema().get_fields();
        let node = fields.iter().find(|field| field.name() == name);
        let leaf = (0..schema.num_columns()).find(|leaf| schema.column(*leaf).path().parts() == [name]);
        let (node, leaf) = match (node, leaf) {
            (Some(node), Some(leaf)) => (node, leaf),
            (Some(node), None) => return Err(refused(name, &nested(node), file)),
            _ => return Err(Code::Bug.error(format!("column `{name}` is gone"))),
        };
        leaves.push(leaf);
        all.push(stored(node, asked).map_err(|what| refused(name, &what, file))?);
        said |= all.last() == Some(&Stored::Text) && levels_are_numbers(data, name);
    }
    let holds: Vec<(&str, Holds)> =
        files.iter().zip(&all).map(|((file, _), stored)| (file.as_str(), stored.holds())).collect();
    let kind = kind_of(name, &holds, options)?;
    Ok(Wanted { name: name.to_owned(), stored: all, kind, leaves, said })
}

fn levels_are_numbers(data: &FileMetaData, name: &str) -> bool {
    let pairs = data.key_value_metadata().into_iter().flatten();
    let said = pairs.filter(|pair| pair.key == LEVELS).find_map(|pair| pair.value.as_deref());
    let names: Option<Vec<String>> = said.and_then(|said| serde_json::from_str(said).ok());
    names.is_some_and(|names| names.iter().any(|own| own == name))
}

impl Stored {
    fn holds(self) -> Holds {
        match self {
            Self::Truth => Holds::Truth,
            Self::Integer { .. } | Self::Float | Self::Decimal { .. } => Holds::Numbers,
            Self::Date | Self::Instant { .. } => Holds::Datetimes,
            Self::Text => Holds::Text,
            Self::Nothing => Holds::Nothing,
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
            LogicalType::Date => Ok(Stored::Date),
            LogicalType::Time(_) => Err("times".to_owned()),
            LogicalType::Timestamp(instant) => Ok(Stored::Instant {
                a_second: match instant.unit {
                    TimeUnit::MILLIS => 1_000,
                    TimeUnit::MICROS => 1_000_000,
                    TimeUnit::NANOS => 1_000_000_000,
                },
            }),
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
        (ConvertedType::DATE, _) => Ok(Stored::Date),
        (ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS, _) => Err("times".to_owned()),
        (ConvertedType::TIMESTAMP_MILLIS, _) => Ok(Stored::Instant { a_second: 1_000 }),
        // What some write for timestamps becomes microseconds as it is read.
        (ConvertedType::TIMESTAMP_MICROS, _) | (_, Type::INT96) => {
            Ok(Stored::Instant { a_second: 1_000_000 })
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
