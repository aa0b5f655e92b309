//! What accounts see of each other's resources: what one shares with another, and what they have in each other's VPCs.
//!
//! Owns which records that concerns ([`Sharing`]), and the conditions under which one is seen. Refuses to know how shares
//! come to be (that is `svc-ram`'s), and what one who sees a resource can do with it: [`State::named`] finds the account's
//! own alone, and operations that others may use say so by [`State::usable`].
//! <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-sharing.html>

use std::sync::Arc;

use aws_types::{AccountId, Arn, ResourceId, SubnetId, VpcId};
use resource_shares::{is_shared_with, related};
use service_api::ServiceError;
use store::{Read, Scope};

use crate::state::{Resource, State};
use crate::subnet::Subnet;

/// How accounts other than the owner come to see resources of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// They do not.
    Never,
    /// By a share of the resource itself, or by what they attached to one.
    Itself,
    /// With a shared subnet, of which it is a part or on which it depends.
    Vpc,
}

/// A resource and whose it is. What is another account's has no tags: those are seen by their owner alone.
#[derive(Clone, Debug)]
pub(crate) struct Owned<R> {
    /// The owner.
    pub(crate) owner: AccountId,
    /// The resource.
    pub(crate) resource: Arc<R>,
}

/// The status of `UnauthorizedOperation`.
const FORBIDDEN: u16 = 403;

/// Stands in messages for the operation that was asked for.
const OPERATION: &str = "{operation}";

/// The error for changing what is another account's.
pub(crate) fn not_owned<R: Resource>() -> ServiceError {
    let mut message = format!("You are not authorized to perform {OPERATION} operation.");
    if R::SHARING == Sharing::Vpc {
        message += " A subnet in this vpc is shared but the provided object is not owned by you";
    }
    ServiceError::new("UnauthorizedOperation", message).with_status(FORBIDDEN)
}

/// The error for what was asked for by leaving out groups: the default group of a shared VPC is its owner's.
pub(crate) fn no_default_group() -> ServiceError {
    not_owned::<crate::security_group::SecurityGroup>()
}

/// Puts the operation's name into an error's message.
pub(crate) fn named_in(mut error: ServiceError, operation: &str) -> ServiceError {
    if error.code == "UnauthorizedOperation" {
        error.message = error.message.replace(OPERATION, operation);
    }
    error
}

/// Whether the owner of a resource, such as `subnet/subnet-…`, shares it with an account.
pub(crate) fn is_shared(reader: &impl Read, owner: &Scope, account: AccountId, resource: &str) -> bool {
    let arn = Arn::new(owner.partition, "ec2", &owner.region, owner.account, resource);
    is_shared_with(reader, owner.partition, arn.as_str(), account)
}

/// Whether a subnet is shared with an account.
pub(crate) fn has_subnet(reader: &impl Read, owner: &Scope, account: AccountId, subnet: SubnetId) -> bool {
    is_shared(reader, owner, account, &format!("subnet/{subnet}"))
}

/// The subnets of a VPC that are shared with an account.
pub(crate) fn subnets(
    reader: &impl Read,
    owner: &Scope,
    account: AccountId,
    vpc: VpcId,
) -> impl Iterator<Item = Arc<Subnet>> {
    reader
        .parts::<Subnet>(owner, &vpc.to_string())
        .map(|(_, subnet)| subnet)
        .filter(move |subnet| has_subnet(reader, owner, account, subnet.id))
}

/// The scopes of this account and those related to it in the region, in order of the accounts.
fn scopes(state: &(impl State + ?Sized)) -> Vec<Scope> {
    let here = state.scope();
    let mut accounts = related(state.reader(), here);
    accounts.insert(here.account);
    accounts.into_iter().map(|account| Scope::new(here.partition, account, here.region.clone())).collect()
}

/// The scopes of this account and those related to it that have any resource of a kind.
pub(crate) fn scopes_with<R: Resource>(state: &impl State) -> Vec<Scope> {
    scopes(state).into_iter().filter(|scope| state.reader().count::<R>(scope) > 0).collect()
}

/// The visible resources of a kind that are in these scopes and part of one, such as the interfaces of a subnet.
pub(crate) fn parts_of<'a, R: Resource, S: State>(
    state: &'a S,
    scopes: &'a [Scope],
    whole: impl ResourceId,
) -> impl Iterator<Item = Arc<R>> + 'a {
    let (now, whole) = (state.now(), whole.to_string());
    scopes.iter().flat_map(move |scope| {
        state
            .reader()
            .parts::<R>(scope, &whole)
            .map(|(_, resource)| resource)
            .filter(move |resource| resource.is_visible(now))
    })
}

/// All visible resources of a kind in the region that this account and those related to it have, in order of their owners:
/// whatever can be in a network that one of them owns.
pub(crate) fn of_all<'a, R: Resource>(
    state: &'a (impl State + ?Sized),
) -> impl Iterator<Item = (AccountId, Arc<R>)> + 'a {
    let now = state.now();
    scopes(state).into_iter().flat_map(move |scope| {
        let account = scope.account;
        state
            .reader()
            .scan::<R>(&scope)
            .filter(move |(_, resource)| resource.is_visible(now))
            .map(move |(_, resource)| (account, resource))
    })
}
