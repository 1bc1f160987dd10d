//! Learned state, on its way into and out of an artifact: named tensors and small JSON.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::diag::{Code, Result};
use crate::linalg::Matrix;

/// Numbers with a shape, row-major as safetensors has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Tensor {
    /// 64-bit floats.
    F64 {
        /// The lengths of the dimensions.
        shape: Vec<usize>,
        /// The values, last dimension fastest.
        values: Vec<f64>,
    },
    /// 32-bit unsigned integers.
    U32 {
        /// The lengths of the dimensions.
        shape: Vec<usize>,
        /// The values, last dimension fastest.
        values: Vec<u32>,
    },
}

/// Something that can be saved and loaded without loss.
pub trait State: Sized {
    /// Writes everything that was learned.
    fn save(&self, saver: &mut Saver);
    /// Reads it back.
    ///
    /// # Errors
    /// `Damaged` when something is missing or has another form: the bytes may be anybody's.
    fn load(loader: &Loader) -> Result<Self>;
}

/// Collects state under names; a child's names start with its own and a dot.
#[derive(Debug, Default)]
pub struct Saver {
    tensors: BTreeMap<String, Tensor>,
    facts: BTreeMap<String, serde_json::Value>,
    prefix: String,
}

impl Saver {
    /// Saves a vector.
    pub fn numbers(&mut self, name: &str, values: &[f64]) {
        let tensor = Tensor::F64 { shape: vec![values.len()], values: values.to_vec() };
        self.tensors.insert(self.full(name), tensor);
    }

    /// Saves a matrix.
    pub fn matrix(&mut self, name: &str, matrix: &Matrix) {
        let values = (0..matrix.rows()).flat_map(|i| matrix.row(i)).collect();
        let tensor = Tensor::F64 { shape: vec![matrix.rows(), matrix.columns()], values };
        self.tensors.insert(self.full(name), tensor);
    }

    /// Saves codes or places.
    pub fn codes(&mut self, name: &str, values: &[u32]) {
        let tensor = Tensor::U32 { shape: vec![values.len()], values: values.to_vec() };
        self.tensors.insert(self.full(name), tensor);
    }

    /// Saves something small. Floats that may be NaN or infinite belong into `numbers`.
    pub fn json(&mut self, name: &str, value: impl Serialize) {
        // State types are plain structs, strings and numbers, which always have a JSON form.
        let value = serde_json::to_value(value).expect("state is plain data");
        self.facts.insert(self.full(name), value);
    }

    /// Saves a part under a name of its own.
    pub fn child(&mut self, name: &str, save: impl FnOnce(&mut Saver)) {
        let outer = self.prefix.clone();
        self.prefix = format!("{outer}{name}.");
        save(self);
        self.prefix = outer;
    }

    /// The tensors and the JSON, by full name.
    pub fn finish(self) -> (BTreeMap<String, Tensor>, BTreeMap<String, serde_json::Value>) {
        (self.tensors, self.facts)
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

/// Gives state back by name, and remembers what was asked for, so that leftovers are noticed.
#[derive(Debug)]
pub struct Loader {
    tensors: BTreeMap<String, Tensor>,
    facts: BTreeMap<String, serde_json::Value>,
    seen: RefCell<BTreeSet<String>>,
    prefix: RefCell<String>,
}

impl Loader {
    /// A loader of what a [`Saver`] finished with.
    pub fn new(tensors: BTreeMap<String, Tensor>, facts: BTreeMap<String, serde_json::Value>) -> Self {
        Self { tensors, facts, seen: RefCell::default(), prefix: RefCell::default() }
    }

    /// A vector of any length.
    ///
    /// # Errors
    /// `Damaged` when it is not there or is none.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        match self.tensor(name)? {
            Tensor::F64 { shape, values } if shape.len() == 1 => Ok(values.clone()),
            _ => Err(self.damaged(name, "is not a vector of numbers")),
        }
    }

    /// A vector of this length.
    ///
    /// # Errors
    /// `Damaged` when it is not there or is of another form.
    pub fn numbers_of(&self, name: &str, len: usize) -> Result<Vec<f64>> {
        let values = self.numbers(name)?;
        let fits = values.len() == len;
        if fits {
            Ok(values)
        } else {
            Err(self.damaged(name, &format!("has {} values, not {len}", values.len())))
        }
    }

    /// A matrix of any shape.
    ///
    /// # Errors
    /// `Damaged` when it is not there or is none.
    pub fn matrix(&self, name: &str) -> Result<Matrix> {
        match self.tensor(name)? {
            // Without a value there may be any number of columns, too many to go through.
            Tensor::F64 { shape, values } if shape.len() == 2 && values.is_empty() => {
                Ok(Matrix::zeros(shape[0], shape[1]))
            }
            Tensor::F64 { shape, values } if shape.len() == 2 => {
                Ok(Matrix::from_fn(shape[0], shape[1], |i, j| values[i * shape[1] + j]))
            }
            _ => Err(self.damaged(name, "is not a matrix")),
        }
    }

    /// Codes or places.
    ///
    /// # Errors
    /// `Damaged` when they are not there or are none.
    pub fn codes(&self, name: &str) -> Result<Vec<u32>> {
        match self.tensor(name)? {
            Tensor::U32 { shape, values } if shape.len() == 1 => Ok(values.clone()),
            _ => Err(self.damaged(name, "is not a vector of codes")),
        }
    }

    /// Something small.
    ///
    /// # Errors
    /// `Damaged` when it is not there or is of another form.
    pub fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let full = self.full(name);
        let fact = self.facts.get(&full).ok_or_else(|| self.damaged(name, "is missing"))?;
        self.seen.borrow_mut().insert(full);
        T::deserialize(fact).map_err(|error| self.damaged(name, &format!("is not as expected: {error}")))
    }

    /// Loads a part that was saved with [`Saver::child`].
    ///
    /// # Errors
    /// What `load` returns.
    pub fn child<T>(&self, name: &str, load: impl FnOnce(&Loader) -> Result<T>) -> Result<T> {
        let outer = self.prefix.borrow().clone();
        *self.prefix.borrow_mut() = format!("{outer}{name}.");
        let loaded = load(self);
        *self.prefix.borrow_mut() = outer;
        loaded
    }

    /// Names that nobody asked for.
    pub fn leftovers(&self) -> Vec<String> {
        let seen = self.seen.borrow();
        self.tensors.keys().chain(self.facts.keys()).filter(|name| !seen.contains(*name)).cloned().collect()
    }

    /// The error for a part that is not what it should be.
    pub fn damaged(&self, name: &str, what: &str) -> crate::diag::Diagnostic {
        Code::Damaged.error(format!("the artifact's `{}` {what}", self.full(name)))
    }

    fn tensor(&self, name: &str) -> Result<&Tensor> {
        let full = self.full(name);
        let tensor = self.tensors.get(&full).ok_or_else(|| self.damaged(name, "is missing"))?;
        self.seen.borrow_mut().insert(full);
        Ok(tensor)
    }

    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix.borrow())
    }
}
