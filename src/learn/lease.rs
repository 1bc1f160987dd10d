//! Who learns, so that nobody does the same work twice. What keeps rows from being counted twice is the record's swap.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::diag::{Code, Diagnostic, Result, Watch};
use crate::store::Store;

/// A learner's process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// The host that it runs on.
    pub host: String,
    /// Its process id there.
    pub pid: u32,
    /// What tells it from an earlier process of that id.
    pub born: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Held {
    format: String,
    owner: Owner,
    /// Until when, in milliseconds since 1970; 0 once it was given back.
    until: u64,
}

const FORMAT: &str = "pipefit.lease/1";

/// How long to wait before another look at somebody else's lease.
const PAUSE: Duration = Duration::from_millis(50);

/// The lease of a learner.
pub struct Lease<'a> {
    store: Arc<dyn Store>,
    record: String,
    owner: Owner,
    span: u64,
    /// Whether a process of this host is there.
    is_alive: &'a (dyn Fn(&Owner) -> bool + Sync),
}

impl<'a> Lease<'a> {
    /// The lease of the learner of a model, for so many milliseconds each time.
    pub fn new(
        store: Arc<dyn Store>,
        name: &str,
        span: u64,
        owner: Owner,
        is_alive: &'a (dyn Fn(&Owner) -> bool + Sync),
    ) -> Self {
        Self { store, record: format!("learner-lease:{name}"), owner, span, is_alive }
    }

    /// Takes the lease, or waits for it; `tell` hears of a wait once. False if it was stopped while it waited.
    ///
    /// # Errors
    /// What the store has to say.
    pub fn take(&self, watch: &dyn Watch, tell: &dyn Fn(Diagnostic)) -> Result<bool> {
        let mut told = false;
        while !watch.stopped() {
            let bytes = self.store.read(&self.record)?;
            // A record of another form is nobody's: the swap of the state still fences whoever wrote it.
            let held: Option<Held> = bytes.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
            match held.filter(|held| !self.is_free(held)) {
                None => {
                    if self.write(bytes.as_deref(), now() + self.span)? {
                        return Ok(true);
                    }
                }
                Some(held) => {
                    if !told {
                        let Owner { host, pid, .. } = &held.owner;
                        let message = format!("process {pid} on `{host}` is learning already");
                        let help = "this one waits until that one ends, or says nothing for the time of `online.lease`";
                        tell(Code::WarnStore.warning(message).help(help));
                        told = true;
                    }
                    std::thread::sleep(PAUSE);
                }
            }
        }
        Ok(false)
    }

    /// Keeps the lease; false if somebody else has taken it.
    ///
    /// # Errors
    /// What the store has to say.
    pub fn keep(&self) -> Result<bool> {
        self.rewrite(now() + self.span)
    }

    /// Gives the lease back, if it is still ours.
    ///
    /// # Errors
    /// What the store has to say.
    pub fn give_back(&self) -> Result<()> {
        self.rewrite(0).map(drop)
    }

    fn rewrite(&self, until: u64) -> Result<bool> {
        let bytes = self.store.read(&self.record)?;
        let held: Option<Held> = bytes.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
        if held.is_none_or(|held| held.owner != self.owner) {
            return Ok(false);
        }
        self.write(bytes.as_deref(), until)
    }

    fn is_free(&self, held: &Held) -> bool {
        let dead = || held.owner.host == self.owner.host && !(self.is_alive)(&held.owner);
        held.format != FORMAT || held.owner == self.owner || held.until <= now() || dead()
    }

    fn write(&self, expected: Option<&[u8]>, until: u64) -> Result<bool> {
        let held = Held { format: FORMAT.to_owned(), owner: self.owner.clone(), until };
        let bytes = serde_json::to_vec(&held).map_err(|error| Code::Bug.error(error.to_string()))?;
        self.store.swap(&self.record, expected, &bytes)
    }
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
