//! Permissions on interfaces: CreateNetworkInterfacePermission, DeleteNetworkInterfacePermission,
//! DescribeNetworkInterfacePermissions.
//!
//! Owns the record. Refuses to grant anything: no other account can reach an interface yet.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkInterfacePermission.html>

use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, NetworkInterfaceId, NetworkInterfacePermissionId, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::RecordKind;

use super::{NetworkInterface, check_requester};
use crate::filter::{Filters, text};
use crate::page::Page;
use crate::state::{Edit, Naming, State, not_found, resource};
use crate::{Ec2, error, pace};

/// What another account may do with an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InterfacePermission {
    /// Attach it to an instance.
    InstanceAttach,
    /// Associate an elastic IP address with it.
    EipAssociate,
}

impl InterfacePermission {
    /// As answers print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InstanceAttach => "INSTANCE-ATTACH",
            Self::EipAssociate => "EIP-ASSOCIATE",
        }
    }
}

/// What one account may do with an interface of another.
///
/// ```text
/// PENDING ──> GRANTED ──delete──> REVOKING ──> not shown
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkInterfacePermission {
    /// Its id.
    pub id: NetworkInterfacePermissionId,
    /// The interface.
    pub interface: NetworkInterfaceId,
    /// The account that may.
    pub account: AccountId,
    /// What it may do.
    pub permission: InterfacePermission,
    /// From when on it is granted.
    pub granted_at: Timestamp,
    /// From when on it is revoked, once it is deleted.
    pub revoked_at: Option<Timestamp>,
    /// Always empty: AWS has no tags for permissions.
    pub tags: Tags,
}

resource!(
    NetworkInterfacePermission,
    NetworkInterfacePermissionId,
    "ec2.network-interface-permission",
    Naming {
        resource_type: "network-interface-permission",
        noun: "networkInterfacePermission",
        not_found: "InvalidPermissionID.NotFound",
        malformed: "InvalidPermissionID.Malformed",
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.revoked_at
    }
);

impl NetworkInterfacePermission {
    /// The state at that time.
    pub fn state(&self, now: Timestamp) -> &'static str {
        match self.revoked_at {
            Some(_) => "REVOKING",
            None if now < self.granted_at => "PENDING",
            None => "GRANTED",
        }
    }
}

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateNetworkInterfacePermission>(create)
        .with::<op::DeleteNetworkInterfacePermission>(delete)
        .with::<op::DescribeNetworkInterfacePermissions>(describe)
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<NetworkInterfacePermission>()];

/// Removes the permissions on an interface that is deleted.
pub(super) fn forget(edit: &mut Edit<'_>, interface: NetworkInterfaceId) {
    let all: Vec<_> = edit
        .all::<NetworkInterfacePermission>()
        .filter(|held| held.interface == interface)
        .map(|held| held.id)
        .collect();
    for id in all {
        edit.remove::<NetworkInterfacePermission>(id);
    }
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateNetworkInterfacePermissionRequest,
) -> Result<api::CreateNetworkInterfacePermissionResult, ServiceError> {
    if input.aws_service.is_some() {
        return Err(error::unsupported("Permissions of AWS services are not supported."));
    }
    let text = input.aws_account_id.as_deref().ok_or_else(|| error::missing("awsAccountId"))?;
    let account: AccountId = text
        .parse()
        .map_err(|_| error::invalid_value_for(text, "awsAccountId", "An account ID has 12 digits."))?;
    let permission = match input.permission.as_str() {
        "INSTANCE-ATTACH" => InterfacePermission::InstanceAttach,
        "EIP-ASSOCIATE" => InterfacePermission::EipAssociate,
        other => {
            let why = "It must be INSTANCE-ATTACH or EIP-ASSOCIATE.";
            return Err(error::invalid_value_for(other, "permission", why));
        }
    };
    ec2.edit(context, input.dry_run, |edit| {
        let interface = edit.named::<NetworkInterface>(&input.network_interface_id)?;
        check_requester(&interface)?;
        let is_same = |held: &NetworkInterfacePermission| {
            (held.interface, held.account, held.permission, held.revoked_at)
                == (interface.id, account, permission, None)
        };
        if let Some(held) = edit.all::<NetworkInterfacePermission>().find(|held| is_same(held)) {
            return Err(error::invalid_value(format!(
                "The account {account} has the permission {} on '{}' already: '{}'.",
                permission.as_str(),
                interface.id,
                held.id
            )));
        }
        let made = NetworkInterfacePermission {
            id: edit.new_id(),
            interface: interface.id,
            account,
            permission,
            granted_at: pace::NETWORK_INTERFACE_PERMISSION.done_at(edit),
            revoked_at: None,
            tags: Tags::default(),
        };
        edit.put(made.clone());
        Ok(api::CreateNetworkInterfacePermissionResult { interface_permission: Some(shown(edit, &made)) })
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteNetworkInterfacePermissionRequest,
) -> Result<api::DeleteNetworkInterfacePermissionResult, ServiceError> {
    let text = &input.network_interface_permission_id;
    ec2.edit(context, input.dry_run, |edit| {
        let mut held = NetworkInterfacePermission::clone(&*edit.named::<NetworkInterfacePermission>(text)?);
        if held.revoked_at.is_some() {
            return Err(not_found::<NetworkInterfacePermission>(text));
        }
        // Instances of other accounts cannot have the interface, so that the owner's are all that can.
        let is_used = held.permission == InterfacePermission::InstanceAttach
            && held.account == edit.account()
            && edit
                .find::<NetworkInterface>(held.interface)
                .is_some_and(|interface| interface.attachment.is_some());
        if is_used && input.force != Some(true) {
            return Err(error::not_permitted(format!(
                "The account {} has attached the network interface '{}'.",
                held.account, held.interface
            )));
        }
        held.revoked_at = Some(pace::NETWORK_INTERFACE_PERMISSION.done_at(edit));
        edit.put(held);
        Ok(api::DeleteNetworkInterfacePermissionResult { r#return: Some(true) })
    })
}

fn shown(state: &impl State, held: &NetworkInterfacePermission) -> api::NetworkInterfacePermission {
    api::NetworkInterfacePermission {
        aws_account_id: Some(held.account.to_string()),
        network_interface_id: Some(held.interface.to_string()),
        network_interface_permission_id: Some(held.id.to_string()),
        permission: Some(held.permission.as_str().to_owned()),
        permission_state: Some(api::NetworkInterfacePermissionState {
            state: Some(held.state(state.now()).to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

static FILTERS: Filters<api::NetworkInterfacePermission> = Filters {
    tags: None,
    named: &[
        ("network-interface-permission.aws-account-id", |held| text(&held.aws_account_id)),
        ("network-interface-permission.network-interface-id", |held| text(&held.network_interface_id)),
        ("network-interface-permission.network-interface-permission-id", |held| {
            text(&held.network_interface_permission_id)
        }),
        ("network-interface-permission.permission", |held| text(&held.permission)),
    ],
    absent: &["network-interface-permission.aws-service"],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeNetworkInterfacePermissionsRequest,
) -> Result<api::DescribeNetworkInterfacePermissionsResult, ServiceError> {
    let view = ec2.view(context);
    let ids = input.network_interface_permission_ids.as_ref();
    let page = Page::within(
        "DescribeNetworkInterfacePermissions",
        input.max_results,
        input.next_token.as_ref(),
        (5, 255),
    );
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (permissions, next_token) =
        page.of(&view, ids, wanted, |held: &NetworkInterfacePermission| shown(&view, held))?;
    Ok(api::DescribeNetworkInterfacePermissionsResult {
        network_interface_permissions: Some(permissions),
        next_token,
    })
}
