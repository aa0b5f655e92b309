//! Tags of accounts, roots, units, policies and the resource policy.
//!
//! Owns which tags there can be. The tags are part of what they are on.

use std::collections::BTreeSet;

use aws_api::organizations::{
    self as api, ListTagsForResourceRequest, ListTagsForResourceResponse, TagResourceRequest,
    UntagResourceRequest,
};
use aws_types::{Tag, Tags};
use organization::{OrganizationalUnit, ParentId, PolicyId, PolicyRecord, ResourcePolicyId, TargetId};
use service_api::{RequestContext, ServiceError};
use store::{Read, Transaction};

use crate::caller::{self, Place};
use crate::{State, account, error, page, policy};

/// How many tags a resource can have.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
const MAX_TAGS: usize = 50;

/// The tags of a request for something new.
///
/// # Errors
/// `InvalidInputException`, `ConstraintViolationException`.
pub(crate) fn new(wanted: Option<Vec<api::Tag>>) -> Result<Tags, ServiceError> {
    let mut tags = Tags::default();
    set(&mut tags, wanted.unwrap_or_default())?;
    Ok(tags)
}

/// Sets tags.
fn set(tags: &mut Tags, wanted: Vec<api::Tag>) -> Result<(), ServiceError> {
    // What cannot be is not compared with each other.
    if wanted.len() > MAX_TAGS {
        return Err(too_many());
    }
    let mut keys = BTreeSet::new();
    for tag in &wanted {
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(error::invalid_input(
                "INVALID_SYSTEM_TAGS_PARAMETER",
                "You can't add, edit, or delete tags whose key begins with aws:.",
            ));
        }
        if !keys.insert(tag.key.as_str()) {
            return Err(error::invalid_input(
                "DUPLICATE_TAG_KEY",
                "You specified the same tag key more than once.",
            ));
        }
    }
    for tag in wanted {
        tags.set(Tag { key: tag.key, value: tag.value });
    }
    if tags.len() > MAX_TAGS {
        return Err(too_many());
    }
    Ok(())
}

fn too_many() -> ServiceError {
    error::constraint("MAX_TAG_LIMIT_EXCEEDED", format!("A resource can have at most {MAX_TAGS} tags."))
}

/// What can have tags.
enum Tagged {
    Target(TargetId),
    Policy(PolicyId),
    ResourcePolicy(ResourcePolicyId),
}

fn parse(id: &str) -> Result<Tagged, ServiceError> {
    let target = id.parse().map(Tagged::Target);
    target
        .or_else(|_| id.parse().map(Tagged::Policy))
        .or_else(|_| id.parse().map(Tagged::ResourcePolicy))
        .map_err(|_| error::pattern())
}

fn tags_of(
    reader: &impl Read,
    context: &RequestContext,
    place: &Place,
    id: &Tagged,
) -> Result<Tags, ServiceError> {
    let organization = &place.organization;
    let found = match id {
        Tagged::Target(TargetId::Account(account)) => {
            account::shown_member(reader, context, place, *account).map(|(member, _)| member.tags.clone())
        }
        Tagged::Target(TargetId::Parent(ParentId::Root(root))) => {
            (*root == organization.root).then(|| organization.root_tags.clone())
        }
        Tagged::Target(TargetId::Parent(ParentId::Unit(unit))) => {
            reader.get::<OrganizationalUnit>(&place.scope, unit.as_str()).map(|unit| unit.tags.clone())
        }
        Tagged::Policy(id) => {
            reader.get::<PolicyRecord>(&place.scope, id.as_str()).map(|policy| policy.tags.clone())
        }
        Tagged::ResourcePolicy(id) => organization
            .resource_policy
            .as_ref()
            .filter(|policy| policy.id == *id)
            .map(|policy| policy.tags.clone()),
    };
    found.ok_or_else(error::target_not_found)
}

fn put_tags(transaction: &mut Transaction, context: &RequestContext, place: &Place, id: &Tagged, tags: Tags) {
    let mut organization = (*place.organization).clone();
    match id {
        Tagged::Target(TargetId::Account(account)) => {
            if let Some(member) = place.member(transaction, *account) {
                let member = organization::Member { tags, ..(*member).clone() };
                transaction.put(&place.scope, &account.to_string(), member);
            }
        }
        Tagged::Target(TargetId::Parent(ParentId::Root(_))) => {
            organization.root_tags = tags;
            organization.put(transaction, context.partition);
        }
        Tagged::Target(TargetId::Parent(ParentId::Unit(id))) => {
            if let Some(unit) = transaction.get::<OrganizationalUnit>(&place.scope, id.as_str()) {
                let unit = OrganizationalUnit { tags, ..(*unit).clone() };
                transaction.put(&place.scope, id.as_str(), unit);
            }
        }
        Tagged::Policy(id) => {
            if let Some(policy) = transaction.get::<PolicyRecord>(&place.scope, id.as_str()) {
                let policy = PolicyRecord { tags, ..(*policy).clone() };
                transaction.put(&place.scope, id.as_str(), policy);
            }
        }
        Tagged::ResourcePolicy(_) => {
            if let Some(policy) = &mut organization.resource_policy {
                policy.tags = tags;
            }
            organization.put(transaction, context.partition);
        }
    }
}

fn change(
    state: &State,
    context: &RequestContext,
    operation: &str,
    id: &str,
    change: impl Fn(&mut Tags) -> Result<(), ServiceError>,
) -> Result<aws_api::Unit, ServiceError> {
    let tagged = parse(id)?;
    state.store.transact(|transaction| {
        let place = caller::member(transaction, context)?;
        caller::check(
            state,
            &place,
            context,
            operation,
            &policy::resource_arn(transaction, context, &place, id),
        )?;
        let mut tags = tags_of(transaction, context, &place, &tagged)?;
        change(&mut tags)?;
        put_tags(transaction, context, &place, &tagged, tags);
        Ok(aws_api::Unit)
    })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_TagResource.html>
pub(crate) fn tag(
    state: &State,
    context: &RequestContext,
    request: TagResourceRequest,
) -> Result<aws_api::Unit, ServiceError> {
    change(state, context, "TagResource", &request.resource_id, |tags| set(tags, request.tags.clone()))
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_UntagResource.html>
pub(crate) fn untag(
    state: &State,
    context: &RequestContext,
    request: UntagResourceRequest,
) -> Result<aws_api::Unit, ServiceError> {
    change(state, context, "UntagResource", &request.resource_id, |tags| {
        request.tag_keys.iter().for_each(|key| tags.remove(key, None));
        Ok(())
    })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListTagsForResource.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading_of(state, &snapshot, context, "ListTagsForResource", &request.resource_id)?;
    let tags = tags_of(&snapshot, context, &place, &parse(&request.resource_id)?)?;
    let shown = tags
        .iter()
        .map(|(key, value)| (key.to_owned(), api::Tag { key: key.to_owned(), value: value.to_owned() }));
    let page = page::take(shown, request.next_token.as_deref(), None)?;
    Ok(ListTagsForResourceResponse { tags: Some(page.items), next_token: page.next_token })
}
