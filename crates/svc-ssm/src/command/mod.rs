//! Run Command.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/run-command.html>

mod cancel;
mod document;
mod get;
mod id;
mod list;
mod record;
mod report;
mod send;
mod status;
mod target;

pub(crate) use cancel::cancel;
pub(crate) use get::get_invocation;
pub use id::{CommandId, ParseCommandIdError};
pub(crate) use list::{list, list_invocations};
pub use record::{Assignment, Command, Invocation, Outcome, Script};
pub use report::Report;
pub(crate) use report::abandon_instance;
pub(crate) use send::send;
pub use status::InvocationStatus;
pub(crate) use target::select;
