//! Policies of forms: what somebody who signed lets a browser upload.
//!
//! Owns the document and whether the fields of a form are as it wants them. Refuses to know signatures, and how forms are sent.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html>

use aws_types::Timestamp;
use serde_json::Value;

/// Fields that a policy need not speak of.
const FREE: [&str; 5] = ["file", "policy", "signature", "awsaccesskeyid", "x-amz-signature"];
/// What the names of all other fields begin with that it need not speak of.
const IGNORED: &str = "x-ignore-";
/// The field whose values a beginning is compared with one by one.
const CONTENT_TYPE: &str = "content-type";

/// A policy, read and with the form that one has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostPolicy {
    expiration: Timestamp,
    conditions: Vec<Condition>,
    size: Option<SizeRange>,
}

/// How long what is uploaded may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeRange {
    /// The fewest bytes.
    pub min_bytes: u64,
    /// The most bytes.
    pub max_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    is_prefix: bool,
    /// The field, in lower case.
    field: String,
    /// The field as the policy has it.
    written: String,
    value: String,
}

/// Why a form is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PostPolicyError {
    /// The policy is none.
    #[error("Invalid Policy: {0}")]
    Document(String),
    /// It does not let the form pass.
    #[error("Invalid according to Policy: {0}")]
    Refused(String),
}

impl PostPolicyError {
    /// AWS's code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Document(_) => "InvalidPolicyDocument",
            Self::Refused(_) => "AccessDenied",
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Document(_) => 400,
            Self::Refused(_) => 403,
        }
    }
}

fn document<T>(what: impl Into<String>) -> Result<T, PostPolicyError> {
    Err(PostPolicyError::Document(what.into()))
}

fn refused<T>(what: impl Into<String>) -> Result<T, PostPolicyError> {
    Err(PostPolicyError::Refused(what.into()))
}

impl PostPolicy {
    /// Reads a policy. The names of its two members have a case; those of conditions and fields have none.
    ///
    /// # Errors
    /// [`PostPolicyError::Document`].
    pub fn parse(json: &[u8]) -> Result<Self, PostPolicyError> {
        let read: Value = match serde_json::from_slice(json) {
            Ok(read) => read,
            Err(_) => return document("Invalid JSON."),
        };
        let Value::Object(members) = read else { return document("Invalid JSON: not an object.") };
        if let Some(other) =
            members.keys().find(|name| !["expiration", "conditions"].contains(&name.as_str()))
        {
            return document(format!("Unexpected: '{other}'"));
        }
        let Some(expiration) = members.get("expiration") else {
            return document("Policy missing expiration.");
        };
        let Some(expiration) = expiration.as_str().and_then(time) else {
            return document(format!("Invalid 'expiration' value: '{}'", plain(expiration)));
        };
        let Some(listed) = members.get("conditions") else { return document("Policy missing conditions.") };
        let Value::Array(listed) = listed else {
            return document("Invalid 'conditions' value: must be a List.");
        };
        let mut policy = Self { expiration, conditions: Vec::with_capacity(listed.len()), size: None };
        listed.iter().try_for_each(|condition| policy.add(condition))?;
        Ok(policy)
    }

    fn add(&mut self, condition: &Value) -> Result<(), PostPolicyError> {
        match condition {
            Value::Object(pairs) => {
                let mut pairs = pairs.iter();
                let (Some((name, value)), None) = (pairs.next(), pairs.next()) else {
                    return document(
                        "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
                    );
                };
                let Value::String(value) = value else {
                    return document("Invalid Simple-Condition: value must be a string.");
                };
                self.conditions.push(Condition::new(false, name, value));
                Ok(())
            }
            Value::Array(parts) => self.add_list(parts),
            _ => document("Invalid Condition: must be a List or an Object."),
        }
    }

    fn add_list(&mut self, parts: &[Value]) -> Result<(), PostPolicyError> {
        let Some(operation) = parts.first().and_then(Value::as_str) else {
            return document("Invalid Condition: the operation must be a string.");
        };
        let operation = operation.to_ascii_lowercase();
        let [_, first, second] = parts else {
            return document(format!("Invalid Condition: {operation} takes two values."));
        };
        match operation.as_str() {
            "content-length-range" => {
                let bytes = |value: &Value| {
                    value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
                };
                let (Some(min_bytes), Some(max_bytes)) = (bytes(first), bytes(second)) else {
                    return document("Invalid content-length-range: its values must be integers from 0 on.");
                };
                // Of several all have to hold.
                let held = self.size.unwrap_or(SizeRange { min_bytes: 0, max_bytes: u64::MAX });
                self.size = Some(SizeRange {
                    min_bytes: held.min_bytes.max(min_bytes),
                    max_bytes: held.max_bytes.min(max_bytes),
                });
                Ok(())
            }
            "eq" | "starts-with" => {
                let (Value::String(field), Value::String(value)) = (first, second) else {
                    return document(format!("Invalid Condition: {operation} takes strings."));
                };
                let Some(field) = field.strip_prefix('$') else {
                    return document(format!(
                        "Invalid Condition: the field '{field}' must begin with a '$'."
                    ));
                };
                self.conditions.push(Condition::new(operation == "starts-with", field, value));
                Ok(())
            }
            _ => document(format!("Invalid Condition: unknown operation '{operation}'.")),
        }
    }

    /// How long what is uploaded may be, where the policy says so.
    pub fn size(&self) -> Option<SizeRange> {
        self.size
    }

    /// Looks at a form: at its fields by their names in lower case, without the file, and with the bucket that it is sent to.
    ///
    /// # Errors
    /// [`PostPolicyError::Refused`].
    pub fn check(&self, fields: &[(String, String)], now: Timestamp) -> Result<(), PostPolicyError> {
        if now >= self.expiration {
            return refused("Policy expired.");
        }
        for condition in &self.conditions {
            let value = fields.iter().find(|(name, _)| *name == condition.field);
            if !condition.holds(value.map_or("", |(_, value)| value)) {
                return refused(format!("Policy Condition failed: {condition}"));
            }
        }
        let is_free = |name: &str| {
            FREE.contains(&name)
                || name.starts_with(IGNORED)
                || self.conditions.iter().any(|condition| condition.field == name)
        };
        let extra: Vec<&str> =
            fields.iter().map(|(name, _)| name.as_str()).filter(|name| !is_free(name)).collect();
        if extra.is_empty() { Ok(()) } else { refused(format!("Extra input fields: {}", extra.join(", "))) }
    }
}

impl Condition {
    fn new(is_prefix: bool, field: &str, value: &str) -> Self {
        Self {
            is_prefix,
            field: field.to_ascii_lowercase(),
            written: field.to_owned(),
            value: value.to_owned(),
        }
    }

    fn holds(&self, value: &str) -> bool {
        match self.is_prefix {
            false => value == self.value,
            true if self.field == CONTENT_TYPE => {
                value.split(',').all(|one| one.trim_start().starts_with(&self.value))
            }
            true => value.starts_with(&self.value),
        }
    }
}

/// As AWS repeats it.
impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let operation = if self.is_prefix { "starts-with" } else { "eq" };
        write!(f, "[\"{operation}\", \"${}\", \"{}\"]", self.written, self.value)
    }
}

/// A time in the one form that AWS takes: ISO 8601 in UTC, to the second or finer.
fn time(text: &str) -> Option<Timestamp> {
    let is_form = text.len() >= 20 && text.as_bytes()[10] == b'T' && text.ends_with('Z');
    let read: jiff::Timestamp = is_form.then(|| text.parse().ok()).flatten()?;
    Some(Timestamp::from_unix_millis(read.as_millisecond()))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const EXPIRES: &str = "2026-01-01T12:00:00Z";

    fn now(secs: i64) -> Timestamp {
        Timestamp::from_unix_secs(1_767_268_800 + secs)
    }

    fn policy(conditions: Value) -> PostPolicy {
        let document = json!({"expiration": EXPIRES, "conditions": conditions});
        PostPolicy::parse(document.to_string().as_bytes()).unwrap()
    }

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn documents_that_are_none() {
        for (document, says) in [
            (json!([]), "Invalid JSON"),
            (json!({"conditions": []}), "Policy missing expiration."),
            (json!({"EXPIRATION": EXPIRES, "conditions": []}), "Unexpected: 'EXPIRATION'"),
            (json!({"expiration": EXPIRES}), "Policy missing conditions."),
            (
                json!({"expiration": "2026-01-01 12:00:00+00:00", "conditions": []}),
                "Invalid 'expiration' value",
            ),
            (json!({"expiration": 5, "conditions": []}), "Invalid 'expiration' value: '5'"),
            (json!({"expiration": EXPIRES, "conditions": {}}), "must be a List"),
            (json!({"expiration": EXPIRES, "conditions": [{}]}), "exactly one property"),
            (json!({"expiration": EXPIRES, "conditions": [{"a": "b", "c": "d"}]}), "exactly one property"),
            (json!({"expiration": EXPIRES, "conditions": [{"a": 1}]}), "must be a string"),
            (json!({"expiration": EXPIRES, "conditions": ["a"]}), "must be a List or an Object"),
            (json!({"expiration": EXPIRES, "conditions": [["content-length-range", 0]]}), "takes two values"),
            (
                json!({"expiration": EXPIRES, "conditions": [["content-length-range", -1, 0]]}),
                "integers from 0",
            ),
            (json!({"expiration": EXPIRES, "conditions": [["eq", "key", "a"]]}), "must begin with a '$'"),
            (json!({"expiration": EXPIRES, "conditions": [["ends-with", "$key", "a"]]}), "unknown operation"),
        ] {
            let error = PostPolicy::parse(document.to_string().as_bytes()).unwrap_err();
            assert_eq!((error.code(), error.status()), ("InvalidPolicyDocument", 400));
            assert!(error.to_string().contains(says), "{error}");
        }
        assert!(PostPolicy::parse(b"{").is_err());
    }

    #[test]
    fn forms_that_pass_and_do_not() {
        let policy = policy(json!([
            {"bUcKeT": "b"},
            ["StArTs-WiTh", "$KeY", "user/"],
            ["starts-with", "$Content-Type", "image/"],
            ["eq", "$x-amz-meta-a", "1"],
            ["content-length-range", 1, 10],
            ["content-length-range", "0", "5"],
        ]));
        assert_eq!(policy.size(), Some(SizeRange { min_bytes: 1, max_bytes: 5 }));
        let good = [("bucket", "b"), ("key", "user/a"), ("content-type", "image/png"), ("x-amz-meta-a", "1")];
        let with = |name: &str, value: &str| {
            let mut pairs: Vec<_> = good.into_iter().filter(|(held, _)| *held != name).collect();
            pairs.push((name, value));
            policy.check(&fields(&pairs), now(-1)).map_err(|error| error.to_string())
        };
        let failed = |condition: &str| {
            Err(format!("Invalid according to Policy: Policy Condition failed: {condition}"))
        };
        for (name, value, expect) in [
            ("x-ignore-b", "1", Ok(())),
            ("x-amz-signature", "1", Ok(())),
            ("content-type", "image/a, image/b", Ok(())),
            ("content-type", "image/a,text/b", failed(r#"["starts-with", "$Content-Type", "image/"]"#)),
            ("bucket", "c", failed(r#"["eq", "$bUcKeT", "b"]"#)),
            ("key", "a", failed(r#"["starts-with", "$KeY", "user/"]"#)),
            ("x-amz-meta-a", "", failed(r#"["eq", "$x-amz-meta-a", "1"]"#)),
            ("acl", "private", Err("Invalid according to Policy: Extra input fields: acl".to_owned())),
        ] {
            assert_eq!(with(name, value), expect, "{name}={value}");
        }
        let expired = policy.check(&fields(&good), now(0)).unwrap_err();
        assert_eq!((expired.code(), expired.status()), ("AccessDenied", 403));
        assert_eq!(expired.to_string(), "Invalid according to Policy: Policy expired.");
    }
}
