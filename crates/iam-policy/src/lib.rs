//! The policy language of IAM.
//!
//! Owns what a policy's text means. So far that is whether it is a JSON object at all.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What a policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// Of a user, group or role.
    Identity,
    /// Who may assume a role.
    Trust,
    /// Of a resource.
    Resource,
    /// Of an organization: what accounts may do at most.
    ServiceControl,
    /// Of an organization: what may be done to resources at most.
    ResourceControl,
    /// Of a session.
    Session,
    /// Of a VPC endpoint.
    Endpoint,
}

/// A policy.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Policy(Arc<str>);

/// The text is no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Syntax errors in policy.")]
pub struct PolicyError;

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn parse(text: &str, kind: PolicyKind) -> Result<Self, PolicyError> {
        let _ = kind;
        let value: serde_json::Value = serde_json::from_str(text).map_err(|_| PolicyError)?;
        value.is_object().then(|| Self(text.into())).ok_or(PolicyError)
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
