//! Which requests a tag policy refuses.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod harness;

use aws_model::{Fields, Value};
use harness::rules;
use service_api::ServiceError;
use svc_resourcegroupstaggingapi::refusal;

const POLICY: &str = r#"{"tags":{"CostCenter":{"tag_key":{"@@assign":"CostCenter"},
    "tag_value":{"@@assign":["Production"]},
    "enforced_for":{"@@assign":["ec2:vpc","ram:*","ssm:ALL_SUPPORTED","backup:backup-vault"]}}}}"#;

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn structure(members: &[(&'static str, Value)]) -> Value {
    Value::Structure(members.iter().cloned().collect::<Fields>())
}

fn tag(names: [&'static str; 2], key: &str, value: &str) -> Value {
    Value::List(vec![structure(&[(names[0], text(key)), (names[1], text(value))])])
}

fn asked(model: &str, operation: &str, input: &Value) -> Option<ServiceError> {
    let type_of = |id: &str| match id.split('-').next() {
        Some("vpc") => Some("vpc"),
        Some("subnet") => Some("subnet"),
        _ => None,
    };
    refusal(|| Ok(rules(POLICY)), model, operation, input, type_of)
}

fn create_tags(ids: &[&str], key: &str, value: &str) -> Value {
    let ids = ids.iter().map(|id| text(id)).collect();
    structure(&[("Resources", Value::List(ids)), ("Tags", tag(["Key", "Value"], key, value))])
}

fn create_vpc(resource_type: &str, key: &str, value: &str) -> Value {
    let specification =
        structure(&[("ResourceType", text(resource_type)), ("Tags", tag(["Key", "Value"], key, value))]);
    structure(&[("CidrBlock", text("10.0.0.0/16")), ("TagSpecifications", Value::List(vec![specification]))])
}

#[test]
fn tags_of_ec2() {
    let wrong = "The tag policy does not allow the specified value for the following tag key: 'CostCenter'.";
    let error =
        asked("ec2", "CreateTags", &create_tags(&["subnet-1", "vpc-1"], "CostCenter", "Prod")).unwrap();
    assert_eq!((error.code.as_ref(), error.message.as_str()), ("TagPolicyViolation", wrong));
    let error = asked("ec2", "CreateVpc", &create_vpc("vpc", "costcenter", "Production")).unwrap();
    assert!(error.code == "TagPolicyViolation" && error.message.contains("'costcenter'"), "{error}");
    for (operation, input) in [
        ("CreateTags", create_tags(&["subnet-1", "igw-1"], "CostCenter", "Prod")),
        ("CreateTags", create_tags(&["vpc-1"], "CostCenter", "Production")),
        ("CreateTags", create_tags(&["vpc-1"], "Name", "Prod")),
        ("DeleteTags", create_tags(&["vpc-1"], "CostCenter", "Prod")),
        ("CreateSubnet", create_vpc("subnet", "CostCenter", "Prod")),
        ("CreateVpc", structure(&[])),
    ] {
        assert_eq!(asked("ec2", operation, &input), None, "{operation} {input:?}");
    }
}

#[test]
fn tags_of_other_services() {
    let map = |key: &str| Value::Map(vec![(key.to_owned(), text("Prod"))]);
    let vault = |kind: &str| {
        let arn = format!("arn:aws:backup:us-east-1:123456789012:{kind}:x");
        structure(&[("ResourceArn", text(&arn)), ("Tags", map("CostCenter"))])
    };
    for (model, operation, input, code) in [
        (
            "ram",
            "TagResource",
            structure(&[("tags", tag(["key", "value"], "CostCenter", "Prod"))]),
            "TagPolicyViolationException",
        ),
        (
            "ssm",
            "PutParameter",
            structure(&[("Tags", tag(["Key", "Value"], "CostCenter", "Prod"))]),
            "AccessDeniedException",
        ),
        (
            "backup",
            "CreateBackupVault",
            structure(&[("BackupVaultTags", map("CostCenter"))]),
            "AccessDeniedException",
        ),
        ("backup", "TagResource", vault("backup-vault"), "AccessDeniedException"),
    ] {
        assert_eq!(asked(model, operation, &input).unwrap().code, code, "{model} {operation}");
    }
    assert_eq!(asked("backup", "TagResource", &vault("backup-plan")), None);
    assert_eq!(asked("backup", "CreateBackupVault", &structure(&[("BackupVaultTags", map("Owner"))])), None);
    assert_eq!(
        asked("ram", "UntagResource", &structure(&[("tags", tag(["key", "value"], "CostCenter", "Prod"))])),
        None
    );
}

/// Of IAM, Organizations and CloudTrail the types that AWS lists.
#[test]
fn tags_of_services_of_the_whole_account() {
    let policy = POLICY.replace(
        r#""ec2:vpc","ram:*","ssm:ALL_SUPPORTED","backup:backup-vault""#,
        r#""iam:ALL_SUPPORTED","organizations:ou","organizations:account","cloudtrail:*""#,
    );
    let asked = |model: &str, operation: &str, input: &Value| {
        refusal(|| Ok(rules(&policy)), model, operation, input, |_| None).map(|error| error.code.into_owned())
    };
    let tags = || tag(["Key", "Value"], "CostCenter", "Prod");
    let of = |id: &str| structure(&[("ResourceId", text(id)), ("Tags", tags())]);
    for operation in [
        "CreatePolicy",
        "TagPolicy",
        "TagInstanceProfile",
        "CreateVirtualMFADevice",
        "TagOpenIDConnectProvider",
        "CreateSAMLProvider",
        "UploadServerCertificate",
    ] {
        let found = asked("iam", operation, &structure(&[("Tags", tags())]));
        assert_eq!(found.as_deref(), Some("AccessDenied"), "{operation}");
    }
    for operation in ["CreateUser", "TagRole"] {
        assert_eq!(asked("iam", operation, &structure(&[("Tags", tags())])), None, "{operation}");
    }
    let trail = structure(&[("TagsList", tags())]);
    for operation in ["CreateTrail", "AddTags"] {
        assert_eq!(asked("cloudtrail", operation, &trail).as_deref(), Some("AccessDeniedException"));
    }
    assert_eq!(asked("cloudtrail", "RemoveTags", &trail), None);
    let constraint = Some("ConstraintViolationException");
    for id in ["123456789012", "ou-ab12-00000001"] {
        assert_eq!(asked("organizations", "TagResource", &of(id)).as_deref(), constraint, "{id}");
    }
    for id in ["p-12345678", "r-ab12", "rp-12345678"] {
        assert_eq!(asked("organizations", "TagResource", &of(id)), None, "{id}");
    }
    let unit = structure(&[("Tags", tags())]);
    assert_eq!(asked("organizations", "CreateOrganizationalUnit", &unit).as_deref(), constraint);
}

#[test]
fn the_policy_is_asked_for_only_when_a_request_has_tags() {
    let asked = |operation: &str, input: &Value| {
        let mut is_asked = false;
        let rules = || {
            is_asked = true;
            Ok(rules(POLICY))
        };
        refusal(rules, "ec2", operation, input, |_| Some("vpc"));
        is_asked
    };
    assert!(asked("CreateVpc", &create_vpc("vpc", "Name", "web")));
    assert!(!asked("CreateVpc", &structure(&[("CidrBlock", text("10.0.0.0/16"))])));
    assert!(!asked("DescribeVpcs", &structure(&[])));
}
