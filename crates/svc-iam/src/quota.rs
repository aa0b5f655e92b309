//! How much of each there can be.
//!
//! Owns the numbers and what is said where one would be exceeded. They are IAM's defaults; none can be raised here.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>

use iam_policy::limits;
use service_api::ServiceError;

use crate::error;

/// A quota: its name as errors and the account's summary have it, and the number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota(pub(crate) &'static str, pub(crate) usize);

pub(crate) const USERS: Quota = Quota("UsersPerAccount", 5000);
pub(crate) const GROUPS: Quota = Quota("GroupsPerAccount", 300);
pub(crate) const ROLES: Quota = Quota("RolesPerAccount", 1000);
pub(crate) const INSTANCE_PROFILES: Quota = Quota("InstanceProfilesPerAccount", 1000);
pub(crate) const POLICIES: Quota = Quota("PoliciesPerAccount", 1500);
pub(crate) const VERSIONS_PER_POLICY: Quota = Quota("VersionsPerPolicy", 5);
pub(crate) const GROUPS_PER_USER: Quota = Quota("GroupsPerUser", 10);
pub(crate) const ACCESS_KEYS_PER_USER: Quota = Quota("AccessKeysPerUser", 2);
pub(crate) const POLICIES_PER_USER: Quota = Quota("PoliciesPerUser", 10);
pub(crate) const POLICIES_PER_GROUP: Quota = Quota("PoliciesPerGroup", 10);
pub(crate) const POLICIES_PER_ROLE: Quota = Quota("PoliciesPerRole", 10);
/// Of versions of all policies of an account, as its summary has it.
pub(crate) const POLICY_VERSIONS: usize = 10_000;
/// Of roles in an instance profile.
pub(crate) const ROLES_PER_PROFILE: Quota = Quota("InstanceSessionsPerInstanceProfile", 1);
/// Of characters in a managed policy, white space not counted.
pub(crate) const POLICY_CHARS: Quota = Quota("PolicySize", limits::MANAGED_CHARS_MAX);
/// Of characters in a role's trust policy.
pub(crate) const TRUST_POLICY_CHARS: Quota = Quota("ACLSizePerRole", limits::TRUST_CHARS_MAX);
/// Of characters in all inline policies of one, white space not counted.
pub(crate) const USER_INLINE_CHARS: usize = limits::USER_INLINE_CHARS_MAX;
pub(crate) const GROUP_INLINE_CHARS: usize = limits::GROUP_INLINE_CHARS_MAX;
pub(crate) const ROLE_INLINE_CHARS: usize = limits::ROLE_INLINE_CHARS_MAX;

impl Quota {
    /// # Errors
    /// `LimitExceeded` when there would be more than the quota.
    pub(crate) fn check(self, would_be: usize) -> Result<(), ServiceError> {
        if would_be <= self.1 {
            return Ok(());
        }
        Err(error::limit_exceeded(format!("Cannot exceed quota for {}: {}", self.0, self.1)))
    }
}
