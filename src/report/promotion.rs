//! What the gate has decided, as JSON and in words.

use serde_json::{Value, json};

use super::digits::significant;
use crate::gate::{CONFIDENCE, Decision, HEURISTIC, Judged};

/// The decision with every figure; null where the file has no gate.
pub fn promotion(decision: Option<&Decision>) -> Value {
    let Some(decision) = decision else { return Value::Null };
    json!({
        "alias": decision.alias,
        "champion": decision.champion,
        "promoted": decision.promoted,
        "why": decision.why(),
        "require": decision.judged.iter().map(judged).collect::<Vec<_>>(),
        "note": is_paired(decision).then_some(HEURISTIC),
    })
}

/// Whether some figure is that of a paired comparison.
pub fn is_paired(decision: &Decision) -> bool {
    decision.judged.iter().any(|judged| judged.paired.is_some())
}

fn judged(judged: &Judged) -> Value {
    let required = &judged.required;
    let paired = judged.paired.as_ref().map(|paired| {
        let (low, high) = paired.interval;
        json!({
            "champion": paired.champion,
            "challenger": paired.challenger,
            "mean": paired.mean,
            "standard_error": paired.error,
            "t": paired.t,
            "degrees_of_freedom": paired.degrees,
            "confidence": CONFIDENCE,
            "interval": [low, high],
            "p_value": paired.p_value,
        })
    });
    json!({
        "metric": required.metric,
        "threshold": required.threshold,
        "min_absolute_change": required.min_absolute_change,
        "min_relative_change": required.min_relative_change,
        "max_p_value": required.max_p_value,
        "paired": required.paired,
        "met": judged.met,
        "reason": judged.reason,
        "score": judged.score,
        "champion": judged.champion,
        "difference": judged.difference,
        "relative": judged.relative,
        "folds": paired,
    })
}

/// The decision in a sentence.
pub fn verdict(decision: &Decision) -> String {
    let (alias, why) = (&decision.alias, decision.why());
    match (decision.promoted, decision.champion) {
        (true, Some(number)) => format!("`{alias}` now names this version, before version {number}: {why}."),
        (true, None) => format!("`{alias}` now names this version, the first: {why}."),
        (false, Some(number)) => format!("`{alias}` still names version {number}: {why}."),
        (false, None) => format!("`{alias}` names no version yet: {why}."),
    }
}

/// The heads of a table of the requirements.
pub const HEADS: [&str; 6] = ["metric", "score", "champion", "difference", "95 % interval", "met"];

/// A row of it.
pub fn row(judged: &Judged) -> [String; 6] {
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| significant(value, 5));
    let interval = judged.paired.as_ref().map(|paired| {
        let (low, high) = paired.interval;
        format!("{} to {}, p {}", significant(low, 5), significant(high, 5), significant(paired.p_value, 3))
    });
    [
        judged.required.metric.to_owned(),
        number(Some(judged.score)),
        number(judged.champion),
        number(judged.difference),
        interval.unwrap_or_default(),
        if judged.met { "yes".to_owned() } else { "no".to_owned() },
    ]
}
