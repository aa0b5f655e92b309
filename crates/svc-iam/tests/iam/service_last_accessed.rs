//! Services that were used, and by whom.

use std::sync::Arc;

use super::cloud::{ALLOW_ALL, By, Cloud, HOUR_MILLIS};
use aws_api::iam::{self as api, operation as op};
use aws_types::{AccountId, Timestamp};
use svc_iam::{ServiceAccess, ServiceUse};

const BOB: &str = "arn:aws:iam::123456789012:user/Bob";
const EVE: &str = "arn:aws:iam::123456789012:user/Eve";
const GROUP: &str = "arn:aws:iam::123456789012:group/G";

struct Seen(Vec<ServiceAccess>);

impl ServiceUse for Seen {
    fn of(&self, account: AccountId) -> Vec<ServiceAccess> {
        assert_eq!(account.to_string(), super::cloud::ACCOUNT);
        self.0.clone()
    }
}

fn access(principal: &str, namespace: &str, action: &str, at: i64) -> ServiceAccess {
    ServiceAccess {
        principal: principal.parse().unwrap(),
        namespace: namespace.to_owned(),
        action: action.to_owned(),
        at: Timestamp::from_unix_secs(at),
        region: "eu-west-1".to_owned(),
    }
}

/// Bob and Eve are in a group that may use EC2 and S3.
fn cloud() -> Cloud {
    let mut cloud = Cloud::new();
    cloud.group("G");
    for user in ["Bob", "Eve"] {
        cloud.user(user);
        let (group_name, user_name) = ("G".to_owned(), user.to_owned());
        cloud.ok::<op::AddUserToGroup>(api::AddUserToGroupRequest { group_name, user_name });
    }
    cloud.ok::<op::PutGroupPolicy>(api::PutGroupPolicyRequest {
        group_name: "G".to_owned(),
        policy_name: "p".to_owned(),
        policy_document: ALLOW_ALL.replace("\"Action\":\"*\"", "\"Action\":[\"ec2:*\",\"s3:Get*\"]"),
    });
    cloud.service = cloud.service.with_service_use(Arc::new(Seen(vec![
        access(BOB, "ec2", "DescribeVpcs", 100),
        access(EVE, "ec2", "DescribeVpcs", 300),
        access(BOB, "ec2", "CreateVpc", 200),
        access(BOB, "sns", "Publish", 400),
    ])));
    cloud
}

fn generate(cloud: &Cloud, arn: &str, granularity: Option<&str>) -> String {
    let input = api::GenerateServiceLastAccessedDetailsRequest {
        arn: arn.to_owned(),
        granularity: granularity.map(str::to_owned),
    };
    cloud.ok::<op::GenerateServiceLastAccessedDetails>(input).job_id.unwrap()
}

fn get(id: &str) -> api::GetServiceLastAccessedDetailsRequest {
    api::GetServiceLastAccessedDetailsRequest { job_id: id.to_owned(), ..Default::default() }
}

#[test]
fn a_report_has_the_services_that_can_be_used() {
    let cloud = cloud();
    let id = generate(&cloud, GROUP, None);
    let report = cloud.ok::<op::GetServiceLastAccessedDetails>(get(&id));
    assert_eq!(
        (report.job_status.as_str(), report.job_type.as_deref()),
        ("COMPLETED", Some("SERVICE_LEVEL"))
    );
    let services = report.services_last_accessed;
    let names: Vec<_> = services.iter().map(|one| one.service_namespace.as_str()).collect();
    assert_eq!(names, ["ec2", "s3"]);
    assert_eq!(services[0].last_authenticated, Some(Timestamp::from_unix_secs(300)));
    assert_eq!(services[0].last_authenticated_entity.as_deref(), Some(EVE));
    assert_eq!(services[0].last_authenticated_region.as_deref(), Some("eu-west-1"));
    assert_eq!(
        (services[0].total_authenticated_entities, services[1].total_authenticated_entities),
        (Some(2), Some(0))
    );
    assert_eq!((services[1].last_authenticated, &services[0].tracked_actions_last_accessed), (None, &None));
    cloud.refuses_to::<op::GetServiceLastAccessedDetails>(
        &By::OtherRoot,
        get(&id),
        &format!("NoSuchEntity: The job with id {id} cannot be found."),
    );
}

#[test]
fn a_report_of_a_user_has_its_calls_alone() {
    let cloud = cloud();
    let id = generate(&cloud, BOB, Some("ACTION_LEVEL"));
    let report = cloud.ok::<op::GetServiceLastAccessedDetails>(get(&id));
    let ec2 = &report.services_last_accessed[0];
    assert_eq!(
        (ec2.last_authenticated, ec2.total_authenticated_entities),
        (Some(Timestamp::from_unix_secs(200)), Some(1))
    );
    let actions = ec2.tracked_actions_last_accessed.as_ref().unwrap();
    let names: Vec<_> = actions.iter().map(|one| one.action_name.as_deref().unwrap()).collect();
    assert_eq!(names, ["CreateVpc", "DescribeVpcs"]);
}

#[test]
fn entities_say_when_they_used_a_service() {
    let mut cloud = cloud();
    let id = generate(&cloud, GROUP, None);
    let with = |namespace: &str| api::GetServiceLastAccessedDetailsWithEntitiesRequest {
        job_id: id.clone(),
        service_namespace: namespace.to_owned(),
        ..Default::default()
    };
    let found = cloud.ok::<op::GetServiceLastAccessedDetailsWithEntities>(with("ec2")).entity_details_list;
    let mut shown: Vec<_> = found
        .iter()
        .map(|one| (one.entity_info.name.as_str(), one.last_authenticated.map(Timestamp::unix_secs)))
        .collect();
    shown.sort_unstable();
    assert_eq!(shown, [("Bob", Some(200)), ("Eve", Some(300))]);
    cloud.refuses::<op::GetServiceLastAccessedDetailsWithEntities>(
        with("sns"),
        "NoSuchEntity: The report has no service sns.",
    );
    // Reports are kept for a week.
    cloud.now = cloud.now.plus_millis(8 * 24 * HOUR_MILLIS);
    generate(&cloud, GROUP, None);
    let missing = format!("NoSuchEntity: The job with id {id} cannot be found.");
    cloud.refuses::<op::GetServiceLastAccessedDetails>(get(&id), &missing);
}

#[test]
fn a_report_of_a_policy_is_of_those_who_have_it() {
    let cloud = cloud();
    let arn = cloud.policy("Own");
    cloud.ok::<op::AttachGroupPolicy>(api::AttachGroupPolicyRequest {
        group_name: "G".to_owned(),
        policy_arn: arn.clone(),
    });
    let report = cloud.ok::<op::GetServiceLastAccessedDetails>(get(&generate(&cloud, &arn, None)));
    let services = report.services_last_accessed;
    let used = services.iter().filter(|one| one.last_authenticated.is_some());
    let used: Vec<_> = used.map(|one| one.service_namespace.as_str()).collect();
    assert_eq!(used, ["ec2", "sns"]);
    assert!(services.len() > 20, "it allows everything");
}

#[test]
fn the_newest_reports_are_kept() {
    let mut cloud = cloud();
    let first = generate(&cloud, BOB, None);
    let get =
        |id: &str| api::GetServiceLastAccessedDetailsRequest { job_id: id.to_owned(), ..Default::default() };
    for _ in 0..99 {
        cloud.now = cloud.now.plus_millis(1000);
        generate(&cloud, BOB, None);
    }
    cloud.ok::<op::GetServiceLastAccessedDetails>(get(&first));
    cloud.now = cloud.now.plus_millis(1000);
    let last = generate(&cloud, BOB, None);
    cloud.ok::<op::GetServiceLastAccessedDetails>(get(&last));
    let gone = format!("NoSuchEntity: The job with id {first} cannot be found.");
    cloud.refuses::<op::GetServiceLastAccessedDetails>(get(&first), &gone);
}
