//! Rules come and go: authorize and revoke, both ways, and the tags of rules.
//!
//! Owns how requests find rules. Refuses to know their form; that is [`super::rule`]'s. What changes a rule in place is
//! in [`super::rule_change`].

use aws_api::ec2::{self as api, operation as op};
use aws_types::{SecurityGroupRuleId, Tags};
use service_api::{Operations, RequestContext, ServiceError};

use super::rule::{self, Traffic, Wanted};
use super::{Peer, SecurityGroup, SecurityGroupRule, by_id_or_name};
use crate::quota::RULES_PER_SECURITY_GROUP;
use crate::state::{Edit, State};
use crate::vpc::Vpc;
use crate::{Config, Ec2, error, tag};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::AuthorizeSecurityGroupIngress>(authorize_ingress)
        .with::<op::AuthorizeSecurityGroupEgress>(authorize_egress)
        .with::<op::RevokeSecurityGroupIngress>(revoke_ingress)
        .with::<op::RevokeSecurityGroupEgress>(revoke_egress)
}

pub(super) fn unknown_rule(id: &str) -> ServiceError {
    ServiceError::new(
        "InvalidSecurityGroupRuleId.NotFound",
        format!("The security group rule ID '{id}' does not exist"),
    )
}

pub(super) fn parse_rule_id(text: &str) -> Result<SecurityGroupRuleId, ServiceError> {
    text.parse().map_err(|error: aws_types::ParseIdError| {
        ServiceError::new("InvalidSecurityGroupRuleId.Malformed", error.to_string())
    })
}

pub(super) fn no_such_permission() -> ServiceError {
    ServiceError::new(
        "InvalidPermission.NotFound",
        "The specified rule does not exist in this security group.",
    )
}

/// Changes the tags of a rule.
///
/// # Errors
/// An id that names no rule, or tags that are not allowed.
pub(crate) fn retag_rule(
    edit: &mut Edit<'_>,
    text: &str,
    change: &dyn Fn(&mut Tags) -> Result<(), ServiceError>,
) -> Result<(), ServiceError> {
    let id = parse_rule_id(text)?;
    let holder = edit.all::<SecurityGroup>().find(|group| group.rules.iter().any(|rule| rule.id == id));
    let mut group = SecurityGroup::clone(&*holder.ok_or_else(|| unknown_rule(text))?);
    let rule = group.rules.iter_mut().find(|rule| rule.id == id).ok_or_else(|| unknown_rule(text))?;
    change(&mut rule.tags)?;
    edit.put(group);
    Ok(())
}

/// What the four operations that name traffic have in common.
#[derive(Default)]
pub(super) struct Request {
    pub(super) egress: bool,
    pub(super) group_id: Option<String>,
    pub(super) group_name: Option<String>,
    pub(super) permissions: Option<Vec<api::IpPermission>>,
    /// The parameters of a single rule, which some operations take in place of permissions.
    pub(super) protocol: Option<String>,
    pub(super) from_port: Option<i32>,
    pub(super) to_port: Option<i32>,
    pub(super) cidr: Option<String>,
    pub(super) source_name: Option<String>,
    pub(super) source_owner: Option<String>,
}

impl Request {
    fn has_single(&self) -> bool {
        self.protocol.is_some() || self.cidr.is_some() || self.source_name.is_some()
    }

    /// The permissions, or the single rule as permissions.
    fn permissions(&self) -> Result<Vec<api::IpPermission>, ServiceError> {
        let listed = self.permissions.as_ref().filter(|permissions| !permissions.is_empty());
        match (listed, self.has_single()) {
            (Some(_), true) => Err(error::combination(
                "The parameter ipPermissions cannot be used with the parameters of a single rule",
            )),
            (Some(listed), false) => Ok(listed.clone()),
            (None, false) => Err(error::missing("ipPermissions")),
            (None, true) => Ok(self.single()),
        }
    }

    fn single(&self) -> Vec<api::IpPermission> {
        let one = |protocol: &str, from_port, to_port| api::IpPermission {
            from_port,
            ip_protocol: Some(protocol.to_owned()),
            ip_ranges: self
                .cidr
                .clone()
                .map(|cidr| vec![api::IpRange { cidr_ip: Some(cidr), description: None }]),
            to_port,
            user_id_group_pairs: self.source_name.clone().map(|name| {
                vec![api::UserIdGroupPair {
                    group_name: Some(name),
                    user_id: self.source_owner.clone(),
                    ..Default::default()
                }]
            }),
            ..Default::default()
        };
        match &self.protocol {
            Some(protocol) => vec![one(protocol, self.from_port, self.to_port)],
            // A source group alone stands for all TCP, UDP and ICMP from it.
            None if self.source_name.is_some() => {
                vec![
                    one("tcp", Some(0), Some(65_535)),
                    one("udp", Some(0), Some(65_535)),
                    one("icmp", None, None),
                ]
            }
            None => vec![one("-1", None, None)],
        }
    }

    pub(super) fn group(&self, state: &impl State) -> Result<SecurityGroup, ServiceError> {
        by_id_or_name(state, self.group_id.as_deref(), self.group_name.as_deref())
            .map(std::sync::Arc::unwrap_or_clone)
    }
}

/// Rules are counted for IPv4 and for IPv6 each, and one that names a group counts for both.
fn check_quota(config: &Config, group: &SecurityGroup, egress: bool) -> Result<(), ServiceError> {
    let rules = || group.rules.iter().filter(|rule| rule.egress == egress);
    let v4 = rules().filter(|rule| !matches!(rule.peer, Peer::Ipv6(_))).count();
    let v6 = rules().filter(|rule| !matches!(rule.peer, Peer::Ipv4(_))).count();
    RULES_PER_SECURITY_GROUP.check(config, v4.max(v6))
}

fn authorize(
    ec2: &Ec2,
    context: &RequestContext,
    dry_run: Option<bool>,
    request: &Request,
    tags: Option<&Vec<api::TagSpecification>>,
) -> Result<Vec<api::SecurityGroupRule>, ServiceError> {
    let tags = tag::specified(tags, "security-group-rule")?;
    let permissions = request.permissions()?;
    ec2.edit(context, dry_run, |edit| {
        let mut group = request.group(edit)?;
        let mut added = Vec::new();
        for Wanted { traffic, description } in rule::wanted(edit, &group, &permissions)? {
            let held =
                group.rules.iter().find(|held| held.egress == request.egress && held.traffic() == traffic);
            if held.is_some() {
                return Err(ServiceError::new(
                    "InvalidPermission.Duplicate",
                    format!("the specified rule \"{traffic}\" already exists"),
                ));
            }
            let Traffic { protocol, ports, peer } = traffic;
            let rule = SecurityGroupRule {
                id: edit.new_id(),
                egress: request.egress,
                protocol,
                ports,
                peer,
                description,
                tags: tags.clone(),
            };
            added.push(rule::shown(edit, &group, &rule));
            group.rules.push(rule);
        }
        check_quota(edit.config, &group, request.egress)?;
        edit.put(group);
        Ok(added)
    })
}

fn authorize_ingress(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AuthorizeSecurityGroupIngressRequest,
) -> Result<api::AuthorizeSecurityGroupIngressResult, ServiceError> {
    let request = Request {
        egress: false,
        group_id: input.group_id,
        group_name: input.group_name,
        permissions: input.ip_permissions,
        protocol: input.ip_protocol,
        from_port: input.from_port,
        to_port: input.to_port,
        cidr: input.cidr_ip,
        source_name: input.source_security_group_name,
        source_owner: input.source_security_group_owner_id,
    };
    let rules = authorize(ec2, context, input.dry_run, &request, input.tag_specifications.as_ref())?;
    Ok(api::AuthorizeSecurityGroupIngressResult { r#return: Some(true), security_group_rules: Some(rules) })
}

fn authorize_egress(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AuthorizeSecurityGroupEgressRequest,
) -> Result<api::AuthorizeSecurityGroupEgressResult, ServiceError> {
    let request = Request {
        egress: true,
        group_id: Some(input.group_id),
        permissions: input.ip_permissions,
        protocol: input.ip_protocol,
        from_port: input.from_port,
        to_port: input.to_port,
        cidr: input.cidr_ip,
        source_name: input.source_security_group_name,
        source_owner: input.source_security_group_owner_id,
        ..Request::default()
    };
    let rules = authorize(ec2, context, input.dry_run, &request, input.tag_specifications.as_ref())?;
    Ok(api::AuthorizeSecurityGroupEgressResult { r#return: Some(true), security_group_rules: Some(rules) })
}

/// What a revocation did.
struct Revoked {
    rules: Vec<api::RevokedSecurityGroupRule>,
    unknown: Option<Vec<api::IpPermission>>,
}

fn revoked(group: &SecurityGroup, rule: &SecurityGroupRule) -> api::RevokedSecurityGroupRule {
    let (from, to) = rule.ports.unwrap_or((-1, -1));
    let mut shown = api::RevokedSecurityGroupRule {
        description: rule.description.clone(),
        from_port: Some(from),
        group_id: Some(group.id.to_string()),
        ip_protocol: Some(rule.protocol.to_string()),
        is_egress: Some(rule.egress),
        security_group_rule_id: Some(rule.id.to_string()),
        to_port: Some(to),
        ..Default::default()
    };
    match rule.peer {
        Peer::Ipv4(block) => shown.cidr_ipv4 = Some(block.to_string()),
        Peer::Ipv6(block) => shown.cidr_ipv6 = Some(block.to_string()),
        Peer::Group(group) => shown.referenced_group_id = Some(group.to_string()),
    }
    shown
}

/// Finds the rules that a request names by id, all in one direction.
pub(super) fn find_by_ids(
    group: &SecurityGroup,
    egress: bool,
    ids: &[String],
) -> Result<Vec<usize>, ServiceError> {
    let find = |text: &String| {
        let id = parse_rule_id(text)?;
        let place = group.rules.iter().position(|rule| rule.id == id && rule.egress == egress);
        place.ok_or_else(|| unknown_rule(text))
    };
    ids.iter().map(find).collect()
}

fn revoke(
    ec2: &Ec2,
    context: &RequestContext,
    dry_run: Option<bool>,
    request: &Request,
    rule_ids: Option<Vec<String>>,
) -> Result<Revoked, ServiceError> {
    let rule_ids = rule_ids.filter(|ids| !ids.is_empty());
    let has_permissions =
        request.permissions.as_ref().is_some_and(|list| !list.is_empty()) || request.has_single();
    if rule_ids.is_none() && !has_permissions {
        return Err(error::missing_either("ipPermissions", "securityGroupRuleIds"));
    }
    if rule_ids.is_some() && has_permissions {
        return Err(error::combination(
            "Only one of 'ipPermissions' and 'securityGroupRuleIds' can be provided.",
        ));
    }
    ec2.edit(context, dry_run, |edit| {
        let mut group = request.group(edit)?;
        let mut unknown = Vec::new();
        let mut places = match &rule_ids {
            Some(ids) => find_by_ids(&group, request.egress, ids)?,
            None => {
                let mut places = Vec::new();
                for permission in request.permissions()? {
                    for wanted in rule::wanted(edit, &group, std::slice::from_ref(&permission))? {
                        let is_it = |held: &SecurityGroupRule| {
                            held.egress == request.egress && held.traffic() == wanted.traffic
                        };
                        match group.rules.iter().position(is_it) {
                            Some(place) => places.push(place),
                            None => unknown.push(permission.clone()),
                        }
                    }
                }
                places
            }
        };
        // In the default VPC a rule that is not there is reported and no error.
        let is_default = edit.find::<Vpc>(group.vpc).is_some_and(|vpc| vpc.is_default);
        if !unknown.is_empty() && !is_default {
            return Err(no_such_permission());
        }
        places.sort_unstable();
        places.dedup();
        let rules = places.iter().map(|place| revoked(&group, &group.rules[*place])).collect();
        for place in places.into_iter().rev() {
            group.rules.remove(place);
        }
        edit.put(group);
        Ok(Revoked { rules, unknown: Some(unknown).filter(|list| !list.is_empty()) })
    })
}

fn revoke_ingress(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::RevokeSecurityGroupIngressRequest,
) -> Result<api::RevokeSecurityGroupIngressResult, ServiceError> {
    let request = Request {
        egress: false,
        group_id: input.group_id,
        group_name: input.group_name,
        permissions: input.ip_permissions,
        protocol: input.ip_protocol,
        from_port: input.from_port,
        to_port: input.to_port,
        cidr: input.cidr_ip,
        source_name: input.source_security_group_name,
        source_owner: input.source_security_group_owner_id,
    };
    let done = revoke(ec2, context, input.dry_run, &request, input.security_group_rule_ids)?;
    Ok(api::RevokeSecurityGroupIngressResult {
        r#return: Some(true),
        revoked_security_group_rules: Some(done.rules),
        unknown_ip_permissions: done.unknown,
    })
}

fn revoke_egress(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::RevokeSecurityGroupEgressRequest,
) -> Result<api::RevokeSecurityGroupEgressResult, ServiceError> {
    let request = Request {
        egress: true,
        group_id: Some(input.group_id),
        permissions: input.ip_permissions,
        protocol: input.ip_protocol,
        from_port: input.from_port,
        to_port: input.to_port,
        cidr: input.cidr_ip,
        source_name: input.source_security_group_name,
        source_owner: input.source_security_group_owner_id,
        ..Request::default()
    };
    let done = revoke(ec2, context, input.dry_run, &request, input.security_group_rule_ids)?;
    Ok(api::RevokeSecurityGroupEgressResult {
        r#return: Some(true),
        revoked_security_group_rules: Some(done.rules),
        unknown_ip_permissions: done.unknown,
    })
}
