//! The names of keys.

use super::line::Line;
use super::link::Link;
use super::resp::{Part, push_command};
use crate::diag::Result;
use std::time::Duration;

/// The keys that the server looks at in one step: the default of 10 is a round trip for every ten keys of the whole server;
/// many more keep it from others for long.
const COUNT: &[u8] = b"2000";
/// The same of a server that is to be spared, and how long it is left alone between two steps.
const FEW: &[u8] = b"250";
const BREAK: Duration = Duration::from_millis(1);

impl Link {
    /// Hands out the keys that match a pattern, in any order, and some perhaps twice.
    pub(crate) fn scan(&self, pattern: &str, doing: &str, each: &mut dyn FnMut(&[u8])) -> Result<()> {
        self.each_line(|line| scan_one(line, pattern, &|| doing.to_owned(), each))
    }
}

fn scan_one(
    line: &Line,
    pattern: &str,
    doing: &dyn Fn() -> String,
    each: &mut dyn FnMut(&[u8]),
) -> Result<()> {
    let mut cursor = b"0".to_vec();
    let mut request = Vec::new();
    let is_gentle = line.target().gentle.is_some();
    let count = if is_gentle { FEW } else { COUNT };
    loop {
        request.clear();
        push_command(&mut request, &[b"SCAN", &cursor, b"MATCH", pattern.as_bytes(), b"COUNT", count]);
        let next = line.ask(doing, &mut |wire| {
            wire.send(&request, 1)?;
            let answer = wire.answer()?.accepted()?;
            let [Part::List(2), Part::Text(next), Part::List(_), keys @ ..] = answer.parts else {
                return Err(answer.unexpected());
            };
            // A cursor that stands still would be asked for ever.
            if answer.text(*next) == cursor && cursor != b"0" {
                return Err(answer.unexpected());
            }
            for key in keys {
                let Part::Text(key) = key else { return Err(answer.unexpected()) };
                each(answer.text(*key));
            }
            Ok(answer.text(*next).to_vec())
        });
        cursor = next.map_err(|failure| failure.diagnostic)?;
        if cursor == b"0" {
            return Ok(());
        }
        if is_gentle {
            std::thread::sleep(BREAK);
        }
    }
}
