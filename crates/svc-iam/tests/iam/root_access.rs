//! Central access to root users, and the tokens that the global endpoint gives.

use std::sync::Arc;

use super::cloud::Cloud;
use aws_api::iam::{self as api, operation as op};
use aws_types::{AccountId, Partition};
use store::Snapshot;
use svc_iam::{Membership, Organization, OrganizationPolicy};

pub(crate) struct In(pub(crate) Membership);

impl Organization for In {
    fn membership(&self, _: &Snapshot, _: Partition, _: AccountId) -> Option<Membership> {
        Some(self.0.clone())
    }

    fn service_control(&self, _: &Snapshot, _: Partition, _: AccountId) -> Vec<Vec<OrganizationPolicy>> {
        Vec::new()
    }
}

pub(crate) fn management() -> Membership {
    Membership {
        organization_id: "o-1".to_owned(),
        has_all_features: true,
        is_management: true,
        is_delegated_administrator: false,
        trusts_iam: true,
    }
}

fn cloud(membership: Membership) -> Cloud {
    let mut cloud = Cloud::new();
    cloud.service = cloud.service.with_organization(Arc::new(In(membership)));
    cloud
}

#[test]
fn features_are_turned_on_and_off() {
    let cloud = cloud(management());
    let list = || {
        let shown = cloud.ok::<op::ListOrganizationsFeatures>(api::ListOrganizationsFeaturesRequest {});
        assert_eq!(shown.organization_id.as_deref(), Some("o-1"));
        shown.enabled_features.unwrap()
    };
    assert!(list().is_empty());
    cloud.ok::<op::EnableOrganizationsRootSessions>(api::EnableOrganizationsRootSessionsRequest {});
    let input = api::EnableOrganizationsRootCredentialsManagementRequest {};
    let both = cloud.ok::<op::EnableOrganizationsRootCredentialsManagement>(input).enabled_features.unwrap();
    assert_eq!(both, ["RootCredentialsManagement", "RootSessions"]);
    assert_eq!(list(), both);
    let input = api::DisableOrganizationsRootCredentialsManagementRequest {};
    cloud.ok::<op::DisableOrganizationsRootCredentialsManagement>(input);
    assert_eq!(list(), ["RootSessions"]);
    cloud.ok::<op::DisableOrganizationsRootSessions>(api::DisableOrganizationsRootSessionsRequest {});
    assert!(list().is_empty());
}

#[test]
fn only_who_speaks_for_an_organization_may() {
    let refuses = |cloud: &Cloud, code: &str| {
        let input = api::EnableOrganizationsRootSessionsRequest {};
        let by = super::cloud::By::Root;
        let error = cloud.call::<op::EnableOrganizationsRootSessions>(&by, input).unwrap_err();
        assert_eq!(error.code, code);
    };
    refuses(&Cloud::new(), "OrganizationNotFoundException");
    let billing = Membership { has_all_features: false, ..management() };
    refuses(&cloud(billing), "OrganizationNotInAllFeaturesModeException");
    let member = Membership { is_management: false, ..management() };
    refuses(&cloud(member.clone()), "AccountNotManagementOrDelegatedAdministratorException");
    let untrusted = Membership { trusts_iam: false, ..management() };
    refuses(&cloud(untrusted), "ServiceAccessNotEnabledException");
    let delegated = cloud(Membership { is_delegated_administrator: true, ..member });
    delegated.ok::<op::EnableOrganizationsRootSessions>(api::EnableOrganizationsRootSessionsRequest {});
}
