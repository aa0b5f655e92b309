//! What requests to RAM need to be allowed.

use service_api::{NeededPermission, Service as _, TargetResource};

use super::{Cloud, OTHER, OWNER, Operation, SUBNET, Value, accept, api, op, wanted};

fn needed<O: Operation>(cloud: &Cloud, account: &str, input: O::Input) -> TargetResource
where
    O::Input: Into<Value>,
{
    let needed = cloud.service.needed_permissions(&cloud.context(account), O::NAME, &input.into()).unwrap();
    let [NeededPermission { action, resources, .. }] = &needed[..] else { panic!("{needed:?}") };
    assert_eq!(**action, format!("ram:{}", O::NAME));
    let [resource] = &resources[..] else { panic!("{resources:?}") };
    resource.clone()
}

fn keys(resource: &TargetResource) -> Vec<String> {
    resource.keys.iter().map(|(key, values)| format!("{key}={}", values.join(","))).collect()
}

#[test]
fn a_share_and_what_it_is_to_have_can_be_asked_for() {
    let cloud = Cloud::new();
    let found = needed::<op::CreateResourceShare>(&cloud, OWNER, wanted("net", &[SUBNET], &[OTHER]));
    assert_eq!(found.arn, "*");
    let share = [
        format!("ram:Principal={OTHER}"),
        format!("ram:ResourceArn={SUBNET}"),
        "ram:RequestedResourceType=ec2:Subnet".to_owned(),
    ];
    assert_eq!(keys(&found), share);

    let made = cloud.create(wanted("net", &[SUBNET], &[OTHER]));
    let arn = made.resource_share_arn.unwrap();
    let delete = api::DeleteResourceShareRequest { resource_share_arn: arn.clone(), ..Default::default() };
    let found = needed::<op::DeleteResourceShare>(&cloud, OWNER, delete);
    assert_eq!(found.arn, arn);
    assert_eq!(keys(&found), ["ram:ResourceShareName=net", "ram:AllowsExternalPrincipals=true"]);

    let invitation = cloud.invitations(OTHER).remove(0).resource_share_invitation_arn.unwrap();
    let found = needed::<op::AcceptResourceShareInvitation>(&cloud, OTHER, accept(&invitation));
    assert_eq!(found.arn, invitation);
    assert_eq!(
        keys(&found),
        ["ram:ResourceShareName=net".to_owned(), format!("ram:ShareOwnerAccountId={OWNER}")]
    );
}
