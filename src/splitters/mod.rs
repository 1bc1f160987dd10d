//! Splitters, one file each. Adding one is its file and two lines here.

use crate::contract::Fault;
use crate::contract::erased::{Kind, SplitterKind};

pub mod k_fold;
pub mod stratified_k_fold;

/// Every splitter, in the order that `pipefit list splitters` prints.
pub const ALL: &[&dyn SplitterKind] =
    &[&Kind::<k_fold::KFold>::NEW, &Kind::<stratified_k_fold::StratifiedKFold>::NEW];

/// The splitter of this name.
pub fn named(name: &str) -> Option<&'static dyn SplitterKind> {
    ALL.iter().copied().find(|kind| kind.name() == name)
}

/// Whether scikit-learn 1.9 has a splitter of this name that is not here.
pub fn known_elsewhere(name: &str) -> bool {
    named(name).is_none() && ELSEWHERE.contains(&name)
}

/// The splitters of `sklearn.model_selection` 1.9.
const ELSEWHERE: &[&str] = &[
    "GroupKFold",
    "GroupShuffleSplit",
    "LeaveOneGroupOut",
    "LeaveOneOut",
    "LeavePGroupsOut",
    "LeavePOut",
    "PredefinedSplit",
    "RepeatedKFold",
    "RepeatedStratifiedKFold",
    "ShuffleSplit",
    "StratifiedGroupKFold",
    "StratifiedShuffleSplit",
    "TimeSeriesSplit",
];

/// The fault of a `random_state` that nothing would use, which scikit-learn refuses too.
fn idle_random_state(shuffle: bool, random_state: Option<u32>) -> Vec<Fault> {
    if shuffle || random_state.is_none() {
        return Vec::new();
    }
    let message = "`random_state` has no effect while `shuffle` is false";
    vec![Fault::of("random_state", message).help("write `shuffle: true`, or leave `random_state` out")]
}

/// "1 row", "2 rows".
fn rows_in_words(count: usize) -> String {
    format!("{count} {}", if count == 1 { "row" } else { "rows" })
}
