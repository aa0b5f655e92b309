//! Who an access key stands for.
//!
//! Owns the look-up of keys for each request, whether whoever they are of is still there, and when they were last used.
//! Refuses to know what they may do, and whether a signature is right.
//!
//! What is used is kept in memory and written at most once a minute, so that no request waits for the disk.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_types::{AccountId, Arn, Partition, Region, Timestamp};
use gateway::{Claim, Credential, Credentials};
use identities::{
    AccessKey, AccessKeyOwner, AccessKeyStatus, AccessKeyUse, Account, Role, RoleUse, User, cloud_scope,
    name_key,
};
use parking_lot::Mutex;
use service_api::{Principal, PrincipalKind, Session};
use session_tokens::{TokenError, Tokens};
use sigv4::SignatureError;
use store::{Read, Record, Scope, Store, StoreError, Transaction};

use crate::instance_credentials::IDENTITY_ROLE;

/// How often the uses are written.
const WRITING: Duration = Duration::from_secs(60);
/// Keys and roles whose uses wait to be written; further ones are not kept until then.
const USES_MAX: usize = 1 << 16;
/// The signing name of the service that sessions without a device do not get into.
const IAM: &str = "iam";

/// Looks keys up in the store, so that a key added by one command is known to the next request.
pub(crate) struct StoredCredentials {
    store: Store,
    tokens: Tokens,
    uses: Mutex<Uses>,
}

/// What was used since it was last written.
#[derive(Default)]
struct Uses {
    keys: HashMap<String, AccessKeyUse>,
    /// By account and stable id, with the role's name.
    roles: HashMap<(AccountId, String), (String, RoleUse)>,
}

impl StoredCredentials {
    /// Those of a cloud, whose session tokens are sealed by `tokens`.
    pub(crate) fn new(store: Store, tokens: Tokens) -> Self {
        Self { store, tokens, uses: Mutex::default() }
    }

    /// Writes the uses until it is told to end.
    pub(crate) async fn follow(self: Arc<Self>) {
        loop {
            tokio::time::sleep(WRITING).await;
            let me = Arc::clone(&self);
            if tokio::task::spawn_blocking(move || me.write_uses()).await.is_err() {
                tracing::error!("writing when access keys were last used panicked");
            }
        }
    }

    /// Writes the uses. Those that cannot be written are tried again with the next ones.
    pub(crate) fn write_uses(&self) {
        let uses = std::mem::take(&mut *self.uses.lock());
        if uses.keys.is_empty() && uses.roles.is_empty() {
            return;
        }
        if let Err(error) = self.store.transact(|transaction| {
            put_uses(transaction, &uses);
            Ok::<_, StoreError>(())
        }) {
            tracing::warn!(%error, "when access keys were last used could not be written");
            let mut later = self.uses.lock();
            for (key, used) in uses.keys {
                later.keys.entry(key).or_insert(used);
            }
            for (role, used) in uses.roles {
                later.roles.entry(role).or_insert(used);
            }
        }
    }

    fn lasting(&self, access_key_id: &str) -> Result<Credential, SignatureError> {
        let snapshot = self.store.snapshot();
        let key = snapshot.get::<AccessKey>(&cloud_scope(Partition::Aws), access_key_id);
        let key = key.filter(|key| key.status == AccessKeyStatus::Active);
        let key = key.ok_or(SignatureError::UnknownKey)?;
        check_account(&snapshot, key.account)?;
        let principal = match &key.owner {
            AccessKeyOwner::Root => Principal::root(Partition::Aws, key.account, access_key_id),
            AccessKeyOwner::User { id, name } => {
                let user = user(&snapshot, key.account, name).filter(|user| user.id == *id);
                let user = user.ok_or(SignatureError::UnknownKey)?;
                Principal {
                    account: key.account,
                    kind: PrincipalKind::User { name: user.name.clone() },
                    arn: user.arn.clone(),
                    user_id: user.id.clone(),
                    access_key_id: access_key_id.to_owned(),
                    session: None,
                }
            }
        };
        Ok(Credential { secret: key.secret.clone(), principal })
    }

    fn temporary(&self, claim: &Claim<'_>, token: &str) -> Result<Credential, SignatureError> {
        let opened = self.tokens.open(claim.access_key_id, token, claim.now);
        let (secret, principal) = opened.map_err(|error| match error {
            TokenError::Invalid => SignatureError::BadToken,
            TokenError::Expired => SignatureError::ExpiredToken,
        })?;
        let snapshot = self.store.snapshot();
        check_account(&snapshot, principal.account)?;
        if !is_there(&snapshot, &principal) {
            return Err(SignatureError::BadToken);
        }
        if claim.service == IAM && !gets_into_iam(&principal) {
            return Err(SignatureError::UnknownKey);
        }
        Ok(Credential { secret, principal })
    }
}

impl Credentials for StoredCredentials {
    fn lookup(&self, claim: &Claim<'_>) -> Result<Credential, SignatureError> {
        match claim.session_token {
            None => self.lasting(claim.access_key_id),
            Some(token) => self.temporary(claim, token),
        }
    }

    fn used(&self, principal: &Principal, region: &Region, service: &str, now: Timestamp) {
        let mut uses = self.uses.lock();
        match (&principal.kind, &principal.session) {
            (PrincipalKind::AssumedRole { role, role_id, .. }, _) => {
                let used = RoleUse { at: now, region: region.clone() };
                put_bounded(&mut uses.roles, (principal.account, role_id.clone()), (role.clone(), used));
            }
            (_, None) => {
                let used = AccessKeyUse { at: now, region: region.clone(), service: service.to_owned() };
                put_bounded(&mut uses.keys, principal.access_key_id.clone(), used);
            }
            (_, Some(_)) => {}
        }
    }
}

fn put_bounded<K: Eq + std::hash::Hash, V>(uses: &mut HashMap<K, V>, of: K, used: V) {
    if uses.len() < USES_MAX || uses.contains_key(&of) {
        uses.insert(of, used);
    }
}

/// Writes the uses of what is still there.
fn put_uses(transaction: &mut Transaction, uses: &Uses) {
    let cloud = cloud_scope(Partition::Aws);
    for (id, used) in &uses.keys {
        if transaction.contains::<AccessKey>(&cloud, id) {
            transaction.put(&cloud, id, used.clone());
        }
    }
    for ((account, id), (name, used)) in &uses.roles {
        let scope = Scope::global(Partition::Aws, *account);
        if transaction.get::<Role>(&scope, &name_key(name)).is_some_and(|role| role.id == *id) {
            transaction.put(&scope, id, used.clone());
        }
    }
}

fn check_account(reader: &impl Read, account: AccountId) -> Result<(), SignatureError> {
    let found = of_account::<Account>(reader, account, &account.to_string());
    match found {
        Some(found) if found.is_active() => Ok(()),
        Some(_) => Err(SignatureError::AccountClosed),
        None => Err(SignatureError::UnknownKey),
    }
}

fn user(reader: &impl Read, account: AccountId, name: &str) -> Option<Arc<User>> {
    of_account(reader, account, &name_key(name))
}

fn of_account<R: Record>(reader: &impl Read, account: AccountId, id: &str) -> Option<Arc<R>> {
    reader.get(&Scope::global(Partition::Aws, account), id)
}

/// Whether the user or role of a session is there, and not another one of the same name.
fn is_there(reader: &impl Read, principal: &Principal) -> bool {
    let account = principal.account;
    match &principal.kind {
        PrincipalKind::Root => true,
        PrincipalKind::User { name } => {
            user(reader, account, name).is_some_and(|user| user.id == principal.user_id)
        }
        PrincipalKind::AssumedRole { role, .. } if role == IDENTITY_ROLE => true,
        PrincipalKind::AssumedRole { role, role_id, .. } => {
            of_account::<Role>(reader, account, &name_key(role)).is_some_and(|role| role.id == *role_id)
        }
        PrincipalKind::FederatedUser { by, by_id, .. } => {
            is_root(by) || user_of_arn(reader, account, by).is_some_and(|user| user.id == *by_id)
        }
        PrincipalKind::Anonymous => false,
    }
}

fn is_root(arn: &Arn) -> bool {
    arn.resource() == "root"
}

fn user_of_arn(reader: &impl Read, account: AccountId, arn: &Arn) -> Option<Arc<User>> {
    let (_, name) = arn.resource().rsplit_once('/')?;
    user(reader, account, name).filter(|user| user.arn == *arn)
}

/// Sessions of GetSessionToken call no operation of IAM unless a device proved the user's presence, and those of
/// GetFederationToken none at all. Those of AssumeRoot, which alone of a root user's have a policy, do.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_sts-comparison.html>
fn gets_into_iam(principal: &Principal) -> bool {
    match &principal.kind {
        PrincipalKind::Root | PrincipalKind::User { .. } => {
            let gets_in = |session: &Session| {
                session.mfa_authenticated == Some(true) || !session.policy_arns.is_empty()
            };
            principal.session.as_deref().is_none_or(gets_in)
        }
        PrincipalKind::AssumedRole { .. } => true,
        PrincipalKind::FederatedUser { .. } | PrincipalKind::Anonymous => false,
    }
}

#[cfg(test)]
mod tests;
