//! What bears on an account, of organizations that are put together by hand.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};

use aws_types::{AccountId, Partition, Tags, Timestamp};
use iam_policy::{Policy, PolicyKind};
use organization::*;
use store::{MemoryBackend, Scope, Snapshot, Store, Transaction};

const MANAGEMENT: &str = "111111111111";
const MEMBER: &str = "222222222222";
const OTHER: &str = "333333333333";
const P: Partition = Partition::Aws;

fn account(text: &str) -> AccountId {
    text.parse().unwrap()
}

fn attached(policy_type: PolicyType, ids: &[&str]) -> Attachments {
    BTreeMap::from([(policy_type, ids.iter().map(|id| id.parse().unwrap()).collect())])
}

fn member(number: &str, parent: &str, policies: Attachments) -> Member {
    Member {
        account: account(number),
        parent: parent.parse().unwrap(),
        method: JoinedMethod::Created,
        joined: Timestamp::default(),
        policies,
        tags: Tags::default(),
        delegated_services: BTreeMap::from([("backup.amazonaws.com".to_owned(), Timestamp::default())]),
    }
}

fn unit(id: &str, parent: &str, policies: Attachments) -> OrganizationalUnit {
    OrganizationalUnit {
        id: id.parse().unwrap(),
        name: format!("name of {id}"),
        parent: parent.parse().unwrap(),
        created: Timestamp::default(),
        policies,
        tags: Tags::default(),
    }
}

fn organization(types: &[PolicyType]) -> Organization {
    Organization {
        id: "o-abcdefghij".parse().unwrap(),
        management: account(MANAGEMENT),
        feature_set: FeatureSet::All,
        created: Timestamp::default(),
        root: "r-ab12".parse().unwrap(),
        policy_types: types.iter().copied().collect::<BTreeSet<_>>(),
        root_policies: attached(PolicyType::ServiceControl, &["p-FullAWSAccess"]),
        root_tags: Tags::default(),
        trusted_services: BTreeMap::new(),
        resource_policy: None,
        closures: Vec::new(),
    }
}

/// Root, a unit in a unit, and a member there; the management account is in the root.
fn cloud(organization: Organization) -> Snapshot {
    store_of(organization).snapshot()
}

fn store_of(organization: Organization) -> Store {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let scope = organization.scope(P);
    let deny = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"ec2:*","Resource":"*"}}"#;
    let policy = PolicyRecord {
        id: "p-0123456789".parse().unwrap(),
        arn: organization.arn_of(P, "policy", "service_control_policy/p-0123456789"),
        name: "no-ec2".to_owned(),
        description: String::new(),
        policy_type: PolicyType::ServiceControl,
        content: PolicyContent::Permissions(Policy::parse(deny, PolicyKind::ServiceControl).unwrap()),
        is_aws_managed: false,
        updated: Timestamp::default(),
        tags: Tags::default(),
    };
    let scp = |ids: &[&str]| attached(PolicyType::ServiceControl, ids);
    store
        .transact(|transaction| {
            transaction.put(&scope, "p-0123456789", policy);
            for one in [
                unit("ou-ab12-00000001", "r-ab12", scp(&["p-0123456789", "p-FullAWSAccess"])),
                unit("ou-ab12-00000002", "ou-ab12-00000001", scp(&[])),
            ] {
                transaction.put(&scope, one.id.clone().as_str(), one);
            }
            let accounts = [(MEMBER, "ou-ab12-00000002"), (MANAGEMENT, "r-ab12")];
            for (number, parent) in accounts {
                let one = member(number, parent, scp(&["p-FullAWSAccess"]));
                join(transaction, P, &organization, one);
            }
            organization.put(transaction, P);
            Ok::<_, store::StoreError>(())
        })
        .unwrap();
    store
}

fn shown(levels: Option<Vec<Level>>) -> Option<Vec<(String, String, Vec<String>)>> {
    let shown = |level: Level| {
        let policies = level.policies.iter().map(|policy| policy.name.clone()).collect();
        (level.target.to_string(), level.arn.resource().to_owned(), policies)
    };
    levels.map(|levels| levels.into_iter().map(shown).collect())
}

#[test]
fn levels_go_from_the_root_to_the_account() {
    let snapshot = cloud(organization(&[PolicyType::ServiceControl, PolicyType::Tag]));
    let full = || "FullAWSAccess".to_owned();
    let level = |id: &str, kind: &str, policies: Vec<String>| {
        (id.to_owned(), format!("{kind}/o-abcdefghij/{id}"), policies)
    };
    let expected = vec![
        level("r-ab12", "root", vec![full()]),
        level("ou-ab12-00000001", "ou", vec!["no-ec2".to_owned(), full()]),
        level("ou-ab12-00000002", "ou", vec![]),
        level(MEMBER, "account", vec![full()]),
    ];
    let found = levels(&snapshot, P, account(MEMBER), PolicyType::ServiceControl).unwrap();
    assert_eq!(shown(found), Some(expected));
    // Types that are enabled bear on accounts even where nothing is attached.
    let tags = levels(&snapshot, P, account(MEMBER), PolicyType::Tag).unwrap().unwrap();
    assert!(tags.len() == 4 && tags.iter().all(|level| level.policies.is_empty()));
}

#[test]
fn nothing_bears_on_other_accounts() {
    let snapshot = cloud(organization(&[PolicyType::ServiceControl, PolicyType::Tag]));
    let scps = |number: &str| levels(&snapshot, P, account(number), PolicyType::ServiceControl).unwrap();
    assert!(scps(OTHER).is_none() && scps(MANAGEMENT).is_none());
    // Tag policies bear on the management account, too.
    assert_eq!(levels(&snapshot, P, account(MANAGEMENT), PolicyType::Tag).unwrap().unwrap().len(), 2);
    assert!(levels(&snapshot, P, account(MEMBER), PolicyType::Backup).unwrap().is_none());
    let snapshot = cloud(Organization {
        feature_set: FeatureSet::ConsolidatedBilling,
        ..organization(&PolicyType::ALL)
    });
    assert!(levels(&snapshot, P, account(MEMBER), PolicyType::ServiceControl).unwrap().is_none());
}

/// A record that is missing is an error, and never the same as that nothing bears on the account.
#[test]
fn what_cannot_be_told_is_not_nothing() {
    let broken = |change: &dyn Fn(&mut Transaction, &Scope)| {
        let store = store_of(organization(&[PolicyType::ServiceControl]));
        let scope = Scope::global(P, account(MANAGEMENT));
        let changed = store.transact(|transaction| {
            change(transaction, &scope);
            Ok::<_, store::StoreError>(())
        });
        changed.unwrap();
        let found = levels(&store.snapshot(), P, account(MEMBER), PolicyType::ServiceControl);
        assert!(path_of(&store.snapshot(), P, account(MEMBER)).is_none_or(|_| found.is_err()));
        found.map(|levels| levels.map(|levels| levels.len())).unwrap_err()
    };
    let unit_id = || "ou-ab12-00000001".parse().unwrap();
    assert_eq!(
        broken(&|transaction, scope| {
            transaction.delete::<OrganizationalUnit>(scope, "ou-ab12-00000001");
        }),
        BrokenOrganization::NoUnit(unit_id())
    );
    assert_eq!(
        broken(&|transaction, scope| {
            transaction.delete::<Member>(scope, MEMBER);
        }),
        BrokenOrganization::NoMember(account(MEMBER))
    );
    assert_eq!(
        broken(&|transaction, scope| {
            transaction.delete::<PolicyRecord>(scope, "p-0123456789");
        }),
        BrokenOrganization::NoPolicy("p-0123456789".parse().unwrap())
    );
    assert_eq!(
        broken(&|transaction, scope| {
            transaction.delete::<Organization>(scope, "organization");
        }),
        BrokenOrganization::NoOrganization(account(MEMBER), account(MANAGEMENT))
    );
    // Another organization's root, and units in a circle.
    for parent in ["r-zz99", "ou-ab12-00000002"] {
        let moved = unit("ou-ab12-00000001", parent, Attachments::new());
        assert_eq!(
            broken(&|transaction, scope| transaction.put(scope, "ou-ab12-00000001", moved.clone())),
            BrokenOrganization::NoRoot(account(MEMBER)),
            "{parent}"
        );
    }
}

#[test]
fn an_account_finds_its_organization_and_its_place() {
    let snapshot = cloud(organization(&[]));
    for number in [MEMBER, MANAGEMENT] {
        let found = organization_of(&snapshot, P, account(number)).unwrap();
        assert_eq!(found.management, account(MANAGEMENT));
    }
    assert!(organization_of(&snapshot, P, account(OTHER)).is_none());
    let path = path_of(&snapshot, P, account(MEMBER)).unwrap();
    assert_eq!(path, "o-abcdefghij/r-ab12/ou-ab12-00000001/ou-ab12-00000002/");
    assert_eq!(path_of(&snapshot, P, account(MANAGEMENT)).unwrap(), "o-abcdefghij/r-ab12/");
    assert!(path_of(&snapshot, P, account(OTHER)).is_none());
}

#[test]
fn the_management_account_and_its_delegates_administer() {
    let snapshot = cloud(organization(&[]));
    let administers =
        |number: &str, service: &str| is_administrator_of(&snapshot, P, account(number), service);
    assert!(administers(MANAGEMENT, "ram.amazonaws.com") && administers(MEMBER, "backup.amazonaws.com"));
    assert!(!administers(MEMBER, "ram.amazonaws.com") && !administers(OTHER, "backup.amazonaws.com"));
}
