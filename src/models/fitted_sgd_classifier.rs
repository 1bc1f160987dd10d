//! What `SGDClassifier` learns.

use std::sync::Arc;

use super::linear;
use super::sgd_classifier::ClassificationLoss;
use super::stochastic::Descent;
use super::stochastic_state::Progress;
use crate::contract::{
    Facts, FittedModel, Frame, Linear, Loader, More, ParamValue, Prediction, Saver, State, Value,
};
use crate::diag::{Diagnostic, Result};
use crate::linalg::Matrix;
use crate::onnx::{Graph, Numbers, Outputs, Part, Wire};
use crate::table::Levels;

/// `coef_`, `intercept_`, the classes they are of, and where the descents are.
#[derive(Debug)]
pub struct FittedSgdClassifier {
    /// The classes of the whole table.
    labels: Arc<Levels>,
    /// Those that training had, ascending: at least two.
    present: Vec<u32>,
    loss: ClassificationLoss,
    /// One output for two classes, else one a class that training had.
    form: Linear,
    progress: Progress,
}

impl FittedSgdClassifier {
    /// What descents have come to.
    ///
    /// # Errors
    /// `NotFinite` for a coefficient that is not.
    pub(super) fn of(
        labels: Arc<Levels>,
        present: Vec<u32>,
        progress: Progress,
        loss: ClassificationLoss,
        average: usize,
    ) -> Result<Self> {
        let form = linear::finite(progress.form(average), "SGDClassifier")?;
        Ok(Self { labels, present, loss, form, progress })
    }

    /// All classes.
    pub(super) fn classes(&self) -> &[String] {
        self.labels.labels()
    }

    /// Goes on descending.
    ///
    /// # Errors
    /// As [`Progress::learn`].
    pub(super) fn learn(
        &mut self,
        descent: &Descent,
        more: &More,
        targets: &[(Vec<f64>, [f64; 2], u32)],
        average: usize,
    ) -> Result<()> {
        self.progress.learn(descent, more, targets)?;
        self.progress.write(average, &mut self.form);
        Ok(())
    }

    fn has_shares(&self) -> bool {
        matches!(self.loss, ClassificationLoss::LogLoss | ClassificationLoss::ModifiedHuber)
    }

    /// What share a decision value gives its class.
    fn share(&self, z: f64) -> f64 {
        match self.loss {
            ClassificationLoss::ModifiedHuber => (z.clamp(-1.0, 1.0) + 1.0) / 2.0,
            _ => 1.0 / (1.0 + (-z).exp()),
        }
    }

    /// The shares of the present classes.
    fn shares(&self, row: &[f64]) -> Vec<f64> {
        if let [z] = row {
            let second = self.share(*z);
            return vec![1.0 - second, second];
        }
        let shares: Vec<f64> = row.iter().map(|z| self.share(*z)).collect();
        let sum: f64 = shares.iter().sum();
        // Where every class is ruled out, each is as likely as the others.
        let even = 1.0 / shares.len() as f64;
        shares.iter().map(|share| if sum > 0.0 { share / sum } else { even }).collect()
    }

    fn proba_onnx(&self, graph: &mut Graph, decision: &Numbers) -> Numbers {
        let shares = match self.loss {
            ClassificationLoss::ModifiedHuber => {
                let width = decision.width();
                let held = graph.clip(decision, &vec![-1.0; width], &vec![1.0; width]);
                let raised = graph.add(&held, &vec![1.0; width]);
                graph.divide(&raised, &vec![2.0; width])
            }
            _ => graph.sigmoid(decision),
        };
        if self.present.len() == 2 {
            let opposite = graph.negate(&shares);
            let first = graph.add(&opposite, &[1.0]);
            return graph.beside(&[first, shares]);
        }
        let n = self.present.len();
        let sums = graph.product(&shares, &Matrix::from_fn(n, n, |_, _| 1.0));
        let none = graph.equal(&sums, &vec![0.0; n]);
        let shares = graph.replace(&none, &vec![1.0 / n as f64; n], &shares);
        let sums = graph.replace(&none, &vec![1.0; n], &sums);
        graph.quotient(&shares, &sums)
    }
}

impl FittedModel for FittedSgdClassifier {
    fn predict(&self, frame: &Frame) -> Result<Prediction> {
        Ok(self.link(linear::values(&self.form, frame)?))
    }

    fn facts(&self) -> Facts {
        Facts {
            coef: Some(linear::coef(&self.form)),
            intercept: Some(self.form.intercept.clone()),
            classes: Some(Arc::clone(&self.labels)),
            more: self.progress.facts(),
        }
    }

    fn linear(&self) -> Option<Linear> {
        Some(self.form.clone())
    }

    /// Classes and decision values, and probabilities for the losses that have some. A class that training did not have gets
    /// probability 0, and then there are no decision values.
    fn link(&self, values: Matrix) -> Prediction {
        let all = self.labels.len();
        let mut proba = Matrix::zeros(values.rows(), if self.has_shares() { all } else { 0 });
        let mut codes = Vec::with_capacity(values.rows());
        for i in 0..values.rows() {
            let row = values.row(i);
            let place = match row.as_slice() {
                [z] => usize::from(*z > 0.0),
                several => first_greatest(several),
            };
            codes.push(self.present[place]);
            if self.has_shares() {
                let shares = self.shares(&row);
                self.present
                    .iter()
                    .zip(shares)
                    .for_each(|(class, share)| proba[(i, *class as usize)] = share);
            }
        }
        let decision = (self.present.len() == all).then_some(values);
        Prediction::Classes { codes, proba: self.has_shares().then_some(proba), decision }
    }

    fn notes(&self) -> Vec<Diagnostic> {
        self.progress.notes("SGDClassifier")
    }

    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Outputs> {
        let decision = linear::onnx(&self.form, graph, features)?;
        let place = if self.present.len() == 2 {
            let second_wins = graph.greater(&decision, &[0.0]);
            let place = graph.indicators(&second_wins);
            graph.places(&place)
        } else {
            graph.greatest(&decision)
        };
        let all = self.labels.len();
        let in_place = |k: usize, class: usize| f64::from(u8::from(self.present[k] as usize == class));
        let proba = self.has_shares().then(|| {
            let shares = self.proba_onnx(graph, &decision);
            if self.present.len() == all {
                shares
            } else {
                graph.product(&shares, &Matrix::from_fn(self.present.len(), all, in_place))
            }
        });
        let name = |class: &u32| self.labels.label(*class).unwrap_or_default();
        let names: Vec<&str> = self.present.iter().map(name).chain([""]).collect();
        let sum = graph.product(&decision, &Matrix::zeros(decision.width(), 1));
        let refused = graph.missing(&sum);
        let place = graph.nowhere(&refused, &place);
        Ok(Outputs { prediction: Part::Labels(graph.look_up_labels(&place, &names)), proba })
    }
}

/// The place of the greatest value, the first of equals.
pub(super) fn first_greatest(values: &[f64]) -> usize {
    let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter().position(|value| *value == greatest).unwrap_or(0)
}

impl State for FittedSgdClassifier {
    fn save(&self, saver: &mut Saver) {
        saver.json("labels", &*self.labels);
        saver.json("present", &self.present);
        saver.json("loss", self.loss.value().to_string());
        linear::save(&self.form, saver);
        self.progress.save(saver);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let labels: Levels = loader.json("labels")?;
        let present: Vec<u32> = loader.json("present")?;
        let ascend = present.windows(2).all(|pair| pair[0] < pair[1]);
        if present.len() < 2 || !ascend || present.iter().any(|code| *code as usize >= labels.len()) {
            return Err(loader.damaged("present", "is not a list of classes"));
        }
        let loss: String = loader.json("loss")?;
        let loss =
            ClassificationLoss::read(&Value::Text(loss)).ok_or_else(|| loader.damaged("loss", "is none"))?;
        let form = linear::load(loader)?;
        let outputs = if present.len() == 2 { 1 } else { present.len() };
        if form.intercept.len() != outputs {
            return Err(
                loader.damaged("coef", &format!("has {} outputs, not {outputs}", form.intercept.len()))
            );
        }
        let progress = Progress::load(loader, &form)?;
        Ok(Self { labels: labels.into(), present, loss, form, progress })
    }
}
