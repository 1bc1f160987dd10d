//! What flows between the nodes of a graph.

/// A tensor of doubles, rows x `width`; NaN is missing.
#[derive(Clone, Debug)]
pub struct Numbers {
    pub(super) name: String,
    pub(super) width: usize,
}

/// A tensor of text, rows x 1; the empty text is missing.
#[derive(Clone, Debug)]
pub struct Labels {
    pub(super) name: String,
}

/// A tensor of whole numbers, rows x 1: places in a list, -1 for none.
#[derive(Clone, Debug)]
pub struct Codes {
    pub(super) name: String,
}

/// A tensor of truth values, rows x `width`.
#[derive(Clone, Debug)]
pub struct Flags {
    pub(super) name: String,
    pub(super) width: usize,
}

/// Features beside each other.
#[derive(Clone, Debug)]
pub enum Part {
    /// As many features of numbers as the tensor is wide.
    Numbers(Numbers),
    /// One feature of categories.
    Labels(Labels),
}

/// The features on an edge, in order.
#[derive(Clone, Debug, Default)]
pub struct Wire {
    /// One or more features each.
    pub parts: Vec<Part>,
}

/// What a model answers.
#[derive(Clone, Debug)]
pub struct Outputs {
    /// The prediction: numbers, one a target, or the class as text.
    pub prediction: Part,
    /// The probability of every class.
    pub proba: Option<Numbers>,
}

impl Numbers {
    /// The number of features.
    pub fn width(&self) -> usize {
        self.width
    }
}

impl Wire {
    /// Features of numbers.
    pub fn of(numbers: Numbers) -> Self {
        Self { parts: vec![Part::Numbers(numbers)] }
    }

    /// The number of features.
    pub fn features(&self) -> usize {
        let width = |part: &Part| match part {
            Part::Numbers(numbers) => numbers.width,
            Part::Labels(_) => 1,
        };
        self.parts.iter().map(width).sum()
    }

    /// Wires beside each other.
    pub fn beside(wires: Vec<Wire>) -> Self {
        Self { parts: wires.into_iter().flat_map(|wire| wire.parts).collect() }
    }
}
