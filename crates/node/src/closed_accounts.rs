//! What becomes of accounts that were closed and not opened again in time: what they had is removed.
//!
//! Owns when that is done, in which order and in how large steps. Each step is one transaction and may be done again, so that
//! a daemon that ends in between goes on at its next start. Refuses to know how accounts are closed, what is out of reach
//! meanwhile (the projection and the reconciler of instances do), and what of EC2's concerns others ([`Ec2::erase`]).
//!
//! ```text
//!  closed 90 days ago ──> Gone: no way back, no keys, no organization
//!                           ├──> buckets, with all that is in them
//!                           └──> EC2's part of each region: instances end on the host, what others have together with it ends
//!                                  └──> all records go, but for the account's own: its number is never given again
//! ```
//!
//! <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-closing.html>

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_types::{AccountId, Partition, Timestamp};
use identities::{Account, StateError, end_account};
use organization::{leave, organization_of};
use resource_shares::forget_account;
use service_api::ServiceError;
use store::{Read as _, Record as _, RecordKind, Scope, Store, StoreError};
use svc_ec2::{Ec2, Erasure};
use svc_s3::S3;

use crate::{now, record_kinds};

/// How often it is looked.
const SWEEPING: Duration = Duration::from_secs(60);

/// How many records go at once.
const MOST_AT_ONCE: usize = 500;

/// The kinds of services whose records others look at: they stay where others still have something.
const SHARED: [&str; 2] = ["ec2.", "ram."];

/// Why a step could not be done.
#[derive(Debug, thiserror::Error)]
enum ErasureError {
    #[error("the state: {0}")]
    Store(#[from] StoreError),
    #[error("EC2: {0}")]
    Ec2(#[from] ServiceError),
    #[error("S3: {0}")]
    S3(String),
    #[error("the account: {0}")]
    Account(#[from] StateError),
}

/// Removes what accounts had that are closed for good.
pub(crate) struct ClosedAccounts {
    store: Store,
    ec2: Arc<Ec2>,
    s3: Arc<S3>,
}

impl ClosedAccounts {
    pub(crate) fn new(store: Store, ec2: Arc<Ec2>, s3: Arc<S3>) -> Self {
        Self { store, ec2, s3 }
    }

    /// Looks at once, and then again and again until it is told to end.
    pub(crate) async fn follow(self: Arc<Self>) {
        loop {
            let me = Arc::clone(&self);
            if tokio::task::spawn_blocking(move || me.sweep(now())).await.is_err() {
                tracing::error!("removing what closed accounts had panicked");
            }
            tokio::time::sleep(SWEEPING).await;
        }
    }

    /// Goes on with every account that is closed for good. What cannot be done now is done by a later sweep.
    pub(crate) fn sweep(&self, now: Timestamp) {
        let snapshot = self.store.snapshot();
        let gone: Vec<(Partition, AccountId)> = snapshot
            .scan_all::<Account>()
            .filter(|(_, _, account)| account.is_gone(now))
            .map(|(scope, _, account)| (scope.partition, account.id))
            .collect();
        for (partition, account) in gone {
            if let Err(error) = self.erase(partition, account, now) {
                tracing::error!(%account, %error, "what a closed account had is not all removed; it is tried again");
            }
        }
    }

    fn erase(&self, partition: Partition, account: AccountId, now: Timestamp) -> Result<(), ErasureError> {
        self.store.transact(|transaction| {
            end_account(transaction, partition, account, now)?;
            if let Some(organization) = organization_of(transaction, partition, account) {
                leave(transaction, partition, &organization, account);
            }
            Ok::<_, ErasureError>(())
        })?;
        let buckets = self.s3.erase(partition, account).map_err(ErasureError::S3)?;
        if buckets > 0 {
            tracing::info!(%account, buckets, "buckets of an account that is closed for good are removed");
        }
        let scopes = self.store.snapshot().scopes_of(partition, account);
        let waiting = self.erase_of_ec2(&scopes, now)?;
        if waiting.is_empty() {
            self.store.transact(|transaction| {
                forget_account(transaction, partition, account);
                Ok::<_, StoreError>(())
            })?;
        }
        let removed = self.remove_records(&scopes, &waiting)?;
        if removed > 0 {
            tracing::info!(%account, removed, "records of an account that is closed for good are removed");
        }
        Ok(())
    }

    /// Goes as far as can be gone now. Returns the scopes in which something has to happen first.
    fn erase_of_ec2(
        &self,
        scopes: &BTreeSet<Scope>,
        now: Timestamp,
    ) -> Result<BTreeSet<Scope>, ErasureError> {
        let mut waiting = BTreeSet::new();
        for scope in scopes {
            loop {
                match self.ec2.erase(scope, now)? {
                    Erasure::Going => {}
                    Erasure::Waiting => {
                        waiting.insert(scope.clone());
                        break;
                    }
                    Erasure::Ready => break,
                }
            }
        }
        Ok(waiting)
    }

    /// Removes all records of these scopes but the account's own, and those that others look at where that has to wait.
    /// Records of kinds that this build does not know stay.
    fn remove_records(
        &self,
        scopes: &BTreeSet<Scope>,
        waiting: &BTreeSet<Scope>,
    ) -> Result<usize, StoreError> {
        let kinds: Vec<RecordKind> = record_kinds().filter(|kind| kind.name() != Account::KIND).collect();
        let stays = |scope: &Scope, kind: &RecordKind| {
            waiting.contains(scope) && SHARED.iter().any(|service| kind.name().starts_with(service))
        };
        let mut removed = 0;
        loop {
            let batch = self.store.transact(|transaction| {
                let mut left = MOST_AT_ONCE;
                for scope in scopes {
                    for kind in kinds.iter().filter(|kind| !stays(scope, kind)) {
                        left -= kind.remove(transaction, scope, left);
                    }
                }
                Ok::<_, StoreError>(MOST_AT_ONCE - left)
            })?;
            removed += batch;
            if batch < MOST_AT_ONCE {
                return Ok(removed);
            }
        }
    }
}

#[cfg(test)]
mod tests;
