//! Organizational units, and what is in what.

use aws_api::organizations::{
    self as api, Child, CreateOrganizationalUnitRequest, CreateOrganizationalUnitResponse,
    DeleteOrganizationalUnitRequest, DescribeOrganizationalUnitRequest, DescribeOrganizationalUnitResponse,
    ListChildrenRequest, ListChildrenResponse, ListOrganizationalUnitsForParentRequest,
    ListOrganizationalUnitsForParentResponse, ListParentsRequest, ListParentsResponse, Parent,
    UpdateOrganizationalUnitRequest, UpdateOrganizationalUnitResponse,
};
use organization::{MAX_UNIT_DEPTH, Member, OrganizationalUnit, ParentId, UnitId, path_of_parent};
use service_api::{RequestContext, ServiceError};
use store::Read;

use crate::caller::{self, Place};
use crate::organization::default_attachments;
use crate::{State, account, error, page, tag};

/// How many units an organization can have.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const MAX_UNITS: usize = 2000;

fn shown(
    reader: &impl Read,
    context: &RequestContext,
    place: &Place,
    unit: &OrganizationalUnit,
) -> api::OrganizationalUnit {
    let organization = &place.organization;
    let own = ParentId::Unit(unit.id.clone());
    api::OrganizationalUnit {
        id: Some(unit.id.to_string()),
        arn: Some(organization.arn_of(context.partition, "ou", unit.id.as_str()).to_string()),
        name: Some(unit.name.clone()),
        path: path_of_parent(reader, context.partition, organization, &own),
    }
}

/// A root or unit of the organization.
///
/// # Errors
/// `ParentNotFoundException`, `InvalidInputException`.
pub(crate) fn parent(reader: &impl Read, place: &Place, id: &str) -> Result<ParentId, ServiceError> {
    let id: ParentId = id.parse().map_err(|_| error::pattern())?;
    let is_there = match &id {
        ParentId::Root(root) => *root == place.organization.root,
        ParentId::Unit(unit) => reader.contains::<OrganizationalUnit>(&place.scope, unit.as_str()),
    };
    if is_there { Ok(id) } else { Err(error::parent_not_found()) }
}

fn named(reader: &impl Read, place: &Place, id: &str) -> Result<OrganizationalUnit, ServiceError> {
    let id: UnitId = id.parse().map_err(|_| error::pattern())?;
    let found = reader.get::<OrganizationalUnit>(&place.scope, id.as_str());
    found.map(|unit| (*unit).clone()).ok_or_else(error::unit_not_found)
}

fn depth(reader: &impl Read, place: &Place, parent: &ParentId) -> usize {
    let mut depth = 0;
    let mut parent = parent.clone();
    while let ParentId::Unit(id) = &parent {
        depth += 1;
        match reader.get::<OrganizationalUnit>(&place.scope, id.as_str()) {
            Some(unit) => parent = unit.parent.clone(),
            None => break,
        }
    }
    depth
}

fn check_name(reader: &impl Read, place: &Place, parent: &ParentId, name: &str) -> Result<(), ServiceError> {
    let mut siblings = reader.parts::<OrganizationalUnit>(&place.scope, parent.as_str());
    if siblings.any(|(_, unit)| unit.name == name) {
        return Err(ServiceError::new(
            "DuplicateOrganizationalUnitException",
            "An OU with the same name already exists.",
        ));
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateOrganizationalUnit.html>
pub(crate) fn create(
    state: &State,
    context: &RequestContext,
    request: CreateOrganizationalUnitRequest,
) -> Result<CreateOrganizationalUnitResponse, ServiceError> {
    let tags = tag::new(request.tags)?;
    let made = state.store.transact(|transaction| {
        let place = caller::management(transaction, context)?;
        let parent = parent(transaction, &place, &request.parent_id)?;
        check_name(transaction, &place, &parent, &request.name)?;
        if depth(transaction, &place, &parent) >= MAX_UNIT_DEPTH {
            return Err(error::constraint(
                "OU_DEPTH_LIMIT_EXCEEDED",
                format!("Organizational units can be {MAX_UNIT_DEPTH} levels deep."),
            ));
        }
        if transaction.count::<OrganizationalUnit>(&place.scope) >= MAX_UNITS {
            return Err(error::constraint(
                "OU_NUMBER_LIMIT_EXCEEDED",
                format!("An organization can have {MAX_UNITS} organizational units."),
            ));
        }
        let unit = OrganizationalUnit {
            id: UnitId::random(&place.organization.root, &mut || state.ids.bits()),
            name: request.name.clone(),
            parent,
            created: context.now,
            policies: default_attachments(&place.organization.policy_types),
            tags: tags.clone(),
        };
        transaction.put(&place.scope, unit.id.as_str(), unit.clone());
        Ok(shown(transaction, context, &place, &unit))
    })?;
    Ok(CreateOrganizationalUnitResponse { organizational_unit: Some(made) })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_UpdateOrganizationalUnit.html>
pub(crate) fn update(
    state: &State,
    context: &RequestContext,
    request: UpdateOrganizationalUnitRequest,
) -> Result<UpdateOrganizationalUnitResponse, ServiceError> {
    let updated = state.store.transact(|transaction| {
        let place = caller::management(transaction, context)?;
        let mut unit = named(transaction, &place, &request.organizational_unit_id)?;
        if let Some(name) = request.name.as_ref().filter(|name| **name != unit.name) {
            check_name(transaction, &place, &unit.parent, name)?;
            unit.name.clone_from(name);
        }
        transaction.put(&place.scope, unit.id.as_str(), unit.clone());
        Ok::<_, ServiceError>(shown(transaction, context, &place, &unit))
    })?;
    Ok(UpdateOrganizationalUnitResponse { organizational_unit: Some(updated) })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DeleteOrganizationalUnit.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteOrganizationalUnitRequest,
) -> Result<aws_api::Unit, ServiceError> {
    state.store.transact(|transaction| {
        account::sweep(context, transaction)?;
        let place = caller::management(transaction, context)?;
        let unit = named(transaction, &place, &request.organizational_unit_id)?;
        let id = unit.id.as_str();
        let has_units = transaction.parts::<OrganizationalUnit>(&place.scope, id).next().is_some();
        if has_units || transaction.parts::<Member>(&place.scope, id).next().is_some() {
            return Err(ServiceError::new(
                "OrganizationalUnitNotEmptyException",
                "The specified OU is not empty. Move all accounts to another root or to other OUs, remove all child \
                 OUs, and try the operation again.",
            ));
        }
        transaction.delete::<OrganizationalUnit>(&place.scope, id);
        Ok(aws_api::Unit)
    })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeOrganizationalUnit.html>
pub(crate) fn describe(
    state: &State,
    context: &RequestContext,
    request: DescribeOrganizationalUnitRequest,
) -> Result<DescribeOrganizationalUnitResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading_of(
        state,
        &snapshot,
        context,
        "DescribeOrganizationalUnit",
        &request.organizational_unit_id,
    )?;
    let unit = named(&snapshot, &place, &request.organizational_unit_id)?;
    Ok(DescribeOrganizationalUnitResponse {
        organizational_unit: Some(shown(&snapshot, context, &place, &unit)),
    })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListOrganizationalUnitsForParent.html>
pub(crate) fn list_for_parent(
    state: &State,
    context: &RequestContext,
    request: ListOrganizationalUnitsForParentRequest,
) -> Result<ListOrganizationalUnitsForParentResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading_of(
        state,
        &snapshot,
        context,
        "ListOrganizationalUnitsForParent",
        &request.parent_id,
    )?;
    let parent = parent(&snapshot, &place, &request.parent_id)?;
    let units = snapshot
        .parts::<OrganizationalUnit>(&place.scope, parent.as_str())
        .map(|(id, unit)| (id.to_owned(), shown(&snapshot, context, &place, &unit)));
    let page = page::take(units, request.next_token.as_deref(), request.max_results)?;
    Ok(ListOrganizationalUnitsForParentResponse {
        organizational_units: Some(page.items),
        next_token: page.next_token,
    })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListChildren.html>
pub(crate) fn list_children(
    state: &State,
    context: &RequestContext,
    request: ListChildrenRequest,
) -> Result<ListChildrenResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading_of(state, &snapshot, context, "ListChildren", &request.parent_id)?;
    let parent = parent(&snapshot, &place, &request.parent_id)?;
    let ids: Vec<String> = match request.child_type.as_str() {
        "ACCOUNT" => account::of_parent(&snapshot, context, &place, &parent)
            .into_iter()
            .map(|(member, _)| member.account.to_string())
            .collect(),
        "ORGANIZATIONAL_UNIT" => snapshot
            .parts::<OrganizationalUnit>(&place.scope, parent.as_str())
            .map(|(id, _)| id.to_owned())
            .collect(),
        _ => return Err(error::invalid_input("INVALID_ENUM", "There is no such type of children.")),
    };
    let children = ids
        .into_iter()
        .map(|id| (id.clone(), Child { id: Some(id), r#type: Some(request.child_type.clone()) }));
    let page = page::take(children, request.next_token.as_deref(), request.max_results)?;
    Ok(ListChildrenResponse { children: Some(page.items), next_token: page.next_token })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListParents.html>
pub(crate) fn list_parents(
    state: &State,
    context: &RequestContext,
    request: ListParentsRequest,
) -> Result<ListParentsResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading_of(state, &snapshot, context, "ListParents", &request.child_id)?;
    let child = request.child_id.as_str();
    let found = match child.parse() {
        Ok(account) => account::shown_member(&snapshot, context, &place, account)
            .map(|(member, _)| member.parent.clone()),
        Err(_) => named(&snapshot, &place, child).ok().map(|unit| unit.parent),
    };
    let found = found.ok_or_else(|| {
        ServiceError::new("ChildNotFoundException", "You specified a child that doesn't exist.")
    })?;
    let parent_type = match &found {
        ParentId::Root(_) => "ROOT",
        ParentId::Unit(_) => "ORGANIZATIONAL_UNIT",
    };
    let parent = Parent { id: Some(found.to_string()), r#type: Some(parent_type.to_owned()) };
    let page = page::take([(found.to_string(), parent)], request.next_token.as_deref(), request.max_results)?;
    Ok(ListParentsResponse { parents: Some(page.items), next_token: page.next_token })
}
