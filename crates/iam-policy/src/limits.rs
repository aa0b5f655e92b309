//! How long policies may be.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>

use crate::Policy;

/// All inline policies of a user together, without white space.
pub const USER_INLINE_CHARS_MAX: usize = 2_048;
/// All inline policies of a role together, without white space.
pub const ROLE_INLINE_CHARS_MAX: usize = 10_240;
/// All inline policies of a group together, without white space.
pub const GROUP_INLINE_CHARS_MAX: usize = 5_120;
/// A managed policy, without white space.
pub const MANAGED_CHARS_MAX: usize = 6_144;
/// A trust policy, without white space.
pub const TRUST_CHARS_MAX: usize = 2_048;
/// Session policies together, with white space.
pub const SESSION_CHARS_MAX: usize = 2_048;
/// A service control policy, with white space.
pub const SERVICE_CONTROL_CHARS_MAX: usize = 5_120;
/// A resource control policy, with white space.
pub const RESOURCE_CONTROL_CHARS_MAX: usize = 5_120;

impl Policy {
    /// The characters of a text that count against IAM's limits: all but white space.
    pub fn billed_chars(text: &str) -> usize {
        text.chars().filter(|character| !character.is_whitespace()).count()
    }
}
