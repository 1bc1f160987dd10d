//! Given fields of many hashes in a Redis server, whose names may be any bytes.

use super::key_list::Found;
use super::{gone, no_hash};
use crate::diag::{Diagnostic, Result};
use crate::store::resp::{Answer, Part, push_length, push_word};
use crate::store::{Link, Wires, is_on_its_way, is_wrong_type};
use ::redis::{RedisResult, cmd};
use std::collections::VecDeque;

/// Hashes of a request, and requests under way at once: one is answered while the other waits at the server.
const WINDOW: usize = 500;
const AHEAD: usize = 2;
/// Hashes between two moments in which nothing is under way. A connection that is lost is made anew once in each.
const STRETCH: usize = 50_000;

/// Takes the place of a key and the values of its fields, in the order in which they were asked for.
pub type EachHash<'a> = dyn FnMut(usize, &[Option<Vec<u8>>]) -> Result<()> + 'a;

/// Hands out the values of these fields, hash by hash.
pub(super) fn read_fields(
    link: &Link,
    keys: &Found,
    fields: &[&[u8]],
    each: &mut EachHash<'_>,
) -> Result<()> {
    let mut reading = Reading { keys, fields, next: 0, empty: Vec::new() };
    while reading.next < keys.len() {
        let first = reading.next;
        // What follows goes on from the first hash that was not handed out, so that `next` moves while it is under way.
        let at = std::cell::Cell::new(first);
        let doing = || format!("read key `{}`", shown(keys, at.get().min(keys.len() - 1)));
        let stop = link.converse(&doing, |wires| {
            let stop = reading.stretch(wires, each);
            at.set(reading.next);
            stop
        })?;
        match stop {
            Stop::End => {}
            Stop::Failed(diagnostic) => return Err(diagnostic),
            Stop::OnItsWay => reading.alone(link, each)?,
        }
        reading.refuse_gone(link)?;
    }
    Ok(())
}

/// A key, as it is told.
fn shown(keys: &Found, at: usize) -> String {
    keys.get(at).escape_ascii().to_string()
}

/// Why a stretch has ended.
enum Stop {
    /// All its hashes are handed out.
    End,
    Failed(Diagnostic),
    /// The next key is moving to another server of the cluster.
    OnItsWay,
}

struct Reading<'a> {
    keys: &'a Found,
    fields: &'a [&'a [u8]],
    /// The first hash that was not handed out.
    next: usize,
    /// Hashes that had none of the fields.
    empty: Vec<usize>,
}

impl Reading<'_> {
    fn stretch(&mut self, wires: &mut Wires<'_>, each: &mut EachHash<'_>) -> RedisResult<Stop> {
        let end = self.keys.len().min(self.next + STRETCH);
        let mut sent = self.next;
        let mut under_way: VecDeque<usize> = VecDeque::new();
        while self.next < end {
            while sent < end && under_way.len() < AHEAD {
                let last = end.min(sent + WINDOW);
                self.send(wires, sent, last)?;
                under_way.push_back(last);
                sent = last;
            }
            let place = self.place(wires, self.next);
            let answer = wires.answer(place)?;
            let values = match answer.accepted() {
                Err(error) if is_wrong_type(&error) => {
                    return Ok(Stop::Failed(no_hash(&shown(self.keys, self.next))));
                }
                Err(error) if is_on_its_way(&error) => return Ok(Stop::OnItsWay),
                accepted => self.values(&accepted?)?,
            };
            // Nothing at all: another's, or gone since the keys were looked for.
            if values.iter().all(Option::is_none) {
                self.empty.push(self.next);
            }
            if let Err(diagnostic) = each(self.next, &values) {
                return Ok(Stop::Failed(diagnostic));
            }
            self.next += 1;
            if under_way.front() == Some(&self.next) {
                under_way.pop_front();
            }
        }
        Ok(Stop::End)
    }

    /// The place of a key's server.
    fn place(&self, wires: &Wires<'_>, at: usize) -> usize {
        if wires.is_cluster() { wires.place(self.keys.get(at)) } else { 0 }
    }

    /// Asks for the hashes from one to before another.
    fn send(&self, wires: &mut Wires<'_>, first: usize, last: usize) -> RedisResult<()> {
        let mut requests: Vec<(Vec<u8>, usize)> = vec![Default::default(); wires.len()];
        for at in first..last {
            let (request, answers) = &mut requests[self.place(wires, at)];
            push_length(request, b'*', 2 + self.fields.len());
            push_word(request, b"HMGET");
            push_word(request, self.keys.get(at));
            self.fields.iter().for_each(|field| push_word(request, field));
            *answers += 1;
        }
        for (place, (request, answers)) in
            requests.iter().enumerate().filter(|(_, (_, answers))| *answers > 0)
        {
            wires.send(place, request, *answers)?;
        }
        Ok(())
    }

    fn values(&self, answer: &Answer<'_>) -> RedisResult<Vec<Option<Vec<u8>>>> {
        let [Part::List(_), parts @ ..] = answer.parts else { return Err(answer.unexpected()) };
        let value = |part: &Part| match part {
            Part::Text(span) => Some(Some(answer.text(*span).to_vec())),
            Part::Nil => Some(None),
            _ => None,
        };
        let values: Option<Vec<_>> = parts.iter().map(value).collect();
        values.filter(|values| values.len() == self.fields.len()).ok_or_else(|| answer.unexpected())
    }

    /// Reads the next hash by itself, wherever it has gone.
    fn alone(&mut self, link: &Link, each: &mut EachHash<'_>) -> Result<()> {
        let key = self.keys.get(self.next);
        let doing = format!("read key `{}`", shown(self.keys, self.next));
        let answer = link.ask_for(key, &doing, |wire| {
            match cmd("HMGET").arg(key).arg(self.fields).query::<Vec<Option<Vec<u8>>>>(wire) {
                Err(error) if is_wrong_type(&error) => Ok(None),
                answer => answer.map(Some),
            }
        })?;
        let values = answer.ok_or_else(|| no_hash(&shown(self.keys, self.next)))?;
        if values.iter().all(Option::is_none) {
            self.empty.push(self.next);
        }
        each(self.next, &values)?;
        self.next += 1;
        Ok(())
    }

    /// Refuses keys that have gone since they were looked for.
    fn refuse_gone(&mut self, link: &Link) -> Result<()> {
        for window in self.empty.chunks(WINDOW) {
            let keys: Vec<&[u8]> = window.iter().map(|at| self.keys.get(*at)).collect();
            let doing = format!("look at {} keys from `{}` on", keys.len(), shown(self.keys, window[0]));
            let there = link.ask_each::<bool>(&doing, &keys, |at| {
                let mut request = cmd("EXISTS");
                request.arg(keys[at]);
                request
            })?;
            for (at, there) in window.iter().zip(there) {
                if !there.map_err(|error| link.refused(&doing, &error))? {
                    return Err(gone(&shown(self.keys, *at)));
                }
            }
        }
        self.empty.clear();
        Ok(())
    }
}
