//! One connection to one server, made anew when it was lost.

use super::dial::open;
use super::fault::Failure;
use super::target::{Host, Server, Target};
use super::wire::Wire;
use ::redis::RedisResult;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A connection that is made when it is needed, and again when the server has closed it (an idle one is closed after a
/// while by `timeout` in redis.conf, by proxies and by firewalls).
pub(super) struct Line {
    target: Target,
    connection: Mutex<Option<Wire>>,
}

impl Line {
    /// To a server; not connected yet.
    pub fn new(target: Target) -> Self {
        Self { target, connection: Mutex::new(None) }
    }

    /// Over a connection that is there.
    pub fn over(target: Target, wire: Wire) -> Self {
        Self { target, connection: Mutex::new(Some(wire)) }
    }

    /// Where it leads.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The host of it, if it is one.
    pub fn host(&self) -> Option<&Host> {
        match &self.target.server {
            Server::Tcp(host) => Some(host),
            _ => None,
        }
    }

    /// Asks something that does no harm when asked twice: if the connection was lost meanwhile it is made anew, once.
    pub fn ask<T>(
        &self,
        doing: &dyn Fn() -> String,
        request: &mut dyn FnMut(&mut Wire) -> RedisResult<T>,
    ) -> Result<T, Failure> {
        let mut slot = self.slot();
        let was_open = slot.is_some();
        match self.attempt(&mut slot, doing, request) {
            Err(failure) if failure.dropped && was_open => self.attempt(&mut slot, doing, request),
            outcome => outcome,
        }
    }

    /// Asks something that must not happen twice.
    pub fn ask_once<T>(
        &self,
        doing: &dyn Fn() -> String,
        request: &mut dyn FnMut(&mut Wire) -> RedisResult<T>,
    ) -> Result<T, Failure> {
        self.attempt(&mut self.slot(), doing, request)
    }

    /// The place of the connection, for whoever needs several at once; what is taken out of it is to be given back with
    /// [`give_back`].
    pub fn slot(&self) -> MutexGuard<'_, Option<Wire>> {
        // A thread that panicked in here has taken the connection out of the slot: nothing half read is left.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection of the slot, or a new one.
    pub fn take(&self, slot: &mut Option<Wire>) -> Result<Wire, Failure> {
        match slot.take() {
            Some(wire) => Ok(wire),
            None => open(&self.target, self.target.connect_timeout, self.target.answer_timeout)
                .map_err(Failure::before),
        }
    }

    fn attempt<T>(
        &self,
        slot: &mut Option<Wire>,
        doing: &dyn Fn() -> String,
        request: &mut dyn FnMut(&mut Wire) -> RedisResult<T>,
    ) -> Result<T, Failure> {
        let mut wire = self.take(slot)?;
        match request(&mut wire) {
            Ok(answer) => {
                give_back(slot, wire);
                Ok(answer)
            }
            Err(error) => {
                let failure = Failure::of(&self.target, &doing(), &error);
                // After anything but a refusal a late answer may be on its way.
                if !failure.unknown {
                    give_back(slot, wire);
                }
                Err(failure)
            }
        }
    }
}

/// Keeps a connection for the next who asks, unless answers are under way that nobody will fetch.
pub(super) fn give_back(slot: &mut Option<Wire>, wire: Wire) {
    *slot = wire.in_step().then_some(wire);
}
