//! Where stochastic gradient descents are, and what the models of it share.

use super::stochastic::{Descent, LearningRate, Output, Rows, SgdPenalty};
use crate::contract::{Exception, Fault, Linear, Loader, More, Saver};
use crate::diag::{Code, Diagnostic, Result};
use crate::linalg::Matrix;

/// What descents are excused from: they go through the rows in an order.
pub(super) const EXCEPTIONS: &[Exception] = &[
    ("integer weights", "a row that counts twice is one longer step, and not two"),
    ("permuted rows", "rows are gone through in an order"),
    (
        "features of any size",
        "steps along great features overshoot, as in scikit-learn: they have to be scaled",
    ),
];

/// Why a descent cannot learn rows on top of others.
pub(super) const NO_UPDATE: &str = "holds some of all rows out, with `early_stopping`";

/// Where a descent is, an output after the other.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Progress {
    pub(super) outputs: Vec<Output>,
    /// The number of the next row, from 1 on.
    pub(super) t: f64,
    /// Passes over the rows, of the output that needed most.
    pub(super) passes: usize,
    /// Whether it ended by itself.
    pub(super) converged: bool,
}

impl Progress {
    /// Before the first row.
    pub(super) fn new(outputs: usize, features: usize, average: bool) -> Self {
        Self { outputs: vec![Output::new(features, average); outputs], t: 1.0, passes: 0, converged: true }
    }

    /// Gives each feature the place that it has among others; one that is new was 0 before.
    pub(super) fn move_to(&mut self, places: &[Option<usize>]) {
        let moved = |coef: &Vec<f64>| -> Vec<f64> {
            let at = |place: &Option<usize>| place.and_then(|at| coef.get(at)).copied().unwrap_or(0.0);
            places.iter().map(at).collect()
        };
        for output in &mut self.outputs {
            output.coef = moved(&output.coef);
            if let Some((coef, _)) = &mut output.average {
                *coef = moved(coef);
            }
        }
    }

    /// Learns rows in one pass, each output with its targets, weights of classes and seed of an order.
    ///
    /// # Errors
    /// As [`Descent::run`] and [`More::check_features`].
    pub(super) fn learn(
        &mut self,
        descent: &Descent,
        more: &More,
        targets: &[(Vec<f64>, [f64; 2], u32)],
    ) -> Result<()> {
        if let Some(places) = more.places {
            self.move_to(places);
        }
        more.check_features(self.outputs.first().map_or(0, |output| output.coef.len()))?;
        if targets.len() != self.outputs.len() {
            return Err(Code::Bug.error("other outputs than those that were learned"));
        }
        let descent = Descent { max_iter: 1, ..*descent };
        for (output, (y, class_weights, seed)) in self.outputs.iter_mut().zip(targets) {
            let (x, features, weights, class_weights) = (more.x, more.features, more.weights, *class_weights);
            descent.run(output, &Rows { x, features, y, weights, class_weights }, self.t, *seed, None)?;
        }
        self.t += (more.x.len() / more.features) as f64;
        self.passes = 1;
        Ok(())
    }

    /// Writes the coefficients into a form of as many outputs.
    pub(super) fn write(&self, average: usize, form: &mut Linear) {
        let features = self.outputs.first().map_or(0, |output| output.coef.len());
        if form.coef.rows() != features {
            form.coef = Matrix::zeros(features, self.outputs.len());
        }
        for (k, output) in self.outputs.iter().enumerate() {
            let (coef, intercept) = self.part(output, average);
            form.coef.column_mut(k).copy_from_slice(coef);
            form.intercept[k] = intercept;
        }
    }

    fn part<'a>(&self, output: &'a Output, average: usize) -> (&'a [f64], f64) {
        match &output.average {
            Some((coef, intercept)) if average as f64 <= self.t - 1.0 => (coef, *intercept),
            _ => (&output.coef, output.intercept),
        }
    }

    /// The coefficients, averaged if as many steps were made.
    pub(super) fn form(&self, average: usize) -> Linear {
        let mut form = Linear { coef: Matrix::zeros(0, 0), intercept: vec![0.0; self.outputs.len()] };
        self.write(average, &mut form);
        form
    }

    pub(super) fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        vec![
            ("iterations", serde_json::json!(self.passes)),
            ("steps", serde_json::json!(self.t - 1.0)),
            ("converged", serde_json::json!(self.converged)),
        ]
    }

    pub(super) fn notes(&self, model: &str) -> Vec<Diagnostic> {
        if self.converged {
            return Vec::new();
        }
        let message = format!("{model} has not converged after {} passes over the rows", self.passes);
        vec![Code::WarnConverge.warning(message).help("scale the features, or raise `max_iter`")]
    }

    pub(super) fn save(&self, saver: &mut Saver) {
        saver.json("steps", self.t - 1.0);
        saver.json("passes", self.passes);
        saver.json("converged", self.converged);
        saver.json("averages", self.outputs.iter().any(|output| output.average.is_some()));
        saver.child("standard", |saver| super::linear::save(&self.standard(), saver));
        if let Some(average) = self.averaged() {
            saver.child("average", |saver| super::linear::save(&average, saver));
        }
    }

    /// What goes on descending a form of so many features and outputs.
    ///
    /// # Errors
    /// `Damaged`.
    pub(super) fn load(loader: &Loader, form: &Linear) -> Result<Self> {
        let steps: f64 = loader.json("steps")?;
        if !(0.0..=1e18).contains(&steps) {
            return Err(loader.damaged("steps", "is no count"));
        }
        let part = |loader: &Loader| {
            let part = super::linear::load(loader)?;
            let same = part.coef.rows() == form.coef.rows() && part.coef.columns() == form.coef.columns();
            if same { Ok(part) } else { Err(loader.damaged("coef", "is of another shape than the model")) }
        };
        let standard = loader.child("standard", part)?;
        let averages: bool = loader.json("averages")?;
        let average = averages.then(|| loader.child("average", part)).transpose()?;
        let column = |form: &Linear, k: usize| (form.coef.column(k).to_vec(), form.intercept[k]);
        let output = |k: usize| {
            let (coef, intercept) = column(&standard, k);
            Output { coef, intercept, average: average.as_ref().map(|average| column(average, k)) }
        };
        let outputs = (0..form.intercept.len()).map(output).collect();
        Ok(Self {
            outputs,
            t: steps + 1.0,
            passes: loader.json("passes")?,
            converged: loader.json("converged")?,
        })
    }

    fn standard(&self) -> Linear {
        self.form(usize::MAX)
    }

    fn averaged(&self) -> Option<Linear> {
        self.outputs.iter().all(|output| output.average.is_some()).then(|| self.form(0))
    }
}

/// What is wrong between the parameters that all descents have.
pub(super) fn faults(descent: &Descent, validation_fraction: f64, l1_ratio: Option<f64>) -> Vec<Fault> {
    let mut faults = Vec::new();
    if descent.rate == LearningRate::Optimal && descent.alpha == 0.0 {
        let fault = Fault::of("alpha", "`learning_rate: optimal` takes its rate from `alpha`, which is 0");
        faults.push(fault.help("write a greater `alpha`, or another `learning_rate`"));
    }
    if descent.penalty == Some(SgdPenalty::ElasticNet) && l1_ratio.is_none() {
        faults.push(
            Fault::of("l1_ratio", "`penalty: elasticnet` has no `l1_ratio`").help("write one, from 0 to 1"),
        );
    }
    if validation_fraction == 0.0 || validation_fraction == 1.0 {
        faults.push(Fault::of("validation_fraction", "`validation_fraction` is more than 0 and less than 1"));
    }
    for (name, value) in [("alpha", descent.alpha), ("eta0", descent.eta0), ("power_t", descent.power_t)] {
        if value.is_infinite() {
            faults.push(Fault::of(name, format!("`{name}` is a finite number")));
        }
    }
    faults
}

/// What coefficients without their scale predict of a row.
pub(super) fn decision(rows: &Rows, i: usize, coef: &[f64], intercept: f64) -> f64 {
    let row = &rows.x[i * rows.features..(i + 1) * rows.features];
    row.iter().zip(coef).map(|(x, w)| x * w).sum::<f64>() + intercept
}

/// The weighted R² of the rows that are held out.
pub(super) fn r2(rows: &Rows, held_out: &[bool], coef: &[f64], intercept: f64) -> f64 {
    let weight = |i: usize| rows.weights.map_or(1.0, |weights| weights[i]);
    let places: Vec<usize> = (0..held_out.len()).filter(|i| held_out[*i]).collect();
    let total: f64 = places.iter().map(|i| weight(*i)).sum();
    let mean = places.iter().map(|i| weight(*i) * rows.y[*i]).sum::<f64>() / total;
    let errors: f64 =
        places.iter().map(|i| weight(*i) * (rows.y[*i] - decision(rows, *i, coef, intercept)).powi(2)).sum();
    let squares: f64 = places.iter().map(|i| weight(*i) * (rows.y[*i] - mean).powi(2)).sum();
    match (places.len() < 2, squares == 0.0) {
        (true, _) => f64::NAN,
        (false, true) => f64::from(u8::from(errors == 0.0)),
        (false, false) => 1.0 - errors / squares,
    }
}
