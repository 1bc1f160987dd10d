//! Keys on P-256 and P-384 in PEM files, and what they sign and verify.

use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};
use rustls::sign::SigningKey;

use super::base64;
use crate::diag::{Code, Diagnostic, Result};
use crate::table::Digest;

/// A curve with its hash, as rustls and DER have them.
struct Curve {
    scheme: SignatureScheme,
    /// What stands before the point in a SubjectPublicKeyInfo (RFC 5480).
    head: &'static [u8],
    /// The length of an uncompressed point.
    point: usize,
}

const CURVES: [Curve; 2] = [
    Curve {
        scheme: SignatureScheme::ECDSA_NISTP256_SHA256,
        head: &[
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
            0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ],
        point: 65,
    },
    Curve {
        scheme: SignatureScheme::ECDSA_NISTP384_SHA384,
        head: &[
            0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
            0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
        ],
        point: 97,
    },
];

/// A key that signs.
pub struct PrivateKey {
    key: Arc<dyn SigningKey>,
    scheme: SignatureScheme,
    public: PublicKey,
}

/// A key that verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    der: Vec<u8>,
}

impl PrivateKey {
    /// The private key in a PEM text: PKCS #8 or SEC 1, not encrypted. `place` is what messages call the text.
    ///
    /// # Errors
    /// `UnreadableValue` where it holds no such key. No part of it is told.
    pub fn parse(pem: &[u8], place: &str) -> Result<Self> {
        let none = || no_key(place, "private");
        let der = PrivateKeyDer::from_pem_slice(pem).map_err(|_| none())?;
        let key = ring::sign::any_ecdsa_type(&der).map_err(|_| none())?;
        let schemes = CURVES.each_ref().map(|curve| curve.scheme);
        let signer = key.choose_scheme(&schemes).ok_or_else(none)?;
        let der = key.public_key().ok_or_else(none)?;
        let public = PublicKey { der: der.to_vec() };
        Ok(Self { scheme: signer.scheme(), public, key })
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs some bytes, with the hash of the curve; the signature is DER.
    pub(super) fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let signer = self.key.choose_scheme(&[self.scheme]);
        let signed = signer.map(|signer| signer.sign(bytes));
        let bug = || Code::Bug.error("the key does not sign, though it was read");
        signed.ok_or_else(bug)?.map_err(|_| bug())
    }
}

impl PublicKey {
    /// The public key in a PEM text, a SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// As [`PrivateKey::parse`].
    pub fn parse(pem: &[u8], place: &str) -> Result<Self> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem).map_err(|_| no_key(place, "public"))?;
        let key = Self { der: der.to_vec() };
        if key.curve().is_some() { Ok(key) } else { Err(no_key(place, "public")) }
    }

    /// Whether a DER signature of these bytes was made with the private key.
    pub(super) fn verifies(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let Some((curve, point)) = self.curve() else { return false };
        let known = ring::default_provider().signature_verification_algorithms.mapping;
        let algorithms = known.iter().filter(|(scheme, _)| *scheme == curve.scheme);
        let mut algorithms = algorithms.flat_map(|(_, algorithms)| algorithms.iter());
        algorithms.any(|algorithm| algorithm.verify_signature(point, bytes, signature).is_ok())
    }

    /// What bundles call the key: the sha256 of its PEM text.
    pub fn hint(&self) -> String {
        let text = base64::encode(&self.der);
        let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
        for line in text.as_bytes().chunks(64) {
            pem.extend(line.iter().map(|byte| char::from(*byte)));
            pem.push('\n');
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        Digest::of(pem.as_bytes()).to_string()
    }

    fn curve(&self) -> Option<(&'static Curve, &[u8])> {
        CURVES.iter().find_map(|curve| {
            let point = self.der.strip_prefix(curve.head)?;
            (point.len() == curve.point).then_some((curve, point))
        })
    }
}

fn no_key(place: &str, kind: &str) -> Diagnostic {
    let message = format!("`{place}` is no {kind} key that can be used here");
    Code::UnreadableValue.error(message).help(
        "keys are on P-256 or P-384, in PEM and not encrypted: `openssl ecparam -name prime256v1 -genkey -noout -out key.pem`, \
         and `openssl ec -in key.pem -pubout -out pub.pem`",
    )
}

#[cfg(test)]
mod tests {
    use super::{PrivateKey, PublicKey};

    /// Made by `openssl ecparam -genkey` for this test; nothing else was ever signed with it.
    const SEC1: &str = "-----BEGIN EC PRIVATE KEY-----
MHcCAQEEIBzIvOmIAMNa9wUj9RbOJ+TuPKmtLrb677N5+mgvI8GEoAoGCCqGSM49
AwEHoUQDQgAEpi5/jYjZoGp5h/Wa7hplZhkUiuv6SEIXttdaVKcUzsvSmSpL8ltA
pTi6iAoJ/jB8jUQ2q3UfGHTqKZhCZxOkMA==
-----END EC PRIVATE KEY-----
";
    const PKCS8: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgHMi86YgAw1r3BSP1
Fs4n5O48qa0utvrvs3n6aC8jwYShRANCAASmLn+NiNmganmH9ZruGmVmGRSK6/pI
Qhe211pUpxTOy9KZKkvyW0ClOLqICgn+MHyNRDardR8YdOopmEJnE6Qw
-----END PRIVATE KEY-----
";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEpi5/jYjZoGp5h/Wa7hplZhkUiuv6
SEIXttdaVKcUzsvSmSpL8ltApTi6iAoJ/jB8jUQ2q3UfGHTqKZhCZxOkMA==
-----END PUBLIC KEY-----
";

    #[test]
    fn both_forms_of_a_private_key_have_the_same_public_one() {
        let public = PublicKey::parse(PUBLIC.as_bytes(), "pub.pem").unwrap();
        // As model-signing calls it.
        assert_eq!(public.hint(), "c758440c53189609fd3c0e89b61e1c2ab304857a526504acdaf597113499adc5");
        for pem in [SEC1, PKCS8] {
            let key = PrivateKey::parse(pem.as_bytes(), "key.pem").unwrap();
            assert_eq!(*key.public(), public);
            let signature = key.sign(b"some bytes").unwrap();
            assert!(public.verifies(b"some bytes", &signature));
            assert!(
                !public.verifies(b"some bytez", &signature)
                    && !public.verifies(b"some bytes", &signature[1..])
            );
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_a_word_of_it() {
        for text in [
            "",
            "secret",
            PUBLIC,
            &PKCS8.replace("MIGH", "MIGI"),
            &PKCS8.replace("PRIVATE", "ENCRYPTED PRIVATE"),
        ] {
            let error = PrivateKey::parse(text.as_bytes(), "key.pem").err().unwrap();
            assert_eq!(error.message(), "`key.pem` is no private key that can be used here");
        }
        for text in ["", PKCS8, &PUBLIC.replace("MFkw", "MFkx")] {
            assert!(PublicKey::parse(text.as_bytes(), "pub.pem").is_err());
        }
    }
}
