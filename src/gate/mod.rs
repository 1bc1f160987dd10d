//! The promotion gate: whether a new version may take the place of the one that an alias names. Arithmetic only; who the champion is
//! and how its pipeline does on today's rows is passed in.

mod paired;

pub use paired::{CONFIDENCE, Paired};

use std::collections::BTreeMap;

use crate::graph::{PromoteNode, Requirement};
use crate::run::Outcome;

/// What is said wherever a paired difference is shown.
pub const HEURISTIC: &str = "The interval and the p-value are those of the corrected resampled t test of Nadeau and Bengio (2003), \
                             which is a heuristic for k-fold cross-validation.";

/// What is known of the version that the alias names now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Champion {
    /// Its number.
    pub version: u64,
    /// The mean scores that its own run recorded, on that day's rows.
    pub recorded: BTreeMap<String, f64>,
    /// The scores of its pipeline, cross-validated again on today's table and folds, by metric: for the requirements that are
    /// `paired`. Or why there are none.
    pub again: Option<Result<BTreeMap<String, Vec<f64>>, String>>,
}

/// What the gate decides, with every figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The alias.
    pub alias: String,
    /// The version that it names; none where it names none.
    pub champion: Option<u64>,
    /// Whether it is to name the new version.
    pub promoted: bool,
    /// One a requirement.
    pub judged: Vec<Judged>,
}

/// How a requirement was judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// What is required.
    pub required: Requirement,
    /// The new version's mean score.
    pub score: f64,
    /// The champion's: of its pipeline on today's folds where that is `paired`, else what its own run recorded.
    pub champion: Option<f64>,
    /// The new score less the champion's.
    pub difference: Option<f64>,
    /// The difference over the size of the champion's score; none where that is 0.
    pub relative: Option<f64>,
    /// What the folds tell.
    pub paired: Option<Paired>,
    /// Whether it is met.
    pub met: bool,
    /// Why, in a sentence.
    pub reason: String,
}

/// Judges an outcome.
pub fn decide(promote: &PromoteNode, outcome: &Outcome, champion: Option<&Champion>) -> Decision {
    let judged: Vec<Judged> =
        promote.require.iter().map(|required| judge(required, outcome, champion)).collect();
    Decision {
        alias: promote.alias.clone(),
        champion: champion.map(|champion| champion.version),
        promoted: judged.iter().all(|judged| judged.met),
        judged,
    }
}

impl Decision {
    /// Why it was decided so, in a sentence.
    pub fn why(&self) -> String {
        let reasons = self.judged.iter().filter(|judged| judged.met == self.promoted);
        let reasons: Vec<&str> = reasons.map(|judged| judged.reason.as_str()).collect();
        if reasons.is_empty() { "nothing is required".to_owned() } else { reasons.join("; ") }
    }
}

fn judge(required: &Requirement, outcome: &Outcome, champion: Option<&Champion>) -> Judged {
    let metric = required.metric;
    let folds = outcome.scores.iter().find(|scores| scores.metric.name == metric);
    let score = folds.map_or(f64::NAN, |scores| scores.mean());
    let mut judged = Judged {
        required: required.clone(),
        score,
        champion: None,
        difference: None,
        relative: None,
        paired: None,
        met: false,
        reason: String::new(),
    };
    let against = champion.filter(|_| required.compares());
    let unknown = against.and_then(|champion| {
        let found = if required.paired {
            let sizes: Vec<_> = outcome.folds.iter().map(|fold| (fold.train, fold.test)).collect();
            let new = folds.map_or(&[][..], |scores| &scores.folds);
            again(champion, metric).map(|old| judged.pair(old, new, &sizes))
        } else {
            let recorded = champion.recorded.get(metric).copied();
            let none = || format!("version {} has no {metric} on record", champion.version);
            recorded.map(|old| judged.compare(old)).ok_or_else(none)
        };
        found.err()
    });
    match unknown {
        Some(reason) => judged.reason = reason,
        None => judged.settle(against.map(|champion| champion.version)),
    }
    judged
}

/// The scores of the champion's pipeline on today's folds.
fn again<'a>(champion: &'a Champion, metric: &str) -> Result<&'a [f64], String> {
    let version = champion.version;
    let unknown = |why: &str| format!("the pipeline of version {version} cannot be compared: {why}");
    match &champion.again {
        Some(Ok(scores)) => {
            scores.get(metric).map(Vec::as_slice).ok_or_else(|| unknown("it has no such score"))
        }
        Some(Err(why)) => Err(unknown(why)),
        None => Err(unknown("it was not run")),
    }
}

impl Judged {
    fn compare(&mut self, champion: f64) {
        self.champion = Some(champion);
        self.difference = Some(self.score - champion);
        self.relative = (champion != 0.0).then(|| (self.score - champion) / champion.abs());
    }

    fn pair(&mut self, champion: &[f64], challenger: &[f64], sizes: &[(usize, usize)]) {
        let paired = Paired::of(champion, challenger, sizes);
        self.compare(champion.iter().sum::<f64>() / champion.len() as f64);
        // The mean of the differences, not the difference of the means.
        self.difference = Some(paired.mean);
        self.paired = Some(paired);
    }

    /// Holds the figures against what is required of them.
    fn settle(&mut self, champion: Option<u64>) {
        let Requirement { metric, threshold, min_absolute_change, min_relative_change, .. } = self.required;
        let mut parts: Vec<(bool, String)> = Vec::new();
        if let Some(threshold) = threshold {
            parts.push(told(self.score >= threshold, metric, self.score, threshold));
        }
        match champion {
            None if self.required.compares() => {
                parts.push((true, format!("{}: nothing to compare with", metric)));
            }
            None => {}
            Some(version) => {
                let what = |how: &str| format!("{how} of {} to version {version}", metric);
                let difference = self.difference.unwrap_or(f64::NAN);
                // `paired` alone asks that it be no worse.
                let alone = min_relative_change.is_none() && self.required.paired;
                if let Some(least) = min_absolute_change.or(alone.then_some(0.0)) {
                    parts.push(told(difference >= least, &what("difference"), difference, least));
                }
                if let Some(least) = min_relative_change {
                    let relative = self.relative.unwrap_or(f64::NAN);
                    parts.push(told(relative >= least, &what("relative difference"), relative, least));
                }
                if let (Some(most), Some(paired)) = (self.required.max_p_value, &self.paired) {
                    let (met, sign) =
                        (paired.p_value <= most, if paired.p_value <= most { "<=" } else { ">" });
                    parts.push((met, format!("{} {} {sign} {most}", what("p-value"), short(paired.p_value))));
                }
            }
        }
        self.met = parts.iter().all(|(met, _)| *met);
        let reasons = parts.iter().filter(|(met, _)| *met == self.met).map(|(_, text)| text.as_str());
        self.reason = reasons.collect::<Vec<_>>().join(", ");
    }
}

fn told(met: bool, what: &str, value: f64, least: f64) -> (bool, String) {
    (met, format!("{what} {} {} {least}", short(value), if met { ">=" } else { "<" }))
}

/// Six significant digits.
fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    rounded.to_string()
}
