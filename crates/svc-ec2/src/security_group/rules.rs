//! Rules come and go: authorize and revoke, both ways, and the tags of rules.
//!
//! Owns how requests find rules. Refuses to know their form; that is [`super::rule`]'s. What changes a rule in place is
//! in [`super::rule_change`].

use std::collections::HashMap;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{SecurityGroupRuleId, Tags};
use service_api::{Operations, RequestContext, ServiceError};

use super::rule::{self, Traffic, Wanted};
use super::{Peer, SecurityGroup, SecurityGroupRule, by_id_or_name, peered};
use crate::prefix_list::{AddressFamily, Listed};
use crate::quota::{MOST_RULES_PER_SECURITY_GROUP, RULES_PER_SECURITY_GROUP};
use crate::state::{Edit, State};
use crate::vpc::Vpc;
use crate::{Ec2, error, sharing, tag};

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
    let has_rule = |group: &SecurityGroup| group.rules.iter().any(|rule| rule.id == id);
    let Some(holder) = edit.all::<SecurityGroup>().find(|group| has_rule(group)) else {
        let is_seen = edit.others_seen::<SecurityGroup>().iter().any(|held| has_rule(&held.resource));
        return Err(if is_seen { sharing::not_owned::<SecurityGroup>() } else { unknown_rule(text) });
    };
    let mut group = SecurityGroup::clone(&holder);
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

/// How many rules there are for each family. One that names a group counts for both, one that names a prefix list counts
/// as often as the list can have entries.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups>
#[derive(Clone, Copy, Default)]
struct Counts {
    v4: usize,
    v6: usize,
}

impl Counts {
    /// Of what a request asks for, at least: prefix lists are not looked up.
    fn wanted(permissions: &[api::IpPermission]) -> Self {
        let count = |length: fn(&api::IpPermission) -> Option<usize>| {
            permissions.iter().filter_map(length).sum::<usize>()
        };
        let groups = count(|permission| permission.user_id_group_pairs.as_ref().map(Vec::len));
        Self {
            v4: groups + count(|permission| permission.ip_ranges.as_ref().map(Vec::len)),
            v6: groups + count(|permission| permission.ipv6_ranges.as_ref().map(Vec::len)),
        }
    }

    /// Of what a group has in one direction.
    fn held(state: &impl State, group: &SecurityGroup, egress: bool) -> Self {
        let mut counts = Self::default();
        for rule in group.rules.iter().filter(|rule| rule.egress == egress) {
            let (v4, v6) = match rule.peer {
                Peer::Ipv4(_) => (1, 0),
                Peer::Ipv6(_) => (0, 1),
                Peer::Group(_) | Peer::PeeredGroup(_) => (1, 1),
                Peer::PrefixList(id) => Listed::find(state, id).map_or((0, 0), |list| match list.family() {
                    AddressFamily::Ipv4 => (list.weight(), 0),
                    AddressFamily::Ipv6 => (0, list.weight()),
                }),
            };
            counts.v4 += v4;
            counts.v6 += v6;
        }
        counts
    }

    /// Checks that a group can have so many in one direction.
    ///
    /// # Errors
    /// `RulesPerSecurityGroupLimitExceeded`.
    fn check(self, edit: &Edit<'_>) -> Result<(), ServiceError> {
        let count = self.v4.max(self.v6);
        if count > MOST_RULES_PER_SECURITY_GROUP {
            return Err(RULES_PER_SECURITY_GROUP.exceeded());
        }
        RULES_PER_SECURITY_GROUP.check(edit, count)
    }
}

/// Checks that a group can have the rules that it has in one direction.
///
/// # Errors
/// `RulesPerSecurityGroupLimitExceeded`.
pub(super) fn check_count(edit: &Edit<'_>, group: &SecurityGroup, egress: bool) -> Result<(), ServiceError> {
    Counts::held(edit, group, egress).check(edit)
}

/// Where the rules of one direction are, by the traffic that they allow.
pub(super) fn places(group: &SecurityGroup, egress: bool) -> HashMap<Traffic, usize> {
    let rules = group.rules.iter().enumerate().filter(|(_, rule)| rule.egress == egress);
    rules.map(|(place, rule)| (rule.traffic(), place)).collect()
}

pub(super) fn duplicate(traffic: &Traffic) -> ServiceError {
    ServiceError::new(
        "InvalidPermission.Duplicate",
        format!("the specified rule \"{traffic}\" already exists"),
    )
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
        // What no group could hold is refused before anything is looked up for it.
        Counts::wanted(&permissions).check(edit)?;
        let wanted = rule::wanted(edit, &group, &permissions)?;
        let held = places(&group, request.egress);
        if let Some(twice) = wanted.iter().find(|wanted| held.contains_key(&wanted.traffic)) {
            return Err(duplicate(&twice.traffic));
        }
        let mut added = Vec::with_capacity(wanted.len());
        for Wanted { traffic: Traffic { protocol, ports, peer }, description } in wanted {
            peered::check(edit, peer)?;
            if let Peer::PrefixList(list) = peer {
                rule::list_peer(edit, &list.to_string())?;
            }
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
        check_count(edit, &group, request.egress)?;
        edit.put(group);
        Ok(added)
    })
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
        Peer::PeeredGroup(peered) => shown.referenced_group_id = Some(peered.group.to_string()),
        Peer::PrefixList(list) => shown.prefix_list_id = Some(list.to_string()),
    }
    shown
}

/// Finds the rules that a request names by id, all in one direction.
pub(super) fn find_by_ids(
    group: &SecurityGroup,
    egress: bool,
    ids: &[String],
) -> Result<Vec<usize>, ServiceError> {
    let rules = group.rules.iter().enumerate().filter(|(_, rule)| rule.egress == egress);
    let places: HashMap<SecurityGroupRuleId, usize> = rules.map(|(place, rule)| (rule.id, place)).collect();
    let find = |text: &String| places.get(&parse_rule_id(text)?).copied().ok_or_else(|| unknown_rule(text));
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
        let mut revoked_places = match &rule_ids {
            Some(ids) => find_by_ids(&group, request.egress, ids)?,
            None => {
                let held = places(&group, request.egress);
                let mut found = Vec::new();
                for permission in request.permissions()? {
                    for wanted in rule::wanted(edit, &group, std::slice::from_ref(&permission))? {
                        match held.get(&wanted.traffic) {
                            Some(place) => found.push(*place),
                            None => unknown.push(permission.clone()),
                        }
                    }
                }
                found
            }
        };
        // In the default VPC a rule that is not there is reported and no error.
        let is_default = edit.find::<Vpc>(group.vpc).is_some_and(|vpc| vpc.is_default);
        if !unknown.is_empty() && !is_default {
            return Err(no_such_permission());
        }
        revoked_places.sort_unstable();
        revoked_places.dedup();
        let rules = revoked_places.iter().map(|place| revoked(&group, &group.rules[*place])).collect();
        for place in revoked_places.into_iter().rev() {
            group.rules.remove(place);
        }
        edit.put(group);
        Ok(Revoked { rules, unknown: Some(unknown).filter(|list| !list.is_empty()) })
    })
}

/// The handlers of one direction. The requests and results of both have their members in common and not their types;
/// those for egress do not name a group by its name.
macro_rules! handlers {
    (
        $egress:literal, group: |$input:ident| ($group_id:expr, $group_name:expr),
        $authorize:ident($authorize_request:ident) -> $authorize_result:ident,
        $revoke:ident($revoke_request:ident) -> $revoke_result:ident,
    ) => {
        fn $authorize(
            ec2: &Ec2,
            context: &RequestContext,
            $input: api::$authorize_request,
        ) -> Result<api::$authorize_result, ServiceError> {
            let (dry_run, tags) = ($input.dry_run, $input.tag_specifications.clone());
            let request = handlers!(@ $egress, $input, $group_id, $group_name);
            let rules = authorize(ec2, context, dry_run, &request, tags.as_ref())?;
            Ok(api::$authorize_result { r#return: Some(true), security_group_rules: Some(rules) })
        }

        fn $revoke(
            ec2: &Ec2,
            context: &RequestContext,
            $input: api::$revoke_request,
        ) -> Result<api::$revoke_result, ServiceError> {
            let (dry_run, ids) = ($input.dry_run, $input.security_group_rule_ids.clone());
            let request = handlers!(@ $egress, $input, $group_id, $group_name);
            let done = revoke(ec2, context, dry_run, &request, ids)?;
            Ok(api::$revoke_result {
                r#return: Some(true),
                revoked_security_group_rules: Some(done.rules),
                unknown_ip_permissions: done.unknown,
            })
        }
    };
    (@ $egress:literal, $input:ident, $group_id:expr, $group_name:expr) => {
        Request {
            egress: $egress,
            group_id: $group_id,
            group_name: $group_name,
            permissions: $input.ip_permissions,
            protocol: $input.ip_protocol,
            from_port: $input.from_port,
            to_port: $input.to_port,
            cidr: $input.cidr_ip,
            source_name: $input.source_security_group_name,
            source_owner: $input.source_security_group_owner_id,
        }
    };
}

handlers! {
    false, group: |input| (input.group_id, input.group_name),
    authorize_ingress(AuthorizeSecurityGroupIngressRequest) -> AuthorizeSecurityGroupIngressResult,
    revoke_ingress(RevokeSecurityGroupIngressRequest) -> RevokeSecurityGroupIngressResult,
}

handlers! {
    true, group: |input| (Some(input.group_id), None),
    authorize_egress(AuthorizeSecurityGroupEgressRequest) -> AuthorizeSecurityGroupEgressResult,
    revoke_egress(RevokeSecurityGroupEgressRequest) -> RevokeSecurityGroupEgressResult,
}
