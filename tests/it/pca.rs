//! Principal components against an extended-precision answer, which scikit-learn agrees with (tests/golden/pca.json): from
//! all rows, and from the merged moments of folds.

use std::path::Path;

use pipefit::contract::erased::AnyFittedStep;
use pipefit::contract::{Block, Frame, Rng, Saver, Stats, Tensor, Train, Value};
use pipefit::linalg::{Moments, Principal};
use pipefit::steps;
use pipefit::table::Rows;
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    table: String,
    scaled: bool,
    components: Vec<Vec<f64>>,
    explained_variance: Vec<f64>,
    explained_variance_ratio: Vec<f64>,
    singular_values: Vec<f64>,
    rows: Vec<u32>,
    scores: Vec<Vec<f64>>,
}

fn cases() -> Vec<Case> {
    let golden: Golden = serde_json::from_str(include_str!("../golden/pca.json")).unwrap();
    assert_eq!(golden.cases.len(), 8);
    golden.cases
}

/// The features of an example table: all columns but the last, scaled if the case says so.
fn features(case: &Case) -> Frame {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/data/{}.csv", case.table));
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let cells: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let block = |j: usize| {
        let values: Vec<f64> = cells.iter().map(|row| row[j].parse().unwrap()).collect();
        Block::Number { name: names[j].into(), values: values.into() }
    };
    let frame = Frame::new(cells.len(), (0..names.len() - 1).map(block).collect());
    if case.scaled { fitted("StandardScaler", &[], &frame).apply(&frame).unwrap() } else { frame }
}

fn fitted(step: &str, params: &[(&str, Value)], frame: &Frame) -> Box<dyn AnyFittedStep> {
    let mut step = steps::named(step).unwrap().make();
    params.iter().for_each(|(name, value)| assert_eq!(step.set(name, value), Ok(true)));
    let train = Train { x: frame, y: None, weight: None, rows: &Rows::all(frame.rows()) };
    step.fit(&train, &mut Rng::seeded(0)).unwrap()
}

/// The same step fitted from the moments of three interleaved folds, merged.
fn from_moments(params: &[(&str, Value)], frame: &Frame) -> Box<dyn AnyFittedStep> {
    let mut step = steps::named("PCA").unwrap().make();
    params.iter().for_each(|(name, value)| assert_eq!(step.set(name, value), Ok(true)));
    let stats =
        |rows: &Rows| Stats::of(&Train { x: frame, y: None, weight: None, rows }, step.needs()).unwrap();
    let mut whole = stats(&Rows::all(frame.rows()));
    let mut moments = Moments::zero(frame.features());
    for fold in 0..3 {
        let rows = Rows::List((fold..frame.rows() as u32).step_by(3).collect());
        moments.merge(&stats(&rows).joint.unwrap().moments);
    }
    whole.joint.as_mut().unwrap().moments = moments;
    step.fit_stats(&whole).unwrap()
}

struct Findings {
    compared: usize,
    largest: f64,
    wrong: Vec<String>,
}

impl Findings {
    fn agree(&mut self, what: &str, ours: f64, theirs: f64, scale: f64) {
        let allowed = 1e-9 * ours.abs().max(theirs.abs()) + 1e-11 * scale;
        let share = (ours - theirs).abs() / allowed;
        self.compared += 1;
        self.largest = self.largest.max(share);
        if share > 1.0 || share.is_nan() {
            self.wrong
                .push(format!("{what}: {ours:?} instead of {theirs:?} ({share:.1e} of what is allowed)"));
        }
    }

    fn vector(&mut self, what: &str, saved: &Tensor, theirs: &[f64]) {
        let Tensor::F64 { values, .. } = saved else { panic!("{what}") };
        assert_eq!(values.len(), theirs.len(), "{what}");
        values.iter().zip(theirs).for_each(|(ours, theirs)| self.agree(what, *ours, *theirs, 0.0));
    }
}

fn compare(told: &str, case: &Case, fitted: &dyn AnyFittedStep, frame: &Frame, whiten: bool) -> Findings {
    let mut findings = Findings { compared: 0, largest: 0.0, wrong: Vec::new() };
    let mut saver = Saver::default();
    fitted.save(&mut saver);
    let (tensors, _) = saver.finish();
    findings.vector(&format!("{told}: variance"), &tensors["explained_variance"], &case.explained_variance);
    let ratio = &tensors["explained_variance_ratio"];
    findings.vector(&format!("{told}: ratio"), ratio, &case.explained_variance_ratio);
    findings.vector(&format!("{told}: singular"), &tensors["singular_values"], &case.singular_values);
    let Tensor::F64 { values, .. } = &tensors["components"] else { panic!("{told}") };
    for (ours, theirs) in values.iter().zip(case.components.iter().flatten()) {
        findings.agree(&format!("{told}: loading"), *ours, *theirs, 1.0);
    }
    let scores = fitted.apply(&frame.take(&Rows::List(case.rows.clone().into()))).unwrap();
    let scores = scores.design(&Rows::all(case.rows.len())).unwrap();
    for (i, row) in case.scores.iter().enumerate() {
        for (k, theirs) in row.iter().enumerate() {
            let deviation = case.explained_variance[k].sqrt();
            let (theirs, scale) = if whiten { (theirs / deviation, 1.0) } else { (*theirs, deviation) };
            findings.agree(
                &format!("{told}: score {k} of row {}", case.rows[i]),
                scores[(i, k)],
                theirs,
                scale,
            );
        }
    }
    findings
}

#[test]
fn components_are_right_scaled_or_not_from_rows_or_moments() {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for case in cases() {
        let frame = features(&case);
        for whiten in [false, true] {
            let params = [("whiten", Value::Bool(whiten))];
            let told = format!("{}{}", case.table, if case.scaled { ", scaled" } else { "" });
            let (rows, moments) = (fitted("PCA", &params, &frame), from_moments(&params, &frame));
            println!("{told}: {}", moments.doubt().unwrap_or_else(|| "moments are enough".into()));
            for (way, fitted) in [("rows", &rows), ("moments", &moments)] {
                if way == "moments" && fitted.doubt().is_some() {
                    continue;
                }
                let findings = compare(&format!("{told} ({way})"), &case, &**fitted, &frame, whiten);
                println!("  {:.1e} of what is allowed, from {way}", findings.largest);
                compared += findings.compared;
                wrong.extend(findings.wrong);
            }
        }
    }
    assert!(compared > 10_000, "{compared}");
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}

/// The moments of a table whose units differ by a million are enough, as long as its columns are no
/// combinations of each other: a fold need not go back to its rows for its units alone.
#[test]
fn units_alone_are_no_reason_for_doubt() {
    let case = cases().into_iter().find(|case| case.table == "wine" && !case.scaled).unwrap();
    let frame = features(&case);
    assert_eq!(from_moments(&[], &frame).doubt(), None);
    let copy = |name: &str, block: &Block| block.renamed(|_| name.into());
    let mut blocks = frame.blocks().to_vec();
    blocks.push(copy("again", &blocks[0]));
    let dependent = Frame::new(frame.rows(), blocks);
    assert!(from_moments(&[], &dependent).doubt().is_some());
    // The first components are not in doubt.
    assert_eq!(from_moments(&[("n_components", Value::Int(2))], &dependent).doubt(), None);
    assert!(
        from_moments(&[("n_components", Value::Float(case.explained_variance_ratio[0]))], &frame)
            .doubt()
            .is_some()
    );
}

/// The way that doubt leads to: a factorization of the rows.
#[test]
fn a_factorization_of_the_rows_is_right_too() {
    for case in cases() {
        let frame = features(&case);
        let rows = frame.rows();
        let principal = Principal::of_rows(&frame.design(&Rows::all(rows)).unwrap()).unwrap();
        let mut findings = Findings { compared: 0, largest: 0.0, wrong: Vec::new() };
        let told = &case.table;
        assert_eq!(principal.squares.len(), case.explained_variance.len(), "{told}");
        for (k, variance) in case.explained_variance.iter().enumerate() {
            findings.agree(told, principal.squares[k] / (rows as f64 - 1.0), *variance, 0.0);
            let axis = principal.axes.column(k);
            axis.iter().zip(&case.components[k]).for_each(|(a, b)| findings.agree(told, *a, *b, 1.0));
        }
        println!("{told}: {:.1e} of what is allowed", findings.largest);
        assert!(findings.wrong.is_empty(), "{}", findings.wrong.join("\n"));
    }
}
