//! Accounts: what one has is out of reach while it is closed. Refuses to know how accounts are closed, and what becomes of
//! what they have afterwards.

use identities::Account;
use store::{Read as _, Scope};
use svc_ec2::record as ec2;

use super::View;
use super::stale::{Source, Stale};

impl Source for Account {
    /// Its interfaces and transit gateways, and the interfaces that others have in its subnets.
    fn add_dependents(
        view: &View<'_>,
        scope: &Scope,
        before: Option<&Self>,
        after: Option<&Self>,
        stale: &mut Stale,
    ) {
        let is_open = |held: Option<&Self>| held.is_none_or(Self::is_active);
        if is_open(before) == is_open(after) {
            return;
        }
        for (place, _, interface) in view.snapshot.scan_all::<ec2::NetworkInterface>() {
            let in_its_subnet = || {
                let its = Scope::new(place.partition, scope.account, place.region.clone());
                view.get::<ec2::Subnet>(&its, interface.subnet).is_some()
            };
            if place.account == scope.account || in_its_subnet() {
                stale.add(place, interface.id);
            }
        }
        let gateways = view.snapshot.scan_all::<ec2::TransitGateway>();
        gateways
            .filter(|(place, _, _)| place.account == scope.account)
            .for_each(|(place, _, gateway)| stale.add(place, gateway.id));
    }
}

/// Whether an interface is out of reach: its account is closed, or that of its subnet's owner.
pub(super) fn is_closed(view: &View<'_>, scope: &Scope, interface: &ec2::NetworkInterface) -> bool {
    if !view.is_open(scope) {
        return true;
    }
    let subnet = interface.subnet.to_string();
    !view.snapshot.contains::<ec2::Subnet>(scope, &subnet)
        && crate::shareable::anyones::<ec2::Subnet>(view.snapshot, scope, &subnet)
            .is_some_and(|(owner, _)| !view.is_open(&owner))
}
