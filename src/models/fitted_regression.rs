//! What linear regressions learn.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::linear;
use crate::contract::{Facts, FittedModel, Frame, Linear, Loader, Prediction, Saver, State};
use crate::diag::{Code, Diagnostic, Result};
use crate::onnx::{Graph, Outputs, Part, Wire};

/// `coef_` and `intercept_` of a linear regression, and what its solver tells beside them.
#[derive(Debug)]
pub struct FittedLinear<T> {
    form: Linear,
    told: T,
}

/// What LinearRegression and Ridge learn.
pub type FittedRegression = FittedLinear<Quality>;

/// What a solver tells beside the coefficients.
pub trait Told: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name that it is saved under.
    const KEY: &'static str;
    /// For people.
    fn facts(&self) -> Vec<(&'static str, serde_json::Value)>;
    /// How well the columns determine the coefficients.
    fn quality(&self) -> &Quality;
}

/// How well the columns determine the coefficients, as far as the solver found out.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
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

    fn notes(&self) -> Vec<Diagnostic> {
        let Some(condition) = self.condition.filter(|condition| *condition > Self::GREATEST_CONDITION) else {
            return Vec::new();
        };
        let names: Vec<String> = self.dependent.iter().map(|name| format!("`{name}`")).collect();
        let which = if names.is_empty() { String::new() } else { format!(" of {}", names.join(", ")) };
        let message = format!("the columns{which} have condition {condition:.1e}");
        vec![Code::WarnCondition.warning(message).help("leave one of them out, or use `Ridge`")]
    }
}

impl Told for Quality {
    const KEY: &'static str = "quality";

    fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        let rank = self.rank.map(|rank| ("rank", serde_json::json!(rank)));
        let condition = self.condition.map(|condition| ("condition", serde_json::json!(condition)));
        rank.into_iter().chain(condition).collect()
    }

    fn quality(&self) -> &Quality {
        self
    }
}

impl<T> FittedLinear<T> {
    /// A form that a solver found.
    ///
    /// # Errors
    /// `NotFinite` when a coefficient is not.
    pub(super) fn new(form: Linear, told: T, model: &str) -> Result<Self> {
        Ok(Self { form: linear::finite(form, model)?, told })
    }

    /// The same coefficients with more to tell.
    pub(super) fn telling<U>(self, tell: impl FnOnce(T) -> U) -> FittedLinear<U> {
        FittedLinear { form: self.form, told: tell(self.told) }
    }
}

impl FittedRegression {
    /// The one of several fits of all targets; or of as many as targets, of each the target of its place.
    pub(super) fn of_each_target(mut fits: Vec<Self>) -> Self {
        let mut first = fits.remove(0);
        for (at, fit) in fits.into_iter().enumerate() {
            let t = at + 1;
            first.form.coef.column_mut(t).copy_from_slice(fit.form.coef.column(t));
            first.form.intercept[t] = fit.form.intercept[t];
            let worst = first.told.condition.into_iter().chain(fit.told.condition).reduce(f64::max);
            first.told.condition = worst;
        }
        first
    }
}

impl<T: Told> FittedModel for FittedLinear<T> {
    fn predict(&self, frame: &Frame) -> Result<Prediction> {
        Ok(Prediction::Values(linear::values(&self.form, frame)?))
    }

    fn facts(&self) -> Facts {
        Facts {
            coef: Some(linear::coef(&self.form)),
            intercept: Some(self.form.intercept.clone()),
            classes: None,
            more: self.told.facts(),
        }
    }

    fn linear(&self) -> Option<Linear> {
        Some(self.form.clone())
    }

    fn notes(&self) -> Vec<Diagnostic> {
        self.told.quality().notes()
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Outputs> {
        let values = linear::onnx(&self.form, graph, features)?;
        Ok(Outputs { prediction: Part::Numbers(values), proba: None })
    }
}

impl<T: Told> State for FittedLinear<T> {
    fn save(&self, saver: &mut Saver) {
        linear::save(&self.form, saver);
        saver.json(T::KEY, &self.told);
    }

    fn load(loader: &Loader) -> Result<Self> {
        Ok(Self { form: linear::load(loader)?, told: loader.json(T::KEY)? })
    }
}
