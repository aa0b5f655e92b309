use aws_api::organizations::{self as api, operation as op};
use aws_types::Partition;
use identities::Role;
use store::{Read as _, Scope};
use svc_organizations::Config;

use crate::harness::*;

fn role(cloud: &Cloud, account: &str, name: &str) -> Option<Role> {
    let scope = Scope::global(Partition::Aws, account.parse().unwrap());
    let found = cloud.store.snapshot().get::<Role>(&scope, &identities::name_key(name));
    found.map(|role| (*role).clone())
}

#[test]
fn an_account_is_made_after_a_while() {
    let cloud = Cloud::organized();
    let asked = cloud.ok::<op::CreateAccount>(MANAGEMENT, new_account("Production"));
    let asked = asked.create_account_status.unwrap();
    assert_eq!(asked.state.as_deref(), Some("IN_PROGRESS"));
    assert_eq!((asked.account_id, asked.completed_timestamp), (None, None));
    assert_eq!(cloud.accounts(), [MANAGEMENT]);
    cloud.pass(1000);
    let id = asked.id.unwrap();
    assert!(id.starts_with("car-") && id.len() == 36, "{id}");
    let input = api::DescribeCreateAccountStatusRequest { create_account_request_id: id };
    let status =
        cloud.ok::<op::DescribeCreateAccountStatus>(MANAGEMENT, input).create_account_status.unwrap();
    assert_eq!(status.state.as_deref(), Some("SUCCEEDED"));
    let account = status.account_id.unwrap();
    assert!(cloud.accounts().contains(&account));
    let shown = cloud.ok::<op::DescribeAccount>(MANAGEMENT, describe(&account)).account.unwrap();
    assert_eq!(shown.email.as_deref(), Some("Production@example.com"));
    assert_eq!(
        (shown.name.as_deref(), shown.joined_method.as_deref()),
        (Some("Production"), Some("CREATED"))
    );
    assert_eq!((shown.status.as_deref(), shown.state.as_deref()), (Some("ACTIVE"), Some("ACTIVE")));
    let input = api::DescribeCreateAccountStatusRequest {
        create_account_request_id: format!("car-{}", "0".repeat(32)),
    };
    cloud.refuses::<op::DescribeCreateAccountStatus>(
        MANAGEMENT,
        input,
        "CreateAccountStatusNotFoundException",
    );
}

#[test]
fn the_management_account_reaches_what_it_made() {
    let cloud = Cloud::organized();
    let account = cloud.new_member("member");
    let access = role(&cloud, &account, "OrganizationAccountAccessRole").unwrap();
    assert_eq!(access.arn.as_str(), format!("arn:aws:iam::{account}:role/OrganizationAccountAccessRole"));
    assert!(access.trust_policy.text().contains(&format!("arn:aws:iam::{MANAGEMENT}:root")));
    assert!(access.attached_policies.contains("arn:aws:iam::aws:policy/AdministratorAccess"));
    for one in [&account, MANAGEMENT] {
        assert!(role(&cloud, one, "AWSServiceRoleForOrganizations").unwrap().linked_service.is_some());
    }
    assert!(role(&cloud, MANAGEMENT, "OrganizationAccountAccessRole").is_none());
    let named = api::CreateAccountRequest { role_name: Some("Access".to_owned()), ..new_account("other") };
    let id = cloud.ok::<op::CreateAccount>(MANAGEMENT, named).create_account_status.unwrap().id.unwrap();
    cloud.pass(1000);
    let input = api::DescribeCreateAccountStatusRequest { create_account_request_id: id };
    let status = cloud.ok::<op::DescribeCreateAccountStatus>(MANAGEMENT, input).create_account_status;
    let other = status.unwrap().account_id.unwrap();
    assert!(role(&cloud, &other, "Access").is_some());
    let reserved = Some("AWSServiceRoleForOrganizations".to_owned());
    cloud.refuses::<op::CreateAccount>(
        MANAGEMENT,
        api::CreateAccountRequest { role_name: reserved, ..new_account("third") },
        "InvalidInputException/INVALID_ROLE_NAME",
    );
}

#[test]
fn an_e_mail_address_is_of_one_account() {
    let cloud = Cloud::organized();
    cloud.new_member("member");
    for email in ["member@example.com", "MEMBER@example.com", "stranger@example.com"] {
        let input = api::CreateAccountRequest { email: email.to_owned(), ..new_account("again") };
        cloud.ok::<op::CreateAccount>(MANAGEMENT, input);
    }
    cloud.pass(1000);
    assert_eq!(cloud.accounts().len(), 2);
    let failed =
        api::ListCreateAccountStatusRequest { states: Some(vec!["FAILED".to_owned()]), ..Default::default() };
    let failed = cloud.ok::<op::ListCreateAccountStatus>(MANAGEMENT, failed).create_account_statuses.unwrap();
    let reasons: Vec<_> = failed.iter().map(|one| one.failure_reason.as_deref().unwrap()).collect();
    assert_eq!(reasons, ["EMAIL_ALREADY_EXISTS"; 3]);
    let all = cloud.ok::<op::ListCreateAccountStatus>(MANAGEMENT, Default::default());
    assert_eq!(all.create_account_statuses.unwrap().len(), 4);
}

#[test]
fn an_organization_has_a_number_of_accounts() {
    let store = store::Store::open(store::MemoryBackend::new()).unwrap();
    let cloud = Cloud::on(store, Config { max_accounts: 3, ..Config::default() });
    cloud.ok::<op::CreateOrganization>(MANAGEMENT, Default::default());
    cloud.new_member("one");
    crate::handshake::invite(&cloud, STRANGER);
    // The invitation counts.
    cloud.refuses::<op::CreateAccount>(
        MANAGEMENT,
        new_account("two"),
        "ConstraintViolationException/ACCOUNT_NUMBER_LIMIT_EXCEEDED",
    );
    cloud.pass(16 * DAY_MILLIS);
    cloud.new_member("two");
}
