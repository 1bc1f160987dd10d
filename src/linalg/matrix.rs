//! A dense matrix of `f64`, column-major, as everything below expects it.

/// A dense column-major matrix: column `j` is the slice `values[j * rows .. (j + 1) * rows]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// A matrix of zeros, `rows` x `columns`.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, values: vec![0.0; rows * columns] }
    }

    /// A matrix around `values`, given column after column.
    ///
    /// # Panics
    /// When `values.len() != rows * columns`.
    pub fn from_columns(rows: usize, columns: usize, values: Vec<f64>) -> Self {
        assert_eq!(values.len(), rows * columns, "a {rows} x {columns} matrix");
        Self { rows, columns, values }
    }

    /// A matrix whose cell `(i, j)` is `f(i, j)`.
    pub fn from_fn(rows: usize, columns: usize, mut f: impl FnMut(usize, usize) -> f64) -> Self {
        let values = (0..columns).flat_map(|j| (0..rows).map(move |i| (i, j)));
        let values = values.map(|(i, j)| f(i, j)).collect();
        Self { rows, columns, values }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Column `j`, `rows` long.
    pub fn column(&self, j: usize) -> &[f64] {
        &self.values[j * self.rows..(j + 1) * self.rows]
    }

    /// Column `j`, to write to.
    pub fn column_mut(&mut self, j: usize) -> &mut [f64] {
        &mut self.values[j * self.rows..(j + 1) * self.rows]
    }

    /// All values, column after column.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// All values, column after column, to write to.
    pub fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    /// Row `i` as a vector, `columns` long.
    pub fn row(&self, i: usize) -> Vec<f64> {
        (0..self.columns).map(|j| self[(i, j)]).collect()
    }
}

impl std::ops::Index<(usize, usize)> for Matrix {
    type Output = f64;

    fn index(&self, (i, j): (usize, usize)) -> &f64 {
        debug_assert!(i < self.rows && j < self.columns);
        &self.values[j * self.rows + i]
    }
}

impl std::ops::IndexMut<(usize, usize)> for Matrix {
    fn index_mut(&mut self, (i, j): (usize, usize)) -> &mut f64 {
        debug_assert!(i < self.rows && j < self.columns);
        &mut self.values[j * self.rows + i]
    }
}
