//! What a server answers about the groups of a stream.

use super::group::{Delivered, Pending};
use super::stream::EntryId;
use super::written::Row;
use ::redis::Value;

/// Entries: `[id, [name, value, ...]]`, with nil for the fields of one that was trimmed. Where nil stands for all of an entry
/// (XAUTOCLAIM before Redis 7), it is left out. `None` for an answer that is none of entries.
pub(super) fn delivered(answer: &Value) -> Option<Vec<Delivered>> {
    let Value::Array(entries) = answer else { return None };
    let entry = |entry: &Value| {
        let Value::Array(parts) = entry else { return None };
        let [Value::BulkString(id), fields] = &parts[..] else { return None };
        let fields = match fields {
            Value::Nil => None,
            fields => Some(row(fields)?),
        };
        Some(Delivered { id: EntryId::parse(id)?, fields })
    };
    entries.iter().filter(|entry| **entry != Value::Nil).map(entry).collect()
}

fn row(fields: &Value) -> Option<Row> {
    let texts = texts(fields)?;
    let (pairs, []) = texts.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[name, value]| (name.to_vec(), value.to_vec())).collect())
}

/// The texts of a list.
pub(super) fn texts(answer: &Value) -> Option<Vec<&[u8]>> {
    let Value::Array(parts) = answer else { return None };
    parts.iter().map(text).collect()
}

fn text(part: &Value) -> Option<&[u8]> {
    match part {
        Value::BulkString(text) => Some(text),
        _ => None,
    }
}

/// Pending entries: `[id, consumer, milliseconds, deliveries]`.
pub(super) fn pending(answer: &Value) -> Option<Vec<Pending>> {
    let Value::Array(entries) = answer else { return None };
    let entry = |entry: &Value| {
        let Value::Array(parts) = entry else { return None };
        let [Value::BulkString(id), _, _, deliveries] = &parts[..] else { return None };
        Some(Pending { id: EntryId::parse(id)?, deliveries: number(deliveries)? })
    };
    entries.iter().map(entry).collect()
}

/// A field of a list of names and values by turns.
pub(super) fn field<'v>(answer: &'v Value, name: &str) -> Option<&'v Value> {
    let Value::Array(parts) = answer else { return None };
    let named = |pair: &&[Value]| matches!(&pair[0], Value::BulkString(text) if text == name.as_bytes());
    parts.chunks_exact(2).find(named).map(|pair| &pair[1])
}

/// A count.
pub(super) fn number(answer: &Value) -> Option<u64> {
    match answer {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{delivered, field, number, pending};
    use crate::source::keys::EntryId;
    use ::redis::Value;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn entries_that_were_trimmed_have_no_fields() {
        let whole = Value::Array(vec![text("1-0"), Value::Array(vec![text("a"), text("2")])]);
        let trimmed = Value::Array(vec![text("1-1"), Value::Nil]);
        let found = delivered(&Value::Array(vec![whole, trimmed, Value::Nil])).expect("entries");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].fields.as_deref(), Some(&[(b"a".to_vec(), b"2".to_vec())][..]));
        assert_eq!((found[1].id, &found[1].fields), (EntryId { time: 1, number: 1 }, &None));
    }

    #[test]
    fn answers_of_another_form_are_none() {
        let odd = [
            Value::Nil,
            Value::Array(vec![text("1-0")]),
            Value::Array(vec![Value::Array(vec![text("1"), Value::Nil])]),
            Value::Array(vec![Value::Array(vec![text("1-0"), Value::Array(vec![text("a")])])]),
        ];
        for answer in odd {
            assert_eq!(delivered(&answer), None, "{answer:?}");
            assert_eq!(pending(&answer), None, "{answer:?}");
        }
        assert_eq!((number(&Value::Int(-1)), field(&Value::Nil, "lag")), (None, None));
    }
}
