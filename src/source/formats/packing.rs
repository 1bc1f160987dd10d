//! Compressed values and files.

use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::diag::{Code, Diagnostic, Result};

/// How bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Plain,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

/// What compressed bytes may grow to: so many times their size, and so much at least. Tables shrink to a tenth or so; what
/// grows beyond this is made to fill the memory.
const GROWTH: u64 = 250;
const ALLOWANCE: u64 = 64 << 20;
/// The largest window of zstd, 128 MiB, as its own command has it.
const WINDOW_LOG: u32 = 27;
/// zstd's default.
const ZSTD_LEVEL: i32 = 3;

impl Packing {
    /// How bytes are compressed, as their first ones say.
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(GZIP) {
            Self::Gzip
        } else if bytes.starts_with(ZSTD) {
            Self::Zstd
        } else {
            Self::Plain
        }
    }

    /// How a file of this name is written: compressed where it ends in `.gz` or `.zst`.
    pub fn of_path(path: &Path) -> Self {
        match path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("gz") => Self::Gzip,
            Some("zst") => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// The name of the compression.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "no compression",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The bytes compressed; equal bytes give equal ones.
    pub fn pack(self, bytes: Vec<u8>) -> Vec<u8> {
        let packed = match self {
            Self::Plain => return bytes,
            Self::Gzip => gzip(&bytes),
            Self::Zstd => zstd::encode_all(&*bytes, ZSTD_LEVEL),
        };
        packed.expect("compressing in memory does not fail")
    }
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    io::Write::write_all(&mut encoder, bytes)?;
    encoder.finish()
}

/// The bytes without their compression, if they have one; `name` is the key or file, for messages.
///
/// # Errors
/// `UnreadableValue` for what is damaged, compressed twice, or grows beyond measure.
pub fn unpack(bytes: Vec<u8>, name: &str) -> Result<Vec<u8>> {
    let packing = Packing::of(&bytes);
    let most = (bytes.len() as u64).saturating_mul(GROWTH).max(ALLOWANCE);
    let mut unpacked = Vec::new();
    let refused = |message: String, help: &str| -> Diagnostic {
        Code::UnreadableValue.error(message).help(help).within(name, None, None)
    };
    let read = match packing {
        Packing::Plain => return Ok(bytes),
        Packing::Gzip => MultiGzDecoder::new(&*bytes).take(most + 1).read_to_end(&mut unpacked),
        Packing::Zstd => zstd::Decoder::new(&*bytes).and_then(|mut decoder| {
            decoder.window_log_max(WINDOW_LOG)?;
            decoder.take(most + 1).read_to_end(&mut unpacked)
        }),
    };
    if let Err(error) = read {
        let message = format!("the {} data is damaged: {error}", packing.name());
        return Err(refused(message, "it was cut short or changed; write it again"));
    }
    if unpacked.len() as u64 > most {
        let message =
            format!("the {} data grows to more than {most} bytes from {}", packing.name(), bytes.len());
        return Err(refused(message, "decompress it yourself, if it really is a table"));
    }
    if Packing::of(&unpacked) != Packing::Plain {
        return Err(refused("the data is compressed twice".to_owned(), "compress it once"));
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Packing, unpack};
    use crate::diag::Code;

    const BOTH: [Packing; 2] = [Packing::Gzip, Packing::Zstd];

    #[test]
    fn what_is_packed_unpacks() {
        let text = b"a,b\n1,2\n".repeat(1000);
        assert_eq!(unpack(text.clone(), "k"), Ok(text.clone()));
        for packing in BOTH {
            let packed = packing.pack(text.clone());
            assert!(packed.len() < 200 && Packing::of(&packed) == packing);
            assert_eq!(unpack(packed.clone(), "k"), Ok(text.clone()));
            let two = [packed.clone(), packed.clone()].concat();
            assert_eq!(
                unpack(two, "k").map(|bytes| bytes.len()),
                Ok(2 * text.len()),
                "members follow each other"
            );
            let twice = unpack(packing.pack(packed), "k").expect_err("twice");
            assert_eq!(twice.message(), "the data is compressed twice");
        }
        let of = |name: &str| Packing::of_path(Path::new(name));
        assert_eq!(
            [of("x.csv.gz"), of("x.ZST"), of("x.csv")],
            [Packing::Gzip, Packing::Zstd, Packing::Plain]
        );
    }

    #[test]
    fn bombs_and_damage_are_refused() {
        for packing in BOTH {
            let bomb = unpack(packing.pack(vec![b' '; 70 << 20]), "k").expect_err("a bomb");
            assert!(bomb.message().contains("grows to more than 67108864 bytes from "), "{bomb}");
            let whole = packing
                .pack((0..20_000u32).flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()).collect());
            for end in [4, 10, whole.len() / 2, whole.len() - 1] {
                let error = unpack(whole[..end].to_vec(), "k").expect_err("cut");
                assert_eq!(error.code(), Code::UnreadableValue, "{} cut at {end}", packing.name());
            }
        }
        let mut changed = Packing::Gzip.pack(b"a\n1\n".repeat(50));
        let end = changed.len();
        changed[end - 6] ^= 1;
        assert!(unpack(changed, "k").is_err(), "the checksum says so");
    }
}
