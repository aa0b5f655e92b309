use aws_api::Unit;
use aws_api::organizations::{self as api, operation as op};
use aws_types::Partition;
use svc_organizations::Config;

use crate::harness::*;

fn close(account: &str) -> api::CloseAccountRequest {
    api::CloseAccountRequest { account_id: account.to_owned() }
}

fn remove(account: &str) -> api::RemoveAccountFromOrganizationRequest {
    api::RemoveAccountFromOrganizationRequest { account_id: account.to_owned() }
}

#[test]
fn accounts_move_between_units() {
    let cloud = Cloud::organized();
    let (root, member) = (cloud.root(), cloud.new_member("member"));
    let core = cloud.new_unit(&root, "Core");
    cloud.ok::<op::MoveAccount>(MANAGEMENT, move_account(&member, &root, &core));
    let input = api::ListAccountsForParentRequest { parent_id: core.clone(), ..Default::default() };
    let accounts = cloud.ok::<op::ListAccountsForParent>(MANAGEMENT, input).accounts.unwrap();
    assert_eq!(accounts.len(), 1);
    let paths = accounts[0].paths.clone().unwrap();
    assert!(paths[0].ends_with(&format!("/{root}/{core}/{member}/")), "{paths:?}");
    let none = "ou-none-12345678";
    let refuses = |from: &str, to: &str, code| {
        cloud.refuses::<op::MoveAccount>(MANAGEMENT, move_account(&member, from, to), code);
    };
    refuses(none, &root, "SourceParentNotFoundException");
    refuses(&core, none, "DestinationParentNotFoundException");
    refuses(&root, &core, "DuplicateAccountException");
    let other = cloud.new_unit(&root, "Other");
    refuses(&other, &root, "AccountNotFoundException");
    cloud.refuses::<op::MoveAccount>(
        MANAGEMENT,
        move_account(STRANGER, &root, &core),
        "AccountNotFoundException",
    );
}

#[test]
fn a_member_leaves_once_it_can_stand_alone() {
    let cloud = Cloud::organized();
    let member = cloud.new_member("member");
    assert!(cloud.levels(&member).is_some());
    let incomplete = "ConstraintViolationException/ACCOUNT_CANNOT_LEAVE_WITHOUT_PHONE_VERIFICATION";
    cloud.refuses::<op::LeaveOrganization>(&member, Unit, incomplete);
    cloud.refuses::<op::RemoveAccountFromOrganization>(MANAGEMENT, remove(&member), incomplete);
    cloud.complete(&member);
    cloud.leave(&member);
    assert_eq!(cloud.accounts(), [MANAGEMENT]);
    assert_eq!(cloud.levels(&member), None);
    cloud.refuses::<op::DescribeOrganization>(&member, Unit, "AWSOrganizationsNotInUseException");
    cloud.refuses::<op::LeaveOrganization>(&member, Unit, "AWSOrganizationsNotInUseException");
    cloud.refuses::<op::RemoveAccountFromOrganization>(
        MANAGEMENT,
        remove(&member),
        "AccountNotFoundException",
    );
}

#[test]
fn a_complete_member_can_be_removed_and_the_management_account_never() {
    let cloud = Cloud::organized();
    let member = cloud.new_member("member");
    cloud.complete(&member);
    cloud.complete(MANAGEMENT);
    cloud.refuses::<op::RemoveAccountFromOrganization>(&member, remove(&member), "AccessDeniedException");
    cloud.ok::<op::RemoveAccountFromOrganization>(MANAGEMENT, remove(&member));
    assert_eq!(cloud.accounts(), [MANAGEMENT]);
    let never = "MasterCannotLeaveOrganizationException";
    cloud.refuses::<op::RemoveAccountFromOrganization>(MANAGEMENT, remove(MANAGEMENT), never);
    cloud.refuses::<op::LeaveOrganization>(MANAGEMENT, Unit, never);
}

#[test]
fn at_the_pace_of_aws_a_new_account_stays_a_week() {
    let store = store::Store::open(store::MemoryBackend::new()).unwrap();
    let cloud = Cloud::on(store, Config { realistic_timing: true, ..Config::default() });
    cloud.ok::<op::CreateOrganization>(MANAGEMENT, Default::default());
    let asked = cloud.ok::<op::CreateAccount>(MANAGEMENT, new_account("member"));
    cloud.pass(29_000);
    assert_eq!(cloud.accounts(), [MANAGEMENT]);
    cloud.pass(1000);
    let id = asked.create_account_status.unwrap().id.unwrap();
    let input = api::DescribeCreateAccountStatusRequest { create_account_request_id: id };
    let status = cloud.ok::<op::DescribeCreateAccountStatus>(MANAGEMENT, input).create_account_status;
    let member = status.unwrap().account_id.unwrap();
    cloud.complete(&member);
    cloud.refuses::<op::LeaveOrganization>(&member, Unit, "ConstraintViolationException/WAIT_PERIOD_ACTIVE");
    cloud.pass(7 * DAY_MILLIS);
    cloud.leave(&member);
}

#[test]
fn a_closed_account_is_shown_for_ninety_days() {
    let cloud = Cloud::organized();
    let member = cloud.new_member("member");
    let status = || {
        let account = cloud.ok::<op::DescribeAccount>(MANAGEMENT, describe(&member)).account.unwrap();
        (account.status.unwrap(), account.state.unwrap())
    };
    cloud.refuses::<op::CloseAccount>(&member, close(&member), "AccessDeniedException");
    cloud.ok::<op::CloseAccount>(MANAGEMENT, close(&member));
    assert_eq!(status(), ("PENDING_CLOSURE".to_owned(), "PENDING_CLOSURE".to_owned()));
    cloud.refuses::<op::CloseAccount>(MANAGEMENT, close(&member), "ConflictException");
    let id = member.parse().unwrap();
    let is_reachable = || identities::is_reachable(&cloud.store.snapshot(), Partition::Aws, id);
    assert!(!is_reachable());
    cloud.pass(1000);
    assert_eq!(status(), ("SUSPENDED".to_owned(), "CLOSED".to_owned()));
    cloud.refuses::<op::CloseAccount>(MANAGEMENT, close(&member), "AccountAlreadyClosedException");
    cloud.complete(&member);
    cloud.refuses::<op::RemoveAccountFromOrganization>(
        MANAGEMENT,
        remove(&member),
        "ConstraintViolationException/ACCOUNT_CANNOT_LEAVE_ORGANIZATION",
    );
    cloud.pass(90 * DAY_MILLIS);
    cloud.refuses::<op::DescribeAccount>(MANAGEMENT, describe(&member), "AccountNotFoundException");
    assert_eq!(cloud.accounts(), [MANAGEMENT]);
    // It holds the organization no longer.
    cloud.ok::<op::DeleteOrganization>(MANAGEMENT, Unit);
}

#[test]
fn a_reopened_account_is_where_it_was() {
    let cloud = Cloud::organized();
    let (root, member) = (cloud.root(), cloud.new_member("member"));
    let core = cloud.new_unit(&root, "Core");
    cloud.ok::<op::MoveAccount>(MANAGEMENT, move_account(&member, &root, &core));
    cloud.ok::<op::CloseAccount>(MANAGEMENT, close(&member));
    cloud.pass(30 * DAY_MILLIS);
    let now = cloud.now.get();
    let reopened = cloud.store.transact(|transaction| {
        let done = identities::reopen_account(transaction, Partition::Aws, member.parse().unwrap(), now);
        done.unwrap();
        Ok::<_, store::StoreError>(())
    });
    reopened.unwrap();
    let account = cloud.ok::<op::DescribeAccount>(MANAGEMENT, describe(&member)).account.unwrap();
    assert_eq!(account.status.as_deref(), Some("ACTIVE"));
    assert!(account.paths.unwrap()[0].contains(&core));
}

#[test]
fn closures_are_counted_and_the_management_account_stays_open() {
    let store = store::Store::open(store::MemoryBackend::new()).unwrap();
    let cloud = Cloud::on(store, Config { max_accounts: 20, ..Config::default() });
    cloud.ok::<op::CreateOrganization>(MANAGEMENT, Default::default());
    cloud.refuses::<op::CloseAccount>(
        MANAGEMENT,
        close(MANAGEMENT),
        "ConstraintViolationException/CANNOT_CLOSE_MANAGEMENT_ACCOUNT",
    );
    cloud.refuses::<op::CloseAccount>(MANAGEMENT, close(STRANGER), "AccountNotFoundException");
    let members: Vec<String> = (0..11).map(|number| cloud.new_member(&format!("member{number}"))).collect();
    for member in &members[..3] {
        cloud.ok::<op::CloseAccount>(MANAGEMENT, close(member));
    }
    cloud.refuses::<op::CloseAccount>(
        MANAGEMENT,
        close(&members[3]),
        "ConstraintViolationException/CLOSE_ACCOUNT_REQUESTS_LIMIT_EXCEEDED",
    );
    for member in &members[3..10] {
        cloud.pass(1000);
        cloud.ok::<op::CloseAccount>(MANAGEMENT, close(member));
    }
    cloud.pass(1000);
    cloud.refuses::<op::CloseAccount>(
        MANAGEMENT,
        close(&members[10]),
        "ConstraintViolationException/CLOSE_ACCOUNT_QUOTA_EXCEEDED",
    );
    cloud.pass(30 * DAY_MILLIS);
    cloud.ok::<op::CloseAccount>(MANAGEMENT, close(&members[10]));
}
