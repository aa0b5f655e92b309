"""The calls of recipes of the AWS Cookbook."""

from command_line import (
    REGION,
    aws,
    equal,
    has,
    has_at_least,
    like,
    new_account,
    peer,
    routes,
    same,
    until,
)
from stack import (
    delete_internet_gateway,
    delete_nat_gateway,
    delete_vpc,
    new_group,
    new_instance,
    new_internet_gateway,
    new_nat_gateway,
    new_subnet,
    new_table,
    new_vpc,
    terminate,
    wait_for_instances,
)


def recipe_1_3():
    """Internet gateway and Elastic IP."""
    vpc_id = new_vpc("10.10.0.0/23")
    subnets = [new_subnet(vpc_id, "10.10.0.0/24", "a"), new_subnet(vpc_id, "10.10.1.0/24", "b")]
    table_1, table_2 = [new_table(vpc_id, subnet) for subnet in subnets]
    group = new_group(vpc_id, "cookbook203")
    instance = new_instance(subnets[0], group, "cookbook203")
    wait_for_instances("running", [instance])

    gateway = aws(
        "ec2 create-internet-gateway --tag-specifications"
        " 'ResourceType=internet-gateway,Tags=[{Key=Name,Value=AWSCookbook202}]'"
        " --output text --query InternetGateway.InternetGatewayId"
    )
    like("igw-[0-9a-f]{17}", gateway)
    aws(f"ec2 attach-internet-gateway --internet-gateway-id {gateway} --vpc-id {vpc_id}")
    for table in (table_1, table_2):
        made = aws(
            f"ec2 create-route --route-table-id {table} --destination-cidr-block 0.0.0.0/0 --gateway-id {gateway}"
        )
        equal(made, {"Return": True})
    allocation = aws("ec2 allocate-address --domain vpc --output text --query AllocationId")
    like("eipalloc-[0-9a-f]{17}", allocation)
    made = aws(f"ec2 associate-address --instance-id {instance} --allocation-id {allocation}")
    like("eipassoc-[0-9a-f]{17}", has(made, "AssociationId")["AssociationId"])

    found = aws(f"ec2 describe-internet-gateways --internet-gateway-ids {gateway}")["InternetGateways"][0]
    has(found, "Attachments InternetGatewayId OwnerId Tags")
    equal(found["Attachments"], [{"State": "available", "VpcId": vpc_id}])
    equal(found["Tags"], [{"Key": "Name", "Value": "AWSCookbook202"}])
    for table in (table_1, table_2):
        equal(routes(table), [("0.0.0.0/0", gateway, "active")])
    address = aws(f"ec2 describe-addresses --allocation-ids {allocation}")["Addresses"][0]
    has(
        address,
        "InstanceId PublicIp AllocationId AssociationId Domain NetworkInterfaceId NetworkInterfaceOwnerId"
        " PrivateIpAddress PublicIpv4Pool NetworkBorderGroup",
    )
    equal(address["InstanceId"], instance)
    public = f"ec2 describe-instances --instance-ids {instance} --output text --query"
    equal(aws(f"{public} 'Reservations[0].Instances[0].PublicIpAddress'"), address["PublicIp"])

    # The address keeps the gateway, which is why the clean-up begins with it.
    aws.refused(
        "DependencyViolation",
        f"ec2 detach-internet-gateway --internet-gateway-id {gateway} --vpc-id {vpc_id}",
    )
    aws.refused("InvalidIPAddress.InUse", f"ec2 release-address --allocation-id {allocation}")
    association = aws(
        f"ec2 describe-addresses --allocation-ids {allocation} --output text --query Addresses[0].AssociationId"
    )
    aws(f"ec2 disassociate-address --association-id {association}")
    aws(f"ec2 release-address --allocation-id {allocation}")
    aws(f"ec2 detach-internet-gateway --internet-gateway-id {gateway} --vpc-id {vpc_id}")
    aws(f"ec2 delete-internet-gateway --internet-gateway-id {gateway}")
    equal(routes(table_1), [("0.0.0.0/0", gateway, "blackhole")])
    aws.refused("InvalidAllocationID.NotFound", f"ec2 describe-addresses --allocation-ids {allocation}")
    terminate(instance)
    delete_vpc(vpc_id, [table_1, table_2], subnets, [group])


def recipe_1_4():
    """NAT gateways for private subnets."""
    vpc_id = new_vpc("10.10.0.0/22")
    public = [new_subnet(vpc_id, "10.10.0.0/24", "a"), new_subnet(vpc_id, "10.10.1.0/24", "b")]
    private = [new_subnet(vpc_id, "10.10.2.0/24", "a"), new_subnet(vpc_id, "10.10.3.0/24", "b")]
    gateway = new_internet_gateway(vpc_id)
    public_table = new_table(vpc_id, *public)
    aws(
        f"ec2 create-route --route-table-id {public_table} --destination-cidr-block 0.0.0.0/0"
        f" --gateway-id {gateway}"
    )
    private_tables = [new_table(vpc_id, subnet) for subnet in private]

    def add_nat_gateway(subnet):
        allocation = aws("ec2 allocate-address --domain vpc --output text --query AllocationId")
        nat = aws(
            f"ec2 create-nat-gateway --subnet-id {subnet} --allocation-id {allocation}"
            " --output text --query NatGateway.NatGatewayId"
        )
        return allocation, like("nat-[0-9a-f]{17}", nat)

    def state(nat):
        return aws(
            f"ec2 describe-nat-gateways --nat-gateway-ids {nat} --output text --query NatGateways[0].State"
        )

    allocation_1, nat_1 = add_nat_gateway(public[0])
    assert state(nat_1) in ("pending", "available")
    until("available", lambda: state(nat_1))
    aws(f"ec2 wait nat-gateway-available --nat-gateway-ids {nat_1}")
    found = aws(f"ec2 describe-nat-gateways --nat-gateway-ids {nat_1}")["NatGateways"][0]
    has_at_least(found, "CreateTime NatGatewayAddresses NatGatewayId State SubnetId VpcId ConnectivityType")
    address = found["NatGatewayAddresses"][0]
    has(address, "AllocationId NetworkInterfaceId PrivateIp PublicIp AssociationId IsPrimary Status")
    equal((address["AllocationId"], address["Status"], address["IsPrimary"]), (allocation_1, "succeeded", True))
    for table in private_tables:
        aws(
            f"ec2 create-route --route-table-id {table} --destination-cidr-block 0.0.0.0/0"
            f" --nat-gateway-id {nat_1}"
        )
        equal(routes(table), [("0.0.0.0/0", nat_1, "active")])

    # The challenge: a second gateway, and the default route of the other zone to it.
    allocation_2, nat_2 = add_nat_gateway(public[1])
    until("available", lambda: state(nat_2))
    aws(
        f"ec2 replace-route --route-table-id {private_tables[1]} --destination-cidr-block 0.0.0.0/0"
        f" --nat-gateway-id {nat_2}"
    )
    equal(routes(private_tables[1]), [("0.0.0.0/0", nat_2, "active")])

    for allocation, nat in ((allocation_1, nat_1), (allocation_2, nat_2)):
        equal(aws(f"ec2 delete-nat-gateway --nat-gateway-id {nat}"), {"NatGatewayId": nat})
        # `--nat-gateway-id` is the book's: the command line knows beginnings of names.
        until(
            "deleted",
            lambda: aws(
                f"ec2 describe-nat-gateways --nat-gateway-id {nat} --output text --query NatGateways[0].State"
            ),
        )
        aws(f"ec2 wait nat-gateway-deleted --nat-gateway-ids {nat}")
        aws(f"ec2 release-address --allocation-id {allocation}")
    equal(routes(private_tables[0]), [("0.0.0.0/0", nat_1, "blackhole")])
    equal(routes(private_tables[1]), [("0.0.0.0/0", nat_2, "blackhole")])
    delete_internet_gateway(gateway, vpc_id)
    delete_vpc(vpc_id, [public_table, *private_tables], public + private)


def recipe_1_8():
    """Managed prefix lists in security groups."""
    vpc_id = new_vpc("10.10.0.0/23")
    subnet = new_subnet(vpc_id, "10.10.0.0/24")
    table = new_table(vpc_id, subnet)
    groups = [new_group(vpc_id, f"cookbook208-{number}") for number in (1, 2)]
    instance = new_instance(subnet, groups[0], "cookbook208")

    prefix_list = aws(
        "ec2 create-managed-prefix-list --address-family IPv4 --max-entries 10"
        " --prefix-list-name allowed-us-east-1-cidrs --output text --query PrefixList.PrefixListId"
        " --entries Cidr=44.234.54.0/23,Description=workspaces-us-west-2-cidr1"
        " Cidr=54.244.46.0/23,Description=workspaces-us-west-2-cidr2"
    )
    like("pl-[0-9a-f]{17}", prefix_list)

    def described():
        return aws(f"ec2 describe-managed-prefix-lists --prefix-list-ids {prefix_list}")["PrefixLists"][0]

    def entries(extra=""):
        answer = aws(f"ec2 get-managed-prefix-list-entries --prefix-list-id {prefix_list} {extra}")
        return [entry["Cidr"] for entry in answer["Entries"]]

    until("create-complete", lambda: described()["State"])
    changed = aws(
        f"ec2 modify-managed-prefix-list --prefix-list-id {prefix_list} --current-version 1"
        " --add-entries Cidr=203.0.113.7/32,Description=my-workstation-ip"
    )["PrefixList"]
    # The output that the book prints.
    has_at_least(
        changed,
        "PrefixListId AddressFamily State PrefixListArn PrefixListName MaxEntries Version OwnerId",
    )
    equal((changed["State"], changed["Version"], changed["MaxEntries"]), ("modify-in-progress", 1, 10))
    equal(changed["PrefixListArn"], f"arn:aws:ec2:{REGION}:{aws.id}:prefix-list/{prefix_list}")
    until("modify-complete", lambda: described()["State"])
    equal(described()["Version"], 2)
    for group in groups:
        rule = aws(
            f"ec2 authorize-security-group-ingress --group-id {group} --ip-permissions"
            f" 'FromPort=80,ToPort=80,IpProtocol=TCP,PrefixListIds=[{{Description=http,PrefixListId={prefix_list}}}]'"
        )
        equal(rule["Return"], True)
        rule = rule["SecurityGroupRules"][0]
        has_at_least(
            rule,
            "SecurityGroupRuleId GroupId GroupOwnerId IsEgress IpProtocol FromPort ToPort PrefixListId Description",
        )
        equal((rule["IpProtocol"], rule["PrefixListId"]), ("tcp", prefix_list))
    used = aws(f"ec2 get-managed-prefix-list-associations --prefix-list-id {prefix_list}")
    same(
        used["PrefixListAssociations"],
        [{"ResourceId": group, "ResourceOwner": aws.id} for group in groups],
    )
    same(entries(), ["44.234.54.0/23", "54.244.46.0/23", "203.0.113.7/32"])

    # The challenge: back to the version without the workstation.
    restored = aws(
        f"ec2 restore-managed-prefix-list-version --prefix-list-id {prefix_list}"
        " --previous-version 1 --current-version 2"
    )["PrefixList"]
    equal(restored["State"], "restore-in-progress")
    until("restore-complete", lambda: described()["State"])
    equal(described()["Version"], 3)
    same(entries(), ["44.234.54.0/23", "54.244.46.0/23"])
    same(entries("--target-version 2"), ["44.234.54.0/23", "54.244.46.0/23", "203.0.113.7/32"])

    # The discussion: a route through an instance, and `describe-prefix-lists`, which knows AWS's lists alone.
    wait_for_instances("running", [instance])
    to_list = f"--route-table-id {table} --destination-prefix-list-id {prefix_list}"
    aws(f"ec2 create-route {to_list} --instance-id {instance}")
    equal(routes(table), [(prefix_list, instance, "active")])
    used = aws(f"ec2 get-managed-prefix-list-associations --prefix-list-id {prefix_list}")
    assert table in [found["ResourceId"] for found in used["PrefixListAssociations"]], used
    aws(f"ec2 delete-route {to_list}")
    aws.refused(
        "InvalidPrefixListID.NotFound", f"ec2 describe-prefix-lists --prefix-list-ids {prefix_list}"
    )
    equal(described()["Version"], 3)

    # What refers to the list goes first, or it cannot be deleted.
    terminate(instance)
    for group in groups:
        aws(f"ec2 delete-security-group --group-id {group}")
    deleted = aws(f"ec2 delete-managed-prefix-list --prefix-list-id {prefix_list}")["PrefixList"]
    equal(deleted["State"], "delete-in-progress")
    delete_vpc(vpc_id, [table], [subnet])


def recipe_1_10():
    """A transit gateway, and the NAT gateways of one VPC for all."""
    vpc_id_1, vpc_id_2, vpc_id_3 = [
        new_vpc(block) for block in ("10.10.0.0/26", "10.10.0.128/25", "10.10.0.64/26")
    ]
    attachment_subnets = {
        vpc_id_1: [new_subnet(vpc_id_1, "10.10.0.0/28", "a"), new_subnet(vpc_id_1, "10.10.0.16/28", "b")],
        vpc_id_2: [new_subnet(vpc_id_2, "10.10.0.128/28", "a"), new_subnet(vpc_id_2, "10.10.0.144/28", "b")],
        vpc_id_3: [new_subnet(vpc_id_3, "10.10.0.64/28", "a"), new_subnet(vpc_id_3, "10.10.0.80/28", "b")],
    }
    public = [new_subnet(vpc_id_2, "10.10.0.160/28", "a"), new_subnet(vpc_id_2, "10.10.0.176/28", "b")]
    private = [new_subnet(vpc_id_2, "10.10.0.192/28", "a"), new_subnet(vpc_id_2, "10.10.0.208/28", "b")]
    tables_1, tables_3 = [[new_table(vpc), new_table(vpc)] for vpc in (vpc_id_1, vpc_id_3)]
    attach_tables = [new_table(vpc_id_2, subnet) for subnet in attachment_subnets[vpc_id_2]]
    public_tables = [new_table(vpc_id_2, subnet) for subnet in public]
    private_tables = [new_table(vpc_id_2, subnet) for subnet in private]
    gateway = new_internet_gateway(vpc_id_2)
    made_nats = [new_nat_gateway(subnet) for subnet in public]

    transit_gateway = aws(
        "ec2 create-transit-gateway --description AWSCookbook210"
        " --options=AmazonSideAsn=65010,AutoAcceptSharedAttachments=enable,DefaultRouteTableAssociation=enable,"
        "DefaultRouteTablePropagation=enable,VpnEcmpSupport=enable,DnsSupport=enable"
        " --output text --query TransitGateway.TransitGatewayId"
    )
    like("tgw-[0-9a-f]{17}", transit_gateway)

    def state():
        return aws(
            f"ec2 describe-transit-gateways --transit-gateway-ids {transit_gateway}"
            " --output text --query TransitGateways[0].State"
        )

    until("available", state)
    found = aws(f"ec2 describe-transit-gateways --transit-gateway-ids {transit_gateway}")["TransitGateways"][0]
    has_at_least(
        found,
        "TransitGatewayId TransitGatewayArn State OwnerId Description CreationTime Options",
    )
    equal((found["Description"], found["Options"]["AmazonSideAsn"]), ("AWSCookbook210", 65010))
    has_at_least(
        found["Options"],
        "AmazonSideAsn AutoAcceptSharedAttachments DefaultRouteTableAssociation AssociationDefaultRouteTableId"
        " DefaultRouteTablePropagation PropagationDefaultRouteTableId VpnEcmpSupport DnsSupport MulticastSupport",
    )
    attachment_1, attachment_2, attachment_3 = attachments = [
        aws(
            f"ec2 create-transit-gateway-vpc-attachment --transit-gateway-id {transit_gateway} --vpc-id {vpc}"
            f" --subnet-ids {' '.join(attachment_subnets[vpc])}"
            " --query TransitGatewayVpcAttachment.TransitGatewayAttachmentId --output text"
        )
        for vpc in (vpc_id_1, vpc_id_2, vpc_id_3)
    ]

    def states():
        answer = aws(
            f"ec2 describe-transit-gateway-attachments --filters Name=transit-gateway-id,Values={transit_gateway}"
            " --output text --query 'TransitGatewayAttachments[].State'"
        )
        return set(answer.split())

    until({"available"}, states)

    def add_route(table, block, target):
        aws(f"ec2 create-route --route-table-id {table} --destination-cidr-block {block} {target}")

    to_transit_gateway = f"--transit-gateway-id {transit_gateway}"
    for table in tables_1 + tables_3:
        add_route(table, "0.0.0.0/0", to_transit_gateway)
        equal(routes(table), [("0.0.0.0/0", transit_gateway, "active")])
    for table in private_tables:
        add_route(table, "10.10.0.0/24", to_transit_gateway)
    nats = [
        aws(
            f"ec2 describe-nat-gateways --filter Name=subnet-id,Values={subnet}"
            " --output text --query NatGateways[*].NatGatewayId"
        )
        for subnet in public
    ]
    equal(nats, [nat for _, nat in made_nats])
    for nat, table in zip(nats, attach_tables):
        add_route(table, "0.0.0.0/0", f"--nat-gateway-id {nat}")
    for table in public_tables:
        add_route(table, "10.10.0.0/24", to_transit_gateway)
    # The book gives these routes twice.
    for table in private_tables:
        again = f"ec2 create-route --route-table-id {table} --destination-cidr-block 10.10.0.0/24"
        aws.refused("RouteAlreadyExists", f"{again} {to_transit_gateway}")
        equal(routes(table), [("10.10.0.0/24", transit_gateway, "active")])
    route_table = aws(
        f"ec2 describe-transit-gateways --transit-gateway-ids {transit_gateway}"
        " --output text --query TransitGateways[0].Options.AssociationDefaultRouteTableId"
    )
    route = aws(
        f"ec2 create-transit-gateway-route --destination-cidr-block 0.0.0.0/0"
        f" --transit-gateway-route-table-id {route_table} --transit-gateway-attachment-id {attachment_2}"
    )["Route"]
    has(route, "DestinationCidrBlock TransitGatewayAttachments Type State")
    equal((route["Type"], route["State"]), ("static", "active"))
    has(route["TransitGatewayAttachments"][0], "ResourceId TransitGatewayAttachmentId ResourceType")

    def search(table):
        found = aws(
            f"ec2 search-transit-gateway-routes --transit-gateway-route-table-id {table}"
            " --filters Name=state,Values=active,blackhole"
        )
        return [
            (one["DestinationCidrBlock"], one["Type"], one["TransitGatewayAttachments"][0]["ResourceId"])
            for one in found["Routes"]
        ]

    propagated = [
        ("10.10.0.0/26", "propagated", vpc_id_1),
        ("10.10.0.64/26", "propagated", vpc_id_3),
        ("10.10.0.128/25", "propagated", vpc_id_2),
    ]
    same(search(route_table), [("0.0.0.0/0", "static", vpc_id_2), *propagated])

    # The second challenge: VPCs 1 and 3 no longer see each other.
    apart = aws(
        f"ec2 create-transit-gateway-route-table --transit-gateway-id {transit_gateway}"
        " --output text --query TransitGatewayRouteTable.TransitGatewayRouteTableId"
    )
    described = lambda: aws(
        f"ec2 describe-transit-gateway-route-tables --transit-gateway-route-table-ids {apart}"
        " --output text --query 'TransitGatewayRouteTables[0].State'"
    )
    until("available", described)
    in_table = f"--transit-gateway-route-table-id {apart} --transit-gateway-attachment-id"
    in_default = f"--transit-gateway-route-table-id {route_table} --transit-gateway-attachment-id"

    def association(attachment):
        return aws(
            f"ec2 describe-transit-gateway-attachments --transit-gateway-attachment-ids {attachment}"
            " --output text --query 'TransitGatewayAttachments[0].Association.[TransitGatewayRouteTableId,State]'"
        )

    for attachment in (attachment_1, attachment_3):
        aws(f"ec2 disassociate-transit-gateway-route-table {in_default} {attachment}")
        until("None", lambda: association(attachment))
        aws(f"ec2 associate-transit-gateway-route-table {in_table} {attachment}")
        until(f"{apart}\tassociated", lambda: association(attachment))
    made = aws(f"ec2 enable-transit-gateway-route-table-propagation {in_table} {attachment_2}")["Propagation"]
    equal(made["State"], "enabled")
    aws(
        f"ec2 create-transit-gateway-route --destination-cidr-block 0.0.0.0/0 {in_table} {attachment_2}"
    )
    same(
        search(apart), [("0.0.0.0/0", "static", vpc_id_2), ("10.10.0.128/25", "propagated", vpc_id_2)]
    )
    made = aws(f"ec2 disable-transit-gateway-route-table-propagation {in_table} {attachment_2}")["Propagation"]
    equal(made["State"], "disabled")

    for attachment in attachments:
        deleted = aws(f"ec2 delete-transit-gateway-vpc-attachment --transit-gateway-attachment-id {attachment}")
        equal(deleted["TransitGatewayVpcAttachment"]["State"], "deleting")
    until({"deleted"}, states)
    deleted = aws(f"ec2 delete-transit-gateway --transit-gateway-id {transit_gateway}")
    equal(deleted["TransitGateway"]["State"], "deleting")
    until("deleted", state)
    for allocation, nat in made_nats:
        delete_nat_gateway(allocation, nat)
    delete_internet_gateway(gateway, vpc_id_2)
    delete_vpc(vpc_id_1, tables_1, attachment_subnets[vpc_id_1])
    delete_vpc(vpc_id_3, tables_3, attachment_subnets[vpc_id_3])
    subnets = attachment_subnets[vpc_id_2] + public + private
    delete_vpc(vpc_id_2, attach_tables + public_tables + private_tables, subnets)


def recipe_1_11():
    """VPC peering."""
    vpc_id_1, vpc_id_2 = new_vpc("10.10.0.0/23"), new_vpc("10.20.0.0/23")
    subnet_1, subnet_2 = new_subnet(vpc_id_1, "10.10.0.0/24"), new_subnet(vpc_id_2, "10.20.0.0/24")
    table_1, table_2 = new_table(vpc_id_1, subnet_1), new_table(vpc_id_2, subnet_2)
    group_1, group_2 = new_group(vpc_id_1, "Instance1SG"), new_group(vpc_id_2, "Instance2SG")
    instance_2 = new_instance(subnet_2, group_2, "cookbook211-2")

    peering = aws(
        f"ec2 create-vpc-peering-connection --vpc-id {vpc_id_1} --peer-vpc-id {vpc_id_2}"
        " --query VpcPeeringConnection.VpcPeeringConnectionId --output text"
    )
    like("pcx-[0-9a-f]{17}", peering)
    aws(f"ec2 wait vpc-peering-connection-exists --vpc-peering-connection-ids {peering}")
    accepted = aws(f"ec2 accept-vpc-peering-connection --vpc-peering-connection-id {peering}")
    assert accepted["VpcPeeringConnection"]["Status"]["Code"] in ("provisioning", "active"), accepted
    described = lambda: aws(
        f"ec2 describe-vpc-peering-connections --vpc-peering-connection-ids {peering}"
    )["VpcPeeringConnections"][0]
    until("active", lambda: described()["Status"]["Code"])
    for side, vpc, block in (("Requester", vpc_id_1, "10.10.0.0/23"), ("Accepter", vpc_id_2, "10.20.0.0/23")):
        found = described()[f"{side}VpcInfo"]
        has_at_least(found, "CidrBlock CidrBlockSet OwnerId PeeringOptions VpcId Region")
        equal((found["VpcId"], found["CidrBlock"], found["Region"]), (vpc, block, REGION))
    for table, block in ((table_1, "10.20.0.0/23"), (table_2, "10.10.0.0/23")):
        aws(
            f"ec2 create-route --route-table-id {table} --destination-cidr-block {block}"
            f" --vpc-peering-connection-id {peering}"
        )
        equal(routes(table), [(block, peering, "active")])
    rule = f"--protocol icmp --port -1 --source-group {group_1} --group-id {group_2}"
    made = aws(f"ec2 authorize-security-group-ingress {rule}")["SecurityGroupRules"][0]
    equal((made["IpProtocol"], made["FromPort"], made["ToPort"]), ("icmp", -1, -1))
    equal(made["ReferencedGroupInfo"]["GroupId"], group_1)
    wait_for_instances("running", [instance_2])
    address = aws(
        f"ec2 describe-instances --instance-ids {instance_2} --output text"
        " --query Reservations[0].Instances[0].PrivateIpAddress"
    )
    like(r"10\.20\.0\.\d+", address)
    references = aws(f"ec2 describe-security-group-references --group-id {group_1}")
    reference = references["SecurityGroupReferenceSet"][0]
    has_at_least(reference, "GroupId ReferencingVpcId VpcPeeringConnectionId")
    equal(reference["ReferencingVpcId"], vpc_id_2)

    # Challenges 1 and 2: to another region, and to another account.
    elsewhere = "us-west-2" if REGION != "us-west-2" else "us-east-1"
    far = new_vpc("10.30.0.0/23", region=elsewhere)
    to_far = peer(vpc_id_1, aws, far, aws, f"--peer-region {elsewhere}")
    other = new_account("peer")
    theirs = new_vpc("10.40.0.0/23", by=other)
    to_theirs = peer(vpc_id_1, aws, theirs, other, f"--peer-owner-id {other.id}")
    aws(f"ec2 delete-vpc-peering-connection --vpc-peering-connection-id {to_far}")
    other(f"ec2 delete-vpc-peering-connection --vpc-peering-connection-id {to_theirs}")
    delete_vpc(far, region=elsewhere)
    delete_vpc(theirs, by=other)

    revoked = aws(f"ec2 revoke-security-group-ingress {rule}")
    equal(revoked["Return"], True)
    equal(
        aws(f"ec2 delete-vpc-peering-connection --vpc-peering-connection-id {peering}"), {"Return": True}
    )
    until("deleted", lambda: described()["Status"]["Code"])
    aws(f"ec2 wait vpc-peering-connection-deleted --vpc-peering-connection-ids {peering}")
    equal(routes(table_1), [("10.20.0.0/23", peering, "blackhole")])
    terminate(instance_2)
    delete_vpc(vpc_id_1, [table_1], [subnet_1], [group_1])
    delete_vpc(vpc_id_2, [table_2], [subnet_2], [group_2])
