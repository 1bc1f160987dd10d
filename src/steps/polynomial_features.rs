//! `sklearn.preprocessing.PolynomialFeatures`.

use std::sync::Arc;

use arrow_buffer::ScalarBuffer;
use rayon::prelude::*;

use super::features;
use crate::contract::{
    Block, Checks, Fault, FittedStep, Frame, Loader, Monomials, Needs, ParamValue, Params, Power,
    PowerColumn, Product, Saver, State, Stats, Step, Types, Value, Width, choice, params,
};
use crate::diag::{Code, Result};
use crate::linalg::multiply;
use crate::onnx::{Graph, Numbers, Part, Wire};

/// Below this many cells a thread pool costs more than it saves.
const PARALLEL_CELLS: usize = 1_000_000;

/// The degrees of the monomials that are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Degree {
    /// Up to this one.
    UpTo(usize),
    /// From the first to the second.
    Between(usize, usize),
}

impl Degree {
    fn range(self) -> (usize, usize) {
        match self {
            Self::UpTo(most) => (0, most),
            Self::Between(least, most) => (least, most),
        }
    }
}

impl ParamValue for Degree {
    fn kind() -> String {
        "a whole number, or a pair of them".into()
    }

    fn read(value: &Value) -> Option<Self> {
        usize::read(value).map(Self::UpTo).or_else(|| {
            let (least, most) = <(usize, usize)>::read(value)?;
            Some(Self::Between(least, most))
        })
    }

    fn value(&self) -> Value {
        match self {
            Self::UpTo(most) => most.value(),
            Self::Between(least, most) => (*least, *most).value(),
        }
    }
}

choice! {
    /// scikit-learn's layouts in memory; here columns are always contiguous.
    pub enum Order {
        /// Rows.
        C = "C",
        /// Columns.
        F = "F",
    }
}

params! {
    /// Makes all products of powers of the features up to a degree: of a and b in degree 2 these are 1, a, b, a^2, a b, b^2.
    pub struct PolynomialFeatures {
        /// The greatest degree, or the least and the greatest as `[2, 3]`.
        degree: Degree = Degree::UpTo(2), Bound::Any;
        /// Only products of different features: a b, and not a^2.
        interaction_only: bool = false, Bound::Any;
        /// Put 1, the monomial of degree 0, before the others; it acts as an intercept.
        include_bias: bool = true, Bound::Any;
        /// Accepted, and without effect: a layout in memory.
        order: Order = Order::C, Bound::Any;
    }
    without_effect: [];
}

impl Checks for PolynomialFeatures {
    fn check(&self) -> Vec<Fault> {
        let (least, most) = self.degree.range();
        if least > most {
            let message = format!("`degree` ascends; this goes from {least} to {most}");
            return vec![Fault::of("degree", message).help(format!("write `[{most}, {least}]`"))];
        }
        if most == 0 && !self.include_bias {
            let message = "with degree 0 and `include_bias: false` no feature is left";
            return vec![Fault::of("degree", message).help("write `degree: 2`, the default")];
        }
        Vec::new()
    }
}

impl PolynomialFeatures {
    /// The monomials that are made of so many features.
    ///
    /// # Errors
    /// `FitFailed` where there are none, or too many to be made.
    pub fn monomials(&self, features: usize) -> Result<Monomials> {
        let made = Monomials::new(features, self.degree.range(), self.interaction_only, self.include_bias);
        match made {
            None => {
                let message = format!("PolynomialFeatures would make too many features of {features}");
                Err(Code::FitFailed.error(message).help("lower `degree`, or select features first"))
            }
            Some(made) if made.is_empty() => {
                let message = format!("PolynomialFeatures makes no feature of {features}");
                Err(Code::FitFailed.error(message).help("lower `degree`, or write `include_bias: true`"))
            }
            Some(made) => Ok(made),
        }
    }
}

/// The monomials of the features.
#[derive(Debug)]
pub struct FittedPolynomialFeatures {
    step: PolynomialFeatures,
    names: Vec<Arc<str>>,
    monomials: Monomials,
}

impl FittedPolynomialFeatures {
    fn new(step: PolynomialFeatures, names: Vec<Arc<str>>) -> Result<Self> {
        let monomials = step.monomials(names.len())?;
        Ok(Self { step, names, monomials })
    }

    /// As scikit-learn's `get_feature_names_out`: `1`, `a`, `a^2 b`.
    fn name(&self, powers: &[Power]) -> Arc<str> {
        let factor = |(feature, exponent): &Power| {
            let name = &self.names[*feature as usize];
            if *exponent == 1 { name.to_string() } else { format!("{name}^{exponent}") }
        };
        if powers.is_empty() {
            return "1".into();
        }
        powers.iter().map(factor).collect::<Vec<_>>().join(" ").into()
    }
}

impl Step for PolynomialFeatures {
    type Fitted = FittedPolynomialFeatures;

    fn accepts(&self) -> Types {
        Types::NUMBERS
    }

    fn emits(&self, _input: Types) -> Types {
        Types::NUMBERS
    }

    fn width(&self, input: Width) -> Width {
        let features = input.features();
        Width::of_numbers(self.monomials(features).map_or(features, |monomials| monomials.len()))
    }

    fn needs(&self) -> Needs {
        Needs::NOTHING
    }

    fn products(&self, features: usize) -> Option<Monomials> {
        self.monomials(features).ok()
    }

    fn fit_stats(&self, stats: &Stats) -> Result<FittedPolynomialFeatures> {
        features::some_rows(stats, Self::NAME)?;
        let numbers = features::numbers(stats, Self::NAME)?;
        features::all_present(&numbers, Self::NAME)?;
        let names = numbers.into_iter().map(|(name, _)| Arc::clone(name)).collect();
        FittedPolynomialFeatures::new(self.clone(), names)
    }
}

impl FittedStep for FittedPolynomialFeatures {
    fn apply(&self, frame: &Frame) -> Result<Frame> {
        let frame = features::expected(frame, self.names.len(), PolynomialFeatures::NAME)?;
        let columns = features::whole_numbers(&frame, PolynomialFeatures::NAME)?;
        let Monomials { products, wanted, bias } = &self.monomials;
        let made = products_of(&columns, products, frame.rows());
        let ones = bias.then(|| vec![1.0; frame.rows()].into());
        let values = ones.into_iter().chain(made.into_iter().skip(wanted.start));
        let block = |(powers, values): (Vec<Power>, ScalarBuffer<f64>)| Block::Number {
            name: self.name(&powers),
            values,
        };
        Ok(Frame::new(frame.rows(), self.monomials.exponents().zip(values).map(block).collect()))
    }

    fn products(&self) -> Option<Vec<PowerColumn>> {
        let column = |powers: Vec<Power>| PowerColumn { name: self.name(&powers), powers };
        Some(self.monomials.exponents().map(column).collect())
    }

    fn facts(&self) -> Vec<(&'static str, serde_json::Value)> {
        vec![("n_features_in", self.names.len().into()), ("n_output_features", self.monomials.len().into())]
    }

    /// Degree by degree, with the multiplications of `products_of`.
    fn onnx(&self, graph: &mut Graph, features: &Wire) -> Result<Wire> {
        let numbers = graph.numbers(features)?;
        let Monomials { products, wanted, bias } = &self.monomials;
        let mut made: Option<Numbers> = None;
        while let Some(rest) =
            products.get(made.as_ref().map_or(0, Numbers::width)..).filter(|rest| !rest.is_empty())
        {
            let from = products.len() - rest.len();
            let next = |product: &Product| product.of.is_some_and(|k| k as usize >= from);
            let degree = &rest[..rest.iter().position(next).unwrap_or(rest.len())];
            let columns: Vec<usize> = degree.iter().map(|product| product.feature as usize).collect();
            let columns = graph.columns(&numbers, &columns);
            made = Some(match made {
                None => columns,
                Some(made) => {
                    let of = |product: &Product| product.of.map(|k| k as usize);
                    let lower: Vec<usize> = degree.iter().filter_map(of).collect();
                    let lower = graph.columns(&made, &lower);
                    let more = graph.times(&lower, &columns);
                    graph.beside(&[made, more])
                }
            });
        }
        let mut wire = Wire::default();
        if *bias {
            wire.parts.push(Part::Numbers(graph.constant_rows(&[1.0])?));
        }
        if let Some(made) = made {
            let wanted: Vec<usize> = (wanted.start..made.width()).collect();
            wire.parts.push(Part::Numbers(graph.columns(&made, &wanted)));
        }
        Ok(wire)
    }
}

/// The values of the products. All of one degree are made side by side from those of the degree before;
/// a product is one multiplication a row, the same as scikit-learn's.
fn products_of(columns: &[&ScalarBuffer<f64>], products: &[Product], rows: usize) -> Vec<ScalarBuffer<f64>> {
    let mut made: Vec<ScalarBuffer<f64>> = Vec::with_capacity(products.len());
    while made.len() < products.len() {
        let from = made.len();
        // A product of a product of this degree is one of the next.
        let next = |product: &Product| product.of.is_some_and(|k| k as usize >= from);
        let degree = &products[from..];
        let degree = &degree[..degree.iter().position(next).unwrap_or(degree.len())];
        let one = |product: &Product| {
            let column = columns[product.feature as usize];
            let Some(of) = product.of else { return column.clone() };
            let mut values = vec![0.0; rows];
            multiply(&mut values, &made[of as usize], column);
            values.into()
        };
        let values: Vec<ScalarBuffer<f64>> = if degree.len() * rows > PARALLEL_CELLS {
            degree.par_iter().map(one).collect()
        } else {
            degree.iter().map(one).collect()
        };
        made.extend(values);
    }
    made
}

impl State for FittedPolynomialFeatures {
    fn save(&self, saver: &mut Saver) {
        features::save_names(saver, &self.names);
        let (least, most) = self.step.degree.range();
        saver.json("degree", [least, most]);
        saver.json("interaction_only", self.step.interaction_only);
        saver.json("include_bias", self.step.include_bias);
    }

    fn load(loader: &Loader) -> Result<Self> {
        let names = features::load_names(loader)?;
        let [least, most]: [usize; 2] = loader.json("degree")?;
        let step = PolynomialFeatures {
            degree: Degree::Between(least, most),
            interaction_only: loader.json("interaction_only")?,
            include_bias: loader.json("include_bias")?,
            order: Order::C,
        };
        Self::new(step, names).map_err(|_| loader.damaged("degree", "makes no usable number of features"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Train;
    use crate::contract::erased::{Kind, StepKind};
    use crate::table::Rows;

    #[test]
    fn degrees_below_the_least_are_only_made_on_the_way() {
        let frame = Frame::new(
            2,
            vec![
                Block::Number { name: "a".into(), values: vec![2.0, -1.0].into() },
                Block::Number { name: "b".into(), values: vec![3.0, 0.5].into() },
            ],
        );
        let mut step = Kind::<PolynomialFeatures>::NEW.make();
        let pair = Value::List(vec![Value::Int(3), Value::Int(3)]);
        step.set("degree", &pair).unwrap();
        step.set("include_bias", &Value::Bool(false)).unwrap();
        let train = Train { x: &frame, y: None, weight: None, rows: &Rows::Range(0..2) };
        let made = step.fit(&train, &mut crate::contract::Rng::seeded(0)).unwrap().apply(&frame).unwrap();
        let names: Vec<_> = made.names().iter().map(|name| name.to_string()).collect();
        assert_eq!(names, ["a^3", "a^2 b", "a b^2", "b^3"]);
        let first: Vec<f64> = made.design(&Rows::Range(0..1)).unwrap().row(0);
        assert_eq!(first, [8.0, 12.0, 18.0, 27.0]);
    }

    #[test]
    fn degrees_ascend_and_leave_something() {
        let degree = |degree, include_bias| PolynomialFeatures {
            degree,
            include_bias,
            ..PolynomialFeatures::default()
        };
        assert_eq!(degree(Degree::Between(1, 2), false).check(), []);
        assert_eq!(degree(Degree::UpTo(0), true).check(), []);
        assert_eq!(degree(Degree::Between(2, 1), true).check().len(), 1);
        assert_eq!(degree(Degree::UpTo(0), false).check().len(), 1);
        let error = degree(Degree::UpTo(6), true).monomials(100).unwrap_err();
        assert_eq!(error.code(), Code::FitFailed);
    }
}
