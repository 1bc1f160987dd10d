//! `--memory SIZE`, and how much memory there is.

use std::fs;

/// The share of the machine's or the container's memory that a run may take.
const SHARE: f64 = 0.6;

/// What a run may take: what was given, else a share of what there is, if that is known.
pub fn bound(given: Option<u64>) -> Option<u64> {
    given.or_else(|| there().map(|bytes| (bytes as f64 * SHARE) as u64))
}

/// A size as people write it: `500MB` and `2G` are powers of 1000 and `4GiB` of 1024, a number alone is bytes.
///
/// # Errors
/// What is expected.
pub fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.trim().to_ascii_lowercase();
    let power = |letter: &str| "kmgtp".find(letter).filter(|_| letter.len() == 1).map(|at| at as i32 + 1);
    let factor = match unit.as_str() {
        "" | "b" => Some(1.0),
        unit => match (unit.strip_suffix("ib"), unit.strip_suffix('b').unwrap_or(unit)) {
            (Some(letter), _) => power(letter).map(|power| 1024_f64.powi(power)),
            (None, letter) => power(letter).map(|power| 1000_f64.powi(power)),
        },
    };
    let bytes = number.parse::<f64>().ok().zip(factor).map(|(number, factor)| number * factor);
    match bytes {
        Some(bytes) if bytes >= 1.0 && bytes < u64::MAX as f64 => Ok(bytes as u64),
        _ => Err("write a size such as 4GiB, 500MB, 2G, or a number of bytes".to_owned()),
    }
}

/// The least of the machine's memory and the bounds of the control groups that this process is in.
fn there() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    });
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let bounds = groups.lines().flat_map(files).filter_map(|file| {
        // `max`, and of version 1 a number beyond any memory, is no bound.
        fs::read_to_string(file).ok()?.trim().parse::<u64>().ok()
    });
    bounds.chain(machine).min()
}

/// The files that bound the memory of a control group and of those that it is in. Within a container its own group is
/// mounted at the top.
fn files(line: &str) -> Vec<String> {
    let mut fields = line.splitn(3, ':');
    let (top, file) = match (fields.next(), fields.next()) {
        (Some("0"), Some("")) => ("/sys/fs/cgroup", "memory.max"),
        (_, Some(controllers)) if controllers.split(',').any(|name| name == "memory") => {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return Vec::new(),
    };
    let path = fields.next().unwrap_or_default().trim_matches('/');
    let mut files = vec![format!("{top}/{file}")];
    let mut group = top.to_owned();
    for name in path.split('/').filter(|name| !name.is_empty() && *name != "..") {
        group = format!("{group}/{name}");
        files.push(format!("{group}/{file}"));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let sizes = [
            ("4GiB", 4 << 30),
            ("500MB", 500_000_000),
            ("2G", 2_000_000_000),
            ("1.5 kib", 1536),
            ("12345", 12345),
            ("7b", 7),
            ("1T", 1_000_000_000_000),
        ];
        sizes.iter().for_each(|(text, bytes)| assert_eq!(size(text), Ok(*bytes), "{text}"));
        for text in ["", "G", "-1", "0", "4 gigs", "1e400", "0.1", "kb", "4kgb", "99999999P"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn control_groups_have_their_bounds_on_the_way_down() {
        assert_eq!(
            files("0::/a/b"),
            ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/a/memory.max", "/sys/fs/cgroup/a/b/memory.max"]
        );
        assert_eq!(files("5:cpu,memory:/"), ["/sys/fs/cgroup/memory/memory.limit_in_bytes"]);
        assert!(files("3:cpu:/a").is_empty());
        assert!(there().is_none_or(|bytes| bytes > 1 << 20));
        assert_eq!(bound(Some(5)), Some(5));
    }
}
