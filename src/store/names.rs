//! Any name as a file name, and back; and names that nobody else has.

use crate::diag::{Code, Result};
use std::hash::{BuildHasher, Hasher};

/// The longest file name of the common file systems, in bytes.
const LONGEST: usize = 255;

/// The file name of a record, counter or key: `a-z`, `0-9`, `_`, `-` and inner dots stay, every other byte is
/// `%` and two uppercase digits. Capital letters are encoded too, so that `Churn` and `churn` stay two files where
/// the file system ignores case. A leading dot is encoded, so that nothing is hidden and `..` is no parent. The
/// empty name is `%` alone.
///
/// Refuses a name whose encoded form is longer than 255 bytes.
pub fn file_name(name: &str) -> Result<String> {
    let mut file = String::with_capacity(name.len());
    for (i, byte) in name.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => file.push(char::from(byte)),
            b'.' if i > 0 => file.push('.'),
            _ => file.push_str(&format!("%{byte:02X}")),
        }
    }
    if name.is_empty() {
        file.push('%');
    }
    if file.len() > LONGEST {
        let start: String = name.chars().take(40).collect();
        let message = format!(
            "`{start}...` is too long for a `dir:` store: as a file name it has {} bytes, and {LONGEST} is the limit",
            file.len()
        );
        return Err(Code::StoreRefused.error(message).help("use a shorter key, or a Redis store"));
    }
    Ok(file)
}

/// The name behind a file name; `None` for a file that [`file_name`] never makes.
pub fn name_of(file: &str) -> Option<String> {
    if file == "%" {
        return Some(String::new());
    }
    let name = percent_decode(file)?;
    (file_name(&name).ok()? == file).then_some(name)
}

/// Undoes percent-encoding; `None` if a `%` lacks its two digits or the bytes are not UTF-8.
pub fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let value = digit()? * 16 + digit()?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// 64 bits that no other process or thread has, for temporary names and run ids. They are the standard library's
/// keys for hash maps, which come from the operating system, mixed with process and time.
pub fn unique() -> u64 {
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    hasher.write_u128(now.map_or(0, |since| since.as_nanos()));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::{file_name, name_of, unique};

    #[test]
    fn any_name_becomes_a_harmless_file_and_comes_back() {
        let names = [
            "",
            ".",
            "..",
            "../../etc/passwd",
            "data:diabetes",
            "a/b",
            "Churn",
            "churn",
            "%41",
            "größe\n\0",
            "~",
        ];
        let files: std::collections::BTreeSet<_> =
            names.iter().map(|name| file_name(name).unwrap().to_lowercase()).collect();
        assert_eq!(files.len(), names.len(), "two names share a file where case is ignored");
        for name in names {
            let file = file_name(name).unwrap();
            assert!(!file.starts_with('.') && !file.contains('/') && !file.is_empty(), "{file}");
            assert_eq!(name_of(&file).as_deref(), Some(name));
        }
        assert_eq!(file_name("data:diabetes").unwrap(), "data%3Adiabetes");
    }

    #[test]
    fn files_of_others_have_no_name() {
        for file in ["README", ".hidden", "a%3a", "%4", "%FF", "%%"] {
            assert_eq!(name_of(file), None, "{file}");
        }
    }

    #[test]
    fn a_name_beyond_the_limit_is_refused_with_its_length() {
        assert!(file_name(&"a".repeat(255)).is_ok());
        let error = file_name(&"a".repeat(256)).unwrap_err();
        assert!(error.message().contains("256 bytes"), "{error}");
    }

    #[test]
    fn unique_is() {
        let drawn: std::collections::BTreeSet<_> = (0..1000).map(|_| unique()).collect();
        assert_eq!(drawn.len(), 1000);
    }
}
