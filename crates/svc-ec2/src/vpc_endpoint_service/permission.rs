//! Who may use an endpoint service: ModifyVpcEndpointServicePermissions, DescribeVpcEndpointServicePermissions.
//!
//! Owns what principals look like and whom they stand for. Refuses to know policies.
//! <https://docs.aws.amazon.com/vpc/latest/privatelink/configure-endpoint-service.html#add-remove-permissions>

use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, Arn, Partition, VpcEndpointServicePermissionId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, Principal, RequestContext, ServiceError};

use super::{VpcEndpointService, named};
use crate::filter::{Filters, text};
use crate::page::{LIMITS, Page};
use crate::state::State;
use crate::{Ec2, error};

/// That a principal may use a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServicePermission {
    /// Its id.
    pub id: VpcEndpointServicePermissionId,
    /// The ARN of an account, user or role, or `*` for everybody.
    pub principal: String,
}

/// What a principal of the partition is, as `PrincipalType` has it; `None` for what is no principal.
fn kind(partition: Partition, principal: &str) -> Option<&'static str> {
    if principal == "*" {
        return Some("All");
    }
    let named = principal.strip_prefix(&format!("arn:{partition}:iam::"))?;
    let (account, resource) = named.split_once(':')?;
    account.parse::<AccountId>().ok()?;
    let is_named = |prefix: &str| resource.strip_prefix(prefix).is_some_and(|name| !name.is_empty());
    match resource {
        "root" => Some("Account"),
        _ if is_named("user/") => Some("User"),
        _ if is_named("role/") => Some("Role"),
        _ => None,
    }
}

impl VpcEndpointService {
    /// Whether a caller may see and use the service of that owner.
    pub(crate) fn admits(&self, partition: Partition, owner: AccountId, caller: &Principal) -> bool {
        let arn = |resource: &str| Arn::global(partition, "iam", caller.account, resource);
        let root = arn("root");
        // A session of a role, `arn:PARTITION:sts::ACCOUNT:assumed-role/NAME/SESSION`, is admitted as the role.
        let role =
            caller.arn.resource().strip_prefix("assumed-role/").and_then(|rest| rest.split('/').next());
        let role = role.map(|role| (arn("role/"), format!("/{role}")));
        let is_role = |principal: &str| {
            role.as_ref().is_some_and(|(start, end)| {
                principal.strip_prefix(start.as_str()).is_some_and(|rest| format!("/{rest}").ends_with(end))
            })
        };
        owner == caller.account
            || self.permissions.iter().any(|permission| {
                let principal = permission.principal.as_str();
                principal == "*"
                    || principal == root.as_str()
                    || principal == caller.arn.as_str()
                    || is_role(principal)
            })
    }
}

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::ModifyVpcEndpointServicePermissions>(modify)
        .with::<op::DescribeVpcEndpointServicePermissions>(describe)
}

fn invalid_principal(principal: &str) -> ServiceError {
    ServiceError::new("InvalidPrincipal", format!("Invalid Principal: '{principal}'"))
}

/// Principals that are there already stay as they are. Endpoints of a principal that is removed stay connected.
fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyVpcEndpointServicePermissionsRequest,
) -> Result<api::ModifyVpcEndpointServicePermissionsResult, ServiceError> {
    let added = input.add_allowed_principals.unwrap_or_default();
    let removed = input.remove_allowed_principals.unwrap_or_default();
    if added.is_empty() && removed.is_empty() {
        return Err(error::missing_either("AddAllowedPrincipals", "RemoveAllowedPrincipals"));
    }
    if let Some(principal) =
        added.iter().chain(&removed).find(|principal| kind(context.partition, principal).is_none())
    {
        return Err(invalid_principal(principal));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let mut service = named(edit, &input.service_id)?;
        service.permissions.retain(|permission| !removed.contains(&permission.principal));
        let mut new = Vec::new();
        for principal in &added {
            if service.permissions.iter().any(|permission| permission.principal == *principal) {
                continue;
            }
            let permission = ServicePermission { id: edit.new_id(), principal: principal.clone() };
            new.push(api::AddedPrincipal {
                principal: Some(principal.clone()),
                principal_type: kind(context.partition, principal).map(str::to_owned),
                service_id: Some(service.id.to_string()),
                service_permission_id: Some(permission.id.to_string()),
                ..Default::default()
            });
            service.permissions.push(permission);
        }
        edit.put(service);
        Ok(api::ModifyVpcEndpointServicePermissionsResult {
            added_principals: Some(new),
            return_value: Some(true),
        })
    })
}

static FILTERS: Filters<api::AllowedPrincipal> = Filters {
    tags: None,
    named: &[
        ("permission-type", |_| vec!["vpc-endpoint".to_owned()]),
        ("principal", |allowed| text(&allowed.principal)),
        ("principal-type", |allowed| text(&allowed.principal_type)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVpcEndpointServicePermissionsRequest,
) -> Result<api::DescribeVpcEndpointServicePermissionsResult, ServiceError> {
    let view = ec2.view(context);
    let service = view.named::<VpcEndpointService>(&input.service_id)?;
    let mut allowed: Vec<_> = service
        .permissions
        .iter()
        .map(|permission| api::AllowedPrincipal {
            principal: Some(permission.principal.clone()),
            principal_type: kind(context.partition, &permission.principal).map(str::to_owned),
            service_id: Some(service.id.to_string()),
            service_permission_id: Some(permission.id.to_string()),
            ..Default::default()
        })
        .collect();
    allowed.sort_by(|one, other| one.principal.cmp(&other.principal));
    FILTERS.apply(&mut allowed, input.filters.as_ref())?;
    let page = Page::capped(
        "DescribeVpcEndpointServicePermissions",
        input.max_results,
        input.next_token.as_ref(),
        LIMITS,
    );
    let (allowed, next_token) =
        page.cut(allowed, |allowed| allowed.principal.as_deref().unwrap_or_default())?;
    let answer =
        api::DescribeVpcEndpointServicePermissionsResult { allowed_principals: Some(allowed), next_token };
    ec2.answer(input.dry_run, answer)
}

#[cfg(test)]
mod tests {
    use aws_types::{ResourceId as _, Tags, Timestamp, VpcEndpointServiceId};
    use service_api::PrincipalKind;

    use super::*;
    use crate::progress::{Change, Progress};
    use crate::vpc_endpoint::VpcEndpointKind;

    #[test]
    fn principals_stand_for_callers() {
        let check = |principal: &str, arn: &str, admitted: bool| {
            let id = VpcEndpointServicePermissionId::from_bits(1);
            let service = VpcEndpointService {
                id: VpcEndpointServiceId::from_bits(1),
                kind: VpcEndpointKind::Interface,
                load_balancers: Vec::new(),
                acceptance_required: false,
                has_ipv4: true,
                has_ipv6: false,
                private_dns_name: None,
                owner_pays: false,
                permissions: vec![ServicePermission { id, principal: principal.to_owned() }],
                progress: Progress::new(Change::Create, Timestamp::default()),
                tags: Tags::default(),
            };
            let caller = Principal {
                account: "210987654321".parse().unwrap(),
                kind: PrincipalKind::Root,
                arn: arn.parse().unwrap(),
                user_id: String::new(),
                access_key_id: String::new(),
                session: None,
            };
            let owner = "123456789012".parse().unwrap();
            assert_eq!(service.admits(Partition::Aws, owner, &caller), admitted, "{principal} {arn}");
            assert!(service.admits(Partition::Aws, caller.account, &caller));
        };
        let user = "arn:aws:iam::210987654321:user/one";
        let session = "arn:aws:sts::210987654321:assumed-role/one/session";
        check("*", user, true);
        check("arn:aws:iam::210987654321:root", session, true);
        check("arn:aws:iam::111111111111:root", user, false);
        check(user, user, true);
        check("arn:aws:iam::210987654321:user/other", user, false);
        check("arn:aws:iam::210987654321:role/one", session, true);
        check("arn:aws:iam::210987654321:role/path/one", session, true);
        check("arn:aws:iam::210987654321:role/another-one", session, false);
        check("arn:aws:iam::111111111111:role/one", session, false);
    }
}
