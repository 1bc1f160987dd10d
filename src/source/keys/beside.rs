//! What a Redis server knows of keys beside what they hold: how long they live, and who reads them in groups.

use crate::diag::Result;
use crate::store::Link;
use ::redis::{Value, cmd};

/// Keys that are asked for at once.
const WINDOW: usize = 500;

/// The milliseconds that each key has left to live; none for one that stays, or is not there.
pub(super) fn lives(link: &Link, keys: &[&str]) -> Result<Vec<Option<u64>>> {
    let mut lives = Vec::with_capacity(keys.len());
    for window in keys.chunks(WINDOW) {
        let doing = format!("look at {} keys from `{}` on", window.len(), window[0]);
        let answers = link.ask_each::<i64>(&doing, window, |at| {
            let mut request = cmd("PTTL");
            request.arg(window[at]);
            request
        })?;
        for answer in answers {
            lives.push(u64::try_from(answer.map_err(|error| link.refused(&doing, &error))?).ok());
        }
    }
    Ok(lives)
}

/// Has keys expire so many milliseconds from now.
pub(super) fn expire(link: &Link, keys: &[(String, u64)]) -> Result<()> {
    for window in keys.chunks(WINDOW) {
        let names: Vec<&str> = window.iter().map(|(key, _)| key.as_str()).collect();
        let doing = format!("have {} keys from `{}` on expire", names.len(), names[0]);
        let answers = link.ask_each::<Value>(&doing, &names, |at| {
            let mut request = cmd("PEXPIRE");
            request.arg(names[at]).arg(window[at].1);
            request
        })?;
        for answer in answers {
            answer.map_err(|error| link.refused(&doing, &error))?;
        }
    }
    Ok(())
}

/// How many groups of consumers a stream has; none if it is not there.
pub(super) fn groups(link: &Link, key: &str) -> Result<usize> {
    let doing = format!("look at stream `{key}`");
    let groups = link.ask_each::<Vec<Value>>(&doing, &[key], |_| {
        let mut request = cmd("XINFO");
        request.arg("GROUPS").arg(key);
        request
    })?;
    Ok(groups.into_iter().flatten().map(|groups| groups.len()).sum())
}
