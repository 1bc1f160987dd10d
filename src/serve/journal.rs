//! What happens while serving, as lines of JSON.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::registry::rfc3339;

/// Takes a line; false where it was lost, since nobody takes lines as fast as they come.
pub type Journal = Arc<dyn Fn(&Value) -> bool + Send + Sync>;

/// A line: `{"time", "level", "event", ...}`. No header, no query and no body is ever part of one.
pub(super) fn line(level: &str, event: &str, more: Value) -> Value {
    let mut line = Map::new();
    line.insert("time".into(), rfc3339(SystemTime::now()).into());
    line.insert("level".into(), level.into());
    line.insert("event".into(), event.into());
    if let Value::Object(more) = more {
        line.extend(more);
    }
    Value::Object(line)
}
