//! Entries that are not learned go where somebody may look at them.

use crate::diag::{Code, Diagnostic, Result};
use crate::source::keys::{Entry, Keys};

/// Puts entries to the end of a stream and empties the list. They keep their ids, which ascend, so that those which an earlier
/// attempt has put there are known. `what` says in a message why they are there.
///
/// # Errors
/// What the store has to say.
pub fn bury(
    keys: &dyn Keys,
    dead: &str,
    entries: &mut Vec<Entry>,
    what: &str,
    tell: &dyn Fn(Diagnostic),
) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let last = match keys.stream(dead) {
        Ok(extent) => extent.map(|extent| extent.last),
        Err(error) if error.code() == Code::MissingKeyOrFile => None,
        Err(error) => return Err(error),
    };
    entries.retain(|entry| entry.id > last);
    if let Some(first) = entries.first() {
        let reason = first.fields.last().map_or(&[][..], |(_, reason)| reason);
        let count = entries.len();
        let id = first.id.map_or_else(String::new, |id| id.to_string());
        let message = format!("{count} entries {what} and go to `{dead}`");
        let help = format!("the first, {id}: {}", String::from_utf8_lossy(reason));
        tell(Code::WarnData.warning(message).help(help));
    }
    match keys.append(dead, entries) {
        // Another learner was there in the meantime.
        Err(error) if error.code() == Code::StoreRefused => {}
        done => drop(done?),
    }
    entries.clear();
    Ok(())
}
