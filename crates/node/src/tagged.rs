//! The resources of all services that can carry tags: what the Resource Groups Tagging API asks, answered from the records of
//! the services, and changed by their own operations, which the caller must be allowed too.

use std::sync::Arc;

use aws_api::{Operation, backup, ec2, ram, ssm};
use aws_model::Value;
use aws_types::{Arn, Region, Tags, Timestamp};
use gateway::{AccessRequest, Authorizer};
use identities::{
    InstanceProfile, ManagedPolicy, OpenIdConnectProvider, SamlProvider, ServerCertificate, VirtualMfaDevice,
};
use organization::{Member, OrganizationalUnit, PolicyRecord, managed_by};
use resource_shares::ResourceShare;
use service_api::{RequestContext, Service, ServiceError};
use store::{Read as _, Scope, Snapshot};
use svc_backup::{Backup, Plan, Vault};
use svc_cloudtrail::Trail;
use svc_ec2::Ec2;
use svc_ram::Ram;
use svc_resourcegroupstaggingapi::{TaggedResource, TaggedResources};
use svc_ssm::{Parameter, Ssm, parameter_arn};

use crate::authorizing::ByPolicies;
/// Where resources of services without regions are found.
const GLOBAL_REGION: &str = "us-east-1";

/// The services whose resources carry tags.
pub(crate) struct Tagged {
    pub(crate) ec2: Arc<Ec2>,
    pub(crate) ssm: Arc<Ssm>,
    pub(crate) ram: Arc<Ram>,
    pub(crate) backup: Arc<Backup>,
    pub(crate) authorizing: ByPolicies,
}

/// What is to be done to the tags of one resource.
enum Change<'a> {
    Set(&'a Tags),
    Remove(&'a [String]),
}

impl TaggedResources for Tagged {
    fn regions(&self) -> Vec<Region> {
        aws_catalog::regions().iter().map(aws_catalog::RegionFacts::region).collect()
    }

    fn list(&self, snapshot: &Snapshot, scope: &Scope, now: Timestamp) -> Vec<TaggedResource> {
        let of_ec2 = svc_ec2::taggable(snapshot, scope, now).into_iter().map(|one| TaggedResource {
            resource_type: format!("ec2:{}", one.resource_type),
            arn: one.arn,
            tags: one.tags,
        });
        let parameters = snapshot.scan::<Parameter>(scope).filter_map(|(name, parameter)| {
            resource("ssm:parameter", &parameter_arn(&scope.region, scope.account, name), &parameter.tags)
        });
        let shares = snapshot.scan::<ResourceShare>(scope).filter(|(_, share)| share.deleted.is_none());
        let shares = shares.filter_map(|(_, share)| resource("ram:resource-share", &share.arn, &share.tags));
        let vaults = snapshot.scan::<Vault>(scope);
        let vaults = vaults.filter_map(|(_, vault)| resource("backup:backup-vault", &vault.arn, &vault.tags));
        let plans = snapshot.scan::<Plan>(scope).filter(|(_, plan)| plan.deleted.is_none());
        let plans = plans.filter_map(|(_, plan)| resource("backup:backup-plan", &plan.arn, &plan.tags));
        let trails = snapshot.scan::<Trail>(scope).filter_map(|(name, trail)| {
            let (partition, region, account) = (scope.partition, &scope.region, scope.account);
            let arn = format!("arn:{partition}:cloudtrail:{region}:{account}:trail/{name}");
            resource("cloudtrail:trail", &arn, &trail.tags)
        });
        let regional = of_ec2.chain(parameters).chain(shares).chain(vaults).chain(plans).chain(trails);
        regional.chain(global(snapshot, scope, now)).collect()
    }

    fn tag(&self, context: &RequestContext, arn: &Arn, tags: &Tags) -> Result<(), ServiceError> {
        self.change(context, arn, &Change::Set(tags))
    }

    fn untag(&self, context: &RequestContext, arn: &Arn, keys: &[String]) -> Result<(), ServiceError> {
        self.change(context, arn, &Change::Remove(keys))
    }
}

fn resource(resource_type: &str, arn: &str, tags: &Tags) -> Option<TaggedResource> {
    Some(TaggedResource {
        arn: arn.parse().ok()?,
        resource_type: resource_type.to_owned(),
        tags: tags.clone(),
    })
}

/// The resources of the services without regions, which are found in one.
/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>
fn global(snapshot: &Snapshot, scope: &Scope, now: Timestamp) -> Vec<TaggedResource> {
    if scope.region.as_str() != GLOBAL_REGION {
        return Vec::new();
    }
    let of_account = Scope::global(scope.partition, scope.account);
    let mut found = Vec::new();
    let mut add =
        |resource_type: &str, arn: &str, tags: &Tags| found.extend(resource(resource_type, arn, tags));
    macro_rules! iam {
        ($($kind:ty, $resource_type:literal, $arn:ident;)*) => {
            $(for (_, held) in snapshot.scan::<$kind>(&of_account) {
                add($resource_type, held.$arn.as_str(), &held.tags);
            })*
        };
    }
    iam! {
        InstanceProfile, "iam:instance-profile", arn;
        ManagedPolicy, "iam:policy", arn;
        OpenIdConnectProvider, "iam:oidc-provider", arn;
        SamlProvider, "iam:saml-provider", arn;
        ServerCertificate, "iam:server-certificate", arn;
        VirtualMfaDevice, "iam:mfa", serial_number;
    }
    // What an organization has is its management account's.
    if let Some(organization) = managed_by(snapshot, scope.partition, scope.account) {
        let arn = |kind: &str, id: &str| organization.arn_of(scope.partition, kind, id).to_string();
        let kept = organization.scope(scope.partition);
        add("organizations:root", &arn("root", organization.root.as_str()), &organization.root_tags);
        for (number, member) in snapshot.scan::<Member>(&kept).filter(|(_, member)| member.has_joined(now)) {
            add("organizations:account", &arn("account", number), &member.tags);
        }
        for (id, unit) in snapshot.scan::<OrganizationalUnit>(&kept) {
            add("organizations:ou", &arn("ou", id), &unit.tags);
        }
        for (_, policy) in snapshot.scan::<PolicyRecord>(&kept) {
            add("organizations:policy", policy.arn.as_str(), &policy.tags);
        }
    }
    found
}

impl Tagged {
    /// Calls an operation of a service for whoever asked, who needs the permission to call it.
    /// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_TagResources.html>
    fn call<O: Operation>(
        &self,
        service: &dyn Service,
        context: &RequestContext,
        input: O::Input,
    ) -> Result<(), ServiceError>
    where
        O::Input: Into<Value>,
    {
        let input = input.into();
        let asked = AccessRequest { context, service, operation: O::NAME, input: &input };
        if let Err(denied) = self.authorizing.authorize(asked) {
            let model = aws_model::service(O::SERVICE).expect("operations are of models").model();
            return Err(denied.error(model));
        }
        self.authorizing.admit(asked)?;
        service.call(context, O::NAME, input).map(drop)
    }

    fn change(&self, context: &RequestContext, arn: &Arn, change: &Change<'_>) -> Result<(), ServiceError> {
        match arn.as_str().split(':').nth(2).unwrap_or_default() {
            "ec2" => self.change_ec2(context, arn, change),
            "ssm" => self.change_ssm(context, arn, change),
            "ram" => self.change_ram(context, arn, change),
            "backup" => self.change_backup(context, arn, change),
            service => Err(refused(format!("Resources of {service} cannot be tagged here: {arn}"))),
        }
    }

    fn change_ec2(
        &self,
        context: &RequestContext,
        arn: &Arn,
        change: &Change<'_>,
    ) -> Result<(), ServiceError> {
        let (kind, id) = arn.resource().split_once('/').unwrap_or_default();
        if svc_ec2::resource_type_of(id) != Some(kind) {
            return Err(refused(format!("{arn} names no resource of EC2 that can carry tags")));
        }
        let resources = vec![id.to_owned()];
        match change {
            Change::Set(tags) => {
                let tag =
                    |key: &str, value: &str| ec2::Tag { key: Some(key.into()), value: Some(value.into()) };
                let tags = tags.iter().map(|(key, value)| tag(key, value)).collect();
                let input = ec2::CreateTagsRequest { dry_run: None, resources, tags };
                self.call::<ec2::operation::CreateTags>(&*self.ec2, context, input)
            }
            Change::Remove(keys) => {
                let tag = |key: &String| ec2::Tag { key: Some(key.clone()), value: None };
                let tags = Some(keys.iter().map(tag).collect());
                let input = ec2::DeleteTagsRequest { dry_run: None, resources, tags };
                self.call::<ec2::operation::DeleteTags>(&*self.ec2, context, input)
            }
        }
    }

    fn change_ssm(
        &self,
        context: &RequestContext,
        arn: &Arn,
        change: &Change<'_>,
    ) -> Result<(), ServiceError> {
        let (resource_type, resource_id) = ("Parameter".to_owned(), arn.to_string());
        match change {
            Change::Set(tags) => {
                let tag =
                    |(key, value): (&str, &str)| ssm::Tag { key: key.to_owned(), value: value.to_owned() };
                let tags = tags.iter().map(tag).collect();
                let input = ssm::AddTagsToResourceRequest { resource_type, resource_id, tags };
                self.call::<ssm::operation::AddTagsToResource>(&*self.ssm, context, input)
            }
            Change::Remove(keys) => {
                let input = ssm::RemoveTagsFromResourceRequest {
                    resource_type,
                    resource_id,
                    tag_keys: keys.to_vec(),
                };
                self.call::<ssm::operation::RemoveTagsFromResource>(&*self.ssm, context, input)
            }
        }
    }

    fn change_ram(
        &self,
        context: &RequestContext,
        arn: &Arn,
        change: &Change<'_>,
    ) -> Result<(), ServiceError> {
        let resource_share_arn = Some(arn.to_string());
        match change {
            Change::Set(tags) => {
                let tag = |(key, value): (&str, &str)| ram::Tag {
                    key: Some(key.into()),
                    value: Some(value.into()),
                };
                let tags = tags.iter().map(tag).collect();
                let input = ram::TagResourceRequest { resource_share_arn, tags, resource_arn: None };
                self.call::<ram::operation::TagResource>(&*self.ram, context, input)
            }
            Change::Remove(keys) => {
                let tag_keys = keys.to_vec();
                let input = ram::UntagResourceRequest { resource_share_arn, tag_keys, resource_arn: None };
                self.call::<ram::operation::UntagResource>(&*self.ram, context, input)
            }
        }
    }

    fn change_backup(
        &self,
        context: &RequestContext,
        arn: &Arn,
        change: &Change<'_>,
    ) -> Result<(), ServiceError> {
        let resource_arn = arn.to_string();
        match change {
            Change::Set(tags) => {
                let tags = tags.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
                let input = backup::TagResourceInput { resource_arn, tags };
                self.call::<backup::operation::TagResource>(&*self.backup, context, input)
            }
            Change::Remove(keys) => {
                let input = backup::UntagResourceInput { resource_arn, tag_key_list: keys.to_vec() };
                self.call::<backup::operation::UntagResource>(&*self.backup, context, input)
            }
        }
    }
}

fn refused(message: String) -> ServiceError {
    ServiceError::new("InvalidParameterException", message)
}

#[cfg(test)]
mod tests;
