//! The values that a search tries: a list, or numbers at equal distances as NumPy makes them.

use crate::diag::{Code, Diagnostic};
use crate::yaml::{Node, Value, shorten};

/// So many numbers can be asked for at once.
const MOST: i64 = 100_000;

/// The values written for an address, each with its place.
///
/// # Errors
/// What is wrong with them, at its place.
pub fn values(node: &Node) -> Result<Vec<Node>, Diagnostic> {
    let wrong = |message: String| {
        Code::BadValue
            .error(message)
            .at(&node.span)
            .help("write a list, `[0.1, 1, 10]`, or `{logspace: [-1, 1, 3]}`")
    };
    match &node.value {
        Value::List(items) if items.is_empty() => Err(wrong("there is no value to try".to_owned())),
        Value::List(items) => Ok(items.clone()),
        Value::Map(entries) => match entries.as_slice() {
            [entry] => space(&entry.key, &entry.value).unwrap_or_else(|| {
                if ["loguniform", "uniform", "randint"].contains(&entry.key.as_str()) {
                    let message =
                        format!("`{}` is for `RandomizedSearchCV`, which is not in this version", entry.key);
                    let help = "use a list, `linspace`, `logspace` or `geomspace`";
                    return Err(Code::NotSupported.error(message).at(&entry.key_span).help(help));
                }
                Err(wrong(format!("`{}` makes no values", shorten(&entry.key))))
            }),
            _ => Err(wrong("the values to try must be a list, not a map".to_owned())),
        },
        _ => Err(wrong(format!("the values to try must be a list, not {}", node.found()))),
    }
}

/// The numbers of a space by its name; `None` if there is none of it.
fn space(name: &str, node: &Node) -> Option<Result<Vec<Node>, Diagnostic>> {
    let make: fn(f64, f64, usize) -> Vec<f64> = match name {
        "linspace" => linspace,
        "logspace" => logspace,
        "geomspace" => geomspace,
        _ => return None,
    };
    let wrong = |message: String| {
        let help = format!("write `{name}: [first, last, how many]`, up to {MOST}");
        Err(Code::BadValue.error(message).at(&node.span).help(help))
    };
    let Some([start, stop, count]) = node.as_list() else {
        return Some(wrong(format!("`{name}` takes two numbers and how many there are to be")));
    };
    let (Some(start), Some(stop), Some(count)) = (start.as_f64(), stop.as_f64(), count.as_i64()) else {
        return Some(wrong(format!("`{name}` takes two numbers and how many there are to be")));
    };
    if !(1..=MOST).contains(&count) {
        return Some(wrong(format!("`{name}` cannot make {count} values")));
    }
    if name == "geomspace" && (start == 0.0 || stop == 0.0 || start.signum() != stop.signum()) {
        return Some(wrong("`geomspace` goes between two numbers of one sign, neither of them 0".to_owned()));
    }
    let numbers = make(start, stop, count as usize);
    if let Some(number) = numbers.iter().find(|number| !number.is_finite()) {
        return Some(wrong(format!("`{name}` comes to {number}")));
    }
    Some(Ok(numbers.into_iter().map(|number| Node::new(node.span.clone(), Value::Float(number))).collect()))
}

/// `numpy.linspace`, operation by operation.
fn linspace(start: f64, stop: f64, count: usize) -> Vec<f64> {
    let delta = stop - start;
    let parts = (count - 1) as f64;
    let step = delta / parts;
    let at = |i: usize| match i as f64 {
        i if count == 1 => i * delta + start,
        // So small a distance would vanish.
        i if step == 0.0 => i / parts * delta + start,
        i => i * step + start,
    };
    let mut numbers: Vec<f64> = (0..count).map(at).collect();
    if count > 1 {
        numbers[count - 1] = stop;
    }
    numbers
}

/// `numpy.logspace` to base 10.
fn logspace(start: f64, stop: f64, count: usize) -> Vec<f64> {
    linspace(start, stop, count).into_iter().map(|exponent| 10f64.powf(exponent)).collect()
}

/// `numpy.geomspace`: the ends are exactly as written.
fn geomspace(start: f64, stop: f64, count: usize) -> Vec<f64> {
    let sign = start.signum();
    let (start, stop) = (start.abs(), stop.abs());
    let mut numbers = logspace(start.log10(), stop.log10(), count);
    numbers[0] = start;
    if count > 1 {
        numbers[count - 1] = stop;
    }
    numbers.iter().map(|number| number * sign).collect()
}

#[cfg(test)]
mod tests {
    use super::{geomspace, linspace, logspace, values};
    use crate::diag::Source;
    use crate::yaml::parse;

    /// From NumPy 2.4, printed with `repr`. Its `power` differs in the last place between processors, so that a unit
    /// there is allowed where powers are taken: 1e-5 came as 9.999999999999999e-6.
    #[test]
    fn numbers_are_those_of_numpy() {
        let near = |ours: Vec<f64>, theirs: &[f64]| {
            assert_eq!(ours.len(), theirs.len());
            let apart = |(a, b): (&f64, &f64)| a.to_bits().abs_diff(b.to_bits()) > 1;
            assert!(!ours.iter().zip(theirs).any(apart), "{ours:?} instead of {theirs:?}");
        };
        assert_eq!(
            linspace(0.0, 1.0, 11),
            [
                0.0,
                0.1,
                0.2,
                0.30000000000000004,
                0.4,
                0.5,
                0.6000000000000001,
                0.7000000000000001,
                0.8,
                0.9,
                1.0
            ]
        );
        assert_eq!(linspace(-3.0, 3.0, 7), [-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0]);
        assert_eq!(linspace(0.1, 0.7, 4), [0.1, 0.3, 0.5, 0.7]);
        assert_eq!(linspace(2.0, 5.0, 1), [2.0]);
        near(
            logspace(-3.0, 3.0, 10),
            &[
                0.001,
                0.004641588833612777,
                0.021544346900318832,
                0.1,
                0.46415888336127775,
                2.154434690031882,
                10.0,
                46.41588833612773,
                215.44346900318823,
                1000.0,
            ],
        );
        near(
            logspace(-5.0, 0.5, 6),
            &[
                9.999999999999999e-06,
                0.00012589254117941674,
                0.001584893192461114,
                0.01995262314968881,
                0.25118864315095824,
                3.1622776601683795,
            ],
        );
        near(logspace(-2.0, 2.0, 5), &[0.01, 0.1, 1.0, 10.0, 100.0]);
        near(geomspace(0.001, 1000.0, 7), &[0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0]);
        near(geomspace(-2.0, -50.0, 5), &[-2.0, -4.47213595499958, -10.0, -22.360679774997894, -50.0]);
        near(geomspace(3.0, 3.0, 2), &[3.0, 3.0]);
    }

    #[test]
    fn what_makes_no_values_is_told() {
        let told = |text: &str| {
            let node = parse(&Source::new("f.yaml", format!("x: {text}"))).expect("YAML");
            values(node.get("x").expect("a value")).err().map(|problem| problem.message().to_owned())
        };
        for (text, message) in [
            ("[]", "there is no value to try"),
            ("3", "the values to try must be a list, not the number `3`"),
            ("{a: 1, b: 2}", "the values to try must be a list, not a map"),
            ("{lin: [1, 2, 3]}", "`lin` makes no values"),
            ("{uniform: [0, 1]}", "`uniform` is for `RandomizedSearchCV`, which is not in this version"),
            ("{linspace: [0, 1]}", "`linspace` takes two numbers and how many there are to be"),
            ("{linspace: [0, 1, 2.5]}", "`linspace` takes two numbers and how many there are to be"),
            ("{linspace: [0, 1, 0]}", "`linspace` cannot make 0 values"),
            ("{logspace: [0, 400, 3]}", "`logspace` comes to inf"),
            (
                "{geomspace: [-1, 4, 3]}",
                "`geomspace` goes between two numbers of one sign, neither of them 0",
            ),
        ] {
            assert_eq!(told(text).as_deref(), Some(message), "{text}");
        }
        assert_eq!(told("[null, 1, a]"), None);
    }
}
