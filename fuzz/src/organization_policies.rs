//! Policies of an organization, as an administrator writes them.

use management_policies::{Attached, BackupPlans, Document, PolicyKind, TagRules, effective};

/// A tag policy or a backup policy. What was read is merged with itself, and what that says is read out.
pub fn management_policy(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for kind in [PolicyKind::Tag, PolicyKind::Backup] {
        let document = match Document::parse(kind, text) {
            Ok(document) => document,
            Err(malformed) => {
                assert!(!malformed.cause().is_empty(), "a refusal says why");
                continue;
            }
        };
        let level = || vec![Attached { policy_id: "p-12345678", document: &document }];
        let content = |levels: &[_]| effective(kind, levels).expect("all are of one kind").content();
        let once = content(&[level()]);
        assert_eq!(content(&[Vec::new(), level(), Vec::new()]), once, "empty levels change nothing");
        let merged = effective(kind, &[level(), level()]).expect("all are of one kind");
        merged.errors();
        TagRules::of(&merged).check("ec2:vpc", [("CostCenter", "x")]);
        BackupPlans::of(&merged, "123456789012").iter().count();
    }
}
