# Title: Define a VPC
# Source: AWS Cookbook (early release), recipe 1.1. `S0:N` is the line of the book's text a step comes from; a step
# marked `restored` has lost its command there and is given back from the prose around it.
# shellcheck shell=bash
source ../expect.sh

# S0:130 (General Setup)
step 'who am I'
aws sts get-caller-identity >/dev/null
AWS_ACCOUNT_ID=$(aws sts get-caller-identity --query Account --output text)
expect_match 'account id' '^[0-9]{12}$' "$AWS_ACCOUNT_ID"

# S0:160, restored: create a VPC with the block 10.10.0.0/16 and a Name tag.
step 'create-vpc 10.10.0.0/16'
VPC_ID=$(aws ec2 create-vpc --cidr-block 10.10.0.0/16 \
  --tag-specifications 'ResourceType=vpc,Tags=[{Key=Name,Value=AWSCookbook201}]' \
  --output text --query Vpc.VpcId)
expect_match 'VPC id' '^vpc-[0-9a-f]{17}$' "$VPC_ID"

vpc() {
  aws ec2 describe-vpcs --vpc-ids "$VPC_ID" --output text --query "Vpcs[0].$1"
}

# S0:181 (Validation steps).
step 'describe-vpcs'
aws ec2 describe-vpcs --vpc-ids "$VPC_ID" >/dev/null
wait_until_eq 'the VPC' available vpc State
expect_eq 'CIDR block' 10.10.0.0/16 "$(vpc CidrBlock)"
expect_eq 'owner' "$AWS_ACCOUNT_ID" "$(vpc OwnerId)"
expect_eq 'tenancy' default "$(vpc InstanceTenancy)"
expect_eq 'is the default VPC' False "$(vpc IsDefault)"
expect_eq 'Name tag' AWSCookbook201 "$(vpc "Tags[?Key=='Name'].Value | [0]")"
expect_eq 'found by its tag' "$VPC_ID" \
  "$(aws ec2 describe-vpcs --filters Name=tag:Name,Values=AWSCookbook201 --output text --query 'Vpcs[].VpcId')"

# Outcome: the VPC owns a main route table, a default group, a default network ACL and DHCP options.
step 'what a VPC comes with'
routes() {
  sorted "$(aws ec2 describe-route-tables --filters Name=vpc-id,Values="$VPC_ID" Name=association.main,Values=true \
    --output text --query "RouteTables[].Routes[?GatewayId=='local' && State=='active'].DestinationCidrBlock[]")"
}
expect_eq 'local routes of the main table' 10.10.0.0/16 "$(routes)"
DEFAULT_GROUP=$(aws ec2 describe-security-groups --filters Name=vpc-id,Values="$VPC_ID" \
  --output text --query 'SecurityGroups[].[GroupName,GroupId]')
expect_match 'the one security group' '^default[[:space:]]+sg-[0-9a-f]{17}$' "$DEFAULT_GROUP"
expect_eq 'default network ACLs' True "$(aws ec2 describe-network-acls --filters Name=vpc-id,Values="$VPC_ID" \
  --output text --query 'NetworkAcls[].IsDefault')"
DHCP_OPTIONS_ID=$(vpc DhcpOptionsId)
expect_match 'DHCP options' '^dopt-[0-9a-f]+$' "$DHCP_OPTIONS_ID"
expect_eq 'name server in the DHCP options' AmazonProvidedDNS \
  "$(aws ec2 describe-dhcp-options --dhcp-options-ids "$DHCP_OPTIONS_ID" --output text \
    --query "DhcpOptions[0].DhcpConfigurations[?Key=='domain-name-servers'].Values[].Value")"

# S0:168, the note: the largest block is a /16 and the smallest a /28.
step 'blocks that are too large and too small'
expect_error InvalidVpc.Range aws ec2 create-vpc --cidr-block 10.10.0.0/15
expect_error InvalidVpc.Range aws ec2 create-vpc --cidr-block 10.10.0.0/29

# S0:189 (Challenge) and S0:170: associate another block, and check when it reaches "associated".
step 'Challenge: associate-vpc-cidr-block 10.11.0.0/16'
FIRST_STATE=$(aws ec2 associate-vpc-cidr-block --cidr-block 10.11.0.0/16 --vpc-id "$VPC_ID" \
  --output text --query CidrBlockAssociation.CidrBlockState.State)
expect_eq 'state in the answer' associating "$FIRST_STATE"
block_state() {
  vpc "CidrBlockAssociationSet[?CidrBlock=='$1'].CidrBlockState.State | [0]"
}
wait_until_eq 'the second block' associated block_state 10.11.0.0/16
wait_until_eq 'a local route for each block' '10.10.0.0/16 10.11.0.0/16' routes

# Outcome: overlaps and a sixth block are refused. S0:174 has the quota of five.
step 'an overlapping and a sixth block'
# AWS does not document which code an overlap has.
expect_error 'InvalidVpc\.(Range|Conflict)' \
  aws ec2 associate-vpc-cidr-block --cidr-block 10.11.128.0/17 --vpc-id "$VPC_ID"
for block in 10.12.0.0/16 10.13.0.0/16 10.14.0.0/16; do
  aws ec2 associate-vpc-cidr-block --cidr-block "$block" --vpc-id "$VPC_ID" >/dev/null
done
expect_error CidrLimitExceeded aws ec2 associate-vpc-cidr-block --cidr-block 10.15.0.0/16 --vpc-id "$VPC_ID"

step 'disassociate-vpc-cidr-block 10.14.0.0/16'
ASSOCIATION_ID=$(vpc "CidrBlockAssociationSet[?CidrBlock=='10.14.0.0/16'].AssociationId | [0]")
aws ec2 disassociate-vpc-cidr-block --association-id "$ASSOCIATION_ID" >/dev/null
wait_until_eq 'its route to go' '10.10.0.0/16 10.11.0.0/16 10.12.0.0/16 10.13.0.0/16' routes
PRIMARY_ID=$(vpc "CidrBlockAssociationSet[?CidrBlock=='10.10.0.0/16'].AssociationId | [0]")
expect_error OperationNotPermitted aws ec2 disassociate-vpc-cidr-block --association-id "$PRIMARY_ID"

# S0:199 (Clean Up)
step 'delete-vpc'
aws ec2 delete-vpc --vpc-id "$VPC_ID"
expect_error InvalidVpcID.NotFound aws ec2 describe-vpcs --vpc-ids "$VPC_ID"
for resource in route-tables:RouteTables security-groups:SecurityGroups network-acls:NetworkAcls; do
  expect_eq "what is left of ${resource%%:*}" 0 "$(aws ec2 "describe-${resource%%:*}" \
    --filters Name=vpc-id,Values="$VPC_ID" --output text --query "length(${resource##*:})")"
done

# S0:218 (Discussion), restored: a VPC with an IPv6 block from Amazon, a /56.
step 'create-vpc --amazon-provided-ipv6-cidr-block'
VPC_ID=$(aws ec2 create-vpc --cidr-block 10.10.0.0/16 --amazon-provided-ipv6-cidr-block \
  --output text --query Vpc.VpcId)
ipv6_state() {
  vpc 'Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlockState.State'
}
wait_until_eq 'the IPv6 block' associated ipv6_state
expect_match 'IPv6 block' '^[0-9a-f:]+/56$' "$(vpc 'Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlock')"
aws ec2 delete-vpc --vpc-id "$VPC_ID"
step 'done'
