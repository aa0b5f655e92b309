//! Policies that let somebody use a service.

use super::cloud::{ALLOW_ALL, Cloud, attach_to_user};
use aws_api::iam::{self as api, operation as op};

#[test]
fn policies_are_listed_by_service() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    cloud.group("G");
    cloud.ok::<op::AddUserToGroup>(api::AddUserToGroupRequest {
        group_name: "G".to_owned(),
        user_name: "Bob".to_owned(),
    });
    cloud.ok::<op::PutGroupPolicy>(api::PutGroupPolicyRequest {
        group_name: "G".to_owned(),
        policy_name: "queues".to_owned(),
        policy_document: ALLOW_ALL.replace("\"Action\":\"*\"", "\"Action\":\"sqs:*\""),
    });
    let arn = "arn:aws:iam::aws:policy/AmazonSQSFullAccess";
    cloud.ok::<op::AttachUserPolicy>(attach_to_user("Bob", arn));
    let input = api::ListPoliciesGrantingServiceAccessRequest {
        arn: "arn:aws:iam::123456789012:user/Bob".to_owned(),
        service_namespaces: ["sqs", "s3"].map(str::to_owned).to_vec(),
        marker: None,
    };
    let found = cloud.ok::<op::ListPoliciesGrantingServiceAccess>(input).policies_granting_service_access;
    let names: Vec<_> = found.iter().map(|one| one.service_namespace.as_deref().unwrap()).collect();
    assert_eq!(names, ["sqs", "s3"]);
    let managed = api::PolicyGrantingServiceAccess {
        policy_name: "AmazonSQSFullAccess".to_owned(),
        policy_type: "MANAGED".to_owned(),
        policy_arn: Some(arn.to_owned()),
        ..Default::default()
    };
    let inline = api::PolicyGrantingServiceAccess {
        policy_name: "queues".to_owned(),
        policy_type: "INLINE".to_owned(),
        entity_type: Some("GROUP".to_owned()),
        entity_name: Some("G".to_owned()),
        ..Default::default()
    };
    assert_eq!(found[0].policies.as_deref().unwrap(), [managed, inline]);
    assert_eq!(found[1].policies.as_deref().unwrap(), []);
}
