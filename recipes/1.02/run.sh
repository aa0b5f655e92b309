# Title: Subnets and a route table
# Source: AWS Cookbook (early release), recipe 1.2. `S0:N` is the line of the book's text a step comes from; a step
# marked `restored` has lost its command there and is given back from the prose around it and the book's repository.
# shellcheck shell=bash
source ../expect.sh

# S0:243 (Preparation), restored: the repository creates the VPC with 10.10.0.0/23.
step 'create-vpc 10.10.0.0/23'
VPC_ID=$(aws ec2 create-vpc --cidr-block 10.10.0.0/23 \
  --tag-specifications 'ResourceType=vpc,Tags=[{Key=Name,Value=AWSCookbook202}]' \
  --output text --query Vpc.VpcId)

# S0:247, restored: create a route table.
step 'create-route-table'
ROUTE_TABLE_ID=$(aws ec2 create-route-table --vpc-id "$VPC_ID" \
  --tag-specifications 'ResourceType=route-table,Tags=[{Key=Name,Value=AWSCookbook202}]' \
  --output text --query RouteTable.RouteTableId)
expect_match 'route table id' '^rtb-[0-9a-f]{17}$' "$ROUTE_TABLE_ID"

# S0:249, the first one restored.
step 'create-subnet, twice'
SUBNET_ID_1=$(aws ec2 create-subnet --vpc-id "$VPC_ID" \
  --cidr-block 10.10.0.0/24 --availability-zone "${AWS_REGION}a" \
  --tag-specifications \
  'ResourceType=subnet,Tags=[{Key=Name,Value=AWSCookbook202a}]' \
  --output text --query Subnet.SubnetId)
# S0:254
SUBNET_ID_2=$(aws ec2 create-subnet --vpc-id "$VPC_ID" \
  --cidr-block 10.10.1.0/24 --availability-zone "${AWS_REGION}b" \
  --tag-specifications \
  'ResourceType=subnet,Tags=[{Key=Name,Value=AWSCookbook202b}]' \
  --output text --query Subnet.SubnetId)
expect_match 'subnet ids' '^subnet-[0-9a-f]{17} subnet-[0-9a-f]{17}$' "$SUBNET_ID_1 $SUBNET_ID_2"

# S0:268
step 'describe-availability-zones'
ZONES=$(aws ec2 describe-availability-zones --region "$AWS_REGION" \
  --query "AvailabilityZones[?State=='available'].[ZoneName,ZoneId]" --output text)
expect_match 'zone a and its id' "${AWS_REGION}a[[:space:]]+[a-z0-9]+-az[0-9]" "$ZONES"
expect_match 'zone b and its id' "${AWS_REGION}b[[:space:]]+[a-z0-9]+-az[0-9]" "$ZONES"

# S0:271, restored: associate the route table with both subnets.
step 'associate-route-table, twice'
ASSOCIATION_ID_1=$(aws ec2 associate-route-table --route-table-id "$ROUTE_TABLE_ID" --subnet-id "$SUBNET_ID_1" \
  --output text --query AssociationId)
ASSOCIATION_ID_2=$(aws ec2 associate-route-table --route-table-id "$ROUTE_TABLE_ID" --subnet-id "$SUBNET_ID_2" \
  --output text --query AssociationId)
expect_match 'association id' '^rtbassoc-[0-9a-f]{17}$' "$ASSOCIATION_ID_1"

# S0:278 and S0:279 (Validation Steps)
step 'describe-subnets'
subnet() {
  aws ec2 describe-subnets --subnet-ids "$1" --output text --query "Subnets[0].$2"
}
for want in "$SUBNET_ID_1 10.10.0.0/24 a AWSCookbook202a" "$SUBNET_ID_2 10.10.1.0/24 b AWSCookbook202b"; do
  read -r id cidr letter name <<<"$want"
  expect_eq "what $id is" "available $VPC_ID $cidr ${AWS_REGION}$letter" \
    "$(subnet "$id" '[State,VpcId,CidrBlock,AvailabilityZone]' | tr '\t' ' ')"
  # S0:325: the first four addresses and the last one are reserved.
  expect_eq "free addresses of $id" 251 "$(subnet "$id" AvailableIpAddressCount)"
  expect_eq "Name tag of $id" "$name" "$(subnet "$id" "Tags[?Key=='Name'].Value | [0]")"
done

# Outcome: the table lists both associations and one local route.
step 'describe-route-tables'
table() {
  aws ec2 describe-route-tables --route-table-ids "$1" --output text --query "RouteTables[0].$2"
}
associations() {
  sorted "$(table "$1" "Associations[?AssociationState.State=='associated'].SubnetId")"
}
expect_eq 'associated subnets' "$(sorted "$SUBNET_ID_1 $SUBNET_ID_2")" "$(associations "$ROUTE_TABLE_ID")"
expect_eq 'routes' '10.10.0.0/23 local active' \
  "$(table "$ROUTE_TABLE_ID" 'Routes[].[DestinationCidrBlock,GatewayId,State]' | tr '\t' ' ')"

# Outcome: ranges that cannot be subnets.
step 'subnets that overlap or lie outside'
expect_error InvalidSubnet.Conflict aws ec2 create-subnet --vpc-id "$VPC_ID" --cidr-block 10.10.1.128/25
expect_error InvalidSubnet.Range aws ec2 create-subnet --vpc-id "$VPC_ID" --cidr-block 10.20.0.0/24

# Outcome: what is in use cannot be deleted.
step 'deletes of what is in use'
expect_error DependencyViolation aws ec2 delete-route-table --route-table-id "$ROUTE_TABLE_ID"
expect_error DependencyViolation aws ec2 delete-vpc --vpc-id "$VPC_ID"
INTERFACE_ID=$(aws ec2 create-network-interface --subnet-id "$SUBNET_ID_1" \
  --output text --query NetworkInterface.NetworkInterfaceId)
expect_eq 'free addresses with an interface' 250 "$(subnet "$SUBNET_ID_1" AvailableIpAddressCount)"
expect_error DependencyViolation aws ec2 delete-subnet --subnet-id "$SUBNET_ID_1"
aws ec2 delete-network-interface --network-interface-id "$INTERFACE_ID"
expect_eq 'free addresses without it' 251 "$(subnet "$SUBNET_ID_1" AvailableIpAddressCount)"

# S0:284 (Challenge): a second table for the second subnet. A subnet has one table, so the association is replaced.
step 'Challenge: a second route table'
ROUTE_TABLE_ID_2=$(aws ec2 create-route-table --vpc-id "$VPC_ID" --output text --query RouteTable.RouteTableId)
expect_error Resource.AlreadyAssociated \
  aws ec2 associate-route-table --route-table-id "$ROUTE_TABLE_ID_2" --subnet-id "$SUBNET_ID_2"
NEW_ASSOCIATION_ID_2=$(aws ec2 replace-route-table-association --association-id "$ASSOCIATION_ID_2" \
  --route-table-id "$ROUTE_TABLE_ID_2" --output text --query NewAssociationId)
expect_eq 'first table' "$SUBNET_ID_1" "$(associations "$ROUTE_TABLE_ID")"
expect_eq 'second table' "$SUBNET_ID_2" "$(associations "$ROUTE_TABLE_ID_2")"
expect_error InvalidAssociationID.NotFound aws ec2 disassociate-route-table --association-id "$ASSOCIATION_ID_2"
aws ec2 disassociate-route-table --association-id "$NEW_ASSOCIATION_ID_2"
expect_eq 'second table, disassociated' '' "$(associations "$ROUTE_TABLE_ID_2")"
aws ec2 delete-route-table --route-table-id "$ROUTE_TABLE_ID_2"

# S0:291 (Clean Up). Deleting a subnet ends its association.
step 'delete-subnet, delete-route-table, delete-vpc'
aws ec2 delete-subnet --subnet-id "$SUBNET_ID_1"
aws ec2 delete-subnet --subnet-id "$SUBNET_ID_2"
# S0:296
aws ec2 delete-route-table --route-table-id "$ROUTE_TABLE_ID"
# S0:300
aws ec2 delete-vpc --vpc-id "$VPC_ID"
expect_error InvalidSubnetID.NotFound aws ec2 describe-subnets --subnet-ids "$SUBNET_ID_1"
expect_error InvalidRouteTableID.NotFound aws ec2 describe-route-tables --route-table-ids "$ROUTE_TABLE_ID"
expect_error InvalidVpcID.NotFound aws ec2 describe-vpcs --vpc-ids "$VPC_ID"
step 'done'
