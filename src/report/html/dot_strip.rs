//! The scores of one metric as dots on a line.

use super::axis::Axis;
use super::text::Text;
use crate::report::digits::Digits;
use crate::run::Scores;

/// Dots nearer than this share of the width stand above each other.
const NEAR: f64 = 0.025;
/// At most so many stand above each other.
const MOST_LANES: usize = 6;
const LANE_PX: usize = 12;

/// A strip as wide as its place: its positions are in percent, so that its text keeps its size.
pub fn dot_strip(scores: &Scores, digits: Digits) -> String {
    let (mean, std) = (scores.mean(), scores.std());
    let axis = Axis::around(scores.folds.iter().copied().chain([mean - std, mean + std]));
    let percent = |value: f64| format!("{:.2}%", 2.0 + 96.0 * axis.place(value));
    let lanes = lanes(scores, axis);
    let line = 22 + LANE_PX * lanes.iter().copied().max().unwrap_or(0);
    let dots = scores.folds.iter().zip(&lanes).enumerate().map(|(k, (score, lane))| {
        format!(
            "<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"6\"><title>fold {}: {}</title></circle>\n",
            percent(*score),
            line - 10 - LANE_PX * lane,
            k + 1,
            digits.show(*score)
        )
    });
    let marks = axis.marks();
    // Every other label where they would touch on a phone.
    let apart = if marks.len() > 5 { 2 } else { 1 };
    let marks = marks.iter().step_by(apart).map(|(mark, label)| {
        let place = axis.place(*mark);
        let anchor = if place < 0.06 {
            "start"
        } else if place > 0.94 {
            "end"
        } else {
            "middle"
        };
        let x = percent(*mark);
        format!(
            "<line class=\"axis\" x1=\"{x}\" x2=\"{x}\" y1=\"{line}\" y2=\"{}\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\">{label}</text>\n",
            line + 5,
            line + 19
        )
    });
    let label = format!(
        "{} over {} folds: mean {}, standard deviation {}",
        scores.metric.name,
        scores.folds.len(),
        digits.show(mean),
        digits.show(std)
    );
    let width = 96.0 * (axis.place(mean + std) - axis.place(mean - std));
    let mean = percent(mean);
    format!(
        "<svg role=\"img\" aria-label=\"{}\" width=\"100%\" height=\"{}\">\n\
         <rect class=\"band\" x=\"{}\" width=\"{width:.2}%\" y=\"2\" height=\"{}\"/>\n\
         <line class=\"axis\" x1=\"0\" x2=\"100%\" y1=\"{line}\" y2=\"{line}\"/>\n\
         <line class=\"mean\" x1=\"{mean}\" x2=\"{mean}\" y1=\"2\" y2=\"{line}\"/>\n{}{}</svg>",
        Text(&label),
        line + 24,
        percent(scores.mean() - std),
        line - 2,
        dots.collect::<String>(),
        marks.collect::<String>()
    )
}

/// How far above the line each dot stands, so that none hides another.
fn lanes(scores: &Scores, axis: Axis) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.folds.len()).collect();
    order.sort_by(|a, b| scores.folds[*a].total_cmp(&scores.folds[*b]));
    let mut lanes = vec![0; scores.folds.len()];
    let mut ends = [f64::NEG_INFINITY; MOST_LANES];
    for k in order {
        let place = axis.place(scores.folds[k]);
        let lane = ends.iter().position(|end| place - end >= NEAR).unwrap_or(MOST_LANES - 1);
        ends[lane] = place;
        lanes[k] = lane;
    }
    lanes
}
