//! A small runtime for the graphs that are exported: as the operators' specification says, and nothing more than those need.

use std::collections::BTreeMap;

use super::message::Message;

/// Values of a tensor, row after row.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    Doubles(Vec<f64>),
    Ints(Vec<i64>),
    Texts(Vec<String>),
    Bools(Vec<bool>),
}

#[derive(Clone, Debug)]
pub struct Tensor {
    pub dims: Vec<usize>,
    pub values: Values,
}

/// A model that was read.
pub struct Graph {
    nodes: Vec<Message>,
    constants: BTreeMap<String, Tensor>,
    pub inputs: Vec<(String, bool)>,
    pub outputs: Vec<String>,
}

impl Tensor {
    pub fn column(values: Values) -> Self {
        let rows = match &values {
            Values::Doubles(all) => all.len(),
            Values::Ints(all) => all.len(),
            Values::Texts(all) => all.len(),
            Values::Bools(all) => all.len(),
        };
        Self { dims: vec![rows, 1], values }
    }

    pub fn doubles(&self) -> &[f64] {
        let Values::Doubles(all) = &self.values else { panic!("{:?} are no doubles", self.values) };
        all
    }

    pub fn texts(&self) -> &[String] {
        let Values::Texts(all) = &self.values else { panic!("{:?} are no texts", self.values) };
        all
    }

    fn ints(&self) -> &[i64] {
        let Values::Ints(all) = &self.values else { panic!("{:?} are no whole numbers", self.values) };
        all
    }

    fn bools(&self) -> &[bool] {
        let Values::Bools(all) = &self.values else { panic!("{:?} are no truth values", self.values) };
        all
    }

    /// Where the cell (i, j) of a wider tensor is found here: lengths of 1 are repeated.
    fn at(&self, i: usize, j: usize) -> usize {
        let (rows, columns) = match self.dims[..] {
            [columns] => (1, columns),
            [rows, columns] => (rows, columns),
            _ => panic!("{:?}", self.dims),
        };
        (if rows == 1 { 0 } else { i }) * columns + if columns == 1 { 0 } else { j }
    }
}

/// The lengths that two tensors have together.
fn together(tensors: &[&Tensor]) -> (usize, usize) {
    let length = |from_end: usize| {
        let of = |tensor: &&Tensor| tensor.dims.len().checked_sub(from_end).map_or(1, |at| tensor.dims[at]);
        let all: Vec<usize> = tensors.iter().map(of).collect();
        let most = if all.contains(&0) { 0 } else { all.iter().copied().max().unwrap() };
        assert!(all.iter().all(|length| *length == most || *length == 1), "{all:?}");
        most
    };
    (length(2), length(1))
}

fn each<T>(tensors: &[&Tensor], one: impl Fn(usize, usize) -> T) -> (Vec<usize>, Vec<T>) {
    let (rows, columns) = together(tensors);
    let cells = (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j)));
    (vec![rows, columns], cells.map(|(i, j)| one(i, j)).collect())
}

impl Graph {
    pub fn read(bytes: &[u8]) -> Self {
        let model = Message::read(bytes);
        assert_eq!(model.int(1), 10, "the version of the format");
        let body = model.messages(7).remove(0);
        let constant = |tensor: Message| {
            let dims = tensor.ints(1).into_iter().map(|dim| dim as usize).collect();
            let values = match tensor.int(2) {
                7 => Values::Ints(tensor.ints(7)),
                8 => Values::Texts(tensor.texts(6)),
                11 => Values::Doubles(tensor.doubles(10)),
                other => panic!("type {other}"),
            };
            (tensor.text(8), Tensor { dims, values })
        };
        let input = |input: &Message| {
            let element = input.messages(2)[0].messages(1)[0].int(1);
            (input.text(1), element == 11)
        };
        Self {
            nodes: body.messages(1),
            constants: body.messages(5).into_iter().map(constant).collect(),
            inputs: body.messages(11).iter().map(input).collect(),
            outputs: body.messages(12).iter().map(|output| output.text(1)).collect(),
        }
    }

    /// The outputs for inputs by name.
    pub fn run(&self, inputs: BTreeMap<String, Tensor>) -> Vec<Tensor> {
        let mut known = self.constants.clone();
        known.extend(inputs);
        for node in &self.nodes {
            let names = node.texts(1);
            let inputs: Vec<&Tensor> = names.iter().map(|name| &known[name]).collect();
            let output = operate(node, &inputs);
            assert!(known.insert(node.text(2), output).is_none(), "{} stands twice", node.text(2));
        }
        self.outputs.iter().map(|name| known[name].clone()).collect()
    }
}

fn operate(node: &Message, x: &[&Tensor]) -> Tensor {
    let attributes = node.messages(5);
    let attribute = |name: &str| attributes.iter().find(|attribute| attribute.text(1) == name);
    let int = |name: &str| attribute(name).map_or(0, |attribute| attribute.int(3));
    let arithmetic = |one: &dyn Fn(f64, f64) -> f64| {
        let (a, b) = (x[0].doubles(), x[1].doubles());
        let (dims, values) = each(x, |i, j| one(a[x[0].at(i, j)], b[x[1].at(i, j)]));
        Tensor { dims, values: Values::Doubles(values) }
    };
    let compare = |one: &dyn Fn(f64, f64) -> bool| {
        let number = |tensor: &Tensor, at: usize| match &tensor.values {
            Values::Doubles(all) => all[at],
            Values::Ints(all) => all[at] as f64,
            other => panic!("{other:?}"),
        };
        let (dims, values) = each(x, |i, j| one(number(x[0], x[0].at(i, j)), number(x[1], x[1].at(i, j))));
        Tensor { dims, values: Values::Bools(values) }
    };
    let map = |one: &dyn Fn(f64) -> f64| {
        let values = x[0].doubles().iter().map(|value| one(*value)).collect();
        Tensor { dims: x[0].dims.clone(), values: Values::Doubles(values) }
    };
    match node.text(4).as_str() {
        "Identity" => x[0].clone(),
        "Add" => arithmetic(&|a, b| a + b),
        "Sub" => arithmetic(&|a, b| a - b),
        "Mul" => arithmetic(&|a, b| a * b),
        "Div" => arithmetic(&|a, b| a / b),
        "Neg" => map(&|a| -a),
        "Sigmoid" => map(&|a| 1.0 / (1.0 + (-a).exp())),
        "Less" => compare(&|a, b| a < b),
        "Greater" => compare(&|a, b| a > b),
        "Equal" => compare(&|a, b| a == b),
        "IsNaN" => {
            let values = x[0].doubles().iter().map(|value| value.is_nan()).collect();
            Tensor { dims: x[0].dims.clone(), values: Values::Bools(values) }
        }
        "Cast" => cast(x[0], int("to")),
        "Where" => choose(x),
        "Gather" => gather(x[0], x[1], int("axis") as usize),
        "Concat" => concat(x, int("axis")),
        "Shape" => Tensor { dims: vec![1], values: Values::Ints(vec![x[0].dims[0] as i64]) },
        "Expand" => {
            let (rows, columns) = (x[1].ints()[0] as usize, x[0].dims[1]);
            let values = (0..rows).flat_map(|_| x[0].doubles().to_vec()).collect();
            Tensor { dims: vec![rows, columns], values: Values::Doubles(values) }
        }
        "MatMul" => product(x[0], x[1]),
        "Softmax" => softmax(x[0]),
        "ArgMax" => {
            let width = x[0].dims[1];
            let first =
                |row: &[f64]| (0..width).fold(0, |best, j| if row[j] > row[best] { j } else { best }) as i64;
            let values = x[0].doubles().chunks(width).map(first).collect();
            Tensor { dims: vec![x[0].dims[0], 1], values: Values::Ints(values) }
        }
        "LabelEncoder" => {
            assert_eq!(node.text(7), "ai.onnx.ml");
            let keys = attribute("keys_strings").unwrap().texts(9);
            let values = attribute("values_int64s").unwrap().ints(8);
            let default = int("default_int64");
            let place =
                |text: &String| keys.iter().position(|key| key == text).map_or(default, |k| values[k]);
            let values = x[0].texts().iter().map(place).collect();
            Tensor { dims: x[0].dims.clone(), values: Values::Ints(values) }
        }
        other => panic!("operator {other}"),
    }
}

fn cast(x: &Tensor, to: i64) -> Tensor {
    let values = match (&x.values, to) {
        (Values::Bools(all), 11) => {
            Values::Doubles(all.iter().map(|flag| f64::from(u8::from(*flag))).collect())
        }
        (Values::Doubles(all), 7) => Values::Ints(all.iter().map(|value| *value as i64).collect()),
        other => panic!("{other:?}"),
    };
    Tensor { dims: x.dims.clone(), values }
}

fn choose(x: &[&Tensor]) -> Tensor {
    let flags = x[0].bools();
    let from = |i: usize, j: usize| {
        let tensor = if flags[x[0].at(i, j)] { x[1] } else { x[2] };
        (tensor, tensor.at(i, j))
    };
    macro_rules! of {
        ($kind:ident, $values:ident) => {{
            let (dims, values) = each(x, |i, j| {
                let (tensor, at) = from(i, j);
                tensor.$values()[at].clone()
            });
            Tensor { dims, values: Values::$kind(values) }
        }};
    }
    match &x[1].values {
        Values::Doubles(_) => of!(Doubles, doubles),
        Values::Ints(_) => of!(Ints, ints),
        Values::Texts(_) => of!(Texts, texts),
        Values::Bools(_) => of!(Bools, bools),
    }
}

fn gather(x: &Tensor, at: &Tensor, axis: usize) -> Tensor {
    let places: Vec<usize> = at.ints().iter().map(|place| usize::try_from(*place).unwrap()).collect();
    if axis == 0 {
        let values = match &x.values {
            Values::Doubles(all) => Values::Doubles(places.iter().map(|place| all[*place]).collect()),
            Values::Texts(all) => Values::Texts(places.iter().map(|place| all[*place].clone()).collect()),
            other => panic!("{other:?}"),
        };
        return Tensor { dims: at.dims.clone(), values };
    }
    let width = x.dims[1];
    let row = |row: &[f64]| places.iter().map(|j| row[*j]).collect::<Vec<_>>();
    let values = x.doubles().chunks(width).flat_map(row).collect();
    Tensor { dims: vec![x.dims[0], places.len()], values: Values::Doubles(values) }
}

fn concat(x: &[&Tensor], axis: i64) -> Tensor {
    if axis == 0 {
        let values: Vec<i64> = x.iter().flat_map(|tensor| tensor.ints()).copied().collect();
        return Tensor { dims: vec![values.len()], values: Values::Ints(values) };
    }
    let rows = x[0].dims[0];
    let cells = |i: usize| {
        x.iter()
            .flat_map(move |tensor| tensor.doubles()[i * tensor.dims[1]..(i + 1) * tensor.dims[1]].to_vec())
    };
    let width = x.iter().map(|tensor| tensor.dims[1]).sum();
    Tensor { dims: vec![rows, width], values: Values::Doubles((0..rows).flat_map(cells).collect()) }
}

fn product(a: &Tensor, b: &Tensor) -> Tensor {
    let (rows, inner, columns) = (a.dims[0], a.dims[1], b.dims[1]);
    assert_eq!(inner, b.dims[0]);
    let (x, y) = (a.doubles(), b.doubles());
    let cell = |i: usize, j: usize| (0..inner).map(|k| x[i * inner + k] * y[k * columns + j]).sum::<f64>();
    let values = (0..rows).flat_map(|i| (0..columns).map(move |j| cell(i, j))).collect();
    Tensor { dims: vec![rows, columns], values: Values::Doubles(values) }
}

fn softmax(x: &Tensor) -> Tensor {
    let row = |row: &[f64]| {
        let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = row.iter().map(|value| (value - most).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(move |power| power / sum).collect::<Vec<_>>()
    };
    let values = x.doubles().chunks(x.dims[1]).flat_map(row).collect();
    Tensor { dims: x.dims.clone(), values: Values::Doubles(values) }
}
