use aws_api::organizations::{self as api, operation as op};
use aws_types::Partition;
use organization::is_administrator_of;

use crate::harness::*;

const BACKUP: &str = "backup.amazonaws.com";

fn register(account: &str, service: &str) -> api::RegisterDelegatedAdministratorRequest {
    api::RegisterDelegatedAdministratorRequest {
        account_id: account.to_owned(),
        service_principal: service.to_owned(),
    }
}

fn enable(service: &str) -> api::EnableAWSServiceAccessRequest {
    api::EnableAWSServiceAccessRequest { service_principal: service.to_owned() }
}

fn disable(service: &str) -> api::DisableAWSServiceAccessRequest {
    api::DisableAWSServiceAccessRequest { service_principal: service.to_owned() }
}

#[test]
fn services_are_trusted() {
    let cloud = Cloud::organized();
    let list = || {
        let found = cloud.ok::<op::ListAWSServiceAccessForOrganization>(MANAGEMENT, Default::default());
        let found = found.enabled_service_principals.unwrap();
        found.into_iter().map(|one| one.service_principal.unwrap()).collect::<Vec<_>>()
    };
    cloud.ok::<op::EnableAWSServiceAccess>(MANAGEMENT, enable("ram.amazonaws.com"));
    cloud.ok::<op::EnableAWSServiceAccess>(MANAGEMENT, enable(BACKUP));
    cloud.ok::<op::EnableAWSServiceAccess>(MANAGEMENT, enable(BACKUP));
    assert_eq!(list(), [BACKUP, "ram.amazonaws.com"]);
    cloud.ok::<op::DisableAWSServiceAccess>(MANAGEMENT, disable("ram.amazonaws.com"));
    assert_eq!(list(), [BACKUP]);
    let unknown = "InvalidInputException/UNRECOGNIZED_SERVICE_PRINCIPAL";
    cloud.refuses::<op::EnableAWSServiceAccess>(MANAGEMENT, enable("tea.amazonaws.com"), unknown);
    cloud.refuses::<op::EnableAWSServiceAccess>(MANAGEMENT, enable("backup"), unknown);
}

#[test]
fn a_delegate_administers_a_service_and_looks_around() {
    let cloud = Cloud::organized();
    let member = cloud.new_member("member");
    cloud.refuses::<op::RegisterDelegatedAdministrator>(
        MANAGEMENT,
        register(&member, BACKUP),
        "ConstraintViolationException/SERVICE_ACCESS_NOT_ENABLED",
    );
    cloud.ok::<op::EnableAWSServiceAccess>(MANAGEMENT, enable(BACKUP));
    let administers =
        || is_administrator_of(&cloud.store.snapshot(), Partition::Aws, member.parse().unwrap(), BACKUP);
    assert!(!administers());
    cloud.ok::<op::RegisterDelegatedAdministrator>(MANAGEMENT, register(&member, BACKUP));
    assert!(administers());
    let seen = cloud.ok::<op::ListAccounts>(&member, Default::default()).accounts.unwrap();
    assert_eq!(seen.len(), 2);
    cloud.refuses::<op::CreateAccount>(&member, new_account("other"), "AccessDeniedException");
    cloud.refuses::<op::CreatePolicy>(&member, new_policy("deny", SCP, DENY), "AccessDeniedException");
    let already = "AccountAlreadyRegisteredException";
    cloud.refuses::<op::RegisterDelegatedAdministrator>(MANAGEMENT, register(&member, BACKUP), already);
    let list = |service: Option<&str>| {
        let input = api::ListDelegatedAdministratorsRequest {
            service_principal: service.map(str::to_owned),
            ..Default::default()
        };
        cloud.ok::<op::ListDelegatedAdministrators>(MANAGEMENT, input).delegated_administrators.unwrap().len()
    };
    assert_eq!((list(None), list(Some(BACKUP)), list(Some("ram.amazonaws.com"))), (1, 1, 0));
    let of = |account: &str| api::ListDelegatedServicesForAccountRequest {
        account_id: account.to_owned(),
        ..Default::default()
    };
    let services =
        cloud.ok::<op::ListDelegatedServicesForAccount>(MANAGEMENT, of(&member)).delegated_services;
    assert_eq!(services.unwrap()[0].service_principal.as_deref(), Some(BACKUP));
    // What holds on to it goes first.
    cloud.refuses::<op::DisableAWSServiceAccess>(
        MANAGEMENT,
        disable(BACKUP),
        "ConstraintViolationException/DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE",
    );
    cloud.complete(&member);
    cloud.refuses::<op::LeaveOrganization>(
        &member,
        aws_api::Unit,
        "ConstraintViolationException/CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG",
    );
    let deregister = || api::DeregisterDelegatedAdministratorRequest {
        account_id: member.clone(),
        service_principal: BACKUP.to_owned(),
    };
    cloud.ok::<op::DeregisterDelegatedAdministrator>(MANAGEMENT, deregister());
    let not_registered = "AccountNotRegisteredException";
    cloud.refuses::<op::DeregisterDelegatedAdministrator>(MANAGEMENT, deregister(), not_registered);
    cloud.refuses::<op::ListDelegatedServicesForAccount>(MANAGEMENT, of(&member), not_registered);
    cloud.refuses::<op::ListAccounts>(&member, Default::default(), "AccessDeniedException");
}

#[test]
fn not_every_account_can_be_a_delegate() {
    let cloud = Cloud::organized();
    cloud.ok::<op::EnableAWSServiceAccess>(MANAGEMENT, enable(BACKUP));
    cloud.refuses::<op::RegisterDelegatedAdministrator>(
        MANAGEMENT,
        register(MANAGEMENT, BACKUP),
        "ConstraintViolationException/CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR",
    );
    cloud.refuses::<op::RegisterDelegatedAdministrator>(
        MANAGEMENT,
        register(STRANGER, BACKUP),
        "AccountNotFoundException",
    );
    let closed = cloud.new_member("closed");
    cloud.ok::<op::CloseAccount>(MANAGEMENT, api::CloseAccountRequest { account_id: closed.clone() });
    cloud.refuses::<op::RegisterDelegatedAdministrator>(
        MANAGEMENT,
        register(&closed, BACKUP),
        "ConstraintViolationException/CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR",
    );
    for number in 0..5 {
        let member = cloud.new_member(&format!("member{number}"));
        cloud.ok::<op::RegisterDelegatedAdministrator>(MANAGEMENT, register(&member, BACKUP));
    }
    let sixth = cloud.new_member("sixth");
    cloud.refuses::<op::RegisterDelegatedAdministrator>(
        MANAGEMENT,
        register(&sixth, BACKUP),
        "ConstraintViolationException/MAX_DELEGATED_ADMINISTRATORS_FOR_SERVICE_LIMIT_EXCEEDED",
    );
}
