//! What may stand in the policy of a bucket.
//!
//! Owns S3's own checks, before and behind those of the language. Refuses to know which actions there are: the caller brings the
//! table.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html>

use std::borrow::Cow;

use iam_policy::{Policy, PolicyError, PolicyKind};
use serde_json::Value;

use crate::written_policy::{Texts, WrittenStatement, statements};
use crate::{BucketName, RuleError};

/// Without white space between the elements. What is kept is no longer, either: it is read with many requests.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-policies.html>
pub const POLICY_BYTES_MAX: usize = 20 * 1_024;

/// An action of S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct S3Action<'a> {
    /// Without `s3:`, such as `GetObject`.
    pub name: &'a str,
    /// Whether it can be for a bucket.
    pub on_bucket: bool,
    /// Whether it can be for an object.
    pub on_object: bool,
}

/// Checks the text of a policy for a bucket, and reads it. A text that is too long by the white space between its elements is
/// read without that; what is shorter stays as it was sent.
///
/// # Errors
/// [`RuleError::Policy`] with the first thing that S3 refuses.
pub fn parse_bucket_policy(
    text: &str,
    bucket: &BucketName,
    actions: &[S3Action<'_>],
) -> Result<Policy, RuleError> {
    let refused = |message: &'static str| RuleError::Policy(message.into());
    if !text.starts_with('{') {
        return Err(refused("Policies must be valid JSON and the first byte must be '{'"));
    }
    let document: Value = serde_json::from_str(text)
        .map_err(|_| refused("Policies must be valid JSON and the first byte must be '{'"))?;
    // What is measured is what is kept. A document that names an element twice, or writes a letter by its number, is no
    // shorter for that.
    let is_long = text.len() > POLICY_BYTES_MAX;
    let kept = if is_long { Cow::Owned(normalized(text)) } else { Cow::Borrowed(text) };
    let text = kept.as_ref();
    if text.len() > POLICY_BYTES_MAX {
        let message = "Normalized policy document exceeds the maximum allowed size of 20480 bytes.";
        return Err(refused(message));
    }
    match document.get("Statement") {
        None => return Err(refused("Missing required field Statement")),
        Some(Value::Array(list)) if list.is_empty() => {
            return Err(refused("Could not parse the policy: Statement is empty!"));
        }
        Some(_) => {}
    }
    let policy = Policy::parse(text, PolicyKind::Resource).map_err(of_language)?;
    let written = statements(&document).ok_or_else(|| refused("This policy contains invalid Json"))?;
    for statement in &written {
        check(statement, bucket, actions)?;
    }
    Ok(policy)
}

/// A JSON text without the white space outside its strings.
fn normalized(text: &str) -> String {
    let (mut is_within, mut is_escaped) = (false, false);
    let kept = text.chars().filter(|character| {
        if is_within {
            is_within = is_escaped || *character != '"';
            is_escaped = !is_escaped && *character == '\\';
            return true;
        }
        is_within = *character == '"';
        !character.is_ascii_whitespace()
    });
    kept.collect()
}

/// A principal as a policy names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPrincipal {
    /// `AWS`, `Service`, `Federated` or `CanonicalUser`.
    pub kind: String,
    /// Its name there.
    pub name: String,
}

/// Whom a policy names, for whoever knows who there is. Everybody is not among them.
pub fn principals_of(policy: &Policy) -> Vec<NamedPrincipal> {
    let document: Value = serde_json::from_str(policy.text()).unwrap_or_default();
    let written = statements(&document).unwrap_or_default();
    let elements = written.iter().flat_map(|statement| [&statement.principal, &statement.not_principal]);
    let kinds = elements.flatten().filter_map(Value::as_object).flatten();
    let named = kinds.flat_map(|(kind, names)| {
        let names = match names {
            Value::Array(names) => names.as_slice(),
            one => std::slice::from_ref(one),
        };
        names.iter().filter_map(Value::as_str).map(move |name| (kind, name))
    });
    named
        .filter(|(_, name)| *name != "*")
        .map(|(kind, name)| NamedPrincipal { kind: kind.clone(), name: name.to_owned() })
        .collect()
}

/// S3 does not say which principal it is, and has its own words for what is not of the language.
fn of_language(error: PolicyError) -> RuleError {
    match error {
        PolicyError::Principal { .. } => RuleError::Policy("Invalid principal in policy".into()),
        PolicyError::Syntax => RuleError::Policy("This policy contains invalid Json".into()),
        PolicyError::NoVendor | PolicyError::Vendor(_) | PolicyError::Colons => {
            RuleError::Policy("Policy has invalid action".into())
        }
        PolicyError::ResourceNotArn(_)
        | PolicyError::Partition { .. }
        | PolicyError::ResourceVendor
        | PolicyError::S3Region(_)
        | PolicyError::IamRegion(_)
        | PolicyError::IamResourcePath
        | PolicyError::LegacyParsing => RuleError::Policy("Policy has invalid resource".into()),
        other => RuleError::Policy(other.to_string().into()),
    }
}

/// Which of a bucket and its objects the resources of a statement reach.
#[derive(Clone, Copy, Debug, Default)]
struct Reach {
    bucket: bool,
    objects: bool,
}

fn check(
    statement: &WrittenStatement,
    bucket: &BucketName,
    actions: &[S3Action<'_>],
) -> Result<(), RuleError> {
    let refused = |message: &'static str| Err(RuleError::Policy(message.into()));
    if statement.allows() && statement.not_principal.is_some() {
        return refused("Allow with NotPrincipal is not allowed.");
    }
    let texts = |element: &Option<Texts>| element.as_ref().map(|texts| texts.as_slice().to_vec());
    let named = texts(&statement.action);
    for pattern in named.iter().chain(&texts(&statement.not_action)).flatten() {
        if !actions.iter().any(|action| stands_for(pattern, action)) {
            return refused("Policy has invalid action");
        }
    }
    let resources = texts(&statement.resource).or_else(|| texts(&statement.not_resource)).unwrap_or_default();
    if resources.is_empty() {
        return refused("Missing required field Resource");
    }
    let mut reach = Reach::default();
    for resource in &resources {
        let Some(of_one) = reach_of(resource, bucket) else {
            return refused("Policy has invalid resource");
        };
        reach.bucket |= of_one.bucket;
        reach.objects |= of_one.objects;
    }
    // What is left out of everything can still apply.
    let (Some(named), None) = (named, &statement.not_resource) else { return Ok(()) };
    let applies = |pattern: &String| {
        let mut meant = actions.iter().filter(|action| stands_for(pattern, action));
        meant.any(|action| (action.on_bucket && reach.bucket) || (action.on_object && reach.objects))
    };
    if named.iter().all(applies) {
        Ok(())
    } else {
        refused("Action does not apply to any resource(s) in statement")
    }
}

/// Whether a pattern such as `s3:Get*`, or a star alone, stands for an action.
fn stands_for(pattern: &str, action: &S3Action<'_>) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    if pattern == "*" {
        return true;
    }
    let name = pattern.strip_prefix("s3:").or_else(|| pattern.strip_prefix("*:"));
    name.is_some_and(|name| glob(name.as_bytes(), action.name.to_ascii_lowercase().as_bytes()))
}

/// What a resource reaches, if it is of the bucket. A pattern has to begin with a character of the name.
fn reach_of(resource: &str, bucket: &BucketName) -> Option<Reach> {
    let rest = resource.strip_prefix("arn:aws:s3:::")?;
    let (name, key) = rest.split_once('/').map_or((rest, None), |(name, key)| (name, Some(key)));
    if name.starts_with(['*', '?']) || !glob(name.as_bytes(), bucket.as_str().as_bytes()) {
        return None;
    }
    let reaches_in = key.is_some() || name.ends_with('*');
    Some(Reach { bucket: key.is_none(), objects: reaches_in })
}

/// `*` and `?` as policies have them. Only the last star is tried again, so that time does not grow without bound.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at_pattern, mut at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                at_pattern += 1;
                star = Some((at_pattern, at));
                continue;
            }
            Some(want) if at < text.len() && (*want == b'?' || *want == text[at]) => {
                at_pattern += 1;
                at += 1;
                continue;
            }
            None if at == text.len() => return true,
            _ => {}
        }
        let Some((after_star, from)) = star.filter(|(_, from)| *from < text.len()) else { return false };
        (at_pattern, at) = (after_star, from + 1);
        star = Some((after_star, from + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIONS: [S3Action<'static>; 5] = [
        S3Action { name: "GetObject", on_bucket: false, on_object: true },
        S3Action { name: "PutObject", on_bucket: false, on_object: true },
        S3Action { name: "ListBucket", on_bucket: true, on_object: false },
        S3Action { name: "GetBucketAcl", on_bucket: true, on_object: false },
        S3Action { name: "ListAllMyBuckets", on_bucket: false, on_object: false },
    ];

    fn parse(text: &str) -> Result<Policy, RuleError> {
        parse_bucket_policy(text, &"my-bucket".parse().unwrap(), &ACTIONS)
    }

    fn statement(principal: &str, action: &str, resource: &str) -> String {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{principal},"Action":{action},"Resource":{resource}}}]}}"#
        )
    }

    #[test]
    fn policies_that_s3_refuses() {
        let star = r#""*""#;
        let get = r#""s3:GetObject""#;
        let within = r#""arn:aws:s3:::my-bucket/*""#;
        let on = |action: &str, resource: &str| statement(star, action, resource);
        let long = on(get, &format!(r#""arn:aws:s3:::my-bucket/{}""#, "a".repeat(20_480)));
        // Read as JSON it is short.
        let twice = format!(r#"{{"Id":"{}","Id":"a",{}"#, "i".repeat(20_480), &on(get, within)[1..]);
        let json = "Policies must be valid JSON and the first byte must be '{'";
        let resource = "Policy has invalid resource";
        let action = "Policy has invalid action";
        let principal = "Invalid principal in policy";
        for (text, message) in [
            (String::new(), json),
            ("invalid json".into(), json),
            (" {}".into(), json),
            ("[]".into(), json),
            (r#"{"Statement""#.into(), json),
            ("{}".into(), "Missing required field Statement"),
            (r#"{"Statement":[]}"#.into(), "Could not parse the policy: Statement is empty!"),
            (long, "Normalized policy document exceeds the maximum allowed size of 20480 bytes."),
            (twice, "Normalized policy document exceeds the maximum allowed size of 20480 bytes."),
            (on(get, star), resource),
            (on(get, r#""arn:aws:s3:::*""#), resource),
            (on(get, r#""arn:aws:s3:::other/*""#), resource),
            (on(get, r#""arn:aws:s3:::my-bucket2/*""#), resource),
            (on(get, r#""arn:aws:s3:::my-bucke/*""#), resource),
            (on(get, r#""my-bucket/*""#), resource),
            (on(get, r#"["arn:aws:s3:::my-bucket/*","arn:aws:sqs:::my-bucket/*"]"#), resource),
            (on(r#""ec2:DescribeVpcs""#, within), action),
            (on(r#""s3:FlyObject""#, within), action),
            (on(r#""GetObject""#, within), action),
            (on(r#"["s3:GetObject","s3:Fly*"]"#, within), action),
            (statement(r#"{"AWS":"user"}"#, get, within), principal),
            (statement(r#"{"AWS":"arn:aws:iam::111122223333:user/*"}"#, get, within), principal),
            (statement(r#""111122223333""#, get, within), principal),
            (on(get, r#""arn:aws:s3:::my-bucket""#), "Action does not apply to any resource(s) in statement"),
            (on(r#""s3:ListBucket""#, within), "Action does not apply to any resource(s) in statement"),
            (
                on(r#"["s3:GetObject","s3:ListBucket"]"#, within),
                "Action does not apply to any resource(s) in statement",
            ),
            (on(r#""s3:ListAllMyBuckets""#, within), "Action does not apply to any resource(s) in statement"),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::my-bucket/*"}}"#.into(),
                "Missing required field Principal",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}}"#.into(),
                "Missing required field Resource",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::my-bucket/*"}}"#.into(),
                "Allow with NotPrincipal is not allowed.",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::my-bucket/*","Condition":{"Fly":{"a:b":"c"}}}}"#.into(),
                "Invalid Condition type : Fly.",
            ),
        ] {
            let error = parse(&text).map(|_| ()).unwrap_err();
            assert_eq!((error.code(), error.to_string().as_str()), ("MalformedPolicy", message), "{text:.200}");
        }
    }

    #[test]
    fn policies_that_s3_takes() {
        for (action, resource) in [
            (r#""s3:GetObject""#, r#""arn:aws:s3:::my-bucket/*""#),
            (r#""S3:getobject""#, r#""arn:aws:s3:::my-bucket/a/${aws:username}/*""#),
            (r#""s3:*""#, r#"["arn:aws:s3:::my-bucket","arn:aws:s3:::my-bucket/*"]"#),
            (r#""*""#, r#""arn:aws:s3:::my-bucket""#),
            (r#""s3:Get*""#, r#""arn:aws:s3:::my-bucket""#),
            (r#"["s3:GetObject","s3:ListBucket"]"#, r#""arn:aws:s3:::my-bucket*""#),
            (r#""s3:PutObject""#, r#""arn:aws:s3:::my-*/a""#),
        ] {
            let text = statement(r#""*""#, action, resource);
            assert_eq!(parse(&text).unwrap().text(), text);
        }
        // White space does not count, and is not kept where it is much.
        let plain = statement(r#""*""#, r#""s3:*""#, r#""arn:aws:s3:::my-bucket""#);
        for space in [" ".repeat(30_000), "\r\n\t".repeat(10_000)] {
            let spaced = plain.replace("\"Effect\"", &format!("{space}\"Effect\"{space}")) + &space;
            assert_eq!(parse(&spaced).unwrap().text(), plain);
        }
        let short = plain.replace(',', ", \n");
        assert_eq!(parse(&short).unwrap().text(), short);
        let within = statement(r#""*""#, r#""s3:*""#, r#""arn:aws:s3:::my-bucket/a \\\" b\\\\""#);
        assert_eq!(parse(&(within.clone() + &" ".repeat(30_000))).unwrap().text(), within);
        let denies = r#"{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":["111122223333","*"],"Service":"ec2.amazonaws.com"},"NotAction":"s3:GetObject","NotResource":"arn:aws:s3:::my-bucket/a"}}"#;
        let named = principals_of(&parse(denies).unwrap());
        let named: Vec<(&str, &str)> =
            named.iter().map(|one| (one.kind.as_str(), one.name.as_str())).collect();
        assert_eq!(named, [("AWS", "111122223333"), ("Service", "ec2.amazonaws.com")]);
    }
}
