//! SSH public keys of users.

use super::cloud::{By, Cloud};
use aws_api::iam::{self as api, operation as op};

// Made by ssh-keygen, which also says the fingerprint.
pub(crate) const SSH: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCsnkjbUseqS2K2IFwkqIIuvnlP7cAr47eLiWa+kpKgAv9HLdw+kkMSS3AW5cUueOC3QM3oYVDf0GIpgGuwqjHJhuH4Z5FvhwaPWyF435hjQVedNocvlel1wN11AXZd8LtwcLcxzxTdvxQMO4IOYVKrdxskYm0eDnuZCDuw/m/nxMjcNA3x3/IHPs12vGeP0XeMdSdfZgKwcIIWGoxcfda/LHL8gdzW4iJHQnHP+BTgcSO/dzw4OdA+zOmGB2T0NaqWkQXpwZ47/f4+aje8VLr/W99JAJx7fMxxJPDJqB/L/uGHs6vrEpfS5Tg62/Ku9tzgo5FlT5gqHk3T0cb/XYHP bob@example";
const FINGERPRINT: &str = "9a:3d:97:d1:7e:67:04:d9:c1:31:6d:2a:c6:04:10:dd";
const PEM: &str = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArJ5I21LHqktitiBcJKiC\nLr55T+3AK+O3i4lmvpKSoAL/Ry3cPpJDEktwFuXFLnjgt0DN6GFQ39BiKYBrsKox\nyYbh+GeRb4cGj1sheN+YY0FXnTaHL5XpdcDddQF2XfC7cHC3Mc8U3b8UDDuCDmFS\nq3cbJGJtHg57mQg7sP5v58TI3DQN8d/yBz7Ndrxnj9F3jHUnX2YCsHCCFhqMXH3W\nvyxy/IHc1uIiR0Jxz/gU4HEjv3c8ODnQPszphgdk9DWqlpEF6cGeO/3+Pmo3vFS6\n/1vfSQCce3zMcSTwyagfy/7hh7Or6xKX0uU4Otvyrvbc4KORZU+YKh5N09HG/12B\nzwIDAQAB\n-----END PUBLIC KEY-----\n";
const PKCS1: &str = "-----BEGIN RSA PUBLIC KEY-----\nMIIBCgKCAQEArJ5I21LHqktitiBcJKiCLr55T+3AK+O3i4lmvpKSoAL/Ry3cPpJD\nEktwFuXFLnjgt0DN6GFQ39BiKYBrsKoxyYbh+GeRb4cGj1sheN+YY0FXnTaHL5Xp\ndcDddQF2XfC7cHC3Mc8U3b8UDDuCDmFSq3cbJGJtHg57mQg7sP5v58TI3DQN8d/y\nBz7Ndrxnj9F3jHUnX2YCsHCCFhqMXH3Wvyxy/IHc1uIiR0Jxz/gU4HEjv3c8ODnQ\nPszphgdk9DWqlpEF6cGeO/3+Pmo3vFS6/1vfSQCce3zMcSTwyagfy/7hh7Or6xKX\n0uU4Otvyrvbc4KORZU+YKh5N09HG/12BzwIDAQAB\n-----END RSA PUBLIC KEY-----\n";
const SMALL: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDMyIZFzU8lIMITFMAQVLC5DbbevwWfqLt0UpWsjIPElZ22v2r3OHZ5K2VrV8JDUeEJ/ypKU3tPe7Thm8JsWe2oU9af2d6AbA/3LvmY2zr2x2EvlMHcKNmNH66EOBWfxQS4u707KpAO1xfbnJHEWvlQbwJdBWv5tNGl7awOMd2kcw== small";
const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPGeeX3IoaYHibI0K7IAhTMiM5PzgzipLA6nY9P1yKPm ed";

pub(crate) fn upload(user: &str, body: &str) -> api::UploadSSHPublicKeyRequest {
    api::UploadSSHPublicKeyRequest { user_name: user.to_owned(), ssh_public_key_body: body.to_owned() }
}

fn delete(user: &str, id: &str) -> api::DeleteSSHPublicKeyRequest {
    api::DeleteSSHPublicKeyRequest { user_name: user.to_owned(), ssh_public_key_id: id.to_owned() }
}

#[test]
fn a_key_is_read_and_shown_in_each_form() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    let words = SSH.rsplit_once(' ').unwrap().0;
    for (given, ssh, pem) in [(SSH, SSH, PEM), (PEM, words, PEM.trim()), (PKCS1, words, PKCS1.trim())] {
        let made = cloud.ok::<op::UploadSSHPublicKey>(upload("Bob", given)).ssh_public_key.unwrap();
        assert_eq!((made.fingerprint.as_str(), made.status.as_str()), (FINGERPRINT, "Active"));
        assert!(made.ssh_public_key_id.starts_with("APKA") && made.ssh_public_key_id.len() == 21);
        assert_eq!((made.ssh_public_key_body.as_str(), made.upload_date), (given.trim(), Some(cloud.now)));
        for (encoding, expect) in [("SSH", ssh), ("PEM", pem)] {
            let shown = cloud.ok::<op::GetSSHPublicKey>(api::GetSSHPublicKeyRequest {
                user_name: "Bob".to_owned(),
                ssh_public_key_id: made.ssh_public_key_id.clone(),
                encoding: encoding.to_owned(),
            });
            assert_eq!(shown.ssh_public_key.unwrap().ssh_public_key_body, expect);
        }
        cloud.refuses::<op::UploadSSHPublicKey>(
            upload("Bob", PEM),
            "DuplicateSSHPublicKey: The SSH public key is already associated with the specified IAM user.",
        );
        cloud.ok::<op::DeleteSSHPublicKey>(delete("Bob", &made.ssh_public_key_id));
    }
}

#[test]
fn what_is_no_key_is_refused() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    let invalid = "InvalidPublicKey: The public key is malformed or otherwise invalid.";
    let unknown =
        "UnrecognizedPublicKeyEncoding: The public key encoding format is unsupported or unrecognized.";
    for (body, expect) in [
        (SMALL, invalid),
        ("ssh-rsa", invalid),
        ("ssh-rsa !!!!", invalid),
        ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQAB", invalid),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", invalid),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", invalid),
        (ED25519, unknown),
        ("what?", unknown),
    ] {
        cloud.refuses::<op::UploadSSHPublicKey>(upload("Bob", body), expect);
    }
}

#[test]
fn keys_are_listed_changed_and_deleted() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    cloud.user("Eve");
    let made = cloud.ok::<op::UploadSSHPublicKey>(upload("Bob", SSH)).ssh_public_key.unwrap();
    let id = made.ssh_public_key_id;
    cloud.ok::<op::UpdateSSHPublicKey>(api::UpdateSSHPublicKeyRequest {
        user_name: "Bob".to_owned(),
        ssh_public_key_id: id.clone(),
        status: "Inactive".to_owned(),
    });
    let list =
        |by: &By<'_>| cloud.ok_by::<op::ListSSHPublicKeys>(by, Default::default()).ssh_public_keys.unwrap();
    let expected = api::SSHPublicKeyMetadata {
        user_name: "Bob".to_owned(),
        ssh_public_key_id: id.clone(),
        status: "Inactive".to_owned(),
        upload_date: cloud.now,
    };
    assert_eq!(list(&By::User("Bob")), [expected]);
    assert!(list(&By::User("Eve")).is_empty());
    let missing = format!("NoSuchEntity: The Public Key with id {id} cannot be found.");
    cloud.refuses::<op::DeleteSSHPublicKey>(delete("Eve", &id), &missing);
    let delete_bob = api::DeleteUserRequest { user_name: "Bob".to_owned() };
    cloud.refuses::<op::DeleteUser>(
        delete_bob.clone(),
        "DeleteConflict: Cannot delete entity, must delete SSH public keys first.",
    );
    cloud.ok::<op::DeleteSSHPublicKey>(delete("Bob", &id));
    cloud.refuses::<op::DeleteSSHPublicKey>(delete("Bob", &id), &missing);
    cloud.ok::<op::DeleteUser>(delete_bob);
}
