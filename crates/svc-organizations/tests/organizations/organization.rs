use aws_api::Unit;
use aws_api::organizations::{self as api, operation as op};

use crate::harness::*;

fn billing() -> api::CreateOrganizationRequest {
    api::CreateOrganizationRequest { feature_set: Some("CONSOLIDATED_BILLING".to_owned()) }
}

#[test]
fn the_account_that_makes_an_organization_manages_it() {
    let cloud = Cloud::new();
    cloud.refuses::<op::DescribeOrganization>(MANAGEMENT, Unit, "AWSOrganizationsNotInUseException");
    let made = cloud.ok::<op::CreateOrganization>(MANAGEMENT, Default::default()).organization.unwrap();
    let id = made.id.clone().unwrap();
    assert!(id.starts_with("o-") && id.len() == 12, "{id}");
    assert_eq!(made.master_account_id.as_deref(), Some(MANAGEMENT));
    assert_eq!(made.master_account_email.as_deref(), Some("management@example.com"));
    assert_eq!(
        made.master_account_arn.clone().unwrap(),
        format!("arn:aws:organizations::{MANAGEMENT}:account/{id}/{MANAGEMENT}")
    );
    assert_eq!(cloud.ok::<op::DescribeOrganization>(MANAGEMENT, Unit).organization, Some(made));
    assert_eq!(cloud.accounts(), [MANAGEMENT]);
    let roots = cloud.ok::<op::ListRoots>(MANAGEMENT, Default::default()).roots.unwrap();
    let types = roots[0].policy_types.clone().unwrap();
    assert_eq!(types.iter().map(|one| one.r#type.as_deref().unwrap()).collect::<Vec<_>>(), [SCP]);
    cloud.refuses::<op::CreateOrganization>(MANAGEMENT, Default::default(), "AlreadyInOrganizationException");
}

#[test]
fn members_see_the_organization_and_may_not_look_around() {
    let cloud = Cloud::organized();
    let member = cloud.new_member("member");
    let seen = cloud.ok::<op::DescribeOrganization>(&member, Unit).organization.unwrap();
    assert_eq!(seen.master_account_id.as_deref(), Some(MANAGEMENT));
    cloud.refuses::<op::CreateOrganization>(&member, Default::default(), "AlreadyInOrganizationException");
    cloud.refuses::<op::ListAccounts>(&member, Default::default(), "AccessDeniedException");
    cloud.refuses::<op::ListRoots>(&member, Default::default(), "AccessDeniedException");
    cloud.refuses::<op::CreateAccount>(&member, new_account("other"), "AccessDeniedException");
    cloud.refuses::<op::DeleteOrganization>(&member, Unit, "AccessDeniedException");
    cloud.refuses::<op::ListAccounts>(STRANGER, Default::default(), "AWSOrganizationsNotInUseException");
}

#[test]
fn an_empty_organization_can_be_deleted() {
    let cloud = Cloud::organized();
    let member = cloud.new_member("member");
    cloud.new_unit(&cloud.root(), "Core");
    cloud.new_policy("deny", SCP, DENY);
    cloud.refuses::<op::DeleteOrganization>(MANAGEMENT, Unit, "OrganizationNotEmptyException");
    cloud.complete(&member);
    cloud.leave(&member);
    cloud.ok::<op::DeleteOrganization>(MANAGEMENT, Unit);
    cloud.refuses::<op::DescribeOrganization>(MANAGEMENT, Unit, "AWSOrganizationsNotInUseException");
    // Nothing of it is left in the next one.
    cloud.ok::<op::CreateOrganization>(MANAGEMENT, Default::default());
    let input =
        api::ListOrganizationalUnitsForParentRequest { parent_id: cloud.root(), ..Default::default() };
    let units = cloud.ok::<op::ListOrganizationalUnitsForParent>(MANAGEMENT, input).organizational_units;
    assert_eq!(units.unwrap().len(), 0);
    let input = api::ListPoliciesRequest { filter: SCP.to_owned(), ..Default::default() };
    assert_eq!(cloud.ok::<op::ListPolicies>(MANAGEMENT, input).policies.unwrap().len(), 1);
}

#[test]
fn invited_accounts_approve_all_features() {
    let cloud = Cloud::new();
    cloud.ok::<op::CreateOrganization>(MANAGEMENT, billing());
    cloud.refuses::<op::CreatePolicy>(
        MANAGEMENT,
        new_policy("deny", SCP, DENY),
        "PolicyTypeNotAvailableForOrganizationException",
    );
    cloud.refuses::<op::EnablePolicyType>(
        MANAGEMENT,
        cloud.enabling(SCP),
        "PolicyTypeNotAvailableForOrganizationException",
    );
    cloud.new_member("made");
    let invitation = crate::handshake::invite(&cloud, STRANGER);
    cloud.ok::<op::AcceptHandshake>(STRANGER, api::AcceptHandshakeRequest { handshake_id: invitation });
    let parent = cloud.ok::<op::EnableAllFeatures>(MANAGEMENT, Default::default()).handshake.unwrap();
    assert_eq!(parent.state.as_deref(), Some("REQUESTED"));
    let parent = parent.id.unwrap();
    cloud.refuses::<op::EnableAllFeatures>(
        MANAGEMENT,
        Default::default(),
        "HandshakeConstraintViolationException/ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION",
    );
    let accept = |id: &str| api::AcceptHandshakeRequest { handshake_id: id.to_owned() };
    cloud.refuses::<op::AcceptHandshake>(MANAGEMENT, accept(&parent), "InvalidHandshakeTransitionException");
    let filter = api::HandshakeFilter { parent_handshake_id: Some(parent.clone()), ..Default::default() };
    let input = api::ListHandshakesForOrganizationRequest { filter: Some(filter), ..Default::default() };
    let asked = cloud.ok::<op::ListHandshakesForOrganization>(MANAGEMENT, input).handshakes.unwrap();
    assert_eq!(asked.len(), 1, "the account that the organization made is not asked");
    cloud.ok::<op::AcceptHandshake>(STRANGER, accept(asked[0].id.as_deref().unwrap()));
    cloud.ok::<op::AcceptHandshake>(MANAGEMENT, accept(&parent));
    let organization = cloud.ok::<op::DescribeOrganization>(MANAGEMENT, Unit).organization.unwrap();
    assert_eq!(organization.feature_set.as_deref(), Some("ALL"));
    cloud.refuses::<op::EnableAllFeatures>(
        MANAGEMENT,
        Default::default(),
        "HandshakeConstraintViolationException/ORGANIZATION_ALREADY_HAS_ALL_FEATURES",
    );
    // From now on policies can be enabled, and then what allows everything is everywhere.
    assert_eq!(cloud.levels(STRANGER), None);
    cloud.enable_type(SCP);
    let full = || vec!["FullAWSAccess".to_owned()];
    assert_eq!(cloud.levels(STRANGER), Some(vec![full(), full()]));
}

#[test]
fn who_leaves_holds_nobody_up() {
    let cloud = Cloud::new();
    cloud.ok::<op::CreateOrganization>(MANAGEMENT, billing());
    let invitation = crate::handshake::invite(&cloud, STRANGER);
    cloud.ok::<op::AcceptHandshake>(STRANGER, api::AcceptHandshakeRequest { handshake_id: invitation });
    let parent = cloud.ok::<op::EnableAllFeatures>(MANAGEMENT, Default::default()).handshake.unwrap();
    cloud.complete(STRANGER);
    cloud.leave(STRANGER);
    let input = api::DescribeHandshakeRequest { handshake_id: parent.id.unwrap() };
    let parent = cloud.ok::<op::DescribeHandshake>(MANAGEMENT, input).handshake.unwrap();
    assert_eq!(parent.state.as_deref(), Some("OPEN"));
}
