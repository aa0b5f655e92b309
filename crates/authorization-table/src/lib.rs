//! Which actions an operation of the models needs, which resources a request names, and how their ARNs are written.
//!
//! Owns `models/authorization.json.zst`: the facts of the public service authorization reference, and for each operation
//! the members of its input that name resources. `cargo xtask models` makes the file, with what
//! `models/authorization.toml` says by hand. Refuses to know policies, and what resources there are: an id is text here.

mod arn;
mod distinct;
mod table;
mod target;

pub use arn::{arn, pattern, variables};
pub use distinct::Distinct;
pub use table::{
    AccessLevel, Action, ActionResource, MemberPath, Need, NewResource, OperationEntry, Operations,
    Reference, ResourceType, TargetRule, action, actions, of_operation, operations, resource_type,
    resource_type_of_arn, resource_type_of_id, split_action,
};
pub use target::{Target, named, targets, texts_at};
