//! Canonical ids: what S3 calls accounts.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/finding-canonical-user-id.html>

use aws_api::s3::{Initiator, Owner};
use aws_types::AccountId;
use checksums::{ChecksumAlgorithm, Hasher};
use service_api::RequestContext;

/// The canonical id of an account: 64 hexadecimal digits that follow from its number.
pub fn canonical_id(account: AccountId) -> String {
    let mut hasher = Hasher::new(ChecksumAlgorithm::Sha256);
    hasher.update(b"brume canonical user ");
    hasher.update(account.to_string().as_bytes());
    hex::encode(hasher.finish().bytes())
}

/// An account, as answers have it.
pub(crate) fn shown(account: AccountId) -> Owner {
    Owner { id: Some(canonical_id(account)), display_name: None }
}

/// Who asks, as an upload remembers it: the canonical id of the account, or the ARN of whoever is not its root.
pub(crate) fn initiator(context: &RequestContext) -> String {
    match context.principal.kind {
        service_api::PrincipalKind::Root => canonical_id(context.account()),
        _ => context.principal.arn.to_string(),
    }
}

/// The same, as answers have it.
pub(crate) fn shown_initiator(id: &str) -> Initiator {
    Initiator { id: Some(id.to_owned()), display_name: None }
}
