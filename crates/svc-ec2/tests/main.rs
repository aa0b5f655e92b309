//! EC2 as a caller of [`service_api::Service`] sees it, on a store in memory. One module for each resource, under the
//! same stem as in `src/`. An error is always checked to have changed nothing.

#![allow(clippy::unwrap_used)]

mod cloud;

mod account_attribute;
mod block_public_access;
mod default_vpc;
mod dhcp_options;
mod egress_only_internet_gateway;
mod elastic_ip;
mod filter;
mod idempotency;
mod image;
mod instance;
mod instance_change;
mod instance_filters;
mod instance_type;
mod internet_gateway;
mod invariants;
mod key_pair;
mod network_acl;
mod network_interface;
mod network_interface_permission;
mod prefix_list;
mod quota;
mod route;
mod route_table;
mod security_group;
mod security_group_vpc_association;
mod state;
mod subnet;
mod subnet_cidr_reservation;
mod tag;
mod vpc;
mod zone;
