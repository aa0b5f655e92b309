//! Rules as the path of a packet reads them.
//!
//! Owns the compiled forms of security groups, network ACLs and route tables. Refuses to know which interface or subnet
//! uses one, and everything about connections.
//!
//! Rules are classified by bit vectors (Lakshman and Stiliadis, 1998): each dimension of a packet is cut into the
//! intervals between the bounds of all rules, each interval holds one bit per rule that covers it, and the rules that
//! match a packet are the AND of one row per dimension. A lookup is a binary search per dimension, whatever the rules.

mod acl;
mod axis;
mod classifier;
mod policy;
mod routes;
mod transit;

pub(crate) use acl::Acl;
pub(crate) use classifier::Probe;
pub(crate) use policy::{Admitted, Policy, Rules};
pub(crate) use routes::{Blocks, Routes};
pub(crate) use transit::{TransitRoute, TransitRoutes};
