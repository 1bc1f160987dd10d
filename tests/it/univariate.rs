//! Means and standard deviations with the certified digits of NIST's univariate sets: from one accumulator, merged from
//! shards, and as a scaler has them that was fitted from the folds' merged moments.
//!
//! NumAcc1 to 4 are made by formula; the others are read as `nist.rs` says.

use std::path::Path;

use pipefit::contract::Term;
use pipefit::linalg::{Accumulator, BLOCK, Moments, Univariate};

use crate::direct::{self, PATHS};
use crate::nist::{digits, folder, say};

struct Set {
    name: String,
    values: Vec<f64>,
    mean: f64,
    /// With n - 1.
    deviation: f64,
}

fn sets() -> Vec<Set> {
    let alternating = |middle: f64, low: f64, high: f64| -> Vec<f64> {
        std::iter::once(middle).chain([low, high].into_iter().cycle().take(1000)).collect()
    };
    let set = |name: &str, values, mean, deviation| Set { name: name.into(), values, mean, deviation };
    let mut sets = vec![
        set("NumAcc1", vec![10_000_001.0, 10_000_003.0, 10_000_002.0], 10_000_002.0, 1.0),
        set("NumAcc2", alternating(1.2, 1.1, 1.3), 1.2, 0.1),
        set("NumAcc3", alternating(1_000_000.2, 1_000_000.1, 1_000_000.3), 1_000_000.2, 0.1),
        // Its numbers as doubles have 0.1 to 8.25 digits; no arithmetic gives more.
        set("NumAcc4", alternating(10_000_000.2, 10_000_000.1, 10_000_000.3), 10_000_000.2, 0.1),
    ];
    let Some(folder) = folder() else { return sets };
    for name in ["Lew", "Lottery", "Mavro", "Michelso"] {
        sets.push(read(&folder.join(format!("{name}.dat"))).unwrap());
    }
    // Its certified values are those of its own 5,000 digits, which are not quite the first of pi: no formula makes them.
    sets.extend(read(&folder.join("PiDigits.dat")));
    sets
}

/// Reads a file of NIST: certified values in its head, and a number a line at its end.
fn read(path: &Path) -> Option<Set> {
    let text = std::fs::read_to_string(path).ok()?;
    let (head, data) = text.split_once("Data: Y")?;
    let certified = |title: &str| {
        let line = head.lines().find(|line| line.starts_with(title)).unwrap();
        line.split_whitespace().filter_map(|word| word.parse::<f64>().ok()).next_back().unwrap()
    };
    Some(Set {
        name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
        values: data.split_whitespace().filter_map(|word| word.parse().ok()).collect(),
        mean: certified("Sample Mean"),
        deviation: certified("Sample Standard Deviation"),
    })
}

/// Prints the digits of mean and deviation, and demands eight of each.
fn check(set: &Set, how: &str, mean: f64, deviation: f64) {
    let (of_mean, of_deviation) = (digits(&[mean], &[set.mean]), digits(&[deviation], &[set.deviation]));
    say(&format!("{:10} {how:24} {of_mean:8.1} {of_deviation:8.1}", set.name));
    assert!(of_mean >= 8.0 && of_deviation >= 8.0, "{}, {how}: {of_mean} {of_deviation}", set.name);
}

#[test]
fn shards_of_the_univariate_sets_merge_to_certified_digits() {
    for set in sets() {
        for shards in [1, 2, 7] {
            let pieces: Vec<&[f64]> = set.values.chunks(set.values.len().div_ceil(shards)).collect();
            let mut one = Univariate::default();
            pieces.iter().for_each(|shard| one.merge(&Univariate::of(shard, None)));
            check(&set, &format!("{shards} merged"), one.mean(), one.variance(1.0).sqrt());

            let all = joint(&pieces, set.values[0]);
            let freedom = all.weight - 1.0;
            for (j, factor) in [(0, 1.0), (1, 2.0)] {
                let (mean, deviation) = (all.mean[j], (all.gram[(j, j)] / freedom).sqrt());
                let how = format!("{shards} joint, column {j}");
                check(&set, &how, (mean / factor) + set.values[0], deviation / factor);
            }
        }
    }
}

/// The joint moments of the values, and of twice the values, about a shift.
fn joint(shards: &[&[f64]], shift: f64) -> Moments {
    let mut all = Moments::zero(2);
    for shard in shards {
        let twice: Vec<f64> = shard.iter().map(|x| 2.0 * x).collect();
        let mut accumulator = Accumulator::new(2);
        for (one, two) in shard.chunks(BLOCK).zip(twice.chunks(BLOCK)) {
            accumulator.add_shifted(one.len(), &[one, two], &[shift, 2.0 * shift], None);
        }
        all.merge(&accumulator.finish());
    }
    all
}

/// Mean and scale as the published scaler has them: its map is (x - mean) / scale.
#[test]
fn a_scaler_has_the_certified_digits_whatever_the_folds() {
    for set in sets() {
        let n = set.values.len();
        let wave = (0..n).map(|i| (i * 37 % 101) as f64).collect();
        let columns = vec![("x".to_owned(), set.values.clone()), ("y".to_owned(), wave)];
        for cv in ["null".to_owned(), "2".to_owned(), 7.min(n).to_string()] {
            for (path, of_path) in PATHS {
                let lines = format!(
                    "preprocess: [StandardScaler]\nmodel: Ridge\ncv: {cv}\nscoring: [neg_mean_squared_error]"
                );
                let fitted = direct::outcome(&lines, &columns, of_path).fitted;
                let map = fitted.steps.groups[0].steps[0].step.map().unwrap();
                let column = &map.columns[0];
                let slope = column.terms.iter().find(|(term, _)| *term == Term::Value(0)).unwrap().1;
                let to_sample = (n as f64 / (n as f64 - 1.0)).sqrt();
                check(&set, &format!("{path}, cv: {cv}"), -column.offset / slope, to_sample / slope);
            }
        }
    }
}
