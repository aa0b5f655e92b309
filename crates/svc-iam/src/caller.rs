//! Whom a request is about when it names nobody: the caller.

use identities::User;
use service_api::{PrincipalKind, RequestContext, ServiceError};
use store::Read;

use crate::{error, user};

/// Who has keys, devices and passwords.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one for a request, and it is not kept")]
pub(crate) enum Subject {
    /// The account's root user.
    Root,
    /// A user.
    User(User),
}

/// The user that a request names, or the caller where it names none.
///
/// # Errors
/// `NoSuchEntity`; `ValidationError` when no name is given and the caller is a session of a role.
pub(crate) fn subject(
    reader: &impl Read,
    context: &RequestContext,
    name: Option<&str>,
) -> Result<Subject, ServiceError> {
    if let Some(name) = name {
        return user::find(reader, context, name).map(Subject::User);
    }
    match &context.principal.kind {
        PrincipalKind::Root => Ok(Subject::Root),
        PrincipalKind::User { name } => user::find(reader, context, name).map(Subject::User),
        PrincipalKind::AssumedRole { .. }
        | PrincipalKind::FederatedUser { .. }
        | PrincipalKind::Anonymous => {
            Err(error::validation("Must specify userName when calling with non-User credentials"))
        }
    }
}
