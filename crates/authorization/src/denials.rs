//! What was denied lately, and why: for `brume why-denied`.
//!
//! Owns how much of it is kept, and whose is forgotten first: nobody's denials can push out those of others. Kept in memory
//! alone: what happened is in CloudTrail's events.

use std::collections::{HashMap, VecDeque};

use aws_types::{AccountId, Timestamp};
use iam_policy::{ConsideredPolicy, Explanation, Remedy, StatementResult};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// How many denials are remembered. With one more, the account that has most of them loses its oldest.
pub const DENIALS_KEPT: usize = 1000;
/// How many bytes all of them have, about. With more, the account that has most of these loses its oldest.
pub const DENIALS_BYTES_MAX: usize = 16 << 20;
/// How many bytes one of them has, about. A larger one is not remembered: its message says what it was about.
pub const DENIAL_BYTES_MAX: usize = 2 << 20;

/// A request that was denied.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Denial {
    /// The request's id, as its answer said.
    pub request_id: String,
    /// When it came.
    pub at: Timestamp,
    /// The account of whoever asked.
    pub account: AccountId,
    /// The ARN of whoever asked, or the name of a service.
    pub principal: String,
    /// The region that was asked.
    pub region: String,
    /// The operation, such as `ec2:AttachInternetGateway`.
    pub operation: String,
    /// The action that is needed and was denied, such as `ec2:CreateTags`.
    pub action: String,
    /// The resource that it was denied on.
    pub resource: String,
    /// What the caller was told.
    pub message: String,
    /// The condition keys of the request and their values.
    pub context: Vec<(String, Vec<String>)>,
    /// How it was decided.
    pub explanation: Explanation,
}

/// The latest denials.
#[derive(Default)]
pub(crate) struct Denials(Mutex<Kept>);

/// Oldest first, each with its bytes.
#[derive(Default)]
struct Kept {
    denials: VecDeque<(usize, Denial)>,
    bytes: usize,
}

impl Denials {
    pub(crate) fn add(&self, denial: Denial) {
        let bytes = bytes_of(&denial);
        if bytes <= DENIAL_BYTES_MAX {
            self.0.lock().add(bytes, denial);
        }
    }

    /// The denial of a request.
    pub(crate) fn of(&self, request_id: &str) -> Option<Denial> {
        self.find(|denial| denial.request_id == request_id)
    }

    /// The newest one, of an account if one is given.
    pub(crate) fn last(&self, account: Option<AccountId>) -> Option<Denial> {
        self.find(|denial| account.is_none_or(|account| account == denial.account))
    }

    fn find(&self, is_it: impl Fn(&Denial) -> bool) -> Option<Denial> {
        let kept = self.0.lock();
        let mut all = kept.denials.iter().rev().map(|(_, denial)| denial);
        all.find(|denial| is_it(denial)).cloned()
    }
}

impl Kept {
    fn add(&mut self, bytes: usize, denial: Denial) {
        self.bytes += bytes;
        self.denials.push_back((bytes, denial));
        while self.denials.len() > DENIALS_KEPT {
            self.forget_of_most(|_| 1);
        }
        while self.bytes > DENIALS_BYTES_MAX {
            self.forget_of_most(|bytes| bytes);
        }
    }

    /// Forgets the oldest denial of the account that has most, counted in that way.
    fn forget_of_most(&mut self, count: impl Fn(usize) -> usize) {
        let mut held: HashMap<AccountId, usize> = HashMap::new();
        for (bytes, denial) in &self.denials {
            *held.entry(denial.account).or_default() += count(*bytes);
        }
        let most = held.into_iter().max_by_key(|(_, held)| *held).map(|(account, _)| account);
        let oldest = self.denials.iter().position(|(_, denial)| Some(denial.account) == most);
        if let Some((bytes, _)) = oldest.and_then(|at| self.denials.remove(at)) {
            self.bytes -= bytes;
        }
    }
}

/// What a text costs beside its letters.
const TEXT: usize = size_of::<String>();

fn text(text: &str) -> usize {
    TEXT + text.len()
}

fn texts(all: &[String]) -> usize {
    all.iter().map(|one| text(one)).sum()
}

/// How much memory a denial takes, about.
fn bytes_of(denial: &Denial) -> usize {
    let Denial { principal, operation, action, resource, message, context, explanation, .. } = denial;
    let told = [principal, operation, action, resource, message].map(|told| text(told));
    let context = context.iter().map(|(key, values)| text(key) + texts(values));
    let policies = explanation.policies.iter().map(of_policy);
    let remedies = explanation.remedies.iter().map(of_remedy);
    size_of::<Denial>()
        + told.iter().sum::<usize>()
        + context.sum::<usize>()
        + policies.sum::<usize>()
        + remedies.sum::<usize>()
}

fn of_policy(policy: &ConsideredPolicy) -> usize {
    let statements = policy.statements.iter().map(|statement| {
        let result = match &statement.result {
            StatementResult::Conditions(failed) => failed
                .iter()
                .map(|one| text(&one.operator) + text(&one.key) + TEXT + texts(&one.policy_values))
                .sum(),
            StatementResult::OtherResource { unresolved } => texts(unresolved),
            StatementResult::Applies(_) | StatementResult::OtherPrincipal | StatementResult::OtherAction => 0,
        };
        size_of_val(statement) + statement.sid.as_ref().map_or(0, String::len) + result
    });
    size_of_val(policy) + policy.name.len() + policy.owner.len() + statements.sum::<usize>()
}

fn of_remedy(remedy: &Remedy) -> usize {
    size_of_val(remedy)
        + match remedy {
            Remedy::StopDenying { policy, owner, sid, .. } => {
                policy.len() + owner.len() + sid.as_ref().map_or(0, String::len)
            }
            Remedy::Allow { nearly, .. } => size_of_val(&nearly[..]),
        }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use iam_policy::{Caller, Context, Policies, Request, explain};

    use super::*;

    fn denial(number: &str, request_id: &str, resource: String) -> Denial {
        let caller = Caller::Root { account: number.parse().unwrap() };
        let context = Context::new();
        let request = Request { caller: &caller, action: "a:b", resource: "*", context: &context };
        Denial {
            request_id: request_id.to_owned(),
            at: Timestamp::default(),
            account: number.parse().unwrap(),
            principal: String::new(),
            region: String::new(),
            operation: String::new(),
            action: String::new(),
            resource,
            message: String::new(),
            context: Vec::new(),
            explanation: explain(&Policies::default(), &request),
        }
    }

    #[test]
    fn one_account_pushes_out_its_own_denials_alone() {
        let denials = Denials::default();
        denials.add(denial("111111111111", "quiet", String::new()));
        for number in 0..2 * DENIALS_KEPT {
            denials.add(denial("222222222222", &number.to_string(), String::new()));
        }
        assert!(denials.of("quiet").is_some() && denials.of("0").is_none());
        assert_eq!(denials.0.lock().denials.len(), DENIALS_KEPT);
        // By bytes, too.
        for number in 0..40 {
            denials.add(denial("333333333333", &format!("large {number}"), "r".repeat(1 << 20)));
        }
        let kept = denials.0.lock();
        let bytes: usize = kept.denials.iter().map(|(bytes, _)| bytes).sum();
        assert!(kept.bytes == bytes && bytes <= DENIALS_BYTES_MAX, "{bytes}");
        drop(kept);
        assert!(denials.of("quiet").is_some() && denials.of("large 39").is_some());
        assert!(denials.of("large 0").is_none() && denials.of("1999").is_some());
        denials.add(denial("333333333333", "too large", "r".repeat(DENIAL_BYTES_MAX)));
        assert!(denials.of("too large").is_none());
    }
}
