//! Progress and stop, without printing.

/// Told how far the work is, and asked whether it should stop. `cli` draws bars with it; tests and
/// libraries pass [`Silent`].
pub trait Watch: Sync {
    /// A stage begins: its name ("folds") and how many ticks it will take.
    fn stage(&self, name: &str, total: u64);
    /// `n` more of the stage are done.
    fn tick(&self, n: u64);
    /// Whether the user asked to stop. Asked between units of work, from any thread.
    fn stopped(&self) -> bool;
}

/// Watches nothing and never stops.
pub struct Silent;

impl Watch for Silent {
    fn stage(&self, _name: &str, _total: u64) {}
    fn tick(&self, _n: u64) {}
    fn stopped(&self) -> bool {
        false
    }
}
