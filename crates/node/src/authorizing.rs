//! Which requests may be made.
//!
//! Owns the way from a request that authentication let through to the decision about it: the service tells what it needs, and
//! `authorization` decides. Refuses to know either.

use std::sync::Arc;

use authorization::{Authorization, Denial, MessageSealer};
use aws_types::AccountId;
use gateway::{AccessRequest, Authorizer, Denied};
use service_api::{IdSource as _, OsRandom};
use session_tokens::Tokens;
use std::io;
use store::Store;

use crate::control::{self, Question};
use crate::paths::RunDir;

/// Decides by the policies of the store.
#[derive(Clone)]
pub(crate) struct ByPolicies(Arc<Authorization>);

impl ByPolicies {
    pub(crate) fn new(store: Store, tokens: Tokens) -> Self {
        Self(Arc::new(Authorization::new(store, Sealer(tokens))))
    }

    /// What decides, for services that ask by themselves.
    pub(crate) fn authorization(&self) -> Arc<Authorization> {
        Arc::clone(&self.0)
    }

    /// The denial of a request, or the latest one, of an account if one is given.
    pub(crate) fn denial(&self, request_id: Option<&str>, account: Option<AccountId>) -> Option<Denial> {
        match request_id {
            Some(id) => self.0.denial_of(id),
            None => self.0.last_denial(account),
        }
    }
}

impl Authorizer for ByPolicies {
    fn authorize(&self, call: AccessRequest<'_>) -> Result<(), Denied> {
        let needed = call.service.needed_permissions(call.context, call.operation, call.input);
        let decided = self.0.decide(call.context, call.service.model(), call.operation, needed.as_deref());
        decided.map_err(|refusal| Denied { message: refusal.message, encoded: refusal.encoded })
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
