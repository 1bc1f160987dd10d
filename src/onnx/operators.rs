//! Operators on whole columns. Nothing here rounds otherwise than the same operation in Rust does, matrix products aside, whose
//! order of summation is the runtime's.

use super::graph::{Graph, Setting};
use super::wire::{Codes, Flags, Labels, Numbers, Part, Wire};
use crate::diag::{Code, Diagnostic, Result};
use crate::linalg::Matrix;

/// The error for what cannot be written in this format.
pub fn no_form(why: &str) -> Diagnostic {
    Code::NotSupported.error(format!("there is no ONNX form: {why}"))
}

impl Graph {
    /// Every number plus that of its column.
    pub fn add(&mut self, x: &Numbers, row: &[f64]) -> Numbers {
        self.with_row("Add", x, row)
    }

    /// Every number less that of its column.
    pub fn subtract(&mut self, x: &Numbers, row: &[f64]) -> Numbers {
        self.with_row("Sub", x, row)
    }

    /// Every number times that of its column.
    pub fn multiply(&mut self, x: &Numbers, row: &[f64]) -> Numbers {
        self.with_row("Mul", x, row)
    }

    /// Every number divided by that of its column.
    pub fn divide(&mut self, x: &Numbers, row: &[f64]) -> Numbers {
        self.with_row("Div", x, row)
    }

    fn with_row(&mut self, operator: &str, x: &Numbers, row: &[f64]) -> Numbers {
        let row = self.doubles(&[1, row.len()], row.to_vec());
        Numbers { name: self.node(operator, &[&x.name, &row], &[]), width: x.width }
    }

    /// Every number plus that of its row, of one column.
    pub fn shifted(&mut self, x: &Numbers, column: &Numbers) -> Numbers {
        Numbers { name: self.node("Add", &[&x.name, &column.name], &[]), width: x.width }
    }

    /// Two tensors of one shape, number by number.
    pub fn times(&mut self, a: &Numbers, b: &Numbers) -> Numbers {
        Numbers { name: self.node("Mul", &[&a.name, &b.name], &[]), width: a.width }
    }

    /// One tensor by another of its shape, number by number.
    pub fn quotient(&mut self, a: &Numbers, b: &Numbers) -> Numbers {
        Numbers { name: self.node("Div", &[&a.name, &b.name], &[]), width: a.width }
    }

    /// 0 less every number.
    pub fn negate(&mut self, x: &Numbers) -> Numbers {
        Numbers { name: self.node("Neg", &[&x.name], &[]), width: x.width }
    }

    /// 1 / (1 + exp(-x)).
    pub fn sigmoid(&mut self, x: &Numbers) -> Numbers {
        Numbers { name: self.node("Sigmoid", &[&x.name], &[]), width: x.width }
    }

    /// exp(x) over its sum in each row.
    pub fn softmax(&mut self, x: &Numbers) -> Numbers {
        Numbers { name: self.node("Softmax", &[&x.name], &[("axis", Setting::Int(1))]), width: x.width }
    }

    /// Rows times a matrix.
    pub fn product(&mut self, x: &Numbers, matrix: &Matrix) -> Numbers {
        let by_row = (0..matrix.rows()).flat_map(|i| matrix.row(i)).collect();
        let b = self.doubles(&[matrix.rows(), matrix.columns()], by_row);
        Numbers { name: self.node("MatMul", &[&x.name, &b], &[]), width: matrix.columns() }
    }

    /// Some columns, in this order.
    pub fn columns(&mut self, x: &Numbers, which: &[usize]) -> Numbers {
        if which.iter().copied().eq(0..x.width) {
            return x.clone();
        }
        let at = self.ints(&[which.len()], which.iter().map(|j| *j as i64).collect());
        let name = self.node("Gather", &[&x.name, &at], &[("axis", Setting::Int(1))]);
        Numbers { name, width: which.len() }
    }

    /// Tensors beside each other.
    pub fn beside(&mut self, parts: &[Numbers]) -> Numbers {
        if let [one] = parts {
            return one.clone();
        }
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        let name = self.node("Concat", &names, &[("axis", Setting::Int(1))]);
        Numbers { name, width: parts.iter().map(|part| part.width).sum() }
    }

    /// The same numbers in every row.
    ///
    /// # Errors
    /// `NotSupported` without an input.
    pub fn constant_rows(&mut self, row: &[f64]) -> Result<Numbers> {
        let input = self.first_input().ok_or_else(|| no_form("there is no input"))?.to_owned();
        let rows = self.node("Shape", &[&input], &[("start", Setting::Int(0)), ("end", Setting::Int(1))]);
        let one = self.ints(&[1], vec![1]);
        let shape = self.node("Concat", &[&rows, &one], &[("axis", Setting::Int(0))]);
        let values = self.doubles(&[1, row.len()], row.to_vec());
        Ok(Numbers { name: self.node("Expand", &[&values, &shape], &[]), width: row.len() })
    }

    /// All features as one tensor.
    ///
    /// # Errors
    /// `NotSupported` where there is a category, or nothing.
    pub fn numbers(&mut self, wire: &Wire) -> Result<Numbers> {
        let number = |part: &Part| match part {
            Part::Numbers(numbers) => Ok(numbers.clone()),
            Part::Labels(_) => Err(no_form("numbers are expected where there are categories")),
        };
        let parts = wire.parts.iter().map(number).collect::<Result<Vec<_>>>()?;
        if parts.is_empty() { Err(no_form("no feature is left")) } else { Ok(self.beside(&parts)) }
    }

    /// Each feature by itself.
    pub fn each(&mut self, wire: &Wire) -> Vec<Part> {
        let mut features = Vec::with_capacity(wire.features());
        for part in &wire.parts {
            match part {
                Part::Numbers(numbers) => {
                    features.extend((0..numbers.width).map(|j| Part::Numbers(self.columns(numbers, &[j]))));
                }
                Part::Labels(_) => features.push(part.clone()),
            }
        }
        features
    }

    /// Which numbers are missing.
    pub fn missing(&mut self, x: &Numbers) -> Flags {
        Flags { name: self.node("IsNaN", &[&x.name], &[]), width: x.width }
    }

    /// Which are less than that of their column; what is missing is not.
    pub fn less(&mut self, x: &Numbers, row: &[f64]) -> Flags {
        self.compared("Less", x, row)
    }

    /// Which are greater than that of their column; what is missing is not.
    pub fn greater(&mut self, x: &Numbers, row: &[f64]) -> Flags {
        self.compared("Greater", x, row)
    }

    /// Which are each of these numbers, for numbers of one column.
    pub fn equal(&mut self, x: &Numbers, row: &[f64]) -> Flags {
        self.compared("Equal", x, row)
    }

    fn compared(&mut self, operator: &str, x: &Numbers, row: &[f64]) -> Flags {
        let values = self.doubles(&[1, row.len()], row.to_vec());
        Flags { name: self.node(operator, &[&x.name, &values], &[]), width: row.len() }
    }

    /// 1 for true, 0 for false.
    pub fn indicators(&mut self, flags: &Flags) -> Numbers {
        let double = Setting::Int(super::messages::Type::Double as i64);
        Numbers { name: self.node("Cast", &[&flags.name], &[("to", double)]), width: flags.width }
    }

    /// Numbers beyond the ends of their column become those; what is missing stays.
    pub fn clip(&mut self, x: &Numbers, low: &[f64], high: &[f64]) -> Numbers {
        let below = self.less(x, low);
        let x = self.replace(&below, low, x);
        let above = self.greater(&x, high);
        self.replace(&above, high, &x)
    }

    /// The number of a column where the flag is set, of one column or of as many; else that of `x`.
    pub fn replace(&mut self, flags: &Flags, row: &[f64], x: &Numbers) -> Numbers {
        let row = self.doubles(&[1, row.len()], row.to_vec());
        Numbers { name: self.node("Where", &[&flags.name, &row, &x.name], &[]), width: x.width }
    }

    /// The text where it is missing.
    pub fn fill(&mut self, x: &Labels, text: &str) -> Labels {
        let there = self.codes(x, &[""]);
        let place = self.ints(&[1, 1], vec![0]);
        let flag = self.node("Equal", &[&there.name, &place], &[]);
        let text = self.texts(std::iter::once(text));
        Labels { name: self.node("Where", &[&flag, &text, &x.name], &[]) }
    }

    /// Which text is missing.
    pub fn missing_labels(&mut self, x: &Labels) -> Flags {
        let there = self.codes(x, &[""]);
        self.at_place(&there, &[0])
    }

    /// The place of each text in a list.
    pub fn codes(&mut self, x: &Labels, keys: &[&str]) -> Codes {
        let places: Vec<i64> = (0..keys.len() as i64).collect();
        let settings = [
            ("keys_strings", Setting::Texts(keys)),
            ("values_int64s", Setting::Ints(&places)),
            ("default_int64", Setting::Int(-1)),
        ];
        Codes { name: self.node("LabelEncoder", &[&x.name], &settings) }
    }

    /// Numbers of one column, which are whole, as places.
    pub fn places(&mut self, x: &Numbers) -> Codes {
        let whole = Setting::Int(super::messages::Type::Int64 as i64);
        Codes { name: self.node("Cast", &[&x.name], &[("to", whole)]) }
    }

    /// The place of the greatest number of each row, the first of equals.
    pub fn greatest(&mut self, x: &Numbers) -> Codes {
        Codes { name: self.node("ArgMax", &[&x.name], &[("axis", Setting::Int(1))]) }
    }

    /// Whether each is at these places.
    pub fn at_place(&mut self, codes: &Codes, places: &[i64]) -> Flags {
        let row = self.ints(&[1, places.len()], places.to_vec());
        Flags { name: self.node("Equal", &[&codes.name, &row], &[]), width: places.len() }
    }

    /// The number at each place of a list, of one more for -1 at its end.
    pub fn look_up(&mut self, codes: &Codes, list: &[f64]) -> Numbers {
        let values = self.doubles(&[list.len()], list.to_vec());
        let place = self.counted(codes, list.len());
        Numbers { name: self.node("Gather", &[&values, &place], &[("axis", Setting::Int(0))]), width: 1 }
    }

    /// The text at each place of a list, of one more for -1 at its end.
    pub fn look_up_labels(&mut self, codes: &Codes, list: &[&str]) -> Labels {
        let values = self.texts(list.iter().copied());
        let place = self.counted(codes, list.len());
        Labels { name: self.node("Gather", &[&values, &place], &[("axis", Setting::Int(0))]) }
    }

    /// Places with the last for -1: what a negative index means to `Gather`, written out for runtimes that refuse it.
    fn counted(&mut self, codes: &Codes, length: usize) -> String {
        let none = self.at_place(codes, &[-1]);
        let last = self.ints(&[1, 1], vec![length as i64 - 1]);
        self.node("Where", &[&none.name, &last, &codes.name], &[])
    }

    /// -1 where the flag is set, of one column each.
    pub fn nowhere(&mut self, flags: &Flags, codes: &Codes) -> Codes {
        let none = self.ints(&[1, 1], vec![-1]);
        Codes { name: self.node("Where", &[&flags.name, &none, &codes.name], &[]) }
    }

    /// This place where the flag is set, of one column each.
    pub fn place(&mut self, flags: &Flags, place: u32, codes: &Codes) -> Codes {
        let place = self.ints(&[1, 1], vec![i64::from(place)]);
        Codes { name: self.node("Where", &[&flags.name, &place, &codes.name], &[]) }
    }
}
