//! Prefix lists, which are no objects: what refers to one has its blocks. Refuses to know which of them count.

use store::{Read as _, Scope};
use svc_ec2::record as ec2;

use super::View;
use super::stale::{Source, Stale};
use crate::shareable;

impl Source for ec2::PrefixList {
    /// What refers to the list, of its owner's and of those that it is shared with.
    fn add_dependents(
        view: &View<'_>,
        scope: &Scope,
        before: Option<&Self>,
        after: Option<&Self>,
        stale: &mut Stale,
    ) {
        let Some(list) = before.or(after).map(|list| list.id) else { return };
        if before.map(|list| &list.entries) == after.map(|list| &list.entries) {
            return;
        }
        for scope in shareable::scopes(view.snapshot, scope) {
            for (_, group) in view.snapshot.scan::<ec2::SecurityGroup>(&scope) {
                if group.has_prefix_list(list) {
                    stale.add(&scope, group.id);
                }
            }
            for (_, table) in view.snapshot.scan::<ec2::RouteTable>(&scope) {
                if table.has_prefix_list(list) {
                    stale.add(&scope, table.id);
                }
            }
            for (_, table) in view.snapshot.scan::<ec2::TransitGatewayRouteTable>(&scope) {
                if table.has_prefix_list(list) {
                    stale.add(&scope, table.id);
                }
            }
        }
    }
}
