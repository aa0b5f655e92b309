//! Which network ACL guards which subnet: ReplaceNetworkAclAssociation.
//!
//! Owns the record of associations, apart from the ACLs, so that a new subnet does not write the ACL of all its siblings
//! again. Refuses to know what an ACL lets through.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/network-acl-associate-subnet.html>

use std::collections::HashMap;
use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{NetworkAclAssociationId, NetworkAclId, SubnetId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read as _, Record, RecordKind, Store, StoreError};

use super::{NetworkAcl, default_of};
use crate::state::{Edit, State};
use crate::subnet::Subnet;
use crate::{Ec2, error};

/// The association of an ACL with a subnet. Every subnet has exactly one, stored under the subnet's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkAclAssociation {
    /// Its id.
    pub id: NetworkAclAssociationId,
    /// The ACL.
    pub acl: NetworkAclId,
    /// The subnet.
    pub subnet: SubnetId,
}

impl Record for NetworkAclAssociation {
    const KIND: &'static str = "ec2.network-acl-association";
}

/// An association as older builds wrote it, inside of the ACL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OldAssociation {
    id: NetworkAclAssociationId,
    subnet: SubnetId,
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<NetworkAclAssociation>()];

/// Gives the associations that older builds wrote inside of ACLs their own records, and writes all such ACLs as today's.
///
/// # Errors
/// A failed commit.
pub(crate) fn upgrade_records(store: &Store) -> Result<(), StoreError> {
    store.transact(|transaction| {
        let old: Vec<_> = transaction
            .scan_all::<NetworkAcl>()
            .filter(|(_, _, acl)| acl.old_associations.is_some())
            .map(|(scope, _, acl)| (scope.clone(), acl))
            .collect();
        for (scope, acl) in old {
            let mut acl = Arc::unwrap_or_clone(acl);
            for OldAssociation { id, subnet } in acl.old_associations.take().into_iter().flatten() {
                let association = NetworkAclAssociation { id, acl: acl.id, subnet };
                transaction.put(&scope, &subnet.to_string(), association);
            }
            transaction.put(&scope, &acl.id.to_string(), acl);
        }
        Ok(())
    })
}

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::ReplaceNetworkAclAssociation>(replace)
}

fn all<S: State>(state: &S) -> impl Iterator<Item = Arc<NetworkAclAssociation>> + '_ {
    state.reader().scan::<NetworkAclAssociation>(state.scope()).map(|(_, association)| association)
}

/// Those of one ACL.
pub(super) fn of(state: &impl State, acl: NetworkAclId) -> Vec<Arc<NetworkAclAssociation>> {
    all(state).filter(|held| held.acl == acl).collect()
}

/// Associations by their ACLs.
pub(super) type ByAcl = HashMap<NetworkAclId, Vec<Arc<NetworkAclAssociation>>>;

/// Those of every ACL.
pub(super) fn by_acl(state: &impl State) -> ByAcl {
    let mut by_acl = ByAcl::new();
    for association in all(state) {
        by_acl.entry(association.acl).or_default().push(association);
    }
    by_acl
}

/// Whether an ACL guards a subnet.
pub(crate) fn is_any(state: &impl State, acl: NetworkAclId) -> bool {
    all(state).any(|held| held.acl == acl)
}

fn put(edit: &mut Edit<'_>, acl: NetworkAclId, subnet: SubnetId) -> NetworkAclAssociationId {
    let id = edit.new_id();
    edit.put_record(&subnet.to_string(), NetworkAclAssociation { id, acl, subnet });
    id
}

/// Puts a new subnet under the VPC's default ACL.
pub(crate) fn associate_with_default(edit: &mut Edit<'_>, subnet: &Subnet) {
    let acl = default_of(edit, subnet.vpc).id;
    put(edit, acl, subnet.id);
}

/// Ends the association of a subnet that is deleted.
pub(crate) fn forget_subnet(edit: &mut Edit<'_>, subnet: SubnetId) {
    edit.remove_record::<NetworkAclAssociation>(&subnet.to_string());
}

fn replace(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ReplaceNetworkAclAssociationRequest,
) -> Result<api::ReplaceNetworkAclAssociationResult, ServiceError> {
    let text = &input.association_id;
    let unknown = || {
        ServiceError::new(
            "InvalidAssociationID.NotFound",
            format!("The association ID '{text}' does not exist"),
        )
    };
    ec2.edit(context, input.dry_run, |edit| {
        let new = edit.named::<NetworkAcl>(&input.network_acl_id)?;
        let id: NetworkAclAssociationId = text.parse().map_err(|_| unknown())?;
        let held = all(edit).find(|held| held.id == id).ok_or_else(unknown)?;
        let old = edit.held::<NetworkAcl>(held.acl)?;
        if old.vpc != new.vpc {
            let message =
                format!("network acl {} and network {} belong to different networks", new.id, old.vpc);
            return Err(error::invalid_value(message));
        }
        let id = if old.id == new.id { id } else { put(edit, new.id, held.subnet) };
        Ok(api::ReplaceNetworkAclAssociationResult { new_association_id: Some(id.to_string()) })
    })
}

#[cfg(test)]
mod tests {
    use store::{MemoryBackend, Scope, Transaction};

    use super::*;

    /// An ACL as older builds wrote it.
    #[derive(Serialize, Deserialize)]
    struct OldAcl {
        id: NetworkAclId,
        vpc: aws_types::VpcId,
        is_default: bool,
        entries: Vec<super::super::NetworkAclEntry>,
        associations: Vec<OldAssociation>,
        tags: aws_types::Tags,
    }

    impl Record for OldAcl {
        const KIND: &'static str = NetworkAcl::KIND;
    }

    #[test]
    fn associations_of_an_older_build_get_their_own_records() {
        let backend = MemoryBackend::new();
        let account = "123456789012".parse().unwrap();
        let scope = Scope::new(aws_types::Partition::Aws, account, "us-east-1".parse().unwrap());
        let id: NetworkAclId = "acl-0123456789abcdef0".parse().unwrap();
        let unused: NetworkAclId = "acl-0123456789abcdef1".parse().unwrap();
        let subnet: SubnetId = "subnet-0123456789abcdef0".parse().unwrap();
        let association: NetworkAclAssociationId = "aclassoc-0123456789abcdef0".parse().unwrap();
        let old = |id, associations| OldAcl {
            id,
            vpc: "vpc-0123456789abcdef0".parse().unwrap(),
            is_default: true,
            entries: Vec::new(),
            associations,
            tags: aws_types::Tags::default(),
        };
        let put = |transaction: &mut Transaction| {
            let held = vec![OldAssociation { id: association, subnet }];
            transaction.put(&scope, &id.to_string(), old(id, held));
            transaction.put(&scope, &unused.to_string(), old(unused, Vec::new()));
            Ok::<_, StoreError>(())
        };
        Store::open(backend.clone()).unwrap().transact(put).unwrap();
        let store = Store::open(backend.clone()).unwrap();
        upgrade_records(&store).unwrap();
        let upgraded = store.snapshot();
        let held = upgraded.get::<NetworkAclAssociation>(&scope, &subnet.to_string()).unwrap();
        assert_eq!(*held, NetworkAclAssociation { id: association, acl: id, subnet });
        assert_eq!(upgraded.scan::<NetworkAcl>(&scope).count(), 2);
        assert!(upgraded.scan::<NetworkAcl>(&scope).all(|(_, acl)| acl.old_associations.is_none()));
        // Once is enough.
        upgrade_records(&store).unwrap();
        assert_eq!(store.snapshot().revision(), upgraded.revision());
        // An older build would take the ACLs for ones that guard nothing: it refuses each of them.
        drop(store);
        let error = Store::open(backend).unwrap().check::<OldAcl>().unwrap_err().to_string();
        assert!(error.contains("version 2"), "{error}");
    }
}
