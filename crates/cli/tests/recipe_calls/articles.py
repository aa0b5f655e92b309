"""The calls of articles of the AWS blogs."""

import ipaddress

from command_line import REGION, aws, equal, has, has_at_least, like, new_account, peer, routes, same, until
from stack import (
    delete_internet_gateway,
    delete_vpc,
    new_group,
    new_instance,
    new_internet_gateway,
    new_subnet,
    new_table,
    new_vpc,
    terminate,
    wait_for_instances,
)


def article_b1():
    """VPC ingress routing."""
    region = "us-west-2"
    here = f"--region {region}"
    vpc_id = new_vpc("10.0.0.0/16", region=region)
    subnets = [new_subnet(vpc_id, f"10.0.{number}.0/24", region=region) for number in (0, 1)]
    gateway = new_internet_gateway(vpc_id, region=region)
    tables = [new_table(vpc_id, subnet, region=region) for subnet in subnets]
    for table in tables:
        aws(
            f"ec2 create-route {here} --route-table-id {table} --destination-cidr-block 0.0.0.0/0"
            f" --gateway-id {gateway}"
        )
    for subnet in subnets:
        aws(f"ec2 modify-subnet-attribute {here} --subnet-id {subnet} --map-public-ip-on-launch")
    group = new_group(vpc_id, "web", region=region)
    instances = [
        new_instance(subnet, group, name, region) for subnet, name in zip(subnets, ("appliance", "application"))
    ]
    wait_for_instances("running", instances, region)

    def of_instance(name, what):
        return aws(
            f"ec2 describe-instances {here} --output text --query \"Reservations[].Instances[] |"
            f" [?Tags[?Key=='Name' && Value=='{name}']].{what}\""
        )

    like(
        r"ec2-[0-9-]+\.us-west-2\.compute\.amazonaws\.com",
        of_instance("application", "NetworkInterfaces[].Association.PublicDnsName"),
    )
    interface = like("eni-[0-9a-f]{17}", of_instance("appliance", "NetworkInterfaces[].NetworkInterfaceId"))
    found = aws(
        f"ec2 describe-internet-gateways {here} --output text"
        f" --query \"InternetGateways[] | [?Attachments[?VpcId=='{vpc_id}']].InternetGatewayId\""
    )
    equal(found, gateway)
    edge = aws(
        f"ec2 create-route-table {here} --vpc-id {vpc_id} --query RouteTable.RouteTableId --output text"
    )
    aws(
        f"ec2 create-route {here} --route-table-id {edge} --destination-cidr-block 10.0.1.0/24"
        f" --network-interface-id {interface}"
    )
    made = aws(f"ec2 associate-route-table {here} --route-table-id {edge} --gateway-id {gateway}")
    has(made, "AssociationId AssociationState")
    subnet = of_instance("application", "NetworkInterfaces[].SubnetId")
    equal(subnet, subnets[1])
    table = aws(
        f"ec2 describe-route-tables {here} --output text --query \"RouteTables[?VpcId=='{vpc_id}'] |"
        f" [?Associations[?SubnetId=='{subnet}']].RouteTableId\""
    )
    equal(table, tables[1])
    default = f"--route-table-id {table} --destination-cidr-block 0.0.0.0/0"
    aws(f"ec2 delete-route {here} {default}")
    aws(f"ec2 create-route {here} {default} --network-interface-id {interface}")
    # The article associates the table with the subnet that it is associated with.
    again = aws(f"ec2 associate-route-table {here} --route-table-id {table} --subnet-id {subnet}")
    equal(again["AssociationState"], {"State": "associated"})
    appliance = of_instance("appliance", "InstanceId")
    equal(appliance, instances[0])
    aws(f"ec2 modify-instance-attribute {here} --no-source-dest-check --instance-id {appliance}")
    checked = f"ec2 describe-instances {here} --instance-ids {appliance} --output text"
    equal(aws(f"{checked} --query 'Reservations[0].Instances[0].SourceDestCheck'"), "False")
    like(r"ec2-.*", of_instance("application", "NetworkInterfaces[].Association.PublicDnsName"))

    described = aws(f"ec2 describe-route-tables {here} --route-table-ids {edge}")["RouteTables"][0]
    has(described, "Associations PropagatingVgws RouteTableId Routes Tags VpcId OwnerId")
    association = has(
        described["Associations"][0], "Main RouteTableAssociationId RouteTableId GatewayId AssociationState"
    )
    equal(association["GatewayId"], gateway)
    # A route to an interface of an instance names both.
    equal(routes(edge, extra=here), [("10.0.1.0/24", appliance, "active")])
    aws(f"ec2 modify-instance-attribute {here} --source-dest-check --instance-id {appliance}")
    equal(aws(f"{checked} --query 'Reservations[0].Instances[0].SourceDestCheck'"), "True")

    # Their public addresses keep the gateway.
    aws.refused(
        "DependencyViolation",
        f"ec2 detach-internet-gateway {here} --internet-gateway-id {gateway} --vpc-id {vpc_id}",
    )
    terminate(*instances, region=region)
    delete_internet_gateway(gateway, vpc_id, region=region)
    delete_vpc(vpc_id, [edge, *tables], subnets, [group], region=region)


def article_b3_private_subnets():
    """Evolving VPC design: failing over to another NAT gateway, and IPv6 behind an egress-only internet gateway."""
    vpc_id = new_vpc("10.0.0.0/16")
    public = [new_subnet(vpc_id, "10.0.0.0/24", "a"), new_subnet(vpc_id, "10.0.1.0/24", "b")]
    private = new_subnet(vpc_id, "10.0.2.0/24", "a")
    table = new_table(vpc_id, private)
    gateway = new_internet_gateway(vpc_id)
    allocations = [aws("ec2 allocate-address --domain vpc --output text --query AllocationId") for _ in public]
    nats = [
        aws(
            f"ec2 create-nat-gateway --subnet-id {subnet} --allocation-id {allocation}"
            " --output text --query NatGateway.NatGatewayId"
        )
        for subnet, allocation in zip(public, allocations)
    ]
    state = lambda nat: aws(
        f"ec2 describe-nat-gateways --nat-gateway-ids {nat} --output text --query NatGateways[0].State"
    )
    for nat in nats:
        until("available", lambda: state(nat))
    default = f"--route-table-id {table} --destination-cidr-block 0.0.0.0/0"
    aws(f"ec2 create-route {default} --nat-gateway-id {nats[0]}")
    aws(f"ec2 delete-nat-gateway --nat-gateway-id {nats[0]}")
    until("deleted", lambda: state(nats[0]))
    equal(routes(table), [("0.0.0.0/0", nats[0], "blackhole")])
    aws(f"ec2 replace-route {default} --nat-gateway-id {nats[1]}")
    equal(routes(table), [("0.0.0.0/0", nats[1], "active")])

    block = aws(f"ec2 associate-vpc-cidr-block --vpc-id {vpc_id} --amazon-provided-ipv6-cidr-block")
    equal(block["Ipv6CidrBlockAssociation"]["Ipv6CidrBlockState"]["State"], "associating")
    described = f"ec2 describe-vpcs --vpc-ids {vpc_id} --output text"
    association = "Vpcs[0].Ipv6CidrBlockAssociationSet[0]"
    until("associated", lambda: aws(f"{described} --query '{association}.Ipv6CidrBlockState.State'"))
    block = aws(f"{described} --query '{association}.Ipv6CidrBlock'")
    *_, of_subnet = ipaddress.ip_network(block).subnets(new_prefix=64)
    made = aws(f"ec2 associate-subnet-cidr-block --subnet-id {private} --ipv6-cidr-block {of_subnet}")
    equal(made["SubnetId"], private)
    egress_only = aws(
        f"ec2 create-egress-only-internet-gateway --vpc-id {vpc_id} --output text"
        " --query EgressOnlyInternetGateway.EgressOnlyInternetGatewayId"
    )
    aws(
        f"ec2 create-route --route-table-id {table} --destination-ipv6-cidr-block ::/0"
        f" --egress-only-internet-gateway-id {egress_only}"
    )
    same(routes(table), [("0.0.0.0/0", nats[1], "active"), ("::/0", egress_only, "active")])

    aws(f"ec2 delete-egress-only-internet-gateway --egress-only-internet-gateway-id {egress_only}")
    aws(f"ec2 delete-nat-gateway --nat-gateway-id {nats[1]}")
    until("deleted", lambda: state(nats[1]))
    for allocation in allocations:
        aws(f"ec2 release-address --allocation-id {allocation}")
    delete_internet_gateway(gateway, vpc_id)
    delete_vpc(vpc_id, [table], [*public, private])


def article_b3_data_center():
    """Evolving VPC design: a virtual private gateway, and a VPN to the data center."""
    vpc_id = new_vpc("10.0.0.0/16")
    table = new_table(vpc_id)
    gateway = aws("ec2 create-vpn-gateway --type ipsec.1 --output text --query VpnGateway.VpnGatewayId")
    made = aws(f"ec2 attach-vpn-gateway --vpn-gateway-id {gateway} --vpc-id {vpc_id}")
    equal(made["VpcAttachment"]["VpcId"], vpc_id)
    attached = lambda: aws(
        f"ec2 describe-vpn-gateways --vpn-gateway-ids {gateway} --output text"
        " --query 'VpnGateways[0].VpcAttachments[0].State'"
    )
    until("attached", attached)
    customer = aws(
        "ec2 create-customer-gateway --type ipsec.1 --public-ip 203.0.113.12 --bgp-asn 65534"
        " --output text --query CustomerGateway.CustomerGatewayId"
    )
    aws(f"ec2 wait customer-gateway-available --customer-gateway-ids {customer}")

    def connect(extra=""):
        made = aws(
            f"ec2 create-vpn-connection --type ipsec.1 --customer-gateway-id {customer}"
            f" --vpn-gateway-id {gateway} --output text --query VpnConnection.VpnConnectionId {extra}"
        )
        described = lambda: aws(f"ec2 describe-vpn-connections --vpn-connection-ids {made}")["VpnConnections"][0]
        until("available", lambda: described()["State"])
        aws(f"ec2 wait vpn-connection-available --vpn-connection-ids {made}")
        return made, described

    # Static routes, and then BGP, which two connections between the same gateways cannot have at once.
    static, described = connect("""--options '{"StaticRoutesOnly": true}'""")
    aws(f"ec2 create-vpn-connection-route --vpn-connection-id {static} --destination-cidr-block 192.168.0.0/16")
    until("available", lambda: described()["Routes"][0]["State"])
    equal(described()["Routes"][0]["DestinationCidrBlock"], "192.168.0.0/16")
    equal(len(described()["VgwTelemetry"]), 2)
    assert described()["CustomerGatewayConfiguration"].count("<ipsec_tunnel>") == 2
    aws(f"ec2 enable-vgw-route-propagation --gateway-id {gateway} --route-table-id {table}")
    found = aws(f"ec2 describe-route-tables --route-table-ids {table}")["RouteTables"][0]
    equal(found["PropagatingVgws"], [{"GatewayId": gateway}])
    aws(f"ec2 delete-vpn-connection --vpn-connection-id {static}")
    until("deleted", lambda: described()["State"])
    aws(f"ec2 wait vpn-connection-deleted --vpn-connection-ids {static}")
    dynamic, described = connect()
    equal(described()["Options"]["StaticRoutesOnly"], False)
    aws(f"ec2 delete-vpn-connection --vpn-connection-id {dynamic}")
    until("deleted", lambda: described()["State"])

    # The other way to the data center.
    hub = aws("ec2 create-transit-gateway --output text --query TransitGateway.TransitGatewayId")
    state = lambda: aws(
        f"ec2 describe-transit-gateways --transit-gateway-ids {hub} --output text --query TransitGateways[0].State"
    )
    until("available", state)
    aws(f"ec2 delete-transit-gateway --transit-gateway-id {hub}")
    until("deleted", state)

    aws(f"ec2 delete-customer-gateway --customer-gateway-id {customer}")
    aws(f"ec2 disable-vgw-route-propagation --gateway-id {gateway} --route-table-id {table}")
    aws(f"ec2 detach-vpn-gateway --vpn-gateway-id {gateway} --vpc-id {vpc_id}")
    until("detached", attached)
    aws(f"ec2 delete-vpn-gateway --vpn-gateway-id {gateway}")
    delete_vpc(vpc_id, [table])


def article_b3_endpoints():
    """Evolving VPC design: gateway and interface endpoints, and an endpoint service of one's own."""
    vpc_id = new_vpc("10.0.0.0/16")
    subnets = [new_subnet(vpc_id, "10.0.0.0/24", "a"), new_subnet(vpc_id, "10.0.1.0/24", "b")]
    table = new_table(vpc_id, *subnets)
    group = new_group(vpc_id, "endpoints")
    gateway = aws(
        f"ec2 create-vpc-endpoint --vpc-id {vpc_id} --service-name com.amazonaws.{REGION}.s3"
        f" --route-table-ids {table} --output text --query VpcEndpoint.VpcEndpointId"
    )
    ((_, target, _),) = routes(table)
    equal(target, gateway)
    interface = aws(
        f"ec2 create-vpc-endpoint --vpc-id {vpc_id} --vpc-endpoint-type Interface"
        f" --service-name com.amazonaws.{REGION}.sns --subnet-ids {' '.join(subnets)} --private-dns-enabled"
        f" --security-group-ids {group} --output text --query VpcEndpoint.VpcEndpointId"
    )

    def endpoint(id, by=aws):
        return by(f"ec2 describe-vpc-endpoints --vpc-endpoint-ids {id}")["VpcEndpoints"][0]

    until("available", lambda: endpoint(interface)["State"])
    found = endpoint(interface)
    equal((len(found["NetworkInterfaceIds"]), found["PrivateDnsEnabled"]), (2, True))
    assert any(entry["DnsName"] == f"sns.{REGION}.amazonaws.com" for entry in found["DnsEntries"]), found
    equal([held["GroupId"] for held in found["Groups"]], [group])

    arn = f"arn:aws:elasticloadbalancing:{REGION}:{aws.id}:loadbalancer/net/database/0123456789abcdef"
    service = aws(
        "ec2 create-vpc-endpoint-service-configuration --acceptance-required"
        f" --network-load-balancer-arns {arn}"
    )["ServiceConfiguration"]
    name, service_id = service["ServiceName"], service["ServiceId"]
    like(rf"com\.amazonaws\.vpce\.{REGION}\.vpce-svc-[0-9a-f]{{17}}", name)
    until(
        "Available",
        lambda: aws(
            f"ec2 describe-vpc-endpoint-service-configurations --service-ids {service_id} --output text"
            " --query 'ServiceConfigurations[0].ServiceState'"
        ),
    )
    consumer = new_account("consumer")
    allowed = aws(
        f"ec2 modify-vpc-endpoint-service-permissions --service-id {service_id}"
        f" --add-allowed-principals arn:aws:iam::{consumer.id}:root"
    )
    equal(allowed["ReturnValue"], True)
    their_vpc = new_vpc("10.0.0.0/16", by=consumer)
    their_subnet = new_subnet(their_vpc, "10.0.0.0/24", by=consumer)
    theirs = consumer(
        f"ec2 create-vpc-endpoint --vpc-id {their_vpc} --vpc-endpoint-type Interface --service-name {name}"
        f" --subnet-ids {their_subnet} --output text --query VpcEndpoint.VpcEndpointId"
    )
    until("pendingAcceptance", lambda: endpoint(theirs, consumer)["State"])
    connections = aws(f"ec2 describe-vpc-endpoint-connections --filters Name=service-id,Values={service_id}")
    connection = connections["VpcEndpointConnections"][0]
    has_at_least(
        connection,
        "ServiceId VpcEndpointId VpcEndpointOwner VpcEndpointState CreationTimestamp NetworkLoadBalancerArns",
    )
    equal((connection["VpcEndpointId"], connection["VpcEndpointOwner"]), (theirs, consumer.id))
    accepted = aws(
        f"ec2 accept-vpc-endpoint-connections --service-id {service_id} --vpc-endpoint-ids {theirs}"
    )
    equal(accepted, {"Unsuccessful": []})
    until("available", lambda: endpoint(theirs, consumer)["State"])

    deleted = consumer(f"ec2 delete-vpc-endpoints --vpc-endpoint-ids {theirs}")
    equal(deleted, {"Unsuccessful": []})
    gone = lambda by: by("ec2 describe-vpc-endpoints --output text --query 'VpcEndpoints[?State!=`deleted`]'")
    until("", lambda: gone(consumer))
    deleted = aws(f"ec2 delete-vpc-endpoint-service-configurations --service-ids {service_id}")
    equal(deleted, {"Unsuccessful": []})
    deleted = aws(f"ec2 delete-vpc-endpoints --vpc-endpoint-ids {gateway} {interface}")
    equal(deleted, {"Unsuccessful": []})
    until("", lambda: gone(aws))
    delete_vpc(their_vpc, subnets=[their_subnet], by=consumer)
    delete_vpc(vpc_id, [table], subnets, [group])


def article_b9():
    """Two VPCs of a consumer account peered with the one of a directory's owner."""
    owner, consumer = new_account("directory-owner"), new_account("directory-consumer")
    # Every account has a default VPC of the article's block: the directory's.
    vpc_0 = owner(
        "ec2 describe-vpcs --filters Name=is-default,Values=true --output text --query 'Vpcs[0].VpcId'"
    )
    table_0 = owner(
        f"ec2 describe-route-tables --filters Name=vpc-id,Values={vpc_0} Name=association.main,Values=true"
        " --output text --query 'RouteTables[0].RouteTableId'"
    )
    consumers = []
    for block in ("10.0.0.0/16", "10.100.0.0/16"):
        vpc_id = new_vpc(block, by=consumer)
        table = consumer(
            f"ec2 describe-route-tables --filters Name=vpc-id,Values={vpc_id} Name=association.main,Values=true"
            " --output text --query 'RouteTables[0].RouteTableId'"
        )
        peering = peer(vpc_0, owner, vpc_id, consumer, f"--peer-owner-id {consumer.id}")
        to_peering = f"--vpc-peering-connection-id {peering}"
        owner(f"ec2 create-route --route-table-id {table_0} --destination-cidr-block {block} {to_peering}")
        consumer(f"ec2 create-route --route-table-id {table} --destination-cidr-block 172.31.0.0/16 {to_peering}")
        gateway = new_internet_gateway(vpc_id, by=consumer)
        consumer(
            f"ec2 create-route --route-table-id {table} --destination-cidr-block 0.0.0.0/0 --gateway-id {gateway}"
        )
        same(
            routes(table, consumer),
            [("172.31.0.0/16", peering, "active"), ("0.0.0.0/0", gateway, "active")],
        )
        group = new_group(vpc_id, "members", by=consumer)
        everything = "IpProtocol=-1,IpRanges=[{CidrIp=0.0.0.0/0}]"
        consumer(f"ec2 revoke-security-group-egress --group-id {group} --ip-permissions '{everything}'")
        # DNS, Kerberos, LDAP, SMB and remote procedure calls, of which the first ones are also in UDP.
        ports = [("tcp", port, port) for port in (53, 88, 135, 389, 445, 464, 636)]
        ports += [("udp", port, port) for port in (53, 88, 123, 389, 464)] + [("tcp", 1024, 65535)]
        permissions = " ".join(
            f"'IpProtocol={protocol},FromPort={first},ToPort={last},IpRanges=[{{CidrIp=172.31.0.0/16}}]'"
            for protocol, first, last in ports
        )
        made = consumer(
            f"ec2 authorize-security-group-egress --group-id {group} --ip-permissions {permissions}"
        )
        equal(len(made["SecurityGroupRules"]), len(ports))
        assert all(rule["IsEgress"] for rule in made["SecurityGroupRules"])
        consumers.append((block, vpc_id, table, peering, gateway, group))
    default = [route for route in routes(table_0, owner) if route[0] != "0.0.0.0/0"]
    same(default, [(block, peering, "active") for block, _, _, peering, _, _ in consumers])
    for block, vpc_id, _, peering, gateway, group in consumers:
        consumer(f"ec2 delete-vpc-peering-connection --vpc-peering-connection-id {peering}")
        owner(f"ec2 delete-route --route-table-id {table_0} --destination-cidr-block {block}")
        delete_internet_gateway(gateway, vpc_id, by=consumer)
        delete_vpc(vpc_id, groups=[group], by=consumer)


def article_b14():
    """Central DNS: a participating account's VPC asks the servers of another one."""
    central, participant = new_account("central-dns"), new_account("participant")
    dns_vpc = new_vpc("10.1.0.0/16", by=central)
    vpc_id = new_vpc("10.2.0.0/16", by=participant)
    for by, vpc in ((central, dns_vpc), (participant, vpc_id)):
        for attribute, name in (("dns-support", "enableDnsSupport"), ("dns-hostnames", "enableDnsHostnames")):
            by(f"ec2 modify-vpc-attribute --vpc-id {vpc} --enable-{attribute}")
            found = by(f"ec2 describe-vpc-attribute --vpc-id {vpc} --attribute {name}")
            equal(found, {name[0].upper() + name[1:]: {"Value": True}, "VpcId": vpc})
    peering = peer(vpc_id, participant, dns_vpc, central, f"--peer-owner-id {central.id}")
    tables = []
    for by, vpc, block in ((participant, vpc_id, "10.1.0.0/16"), (central, dns_vpc, "10.2.0.0/16")):
        tables.append(new_table(vpc, by=by))
        by(
            f"ec2 create-route --route-table-id {tables[-1]} --destination-cidr-block {block}"
            f" --vpc-peering-connection-id {peering}"
        )
        equal(routes(tables[-1], by), [(block, peering, "active")])
    options = participant(
        "ec2 create-dhcp-options --dhcp-configurations Key=domain-name,Values=pa1.awscloud.com"
        " Key=domain-name-servers,Values=10.1.0.10,10.1.1.10 --output text --query DhcpOptions.DhcpOptionsId"
    )
    participant(f"ec2 associate-dhcp-options --dhcp-options-id {options} --vpc-id {vpc_id}")
    found = participant(f"ec2 describe-dhcp-options --dhcp-options-ids {options}")["DhcpOptions"][0]
    has(found, "DhcpConfigurations DhcpOptionsId OwnerId")
    same(
        found["DhcpConfigurations"],
        [
            {"Key": "domain-name", "Values": [{"Value": "pa1.awscloud.com"}]},
            {"Key": "domain-name-servers", "Values": [{"Value": "10.1.0.10"}, {"Value": "10.1.1.10"}]},
        ],
    )
    used = f"ec2 describe-vpcs --vpc-ids {vpc_id} --output text --query 'Vpcs[0].DhcpOptionsId'"
    equal(participant(used), options)
    participant.refused("DependencyViolation", f"ec2 delete-dhcp-options --dhcp-options-id {options}")

    participant(f"ec2 associate-dhcp-options --dhcp-options-id default --vpc-id {vpc_id}")
    participant(f"ec2 delete-dhcp-options --dhcp-options-id {options}")
    participant(f"ec2 delete-vpc-peering-connection --vpc-peering-connection-id {peering}")
    delete_vpc(vpc_id, tables[:1], by=participant)
    delete_vpc(dns_vpc, tables[1:], by=central)
