//! The names that a list, a set or a sorted set in a Redis server holds.

use super::key_list::Found;
use super::{KeyList, Kind, no_index, not_an_index};
use crate::diag::{Code, Result};
use crate::store::{Link, Wire};
use ::redis::{RedisResult, Value, cmd};

/// Members that are asked for at once: more of them would keep the server from others for long.
const PAGE: usize = 5_000;
/// How often an index is read again because it was changed meanwhile.
const PATIENCE: usize = 5;

/// Reads an index of this kind. A list or a sorted set is read as it was at one moment, whatever its length; of a set every
/// name is found that was there all the time.
pub(super) fn read_index(link: &Link, key: &str, kind: Option<Kind>) -> Result<KeyList> {
    let doing = format!("read key `{key}`");
    let command = match kind {
        None => return Err(no_index(key)),
        Some(Kind::Set) => return link.ask(&doing, |connection| scan_set(connection, key))?.sorted(),
        Some(Kind::List) => "LRANGE",
        Some(Kind::Zset) => "ZRANGE",
        Some(other) => return Err(not_an_index(key, other)),
    };
    for _ in 0..PATIENCE {
        if let Some(found) = link.ask(&doing, |connection| read_pages(connection, command, key))? {
            // Nothing at all: it has gone since its kind was asked for.
            let names = found.in_order()?;
            return if names.is_empty() { Err(no_index(key)) } else { Ok(names) };
        }
    }
    let message = format!("key `{key}` was changed each of the {PATIENCE} times that it was read");
    Err(Code::StoreIo.error(message).help("run again when nobody writes it"))
}

/// The members by their places; `None` if there are several pages and they were changed between them.
fn read_pages(connection: &mut Wire, command: &str, key: &str) -> RedisResult<Option<Found>> {
    let mut found = Found::default();
    if page(connection, command, key, 0, &mut found)? < PAGE {
        return Ok(Some(found));
    }
    cmd("WATCH").arg(key).exec(connection)?;
    let read = all_pages(connection, command, key);
    // An empty transaction: its answer is nil if the key has changed since WATCH. It ends the watch, so it is asked for
    // also after a refusal; after a broken connection its own error does not matter.
    let unchanged = cmd("MULTI").exec(connection).and_then(|()| cmd("EXEC").query::<Value>(connection));
    let found = read?;
    Ok((unchanged? != Value::Nil).then_some(found))
}

fn all_pages(connection: &mut Wire, command: &str, key: &str) -> RedisResult<Found> {
    let mut found = Found::default();
    let mut start = 0;
    while page(connection, command, key, start, &mut found)? == PAGE {
        start += PAGE;
    }
    Ok(found)
}

/// Reads the members from a place on, and says how many there were.
fn page(
    connection: &mut Wire,
    command: &str,
    key: &str,
    start: usize,
    found: &mut Found,
) -> RedisResult<usize> {
    let members: Vec<Vec<u8>> = cmd(command).arg(key).arg(start).arg(start + PAGE - 1).query(connection)?;
    members.iter().for_each(|member| found.push(member));
    Ok(members.len())
}

fn scan_set(connection: &mut Wire, key: &str) -> RedisResult<Found> {
    let mut found = Found::default();
    let mut cursor = b"0".to_vec();
    loop {
        let mut request = cmd("SSCAN");
        request.arg(key).arg(&cursor).arg("COUNT").arg(PAGE);
        let (next, members): (Vec<u8>, Vec<Vec<u8>>) = request.query(connection)?;
        members.iter().for_each(|member| found.push(member));
        if next == b"0" {
            return Ok(found);
        }
        cursor = next;
    }
}
