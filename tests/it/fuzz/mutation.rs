//! Seeded changes of inputs.

use rand_mt::Mt64;
use serde_json::{Value, json};

/// Where chance comes from: the same changes for the same seed.
pub struct Dice(Mt64);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Mt64::new(seed))
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n as u64) as usize
    }

    /// A number from 1 to `most`, mostly a small one: after many changes hardly anything is accepted.
    pub fn few(&mut self, most: usize) -> usize {
        let most = 1 + self.below(most);
        1 + self.below(most)
    }

    /// One of some things.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// A few changes of bytes: single ones, tokens, cuts, repetitions, and pieces and lines of another input.
pub fn bytes(dice: &mut Dice, mut bytes: Vec<u8>, other: &[u8], tokens: &[&str]) -> Vec<u8> {
    for _ in 0..dice.few(6) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + 1 + dice.below(20)).min(bytes.len());
        match dice.below(9) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => bytes[at] = dice.below(256) as u8,
            2 if at < bytes.len() => drop(bytes.drain(at..end)),
            3 => {
                let from = dice.below(other.len() + 1);
                let piece = &other[from..(from + 40).min(other.len())];
                drop(bytes.splice(at..at, piece.iter().copied()));
            }
            4 if at < bytes.len() => {
                let piece = bytes[at..end].repeat(1 + dice.below(3));
                drop(bytes.splice(at..at, piece));
            }
            5 => bytes = lines(dice, &bytes, other),
            6 if at < bytes.len() => {
                drop(bytes.splice(at..end, dice.pick(tokens).bytes()));
            }
            _ => drop(bytes.splice(at..at, dice.pick(tokens).bytes())),
        }
    }
    bytes
}

/// One line gone, doubled, moved, or taken from another input.
fn lines(dice: &mut Dice, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let others: Vec<&[u8]> = other.split_inclusive(|byte| *byte == b'\n').collect();
    let at = dice.below(lines.len() + 1);
    match dice.below(4) {
        0 if at < lines.len() => drop(lines.remove(at)),
        1 if at < lines.len() => lines.insert(at, lines[at]),
        2 if at < lines.len() => {
            let line = lines.remove(at);
            lines.insert(dice.below(lines.len() + 1), line);
        }
        _ if !others.is_empty() => lines.insert(at, *dice.pick(&others)),
        _ => {}
    }
    lines.concat()
}

/// An artifact in its parts.
pub struct Parts {
    /// The header without the manifest: the tensors by name.
    pub header: Value,
    /// The manifest.
    pub manifest: Value,
    /// What follows the header.
    pub data: Vec<u8>,
}

impl Parts {
    /// The parts of an artifact; `None` for bytes that are none.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let length = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
        let end = usize::try_from(length).ok()?.checked_add(8)?;
        let mut header: Value = serde_json::from_slice(bytes.get(8..end)?).ok()?;
        let metadata = header.as_object_mut()?.shift_remove("__metadata__")?;
        let manifest = serde_json::from_str(metadata.get("pipefit")?.as_str()?).ok()?;
        Some(Self { header, manifest, data: bytes[end..].to_vec() })
    }

    /// The bytes of an artifact with these parts, fitting or not.
    pub fn bytes(&self) -> Vec<u8> {
        let mut header = self.header.clone();
        if let Some(header) = header.as_object_mut() {
            header.insert("__metadata__".to_owned(), json!({"pipefit": self.manifest.to_string()}));
        }
        let header = header.to_string();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes());
        bytes.extend(&self.data);
        bytes
    }
}

/// A few changes of an artifact that keep its container whole: of the manifest's values, the tensors' shapes and places,
/// and the numbers in them; now and then of any bytes.
pub fn artifact(dice: &mut Dice, input: &[u8]) -> Vec<u8> {
    let parts = if dice.below(8) == 0 { None } else { Parts::of(input) };
    let Some(mut parts) = parts else {
        return bytes(dice, input.to_vec(), &[], &["{", "\"", "9", "\0\0\0\0"]);
    };
    for _ in 0..dice.few(4) {
        match dice.below(8) {
            0 => tree(dice, &mut parts.header),
            1 => shape(dice, &mut parts.header),
            2 | 3 if parts.data.len() >= 8 => {
                let at = dice.below(parts.data.len() / 8) * 8;
                let number = *dice.pick(&[0.0, -0.0, f64::NAN, f64::INFINITY, 1e308, -1e308, 5e-324, 2.0]);
                let code = *dice.pick(&[0, 1, 2, 7, u32::MAX, u32::MAX - 1, 1 << 31]);
                match dice.below(2) {
                    0 => parts.data[at..at + 8].copy_from_slice(&f64::to_le_bytes(number)),
                    _ => parts.data[at..at + 4].copy_from_slice(&u32::to_le_bytes(code)),
                }
            }
            _ => tree(dice, &mut parts.manifest),
        }
    }
    parts.bytes()
}

/// Another shape for one tensor, mostly of as many numbers.
fn shape(dice: &mut Dice, header: &mut Value) {
    let Some(tensors) = header.as_object_mut().filter(|tensors| !tensors.is_empty()) else { return };
    let chosen = dice.below(tensors.len());
    let Some(tensor) = tensors.values_mut().nth(chosen) else { return };
    let Some(shape) = tensor.get_mut("shape").filter(|shape| shape.is_array()) else { return };
    let lengths = shape.as_array().into_iter().flatten().filter_map(Value::as_u64);
    let product = lengths.fold(1, u64::wrapping_mul);
    *shape = match dice.below(6) {
        0 => json!([product]),
        1 => json!([product, 1]),
        2 => json!([1, product]),
        3 => json!([1, 1, product]),
        4 => json!([0, 1u64 << 62]),
        _ => json!([product / 2, 2]),
    };
}

/// One change somewhere in a JSON value.
fn tree(dice: &mut Dice, root: &mut Value) {
    let texts: Vec<String> = texts(root);
    let chosen = dice.below(count(root));
    let node = nth(root, &mut { chosen }).expect("a node below their number");
    match (dice.below(8), &mut *node) {
        (0, node) => *node = dice.pick(&[json!(null), json!([]), json!({}), json!(""), json!(true)]).clone(),
        (_, Value::Number(number)) => {
            let near = number.as_u64().unwrap_or(0);
            let numbers = [
                0,
                1,
                near.wrapping_add(1),
                near.saturating_sub(1),
                1 << 31,
                u64::from(u32::MAX),
                1 << 62,
                u64::MAX,
            ];
            let floats = [-1.0, 0.5, 1e308, -0.0];
            *node = if dice.below(4) == 0 { json!(dice.pick(&floats)) } else { json!(dice.pick(&numbers)) };
        }
        (_, Value::Bool(flag)) => *flag = !*flag,
        (_, Value::String(text)) => {
            let known = [
                "",
                "OneHotEncoder",
                "Ridge",
                "DummyClassifier",
                "StandardScaler",
                "nan",
                "F64",
                "F32",
                "I64",
            ];
            *text = match dice.below(3) {
                0 => (*dice.pick(&known)).to_owned(),
                1 => "x".repeat(1 + dice.below(5000)),
                _ => dice.pick(&texts).clone(),
            };
        }
        (turn, Value::Array(items)) if !items.is_empty() => {
            let (a, b) = (dice.below(items.len()), dice.below(items.len()));
            match turn {
                1 | 2 => drop(items.remove(a)),
                3 | 4 => items.swap(a, b),
                5 => {
                    *items = items.iter().cycle().take(items.len() * (1 + dice.below(200))).cloned().collect()
                }
                _ => items.insert(a, items[b].clone()),
            }
        }
        (turn, Value::Object(entries)) if !entries.is_empty() => {
            let chosen = dice.below(entries.len());
            let key = entries.keys().nth(chosen).cloned().unwrap_or_default();
            match turn {
                1 | 2 => drop(entries.shift_remove(&key)),
                3 => drop(entries.insert("more".to_owned(), json!(1))),
                _ => {
                    let value = entries.shift_remove(&key).unwrap_or_default();
                    entries.insert(dice.pick(&texts).clone(), value);
                }
            }
        }
        (_, node) => *node = json!(dice.below(3)),
    }
}

/// All texts and keys of a value.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(entries) => {
            entries.iter().flat_map(|(key, value)| [vec![key.clone()], texts(value)].concat()).collect()
        }
        _ => vec![String::new()],
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(entries) => entries.values().map(count).sum(),
        _ => 0,
    }
}

/// The node that `left` nodes stand before.
fn nth<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        Value::Object(entries) => entries.values_mut().find_map(|item| nth(item, left)),
        _ => None,
    }
}
