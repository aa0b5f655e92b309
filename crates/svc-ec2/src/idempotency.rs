//! Client tokens: a repeated request is carried out once.
//!
//! Owns the memory of tokens, per operation, account and region. Refuses to know what the requests make: it keeps ids.
//! <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>

use std::fmt::Debug;

use aws_types::Timestamp;
use serde::{Deserialize, Serialize};
use service_api::ServiceError;
use sha2::{Digest, Sha256};
use store::{Read, Record, Store, StoreError};

use crate::state::{Edit, State};

/// How long a token is remembered at least.
const KEPT_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// How many characters a token can have.
const MAX_CHARACTERS: usize = 64;

/// A token that was used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct UsedToken {
    /// A hash of the request that used it.
    request: String,
    /// What the request made.
    made: Vec<String>,
    /// When it was used.
    at: Timestamp,
}

impl Record for UsedToken {
    const KIND: &'static str = "ec2.client-token";
}

/// # Errors
/// The first record that does not decode.
pub(crate) fn check_records(store: &Store) -> Result<(), StoreError> {
    store.check::<UsedToken>()
}

/// One request with a client token.
pub(crate) struct Attempt {
    key: String,
    request: String,
}

impl Attempt {
    /// Of a request with a token, `None` of one without. `request` is the input without what may differ between
    /// attempts (`DryRun`).
    ///
    /// # Errors
    /// `InvalidParameterValue` for a token that is too long.
    pub(crate) fn new(
        operation: &str,
        token: Option<&String>,
        request: &impl Debug,
    ) -> Result<Option<Self>, ServiceError> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
        if token.chars().count() > MAX_CHARACTERS {
            return Err(ServiceError::new(
                "InvalidParameterValue",
                format!("Invalid client token. The token is longer than {MAX_CHARACTERS} characters."),
            ));
        }
        let request = hex::encode(Sha256::digest(format!("{request:?}")));
        Ok(Some(Self { key: format!("{operation}/{token}"), request }))
    }

    /// The ids that an earlier attempt made, if there was one.
    ///
    /// # Errors
    /// `IdempotentParameterMismatch` when that attempt asked for something else.
    pub(crate) fn earlier(&self, state: &impl State) -> Result<Option<Vec<String>>, ServiceError> {
        let Some(used) = state.record::<UsedToken>(&self.key) else { return Ok(None) };
        if used.at.plus_millis(KEPT_MILLIS) < state.now() {
            return Ok(None);
        }
        if used.request != self.request {
            return Err(ServiceError::new(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            ));
        }
        Ok(Some(used.made.clone()))
    }

    /// Remembers what this attempt made, and forgets tokens that are too old.
    pub(crate) fn remember(&self, edit: &mut Edit<'_>, made: Vec<String>) {
        let now = edit.now();
        let old: Vec<String> = edit
            .reader()
            .scan::<UsedToken>(edit.scope())
            .filter(|(_, used)| used.at.plus_millis(KEPT_MILLIS) < now)
            .map(|(key, _)| key.to_owned())
            .collect();
        for key in old {
            edit.remove_record::<UsedToken>(&key);
        }
        edit.put_record(&self.key, UsedToken { request: self.request.clone(), made, at: now });
    }
}
