//! What of a request or an answer is secret, and what stands in its place.
//!
//! Owns both. Whatever the model marks is secret, and beyond that what is called like a secret, so that a shape which
//! somebody forgot to mark is not written down. Refuses to know where values come from.

use std::borrow::Cow;

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
const WHOLE: [&str; 12] = [
    "userdata",
    "keymaterial",
    "plaintext",
    "secret",
    "webidentitytoken",
    "tradeintoken",
    "base32stringseed",
    "qrcodepng",
    "otp",
    "tokencode",
    "authenticationcode1",
    "authenticationcode2",
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

/// A message without the secrets that a refused request has in it: those that begin `Value 'x' at 'member'` say what was
/// wrong with a value, and so which it was.
pub(crate) fn without_values(message: &str) -> Cow<'_, str> {
    const BEGIN: &str = "Value '";
    const BETWEEN: &str = "' at '";
    const END: &str = "' failed to satisfy";
    if !message.contains(BETWEEN) {
        return Cow::Borrowed(message);
    }
    let (mut told, mut rest) = (String::new(), message);
    while let Some((before, from)) = rest.split_once(BEGIN) {
        told.push_str(before);
        let Some((said, after)) = from.split_once(END) else {
            told.push_str(BEGIN);
            rest = from;
            continue;
        };
        let member = said.rsplit_once(BETWEEN).map_or("", |(_, member)| member);
        let name = member.rsplit('.').find(|part| *part != "member" && part.parse::<usize>().is_err());
        let name = name.unwrap_or_default();
        if is_secret(false, name, &Value::String(String::new())) {
            told.push_str("Value at '");
            told.push_str(member);
        } else {
            told.push_str(BEGIN);
            told.push_str(said);
        }
        told.push_str(END);
        rest = after;
    }
    told.push_str(rest);
    Cow::Owned(told)
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
        for name in [
            "MasterUserPassword",
            "TokenCode",
            "AuthenticationCode1",
            "SecretAccessKey",
            "SessionToken",
            "UserData",
            "AuthToken",
            "KeyMaterial",
        ] {
            assert!(is_secret(false, name, &text), "{name}");
        }
        for name in ["SecretId", "SecretArn", "PublicKeyMaterial", "NextToken", "ClientToken", "UserName"] {
            assert!(!is_secret(false, name, &text), "{name}");
        }
        assert!(!is_secret(false, "PasswordResetRequired", &Value::Boolean(true)));
        assert!(!is_secret(false, "MinimumPasswordLength", &Value::Integer(8)));
        assert!(is_secret(true, "Value", &Value::Integer(8)));
    }

    #[test]
    fn messages_do_not_tell_secrets() {
        let check = |message: &str, expect: &str| assert_eq!(without_values(message), expect);
        check(
            "2 validation errors detected: Value 'abc' at 'tokenCode' failed to satisfy constraint: x; Value '1' at 'durationSeconds' failed to satisfy constraint: y",
            "2 validation errors detected: Value at 'tokenCode' failed to satisfy constraint: x; Value '1' at 'durationSeconds' failed to satisfy constraint: y",
        );
        check(
            "Value 'a' at 'b' at 'newPassword' failed to satisfy constraint: x",
            "Value at 'newPassword' failed to satisfy constraint: x",
        );
        check("Value 'unfinished", "Value 'unfinished");
        check("nothing of the kind", "nothing of the kind");
    }
}
