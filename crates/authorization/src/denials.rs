//! What was denied lately, and why: for `brume why-denied`.
//!
//! Owns how much of it is kept. Kept in memory alone: what happened is in CloudTrail's events.

use std::collections::VecDeque;

use aws_types::{AccountId, Timestamp};
use iam_policy::Explanation;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// How many denials are remembered. The oldest is forgotten.
pub const DENIALS_KEPT: usize = 1000;

/// A request that was denied.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Denial {
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
pub(crate) struct Denials(Mutex<VecDeque<Denial>>);

impl Denials {
    pub(crate) fn add(&self, denial: Denial) {
        let mut kept = self.0.lock();
        if kept.len() == DENIALS_KEPT {
            kept.pop_front();
        }
        kept.push_back(denial);
    }

    /// The denial of a request.
    pub(crate) fn of(&self, request_id: &str) -> Option<Denial> {
        self.0.lock().iter().rev().find(|denial| denial.request_id == request_id).cloned()
    }

    /// The newest one, of an account if one is given.
    pub(crate) fn last(&self, account: Option<AccountId>) -> Option<Denial> {
        let kept = self.0.lock();
        kept.iter().rev().find(|denial| account.is_none_or(|account| account == denial.account)).cloned()
    }
}
