//! What is put under a key comes back as the same table: in every format, of every type, from either kind of store.

use std::path::Path;
use std::sync::Arc;

use pipefit::source::formats::{Format, Packing, ReadOptions, detect, read, unpack, write};
use pipefit::source::keys::{self, Keys};
use pipefit::source::value;
use pipefit::table::{Field, Kind, Schema, Table};

use crate::command::on_both;
use crate::formats::{Dice, asking_for, assert_same};
use crate::server::Server;

/// Names that are hard to write down somewhere: bytes that end a C string, a line, a field or a text, others that are several bytes,
/// that turn the line round or join the letter before, and one that passes for a number or for a missing value each.
pub const NAMES: [&str; 12] = [
    "\u{0}null\u{0}",
    "line\r\nbreak\n",
    "\"quoted\", 'twice'",
    "tab\tand;semicolon|pipe",
    "größe 数据 😀",
    "\u{202e}right to left\u{200f}",
    "e\u{301}\u{301}",
    "{\"a\": [1]}",
    "back\\slash\\u0000",
    "1e3",
    "NA",
    " padded ",
];

/// A column of the type, under a hard name, and beside it one that is always there.
fn table(dice: &mut Dice, kind: Kind) -> Table {
    let rows = 1 + dice.below(40);
    let name = (*dice.pick(&NAMES)).to_owned();
    let fields = vec![Field { name, kind }, Field { name: "beside".to_owned(), kind: Kind::Bool }];
    let columns = vec![dice.column(kind, rows, false), dice.column(Kind::Bool, rows, false)];
    Table::new(Schema::new(fields), columns).unwrap()
}

/// What a key holds, or the pieces that match it.
fn got(keys: &dyn Keys, key: &str, options: &ReadOptions) -> Table {
    let (bytes, warning) = value(keys, key).unwrap().unwrap_or_else(|| panic!("{key:?} has gone"));
    assert_eq!(warning, None, "{key:?}");
    let bytes = unpack(bytes, key).unwrap();
    let format = detect(&bytes, key).unwrap();
    read(&bytes, format, key, options).unwrap_or_else(|error| panic!("{key:?}: {error}")).table
}

/// Cuts bytes into so many pieces, some perhaps of nothing.
fn pieces<'b>(dice: &mut Dice, bytes: &'b [u8], count: usize) -> Vec<&'b [u8]> {
    let mut cuts: Vec<usize> = (1..count).map(|_| dice.below(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect()
}

fn round_trips(keys: &Arc<dyn Keys>, seeds: std::ops::Range<u64>) -> usize {
    let mut count = 0;
    for seed in seeds {
        let mut dice = Dice::seeded(seed);
        for format in Format::ALL {
            for kind in Kind::ALL {
                let table = table(&mut dice, kind);
                let options = asking_for(&table);
                let what = format!("seed {seed}, {} of {}", kind.name(), format.name());
                let packing = *dice.pick(&[Packing::Plain, Packing::Gzip, Packing::Zstd]);
                let bytes = packing.pack(write(&table, format));
                let key = format!("größe 😀\n\"{seed}\":{}", kind.name());
                keys.write(&key, &bytes).unwrap();
                assert_eq!(keys.value(&key).unwrap().as_deref(), Some(&bytes[..]), "{what}");
                assert_same(&table, &got(&**keys, &key, &options), &what);
                let parts = 1 + dice.below(12);
                for (i, piece) in pieces(&mut dice, &bytes, parts).into_iter().enumerate() {
                    keys.write(&format!("{seed}:part:{i}"), piece).unwrap();
                }
                assert_same(
                    &table,
                    &got(&**keys, &format!("{seed}:part:*"), &options),
                    &format!("{what}, cut into {parts}"),
                );
                for i in 0..parts {
                    assert!(keys.remove(&format!("{seed}:part:{i}")).unwrap());
                }
                count += 2;
            }
        }
    }
    count
}

#[test]
fn every_type_in_every_format_comes_back_from_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (_, keys) = keys::open("dir:store", folder.path()).unwrap();
    assert_eq!(round_trips(&keys, 1..5), 280);
}

#[test]
fn every_type_in_every_format_comes_back_from_a_server() {
    let server = Server::start();
    let (_, keys) = keys::open(&server.url("/0"), Path::new("")).unwrap();
    assert_eq!(round_trips(&keys, 5..17), 840);
}

/// From each format the command writes each other: what texts show by themselves is the same table in all.
#[test]
fn the_command_takes_every_format_to_every_other() {
    on_both(|place| {
        let mut dice = Dice::seeded(99);
        let kinds = [Kind::Number, Kind::Bool, Kind::Category];
        let fields = kinds.iter().zip(&NAMES[3..]);
        let fields = fields.map(|(kind, name)| Field { name: (*name).to_owned(), kind: *kind }).collect();
        let columns = kinds.iter().map(|kind| dice.column(*kind, 17, true)).collect();
        let table = Table::new(Schema::new(fields), columns).unwrap();
        let endings = ["csv", "tsv", "json", "jsonl", "parquet", "arrow", "csv.gz", "jsonl.zst"];
        for format in Format::ALL {
            place.write("from.bin", write(&table, format));
            place.run(&["data", "put", "table", "from.bin", "--as", "arrow"]).ok();
            let out = place.run(&["data", "get", "table", "-", "--as", "csv"]).ok().out;
            let back = read(out.as_bytes(), Format::Csv, "-", &ReadOptions::default()).unwrap();
            assert_same(&table, &back.table, &format!("{} to stdout", format.name()));
            place.run(&["data", "put", "table", "from.bin"]).ok();
            for ending in endings {
                let to = format!("to.{ending}");
                place.run(&["data", "get", "table", &to]).ok();
                let bytes = unpack(std::fs::read(place.path(&to)).unwrap(), &to).unwrap();
                let back = read(&bytes, detect(&bytes, &to).unwrap(), &to, &ReadOptions::default()).unwrap();
                assert_same(&table, &back.table, &format!("{} to {to}", format.name()));
            }
        }
    });
}
