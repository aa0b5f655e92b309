//! What requests need to be allowed because of tags, retention and holds, and what policies can ask about them.
//!
//! Owns which actions a request needs beside its own, and the keys `s3:ExistingObjectTag`, `s3:RequestObjectTag` and
//! `s3:object-lock-…`. Tags of buckets are no keys: on AWS they are for buckets where that was switched on, which is not built.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html#tagging-and-policies>
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html>

use std::borrow::Cow;

use aws_model::{Fields, Value};
use aws_types::Timestamp;
use bucket_rules::tags_of_header;
use service_api::{ConditionKeys, NeededPermission, RequestContext};

use crate::authorization::Known;

const DAY_MILLIS: i64 = 86_400_000;
/// Actions whose policies can ask for the tags that the object has.
const SEE_TAGS: [&str; 14] = [
    "s3:DeleteObjectTagging",
    "s3:DeleteObjectVersionTagging",
    "s3:GetObject",
    "s3:GetObjectAcl",
    "s3:GetObjectAttributes",
    "s3:GetObjectTagging",
    "s3:GetObjectVersion",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionAttributes",
    "s3:GetObjectVersionTagging",
    "s3:PutObjectAcl",
    "s3:PutObjectTagging",
    "s3:PutObjectVersionAcl",
    "s3:PutObjectVersionTagging",
];
const SOURCE_ACTIONS: [&str; 2] = ["s3:GetObject", "s3:GetObjectVersion"];

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    match fields.get(name)? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn structure<'a>(fields: &'a Fields, name: &str) -> Option<&'a Fields> {
    match fields.get(name)? {
        Value::Structure(structure) => Some(structure),
        _ => None,
    }
}

/// The tags that a request gives to an object. What is no header of tags is refused by the operation.
fn request_tags(fields: &Fields) -> Vec<(String, String)> {
    match fields.get("Tagging") {
        Some(Value::String(header)) => {
            // A copy takes the source's, unless it says otherwise.
            let counts =
                fields.get("CopySource").is_none() || text(fields, "TaggingDirective") == Some("REPLACE");
            let tags = tags_of_header(header).ok().filter(|_| counts).unwrap_or_default();
            tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        }
        Some(Value::Structure(tagging)) => match tagging.get("TagSet") {
            Some(Value::List(tags)) => {
                let tags = tags.iter().filter_map(|tag| match tag {
                    Value::Structure(tag) => {
                        Some((text(tag, "Key")?.to_owned(), text(tag, "Value")?.to_owned()))
                    }
                    _ => None,
                });
                tags.collect()
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// What a request says of tags, retention and hold. Keys that an action does not have are taken out later.
pub(crate) fn say(context: &RequestContext, fields: &Fields, keys: &mut ConditionKeys) {
    let tags = request_tags(fields);
    if !tags.is_empty() {
        let names = tags.iter().map(|(key, _)| key.clone()).collect();
        keys.push(("s3:RequestObjectTagKeys".to_owned(), names));
    }
    for (key, value) in tags {
        keys.push((format!("s3:RequestObjectTag/{key}"), vec![value]));
    }
    let retention = structure(fields, "Retention");
    let member = |in_header: &str, in_document: &str| {
        fields.get(in_header).or_else(|| retention.and_then(|retention| retention.get(in_document)))
    };
    if let Some(Value::String(mode)) = member("ObjectLockMode", "Mode") {
        keys.push(("s3:object-lock-mode".to_owned(), vec![mode.clone()]));
    }
    if let Some(Value::Timestamp(millis)) = member("ObjectLockRetainUntilDate", "RetainUntilDate") {
        let until = Timestamp::from_unix_millis(*millis);
        keys.push(("s3:object-lock-retain-until-date".to_owned(), vec![until.to_string()]));
        // A day that has begun counts: between client and service some of it is always gone.
        let days =
            millis.saturating_sub(context.now.unix_millis()).saturating_add(DAY_MILLIS - 1) / DAY_MILLIS;
        keys.push(("s3:object-lock-remaining-retention-days".to_owned(), vec![days.to_string()]));
    }
    let hold = text(fields, "ObjectLockLegalHoldStatus");
    let hold = hold.or_else(|| text(structure(fields, "LegalHold")?, "Status"));
    if let Some(hold) = hold {
        keys.push(("s3:object-lock-legal-hold".to_owned(), vec![hold.to_owned()]));
    }
}

/// Adds the actions that a request needs beside its own, and then the tags that objects have. Buckets are added to the resources
/// afterwards.
pub(crate) fn add(known: &Known<'_>, operation: &str, fields: &Fields, needed: &mut Vec<NeededPermission>) {
    match operation {
        "PutObject" | "CreateMultipartUpload" | "CopyObject" => {
            add_of_writing(known, operation, fields, needed);
        }
        "CreateBucket" => add_of_bucket(fields, needed),
        "DeleteObject" | "DeleteObjects" | "PutObjectRetention"
            if matches!(fields.get("BypassGovernanceRetention"), Some(Value::Boolean(true))) =>
        {
            add_bypass(needed);
        }
        _ => {}
    }
    let version = text(fields, "VersionId").filter(|id| !id.is_empty());
    let is_copy = fields.get("CopySource").is_some();
    for permission in needed.iter_mut().filter(|one| SEE_TAGS.contains(&&*one.action)) {
        let named = version_key(&permission.keys).map(str::to_owned);
        for resource in &mut permission.resources {
            let version = if is_copy { named.as_deref() } else { version };
            let Some(found) = known.version(&resource.arn, version) else { continue };
            for (key, value) in found.attached.tags.iter() {
                resource.keys.push((format!("s3:ExistingObjectTag/{key}"), vec![value.to_owned()]));
            }
        }
    }
}

fn version_key(keys: &ConditionKeys) -> Option<&str> {
    let (_, values) = keys.iter().find(|(key, _)| key == "s3:VersionId")?;
    values.first().map(String::as_str)
}

/// The first permission of an action again, for another one.
fn again(needed: &[NeededPermission], of: &[&str], action: &'static str) -> Option<NeededPermission> {
    let found = needed.iter().find(|permission| of.contains(&&*permission.action))?;
    Some(NeededPermission { action: Cow::Borrowed(action), ..found.clone() })
}

fn add_of_writing(known: &Known<'_>, operation: &str, fields: &Fields, needed: &mut Vec<NeededPermission>) {
    let mut actions = Vec::new();
    let mut has_tags = !request_tags(fields).is_empty();
    if operation == "CopyObject" && text(fields, "TaggingDirective") != Some("REPLACE") {
        let source = needed.iter().find(|permission| SOURCE_ACTIONS.contains(&&*permission.action));
        let source = source.and_then(|source| {
            let arn = &source.resources.first()?.arn;
            Some((known.version(arn, version_key(&source.keys))?, version_key(&source.keys).is_some()))
        });
        if let Some((version, is_named)) = source
            && !version.attached.tags.is_empty()
        {
            has_tags = true;
            let action = if is_named { "s3:GetObjectVersionTagging" } else { "s3:GetObjectTagging" };
            actions.extend(again(needed, &SOURCE_ACTIONS, action));
        }
    }
    let mut of_target = |is_needed: bool, action: &'static str| {
        if is_needed {
            actions.extend(again(needed, &["s3:PutObject"], action));
        }
    };
    of_target(has_tags, "s3:PutObjectTagging");
    let has_retention =
        fields.get("ObjectLockMode").is_some() || fields.get("ObjectLockRetainUntilDate").is_some();
    of_target(has_retention, "s3:PutObjectRetention");
    of_target(fields.get("ObjectLockLegalHoldStatus").is_some(), "s3:PutObjectLegalHold");
    needed.extend(actions);
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html#API_CreateBucket_RequestSyntax>
fn add_of_bucket(fields: &Fields, needed: &mut Vec<NeededPermission>) {
    let tags = structure(fields, "CreateBucketConfiguration").and_then(|asked| asked.get("Tags"));
    let mut actions = Vec::new();
    if let Some(Value::List(tags)) = tags
        && !tags.is_empty()
        && let Some(mut tagging) = again(needed, &["s3:CreateBucket"], "s3:TagResource")
    {
        let tags = tags.iter().filter_map(|tag| match tag {
            Value::Structure(tag) => Some((text(tag, "Key")?.to_owned(), text(tag, "Value")?.to_owned())),
            _ => None,
        });
        let tags: Vec<(String, String)> = tags.collect();
        let names = tags.iter().map(|(key, _)| key.clone()).collect();
        let mut keys = vec![("aws:TagKeys".to_owned(), names)];
        keys.extend(tags.into_iter().map(|(key, value)| (format!("aws:RequestTag/{key}"), vec![value])));
        // Who makes the bucket says them, too.
        for permission in needed.iter_mut() {
            permission.keys.extend(keys.iter().cloned());
        }
        tagging.keys.extend(keys);
        actions.push(tagging);
    }
    if matches!(fields.get("ObjectLockEnabledForBucket"), Some(Value::Boolean(true))) {
        for action in ["s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning"] {
            actions.extend(again(needed, &["s3:CreateBucket"], action));
        }
    }
    needed.extend(actions);
}

/// Whoever says that governance is bypassed has to be allowed that, also where there is none to bypass, as on AWS: there may be
/// some by the time that the operation looks, and it trusts what the request says.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html>
fn add_bypass(needed: &mut Vec<NeededPermission>) {
    const HELD: [&str; 2] = ["s3:DeleteObjectVersion", "s3:PutObjectRetention"];
    let held = needed.iter().filter(|permission| HELD.contains(&&*permission.action));
    let action = Cow::Borrowed("s3:BypassGovernanceRetention");
    let bypass: Vec<_> =
        held.map(|permission| NeededPermission { action: action.clone(), ..permission.clone() }).collect();
    needed.extend(bypass);
}
