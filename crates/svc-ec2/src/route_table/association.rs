//! The associations of route tables: AssociateRouteTable, DisassociateRouteTable, ReplaceRouteTableAssociation.
//!
//! Owns that a subnet or a gateway has at most one table of its own, and a VPC exactly one main table.

use std::sync::Arc;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::RouteTableAssociationId;
use service_api::{Operations, RequestContext, ServiceError};

use super::{AssociationTarget, RouteTable, RouteTableAssociation, route, target};
use crate::state::{Edit, State};
use crate::subnet::Subnet;
use crate::{Ec2, error};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::AssociateRouteTable>(associate)
        .with::<op::DisassociateRouteTable>(disassociate)
        .with::<op::ReplaceRouteTableAssociation>(replace)
}

/// The state of an association, which is made in the moment that it is asked for.
pub(super) fn associated() -> api::RouteTableAssociationState {
    api::RouteTableAssociationState { state: Some("associated".to_owned()), ..Default::default() }
}

/// The table that has the association, and the association.
fn find(edit: &Edit<'_>, text: &str) -> Result<(Arc<RouteTable>, RouteTableAssociation), ServiceError> {
    let unknown = || {
        ServiceError::new(
            "InvalidAssociationID.NotFound",
            format!("The association ID '{text}' does not exist"),
        )
    };
    let id: RouteTableAssociationId = text.parse().map_err(|_| unknown())?;
    edit.all::<RouteTable>()
        .find_map(|table| {
            let held = table.associations.iter().find(|held| held.id == id).cloned()?;
            Some((table, held))
        })
        .ok_or_else(unknown)
}

pub(super) fn different_networks(table: &RouteTable, other: &str) -> ServiceError {
    error::invalid_value(format!("route table {} and {other} belong to different networks", table.id))
}

fn of_subnet(edit: &Edit<'_>, table: &RouteTable, text: &str) -> Result<AssociationTarget, ServiceError> {
    let subnet = edit.named::<Subnet>(text)?;
    if subnet.vpc != table.vpc {
        return Err(different_networks(table, &format!("subnet {}", subnet.id)));
    }
    Ok(AssociationTarget::Subnet(subnet.id))
}

/// Checks that a table can be what it is to be associated with: the table of a gateway is not the main one, and has no
/// routes but those inside the VPC (fact 13).
fn check_target(edit: &Edit<'_>, table: &RouteTable, target: AssociationTarget) -> Result<(), ServiceError> {
    match target {
        AssociationTarget::Subnet(_) => Ok(()),
        AssociationTarget::Main if table.has_gateway() => Err(error::invalid_value(format!(
            "Route table {} is associated with a gateway and cannot be the main route table",
            table.id
        ))),
        AssociationTarget::Main => Ok(()),
        AssociationTarget::InternetGateway(_) if table.is_main() => Err(error::invalid_value(format!(
            "The main route table {} cannot be associated with a gateway",
            table.id
        ))),
        AssociationTarget::InternetGateway(_) => route::check_for_gateway(edit, table),
    }
}

fn of_gateway(edit: &Edit<'_>, table: &RouteTable, text: &str) -> Result<AssociationTarget, ServiceError> {
    if text.starts_with("vgw-") {
        return Err(error::unsupported("Route tables of virtual private gateways are not supported."));
    }
    let gateway = target::gateway_named(edit, text)?;
    if gateway.attachment != Some(table.vpc) {
        return Err(different_networks(table, &format!("network gateway {}", gateway.id)));
    }
    Ok(AssociationTarget::InternetGateway(gateway.id))
}

fn associate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AssociateRouteTableRequest,
) -> Result<api::AssociateRouteTableResult, ServiceError> {
    if input.public_ipv4_pool.is_some() {
        return Err(error::unsupported("Route tables of public IPv4 pools are not supported."));
    }
    if input.subnet_id.is_some() && input.gateway_id.is_some() {
        return Err(error::combination("The parameter subnetId cannot be used with the parameter gatewayId"));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let mut table = RouteTable::clone(&*edit.named::<RouteTable>(&input.route_table_id)?);
        let target = match (&input.subnet_id, &input.gateway_id) {
            (Some(subnet), _) => of_subnet(edit, &table, subnet)?,
            (None, Some(gateway)) => of_gateway(edit, &table, gateway)?,
            (None, None) => return Err(error::missing_either("subnetId", "gatewayId")),
        };
        check_target(edit, &table, target)?;
        let has_target = |other: &RouteTable| other.associations.iter().any(|held| held.target == target);
        let held = table.associations.iter().find(|held| held.target == target).map(|held| held.id);
        // The same association again is no change; another table's is in the way.
        let id = match held {
            Some(id) => id,
            None if edit.all::<RouteTable>().any(|other| has_target(&other)) => {
                return Err(ServiceError::new(
                    "Resource.AlreadyAssociated",
                    format!(
                        "the specified association for route table {} conflicts with an existing association",
                        table.id
                    ),
                ));
            }
            None => {
                let id = edit.new_id();
                table.associations.push(RouteTableAssociation { id, target });
                edit.put(table);
                id
            }
        };
        Ok(api::AssociateRouteTableResult {
            association_id: Some(id.to_string()),
            association_state: Some(associated()),
        })
    })
}

fn disassociate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DisassociateRouteTableRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let (table, association) = find(edit, &input.association_id)?;
        if association.target == AssociationTarget::Main {
            return Err(error::invalid_value(format!(
                "cannot disassociate the main route table association {}",
                association.id
            )));
        }
        let mut table = RouteTable::clone(&*table);
        table.associations.retain(|held| held.id != association.id);
        edit.put(table);
        Ok(Unit)
    })
}

fn replace(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ReplaceRouteTableAssociationRequest,
) -> Result<api::ReplaceRouteTableAssociationResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let mut new = RouteTable::clone(&*edit.named::<RouteTable>(&input.route_table_id)?);
        let (old, association) = find(edit, &input.association_id)?;
        if old.vpc != new.vpc {
            return Err(different_networks(&new, &format!("network {}", old.vpc)));
        }
        let id = if old.id == new.id {
            association.id
        } else {
            check_target(edit, &new, association.target)?;
            let mut old = RouteTable::clone(&*old);
            old.associations.retain(|held| held.id != association.id);
            edit.put(old);
            let id = edit.new_id();
            new.associations.push(RouteTableAssociation { id, target: association.target });
            edit.put(new);
            id
        };
        Ok(api::ReplaceRouteTableAssociationResult {
            association_state: Some(associated()),
            new_association_id: Some(id.to_string()),
        })
    })
}
