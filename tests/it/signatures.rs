//! Versions are signed, and what is not signed or was changed afterwards is refused where signatures are required.

use crate::aliases::small;
use crate::command::{Place, on_both, repository};
use pipefit::store::connect;
use serde_json::json;

/// Puts the keys of the tests, and another pair's public half, into the place.
fn keys(place: &Place) {
    for name in ["key.pem", "pub.pem"] {
        place.write(name, std::fs::read(repository("tests/formats/signature-openssf").join(name)).unwrap());
    }
    place.write(
        "other.pem",
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE/sToP3tUPbsgzhhMIAAV9bgpUNOa\n9iHZgy7m1DsMcOz/tgJ9l4maMkMjaVvTTBPoyq6Q/ieeql9L7zO3c8Skgg==\n-----END PUBLIC KEY-----\n",
    );
}

#[test]
fn only_what_was_signed_is_used() {
    on_both(|place| {
        small(place);
        keys(place);
        place.run(&["run", "m.yaml"]).ok();
        let predict =
            |key: &str| place.run(&["predict", "m", "--input", "data.csv", "--require-signature", key]);
        predict("pub.pem").fails(7, &["`m:1` is not signed", "pipefit models sign m:1 --key FILE"]);
        place.run(&["models", "verify", "m", "--public-key", "pub.pem"]).fails(7, &["`m:1` is not signed"]);
        let signed = place.run(&["models", "sign", "m", "--key", "key.pem", "--json"]).json();
        assert_eq!((&signed["schema"], &signed["version"]), (&json!("pipefit.sign/1"), &json!(1)));
        predict("pub.pem").ok();
        predict("other.pem").fails(7, &["it was made with another key"]);
        predict("key.pem").fails(4, &["no public key"]);
        predict("none.pem").fails(4, &["none.pem"]);
        place.run(&["models", "sign", "m", "--key", "pub.pem"]).fails(4, &["no private key", "openssl"]);
        let verified = place.run(&["models", "verify", "m", "--public-key", "pub.pem", "--json"]).json();
        assert_eq!(verified["signatures"], 1);
        // Signed again it is signed once; another version is another matter.
        place.run(&["models", "sign", "m:1", "--key", "key.pem"]).ok();
        place.run(&["run", "m.yaml"]).ok();
        predict("pub.pem").fails(7, &["`m:2` is not signed"]);
        place
            .run(&["models", "verify", "m@latest", "--public-key", "pub.pem"])
            .fails(7, &["`m:2` is not signed"]);
        place.run(&["models", "verify", "m:1", "--public-key", "pub.pem"]).ok();
        let serve = place.run(&["serve", "m", "--bind", "127.0.0.1:0", "--require-signature", "pub.pem"]);
        serve.fails(7, &["`m:2` is not signed"]);
    });
}

/// Exports write nothing, and a gate compares with nothing, that is not signed.
#[test]
fn a_champion_and_an_export_have_to_be_signed_too() {
    let place = Place::new();
    small(&place);
    keys(&place);
    place.run(&["run", "m.yaml"]).ok();
    place.run(&["models", "promote", "m:1", "--alias", "champion"]).ok();
    let export = |to: &[&str]| {
        let rest = ["--require-signature", "pub.pem"];
        place.run(&[&["models", "export", "m:1"], to, &rest].concat())
    };
    for to in [&["dir"][..], &["--onnx", "m.onnx"], &["--sklearn", "m.py"]] {
        export(to).fails(7, &["`m:1` is not signed"]);
    }
    assert!(["dir", "m.onnx", "m.py", "m.safetensors"].iter().all(|file| !place.path(file).exists()));
    for paired in ["", ", paired: true"] {
        let gate = format!("promote={{require: [{{min_absolute_change: 0.0{paired}}}]}}");
        let run = || place.run(&["run", "m.yaml", "-S", &gate, "--require-signature", "pub.pem"]);
        run().fails(7, &["`m:1` is not signed"]);
        assert_eq!(place.versions("m").last(), Some(&1), "nothing is published");
    }
    place.run(&["models", "sign", "m:1", "--key", "key.pem"]).ok();
    export(&["--sklearn", "m.py"]).ok();
    // What the registry says of a champion's scores anybody may have written; what it says here is beyond all reach.
    let record = place.read("store/records/model%3Am");
    let score = record.split("\"scores\":{\"r2\":").nth(1).unwrap().split('}').next().unwrap();
    place.write("store/records/model%3Am", record.replace(&format!("\"r2\":{score}"), "\"r2\":99.5"));
    let gate = "promote={require: [{min_absolute_change: 0.0}]}";
    let trusting = place.run(&["run", "m.yaml", "-S", gate, "--json"]).json();
    assert_eq!(trusting["promotion"]["promoted"], false, "{trusting}");
    let ran = place.run(&["run", "m.yaml", "-S", gate, "--require-signature", "pub.pem", "--json"]).json();
    assert_eq!(ran["promotion"]["promoted"], true, "{ran}");
}

/// A signature goes with its version, whether that is removed by hand or by `keep`, and no other one does.
#[test]
fn a_removed_version_leaves_no_signature() {
    on_both(|place| {
        small(place);
        keys(place);
        for version in 1..=3 {
            place.run(&["run", "m.yaml"]).ok();
            place.run(&["models", "sign", &format!("m:{version}"), "--key", "key.pem"]).ok();
        }
        let signed = || {
            let store = connect(place.store(), place.root()).unwrap().store();
            store.list("signature:").unwrap()
        };
        assert_eq!(signed(), ["signature:m:1", "signature:m:2", "signature:m:3"]);
        place.run(&["models", "rm", "m:1"]).ok();
        assert_eq!(signed(), ["signature:m:2", "signature:m:3"]);
        place.run(&["run", "m.yaml", "-S", "output.keep=1"]).ok();
        assert_eq!(signed(), ["signature:m:3"]);
        place.run(&["models", "verify", "m:3", "--public-key", "pub.pem"]).ok();
        place.run(&["models", "rm", "m", "--all"]).ok();
        assert!(signed().is_empty());
    });
}

#[test]
fn a_version_is_exported_with_its_signature() {
    let place = Place::new();
    small(&place);
    keys(&place);
    place.run(&["run", "m.yaml", "-S", "output.report=[md]"]).ok();
    place.run(&["models", "sign", "m", "--key", "key.pem"]).ok();
    let exported = place.run(&["models", "export", "m", "out/m", "--json"]).json();
    assert_eq!(exported["files"], json!(["model.safetensors", "report.md", "model.sig"]));
    let copy = |name: &str| std::fs::read(place.path("artifacts/m/1").join(name)).unwrap();
    for name in ["model.safetensors", "report.md"] {
        assert_eq!(std::fs::read(place.path("out/m").join(name)).unwrap(), copy(name));
    }
    let bundle: serde_json::Value = serde_json::from_str(&place.read("out/m/model.sig")).unwrap();
    assert_eq!(bundle["mediaType"], "application/vnd.dev.sigstore.bundle.v0.3+json");
    place.run(&["models", "export", "m", "out/m"]).fails(2, &["`out/m` is there already"]);
    assert_eq!(place.run(&["models", "export", "m"]).code, Some(2));
}

/// A file of another version in the place of the right one, however it got there, is refused by digest; and a record that was
/// changed to fit it, by the signature.
#[test]
fn swapped_files_are_refused() {
    let place = Place::new();
    small(&place);
    keys(&place);
    place.run(&["run", "m.yaml"]).ok();
    place.run(&["run", "m.yaml", "-S", "model={Ridge: {alpha: 9}}"]).ok();
    place.run(&["models", "sign", "m:1", "--key", "key.pem"]).ok();
    let blob = |version: &str| {
        let shown = place.run(&["models", "show", version, "--json"]).json();
        shown["version"]["sha256"].as_str().unwrap().to_owned()
    };
    let (one, two) = (blob("m:1"), blob("m:2"));
    let path = |sha256: &str| place.path("store/blobs").join(sha256);
    let (first, second) = (std::fs::read(path(&one)).unwrap(), std::fs::read(path(&two)).unwrap());
    let swap = |a: &[u8], b: &[u8]| {
        std::fs::write(path(&one), a).unwrap();
        std::fs::write(path(&two), b).unwrap();
    };
    swap(&second, &first);
    place.run(&["predict", "m:1", "--input", "data.csv"]).fails(7, &["is damaged"]);
    assert_eq!(place.run(&["models", "verify", "m"]).code, Some(7));
    swap(&first, &second);
    // Whoever can write the store can name another file; a key they do not have.
    let record = place.read("store/records/model%3Am").replacen(&one, &two, 2);
    place.write("store/records/model%3Am", record);
    place.run(&["predict", "m:1", "--input", "data.csv"]).ok();
    place
        .run(&["predict", "m:1", "--input", "data.csv", "--require-signature", "pub.pem"])
        .fails(7, &["`m:1`: the signature does not hold", "file `model.safetensors` has sha256"]);
}
