//! The way to a Redis server, or to those of a cluster, with time-outs.

use super::cluster::Cluster;
use super::dial::open;
use super::fault::{Failure, is_refusal, redirect_of};
use super::line::Line;
use super::slot::slot;
use super::target::{Server, Target};
use super::wire::Wire;
use super::wires::Wires;
use crate::diag::{Diagnostic, Result};
use ::redis::{Cmd, FromRedisValue, RedisError, RedisResult, Value, pipe};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A connection that store and keys share, to one server or to all of a cluster. It is made at once, and again when the
/// server has closed it.
pub struct Link {
    target: Target,
    way: Way,
}

enum Way {
    One(Box<Line>),
    Cluster(Box<Cluster>),
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Link({})", self.target)
    }
}

impl Link {
    /// Connects, and logs in if the URL says so.
    pub fn connect(target: Target) -> Result<Self> {
        let way = match &target.server {
            Server::Cluster(seeds) => {
                Way::Cluster(Box::new(Cluster::connect(target.clone(), seeds.clone())?))
            }
            _ => {
                let wire = open(&target, target.connect_timeout, target.answer_timeout)?;
                Way::One(Box::new(Line::over(target.clone(), wire)))
            }
        };
        Ok(Self { target, way })
    }

    /// Where it leads.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The key of one of our own records. In a cluster they all share a slot.
    pub(crate) fn own(&self, name: &str) -> String {
        format!("{}{name}", self.target.prefix)
    }

    /// The key of something of our own that has to lie with a user's key, so that one step can change both.
    pub(crate) fn beside(&self, key: &str, name: &str) -> String {
        let own = self.own(name);
        match &self.way {
            Way::One(_) => own,
            Way::Cluster(_) => {
                // Braces with the key itself would not do: it may contain some.
                let here = slot(key.as_bytes());
                let tags = (0..u32::MAX).map(|tag| format!("{{{tag}}}"));
                let tag = tags.into_iter().find(|tag| slot(tag.as_bytes()) == here);
                tag.unwrap_or_default() + &own
            }
        }
    }

    /// Whether one step can change all these keys, as it cannot where they are at several servers of a cluster.
    pub(crate) fn is_one_slot(&self, keys: &[&String]) -> bool {
        match &self.way {
            Way::One(_) => true,
            Way::Cluster(_) => keys.iter().all(|key| slot(key.as_bytes()) == slot(keys[0].as_bytes())),
        }
    }

    /// Whether a key is one of [`own`](Self::own) or [`beside`](Self::beside).
    pub(crate) fn is_own(&self, key: &[u8]) -> bool {
        let own = self.target.prefix.as_bytes();
        let tagged = || {
            let rest = key.strip_prefix(b"{")?;
            let close = rest.iter().position(|byte| !byte.is_ascii_digit()).filter(|close| *close > 0)?;
            rest[close..].strip_prefix(b"}")
        };
        key.starts_with(own) || tagged().is_some_and(|rest| rest.starts_with(own))
    }

    /// Asks about our own records something that does no harm when asked twice: if the connection was lost meanwhile it is
    /// made anew, once. `doing` completes "cannot ...".
    pub(crate) fn ask<T>(&self, doing: &str, request: impl FnMut(&mut Wire) -> RedisResult<T>) -> Result<T> {
        self.ask_for(self.own(""), doing, request)
    }

    /// [`ask`](Self::ask) about a key.
    pub(crate) fn ask_for<T>(
        &self,
        key: impl AsRef<[u8]>,
        doing: &str,
        mut request: impl FnMut(&mut Wire) -> RedisResult<T>,
    ) -> Result<T> {
        let doing = || doing.to_owned();
        let asked = match &self.way {
            Way::One(line) => line.ask(&doing, &mut request),
            Way::Cluster(cluster) => cluster.ask(key.as_ref(), false, &doing, &mut request),
        };
        asked.map_err(|failure| failure.diagnostic)
    }

    /// One command about each of these keys, in few round trips; a refusal is an answer.
    pub(crate) fn ask_each<T: FromRedisValue>(
        &self,
        doing: &str,
        keys: &[impl AsRef<[u8]>],
        command: impl Fn(usize) -> Cmd,
    ) -> Result<Vec<RedisResult<T>>> {
        let pipelined = |places: &[usize]| {
            let mut request = pipe();
            places.iter().for_each(|at| _ = request.add_command(command(*at)));
            request.ignore_errors();
            self.ask_for(&keys[places[0]], doing, |wire| request.query::<Vec<RedisResult<T>>>(wire))
        };
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        match &self.way {
            _ if keys.is_empty() => return Ok(Vec::new()),
            Way::One(_) => return pipelined(&(0..keys.len()).collect::<Vec<_>>()),
            Way::Cluster(cluster) => {
                let map = cluster.map();
                for (at, key) in keys.iter().enumerate() {
                    groups.entry(map.place(key.as_ref()).unwrap_or(0)).or_default().push(at);
                }
            }
        }
        let mut answers: Vec<Option<RedisResult<T>>> = keys.iter().map(|_| None).collect();
        for places in groups.values() {
            for (at, answer) in places.iter().zip(pipelined(places)?) {
                answers[*at] = Some(match answer {
                    // Asked alone, a key is looked for wherever it has gone.
                    Err(error) if redirect_of(&error).is_some() => {
                        self.ask_for(&keys[*at], doing, |wire| match command(*at).query(wire) {
                            Err(error) if is_refusal(&error) => Ok(Err(error)),
                            answer => answer.map(Ok),
                        })?
                    }
                    answer => answer,
                });
            }
        }
        Ok(answers.into_iter().flatten().collect())
    }

    /// An error of [`ask_each`](Self::ask_each) in our words.
    pub(crate) fn refused(&self, doing: &str, error: &RedisError) -> Diagnostic {
        Failure::of(&self.target, doing, error).diagnostic
    }

    /// [`ask`](Self::ask) for what goes through many requests and answers, with all servers at once: `doing` is asked after
    /// a failure, and says what was under way. Asked again, `request` goes on from where it was. Who leaves answers unread,
    /// to stop in the middle, loses the connection.
    pub(crate) fn converse<T>(
        &self,
        doing: &dyn Fn() -> String,
        mut request: impl FnMut(&mut Wires<'_>) -> RedisResult<T>,
    ) -> Result<T> {
        let asked = match &self.way {
            Way::One(line) => {
                line.ask(doing, &mut |wire| request(&mut Wires::new(std::slice::from_mut(wire), None)))
            }
            Way::Cluster(cluster) => cluster.converse(doing, &mut request),
        };
        asked.map_err(|failure| failure.diagnostic)
    }

    /// Asks about our own records something that must not happen twice.
    pub(crate) fn ask_once<T>(
        &self,
        doing: &str,
        request: impl FnMut(&mut Wire) -> RedisResult<T>,
    ) -> std::result::Result<T, Failure> {
        self.ask_once_for(self.own(""), doing, request)
    }

    /// [`ask_once`](Self::ask_once) about a key.
    pub(crate) fn ask_once_for<T>(
        &self,
        key: impl AsRef<[u8]>,
        doing: &str,
        mut request: impl FnMut(&mut Wire) -> RedisResult<T>,
    ) -> std::result::Result<T, Failure> {
        let doing = || doing.to_owned();
        match &self.way {
            Way::One(line) => line.ask_once(&doing, &mut request),
            Way::Cluster(cluster) => cluster.ask(key.as_ref(), true, &doing, &mut request),
        }
    }

    /// Asks about our own records over a new connection that has a third of the usual time for each of its steps (connect,
    /// log in, ask), so that reading back what a silent server may have done ends within twice the time-out, all in all.
    pub(crate) fn ask_again<T>(
        &self,
        doing: &str,
        request: impl FnOnce(&mut Wire) -> RedisResult<T>,
    ) -> Result<T> {
        let line: Arc<Line>;
        let target = match &self.way {
            Way::One(line) => line.target(),
            Way::Cluster(cluster) => {
                line = cluster.line_of(self.own("").as_bytes())?;
                line.target()
            }
        };
        let third = target.answer_timeout / 3;
        let mut wire = open(target, target.connect_timeout.min(third), third)?;
        request(&mut wire).map_err(|error| Failure::of(target, doing, &error).diagnostic)
    }

    /// Sends a command about a key, its second word, whose last argument is too large to be copied into a request first.
    pub(crate) fn ask_large(&self, doing: &str, head: [&[u8]; 2], value: &[u8]) -> Result<Value> {
        let mut start = format!("*{}\r\n", head.len() + 1).into_bytes();
        for part in head {
            start.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
            start.extend_from_slice(part);
            start.extend_from_slice(b"\r\n");
        }
        start.extend_from_slice(format!("${}\r\n", value.len()).as_bytes());
        self.ask_for(head[1], doing, |wire| {
            wire.send_packed_command(&start)?;
            // The client refuses to send nothing.
            if !value.is_empty() {
                wire.send_packed_command(value)?;
            }
            wire.send_packed_command(b"\r\n")?;
            wire.recv_response()?.extract_error()
        })
    }

    /// Does something with each server that has keys, one after another; `readers`: with those that rows are read from.
    pub(super) fn each_line(&self, readers: bool, mut act: impl FnMut(&Line) -> Result<()>) -> Result<()> {
        match &self.way {
            Way::One(line) => act(line),
            Way::Cluster(cluster) => {
                let map = cluster.map();
                let lines = if readers { &map.readers } else { &map.lines };
                lines.iter().try_for_each(|line| act(line))
            }
        }
    }
}
