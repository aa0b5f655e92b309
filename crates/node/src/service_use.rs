//! What users and roles last called, for IAM's reports of last accessed services.
//!
//! Owns what is noted of a call, and when it is written: in memory at once, and in the state once in five minutes, with one
//! record for each user or role that called anything meanwhile. A daemon that is killed forgets the minutes before. Refuses to
//! know what reports say of it.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html>

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aws_types::{AccountId, Arn, Partition};
use gateway::{Call, Recorder};
use identities::{LastCall, Role, ServiceUses, User};
use parking_lot::Mutex;
use service_api::PrincipalKind;
use store::{Read as _, Scope, Store, StoreError, Transaction};
use svc_iam::{ServiceAccess, ServiceUse};

use crate::events::Events;
use crate::instance_credentials::IDENTITY_ROLE;

/// How often it is written.
const WRITING: Duration = Duration::from_secs(5 * 60);
/// Operations of users and roles that wait to be written; further ones are not noted until then.
const WAITING_MAX: usize = 1 << 16;

/// A user or role: its account, and its stable id.
type Principal = (AccountId, String);
/// The last call of each operation, by namespace and name.
type Calls = BTreeMap<String, BTreeMap<String, LastCall>>;

/// Notes who calls what.
pub(crate) struct ServiceUseLog {
    store: Store,
    waiting: Mutex<Waiting>,
}

/// What was called since it was last written.
#[derive(Default)]
struct Waiting {
    principals: HashMap<Principal, ServiceUses>,
    operations: usize,
}

impl ServiceUseLog {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, waiting: Mutex::default() }
    }

    /// Writes until it is told to end.
    pub(crate) async fn follow(self: Arc<Self>) {
        loop {
            tokio::time::sleep(WRITING).await;
            let me = Arc::clone(&self);
            if tokio::task::spawn_blocking(move || me.write()).await.is_err() {
                tracing::error!("writing what users and roles last called panicked");
            }
        }
    }

    /// Attempts count, whatever came of them, as on AWS. Root users and nobody are not in reports.
    fn note(&self, call: &Call) {
        let Some(service) = aws_model::service(call.model.metadata.name) else { return };
        let principal = &call.context.principal;
        let (id, arn) = match &principal.kind {
            PrincipalKind::User { .. } => (&principal.user_id, &principal.arn),
            PrincipalKind::AssumedRole { role, role_id, role_arn, .. } if role != IDENTITY_ROLE => {
                (role_id, role_arn)
            }
            PrincipalKind::AssumedRole { .. }
            | PrincipalKind::Root
            | PrincipalKind::FederatedUser { .. }
            | PrincipalKind::Anonymous => return,
        };
        let last = LastCall { at: call.context.now, region: call.context.region.clone() };
        let namespace = svc_iam::namespace(service);
        self.waiting.lock().put((principal.account, id.clone()), arn, namespace, call.operation.name, last);
    }

    /// Writes what waits. What cannot be written is tried again with the next.
    pub(crate) fn write(&self) {
        let waiting = std::mem::take(&mut *self.waiting.lock());
        if waiting.principals.is_empty() {
            return;
        }
        let written = self.store.transact(|transaction| {
            put_all(transaction, &waiting.principals);
            Ok::<_, StoreError>(())
        });
        if let Err(error) = written {
            tracing::warn!(%error, "what users and roles last called could not be written");
            let mut later = self.waiting.lock();
            for (principal, uses) in waiting.principals {
                for (namespace, calls) in uses.calls {
                    for (action, last) in calls {
                        later.put(principal.clone(), &uses.principal, &namespace, &action, last);
                    }
                }
            }
        }
    }
}

impl Waiting {
    fn put(&mut self, principal: Principal, arn: &Arn, namespace: &str, action: &str, last: LastCall) {
        let held = self.principals.get_mut(&principal).and_then(|uses| uses.calls.get_mut(namespace));
        if let Some(held) = held.and_then(|calls| calls.get_mut(action)) {
            keep_later(held, last);
            return;
        }
        if self.operations >= WAITING_MAX {
            return;
        }
        self.operations += 1;
        let none = || ServiceUses { principal: arn.clone(), calls: Calls::new() };
        let uses = self.principals.entry(principal).or_insert_with(none);
        uses.calls.entry(namespace.to_owned()).or_default().insert(action.to_owned(), last);
    }
}

fn keep_later(held: &mut LastCall, other: LastCall) {
    if other.at >= held.at {
        *held = other;
    }
}

fn merge(into: &mut Calls, from: &Calls) {
    for (namespace, calls) in from {
        let known = into.entry(namespace.clone()).or_default();
        for (action, last) in calls {
            match known.get_mut(action) {
                Some(held) => keep_later(held, last.clone()),
                None => {
                    known.insert(action.clone(), last.clone());
                }
            }
        }
    }
}

/// Adds to what is known of those who are still there, and forgets those who are not.
fn put_all(transaction: &mut Transaction, waiting: &HashMap<Principal, ServiceUses>) {
    let accounts: BTreeSet<AccountId> = waiting.keys().map(|(account, _)| *account).collect();
    for account in accounts {
        let scope = Scope::global(Partition::Aws, account);
        let users = transaction.scan::<User>(&scope).map(|(_, user)| user.id.clone());
        let mut there: BTreeSet<String> = users.collect();
        there.extend(transaction.scan::<Role>(&scope).map(|(_, role)| role.id.clone()));
        let known = transaction.scan::<ServiceUses>(&scope).map(|(id, _)| id.to_owned());
        let gone: Vec<String> = known.filter(|id| !there.contains(id)).collect();
        for id in gone {
            transaction.delete::<ServiceUses>(&scope, &id);
        }
        for ((_, id), uses) in waiting.iter().filter(|((of, id), _)| *of == account && there.contains(id)) {
            let mut uses = uses.clone();
            if let Some(known) = transaction.get::<ServiceUses>(&scope, id) {
                let newer = std::mem::replace(&mut uses.calls, known.calls.clone());
                merge(&mut uses.calls, &newer);
            }
            transaction.put(&scope, id, uses);
        }
    }
}

impl ServiceUse for ServiceUseLog {
    fn of(&self, account: AccountId) -> Vec<ServiceAccess> {
        let scope = Scope::global(Partition::Aws, account);
        let snapshot = self.store.snapshot();
        let stored = snapshot.scan::<ServiceUses>(&scope);
        let mut all: BTreeMap<String, ServiceUses> =
            stored.map(|(id, uses)| (id.to_owned(), ServiceUses::clone(&uses))).collect();
        for ((_, id), uses) in self.waiting.lock().principals.iter().filter(|((of, _), _)| *of == account) {
            match all.get_mut(id) {
                Some(known) => merge(&mut known.calls, &uses.calls),
                None => {
                    all.insert(id.clone(), uses.clone());
                }
            }
        }
        all.into_values().flat_map(accesses).collect()
    }
}

fn accesses(uses: ServiceUses) -> Vec<ServiceAccess> {
    let mut all = Vec::new();
    for (namespace, calls) in uses.calls {
        for (action, LastCall { at, region }) in calls {
            let (principal, region) = (uses.principal.clone(), region.to_string());
            all.push(ServiceAccess { principal, namespace: namespace.clone(), action, at, region });
        }
    }
    all
}

/// Both who learn of calls.
pub(crate) struct Recorders {
    pub(crate) events: Arc<Events>,
    pub(crate) uses: Arc<ServiceUseLog>,
}

impl Recorder for Recorders {
    fn record(&self, call: Call) {
        self.uses.note(&call);
        self.events.record(call);
    }
}

#[cfg(test)]
mod tests {
    use aws_model::Value;
    use aws_types::{Tags, Timestamp};
    use gateway::Outcome;
    use identities::name_key;
    use service_api::{Principal, RequestContext};
    use store::MemoryBackend;

    use super::*;
    use crate::testing::context;

    const ALICE: &str = "arn:aws:iam::123456789012:user/Alice";

    fn store_with(id: &str) -> Store {
        let store = Store::open(MemoryBackend::new()).unwrap();
        put_user(&store, id);
        store
    }

    fn put_user(store: &Store, id: &str) {
        let user = User {
            id: id.to_owned(),
            name: "Alice".to_owned(),
            path: "/".to_owned(),
            arn: ALICE.parse().unwrap(),
            created: Timestamp::default(),
            password_last_used: None,
            permissions_boundary: None,
            inline_policies: BTreeMap::new(),
            attached_policies: BTreeSet::new(),
            groups: BTreeSet::new(),
            tags: Tags::default(),
        };
        let scope = Scope::global(Partition::Aws, context().account());
        store
            .transact(|transaction| {
                transaction.put(&scope, &name_key("Alice"), user.clone());
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }

    fn call(service: &str, operation: &str, at: i64) -> Call {
        let model = aws_model::service(service).unwrap().model();
        let principal = Principal {
            kind: PrincipalKind::User { name: "Alice".to_owned() },
            arn: ALICE.parse().unwrap(),
            user_id: "AIDAALICE".to_owned(),
            ..context().principal
        };
        Call {
            context: RequestContext { now: Timestamp::from_unix_secs(at), principal, ..context() },
            model,
            operation: model.operation(operation).unwrap(),
            input: None,
            outcome: Outcome::Done(Value::Null),
            tls: None,
            host: None,
        }
    }

    fn told(log: &ServiceUseLog) -> Vec<(String, String, i64)> {
        let all = log.of(context().account()).into_iter();
        all.map(|access| (access.namespace, access.action, access.at.unix_secs())).collect()
    }

    fn row(namespace: &str, action: &str, at: i64) -> (String, String, i64) {
        (namespace.to_owned(), action.to_owned(), at)
    }

    #[test]
    fn calls_are_told_at_once_and_after_a_new_start() {
        let store = store_with("AIDAALICE");
        let log = ServiceUseLog::new(store.clone());
        log.note(&call("ec2", "DescribeVpcs", 7));
        log.note(&call("ec2", "DescribeVpcs", 9));
        log.note(&call("cloudwatch", "ListMetrics", 3));
        let expected = [row("cloudwatch", "ListMetrics", 3), row("ec2", "DescribeVpcs", 9)];
        assert_eq!(told(&log), expected);
        log.write();
        assert_eq!(told(&log), expected);
        let again = ServiceUseLog::new(store.clone());
        assert_eq!(told(&again), expected);
        again.note(&call("ec2", "DescribeVpcs", 11));
        again.note(&call("ec2", "CreateVpc", 10));
        let expected = [expected[0].clone(), row("ec2", "CreateVpc", 10), row("ec2", "DescribeVpcs", 11)];
        assert_eq!(told(&again), expected);
        again.write();
        assert_eq!(told(&ServiceUseLog::new(store)), expected);
    }

    #[test]
    fn who_is_gone_is_forgotten() {
        let store = store_with("AIDAALICE");
        let log = ServiceUseLog::new(store.clone());
        log.note(&call("ec2", "DescribeVpcs", 7));
        log.write();
        put_user(&store, "AIDAANOTHER");
        log.note(&call("ec2", "DescribeVpcs", 8));
        log.write();
        assert!(told(&log).is_empty());
    }

    #[test]
    fn root_users_are_not_noted_and_few_operations_wait() {
        let log = ServiceUseLog::new(store_with("AIDAALICE"));
        let by_root = Call { context: context(), ..call("ec2", "DescribeVpcs", 7) };
        log.note(&by_root);
        assert!(told(&log).is_empty());
        let mut waiting = Waiting::default();
        let last = LastCall { at: Timestamp::default(), region: context().region };
        for index in 0..=WAITING_MAX {
            let principal = (context().account(), index.to_string());
            waiting.put(principal, &ALICE.parse().unwrap(), "ec2", "DescribeVpcs", last.clone());
        }
        assert_eq!(waiting.principals.len(), WAITING_MAX);
    }
}
