//! What an ARN of IAM names that has policies: a user, a group or a role.

use std::sync::Arc;

use identities::{Group, HeldPolicies, Role, User, name_key};
use service_api::{RequestContext, ServiceError};
use store::Read;

use crate::{error, scope};

/// A user, group or role.
#[derive(Clone, Debug)]
pub(crate) enum Entity {
    /// A user.
    User(Arc<User>),
    /// A group.
    Group(Arc<Group>),
    /// A role.
    Role(Arc<Role>),
}

impl Entity {
    /// The one with this ARN.
    ///
    /// # Errors
    /// `InvalidInput` for an ARN of anything else, `NoSuchEntity`.
    pub(crate) fn find(
        reader: &impl Read,
        context: &RequestContext,
        arn: &str,
    ) -> Result<Self, ServiceError> {
        let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
        let Some((kind, path)) = resource.split_once('/') else { return Err(no_entity(arn)) };
        let name = path.rsplit('/').next().unwrap_or_default();
        let (scope, key) = (scope(context), name_key(name));
        let found = match kind {
            "user" => reader.get::<User>(&scope, &key).map(Self::User),
            "group" => reader.get::<Group>(&scope, &key).map(Self::Group),
            "role" => reader.get::<Role>(&scope, &key).map(Self::Role),
            _ => return Err(no_entity(arn)),
        };
        found
            .filter(|found| found.arn() == arn)
            .ok_or_else(|| error::no_such_entity(format!("The {kind} with name {name} cannot be found.")))
    }

    pub(crate) fn arn(&self) -> &str {
        match self {
            Self::User(user) => user.arn.as_str(),
            Self::Group(group) => group.arn.as_str(),
            Self::Role(role) => role.arn.as_str(),
        }
    }

    /// Its policies, and those of its groups where it is a user.
    pub(crate) fn policies(&self, reader: &impl Read, context: &RequestContext) -> HeldPolicies {
        let scope = scope(context);
        match self {
            Self::User(user) => HeldPolicies::of_user(reader, &scope, Arc::clone(user)),
            Self::Group(group) => HeldPolicies::of_group(reader, &scope, Arc::clone(group)),
            Self::Role(role) => HeldPolicies::of_role(reader, &scope, Arc::clone(role)),
        }
    }
}

fn no_entity(arn: &str) -> ServiceError {
    error::invalid_input(format!("Invalid Entity Arn: {arn} does not clearly define entity type and name."))
}
