//! Public addresses of Amazon's pool, which instances get without an allocation.
//!
//! Owns when an interface has one. Which addresses are free is in [`crate::elastic_ip::pool`]. Refuses to know how a
//! packet gets a public address.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-ip-addressing.html#vpc-public-ipv4-addresses>

use std::net::Ipv4Addr;

use aws_types::NetworkInterfaceId;
use serde::{Deserialize, Serialize};
use service_api::ServiceError;

use super::NetworkInterface;
use crate::elastic_ip::{Associated, pool};
use crate::error;
use crate::instance::Instance;
use crate::instance::lifecycle::InstanceState;
use crate::state::{Edit, State};

/// A public address that an interface has for its primary private one while its instance runs.
///
/// ```text
/// off <──attribute──> wanted ──launch, start, end of an elastic IP address──> held
///                       ^ └──────stop, termination, elastic IP address <──────┘
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AssignedAddress {
    /// It gets none.
    #[default]
    Off,
    /// It gets one, and has none now.
    Wanted,
    /// It has this one, which no other interface or allocation has.
    Held(Ipv4Addr),
}

impl AssignedAddress {
    /// As long as nobody has taken one: whether it is to be.
    pub(crate) fn wanted(is_wanted: bool) -> Self {
        if is_wanted { Self::Wanted } else { Self::Off }
    }

    /// The address that it has now.
    pub fn held(self) -> Option<Ipv4Addr> {
        match self {
            Self::Held(address) => Some(address),
            Self::Off | Self::Wanted => None,
        }
    }
}

/// Takes an address for an interface that wants one, whatever it hangs on; the caller writes it.
///
/// # Errors
/// `InsufficientAddressCapacity`.
pub(crate) fn take(edit: &mut Edit<'_>, interface: &mut NetworkInterface) -> Result<(), ServiceError> {
    if interface.assigned_address == AssignedAddress::Wanted {
        let address = pool::take_any(edit).ok_or_else(error::no_free_address)?;
        interface.assigned_address = AssignedAddress::Held(address);
    }
    Ok(())
}

/// Gives back the address that an interface has; the caller writes it.
pub(crate) fn give_back(edit: &mut Edit<'_>, interface: &mut NetworkInterface) {
    if let AssignedAddress::Held(address) = interface.assigned_address {
        pool::give_back_assigned(edit, address);
        interface.assigned_address = AssignedAddress::Wanted;
    }
}

/// The instance of which an interface is the primary one.
fn primary_of(edit: &Edit<'_>, interface: &NetworkInterface) -> Option<Instance> {
    let attachment = interface.attachment.as_ref().filter(|held| held.device_index == 0)?;
    edit.find::<Instance>(attachment.instance).map(std::sync::Arc::unwrap_or_clone)
}

/// Whether an interface can keep the address that it has.
fn keeps(edit: &Edit<'_>, interface: &NetworkInterface) -> bool {
    let is_on = primary_of(edit, interface).is_some_and(|instance| match instance.state {
        // The guest may still have something to say while it shuts down.
        InstanceState::Pending
        | InstanceState::Running
        | InstanceState::Stopping
        | InstanceState::ShuttingDown => true,
        InstanceState::Stopped | InstanceState::Terminated => false,
    });
    let associated = Associated::of(edit);
    let mut elastic = associated.with(interface.id).iter();
    is_on && !elastic.any(|held| held.stands_for(interface.id, interface.primary_address()))
}

/// Whether an interface that has no address gets one: not with further interfaces on the instance, nor with an elastic IP
/// address for any of its private ones.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html#concepts-public-addresses>
fn gains(edit: &Edit<'_>, interface: &NetworkInterface) -> bool {
    let is_on = primary_of(edit, interface).is_some_and(|instance| {
        instance.interfaces.len() == 1
            && matches!(instance.state, InstanceState::Pending | InstanceState::Running)
    });
    is_on && Associated::of(edit).with(interface.id).is_empty()
}

/// Gives an interface the address that it is to have now, or takes back the one that it is not to have any more.
///
/// # Errors
/// `InsufficientAddressCapacity`. Nothing has changed then.
pub(crate) fn settle(edit: &mut Edit<'_>, id: NetworkInterfaceId) -> Result<(), ServiceError> {
    let Some(interface) = edit.find::<NetworkInterface>(id) else { return Ok(()) };
    let mut interface = std::sync::Arc::unwrap_or_clone(interface);
    match interface.assigned_address {
        AssignedAddress::Wanted if gains(edit, &interface) => take(edit, &mut interface)?,
        AssignedAddress::Held(_) if !keeps(edit, &interface) => give_back(edit, &mut interface),
        AssignedAddress::Off | AssignedAddress::Wanted | AssignedAddress::Held(_) => return Ok(()),
    }
    edit.put(interface);
    Ok(())
}
