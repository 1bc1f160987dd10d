//! `pipefit score MODEL[@alias|:version] --stream KEY --output KEY`

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use serde_json::Value;

use super::bars::Bars;
use super::output::Output;
use super::signals::Interrupt;
use super::{Done, Global, learn, signatures};
use crate::diag::{Code, Result};
use crate::registry::Registry;
use crate::score::{MODEL, Making, Options, REASON, SOURCE, score};
use crate::serve::Served;
use crate::source::keys::{self, EntryId, GroupTerms};
use crate::spec::{Moment, milliseconds};

/// What `score` takes.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The model: NAME or NAME@ALIAS, which are followed as they move, or NAME:VERSION; NAME alone is NAME@latest
    model: String,
    /// The stream whose entries are predicted
    #[arg(long, value_name = "KEY")]
    stream: String,
    /// The stream that the predictions are added to
    #[arg(long, value_name = "KEY")]
    output: String,
    /// The group of workers that share the entries
    #[arg(long, value_name = "NAME", default_value = "pipefit")]
    group: String,
    /// This worker's name in the group: started again under it, it takes its own entries up at once; of host and process
    /// where nothing is said
    #[arg(long, value_name = "NAME")]
    worker: Option<String>,
    /// Where a group that is not there yet begins: `start`, `now`, a span such as `30d`, an entry's id or a datetime
    #[arg(long, value_name = "MOMENT", default_value = "start", value_parser = moment)]
    from: Moment,
    /// Entries that are predicted at once, at most
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    batch: u16,
    /// How long a batch that is not full waits for more entries; not at all where nothing is said
    #[arg(long, value_name = "TIME", value_parser = time)]
    max_wait: Option<Duration>,
    /// How long an entry is another worker's before it is taken over
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    idle: Duration,
    /// How often an entry is delivered before it is given up, since its workers end of it
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    max_deliveries: u64,
    /// How often the store is asked whether an alias has moved
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time)]
    poll: Duration,
    /// End when all entries that there are now have a prediction
    #[arg(long)]
    once: bool,
    /// Give the probability of every class too
    #[arg(long)]
    proba: bool,
    /// Predict only with versions that the owner of this public key (PEM) has signed; others are not swapped in
    #[arg(long, value_name = "FILE")]
    require_signature: Option<PathBuf>,
    /// Repeat these fields of the entry after the prediction
    #[arg(long, value_name = "COL", value_delimiter = ',')]
    keep: Vec<String>,
}

fn time(text: &str) -> Result<Duration, String> {
    milliseconds(text)
        .map(Duration::from_millis)
        .ok_or_else(|| "write `500ms`, `10s`, `5m`, `2h` or `1d`".to_owned())
}

fn moment(text: &str) -> Result<Moment, String> {
    Moment::of(text).ok_or_else(|| {
        "write `start`, `now`, `30d`, an id such as `1700000000000-0`, or a datetime".to_owned()
    })
}

/// Predicts entries until the first signal, or once.
pub fn run(arguments: &Arguments, global: &Global, output: &Output) -> Done {
    if let Some(threads) = global.threads {
        // It can be said once a process, which a command is.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads.into()).build_global();
    }
    let terms = terms(arguments)?;
    let interrupt = Interrupt::catch();
    let (store, keys) = keys::open(&global.store_url(), Path::new(""))?;
    let group = keys.group(&terms)?;
    let registry = signatures::requiring(Registry::new(store), arguments.require_signature.as_deref())?;
    let served = Served::load(&registry, &arguments.model)?;
    if arguments.proba && !served.current().has_probabilities() {
        let message = format!("model `{}` has no probabilities", served.name);
        return Err(Code::Usage.error(message).help("leave out `--proba`").into());
    }
    group.create(after(arguments.from)).map_err(|trouble| trouble.diagnostic)?;
    let making = Making {
        stream: terms.stream.clone(),
        proba: arguments.proba,
        keep: arguments.keep.clone(),
        deliveries: arguments.max_deliveries,
    };
    let bars = Bars::new(interrupt);
    let options = Options {
        batch: arguments.batch.into(),
        max_wait: arguments.max_wait.unwrap_or_default(),
        idle: arguments.idle,
        poll: arguments.poll,
        once: arguments.once,
        nameless: arguments.worker.is_none(),
        watch: &bars,
        tell: &|problem| output.tell(&[problem]),
        say: &|line| output.say(line),
    };
    let told = score(&served, &registry, &terms, &group, &making, &options)?;
    if output.json {
        output.object(&told);
    } else {
        output.answer(&summary(&told));
    }
    Ok(())
}

/// Which keys and names.
fn terms(arguments: &Arguments) -> Result<GroupTerms> {
    let Arguments { stream, output, group, worker, .. } = arguments;
    let dead = format!("{stream}:dead");
    if [stream, &dead].contains(&output) {
        let message = format!("predictions cannot be added to `{output}`, which has entries of its own");
        return Err(Code::Usage.error(message).help("name another stream with `--output`"));
    }
    if let Some(name) = arguments.keep.iter().find(|name| [SOURCE, MODEL, REASON].contains(&name.as_str())) {
        let message = format!("field `{name}` is one that predictions have themselves");
        return Err(Code::Usage.error(message).help("leave it out of `--keep`"));
    }
    for (option, name) in [("--group", Some(group)), ("--worker", worker.as_ref())] {
        if name.is_some_and(String::is_empty) {
            return Err(Code::Usage.error(format!("`{option}` is empty")).help("give it a name"));
        }
    }
    let host = learn::host();
    let own = || format!("{}-{}", host.split(' ').next().unwrap_or_default(), std::process::id());
    Ok(GroupTerms {
        stream: stream.clone(),
        output: output.clone(),
        dead,
        group: group.clone(),
        worker: worker.clone().unwrap_or_else(own),
    })
}

/// The entry behind which a group begins; none for the end.
fn after(from: Moment) -> Option<EntryId> {
    let first = match from {
        Moment::Start => EntryId::FIRST,
        Moment::Now => return None,
        Moment::Ago(span) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
            EntryId { time: now.saturating_sub(span), number: 0 }
        }
        Moment::Entry(time, number) => EntryId { time, number: number.unwrap_or(0) },
    };
    Some(match (first.number.checked_sub(1), first.time.checked_sub(1)) {
        (Some(number), _) => EntryId { number, ..first },
        (None, Some(time)) => EntryId { time, number: u64::MAX },
        (None, None) => EntryId::FIRST,
    })
}

/// A line about what was done.
fn summary(told: &Value) -> String {
    let number = |key: &str| told[key].as_u64().unwrap_or_default();
    let name = told["model"].as_str().unwrap_or_default();
    let (read, written, dead) = (number("read"), number("written"), number("dead"));
    format!("{name}: {read} entries read, {written} written, {dead} dead\n")
}

#[cfg(test)]
mod tests {
    use super::{EntryId, Moment, after};

    #[test]
    fn a_group_begins_with_the_entry_that_is_said() {
        let id = |time, number| Some(EntryId { time, number });
        assert_eq!(after(Moment::Start), id(0, 0));
        assert_eq!(after(Moment::Now), None);
        assert_eq!(after(Moment::Entry(7, Some(3))), id(7, 2));
        assert_eq!(after(Moment::Entry(7, None)), id(6, u64::MAX));
        assert_eq!(after(Moment::Entry(0, None)), id(0, 0));
    }
}
