//! A graph in the making.

use prost::Message;

use super::messages::{
    Attribute, Body, Dimension, Entry, Extent, Model, Node, Opset, Shape, Tensor, TensorInfo, Type, TypeInfo,
    ValueInfo,
};
use super::wire::{Labels, Numbers};

/// The version of the file format, of the core operators, and of `ai.onnx.ml`: those of ONNX 1.17, which runtimes of 2024 read.
const IR_VERSION: i64 = 10;
const OPSET: i64 = 18;
const ML_OPSET: i64 = 5;

/// The domain of the operators that core ones lack.
const ML: &str = "ai.onnx.ml";

/// Nodes, constants, inputs and outputs. Equal calls make equal bytes.
#[derive(Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    constants: Vec<Tensor>,
    inputs: Vec<ValueInfo>,
    outputs: Vec<ValueInfo>,
}

/// An attribute of a node.
pub(super) enum Setting<'a> {
    Int(i64),
    Ints(&'a [i64]),
    Texts(&'a [&'a str]),
}

impl Graph {
    /// A graph of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// An input of one number a row.
    pub fn input_numbers(&mut self, name: &str) -> Numbers {
        self.inputs.push(value_info(name, Type::Double, 1));
        Numbers { name: name.to_owned(), width: 1 }
    }

    /// An input of one text a row.
    pub fn input_labels(&mut self, name: &str) -> Labels {
        self.inputs.push(value_info(name, Type::String, 1));
        Labels { name: name.to_owned() }
    }

    /// Makes numbers an output.
    pub fn output_numbers(&mut self, name: &str, numbers: &Numbers) {
        self.output(value_info(name, Type::Double, numbers.width), &numbers.name);
    }

    /// Makes text an output.
    pub fn output_labels(&mut self, name: &str, labels: &Labels) {
        self.output(value_info(name, Type::String, 1), &labels.name);
    }

    /// An output is called as nothing else is, inputs included.
    fn output(&mut self, mut info: ValueInfo, from: &str) {
        while self.inputs.iter().chain(&self.outputs).any(|other| other.name == info.name) {
            info.name.push('_');
        }
        self.nodes.push(Node {
            input: vec![from.to_owned()],
            output: vec![info.name.clone()],
            name: format!("output {}", self.outputs.len()),
            op_type: "Identity".to_owned(),
            ..Node::default()
        });
        self.outputs.push(info);
    }

    /// The first input, whose length is the number of rows.
    pub(super) fn first_input(&self) -> Option<&str> {
        self.inputs.first().map(|input| input.name.as_str())
    }

    /// The bytes of the finished graph, with what is worth knowing of it.
    pub fn finish(self, name: &str, version: &str, facts: &[(&str, String)]) -> Vec<u8> {
        let opset = |domain: &str, version| Opset { domain: domain.to_owned(), version };
        let fact = |(key, value): &(&str, String)| Entry { key: (*key).to_owned(), value: value.clone() };
        let body = Body {
            node: self.nodes,
            name: name.to_owned(),
            initializer: self.constants,
            input: self.inputs,
            output: self.outputs,
        };
        Model {
            ir_version: IR_VERSION,
            producer_name: "pipefit".to_owned(),
            producer_version: version.to_owned(),
            graph: Some(body),
            opset_import: vec![opset("", OPSET), opset(ML, ML_OPSET)],
            metadata_props: facts.iter().map(fact).collect(),
        }
        .encode_to_vec()
    }

    /// A node of one output; gives its name.
    pub(super) fn node(&mut self, operator: &str, inputs: &[&str], settings: &[(&str, Setting)]) -> String {
        // With a blank, which no column is likely to have here, so that inputs keep their columns' names.
        let name = self.unused(format!("{operator} {}", self.nodes.len()));
        self.nodes.push(Node {
            input: inputs.iter().map(|input| (*input).to_owned()).collect(),
            output: vec![name.clone()],
            name: name.clone(),
            op_type: operator.to_owned(),
            attribute: settings.iter().map(|(name, setting)| attribute(name, setting)).collect(),
            domain: if operator == "LabelEncoder" { ML.to_owned() } else { String::new() },
        });
        name
    }

    /// A constant tensor of numbers.
    pub(super) fn doubles(&mut self, dims: &[usize], values: Vec<f64>) -> String {
        self.constant(dims, Type::Double, |tensor| tensor.double_data = values)
    }

    /// A constant tensor of whole numbers.
    pub(super) fn ints(&mut self, dims: &[usize], values: Vec<i64>) -> String {
        self.constant(dims, Type::Int64, |tensor| tensor.int64_data = values)
    }

    /// A constant list of text.
    pub(super) fn texts<'a>(&mut self, values: impl Iterator<Item = &'a str>) -> String {
        let values: Vec<Vec<u8>> = values.map(|value| value.as_bytes().to_vec()).collect();
        self.constant(&[values.len()], Type::String, |tensor| tensor.string_data = values)
    }

    fn constant(&mut self, dims: &[usize], kind: Type, fill: impl FnOnce(&mut Tensor)) -> String {
        let name = self.unused(format!("constant {}", self.constants.len()));
        let dims = dims.iter().map(|dim| *dim as i64).collect();
        let mut tensor = Tensor { name: name.clone(), data_type: kind as i32, dims, ..Tensor::default() };
        fill(&mut tensor);
        self.constants.push(tensor);
        name
    }

    /// The name, or with marks behind it where a column has that name.
    fn unused(&self, mut name: String) -> String {
        while self.inputs.iter().any(|input| input.name == name) {
            name.push('\'');
        }
        name
    }
}

fn value_info(name: &str, kind: Type, width: usize) -> ValueInfo {
    let rows = Dimension { extent: Some(Extent::Named("rows".to_owned())) };
    let columns = Dimension { extent: Some(Extent::Value(width as i64)) };
    let tensor = TensorInfo { element: kind as i32, shape: Some(Shape { dim: vec![rows, columns] }) };
    ValueInfo { name: name.to_owned(), kind: Some(TypeInfo { tensor: Some(tensor) }) }
}

fn attribute(name: &str, setting: &Setting) -> Attribute {
    // `AttributeProto.AttributeType`.
    const INT: i32 = 2;
    const INTS: i32 = 7;
    const STRINGS: i32 = 8;
    let attribute = Attribute { name: name.to_owned(), ..Attribute::default() };
    match setting {
        Setting::Int(i) => Attribute { i: Some(*i), kind: INT, ..attribute },
        Setting::Ints(ints) => Attribute { ints: ints.to_vec(), kind: INTS, ..attribute },
        Setting::Texts(texts) => {
            let strings = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
            Attribute { strings, kind: STRINGS, ..attribute }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Inputs are columns, whose names may be anything.
    #[test]
    fn no_name_stands_twice() {
        let mut graph = Graph::new();
        let names = ["prediction", "constant 0", "Add 0"];
        let inputs: Vec<Numbers> = names.iter().map(|name| graph.input_numbers(name)).collect();
        let sum = graph.add(&inputs[0], &[1.0]);
        graph.output_numbers("prediction", &sum);
        let model = Model::decode(&graph.finish("m", "0", &[])[..]).unwrap();
        let body = model.graph.unwrap();
        let mut all: Vec<String> = body.input.into_iter().map(|input| input.name).collect();
        all.extend(body.initializer.into_iter().map(|tensor| tensor.name));
        all.extend(body.node.into_iter().flat_map(|node| node.output));
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!((all.len(), count), (6, 6), "{all:?}");
        assert_eq!(body.output[0].name, "prediction_");
    }
}
