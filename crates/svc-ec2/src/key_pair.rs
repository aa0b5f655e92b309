//! Key pairs: CreateKeyPair, ImportKeyPair, DeleteKeyPair, DescribeKeyPairs.
//!
//! Owns the record, which holds the public half only: the private half is in the one answer that makes it. File formats
//! are in [`material`].
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-key-pairs.html>

mod material;
mod wire;

use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{KeyPairId, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

pub use material::KeyType;

use crate::filter::{Filters, text};
use crate::state::{Naming, State, resource};
use crate::{Ec2, error, tag};

/// The longest name.
const MAX_NAME_CHARACTERS: usize = 255;

/// A key pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyPair {
    /// Its id.
    pub id: KeyPairId,
    /// Its name, unique in the region.
    pub name: String,
    /// What kind of key.
    pub key_type: KeyType,
    /// The digest that AWS shows for it.
    pub fingerprint: String,
    /// The public key in the form of a line of `authorized_keys`, the name as its comment.
    pub public_key: String,
    /// When it was made or imported.
    pub created_at: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    KeyPair,
    KeyPairId,
    "ec2.key-pair",
    Naming {
        resource_type: "key-pair",
        noun: "key pair",
        not_found: "InvalidKeyPair.NotFound",
        malformed: "InvalidKeyPairId.Malformed",
    }
);

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateKeyPair>(create)
        .with::<op::ImportKeyPair>(import)
        .with::<op::DeleteKeyPair>(delete)
        .with::<op::DescribeKeyPairs>(describe)
}

/// The key pair with that name.
///
/// # Errors
/// `InvalidKeyPair.NotFound`.
pub(crate) fn by_name(state: &impl State, name: &str) -> Result<Arc<KeyPair>, ServiceError> {
    state.all::<KeyPair>().find(|pair| pair.name == name).ok_or_else(|| {
        ServiceError::new("InvalidKeyPair.NotFound", format!("The key pair '{name}' does not exist"))
    })
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    if name.is_empty() {
        return Err(error::missing("KeyName"));
    }
    if name.len() > MAX_NAME_CHARACTERS || !name.is_ascii() || name.trim() != name {
        return Err(error::invalid_value_for(name, "keyName", "A name has up to 255 ASCII characters."));
    }
    Ok(())
}

/// Writes a key pair under a name that is not taken.
fn store(
    ec2: &Ec2,
    context: &RequestContext,
    dry_run: Option<bool>,
    name: String,
    public: &material::PublicKey,
    fingerprint: String,
    tags: Tags,
) -> Result<KeyPair, ServiceError> {
    ec2.edit(context, dry_run, |edit| {
        if edit.all::<KeyPair>().any(|pair| pair.name == name) {
            return Err(ServiceError::new(
                "InvalidKeyPair.Duplicate",
                format!("The keypair '{name}' already exists."),
            ));
        }
        let pair = KeyPair {
            id: edit.new_id(),
            key_type: public.key_type(),
            fingerprint,
            public_key: public.line(&name),
            name,
            created_at: edit.now(),
            tags,
        };
        edit.put(pair.clone());
        Ok(pair)
    })
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateKeyPairRequest,
) -> Result<api::KeyPair, ServiceError> {
    check_name(&input.key_name)?;
    let key_type = match input.key_type.as_deref() {
        None | Some("rsa") => KeyType::Rsa,
        Some("ed25519") => KeyType::Ed25519,
        Some(other) => return Err(error::invalid_value_for(other, "keyType", "It must be rsa or ed25519.")),
    };
    let is_ppk = match input.key_format.as_deref() {
        None | Some("pem") => false,
        Some("ppk") => true,
        Some(other) => return Err(error::invalid_value_for(other, "keyFormat", "It must be pem or ppk.")),
    };
    let tags = tag::specified(input.tag_specifications.as_ref(), "key-pair")?;
    // Making an RSA key takes long, so it is not done in the transaction.
    let private = material::PrivateKey::generate(key_type)
        .map_err(|error| ServiceError::internal(format!("a key could not be made: {error}")))?;
    let public = private.public();
    let text = if is_ppk { private.ppk(&input.key_name) } else { private.pem() };
    let fingerprint = private.fingerprint();
    let pair = store(ec2, context, input.dry_run, input.key_name, &public, fingerprint, tags)?;
    Ok(api::KeyPair {
        key_fingerprint: Some(pair.fingerprint),
        key_material: Some(text),
        key_name: Some(pair.name),
        key_pair_id: Some(pair.id.to_string()),
        tags: tag::shown(&pair.tags),
    })
}

fn import(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ImportKeyPairRequest,
) -> Result<api::ImportKeyPairResult, ServiceError> {
    check_name(&input.key_name)?;
    let tags = tag::specified(input.tag_specifications.as_ref(), "key-pair")?;
    let public = material::PublicKey::read(&input.public_key_material).ok_or_else(|| {
        ServiceError::new("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
    })?;
    let fingerprint = public.fingerprint();
    let pair = store(ec2, context, input.dry_run, input.key_name, &public, fingerprint, tags)?;
    Ok(api::ImportKeyPairResult {
        key_fingerprint: Some(pair.fingerprint),
        key_name: Some(pair.name),
        key_pair_id: Some(pair.id.to_string()),
        tags: tag::shown(&pair.tags),
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteKeyPairRequest,
) -> Result<api::DeleteKeyPairResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let found = match (&input.key_pair_id, &input.key_name) {
            (Some(id), None) => Some(edit.named::<KeyPair>(id)?),
            // A name that no key pair has is no error.
            (None, Some(name)) => by_name(edit, name).ok(),
            (None, None) => return Err(error::missing("KeyName or KeyPairId")),
            (Some(_), Some(_)) => {
                return Err(error::combination("Only one of KeyName and KeyPairId can be specified"));
            }
        };
        if let Some(pair) = &found {
            edit.remove::<KeyPair>(pair.id);
        }
        Ok(api::DeleteKeyPairResult {
            key_pair_id: found.map(|pair| pair.id.to_string()),
            r#return: Some(true),
        })
    })
}

static FILTERS: Filters<api::KeyPairInfo> = Filters {
    tags: Some(|pair| pair.tags.as_deref().unwrap_or_default()),
    named: &[
        ("fingerprint", |pair| text(&pair.key_fingerprint)),
        ("key-name", |pair| text(&pair.key_name)),
        ("key-pair-id", |pair| text(&pair.key_pair_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeKeyPairsRequest,
) -> Result<api::DescribeKeyPairsResult, ServiceError> {
    let view = ec2.view(context);
    let ids = input.key_pair_ids.filter(|ids| !ids.is_empty());
    let names = input.key_names.filter(|names| !names.is_empty());
    let mut pairs = if ids.is_some() || names.is_none() { view.selected(ids.as_ref())? } else { Vec::new() };
    for name in names.iter().flatten() {
        pairs.push(by_name(&view, name)?);
    }
    pairs.sort_by(|one, other| one.name.cmp(&other.name));
    pairs.dedup_by_key(|pair| pair.id);
    let with_public_key = input.include_public_key == Some(true);
    let pairs = pairs.iter().map(|pair| api::KeyPairInfo {
        create_time: Some(pair.created_at),
        key_fingerprint: Some(pair.fingerprint.clone()),
        key_name: Some(pair.name.clone()),
        key_pair_id: Some(pair.id.to_string()),
        key_type: Some(pair.key_type.as_str().to_owned()),
        public_key: with_public_key.then(|| pair.public_key.clone()),
        tags: Some(tag::shown_always(&pair.tags)),
    });
    let mut pairs: Vec<_> = pairs.collect();
    FILTERS.apply(&mut pairs, input.filters.as_ref())?;
    ec2.answer(input.dry_run, api::DescribeKeyPairsResult { key_pairs: Some(pairs) })
}
