//! Policies of forms that browsers send.

use aws_types::Timestamp;
use bucket_rules::PostPolicy;

/// A policy in the first line, and fields of a form in the others: what is refused is refused with a reason.
pub fn post_policy(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let policy = match PostPolicy::parse(lines.next().unwrap_or_default()) {
        Ok(policy) => policy,
        Err(error) => return assert_eq!(error.code(), "InvalidPolicyDocument"),
    };
    let fields: Vec<(String, String)> = lines
        .map(|line| {
            let line = String::from_utf8_lossy(line);
            let (name, value) = line.split_once('=').unwrap_or((&line, ""));
            (name.to_ascii_lowercase(), value.to_owned())
        })
        .collect();
    for now in [Timestamp::from_unix_secs(0), Timestamp::from_unix_secs(4_000_000_000)] {
        if let Err(error) = policy.check(&fields, now) {
            assert_eq!(error.code(), "AccessDenied");
        }
    }
}
