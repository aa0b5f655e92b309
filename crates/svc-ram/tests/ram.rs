//! Shares as their owner and the invited account see them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "ram/authorization.rs"]
mod authorization;
#[path = "ram/closed.rs"]
mod closed;
#[path = "ram/old_state.rs"]
mod old_state;
#[path = "../../store/tests/state_file/mod.rs"]
mod state_file;
#[path = "ram/within_organization.rs"]
mod within_organization;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_api::Operation;
use aws_api::ram::{self as api, operation as op};
use aws_model::Value;
use aws_types::{Partition, Timestamp};
use resource_shares::{Invitation, ResourceShare, SharingPartner, is_shared_with};
use service_api::{IdSource, Principal, RequestContext, RequestId, Service as _, ServiceError};
use store::{MemoryBackend, Read as _, Scope, Snapshot, Store, StoreError, Transaction};
use svc_ram::{Ram, ResourceType, Resources};

const OWNER: &str = "123456789012";
const OTHER: &str = "210987654321";
const SUBNET: &str = "arn:aws:ec2:us-east-1:123456789012:subnet/subnet-1";
const DEFAULT_SUBNET: &str = "subnet-default";
const LIST: &str = "arn:aws:ec2:us-east-1:123456789012:prefix-list/pl-1";
const HOUR_MILLIS: i64 = 60 * 60 * 1000;

struct Counting(AtomicU64);

impl IdSource for Counting {
    fn bits(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)) << 80
    }
}

/// The owner has one subnet and one prefix list, and a subnet that cannot be shared.
struct Two;

impl Resources for Two {
    fn has(&self, _: &Snapshot, scope: &Scope, resource_type: ResourceType, id: &str) -> bool {
        let is_one = matches!(
            (resource_type, id),
            (ResourceType::Subnet, "subnet-1") | (ResourceType::PrefixList, "pl-1")
        );
        (is_one || id == DEFAULT_SUBNET) && scope.account.to_string() == OWNER
    }

    fn can_be_shared(&self, _: &Snapshot, _: &Scope, _: ResourceType, id: &str) -> bool {
        id != DEFAULT_SUBNET
    }
}

struct Cloud {
    store: Store,
    service: Ram,
    now: Timestamp,
}

impl Cloud {
    fn new() -> Self {
        Self::on(Store::open(MemoryBackend::new()).unwrap())
    }

    fn on(store: Store) -> Self {
        let service = Ram::new(store.clone(), Arc::new(Counting(AtomicU64::new(1))), Two);
        Self { store, service, now: Timestamp::from_unix_secs(1_800_000_000) }
    }

    fn call<O: Operation>(&self, account: &str, input: O::Input) -> Result<O::Output, ServiceError>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let answer = self.service.call(&self.context(account), O::NAME, input.into())?;
        Ok(O::Output::try_from(answer).ok().unwrap())
    }

    fn context(&self, account: &str) -> RequestContext {
        RequestContext {
            partition: Partition::Aws,
            region: "us-east-1".parse().unwrap(),
            principal: Principal::root(Partition::Aws, account.parse().unwrap(), "AKIAIOSFODNN7EXAMPLE"),
            request_id: RequestId::from_bits(0),
            now: self.now,
            source_ip: [127, 0, 0, 1].into(),
            user_agent: String::new(),
            secure_transport: false,
            way: service_api::Way::default(),
        }
    }

    #[track_caller]
    fn ok<O: Operation>(&self, account: &str, input: O::Input) -> O::Output
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        self.call::<O>(account, input).unwrap_or_else(|error| panic!("{}: {error}", O::NAME))
    }

    #[track_caller]
    fn refuses<O: Operation>(&self, account: &str, input: O::Input, code: &str)
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let before = self.store.snapshot().revision();
        let Err(error) = self.call::<O>(account, input) else { panic!("{} did it", O::NAME) };
        assert_eq!(error.code, code, "{error}");
        assert!(!error.is_fault, "{error}");
        assert_eq!(self.store.snapshot().revision(), before);
    }

    fn create(&self, input: api::CreateResourceShareRequest) -> api::ResourceShare {
        self.ok::<op::CreateResourceShare>(OWNER, input).resource_share.unwrap()
    }

    fn invitations(&self, account: &str) -> Vec<api::ResourceShareInvitation> {
        let all = self.ok::<op::GetResourceShareInvitations>(account, Default::default());
        all.resource_share_invitations.unwrap()
    }

    fn shares(&self, account: &str, owner: &str) -> Vec<api::ResourceShare> {
        let input = api::GetResourceSharesRequest { resource_owner: owner.to_owned(), ..Default::default() };
        self.ok::<op::GetResourceShares>(account, input).resource_shares.unwrap()
    }

    fn resources(&self, account: &str, owner: &str) -> Vec<String> {
        let input = api::ListResourcesRequest { resource_owner: owner.to_owned(), ..Default::default() };
        let resources = self.ok::<op::ListResources>(account, input).resources.unwrap();
        resources.into_iter().map(|one| one.arn.unwrap()).collect()
    }

    fn statuses(&self, kind: &str) -> Vec<(String, String)> {
        let input = api::GetResourceShareAssociationsRequest {
            association_type: kind.to_owned(),
            ..Default::default()
        };
        let found = self.ok::<op::GetResourceShareAssociations>(OWNER, input).resource_share_associations;
        found.unwrap().into_iter().map(|one| (one.associated_entity.unwrap(), one.status.unwrap())).collect()
    }

    /// The other accounts whose networks the records of these two can be in.
    fn related(&self) -> [Vec<String>; 2] {
        [OWNER, OTHER].map(|account| {
            let scope = Scope::new(Partition::Aws, account.parse().unwrap(), "us-east-1".parse().unwrap());
            let related = resource_shares::related(&self.store.snapshot(), &scope);
            related.into_iter().map(|account| account.to_string()).collect()
        })
    }

    fn is_shared(&self, arn: &str) -> bool {
        is_shared_with(&self.store.snapshot(), Partition::Aws, arn, OTHER.parse().unwrap())
    }
}

fn wanted(name: &str, resources: &[&str], principals: &[&str]) -> api::CreateResourceShareRequest {
    let texts = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
    api::CreateResourceShareRequest {
        name: name.to_owned(),
        resource_arns: texts(resources),
        principals: texts(principals),
        ..Default::default()
    }
}

fn accept(arn: &str) -> api::AcceptResourceShareInvitationRequest {
    api::AcceptResourceShareInvitationRequest {
        resource_share_invitation_arn: arn.to_owned(),
        client_token: None,
    }
}

fn reject(arn: &str) -> api::RejectResourceShareInvitationRequest {
    api::RejectResourceShareInvitationRequest {
        resource_share_invitation_arn: arn.to_owned(),
        client_token: None,
    }
}

#[test]
fn what_is_shared_is_seen_once_the_invitation_is_accepted() {
    let cloud = Cloud::new();
    let share = cloud.create(wanted("net", &[SUBNET, LIST], &[OTHER]));
    assert_eq!((share.status.as_deref(), share.owning_account_id.as_deref()), (Some("ACTIVE"), Some(OWNER)));
    assert_eq!(cloud.shares(OWNER, "SELF"), std::slice::from_ref(&share));
    assert!(cloud.shares(OTHER, "OTHER-ACCOUNTS").is_empty() && !cloud.is_shared(SUBNET));
    assert_eq!(cloud.statuses("PRINCIPAL"), [(OTHER.to_owned(), "ASSOCIATING".to_owned())]);

    let invitation = cloud.invitations(OTHER).remove(0);
    assert_eq!(invitation.status.as_deref(), Some("PENDING"));
    assert!(cloud.invitations(OWNER).is_empty());
    let arn = invitation.resource_share_invitation_arn.unwrap();
    let pending = api::ListPendingInvitationResourcesRequest {
        resource_share_invitation_arn: arn.clone(),
        ..Default::default()
    };
    let resources = cloud.ok::<op::ListPendingInvitationResources>(OTHER, pending.clone()).resources.unwrap();
    assert_eq!(resources.len(), 2);
    let not_found = "ResourceShareInvitationArnNotFoundException";
    cloud.refuses::<op::AcceptResourceShareInvitation>(OWNER, accept(&arn), not_found);
    assert_eq!(cloud.related(), [Vec::<String>::new(), Vec::new()]);
    cloud.ok::<op::AcceptResourceShareInvitation>(OTHER, accept(&arn));
    let accepted = "ResourceShareInvitationAlreadyAcceptedException";
    cloud.refuses::<op::AcceptResourceShareInvitation>(OTHER, accept(&arn), accepted);
    cloud.refuses::<op::RejectResourceShareInvitation>(OTHER, reject(&arn), accepted);
    cloud.refuses::<op::ListPendingInvitationResources>(OTHER, pending, accepted);

    assert_eq!(cloud.shares(OTHER, "OTHER-ACCOUNTS").len(), 1);
    assert!(cloud.shares(OTHER, "SELF").is_empty());
    assert_eq!(cloud.resources(OTHER, "OTHER-ACCOUNTS"), [LIST, SUBNET]);
    assert_eq!(cloud.resources(OWNER, "SELF"), [LIST, SUBNET]);
    assert!(cloud.is_shared(SUBNET) && cloud.is_shared(LIST) && !cloud.is_shared("nonsense"));
    assert_eq!(cloud.statuses("PRINCIPAL"), [(OTHER.to_owned(), "ASSOCIATED".to_owned())]);
    for (account, owner, expect) in [(OWNER, "SELF", OTHER), (OTHER, "OTHER-ACCOUNTS", OWNER)] {
        let input = api::ListPrincipalsRequest { resource_owner: owner.to_owned(), ..Default::default() };
        let principals = cloud.ok::<op::ListPrincipals>(account, input).principals.unwrap();
        assert_eq!(principals.len(), 1);
        assert_eq!(principals[0].id.as_deref(), Some(expect));
    }
    let policies =
        api::GetResourcePoliciesRequest { resource_arns: vec![SUBNET.to_owned()], ..Default::default() };
    let policies = cloud.ok::<op::GetResourcePolicies>(OWNER, policies).policies.unwrap();
    assert!(policies.len() == 1 && policies[0].contains(OTHER) && policies[0].contains("ec2:RunInstances"));
}

#[test]
fn accounts_stay_related_once_a_share_was_accepted() {
    let cloud = Cloud::new();
    let share = cloud.create(wanted("net", &[SUBNET], &[OTHER]));
    let arn = cloud.invitations(OTHER)[0].resource_share_invitation_arn.clone().unwrap();
    cloud.ok::<op::AcceptResourceShareInvitation>(OTHER, accept(&arn));
    let both = [vec![OTHER.to_owned()], vec![OWNER.to_owned()]];
    assert_eq!(cloud.related(), both);

    // A state of before that was recorded.
    let forget = |transaction: &mut Transaction| {
        let all = transaction.scan_all::<SharingPartner>();
        let all: Vec<_> = all.map(|(scope, id, _)| (scope.clone(), id.to_owned())).collect();
        for (scope, id) in all {
            transaction.delete::<SharingPartner>(&scope, &id);
        }
        Ok::<_, StoreError>(())
    };
    cloud.store.transact(forget).unwrap();
    assert_eq!(cloud.related(), [Vec::<String>::new(), Vec::new()]);
    Ram::upgrade_records(&cloud.store).unwrap();
    assert_eq!(cloud.related(), both);
    let revision = cloud.store.snapshot().revision();
    Ram::upgrade_records(&cloud.store).unwrap();
    assert_eq!(cloud.store.snapshot().revision(), revision);

    let delete = api::DeleteResourceShareRequest {
        resource_share_arn: share.resource_share_arn.unwrap(),
        client_token: None,
    };
    cloud.ok::<op::DeleteResourceShare>(OWNER, delete);
    assert_eq!(cloud.related(), both);
}

#[test]
fn what_is_taken_out_is_shared_no_longer() {
    let mut cloud = Cloud::new();
    let share = cloud.create(wanted("net", &[SUBNET], &[OTHER]));
    let share_arn = share.resource_share_arn.unwrap();
    let arn = cloud.invitations(OTHER)[0].resource_share_invitation_arn.clone().unwrap();
    cloud.ok::<op::AcceptResourceShareInvitation>(OTHER, accept(&arn));
    let with = |arn: &str| api::AssociateResourceShareRequest {
        resource_share_arn: share_arn.clone(),
        resource_arns: Some(vec![arn.to_owned()]),
        ..Default::default()
    };
    let added = cloud.ok::<op::AssociateResourceShare>(OWNER, with(LIST)).resource_share_associations;
    assert_eq!(added.unwrap().len(), 1);
    assert!(cloud.is_shared(LIST));
    let without = |resource: Option<&str>, principal: Option<&str>| api::DisassociateResourceShareRequest {
        resource_share_arn: share_arn.clone(),
        resource_arns: resource.map(|one| vec![one.to_owned()]),
        principals: principal.map(|one| vec![one.to_owned()]),
        ..Default::default()
    };
    cloud.ok::<op::DisassociateResourceShare>(OWNER, without(Some(SUBNET), None));
    assert!(!cloud.is_shared(SUBNET) && cloud.is_shared(LIST));
    let unknown = "UnknownResourceException";
    cloud.refuses::<op::DisassociateResourceShare>(OWNER, without(Some(SUBNET), None), unknown);
    cloud.refuses::<op::DisassociateResourceShare>(OTHER, without(Some(LIST), None), unknown);
    cloud.ok::<op::DisassociateResourceShare>(OWNER, without(None, Some(OTHER)));
    assert!(!cloud.is_shared(LIST) && cloud.invitations(OTHER).is_empty());

    let delete =
        || api::DeleteResourceShareRequest { resource_share_arn: share_arn.clone(), client_token: None };
    cloud.ok::<op::DeleteResourceShare>(OWNER, delete());
    assert_eq!(cloud.shares(OWNER, "SELF")[0].status.as_deref(), Some("DELETED"));
    cloud.refuses::<op::DeleteResourceShare>(OWNER, delete(), unknown);
    cloud.now = cloud.now.plus_millis(2 * HOUR_MILLIS + 1);
    assert!(cloud.shares(OWNER, "SELF").is_empty());
}

#[test]
fn invitations_are_rejected_expire_and_are_sent_again() {
    let mut cloud = Cloud::new();
    let share = cloud.create(wanted("net", &[SUBNET], &[OTHER]));
    let first = cloud.invitations(OTHER)[0].resource_share_invitation_arn.clone().unwrap();
    cloud.ok::<op::RejectResourceShareInvitation>(OTHER, reject(&first));
    let rejected = "ResourceShareInvitationAlreadyRejectedException";
    cloud.refuses::<op::AcceptResourceShareInvitation>(OTHER, accept(&first), rejected);
    assert_eq!(cloud.statuses("PRINCIPAL"), [(OTHER.to_owned(), "FAILED".to_owned())]);
    let again = || api::AssociateResourceShareRequest {
        resource_share_arn: share.resource_share_arn.clone().unwrap(),
        principals: Some(vec![OTHER.to_owned()]),
        ..Default::default()
    };
    cloud.ok::<op::AssociateResourceShare>(OWNER, again());
    let second = cloud.invitations(OTHER)[0].resource_share_invitation_arn.clone().unwrap();
    assert_ne!(first, second);
    cloud.now = cloud.now.plus_millis(7 * 24 * HOUR_MILLIS + 1);
    assert_eq!(cloud.invitations(OTHER)[0].status.as_deref(), Some("EXPIRED"));
    let expired = "ResourceShareInvitationExpiredException";
    cloud.refuses::<op::AcceptResourceShareInvitation>(OTHER, accept(&second), expired);
    cloud.ok::<op::AssociateResourceShare>(OWNER, again());
    let third = cloud.invitations(OTHER)[0].resource_share_invitation_arn.clone().unwrap();
    cloud.ok::<op::AcceptResourceShareInvitation>(OTHER, accept(&third));
    assert!(cloud.is_shared(SUBNET));
}

#[test]
fn what_nobody_sees_any_more_is_removed_by_a_later_write() {
    let mut cloud = Cloud::new();
    let records = |cloud: &Cloud| {
        let snapshot = cloud.store.snapshot();
        (snapshot.scan_all::<ResourceShare>().count(), snapshot.scan_all::<Invitation>().count())
    };
    let mut shares = Vec::new();
    for name in ["accepted", "rejected", "expired"] {
        shares.push(cloud.create(wanted(name, &[SUBNET], &[OTHER])).resource_share_arn.unwrap());
    }
    for invitation in cloud.invitations(OTHER) {
        let arn = invitation.resource_share_invitation_arn.unwrap();
        match invitation.resource_share_name.unwrap().as_str() {
            "accepted" => _ = cloud.ok::<op::AcceptResourceShareInvitation>(OTHER, accept(&arn)),
            "rejected" => _ = cloud.ok::<op::RejectResourceShareInvitation>(OTHER, reject(&arn)),
            _ => {}
        }
    }
    cloud.ok::<op::DeleteResourceShare>(
        OWNER,
        api::DeleteResourceShareRequest { resource_share_arn: shares[1].clone(), client_token: None },
    );
    // The invitation to a deleted share is taken back.
    assert_eq!((records(&cloud), cloud.invitations(OTHER).len()), ((3, 2), 2));
    cloud.now = cloud.now.plus_millis(2 * HOUR_MILLIS + 1);
    let rename = |share: &str| api::UpdateResourceShareRequest {
        resource_share_arn: share.to_owned(),
        name: Some("renamed".to_owned()),
        ..Default::default()
    };
    assert_eq!(records(&cloud), (3, 2));
    cloud.ok::<op::UpdateResourceShare>(OWNER, rename(&shares[0]));
    assert_eq!(records(&cloud), (2, 2));
    cloud.now = cloud.now.plus_millis(7 * 24 * HOUR_MILLIS);
    let left = cloud.invitations(OTHER);
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].status.as_deref(), Some("EXPIRED"));
    cloud.ok::<op::UpdateResourceShare>(OWNER, rename(&shares[0]));
    assert_eq!(records(&cloud), (2, 1));
    cloud.now = cloud.now.plus_millis(7 * 24 * HOUR_MILLIS);
    assert!(cloud.invitations(OTHER).is_empty());
    cloud.ok::<op::UpdateResourceShare>(OWNER, rename(&shares[0]));
    assert_eq!(records(&cloud), (2, 0));
    assert!(cloud.is_shared(SUBNET));
}

#[test]
fn what_cannot_be_shared_is_refused() {
    let cloud = Cloud::new();
    let refuses = |resources: &[&str], principals: &[&str], code: &str| {
        cloud.refuses::<op::CreateResourceShare>(OWNER, wanted("net", resources, principals), code);
    };
    refuses(&["nonsense"], &[], "MalformedArnException");
    refuses(&["arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1"], &[], "InvalidParameterException");
    refuses(&["arn:aws:ec2:us-east-1:123456789012:subnet/subnet-2"], &[], "UnknownResourceException");
    refuses(&["arn:aws:ec2:us-east-1:210987654321:subnet/subnet-1"], &[], "OperationNotPermittedException");
    refuses(&["arn:aws:ec2:us-east-1:123456789012:subnet/subnet-default"], &[], "InvalidParameterException");
    refuses(&[], &[OWNER], "InvalidParameterException");
    refuses(&[], &["arn:aws:iam::210987654321:user/somebody"], "InvalidParameterException");
    let organization = "arn:aws:organizations::123456789012:organization/o-abcdefghij";
    refuses(&[], &[organization], "UnknownResourceException");
    let closed = api::CreateResourceShareRequest {
        allow_external_principals: Some(false),
        ..wanted("net", &[SUBNET], &[OTHER])
    };
    cloud.refuses::<op::CreateResourceShare>(OWNER, closed, "OperationNotPermittedException");
    cloud.refuses::<op::EnableSharingWithAwsOrganization>(
        OWNER,
        api::EnableSharingWithAwsOrganizationRequest {},
        "OperationNotPermittedException",
    );
    let nobodys = api::GetResourceSharesRequest { resource_owner: "NOBODY".to_owned(), ..Default::default() };
    cloud.refuses::<op::GetResourceShares>(OWNER, nobodys, "InvalidParameterException");
}

#[test]
fn shares_are_renamed_tagged_and_made_once() {
    let cloud = Cloud::new();
    let token = |name: &str| api::CreateResourceShareRequest {
        client_token: Some("token".to_owned()),
        ..wanted(name, &[], &[])
    };
    let share = cloud.create(token("net"));
    assert_eq!(cloud.create(token("net")), share);
    let mismatch = "IdempotentParameterMismatchException";
    cloud.refuses::<op::CreateResourceShare>(OWNER, token("other"), mismatch);
    let with = |resources: &[&str], principals: &[&str]| api::CreateResourceShareRequest {
        client_token: Some("token 2".to_owned()),
        ..wanted("net", resources, principals)
    };
    let full = cloud.create(with(&[SUBNET, LIST], &[OTHER]));
    // The order is no difference.
    assert_eq!(cloud.create(with(&[LIST, SUBNET], &[OTHER])), full);
    assert_eq!(cloud.invitations(OTHER).len(), 1);
    cloud.refuses::<op::CreateResourceShare>(OWNER, with(&[SUBNET], &[OTHER]), mismatch);
    cloud.refuses::<op::CreateResourceShare>(OWNER, with(&[SUBNET, LIST], &[]), mismatch);
    let closed = api::CreateResourceShareRequest { allow_external_principals: Some(false), ..token("net") };
    cloud.refuses::<op::CreateResourceShare>(OWNER, closed, mismatch);
    let named = "arn:aws:ram::aws:permission/AWSRAMDefaultPermissionSubnet".to_owned();
    let permitted = api::CreateResourceShareRequest { permission_arns: Some(vec![named]), ..token("net") };
    cloud.refuses::<op::CreateResourceShare>(OWNER, permitted, mismatch);
    let tag = api::Tag { key: Some("k".to_owned()), value: Some("v".to_owned()) };
    let tagged = api::CreateResourceShareRequest { tags: Some(vec![tag]), ..token("net") };
    cloud.refuses::<op::CreateResourceShare>(OWNER, tagged, mismatch);

    let arn = share.resource_share_arn.unwrap();
    let rename = api::UpdateResourceShareRequest {
        resource_share_arn: arn.clone(),
        name: Some("renamed".to_owned()),
        ..Default::default()
    };
    cloud.ok::<op::UpdateResourceShare>(OWNER, rename.clone());
    cloud.refuses::<op::UpdateResourceShare>(OTHER, rename, "UnknownResourceException");
    let tag = |key: &str| api::TagResourceRequest {
        resource_share_arn: Some(arn.clone()),
        tags: vec![api::Tag { key: Some(key.to_owned()), value: Some("prod".to_owned()) }],
        resource_arn: None,
    };
    cloud.ok::<op::TagResource>(OWNER, tag("stage"));
    cloud.refuses::<op::TagResource>(OWNER, tag("aws:stage"), "InvalidParameterException");
    let find = |value: &str| {
        let filter =
            api::TagFilter { tag_key: Some("stage".to_owned()), tag_values: Some(vec![value.to_owned()]) };
        let input = api::GetResourceSharesRequest {
            resource_owner: "SELF".to_owned(),
            name: Some("renamed".to_owned()),
            tag_filters: Some(vec![filter]),
            ..Default::default()
        };
        cloud.ok::<op::GetResourceShares>(OWNER, input).resource_shares.unwrap().len()
    };
    assert_eq!((find("prod"), find("test")), (1, 0));
    let untag = api::UntagResourceRequest {
        resource_share_arn: Some(arn.clone()),
        tag_keys: vec!["stage".to_owned()],
        resource_arn: None,
    };
    cloud.ok::<op::UntagResource>(OWNER, untag);
    assert_eq!(find("prod"), 0);
}

#[test]
fn permissions_are_those_of_the_types() {
    let cloud = Cloud::new();
    let types = cloud.ok::<op::ListResourceTypes>(OWNER, Default::default()).resource_types.unwrap();
    let names: Vec<_> = types.iter().map(|one| one.resource_type.as_deref().unwrap()).collect();
    assert_eq!(names, ["ec2:PrefixList", "ec2:Subnet", "ec2:TransitGateway"]);
    let of_subnets =
        api::ListPermissionsRequest { resource_type: Some("ec2:subnet".to_owned()), ..Default::default() };
    let permissions = cloud.ok::<op::ListPermissions>(OWNER, of_subnets).permissions.unwrap();
    let arn = "arn:aws:ram::aws:permission/AWSRAMDefaultPermissionSubnet";
    assert_eq!(permissions.iter().map(|one| one.arn.as_deref().unwrap()).collect::<Vec<_>>(), [arn]);
    let get = |arn: &str| api::GetPermissionRequest { permission_arn: arn.to_owned(), ..Default::default() };
    let permission = cloud.ok::<op::GetPermission>(OWNER, get(arn)).permission.unwrap();
    assert!(permission.permission.unwrap().contains("\"ec2:DescribeSubnets\""));
    cloud.refuses::<op::GetPermission>(OWNER, get("nonsense"), "MalformedArnException");
    let unknown = "arn:aws:ram::aws:permission/Nothing";
    cloud.refuses::<op::GetPermission>(OWNER, get(unknown), "UnknownResourceException");

    let share = cloud.create(wanted("net", &[SUBNET], &[]));
    let of_share = api::ListResourceSharePermissionsRequest {
        resource_share_arn: share.resource_share_arn.unwrap(),
        ..Default::default()
    };
    let found = cloud.ok::<op::ListResourceSharePermissions>(OWNER, of_share).permissions.unwrap();
    assert_eq!(found, permissions);
}
