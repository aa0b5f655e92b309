//! The policies that a user, role or group has: its own, its managed ones, those of its groups, and its boundary.
//!
//! Owns where they are found. It is asked for every request, so nothing of a policy is copied: records are shared, and the
//! evaluator borrows from them. Refuses to know what policies of organizations, resources and sessions add.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html>

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use aws_managed_policies::AwsManagedPolicy;
use aws_types::Arn;
use iam_policy::{Attached, Policy};
use store::{Read, Scope};

use crate::{Group, ManagedPolicy, Role, User, name_key};

/// What counts for a boundary that is not there: nothing is allowed.
static NOTHING: LazyLock<Policy> = LazyLock::new(|| {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    Policy::parse_stored(text).expect("the text is a policy")
});

/// A managed policy, found by its ARN: an account's, or AWS's own.
#[derive(Clone, Debug)]
pub enum FoundPolicy {
    /// The account's.
    Own(Arc<ManagedPolicy>),
    /// AWS's.
    Aws(&'static AwsManagedPolicy),
}

impl FoundPolicy {
    /// The managed policy with this ARN, of the account whose global scope this is or of AWS.
    pub fn find(reader: &impl Read, scope: &Scope, arn: &str) -> Option<Self> {
        if aws_managed_policies::is_of_aws(scope.partition, arn) {
            return aws_managed_policies::policy(arn).map(Self::Aws);
        }
        let name = arn.rsplit('/').next().unwrap_or_default();
        let found = reader.get::<ManagedPolicy>(scope, &name_key(name))?;
        (found.arn.as_str() == arn).then_some(Self::Own(found))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Own(policy) => &policy.name,
            Self::Aws(policy) => policy.name,
        }
    }

    /// What its default version says.
    pub fn policy(&self) -> &Policy {
        match self {
            Self::Own(policy) => policy.policy(),
            Self::Aws(policy) => policy.policy(),
        }
    }
}

/// Whose policies they are.
#[derive(Clone, Debug)]
enum Holder {
    User(Arc<User>),
    Role(Arc<Role>),
    Group(Arc<Group>),
}

impl Holder {
    fn arn(&self) -> &Arn {
        match self {
            Self::User(user) => &user.arn,
            Self::Role(role) => &role.arn,
            Self::Group(group) => &group.arn,
        }
    }

    fn inline_policies(&self) -> &BTreeMap<String, Policy> {
        match self {
            Self::User(user) => &user.inline_policies,
            Self::Role(role) => &role.inline_policies,
            Self::Group(group) => &group.inline_policies,
        }
    }

    fn attached_policies(&self) -> &BTreeSet<String> {
        match self {
            Self::User(user) => &user.attached_policies,
            Self::Role(role) => &role.attached_policies,
            Self::Group(group) => &group.attached_policies,
        }
    }
}

/// A holder with its managed policies.
#[derive(Clone, Debug)]
struct Held {
    holder: Holder,
    /// In the order of their ARNs in the record. `None` where a policy is not there, which allows nothing: an account's cannot
    /// be deleted while somebody has it, and AWS's may be gone in a later build.
    managed: Vec<Option<FoundPolicy>>,
}

impl Held {
    fn of(reader: &impl Read, scope: &Scope, holder: Holder) -> Self {
        let arns = holder.attached_policies().iter();
        let managed = arns.map(|arn| FoundPolicy::find(reader, scope, arn)).collect();
        Self { holder, managed }
    }
}

/// All policies of a user, role or group.
#[derive(Clone, Debug)]
pub struct HeldPolicies {
    /// The user, role or group itself, then the user's groups.
    held: Vec<Held>,
    boundary: Option<Boundary>,
}

#[derive(Clone, Debug)]
struct Boundary {
    arn: String,
    /// `None` where the policy is not there.
    policy: Option<FoundPolicy>,
}

impl HeldPolicies {
    /// Those of a user and of its groups, and its boundary. `scope` is its account's global one.
    pub fn of_user(reader: &impl Read, scope: &Scope, user: Arc<User>) -> Self {
        let boundary = Boundary::find(reader, scope, user.permissions_boundary.as_deref());
        let groups = user.groups.iter().filter_map(|name| reader.get::<Group>(scope, name));
        let holders = std::iter::once(Holder::User(Arc::clone(&user))).chain(groups.map(Holder::Group));
        Self { held: holders.map(|holder| Held::of(reader, scope, holder)).collect(), boundary }
    }

    /// Those of a role, and its boundary.
    pub fn of_role(reader: &impl Read, scope: &Scope, role: Arc<Role>) -> Self {
        let boundary = Boundary::find(reader, scope, role.permissions_boundary.as_deref());
        Self { held: vec![Held::of(reader, scope, Holder::Role(role))], boundary }
    }

    /// Those of a group.
    pub fn of_group(reader: &impl Read, scope: &Scope, group: Arc<Group>) -> Self {
        Self { held: vec![Held::of(reader, scope, Holder::Group(group))], boundary: None }
    }

    /// The identity policies: inline ones by their names, managed ones by their ARNs, with the ARN of whom they are of.
    pub fn identity(&self) -> Vec<Attached<'_>> {
        let number = |held: &Held| held.holder.inline_policies().len() + held.managed.len();
        let mut found = Vec::with_capacity(self.held.iter().map(number).sum());
        for held in &self.held {
            let owner = held.holder.arn().as_str();
            let inline = held.holder.inline_policies().iter();
            found.extend(inline.map(|(name, policy)| Attached { name, owner, policy }));
            let managed = held.holder.attached_policies().iter().zip(&held.managed);
            let there = managed.filter_map(|(arn, policy)| Some((arn, policy.as_ref()?)));
            found.extend(there.map(|(name, held)| Attached { name, owner, policy: held.policy() }));
        }
        found
    }

    /// The permissions boundary. Where its policy is not there, it lets nothing pass.
    pub fn boundary(&self) -> Option<Attached<'_>> {
        let boundary = self.boundary.as_ref()?;
        let policy = boundary.policy.as_ref().map_or(&*NOTHING, FoundPolicy::policy);
        Some(Attached { name: &boundary.arn, owner: self.held[0].holder.arn().as_str(), policy })
    }
}

impl Boundary {
    fn find(reader: &impl Read, scope: &Scope, arn: Option<&str>) -> Option<Self> {
        let arn = arn?.to_owned();
        Some(Self { policy: FoundPolicy::find(reader, scope, &arn), arn })
    }
}
