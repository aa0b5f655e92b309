//! AssumeRoot, within an organization.

use std::collections::{BTreeMap, BTreeSet};

use aws_api::sts::{AssumeRootRequest, AssumeRootResponse, PolicyDescriptorType, operation as op};
use aws_types::{Partition, Tags};
use identities::{AccountState, RootAccess, RootFeature, cloud_scope};
use organization::{FeatureSet, JoinedMethod, Member, Organization};
use service_api::{NeededPermission, Principal, PrincipalKind, Service as _, ServiceError};
use store::StoreError;

use crate::cloud::*;

const MEMBER: &str = OTHER;
const THIRD: &str = "777788889999";
const AUDIT: &str = "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials";
const UNLOCK: &str = "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy";
const P: Partition = Partition::Aws;

/// An organization that Alice's account manages, with one member.
fn organize(cloud: &Cloud, features: &[RootFeature], delegated: bool) {
    let organization = Organization {
        id: "o-abcdefghij".parse().unwrap(),
        management: account(ACCOUNT),
        feature_set: FeatureSet::All,
        created: NOW,
        root: "r-ab12".parse().unwrap(),
        policy_types: BTreeSet::new(),
        root_policies: BTreeMap::new(),
        root_tags: Tags::default(),
        trusted_services: BTreeMap::from([("iam.amazonaws.com".to_owned(), NOW)]),
        resource_policy: None,
        closures: Vec::new(),
    };
    let made = cloud.store.transact(|transaction| {
        for number in [ACCOUNT, MEMBER] {
            let services = (delegated && number == MEMBER).then(|| ("iam.amazonaws.com".to_owned(), NOW));
            let member = Member {
                account: account(number),
                parent: "r-ab12".parse().unwrap(),
                method: JoinedMethod::Created,
                joined: NOW,
                policies: BTreeMap::new(),
                tags: Tags::default(),
                delegated_services: services.into_iter().collect(),
            };
            organization::join(transaction, P, &organization, member);
        }
        let access = RootAccess { features: features.iter().copied().collect() };
        transaction.put(&cloud_scope(P), "o-abcdefghij", access);
        organization.clone().put(transaction, P);
        Ok::<_, StoreError>(())
    });
    made.unwrap();
}

fn request(target: &str, task: &str) -> AssumeRootRequest {
    AssumeRootRequest {
        target_principal: target.to_owned(),
        task_policy_arn: PolicyDescriptorType { arn: Some(task.to_owned()) },
        ..AssumeRootRequest::default()
    }
}

fn assume(
    cloud: &Cloud,
    principal: &Principal,
    target: &str,
    task: &str,
) -> Result<AssumeRootResponse, ServiceError> {
    cloud.call::<op::AssumeRoot>(principal, request(target, task))
}

#[test]
fn the_management_account_has_sessions_of_its_members_root_users() {
    let cloud = Cloud::new();
    organize(&cloud, &[RootFeature::RootCredentialsManagement], false);
    for target in [MEMBER.to_owned(), format!("arn:aws:iam::{MEMBER}:root")] {
        let made = assume(&cloud, &alice(), &target, AUDIT).unwrap();
        let principal = cloud.open(&made.credentials);
        assert_eq!(principal.kind, PrincipalKind::Root);
        assert_eq!(principal.arn.to_string(), format!("arn:aws:iam::{MEMBER}:root"));
        let session = session_of(&principal);
        assert_eq!(
            (&*session.policy_arns, session.expires),
            (&[AUDIT.to_owned()][..], NOW.plus_millis(900_000))
        );
    }
    let short = AssumeRootRequest { duration_seconds: Some(60), ..request(MEMBER, AUDIT) };
    let made = cloud.call::<op::AssumeRoot>(&alice(), short).unwrap();
    assert_eq!(session_of(&cloud.open(&made.credentials)).expires, NOW.plus_millis(60_000));
}

/// The session may do what the task's policy leaves, as `authorization` decides of every request.
#[test]
fn a_session_is_for_its_task() {
    let cloud = Cloud::new();
    organize(&cloud, &[RootFeature::RootCredentialsManagement], false);
    let made = assume(&cloud, &alice(), MEMBER, AUDIT).unwrap();
    let principal = cloud.open(&made.credentials);
    let may = |action: &'static str, arn: String| {
        let resource = service_api::TargetResource { arn, ..service_api::TargetResource::all() };
        let needed = NeededPermission { action: action.into(), resources: vec![resource], keys: Vec::new() };
        cloud.authorization.decide(&context(&principal), "iam", "Test", Some(&[needed])).is_ok()
    };
    let root = || format!("arn:aws:iam::{MEMBER}:root");
    assert!(may("iam:ListAccessKeys", root()) && may("iam:GetAccountSummary", "*".to_owned()));
    assert!(!may("iam:DeleteAccessKey", root()));
    assert!(!may("iam:ListAccessKeys", format!("arn:aws:iam::{MEMBER}:user/bob")));
    assert!(!may("ec2:DescribeVpcs", "*".to_owned()));
}

#[test]
fn others_have_none() {
    let denied = "AccessDenied";
    let alone = Cloud::new();
    expect(assume(&alone, &alice(), MEMBER, AUDIT), denied, "not a member of an organization");

    let cloud = Cloud::new();
    cloud.account(THIRD, AccountState::Active);
    organize(&cloud, &[RootFeature::RootSessions], false);
    let check = |principal: &Principal, target: &str, task: &str, code: &str, part: &str| {
        expect(assume(&cloud, principal, target, task), code, part);
    };
    check(&alice(), MEMBER, AUDIT, denied, "RootCredentialsManagement is not enabled");
    assert!(assume(&cloud, &alice(), MEMBER, UNLOCK).is_ok());
    check(&root(), MEMBER, UNLOCK, denied, "credentials of a root user");
    check(&alice(), ACCOUNT, UNLOCK, denied, "is not a member account");
    check(&alice(), THIRD, UNLOCK, denied, "is not a member account");
    for target in ["bob", "arn:aws:iam::444455556666:user/root", "arn:aws:iam::444455556666:root/x"] {
        check(&alice(), target, UNLOCK, "ValidationError", "TargetPrincipal");
    }
    for task in ["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/root-task/Other", ""] {
        check(&alice(), MEMBER, task, "ValidationError", "root tasks");
    }
    let bob = Principal { account: account(MEMBER), ..alice() };
    check(&bob, MEMBER, UNLOCK, denied, "management account");
    organize(&cloud, &[RootFeature::RootSessions], true);
    assert!(assume(&cloud, &bob, MEMBER, UNLOCK).is_ok());
    cloud.account(MEMBER, AccountState::Suspended { closed: NOW });
    check(&alice(), MEMBER, UNLOCK, denied, "is closed");
}

#[test]
fn a_policy_can_ask_for_the_task_and_the_account() {
    let cloud = Cloud::new();
    let input = request(MEMBER, AUDIT).into();
    let needed = cloud.sts.needed_permissions(&context(&alice()), "AssumeRoot", &input).unwrap();
    let [needed] = &needed[..] else { panic!("{needed:?}") };
    let [resource] = &needed.resources[..] else { panic!("{needed:?}") };
    assert_eq!(needed.action, "sts:AssumeRoot");
    assert_eq!(resource.arn, format!("arn:aws:iam::{MEMBER}:root"));
    assert_eq!(resource.keys, [("sts:TaskPolicyArn".to_owned(), vec![AUDIT.to_owned()])]);
}
