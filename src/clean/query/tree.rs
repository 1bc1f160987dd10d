//! What an expression says.

use std::ops::Range;

/// A part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// The bytes of the expression that it is written in.
    pub at: Range<usize>,
    /// How many levels of parts it has.
    pub height: usize,
    /// What it is.
    pub node: Node,
}

/// What a part of an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A number.
    Number(f64),
    /// A text in quotes.
    Text(String),
    /// `True` or `False`.
    Truth(bool),
    /// A column by its name.
    Column(String),
    /// Constants in brackets, on the right of `in`.
    List(Vec<Tree>),
    /// `not`, `~`.
    Not(Box<Tree>),
    /// `-`.
    Negative(Box<Tree>),
    /// Conditions of which all hold, or any.
    Join {
        /// Whether all have to hold.
        all: bool,
        /// The conditions.
        parts: Vec<Tree>,
    },
    /// Two numbers make one.
    Arithmetic(Operator, Box<Tree>, Box<Tree>),
    /// `18 <= age < 30`: each comparison of neighbours has to hold.
    Compare(Box<Tree>, Vec<(Comparison, Tree)>),
    /// Whether a value is one of a list.
    In {
        /// The value.
        value: Box<Tree>,
        /// The list.
        list: Box<Tree>,
        /// Whether it has to be there.
        wanted: bool,
    },
    /// Whether a value is missing.
    Missing {
        /// The value.
        value: Box<Tree>,
        /// Whether it has to be.
        wanted: bool,
    },
}

/// What makes a number of two, as Python and NumPy define it for floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `//`, rounded down.
    FloorDivide,
    /// `%`, with the sign of the divisor.
    Remainder,
    /// `**`
    Power,
}

/// What two values are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`, which also holds where a value is missing.
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

impl Comparison {
    /// Whether it holds between two values; `!=` alone holds between those without an order.
    pub fn holds<T: PartialOrd + ?Sized>(self, a: &T, b: &T) -> bool {
        match self {
            Self::Equal => a == b,
            Self::NotEqual => a != b,
            Self::Less => a < b,
            Self::LessEqual => a <= b,
            Self::Greater => a > b,
            Self::GreaterEqual => a >= b,
        }
    }
}

impl Operator {
    /// The result for two floats.
    pub fn of(self, a: f64, b: f64) -> f64 {
        match self {
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::FloorDivide => divided(a, b).0,
            Self::Remainder => divided(a, b).1,
            Self::Power => a.powf(b),
        }
    }
}

/// Floor division and remainder as NumPy has them (`npy_divmod`): 1.0 // 0.1 is 9, since 0.1 is more than a tenth.
fn divided(a: f64, b: f64) -> (f64, f64) {
    let mut remainder = a % b;
    if b == 0.0 {
        return (a / b, remainder);
    }
    let mut quotient = (a - remainder) / b;
    if remainder != 0.0 {
        if (b < 0.0) != (remainder < 0.0) {
            remainder += b;
            quotient -= 1.0;
        }
    } else {
        remainder = 0f64.copysign(b);
    }
    if quotient == 0.0 {
        return (0f64.copysign(a / b), remainder);
    }
    let floor = quotient.floor();
    (if quotient - floor > 0.5 { floor + 1.0 } else { floor }, remainder)
}

impl Tree {
    /// The names of all columns, and where they are written, in the order of the text.
    pub fn columns(&self) -> Vec<(&str, &Range<usize>)> {
        let mut columns = Vec::new();
        self.each_column(&mut |name, at| columns.push((name, at)));
        columns
    }

    fn each_column<'t>(&'t self, take: &mut impl FnMut(&'t str, &'t Range<usize>)) {
        match &self.node {
            Node::Number(_) | Node::Text(_) | Node::Truth(_) => {}
            Node::Column(name) => take(name, &self.at),
            Node::List(parts) | Node::Join { parts, .. } => {
                parts.iter().for_each(|part| part.each_column(take));
            }
            Node::Not(part) | Node::Negative(part) | Node::Missing { value: part, .. } => {
                part.each_column(take);
            }
            Node::Arithmetic(_, one, other) => {
                one.each_column(take);
                other.each_column(take);
            }
            Node::Compare(first, rest) => {
                first.each_column(take);
                rest.iter().for_each(|(_, part)| part.each_column(take));
            }
            Node::In { value, .. } => value.each_column(take),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Operator::{FloorDivide, Remainder};

    /// `divmod` of NumPy 2.
    #[test]
    fn division_rounds_down_as_in_numpy() {
        let both = |a: f64, b: f64| (FloorDivide.of(a, b), Remainder.of(a, b));
        assert_eq!(both(7.0, 2.0), (3.0, 1.0));
        assert_eq!(both(-7.0, 2.0), (-4.0, 1.0));
        assert_eq!(both(7.0, -2.0), (-4.0, -1.0));
        assert_eq!(both(1.0, 0.1).0, 9.0);
        assert_eq!(both(1.0, 0.0).0, f64::INFINITY);
        assert!(both(1.0, 0.0).1.is_nan() && both(f64::NAN, 1.0).0.is_nan());
    }
}
