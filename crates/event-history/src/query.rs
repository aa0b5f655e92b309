//! What can be asked of the events of all accounts, and what it says.

use aws_types::AccountId;
use cloudtrail_events::Found;

/// Which events are told, of all accounts and regions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recent {
    /// Only those after this one: the next, so that whoever asks again and again misses none. Without it, the newest.
    pub after: Option<u64>,
    /// Only of this account.
    pub account: Option<AccountId>,
    /// Only of this service: `ec2`, or `ec2.amazonaws.com`.
    pub service: Option<String>,
    /// Only those that failed.
    pub errors_only: bool,
    /// How many at most.
    pub limit: usize,
    /// How many bytes at most, unless one alone has more.
    pub bytes: u64,
}

impl Default for Recent {
    fn default() -> Self {
        let (limit, bytes) = (usize::MAX, u64::MAX);
        Self { after: None, account: None, service: None, errors_only: false, limit, bytes }
    }
}

/// Events that were told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecentPage {
    /// Oldest first.
    pub events: Vec<Found>,
    /// The number up to which events have been looked at: what is wanted next comes after it.
    pub last: u64,
    /// Whether there are more after it that are wanted.
    pub has_more: bool,
}
