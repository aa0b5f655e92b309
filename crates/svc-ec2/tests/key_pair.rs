use std::io::Write;
use std::process::Command;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::Digest;

use crate::cloud::{Cloud, filters, input, op, tagged};

/// Whether the program can be run; a test that cannot use it says so.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("-V").output().is_ok();
    if !found {
        assert!(std::env::var_os("BRUME_REQUIRE_ALL").is_none(), "{program} is not there");
        eprintln!("SKIPPED: {program} is not there");
    }
    found
}

/// A file that only its owner can read, as `ssh-keygen` wants it.
fn file(contents: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(contents.as_bytes()).unwrap();
    file.flush().unwrap();
    file
}

fn der(pem: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(pem).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}

fn with_colons(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

#[test]
fn private_keys_belong_to_their_public_ones() {
    if !has("ssh-keygen") {
        return;
    }
    let cloud = Cloud::new();
    for kind in ["rsa", "ed25519"] {
        let created =
            cloud.ok::<op::CreateKeyPair>(input!(CreateKeyPairRequest { key_name: kind, key_type: kind }));
        let private = file(&format!("{}\n", created.key_material.unwrap()));
        let derived = Command::new("ssh-keygen").arg("-y").arg("-f").arg(private.path()).output().unwrap();
        let derived = String::from_utf8(derived.stdout).unwrap();
        let input = input!(DescribeKeyPairsRequest { key_names: [kind], include_public_key: true });
        let pair = cloud.ok::<op::DescribeKeyPairs>(input).key_pairs.unwrap().remove(0);
        let public = pair.public_key.unwrap();
        let words = |line: &str| line.split_whitespace().take(2).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&derived), words(&public), "{kind}");
        if kind == "rsa" {
            // As AWS says to check it: the SHA-1 of the key as PKCS #8.
            let as_pkcs8 = Command::new("ssh-keygen")
                .args(["-p", "-m", "PKCS8", "-N", "", "-f"])
                .arg(private.path())
                .output();
            assert!(as_pkcs8.unwrap().status.success());
            let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, &der(&std::fs::read(private.path()).unwrap()));
            assert_eq!(pair.key_fingerprint.as_ref(), Some(&with_colons(digest.as_ref())));
        }
        assert_eq!(pair.key_fingerprint, created.key_fingerprint);
    }
}

#[test]
fn fingerprints_of_imported_keys_are_those_of_ssh_keygen() {
    if !has("ssh-keygen") {
        return;
    }
    let cloud = Cloud::new();
    let directory = tempfile::tempdir().unwrap();
    for kind in ["rsa", "ed25519"] {
        let path = directory.path().join(kind);
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-N", "", "-f"])
            .arg(&path)
            .args(if kind == "rsa" { &["-b", "2048"][..] } else { &[] })
            .status()
            .unwrap();
        assert!(made.success());
        let public = std::fs::read(path.with_extension("pub")).unwrap();
        let imported = cloud.ok::<op::ImportKeyPair>(input!(ImportKeyPairRequest {
            key_name: kind,
            public_key_material: bytes::Bytes::from(public),
        }));
        let fingerprint = imported.key_fingerprint.unwrap();
        if kind == "ed25519" {
            let listed = Command::new("ssh-keygen").arg("-l").arg("-f").arg(&path).output().unwrap();
            let listed = String::from_utf8(listed.stdout).unwrap();
            assert!(listed.contains(&format!("SHA256:{}", fingerprint.trim_end_matches('='))), "{listed}");
        } else {
            let spki =
                Command::new("ssh-keygen").args(["-e", "-m", "PKCS8", "-f"]).arg(&path).output().unwrap();
            assert_eq!(fingerprint, with_colons(&md5::Md5::digest(der(&spki.stdout))));
        }
    }
}

#[test]
fn names_are_unique_and_deleting_is_forgiving() {
    let cloud = Cloud::new();
    let create = || {
        input!(CreateKeyPairRequest {
            key_name: "mine",
            key_type: "ed25519",
            tag_specifications: tagged("key-pair", &[("team", "net")]),
        })
    };
    let created = cloud.ok::<op::CreateKeyPair>(create());
    assert!(created.key_material.unwrap().starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
    cloud.refuses::<op::CreateKeyPair>(
        create(),
        "InvalidKeyPair.Duplicate",
        "The keypair 'mine' already exists.",
    );
    let find = || {
        let input = input!(DescribeKeyPairsRequest { filters: filters(&[("tag:team", &["net"])]) });
        cloud.ok::<op::DescribeKeyPairs>(input).key_pairs.unwrap()
    };
    assert_eq!(find()[0].public_key, None);
    let unknown = input!(DescribeKeyPairsRequest { key_names: ["nope"] });
    cloud.refuses::<op::DescribeKeyPairs>(
        unknown,
        "InvalidKeyPair.NotFound",
        "The key pair 'nope' does not exist",
    );
    let deleted = cloud.ok::<op::DeleteKeyPair>(input!(DeleteKeyPairRequest { key_name: "mine" }));
    assert_eq!(deleted.key_pair_id, created.key_pair_id);
    assert_eq!(find(), []);
    cloud.ok::<op::DeleteKeyPair>(input!(DeleteKeyPairRequest { key_name: "mine" }));
    let by_id = input!(DeleteKeyPairRequest { key_pair_id: created.key_pair_id.unwrap() });
    cloud.refuses::<op::DeleteKeyPair>(by_id, "InvalidKeyPair.NotFound", "…");
}

#[test]
fn what_is_no_key_is_refused() {
    let cloud = Cloud::new();
    let input = input!(ImportKeyPairRequest {
        key_name: "x",
        public_key_material: bytes::Bytes::from_static(b"ssh-rsa AAAA")
    });
    cloud.refuses::<op::ImportKeyPair>(
        input,
        "InvalidKey.Format",
        "Key is not in valid OpenSSH public key format",
    );
}

#[test]
fn putty_files_have_the_right_shape() {
    let cloud = Cloud::new();
    for (kind, name) in [("rsa", "ssh-rsa"), ("ed25519", "ssh-ed25519")] {
        let input = input!(CreateKeyPairRequest { key_name: kind, key_type: kind, key_format: "ppk" });
        let file = cloud.ok::<op::CreateKeyPair>(input).key_material.unwrap();
        let lines: Vec<&str> = file.lines().collect();
        assert_eq!(lines[0], format!("PuTTY-User-Key-File-2: {name}"));
        let count = |label: &str| {
            lines.iter().find_map(|line| line.strip_prefix(label)).unwrap().parse::<usize>().unwrap()
        };
        assert_eq!(lines.len(), 3 + 1 + count("Public-Lines: ") + 1 + count("Private-Lines: ") + 1);
    }
}
