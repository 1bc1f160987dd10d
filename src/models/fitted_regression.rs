//! What LinearRegression and Ridge learn.

use super::linear;
use crate::contract::{Facts, FittedModel, Frame, Linear, Loader, Prediction, Saver, State};
use crate::diag::{Code, Diagnostic, Result};

/// `coef_` and `intercept_` of a linear regression, and how well the columns determine them.
#[derive(Debug)]
pub struct FittedRegression {
    form: Linear,
    quality: Quality,
}

/// How well the columns determine the coefficients, as far as the solver found out.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Quality {
    /// The rank of the columns.
    pub(super) rank: Option<usize>,
    /// The condition of the columns, centred and at unit norm, with the penalty's rows where there is one.
    pub(super) condition: Option<f64>,
    /// Features that nearly depend on each other, where the condition is beyond 1e12.
    pub(super) dependent: Vec<String>,
}

impl Quality {
    /// Beyond this condition coefficients have lost so many digits that it is worth a word.
    pub(super) const GREATEST_CONDITION: f64 = 1e12;
}

impl FittedRegression {
    /// A form that a solver found.
    ///
    /// # Errors
    /// `NotFinite` when a coefficient is not.
    pub(super) fn new(form: Linear, quality: Quality, model: &str) -> Result<Self> {
        Ok(Self { form: linear::finite(form, model)?, quality })
    }
}

impl FittedModel for FittedRegression {
    fn predict(&self, frame: &Frame) -> Result<Prediction> {
        Ok(Prediction::Values(linear::values(&self.form, frame)?))
    }

    fn facts(&self) -> Facts {
        let mut more = Vec::new();
        if let Some(rank) = self.quality.rank {
            more.push(("rank", serde_json::json!(rank)));
        }
        if let Some(condition) = self.quality.condition {
            more.push(("condition", serde_json::json!(condition)));
        }
        Facts {
            coef: Some(linear::coef(&self.form)),
            intercept: Some(self.form.intercept.clone()),
            classes: None,
            more,
        }
    }

    fn linear(&self) -> Option<Linear> {
        Some(self.form.clone())
    }

    fn notes(&self) -> Vec<Diagnostic> {
        let Some(condition) =
            self.quality.condition.filter(|condition| *condition > Quality::GREATEST_CONDITION)
        else {
            return Vec::new();
        };
        let names: Vec<String> = self.quality.dependent.iter().map(|name| format!("`{name}`")).collect();
        let which = if names.is_empty() { String::new() } else { format!(" of {}", names.join(", ")) };
        let message = format!("the columns{which} have condition {condition:.1e}");
        vec![Code::WarnCondition.warning(message).help("leave one of them out, or use `Ridge`")]
    }
}

impl State for FittedRegression {
    fn save(&self, saver: &mut Saver) {
        linear::save(&self.form, saver);
        saver.json("quality", &self.quality);
    }

    fn load(loader: &Loader) -> Result<Self> {
        Ok(Self { form: linear::load(loader)?, quality: loader.json("quality")? })
    }
}
