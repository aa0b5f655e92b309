//! ARNs of EC2's resources, as requests name resources by them.
//!
//! Owns how one is read. Refuses to know which resources there are.

use aws_types::{AccountId, Arn};

use crate::state::State;

/// What an ARN of the region names.
pub(crate) struct Named<'a> {
    /// Whose it is.
    pub(crate) owner: AccountId,
    /// The kind, such as `instance`.
    pub(crate) kind: &'a str,
    /// The resource's id.
    pub(crate) id: &'a str,
}

/// Whether a text is meant to be an ARN, and no id.
pub(crate) fn is_meant(text: &str) -> bool {
    text.starts_with("arn:")
}

/// Reads the ARN of a resource of EC2's in this region: `arn:aws:ec2:REGION:ACCOUNT:KIND/ID`. `None` of another service's,
/// of another region's, and of what is no ARN.
pub(crate) fn read<'a>(state: &impl State, text: &'a str) -> Option<Named<'a>> {
    let arn: Arn = text.parse().ok()?;
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let (owner, resource) = (parts.get(4)?.parse().ok()?, parts.get(5)?);
    let expected = Arn::new(state.scope().partition, "ec2", state.region(), owner, resource);
    let (kind, id) = resource.split_once('/')?;
    (arn == expected).then_some(Named { owner, kind, id })
}
