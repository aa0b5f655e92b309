//! Which requests may be made.
//!
//! Owns the way from a request that authentication let through to the decision about it: the service tells what it needs, and
//! `authorization` decides; then the account's tag policy has its say, whichever service is asked. Refuses to know either.

use std::io;
use std::sync::Arc;

use authorization::{Authorization, Denial, MessageSealer, Refusal};
use aws_types::AccountId;
use gateway::{AccessRequest, Authorizer, Denied, Refused};
use service_api::{
    IdSource as _, NeededPermission, OsRandom, RESOURCES_MAX, ServiceError, TooMany, check_numbers,
};
use session_tokens::Tokens;
use store::Store;

use crate::control::{self, Question};
use crate::organization::OfOrganization;
use crate::paths::RunDir;
use crate::tag_policy;

/// Decides by the policies of the store.
#[derive(Clone)]
pub(crate) struct ByPolicies {
    authorization: Arc<Authorization>,
    store: Store,
}

impl ByPolicies {
    pub(crate) fn new(store: Store, tokens: Tokens) -> Self {
        let authorization = Arc::new(Authorization::new(store.clone(), Sealer(tokens)));
        Self { authorization, store }
    }

    /// What decides, for services that ask by themselves.
    pub(crate) fn authorization(&self) -> Arc<Authorization> {
        Arc::clone(&self.authorization)
    }

    /// The denial of a request, or the latest one, of an account if one is given.
    pub(crate) fn denial(&self, request_id: Option<&str>, account: Option<AccountId>) -> Option<Denial> {
        match request_id {
            Some(id) => self.authorization.denial_of(id),
            None => self.authorization.last_denial(account),
        }
    }
}

impl Authorizer for ByPolicies {
    fn authorize(&self, call: AccessRequest<'_>) -> Result<(), Refused> {
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
        decided.map_err(|refusal| Refused::Denied(denied(refusal)))
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

/// Asks the daemon of a run directory why it denied a request, or else the latest that it denied, of an account if one is
/// given. `None` when it remembers no such denial.
///
/// # Errors
/// When it does not answer in time.
pub fn why_denied(
    run_dir: &RunDir,
    request_id: Option<&str>,
    account: Option<AccountId>,
) -> io::Result<Option<Denial>> {
    control::ask(run_dir, &Question::WhyDenied { request_id: request_id.map(str::to_owned), account })
}

#[cfg(test)]
mod measure;
#[cfg(test)]
mod tests;
