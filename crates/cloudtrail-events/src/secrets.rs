//! What of a request or an answer is secret, and what stands in its place.
//!
//! Owns both. Whatever the model marks is secret, and beyond that what is called like a secret, so that a shape which
//! somebody forgot to mark is not written down. Refuses to know where values come from.

use aws_model::Value;
use serde_json::Value as Json;

/// What most services write.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";
/// What EC2 writes.
const REMOVED: &str = "<sensitiveDataRemoved>";
/// What Organizations and Account Management write.
const STARS: &str = "****";

/// Parts of names of secrets, in lower case.
const PARTS: [&str; 12] = [
    "password",
    "secretaccesskey",
    "secretstring",
    "secretbinary",
    "secretkey",
    "clientsecret",
    "privatekey",
    "authtoken",
    "sessiontoken",
    "presharedkey",
    "samlassertion",
    "accesstoken",
];
/// Whole names, in lower case.
const WHOLE: [&str; 9] = [
    "userdata",
    "keymaterial",
    "plaintext",
    "secret",
    "webidentitytoken",
    "tradeintoken",
    "base32stringseed",
    "qrcodepng",
    "otp",
];
/// What a name ends with that names a secret, and is none.
const NAMES_OF_SECRETS: [&str; 5] = ["id", "arn", "name", "length", "type"];

/// Whether the value of a member is secret.
pub(crate) fn is_secret(is_marked: bool, name: &str, value: &Value) -> bool {
    if is_marked {
        return true;
    }
    let holds_text = matches!(value, Value::String(_) | Value::Blob(_));
    let name = name.to_ascii_lowercase();
    if name == "userdata" {
        return !matches!(value, Value::Boolean(_) | Value::Integer(_));
    }
    holds_text
        && (WHOLE.contains(&name.as_str()) || PARTS.iter().any(|part| name.contains(part)))
        && !NAMES_OF_SECRETS.iter().any(|end| name.ends_with(end))
}

/// What is written in the place of a secret; nothing where the service leaves it out.
pub(crate) fn in_its_place(service: &str, name: &str) -> Option<Json> {
    let word = match service {
        "ec2" => REMOVED,
        "organizations" | "account" => STARS,
        "iam" => return None,
        // The token is told of by AWS as it is; here it is not written down.
        "sts" if name == "SessionToken" => HIDDEN,
        "sts" => return None,
        _ => HIDDEN,
    };
    Some(Json::from(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name_where_the_model_does_not_mark_them() {
        let text = Value::String("x".to_owned());
        for name in
            ["MasterUserPassword", "SecretAccessKey", "SessionToken", "UserData", "AuthToken", "KeyMaterial"]
        {
            assert!(is_secret(false, name, &text), "{name}");
        }
        for name in ["SecretId", "SecretArn", "PublicKeyMaterial", "NextToken", "ClientToken", "UserName"] {
            assert!(!is_secret(false, name, &text), "{name}");
        }
        assert!(!is_secret(false, "PasswordResetRequired", &Value::Boolean(true)));
        assert!(!is_secret(false, "MinimumPasswordLength", &Value::Integer(8)));
        assert!(is_secret(true, "Value", &Value::Integer(8)));
    }
}
