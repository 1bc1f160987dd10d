//! Predicted against true numbers.

use super::axis::Axis;
use super::section as framed;
use crate::report::digits::{Digits, count};
use crate::report::out_of_fold::Pairs;

/// The points are drawn in so many layers, so that where many lie together the colour deepens.
const LAYERS: usize = 12;
/// The square that the points lie in, within a picture of 480 x 470.
const LEFT: f64 = 56.0;
const TOP: f64 = 8.0;
const SIDE: f64 = 412.0;

/// The plot, with one scale for both axes.
pub fn section(pairs: &Pairs) -> String {
    let axis = Axis::around(pairs.shown.iter().flat_map(|(truth, predicted)| [*truth, *predicted]));
    let x = |value: f64| LEFT + SIDE * axis.place(value);
    let y = |value: f64| TOP + SIDE * (1.0 - axis.place(value));
    let layer = |first: usize| {
        let points = pairs.shown.iter().skip(first).step_by(LAYERS);
        let dots = points.filter(|(truth, predicted)| truth.is_finite() && predicted.is_finite());
        let path: String = dots.map(|(t, p)| format!("M{:.1} {:.1}h0", x(*t), y(*p))).collect();
        if path.is_empty() { path } else { format!("<path class=\"cloud\" d=\"{path}\"/>\n") }
    };
    let layers: String = (0..LAYERS).map(layer).collect();
    let rows = if pairs.shown.len() < pairs.all {
        format!("{} of {} rows, evenly chosen", count(pairs.shown.len()), count(pairs.all))
    } else {
        format!("all {} rows", count(pairs.all))
    };
    let (right, bottom) = (LEFT + SIDE, TOP + SIDE);
    let body = format!(
        "<div class=\"side\">\n<figure>\n<svg class=\"plot\" role=\"img\" \
         aria-label=\"predicted against true values, {rows}\" viewBox=\"0 0 480 470\">\n{}\
         <line class=\"right\" x1=\"{LEFT}\" y1=\"{bottom}\" x2=\"{right}\" y2=\"{TOP}\"/>\n{layers}\
         <text x=\"{}\" y=\"464\" text-anchor=\"middle\">true</text>\n\
         <text transform=\"translate(12 {}) rotate(-90)\" text-anchor=\"middle\">predicted</text>\n</svg>\n</figure>\n\
         <div class=\"words\">\n<p class=\"note\">Each point is a row, predicted by the fold's model that had not \
         learned from it: {rows}. On the dashed line a prediction is right; above it, too high.</p>\n{}</div>\n</div>",
        grid(axis),
        LEFT + SIDE / 2.0,
        TOP + SIDE / 2.0,
        misses(pairs),
    );
    framed("predictions", "Predictions", &body)
}

/// How far off the predictions are, in the target's unit.
fn misses(pairs: &Pairs) -> String {
    let mut misses: Vec<f64> =
        pairs.shown.iter().map(|(truth, predicted)| (predicted - truth).abs()).collect();
    misses.sort_by(f64::total_cmp);
    let Some(largest) = misses.last() else { return String::new() };
    // The least miss that so many hundredths of the rows do not exceed.
    let within = |percent: usize| misses[(misses.len() * percent).div_ceil(100) - 1];
    let quantiles = [within(50), within(90), *largest];
    let digits = Digits::of(quantiles, 4);
    let [half, most, largest] = quantiles.map(|miss| digits.show(miss));
    format!(
        "<p class=\"note\">Half of these predictions are off by {half} or less, nine of ten by {most} or less, \
         the worst by {largest}.</p>\n"
    )
}

/// The marks of both axes.
fn grid(axis: Axis) -> String {
    let (right, bottom) = (LEFT + SIDE, TOP + SIDE);
    let frame = format!(
        "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/>\n\
         <line class=\"axis\" x1=\"{LEFT}\" x2=\"{LEFT}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\n"
    );
    let mark = |(value, label): (f64, String)| {
        let along = SIDE * axis.place(value);
        let (x, y) = (LEFT + along, bottom - along);
        format!(
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\
             <line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>\n",
            bottom + 18.0,
            LEFT - 7.0,
            y + 4.0
        )
    };
    frame + &axis.marks().into_iter().map(mark).collect::<String>()
}
