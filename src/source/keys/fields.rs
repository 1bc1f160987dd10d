//! Given fields of many hashes in a Redis server, whose names may be any bytes.

use super::key_list::Found;
use super::{gone, no_hash};
use crate::diag::Result;
use crate::store::{Link, is_wrong_type};
use ::redis::cmd;

/// Hashes that are asked for in one round trip.
const WINDOW: usize = 500;

/// Takes the place of a key and the values of its fields, in the order in which they were asked for.
pub type EachHash<'a> = dyn FnMut(usize, &[Option<Vec<u8>>]) -> Result<()> + 'a;

/// Hands out the values of these fields, hash by hash.
pub(super) fn read_fields(
    link: &Link,
    keys: &Found,
    fields: &[&[u8]],
    each: &mut EachHash<'_>,
) -> Result<()> {
    let all: Vec<&[u8]> = keys.iter().collect();
    for (window, keys) in all.chunks(WINDOW).enumerate() {
        let shown = |at: usize| keys[at].escape_ascii().to_string();
        let doing = format!("read {} keys from `{}` on", keys.len(), shown(0));
        let answers = link.ask_each::<Vec<Option<Vec<u8>>>>(&doing, keys, |at| {
            let mut request = cmd("HMGET");
            request.arg(keys[at]).arg(fields);
            request
        })?;
        for (at, answer) in answers.into_iter().enumerate() {
            let values = match answer {
                Err(error) if is_wrong_type(&error) => return Err(no_hash(&shown(at))),
                answer => {
                    answer.map_err(|error| link.refused(&format!("read key `{}`", shown(at)), &error))?
                }
            };
            // Nothing at all: another's, or gone since the keys were looked for.
            if values.iter().all(Option::is_none) {
                let there: bool =
                    link.ask_for(keys[at], &doing, |wire| cmd("EXISTS").arg(keys[at]).query(wire))?;
                if !there {
                    return Err(gone(&shown(at)));
                }
            }
            each(window * WINDOW + at, &values)?;
        }
    }
    Ok(())
}
