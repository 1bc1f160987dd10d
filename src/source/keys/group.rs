//! A group of consumers of a stream in a Redis server, which writes something for each entry once.
//!
//! Delivering is at least once: an entry whose consumer is gone is delivered to another. Writing is once, since what is written
//! for an entry and its acknowledgement are one step of the server, which does nothing for an entry that is no more pending.

use super::answers::{delivered, field, number, pending, texts};
use super::redis::RedisKeys;
use super::stream::EntryId;
use super::written::Row;
use super::{Keys, Kind, not_a_stream};
use crate::diag::{Code, Diagnostic, Result};
use crate::store::{Link, Wire};
use ::redis::{RedisResult, Value, cmd};
use std::sync::Arc;
use std::time::Duration;

/// KEYS: the stream, the output, the dead letters. ARGV: the group, then for each entry its id, `w` (written), `d` (dead) or `g`
/// (gone), and the number of texts that follow, names and values. Returns how many were written, dead and gone by this call.
///
/// An error in a script undoes nothing. So it is found out first whether an entry is pending, then it is written, and acknowledged
/// last: what the server refuses to write (no memory, a key of another type) stays pending, and nobody can come in between. That
/// acknowledging is allowed is found out when the group is made; in here it would count as a write, after which a server does not
/// look at its memory any more.
const SETTLE: &str = "
local stream, group = KEYS[1], ARGV[1]
local at, done = 2, {w = 0, d = 0, g = 0}
while at <= #ARGV do
  local id, fate, first = ARGV[at], ARGV[at + 1], at + 3
  at = first + tonumber(ARGV[at + 2])
  if #redis.call('XPENDING', stream, group, id, id, 1) == 1 then
    if fate == 'w' then redis.call('XADD', KEYS[2], '*', unpack(ARGV, first, at - 1)) end
    if fate == 'd' then redis.call('XADD', KEYS[3], '*', unpack(ARGV, first, at - 1)) end
    redis.call('XACK', stream, group, id)
    done[fate] = done[fate] + 1
  end
end
return {done.w, done.d, done.g}";

/// KEYS: the stream. ARGV: group and consumer. Removes the consumer unless entries are pending for it, which would go with it.
const LEAVE: &str = "
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then
  return redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
return 0";

/// The texts of an entry: a script hands no more of them to a command, whose stack has 8,000 places.
const MOST_TEXTS: usize = 7_800;
/// The texts of one call of the script.
const TEXTS: usize = 100_000;

/// What a server says that does so no more after a while.
const PASSING: [&str; 8] =
    ["LOADING", "BUSY", "MASTERDOWN", "READONLY", "CLUSTERDOWN", "TRYAGAIN", "OOM", "MISCONF"];

/// Who reads what and writes where.
#[derive(Clone, Debug)]
pub struct GroupTerms {
    /// The stream that is read.
    pub stream: String,
    /// The stream that is written.
    pub output: String,
    /// The stream of entries for which nothing is written there.
    pub dead: String,
    /// The group's name.
    pub group: String,
    /// The consumer's name.
    pub worker: String,
}

/// An entry that was handed to this consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Its name.
    pub id: EntryId,
    /// What it holds; `None` if it was trimmed or deleted since.
    pub fields: Option<Row>,
}

/// An entry that somebody has and has not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Its name.
    pub id: EntryId,
    /// How often it was delivered.
    pub deliveries: u64,
}

/// What becomes of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// These fields are added to the output.
    Written(Row),
    /// These fields are added to the dead letters.
    Dead(Row),
    /// There is nothing to be made of it.
    Gone,
}

/// How many entries a call has settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Written to the output.
    pub written: u64,
    /// Written to the dead letters.
    pub dead: u64,
    /// Only acknowledged.
    pub gone: u64,
}

/// Where a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupState {
    /// The last entry that was delivered.
    pub delivered: EntryId,
    /// How many entries are pending, whoever has them.
    pub pending: u64,
    /// The first of them.
    pub first: Option<EntryId>,
    /// How many entries were not delivered yet, where the server knows (Redis 7).
    pub lag: Option<u64>,
}

/// Why the server has not done something.
#[derive(Debug)]
pub struct Trouble {
    /// The error.
    pub diagnostic: Diagnostic,
    /// Whether it may go well a while later.
    pub passing: bool,
}

impl From<Diagnostic> for Trouble {
    fn from(diagnostic: Diagnostic) -> Self {
        let said = |word: &&str| diagnostic.message().contains(&format!(": {word} "));
        let passing = match diagnostic.code() {
            Code::StoreUnreachable | Code::StoreTimeout | Code::StoreIo => true,
            Code::StoreRefused => PASSING.iter().any(|word| said(&word)),
            _ => false,
        };
        Self { diagnostic, passing }
    }
}

/// One consumer of a group.
pub struct Group {
    link: Arc<Link>,
    terms: GroupTerms,
}

impl Group {
    /// A consumer; [`Keys::group`] says what is found out before.
    pub(super) fn open(keys: &RedisKeys, link: &Arc<Link>, terms: &GroupTerms) -> Result<Self> {
        let GroupTerms { stream, output, dead, .. } = terms;
        if !link.is_one_slot(&[stream, output, dead]) {
            let message = format!("`{stream}`, `{output}` and `{dead}` do not share a slot of the cluster");
            let help = format!(
                "give stream and output a hash tag in common, such as `{{{0}}}` and `{{{0}}}:scored`",
                stream.replace(['{', '}'], "")
            );
            return Err(Code::StoreRefused.error(message).help(help));
        }
        for key in [stream, output, dead] {
            match keys.kind(key)? {
                None | Some(Kind::Stream) => {}
                Some(kind) => return Err(not_a_stream(key, kind)),
            }
        }
        let group = Self { link: Arc::clone(link), terms: terms.clone() };
        group
            .ask("look for XAUTOCLAIM", |wire| cmd("COMMAND").arg("INFO").arg("XAUTOCLAIM").query(wire))
            .map_or_else(
                // Who may not ask finds out when it is used.
                |trouble| {
                    if trouble.diagnostic.code() == Code::StoreRefused {
                        Ok(())
                    } else {
                        Err(trouble.diagnostic)
                    }
                },
                |known: Value| match known {
                    Value::Array(commands) if commands.iter().all(|known| *known == Value::Nil) => {
                        let message = format!("`{}` does not know XAUTOCLAIM", link.target());
                        let help = "groups of workers need a Redis server of version 6.2 or later";
                        Err(Code::StoreRefused.error(message).help(help))
                    }
                    _ => Ok(()),
                },
            )?;
        Ok(group)
    }

    /// Makes the group, and the stream, unless they are there: entries behind `after` are delivered, or those that come from now
    /// on. Says whether it was made. That entries may be acknowledged is tried on one that no stream has.
    ///
    /// # Errors
    /// Those of the store.
    pub fn create(&self, after: Option<EntryId>) -> Result<bool, Trouble> {
        let after = after.map_or_else(|| "$".to_owned(), |after| after.to_string());
        let GroupTerms { stream, group, .. } = &self.terms;
        self.ask(&format!("make group `{group}` of stream `{stream}`"), |wire| {
            let mut request = cmd("XGROUP");
            request.arg("CREATE").arg(stream).arg(group).arg(&after).arg("MKSTREAM");
            let made = match request.exec(wire) {
                Err(error) if error.code() == Some("BUSYGROUP") => false,
                made => made.map(|()| true)?,
            };
            cmd("XACK").arg(stream).arg(group).arg("0-0").exec(wire)?;
            Ok(made)
        })
    }

    /// At most so many entries that nobody has had, waiting so long for the first.
    ///
    /// # Errors
    /// Those of the store. After one, entries may have been delivered all the same: [`own`](Self::own) tells.
    pub fn fresh(&self, most: usize, wait: Duration) -> Result<Vec<Delivered>, Trouble> {
        // A server that is asked to wait must not be taken for one that is silent.
        let wait = wait.min(self.link.target().answer_timeout / 4).as_millis().max(1);
        let request = |wire: &mut Wire| {
            let mut request = cmd("XREADGROUP");
            request.arg("GROUP").arg(&self.terms.group).arg(&self.terms.worker).arg("COUNT").arg(most);
            request.arg("BLOCK").arg(wait as u64).arg("STREAMS").arg(&self.terms.stream).arg(">");
            request.query::<Value>(wire)
        };
        let doing = self.reading();
        // Asked twice, the entries of a lost answer would lie about until somebody claims them.
        let asked = self.link.ask_once_for(&self.terms.stream, &doing, request);
        self.of_stream(asked.map_err(|failure| failure.diagnostic)?)
    }

    /// At most so many of the entries that this consumer has, the first ones; each counts as delivered once more.
    ///
    /// # Errors
    /// Those of the store.
    pub fn own(&self, most: usize) -> Result<Vec<Delivered>, Trouble> {
        let answer = self.ask(&self.reading(), |wire| {
            let mut request = cmd("XREADGROUP");
            request.arg("GROUP").arg(&self.terms.group).arg(&self.terms.worker).arg("COUNT").arg(most);
            request.arg("STREAMS").arg(&self.terms.stream).arg("0").query::<Value>(wire)
        })?;
        self.of_stream(answer)
    }

    /// At most so many of the entries that are pending for this consumer, or for any for at least so long; the first ones.
    ///
    /// # Errors
    /// Those of the store.
    pub fn pending(&self, idle: Option<Duration>, most: usize) -> Result<Vec<Pending>, Trouble> {
        let answer = self.ask(&self.reading(), |wire| {
            let mut request = cmd("XPENDING");
            request.arg(&self.terms.stream).arg(&self.terms.group);
            if let Some(idle) = idle {
                request.arg("IDLE").arg(idle.as_millis() as u64);
            }
            request.arg("-").arg("+").arg(most);
            if idle.is_none() {
                request.arg(&self.terms.worker);
            }
            request.query::<Value>(wire)
        })?;
        pending(&answer).ok_or_else(|| self.odd("XPENDING"))
    }

    /// Takes at most so many entries, from one on, that others have had for at least so long. The second are those that were
    /// trimmed, which no one has any more.
    ///
    /// # Errors
    /// Those of the store.
    pub fn claim(
        &self,
        from: EntryId,
        idle: Duration,
        most: usize,
    ) -> Result<(Vec<Delivered>, Vec<EntryId>), Trouble> {
        let answer = self.ask(&self.reading(), |wire| {
            let mut request = cmd("XAUTOCLAIM");
            request.arg(&self.terms.stream).arg(&self.terms.group).arg(&self.terms.worker);
            request.arg(idle.as_millis() as u64).arg(from.to_string()).arg("COUNT").arg(most);
            request.query::<Value>(wire)
        })?;
        let Value::Array(parts) = &answer else { return Err(self.odd("XAUTOCLAIM")) };
        let entries = parts.get(1).and_then(delivered).ok_or_else(|| self.odd("XAUTOCLAIM"))?;
        // Before Redis 7 there is no third part: what was trimmed is ours then, and shows as such when it is read.
        let gone = parts.get(2).and_then(texts).unwrap_or_default();
        Ok((entries, gone.into_iter().filter_map(EntryId::parse).collect()))
    }

    /// Writes what is made of entries and acknowledges them, each in one step and only if it is still pending: done twice, or by
    /// several consumers, it is done once.
    ///
    /// # Errors
    /// `StoreRefused` for an entry of too many fields, before anything is done; those of the store, after which none, some or all
    /// are settled.
    pub fn settle(&self, fates: &[(EntryId, Fate)]) -> Result<Settled, Trouble> {
        for (id, fate) in fates {
            if fate.texts() > MOST_TEXTS {
                let message = format!("entry {id} would have {} fields", fate.texts() / 2);
                let help = format!("an entry written beside others has {} at most", MOST_TEXTS / 2);
                return Err(Code::StoreRefused.error(message).help(help).into());
            }
        }
        let mut settled = Settled::default();
        let mut rest = fates;
        while !rest.is_empty() {
            let mut count = 0;
            let fits = rest.iter().take_while(|(_, fate)| {
                count += 3 + fate.texts();
                count <= TEXTS
            });
            let (some, after) = rest.split_at(fits.count().max(1));
            let (written, dead, gone): (u64, u64, u64) = self.settle_some(some)?;
            settled.written += written;
            settled.dead += dead;
            settled.gone += gone;
            rest = after;
        }
        Ok(settled)
    }

    fn settle_some(&self, fates: &[(EntryId, Fate)]) -> Result<(u64, u64, u64), Trouble> {
        let GroupTerms { stream, output, dead, group, .. } = &self.terms;
        let mut request = cmd("EVAL");
        request.arg(SETTLE).arg(3).arg(stream).arg(output).arg(dead).arg(group);
        for (id, fate) in fates {
            let (letter, fields) = match fate {
                Fate::Written(fields) => ("w", &fields[..]),
                Fate::Dead(fields) => ("d", &fields[..]),
                Fate::Gone => ("g", &[][..]),
            };
            request.arg(id.to_string()).arg(letter).arg(2 * fields.len());
            for (name, value) in fields {
                request.arg(&name[..]).arg(&value[..]);
            }
        }
        self.ask(&format!("write to stream `{output}`"), |wire| request.query(wire))
    }

    /// The last id that the stream has given; `None` if it has had no entry.
    ///
    /// # Errors
    /// Those of the store.
    pub fn last(&self) -> Result<Option<EntryId>, Trouble> {
        let answer = self.ask(&self.reading(), |wire| {
            cmd("XINFO").arg("STREAM").arg(&self.terms.stream).query::<Value>(wire)
        })?;
        let last = field(&answer, "last-generated-id").and_then(|last| match last {
            Value::BulkString(last) => EntryId::parse(last),
            _ => None,
        });
        last.map(|last| Some(last).filter(|last| *last > EntryId::FIRST)).ok_or_else(|| self.odd("XINFO"))
    }

    /// Where the group is.
    ///
    /// # Errors
    /// Those of the store; `StoreRefused` if it is no more.
    pub fn state(&self) -> Result<GroupState, Trouble> {
        let GroupTerms { stream, group, .. } = &self.terms;
        let (groups, pending): (Value, Value) = self.ask(&self.reading(), |wire| {
            let groups = cmd("XINFO").arg("GROUPS").arg(stream).query(wire)?;
            Ok((groups, cmd("XPENDING").arg(stream).arg(group).query(wire)?))
        })?;
        let (Value::Array(groups), Value::Array(pending)) = (groups, pending) else {
            return Err(self.odd("XINFO"));
        };
        let named = |info: &&Value| matches!(field(info, "name"), Some(Value::BulkString(name)) if *name == group.as_bytes());
        let own = groups.iter().find(named).ok_or_else(|| self.odd("XINFO"))?;
        let id = |value: &Value| match value {
            Value::BulkString(id) => EntryId::parse(id),
            _ => None,
        };
        Ok(GroupState {
            delivered: field(own, "last-delivered-id").and_then(id).ok_or_else(|| self.odd("XINFO"))?,
            pending: pending.first().and_then(number).ok_or_else(|| self.odd("XPENDING"))?,
            first: pending.get(1).and_then(id),
            lag: field(own, "lag").and_then(number),
        })
    }

    /// Removes this consumer from the group if nothing is pending for it.
    ///
    /// # Errors
    /// Those of the store.
    pub fn leave(&self) -> Result<(), Trouble> {
        let GroupTerms { stream, group, worker, .. } = &self.terms;
        self.ask(&format!("leave group `{group}`"), |wire| {
            cmd("EVAL").arg(LEAVE).arg(1).arg(stream).arg(group).arg(worker).exec(wire)
        })
    }

    fn reading(&self) -> String {
        format!("read stream `{}` as group `{}`", self.terms.stream, self.terms.group)
    }

    /// Asks what does no harm when asked twice.
    fn ask<T>(&self, doing: &str, request: impl FnMut(&mut Wire) -> RedisResult<T>) -> Result<T, Trouble> {
        self.link.ask_for(&self.terms.stream, doing, request).map_err(Trouble::from)
    }

    /// The entries of the one stream in an answer to XREADGROUP.
    fn of_stream(&self, answer: Value) -> Result<Vec<Delivered>, Trouble> {
        let Value::Array(streams) = &answer else { return Ok(Vec::new()) };
        let [Value::Array(stream)] = &streams[..] else { return Err(self.odd("XREADGROUP")) };
        stream.get(1).and_then(delivered).ok_or_else(|| self.odd("XREADGROUP"))
    }

    fn odd(&self, command: &str) -> Trouble {
        let message = format!("`{}` gave an answer to {command} that is not understood", self.link.target());
        let help = "is it a Redis server, version 6.2 or later?";
        Code::StoreRefused.error(message).help(help).into()
    }
}

impl Fate {
    /// How many names and values there are to write.
    fn texts(&self) -> usize {
        match self {
            Self::Written(fields) | Self::Dead(fields) => 2 * fields.len(),
            Self::Gone => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Code, PASSING, SETTLE, Trouble};

    #[test]
    fn what_passes_is_waited_for_and_the_rest_is_not() {
        let refused = |code: &str| Code::StoreRefused.error(format!("`h` refused: cannot x: {code} words"));
        for code in PASSING {
            assert!(Trouble::from(refused(code)).passing, "{code}");
        }
        for code in ["NOGROUP", "WRONGTYPE", "NOPERM", "NOAUTH"] {
            assert!(!Trouble::from(refused(code)).passing, "{code}");
        }
        assert!(Trouble::from(Code::StoreIo.error("broke")).passing);
        assert!(!Trouble::from(Code::WrongKind.error("a hash")).passing);
    }

    /// What is refused must be refused before an entry is acknowledged.
    #[test]
    fn an_entry_is_acknowledged_last() {
        let place = |words: &str| SETTLE.rfind(words).expect(words);
        assert!(place("'XPENDING'") < place("'XADD', KEYS[2]"));
        assert!(place("'XADD', KEYS[3]") < place("'XACK', stream, group, id"));
    }
}
