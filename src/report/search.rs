//! What a search tried, as reports show it.

use serde_json::{Value as Json, json};

use super::Report;
use crate::graph::Candidate;
use crate::run::{Searched, Tried};

/// Reports for people show so many candidates.
const MOST: usize = 20;

/// Why the scores of the best are no promise.
pub const OPTIMISTIC: &str = "The best was chosen by the same folds that its scores are from, so that they are \
                              optimistic: on new data expect a little less.";

/// The candidates with what they came to.
pub struct Search<'a> {
    candidates: &'a [Candidate],
    searched: &'a Searched,
}

/// The best mean at each value of one parameter.
pub struct Curve<'a> {
    /// The parameter's address.
    pub address: &'a str,
    /// Values in ascending order, each with the best mean of the candidates that have it.
    pub points: Vec<(f64, f64)>,
    /// Whether each value is about a multiple of the one before it.
    pub powers: bool,
}

impl<'a> Search<'a> {
    /// The search of a run, if there was one.
    pub fn of(report: &'a Report) -> Option<Self> {
        let candidates = &report.bound.graph.search.as_ref()?.candidates;
        Some(Self { candidates, searched: report.outcome.search.as_ref()? })
    }

    /// The number of candidates.
    pub fn len(&self) -> usize {
        self.candidates.len()
    }

    /// The best ones in the order of their ranks; equal ones in that of the grid.
    pub fn ranked(&self) -> Vec<(&'a Candidate, &'a Tried)> {
        let mut all: Vec<_> = self.candidates.iter().zip(&self.searched.tried).collect();
        all.sort_by_key(|(_, tried)| tried.rank);
        all.truncate(MOST);
        all
    }

    /// The addresses that some candidate sets, sorted.
    pub fn addresses(&self) -> Vec<&'a str> {
        let mut all: Vec<&str> = Vec::new();
        for (address, _) in self.candidates.iter().flat_map(|candidate| &candidate.params) {
            if let Err(at) = all.binary_search(&address.as_str()) {
                all.insert(at, address);
            }
        }
        all
    }

    /// The curve of the parameter with the most different numbers, if one has three.
    pub fn curve(&self) -> Option<Curve<'a>> {
        let curves = self.addresses().into_iter().filter_map(|address| self.curve_of(address));
        // Of equally long ones the first.
        curves
            .filter(|curve| curve.points.len() >= 3)
            .min_by_key(|curve| std::cmp::Reverse(curve.points.len()))
    }

    fn curve_of(&self, address: &'a str) -> Option<Curve<'a>> {
        let mut points: Vec<(f64, f64)> = Vec::new();
        for (candidate, tried) in self.candidates.iter().zip(&self.searched.tried) {
            let Some((_, value)) = candidate.params.iter().find(|(own, _)| own == address) else { continue };
            let value = value.number().filter(|value| value.is_finite())?;
            if let Some(mean) = tried.mean {
                points.push((value, mean));
            }
        }
        points.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
        points.dedup_by(|next, kept| next.0 == kept.0);
        let ends = (points.first()?.0, points.last()?.0);
        let powers = ends.0 > 0.0 && ends.1 / ends.0 >= 100.0;
        Some(Curve { address, points, powers })
    }

    /// The object `search` of `run --json`.
    pub fn json(&self) -> Json {
        let results = self.candidates.iter().zip(&self.searched.tried).map(|(candidate, tried)| {
            json!({
                "params": candidate.params_json(), "folds": tried.folds, "mean": tried.mean, "std": tried.std,
                "rank": tried.rank,
            })
        });
        let best = self.searched.best;
        json!({
            "best_index": best,
            "best_params": self.candidates[best].params_json(),
            "best_score": self.searched.tried[best].mean,
            "results": results.collect::<Vec<_>>(),
        })
    }
}
