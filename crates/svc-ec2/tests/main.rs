//! EC2 as a caller of [`service_api::Service`] sees it, on a store in memory. One module for each resource, under the
//! same stem as in `src/`. An error is always checked to have changed nothing.

#![allow(clippy::unwrap_used)]

mod cloud;
#[path = "../../store/tests/state_file/mod.rs"]
mod state_file;

mod account_attribute;
mod authorization;
mod block_public_access;
mod byoip;
mod customer_gateway;
mod default_vpc;
mod dhcp_options;
mod due;
mod egress_only_internet_gateway;
mod elastic_ip;
mod erasure;
mod filter;
mod flow_log;
mod idempotency;
mod image;
mod instance;
mod instance_change;
mod instance_credit_specification;
mod instance_filters;
mod instance_limits;
mod instance_monitoring;
mod instance_profile;
mod instance_status;
mod instance_type;
mod internet_gateway;
mod invariants;
mod key_pair;
mod launch_template;
mod nat_gateway;
mod network_acl;
mod network_insights_access_scope;
mod network_insights_analysis;
mod network_insights_path;
mod network_interface;
mod network_interface_permission;
mod network_interface_prefix;
mod old_state;
mod page;
mod placement_group;
mod prefix_list;
mod public_address;
mod public_pool;
mod quota;
mod random_request;
mod route;
mod route_table;
mod security_group;
mod security_group_vpc_association;
mod sharing;
mod snapshot;
mod state;
mod subnet;
mod subnet_cidr_reservation;
mod tag;
mod transit_gateway;
mod volume;
mod vpc;
mod vpc_endpoint;
mod vpc_endpoint_service;
mod vpc_peering_connection;
mod vpn_connection;
mod vpn_gateway;
mod zone;
