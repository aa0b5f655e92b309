//! Accounts as they see themselves, and as their organization administers them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "account/harness.rs"]
mod harness;

#[path = "account/authorization.rs"]
mod authorization;
#[path = "account/contact.rs"]
mod contact;
#[path = "account/email.rs"]
mod email;
#[path = "account/information.rs"]
mod information;
#[path = "account/old_state.rs"]
mod old_state;
#[path = "account/region.rs"]
mod region;

#[path = "../../store/tests/state_file/mod.rs"]
mod state_file;
