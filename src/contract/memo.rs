//! The step cache, seen from where it is used.

use crate::table::Digest;

/// Remembers bytes under the digest of everything they depend on. Outcomes are equal with and
/// without one; `store` implements it, `job` hands it in.
pub trait Memo: Sync {
    /// What is remembered under a digest.
    fn get(&self, digest: &Digest) -> Option<Vec<u8>>;
    /// Remembers bytes. That it fails is no error: the work is done again next time.
    fn put(&self, digest: &Digest, bytes: &[u8]);
}
