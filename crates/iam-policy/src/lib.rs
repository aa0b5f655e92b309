//! The IAM policy language: parse, validate, evaluate, explain.
//!
//! Owns what a policy's text means, which texts AWS refuses and with which words, and what all policies that have a say in a
//! request come to. Refuses to know where policies are stored, who has which, what an operation's action is called and where
//! the values of condition keys are from: [`Policies`], [`Request`] and [`Context`] are the caller's to fill. Pure: the time of
//! a request is a condition key.
//!
//! ```
//! use iam_policy::{Attached, Caller, Context, Policies, Policy, PolicyKind, Request, evaluate};
//!
//! let text = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}}"#;
//! let policy = Policy::parse(text, PolicyKind::Identity)?;
//! let caller = Caller::User { account: "111122223333".parse()?, arn: "arn:aws:iam::111122223333:user/ann".parse()? };
//! let mut context = Context::new();
//! context.set("aws:username", "ann");
//! let policies = Policies {
//!     identity: vec![Attached { name: "look", owner: "arn:aws:iam::111122223333:user/ann", policy: &policy }],
//!     ..Policies::default()
//! };
//! let request = Request { caller: &caller, action: "ec2:DescribeVpcs", resource: "*", context: &context };
//! assert!(evaluate(&policies, &request).is_allowed());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arn_pattern;
mod condition;
mod context;
mod document;
mod error;
mod evaluate;
mod explain;
pub mod limits;
mod message;
mod pattern;
mod policy;
mod principal;
mod request;
mod span;
mod validate;
mod value;

pub use condition::Condition;
pub use context::{Context, Text};
pub use error::PolicyError;
pub use evaluate::{DecidingStatement, Decision, PolicyRole, Reason, evaluate};
pub use explain::{
    ConsideredPolicy, ConsideredStatement, Explanation, FailedCondition, NearlyAllowed, Remedy,
    StatementResult, explain,
};
pub use message::access_denied_message;
pub use pattern::stands_for_action;
pub use policy::{Effect, Policy, PolicyKind, Statement};
pub use principal::Grant;
pub use request::{Attached, Caller, Policies, Request, ResourceRule};
pub use span::{Position, Span};
