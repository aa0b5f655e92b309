//! Condition keys of policies.

use super::cloud::Cloud;
use aws_api::iam::{self as api, operation as op};

const KEYS: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/${*}","Condition":{"StringLike":{"s3:prefix":"${aws:PrincipalTag/team, 'none'}/*"}}},
    {"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"},"Null":{"AWS:UserName":"true"}}}]}"#;
const OLD: &str = r#"{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:userid}","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}}}"#;

#[test]
fn keys_are_those_of_conditions_and_variables() {
    let cloud = Cloud::new();
    let keys = |texts: &[&str]| {
        let policy_input_list = texts.iter().map(|text| (*text).to_owned()).collect();
        let input = api::GetContextKeysForCustomPolicyRequest { policy_input_list };
        cloud.ok::<op::GetContextKeysForCustomPolicy>(input).context_key_names.unwrap()
    };
    let expected = ["aws:PrincipalTag/team", "aws:SecureTransport", "aws:username", "s3:prefix"];
    assert_eq!(keys(&[KEYS]), expected);
    assert_eq!(keys(&[OLD]), ["aws:SourceIp"], "a policy of 2008 has no variables");
    cloud.refuses::<op::GetContextKeysForCustomPolicy>(
        api::GetContextKeysForCustomPolicyRequest { policy_input_list: vec!["{".to_owned()] },
        "InvalidInput: Syntax errors in policy.",
    );
}

#[test]
fn keys_of_a_principal_are_those_of_all_its_policies() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    cloud.group("G");
    cloud.ok::<op::AddUserToGroup>(api::AddUserToGroupRequest {
        group_name: "G".to_owned(),
        user_name: "Bob".to_owned(),
    });
    cloud.ok::<op::PutGroupPolicy>(api::PutGroupPolicyRequest {
        group_name: "G".to_owned(),
        policy_name: "p".to_owned(),
        policy_document: OLD.replace("2008-10-17", "2012-10-17").replace("${aws:userid}", "b"),
    });
    let of = |arn: &str, more: &[&str]| api::GetContextKeysForPrincipalPolicyRequest {
        policy_source_arn: arn.to_owned(),
        policy_input_list: Some(more.iter().map(|text| (*text).to_owned()).collect()),
    };
    let bob = "arn:aws:iam::123456789012:user/Bob";
    let keys = |more: &[&str]| {
        cloud.ok::<op::GetContextKeysForPrincipalPolicy>(of(bob, more)).context_key_names.unwrap()
    };
    assert_eq!(keys(&[]), ["aws:SourceIp"]);
    assert_eq!(keys(&[KEYS]).len(), 5);
    cloud.refuses::<op::GetContextKeysForPrincipalPolicy>(
        of("arn:aws:iam::123456789012:user/Eve", &[]),
        "NoSuchEntity: The user with name Eve cannot be found.",
    );
    cloud.refuses::<op::GetContextKeysForPrincipalPolicy>(
        of("arn:aws:iam::123456789012:root", &[]),
        "InvalidInput: Invalid Entity Arn: arn:aws:iam::123456789012:root does not clearly define entity type and name.",
    );
}
