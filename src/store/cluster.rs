//! The servers of a Redis cluster, each of which has some of the keys.

use super::dial::open;
use super::fault::{Failure, Redirect};
use super::line::{Line, give_back};
use super::slot::{SLOTS, slot};
use super::target::{Host, Target};
use super::wire::Wire;
use super::wires::Wires;
use crate::diag::{Code, Result};
use ::redis::{RedisResult, Value, cmd};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often one request is sent somewhere else.
const TURNS: u32 = 16;
/// How long to wait where the cluster says that it will be soon.
const SOON: Duration = Duration::from_millis(50);

/// A way to all servers of a cluster that have keys.
///
/// The client's own connection to a cluster waits for each reading as long as for an answer, as its plain one does: so
/// this one is made of our own connections.
pub(super) struct Cluster {
    target: Target,
    seeds: Vec<Host>,
    map: Mutex<Arc<SlotMap>>,
}

/// Which server has which keys.
pub(super) struct SlotMap {
    /// The servers that have some, sorted by their addresses.
    pub lines: Vec<Arc<Line>>,
    /// Those that rows are read from, in the same order: the same ones, or a replica of each that has one.
    pub readers: Vec<Arc<Line>>,
    /// The server of each slot.
    owners: Vec<Option<u16>>,
}

impl SlotMap {
    /// The place of a key's server in the list.
    pub fn place(&self, key: &[u8]) -> Option<usize> {
        self.owners[slot(key)].map(usize::from)
    }
}

impl Cluster {
    /// Finds the servers through those that are named, within the time to connect.
    pub fn connect(target: Target, seeds: Vec<Host>) -> Result<Self> {
        let map = discovered(&target, &seeds, &BTreeMap::new(), target.connect_timeout)?;
        Ok(Self { target, seeds, map: Mutex::new(Arc::new(map)) })
    }

    /// Which server has which keys, as far as is known.
    pub fn map(&self) -> Arc<SlotMap> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks the server of a key, and where that says that it has it no more, the one that has. `once`: what must not happen
    /// twice; a server that sends us on has done nothing.
    pub fn ask<T>(
        &self,
        key: &[u8],
        once: bool,
        doing: &dyn Fn() -> String,
        request: &mut dyn FnMut(&mut Wire) -> RedisResult<T>,
    ) -> Result<T, Failure> {
        let until = Instant::now() + self.target.answer_timeout;
        let (mut line, mut asking) = (self.line_of(key).map_err(Failure::before)?, false);
        let mut turn = 0;
        loop {
            let mut request = |wire: &mut Wire| {
                if asking {
                    wire.ask_next();
                }
                request(wire)
            };
            let asked = if once { line.ask_once(doing, &mut request) } else { line.ask(doing, &mut request) };
            let failure = match asked {
                Err(failure) if turn < TURNS && Instant::now() < until => failure,
                asked => return asked,
            };
            turn += 1;
            (line, asking) = match &failure.redirect {
                Some(Redirect::Moved(host)) => {
                    let host = named(host, &line);
                    // Who knows nothing new is not asked again.
                    let _ = self.refresh();
                    (self.line_to(&host), false)
                }
                Some(Redirect::Ask(host)) => {
                    // From the second time on the key's way takes its time.
                    std::thread::sleep(if turn > 1 { SOON } else { Duration::ZERO });
                    (self.line_to(&named(host, &line)), true)
                }
                Some(Redirect::Later) => {
                    std::thread::sleep(SOON);
                    (self.line_of(key).map_err(Failure::before)?, false)
                }
                // Another server may have taken its place.
                None if (failure.lost() && !once) && turn == 1 && self.refresh().is_ok() => {
                    let other = self.line_of(key).map_err(Failure::before)?;
                    if other.target() == line.target() {
                        return Err(failure);
                    }
                    (other, false)
                }
                None => return Err(failure),
            };
        }
    }

    /// Has a conversation with all servers at once; see [`Link::converse`](super::Link).
    pub fn converse<T>(
        &self,
        doing: &dyn Fn() -> String,
        request: &mut dyn FnMut(&mut Wires<'_>) -> RedisResult<T>,
    ) -> Result<T, Failure> {
        let until = Instant::now() + self.target.answer_timeout;
        let (mut turn, mut renewed) = (0, false);
        loop {
            let map = self.map();
            let failure = match all_at_once(&map, doing, request) {
                Err(failure) => failure,
                done => return done,
            };
            turn += 1;
            match &failure.redirect {
                Some(_) if turn < TURNS && Instant::now() < until => {
                    std::thread::sleep(if turn > 1 { SOON } else { Duration::ZERO });
                    self.refresh().map_err(Failure::before)?;
                }
                None if failure.lost() && !renewed => {
                    renewed = true;
                    // Without an answer the servers that were known are asked once more.
                    let _ = self.refresh();
                }
                _ => return Err(failure),
            }
        }
    }

    /// The line to the server of a key.
    pub fn line_of(&self, key: &[u8]) -> Result<Arc<Line>> {
        let find = |map: &SlotMap| map.place(key).map(|place| map.lines[place].clone());
        if let Some(line) = find(&self.map()) {
            return Ok(line);
        }
        self.refresh()?;
        find(&self.map()).ok_or_else(|| {
            let message = format!("`{}` has no server for slot {}", self.target, slot(key));
            Code::StoreRefused
                .error(message)
                .help("the cluster is not complete: `redis-cli --cluster check HOST:PORT` tells more")
        })
    }

    /// The line to a server that another one has named.
    fn line_to(&self, host: &Host) -> Arc<Line> {
        let target = self.target.with_host(host.clone());
        let known = self.map().lines.iter().find(|line| *line.target() == target).cloned();
        known.unwrap_or_else(|| Arc::new(Line::new(target)))
    }

    /// Asks anew which server has which keys.
    fn refresh(&self) -> Result<()> {
        let old = self.map();
        let known: BTreeMap<Host, Arc<Line>> = old
            .readers
            .iter()
            .chain(&old.lines)
            .filter_map(|line| Some((line.host()?.clone(), line.clone())))
            .collect();
        let hosts: Vec<Host> = known.keys().chain(&self.seeds).cloned().collect();
        let map = discovered(&self.target, &hosts, &known, self.target.connect_timeout)?;
        *self.map.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(map);
        Ok(())
    }
}

/// The host of a redirection: without a name it is that of the server which said so.
fn named(host: &Host, line: &Line) -> Host {
    match line.host() {
        Some(own) if host.name.is_empty() || host.name == "?" => {
            Host { name: own.name.clone(), port: host.port }
        }
        _ => host.clone(),
    }
}

/// Takes the connections to all servers, in their order, and gives them back.
fn all_at_once<T>(
    map: &Arc<SlotMap>,
    doing: &dyn Fn() -> String,
    request: &mut dyn FnMut(&mut Wires<'_>) -> RedisResult<T>,
) -> Result<T, Failure> {
    let mut slots: Vec<_> = map.readers.iter().map(|line| line.slot()).collect();
    let mut wires = Vec::with_capacity(slots.len());
    for (line, slot) in map.readers.iter().zip(&mut slots) {
        wires.push(line.take(slot)?);
    }
    let mut all = Wires::new(&mut wires, Some(map));
    let done = request(&mut all);
    let last = all.last();
    let done = done.map_err(|error| Failure::of(map.readers[last].target(), &doing(), &error));
    // Of a connection that failed a late answer may be on its way.
    let broken = done.as_ref().is_err_and(|failure| failure.unknown);
    for (at, (slot, wire)) in slots.iter_mut().zip(wires).enumerate() {
        if at != last || !broken {
            give_back(slot, wire);
        }
    }
    done
}

/// Asks the hosts one after another which server has which slots, and keeps the lines that are known.
fn discovered(
    target: &Target,
    hosts: &[Host],
    known: &BTreeMap<Host, Arc<Line>>,
    within: Duration,
) -> Result<SlotMap> {
    let until = Instant::now() + within;
    let mut problem = None;
    for (i, host) in hosts.iter().enumerate() {
        let left = until.saturating_duration_since(Instant::now());
        let share = (left / u32::try_from(hosts.len() - i).unwrap_or(u32::MAX)).max(Duration::from_millis(1));
        let own = target.with_host(host.clone());
        let doing = "ask which server has which keys";
        let asked = open(&own, share, target.answer_timeout.min(share)).and_then(|mut wire| {
            let slots = cmd("CLUSTER").arg("SLOTS").query::<Value>(&mut wire);
            slots.map_err(|error| Failure::of(&own, doing, &error).diagnostic)
        });
        match asked {
            Ok(slots) => match slot_map(target, host, known, &slots) {
                Some(map) if !map.lines.is_empty() => return Ok(map),
                _ => {
                    let message = format!("`{own}` knows no server of a cluster that has keys");
                    problem = Some(Code::StoreRefused.error(message).help("is it a cluster, and complete?"));
                }
            },
            Err(error) => {
                problem.get_or_insert(error);
            }
        }
    }
    Err(problem.unwrap_or_else(|| Code::Bug.error("a cluster without a host")))
}

/// The answer to `CLUSTER SLOTS`: first and last slot, then the servers, each with name and port, the primary first.
fn slot_map(
    target: &Target,
    asked: &Host,
    known: &BTreeMap<Host, Arc<Line>>,
    answer: &Value,
) -> Option<SlotMap> {
    let Value::Array(ranges) = answer else { return None };
    let mut found: Vec<(usize, usize, Host)> = Vec::with_capacity(ranges.len());
    let mut replicas: BTreeMap<Host, Host> = BTreeMap::new();
    for range in ranges {
        let Value::Array(range) = range else { return None };
        let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = range.as_slice() else {
            return None;
        };
        let primary = host_of(primary, asked)?;
        if let (true, Some(Value::Array(replica))) = (target.replicas, range.get(3)) {
            replicas.insert(primary.clone(), host_of(replica, asked)?);
        }
        let (first, last) = (usize::try_from(*first).ok()?, usize::try_from(*last).ok()?);
        if first > last || last >= SLOTS {
            return None;
        }
        found.push((first, last, primary));
    }
    let mut hosts: Vec<&Host> = found.iter().map(|(.., host)| host).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let mut owners = vec![None; SLOTS];
    for (first, last, host) in &found {
        let place = hosts.iter().position(|other| *other == host)?;
        owners[*first..=*last].fill(Some(u16::try_from(place).ok()?));
    }
    let line = |host: &Host, read_only: bool| {
        let own = Target { read_only, ..target.with_host(host.clone()) };
        let same = known.get(host).filter(|line| *line.target() == own);
        same.cloned().unwrap_or_else(|| Arc::new(Line::new(own)))
    };
    let lines: Vec<Arc<Line>> = hosts.iter().map(|host| line(host, false)).collect();
    let reader = |(host, primary): (&&Host, &Arc<Line>)| match replicas.get(*host) {
        Some(replica) => line(replica, true),
        None => primary.clone(),
    };
    let readers = hosts.iter().zip(&lines).map(reader).collect();
    Some(SlotMap { lines, readers, owners })
}

/// A server in the answer to `CLUSTER SLOTS`.
fn host_of(server: &[Value], asked: &Host) -> Option<Host> {
    let [name, Value::Int(port), ..] = server else { return None };
    let name = match name {
        Value::BulkString(name) if !name.is_empty() && name != b"?" => {
            String::from_utf8(name.clone()).ok()?
        }
        // It does not know its own name: the one by which we reached it is as good.
        _ => asked.name.clone(),
    };
    Some(Host { name, port: u16::try_from(*port).ok()? })
}
