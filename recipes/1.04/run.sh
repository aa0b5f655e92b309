# Title: NAT gateway for private subnets
# Source: AWS Cookbook (early release), recipe 1.4. `S0:N` is the line of the book's text a step comes from; a step
# marked `restored` has lost its command there and is given back from the prose around it and the book's repository.
#
# Where this departs from the book:
# - The book prepares with the CDK (S0:574); here the same network and instances are made with the stock AWS CLI.
# - Session Manager (S0:641) is not built yet: Run Command stands in for the shell.
# - The host that is pinged is one of the simulated internet, with the name that the book has.
# shellcheck shell=bash
source ../expect.sh
source ../stack.sh

HOST_ADDRESS=198.51.100.7
new_host aws.amazon.com "$HOST_ADDRESS"

# S0:574 (Preparation)
step 'preparation: public and private subnets in two zones, an internet gateway, two instances'
VPC_ID=$(new_vpc 10.10.0.0/22)
VPC_PUBLIC_SUBNET_1=$(new_subnet "$VPC_ID" 10.10.0.0/24 a)
VPC_PUBLIC_SUBNET_2=$(new_subnet "$VPC_ID" 10.10.1.0/24 b)
PRIVATE_SUBNET_1=$(new_subnet "$VPC_ID" 10.10.2.0/24 a)
PRIVATE_SUBNET_2=$(new_subnet "$VPC_ID" 10.10.3.0/24 b)
PUBLIC_RT_ID=$(new_table "$VPC_ID" "$VPC_PUBLIC_SUBNET_1" "$VPC_PUBLIC_SUBNET_2")
PRIVATE_RT_ID_1=$(new_table "$VPC_ID" "$PRIVATE_SUBNET_1")
PRIVATE_RT_ID_2=$(new_table "$VPC_ID" "$PRIVATE_SUBNET_2")
INET_GATEWAY_ID=$(new_internet_gateway "$VPC_ID")
add_route "$PUBLIC_RT_ID" 0.0.0.0/0 --gateway-id "$INET_GATEWAY_ID"
SG_ID=$(new_group "$VPC_ID" AWSCookbook204)
# Nothing but the gateway can be what keeps connections out.
aws ec2 authorize-security-group-ingress --group-id "$SG_ID" --protocol=-1 --cidr 0.0.0.0/0 >/dev/null
INSTANCE_ID_1=$(new_instance "$PRIVATE_SUBNET_1" "$SG_ID" AWSCookbook204-1)
INSTANCE_ID_2=$(new_instance "$PRIVATE_SUBNET_2" "$SG_ID" AWSCookbook204-2)
wait_for_instances "$INSTANCE_ID_1" "$INSTANCE_ID_2"

step 'before: no packet reaches the internet'
expect_no_ping "$INSTANCE_ID_1" aws.amazon.com

# S0:600
step 'allocate-address, create-nat-gateway'
ALLOCATION_ID=$(aws ec2 allocate-address --domain vpc \
  --output text --query AllocationId)
# S0:607
NAT_GATEWAY_ID=$(aws ec2 create-nat-gateway \
  --subnet-id "$VPC_PUBLIC_SUBNET_1" \
  --allocation-id "$ALLOCATION_ID" \
  --output text --query NatGateway.NatGatewayId)
# S0:616
nat_gateway_state() {
  aws ec2 describe-nat-gateways \
    --nat-gateway-ids "$1" \
    --output text --query 'NatGateways[0].State'
}
wait_until_eq 'the NAT gateway' available nat_gateway_state "$NAT_GATEWAY_ID"
public_ip() {
  aws ec2 describe-addresses --allocation-ids "$1" --output text --query 'Addresses[0].PublicIp'
}
NAT_IP=$(public_ip "$ALLOCATION_ID")

# S0:622, restored
step 'create-route to the NAT gateway, in both private tables'
add_route "$PRIVATE_RT_ID_1" 0.0.0.0/0 --nat-gateway-id "$NAT_GATEWAY_ID"
add_route "$PRIVATE_RT_ID_2" 0.0.0.0/0 --nat-gateway-id "$NAT_GATEWAY_ID"

# S0:647, and S0:669 for the other instance.
step 'ping -c 4 aws.amazon.com, from both instances'
expect_ping "$INSTANCE_ID_1" aws.amazon.com
expect_match 'output of ping' "PING aws.amazon.com \($HOST_ADDRESS\)" "$PINGED"
expect_ping "$INSTANCE_ID_2" aws.amazon.com
step 'the host sees the address of the NAT gateway'
expect_eq 'source of instance 1' "$NAT_IP" "$(source_seen "$INSTANCE_ID_1" "$HOST_ADDRESS")"
expect_eq 'source of instance 2' "$NAT_IP" "$(source_seen "$INSTANCE_ID_2" "$HOST_ADDRESS")"
step 'nothing comes in by it'
in_instance "$INSTANCE_ID_1" 'httpd -p 80 -t inside'
expect_eq 'page from next door' inside "$(in_instance "$INSTANCE_ID_2" \
  "curl --silent --max-time 5 http://$(of_instance "$INSTANCE_ID_1" PrivateIpAddress)/")"
expect_workstation_silence "$NAT_IP"

# S0:673 (Challenge)
step 'Challenge: a second NAT gateway, for the other zone'
ALLOCATION_ID_2=$(aws ec2 allocate-address --domain vpc --output text --query AllocationId)
NAT_GATEWAY_ID_2=$(aws ec2 create-nat-gateway --subnet-id "$VPC_PUBLIC_SUBNET_2" --allocation-id "$ALLOCATION_ID_2" \
  --output text --query NatGateway.NatGatewayId)
wait_until_eq 'the second NAT gateway' available nat_gateway_state "$NAT_GATEWAY_ID_2"
aws ec2 replace-route --route-table-id "$PRIVATE_RT_ID_2" --destination-cidr-block 0.0.0.0/0 \
  --nat-gateway-id "$NAT_GATEWAY_ID_2"
expect_eq 'source of instance 1' "$NAT_IP" "$(source_seen "$INSTANCE_ID_1" "$HOST_ADDRESS")"
expect_eq 'source of instance 2' "$(public_ip "$ALLOCATION_ID_2")" "$(source_seen "$INSTANCE_ID_2" "$HOST_ADDRESS")"

# S0:679 (Clean Up)
step 'clean up'
aws ec2 delete-nat-gateway --nat-gateway-id "$NAT_GATEWAY_ID" >/dev/null
expect_match 'state while it goes' '^delet(ing|ed)$' "$(nat_gateway_state "$NAT_GATEWAY_ID")"
# S0:685
wait_until_eq 'the NAT gateway to go' deleted nat_gateway_state "$NAT_GATEWAY_ID"
expect_eq 'default route' "$NAT_GATEWAY_ID blackhole" "$(route_of "$PRIVATE_RT_ID_1" 0.0.0.0/0)"
expect_no_ping "$INSTANCE_ID_1" aws.amazon.com
expect_ping "$INSTANCE_ID_2" aws.amazon.com
# S0:692. An address that a gateway has cannot be released.
aws ec2 release-address --allocation-id "$ALLOCATION_ID"
expect_error 'InvalidIPAddress.InUse|AuthFailure' aws ec2 release-address --allocation-id "$ALLOCATION_ID_2"
aws ec2 delete-nat-gateway --nat-gateway-id "$NAT_GATEWAY_ID_2" >/dev/null
wait_until_eq 'the second NAT gateway to go' deleted nat_gateway_state "$NAT_GATEWAY_ID_2"
aws ec2 release-address --allocation-id "$ALLOCATION_ID_2"

step 'remove the preparation'
terminate "$INSTANCE_ID_1" "$INSTANCE_ID_2"
delete_internet_gateway "$INET_GATEWAY_ID" "$VPC_ID"
delete_vpc "$VPC_ID" "$VPC_PUBLIC_SUBNET_1" "$VPC_PUBLIC_SUBNET_2" "$PRIVATE_SUBNET_1" "$PRIVATE_SUBNET_2" \
  "$PUBLIC_RT_ID" "$PRIVATE_RT_ID_1" "$PRIVATE_RT_ID_2" "$SG_ID"
step 'done'
