//! Which requests may be made.
//!
//! Owns the way from a request that authentication let through to the decision about it: the service tells what it needs, and
//! `authorization` decides; then the account's tag policy has its say, whichever service is asked. And what is remembered of
//! requests that services refused by themselves. Refuses to know either.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use authorization::{Authorization, DENIALS_KEPT, Denial, MessageSealer, Refusal};
use aws_types::{AccountId, Timestamp};
use gateway::{AccessRequest, Allowed, Authorizer, Call, Denied, Outcome, Recorder, Refused};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use service_api::{
    IdSource as _, NeededPermission, OsRandom, RESOURCES_MAX, ServiceError, TooMany, check_numbers,
};
use session_tokens::Tokens;
use store::Store;

use crate::control::{self, Question};
use crate::organization::OfOrganization;
use crate::paths::RunDir;
use crate::tag_policy;

/// What the codes of errors begin with that say that somebody may not do something.
const REFUSED: [&str; 2] = ["AccessDenied", "UnauthorizedOperation"];
/// How much of a message is kept, in bytes.
const MESSAGE_BYTES_MAX: usize = 4 << 10;

/// A request that a service refused by itself: no policy decided that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRefusal {
    /// The request's id, as its answer said.
    pub request_id: String,
    /// When it came.
    pub at: Timestamp,
    /// The account of whoever asked.
    pub account: AccountId,
    /// The ARN of whoever asked.
    pub principal: String,
    /// The region that was asked.
    pub region: String,
    /// The operation, such as `organizations:ListRoots`.
    pub operation: String,
    /// The error's code.
    pub code: String,
    /// What the caller was told.
    pub message: String,
}

/// Why a request was refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum WhyDenied {
    /// Policies denied it.
    ByPolicies(Box<Denial>),
    /// Its service did.
    ByService(ServiceRefusal),
}

/// Decides by the policies of the store.
#[derive(Clone)]
pub(crate) struct ByPolicies {
    authorization: Arc<Authorization>,
    store: Store,
    /// The newest ones, as many as of denials.
    refused: Arc<Mutex<VecDeque<ServiceRefusal>>>,
}

impl ByPolicies {
    pub(crate) fn new(store: Store, tokens: Tokens) -> Self {
        let authorization = Arc::new(Authorization::new(store.clone(), Sealer(tokens)));
        Self { authorization, store, refused: Arc::default() }
    }

    /// What decides, for services that ask by themselves.
    pub(crate) fn authorization(&self) -> Arc<Authorization> {
        Arc::clone(&self.authorization)
    }

    /// Why a request was refused, or the latest one that was, of an account if one is given.
    pub(crate) fn denial(&self, request_id: Option<&str>, account: Option<AccountId>) -> Option<WhyDenied> {
        let by_policies = match request_id {
            Some(id) => self.authorization.denial_of(id),
            None => self.authorization.last_denial(account),
        };
        let is_meant = |held: &&ServiceRefusal| match request_id {
            Some(id) => held.request_id == id,
            None => account.is_none_or(|account| account == held.account),
        };
        let by_service = self.refused.lock().iter().rev().find(is_meant).cloned();
        match (by_policies, by_service) {
            (Some(denial), Some(refusal)) if denial.at > refusal.at => {
                Some(WhyDenied::ByPolicies(Box::new(denial)))
            }
            (_, Some(refusal)) => Some(WhyDenied::ByService(refusal)),
            (denial, None) => denial.map(|denial| WhyDenied::ByPolicies(Box::new(denial))),
        }
    }

    /// Remembers a call that its service refused. Those that policies denied are remembered already; of the longest of these
    /// nothing is.
    fn note(&self, call: &Call) {
        let Outcome::Failed { code, message, .. } = &call.outcome else { return };
        let (context, id) = (&call.context, call.context.request_id.as_str());
        let is_refused = REFUSED.iter().any(|refused| code.starts_with(refused));
        if !is_refused || message.len() > MESSAGE_BYTES_MAX || self.authorization.denial_of(id).is_some() {
            return;
        }
        let mut refused = self.refused.lock();
        if refused.len() == DENIALS_KEPT {
            refused.pop_front();
        }
        refused.push_back(ServiceRefusal {
            request_id: id.to_owned(),
            at: context.now,
            account: context.account(),
            principal: context.principal.arn.as_str().to_owned(),
            region: context.region.to_string(),
            operation: format!("{}:{}", call.model.metadata.name, call.operation.name),
            code: code.clone(),
            message: message.clone(),
        });
    }
}

/// Has refusals remembered before a call is recorded.
pub(crate) struct Noting<R> {
    pub(crate) authorizing: ByPolicies,
    pub(crate) recorder: R,
}

impl<R: Recorder> Recorder for Noting<R> {
    fn record(&self, call: Call) {
        self.authorizing.note(&call);
        self.recorder.record(call);
    }
}

impl Authorizer for ByPolicies {
    fn authorize(&self, call: AccessRequest<'_>) -> Result<Allowed, Refused> {
        let model = call.service.model();
        check_numbers(model, call.operation, call.input).map_err(Refused::TooMany)?;
        let needed = call.service.needed_permissions(call.context, call.operation, call.input);
        // Services add what a request does not name, such as the volumes of a launch.
        let is_too_large = |permission: &NeededPermission| permission.resources.len() > RESOURCES_MAX;
        if needed.iter().flatten().any(is_too_large) {
            return Err(Refused::TooMany(TooMany::Resources));
        }
        let decided = self.authorization.decide(call.context, model, call.operation, needed.as_deref());
        let denied = |refusal: Refusal| Denied { message: refusal.message, encoded: refusal.encoded };
        decided.map_err(|refusal| Refused::Denied(denied(refusal)))?;
        let needs_nothing = needed.is_some_and(|needed| needed.is_empty());
        Ok(if needs_nothing { Allowed::WithoutPermission } else { Allowed::ByPolicies })
    }

    fn admit(&self, call: AccessRequest<'_>) -> Result<(), ServiceError> {
        tag_policy::check(&OfOrganization, &self.store, call)
    }
}

/// Seals with the key of the cloud, so that DecodeAuthorizationMessage opens it.
struct Sealer(Tokens);

impl MessageSealer for Sealer {
    fn seal(&self, account: AccountId, message: &str) -> String {
        self.0.seal_message(account, message, &mut || OsRandom.bits())
    }
}

/// Asks the daemon of a run directory why it refused a request, or else the latest that it refused, of an account if one is
/// given. `None` when it remembers none such.
///
/// # Errors
/// When it does not answer in time.
pub fn why_denied(
    run_dir: &RunDir,
    request_id: Option<&str>,
    account: Option<AccountId>,
) -> io::Result<Option<WhyDenied>> {
    control::ask(run_dir, &Question::WhyDenied { request_id: request_id.map(str::to_owned), account })
}

#[cfg(test)]
mod measure;
#[cfg(test)]
mod tests;
