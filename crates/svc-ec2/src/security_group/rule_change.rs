//! Rules change in place: ModifySecurityGroupRules, descriptions; and DescribeSecurityGroupRules.

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::rule::{self, Traffic, Wanted};
use super::rules::{Request, find_by_ids, no_such_permission, parse_rule_id, unknown_rule};
use super::{IpProtocol, SecurityGroup, SecurityGroupRule};
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
    if update.prefix_list_id.is_some() {
        return Err(error::unsupported("Prefix lists in security group rules are not supported."));
    }
    let peers = [
        update.cidr_ipv4.as_deref().map(rule::ipv4),
        update.cidr_ipv6.as_deref().map(rule::ipv6),
        update.referenced_group_id.clone().map(|id| {
            let pair = api::UserIdGroupPair { group_id: Some(id), ..Default::default() };
            rule::group_peer(edit, group, &pair)
        }),
    ];
    let mut peers = peers.into_iter().flatten();
    let peer = peers.next().ok_or_else(|| error::missing("CidrIpv4, CidrIpv6 or ReferencedGroupId"))??;
    if peers.next().is_some() {
        return Err(error::combination(
            "Only one of CidrIpv4, CidrIpv6 and ReferencedGroupId can be specified.",
        ));
    }
    if std::mem::discriminant(&peer) != std::mem::discriminant(&held.peer) {
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
        for update in &input.security_group_rules {
            let id = parse_rule_id(&update.security_group_rule_id)?;
            let place = group.rules.iter().position(|held| held.id == id);
            let place = place.ok_or_else(|| unknown_rule(&update.security_group_rule_id))?;
            let wanted =
                update.security_group_rule.as_ref().ok_or_else(|| error::missing("SecurityGroupRule"))?;
            rule::check_description(wanted.description.as_ref())?;
            let traffic = changed(edit, &group, &group.rules[place], wanted)?;
            let egress = group.rules[place].egress;
            if group
                .rules
                .iter()
                .any(|other| other.id != id && other.egress == egress && other.traffic() == traffic)
            {
                return Err(ServiceError::new(
                    "InvalidPermission.Duplicate",
                    format!("the specified rule \"{traffic}\" already exists"),
                ));
            }
            let held = &mut group.rules[place];
            Traffic { protocol: held.protocol, ports: held.ports, peer: held.peer } = traffic;
            held.description = wanted.description.clone().filter(|text| !text.is_empty());
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
        for update in by_id.iter().flatten() {
            rule::check_description(update.description.as_ref())?;
            let text =
                update.security_group_rule_id.clone().ok_or_else(|| error::missing("SecurityGroupRuleId"))?;
            for place in find_by_ids(&group, request.egress, &[text])? {
                group.rules[place].description = update.description.clone().filter(|text| !text.is_empty());
            }
        }
        let permissions = request.permissions.as_deref().unwrap_or_default();
        for Wanted { traffic, description } in rule::wanted(edit, &group, permissions)? {
            let held = group
                .rules
                .iter_mut()
                .find(|held| held.egress == request.egress && held.traffic() == traffic);
            held.ok_or_else(no_such_permission)?.description = description;
        }
        edit.put(group);
        Ok(())
    })
}

fn describe_ingress(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::UpdateSecurityGroupRuleDescriptionsIngressRequest,
) -> Result<api::UpdateSecurityGroupRuleDescriptionsIngressResult, ServiceError> {
    let request = Request {
        egress: false,
        group_id: input.group_id,
        group_name: input.group_name,
        permissions: input.ip_permissions,
        ..Request::default()
    };
    update_descriptions(ec2, context, input.dry_run, &request, input.security_group_rule_descriptions)?;
    Ok(api::UpdateSecurityGroupRuleDescriptionsIngressResult { r#return: Some(true) })
}

fn describe_egress(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::UpdateSecurityGroupRuleDescriptionsEgressRequest,
) -> Result<api::UpdateSecurityGroupRuleDescriptionsEgressResult, ServiceError> {
    let request = Request {
        egress: true,
        group_id: input.group_id,
        group_name: input.group_name,
        permissions: input.ip_permissions,
        ..Request::default()
    };
    update_descriptions(ec2, context, input.dry_run, &request, input.security_group_rule_descriptions)?;
    Ok(api::UpdateSecurityGroupRuleDescriptionsEgressResult { r#return: Some(true) })
}

static FILTERS: Filters<api::SecurityGroupRule> = Filters {
    tags: Some(|rule| rule.tags.as_deref().unwrap_or_default()),
    named: &[
        ("group-id", |rule| text(&rule.group_id)),
        ("is-egress", |rule| flag(rule.is_egress)),
        ("security-group-rule-id", |rule| text(&rule.security_group_rule_id)),
    ],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeSecurityGroupRulesRequest,
) -> Result<api::DescribeSecurityGroupRulesResult, ServiceError> {
    let view = ec2.view(context);
    let ids = input.security_group_rule_ids.filter(|ids| !ids.is_empty());
    let wanted =
        ids.map(|ids| ids.iter().map(|id| parse_rule_id(id)).collect::<Result<Vec<_>, _>>()).transpose()?;
    let mut rules = Vec::new();
    for group in view.all::<SecurityGroup>() {
        for held in &group.rules {
            if wanted.as_ref().is_none_or(|ids| ids.contains(&held.id)) {
                rules.push((held.id, rule::shown(&view, &group, held)));
            }
        }
    }
    if let Some(unknown) = wanted.iter().flatten().find(|id| !rules.iter().any(|(held, _)| held == *id)) {
        return Err(unknown_rule(&unknown.to_string()));
    }
    rules.sort_by_key(|(id, _)| *id);
    let mut rules: Vec<_> = rules.into_iter().map(|(_, rule)| rule).collect();
    FILTERS.apply(&mut rules, input.filters.as_ref())?;
    let page = Page::new("DescribeSecurityGroupRules", input.max_results, input.next_token.as_ref());
    let (rules, next_token) =
        page.cut(rules, |rule| rule.security_group_rule_id.as_deref().unwrap_or_default())?;
    ec2.answer(
        input.dry_run,
        api::DescribeSecurityGroupRulesResult { next_token, security_group_rules: Some(rules) },
    )
}
