//! How answers name accounts and whoever asks.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/finding-canonical-user-id.html>

use aws_api::s3::{Initiator, Owner};
use bucket_rules::CanonicalUserId;
use service_api::RequestContext;

/// An account, as answers have it.
pub(crate) fn shown(id: CanonicalUserId) -> Owner {
    Owner { id: Some(id.to_string()), display_name: None }
}

/// Who asks, as an upload remembers it: the canonical id of the account, or the ARN of whoever is not its root.
pub(crate) fn initiator(context: &RequestContext) -> String {
    match context.principal.kind {
        service_api::PrincipalKind::Root => CanonicalUserId::of(context.account()).to_string(),
        _ => context.principal.arn.to_string(),
    }
}

/// The same, as answers have it.
pub(crate) fn shown_initiator(id: &str) -> Initiator {
    Initiator { id: Some(id.to_owned()), display_name: None }
}
