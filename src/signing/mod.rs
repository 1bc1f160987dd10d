//! Signatures of versions in the form of the OpenSSF's model signing, as PyPI's `model-signing` writes and verifies them with its method
//! `key`: a sigstore bundle (version 0.3) with a DSSE envelope around an in-toto statement (version 1) of every file's sha256.

mod base64;
mod keys;

pub use keys::{PrivateKey, PublicKey};

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::diag::{Code, Diagnostic, Result};
use crate::table::Digest;

/// The file that a signature is in, beside what it signs.
pub const SIGNATURE_FILE: &str = "model.sig";

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://model_signing/signature/v1.0";
/// No signature of some files is longer.
const MOST_BYTES: usize = 16 << 20;

/// The digests of the files of a version, by name.
pub type Files = BTreeMap<String, Digest>;

/// Signs files under a name: the bundle as JSON.
///
/// # Errors
/// `Bug` where the key does not sign.
pub fn sign(name: &str, files: &Files, key: &PrivateKey) -> Result<String> {
    let resource =
        |(name, digest): (&String, &Digest)| json!({"name": name, "algorithm": "sha256", "digest": digest});
    let statement = json!({
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": root(files.values())}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "serialization": {
                "method": "files", "hash_type": "sha256", "allow_symlinks": false, "ignore_paths": [SIGNATURE_FILE],
            },
            "resources": files.iter().map(resource).collect::<Vec<_>>(),
        },
    });
    let payload = statement.to_string();
    let signature = key.sign(&encoded(payload.as_bytes()))?;
    let bundle = json!({
        "mediaType": MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": key.public().hint()}, "tlogEntries": []},
        "dsseEnvelope": {
            "payload": base64::encode(payload.as_bytes()),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"sig": base64::encode(&signature), "keyid": ""}],
        },
    });
    Ok(bundle.to_string())
}

/// Verifies that the bundle was signed with the key's private half, and that it signs exactly these files.
///
/// # Errors
/// `NotReproducible` with what is not as it should be.
pub fn verify(bundle: &[u8], files: &Files, key: &PublicKey) -> Result<()> {
    let signed = statement(bundle, key).map_err(|why| unsigned(&why))?;
    for (name, digest) in files {
        match signed.get(name) {
            None => return Err(unsigned(&format!("file `{name}` is not signed"))),
            Some(other) if other != digest => {
                return Err(unsigned(&format!("file `{name}` has sha256 {digest}, and {other} is signed")));
            }
            Some(_) => {}
        }
    }
    match signed.keys().find(|name| !files.contains_key(*name)) {
        Some(name) => Err(unsigned(&format!("file `{name}` is signed and not there"))),
        None => Ok(()),
    }
}

fn unsigned(why: &str) -> Diagnostic {
    let message = format!("the signature does not hold: {why}");
    Code::NotReproducible.error(message).help("do not use this version unless you know who changed it")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Envelope,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    public_key: Option<Hint>,
}

#[derive(Deserialize)]
struct Hint {
    hint: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    sig: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Deserialize)]
struct Subject {
    digest: BTreeMap<String, Digest>,
}

#[derive(Deserialize)]
struct Predicate {
    serialization: Value,
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
    algorithm: String,
    digest: Digest,
}

/// The files that a bundle signs. Nothing of the statement is looked at before the signature holds.
fn statement(bytes: &[u8], key: &PublicKey) -> std::result::Result<Files, String> {
    if bytes.len() > MOST_BYTES {
        return Err(format!("it has more than {MOST_BYTES} bytes"));
    }
    let is_none = |error: serde_json::Error| format!("it is no bundle of the expected form: {error}");
    let bundle: Bundle = serde_json::from_slice(bytes).map_err(is_none)?;
    if bundle.media_type != MEDIA_TYPE {
        return Err(format!("it is a bundle of type `{}`, not `{MEDIA_TYPE}`", bundle.media_type));
    }
    let hint = bundle.verification_material.public_key.and_then(|key| key.hint);
    if hint.is_some_and(|hint| hint != key.hint()) {
        return Err("it was made with another key".to_owned());
    }
    let envelope = bundle.dsse_envelope;
    let [signature] = &envelope.signatures[..] else {
        return Err(format!("it has {} signatures, not one", envelope.signatures.len()));
    };
    let decoded = base64::decode(&envelope.payload).zip(base64::decode(&signature.sig));
    let (payload, signature) = decoded.ok_or("it is not in base64")?;
    if envelope.payload_type != PAYLOAD_TYPE || !key.verifies(&encoded(&payload), &signature) {
        return Err("it was not made with this key, or was changed afterwards".to_owned());
    }
    let statement: Statement = serde_json::from_slice(&payload).map_err(is_none)?;
    if statement.kind != STATEMENT_TYPE || statement.predicate_type != PREDICATE_TYPE {
        return Err(format!("it states `{}`, not `{PREDICATE_TYPE}`", statement.predicate_type));
    }
    let method = &statement.predicate.serialization["method"];
    if method != "files" {
        return Err(format!("it signs by the method {method}, not whole files"));
    }
    resources(&statement)
}

/// The files of a statement, whose digest of all of them must be that of the subject.
fn resources(statement: &Statement) -> std::result::Result<Files, String> {
    let resources = &statement.predicate.resources;
    if let Some(other) = resources.iter().find(|resource| resource.algorithm != "sha256") {
        return Err(format!("file `{}` is signed by its {}, not its sha256", other.name, other.algorithm));
    }
    let named = statement.subject.iter().map(|subject| subject.digest.get("sha256"));
    let all = root(resources.iter().map(|resource| &resource.digest));
    if !named.eq([Some(&all)]) {
        return Err("it contradicts itself: the digest of all files is another".to_owned());
    }
    let files: Files = resources.iter().map(|resource| (resource.name.clone(), resource.digest)).collect();
    if files.len() == resources.len() { Ok(files) } else { Err("it signs a file twice".to_owned()) }
}

/// The digest of digests, in the order of the names.
fn root<'a>(digests: impl Iterator<Item = &'a Digest>) -> Digest {
    let mut hasher = Sha256::new();
    digests.for_each(|digest| hasher.update(digest.bytes()));
    Digest::from_bytes(hasher.finalize().into())
}

/// What is signed: DSSE's pre-authentication encoding (version 1).
fn encoded(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::{Files, PrivateKey, PublicKey, sign, verify};
    use crate::table::Digest;

    /// What model-signing 1.1.1 wrote over two files with the key of the tests in `keys`.
    const THEIRS: &[u8] = include_bytes!("../../tests/formats/signature-openssf/model.sig");
    const PUBLIC: &[u8] = include_bytes!("../../tests/formats/signature-openssf/pub.pem");
    const PRIVATE: &[u8] = include_bytes!("../../tests/formats/signature-openssf/key.pem");

    fn files(contents: &[(&str, &str)]) -> Files {
        contents.iter().map(|(name, text)| ((*name).to_owned(), Digest::of(text.as_bytes()))).collect()
    }

    #[test]
    fn a_signature_of_model_signing_is_verified() {
        let public = PublicKey::parse(PUBLIC, "pub.pem").unwrap();
        let signed = files(&[("a.txt", "hi\n"), ("model.safetensors", "ho\n")]);
        assert_eq!(verify(THEIRS, &signed, &public), Ok(()));
        for (other, why) in [
            (files(&[("a.txt", "hi\n")]), "`model.safetensors` is signed and not there"),
            (files(&[("a.txt", "hi\n"), ("model.safetensors", "hO\n")]), "is signed"),
            (files(&[("a.txt", "hi\n"), ("b", ""), ("model.safetensors", "ho\n")]), "`b` is not signed"),
        ] {
            let error = verify(THEIRS, &other, &public).unwrap_err();
            assert!(error.message().contains(why), "{error}");
        }
    }

    /// Whatever byte of a bundle is changed, it does not verify.
    #[test]
    fn a_changed_signature_is_refused() {
        let (key, public) =
            (PrivateKey::parse(PRIVATE, "key").unwrap(), PublicKey::parse(PUBLIC, "pub").unwrap());
        let signed = files(&[("model.safetensors", "ho"), ("report.md", "# hi")]);
        let ours = sign("m", &signed, &key).unwrap();
        assert_eq!(verify(ours.as_bytes(), &signed, &public), Ok(()));
        // What stands behind it, `keyid`, says nothing to anybody.
        let end = ours.find(",\"keyid\"").unwrap();
        for at in ours.find("\"dsseEnvelope").unwrap()..end {
            let mut changed = ours.clone().into_bytes();
            changed[at] ^= 1 << (at % 8);
            assert!(verify(&changed, &signed, &public).is_err(), "byte {at}");
        }
        for end in 0..ours.len() {
            assert!(verify(&ours.as_bytes()[..end], &signed, &public).is_err());
        }
    }
}
