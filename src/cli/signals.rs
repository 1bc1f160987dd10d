//! Ctrl-C and SIGTERM: the first asks the work to stop, the second ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::diag::Code;

/// Whether a signal has come.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Catches the signals from now on.
    pub fn catch() -> Self {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the second signal finds the flag set and exits at once. Should the
            // system refuse a handler, its own action remains, which ends the process too.
            let code = i32::from(Code::Interrupted.exit_code());
            let _ = flag::register_conditional_shutdown(signal, code, Arc::clone(&flag));
            let _ = flag::register(signal, Arc::clone(&flag));
        }
        Self(flag)
    }

    /// Whether one has come.
    pub fn raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
