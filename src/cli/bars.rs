//! Progress: a bar on a terminal, nothing on a pipe.

use std::fmt;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::signals::Interrupt;
use crate::diag::Watch;

/// Draws one bar a stage, and stops when a signal comes.
pub struct Bars {
    interrupt: Interrupt,
    bar: Mutex<Option<ProgressBar>>,
    visible: bool,
}

impl Bars {
    /// Bars on stderr, where that is a terminal.
    pub fn new(interrupt: Interrupt) -> Self {
        Self { interrupt, bar: Mutex::new(None), visible: std::io::stderr().is_terminal() }
    }

    /// Takes the bar away, before anything else is printed.
    pub fn clear(&self) {
        if let Some(bar) = self.bar.lock().ok().and_then(|mut bar| bar.take()) {
            bar.finish_and_clear();
        }
    }
}

impl Watch for Bars {
    fn stage(&self, name: &str, total: u64) {
        self.clear();
        if !self.visible {
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        // How fast rows come says more than when the last of so many will. Both templates parse.
        let rate = if name.starts_with("reading") && total > 1 { " {rate}" } else { "" };
        let template = format!("{{msg:>10}} [{{bar:30}}] {{pos}}/{{len}}{rate} {{elapsed}} left {{eta}}");
        let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let rows_a_second = |state: &ProgressState, text: &mut dyn fmt::Write| {
            // A terminal that cannot be written to is no reason to stop.
            let _ = write!(text, "{} rows/s", HumanCount(state.per_sec() as u64));
        };
        bar.set_style(style.with_key("rate", rows_a_second).progress_chars("=> "));
        bar.set_message(name.to_owned());
        // So that the clock goes on while a long fold is worked on.
        bar.enable_steady_tick(Duration::from_millis(200));
        if let Ok(mut slot) = self.bar.lock() {
            *slot = Some(bar);
        }
    }

    fn tick(&self, n: u64) {
        if let Ok(slot) = self.bar.lock()
            && let Some(bar) = &*slot
        {
            bar.inc(n);
        }
    }

    fn stopped(&self) -> bool {
        self.interrupt.raised()
    }
}
