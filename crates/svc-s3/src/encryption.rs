//! How contents are sealed: under the store's secret, which AWS calls SSE-S3, or under a key that the client brings, SSE-C.
//!
//! A customer's key is the secret of the content, and is not kept. What is kept is a salted hash of it, so that a wrong one is
//! told as such. SSE-KMS is refused: there is no KMS.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use checksums::{ChecksumAlgorithm, Hasher};
use object_store::{BlobSecret, ObjectStore};
use serde::{Deserialize, Serialize};
use service_api::ServiceError;

use crate::error;

/// What SSE-S3 is called, and the algorithm of SSE-C.
pub(crate) const AES256: &str = "AES256";
const KEY_BYTES: usize = 32;
const SALT_BYTES: usize = 16;

/// What proves a customer's key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CustomerKey {
    /// Random, in hexadecimal.
    salt: String,
    /// The SHA-256 of salt and key, in hexadecimal.
    proof: String,
}

/// A key that a request brings, and its MD5 as the request has it.
pub(crate) struct Customer {
    key: [u8; KEY_BYTES],
    pub(crate) md5: String,
}

/// The members of a request that are about such a key: algorithm, key, MD5.
pub(crate) type Members<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>);

macro_rules! customer_members {
    ($from:expr) => {
        (
            $from.sse_customer_algorithm.as_deref(),
            $from.sse_customer_key.as_deref(),
            $from.sse_customer_key_md5.as_deref(),
        )
    };
}

pub(crate) use customer_members;

impl Customer {
    /// The key of a request, if it has one.
    ///
    /// # Errors
    /// It is not whole, or not what its digest says.
    pub(crate) fn of((algorithm, key, md5): Members<'_>) -> Result<Option<Self>, ServiceError> {
        let invalid = |what: &str, name: &str| {
            let message = format!(
                "Requests specifying Server Side Encryption with Customer provided keys must provide {what}."
            );
            error::invalid_argument(message, name, "")
        };
        let prefix = "x-amz-server-side-encryption-customer-";
        if algorithm.is_none() && key.is_none() && md5.is_none() {
            return Ok(None);
        }
        if algorithm != Some(AES256) {
            return Err(invalid("a valid encryption algorithm", &format!("{prefix}algorithm")));
        }
        let key = key.ok_or_else(|| invalid("an appropriate secret key", &format!("{prefix}key")))?;
        let what = "the client calculated MD5 of the secret key";
        let md5 = md5.ok_or_else(|| invalid(what, &format!("{prefix}key-MD5")))?;
        let read: Option<[u8; KEY_BYTES]> = STANDARD.decode(key).ok().and_then(|key| key.try_into().ok());
        let key = read.ok_or_else(|| {
            let message = "The secret key was invalid for the specified algorithm.";
            error::invalid_argument(message, &format!("{prefix}key"), "")
        })?;
        if Hasher::of(ChecksumAlgorithm::Md5, &key).to_base64() != md5 {
            let message = "The calculated MD5 hash of the key did not match the hash that was provided.";
            return Err(error::invalid_argument(message, &format!("{prefix}key-MD5"), md5));
        }
        Ok(Some(Self { key, md5: md5.to_owned() }))
    }

    /// What is kept of it.
    pub(crate) fn kept(&self, random: u128) -> CustomerKey {
        let salt = random.to_be_bytes();
        CustomerKey { salt: hex::encode(salt), proof: self.proof(&salt) }
    }

    fn proof(&self, salt: &[u8; SALT_BYTES]) -> String {
        let mut hasher = Hasher::new(ChecksumAlgorithm::Sha256);
        hasher.update(salt);
        hasher.update(&self.key);
        hex::encode(hasher.finish().bytes())
    }
}

impl CustomerKey {
    fn is_of(&self, customer: &Customer) -> bool {
        let mut salt = [0; SALT_BYTES];
        hex::decode_to_slice(&self.salt, &mut salt).is_ok() && customer.proof(&salt) == self.proof
    }

    /// The entity tag of such an object: not the MD5 of its content, which would tell of it.
    pub(crate) fn tag(&self, md5: &[u8]) -> String {
        let mut hasher = Hasher::new(ChecksumAlgorithm::Md5);
        hasher.update(md5);
        hasher.update(self.salt.as_bytes());
        hex::encode(hasher.finish().bytes())
    }
}

/// The secret that a new content is sealed under.
pub(crate) fn secret(objects: &ObjectStore, customer: Option<&Customer>) -> BlobSecret {
    customer.map_or_else(|| objects.secret().clone(), |customer| BlobSecret::new(customer.key))
}

/// Whether a request brings the key that an object needs, and none where it needs none.
///
/// # Errors
/// It does not.
pub(crate) fn check(needed: Option<&CustomerKey>, brought: Option<&Customer>) -> Result<(), ServiceError> {
    match (needed, brought) {
        (None, None) => Ok(()),
        (None, Some(_)) => {
            Err(error::invalid_request("The encryption parameters are not applicable to this object."))
        }
        (Some(_), None) => Err(error::invalid_request(
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve \
             the object.",
        )),
        (Some(needed), Some(brought)) if needed.is_of(brought) => Ok(()),
        (Some(_), Some(_)) => Err(error::access_denied("Access Denied")),
    }
}

/// Whether the encryption that a request asks for can be had. What it is answered with is the header of SSE-S3, unless there is
/// a customer's key.
///
/// # Errors
/// It is KMS's, or none.
pub(crate) fn check_asked(
    asked: Option<&str>,
    kms_key: Option<&str>,
    customer: Option<&Customer>,
) -> Result<(), ServiceError> {
    match asked {
        None if kms_key.is_none() => Ok(()),
        Some(asked @ (AES256 | "aws:kms" | "aws:kms:dsse")) if customer.is_some() => {
            Err(error::invalid_argument(
                "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
                "x-amz-server-side-encryption",
                asked,
            ))
        }
        None | Some(AES256) if kms_key.is_some() => Err(error::invalid_argument(
            "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
            "x-amz-server-side-encryption",
            asked.unwrap_or_default(),
        )),
        Some(AES256) => Ok(()),
        None | Some("aws:kms" | "aws:kms:dsse") => {
            Err(error::not_implemented("there is no KMS, so that SSE-KMS cannot be had; use AES256"))
        }
        Some(_) => Err(error::error(
            400,
            "InvalidEncryptionAlgorithmError",
            "The encryption request you specified is not valid. The valid value is AES256.",
        )),
    }
}

/// What an answer says of the encryption of a content: SSE-S3, or algorithm and MD5 of the customer's key.
pub(crate) fn said(customer: Option<&Customer>) -> (Option<String>, Option<String>, Option<String>) {
    match customer {
        None => (Some(AES256.to_owned()), None, None),
        Some(customer) => (None, Some(AES256.to_owned()), Some(customer.md5.clone())),
    }
}
