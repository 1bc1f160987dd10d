//! Rows whose target comes later, in an entry of the same stream with the same key.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::saved::MOST;
use crate::source::keys::{Entry, EntryId, Row};
use crate::spec::Labels;

/// Rows that wait, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    rows: VecDeque<Held>,
    /// How many have waited in vain.
    pub expired: u64,
    /// Where in the order each key is: the id of its entry.
    #[serde(skip)]
    index: HashMap<String, (u64, u64)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    id: (u64, u64),
    key: String,
    fields: Vec<(String, String)>,
}

/// What becomes of an entry.
#[derive(Debug, PartialEq)]
pub enum Arrived {
    /// It waits for its label.
    Waits,
    /// A row with its target.
    Whole(Row),
    /// Neither, and why.
    Refused(Row, String),
}

impl Waiting {
    /// With its index, which is not saved.
    pub fn indexed(mut self) -> Self {
        self.index = self.rows.iter().map(|held| (held.key.clone(), held.id)).collect();
        self
    }

    /// How many rows wait.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Takes in an entry: a row without target waits, and an entry with target is the label of a row that waits or, with features, a
    /// row. `expired` gets the rows that nobody waits for any longer, under their own ids, which ascend.
    pub fn arrive(
        &mut self,
        id: EntryId,
        row: Row,
        terms: &Labels,
        target: &str,
        is_feature: &dyn Fn(&[u8]) -> bool,
        expired: &mut Vec<Entry>,
    ) -> Arrived {
        let field =
            |name: &str| row.iter().rev().find(|(own, _)| own == name.as_bytes()).map(|(_, value)| value);
        while self.rows.front().is_some_and(|held| held.id.0.saturating_add(terms.wait) < id.time) {
            self.expire_first(terms, expired);
        }
        let key = match field(&terms.key.value).map(|key| String::from_utf8(key.clone())) {
            Some(Ok(key)) => Some(key),
            Some(Err(_)) => {
                let reason = format!("field `{}` is not UTF-8", terms.key.shown());
                return Arrived::Refused(row, reason);
            }
            None => None,
        };
        if let Some(label) = field(target) {
            if let Some(held) = key.as_ref().and_then(|key| self.take(key)) {
                let bytes = |(name, value): (String, String)| (name.into_bytes(), value.into_bytes());
                let mut whole: Row = held.fields.into_iter().map(bytes).collect();
                whole.push((target.as_bytes().to_vec(), label.clone()));
                return Arrived::Whole(whole);
            }
            if row.iter().any(|(name, _)| is_feature(name)) {
                return Arrived::Whole(row);
            }
            return Arrived::Refused(row, "no row waits for this label".to_owned());
        }
        let Some(key) = key else {
            let reason = format!("field `{}` is missing, and `{target}` too", terms.key.shown());
            return Arrived::Refused(row, reason);
        };
        if self.index.contains_key(&key) {
            let reason = format!("a row with this `{}` waits already", terms.key.shown());
            return Arrived::Refused(row, reason);
        }
        let text = |(name, value): &(Vec<u8>, Vec<u8>)| {
            Some((String::from_utf8(name.clone()).ok()?, String::from_utf8(value.clone()).ok()?))
        };
        let known = row.iter().filter(|(name, _)| is_feature(name));
        let Some(fields) = known.map(text).collect::<Option<Vec<_>>>() else {
            return Arrived::Refused(row, "a field is not UTF-8".to_owned());
        };
        let id = (id.time, id.number);
        self.index.insert(key.clone(), id);
        self.rows.push_back(Held { id, key, fields });
        if self.rows.len() > terms.rows {
            self.expire_first(terms, expired);
        }
        Arrived::Waits
    }

    /// Lets go of the oldest row.
    fn expire_first(&mut self, terms: &Labels, expired: &mut Vec<Entry>) {
        let Some(held) = self.rows.pop_front() else { return };
        self.index.remove(&held.key);
        self.expired += 1;
        let bytes = |(name, value): (String, String)| (name.into_bytes(), value.into_bytes());
        let mut fields: Row = vec![bytes((terms.key.value.clone(), held.key))];
        fields.extend(held.fields.into_iter().map(bytes));
        fields.push((b"pipefit_reason".to_vec(), b"no label came in time".to_vec()));
        expired.push(Entry { id: Some(EntryId { time: held.id.0, number: held.id.1 }), fields });
    }

    fn take(&mut self, key: &str) -> Option<Held> {
        let id = self.index.remove(key)?;
        let place = self.rows.binary_search_by_key(&id, |held| held.id).ok()?;
        self.rows.remove(place)
    }

    /// Whether rows are in order and keys are there once.
    pub(super) fn is_sound(&self) -> bool {
        let ordered = self.rows.iter().zip(self.rows.iter().skip(1)).all(|(one, next)| one.id < next.id);
        ordered && self.index.len() == self.rows.len() && self.expired <= MOST
    }
}
