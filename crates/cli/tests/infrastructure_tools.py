"""What tools for infrastructure as code ask for after each create, with boto3: Terraform's order of calls.

Takes no arguments: the cloud is the one of the environment. Such a tool makes a resource, waits for its state, describes it by
its id and by what it belongs to, and takes an answer that lacks a member for another configuration. So the members that it
reads have to be there. Fails with the first thing that is not as the tool needs it. What the operations do is the matter of
other tests.
"""

import time
import uuid

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ec2 = boto3.client("ec2", config=Config(retries={"total_max_attempts": 1}))
REGION = ec2.meta.region_name


def has(answer, members):
    """Each member is there, with a value; those of a list are those of its first item."""
    for member in members.split():
        value = answer
        for name in member.split("."):
            value = value[0] if isinstance(value, list) and value else value
            value = value.get(name) if isinstance(value, dict) else None
        assert value is not None, f"no {member} in {answer}"
    return answer


def only(list_):
    assert len(list_) == 1, list_
    return list_[0]


def until(state, read):
    for _ in range(100):
        if (found := read()) == state:
            return
        time.sleep(0.1)
    raise AssertionError(f"{found} does not become {state}")


def not_found(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
    else:
        raise AssertionError(f"not refused with {code}")


def by(**filters):
    """Filters; `__` stands for a point and `_` for a hyphen."""
    name = lambda text: text.replace("__", ".").replace("_", "-")
    return [{"Name": name(key), "Values": [value]} for key, value in filters.items()]


def tagged(kind):
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": kind}]}]


def token():
    return str(uuid.uuid4())


class Network:
    """A VPC of both families with a subnet, as the tool makes and reads them."""

    def __init__(self):
        self.vpc = ec2.create_vpc(
            CidrBlock="10.0.0.0/16", AmazonProvidedIpv6CidrBlock=True, TagSpecifications=tagged("vpc")
        )["Vpc"]["VpcId"]
        read = lambda: only(ec2.describe_vpcs(VpcIds=[self.vpc])["Vpcs"])
        until("available", lambda: read()["State"])
        vpc = has(
            read(),
            "CidrBlock DhcpOptionsId InstanceTenancy OwnerId IsDefault CidrBlockAssociationSet.AssociationId"
            " CidrBlockAssociationSet.CidrBlockState.State Ipv6CidrBlockAssociationSet.AssociationId"
            " Ipv6CidrBlockAssociationSet.Ipv6CidrBlock Ipv6CidrBlockAssociationSet.NetworkBorderGroup Tags.Key",
        )
        self.owner = vpc["OwnerId"]
        for name in ("enableDnsHostnames", "enableDnsSupport", "enableNetworkAddressUsageMetrics"):
            member = name[0].upper() + name[1:]
            ec2.modify_vpc_attribute(VpcId=self.vpc, **{member: {"Value": True}})
            assert ec2.describe_vpc_attribute(VpcId=self.vpc, Attribute=name)[member] == {"Value": True}

        # What a VPC has from the start is found by the VPC.
        tables = ec2.describe_route_tables(Filters=by(association__main="true", vpc_id=self.vpc))["RouteTables"]
        self.main_table = has(
            only(tables),
            "Associations.Main Associations.RouteTableAssociationId Associations.AssociationState.State"
            " Routes.Origin Routes.State OwnerId",
        )
        acls = ec2.describe_network_acls(Filters=by(default="true", vpc_id=self.vpc))["NetworkAcls"]
        self.acl = has(only(acls), "IsDefault Entries.RuleNumber OwnerId")["NetworkAclId"]
        groups = ec2.describe_security_groups(Filters=by(group_name="default", vpc_id=self.vpc))["SecurityGroups"]
        group = has(
            only(groups),
            "SecurityGroupArn OwnerId Description IpPermissions.UserIdGroupPairs.GroupId"
            " IpPermissionsEgress.IpRanges.CidrIp",
        )
        # The tool takes the rules away that it did not make, as it has read them.
        ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
        ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])

        block = vpc["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"].replace("/56", "/64")
        self.subnet = ec2.create_subnet(
            VpcId=self.vpc,
            CidrBlock="10.0.0.0/24",
            Ipv6CidrBlock=block,
            AvailabilityZone=f"{REGION}a",
            TagSpecifications=tagged("subnet"),
        )["Subnet"]["SubnetId"]
        for attribute in (
            {"AssignIpv6AddressOnCreation": {"Value": True}},
            {"EnableDns64": {"Value": True}},
            {"MapPublicIpOnLaunch": {"Value": True}},
            {"EnableResourceNameDnsARecordOnLaunch": {"Value": True}},
            {"PrivateDnsHostnameTypeOnLaunch": "resource-name"},
        ):
            ec2.modify_subnet_attribute(SubnetId=self.subnet, **attribute)
        subnet = has(
            only(ec2.describe_subnets(SubnetIds=[self.subnet])["Subnets"]),
            "AvailabilityZone AvailabilityZoneId CidrBlock Ipv6Native MapCustomerOwnedIpOnLaunch OwnerId SubnetArn"
            " Ipv6CidrBlockAssociationSet.AssociationId Ipv6CidrBlockAssociationSet.Ipv6CidrBlockState.State"
            " PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsAAAARecord DefaultForAz State Tags.Key",
        )
        for member in ("AssignIpv6AddressOnCreation", "EnableDns64", "MapPublicIpOnLaunch"):
            assert subnet[member] is True, subnet
        assert subnet["PrivateDnsNameOptionsOnLaunch"]["HostnameType"] == "resource-name", subnet

    def delete(self):
        ec2.delete_subnet(SubnetId=self.subnet)
        not_found("InvalidSubnetID.NotFound", ec2.describe_subnets, SubnetIds=[self.subnet])
        ec2.delete_vpc(VpcId=self.vpc)
        not_found("InvalidVpcID.NotFound", ec2.describe_vpcs, VpcIds=[self.vpc])


def route_table(network):
    gateway = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway"))
    gateway = gateway["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network.vpc)
    found = ec2.describe_internet_gateways(Filters=by(attachment__vpc_id=network.vpc))["InternetGateways"]
    has(only(found), "InternetGatewayId Attachments.State Attachments.VpcId OwnerId Tags.Key")
    table = ec2.create_route_table(VpcId=network.vpc, ClientToken=token())["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    made = has(
        ec2.associate_route_table(RouteTableId=table, SubnetId=network.subnet), "AssociationId AssociationState.State"
    )["AssociationId"]
    found = ec2.describe_route_tables(Filters=by(association__route_table_association_id=made))["RouteTables"]
    assert only(found)["RouteTableId"] == table
    main = network.main_table["Associations"][0]["RouteTableAssociationId"]
    replaced = ec2.replace_route_table_association(AssociationId=main, RouteTableId=table)
    main = has(replaced, "NewAssociationId AssociationState.State")["NewAssociationId"]
    ec2.replace_route_table_association(AssociationId=main, RouteTableId=network.main_table["RouteTableId"])
    not_found("InvalidRouteTableID.NotFound", ec2.describe_route_tables, RouteTableIds=["rtb-00000000000000000"])
    ec2.disassociate_route_table(AssociationId=made)
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    ec2.delete_route_table(RouteTableId=table)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=network.vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)


def nat_gateway(network):
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network.vpc)
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))["AllocationId"]
    found = only(ec2.describe_addresses(AllocationIds=[address])["Addresses"])
    has(found, "Domain PublicIp PublicIpv4Pool NetworkBorderGroup Tags.Key")
    ec2.describe_addresses_attribute(AllocationIds=[address], Attribute="domain-name")
    made = ec2.create_nat_gateway(
        SubnetId=network.subnet, AllocationId=address, ConnectivityType="public", ClientToken=token()
    )["NatGateway"]["NatGatewayId"]
    read = lambda: only(ec2.describe_nat_gateways(NatGatewayIds=[made])["NatGateways"])
    until("available", lambda: read()["State"])
    has(read(), "ConnectivityType SubnetId VpcId CreateTime")
    has(
        only(read()["NatGatewayAddresses"]),
        "AllocationId AssociationId NetworkInterfaceId PrivateIp PublicIp IsPrimary Status",
    )
    not_found("NatGatewayNotFound", ec2.describe_nat_gateways, NatGatewayIds=["nat-00000000000000000"])
    ec2.delete_nat_gateway(NatGatewayId=made)
    until("deleted", lambda: read()["State"])
    ec2.release_address(AllocationId=address)
    not_found("InvalidAllocationID.NotFound", ec2.describe_addresses, AllocationIds=[address])
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=network.vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)


def security_group(network):
    made = ec2.create_security_group(
        GroupName="web", Description="Managed", VpcId=network.vpc, TagSpecifications=tagged("security-group")
    )
    group = has(made, "GroupId SecurityGroupArn Tags.Key")["GroupId"]
    for block in ({"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, {"Ipv6Ranges": [{"CidrIpv6": "::/0"}]}):
        everything = {"IpProtocol": "-1", "FromPort": 0, "ToPort": 0, **block}
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everything])
    web = {
        "IpProtocol": "tcp",
        "FromPort": 80,
        "ToPort": 80,
        "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "inside"}],
        "Ipv6Ranges": [{"CidrIpv6": "::/0", "Description": "all"}],
        "UserIdGroupPairs": [{"GroupId": group, "Description": "itself"}],
    }
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[web])
    found = only(ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"])
    permission = only(found["IpPermissions"])
    assert permission["IpRanges"] == web["IpRanges"] and permission["Ipv6Ranges"] == web["Ipv6Ranges"], permission
    assert found["IpPermissionsEgress"] == [], found
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    rule = ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[https], TagSpecifications=tagged("security-group-rule")
    )
    rule = only(rule["SecurityGroupRules"])["SecurityGroupRuleId"]
    found = only(ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule])["SecurityGroupRules"])
    has(found, "SecurityGroupRuleArn GroupId GroupOwnerId IsEgress IpProtocol FromPort ToPort CidrIpv4 Tags.Key")
    not_found(
        "InvalidSecurityGroupRuleId.NotFound",
        ec2.describe_security_group_rules,
        SecurityGroupRuleIds=["sgr-00000000000000000"],
    )
    assert ec2.describe_network_interfaces(Filters=by(group_id=group))["NetworkInterfaces"] == []
    ec2.delete_security_group(GroupId=group)
    not_found("InvalidGroup.NotFound", ec2.describe_security_groups, GroupIds=[group])


def network_acl(network):
    acl = ec2.create_network_acl(VpcId=network.vpc, ClientToken=token())["NetworkAcl"]["NetworkAclId"]
    entry = {"NetworkAclId": acl, "RuleAction": "allow", "CidrBlock": "0.0.0.0/0"}
    ec2.create_network_acl_entry(
        **entry, RuleNumber=100, Protocol="6", Egress=False, PortRange={"From": 443, "To": 443}
    )
    ec2.create_network_acl_entry(
        **entry, RuleNumber=110, Protocol="1", Egress=True, IcmpTypeCode={"Type": -1, "Code": -1}
    )
    found = only(ec2.describe_network_acls(Filters=by(association__subnet_id=network.subnet))["NetworkAcls"])
    assert found["NetworkAclId"] == network.acl
    held = only([held for held in found["Associations"] if held["SubnetId"] == network.subnet])
    held = ec2.replace_network_acl_association(AssociationId=held["NetworkAclAssociationId"], NetworkAclId=acl)
    held = held["NewAssociationId"]
    found = only(ec2.describe_network_acls(Filters=by(association__association_id=held))["NetworkAcls"])
    has(found, "NetworkAclId Entries.Protocol Entries.RuleAction OwnerId")
    assert found["NetworkAclId"] == acl
    ec2.replace_network_acl_association(AssociationId=held, NetworkAclId=network.acl)
    ec2.delete_network_acl(NetworkAclId=acl)
    not_found("InvalidNetworkAclID.NotFound", ec2.describe_network_acls, NetworkAclIds=[acl])


def vpc_endpoint(network):
    service = f"com.amazonaws.{REGION}.s3"
    table = network.main_table["RouteTableId"]
    made = ec2.create_vpc_endpoint(
        VpcId=network.vpc, ServiceName=service, VpcEndpointType="Gateway", RouteTableIds=[table], ClientToken=token()
    )["VpcEndpoint"]["VpcEndpointId"]
    read = lambda id: only(ec2.describe_vpc_endpoints(VpcEndpointIds=[id])["VpcEndpoints"])
    has(
        read(made),
        "OwnerId PolicyDocument PrivateDnsEnabled RequesterManaged RouteTableIds ServiceName State VpcEndpointType",
    )
    lists = ec2.describe_prefix_lists(Filters=by(prefix_list_name=service))["PrefixLists"]
    assert has(only(lists), "PrefixListId Cidrs")["Cidrs"]
    interface = ec2.create_vpc_endpoint(
        VpcId=network.vpc,
        ServiceName=f"com.amazonaws.{REGION}.ec2",
        VpcEndpointType="Interface",
        SubnetIds=[network.subnet],
        PrivateDnsEnabled=True,
        IpAddressType="ipv4",
        DnsOptions={"DnsRecordIpType": "ipv4"},
        ClientToken=token(),
    )["VpcEndpoint"]["VpcEndpointId"]
    until("available", lambda: read(interface)["State"])
    has(
        read(interface),
        "DnsEntries.DnsName DnsEntries.HostedZoneId DnsOptions.DnsRecordIpType IpAddressType Groups.GroupId"
        " NetworkInterfaceIds SubnetIds PolicyDocument",
    )
    found = ec2.describe_vpc_endpoint_services(
        ServiceNames=[f"com.amazonaws.{REGION}.ec2"], Filters=by(service_type="Interface")
    )
    has(
        only(found["ServiceDetails"]),
        "ServiceType.ServiceType AcceptanceRequired AvailabilityZones BaseEndpointDnsNames ManagesVpcEndpoints Owner"
        " PrivateDnsName ServiceId ServiceName VpcEndpointPolicySupported SupportedIpAddressTypes",
    )
    ec2.delete_vpc_endpoints(VpcEndpointIds=[made, interface])
    not_found("InvalidVpcEndpointId.NotFound", ec2.describe_vpc_endpoints, VpcEndpointIds=["vpce-00000000000000000"])
    in_vpc = by(vpc_id=network.vpc)
    until([], lambda: ec2.describe_network_interfaces(Filters=in_vpc)["NetworkInterfaces"])


def vpc_peering_connection(network):
    peer = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_vpc_peering_connection(
        VpcId=network.vpc, PeerVpcId=peer, PeerRegion=REGION, PeerOwnerId=network.owner
    )["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made)
    read = lambda: only(ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[made])["VpcPeeringConnections"])
    until("active", lambda: read()["Status"]["Code"])
    allowed = {"AllowDnsResolutionFromRemoteVpc": True}
    ec2.modify_vpc_peering_connection_options(
        VpcPeeringConnectionId=made,
        AccepterPeeringConnectionOptions=allowed,
        RequesterPeeringConnectionOptions=allowed,
    )
    for side in ("AccepterVpcInfo", "RequesterVpcInfo"):
        found = has(read()[side], "OwnerId Region VpcId CidrBlock CidrBlockSet.CidrBlock")
        assert found["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"] is True, found
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=made)
    ec2.delete_vpc(VpcId=peer)


def transit_gateway(network):
    made = ec2.create_transit_gateway(
        Options={"AmazonSideAsn": 64512, "AutoAcceptSharedAttachments": "disable", "MulticastSupport": "disable"},
        TagSpecifications=tagged("transit-gateway"),
    )["TransitGateway"]["TransitGatewayId"]
    gateway = lambda: only(ec2.describe_transit_gateways(TransitGatewayIds=[made])["TransitGateways"])
    until("available", lambda: gateway()["State"])
    options = has(gateway(), "TransitGatewayArn OwnerId Options Tags.Key")["Options"]
    has(
        options,
        "AmazonSideAsn AutoAcceptSharedAttachments DefaultRouteTableAssociation DefaultRouteTablePropagation DnsSupport"
        " MulticastSupport SecurityGroupReferencingSupport VpnEcmpSupport TransitGatewayCidrBlocks"
        " PropagationDefaultRouteTableId",
    )
    attachment = ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=made,
        VpcId=network.vpc,
        SubnetIds=[network.subnet],
        Options={"ApplianceModeSupport": "disable", "DnsSupport": "enable", "Ipv6Support": "disable"},
    )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    attached = lambda: only(
        ec2.describe_transit_gateway_vpc_attachments(TransitGatewayAttachmentIds=[attachment])[
            "TransitGatewayVpcAttachments"
        ]
    )
    until("available", lambda: attached()["State"])
    has(attached(), "SubnetIds VpcOwnerId TransitGatewayId VpcId")
    has(
        attached()["Options"],
        "ApplianceModeSupport DnsSupport Ipv6Support SecurityGroupReferencingSupport",
    )
    in_table = {
        "TransitGatewayRouteTableId": options["AssociationDefaultRouteTableId"],
        "Filters": by(transit_gateway_attachment_id=attachment),
    }
    found = ec2.get_transit_gateway_route_table_associations(**in_table)["Associations"]
    assert only(found)["State"] == "associated", found
    found = ec2.get_transit_gateway_route_table_propagations(**in_table)["TransitGatewayRouteTablePropagations"]
    assert only(found)["State"] == "enabled", found
    ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attachment)
    until("deleted", lambda: attached()["State"])
    assert ec2.delete_transit_gateway(TransitGatewayId=made)["TransitGateway"]["Options"] == options
    until("deleted", lambda: gateway()["State"])
    gateways = ["tgw-00000000000000000"]
    not_found("InvalidTransitGatewayID.NotFound", ec2.describe_transit_gateways, TransitGatewayIds=gateways)


def flow_log(network):
    made = only(
        ec2.create_flow_logs(
            ResourceIds=[network.vpc],
            ResourceType="VPC",
            TrafficType="ALL",
            LogDestination=f"arn:aws:logs:{REGION}:{network.owner}:log-group:flows",
            DeliverLogsPermissionArn=f"arn:aws:iam::{network.owner}:role/flows",
            MaxAggregationInterval=600,
            ClientToken=token(),
        )["FlowLogIds"]
    )
    has(
        only(ec2.describe_flow_logs(FlowLogIds=[made])["FlowLogs"]),
        "DeliverLogsPermissionArn LogDestination LogDestinationType LogFormat LogGroupName MaxAggregationInterval"
        " ResourceId TrafficType FlowLogStatus DeliverLogsStatus",
    )
    ec2.delete_flow_logs(FlowLogIds=[made])
    not_found("InvalidFlowLogId.NotFound", ec2.describe_flow_logs, FlowLogIds=[made])


def dhcp_options(network):
    made = ec2.create_dhcp_options(
        DhcpConfigurations=[{"Key": "domain-name-servers", "Values": ["AmazonProvidedDNS"]}]
    )["DhcpOptions"]["DhcpOptionsId"]
    found = only(ec2.describe_dhcp_options(DhcpOptionsIds=[made])["DhcpOptions"])
    has(found, "OwnerId DhcpConfigurations.Key DhcpConfigurations.Values.Value")
    ec2.associate_dhcp_options(DhcpOptionsId=made, VpcId=network.vpc)
    assert only(ec2.describe_vpcs(Filters=by(dhcp_options_id=made))["Vpcs"])["VpcId"] == network.vpc
    ec2.associate_dhcp_options(DhcpOptionsId="default", VpcId=network.vpc)
    ec2.delete_dhcp_options(DhcpOptionsId=made)
    not_found("InvalidDhcpOptionID.NotFound", ec2.describe_dhcp_options, DhcpOptionsIds=[made])


def prefix_list(network):
    made = ec2.create_managed_prefix_list(
        AddressFamily="IPv4", MaxEntries=5, PrefixListName="office", ClientToken=token()
    )["PrefixList"]["PrefixListId"]
    read = lambda: only(ec2.describe_managed_prefix_lists(PrefixListIds=[made])["PrefixLists"])
    until("create-complete", lambda: read()["State"])
    has(read(), "AddressFamily MaxEntries OwnerId PrefixListArn PrefixListName Version Tags")
    ec2.modify_managed_prefix_list(PrefixListId=made, CurrentVersion=1, AddEntries=[{"Cidr": "10.0.0.0/8"}])
    until("modify-complete", lambda: read()["State"])
    assert read()["Version"] == 2
    ec2.delete_managed_prefix_list(PrefixListId=made)


def launch_template(network):
    data = {
        "EbsOptimized": True,
        "InstanceType": "t3.nano",
        "UserData": "aGk=",
        "Monitoring": {"Enabled": True},
        "DisableApiTermination": True,
        "InstanceInitiatedShutdownBehavior": "terminate",
        "IamInstanceProfile": {"Name": "app"},
        "MetadataOptions": {"HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": network.subnet, "DeleteOnTermination": True}],
        "BlockDeviceMappings": [{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 20, "VolumeType": "gp3"}}],
        "TagSpecifications": tagged("instance"),
        "Placement": {"AvailabilityZone": f"{REGION}a", "Tenancy": "default"},
        "CreditSpecification": {"CpuCredits": "standard"},
    }
    made = ec2.create_launch_template(
        LaunchTemplateName="template", ClientToken=token(), LaunchTemplateData=data
    )["LaunchTemplate"]["LaunchTemplateId"]
    found = only(ec2.describe_launch_templates(LaunchTemplateIds=[made])["LaunchTemplates"])
    has(found, "DefaultVersionNumber LatestVersionNumber LaunchTemplateName")
    found = ec2.describe_launch_template_versions(LaunchTemplateId=made, Versions=["1"])["LaunchTemplateVersions"]
    assert only(found)["LaunchTemplateData"] == data, found
    ec2.delete_launch_template(LaunchTemplateId=made)
    not_found("InvalidLaunchTemplateId.NotFound", ec2.describe_launch_templates, LaunchTemplateIds=[made])


def vpn_gateway(network):
    made = ec2.create_vpn_gateway(Type="ipsec.1", AmazonSideAsn=64999)["VpnGateway"]["VpnGatewayId"]
    ec2.attach_vpn_gateway(VpcId=network.vpc, VpnGatewayId=made)
    read = lambda: only(ec2.describe_vpn_gateways(VpnGatewayIds=[made])["VpnGateways"])
    until("attached", lambda: read()["VpcAttachments"][0]["State"])
    has(read(), "AmazonSideAsn State VpcAttachments.VpcId")
    found = ec2.describe_vpn_gateways(Filters=by(attachment__vpc_id=network.vpc))["VpnGateways"]
    assert only(found)["VpnGatewayId"] == made
    ec2.detach_vpn_gateway(VpcId=network.vpc, VpnGatewayId=made)
    until("detached", lambda: read()["VpcAttachments"][0]["State"])
    ec2.delete_vpn_gateway(VpnGatewayId=made)
    gateways = ["vgw-00000000000000000"]
    not_found("InvalidVpnGatewayID.NotFound", ec2.describe_vpn_gateways, VpnGatewayIds=gateways)


RESOURCES = [
    route_table,
    nat_gateway,
    security_group,
    network_acl,
    vpc_endpoint,
    vpc_peering_connection,
    transit_gateway,
    flow_log,
    dhcp_options,
    prefix_list,
    launch_template,
    vpn_gateway,
]


def main():
    network = Network()
    for resource in RESOURCES:
        resource(network)
        print(resource.__name__, flush=True)
    network.delete()


main()
