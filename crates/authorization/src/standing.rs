//! Where an account stands in an organization, and what limits it there.
//!
//! Owns that what cannot be told is taken for the strictest: a broken organization lets nobody do anything. Refuses to know
//! how an organization is looked up (`organization`).

use aws_types::{AccountId, Partition};
use iam_policy::{Attached, Context};
use organization::{AccountPlace, BrokenOrganization, Level, PolicyType};
use store::Snapshot;

/// An account in its organization, read once for each request.
#[derive(Clone)]
pub(crate) struct Standing(Result<Option<AccountPlace>, BrokenOrganization>);

/// The policies of one type that limit something.
pub(crate) enum Limits {
    /// Level by level.
    Levels(Vec<Level>),
    /// There are some, and nobody can tell what they say; this is why.
    Unknown(String),
}

impl Standing {
    pub(crate) fn of(snapshot: &Snapshot, partition: Partition, account: AccountId) -> Self {
        Self(AccountPlace::of(snapshot, partition, account))
    }

    /// Sets the keys of the organization's id and of the account's place, if it is in one.
    pub(crate) fn set(&self, keys: &mut Context, id: &'static str, paths: &'static str) {
        if let Ok(Some(place)) = &self.0 {
            keys.set(id, place.organization().id.as_str().to_owned());
            keys.set_many(paths, [place.path()]);
        }
    }

    /// What the organization's policies of a type limit.
    pub(crate) fn limits(
        &self,
        snapshot: &Snapshot,
        partition: Partition,
        policy_type: PolicyType,
    ) -> Limits {
        let levels = match &self.0 {
            Ok(Some(place)) => place.levels(snapshot, partition, policy_type),
            Ok(None) => Ok(None),
            Err(broken) => Err(broken.clone()),
        };
        match levels {
            Ok(levels) => Limits::Levels(levels.unwrap_or_default()),
            Err(broken) => {
                tracing::error!(%broken, policy_type = policy_type.name(), "an organization's policies are not known; all is denied");
                Limits::Unknown(broken.to_string())
            }
        }
    }
}

impl Limits {
    /// Nothing limits.
    pub(crate) const fn none() -> Self {
        Self::Levels(Vec::new())
    }

    /// As the evaluator takes them.
    pub(crate) fn attached(&self) -> Vec<Vec<Attached<'_>>> {
        match self {
            Self::Levels(levels) => levels.iter().map(of_level).collect(),
            Self::Unknown(why) => {
                vec![vec![Attached { name: why, owner: "", policy: BrokenOrganization::policy() }]]
            }
        }
    }
}

fn of_level(level: &Level) -> Vec<Attached<'_>> {
    let owner = level.arn.as_str();
    let policies = level.policies.iter();
    policies
        .map(|record| Attached {
            name: record.arn.as_str(),
            owner,
            policy: record.permissions().unwrap_or_else(|| BrokenOrganization::policy()),
        })
        .collect()
}
