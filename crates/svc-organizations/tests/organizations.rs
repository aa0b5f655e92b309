//! Organizations as their management account, their members and strangers see them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "organizations/harness.rs"]
mod harness;

#[path = "organizations/account.rs"]
mod account;
#[path = "organizations/attachment.rs"]
mod attachment;
#[path = "organizations/delegated_administrator.rs"]
mod delegated_administrator;
#[path = "organizations/effective_policy.rs"]
mod effective_policy;
#[path = "organizations/handshake.rs"]
mod handshake;
#[path = "organizations/new_account.rs"]
mod new_account;
#[path = "organizations/old_state.rs"]
mod old_state;
#[path = "organizations/organization.rs"]
mod organization;
#[path = "organizations/policy.rs"]
mod policy;
#[path = "organizations/resource_policy.rs"]
mod resource_policy;
#[path = "organizations/tag.rs"]
mod tag;
#[path = "organizations/unit.rs"]
mod unit;

#[path = "../../store/tests/state_file/mod.rs"]
mod state_file;
