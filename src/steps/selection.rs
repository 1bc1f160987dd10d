//! Which features a selector keeps: the fitted state of all selectors.

use std::sync::Arc;

use super::features;
use crate::contract::{Block, Frame, Loader, Map, MapColumn, Saver, Term};
use crate::diag::{Code, Diagnostic, Result};
use crate::linalg::Matrix;
use crate::onnx::{Graph, Wire, no_form};
use crate::table::MISSING;

/// The features that are kept.
#[derive(Debug)]
pub struct Selection {
    names: Vec<Arc<str>>,
    keep: Vec<bool>,
    /// Why rounding may have decided, if it may have.
    pub doubt: Option<String>,
    /// Warnings about the fit.
    pub notes: Vec<Diagnostic>,
}

/// Whether a selector takes missing values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holes {
    /// They pass.
    Pass,
    /// They are refused, in features that are not kept too, as scikit-learn does.
    Refused,
}

impl Selection {
    /// The features with these names, of which some are kept.
    pub fn new(names: Vec<Arc<str>>, keep: Vec<bool>) -> Self {
        Self { names, keep, doubt: None, notes: Vec::new() }
    }

    /// The features kept. Buffers are shared, and indicators stay in their block.
    ///
    /// # Errors
    /// `TypeMismatch` for a category, `NotFinite` and `BadCell` for infinite and refused missing
    /// values with their row, `Bug` for another number of features.
    pub fn apply(&self, frame: &Frame, step: &str, holes: Holes) -> Result<Frame> {
        if frame.features() != self.keep.len() {
            let message =
                format!("{step} was fitted on {} features and got {}", self.keep.len(), frame.features());
            return Err(Code::Bug.error(message));
        }
        let mut keep = self.keep.as_slice();
        let mut blocks = Vec::new();
        for block in frame.blocks() {
            let (own, rest) = keep.split_at(block.features());
            keep = rest;
            match block {
                Block::Number { name, values } => {
                    features::finite(name, values)?;
                    if holes == Holes::Refused {
                        features::present(name, values, step)?;
                    }
                    blocks.extend(own[0].then(|| block.clone()));
                }
                Block::OneHot { names, codes } => blocks.extend(some_indicators(names, codes, own)),
                Block::Codes { name, .. } => return Err(features::not_a_number(name, step)),
            }
        }
        Ok(Frame::new(frame.rows(), blocks))
    }

    /// The kept features as they are.
    pub fn map(&self, holes: Holes) -> Map {
        let kept = (0..).zip(&self.names).zip(&self.keep).filter(|(_, keep)| **keep);
        let column = |((j, name), _): ((u32, &Arc<str>), &bool)| match holes {
            Holes::Pass => MapColumn::affine(Arc::clone(name), j, 1.0, 0.0, true),
            Holes::Refused => MapColumn::affine(Arc::clone(name), j, 1.0, 0.0, false),
        };
        let refused = match holes {
            Holes::Pass => Vec::new(),
            Holes::Refused => (0..self.names.len() as u32).map(Term::Missing).collect(),
        };
        Map { columns: kept.map(column).collect(), refused }
    }

    /// The kept features in a graph.
    ///
    /// # Errors
    /// `NotSupported` for a category, and where nothing is kept.
    pub fn onnx(&self, graph: &mut Graph, features: &Wire, holes: Holes) -> Result<Wire> {
        let numbers = graph.numbers(features)?;
        let kept: Vec<usize> = (0..self.keep.len()).filter(|j| self.keep[*j]).collect();
        if kept.is_empty() {
            return Err(no_form("no feature is left"));
        }
        let some = graph.columns(&numbers, &kept);
        if holes == Holes::Pass || kept.len() == self.keep.len() {
            return Ok(Wire::of(some));
        }
        let refused = graph.product(&numbers, &Matrix::zeros(numbers.width(), 1));
        Ok(Wire::of(graph.shifted(&some, &refused)))
    }

    /// What is kept, and of how many.
    pub fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        let kept = self.names.iter().zip(&self.keep).filter(|(_, keep)| **keep);
        vec![
            ("kept", kept.map(|(name, _)| name.to_string()).collect()),
            ("n_features_in", self.keep.len().into()),
        ]
    }

    /// Saves it.
    pub fn save(&self, saver: &mut Saver) {
        features::save_names(saver, &self.names);
        saver.json("keep", &self.keep);
    }

    /// Loads it.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn load(loader: &Loader) -> Result<Self> {
        let names = features::load_names(loader)?;
        let keep: Vec<bool> = loader.json("keep")?;
        if keep.len() != names.len() {
            return Err(loader.damaged("keep", "is not one a feature"));
        }
        Ok(Self::new(names, keep))
    }
}

/// The indicators that are kept, as one block; none if none is.
fn some_indicators(names: &Arc<[Arc<str>]>, codes: &Arc<[u32]>, keep: &[bool]) -> Option<Block> {
    if keep.iter().all(|keep| *keep) {
        return (!names.is_empty())
            .then(|| Block::OneHot { names: Arc::clone(names), codes: Arc::clone(codes) });
    }
    let mut kept = 0;
    let mut place = |keep: &bool| {
        kept += u32::from(*keep);
        if *keep { kept - 1 } else { MISSING }
    };
    let places: Vec<u32> = keep.iter().map(&mut place).collect();
    let names: Vec<Arc<str>> =
        names.iter().zip(keep).filter(|(_, keep)| **keep).map(|(name, _)| Arc::clone(name)).collect();
    let code = |code: &u32| places.get(*code as usize).copied().unwrap_or(MISSING);
    (kept > 0).then(|| Block::OneHot { names: names.into(), codes: codes.iter().map(code).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_holes_are_refused_by_the_map_too() {
        let selection = Selection::new(vec!["a".into(), "b".into()], vec![false, true]);
        let map = selection.map(Holes::Refused);
        assert_eq!(map.refused, [Term::Missing(0), Term::Missing(1)]);
        let values = vec![1.0, f64::NAN].into();
        let full = Block::Number { name: "b".into(), values: vec![1.0, 2.0].into() };
        let frame = Frame::new(2, vec![Block::Number { name: "a".into(), values }, full]);
        let error = selection.apply(&frame, "SelectKBest", Holes::Refused).unwrap_err();
        assert_eq!(
            error.message(),
            "feature `a` is missing in row 2, and SelectKBest takes no missing values"
        );
        assert_eq!(selection.apply(&frame, "VarianceThreshold", Holes::Pass).unwrap().features(), 1);
        assert_eq!(selection.map(Holes::Pass).columns[0].missing, Some(1));
    }

    #[test]
    fn indicators_stay_one_block() {
        let names: Arc<[Arc<str>]> = ["a", "b", "c"].map(Arc::from).into();
        let codes: Arc<[u32]> = [2, 1, 0, MISSING].into();
        let Some(Block::OneHot { names, codes }) = some_indicators(&names, &codes, &[true, false, true])
        else {
            panic!("a block");
        };
        assert_eq!((names.join(","), &*codes), ("a,c".into(), &[1, MISSING, 0, MISSING][..]));
        assert!(some_indicators(&names, &codes, &[false, false]).is_none());
    }
}
