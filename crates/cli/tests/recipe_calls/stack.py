"""What the preparations of the recipes make in place of their stacks, and delete again, with the stock Python SDK."""

from command_line import REGION, aws, until


def new_vpc(block, by=aws, region=REGION):
    ec2 = by.client("ec2", region)
    vpc = ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    return vpc


def new_subnet(vpc, block, zone="a", by=aws, region=REGION):
    made = by.client("ec2", region).create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=region + zone)
    return made["Subnet"]["SubnetId"]


def new_table(vpc, *subnets, by=aws, region=REGION):
    ec2 = by.client("ec2", region)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    for subnet in subnets:
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    return table


def new_internet_gateway(vpc, by=aws, region=REGION):
    ec2 = by.client("ec2", region)
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    return gateway


def new_group(vpc, name, by=aws, region=REGION):
    made = by.client("ec2", region).create_security_group(GroupName=name, Description=name, VpcId=vpc)
    return made["GroupId"]


def new_instance(subnet, group, name, region=REGION):
    parameter = "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2"
    made = aws.client("ec2", region).run_instances(
        ImageId=aws.client("ssm", region).get_parameter(Name=parameter)["Parameter"]["Value"],
        InstanceType="t3.nano",
        MinCount=1,
        MaxCount=1,
        SubnetId=subnet,
        SecurityGroupIds=[group],
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}],
    )
    return made["Instances"][0]["InstanceId"]


def new_nat_gateway(subnet):
    ec2 = aws.client("ec2", REGION)
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=allocation)
    return allocation, made["NatGateway"]["NatGatewayId"]


def delete_nat_gateway(allocation, nat):
    ec2 = aws.client("ec2", REGION)
    ec2.delete_nat_gateway(NatGatewayId=nat)
    until("deleted", lambda: ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]["State"])
    ec2.release_address(AllocationId=allocation)


def delete_vpc(vpc, tables=(), subnets=(), groups=(), by=aws, region=REGION):
    ec2 = by.client("ec2", region)
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    for table in tables:
        ec2.delete_route_table(RouteTableId=table)
    for group in groups:
        ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc(VpcId=vpc)


def delete_internet_gateway(gateway, vpc, by=aws, region=REGION):
    ec2 = by.client("ec2", region)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)


def terminate(*instances, region=REGION):
    aws.client("ec2", region).terminate_instances(InstanceIds=list(instances))
    wait_for_instances("terminated", instances, region)


def wait_for_instances(state, instances, region=REGION):
    waiter = aws.client("ec2", region).get_waiter(f"instance_{state}")
    waiter.wait(InstanceIds=list(instances), WaiterConfig={"Delay": 1, "MaxAttempts": 60})
