use aws_api::organizations::{self as api, operation as op};
use store::Read as _;

use crate::harness::*;

fn invitation(party_type: &str, id: &str) -> api::InviteAccountToOrganizationRequest {
    api::InviteAccountToOrganizationRequest {
        target: api::HandshakeParty { id: id.to_owned(), r#type: party_type.to_owned() },
        notes: Some("Join us".to_owned()),
        ..Default::default()
    }
}

/// The id of an invitation to an account.
#[track_caller]
pub(crate) fn invite(cloud: &Cloud, account: &str) -> String {
    let sent = cloud.ok::<op::InviteAccountToOrganization>(MANAGEMENT, invitation("ACCOUNT", account));
    sent.handshake.unwrap().id.unwrap()
}

fn accept(id: &str) -> api::AcceptHandshakeRequest {
    api::AcceptHandshakeRequest { handshake_id: id.to_owned() }
}

fn decline(id: &str) -> api::DeclineHandshakeRequest {
    api::DeclineHandshakeRequest { handshake_id: id.to_owned() }
}

fn cancel(id: &str) -> api::CancelHandshakeRequest {
    api::CancelHandshakeRequest { handshake_id: id.to_owned() }
}

fn state(cloud: &Cloud, account: &str, id: &str) -> String {
    let input = api::DescribeHandshakeRequest { handshake_id: id.to_owned() };
    cloud.ok::<op::DescribeHandshake>(account, input).handshake.unwrap().state.unwrap()
}

#[test]
fn an_invited_account_joins_when_it_accepts() {
    let cloud = Cloud::organized();
    let by_email = invitation("EMAIL", "Stranger@example.com");
    let sent = cloud.ok::<op::InviteAccountToOrganization>(MANAGEMENT, by_email).handshake.unwrap();
    let id = sent.id.unwrap();
    assert!(sent.arn.unwrap().contains(":handshake/o-") && id.len() == 34);
    let resources = sent.resources.unwrap();
    let types: Vec<_> = resources.iter().map(|one| one.r#type.as_deref().unwrap()).collect();
    assert_eq!(types, ["ORGANIZATION", "EMAIL", "NOTES"]);
    let inside = resources[0].resources.clone().unwrap();
    assert_eq!(inside[0].value.as_deref(), Some("management@example.com"));
    let waiting = cloud.ok::<op::ListHandshakesForAccount>(STRANGER, Default::default()).handshakes.unwrap();
    assert_eq!((waiting.len(), waiting[0].state.as_deref()), (1, Some("OPEN")));
    // Who is neither of the two does not see it, and who sent it does not answer it.
    cloud.add_account("888888888888", "third");
    cloud.refuses::<op::AcceptHandshake>("888888888888", accept(&id), "HandshakeNotFoundException");
    cloud.refuses::<op::AcceptHandshake>(MANAGEMENT, accept(&id), "AccessDeniedException");
    cloud.ok::<op::AcceptHandshake>(STRANGER, accept(&id));
    assert_eq!(cloud.accounts(), [MANAGEMENT, STRANGER]);
    assert_eq!(cloud.levels(STRANGER).unwrap().len(), 2);
    let account = cloud.ok::<op::DescribeAccount>(MANAGEMENT, describe(STRANGER)).account.unwrap();
    assert_eq!(account.joined_method.as_deref(), Some("INVITED"));
    cloud.refuses::<op::AcceptHandshake>(STRANGER, accept(&id), "HandshakeAlreadyInStateException");
    cloud.refuses::<op::DeclineHandshake>(STRANGER, decline(&id), "InvalidHandshakeTransitionException");
    cloud.refuses::<op::CancelHandshake>(MANAGEMENT, cancel(&id), "InvalidHandshakeTransitionException");
}

#[test]
fn an_invitation_can_be_declined_and_taken_back() {
    let cloud = Cloud::organized();
    let first = invite(&cloud, STRANGER);
    cloud.refuses::<op::InviteAccountToOrganization>(
        MANAGEMENT,
        invitation("ACCOUNT", STRANGER),
        "DuplicateHandshakeException",
    );
    cloud.ok::<op::DeclineHandshake>(STRANGER, decline(&first));
    assert_eq!(state(&cloud, MANAGEMENT, &first), "DECLINED");
    let second = invite(&cloud, STRANGER);
    cloud.refuses::<op::CancelHandshake>(STRANGER, cancel(&second), "AccessDeniedException");
    cloud.ok::<op::CancelHandshake>(MANAGEMENT, cancel(&second));
    assert_eq!(state(&cloud, STRANGER, &second), "CANCELED");
    cloud.refuses::<op::AcceptHandshake>(STRANGER, accept(&second), "InvalidHandshakeTransitionException");
    cloud.refuses::<op::CancelHandshake>(MANAGEMENT, cancel(&second), "HandshakeAlreadyInStateException");
    assert_eq!(cloud.accounts(), [MANAGEMENT]);
    let listed = || {
        let all = cloud.ok::<op::ListHandshakesForOrganization>(MANAGEMENT, Default::default());
        all.handshakes.unwrap().len()
    };
    assert_eq!(listed(), 2);
    cloud.pass(31 * DAY_MILLIS);
    assert_eq!(listed(), 0);
}

#[test]
fn an_invitation_expires_after_fifteen_days() {
    let cloud = Cloud::organized();
    let id = invite(&cloud, STRANGER);
    cloud.pass(15 * DAY_MILLIS);
    assert_eq!(state(&cloud, STRANGER, &id), "OPEN");
    cloud.pass(1);
    assert_eq!(state(&cloud, STRANGER, &id), "EXPIRED");
    cloud.refuses::<op::AcceptHandshake>(STRANGER, accept(&id), "InvalidHandshakeTransitionException");
    invite(&cloud, STRANGER);
}

#[test]
fn only_accounts_without_an_organization_are_invited() {
    let cloud = Cloud::organized();
    let member = cloud.new_member("member");
    let refuses = |party_type: &str, id: &str, code: &str| {
        cloud.refuses::<op::InviteAccountToOrganization>(MANAGEMENT, invitation(party_type, id), code);
    };
    refuses("ACCOUNT", &member, "HandshakeConstraintViolationException/ALREADY_IN_AN_ORGANIZATION");
    refuses(
        "ACCOUNT",
        "777777777777",
        "HandshakeConstraintViolationException/TARGET_ACCOUNT_VALIDATION_FAILURE",
    );
    refuses("EMAIL", "nobody@example.com", "InvalidInputException/INVALID_EMAIL_ADDRESS_TARGET");
    refuses("ORGANIZATION", "o-abcdefghij", "InvalidInputException/INVALID_PARTY_TYPE_TARGET");
    // It may have made its own since it was invited.
    let id = invite(&cloud, STRANGER);
    cloud.ok::<op::CreateOrganization>(STRANGER, Default::default());
    cloud.refuses::<op::AcceptHandshake>(
        STRANGER,
        accept(&id),
        "HandshakeConstraintViolationException/ALREADY_IN_AN_ORGANIZATION",
    );
}

#[test]
fn invitations_are_limited_in_a_day() {
    let cloud = Cloud::organized();
    for _ in 0..20 {
        let id = invite(&cloud, STRANGER);
        cloud.ok::<op::DeclineHandshake>(STRANGER, decline(&id));
    }
    cloud.refuses::<op::InviteAccountToOrganization>(
        MANAGEMENT,
        invitation("ACCOUNT", STRANGER),
        "HandshakeConstraintViolationException/HANDSHAKE_RATE_LIMIT_EXCEEDED",
    );
    cloud.pass(DAY_MILLIS);
    invite(&cloud, STRANGER);
}

#[test]
fn handshakes_that_nobody_sees_are_forgotten() {
    let cloud = Cloud::organized();
    let kept = || cloud.store.snapshot().scan_all::<organization::Handshake>().count();
    let first = invite(&cloud, STRANGER);
    cloud.ok::<op::CancelHandshake>(MANAGEMENT, cancel(&first));
    cloud.pass(30 * DAY_MILLIS);
    let second = invite(&cloud, STRANGER);
    assert_eq!(kept(), 2);
    cloud.ok::<op::CancelHandshake>(MANAGEMENT, cancel(&second));
    cloud.pass(DAY_MILLIS);
    invite(&cloud, STRANGER);
    assert_eq!(kept(), 2);
    let gone = api::DescribeHandshakeRequest { handshake_id: first };
    cloud.refuses::<op::DescribeHandshake>(MANAGEMENT, gone, "HandshakeNotFoundException");
}

/// All features cannot be asked for and taken back without end.
#[test]
fn all_features_are_asked_for_so_often_within_a_day() {
    let cloud = Cloud::new();
    let billing = api::CreateOrganizationRequest { feature_set: Some("CONSOLIDATED_BILLING".to_owned()) };
    cloud.ok::<op::CreateOrganization>(MANAGEMENT, billing);
    let invitation = invite(&cloud, STRANGER);
    cloud.ok::<op::AcceptHandshake>(STRANGER, accept(&invitation));
    for _ in 0..20 {
        let asked = cloud.ok::<op::EnableAllFeatures>(MANAGEMENT, Default::default()).handshake.unwrap();
        cloud.ok::<op::CancelHandshake>(MANAGEMENT, cancel(&asked.id.unwrap()));
    }
    let often = "HandshakeConstraintViolationException/HANDSHAKE_RATE_LIMIT_EXCEEDED";
    cloud.refuses::<op::EnableAllFeatures>(MANAGEMENT, Default::default(), often);
    cloud.pass(DAY_MILLIS);
    cloud.ok::<op::EnableAllFeatures>(MANAGEMENT, Default::default());
}
