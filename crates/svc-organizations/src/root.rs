//! The root of an organization, and which types of policies count there.

use aws_api::organizations::{
    self as api, DisablePolicyTypeRequest, DisablePolicyTypeResponse, EnablePolicyTypeRequest,
    EnablePolicyTypeResponse, ListRootsRequest, ListRootsResponse, PolicyTypeSummary,
};
use organization::{Attachments, FeatureSet, Member, Organization, OrganizationalUnit, ROOT_NAME, RootId};
use service_api::{RequestContext, ServiceError};
use store::{Read as _, Transaction};

use crate::caller::{self, Place};
use crate::{State, error, page, policy};

fn shown(context: &RequestContext, organization: &Organization) -> api::Root {
    let types = organization.policy_types.iter().map(|one| PolicyTypeSummary {
        r#type: Some(one.name().to_owned()),
        status: Some("ENABLED".to_owned()),
    });
    let root = organization.root.as_str();
    api::Root {
        id: Some(root.to_owned()),
        arn: Some(organization.arn_of(context.partition, "root", root).to_string()),
        name: Some(ROOT_NAME.to_owned()),
        policy_types: Some(types.collect()),
    }
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListRoots.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListRootsRequest,
) -> Result<ListRootsResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading(state, &snapshot, context, "ListRoots")?;
    let root = shown(context, &place.organization);
    let roots = [(place.organization.root.to_string(), root)];
    let page = page::take(roots, request.next_token.as_deref(), request.max_results)?;
    Ok(ListRootsResponse { roots: Some(page.items), next_token: page.next_token })
}

fn check_root(place: &Place, root: &str) -> Result<(), ServiceError> {
    let root: RootId = root.parse().map_err(|_| error::pattern())?;
    if root == place.organization.root { Ok(()) } else { Err(error::root_not_found()) }
}

/// Changes what is attached everywhere.
fn change_all(
    context: &RequestContext,
    transaction: &mut Transaction,
    place: &Place,
    organization: &mut Organization,
    change: impl Fn(&mut Attachments),
) {
    change(&mut organization.root_policies);
    let units: Vec<_> = transaction.scan::<OrganizationalUnit>(&place.scope).map(|(_, unit)| unit).collect();
    for unit in units {
        let mut unit = (*unit).clone();
        change(&mut unit.policies);
        transaction.put(&place.scope, unit.id.clone().as_str(), unit);
    }
    let members: Vec<_> = transaction.scan::<Member>(&place.scope).map(|(_, member)| member).collect();
    for member in members {
        let mut member = (*member).clone();
        change(&mut member.policies);
        transaction.put(&place.scope, &member.account.to_string(), member);
    }
    organization.clone().put(transaction, context.partition);
}

/// What allows everything is attached everywhere from then on.
///
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_EnablePolicyType.html>
pub(crate) fn enable_type(
    state: &State,
    context: &RequestContext,
    request: EnablePolicyTypeRequest,
) -> Result<EnablePolicyTypeResponse, ServiceError> {
    let policy_type = policy::type_named(&request.policy_type)?;
    let root = state.store.transact(|transaction| {
        let place = caller::member(transaction, context)?;
        caller::check(state, &place, context, "EnablePolicyType", &root_arn(context, &place))?;
        check_root(&place, &request.root_id)?;
        if place.organization.feature_set != FeatureSet::All {
            return Err(policy::type_not_available());
        }
        let mut organization = (*place.organization).clone();
        if !organization.policy_types.insert(policy_type) {
            return Err(ServiceError::new(
                "PolicyTypeAlreadyEnabledException",
                "The specified policy type is already enabled.",
            ));
        }
        change_all(context, transaction, &place, &mut organization, |attachments| {
            if let Some(default) = policy_type.default_policy() {
                attachments.insert(policy_type, vec![default]);
            }
        });
        Ok(shown(context, &organization))
    })?;
    Ok(EnablePolicyTypeResponse { root: Some(root) })
}

/// What was attached is detached everywhere.
///
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DisablePolicyType.html>
pub(crate) fn disable_type(
    state: &State,
    context: &RequestContext,
    request: DisablePolicyTypeRequest,
) -> Result<DisablePolicyTypeResponse, ServiceError> {
    let policy_type = policy::type_named(&request.policy_type)?;
    let root = state.store.transact(|transaction| {
        let place = caller::member(transaction, context)?;
        caller::check(state, &place, context, "DisablePolicyType", &root_arn(context, &place))?;
        check_root(&place, &request.root_id)?;
        let mut organization = (*place.organization).clone();
        if !organization.policy_types.remove(&policy_type) {
            return Err(policy::type_not_enabled());
        }
        change_all(context, transaction, &place, &mut organization, |attachments| {
            attachments.remove(&policy_type);
        });
        Ok(shown(context, &organization))
    })?;
    Ok(DisablePolicyTypeResponse { root: Some(root) })
}

fn root_arn(context: &RequestContext, place: &Place) -> String {
    let root = place.organization.root.as_str();
    place.organization.arn_of(context.partition, "root", root).to_string()
}
