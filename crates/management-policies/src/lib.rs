//! Tag policies and backup policies of AWS Organizations.
//!
//! Owns the language of the two, the operators by which policies of an organization's root, its units and an account merge
//! into the account's effective policy, and what that says: which tags are right ([`TagRules`]), and which backup plans run
//! where ([`BackupPlans`]). Refuses to know where policies are attached, how long they may be, and the resources that they
//! are about. It touches nothing: texts come in and answers go out.
//!
//! Two rules that AWS shows by examples alone are read from them. Names that an author chooses ("policy keys") do not
//! differ by case and are shown in lower case, as `DescribeEffectivePolicy` prints them. Of two values that policies on one
//! level assign to a setting, that of the policy that was attached first stays.
//!
//! <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_inheritance_mgmt.html>

mod backup;
mod document;
mod effective;
mod enforced;
mod grammar;
mod json;
mod merge;
mod operators;
mod tags;
mod validation;

pub use backup::{
    AdvancedSetting, BackupPlan, BackupPlans, BackupRule, Condition, ConditionOperator, CopyAction,
    Lifecycle, Selection,
};
pub use document::{Document, Malformed};
pub use effective::{Effective, EffectiveError};
pub use merge::{Attached, Level, effective};
pub use tags::{NonCompliance, NonComplianceReason, TagRule, TagRules, TagViolation};
pub use validation::ValidationError;

/// A type of management policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    /// `TAG_POLICY`.
    Tag,
    /// `BACKUP_POLICY`.
    Backup,
}

impl PolicyKind {
    /// As Organizations' API spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tag => "TAG_POLICY",
            Self::Backup => "BACKUP_POLICY",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Tag, Self::Backup].into_iter().find(|kind| kind.name() == name)
    }
}
