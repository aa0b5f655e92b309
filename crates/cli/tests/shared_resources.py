"""What one account shares with another by Resource Access Manager, with boto3 in both: subnets, transit gateways, prefix lists.

Takes no arguments: the cloud is the one of the environment, whose account is the owner; BRUME_BIN is the command that makes
the other one. Follows each share from the invitation until it is taken back, and looks with both accounts. Fails with the
first thing that is not as expected.
"""

import json
import os
import subprocess
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

CONFIG = Config(retries={"total_max_attempts": 1})
UNAUTHORIZED = "UnauthorizedOperation"


class Account:
    """The clients of one account."""

    def __init__(self, **keys):
        session = boto3.Session(**keys)
        self.ec2, self.ram, self.ssm, sts = (
            session.client(service, config=CONFIG) for service in ("ec2", "ram", "ssm", "sts")
        )
        self.id = sts.get_caller_identity()["Account"]
        self.region = self.ec2.meta.region_name

    @classmethod
    def new(cls, name):
        command = [os.environ["BRUME_BIN"], "account", "create", "--name", name, "--json"]
        made = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return cls(
            aws_access_key_id=made["access_key_id"], aws_secret_access_key=made["secret_access_key"]
        )

    def arn(self, resource):
        return f"arn:aws:ec2:{self.region}:{self.id}:{resource}"


owner = Account()
participant = Account.new("participant")
third = Account.new("third")


def only(list_):
    assert len(list_) == 1, list_
    return list_[0]


def until(expected, read):
    for _ in range(100):
        if (found := read()) == expected:
            return
        time.sleep(0.1)
    raise AssertionError(f"{found} does not become {expected}")


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        found = error.response["Error"]
        assert found["Code"] == code, f"{found['Code']} is not {code}: {error}"
        return found["Message"]
    raise AssertionError(f"not refused with {code}")


def by(**filters):
    """Filters; `_` stands for a hyphen."""
    return [{"Name": key.replace("_", "-"), "Values": [value]} for key, value in filters.items()]


def tagged(kind, name):
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": name}]}]


def new_subnet(account, block):
    """A VPC of its own, and its only subnet."""
    vpc = account.ec2.create_vpc(CidrBlock=block, TagSpecifications=tagged("vpc", "net"))["Vpc"]["VpcId"]
    account.ec2.get_waiter("vpc_available").wait(VpcIds=[vpc], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    subnet = account.ec2.create_subnet(
        VpcId=vpc, CidrBlock=block.replace("/16", "/24"), TagSpecifications=tagged("subnet", "net")
    )["Subnet"]["SubnetId"]
    return vpc, subnet


class Share:
    """A share of one resource with the participant, who was invited and has accepted."""

    def __init__(self, kind, resource):
        self.resource = owner.arn(resource)
        made = owner.ram.create_resource_share(
            name=kind, resourceArns=[self.resource], principals=[participant.id], allowExternalPrincipals=True
        )["resourceShare"]
        self.arn = made["resourceShareArn"]
        assert made["status"] == "ACTIVE" and made["owningAccountId"] == owner.id, made
        assert self.associated("RESOURCE") == ["ASSOCIATED"]
        assert self.associated("PRINCIPAL") == ["ASSOCIATING"]

        invitation = only(participant.ram.get_resource_share_invitations(resourceShareArns=[self.arn])[
            "resourceShareInvitations"
        ])
        assert invitation["status"] == "PENDING", invitation
        assert (invitation["senderAccountId"], invitation["receiverAccountId"]) == (owner.id, participant.id)
        invitation = invitation["resourceShareInvitationArn"]
        pending = participant.ram.list_pending_invitation_resources(resourceShareInvitationArn=invitation)
        assert only(pending["resources"])["arn"] == self.resource, pending
        assert participant.ram.list_resources(resourceOwner="OTHER-ACCOUNTS")["resources"] == []
        self.invitation = invitation

    def accept(self):
        accepted = participant.ram.accept_resource_share_invitation(resourceShareInvitationArn=self.invitation)
        assert accepted["resourceShareInvitation"]["status"] == "ACCEPTED", accepted
        assert self.associated("PRINCIPAL") == ["ASSOCIATED"]
        found = only(participant.ram.list_resources(resourceOwner="OTHER-ACCOUNTS")["resources"])
        assert (found["arn"], found["resourceShareArn"]) == (self.resource, self.arn), found
        found = only(participant.ram.get_resource_shares(resourceOwner="OTHER-ACCOUNTS")["resourceShares"])
        assert found["resourceShareArn"] == self.arn, found
        found = only(owner.ram.list_principals(resourceOwner="SELF", resourceArn=self.resource)["principals"])
        assert found["id"] == participant.id, found

    def associated(self, kind):
        found = owner.ram.get_resource_share_associations(
            associationType=kind, resourceShareArns=[self.arn], associationStatus="ASSOCIATED"
        )["resourceShareAssociations"]
        found += owner.ram.get_resource_share_associations(
            associationType=kind, resourceShareArns=[self.arn], associationStatus="ASSOCIATING"
        )["resourceShareAssociations"]
        return [held["status"] for held in found]

    def take_back(self):
        """Takes the resource out of the share, which stays."""
        owner.ram.disassociate_resource_share(resourceShareArn=self.arn, resourceArns=[self.resource])
        assert self.associated("RESOURCE") == []
        assert participant.ram.list_resources(resourceOwner="OTHER-ACCOUNTS")["resources"] == []

    def delete(self):
        assert owner.ram.delete_resource_share(resourceShareArn=self.arn)["returnValue"] is True
        assert participant.ram.get_resource_shares(resourceOwner="OTHER-ACCOUNTS")["resourceShares"] == []


def subnet():
    vpc, subnet = new_subnet(owner, "10.60.0.0/16")
    hidden = owner.ec2.create_subnet(VpcId=vpc, CidrBlock="10.60.1.0/24")["Subnet"]["SubnetId"]
    ec2 = participant.ec2
    seen = lambda account: [
        found["SubnetId"] for found in account.ec2.describe_subnets(Filters=by(vpc_id=vpc))["Subnets"]
    ]
    share = Share("subnet", f"subnet/{subnet}")
    assert seen(participant) == []
    refused("InvalidSubnetID.NotFound", ec2.describe_subnets, SubnetIds=[subnet])
    share.accept()
    assert (seen(participant), seen(third)) == ([subnet], [])
    found = only(ec2.describe_subnets(SubnetIds=[subnet])["Subnets"])
    assert found["OwnerId"] == owner.id and found["SubnetArn"] == share.resource, found
    assert found.get("Tags", []) == [] and found["AvailableIpAddressCount"] == 251, found
    found = only(ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"])
    assert found["OwnerId"] == owner.id and found.get("Tags", []) == [], found
    for found in (
        only(ec2.describe_route_tables(Filters=by(vpc_id=vpc))["RouteTables"]),
        only(ec2.describe_network_acls(Filters=by(vpc_id=vpc))["NetworkAcls"]),
    ):
        assert found["OwnerId"] == owner.id, found
        table = found.get("RouteTableId") or table
    refused("InvalidSubnetID.NotFound", ec2.describe_subnets, SubnetIds=[hidden])

    # The participant changes nothing that is the owner's.
    message = refused(UNAUTHORIZED, ec2.delete_subnet, SubnetId=subnet)
    assert message.startswith("You are not authorized to perform DeleteSubnet operation."), message
    public = {"SubnetId": subnet, "MapPublicIpOnLaunch": {"Value": True}}
    refused(UNAUTHORIZED, ec2.modify_subnet_attribute, **public)
    refused(UNAUTHORIZED, ec2.create_subnet, VpcId=vpc, CidrBlock="10.60.2.0/24")
    refused(UNAUTHORIZED, ec2.create_tags, Resources=[subnet], Tags=[{"Key": "a", "Value": "b"}])
    route = {"RouteTableId": table, "DestinationCidrBlock": "10.9.0.0/16", "GatewayId": "igw-00000000000000000"}
    refused(UNAUTHORIZED, ec2.create_route, **route)
    refused(UNAUTHORIZED, ec2.delete_vpc, VpcId=vpc)
    refused(UNAUTHORIZED, ec2.create_network_interface, SubnetId=subnet)

    # It has groups, interfaces and instances of its own there. Groups of both name each other.
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    of_owner = owner.ec2.create_security_group(GroupName="db", Description="db", VpcId=vpc)["GroupId"]
    refused("InvalidGroup.NotFound", ec2.create_network_interface, SubnetId=subnet, Groups=[of_owner])
    from_owner = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": of_owner, "UserId": owner.id}]}
    rule = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[from_owner])
    rule = only(rule["SecurityGroupRules"])
    assert rule["ReferencedGroupInfo"] == {"GroupId": of_owner, "UserId": owner.id}, rule
    refused("DependencyViolation", owner.ec2.delete_security_group, GroupId=of_owner)
    rules = lambda account: {
        found["GroupId"]: found["GroupOwnerId"]
        for found in account.ec2.describe_security_group_rules()["SecurityGroupRules"]
        if found["GroupId"] in (group, of_owner)
    }
    assert rules(participant) == {group: participant.id}
    assert rules(owner) == {group: participant.id, of_owner: owner.id}
    assert rules(third) == {}
    refused("InvalidGroup.NotFound", ec2.describe_security_groups, GroupIds=[of_owner])
    found = only(owner.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"])
    assert found["OwnerId"] == participant.id, found
    refused(UNAUTHORIZED, owner.ec2.delete_security_group, GroupId=group)
    interface = ec2.create_network_interface(SubnetId=subnet, Groups=[group])["NetworkInterface"]
    assert interface["OwnerId"] == participant.id and interface["VpcId"] == vpc, interface
    interface = interface["NetworkInterfaceId"]
    name = "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2"
    image = participant.ssm.get_parameter(Name=name)["Parameter"]["Value"]
    instance = only(
        ec2.run_instances(
            ImageId=image, InstanceType="t3.nano", MinCount=1, MaxCount=1, SubnetId=subnet, SecurityGroupIds=[group]
        )["Instances"]
    )["InstanceId"]
    state = lambda: only(only(ec2.describe_instances(InstanceIds=[instance])["Reservations"])["Instances"])
    until("running", lambda: state()["State"]["Name"])
    assert state()["SubnetId"] == subnet, state()
    refused("InvalidInstanceID.NotFound", owner.ec2.describe_instances, InstanceIds=[instance])
    for account in (owner, participant):
        found = only(account.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"])
        assert found["AvailableIpAddressCount"] == 249, found
    found = owner.ec2.describe_network_interfaces(Filters=by(subnet_id=subnet))["NetworkInterfaces"]
    assert [held["OwnerId"] for held in found] == [participant.id] * 2, found
    refused(UNAUTHORIZED, owner.ec2.delete_network_interface, NetworkInterfaceId=interface)
    refused("DependencyViolation", owner.ec2.delete_subnet, SubnetId=subnet)

    # Shared no more: nothing new, and what is there stays until its owner deletes it.
    share.take_back()
    assert (seen(participant), sorted(seen(owner))) == ([], sorted([subnet, hidden]))
    refused("InvalidSubnetID.NotFound", ec2.describe_subnets, SubnetIds=[subnet])
    refused("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=[vpc])
    refused("InvalidSubnetID.NotFound", ec2.create_network_interface, SubnetId=subnet, Groups=[group])
    refused("DependencyViolation", owner.ec2.delete_subnet, SubnetId=subnet)
    assert state()["State"]["Name"] == "running"
    ec2.terminate_instances(InstanceIds=[instance])
    until("terminated", lambda: state()["State"]["Name"])
    ec2.delete_network_interface(NetworkInterfaceId=interface)
    owner.ec2.delete_subnet(SubnetId=subnet)
    owner.ec2.delete_subnet(SubnetId=hidden)
    ec2.delete_security_group(GroupId=group)
    owner.ec2.delete_security_group(GroupId=of_owner)
    owner.ec2.delete_vpc(VpcId=vpc)
    share.delete()


def transit_gateway():
    made = owner.ec2.create_transit_gateway(Options={"AutoAcceptSharedAttachments": "disable"})
    gateway = made["TransitGateway"]["TransitGatewayId"]
    read = lambda account: only(
        account.ec2.describe_transit_gateways(TransitGatewayIds=[gateway])["TransitGateways"]
    )
    until("available", lambda: read(owner)["State"])
    table = read(owner)["Options"]["AssociationDefaultRouteTableId"]
    vpc, subnet = new_subnet(participant, "10.61.0.0/16")
    attach = {"TransitGatewayId": gateway, "VpcId": vpc, "SubnetIds": [subnet]}
    share = Share("transit-gateway", f"transit-gateway/{gateway}")
    unknown = "InvalidTransitGatewayID.NotFound"
    refused(unknown, participant.ec2.describe_transit_gateways, TransitGatewayIds=[gateway])
    refused(unknown, participant.ec2.create_transit_gateway_vpc_attachment, **attach)
    share.accept()
    assert read(participant)["OwnerId"] == owner.id
    refused(UNAUTHORIZED, participant.ec2.modify_transit_gateway, TransitGatewayId=gateway, Description="mine")
    refused(UNAUTHORIZED, participant.ec2.delete_transit_gateway, TransitGatewayId=gateway)
    refused(UNAUTHORIZED, participant.ec2.create_transit_gateway_route_table, TransitGatewayId=gateway)

    # The participant asks, and the owner accepts.
    made = participant.ec2.create_transit_gateway_vpc_attachment(**attach)["TransitGatewayVpcAttachment"]
    assert made["VpcOwnerId"] == participant.id, made
    attachment = made["TransitGatewayAttachmentId"]
    state = lambda account: only(
        account.ec2.describe_transit_gateway_vpc_attachments(TransitGatewayAttachmentIds=[attachment])[
            "TransitGatewayVpcAttachments"
        ]
    )["State"]
    until("pendingAcceptance", lambda: state(owner))
    named = {"TransitGatewayAttachmentId": attachment}
    refused(UNAUTHORIZED, participant.ec2.accept_transit_gateway_vpc_attachment, **named)
    owner.ec2.accept_transit_gateway_vpc_attachment(**named)
    for account in (owner, participant):
        until("available", lambda: state(account))
        found = account.ec2.describe_transit_gateway_attachments(Filters=by(transit_gateway_id=gateway))
        found = only(found["TransitGatewayAttachments"])
        assert found["ResourceOwnerId"] == participant.id and found["ResourceId"] == vpc, found
        assert found["TransitGatewayOwnerId"] == owner.id, found
    assert third.ec2.describe_transit_gateway_attachments()["TransitGatewayAttachments"] == []
    search = {"TransitGatewayRouteTableId": table, "Filters": by(type="propagated")}
    found = only(owner.ec2.search_transit_gateway_routes(**search)["Routes"])
    assert found["DestinationCidrBlock"] == "10.61.0.0/16", found
    refused("InvalidRouteTableID.NotFound", participant.ec2.search_transit_gateway_routes, **search)
    main = only(participant.ec2.describe_route_tables(Filters=by(vpc_id=vpc))["RouteTables"])["RouteTableId"]
    route = {"RouteTableId": main, "DestinationCidrBlock": "10.0.0.0/8"}
    participant.ec2.create_route(**route, TransitGatewayId=gateway)

    # Shared no more: the attachment stays, for routes too, and no other can be made.
    share.take_back()
    more = {"RouteTableId": main, "DestinationCidrBlock": "172.16.0.0/12"}
    participant.ec2.create_route(**more, TransitGatewayId=gateway)
    assert state(participant) == "available"
    refused("IncorrectState", owner.ec2.delete_transit_gateway, TransitGatewayId=gateway)
    participant.ec2.delete_transit_gateway_vpc_attachment(**named)
    until("deleted", lambda: state(owner))
    refused(unknown, participant.ec2.describe_transit_gateways, TransitGatewayIds=[gateway])
    refused(unknown, participant.ec2.create_transit_gateway_vpc_attachment, **attach)
    refused(unknown, participant.ec2.replace_route, **more, TransitGatewayId=gateway)
    participant.ec2.delete_route(**more)
    participant.ec2.delete_route(**route)
    participant.ec2.delete_subnet(SubnetId=subnet)
    participant.ec2.delete_vpc(VpcId=vpc)
    owner.ec2.delete_transit_gateway(TransitGatewayId=gateway)
    share.delete()


def prefix_list():
    offices = owner.ec2.create_managed_prefix_list(
        PrefixListName="offices", AddressFamily="IPv4", MaxEntries=5, Entries=[{"Cidr": "10.70.0.0/16"}]
    )["PrefixList"]["PrefixListId"]
    ec2, named = participant.ec2, {"PrefixListId": offices}
    read = lambda account: only(
        account.ec2.describe_managed_prefix_lists(PrefixListIds=[offices])["PrefixLists"]
    )
    until("create-complete", lambda: read(owner)["State"])
    vpc, subnet = new_subnet(participant, "10.62.0.0/16")
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    permission = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": [named]}
    allow = {"GroupId": group, "IpPermissions": [permission]}
    route = {"RouteTableId": table, "DestinationPrefixListId": offices}
    share = Share("prefix-list", f"prefix-list/{offices}")
    unknown = "InvalidPrefixListID.NotFound"
    refused(unknown, ec2.describe_managed_prefix_lists, PrefixListIds=[offices])
    refused(unknown, ec2.authorize_security_group_ingress, **allow)
    refused(unknown, ec2.create_route, **route, NetworkInterfaceId=interface)
    share.accept()
    found = read(participant)
    assert found["OwnerId"] == owner.id and found["PrefixListArn"] == share.resource, found
    assert only(ec2.get_managed_prefix_list_entries(**named)["Entries"])["Cidr"] == "10.70.0.0/16"
    more = {**named, "CurrentVersion": 1, "AddEntries": [{"Cidr": "10.71.0.0/16"}]}
    refused(UNAUTHORIZED, ec2.modify_managed_prefix_list, **more)
    refused(UNAUTHORIZED, ec2.delete_managed_prefix_list, **named)

    # The participant's group and table refer to it, and follow its versions.
    rule = only(ec2.authorize_security_group_ingress(**allow)["SecurityGroupRules"])
    assert rule["PrefixListId"] == offices, rule
    ec2.create_route(**route, NetworkInterfaceId=interface)
    routes = lambda: only(ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"])["Routes"]
    found = [held["NetworkInterfaceId"] for held in routes() if held.get("DestinationPrefixListId") == offices]
    assert found == [interface], routes()
    users = lambda account: sorted(
        (held["ResourceId"], held["ResourceOwner"])
        for held in account.ec2.get_managed_prefix_list_associations(**named)["PrefixListAssociations"]
    )
    expected = sorted([(group, participant.id), (table, participant.id)])
    assert users(owner) == expected and users(participant) == expected, (users(owner), users(participant))
    owner.ec2.modify_managed_prefix_list(**more)
    until("modify-complete", lambda: read(participant)["State"])
    assert read(participant)["Version"] == 2
    assert len(ec2.get_managed_prefix_list_entries(**named)["Entries"]) == 2

    # Shared no more: what refers to it stays, and keeps it.
    share.take_back()
    refused(unknown, ec2.describe_managed_prefix_lists, PrefixListIds=[offices])
    refused(unknown, ec2.get_managed_prefix_list_entries, **named)
    another = {**permission, "FromPort": 80, "ToPort": 80}
    refused(unknown, ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[another])
    refused("DependencyViolation", owner.ec2.delete_managed_prefix_list, **named)
    ec2.delete_route(**route)
    ec2.revoke_security_group_ingress(**allow)
    owner.ec2.delete_managed_prefix_list(**named)
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_network_interface(NetworkInterfaceId=interface)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)
    share.delete()


def main():
    for resource in (subnet, transit_gateway, prefix_list):
        resource()
        print(resource.__name__, flush=True)


main()
