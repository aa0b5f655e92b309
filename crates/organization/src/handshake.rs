//! Handshakes: what one account asks of another, and what that one says.

use aws_types::{AccountId, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use store::Record;

use crate::{HandshakeId, OrganizationId};

/// How long a handshake can be answered.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html>
pub const HANDSHAKE_MILLIS: i64 = 15 * 24 * 60 * 60 * 1000;
/// The same of those that enable all features.
pub const ALL_FEATURES_HANDSHAKE_MILLIS: i64 = 90 * 24 * 60 * 60 * 1000;
/// For how long a handshake is shown after its end.
///
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListHandshakesForAccount.html>
pub const SHOWN_AFTER_END_MILLIS: i64 = 30 * 24 * 60 * 60 * 1000;

/// What a handshake is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HandshakeAction {
    /// An account is to join the organization.
    Invite,
    /// The management account is to enable all features, when every invited account has approved.
    EnableAllFeatures,
    /// An invited account is to approve all features.
    ApproveAllFeatures {
        /// The one of the management account.
        parent: HandshakeId,
    },
}

impl HandshakeAction {
    /// As the API writes it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Invite => "INVITE",
            Self::EnableAllFeatures => "ENABLE_ALL_FEATURES",
            Self::ApproveAllFeatures { .. } => "APPROVE_ALL_FEATURES",
        }
    }
}

/// Where a handshake is. That it has expired, the time says: [`Handshake::state_at`].
///
/// ```text
/// Requested ──every account approved──> Open ──accept──> Accepted
/// Open ──accept──> Accepted        Open ──decline──> Declined
/// Requested, Open ──cancel──> Canceled
/// Requested, Open ──15 days, or 90 for all features──> Expired
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HandshakeState {
    /// It waits for others.
    Requested,
    /// It can be answered.
    Open,
    /// It was taken back.
    Canceled,
    /// It was answered with yes.
    Accepted,
    /// It was answered with no.
    Declined,
    /// Nobody answered in time.
    Expired,
}

impl HandshakeState {
    /// As the API writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Open => "OPEN",
            Self::Canceled => "CANCELED",
            Self::Accepted => "ACCEPTED",
            Self::Declined => "DECLINED",
            Self::Expired => "EXPIRED",
        }
    }

    /// Whether it has come to its end.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Requested | Self::Open => false,
            Self::Canceled | Self::Accepted | Self::Declined | Self::Expired => true,
        }
    }
}

/// Whom a handshake is with, as the request named it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HandshakeTarget {
    /// An account, by its number.
    Account,
    /// An account, by its e-mail address.
    Email(String),
}

/// A handshake. Kept under [`identities::cloud_scope`], by its id: both parties find it.
///
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Handshake.html>
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Handshake {
    /// `h-…`
    pub id: HandshakeId,
    /// What it is for.
    pub action: HandshakeAction,
    /// The organization.
    pub organization: OrganizationId,
    /// The organization's management account when it was made.
    pub management: AccountId,
    /// The account that is to answer, which is the management account where it enables all features.
    pub receiver: AccountId,
    /// How the request named the receiver.
    pub target: HandshakeTarget,
    /// Where it is, but for the time.
    pub state: HandshakeState,
    /// When it was made.
    pub requested: Timestamp,
    /// Until when it can be answered.
    pub expires: Timestamp,
    /// When it came to its end, but for the time.
    pub ended: Option<Timestamp>,
    /// What the inviting account said.
    pub notes: Option<String>,
    /// The tags that the account gets when it joins.
    pub tags: Tags,
}

impl Handshake {
    /// Where it is now.
    pub fn state_at(&self, now: Timestamp) -> HandshakeState {
        if self.state.is_final() || now <= self.expires { self.state } else { HandshakeState::Expired }
    }

    /// Whether requests can still see it.
    pub fn is_visible(&self, now: Timestamp) -> bool {
        let end = self.ended.unwrap_or(self.expires);
        now <= end.plus_millis(SHOWN_AFTER_END_MILLIS)
    }
}

impl Record for Handshake {
    const KIND: &'static str = "organizations.handshake";
}
