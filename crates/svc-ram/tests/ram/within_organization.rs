//! Sharing within an organization, where nobody has to accept anything.

use std::collections::BTreeMap;

use organization::{
    Attachments, FeatureSet, JoinedMethod, Member, Organization, OrganizationalUnit, join, leave,
};

use super::*;

const ORGANIZATION: &str = "arn:aws:organizations::123456789012:organization/o-abcdefghij";
const UNIT: &str = "arn:aws:organizations::123456789012:ou/o-abcdefghij/ou-ab12-00000001";
const INNER: &str = "ou-ab12-00000002";
const THIRD: &str = "333333333333";

fn organization() -> Organization {
    Organization {
        id: "o-abcdefghij".parse().unwrap(),
        management: OWNER.parse().unwrap(),
        feature_set: FeatureSet::All,
        created: Timestamp::default(),
        root: "r-ab12".parse().unwrap(),
        policy_types: Default::default(),
        root_policies: Attachments::new(),
        root_tags: Default::default(),
        trusted_services: BTreeMap::new(),
        resource_policy: None,
        closures: Vec::new(),
    }
}

fn member(account: &str, parent: &str) -> Member {
    Member {
        account: account.parse().unwrap(),
        parent: parent.parse().unwrap(),
        method: JoinedMethod::Created,
        joined: Timestamp::default(),
        policies: Attachments::new(),
        tags: Default::default(),
        delegated_services: BTreeMap::new(),
    }
}

fn unit(id: &str, parent: &str) -> OrganizationalUnit {
    OrganizationalUnit {
        id: id.parse().unwrap(),
        name: id.to_owned(),
        parent: parent.parse().unwrap(),
        created: Timestamp::default(),
        policies: Attachments::new(),
        tags: Default::default(),
    }
}

impl Cloud {
    fn change(&self, change: impl Fn(&mut Transaction)) {
        let done = self.store.transact(|transaction| {
            change(transaction);
            Ok::<_, StoreError>(())
        });
        done.unwrap();
    }

    /// The owner manages an organization; the other is in a unit of a unit, and a third is in the root.
    fn organized() -> Self {
        let cloud = Self::new();
        cloud.change(|transaction| {
            let organization = organization();
            let scope = organization.scope(Partition::Aws);
            let outer = UNIT.rsplit('/').next().unwrap();
            transaction.put(&scope, outer, unit(outer, "r-ab12"));
            transaction.put(&scope, INNER, unit(INNER, outer));
            for (account, parent) in [(OWNER, "r-ab12"), (OTHER, INNER), (THIRD, "r-ab12")] {
                join(transaction, Partition::Aws, &organization, member(account, parent));
            }
            organization.put(transaction, Partition::Aws);
        });
        cloud
    }

    fn enable(&self) {
        let enabled = self.ok::<op::EnableSharingWithAwsOrganization>(OWNER, Default::default());
        assert_eq!(enabled.return_value, Some(true));
    }

    fn sees(&self, account: &str) -> bool {
        let shared =
            |arn| is_shared_with(&self.store.snapshot(), Partition::Aws, arn, account.parse().unwrap());
        let listed = self.resources(account, "OTHER-ACCOUNTS") == [SUBNET];
        assert_eq!(shared(SUBNET), listed);
        listed
    }
}

#[test]
fn members_are_shared_with_at_once() {
    let cloud = Cloud::organized();
    cloud.enable();
    let within = api::CreateResourceShareRequest {
        allow_external_principals: Some(false),
        ..wanted("net", &[SUBNET], &[OTHER])
    };
    let share = cloud.create(within);
    assert!(cloud.sees(OTHER) && !cloud.sees(THIRD) && cloud.invitations(OTHER).is_empty());
    assert_eq!(cloud.statuses("PRINCIPAL"), [(OTHER.to_owned(), "ASSOCIATED".to_owned())]);
    assert_eq!(cloud.related(), [vec![OTHER.to_owned()], vec![OWNER.to_owned()]]);
    // Whom it is not for has to be in the organization, too.
    let stranger = api::AssociateResourceShareRequest {
        resource_share_arn: share.resource_share_arn.unwrap(),
        principals: Some(vec!["999999999999".to_owned()]),
        ..Default::default()
    };
    cloud.refuses::<op::AssociateResourceShare>(OWNER, stranger, "OperationNotPermittedException");
}

/// Who has not accepted anything has the resources for as long as the organization shares, and after that is invited.
#[test]
fn members_have_nothing_shared_once_they_leave_or_the_organization_ends_it() {
    for leaves in [true, false] {
        let cloud = Cloud::organized();
        cloud.enable();
        let share = cloud.create(wanted("net", &[SUBNET], &[OTHER]));
        assert!(cloud.sees(OTHER));
        cloud.change(|transaction| {
            let mut organization = organization_now(transaction);
            if leaves {
                leave(transaction, Partition::Aws, &organization, OTHER.parse().unwrap());
            } else {
                organization.trusted_services.remove(resource_shares::SERVICE);
                organization.put(transaction, Partition::Aws);
            }
        });
        assert!(!cloud.sees(OTHER), "leaves: {leaves}");
        assert_eq!(cloud.statuses("PRINCIPAL"), [(OTHER.to_owned(), "DISASSOCIATED".to_owned())]);
        let policies =
            api::GetResourcePoliciesRequest { resource_arns: vec![SUBNET.to_owned()], ..Default::default() };
        assert_eq!(cloud.ok::<op::GetResourcePolicies>(OWNER, policies).policies.unwrap().len(), 0);
        // It does not come back without a yes.
        let again = api::AssociateResourceShareRequest {
            resource_share_arn: share.resource_share_arn.unwrap(),
            principals: Some(vec![OTHER.to_owned()]),
            ..Default::default()
        };
        cloud.ok::<op::AssociateResourceShare>(OWNER, again);
        assert!(!cloud.sees(OTHER));
        let invitation = cloud.invitations(OTHER)[0].resource_share_invitation_arn.clone().unwrap();
        cloud.ok::<op::AcceptResourceShareInvitation>(OTHER, accept(&invitation));
        assert!(cloud.sees(OTHER));
    }
}

#[test]
fn a_unit_stands_for_the_accounts_in_it() {
    let cloud = Cloud::organized();
    cloud.enable();
    let share = cloud.create(wanted("net", &[SUBNET], &[UNIT]));
    assert!(cloud.sees(OTHER) && !cloud.sees(THIRD));
    assert_eq!(cloud.related(), [vec![OTHER.to_owned()], vec![OWNER.to_owned()]]);
    let policies =
        api::GetResourcePoliciesRequest { resource_arns: vec![SUBNET.to_owned()], ..Default::default() };
    let policies = cloud.ok::<op::GetResourcePolicies>(OWNER, policies).policies.unwrap();
    let condition =
        r#"{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-abcdefghij/*/ou-ab12-00000001/*"}}"#;
    assert!(policies[0].contains(condition), "{policies:?}");
    // Who comes there later is shared with, and who goes is not any more.
    cloud.change(|transaction| {
        join(transaction, Partition::Aws, &organization_now(transaction), member(THIRD, INNER));
        resource_shares::put_partners_within(transaction, Partition::Aws, THIRD.parse().unwrap());
    });
    assert!(cloud.sees(THIRD));
    assert!(cloud.related()[0].contains(&THIRD.to_owned()));
    cloud.change(|transaction| {
        leave(transaction, Partition::Aws, &organization_now(transaction), OTHER.parse().unwrap());
    });
    assert!(!cloud.sees(OTHER) && cloud.sees(THIRD));
    let away = api::DisassociateResourceShareRequest {
        resource_share_arn: share.resource_share_arn.unwrap(),
        principals: Some(vec![UNIT.to_owned()]),
        ..Default::default()
    };
    cloud.ok::<op::DisassociateResourceShare>(OWNER, away);
    assert!(!cloud.sees(THIRD));
}

fn organization_now(transaction: &Transaction) -> Organization {
    let found = organization::managed_by(transaction, Partition::Aws, OWNER.parse().unwrap());
    (*found.unwrap()).clone()
}

#[test]
fn an_organization_stands_for_all_its_accounts_but_the_owner() {
    let cloud = Cloud::organized();
    cloud.enable();
    cloud.create(wanted("net", &[SUBNET], &[ORGANIZATION]));
    assert!(cloud.sees(OTHER) && cloud.sees(THIRD) && !cloud.sees(OWNER) && !cloud.sees("999999999999"));
    // It ends when the organization does not trust the service any more.
    cloud.change(|transaction| {
        let mut organization = organization_now(transaction);
        organization.trusted_services.clear();
        organization.put(transaction, Partition::Aws);
    });
    assert!(!cloud.sees(OTHER));
}

#[test]
fn enabling_sharing_makes_the_role_of_the_service_once() {
    let cloud = Cloud::organized();
    let role = || {
        let scope = Scope::global(Partition::Aws, OWNER.parse().unwrap());
        let key = identities::name_key("AWSServiceRoleForResourceAccessManager");
        cloud.store.snapshot().get::<identities::Role>(&scope, &key)
    };
    assert!(role().is_none());
    cloud.enable();
    let made = role().unwrap();
    let arn = "arn:aws:iam::123456789012:role/aws-service-role/ram.amazonaws.com/AWSServiceRoleForResourceAccessManager";
    assert_eq!((made.arn.as_str(), made.linked_service.as_deref()), (arn, Some("ram.amazonaws.com")));
    cloud.enable();
    assert_eq!(role().unwrap().id, made.id);
}

#[test]
fn only_an_organization_that_shares_is_a_principal() {
    let cloud = Cloud::organized();
    let create = |principal: &str| wanted("net", &[SUBNET], &[principal]);
    let not_permitted = "OperationNotPermittedException";
    cloud.refuses::<op::CreateResourceShare>(OWNER, create(ORGANIZATION), not_permitted);
    // Without it, members are invited as all others are.
    cloud.create(create(OTHER));
    assert!(!cloud.sees(OTHER) && cloud.invitations(OTHER).len() == 1);
    cloud.refuses::<op::EnableSharingWithAwsOrganization>(OTHER, Default::default(), not_permitted);
    cloud.enable();
    for unknown in [
        "arn:aws:organizations::123456789012:organization/o-otherother",
        "arn:aws:organizations::123456789012:ou/o-abcdefghij/ou-ab12-00000009",
        "arn:aws:organizations::999999999999:ou/o-abcdefghij/ou-ab12-00000001",
    ] {
        cloud.refuses::<op::CreateResourceShare>(OWNER, create(unknown), "UnknownResourceException");
    }
}
