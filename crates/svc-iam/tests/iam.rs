//! Identities as their account sees them: one file for each of the service's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "iam/access_key.rs"]
mod access_key;
#[path = "iam/account_alias.rs"]
mod account_alias;
#[path = "iam/account_details.rs"]
mod account_details;
#[path = "iam/account_summary.rs"]
mod account_summary;
#[path = "iam/attachment.rs"]
mod attachment;
#[path = "iam/authorization.rs"]
mod authorization;
#[path = "iam/boundary.rs"]
mod boundary;
#[path = "iam/certificates.rs"]
mod certificates;
#[path = "iam/cloud.rs"]
mod cloud;
#[path = "iam/context_key.rs"]
mod context_key;
#[path = "iam/credential_report.rs"]
mod credential_report;
#[path = "iam/credentials.rs"]
mod credentials;
#[path = "iam/granted_service.rs"]
mod granted_service;
#[path = "iam/group.rs"]
mod group;
#[path = "iam/inline_policy.rs"]
mod inline_policy;
#[path = "iam/instance_profile.rs"]
mod instance_profile;
#[path = "iam/login_profile.rs"]
mod login_profile;
#[path = "iam/managed_policy.rs"]
mod managed_policy;
#[path = "iam/mfa_device.rs"]
mod mfa_device;
#[path = "iam/needed.rs"]
mod needed;
#[path = "iam/old_state.rs"]
mod old_state;
#[path = "iam/open_id_connect_provider.rs"]
mod open_id_connect_provider;
#[path = "iam/password_policy.rs"]
mod password_policy;
#[path = "iam/policy_version.rs"]
mod policy_version;
#[path = "iam/role.rs"]
mod role;
#[path = "iam/root_access.rs"]
mod root_access;
#[path = "iam/saml_provider.rs"]
mod saml_provider;
#[path = "iam/server_certificate.rs"]
mod server_certificate;
#[path = "iam/service_last_accessed.rs"]
mod service_last_accessed;
#[path = "iam/service_linked_role.rs"]
mod service_linked_role;
#[path = "iam/service_specific_credential.rs"]
mod service_specific_credential;
#[path = "iam/signing_certificate.rs"]
mod signing_certificate;
#[path = "iam/simulate.rs"]
mod simulate;
#[path = "iam/ssh_public_key.rs"]
mod ssh_public_key;
#[path = "../../store/tests/state_file/mod.rs"]
mod state_file;
#[path = "iam/token_preference.rs"]
mod token_preference;
#[path = "iam/trust_policy.rs"]
mod trust_policy;
#[path = "iam/user.rs"]
mod user;
