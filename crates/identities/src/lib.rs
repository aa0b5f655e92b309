//! Who there is: accounts, and in each the users, groups, roles, instance profiles, policies and access keys of IAM, and the
//! devices and providers that prove who somebody is.
//!
//! Owns the records, how they are found, and the ids and ARNs that they have. Several services need them, and none may
//! import another: `svc-iam` writes most of them, `svc-organizations` makes and closes accounts, `svc-sts` assumes roles, and
//! authentication and authorization read them for every request. Refuses to know what requests may do with them (the
//! services do), what policies mean (`iam-policy`), and what organizations add.
//!
//! Everything is kept under the account's global scope, by names without case where IAM compares them so, but for access
//! keys and the aliases and e-mail addresses of accounts, which are unique in the whole cloud ([`cloud_scope`]).

mod access_key;
mod account;
mod account_alias;
mod group;
mod held;
mod id;
mod instance_profile;
mod linked_service;
mod managed_policy;
pub mod mfa_device;
mod open_id_connect_provider;
mod password_policy;
mod principal;
mod provider_keys;
mod role;
mod root_access;
mod saml_provider;
mod server_certificate;
mod service_linked_role;
mod service_use;
mod token_preference;
mod user;

use aws_types::{AccountId, Partition};
use store::{RecordKind, Scope};

pub use access_key::{AccessKey, AccessKeyOwner, AccessKeyStatus, AccessKeyUse};
pub use account::{
    Account, AccountState, CLOSED_FOR_MILLIS, ContactInformation, Email, StateError, account,
    account_of_email, change_email, close_account, end_account, is_reachable, new_account, new_root_key,
    random_account, reopen_account,
};
pub use account_alias::{AccountAlias, alias_of};
pub use group::Group;
pub use held::{FoundPolicy, HeldPolicies};
pub use id::{IdKind, access_key_id, secret_access_key, signing_certificate_id, unique_id};
pub use instance_profile::InstanceProfile;
pub use managed_policy::{ManagedPolicy, PolicyVersion};
pub use mfa_device::{MfaAssignment, MfaCodes, MfaError, VirtualMfaDevice};
pub use open_id_connect_provider::OpenIdConnectProvider;
pub use password_policy::PasswordPolicy;
pub use principal::{account_is_there, principal_is_there};
pub use provider_keys::ProviderKeys;
pub use role::{Role, RoleUse};
pub use root_access::{RootAccess, RootFeature};
pub use saml_provider::{SamlDescription, SamlEncryption, SamlPrivateKey, SamlProvider};
pub use server_certificate::ServerCertificate;
pub use service_linked_role::{
    LinkedRoleError, SERVICE_LINKED_ROLE_PATH, create_service_linked_role, services_with_linked_roles,
};
pub use service_use::{LastCall, ServiceUses};
pub use token_preference::{TokenPreference, TokenVersion};
pub use user::User;

/// The scope of what is unique among all accounts of the cloud. No account has this number.
pub fn cloud_scope(partition: Partition) -> Scope {
    Scope::global(partition, AccountId::CLOUD)
}

/// The key of a record that IAM finds by name: names are unique without regard to case.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub fn name_key(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// The kinds of records that are written here.
pub const RECORDS: &[RecordKind] = &[
    RecordKind::of::<Account>(),
    RecordKind::of::<Email>(),
    RecordKind::of::<AccessKey>(),
    RecordKind::of::<AccessKeyUse>(),
    RecordKind::of::<User>(),
    RecordKind::of::<Group>(),
    RecordKind::of::<Role>(),
    RecordKind::of::<RoleUse>(),
    RecordKind::of::<InstanceProfile>(),
    RecordKind::of::<ManagedPolicy>(),
    RecordKind::of::<VirtualMfaDevice>(),
    RecordKind::of::<OpenIdConnectProvider>(),
    RecordKind::of::<SamlProvider>(),
    RecordKind::of::<ServerCertificate>(),
    RecordKind::of::<TokenPreference>(),
    RecordKind::of::<RootAccess>(),
    RecordKind::of::<AccountAlias>(),
    RecordKind::of::<PasswordPolicy>(),
    RecordKind::of::<ProviderKeys>(),
    RecordKind::of::<ServiceUses>(),
];
