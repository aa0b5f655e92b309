# Title: Transit gateway, shared NAT egress
# Source: AWS Cookbook (early release), recipe 1.10. `S0:N` is the line of the book's text a step comes from; a step
# marked `restored` has lost its command there and is given back from the prose around it and the book's repository.
#
# Where this departs from the book:
# - The book prepares with the CDK (S0:1917); here VPCs of the same blocks are made with the stock AWS CLI, with the
#   subnets that hold something: VPC 1's instance is in the one zone, VPC 3's in the other.
# - Session Manager (S0:2055) is not built yet: Run Command stands in for the shell.
# - The host that is pinged is one of the simulated internet, with the name that the book has.
# shellcheck shell=bash
source ../expect.sh
source ../stack.sh

HOST_ADDRESS=198.51.100.7
new_host aws.amazon.com "$HOST_ADDRESS"

# S0:1917 (Preparation)
step 'preparation: three VPCs with an instance each, NAT gateways in VPC 2 alone'
VPC_ID_1=$(new_vpc 10.10.0.0/26)
VPC_ID_2=$(new_vpc 10.10.0.128/25)
VPC_ID_3=$(new_vpc 10.10.0.64/26)
ATTACHMENT_SUBNETS_VPC_1="$(new_subnet "$VPC_ID_1" 10.10.0.0/28 a) $(new_subnet "$VPC_ID_1" 10.10.0.16/28 b)"
ATTACHMENT_SUBNETS_VPC_2="$(new_subnet "$VPC_ID_2" 10.10.0.128/28 a) $(new_subnet "$VPC_ID_2" 10.10.0.144/28 b)"
ATTACHMENT_SUBNETS_VPC_3="$(new_subnet "$VPC_ID_3" 10.10.0.64/28 a) $(new_subnet "$VPC_ID_3" 10.10.0.80/28 b)"
VPC_2_PUBLIC_SUBNET_ID_1=$(new_subnet "$VPC_ID_2" 10.10.0.160/28 a)
VPC_2_PUBLIC_SUBNET_ID_2=$(new_subnet "$VPC_ID_2" 10.10.0.176/28 b)
PRIVATE_SUBNET_1=$(new_subnet "$VPC_ID_1" 10.10.0.32/28 a)
PRIVATE_SUBNET_2=$(new_subnet "$VPC_ID_2" 10.10.0.192/28 a)
PRIVATE_SUBNET_3=$(new_subnet "$VPC_ID_3" 10.10.0.112/28 b)
VPC_1_RT_ID=$(new_table "$VPC_ID_1" "$PRIVATE_SUBNET_1")
VPC_3_RT_ID=$(new_table "$VPC_ID_3" "$PRIVATE_SUBNET_3")
VPC_2_RT_ID=$(new_table "$VPC_ID_2" "$PRIVATE_SUBNET_2")
VPC_2_PUBLIC_RT_ID=$(new_table "$VPC_ID_2" "$VPC_2_PUBLIC_SUBNET_ID_1" "$VPC_2_PUBLIC_SUBNET_ID_2")
VPC_2_ATTACH_RT_ID_1=$(new_table "$VPC_ID_2" "${ATTACHMENT_SUBNETS_VPC_2% *}")
VPC_2_ATTACH_RT_ID_2=$(new_table "$VPC_ID_2" "${ATTACHMENT_SUBNETS_VPC_2#* }")
INET_GATEWAY_ID=$(new_internet_gateway "$VPC_ID_2")
add_route "$VPC_2_PUBLIC_RT_ID" 0.0.0.0/0 --gateway-id "$INET_GATEWAY_ID"
new_nat_gateway() { # SUBNET ALLOCATION
  aws ec2 create-nat-gateway --subnet-id "$1" --allocation-id "$2" --output text --query NatGateway.NatGatewayId
}
ALLOCATION_ID_1=$(aws ec2 allocate-address --domain vpc --output text --query AllocationId)
ALLOCATION_ID_2=$(aws ec2 allocate-address --domain vpc --output text --query AllocationId)
NAT_1=$(new_nat_gateway "$VPC_2_PUBLIC_SUBNET_ID_1" "$ALLOCATION_ID_1")
NAT_2=$(new_nat_gateway "$VPC_2_PUBLIC_SUBNET_ID_2" "$ALLOCATION_ID_2")
public_ip() {
  aws ec2 describe-addresses --allocation-ids "$1" --output text --query 'Addresses[0].PublicIp'
}
NAT_IP_1=$(public_ip "$ALLOCATION_ID_1")
NAT_IP_2=$(public_ip "$ALLOCATION_ID_2")
group_for_pings() { # VPC NAME
  local group
  group=$(new_group "$1" "$2")
  aws ec2 authorize-security-group-ingress --group-id "$group" --protocol icmp --port -1 --cidr 10.10.0.0/24 >/dev/null
  printf '%s\n' "$group"
}
SG_1=$(group_for_pings "$VPC_ID_1" AWSCookbook210-1)
SG_2=$(group_for_pings "$VPC_ID_2" AWSCookbook210-2)
SG_3=$(group_for_pings "$VPC_ID_3" AWSCookbook210-3)
INSTANCE_ID_1=$(new_instance "$PRIVATE_SUBNET_1" "$SG_1" AWSCookbook210-1)
INSTANCE_ID_2=$(new_instance "$PRIVATE_SUBNET_2" "$SG_2" AWSCookbook210-2)
INSTANCE_ID_3=$(new_instance "$PRIVATE_SUBNET_3" "$SG_3" AWSCookbook210-3)
wait_for_instances "$INSTANCE_ID_1" "$INSTANCE_ID_2" "$INSTANCE_ID_3"
INSTANCE_IP_1=$(of_instance "$INSTANCE_ID_1" PrivateIpAddress)
INSTANCE_IP_2=$(of_instance "$INSTANCE_ID_2" PrivateIpAddress)
INSTANCE_IP_3=$(of_instance "$INSTANCE_ID_3" PrivateIpAddress)

# S0:1948. The end of the options is cut off there, and restored.
step 'create-transit-gateway, and an attachment for each VPC'
TGW_ID=$(aws ec2 create-transit-gateway \
  --description AWSCookbook210 \
  --options=AmazonSideAsn=65010,AutoAcceptSharedAttachments=enable,DefaultRouteTableAssociation=enable,DefaultRouteTablePropagation=enable,VpnEcmpSupport=enable,DnsSupport=enable \
  --output text --query TransitGateway.TransitGatewayId)
# S0:1957
transit_gateway_state() {
  aws ec2 describe-transit-gateways \
    --transit-gateway-ids "$TGW_ID" \
    --output text --query 'TransitGateways[0].State'
}
wait_until_eq 'the transit gateway' available transit_gateway_state
# S0:1967 and S0:1980, the first one restored.
attach() { # VPC SUBNET…
  local vpc=$1
  shift
  aws ec2 create-transit-gateway-vpc-attachment \
    --transit-gateway-id "$TGW_ID" \
    --vpc-id "$vpc" \
    --subnet-ids "$@" \
    --query TransitGatewayVpcAttachment.TransitGatewayAttachmentId \
    --output text
}
# The lists of subnets are words, as in the book.
# shellcheck disable=SC2086
{
  TGW_ATTACH_1=$(attach "$VPC_ID_1" $ATTACHMENT_SUBNETS_VPC_1)
  TGW_ATTACH_2=$(attach "$VPC_ID_2" $ATTACHMENT_SUBNETS_VPC_2)
  TGW_ATTACH_3=$(attach "$VPC_ID_3" $ATTACHMENT_SUBNETS_VPC_3)
}
attachment_states() {
  sorted "$(aws ec2 describe-transit-gateway-attachments --filters "Name=transit-gateway-id,Values=$TGW_ID" \
    --output text --query 'TransitGatewayAttachments[].State')"
}
wait_until_eq 'the attachments' 'available available available' attachment_states
expect_no_ping "$INSTANCE_ID_1" "$INSTANCE_IP_3"

# S0:1990, restored
step 'routes of VPCs 1 and 3 to the transit gateway, and of VPC 2 back to it'
add_route "$VPC_1_RT_ID" 0.0.0.0/0 --transit-gateway-id "$TGW_ID"
add_route "$VPC_3_RT_ID" 0.0.0.0/0 --transit-gateway-id "$TGW_ID"
# S0:1995
add_route "$VPC_2_RT_ID" 10.10.0.0/24 --transit-gateway-id "$TGW_ID"
# S0:2004 to S0:2008, restored
for nat in "$NAT_1" "$NAT_2"; do
  aws ec2 wait nat-gateway-available --nat-gateway-ids "$nat"
done
add_route "$VPC_2_RT_ID" 0.0.0.0/0 --nat-gateway-id "$NAT_1"
add_route "$VPC_2_ATTACH_RT_ID_1" 0.0.0.0/0 --nat-gateway-id "$NAT_1"
add_route "$VPC_2_ATTACH_RT_ID_2" 0.0.0.0/0 --nat-gateway-id "$NAT_2"
add_route "$VPC_2_PUBLIC_RT_ID" 10.10.0.0/24 --transit-gateway-id "$TGW_ID"
# S0:2013: the book makes the route of S0:1995 again.
expect_error RouteAlreadyExists aws ec2 create-route --route-table-id "$VPC_2_RT_ID" \
  --destination-cidr-block 10.10.0.0/24 \
  --transit-gateway-id "$TGW_ID"

step 'the VPCs reach one another, and only VPC 2 the internet'
expect_ping "$INSTANCE_ID_1" "$INSTANCE_IP_2"
expect_ping "$INSTANCE_ID_1" "$INSTANCE_IP_3"
expect_ping "$INSTANCE_ID_2" "$INSTANCE_IP_3"
expect_ping "$INSTANCE_ID_3" "$INSTANCE_IP_1"
expect_no_ping "$INSTANCE_ID_1" "$HOST_ADDRESS"
expect_ping "$INSTANCE_ID_2" "$HOST_ADDRESS"

# S0:2023, restored
step 'create-transit-gateway-route 0.0.0.0/0 to VPC 2'
TRAN_GW_RT=$(aws ec2 describe-transit-gateways \
  --transit-gateway-ids "$TGW_ID" \
  --output text --query 'TransitGateways[0].Options.AssociationDefaultRouteTableId')
# S0:2027
aws ec2 create-transit-gateway-route \
  --destination-cidr-block 0.0.0.0/0 \
  --transit-gateway-route-table-id "$TRAN_GW_RT" \
  --transit-gateway-attachment-id "$TGW_ATTACH_2" >/dev/null

# S0:2061
step 'ping -c 4 aws.amazon.com, and who the host sees: the NAT gateway of the zone'
expect_ping "$INSTANCE_ID_1" aws.amazon.com
expect_ping "$INSTANCE_ID_3" aws.amazon.com
expect_eq 'source of instance 1' "$NAT_IP_1" "$(source_seen "$INSTANCE_ID_1" "$HOST_ADDRESS")"
expect_eq 'source of instance 3' "$NAT_IP_2" "$(source_seen "$INSTANCE_ID_3" "$HOST_ADDRESS")"

# S0:2090 (Challenge 1)
step 'Challenge 1: VPC 3 reaches the other VPCs alone'
aws ec2 delete-route --route-table-id "$VPC_3_RT_ID" --destination-cidr-block 0.0.0.0/0
add_route "$VPC_3_RT_ID" 10.10.0.0/24 --transit-gateway-id "$TGW_ID"
expect_no_ping "$INSTANCE_ID_3" "$HOST_ADDRESS"
expect_ping "$INSTANCE_ID_3" "$INSTANCE_IP_1"
expect_ping "$INSTANCE_ID_1" "$HOST_ADDRESS"
step 'delete-transit-gateway-route 0.0.0.0/0: only the internet is cut off'
aws ec2 delete-transit-gateway-route --destination-cidr-block 0.0.0.0/0 \
  --transit-gateway-route-table-id "$TRAN_GW_RT" >/dev/null
expect_no_ping "$INSTANCE_ID_1" "$HOST_ADDRESS"
expect_ping "$INSTANCE_ID_1" "$INSTANCE_IP_3"

# S0:2094 (Challenge 2): a table for VPCs 1 and 3 that leads to VPC 2 alone.
step 'Challenge 2: VPCs 1 and 3 no longer reach each other'
APART=$(aws ec2 create-transit-gateway-route-table --transit-gateway-id "$TGW_ID" \
  --output text --query TransitGatewayRouteTable.TransitGatewayRouteTableId)
apart_state() {
  aws ec2 describe-transit-gateway-route-tables --transit-gateway-route-table-ids "$APART" \
    --output text --query 'TransitGatewayRouteTables[0].State'
}
wait_until_eq 'the table' available apart_state
association() { # ATTACHMENT
  aws ec2 describe-transit-gateway-attachments --transit-gateway-attachment-ids "$1" --output text \
    --query 'TransitGatewayAttachments[0].Association.TransitGatewayRouteTableId'
}
for attachment in "$TGW_ATTACH_1" "$TGW_ATTACH_3"; do
  aws ec2 disassociate-transit-gateway-route-table --transit-gateway-route-table-id "$TRAN_GW_RT" \
    --transit-gateway-attachment-id "$attachment" >/dev/null
  wait_until_eq "$attachment to have no table" None association "$attachment"
  aws ec2 associate-transit-gateway-route-table --transit-gateway-route-table-id "$APART" \
    --transit-gateway-attachment-id "$attachment" >/dev/null
done
aws ec2 enable-transit-gateway-route-table-propagation --transit-gateway-route-table-id "$APART" \
  --transit-gateway-attachment-id "$TGW_ATTACH_2" >/dev/null
is_associated() { # ATTACHMENT
  [[ $(aws ec2 describe-transit-gateway-attachments --transit-gateway-attachment-ids "$1" --output text \
    --query 'TransitGatewayAttachments[0].Association.State') == associated ]]
}
wait_until 'the association of VPC 1' is_associated "$TGW_ATTACH_1"
wait_until 'the association of VPC 3' is_associated "$TGW_ATTACH_3"
expect_ping "$INSTANCE_ID_1" "$INSTANCE_IP_2"
expect_ping "$INSTANCE_ID_2" "$INSTANCE_IP_3"
expect_no_ping "$INSTANCE_ID_1" "$INSTANCE_IP_3"
expect_no_ping "$INSTANCE_ID_3" "$INSTANCE_IP_1"

# S0:2104 (Clean Up)
step 'clean up'
for attachment in "$TGW_ATTACH_1" "$TGW_ATTACH_2" "$TGW_ATTACH_3"; do
  aws ec2 delete-transit-gateway-vpc-attachment \
    --transit-gateway-attachment-id "$attachment" >/dev/null
done
wait_until_eq 'the attachments to go' 'deleted deleted deleted' attachment_states
expect_eq 'default route of VPC 1' "$TGW_ID blackhole" "$(route_of "$VPC_1_RT_ID" 0.0.0.0/0)"
# S0:2118
aws ec2 delete-transit-gateway --transit-gateway-id "$TGW_ID" >/dev/null
wait_until_eq 'the transit gateway to go' deleted transit_gateway_state

step 'remove the preparation'
for nat in "$NAT_1" "$NAT_2"; do
  aws ec2 delete-nat-gateway --nat-gateway-id "$nat" >/dev/null
done
terminate "$INSTANCE_ID_1" "$INSTANCE_ID_2" "$INSTANCE_ID_3"
for nat in "$NAT_1" "$NAT_2"; do
  aws ec2 wait nat-gateway-deleted --nat-gateway-ids "$nat"
done
aws ec2 release-address --allocation-id "$ALLOCATION_ID_1"
aws ec2 release-address --allocation-id "$ALLOCATION_ID_2"
delete_internet_gateway "$INET_GATEWAY_ID" "$VPC_ID_2"
# shellcheck disable=SC2086
{
  delete_vpc "$VPC_ID_1" $ATTACHMENT_SUBNETS_VPC_1 "$PRIVATE_SUBNET_1" "$VPC_1_RT_ID" "$SG_1"
  delete_vpc "$VPC_ID_3" $ATTACHMENT_SUBNETS_VPC_3 "$PRIVATE_SUBNET_3" "$VPC_3_RT_ID" "$SG_3"
  delete_vpc "$VPC_ID_2" $ATTACHMENT_SUBNETS_VPC_2 "$VPC_2_PUBLIC_SUBNET_ID_1" "$VPC_2_PUBLIC_SUBNET_ID_2" \
    "$PRIVATE_SUBNET_2" "$VPC_2_RT_ID" "$VPC_2_PUBLIC_RT_ID" "$VPC_2_ATTACH_RT_ID_1" "$VPC_2_ATTACH_RT_ID_2" "$SG_2"
}
step 'done'
