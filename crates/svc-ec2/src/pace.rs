//! How long changes take that AWS carries out after it has answered.
//!
//! Owns the durations, AWS's and ours. A record keeps when its change is done ([`Pace::done_at`]) and tells its state from
//! that and the time of the request, so nothing has to run for a state to move. Refuses to know the states.

use aws_types::Timestamp;

use crate::state::{Edit, State};

/// How long any change takes where AWS's pace is not asked for: long enough to be seen in the answer to the request that
/// began it.
const QUICK_MILLIS: i64 = 100;

/// How long one kind of change takes on AWS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    realistic_millis: i64,
}

impl Pace {
    /// That many seconds.
    const fn seconds(seconds: i64) -> Self {
        Self { realistic_millis: seconds * 1000 }
    }

    /// When a change is done that begins now.
    pub(crate) fn done_at(self, edit: &Edit<'_>) -> Timestamp {
        self.done_after(edit, edit.now())
    }

    /// When a change is done that begins at that time.
    pub(crate) fn done_after(self, edit: &Edit<'_>, begins_at: Timestamp) -> Timestamp {
        let millis = if edit.config.realistic_timing { self.realistic_millis } else { QUICK_MILLIS };
        begins_at.plus_millis(millis)
    }
}

/// How long deleted resources are shown that AWS shows for a while.
pub(crate) const SHOWN_AFTER_DELETION_MILLIS: i64 = 3_600_000;

/// A NAT gateway becomes available, or fails.
pub(crate) const NAT_GATEWAY_CREATION: Pace = Pace::seconds(90);
/// A NAT gateway is deleted.
pub(crate) const NAT_GATEWAY_DELETION: Pace = Pace::seconds(45);
/// An address of a NAT gateway is associated or disassociated.
pub(crate) const NAT_GATEWAY_ADDRESS: Pace = Pace::seconds(30);
/// A peering connection is ready to be accepted.
pub(crate) const PEERING_REQUEST: Pace = Pace::seconds(3);
/// A peering connection becomes active, or is deleted.
pub(crate) const PEERING_CHANGE: Pace = Pace::seconds(3);
/// An endpoint becomes available or changes.
pub(crate) const ENDPOINT_CHANGE: Pace = Pace::seconds(60);
/// An endpoint is deleted.
pub(crate) const ENDPOINT_DELETION: Pace = Pace::seconds(60);
/// An endpoint service becomes available or is deleted.
pub(crate) const ENDPOINT_SERVICE_CHANGE: Pace = Pace::seconds(20);
/// A transit gateway becomes available or changes.
pub(crate) const TRANSIT_GATEWAY_CHANGE: Pace = Pace::seconds(120);
/// A transit gateway is deleted.
pub(crate) const TRANSIT_GATEWAY_DELETION: Pace = Pace::seconds(60);
/// An attachment, association or propagation of a transit gateway changes.
pub(crate) const TRANSIT_GATEWAY_ATTACHMENT: Pace = Pace::seconds(60);
/// A virtual private gateway is attached to a VPC or detached.
pub(crate) const VPN_GATEWAY_ATTACHMENT: Pace = Pace::seconds(30);
/// A VPN connection becomes available.
pub(crate) const VPN_CONNECTION_CREATION: Pace = Pace::seconds(240);
/// A VPN connection changes or is deleted.
pub(crate) const VPN_CONNECTION_CHANGE: Pace = Pace::seconds(180);
/// A static route of a VPN connection is made or deleted.
pub(crate) const VPN_CONNECTION_ROUTE: Pace = Pace::seconds(15);
/// A security group is associated with a further VPC, or no longer.
pub(crate) const SECURITY_GROUP_ASSOCIATION: Pace = Pace::seconds(5);
/// The options or exclusions of VPC Block Public Access change.
pub(crate) const BLOCK_PUBLIC_ACCESS_CHANGE: Pace = Pace::seconds(60);
/// An address range is brought, or goes: on AWS up to a week, for ranges that are not advertised minutes.
pub(crate) const BYOIP_PROVISIONING: Pace = Pace::seconds(600);
/// An address range is advertised, or no longer.
pub(crate) const BYOIP_ADVERTISEMENT: Pace = Pace::seconds(120);
/// An instance profile is associated with an instance, or no longer.
pub(crate) const INSTANCE_PROFILE_ASSOCIATION: Pace = Pace::seconds(5);
/// The status checks of an instance that has started pass.
pub(crate) const INSTANCE_STATUS_CHECK: Pace = Pace::seconds(120);
/// A network interface is detached from an instance.
pub(crate) const NETWORK_INTERFACE_DETACHMENT: Pace = Pace::seconds(5);
/// A permission on a network interface is granted or revoked.
pub(crate) const NETWORK_INTERFACE_PERMISSION: Pace = Pace::seconds(2);
/// A volume is made.
pub(crate) const VOLUME_CREATION: Pace = Pace::seconds(3);
/// A volume is deleted.
pub(crate) const VOLUME_DELETION: Pace = Pace::seconds(5);
/// A volume is attached or detached.
pub(crate) const VOLUME_ATTACHMENT: Pace = Pace::seconds(3);
/// A volume gets its new size.
pub(crate) const VOLUME_MODIFICATION: Pace = Pace::seconds(5);
/// A volume gets its new performance, once it has its new size.
pub(crate) const VOLUME_OPTIMIZATION: Pace = Pace::seconds(60);
/// A snapshot is completed.
pub(crate) const SNAPSHOT_COMPLETION: Pace = Pace::seconds(60);
