//! Central access to the root users of an organization's members.
//!
//! Owns who may turn it on and what is on. Refuses to know organizations ([`crate::Organization`]), and sessions of root users,
//! which STS gives.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-enable-root-access.html>

use aws_api::iam::{
    DisableOrganizationsRootCredentialsManagementResponse, DisableOrganizationsRootSessionsResponse,
    EnableOrganizationsRootCredentialsManagementResponse, EnableOrganizationsRootSessionsResponse,
    ListOrganizationsFeaturesResponse, operation as op,
};
use identities::{RootAccess, RootFeature, cloud_scope};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read as _, Snapshot};

use crate::State;

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    use RootFeature::{RootCredentialsManagement, RootSessions};
    table
        .with::<op::ListOrganizationsFeatures>(|state, context, _| {
            let snapshot = state.store.snapshot();
            let id = organization(state, context, &snapshot)?;
            let held = snapshot.get::<RootAccess>(&cloud_scope(context.partition), &id);
            let features = held.map(|held| (*held).clone()).unwrap_or_default();
            Ok(ListOrganizationsFeaturesResponse {
                organization_id: Some(id),
                enabled_features: Some(shown(&features)),
            })
        })
        .with::<op::EnableOrganizationsRootCredentialsManagement>(|state, context, _| {
            let (organization_id, enabled_features) = set(state, context, RootCredentialsManagement, true)?;
            Ok(EnableOrganizationsRootCredentialsManagementResponse { organization_id, enabled_features })
        })
        .with::<op::DisableOrganizationsRootCredentialsManagement>(|state, context, _| {
            let (organization_id, enabled_features) = set(state, context, RootCredentialsManagement, false)?;
            Ok(DisableOrganizationsRootCredentialsManagementResponse { organization_id, enabled_features })
        })
        .with::<op::EnableOrganizationsRootSessions>(|state, context, _| {
            let (organization_id, enabled_features) = set(state, context, RootSessions, true)?;
            Ok(EnableOrganizationsRootSessionsResponse { organization_id, enabled_features })
        })
        .with::<op::DisableOrganizationsRootSessions>(|state, context, _| {
            let (organization_id, enabled_features) = set(state, context, RootSessions, false)?;
            Ok(DisableOrganizationsRootSessionsResponse { organization_id, enabled_features })
        })
}

fn shown(access: &RootAccess) -> Vec<String> {
    access.features.iter().map(|feature| feature.name().to_owned()).collect()
}

/// The id of the organization that the caller speaks for.
fn organization(
    state: &State,
    context: &RequestContext,
    snapshot: &Snapshot,
) -> Result<String, ServiceError> {
    let refused = |code: &'static str, message: &str| Err(ServiceError::new(code, message));
    let found = state.organization.membership(snapshot, context.partition, context.account());
    let Some(found) = found else {
        return refused(
            "OrganizationNotFoundException",
            "The request was rejected because no organization is associated with your account.",
        );
    };
    if !found.has_all_features {
        return refused(
            "OrganizationNotInAllFeaturesModeException",
            "The request was rejected because your organization does not have All features enabled.",
        );
    }
    if !found.is_management && !found.is_delegated_administrator {
        return refused(
            "AccountNotManagementOrDelegatedAdministratorException",
            "The request was rejected because the account making the request is not the management account or delegated administrator account for centralized root access.",
        );
    }
    if !found.trusts_iam {
        return refused(
            "ServiceAccessNotEnabledException",
            "The request was rejected because trusted access is not enabled for IAM in Organizations.",
        );
    }
    Ok(found.organization_id)
}

type Answer = (Option<String>, Option<Vec<String>>);

fn set(
    state: &State,
    context: &RequestContext,
    feature: RootFeature,
    is_on: bool,
) -> Result<Answer, ServiceError> {
    let id = organization(state, context, &state.store.snapshot())?;
    let cloud = cloud_scope(context.partition);
    state.store.transact(|transaction| {
        let held = transaction.get::<RootAccess>(&cloud, &id);
        let mut access = held.map(|held| (*held).clone()).unwrap_or_default();
        if is_on {
            access.features.insert(feature);
        } else {
            access.features.remove(&feature);
        }
        let features = shown(&access);
        transaction.put(&cloud, &id, access);
        Ok((Some(id.clone()), Some(features)))
    })
}
