//! Organizations: which accounts are in one, where, and which policies bear on them.
//!
//! Owns the records, and the questions that every request asks of them: [`organization_of`], [`path_of`], [`levels`] and
//! [`effective_policy`]. What cannot be told is an error, and never the same as that nothing bears on an account.
//! Several services need them, and none may import another: `svc-organizations` writes them, authorization reads them for
//! every request, and services that act for a whole organization ask who administers them ([`is_administrator_of`]).
//! Refuses to know what requests may do with them (the service does), what policies mean (`iam-policy` for permissions,
//! `management-policies` for tags and backups), and what an account is (`identities`).
//!
//! What an organization has is kept under the global scope of its management account, which never changes. An account
//! finds it by its [`Membership`].
//!
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_introduction.html>

mod account_request;
mod effective;
mod handshake;
mod id;
mod level;
mod member;
mod organization;
mod policy;
mod unit;

use store::RecordKind;

pub use account_request::{ACCOUNT_REQUEST_SHOWN_MILLIS, AccountOutcome, AccountRequest};
pub use effective::{EffectivePolicy, effective_policy};
pub use handshake::{
    ALL_FEATURES_HANDSHAKE_MILLIS, HANDSHAKE_MILLIS, Handshake, HandshakeAction, HandshakeState,
    HandshakeTarget, SHOWN_AFTER_END_MILLIS,
};
pub use id::{
    AccountRequestId, HandshakeId, OrganizationId, ParentId, ParseIdError, PolicyId, ResourcePolicyId,
    RootId, TargetId, UnitId,
};
pub use level::{
    AccountPlace, BrokenOrganization, Level, ROOT_NAME, account_name, is_administrator_of, levels,
    organization_of, path_of, path_of_parent,
};
pub use member::{JoinedMethod, Member, Membership, join, leave};
pub use organization::{FeatureSet, Organization, ResourcePolicy, managed_by};
pub use policy::{
    AWS_POLICIES, Attachments, ManagementPolicy, PolicyContent, PolicyRecord, PolicyType, policy,
};
pub use unit::{MAX_UNIT_DEPTH, OrganizationalUnit};

/// The kinds of records that are written here.
pub const RECORDS: &[RecordKind] = &[
    RecordKind::of::<Organization>(),
    RecordKind::of::<OrganizationalUnit>(),
    RecordKind::of::<Member>(),
    RecordKind::of::<Membership>(),
    RecordKind::of::<PolicyRecord>(),
    RecordKind::of::<Handshake>(),
    RecordKind::of::<AccountRequest>(),
];
