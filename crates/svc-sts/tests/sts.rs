//! Who gets which session, and what it carries.

#![allow(clippy::unwrap_used)]

#[path = "sts/assume_role.rs"]
mod assume_role;
#[path = "sts/assume_root.rs"]
mod assume_root;
#[path = "sts/caller.rs"]
mod caller;
#[path = "sts/cloud.rs"]
mod cloud;
#[path = "sts/saml.rs"]
mod saml;
#[path = "sts/service_role.rs"]
mod service_role;
#[path = "sts/session_token.rs"]
mod session_token;
#[path = "sts/web_identity.rs"]
mod web_identity;
