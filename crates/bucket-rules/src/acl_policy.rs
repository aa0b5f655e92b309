//! Access control lists in the language of policies, so that one evaluation decides.
//!
//! Owns which actions a permission stands for. A grant to an account names the account, whose own policies then say who of it
//! may: that is what S3 does with grants.
//!
//! | Permission | On a bucket | On an object |
//! | --- | --- | --- |
//! | `READ` | `ListBucket`, `ListBucketVersions`, `ListBucketMultipartUploads` | `GetObject`, `GetObjectVersion` |
//! | `WRITE` | `PutObject`, `DeleteObject` in it; for the owner `DeleteObjectVersion`, too | nothing |
//! | `READ_ACP` | `GetBucketAcl` | `GetObjectAcl`, `GetObjectVersionAcl` |
//! | `WRITE_ACP` | `PutBucketAcl` | `PutObjectAcl`, `PutObjectVersionAcl` |
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#acl-access-policy-permission-mapping>

use aws_types::AccountId;
use serde_json::{Value, json};

use crate::{Acl, BucketName, CanonicalUserId, Grant, Grantee, Group, Permission};

const LIST: &[&str] = &["s3:ListBucket", "s3:ListBucketVersions", "s3:ListBucketMultipartUploads"];
const PUT: &[&str] = &["s3:PutObject", "s3:DeleteObject"];
const PUT_AS_OWNER: &[&str] = &["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"];
const GET: &[&str] = &["s3:GetObject", "s3:GetObjectVersion"];
const GET_ACL: &[&str] = &["s3:GetObjectAcl", "s3:GetObjectVersionAcl"];
const PUT_ACL: &[&str] = &["s3:PutObjectAcl", "s3:PutObjectVersionAcl"];
/// What whoever began an upload in parts may do with it without being told so.
const UPLOAD: &[&str] = &["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"];

/// How much of a bucket's policy counts in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyPart {
    /// All of it.
    Whole,
    /// What it denies: where block public access takes from it what it allows, and for objects of others than the bucket's owner.
    Denials,
}

/// A list as statements of a policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AclStatements(Vec<Value>);

impl AclStatements {
    /// What the list of a bucket allows, in the bucket itself and in everything that is put there.
    pub fn of_bucket(acl: &Acl, bucket: &BucketName) -> Self {
        let (itself, within) = (bucket.arn(), format!("{}/*", bucket.arn()));
        let mut statements = Vec::new();
        for grant in &acl.grants {
            let is_owner = grant.grantee == Grantee::CanonicalUser(acl.owner);
            let has =
                |permission| grant.permission == permission || grant.permission == Permission::FullControl;
            let mut on_itself: Vec<&str> = Vec::new();
            if has(Permission::Read) {
                on_itself.extend(LIST);
            }
            if has(Permission::ReadAcp) {
                on_itself.push("s3:GetBucketAcl");
            }
            if has(Permission::WriteAcp) {
                on_itself.push("s3:PutBucketAcl");
            }
            if !on_itself.is_empty() {
                statements.push(statement(grant, &on_itself, &itself));
            }
            if has(Permission::Write) {
                statements.push(statement(grant, if is_owner { PUT_AS_OWNER } else { PUT }, &within));
            }
        }
        Self(statements)
    }

    /// What the list of an object allows. The statements are about all objects of the bucket, because keys may have characters
    /// that mean something in policies: they are for requests for this one object alone.
    pub fn of_object(acl: &Acl, bucket: &BucketName) -> Self {
        let within = format!("{}/*", bucket.arn());
        let statements = acl.grants.iter().filter_map(|grant| {
            let has =
                |permission| grant.permission == permission || grant.permission == Permission::FullControl;
            let mut actions: Vec<&str> = Vec::new();
            if has(Permission::Read) {
                actions.extend(GET);
            }
            if has(Permission::ReadAcp) {
                actions.extend(GET_ACL);
            }
            if has(Permission::WriteAcp) {
                actions.extend(PUT_ACL);
            }
            (!actions.is_empty()).then(|| statement(grant, &actions, &within))
        });
        Self(statements.collect())
    }

    /// What the account that began an upload in parts may do with it.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html#mpuAndPermissions>
    pub fn of_upload(initiator: AccountId, bucket: &BucketName) -> Self {
        Self(vec![json!({
            "Effect": "Allow",
            "Principal": {"AWS": initiator.to_string()},
            "Action": UPLOAD,
            "Resource": format!("{}/*", bucket.arn()),
        })])
    }

    /// The text of one policy with statements of the bucket's policy and these. `None` if neither says anything. A policy that
    /// cannot be read stays what it is: whoever decides by it lets nobody in.
    pub fn beside(&self, policy: Option<&str>, part: PolicyPart) -> Option<String> {
        let Some(text) = policy else {
            let whole = json!({"Version": "2012-10-17", "Statement": self.0});
            return (!self.0.is_empty()).then(|| whole.to_string());
        };
        if self.0.is_empty() && part == PolicyPart::Whole && !text.contains(CANONICAL) {
            return Some(text.to_owned());
        }
        // The version stays what it is: it says whether `${` means something in the statements of the bucket's policy.
        let Ok(mut whole) = serde_json::from_str::<Value>(text) else { return Some(text.to_owned()) };
        let mut statements = match whole.get_mut("Statement").map(Value::take) {
            Some(Value::Array(statements)) => statements,
            Some(one @ Value::Object(_)) => vec![one],
            _ => return Some(text.to_owned()),
        };
        if part == PolicyPart::Denials {
            statements.retain(|statement| statement["Effect"] != "Allow");
        }
        statements.iter_mut().for_each(name_accounts);
        statements.extend(self.0.iter().cloned());
        whole["Statement"] = Value::Array(statements);
        let is_empty = whole["Statement"].as_array().is_none_or(Vec::is_empty);
        (!is_empty).then(|| whole.to_string())
    }
}

/// The kind of principals that canonical ids are.
const CANONICAL: &str = "CanonicalUser";

/// Names accounts by their numbers where they are named by canonical ids, which are S3's alone.
fn name_accounts(statement: &mut Value) {
    for element in ["Principal", "NotPrincipal"] {
        let Some(Value::Object(kinds)) = statement.get_mut(element) else { continue };
        let Some(ids) = kinds.remove(CANONICAL) else { continue };
        let accounts = texts(ids).into_iter().map(|id| match id.parse::<CanonicalUserId>() {
            Ok(id) => id.account().to_string(),
            Err(_) => id,
        });
        let named = kinds.remove("AWS").map(texts).unwrap_or_default();
        kinds.insert("AWS".to_owned(), named.into_iter().chain(accounts).collect());
    }
}

fn texts(value: Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => {
            values.into_iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

fn statement(grant: &Grant, actions: &[&str], resource: &str) -> Value {
    let mut statement = json!({
        "Effect": "Allow",
        "Principal": principal(grant.grantee),
        "Action": actions,
        "Resource": resource,
    });
    if grant.grantee == Grantee::Group(Group::AuthenticatedUsers) {
        // Whoever has an account has this key, and whoever does not sign has none.
        statement["Condition"] = json!({"Null": {"aws:PrincipalAccount": "false"}});
    }
    statement
}

fn principal(grantee: Grantee) -> Value {
    match grantee {
        Grantee::CanonicalUser(id) => json!({"AWS": id.account().to_string()}),
        Grantee::Group(Group::AllUsers | Group::AuthenticatedUsers) => json!("*"),
        Grantee::Group(Group::LogDelivery) => json!({"Service": "logging.s3.amazonaws.com"}),
    }
}

#[cfg(test)]
mod tests {
    use iam_policy::{Attached, Caller, Context, Policies, Policy, PolicyKind, Request, evaluate};

    use super::*;
    use crate::{CannedAcl, CanonicalUserId};

    const OWNER: &str = "111122223333";
    const OTHER: &str = "444455556666";

    fn account(text: &str) -> AccountId {
        text.parse().unwrap()
    }

    fn id(text: &str) -> CanonicalUserId {
        CanonicalUserId::of(account(text))
    }

    fn bucket() -> BucketName {
        "my-bucket".parse().unwrap()
    }

    /// Whether a caller whose own policies allow everything, if it has any, may do something by a list.
    fn allowed(
        statements: &AclStatements,
        policy: Option<&str>,
        who: &str,
        action: &str,
        resource: &str,
    ) -> bool {
        let policy = statements.beside(policy, PolicyPart::Whole);
        let policy = policy.map(|text| Policy::parse_stored(&text).unwrap());
        let everything =
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
        let everything = Policy::parse(everything, PolicyKind::Identity).unwrap();
        let mut context = Context::new();
        let caller = match who {
            "anonymous" => Caller::Anonymous,
            "logs" => Caller::Service { name: "logging.s3.amazonaws.com".into(), account: None },
            who => {
                context.set("aws:PrincipalAccount", who.to_owned());
                let arn = format!("arn:aws:iam::{who}:user/ann").parse().unwrap();
                Caller::User { account: account(who), arn }
            }
        };
        let mut policies = Policies { resource_owner: Some(account(OWNER)), ..Policies::default() };
        if caller.account().is_some() {
            policies.identity = vec![Attached { name: "all", owner: "ann", policy: &everything }];
        }
        policies.resource =
            policy.as_ref().map(|policy| Attached { name: "acl", owner: "arn:aws:s3:::my-bucket", policy });
        evaluate(&policies, &Request { caller: &caller, action, resource, context: &context }).is_allowed()
    }

    #[test]
    fn lists_of_buckets() {
        const BUCKET: &str = "arn:aws:s3:::my-bucket";
        const OBJECT: &str = "arn:aws:s3:::my-bucket/a/b";
        let canned = |canned: CannedAcl| canned.acl(id(OWNER), id(OWNER));
        let to_other = |permission| Acl {
            owner: id(OWNER),
            grants: vec![Grant { grantee: Grantee::CanonicalUser(id(OTHER)), permission }],
        };
        for (acl, who, action, resource, expected) in [
            (canned(CannedAcl::Private), OTHER, "s3:ListBucket", BUCKET, false),
            (canned(CannedAcl::Private), "anonymous", "s3:ListBucket", BUCKET, false),
            (canned(CannedAcl::PublicRead), "anonymous", "s3:ListBucket", BUCKET, true),
            (canned(CannedAcl::PublicRead), OTHER, "s3:ListBucket", BUCKET, true),
            (canned(CannedAcl::PublicRead), "anonymous", "s3:GetObject", OBJECT, false),
            (canned(CannedAcl::PublicRead), "anonymous", "s3:PutObject", OBJECT, false),
            (canned(CannedAcl::PublicReadWrite), "anonymous", "s3:PutObject", OBJECT, true),
            (canned(CannedAcl::PublicReadWrite), "anonymous", "s3:DeleteObject", OBJECT, true),
            (canned(CannedAcl::PublicReadWrite), "anonymous", "s3:DeleteObjectVersion", OBJECT, false),
            (canned(CannedAcl::PublicReadWrite), "anonymous", "s3:PutBucketAcl", BUCKET, false),
            (canned(CannedAcl::AuthenticatedRead), OTHER, "s3:ListBucket", BUCKET, true),
            (canned(CannedAcl::AuthenticatedRead), "anonymous", "s3:ListBucket", BUCKET, false),
            (canned(CannedAcl::LogDeliveryWrite), "logs", "s3:PutObject", OBJECT, true),
            (canned(CannedAcl::LogDeliveryWrite), "logs", "s3:GetBucketAcl", BUCKET, true),
            (canned(CannedAcl::LogDeliveryWrite), "logs", "s3:ListBucket", BUCKET, false),
            (to_other(Permission::Read), OTHER, "s3:ListBucketVersions", BUCKET, true),
            (to_other(Permission::Read), OTHER, "s3:GetBucketAcl", BUCKET, false),
            (to_other(Permission::Read), "777788889999", "s3:ListBucket", BUCKET, false),
            (to_other(Permission::ReadAcp), OTHER, "s3:GetBucketAcl", BUCKET, true),
            (to_other(Permission::WriteAcp), OTHER, "s3:PutBucketAcl", BUCKET, true),
            (to_other(Permission::WriteAcp), OTHER, "s3:GetBucketAcl", BUCKET, false),
            (to_other(Permission::FullControl), OTHER, "s3:PutBucketAcl", BUCKET, true),
            (to_other(Permission::FullControl), OTHER, "s3:PutObject", OBJECT, true),
            (to_other(Permission::FullControl), OTHER, "s3:DeleteBucket", BUCKET, false),
            (to_other(Permission::FullControl), OTHER, "s3:PutObject", "arn:aws:s3:::my-bucket2/a", false),
        ] {
            let statements = AclStatements::of_bucket(&acl, &bucket());
            let had = allowed(&statements, None, who, action, resource);
            assert_eq!(had, expected, "{acl:?} {who} {action}");
        }
    }

    #[test]
    fn lists_of_objects() {
        const OBJECT: &str = "arn:aws:s3:::my-bucket/odd/${key}*?";
        let to = |permission| Acl {
            owner: id(OWNER),
            grants: vec![Grant { grantee: Grantee::CanonicalUser(id(OTHER)), permission }],
        };
        for (acl, who, action, expected) in [
            (CannedAcl::PublicRead.acl(id(OWNER), id(OWNER)), "anonymous", "s3:GetObject", true),
            (CannedAcl::PublicRead.acl(id(OWNER), id(OWNER)), "anonymous", "s3:GetObjectAcl", false),
            (CannedAcl::Private.acl(id(OWNER), id(OWNER)), "anonymous", "s3:GetObject", false),
            (CannedAcl::BucketOwnerRead.acl(id(OWNER), id(OTHER)), OTHER, "s3:GetObject", true),
            (to(Permission::Read), OTHER, "s3:GetObjectVersion", true),
            (to(Permission::Write), OTHER, "s3:PutObject", false),
            (to(Permission::ReadAcp), OTHER, "s3:GetObjectAcl", true),
            (to(Permission::WriteAcp), OTHER, "s3:PutObjectAcl", true),
            (to(Permission::FullControl), OTHER, "s3:PutObjectAcl", true),
            (to(Permission::FullControl), OTHER, "s3:DeleteObject", false),
        ] {
            let statements = AclStatements::of_object(&acl, &bucket());
            assert_eq!(allowed(&statements, None, who, action, OBJECT), expected, "{acl:?} {who} {action}");
        }
    }

    #[test]
    fn beside_a_policy() {
        const OBJECT: &str = "arn:aws:s3:::my-bucket/a";
        let public = AclStatements::of_object(&CannedAcl::PublicRead.acl(id(OWNER), id(OWNER)), &bucket());
        let none = AclStatements::default();
        let denies = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::my-bucket/a"}}"#;
        let allows = r#"{"Version":"2008-10-17","Id":"x","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::my-bucket/a"}]}"#;
        for (statements, policy, expected) in [
            (&public, None, true),
            (&public, Some(denies), false),
            (&public, Some(allows), true),
            (&none, Some(allows), true),
            (&none, None, false),
        ] {
            assert_eq!(
                allowed(statements, policy, "anonymous", "s3:GetObject", OBJECT),
                expected,
                "{policy:?}"
            );
        }
        assert_eq!(none.beside(None, PolicyPart::Whole), None);
        let text = public.beside(Some(allows), PolicyPart::Whole).unwrap();
        assert!(!Policy::parse_stored(&text).unwrap().has_variables());
        assert_eq!(public.beside(Some("{}"), PolicyPart::Whole).as_deref(), Some("{}"));
        assert_eq!(none.beside(Some(allows), PolicyPart::Whole).as_deref(), Some(allows));
        assert_eq!(none.beside(Some(allows), PolicyPart::Denials), None);
        assert!(none.beside(Some(denies), PolicyPart::Denials).unwrap().contains("Deny"));
    }

    #[test]
    fn accounts_by_their_canonical_ids() {
        const OBJECT: &str = "arn:aws:s3:::my-bucket/a";
        let named = id(OTHER);
        let policy = format!(
            r#"{{"Statement":{{"Effect":"Allow","Principal":{{"CanonicalUser":"{named}"}},"Action":"s3:GetObject","Resource":"{OBJECT}"}}}}"#
        );
        let none = AclStatements::default();
        for (who, expected) in [(OTHER, true), ("777788889999", false)] {
            assert_eq!(allowed(&none, Some(&policy), who, "s3:GetObject", OBJECT), expected, "{who}");
        }
    }

    #[test]
    fn uploads_of_others() {
        let statements = AclStatements::of_upload(account(OTHER), &bucket());
        for (who, action, expected) in [
            (OTHER, "s3:AbortMultipartUpload", true),
            (OTHER, "s3:ListMultipartUploadParts", true),
            (OTHER, "s3:PutObject", false),
            ("777788889999", "s3:AbortMultipartUpload", false),
        ] {
            let had = allowed(&statements, None, who, action, "arn:aws:s3:::my-bucket/a");
            assert_eq!(had, expected, "{who} {action}");
        }
    }
}
