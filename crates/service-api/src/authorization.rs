//! What a request needs to be allowed: actions, and the resources that each of them is needed on.
//!
//! Owns how the table of operations and what a service knows of its resources become the questions that policies answer.
//! Refuses to know policies, and who asks. On AWS an action is needed on every resource that a request touches, and each is
//! decided by itself.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>

use std::borrow::Cow;
use std::sync::Arc;

use authorization_table::{
    Distinct, Need, ResourceType, Target, action, arn, named, of_operation, split_action, targets,
};
use aws_model::Value;
use aws_types::{AccountId, Tags};

use crate::request_tags::{request_tags, specified_tags, tag_members, tag_specifications};
use crate::{RequestContext, Service};

/// How many resources one request can name. Each is decided by itself, so that what a request costs grows with them.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html>
pub const RESOURCES_MAX: usize = 1000;
/// How many tags one request can name: AWS lets a resource have 50, and a request be about several types of them.
pub const TAGS_MAX: usize = 1000;

/// Keys that conditions of policies can ask for, with their values.
pub type ConditionKeys = Vec<(String, Vec<String>)>;

/// A resource that a request touches, as policies see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TargetResource {
    /// Its ARN, or `*`. What a request makes has a star in the place of its id.
    pub arn: String,
    /// What can be asked of it, such as `aws:ResourceTag/Team` and `ec2:Vpc`.
    pub keys: ConditionKeys,
    /// Whose it is, where that is not the caller's account.
    pub owner: Option<AccountId>,
    /// The text of its own policy. Resources that share one share its text, so that it is read once.
    pub policy: Option<Arc<str>>,
    /// Who says whether that other account lets the caller use it.
    pub sharing: Sharing,
}

/// Who says whether somebody of another account may use a resource, beside that one's own policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// The resource's policy. Without one the resource is for its own account alone.
    #[default]
    ByPolicy,
    /// Its service, which shows no more of other accounts' resources than they share, and looks at that by itself.
    ByService,
}

impl TargetResource {
    /// What stands for the resources of an action that cannot be restricted to any.
    pub fn all() -> Self {
        Self { arn: "*".to_owned(), ..Self::default() }
    }
}

/// One action that a request needs, on each of these resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededPermission {
    /// The action with its prefix, such as `ec2:RunInstances`.
    pub action: Cow<'static, str>,
    /// What it is needed on. What is needed on nothing is refused to everybody: it would be a permission that nobody asks for.
    pub resources: Vec<TargetResource>,
    /// What can be asked of the request, such as `aws:TagKeys`.
    pub keys: ConditionKeys,
}

/// What a service knows of a resource that a request names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceFacts {
    /// Its ARN, where that does not follow from the rest.
    pub arn: Option<String>,
    /// What its ARN has in the place of its id, where the request says something else: a name, or an association.
    pub id: Option<String>,
    /// The other variables of its ARN.
    pub variables: Vec<(&'static str, String)>,
    /// Whose it is, where that is not the caller's account.
    pub owner: Option<AccountId>,
    /// Its tags.
    pub tags: Tags,
    /// What else can be asked of it.
    pub keys: ConditionKeys,
    /// The text of its own policy.
    pub policy: Option<Arc<str>>,
    /// Who says whether another account's may be used.
    pub sharing: Sharing,
}

/// Whoever knows the roles that instance profiles have.
pub trait PassedRoles: Send + Sync + 'static {
    /// The ARN of the role of an instance profile of the caller's account, by the profile's name or ARN.
    fn role_of_profile(&self, context: &RequestContext, profile: &str) -> Option<String>;
}

/// What a request needs, by the table: the default of [`Service::needed_permissions`], and the start of a service's own.
/// `None`: the table has no entry, so that the operation is for the account's root alone.
pub fn needed_by_table<S: Service + ?Sized>(
    service: &S,
    context: &RequestContext,
    operation: &str,
    input: &Value,
) -> Option<Vec<NeededPermission>> {
    let entry = of_operation(service.model(), operation)?;
    let tags = request_tags(service.model(), operation, input);
    let request = Request { service, context, operation, input, tags };
    Some(entry.needs.iter().map(|need| request.needed(need)).collect())
}

/// What a request has too many of to be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooMany {
    /// More than [`RESOURCES_MAX`].
    Resources,
    /// More than [`TAGS_MAX`].
    Tags,
}

/// Looks at the numbers of what a request of an operation names, before anything else is made of it.
///
/// # Errors
/// [`TooMany`].
pub fn check_numbers(model: &str, operation: &str, input: &Value) -> Result<(), TooMany> {
    let resources = of_operation(model, operation).map_or(0, |entry| named(entry, input));
    if resources > RESOURCES_MAX {
        return Err(TooMany::Resources);
    }
    let specified = tag_specifications(input).map(|(_, tags)| 1 + length(tags));
    let members = tag_members(model, operation);
    let tags = [members.tags, members.keys].into_iter().flatten();
    let tags =
        tags.filter_map(|name| if let Value::Structure(input) = input { input.get(name) } else { None });
    if specified.chain(tags.map(length)).sum::<usize>() > TAGS_MAX {
        return Err(TooMany::Tags);
    }
    Ok(())
}

fn length(value: &Value) -> usize {
    match value {
        Value::List(items) => items.len(),
        Value::Map(pairs) => pairs.len(),
        _ => 0,
    }
}

/// A request whose needs are asked for.
struct Request<'a, S: ?Sized> {
    service: &'a S,
    context: &'a RequestContext,
    operation: &'a str,
    input: &'a Value,
    /// What can be asked of the tags that are for all that it touches.
    tags: ConditionKeys,
}

impl<S: Service + ?Sized> Request<'_, S> {
    fn needed(&self, need: &'static Need) -> NeededPermission {
        let mut resources = Distinct::default();
        if !need.rules.is_empty() {
            for target in targets(self.service.model(), need, self.input) {
                self.add(&mut resources, need, &target);
            }
        }
        if resources.is_empty() {
            let mut keys = self.service.said_of(self.context, self.operation, "", false, self.input);
            keys.retain(|(key, _)| has_key(need, None, key));
            resources.push(TargetResource { keys, ..TargetResource::all() });
        }
        let (resources, keys) = (resources.into_vec(), self.tags.clone());
        NeededPermission { action: Cow::Borrowed(need.action), resources, keys }
    }

    fn add(&self, resources: &mut Distinct<TargetResource>, need: &'static Need, target: &Target<'_>) {
        let mut push = |resource: TargetResource| resources.push(resource);
        let Some(held) = target.of_type(need) else { return push(TargetResource::all()) };
        let facts = |id: &str| self.service.resource(self.context, held.name, id);
        let Some(id) = target.id else {
            match self.service.implied(self.context, self.operation, held.name, self.input) {
                None => push(self.new_resource(held, need, target)),
                Some(ids) => ids.iter().for_each(|id| push(self.resource(held, need, target, id, facts(id)))),
            }
            return;
        };
        let facts = facts(id);
        if facts.is_some() || !target.indirect {
            push(self.resource(held, need, target, id, facts));
        }
    }

    fn new_resource(&self, held: &ResourceType, need: &Need, target: &Target<'_>) -> TargetResource {
        let arn = self.arn(held, self.context.account(), None, &target.parents);
        let mut keys = self.service.said_of(self.context, self.operation, held.name, true, self.input);
        keys.retain(|(key, _)| has_key(need, Some(held), key));
        keys.extend(specified_tags(self.input, held.name));
        TargetResource { arn, keys, ..TargetResource::default() }
    }

    fn resource(
        &self,
        held: &ResourceType,
        need: &Need,
        target: &Target<'_>,
        id: &str,
        facts: Option<ResourceFacts>,
    ) -> TargetResource {
        let facts = facts.unwrap_or_default();
        let owner = facts.owner.unwrap_or_else(|| self.context.account());
        let of_facts = facts.variables.iter().map(|(name, value)| (*name, value.as_str()));
        let parents: Vec<(&str, &str)> = of_facts.chain(target.parents.iter().copied()).collect();
        let id = facts.id.as_deref().unwrap_or(id);
        let arn = facts.arn.unwrap_or_else(|| self.arn(held, owner, Some(id), &parents));
        let mut keys = facts.keys;
        keys.extend(self.service.said_of(self.context, self.operation, held.name, false, self.input));
        keys.retain(|(key, _)| has_key(need, Some(held), key));
        for (key, value) in facts.tags.iter() {
            keys.push((format!("aws:ResourceTag/{key}"), vec![value.to_owned()]));
            // A resource has its tags in every action.
            for prefix in held.tag_key_prefixes() {
                keys.push((format!("{prefix}:ResourceTag/{key}"), vec![value.to_owned()]));
            }
        }
        let owner = Some(owner).filter(|owner| *owner != self.context.account());
        TargetResource { arn, keys, owner, policy: facts.policy, sharing: facts.sharing }
    }

    fn arn(
        &self,
        held: &ResourceType,
        owner: AccountId,
        id: Option<&str>,
        parents: &[(&str, &str)],
    ) -> String {
        let context = self.context;
        arn(held.arn, context.partition, context.region.as_str(), &owner.to_string(), id, parents)
    }
}

/// Whether an action has a key for resources of a type. Of some services, such as IAM, the reference has the keys of
/// resources with their types alone, and not with each action.
fn has_key(need: &Need, held: Option<&ResourceType>, key: &str) -> bool {
    let (prefix, name) = split_action(need.action);
    let Some(action) = action(prefix, name) else { return false };
    let resource_type = held.map_or("", |held| held.name);
    action.has_key(resource_type, key)
        || held.is_some_and(|held| !action.tells_keys_of(held.name) && held.has_key(key))
}
