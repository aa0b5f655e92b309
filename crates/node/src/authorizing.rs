//! Which requests may be made.
//!
//! Owns the way from a request that authentication let through to the decision about it. Until policies decide, root users may
//! do everything, and nobody else anything.

use gateway::{Authorizer, Call, Denied};
use service_api::PrincipalKind;

/// Lets root users do everything.
pub(crate) struct RootUsers;

impl Authorizer for RootUsers {
    fn authorize(&self, call: Call<'_>) -> Result<(), Denied> {
        match call.context.principal.kind {
            PrincipalKind::Root => Ok(()),
            _ => {
                let message = format!("{} has no permissions", call.context.principal.arn);
                Err(Denied { message, encoded: String::new() })
            }
        }
    }
}
