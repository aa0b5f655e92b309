# Title: Internet gateway and Elastic IP
# Source: AWS Cookbook (early release), recipe 1.3. `S0:N` is the line of the book's text a step comes from.
#
# Where this departs from the book:
# - The book prepares with the CDK (S0:372); here the same VPC, tables and instance are made with the stock AWS CLI.
# - Session Manager (S0:442) is not built yet: Run Command stands in for the shell.
# - The host that is pinged is one of the simulated internet, with the name that the book has.
# - Of the Challenge's web server (S0:494) only an HTTP listener remains: nothing is installed.
# shellcheck shell=bash
source ../expect.sh
source ../stack.sh

HOST_ADDRESS=198.51.100.7
new_host homestarrunner.com "$HOST_ADDRESS"

# S0:372 (Preparation)
step 'preparation: a VPC, two isolated subnets with a table each, an instance'
VPC_ID=$(new_vpc 10.10.0.0/23)
SUBNET_ID_1=$(new_subnet "$VPC_ID" 10.10.0.0/24 a)
SUBNET_ID_2=$(new_subnet "$VPC_ID" 10.10.1.0/24 b)
ROUTE_TABLE_ID_1=$(new_table "$VPC_ID" "$SUBNET_ID_1")
ROUTE_TABLE_ID_2=$(new_table "$VPC_ID" "$SUBNET_ID_2")
SG_ID=$(new_group "$VPC_ID" AWSCookbook203)
INSTANCE_ID=$(new_instance "$SUBNET_ID_1" "$SG_ID" AWSCookbook203)
wait_for_instances "$INSTANCE_ID"
PRIVATE_IP=$(of_instance "$INSTANCE_ID" PrivateIpAddress)

metadata() { # prints the public address that instance metadata tells, or nothing
  in_instance "$INSTANCE_ID" 'curl --silent --fail http://169.254.169.254/latest/meta-data/public-ipv4' || true
}

step 'before: the host has a name, and no packet reaches it'
expect_no_ping "$INSTANCE_ID" homestarrunner.com
expect_eq 'public address in the metadata' '' "$(metadata)"

# S0:398
step 'create-internet-gateway, attach-internet-gateway, create-route'
INET_GATEWAY_ID=$(aws ec2 create-internet-gateway \
  --tag-specifications \
  'ResourceType=internet-gateway, Tags=[{Key=Name,Value=AWSCookbook202}]' \
  --output text --query InternetGateway.InternetGatewayId)
# S0:405
aws ec2 attach-internet-gateway \
  --internet-gateway-id "$INET_GATEWAY_ID" --vpc-id "$VPC_ID"
# S0:410
add_route "$ROUTE_TABLE_ID_1" 0.0.0.0/0 --gateway-id "$INET_GATEWAY_ID"
add_route "$ROUTE_TABLE_ID_2" 0.0.0.0/0 --gateway-id "$INET_GATEWAY_ID"
step 'a gateway and a route are not enough: the instance has no public address'
expect_no_ping "$INSTANCE_ID" homestarrunner.com

# S0:418 and S0:432
step 'allocate-address, associate-address'
ALLOCATION_ID=$(aws ec2 allocate-address --domain vpc \
  --output text --query AllocationId)
aws ec2 associate-address \
  --instance-id "$INSTANCE_ID" --allocation-id "$ALLOCATION_ID" >/dev/null
PUBLIC_IP=$(aws ec2 describe-addresses --allocation-ids "$ALLOCATION_ID" --output text --query 'Addresses[0].PublicIp')
expect_eq 'public address of the instance' "$PUBLIC_IP" "$(of_instance "$INSTANCE_ID" PublicIpAddress)"

# S0:456
step 'ping -c 4 homestarrunner.com'
expect_ping "$INSTANCE_ID" homestarrunner.com
expect_match 'output of ping' "PING homestarrunner.com \($HOST_ADDRESS\)" "$PINGED"
expect_eq 'source that the host sees' "$PUBLIC_IP" "$(source_seen "$INSTANCE_ID" "$HOST_ADDRESS")"

# S0:484. The metadata changes at once, and the instance itself has no other address than before.
step 'the public address is in the metadata, and on no interface of the instance'
expect_eq 'public address in the metadata' "$PUBLIC_IP" "$(metadata)"
ADDRESSES=$(in_instance "$INSTANCE_ID" 'ip addr')
expect_match 'addresses inside' "inet $PRIVATE_IP/" "$ADDRESSES"
expect_no_match 'addresses inside' "$PUBLIC_IP" "$ADDRESSES"

# S0:494 (Challenge), and S0:545: the group lets nothing in until it has a rule.
step 'Challenge: a web server for the workstation'
in_instance "$INSTANCE_ID" 'httpd -p 80 -t "hello from AWSCookbook203"'
expect_workstation_silence "$PUBLIC_IP"
aws ec2 authorize-security-group-ingress --group-id "$SG_ID" --protocol tcp --port 80 --cidr 0.0.0.0/0 >/dev/null
expect_eq 'page for the workstation' 'hello from AWSCookbook203' "$(workstation_get "$PUBLIC_IP")"

# S0:500 (Clean Up). What has a mapped address keeps the gateway.
step 'clean up'
expect_error DependencyViolation aws ec2 detach-internet-gateway \
  --internet-gateway-id "$INET_GATEWAY_ID" --vpc-id "$VPC_ID"
aws ec2 disassociate-address --association-id \
  "$(aws ec2 describe-addresses \
    --allocation-ids "$ALLOCATION_ID" \
    --output text --query 'Addresses[0].AssociationId')"
expect_no_ping "$INSTANCE_ID" homestarrunner.com
expect_workstation_silence "$PUBLIC_IP"
expect_eq 'public address in the metadata' '' "$(metadata)"
# S0:510
aws ec2 release-address --allocation-id "$ALLOCATION_ID"
# S0:516
aws ec2 detach-internet-gateway \
  --internet-gateway-id "$INET_GATEWAY_ID" --vpc-id "$VPC_ID"
expect_eq 'default route' "$INET_GATEWAY_ID blackhole" "$(route_of "$ROUTE_TABLE_ID_1" 0.0.0.0/0)"
# S0:523
aws ec2 delete-internet-gateway \
  --internet-gateway-id "$INET_GATEWAY_ID"

# S0:540: what `cdk destroy` removes.
step 'remove the preparation'
terminate "$INSTANCE_ID"
delete_vpc "$VPC_ID" "$SUBNET_ID_1" "$SUBNET_ID_2" "$ROUTE_TABLE_ID_1" "$ROUTE_TABLE_ID_2" "$SG_ID"
step 'done'
