//! The moments of every inner fold of a model that cuts its training rows again: merges of cells.

use super::cells::{self, Cell, Input};
use super::layout::Layout;
use crate::contract::erased::AnySplitter;
use crate::diag::Result;
use crate::linalg::Moments;
use crate::plan;

/// The joint moments of all cells of inner folds.
pub struct Inner<'p> {
    plan: &'p plan::Inner,
    /// Of each walk its cells'.
    walks: Vec<Vec<Moments>>,
}

impl<'p> Inner<'p> {
    /// Of no inner folds.
    pub fn none(plan: &'p plan::Inner) -> Self {
        Self { plan, walks: Vec::new() }
    }

    /// Walks over the table once more for each walk but the first, whose cells are those given. `input` is the first walk's.
    ///
    /// # Errors
    /// Whatever reading can meet.
    pub fn collect(plan: &'p plan::Inner, first: Vec<Cell>, layout: &Layout, input: &Input) -> Result<Self> {
        let joint = |cell: Cell| cell.weighted.unwrap_or(cell.plain);
        let mut walks = vec![first.into_iter().map(joint).collect()];
        for walk in plan.walks.iter().skip(1) {
            let input = Input { cell_of: &walk.cell_of, cells: walk.cells, joint_only: true, ..*input };
            walks.push(cells::collect(layout, &input)?.into_iter().map(joint).collect());
        }
        Ok(Self { plan, walks })
    }

    /// The moments of the inner folds that `splitter` cuts the training rows of a fold into, or all rows, in their order;
    /// none where it cannot cut them.
    pub fn folds(&self, splitter: &dyn AnySplitter, fold: Option<usize>) -> Option<Vec<Moments>> {
        let merges = self.plan.merges(splitter, fold)?;
        let moments = self.walks.get(merges.walk)?;
        let one = |cells: &Vec<usize>| {
            let (first, rest) = cells.split_first()?;
            let mut total = moments[*first].clone();
            rest.iter().for_each(|cell| total.merge(&moments[*cell]));
            Some(total)
        };
        merges.cells.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::contract::erased::AnySplitter;
    use crate::contract::{Params, Value};
    use crate::diag::Silent;
    use crate::linalg::Moments;
    use crate::plan::{self, Bound, Path, Plan};
    use crate::run::two_pass::TwoPass;
    use crate::splitters::k_fold::KFold;
    use crate::table::{Column, Data, Field, Kind, Rows, Schema, Table};
    use crate::{graph, run};

    /// A number in [-0.5, 0.5), without a pattern.
    fn noise(i: usize, j: usize) -> f64 {
        let x = (i as u64 + 7).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            ^ (j as u64 + 1).wrapping_mul(0xD1B5_4A32_D192_ED03);
        let x = (x ^ x >> 31).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((x ^ x >> 29) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    }

    /// Two numbers, a weight and a target; the rows `far` lie at a trillion.
    fn table(rows: usize, far: std::ops::Range<usize>) -> Data {
        let x = |j: usize| move |i: usize| noise(i, j) + if j == 0 && far.contains(&i) { 1e12 } else { 0.0 };
        let columns: Vec<Vec<f64>> = vec![
            (0..rows).map(x(0)).collect(),
            (0..rows).map(|i| noise(i, 1)).collect(),
            (0..rows).map(|i| 1.0 + noise(i, 2)).collect(),
            (0..rows).map(|i| noise(i, 1) + noise(i, 3)).collect(),
        ];
        let fields = ["x", "z", "w", "y"].map(|name| Field { name: name.to_owned(), kind: Kind::Number });
        let columns = columns.into_iter().map(|values| Column::Number(values.into())).collect();
        Data::from(Table::new(Schema::new(fields.to_vec()), columns).unwrap())
    }

    fn with<T>(pipeline: &str, data: &Data, test: impl FnOnce(&Bound, &Plan) -> T) -> T {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("inner.yaml");
        let head = "version: 1\nname: inner\nsource: {key: table}\ntarget: y\nroles: {weight: w}\n";
        std::fs::write(&file, format!("{head}preprocess: [StandardScaler]\n{pipeline}\n")).unwrap();
        let (graph, problems) = graph::read(&file, &[]);
        let graph = graph.unwrap_or_else(|| panic!("{problems:?}"));
        let bound = plan::bind(&graph, data).unwrap();
        let plan = plan::plan(&bound, Some(Path::TwoPass)).unwrap();
        test(&bound, &plan)
    }

    fn cut(shuffle: bool) -> KFold {
        let mut cut = KFold { n_splits: 3, shuffle, ..KFold::default() };
        if shuffle {
            cut.set("random_state", &Value::Int(1)).unwrap();
        }
        cut
    }

    fn close(a: &Moments, b: &Moments) {
        assert_eq!(a.rows, b.rows);
        assert!((a.weight - b.weight).abs() <= 1e-12 * b.weight);
        for (a, b) in a.mean.iter().zip(&b.mean).chain(a.gram.values().iter().zip(b.gram.values())) {
            assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{a} {b}");
        }
    }

    const CV: &str = "{KFold: {n_splits: 3, shuffle: true, random_state: 1}}";

    /// The moments of all inner folds are those of their rows, however outer and inner folds are cut, and models are fitted from
    /// them. Consecutive folds share one walk; shuffled ones have one for some outer folds each.
    #[test]
    fn inner_folds_are_merges_of_cells() {
        let data = table(3000, 0..0);
        let [x, z, w, y] = [0, 1, 2, 3].map(|j| match &data.table().unwrap().columns()[j] {
            Column::Number(values) => values.to_vec(),
            Column::Codes { .. } => unreachable!(),
        });
        for (outer, inner, walks) in [
            ("cv: 4", "3", 1..2),
            ("cv: {KFold: {n_splits: 4, shuffle: true}}", "3", 1..2),
            ("cv: null", "3", 1..2),
            ("cv: null", CV, 1..2),
            ("cv: 4", CV, 1..4),
        ] {
            with(&format!("model: {{LassoCV: {{cv: {inner}}}}}\n{outer}"), &data, |bound, plan| {
                assert!(walks.contains(&plan.inner.walks.len()), "{outer}, {inner}: {}", plan.passes);
                let two_pass = TwoPass::collect(bound, plan).unwrap();
                let splitter = cut(inner == CV);
                for fold in std::iter::once(None).chain((0..bound.folds.len()).map(Some)) {
                    let train = fold.map_or(Rows::all(3000), |k| bound.folds[k].train.clone());
                    let train: Vec<u32> = train.iter().collect();
                    let split = crate::contract::Split { rows: train.len(), classes: None, seed: 0 };
                    let (folds, _) = AnySplitter::split(&splitter, &split).unwrap();
                    let found = two_pass.inner.folds(&splitter, fold).unwrap();
                    assert_eq!(found.len(), 3);
                    for (fold, found) in folds.iter().zip(&found) {
                        let rows: Vec<u32> = fold.test.iter().map(|at| train[at as usize]).collect();
                        let rows = Rows::List(rows.into());
                        let shifts = two_pass.layout.shifts();
                        let columns: Vec<Vec<f64>> = [&x, &z, &y]
                            .iter()
                            .zip(&shifts)
                            .map(|(column, shift)| rows.gather(column).iter().map(|x| x - shift).collect())
                            .collect();
                        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
                        close(found, &Moments::of(&columns, Some(&rows.gather(&w))));
                    }
                    let fit = two_pass.fit(&bound.graph.pipeline, fold).unwrap();
                    assert_eq!(fit.rows_reason, None, "{outer}, {inner}");
                }
            });
        }
    }

    /// The first rows, and so the shift, lie at a trillion: what is left without them has lost its digits.
    #[test]
    fn an_inner_fold_far_from_the_shift_is_fitted_on_rows() {
        let data = table(9000, 0..3000);
        with("model: {LassoCV: {cv: 3}}\ncv: null", &data, |bound, plan| {
            let fit = TwoPass::collect(bound, plan).unwrap().fit(&bound.graph.pipeline, None).unwrap();
            assert!(fit.rows_reason.unwrap().contains("`x` are far"));
            run::run(bound, plan, &Silent).unwrap();
        });
    }

    #[test]
    fn more_inner_folds_than_rows_are_the_models_error() {
        let data = table(40, 0..0);
        with("model: {LassoCV: {cv: 35}}\ncv: 4", &data, |bound, plan| {
            let error = run::run(bound, plan, &Silent).map(|_| ()).unwrap_err();
            assert!(error.message().contains("35 folds cannot be made of 30 rows"), "{error}");
        });
    }
}
