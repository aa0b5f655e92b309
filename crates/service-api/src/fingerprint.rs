//! Telling requests apart by what they say.
//!
//! Owns the hash of a [`Value`]. It stands in state files (of requests with a client token), so it never changes. Refuses
//! to know which members of a request count.

use aws_model::Value;
use sha2::{Digest, Sha256};

/// A hash of what a request says: the members that it has, by their names in the model. It stays the same when a later
/// build knows more members that the request does not have, and whatever order a client writes them in.
pub fn fingerprint(request: &Value) -> [u8; 32] {
    let mut hash = Sha256::new();
    add(&mut hash, request);
    hash.finalize().into()
}

/// Adds a value so that no two values add the same: a letter for its kind, then its bytes behind their number.
pub(crate) fn add(hash: &mut Sha256, value: &Value) {
    let mut bytes = |kind: u8, bytes: &[u8]| {
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    match value {
        Value::Null => bytes(b'n', b""),
        Value::Boolean(value) => bytes(b'b', &[u8::from(*value)]),
        Value::Integer(value) => bytes(b'i', &value.to_be_bytes()),
        Value::Float(value) => bytes(b'f', &value.to_be_bytes()),
        Value::String(text) => bytes(b's', text.as_bytes()),
        Value::Blob(blob) => bytes(b'x', blob),
        Value::Timestamp(millis) => bytes(b't', &millis.to_be_bytes()),
        Value::List(items) => {
            bytes(b'l', &(items.len() as u64).to_be_bytes());
            items.iter().for_each(|item| add(hash, item));
        }
        Value::Map(pairs) => {
            let mut pairs: Vec<_> = pairs.iter().map(|(key, value)| (key.as_str(), value)).collect();
            pairs.sort_by_key(|(key, _)| *key);
            add_pairs(hash, b'm', &pairs);
        }
        Value::Structure(fields) => {
            let mut members: Vec<_> = fields.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            add_pairs(hash, b'o', &members);
        }
    }
}

pub(crate) fn add_pairs(hash: &mut Sha256, kind: u8, pairs: &[(&str, &Value)]) {
    hash.update([kind]);
    hash.update((pairs.len() as u64).to_be_bytes());
    for (name, value) in pairs {
        add(hash, &Value::String((*name).to_owned()));
        add(hash, value);
    }
}

#[cfg(test)]
mod tests {
    use aws_model::Fields;

    use super::*;

    #[test]
    fn a_fingerprint_is_that_of_older_builds() {
        let mut request = Fields::new();
        request.push("VpcId", Value::String("vpc-1".to_owned()));
        request.push("Tags", Value::List(vec![Value::Boolean(true), Value::Integer(7), Value::Null]));
        let mut turned = Fields::new();
        request.iter().collect::<Vec<_>>().into_iter().rev().for_each(|(n, v)| turned.push(n, v.clone()));
        assert_eq!(fingerprint(&Value::Structure(turned)), fingerprint(&Value::Structure(request.clone())));
        let text: String =
            fingerprint(&Value::Structure(request)).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, "35108e11d9adc9e6ef28fe99cc0c772d0fb2e41f5926ad828f658fdddce51af5");
    }
}
