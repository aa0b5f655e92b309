# Title: VPC peering
# Source: AWS Cookbook (early release), recipe 1.11. `S0:N` is the line of the book's text a step comes from; a step
# marked `restored` has lost its command there and is given back from the prose around it and the book's repository.
#
# Where this departs from the book:
# - The book prepares with the CDK (S0:2180); here the same network and instances are made with the stock AWS CLI.
# - Session Manager (S0:2244) is not built yet: Run Command stands in for the shell.
# - Of the Challenges (S0:2276), peering with another region and another account, only the calls are played, elsewhere.
# shellcheck shell=bash
source ../expect.sh
source ../stack.sh

# S0:2180 (Preparation), and a third VPC, for what the Discussion says (S0:2327).
step 'preparation: three VPCs with an instance each'
VPC_ID_1=$(new_vpc 10.10.0.0/23)
VPC_ID_2=$(new_vpc 10.20.0.0/23)
VPC_ID_3=$(new_vpc 10.30.0.0/23)
SUBNET_ID_1=$(new_subnet "$VPC_ID_1" 10.10.0.0/24 a)
SUBNET_ID_2=$(new_subnet "$VPC_ID_2" 10.20.0.0/24 a)
SUBNET_ID_3=$(new_subnet "$VPC_ID_3" 10.30.0.0/24 a)
VPC_SUBNET_RT_ID_1=$(new_table "$VPC_ID_1" "$SUBNET_ID_1")
VPC_SUBNET_RT_ID_2=$(new_table "$VPC_ID_2" "$SUBNET_ID_2")
VPC_SUBNET_RT_ID_3=$(new_table "$VPC_ID_3" "$SUBNET_ID_3")
VPC_CIDR_1=10.10.0.0/23 VPC_CIDR_2=10.20.0.0/23 VPC_CIDR_3=10.30.0.0/23
INSTANCE_SG_1=$(new_group "$VPC_ID_1" Instance1SG)
INSTANCE_SG_2=$(new_group "$VPC_ID_2" Instance2SG)
INSTANCE_SG_3=$(new_group "$VPC_ID_3" Instance3SG)
INSTANCE_ID_1=$(new_instance "$SUBNET_ID_1" "$INSTANCE_SG_1" Instance1)
INSTANCE_ID_2=$(new_instance "$SUBNET_ID_2" "$INSTANCE_SG_2" Instance2)
INSTANCE_ID_3=$(new_instance "$SUBNET_ID_3" "$INSTANCE_SG_3" Instance3)
aws ec2 authorize-security-group-ingress --group-id "$INSTANCE_SG_3" --protocol icmp --port -1 --cidr 10.0.0.0/8 >/dev/null
wait_for_instances "$INSTANCE_ID_1" "$INSTANCE_ID_2" "$INSTANCE_ID_3"
# S0:2236
INSTANCE_IP_2=$(of_instance "$INSTANCE_ID_2" PrivateIpAddress)
INSTANCE_IP_3=$(of_instance "$INSTANCE_ID_3" PrivateIpAddress)
expect_match 'address of instance 2' '^10\.20\.0\.[0-9]+$' "$INSTANCE_IP_2"

peering_state() {
  aws ec2 describe-vpc-peering-connections --vpc-peering-connection-ids "$1" --output text \
    --query 'VpcPeeringConnections[0].Status.Code'
}
# S0:2200, restored
create_peering() { # VPC PEER-VPC
  aws ec2 create-vpc-peering-connection --vpc-id "$1" --peer-vpc-id "$2" \
    --query VpcPeeringConnection.VpcPeeringConnectionId --output text
}
step 'create-vpc-peering-connection, accept-vpc-peering-connection'
VPC_PEERING_CONNECTION_ID=$(create_peering "$VPC_ID_1" "$VPC_ID_2")
wait_until_eq 'the request' pending-acceptance peering_state "$VPC_PEERING_CONNECTION_ID"
# S0:2204
aws ec2 accept-vpc-peering-connection \
  --vpc-peering-connection-id "$VPC_PEERING_CONNECTION_ID" >/dev/null
wait_until_eq 'the peering' active peering_state "$VPC_PEERING_CONNECTION_ID"

# S0:2215, the first one restored. Each step alone is not enough.
step 'create-route on the one side, on the other, and a rule for the peer group'
add_route "$VPC_SUBNET_RT_ID_1" "$VPC_CIDR_2" --vpc-peering-connection-id "$VPC_PEERING_CONNECTION_ID"
# S0:2225
aws ec2 authorize-security-group-ingress \
  --protocol icmp --port -1 \
  --source-group "$INSTANCE_SG_1" \
  --group-id "$INSTANCE_SG_2" >/dev/null
expect_no_ping "$INSTANCE_ID_1" "$INSTANCE_IP_2"
aws ec2 create-route --route-table-id "$VPC_SUBNET_RT_ID_2" \
  --destination-cidr-block "$VPC_CIDR_1" \
  --vpc-peering-connection-id "$VPC_PEERING_CONNECTION_ID" >/dev/null

# S0:2250
step 'ping instance 2 from instance 1'
expect_ping "$INSTANCE_ID_1" "$INSTANCE_IP_2"
# S0:2254: a VPC does not decrement the time to live, so it is the one that the peer sent with: 255 in the book's image,
# 64 here.
SENT_TTL=$(in_instance "$INSTANCE_ID_2" 'cat /proc/sys/net/ipv4/ip_default_ttl')
expect_match 'time to live' "64 bytes from $INSTANCE_IP_2: icmp_seq=1 ttl=$SENT_TTL " "$PINGED"

# S0:2272
step 'describe-security-group-references'
expect_eq 'who refers to group 1' "$VPC_ID_2 $VPC_PEERING_CONNECTION_ID" \
  "$(aws ec2 describe-security-group-references --group-id "$INSTANCE_SG_1" --output text \
    --query 'SecurityGroupReferenceSet[].[ReferencingVpcId,VpcPeeringConnectionId]' | tr '\t' ' ')"

# S0:2327: peering is not transitive. All that routes can do is done, and instance 3 answers whoever reaches it.
step 'a third VPC behind the second is out of reach of the first'
VPC_PEERING_CONNECTION_ID_3=$(create_peering "$VPC_ID_2" "$VPC_ID_3")
aws ec2 accept-vpc-peering-connection --vpc-peering-connection-id "$VPC_PEERING_CONNECTION_ID_3" >/dev/null
wait_until_eq 'the second peering' active peering_state "$VPC_PEERING_CONNECTION_ID_3"
add_route "$VPC_SUBNET_RT_ID_1" "$VPC_CIDR_3" --vpc-peering-connection-id "$VPC_PEERING_CONNECTION_ID"
add_route "$VPC_SUBNET_RT_ID_2" "$VPC_CIDR_3" --vpc-peering-connection-id "$VPC_PEERING_CONNECTION_ID_3"
add_route "$VPC_SUBNET_RT_ID_3" 10.0.0.0/8 --vpc-peering-connection-id "$VPC_PEERING_CONNECTION_ID_3"
expect_ping "$INSTANCE_ID_2" "$INSTANCE_IP_3"
expect_no_ping "$INSTANCE_ID_1" "$INSTANCE_IP_3"

# S0:2333: blocks that overlap cannot be peered.
step 'a VPC with the same block'
VPC_ID_4=$(new_vpc "$VPC_CIDR_1")
OVERLAPPING=$(create_peering "$VPC_ID_1" "$VPC_ID_4")
wait_until_eq 'the peering of equal blocks' failed peering_state "$OVERLAPPING"

# S0:2286 (Clean Up). Each part alone is needed.
step 'clean up'
aws ec2 revoke-security-group-ingress \
  --protocol icmp --port -1 \
  --source-group "$INSTANCE_SG_1" \
  --group-id "$INSTANCE_SG_2" >/dev/null
expect_no_ping "$INSTANCE_ID_1" "$INSTANCE_IP_2"
aws ec2 authorize-security-group-ingress --protocol icmp --port -1 --source-group "$INSTANCE_SG_1" \
  --group-id "$INSTANCE_SG_2" >/dev/null
expect_ping "$INSTANCE_ID_1" "$INSTANCE_IP_2"
aws ec2 delete-route --route-table-id "$VPC_SUBNET_RT_ID_1" --destination-cidr-block "$VPC_CIDR_2"
expect_no_ping "$INSTANCE_ID_1" "$INSTANCE_IP_2"
add_route "$VPC_SUBNET_RT_ID_1" "$VPC_CIDR_2" --vpc-peering-connection-id "$VPC_PEERING_CONNECTION_ID"
expect_ping "$INSTANCE_ID_1" "$INSTANCE_IP_2"
# S0:2295, restored
for peering in "$VPC_PEERING_CONNECTION_ID" "$VPC_PEERING_CONNECTION_ID_3"; do
  aws ec2 delete-vpc-peering-connection --vpc-peering-connection-id "$peering" >/dev/null
  wait_until_eq "$peering to go" deleted peering_state "$peering"
done
expect_eq 'route to VPC 2' "$VPC_PEERING_CONNECTION_ID blackhole" "$(route_of "$VPC_SUBNET_RT_ID_1" "$VPC_CIDR_2")"
expect_no_ping "$INSTANCE_ID_1" "$INSTANCE_IP_2"
aws ec2 revoke-security-group-ingress --group-id "$INSTANCE_SG_2" --ip-permissions \
  "IpProtocol=icmp,FromPort=-1,ToPort=-1,UserIdGroupPairs=[{GroupId=$INSTANCE_SG_1}]" >/dev/null

step 'remove the preparation'
terminate "$INSTANCE_ID_1" "$INSTANCE_ID_2" "$INSTANCE_ID_3"
delete_vpc "$VPC_ID_4"
delete_vpc "$VPC_ID_1" "$SUBNET_ID_1" "$VPC_SUBNET_RT_ID_1" "$INSTANCE_SG_1"
delete_vpc "$VPC_ID_2" "$SUBNET_ID_2" "$VPC_SUBNET_RT_ID_2" "$INSTANCE_SG_2"
delete_vpc "$VPC_ID_3" "$SUBNET_ID_3" "$VPC_SUBNET_RT_ID_3" "$INSTANCE_SG_3"
step 'done'
