//! How much of each an account has, and can have: GetAccountSummary.
//!
//! Owns the numbers of what is in `identities`, and the quotas. The files of what else there is add theirs ([`SUMMARIES`]).

use std::collections::BTreeMap;

use aws_api::Unit;
use aws_api::iam::{GetAccountSummaryResponse, operation as op};
use identities::{
    AccessKeyOwner, Group, InstanceProfile, ManagedPolicy, OpenIdConnectProvider, Role, SamlProvider,
    ServerCertificate, TokenPreference, TokenVersion, User, VirtualMfaDevice,
};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read as _, Snapshot};

use crate::{State, access_key, quota, scope, server_certificate, signing_certificate};

/// Adds the numbers of a file to the summary.
pub(crate) type Summary = fn(&Snapshot, &RequestContext, &mut BTreeMap<String, i32>);

/// The files that have numbers in it.
const SUMMARIES: &[Summary] = &[identities, credentials, quotas];

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table.with::<op::GetAccountSummary>(get)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html>
fn get(
    state: &State,
    context: &RequestContext,
    _request: Unit,
) -> Result<GetAccountSummaryResponse, ServiceError> {
    let (snapshot, mut summary) = (state.store.snapshot(), BTreeMap::new());
    SUMMARIES.iter().for_each(|add| add(&snapshot, context, &mut summary));
    Ok(GetAccountSummaryResponse { summary_map: Some(summary) })
}

/// A number, in the map.
pub(crate) fn set(summary: &mut BTreeMap<String, i32>, key: &str, number: usize) {
    summary.insert(key.to_owned(), i32::try_from(number).unwrap_or(i32::MAX));
}

fn identities(snapshot: &Snapshot, context: &RequestContext, summary: &mut BTreeMap<String, i32>) {
    let scope = scope(context);
    let versions = snapshot.scan::<ManagedPolicy>(&scope).map(|(_, policy)| policy.versions.len()).sum();
    let root_keys = access_key::of(snapshot, context, &AccessKeyOwner::Root);
    for (key, number) in [
        ("Users", snapshot.count::<User>(&scope)),
        ("Groups", snapshot.count::<Group>(&scope)),
        ("Roles", snapshot.count::<Role>(&scope)),
        ("InstanceProfiles", snapshot.count::<InstanceProfile>(&scope)),
        ("Policies", snapshot.count::<ManagedPolicy>(&scope)),
        ("PolicyVersionsInUse", versions),
        ("AccountAccessKeysPresent", usize::from(!root_keys.is_empty())),
    ] {
        set(summary, key, number);
    }
}

fn credentials(snapshot: &Snapshot, context: &RequestContext, summary: &mut BTreeMap<String, i32>) {
    let scope = scope(context);
    let devices = snapshot.scan::<VirtualMfaDevice>(&scope);
    let in_use = devices.filter(|(_, device)| device.assignment.is_some()).count();
    let providers = snapshot.count::<OpenIdConnectProvider>(&scope) + snapshot.count::<SamlProvider>(&scope);
    let root_certificates = signing_certificate::of(snapshot, context, &context.account().to_string());
    let tokens = snapshot.get::<TokenPreference>(&scope, TokenPreference::KEY);
    let tokens = match tokens.map(|held| held.global_endpoint).unwrap_or_default() {
        TokenVersion::V1 => 1,
        TokenVersion::V2 => 2,
    };
    for (key, number) in [
        ("MFADevices", snapshot.count::<VirtualMfaDevice>(&scope)),
        ("MFADevicesInUse", in_use),
        // The root user has neither a device nor a password here.
        ("AccountMFAEnabled", 0),
        ("AccountPasswordPresent", 0),
        ("AccountSigningCertificatesPresent", usize::from(!root_certificates.is_empty())),
        ("ServerCertificates", snapshot.count::<ServerCertificate>(&scope)),
        ("ServerCertificatesQuota", server_certificate::SERVER_CERTIFICATES.1),
        ("SigningCertificatesPerUserQuota", signing_certificate::CERTIFICATES_PER_USER.1),
        ("Providers", providers),
        ("GlobalEndpointTokenVersion", tokens),
    ] {
        set(summary, key, number);
    }
}

fn quotas(_: &Snapshot, _: &RequestContext, summary: &mut BTreeMap<String, i32>) {
    for (key, number) in [
        ("UsersQuota", quota::USERS.1),
        ("GroupsQuota", quota::GROUPS.1),
        ("RolesQuota", quota::ROLES.1),
        ("InstanceProfilesQuota", quota::INSTANCE_PROFILES.1),
        ("PoliciesQuota", quota::POLICIES.1),
        ("PolicySizeQuota", quota::POLICY_CHARS.1),
        ("PolicyVersionsInUseQuota", quota::POLICY_VERSIONS),
        ("VersionsPerPolicyQuota", quota::VERSIONS_PER_POLICY.1),
        ("UserPolicySizeQuota", quota::USER_INLINE_CHARS),
        ("GroupPolicySizeQuota", quota::GROUP_INLINE_CHARS),
        ("RolePolicySizeQuota", quota::ROLE_INLINE_CHARS),
        ("AssumeRolePolicySizeQuota", quota::TRUST_POLICY_CHARS.1),
        ("AttachedPoliciesPerUserQuota", quota::POLICIES_PER_USER.1),
        ("AttachedPoliciesPerGroupQuota", quota::POLICIES_PER_GROUP.1),
        ("AttachedPoliciesPerRoleQuota", quota::POLICIES_PER_ROLE.1),
        ("GroupsPerUserQuota", quota::GROUPS_PER_USER.1),
        ("AccessKeysPerUserQuota", quota::ACCESS_KEYS_PER_USER.1),
    ] {
        set(summary, key, number);
    }
}
