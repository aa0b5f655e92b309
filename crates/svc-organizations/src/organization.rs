//! Organizations: made, shown, deleted, and given all features.

use std::collections::{BTreeMap, BTreeSet};

use aws_api::organizations::{
    self as api, CreateOrganizationRequest, CreateOrganizationResponse, DescribeOrganizationResponse,
    EnableAllFeaturesRequest, EnableAllFeaturesResponse, PolicyTypeSummary,
};
use aws_types::{AccountId, Tags};
use identities::cloud_scope;
use organization::{
    ALL_FEATURES_HANDSHAKE_MILLIS, AccountRequest, Attachments, FeatureSet, Handshake, HandshakeAction,
    HandshakeId, HandshakeState, HandshakeTarget, JoinedMethod, Member, Organization, OrganizationId,
    OrganizationalUnit, ParentId, PolicyRecord, PolicyType, RootId, join, leave, organization_of,
};
use service_api::{RequestContext, ServiceError};
use store::{Read, Transaction};

use crate::caller::{self, Place};
use crate::{State, error, handshake, service_role};

fn shown(reader: &impl Read, context: &RequestContext, organization: &Organization) -> api::Organization {
    let management = organization.management;
    let account = identities::account(reader, context.partition, management);
    // It says what can be, and not what is enabled; AWS calls it deprecated for that.
    let available = match organization.feature_set {
        FeatureSet::All => vec![PolicyTypeSummary {
            r#type: Some(PolicyType::ServiceControl.name().to_owned()),
            status: Some("ENABLED".to_owned()),
        }],
        FeatureSet::ConsolidatedBilling => Vec::new(),
    };
    api::Organization {
        id: Some(organization.id.to_string()),
        arn: Some(organization.arn(context.partition).to_string()),
        feature_set: Some(organization.feature_set.name().to_owned()),
        master_account_arn: Some(
            organization.arn_of(context.partition, "account", &management.to_string()).to_string(),
        ),
        master_account_id: Some(management.to_string()),
        master_account_email: account.and_then(|account| account.email.clone()),
        available_policy_types: Some(available),
    }
}

/// What is attached to something new: for each enabled type, AWS's policy that allows everything.
pub(crate) fn default_attachments(types: &BTreeSet<PolicyType>) -> Attachments {
    types.iter().filter_map(|one| Some((*one, vec![one.default_policy()?]))).collect()
}

/// A member that is new, in the root.
pub(crate) fn new_member(
    context: &RequestContext,
    organization: &Organization,
    account: AccountId,
    method: JoinedMethod,
    tags: Tags,
) -> Member {
    Member {
        account,
        parent: ParentId::Root(organization.root.clone()),
        method,
        joined: context.now,
        policies: default_attachments(&organization.policy_types),
        tags,
        delegated_services: BTreeMap::new(),
    }
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateOrganization.html>
pub(crate) fn create(
    state: &State,
    context: &RequestContext,
    request: CreateOrganizationRequest,
) -> Result<CreateOrganizationResponse, ServiceError> {
    let feature_set = match request.feature_set.as_deref() {
        None | Some("ALL") => FeatureSet::All,
        Some("CONSOLIDATED_BILLING") => FeatureSet::ConsolidatedBilling,
        Some(_) => return Err(error::invalid_input("INVALID_ENUM", "There is no such feature set.")),
    };
    let policy_types = match feature_set {
        FeatureSet::All => BTreeSet::from([PolicyType::ServiceControl]),
        FeatureSet::ConsolidatedBilling => BTreeSet::new(),
    };
    let bits = &mut || state.ids.bits();
    let organization = Organization {
        id: OrganizationId::random(bits),
        management: context.account(),
        feature_set,
        created: context.now,
        root: RootId::random(bits),
        root_policies: default_attachments(&policy_types),
        policy_types,
        root_tags: Tags::default(),
        trusted_services: BTreeMap::new(),
        resource_policy: None,
        closures: Vec::new(),
    };
    let organization_shown = state.store.transact(|transaction| {
        if organization_of(transaction, context.partition, context.account()).is_some() {
            return Err(ServiceError::new(
                "AlreadyInOrganizationException",
                "The provided account is already a member of an organization.",
            ));
        }
        let member =
            new_member(context, &organization, context.account(), JoinedMethod::Invited, Tags::default());
        join(transaction, context.partition, &organization, member);
        service_role::put(state, context, transaction, context.account());
        organization.clone().put(transaction, context.partition);
        Ok(shown(transaction, context, &organization))
    })?;
    Ok(CreateOrganizationResponse { organization: Some(organization_shown) })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeOrganization.html>
pub(crate) fn describe(
    state: &State,
    context: &RequestContext,
    _: aws_api::Unit,
) -> Result<DescribeOrganizationResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::member(&snapshot, context)?;
    Ok(DescribeOrganizationResponse { organization: Some(shown(&snapshot, context, &place.organization)) })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DeleteOrganization.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    _: aws_api::Unit,
) -> Result<aws_api::Unit, ServiceError> {
    state.store.transact(|transaction| {
        crate::account::sweep(context, transaction)?;
        let place = caller::management(transaction, context)?;
        if transaction.count::<Member>(&place.scope) > 1 {
            return Err(ServiceError::new(
                "OrganizationNotEmptyException",
                "To delete an organization you must first remove all member accounts (except the management account).",
            ));
        }
        delete_all::<OrganizationalUnit>(transaction, &place);
        delete_all::<PolicyRecord>(transaction, &place);
        delete_all::<AccountRequest>(transaction, &place);
        for mut one in handshake::of_organization(transaction, context, &place.organization.id) {
            if !one.state_at(context.now).is_final() {
                one.state = HandshakeState::Canceled;
                one.ended = Some(context.now);
                handshake::put(transaction, context, one);
            }
        }
        leave(transaction, context.partition, &place.organization, context.account());
        delete_all::<Organization>(transaction, &place);
        Ok(aws_api::Unit)
    })
}

fn delete_all<R: store::Record>(transaction: &mut Transaction, place: &Place) {
    let ids: Vec<String> = transaction.scan::<R>(&place.scope).map(|(id, _)| id.to_owned()).collect();
    for id in ids {
        transaction.delete::<R>(&place.scope, &id);
    }
}

/// Every account that was invited has to approve, and then the management account has to accept.
///
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_EnableAllFeatures.html>
pub(crate) fn enable_all_features(
    state: &State,
    context: &RequestContext,
    _: EnableAllFeaturesRequest,
) -> Result<EnableAllFeaturesResponse, ServiceError> {
    let made = state.store.transact(|transaction| {
        let place = caller::management(transaction, context)?;
        let organization = &place.organization;
        if organization.feature_set == FeatureSet::All {
            return Err(error::handshake_constraint(
                "ORGANIZATION_ALREADY_HAS_ALL_FEATURES",
                "The organization has all features already.",
            ));
        }
        if handshake::pending_all_features(transaction, context, &organization.id).is_some() {
            return Err(error::handshake_constraint(
                "ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION",
                "The organization is enabling all features already.",
            ));
        }
        handshake::sweep(transaction, context);
        handshake::check_rate(
            transaction,
            context,
            &organization.id,
            &HandshakeAction::EnableAllFeatures,
            0,
        )?;
        let new = |action: HandshakeAction, receiver: AccountId, handshake_state| Handshake {
            id: HandshakeId::random(&mut || state.ids.bits()),
            action,
            organization: organization.id.clone(),
            management: organization.management,
            receiver,
            target: HandshakeTarget::Account,
            state: handshake_state,
            requested: context.now,
            expires: context.now.plus_millis(ALL_FEATURES_HANDSHAKE_MILLIS),
            ended: None,
            notes: None,
            tags: Tags::default(),
        };
        let parent =
            new(HandshakeAction::EnableAllFeatures, organization.management, HandshakeState::Requested);
        for account in invited(transaction, &place) {
            let action = HandshakeAction::ApproveAllFeatures { parent: parent.id.clone() };
            let one = new(action, account, HandshakeState::Open);
            transaction.put(&cloud_scope(context.partition), one.id.clone().as_str(), one);
        }
        let id = parent.id.clone();
        handshake::put(transaction, context, parent);
        handshake::open_all_features(transaction, context, &place);
        handshake::get(transaction, context, &id)
            .map(|parent| handshake::shown(transaction, context, &parent))
            .ok_or_else(error::handshake_not_found)
    })?;
    Ok(EnableAllFeaturesResponse { handshake: Some(made) })
}

/// The members that have a say: those that the organization did not make itself.
pub(crate) fn invited(reader: &impl Read, place: &Place) -> Vec<AccountId> {
    let members = reader.scan::<Member>(&place.scope);
    let invited = members.filter(|(_, member)| {
        member.method == JoinedMethod::Invited && member.account != place.organization.management
    });
    invited.map(|(_, member)| member.account).collect()
}
