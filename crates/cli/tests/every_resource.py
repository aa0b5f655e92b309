"""Every networking resource of EC2 as boto3 has it: create, describe with every documented filter, change, delete.

Takes no arguments: the cloud is the one of the environment. Prints a line for each resource, and fails with the first thing
that is not as expected. The waiters are botocore's own, at a pace that a test can wait for.
"""

import re
import sys
import time

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

CONFIG = Config(retries={"total_max_attempts": 1})
ec2 = boto3.client("ec2", config=CONFIG)

# The names in AWS's documentation of a filter, such as `<code>vpc-id</code> - `; tags are asked for by one key.
FILTER = re.compile(r"<code>([a-z][^<]*)</code>")


def documented_filters(operation):
    members = ec2.meta.service_model.operation_model(operation).input_shape.members
    member = next((members[name] for name in ("Filters", "Filter") if name in members), None)
    if member is None:
        return None, []
    names = []
    for item in re.findall(r"<li>.*?</li>", member.documentation, re.S):
        match = FILTER.search(item)
        if match and re.match(r"\s*<li>\s*<p>\s*(<b>)?<code>", item):
            name = match.group(1).strip()
            names.append("tag:Name" if re.match(r"tag(:|$)", name) else name)
    parameter = "Filters" if "Filters" in members else "Filter"
    return parameter, [name for name in names if " " not in name]


def lists_of(answer):
    return [value for name, value in answer.items() if isinstance(value, list)]


def method(operation):
    return getattr(ec2, xform_name(operation))


def every_filter(operation, **always):
    """Each filter is known, and by a value that nothing has it leaves nothing."""
    parameter, names = documented_filters(operation)
    for name in names:
        answer = method(operation)(**always, **{parameter: [{"Name": name, "Values": ["nothing-has-this"]}]})
        for found in lists_of(answer):
            assert found == [], f"{operation} by {name}: {found}"
    return len(names)


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        found = error.response["Error"]["Code"]
        assert found == code, f"{found} is not {code}: {error}"
    else:
        raise AssertionError(f"not refused with {code}")


def wait(name, **arguments):
    ec2.get_waiter(name).wait(**arguments, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def until(state, read):
    """For what botocore has no waiter for."""
    for _ in range(50):
        if read() == state:
            return
        time.sleep(0.1)
    raise AssertionError(f"{read()} does not become {state}")


def tagged(kind):
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": kind}]}]


def only(list_):
    assert len(list_) == 1, list_
    return list_[0]


def new_vpc(block):
    vpc = ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]
    wait("vpc_available", VpcIds=[vpc])
    return vpc


def new_subnet(vpc, block, zone=0):
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]]
    return ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zones[zone])["Subnet"]["SubnetId"]


class Network:
    """A VPC with what most resources need; gone at the end."""

    def __init__(self):
        self.vpc = new_vpc("10.50.0.0/16")
        self.subnet = new_subnet(self.vpc, "10.50.0.0/24")
        self.table = ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        self.gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)

    def delete(self):
        ec2.detach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)
        ec2.delete_internet_gateway(InternetGatewayId=self.gateway)
        ec2.delete_route_table(RouteTableId=self.table)
        ec2.delete_subnet(SubnetId=self.subnet)
        ec2.delete_vpc(VpcId=self.vpc)


def vpc(network):
    ec2.modify_vpc_attribute(VpcId=network.vpc, EnableDnsHostnames={"Value": True})
    answer = ec2.describe_vpc_attribute(VpcId=network.vpc, Attribute="enableDnsHostnames")
    assert answer["EnableDnsHostnames"]["Value"] is True
    block = ec2.associate_vpc_cidr_block(VpcId=network.vpc, CidrBlock="10.51.0.0/16")["CidrBlockAssociation"]
    ec2.disassociate_vpc_cidr_block(AssociationId=block["AssociationId"])
    refused("DependencyViolation", ec2.delete_vpc, VpcId=network.vpc)


def subnet(network):
    ec2.modify_subnet_attribute(SubnetId=network.subnet, MapPublicIpOnLaunch={"Value": True})
    assert only(ec2.describe_subnets(SubnetIds=[network.subnet])["Subnets"])["MapPublicIpOnLaunch"] is True
    assert only(ec2.describe_subnets(SubnetIds=[network.subnet])["Subnets"])["AvailableIpAddressCount"] == 251


def route_table(network):
    route = {"RouteTableId": network.table, "DestinationCidrBlock": "0.0.0.0/0"}
    ec2.create_route(**route, GatewayId=network.gateway)
    table = only(ec2.describe_route_tables(RouteTableIds=[network.table])["RouteTables"])
    assert table["Routes"][1]["State"] == "active", table
    ec2.delete_route(**route)
    refused("InvalidRoute.NotFound", ec2.delete_route, **route)


def security_group(network):
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=network.vpc)["GroupId"]
    rule = only(
        ec2.authorize_security_group_ingress(
            GroupId=group, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="0.0.0.0/0"
        )["SecurityGroupRules"]
    )
    ec2.modify_security_group_rules(
        GroupId=group,
        SecurityGroupRules=[
            {
                "SecurityGroupRuleId": rule["SecurityGroupRuleId"],
                "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv4": "10.0.0.0/8"},
            }
        ],
    )
    permission = only(only(ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"])["IpPermissions"])
    assert permission["FromPort"] == 443
    ec2.delete_security_group(GroupId=group)
    refused("InvalidGroup.NotFound", ec2.describe_security_groups, GroupIds=[group])


def network_acl(network):
    acl = ec2.create_network_acl(VpcId=network.vpc)["NetworkAcl"]["NetworkAclId"]
    entry = {"NetworkAclId": acl, "RuleNumber": 100, "Egress": False, "Protocol": "-1", "CidrBlock": "0.0.0.0/0"}
    ec2.create_network_acl_entry(**entry, RuleAction="allow")
    ec2.replace_network_acl_entry(**entry, RuleAction="deny")
    entries = only(ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"])["Entries"]
    assert [e["RuleAction"] for e in entries if e["RuleNumber"] == 100] == ["deny"]
    ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Egress=False)
    ec2.delete_network_acl(NetworkAclId=acl)


def network_interface(network):
    interface = ec2.create_network_interface(SubnetId=network.subnet)["NetworkInterface"]["NetworkInterfaceId"]
    wait("network_interface_available", NetworkInterfaceIds=[interface])
    ec2.assign_private_ip_addresses(NetworkInterfaceId=interface, SecondaryPrivateIpAddressCount=2)
    found = only(ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"])
    assert len(found["PrivateIpAddresses"]) == 3
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interface, Description={"Value": "changed"})
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=network.subnet)
    ec2.delete_network_interface(NetworkInterfaceId=interface)


def address(network):
    interface = ec2.create_network_interface(SubnetId=network.subnet)["NetworkInterface"]["NetworkInterfaceId"]
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    association = ec2.associate_address(AllocationId=allocation, NetworkInterfaceId=interface)["AssociationId"]
    assert only(ec2.describe_addresses(AllocationIds=[allocation])["Addresses"])["AssociationId"] == association
    ec2.disassociate_address(AssociationId=association)
    ec2.release_address(AllocationId=allocation)
    ec2.delete_network_interface(NetworkInterfaceId=interface)


def prefix_list(network):
    made = ec2.create_managed_prefix_list(
        PrefixListName="office", AddressFamily="IPv4", MaxEntries=5, Entries=[{"Cidr": "10.0.0.0/8"}]
    )["PrefixList"]["PrefixListId"]
    until("create-complete", lambda: only(ec2.describe_managed_prefix_lists(PrefixListIds=[made])["PrefixLists"])["State"])
    ec2.modify_managed_prefix_list(PrefixListId=made, CurrentVersion=1, AddEntries=[{"Cidr": "172.16.0.0/12"}])
    assert len(ec2.get_managed_prefix_list_entries(PrefixListId=made)["Entries"]) == 2
    until("modify-complete", lambda: only(ec2.describe_managed_prefix_lists(PrefixListIds=[made])["PrefixLists"])["State"])
    ec2.delete_managed_prefix_list(PrefixListId=made)


def dhcp_options(network):
    made = ec2.create_dhcp_options(DhcpConfigurations=[{"Key": "domain-name", "Values": ["example.test"]}])
    made = made["DhcpOptions"]["DhcpOptionsId"]
    ec2.associate_dhcp_options(DhcpOptionsId=made, VpcId=network.vpc)
    ec2.associate_dhcp_options(DhcpOptionsId="default", VpcId=network.vpc)
    ec2.delete_dhcp_options(DhcpOptionsId=made)


def egress_only_internet_gateway(network):
    made = ec2.create_egress_only_internet_gateway(VpcId=network.vpc)["EgressOnlyInternetGateway"]
    ec2.delete_egress_only_internet_gateway(EgressOnlyInternetGatewayId=made["EgressOnlyInternetGatewayId"])


def nat_gateway(network):
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = ec2.create_nat_gateway(
        SubnetId=network.subnet, AllocationId=allocation, TagSpecifications=tagged("natgateway")
    )["NatGateway"]["NatGatewayId"]
    wait("nat_gateway_available", NatGatewayIds=[made])
    ec2.create_route(RouteTableId=network.table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=made)
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=network.subnet)
    ec2.delete_nat_gateway(NatGatewayId=made)
    wait("nat_gateway_deleted", NatGatewayIds=[made])
    table = only(ec2.describe_route_tables(RouteTableIds=[network.table])["RouteTables"])
    assert [route["State"] for route in table["Routes"] if "NatGatewayId" in route] == ["blackhole"]
    ec2.delete_route(RouteTableId=network.table, DestinationCidrBlock="0.0.0.0/0")
    ec2.release_address(AllocationId=allocation)


def vpc_peering_connection(network):
    other = new_vpc("10.60.0.0/16")
    made = ec2.create_vpc_peering_connection(VpcId=network.vpc, PeerVpcId=other)["VpcPeeringConnection"]
    made = made["VpcPeeringConnectionId"]
    wait("vpc_peering_connection_exists", VpcPeeringConnectionIds=[made])
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made)
    peering = lambda: only(ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[made])["VpcPeeringConnections"])
    until("active", lambda: peering()["Status"]["Code"])
    ec2.modify_vpc_peering_connection_options(
        VpcPeeringConnectionId=made, RequesterPeeringConnectionOptions={"AllowDnsResolutionFromRemoteVpc": True}
    )
    ec2.create_route(RouteTableId=network.table, DestinationCidrBlock="10.60.0.0/16", VpcPeeringConnectionId=made)
    ec2.delete_route(RouteTableId=network.table, DestinationCidrBlock="10.60.0.0/16")
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=made)
    wait("vpc_peering_connection_deleted", VpcPeeringConnectionIds=[made])
    ec2.delete_vpc(VpcId=other)


def vpc_endpoint(network):
    gateway = ec2.create_vpc_endpoint(
        VpcId=network.vpc,
        ServiceName=f"com.amazonaws.{ec2.meta.region_name}.s3",
        RouteTableIds=[network.table],
        TagSpecifications=tagged("vpc-endpoint"),
    )["VpcEndpoint"]["VpcEndpointId"]
    table = only(ec2.describe_route_tables(RouteTableIds=[network.table])["RouteTables"])
    assert [route["GatewayId"] for route in table["Routes"] if "DestinationPrefixListId" in route] == [gateway]
    ec2.modify_vpc_endpoint(VpcEndpointId=gateway, RemoveRouteTableIds=[network.table])
    interface = ec2.create_vpc_endpoint(
        VpcEndpointType="Interface",
        VpcId=network.vpc,
        ServiceName=f"com.amazonaws.{ec2.meta.region_name}.ssm",
        SubnetIds=[network.subnet],
        PrivateDnsEnabled=False,
    )["VpcEndpoint"]["VpcEndpointId"]
    endpoint = lambda: only(ec2.describe_vpc_endpoints(VpcEndpointIds=[interface])["VpcEndpoints"])
    until("available", lambda: endpoint()["State"])
    assert len(endpoint()["NetworkInterfaceIds"]) == 1
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=network.subnet)
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[gateway, interface])["Unsuccessful"] == []
    gone = lambda: [e["State"] for e in ec2.describe_vpc_endpoints()["VpcEndpoints"] if e["State"] != "deleted"]
    until([], gone)


def flow_log(network):
    made = only(
        ec2.create_flow_logs(
            ResourceIds=[network.vpc],
            ResourceType="VPC",
            TrafficType="ALL",
            LogGroupName="flows",
            DeliverLogsPermissionArn="arn:aws:iam::210987654321:role/flows",
        )["FlowLogIds"]
    )
    assert only(ec2.describe_flow_logs(FlowLogIds=[made])["FlowLogs"])["ResourceId"] == network.vpc
    assert ec2.delete_flow_logs(FlowLogIds=[made])["Unsuccessful"] == []


def transit_gateway(network):
    made = ec2.create_transit_gateway(Description="hub", TagSpecifications=tagged("transit-gateway"))
    made = made["TransitGateway"]["TransitGatewayId"]
    gateway = lambda: only(ec2.describe_transit_gateways(TransitGatewayIds=[made])["TransitGateways"])
    until("available", lambda: gateway()["State"])
    attachment = ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=made, VpcId=network.vpc, SubnetIds=[network.subnet]
    )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    attached = lambda: only(
        ec2.describe_transit_gateway_vpc_attachments(TransitGatewayAttachmentIds=[attachment])[
            "TransitGatewayVpcAttachments"
        ]
    )
    until("available", lambda: attached()["State"])
    default = gateway()["Options"]["AssociationDefaultRouteTableId"]
    ec2.create_transit_gateway_route(
        TransitGatewayRouteTableId=default,
        DestinationCidrBlock="192.168.0.0/16",
        TransitGatewayAttachmentId=attachment,
    )
    found = ec2.search_transit_gateway_routes(
        TransitGatewayRouteTableId=default, Filters=[{"Name": "type", "Values": ["static", "propagated"]}]
    )["Routes"]
    assert sorted(route["DestinationCidrBlock"] for route in found) == ["10.50.0.0/16", "192.168.0.0/16"], found
    ec2.create_route(RouteTableId=network.table, DestinationCidrBlock="192.168.0.0/16", TransitGatewayId=made)
    ec2.delete_route(RouteTableId=network.table, DestinationCidrBlock="192.168.0.0/16")
    refused("IncorrectState", ec2.delete_transit_gateway, TransitGatewayId=made)
    ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attachment)
    until("deleted", lambda: attached()["State"])
    ec2.delete_transit_gateway(TransitGatewayId=made)
    until("deleted", lambda: gateway()["State"])


def vpn_gateway(network):
    made = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2.attach_vpn_gateway(VpnGatewayId=made, VpcId=network.vpc)
    gateway = lambda: only(ec2.describe_vpn_gateways(VpnGatewayIds=[made])["VpnGateways"])
    until("attached", lambda: gateway()["VpcAttachments"][0]["State"])
    ec2.enable_vgw_route_propagation(GatewayId=made, RouteTableId=network.table)
    ec2.disable_vgw_route_propagation(GatewayId=made, RouteTableId=network.table)
    customer = ec2.create_customer_gateway(Type="ipsec.1", BgpAsn=65000, IpAddress="198.51.100.7")
    customer = customer["CustomerGateway"]["CustomerGatewayId"]
    wait("customer_gateway_available", CustomerGatewayIds=[customer])
    connection = ec2.create_vpn_connection(
        Type="ipsec.1", CustomerGatewayId=customer, VpnGatewayId=made, Options={"StaticRoutesOnly": True}
    )["VpnConnection"]
    assert "<vpn_connection" in connection["CustomerGatewayConfiguration"]
    connection = connection["VpnConnectionId"]
    wait("vpn_connection_available", VpnConnectionIds=[connection])
    ec2.create_vpn_connection_route(VpnConnectionId=connection, DestinationCidrBlock="192.168.0.0/16")
    ec2.delete_vpn_connection(VpnConnectionId=connection)
    wait("vpn_connection_deleted", VpnConnectionIds=[connection])
    ec2.delete_customer_gateway(CustomerGatewayId=customer)
    ec2.detach_vpn_gateway(VpnGatewayId=made, VpcId=network.vpc)
    until(True, lambda: all(held["State"] == "detached" for held in gateway()["VpcAttachments"]))
    ec2.delete_vpn_gateway(VpnGatewayId=made)


def launch_template(network):
    data = {"InstanceType": "t3.nano"}
    made = ec2.create_launch_template(LaunchTemplateName="small", LaunchTemplateData=data)["LaunchTemplate"]
    ec2.create_launch_template_version(LaunchTemplateName="small", LaunchTemplateData={"InstanceType": "t3.micro"})
    ec2.modify_launch_template(LaunchTemplateId=made["LaunchTemplateId"], DefaultVersion="2")
    found = ec2.describe_launch_template_versions(LaunchTemplateName="small", Versions=["$Default"])
    assert only(found["LaunchTemplateVersions"])["LaunchTemplateData"]["InstanceType"] == "t3.micro"
    ec2.delete_launch_template(LaunchTemplateName="small")


def subnet_cidr_reservation(network):
    made = ec2.create_subnet_cidr_reservation(SubnetId=network.subnet, Cidr="10.50.0.32/28", ReservationType="prefix")
    made = made["SubnetCidrReservation"]["SubnetCidrReservationId"]
    found = ec2.get_subnet_cidr_reservations(SubnetId=network.subnet)["SubnetIpv4CidrReservations"]
    assert only(found)["SubnetCidrReservationId"] == made
    every_filter("GetSubnetCidrReservations", SubnetId=network.subnet)
    ec2.delete_subnet_cidr_reservation(SubnetCidrReservationId=made)


def network_interface_permission(network):
    interface = ec2.create_network_interface(SubnetId=network.subnet)["NetworkInterface"]["NetworkInterfaceId"]
    made = ec2.create_network_interface_permission(
        NetworkInterfaceId=interface, AwsAccountId="210987654321", Permission="INSTANCE-ATTACH"
    )["InterfacePermission"]
    id = made["NetworkInterfacePermissionId"]
    described = lambda: only(
        ec2.describe_network_interface_permissions(NetworkInterfacePermissionIds=[id])["NetworkInterfacePermissions"]
    )
    until("GRANTED", lambda: described()["PermissionState"]["State"])
    assert described()["AwsAccountId"] == "210987654321" and described()["Permission"] == "INSTANCE-ATTACH"
    assert ec2.delete_network_interface_permission(NetworkInterfacePermissionId=id)["Return"] is True
    named = {"NetworkInterfacePermissionIds": [id]}

    def is_there():
        try:
            return bool(ec2.describe_network_interface_permissions(**named)["NetworkInterfacePermissions"])
        except ClientError as error:
            assert error.response["Error"]["Code"] == "InvalidPermissionID.NotFound", error
            return False

    until(False, is_there)
    ec2.delete_network_interface(NetworkInterfaceId=interface)


def block_public_access(network):
    options = lambda: ec2.describe_vpc_block_public_access_options()["VpcBlockPublicAccessOptions"]
    mode = lambda: only(ec2.describe_subnets(SubnetIds=[network.subnet])["Subnets"])["BlockPublicAccessStates"]
    ec2.modify_vpc_block_public_access_options(InternetGatewayBlockMode="block-bidirectional")
    until("update-complete", lambda: options()["State"])
    assert options()["InternetGatewayBlockMode"] == "block-bidirectional"
    assert mode() == {"InternetGatewayBlockMode": "block-bidirectional"}
    made = ec2.create_vpc_block_public_access_exclusion(
        SubnetId=network.subnet,
        InternetGatewayExclusionMode="allow-egress",
        TagSpecifications=tagged("vpc-block-public-access-exclusion"),
    )["VpcBlockPublicAccessExclusion"]
    id = made["ExclusionId"]
    described = lambda: only(
        ec2.describe_vpc_block_public_access_exclusions(ExclusionIds=[id])["VpcBlockPublicAccessExclusions"]
    )
    until("create-complete", lambda: described()["State"])
    assert described()["ResourceArn"].endswith(network.subnet), described()
    assert mode() == {"InternetGatewayBlockMode": "block-ingress"}
    ec2.modify_vpc_block_public_access_exclusion(ExclusionId=id, InternetGatewayExclusionMode="allow-bidirectional")
    until("update-complete", lambda: described()["State"])
    assert mode() == {"InternetGatewayBlockMode": "off"}
    ec2.delete_vpc_block_public_access_exclusion(ExclusionId=id)
    until("delete-complete", lambda: described()["State"])
    ec2.modify_vpc_block_public_access_options(InternetGatewayBlockMode="off")
    until("off", lambda: options()["InternetGatewayBlockMode"])
    until("update-complete", lambda: options()["State"])


def vpc_endpoint_service(network):
    """The load balancer is an ARN of the right form, and the consumer the account itself."""
    account = boto3.client("sts", config=CONFIG).get_caller_identity()["Account"]
    load_balancers = [
        f"arn:aws:elasticloadbalancing:{ec2.meta.region_name}:{account}:loadbalancer/net/{name}/0123456789abcdef"
        for name in ("one", "two")
    ]
    made = ec2.create_vpc_endpoint_service_configuration(
        NetworkLoadBalancerArns=load_balancers[:1],
        AcceptanceRequired=True,
        TagSpecifications=tagged("vpc-endpoint-service"),
    )["ServiceConfiguration"]
    id, name = made["ServiceId"], made["ServiceName"]
    service = lambda: only(
        ec2.describe_vpc_endpoint_service_configurations(ServiceIds=[id])["ServiceConfigurations"]
    )
    until("Available", lambda: service()["ServiceState"])
    ec2.modify_vpc_endpoint_service_configuration(ServiceId=id, AddNetworkLoadBalancerArns=load_balancers[1:])
    assert sorted(service()["NetworkLoadBalancerArns"]) == load_balancers
    assert only(ec2.describe_vpc_endpoint_services(ServiceNames=[name])["ServiceDetails"])["ServiceId"] == id

    principal = "arn:aws:iam::210987654321:root"
    added = ec2.modify_vpc_endpoint_service_permissions(ServiceId=id, AddAllowedPrincipals=[principal])
    assert only(added["AddedPrincipals"])["Principal"] == principal
    allowed = lambda: ec2.describe_vpc_endpoint_service_permissions(ServiceId=id)["AllowedPrincipals"]
    assert only(allowed())["PrincipalType"] == "Account", allowed()
    every_filter("DescribeVpcEndpointServicePermissions", ServiceId=id)
    ec2.modify_vpc_endpoint_service_permissions(ServiceId=id, RemoveAllowedPrincipals=[principal])
    assert allowed() == []

    topic = f"arn:aws:sns:{ec2.meta.region_name}:{account}:endpoints"
    notification = ec2.create_vpc_endpoint_connection_notification(
        ServiceId=id, ConnectionNotificationArn=topic, ConnectionEvents=["Connect"]
    )["ConnectionNotification"]["ConnectionNotificationId"]
    ec2.modify_vpc_endpoint_connection_notification(
        ConnectionNotificationId=notification, ConnectionEvents=["Connect", "Reject"]
    )
    found = ec2.describe_vpc_endpoint_connection_notifications(ConnectionNotificationId=notification)
    assert sorted(only(found["ConnectionNotificationSet"])["ConnectionEvents"]) == ["Connect", "Reject"]
    every_filter("DescribeVpcEndpointConnectionNotifications")
    deleted = ec2.delete_vpc_endpoint_connection_notifications(ConnectionNotificationIds=[notification])
    assert deleted["Unsuccessful"] == []

    def connect():
        endpoint = ec2.create_vpc_endpoint(
            VpcEndpointType="Interface", VpcId=network.vpc, ServiceName=name, SubnetIds=[network.subnet]
        )["VpcEndpoint"]["VpcEndpointId"]
        until("pendingAcceptance", lambda: state(endpoint))
        by_service = [{"Name": "service-id", "Values": [id]}]
        connections = ec2.describe_vpc_endpoint_connections(Filters=by_service)["VpcEndpointConnections"]
        assert endpoint in [connection["VpcEndpointId"] for connection in connections], connections
        return endpoint

    state = lambda endpoint: only(ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"])["State"]
    accepted, rejected = connect(), connect()
    answer = ec2.accept_vpc_endpoint_connections(ServiceId=id, VpcEndpointIds=[accepted])
    assert answer["Unsuccessful"] == []
    until("available", lambda: state(accepted))
    answer = ec2.reject_vpc_endpoint_connections(ServiceId=id, VpcEndpointIds=[rejected])
    assert answer["Unsuccessful"] == []
    until("rejected", lambda: state(rejected))
    in_use = only(ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[id])["Unsuccessful"])
    assert in_use["Error"]["Code"] == "ExistingVpcEndpointConnections", in_use
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[accepted, rejected])["Unsuccessful"] == []
    gone = lambda: [e["State"] for e in ec2.describe_vpc_endpoints()["VpcEndpoints"] if e["State"] != "deleted"]
    until([], gone)
    assert ec2.delete_vpc_endpoint_service_configurations(ServiceIds=[id])["Unsuccessful"] == []


def security_group_vpc_association(network):
    group = ec2.create_security_group(GroupName="shared", Description="shared", VpcId=network.vpc)["GroupId"]
    other = new_vpc("10.60.0.0/16")
    assert ec2.associate_security_group_vpc(GroupId=group, VpcId=other)["State"] == "associating"
    described = lambda: [
        (found["GroupId"], found["VpcId"], found["State"])
        for found in ec2.describe_security_group_vpc_associations(
            Filters=[{"Name": "group-id", "Values": [group]}]
        )["SecurityGroupVpcAssociations"]
    ]
    until([(group, other, "associated")], described)
    for_vpc = ec2.get_security_groups_for_vpc(VpcId=other)["SecurityGroupForVpcs"]
    assert group in [found["GroupId"] for found in for_vpc], for_vpc
    every_filter("GetSecurityGroupsForVpc", VpcId=other)
    assert ec2.disassociate_security_group_vpc(GroupId=group, VpcId=other)["State"] == "disassociating"
    until(True, lambda: all(state == "disassociated" for _, _, state in described()))
    ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc(VpcId=other)


def iam_instance_profile_association(network):
    name = "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2"
    image = boto3.client("ssm", config=CONFIG).get_parameter(Name=name)["Parameter"]["Value"]
    instance = only(
        ec2.run_instances(
            ImageId=image, InstanceType="t3.nano", MinCount=1, MaxCount=1, SubnetId=network.subnet
        )["Instances"]
    )["InstanceId"]
    wait("instance_running", InstanceIds=[instance])
    iam = boto3.client("iam", config=CONFIG)
    for name in ("app", "web"):
        iam.create_instance_profile(InstanceProfileName=name)
    made = ec2.associate_iam_instance_profile(IamInstanceProfile={"Name": "app"}, InstanceId=instance)
    assert made["IamInstanceProfileAssociation"]["State"] == "associating"
    of_instance = [{"Name": "instance-id", "Values": [instance]}]
    described = lambda: ec2.describe_iam_instance_profile_associations(Filters=of_instance)[
        "IamInstanceProfileAssociations"
    ]
    until("associated", lambda: only(described())["State"])
    found = only(only(ec2.describe_instances(InstanceIds=[instance])["Reservations"])["Instances"])
    assert found["IamInstanceProfile"]["Arn"].endswith(":instance-profile/app"), found
    replaced = ec2.replace_iam_instance_profile_association(
        IamInstanceProfile={"Name": "web"}, AssociationId=only(described())["AssociationId"]
    )["IamInstanceProfileAssociation"]
    until(["associated"], lambda: [held["State"] for held in described()])
    assert only(described())["IamInstanceProfile"]["Arn"].endswith(":instance-profile/web")
    ec2.disassociate_iam_instance_profile(AssociationId=replaced["AssociationId"])
    until(True, lambda: all(held["State"] == "disassociated" for held in described()))
    for name in ("app", "web"):
        iam.delete_instance_profile(InstanceProfileName=name)
    ec2.terminate_instances(InstanceIds=[instance])
    wait("instance_terminated", InstanceIds=[instance])


RESOURCES = [
    (vpc, ["DescribeVpcs"]),
    (subnet, ["DescribeSubnets"]),
    (route_table, ["DescribeRouteTables"]),
    (security_group, ["DescribeSecurityGroups", "DescribeSecurityGroupRules"]),
    (network_acl, ["DescribeNetworkAcls"]),
    (network_interface, ["DescribeNetworkInterfaces"]),
    (address, ["DescribeAddresses"]),
    (prefix_list, ["DescribeManagedPrefixLists", "DescribePrefixLists"]),
    (dhcp_options, ["DescribeDhcpOptions"]),
    (egress_only_internet_gateway, ["DescribeEgressOnlyInternetGateways", "DescribeInternetGateways"]),
    (nat_gateway, ["DescribeNatGateways"]),
    (vpc_peering_connection, ["DescribeVpcPeeringConnections"]),
    (vpc_endpoint, ["DescribeVpcEndpoints", "DescribeVpcEndpointServices", "DescribeVpcEndpointConnections"]),
    (flow_log, ["DescribeFlowLogs"]),
    (
        transit_gateway,
        [
            "DescribeTransitGateways",
            "DescribeTransitGatewayAttachments",
            "DescribeTransitGatewayVpcAttachments",
            "DescribeTransitGatewayPeeringAttachments",
            "DescribeTransitGatewayRouteTables",
        ],
    ),
    (vpn_gateway, ["DescribeVpnGateways", "DescribeCustomerGateways", "DescribeVpnConnections"]),
    (launch_template, ["DescribeLaunchTemplates"]),
    (subnet_cidr_reservation, []),
    (network_interface_permission, ["DescribeNetworkInterfacePermissions"]),
    (block_public_access, ["DescribeVpcBlockPublicAccessExclusions"]),
    (
        vpc_endpoint_service,
        ["DescribeVpcEndpointServiceConfigurations", "DescribeVpcEndpointServices", "DescribeVpcEndpointAssociations"],
    ),
    (security_group_vpc_association, ["DescribeSecurityGroupVpcAssociations"]),
    (iam_instance_profile_association, ["DescribeIamInstanceProfileAssociations"]),
]


def main():
    wanted = sys.argv[1:]
    network = Network()
    for resource, operations in RESOURCES:
        if wanted and resource.__name__ not in wanted:
            continue
        resource(network)
        filters = sum(every_filter(operation) for operation in operations)
        print(f"{resource.__name__}: {filters} filters", flush=True)
    network.delete()


main()
