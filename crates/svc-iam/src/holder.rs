//! What has policies: users, groups and roles, which have them alike.
//!
//! Owns what the files of inline policies and attachments need to know of the three. Refuses to know their operations.

use std::collections::{BTreeMap, BTreeSet};

use iam_policy::Policy;
use identities::{Group, Role, User};
use service_api::{RequestContext, ServiceError};
use store::{Read, Transaction};

use crate::quota::{self, Quota};
use crate::{State, group, role, user};

/// A user, group or role.
pub(crate) trait Holder: Sized {
    /// What it is called in messages.
    const NOUN: &'static str;
    /// How many managed policies it can have.
    const ATTACHED: Quota;
    /// How many characters its own policies can have together.
    const INLINE_CHARS: usize;

    /// The one with this name.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    fn find(reader: &impl Read, context: &RequestContext, name: &str) -> Result<Self, ServiceError>;

    /// Writes it in its place.
    fn put(self, transaction: &mut Transaction, context: &RequestContext);

    /// # Errors
    /// `UnmodifiableEntity` for what only AWS changes.
    fn check_modifiable(&self) -> Result<(), ServiceError> {
        Ok(())
    }

    fn name(&self) -> &str;
    fn inline(&self) -> &BTreeMap<String, Policy>;
    fn inline_mut(&mut self) -> &mut BTreeMap<String, Policy>;
    fn attached(&self) -> &BTreeSet<String>;
    fn attached_mut(&mut self) -> &mut BTreeSet<String>;
}

/// The members that the three have under the same names.
macro_rules! members {
    () => {
        fn name(&self) -> &str {
            &self.name
        }

        fn inline(&self) -> &BTreeMap<String, Policy> {
            &self.inline_policies
        }

        fn inline_mut(&mut self) -> &mut BTreeMap<String, Policy> {
            &mut self.inline_policies
        }

        fn attached(&self) -> &BTreeSet<String> {
            &self.attached_policies
        }

        fn attached_mut(&mut self) -> &mut BTreeSet<String> {
            &mut self.attached_policies
        }
    };
}

impl Holder for User {
    const NOUN: &'static str = "user";
    const ATTACHED: Quota = quota::POLICIES_PER_USER;
    const INLINE_CHARS: usize = quota::USER_INLINE_CHARS;

    members!();

    fn find(reader: &impl Read, context: &RequestContext, name: &str) -> Result<Self, ServiceError> {
        user::find(reader, context, name)
    }

    fn put(self, transaction: &mut Transaction, context: &RequestContext) {
        user::put(transaction, context, self);
    }
}

impl Holder for Group {
    const NOUN: &'static str = "group";
    const ATTACHED: Quota = quota::POLICIES_PER_GROUP;
    const INLINE_CHARS: usize = quota::GROUP_INLINE_CHARS;

    members!();

    fn find(reader: &impl Read, context: &RequestContext, name: &str) -> Result<Self, ServiceError> {
        group::find(reader, context, name)
    }

    fn put(self, transaction: &mut Transaction, context: &RequestContext) {
        group::put(transaction, context, self);
    }
}

impl Holder for Role {
    const NOUN: &'static str = "role";
    const ATTACHED: Quota = quota::POLICIES_PER_ROLE;
    const INLINE_CHARS: usize = quota::ROLE_INLINE_CHARS;

    members!();

    fn find(reader: &impl Read, context: &RequestContext, name: &str) -> Result<Self, ServiceError> {
        role::find(reader, context, name)
    }

    fn put(self, transaction: &mut Transaction, context: &RequestContext) {
        role::put(transaction, context, self);
    }

    fn check_modifiable(&self) -> Result<(), ServiceError> {
        role::check_modifiable(self)
    }
}

/// Changes the policies of one.
///
/// # Errors
/// `NoSuchEntity`, `UnmodifiableEntity`, and those of the change.
pub(crate) fn change<H: Holder>(
    state: &State,
    context: &RequestContext,
    name: &str,
    change: impl FnOnce(&Transaction, &mut H) -> Result<(), ServiceError>,
) -> Result<(), ServiceError> {
    state.store.transact(|transaction| {
        let mut holder = H::find(transaction, context, name)?;
        holder.check_modifiable()?;
        change(transaction, &mut holder)?;
        holder.put(transaction, context);
        Ok(())
    })
}
