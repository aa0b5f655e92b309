//! Rules change in place: ModifySecurityGroupRules, descriptions; and DescribeSecurityGroupRules.

use std::collections::{HashMap, HashSet};

use aws_api::ec2::{self as api, operation as op};
use aws_types::SecurityGroupRuleId;
use service_api::{Operations, RequestContext, ServiceError};

use super::rule::{self, Traffic, Wanted};
use super::rules::{
    Request, check_count, duplicate, find_by_ids, no_such_permission, parse_rule_id, places, unknown_rule,
};
use super::{IpProtocol, Peer, SecurityGroup, SecurityGroupRule, peered};
use crate::filter::{Filters, flag, text};
use crate::page::Page;
use crate::state::{Edit, State};
use crate::{Ec2, error};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::ModifySecurityGroupRules>(modify)
        .with::<op::UpdateSecurityGroupRuleDescriptionsIngress>(describe_ingress)
        .with::<op::UpdateSecurityGroupRuleDescriptionsEgress>(describe_egress)
        .with::<op::DescribeSecurityGroupRules>(describe)
}

/// The traffic that a rule is changed to. It keeps its kind of peer.
fn changed(
    edit: &Edit<'_>,
    group: &SecurityGroup,
    held: &SecurityGroupRule,
    update: &api::SecurityGroupRuleRequest,
) -> Result<Traffic, ServiceError> {
    let text = update.ip_protocol.as_deref().ok_or_else(|| error::missing("IpProtocol"))?;
    let protocol = IpProtocol::parse(text)?;
    let ports = rule::ports(protocol, update.from_port, update.to_port)?;
    let peers = [
        update.cidr_ipv4.as_deref().map(rule::ipv4),
        update.cidr_ipv6.as_deref().map(rule::ipv6),
        update.prefix_list_id.as_deref().map(|id| rule::list_peer(edit, id)),
        update.referenced_group_id.clone().map(|id| {
            let pair = api::UserIdGroupPair { group_id: Some(id), ..Default::default() };
            rule::group_peer(edit, group, &pair)
        }),
    ];
    let mut peers = peers.into_iter().flatten();
    let peer = peers
        .next()
        .ok_or_else(|| error::missing("CidrIpv4, CidrIpv6, PrefixListId or ReferencedGroupId"))??;
    if peers.next().is_some() {
        return Err(error::combination(
            "Only one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId can be specified.",
        ));
    }
    let is_group = |peer: &Peer| matches!(peer, Peer::Group(_) | Peer::PeeredGroup(_));
    let is_same_kind = std::mem::discriminant(&peer) == std::mem::discriminant(&held.peer)
        || (is_group(&peer) && is_group(&held.peer));
    if !is_same_kind {
        return Err(error::invalid_value(format!(
            "Invalid rule type for security group rule '{}'. The type of its source or destination cannot be changed.",
            held.id
        )));
    }
    Ok(Traffic { protocol, ports, peer })
}

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifySecurityGroupRulesRequest,
) -> Result<api::ModifySecurityGroupRulesResult, ServiceError> {
    if input.security_group_rules.is_empty() {
        return Err(error::missing("SecurityGroupRules"));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let mut group = SecurityGroup::clone(&*edit.named::<SecurityGroup>(&input.group_id)?);
        let by_id: HashMap<SecurityGroupRuleId, usize> =
            group.rules.iter().enumerate().map(|(place, rule)| (rule.id, place)).collect();
        let (mut ingress, mut egress) = (places(&group, false), places(&group, true));
        for update in &input.security_group_rules {
            let id = parse_rule_id(&update.security_group_rule_id)?;
            let place = by_id.get(&id).copied();
            let place = place.ok_or_else(|| unknown_rule(&update.security_group_rule_id))?;
            let wanted =
                update.security_group_rule.as_ref().ok_or_else(|| error::missing("SecurityGroupRule"))?;
            rule::check_description(wanted.description.as_ref())?;
            let traffic = changed(edit, &group, &group.rules[place], wanted)?;
            let held = if group.rules[place].egress { &mut egress } else { &mut ingress };
            held.remove(&group.rules[place].traffic());
            peered::check(edit, traffic.peer)?;
            if held.insert(traffic, place).is_some() {
                return Err(duplicate(&traffic));
            }
            let held = &mut group.rules[place];
            Traffic { protocol: held.protocol, ports: held.ports, peer: held.peer } = traffic;
            held.description = wanted.description.clone().filter(|text| !text.is_empty());
        }
        // Another prefix list can count as more rules; nothing else changes how many there are.
        if input
            .security_group_rules
            .iter()
            .filter_map(|update| update.security_group_rule.as_ref())
            .any(|rule| rule.prefix_list_id.is_some())
        {
            check_count(edit, &group, false)?;
            check_count(edit, &group, true)?;
        }
        edit.put(group);
        Ok(api::ModifySecurityGroupRulesResult { r#return: Some(true) })
    })
}

fn update_descriptions(
    ec2: &Ec2,
    context: &RequestContext,
    dry_run: Option<bool>,
    request: &Request,
    by_id: Option<Vec<api::SecurityGroupRuleDescription>>,
) -> Result<(), ServiceError> {
    let by_id = by_id.filter(|list| !list.is_empty());
    if by_id.is_none() && request.permissions.as_ref().is_none_or(Vec::is_empty) {
        return Err(error::missing_either("ipPermissions", "securityGroupRuleDescriptions"));
    }
    ec2.edit(context, dry_run, |edit| {
        let mut group = request.group(edit)?;
        let updates = by_id.unwrap_or_default();
        let ids = updates.iter().map(|update| {
            rule::check_description(update.description.as_ref())?;
            update.security_group_rule_id.clone().ok_or_else(|| error::missing("SecurityGroupRuleId"))
        });
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        for (place, update) in find_by_ids(&group, request.egress, &ids)?.into_iter().zip(updates) {
            group.rules[place].description = update.description.filter(|text| !text.is_empty());
        }
        let permissions = request.permissions.as_deref().unwrap_or_default();
        let held = places(&group, request.egress);
        for Wanted { traffic, description } in rule::wanted(edit, &group, permissions)? {
            let place = *held.get(&traffic).ok_or_else(no_such_permission)?;
            group.rules[place].description = description;
        }
        edit.put(group);
        Ok(())
    })
}

/// The handler for one direction; the requests of both have their members in common and not their types.
macro_rules! handler {
    ($name:ident($request:ident) -> $result:ident, $egress:literal) => {
        fn $name(
            ec2: &Ec2,
            context: &RequestContext,
            input: api::$request,
        ) -> Result<api::$result, ServiceError> {
            let request = Request {
                egress: $egress,
                group_id: input.group_id,
                group_name: input.group_name,
                permissions: input.ip_permissions,
                ..Request::default()
            };
            let by_id = input.security_group_rule_descriptions;
            update_descriptions(ec2, context, input.dry_run, &request, by_id)?;
            Ok(api::$result { r#return: Some(true) })
        }
    };
}

handler!(
    describe_ingress(UpdateSecurityGroupRuleDescriptionsIngressRequest)
        -> UpdateSecurityGroupRuleDescriptionsIngressResult, false
);
handler!(
    describe_egress(UpdateSecurityGroupRuleDescriptionsEgressRequest)
        -> UpdateSecurityGroupRuleDescriptionsEgressResult, true
);

static FILTERS: Filters<api::SecurityGroupRule> = Filters {
    tags: Some(|rule| rule.tags.as_deref().unwrap_or_default()),
    named: &[
        ("group-id", |rule| text(&rule.group_id)),
        ("is-egress", |rule| flag(rule.is_egress)),
        ("security-group-rule-id", |rule| text(&rule.security_group_rule_id)),
    ],
    absent: &[],
};

/// The owner of a shared VPC sees the rules of participants' groups in it; a participant sees those of its own alone.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-share-limitations.html>
fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeSecurityGroupRulesRequest,
) -> Result<api::DescribeSecurityGroupRulesResult, ServiceError> {
    let view = ec2.view(context);
    let ids = input.security_group_rule_ids.filter(|ids| !ids.is_empty());
    let wanted: Option<HashSet<_>> =
        ids.map(|ids| ids.iter().map(|id| parse_rule_id(id)).collect::<Result<_, _>>()).transpose()?;
    let mut rules = Vec::new();
    for group in view.all_seen::<SecurityGroup>(None)? {
        for (place, held) in group.resource.rules.iter().enumerate() {
            if wanted.as_ref().is_none_or(|ids| ids.contains(&held.id)) {
                rules.push((held.id, group.clone(), place));
            }
        }
    }
    if let Some(mut unknown) = wanted {
        rules.iter().for_each(|(held, ..)| _ = unknown.remove(held));
        if let Some(one) = unknown.iter().min() {
            return Err(unknown_rule(&one.to_string()));
        }
    }
    rules.sort_by_key(|(id, ..)| *id);
    let rules = rules.iter().map(|(_, group, place)| (group, &group.resource.rules[*place]));
    let wanted = FILTERS.wanted(input.filters.as_ref())?;
    let page = Page::new("DescribeSecurityGroupRules", input.max_results, input.next_token.as_ref());
    let (rules, next_token) = page.cut_while_shown(
        rules,
        |(_, held)| held.id.to_string(),
        |(group, held)| {
            wanted.may_match(&held.tags, |name| (name == "group-id").then(|| group.resource.id.to_string()))
        },
        &wanted,
        |(group, held)| rule::shown(&view.of_owner(group.owner), &group.resource, held),
    )?;
    ec2.answer(
        input.dry_run,
        api::DescribeSecurityGroupRulesResult { next_token, security_group_rules: Some(rules) },
    )
}
