//! Small tables that are easy to learn from.

use std::sync::Arc;

use pipefit::contract::{Block, Frame, Task};
use pipefit::linalg::Matrix;
use pipefit::table::{Levels, Rows, Target};

/// Rows with a target that the features explain, for either task.
pub struct Data {
    pub columns: Vec<Vec<f64>>,
    pub target: Target,
    pub weight: Vec<f64>,
}

/// A number in [-1, 1) from two places, without a pattern.
pub fn noise(i: usize, j: usize) -> f64 {
    let mut x = (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ^ (j as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03);
    for _ in 0..2 {
        x ^= x >> 29;
        x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x ^= x >> 32;
    }
    (x >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

pub fn classes(codes: Vec<u32>) -> Target {
    let labels = Levels::new(["no", "yes", "perhaps"].map(Into::into).to_vec(), false);
    Target::Classes { codes: codes.into(), labels: Arc::new(labels) }
}

impl Data {
    pub fn easy(task: Task, rows: usize) -> Self {
        let columns: Vec<Vec<f64>> = (0..3)
            .map(|j| (0..rows).map(|i| noise(i, j) * [1.0, 50.0, 0.2][j] + j as f64).collect())
            .collect();
        let signal = |i: usize| 2.0 * noise(i, 0) - 1.5 * noise(i, 1) + 0.4 * noise(i, 9);
        let target = match task {
            // Great beside a penalty of 1.
            Task::Regression => Target::Values(Matrix::from_fn(rows, 1, |i, _| 20.0 * signal(i) + 10.0)),
            Task::Classification => {
                let class = |i: usize| u32::from(signal(i) > -0.6) + u32::from(signal(i) > 0.9);
                classes((0..rows).map(class).collect())
            }
        };
        let weight = (0..rows).map(|i| f64::from(i as u32 * 7 % 4)).collect();
        Self { columns, target, weight }
    }

    /// Numbers of at least 0, of which each class has more of one feature.
    pub fn counts(rows: usize) -> Self {
        let mut data = Self::easy(Task::Classification, rows);
        let Target::Classes { codes, .. } = &data.target else { return data };
        for (j, column) in data.columns.iter_mut().enumerate() {
            let own = |i: usize| if codes[i] as usize == j { 9.0 } else { 1.0 };
            (0..rows).for_each(|i| column[i] = (4.0 * (noise(i, j) + 1.0)).floor() + own(i));
        }
        data
    }

    pub fn frame(&self) -> Frame {
        frame(&self.columns)
    }

    /// The data at these rows, in this order.
    pub fn at(&self, rows: &[u32]) -> Self {
        let pick = |v: &Vec<f64>| rows.iter().map(|row| v[*row as usize]).collect::<Vec<_>>();
        Self {
            columns: self.columns.iter().map(pick).collect(),
            target: self.target.gather(&Rows::List(rows.into())),
            weight: pick(&self.weight),
        }
    }
}

pub fn frame(columns: &[Vec<f64>]) -> Frame {
    let block =
        |(j, v): (usize, &Vec<f64>)| Block::Number { name: format!("x{j}").into(), values: v.clone().into() };
    Frame::new(columns[0].len(), columns.iter().enumerate().map(block).collect())
}
