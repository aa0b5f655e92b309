//! Roles that belong to services.

use aws_api::iam::{self as api, operation as op};

use super::cloud::{ALLOW_ALL, Cloud, HOUR_MILLIS, attach_to_role, decoded, join, profile};

const NAME: &str = "AWSServiceRoleForVPCTransitGateway";

fn create(service: &str, suffix: Option<&str>) -> api::CreateServiceLinkedRoleRequest {
    api::CreateServiceLinkedRoleRequest {
        aws_service_name: service.to_owned(),
        description: Some("mine".to_owned()),
        custom_suffix: suffix.map(str::to_owned),
    }
}

#[test]
fn a_service_has_a_role_that_it_alone_changes() {
    let cloud = Cloud::new();
    let service = "transitgateway.amazonaws.com";
    let made = cloud.ok::<op::CreateServiceLinkedRole>(create(service, None)).role.unwrap();
    assert_eq!(
        made.arn,
        "arn:aws:iam::123456789012:role/aws-service-role/transitgateway.amazonaws.com/AWSServiceRoleForVPCTransitGateway"
    );
    let trust = decoded(&made.assume_role_policy_document.unwrap());
    assert!(trust.contains(r#""Principal":{"Service":"transitgateway.amazonaws.com"}"#), "{trust}");
    let input = api::ListAttachedRolePoliciesRequest { role_name: NAME.to_owned(), ..Default::default() };
    let attached = cloud.ok::<op::ListAttachedRolePolicies>(input).attached_policies.unwrap();
    assert_eq!(
        attached[0].policy_arn.as_deref(),
        Some("arn:aws:iam::aws:policy/aws-service-role/AWSVPCTransitGatewayServiceRolePolicy")
    );
    cloud.refuses::<op::CreateServiceLinkedRole>(
        create(service, None),
        "InvalidInput: Service role name AWSServiceRoleForVPCTransitGateway has been taken in this account, please try a different suffix.",
    );
    let name = || NAME.to_owned();
    let protected = "UnmodifiableEntity: Cannot perform the operation on the protected role 'AWSServiceRoleForVPCTransitGateway' - this role is only modifiable by AWS";
    cloud.refuses::<op::DeleteRole>(api::DeleteRoleRequest { role_name: name() }, protected);
    cloud.refuses::<op::AttachRolePolicy>(
        attach_to_role(NAME, "arn:aws:iam::aws:policy/ReadOnlyAccess"),
        protected,
    );
    cloud.refuses::<op::PutRolePolicy>(
        api::PutRolePolicyRequest {
            role_name: name(),
            policy_name: "p".to_owned(),
            policy_document: ALLOW_ALL.to_owned(),
        },
        protected,
    );
    cloud.refuses::<op::UpdateAssumeRolePolicy>(
        api::UpdateAssumeRolePolicyRequest { role_name: name(), policy_document: trust },
        protected,
    );
    cloud.refuses::<op::PutRolePermissionsBoundary>(
        api::PutRolePermissionsBoundaryRequest {
            role_name: name(),
            permissions_boundary: "arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned(),
        },
        protected,
    );
    cloud.ok::<op::CreateInstanceProfile>(profile("P"));
    cloud.refuses::<op::AddRoleToInstanceProfile>(join("P", NAME), protected);
    let input =
        api::UpdateRoleRequest { role_name: name(), description: None, max_session_duration: Some(7200) };
    cloud.refuses::<op::UpdateRole>(input, protected);
    // What it is for can be said.
    let input = api::UpdateRoleDescriptionRequest { role_name: name(), description: "new".to_owned() };
    cloud.ok::<op::UpdateRoleDescription>(input);
}

#[test]
fn a_role_of_a_service_is_deleted_by_a_task() {
    let mut cloud = Cloud::new();
    cloud.ok::<op::CreateServiceLinkedRole>(create("autoscaling.amazonaws.com", None));
    cloud.ok::<op::CreateServiceLinkedRole>(create("autoscaling.amazonaws.com", Some("blue")));
    let name = "AWSServiceRoleForAutoScaling_blue".to_owned();
    let delete = || api::DeleteServiceLinkedRoleRequest { role_name: name.clone() };
    let task = cloud.ok::<op::DeleteServiceLinkedRole>(delete()).deletion_task_id;
    let start = "task/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling_blue/";
    assert!(task.starts_with(start), "{task}");
    let get =
        |task: &str| api::GetServiceLinkedRoleDeletionStatusRequest { deletion_task_id: task.to_owned() };
    assert_eq!(cloud.ok::<op::GetServiceLinkedRoleDeletionStatus>(get(&task)).status, "SUCCEEDED");
    cloud.refuses::<op::GetServiceLinkedRoleDeletionStatus>(
        get("task/other"),
        "NoSuchEntity: Deletion task task/other cannot be found.",
    );
    cloud.refuses::<op::DeleteServiceLinkedRole>(
        delete(),
        "NoSuchEntity: The role with name AWSServiceRoleForAutoScaling_blue cannot be found.",
    );
    cloud.role("R");
    let input = api::DeleteServiceLinkedRoleRequest { role_name: "R".to_owned() };
    cloud.refuses::<op::DeleteServiceLinkedRole>(
        input,
        "InvalidInput: The role R is not a service-linked role.",
    );
    // After a day nobody asks any more.
    cloud.now = cloud.now.plus_millis(25 * HOUR_MILLIS);
    let input = api::DeleteServiceLinkedRoleRequest { role_name: "AWSServiceRoleForAutoScaling".to_owned() };
    cloud.ok::<op::DeleteServiceLinkedRole>(input);
    let forgotten = format!("NoSuchEntity: Deletion task {task} cannot be found.");
    cloud.refuses::<op::GetServiceLinkedRoleDeletionStatus>(get(&task), &forgotten);
}

#[test]
fn not_every_service_has_one_or_many() {
    let cloud = Cloud::new();
    cloud.refuses::<op::CreateServiceLinkedRole>(
        create("es.amazonaws.com", Some("x")),
        "InvalidInput: Custom suffix is not allowed for es.amazonaws.com",
    );
    cloud.refuses::<op::CreateServiceLinkedRole>(
        create("none.amazonaws.com", None),
        "InvalidInput: Service-linked roles are not available for none.amazonaws.com.",
    );
}

#[test]
fn the_newest_deletions_can_be_asked_about() {
    let mut cloud = Cloud::new();
    let mut delete = || {
        cloud.now = cloud.now.plus_millis(1);
        cloud.ok::<op::CreateServiceLinkedRole>(create("transitgateway.amazonaws.com", None));
        let input = api::DeleteServiceLinkedRoleRequest { role_name: NAME.to_owned() };
        cloud.ok::<op::DeleteServiceLinkedRole>(input).deletion_task_id
    };
    let first = delete();
    let tasks: Vec<String> = (0..1000).map(|_| delete()).collect();
    let ask = |id: &str| api::GetServiceLinkedRoleDeletionStatusRequest { deletion_task_id: id.to_owned() };
    cloud.ok::<op::GetServiceLinkedRoleDeletionStatus>(ask(&tasks[0]));
    let gone = format!("NoSuchEntity: Deletion task {first} cannot be found.");
    cloud.refuses::<op::GetServiceLinkedRoleDeletionStatus>(ask(&first), &gone);
}
