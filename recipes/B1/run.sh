# Title: VPC ingress routing
# Source: AWS News Blog, "New – VPC Ingress Routing". `S2:N` is the line of the archive's text a step comes from.
#
# Where this departs from the article:
# - The article prepares with the CDK; here the same network and instances are made with the stock AWS CLI, and the web
#   server is an httpd that the instance has.
# - Session Manager is not built yet: Run Command stands in for the shell.
# - The appliance's own count of forwarded packets shows what passes it.
# shellcheck shell=bash
export AWS_REGION=us-west-2 AWS_DEFAULT_REGION=us-west-2
source ../expect.sh
source ../stack.sh

step 'preparation: a VPC, two public subnets, an appliance and an application'
VPC_ID=$(new_vpc 10.0.0.0/16)
APPLIANCE_SUBNET=$(new_subnet "$VPC_ID" 10.0.0.0/24 a)
APPLICATION_SUBNET=$(new_subnet "$VPC_ID" 10.0.1.0/24 a)
aws ec2 modify-subnet-attribute --subnet-id "$APPLIANCE_SUBNET" --map-public-ip-on-launch
aws ec2 modify-subnet-attribute --subnet-id "$APPLICATION_SUBNET" --map-public-ip-on-launch
APPLIANCE_TABLE=$(new_table "$VPC_ID" "$APPLIANCE_SUBNET")
APPLICATION_TABLE=$(new_table "$VPC_ID" "$APPLICATION_SUBNET")
INET_GATEWAY_ID=$(new_internet_gateway "$VPC_ID")
add_route "$APPLIANCE_TABLE" 0.0.0.0/0 --gateway-id "$INET_GATEWAY_ID"
add_route "$APPLICATION_TABLE" 0.0.0.0/0 --gateway-id "$INET_GATEWAY_ID"
SG_ID=$(new_group "$VPC_ID" web)
aws ec2 authorize-security-group-ingress --group-id "$SG_ID" --protocol tcp --port 80 --cidr 0.0.0.0/0 >/dev/null
INSTANCE_1=$(new_instance "$APPLIANCE_SUBNET" "$SG_ID" appliance)
INSTANCE_2=$(new_instance "$APPLICATION_SUBNET" "$SG_ID" application \
  --user-data $'#!/bin/sh\nhttpd -p 80 -t "the application"')
wait_for_instances "$INSTANCE_1" "$INSTANCE_2"
wait_until 'the page' in_instance "$INSTANCE_2" 'curl --silent --fail http://127.0.0.1/'

of_name() { # NAME QUERY: of the instance with this name, as the article asks for it
  aws ec2 describe-instances \
    --query "Reservations[].Instances[] | [?Tags[?Key=='Name' && Value=='$1']].$2" \
    --output text
}
# S2:19
APPLICATION_NAME=$(of_name application 'NetworkInterfaces[].Association.PublicDnsName')
expect_match 'public name' '^ec2-[0-9-]+\.us-west-2\.compute\.amazonaws\.com$' "$APPLICATION_NAME"
APPLICATION_IP=$(resolve "$APPLICATION_NAME")
expect_eq 'what the name stands for' "$(of_instance "$INSTANCE_2" PublicIpAddress)" "$APPLICATION_IP"
expect_answer() {
  expect_match "curl -I $APPLICATION_NAME" '^HTTP/1\.[01] 200' \
    "$(curl --silent --show-error --max-time 5 -I --resolve "$APPLICATION_NAME:80:$APPLICATION_IP" "http://$APPLICATION_NAME/" 2>&1)"
}
forwarded() { # the packets that the appliance has forwarded
  in_instance "$INSTANCE_1" "awk '/^Ip: [0-9]/ { print \$7 }' /proc/net/snmp"
}

step 'before: the application answers, and nothing passes the appliance'
expect_answer
expect_eq 'forwarded packets' 0 "$(forwarded)"

# S2:37
step 'a route table of the internet gateway'
ENI_ID=$(of_name appliance 'NetworkInterfaces[].NetworkInterfaceId')
IGW_ID=$(aws ec2 describe-internet-gateways \
  --query "InternetGateways[] | [?Attachments[?VpcId=='${VPC_ID}']].InternetGatewayId" \
  --output text)
expect_eq 'the gateway' "$INET_GATEWAY_ID" "$IGW_ID"
ROUTE_TABLE_ID=$(aws ec2 create-route-table \
  --vpc-id "$VPC_ID" \
  --query "RouteTable.RouteTableId" \
  --output text)
aws ec2 create-route \
  --route-table-id "$ROUTE_TABLE_ID" \
  --destination-cidr-block 10.0.1.0/24 \
  --network-interface-id "$ENI_ID" >/dev/null
EDGE_ASSOCIATION=$(aws ec2 associate-route-table \
  --route-table-id "$ROUTE_TABLE_ID" \
  --gateway-id "$IGW_ID" --output text --query AssociationId)

# S2:73
step 'the default route of the application, to the appliance'
SUBNET_ID=$(of_name application 'NetworkInterfaces[].SubnetId')
ROUTING_TABLE=$(aws ec2 describe-route-tables \
  --query "RouteTables[?VpcId=='${VPC_ID}'] | [?Associations[?SubnetId=='${SUBNET_ID}']].RouteTableId" \
  --output text)
expect_eq 'the table of the application' "$APPLICATION_TABLE" "$ROUTING_TABLE"
aws ec2 delete-route \
  --route-table-id "$ROUTING_TABLE" \
  --destination-cidr-block 0.0.0.0/0
aws ec2 create-route \
  --route-table-id "$ROUTING_TABLE" \
  --destination-cidr-block 0.0.0.0/0 \
  --network-interface-id "$ENI_ID" >/dev/null
step 'the appliance takes no packet for others yet'
expect_workstation_silence "$APPLICATION_IP"

# S2:106
step 'forwarding, and no source/destination check'
APPLIANCE_ID=$(of_name appliance InstanceId)
in_instance "$APPLIANCE_ID" 'sysctl -w net.ipv4.ip_forward=1' >/dev/null
expect_workstation_silence "$APPLICATION_IP"
aws ec2 modify-instance-attribute \
  --no-source-dest-check \
  --instance-id "$APPLIANCE_ID"

# S2:127. A request and its answer are five packets each way, or nearly.
step 'curl -I, through the appliance'
BEFORE=$(forwarded)
expect_answer
AFTER=$(forwarded)
((AFTER >= BEFORE + 8)) || fail "the appliance forwarded $((AFTER - BEFORE)) packets"
step 'without forwarding, nothing passes'
in_instance "$APPLIANCE_ID" 'sysctl -w net.ipv4.ip_forward=0' >/dev/null
expect_workstation_silence "$APPLICATION_IP"
in_instance "$APPLIANCE_ID" 'sysctl -w net.ipv4.ip_forward=1' >/dev/null
expect_answer

# S2:133
step 'with the source/destination check on again, nothing passes'
aws ec2 modify-instance-attribute \
  --source-dest-check \
  --instance-id "$APPLIANCE_ID"
expect_workstation_silence "$APPLICATION_IP"

# S2:137
step 'clean up'
aws ec2 disassociate-route-table --association-id "$EDGE_ASSOCIATION"
aws ec2 delete-route-table --route-table-id "$ROUTE_TABLE_ID"
terminate "$INSTANCE_1" "$INSTANCE_2"
delete_internet_gateway "$IGW_ID" "$VPC_ID"
delete_vpc "$VPC_ID" "$APPLIANCE_SUBNET" "$APPLICATION_SUBNET" "$APPLIANCE_TABLE" "$APPLICATION_TABLE" "$SG_ID"
step 'done'
