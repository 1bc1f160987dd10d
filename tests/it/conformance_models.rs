//! What every model must do, walked over the list of all.

use std::collections::BTreeMap;
use std::sync::Arc;

use pipefit::contract::erased::{AnyFittedModel, AnyModel, ModelKind};
use pipefit::contract::{
    Block, Frame, Loader, Needs, Prediction, Rng, Saver, Stats, Task, Tensor, Train, Unfit,
};
use pipefit::diag::{Code, Result};
use pipefit::linalg::Matrix;
use pipefit::models;
use pipefit::table::{Levels, MISSING, Rows, Target};

use crate::easy::{Data, classes, frame, noise};

fn fit_on(
    model: &dyn AnyModel,
    x: &Frame,
    y: &Target,
    weight: Option<&[f64]>,
) -> Result<Box<dyn AnyFittedModel>> {
    let rows = Rows::all(y.rows());
    model.fit(&Train { x, y: Some(y), weight, rows: &rows }, &mut Rng::seeded(1))
}

fn fit(kind: &dyn ModelKind, data: &Data) -> Box<dyn AnyFittedModel> {
    let fitted = fit_on(&*kind.make(), &data.frame(), &data.target, None);
    fitted.unwrap_or_else(|error| panic!("{}: {error}", kind.name()))
}

type Saved = (BTreeMap<String, Tensor>, BTreeMap<String, serde_json::Value>);

fn saved(fitted: &dyn AnyFittedModel) -> Saved {
    let mut saver = Saver::default();
    fitted.save(&mut saver);
    saver.finish()
}

/// Every number of a prediction, row by row.
fn numbers(prediction: &Prediction) -> Vec<Vec<f64>> {
    let row = |i: usize| match prediction {
        Prediction::Values(values) => values.row(i),
        Prediction::Classes { codes, proba, decision } => {
            let wide = [proba, decision].into_iter().flatten().flat_map(|matrix| matrix.row(i));
            std::iter::once(f64::from(codes[i])).chain(wide).collect()
        }
    };
    (0..prediction.rows()).map(row).collect()
}

fn bits(prediction: &Prediction) -> Vec<Vec<u64>> {
    numbers(prediction).iter().map(|row| row.iter().map(|v| v.to_bits()).collect()).collect()
}

fn assert_close(a: &Prediction, b: &Prediction, what: &str) {
    let (a, b) = (numbers(a), numbers(b));
    assert_eq!(a.len(), b.len(), "{what}");
    for (a, b) in a.iter().flatten().zip(b.iter().flatten()) {
        assert!((a - b).abs() <= 1e-9 * a.abs().max(b.abs()) + 1e-11, "{what}: {a:e} {b:e}");
    }
}

fn each(check: impl Fn(&dyn ModelKind, &Data)) {
    assert!(models::ALL.len() >= 5);
    for kind in models::ALL {
        check(*kind, &data(*kind));
    }
}

/// Rows that a model learns from: counts where it counts, and features of one size where it needs that.
fn data(kind: &dyn ModelKind) -> Data {
    if excused(kind, "negative features") {
        return Data::counts(60);
    }
    let mut data = Data::easy(kind.make().task(), 60);
    if excused(kind, "features of any size") {
        let sizes = data.columns.iter_mut().zip([1.0, 50.0, 0.2]);
        sizes.for_each(|(column, size)| column.iter_mut().for_each(|value| *value /= size));
    }
    data
}

#[test]
fn names_are_unique_and_defaults_check_clean() {
    for (i, kind) in models::ALL.iter().enumerate() {
        assert_eq!(models::ALL.iter().position(|other| other.name() == kind.name()), Some(i));
        let mut model = kind.make();
        assert_eq!(model.check(), [], "{}", kind.name());
        for (name, value) in model.values() {
            assert_eq!(model.set(name, &value), Ok(true), "{}.{name}", kind.name());
        }
        assert_eq!(model.set("no_such_parameter", &pipefit::contract::Value::Null), Ok(false));
        for param in kind.parameters() {
            assert!(param.sentence.ends_with('.'), "{}.{}", kind.name(), param.name);
        }
    }
}

#[test]
fn a_fit_has_the_same_bytes_every_time_and_survives_saving() {
    each(|kind, data| {
        let fitted = fit(kind, data);
        assert_eq!(saved(&*fitted), saved(&*fit(kind, data)), "{}", kind.name());
        let (tensors, facts) = saved(&*fitted);
        let loader = Loader::new(tensors, facts);
        let loaded = kind.load(&loader).unwrap_or_else(|error| panic!("{}: {error}", kind.name()));
        assert_eq!(loader.leftovers(), Vec::<String>::new(), "{}", kind.name());
        assert_eq!(saved(&*loaded), saved(&*fitted), "{}", kind.name());
        assert_eq!(loaded.facts(), fitted.facts(), "{}", kind.name());
        let frame = data.frame();
        assert_eq!(bits(&loaded.predict(&frame).unwrap()), bits(&fitted.predict(&frame).unwrap()));
    });
}

/// Every part taken away, emptied, lengthened, made infinite or of another type: an error or a model
/// that predicts or fails, and never a panic.
#[test]
fn hostile_state_is_refused_without_a_panic() {
    each(|kind, data| {
        let (tensors, facts) = saved(&*fit(kind, data));
        let mut hostile: Vec<Saved> = Vec::new();
        for name in tensors.keys() {
            let replacements = [
                Tensor::F64 { shape: vec![0], values: vec![] },
                Tensor::F64 { shape: vec![2], values: vec![f64::NAN, 1.0] },
                Tensor::F64 { shape: vec![1, 2], values: vec![f64::INFINITY, 1.0] },
                Tensor::F64 { shape: vec![0, 3], values: vec![] },
                Tensor::F64 { shape: vec![3, 0], values: vec![] },
                Tensor::U32 { shape: vec![1], values: vec![7] },
            ];
            hostile.extend(replacements.map(|tensor| {
                let mut tensors = tensors.clone();
                tensors.insert(name.clone(), tensor);
                (tensors, facts.clone())
            }));
            let mut without = tensors.clone();
            without.remove(name);
            hostile.push((without, facts.clone()));
        }
        for name in facts.keys() {
            for value in [
                r#"null"#,
                "[]",
                "-1",
                "4294967295",
                "[5, 4]",
                "[0, 9]",
                "[0]",
                r#"{"labels": [], "numeric": true}"#,
            ] {
                let mut facts = facts.clone();
                facts.insert(name.clone(), serde_json::from_str(value).unwrap());
                hostile.push((tensors.clone(), facts));
            }
            let mut without = facts.clone();
            without.remove(name);
            hostile.push((tensors.clone(), without));
        }
        assert!(hostile.len() > 5);
        for (tensors, facts) in hostile {
            match kind.load(&Loader::new(tensors, facts)) {
                Ok(loaded) => {
                    loaded.facts();
                    loaded.notes();
                    drop(loaded.predict(&data.frame()));
                }
                Err(error) => assert_eq!(error.code(), Code::Damaged, "{}: {error}", kind.name()),
            }
        }
    });
}

#[test]
fn all_rows_at_once_are_one_by_one() {
    each(|kind, data| {
        let fitted = fit(kind, data);
        let all = bits(&fitted.predict(&data.frame()).unwrap());
        for row in 0..60 {
            let one = fitted.predict(&data.at(&[row]).frame()).unwrap();
            assert_eq!(bits(&one), all[row as usize..=row as usize], "{}", kind.name());
        }
        assert_eq!(fitted.predict(&Frame::new(0, data.frame().blocks().to_vec())).unwrap().rows(), 0);
    });
}

#[test]
fn the_linear_form_and_its_link_are_the_prediction() {
    each(|kind, data| {
        let fitted = fit(kind, data);
        let Some(form) = fitted.linear() else {
            let none = kind.name().starts_with("Dummy") || excused(kind, "linear form");
            assert!(none, "{} has no linear form", kind.name());
            return;
        };
        let sum = |i: usize, k: usize| {
            (0..3).fold(form.intercept[k] + 0.0, |sum, j| data.columns[j][i].mul_add(form.coef[(j, k)], sum))
        };
        let values = Matrix::from_fn(60, form.intercept.len(), sum);
        assert_eq!(
            bits(&fitted.link(values)),
            bits(&fitted.predict(&data.frame()).unwrap()),
            "{}",
            kind.name()
        );
    });
}

/// Whether a component says that a check is not for it, and why.
fn excused(kind: &dyn ModelKind, check: &str) -> bool {
    kind.exceptions().iter().any(|(name, reason)| *name == check && !reason.is_empty())
}

#[test]
fn integer_weights_are_repeated_rows() {
    each(|kind, data| {
        if excused(kind, "integer weights") {
            return;
        }
        let model = kind.make();
        assert!(model.takes_weights());
        let weighted = fit_on(&*model, &data.frame(), &data.target, Some(&data.weight)).unwrap();
        let repeat = |row: u32| std::iter::repeat_n(row, data.weight[row as usize] as usize);
        let repeated = fit(kind, &data.at(&(0..60).flat_map(repeat).collect::<Vec<_>>()));
        let frame = data.frame();
        assert_close(&weighted.predict(&frame).unwrap(), &repeated.predict(&frame).unwrap(), kind.name());
    });
}

#[test]
fn permuted_rows_give_the_same_model() {
    each(|kind, data| {
        if excused(kind, "permuted rows") {
            return;
        }
        let permuted = data.at(&Rng::seeded(3).permutation(60));
        let frame = data.frame();
        let (a, b) = (fit(kind, data), fit(kind, &permuted));
        assert_close(&a.predict(&frame).unwrap(), &b.predict(&frame).unwrap(), kind.name());
    });
}

#[test]
fn only_the_training_rows_are_read() {
    each(|kind, data| {
        let mut spoilt = data.at(&(0..60).collect::<Vec<_>>());
        (0..60).step_by(3).for_each(|i| spoilt.columns[1][i] = 1e6 * i as f64);
        let train: Rows = Rows::List((0..60).filter(|i| i % 3 != 0).collect());
        let fit = |data: &Data| {
            let train = Train { x: &data.frame(), y: Some(&data.target), weight: None, rows: &train };
            kind.make().fit(&train, &mut Rng::seeded(0)).unwrap()
        };
        assert_eq!(saved(&*fit(data)), saved(&*fit(&spoilt)), "{}", kind.name());
    });
}

/// A power of two changes no rounding, so least squares predict the same bits.
#[test]
fn least_squares_do_not_see_units() {
    let data = Data::easy(Task::Regression, 60);
    let kind = models::named("LinearRegression").unwrap();
    let mut scaled = data.at(&(0..60).collect::<Vec<_>>());
    scaled.columns[1].iter_mut().for_each(|v| *v *= f64::from(2.0f32.powi(40)));
    scaled.columns[2].iter_mut().for_each(|v| *v *= 2.0f64.powi(-70));
    let (a, b) = (fit(kind, &data).predict(&data.frame()), fit(kind, &scaled).predict(&scaled.frame()));
    assert_eq!(bits(&a.unwrap()), bits(&b.unwrap()));
}

#[test]
fn odd_tables_give_a_model_or_an_error() {
    each(|kind, data| {
        let task = kind.make().task();
        let name = kind.name();
        let rows = |rows: &[u32]| data.at(rows);
        let with = |change: &dyn Fn(&mut Vec<Vec<f64>>)| {
            let mut odd = data.at(&(0..60).collect::<Vec<_>>());
            change(&mut odd.columns);
            odd
        };
        let attempt = |data: &Data, weight: Option<&[f64]>| {
            let frame = data.frame();
            fit_on(&*kind.make(), &frame, &data.target, weight).and_then(|fitted| fitted.predict(&frame))
        };
        let works = |data: &Data, what: &str| {
            let prediction = attempt(data, None).unwrap_or_else(|error| panic!("{name}, {what}: {error}"));
            assert!(numbers(&prediction).iter().flatten().all(|v| v.is_finite()), "{name}, {what}");
        };
        works(&with(&|columns| columns.truncate(1)), "one column");
        works(&with(&|columns| columns[0].fill(5.0)), "a constant column");
        works(&with(&|columns| columns.iter_mut().for_each(|column| column.fill(0.1))), "constant columns");
        works(&with(&|columns| columns[2] = columns[0].clone()), "two equal columns");
        let great = with(&|columns| columns[1].iter_mut().for_each(|v| *v *= 1e150));
        if excused(kind, "features of any size") {
            let code = attempt(&great, None).map_err(|error| error.code()).map(|_| ());
            assert!(matches!(code, Ok(()) | Err(Code::FitFailed)), "{name}, great values: {code:?}");
        } else {
            works(&great, "great values");
        }
        works(&with(&|columns| columns[1].iter_mut().for_each(|v| *v *= 1e-150)), "small values");
        works(&rows(&(0..60).chain(0..3).collect::<Vec<_>>()), "repeated rows");

        let error =
            |data: &Data, weight: Option<&[f64]>| attempt(data, weight).map(|_| ()).map_err(|e| e.code());
        let one = error(&rows(&[4]), None);
        let lonely = task == Task::Classification && !name.starts_with("Dummy");
        if excused(kind, "one row") {
            assert!(matches!(one, Err(Code::BadFolds | Code::EmptyData)), "{name}, one row: {one:?}");
        } else {
            assert_eq!(one, if lonely { Err(Code::FitFailed) } else { Ok(()) }, "{name}, one row");
        }
        assert_eq!(error(&rows(&[]), None), Err(Code::EmptyData), "{name}, no rows");
        for (weight, what) in [([0.0; 60], "zero"), ([-1.0; 60], "negative"), ([f64::NAN; 60], "missing")] {
            assert_eq!(error(data, Some(&weight)), Err(Code::BadWeight), "{name}, {what} weights");
        }
        for (bad, code) in [(f64::INFINITY, Code::NotFinite), (f64::NAN, Code::BadCell)] {
            let spoilt = with(&|columns| columns[1][17] = bad);
            let expected = if name.starts_with("Dummy") { Ok(()) } else { Err(code) };
            assert_eq!(error(&spoilt, None), expected, "{name}, {bad}");
        }
        let wrong = match task {
            Task::Regression => classes(vec![0; 60]),
            Task::Classification => Target::Values(Matrix::zeros(60, 1)),
        };
        let wrong = Data { target: wrong, ..rows(&(0..60).collect::<Vec<_>>()) };
        assert_eq!(error(&wrong, None), Err(Code::BadTarget), "{name}, a target of the wrong type");
        if task == Task::Regression {
            let missing = Target::Values(Matrix::from_fn(60, 1, |i, _| if i == 5 { f64::NAN } else { 1.0 }));
            let missing = Data { target: missing, ..rows(&(0..60).collect::<Vec<_>>()) };
            assert_eq!(error(&missing, None), Err(Code::BadTarget), "{name}, a missing target");
        }
    });
}

#[test]
fn features_that_a_model_cannot_take_are_named() {
    each(|kind, data| {
        let levels = Arc::new(Levels::new(vec!["a".into(), "b".into()], false));
        let codes: Vec<u32> = (0..60).map(|i| [0, 1, MISSING][i % 3]).collect();
        let category =
            Frame::new(60, vec![Block::Codes { name: "town".into(), codes: codes.into(), levels }]);
        let none = Frame::new(60, Vec::new());
        let fit = |frame: &Frame| {
            fit_on(&*kind.make(), frame, &data.target, None).map(|_| ()).map_err(|e| e.to_string())
        };
        if kind.name().starts_with("Dummy") {
            assert_eq!((fit(&category), fit(&none)), (Ok(()), Ok(())));
        } else {
            assert!(fit(&category).unwrap_err().contains("`town`"), "{}", kind.name());
            assert!(fit(&none).unwrap_err().contains("no features"), "{}", kind.name());
        }
    });
}

/// Whatever statistics give, they give it as the rows do; what they leave to the rows says why.
#[test]
fn statistics_and_rows_give_the_same() {
    each(|kind, data| {
        let model = kind.make();
        if model.needs().has(Needs::ROWS) {
            return;
        }
        let (frame, rows) = (data.frame(), Rows::all(60));
        let train = Train { x: &frame, y: Some(&data.target), weight: Some(&data.weight), rows: &rows };
        let stats = Stats::of(&train, model.needs()).unwrap();
        let fits = model.fit_grid(&[&*model, &*model], &stats);
        assert_eq!(fits.len(), 2);
        for fit in fits {
            match fit {
                Ok(fitted) => {
                    let general = model.fit(&train, &mut Rng::seeded(0)).unwrap();
                    assert_close(
                        &fitted.predict(&frame).unwrap(),
                        &general.predict(&frame).unwrap(),
                        kind.name(),
                    );
                }
                Err(Unfit::Rows(why)) => assert!(!why.is_empty()),
                Err(Unfit::Failed(error)) => panic!("{}: {error}", kind.name()),
            }
        }
    });
}

/// From n p^2 = 1e8 on, LinearRegression is fitted from moments, on the general path too.
#[test]
fn a_large_fit_is_the_one_from_statistics() {
    let (n, p) = (4000, 160);
    let columns: Vec<Vec<f64>> = (0..p).map(|j| (0..n).map(|i| noise(i, j)).collect()).collect();
    let y = Target::Values(Matrix::from_fn(n, 1, |i, _| columns[3][i] - columns[8][i] + 0.1 * noise(i, p)));
    let (frame, rows) = (frame(&columns), Rows::all(n));
    let train = Train { x: &frame, y: Some(&y), weight: None, rows: &rows };
    let model = models::named("LinearRegression").unwrap().make();
    let stats = Stats::of(&train, model.needs()).unwrap();
    let from_stats = model.fit_grid(&[&*model], &stats).pop().unwrap().unwrap();
    let general = model.fit(&train, &mut Rng::seeded(0)).unwrap();
    assert_eq!(saved(&*from_stats), saved(&*general));
    let coef = general.facts().coef.unwrap();
    assert!((coef[(0, 3)] - 1.0).abs() < 0.01 && (coef[(0, 8)] + 1.0).abs() < 0.01);
}

#[test]
fn every_model_beats_the_dummy_on_an_easy_set() {
    each(|kind, data| {
        if kind.name().starts_with("Dummy") {
            return;
        }
        let counts = Data::counts(60);
        let data = if excused(kind, "classes between others") { &counts } else { data };
        let frame = data.frame();
        let loss = |name: &str| {
            let prediction = fit(models::named(name).unwrap(), data).predict(&frame).unwrap();
            match (&data.target, prediction) {
                (Target::Values(y), Prediction::Values(values)) => {
                    y.values().iter().zip(values.values()).map(|(y, v)| (y - v).powi(2)).sum::<f64>()
                }
                (Target::Classes { codes, .. }, Prediction::Classes { codes: found, .. }) => {
                    codes.iter().zip(&found).filter(|(a, b)| a != b).count() as f64
                }
                _ => panic!("{name} predicts another kind of thing than it learned"),
            }
        };
        let dummy = match &data.target {
            Target::Values(_) => "DummyRegressor",
            Target::Classes { .. } => "DummyClassifier",
        };
        assert!(loss(kind.name()) < 0.5 * loss(dummy), "{}", kind.name());
    });
}
