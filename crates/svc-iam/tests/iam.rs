//! Identities as their account sees them: one file for each of the service's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "iam/cloud.rs"]
mod cloud;
#[path = "../../store/tests/state_file/mod.rs"]
mod state_file;
#[path = "iam/user.rs"]
mod user;
