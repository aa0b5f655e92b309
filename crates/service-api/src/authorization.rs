//! What a request needs permission for, as its service tells it to whoever decides.

use std::borrow::Cow;

use aws_types::AccountId;

/// A resource that a request touches, as policies see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetResource {
    /// Its ARN, or `*`.
    pub arn: String,
    /// Condition keys of the resource with their values, such as `aws:ResourceTag/Team` or `ec2:Vpc`.
    pub keys: Vec<(String, Vec<String>)>,
    /// Whose it is; `None` for the caller's own account.
    pub owner: Option<AccountId>,
    /// The text of its resource policy.
    pub policy: Option<String>,
}

/// One action that a request needs, on each of these resources. Without any it is about no resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededPermission {
    /// The action, such as `ec2:RunInstances`.
    pub action: Cow<'static, str>,
    /// What it is to be allowed on, all of them.
    pub resources: Vec<TargetResource>,
    /// Condition keys of the request with their values, such as `aws:RequestTag/Team` or `aws:TagKeys`.
    pub keys: Vec<(String, Vec<String>)>,
}
