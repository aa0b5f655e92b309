//! What can be asked of the newest events of all accounts, and what it says.

use aws_types::AccountId;
use cloudtrail_events::Found;

/// Which of the newest events are told, of all accounts and regions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// Only those after this one.
    pub after: Option<u64>,
    /// Only of this account.
    pub account: Option<AccountId>,
    /// Only of this service: `ec2`, or `ec2.amazonaws.com`.
    pub service: Option<String>,
    /// Only those that failed.
    pub errors_only: bool,
    /// How many at most: the newest.
    pub limit: usize,
}

/// The newest events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecentPage {
    /// Oldest first.
    pub events: Vec<Found>,
    /// The number of the newest event that there is, whether it is among these or not.
    pub newest: u64,
}
