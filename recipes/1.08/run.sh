# Title: Managed prefix lists in security groups
# Source: AWS Cookbook (early release), recipe 1.8. `S0:N` is the line of the book's text a step comes from; a step
# marked `restored` has lost its command there and is given back from the prose around it and the book's repository.
#
# Where this departs from the book:
# - The book prepares with the CDK (S0:1490); here the same network and instances are made with the stock AWS CLI.
# - The instances serve with an httpd that they have: nothing is installed.
# - The ranges of ip-ranges.json (S0:1520) are two of those that the book's repository lists.
# - The host that tells the workstation's address is one of the simulated internet.
# shellcheck shell=bash
source ../expect.sh
source ../stack.sh

HOST_ADDRESS=198.51.100.9
new_host myip4.com "$HOST_ADDRESS"

# S0:1490 (Preparation)
step 'preparation: two public instances that serve a page each'
VPC_ID=$(new_vpc 10.10.0.0/23)
SUBNET_ID_1=$(new_subnet "$VPC_ID" 10.10.0.0/24 a)
SUBNET_ID_2=$(new_subnet "$VPC_ID" 10.10.1.0/24 b)
aws ec2 modify-subnet-attribute --subnet-id "$SUBNET_ID_1" --map-public-ip-on-launch
aws ec2 modify-subnet-attribute --subnet-id "$SUBNET_ID_2" --map-public-ip-on-launch
ROUTE_TABLE_ID=$(new_table "$VPC_ID" "$SUBNET_ID_1" "$SUBNET_ID_2")
INET_GATEWAY_ID=$(new_internet_gateway "$VPC_ID")
add_route "$ROUTE_TABLE_ID" 0.0.0.0/0 --gateway-id "$INET_GATEWAY_ID"
INSTANCE_SG_1=$(new_group "$VPC_ID" AWSCookbook208-1)
INSTANCE_SG_2=$(new_group "$VPC_ID" AWSCookbook208-2)
user_data() { # TEXT
  printf '#!/bin/sh\nhttpd -p 80 -t "%s"\n' "$1"
}
INSTANCE_ID_1=$(new_instance "$SUBNET_ID_1" "$INSTANCE_SG_1" AWSCookbook208-1 --user-data "$(user_data 'application 1')")
INSTANCE_ID_2=$(new_instance "$SUBNET_ID_2" "$INSTANCE_SG_2" AWSCookbook208-2 --user-data "$(user_data 'application 2')")
wait_for_instances "$INSTANCE_ID_1" "$INSTANCE_ID_2"
INSTANCE_IP_1=$(of_instance "$INSTANCE_ID_1" PublicIpAddress)
INSTANCE_IP_2=$(of_instance "$INSTANCE_ID_2" PublicIpAddress)
for instance in "$INSTANCE_ID_1" "$INSTANCE_ID_2"; do
  wait_until "the page of $instance" in_instance "$instance" 'curl --silent --fail http://127.0.0.1/'
done

# S0:1528, restored
step 'create-managed-prefix-list'
PREFIX_LIST_ID=$(aws ec2 create-managed-prefix-list \
  --address-family IPv4 \
  --max-entries 10 \
  --prefix-list-name allowed-us-east-1-cidrs \
  --output text --query 'PrefixList.PrefixListId' \
  --entries Cidr=44.234.54.0/23,Description=workspaces-us-west-2-cidr1 \
  Cidr=54.244.46.0/23,Description=workspaces-us-west-2-cidr2)
prefix_list() { # QUERY
  aws ec2 describe-managed-prefix-lists --prefix-list-ids "$PREFIX_LIST_ID" --output text --query "PrefixLists[0].$1"
}
wait_until_eq 'the list' create-complete prefix_list State

# S0:1602, restored
allow() { # GROUP: the rule that lets the list in
  aws ec2 authorize-security-group-ingress --group-id "$1" --ip-permissions \
    "FromPort=80,ToPort=80,IpProtocol=tcp,PrefixListIds=[{Description=http-from-prefix-list,PrefixListId=$PREFIX_LIST_ID}]" \
    >/dev/null
}

# S0:1535
step 'before: the workstation reaches neither'
expect_workstation_silence "$INSTANCE_IP_1"
expect_workstation_silence "$INSTANCE_IP_2"
# A rule for a list without the workstation changes nothing, and is one of the two in the end.
allow "$INSTANCE_SG_1"
expect_workstation_silence "$INSTANCE_IP_1"

# S0:1541: the address that others see.
step 'modify-managed-prefix-list with the address of the workstation'
MY_IP_4=$(curl --silent --max-time 5 --resolve "myip4.com:80:$HOST_ADDRESS" http://myip4.com/whoami | address_seen)
expect_match 'address of the workstation' '^[0-9]+(\.[0-9]+){3}$' "$MY_IP_4"
# S0:1547, and the output at S0:1573
MODIFIED=$(aws ec2 modify-managed-prefix-list \
  --prefix-list-id "$PREFIX_LIST_ID" \
  --current-version 1 \
  --add-entries "Cidr=$MY_IP_4/32,Description=my-workstation-ip" \
  --output text --query 'PrefixList.[State,MaxEntries,Version]')
expect_eq 'output' 'modify-in-progress 10 1' "$(printf '%s' "$MODIFIED" | tr '\t' ' ')"
wait_until_eq 'the change' modify-complete prefix_list State
expect_eq 'version' 2 "$(prefix_list Version)"

step 'the rule that was there lets the workstation in; the other instance has none yet'
expect_eq 'page 1' 'application 1' "$(workstation_get "$INSTANCE_IP_1")"
expect_workstation_silence "$INSTANCE_IP_2"
step 'authorize-security-group-ingress for the other'
allow "$INSTANCE_SG_2"
# S0:1610
expect_eq 'users of the list' "$(sorted "$INSTANCE_SG_1 $INSTANCE_SG_2")" \
  "$(sorted "$(aws ec2 get-managed-prefix-list-associations --prefix-list-id "$PREFIX_LIST_ID" \
    --output text --query 'PrefixListAssociations[].ResourceId')")"
# S0:1619
expect_eq 'page 1' 'application 1' "$(workstation_get "$INSTANCE_IP_1")"
expect_eq 'page 2' 'application 2' "$(workstation_get "$INSTANCE_IP_2")"

# S0:1628 (Challenge): no group is touched.
step 'Challenge: restore-managed-prefix-list-version 1'
aws ec2 restore-managed-prefix-list-version \
  --prefix-list-id "$PREFIX_LIST_ID" \
  --previous-version 1 --current-version 2 >/dev/null
wait_until_eq 'the old entries' restore-complete prefix_list State
expect_eq 'version' 3 "$(prefix_list Version)"
# S0:1638
expect_workstation_silence "$INSTANCE_IP_1"
expect_workstation_silence "$INSTANCE_IP_2"

step 'clean up'
terminate "$INSTANCE_ID_1" "$INSTANCE_ID_2"
aws ec2 delete-security-group --group-id "$INSTANCE_SG_1" >/dev/null
aws ec2 delete-security-group --group-id "$INSTANCE_SG_2" >/dev/null
# S0:1657
aws ec2 delete-managed-prefix-list \
  --prefix-list-id "$PREFIX_LIST_ID" >/dev/null
delete_internet_gateway "$INET_GATEWAY_ID" "$VPC_ID"
delete_vpc "$VPC_ID" "$SUBNET_ID_1" "$SUBNET_ID_2" "$ROUTE_TABLE_ID"
step 'done'
