//! Parameter Store.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-parameter-store.html>

mod delete;
mod describe;
mod filter;
mod get;
mod history;
mod label;
mod name;
mod put;
mod record;
mod tag;

pub(crate) use delete::{delete, delete_many};
pub(crate) use describe::describe;
pub(crate) use get::{get, get_by_path, get_many};
pub(crate) use history::get_history;
pub(crate) use label::{label, unlabel};
pub use name::arn as parameter_arn;
pub(crate) use put::put;
pub use record::{Parameter, ParameterKind, ParameterTier, ParameterVersion};
pub(crate) use tag::{add_tags, list_tags, remove_tags};
