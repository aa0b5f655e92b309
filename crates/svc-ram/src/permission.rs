//! What can be shared, and what that allows: AWS's own permissions.
//!
//! Owns the types of resources and their default permissions. Refuses permissions of the customer's: there are none.
//!
//! <https://docs.aws.amazon.com/ram/latest/userguide/security-ram-permissions.html>

use aws_api::ram::{
    GetPermissionRequest, GetPermissionResponse, ListPermissionsRequest, ListPermissionsResponse,
    ListResourceSharePermissionsRequest, ListResourceSharePermissionsResponse, ListResourceTypesRequest,
    ListResourceTypesResponse, ResourceSharePermissionDetail, ResourceSharePermissionSummary,
    ServiceNameAndResourceType,
};
use aws_types::Timestamp;
use resource_shares::ResourceShare;
use service_api::{RequestContext, ServiceError};

use crate::{ResourceType, State, error, page, share};

/// 2020-02-27, about when AWS published these permissions.
const PUBLISHED: Timestamp = Timestamp::from_unix_secs(1_582_761_600);

/// The version of every permission here.
const VERSION: i32 = 1;

impl ResourceType {
    /// All types, in the order of their names.
    pub(crate) const ALL: [Self; 3] = [Self::PrefixList, Self::Subnet, Self::TransitGateway];

    /// What RAM calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PrefixList => "ec2:PrefixList",
            Self::Subnet => "ec2:Subnet",
            Self::TransitGateway => "ec2:TransitGateway",
        }
    }

    /// What the resource part of its ARN begins with.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::PrefixList => "prefix-list/",
            Self::Subnet => "subnet/",
            Self::TransitGateway => "transit-gateway/",
        }
    }

    /// The type of that name; AWS does not mind the case.
    ///
    /// # Errors
    /// `InvalidParameterException`.
    pub(crate) fn named(name: &str) -> Result<Self, ServiceError> {
        let found = Self::ALL.into_iter().find(|one| one.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| error::invalid_parameter(format!("Invalid resource type: {name}")))
    }

    /// The type and id of a resource's ARN.
    pub(crate) fn of(arn: &str) -> Option<(Self, &str)> {
        let mut parts = arn.splitn(6, ':');
        let service = parts.nth(2)?;
        let resource = parts.nth(2)?;
        let typed = |one: Self| Some((one, resource.strip_prefix(one.prefix())?));
        Self::ALL.into_iter().find_map(typed).filter(|(_, id)| service == "ec2" && !id.is_empty())
    }

    fn permission(self) -> &'static str {
        match self {
            Self::PrefixList => "AWSRAMDefaultPermissionPrefixList",
            Self::Subnet => "AWSRAMDefaultPermissionSubnet",
            Self::TransitGateway => "AWSRAMDefaultPermissionTransitGateway",
        }
    }

    /// What the permission allows.
    fn actions(self) -> &'static [&'static str] {
        match self {
            Self::PrefixList => &["ec2:DescribeManagedPrefixLists", "ec2:GetManagedPrefixListEntries"],
            Self::Subnet => &["ec2:CreateNetworkInterface", "ec2:DescribeSubnets", "ec2:RunInstances"],
            Self::TransitGateway => &[
                "ec2:CreateTransitGatewayVpcAttachment",
                "ec2:DeleteTransitGatewayVpcAttachment",
                "ec2:DescribeTransitGateways",
                "ec2:ModifyTransitGatewayVpcAttachment",
            ],
        }
    }

    /// The actions, as JSON.
    pub(crate) fn actions_json(self) -> String {
        let quoted: Vec<String> = self.actions().iter().map(|action| format!("\"{action}\"")).collect();
        quoted.join(",")
    }

    fn permission_arn(self, context: &RequestContext) -> String {
        format!("arn:{}:ram::aws:permission/{}", context.partition, self.permission())
    }
}

/// The type whose permission has this ARN.
///
/// # Errors
/// `MalformedArnException`, `UnknownResourceException`.
pub(crate) fn named(context: &RequestContext, arn: &str) -> Result<ResourceType, ServiceError> {
    if !arn.starts_with("arn:") || !arn.contains(":permission/") {
        return Err(error::malformed_arn(arn));
    }
    let found = ResourceType::ALL.into_iter().find(|one| one.permission_arn(context) == arn);
    found.ok_or_else(|| error::unknown("Permission", arn))
}

fn summary(context: &RequestContext, resource_type: ResourceType) -> ResourceSharePermissionSummary {
    ResourceSharePermissionSummary {
        arn: Some(resource_type.permission_arn(context)),
        version: Some(VERSION.to_string()),
        default_version: Some(true),
        name: Some(resource_type.permission().to_owned()),
        resource_type: Some(resource_type.name().to_owned()),
        status: Some("ATTACHABLE".to_owned()),
        creation_time: Some(PUBLISHED),
        last_updated_time: Some(PUBLISHED),
        is_resource_type_default: Some(true),
        permission_type: Some("AWS_MANAGED".to_owned()),
        feature_set: Some("STANDARD".to_owned()),
        ..ResourceSharePermissionSummary::default()
    }
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_ListResourceTypes.html>
pub(crate) fn list_types(
    _: &State,
    _: &RequestContext,
    request: ListResourceTypesRequest,
) -> Result<ListResourceTypesResponse, ServiceError> {
    let is_any = list_is_regional(request.resource_region_scope.as_deref());
    let types = ResourceType::ALL.into_iter().filter(|_| is_any).map(|one| {
        let shown = ServiceNameAndResourceType {
            resource_type: Some(one.name().to_owned()),
            service_name: Some("ec2".to_owned()),
            resource_region_scope: Some("REGIONAL".to_owned()),
        };
        (one.name().to_owned(), shown)
    });
    let page = page::take(types, request.next_token.as_deref(), request.max_results)?;
    Ok(ListResourceTypesResponse { resource_types: Some(page.items), next_token: page.next_token })
}

/// Whether regional resources are asked for, which are all that there are.
pub(crate) fn list_is_regional(scope: Option<&str>) -> bool {
    scope != Some("GLOBAL")
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_ListPermissions.html>
pub(crate) fn list(
    _: &State,
    context: &RequestContext,
    request: ListPermissionsRequest,
) -> Result<ListPermissionsResponse, ServiceError> {
    let wanted = request.resource_type.as_deref().map(ResourceType::named).transpose()?;
    let is_any = request.permission_type.as_deref() != Some("CUSTOMER_MANAGED")
        && request.permission_status.as_deref().is_none_or(|status| status == "ATTACHABLE");
    let permissions = ResourceType::ALL
        .into_iter()
        .filter(|one| is_any && wanted.is_none_or(|wanted| wanted == *one))
        .map(|one| (one.name().to_owned(), summary(context, one)));
    let page = page::take(permissions, request.next_token.as_deref(), request.max_results)?;
    Ok(ListPermissionsResponse { permissions: Some(page.items), next_token: page.next_token })
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_GetPermission.html>
pub(crate) fn get(
    _: &State,
    context: &RequestContext,
    request: GetPermissionRequest,
) -> Result<GetPermissionResponse, ServiceError> {
    let resource_type = named(context, &request.permission_arn)?;
    if request.permission_version.is_some_and(|version| version != VERSION) {
        return Err(error::unknown("Permission", &request.permission_arn));
    }
    let summary = summary(context, resource_type);
    let policy = format!(r#"{{"Effect":"Allow","Action":[{}]}}"#, resource_type.actions_json());
    let permission = ResourceSharePermissionDetail {
        arn: summary.arn,
        version: summary.version,
        default_version: summary.default_version,
        name: summary.name,
        resource_type: summary.resource_type,
        permission: Some(policy),
        creation_time: summary.creation_time,
        last_updated_time: summary.last_updated_time,
        is_resource_type_default: summary.is_resource_type_default,
        permission_type: summary.permission_type,
        feature_set: summary.feature_set,
        status: summary.status,
        ..ResourceSharePermissionDetail::default()
    };
    Ok(GetPermissionResponse { permission: Some(permission) })
}

/// The types whose permissions a share has: those that were named for it, and those of its resources.
pub(crate) fn types_of(context: &RequestContext, share: &ResourceShare) -> Vec<ResourceType> {
    let of_resource = |one: ResourceType| {
        share.resources.keys().any(|arn| ResourceType::of(arn).is_some_and(|it| it.0 == one))
    };
    let is_of =
        |one: &ResourceType| share.permissions.contains(&one.permission_arn(context)) || of_resource(*one);
    ResourceType::ALL.into_iter().filter(is_of).collect()
}

/// <https://docs.aws.amazon.com/ram/latest/APIReference/API_ListResourceSharePermissions.html>
pub(crate) fn list_of_share(
    state: &State,
    context: &RequestContext,
    request: ListResourceSharePermissionsRequest,
) -> Result<ListResourceSharePermissionsResponse, ServiceError> {
    let share = share::own(&state.store.snapshot(), context, &request.resource_share_arn)?;
    let types = types_of(context, &share).into_iter();
    let permissions = types.map(|one| (one.name().to_owned(), summary(context, one)));
    let page = page::take(permissions, request.next_token.as_deref(), request.max_results)?;
    Ok(ListResourceSharePermissionsResponse { permissions: Some(page.items), next_token: page.next_token })
}
