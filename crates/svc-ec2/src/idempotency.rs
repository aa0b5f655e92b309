//! Client tokens: a repeated request is carried out once.
//!
//! Owns the memory of tokens, per operation, account and region. Refuses to know what the requests make: it keeps ids.
//! <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html>

use std::sync::Arc;

use aws_model::Value;
use aws_types::Timestamp;
use serde::{Deserialize, Serialize};
use service_api::ServiceError;
use store::{Record, RecordKind};

use crate::due::{Due, Timed};
use crate::state::{Edit, Resource, State};

/// How long a token is remembered at least.
const KEPT_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// How many characters a token can have.
const MAX_CHARACTERS: usize = 64;

/// A token that was used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct UsedToken {
    /// The [`fingerprint`] of the request that used it. Tokens that older builds remember have another kind, which
    /// tells nothing about a request of today: such a token stands for whatever request comes with it.
    #[serde(default)]
    fingerprint: Option<String>,
    /// What the request made.
    made: Vec<String>,
    /// When it was used.
    at: Timestamp,
}

impl Record for UsedToken {
    const KIND: &'static str = "ec2.client-token";
}

impl UsedToken {
    /// From when on it is not remembered.
    fn ends_at(&self) -> Timestamp {
        self.at.plus_millis(KEPT_MILLIS)
    }
}

impl Timed for UsedToken {
    fn due(&self) -> Option<Due> {
        Some(Due::End(self.ends_at()))
    }
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<UsedToken>()];

/// One request with a client token.
pub(crate) struct Attempt {
    key: String,
    fingerprint: String,
}

/// What [`service_api::fingerprint`] tells of a request, as records have it.
fn fingerprint(request: &Value) -> String {
    hex::encode(service_api::fingerprint(request))
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
        request: &(impl Into<Value> + Clone),
    ) -> Result<Option<Self>, ServiceError> {
        let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
        if token.chars().count() > MAX_CHARACTERS {
            return Err(ServiceError::new(
                "InvalidParameterValue",
                format!("Invalid client token. The token is longer than {MAX_CHARACTERS} characters."),
            ));
        }
        let fingerprint = fingerprint(&request.clone().into());
        Ok(Some(Self { key: format!("{operation}/{token}"), fingerprint }))
    }

    /// The ids that an earlier attempt made, if there was one.
    ///
    /// # Errors
    /// `IdempotentParameterMismatch` when that attempt asked for something else.
    pub(crate) fn earlier(&self, state: &impl State) -> Result<Option<Vec<String>>, ServiceError> {
        let Some(used) = state.record::<UsedToken>(&self.key) else { return Ok(None) };
        if used.ends_at() <= state.now() {
            return Ok(None);
        }
        if used.fingerprint.as_ref().is_some_and(|held| *held != self.fingerprint) {
            return Err(ServiceError::new(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            ));
        }
        Ok(Some(used.made.clone()))
    }

    /// The one resource that an earlier attempt made, if it is still there.
    ///
    /// # Errors
    /// `IdempotentParameterMismatch` when that attempt asked for something else.
    pub(crate) fn made<R: Resource>(&self, state: &impl State) -> Result<Option<Arc<R>>, ServiceError> {
        let made = self.earlier(state)?.unwrap_or_default();
        Ok(made.first().and_then(|id| state.named::<R>(id).ok()))
    }

    /// Remembers what this attempt made.
    pub(crate) fn remember(&self, edit: &mut Edit<'_>, made: Vec<String>) {
        let at = edit.now();
        edit.put_timed(&self.key, UsedToken { fingerprint: Some(self.fingerprint.clone()), made, at });
    }
}

#[cfg(test)]
mod tests {
    use aws_api::ec2 as api;
    use store::{MemoryBackend, Read, Scope, Store, StoreError, Transaction};

    use super::*;

    fn structure(members: &[(&'static str, Value)]) -> Value {
        Value::Structure(members.iter().cloned().collect())
    }

    #[test]
    fn a_request_is_known_by_its_members_in_any_order() {
        let text = |text: &str| Value::String(text.to_owned());
        let one = structure(&[("VpcId", text("vpc-1")), ("ClientToken", text("a"))]);
        let other = structure(&[("ClientToken", text("a")), ("VpcId", text("vpc-1"))]);
        assert_eq!(fingerprint(&one), fingerprint(&other));
        let distinct = [
            one,
            structure(&[("VpcId", text("vpc-1"))]),
            structure(&[("VpcId", text("vpc-1a")), ("ClientToken", text(""))]),
            structure(&[("VpcId", Value::List(vec![text("vpc-1"), text("a")]))]),
            structure(&[("VpcId", Value::List(vec![text("vpc-1a")]))]),
            structure(&[("VpcId", Value::List(vec![Value::List(vec![text("vpc-1")]), text("a")]))]),
            structure(&[("VpcId", Value::Integer(1))]),
            structure(&[("VpcId", Value::Boolean(true))]),
        ];
        let prints: std::collections::HashSet<String> = distinct.iter().map(fingerprint).collect();
        assert_eq!(prints.len(), distinct.len());
    }

    /// Tokens outlive the build that remembers them, so that this value may never change, whatever members the typed
    /// request gets.
    #[test]
    fn a_fingerprint_is_the_same_in_every_build() {
        let request = api::CreateRouteTableRequest {
            vpc_id: "vpc-0123456789abcdef0".to_owned(),
            client_token: Some("token".to_owned()),
            ..Default::default()
        };
        assert_eq!(
            fingerprint(&request.into()),
            "b9ea2d327029092163694b88fbc53b6ddebf2f5b34e6cca878a40c7f7b037cce"
        );
    }

    /// A token as older builds remembered it.
    #[derive(Serialize, Deserialize)]
    struct OldToken {
        request: String,
        made: Vec<String>,
        at: Timestamp,
    }

    impl Record for OldToken {
        const KIND: &'static str = UsedToken::KIND;
    }

    #[test]
    fn a_token_of_an_older_build_is_remembered() {
        let backend = MemoryBackend::new();
        let account = "123456789012".parse().unwrap();
        let scope = Scope::new(aws_types::Partition::Aws, account, "us-east-1".parse().unwrap());
        let old =
            OldToken { request: "00ff".to_owned(), made: vec!["vpc-1".to_owned()], at: Timestamp::default() };
        let put = |transaction: &mut Transaction| {
            transaction.put(&scope, "CreateVpc/token", old);
            Ok::<_, StoreError>(())
        };
        Store::open(backend.clone()).unwrap().transact(put).unwrap();
        let store = Store::open(backend).unwrap();
        store.check::<UsedToken>().unwrap();
        let used = store.snapshot().get::<UsedToken>(&scope, "CreateVpc/token").unwrap();
        assert_eq!((&used.fingerprint, &used.made[..]), (&None, &["vpc-1".to_owned()][..]));
    }
}
