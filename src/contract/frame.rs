//! Features on their way from the table to the model.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_buffer::ScalarBuffer;

use crate::diag::{Code, Result};
use crate::linalg::Matrix;
use crate::table::{Column, Kind, Levels, MISSING, Rows, Table};

/// One or more features of all rows. Buffers are shared: a step that leaves a feature alone hands
/// it on for nothing.
#[derive(Clone, Debug)]
pub enum Block {
    /// One feature of numbers; NaN is missing.
    Number {
        /// The feature's name.
        name: Arc<str>,
        /// A value a row.
        values: ScalarBuffer<f64>,
    },
    /// One feature of categories.
    Codes {
        /// The feature's name.
        name: Arc<str>,
        /// A code a row, [`MISSING`] where there is none.
        codes: ScalarBuffer<u32>,
        /// What the codes stand for.
        levels: Arc<Levels>,
    },
    /// Indicator features, of which a row has at most one set.
    OneHot {
        /// One name an indicator.
        names: Arc<[Arc<str>]>,
        /// The indicator that a row sets, [`MISSING`] where it sets none.
        codes: Arc<[u32]>,
    },
}

impl Block {
    /// The number of features.
    pub fn features(&self) -> usize {
        match self {
            Block::OneHot { names, .. } => names.len(),
            _ => 1,
        }
    }

    /// The features' names.
    pub fn names(&self) -> Vec<Arc<str>> {
        match self {
            Block::Number { name, .. } | Block::Codes { name, .. } => vec![Arc::clone(name)],
            Block::OneHot { names, .. } => names.to_vec(),
        }
    }

    /// The block under other names, one a feature.
    pub fn renamed(&self, rename: impl Fn(&str) -> Arc<str>) -> Self {
        let mut block = self.clone();
        match &mut block {
            Block::Number { name, .. } | Block::Codes { name, .. } => *name = rename(name),
            Block::OneHot { names, .. } => *names = names.iter().map(|name| rename(name)).collect(),
        }
        block
    }
}

/// The features of all rows of a table, in order.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    rows: usize,
    blocks: Vec<Block>,
}

impl Frame {
    /// A frame of these blocks, all `rows` long.
    pub fn new(rows: usize, blocks: Vec<Block>) -> Self {
        Self { rows, blocks }
    }

    /// The columns of a table as features.
    pub fn of(table: &Table) -> Self {
        let block = |(field, column): (&crate::table::Field, &Column)| match column {
            Column::Number(values) => {
                Block::Number { name: field.name.as_str().into(), values: values.clone() }
            }
            Column::Codes { codes, levels } => Block::Codes {
                name: field.name.as_str().into(),
                codes: codes.clone(),
                levels: Arc::clone(levels),
            },
        };
        Self { rows: table.rows(), blocks: table.fields().map(block).collect() }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The blocks, in order.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The blocks, to take apart.
    pub fn into_blocks(self) -> Vec<Block> {
        self.blocks
    }

    /// The number of features.
    pub fn features(&self) -> usize {
        self.blocks.iter().map(Block::features).sum()
    }

    /// The features' names, in order.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.blocks.iter().flat_map(Block::names).collect()
    }

    /// The frame of some rows only.
    pub fn take(&self, rows: &Rows) -> Self {
        let block = |block: &Block| match (block, rows) {
            (Block::Number { name, values }, Rows::Range(range)) => Block::Number {
                name: Arc::clone(name),
                values: values.slice(range.start as usize, range.len()),
            },
            (Block::Number { name, values }, _) => {
                Block::Number { name: Arc::clone(name), values: rows.gather(values).into() }
            }
            (Block::Codes { name, codes, levels }, _) => Block::Codes {
                name: Arc::clone(name),
                codes: rows.gather(codes).into(),
                levels: Arc::clone(levels),
            },
            (Block::OneHot { names, codes }, _) => {
                Block::OneHot { names: Arc::clone(names), codes: rows.gather(codes).into() }
            }
        };
        Self { rows: rows.len(), blocks: self.blocks.iter().map(block).collect() }
    }

    /// The blocks of the features with these names, in this order. Only for frames whose blocks
    /// hold one feature each, as those of a table do.
    ///
    /// # Errors
    /// `MissingColumn` for a name that is not there.
    pub fn select(&self, names: &[String]) -> Result<Self> {
        let by_name: BTreeMap<&str, &Block> = (self.blocks.iter())
            .filter_map(|block| match block {
                Block::Number { name, .. } | Block::Codes { name, .. } => Some((&**name, block)),
                Block::OneHot { .. } => None,
            })
            .collect();
        let find = |name: &String| {
            let missing = || Code::MissingColumn.error(format!("no column `{name}` in the data"));
            by_name.get(name.as_str()).map(|block| (*block).clone()).ok_or_else(missing)
        };
        Ok(Self { rows: self.rows, blocks: names.iter().map(find).collect::<Result<_>>()? })
    }

    /// Frames side by side.
    pub fn beside(rows: usize, frames: Vec<Frame>) -> Self {
        Self { rows, blocks: frames.into_iter().flat_map(|frame| frame.blocks).collect() }
    }

    /// The frame with every indicator a number feature of its own, for steps that work feature by
    /// feature.
    pub fn unpacked(&self) -> Self {
        let mut blocks = Vec::with_capacity(self.features());
        for block in &self.blocks {
            match block {
                Block::OneHot { names, codes } => blocks.extend((0..).zip(names.iter()).map(|(k, name)| {
                    let values = codes.iter().map(|code| f64::from(u8::from(*code == k)));
                    Block::Number { name: Arc::clone(name), values: values.collect() }
                })),
                other => blocks.push(other.clone()),
            }
        }
        Self { rows: self.rows, blocks }
    }

    /// The design matrix of some rows, rows x features, as a model without a sense for categories
    /// or missing values needs it.
    ///
    /// # Errors
    /// `TypeMismatch` for a category, `BadCell` for a missing value, both with the feature's name;
    /// `NotFinite` for infinity.
    pub fn design(&self, rows: &Rows) -> Result<Matrix> {
        let mut matrix = Matrix::zeros(rows.len(), self.features());
        let mut j = 0;
        for block in &self.blocks {
            match block {
                Block::Number { name, values } => {
                    let column = matrix.column_mut(j);
                    for (cell, row) in column.iter_mut().zip(rows.iter()) {
                        let value = values[row as usize];
                        if !value.is_finite() {
                            return Err(unusable(name, row as usize, value));
                        }
                        *cell = value;
                    }
                }
                Block::Codes { name, .. } => {
                    let message = format!("feature `{name}` is a category, and the model takes numbers");
                    return Err(Code::TypeMismatch.error(message).help(
                        "encode it, with `OneHotEncoder` or `OrdinalEncoder`, or try `preprocess: auto`",
                    ));
                }
                Block::OneHot { codes, .. } => {
                    for (i, row) in rows.iter().enumerate() {
                        let code = codes[row as usize];
                        if code != MISSING {
                            matrix[(i, j + code as usize)] = 1.0;
                        }
                    }
                }
            }
            j += block.features();
        }
        Ok(matrix)
    }

    /// The types of the features, as [`Types`](super::Types) declares them.
    pub fn kinds(&self) -> Vec<Kind> {
        let kind = |block: &Block| match block {
            Block::Codes { .. } => vec![Kind::Category],
            other => vec![Kind::Number; other.features()],
        };
        self.blocks.iter().flat_map(kind).collect()
    }
}

/// The error for a cell that a model cannot take.
fn unusable(name: &str, row: usize, value: f64) -> crate::diag::Diagnostic {
    if value.is_nan() {
        let message =
            format!("feature `{name}` is missing in row {}, and the model takes no missing values", row + 1);
        Code::BadCell.error(message).help("put a `SimpleImputer` before the model")
    } else {
        Code::NotFinite
            .error(format!("feature `{name}` is {value} in row {}", row + 1))
            .help("look at the column with `pipefit data show`; scale it, or leave it out")
    }
}
