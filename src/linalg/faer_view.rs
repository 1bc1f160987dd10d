//! Our matrices as faer sees them, without copying.

use faer::dyn_stack::{MemBuffer, StackReq};
use faer::{MatMut, MatRef};

use super::Matrix;

/// `a` to read.
pub(super) fn view(a: &Matrix) -> MatRef<'_, f64> {
    MatRef::from_column_major_slice(a.values(), a.rows(), a.columns())
}

/// `a` to write.
pub(super) fn view_mut(a: &mut Matrix) -> MatMut<'_, f64> {
    let (rows, columns) = (a.rows(), a.columns());
    MatMut::from_column_major_slice_mut(a.values_mut(), rows, columns)
}

/// Working memory for one call of faer.
pub(super) fn memory(need: StackReq) -> MemBuffer {
    MemBuffer::new(need)
}
