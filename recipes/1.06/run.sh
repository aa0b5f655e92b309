# Title: Verifying and troubleshooting paths with VPC Reachability Analyzer
# Source: AWS Cookbook (early release), recipe 1.6. `S0:N` is the line of the book's text a step comes from; a step
# marked `restored` has lost its command there and is given back from the prose around it and the book's repository.
#
# Where this departs from the book:
# - The book prepares with the CDK (S0:968-987); here the same VPC, isolated subnets, groups and instances are made with
#   the stock AWS CLI, because CloudFormation is not built yet.
# - Session Manager (S0:1097) is not built yet: Run Command stands in for the shell.
# - Instance profiles are not built yet: the parameter is read on the workstation (S0:1102) rather than with the role's
#   credentials inside instance 1.
# - `yum install nc` (S0:1099) is left out: the instance has an nc.
# shellcheck shell=bash
source ../expect.sh
source ../stack.sh

# How long nc tries to connect.
CONNECT_SECS=3

# S0:972 (Preparation), restored from the stack: a VPC, isolated subnets, two instances with a group each.
step 'preparation: a VPC, two isolated subnets, two instances'
VPC_ID=$(new_vpc 10.10.0.0/23)
VPC_ISOLATED_SUBNET_1=$(new_subnet "$VPC_ID" 10.10.0.0/26 a)
VPC_ISOLATED_SUBNET_2=$(new_subnet "$VPC_ID" 10.10.0.64/26 b)
INSTANCE_SG_ID_1=$(new_group "$VPC_ID" Instance1Sg)
INSTANCE_SG_ID_2=$(new_group "$VPC_ID" Instance2Sg)
# Stands for the sshd of the book's instances. Some kinds of nc cannot keep listening, so those listen again.
USER_DATA='#!/bin/sh
(nc -lk 22 || while :; do nc -l -p 22 || sleep 1; done) </dev/null >/dev/null 2>&1 &'
INSTANCE_ID_1=$(new_instance "$VPC_ISOLATED_SUBNET_1" "$INSTANCE_SG_ID_1" Instance1)
INSTANCE_ID_2=$(new_instance "$VPC_ISOLATED_SUBNET_2" "$INSTANCE_SG_ID_2" Instance2 --user-data "$USER_DATA")
# S0:1095, among others.
wait_for_instances "$INSTANCE_ID_1" "$INSTANCE_ID_2"
ENI_1=$(of_instance "$INSTANCE_ID_1" 'NetworkInterfaces[0].NetworkInterfaceId')
ENI_2=$(of_instance "$INSTANCE_ID_2" 'NetworkInterfaces[0].NetworkInterfaceId')
listens() {
  in_instance "$1" 'grep -q ":0016 00000000:0000 0A\|:0016 00000000000000000000000000000000:0000 0A" /proc/net/tcp /proc/net/tcp6'
}
wait_until 'the listener of instance 2' listens "$INSTANCE_ID_2"

# S0:992
step 'create-network-insights-path'
INSIGHTS_PATH_ID=$(aws ec2 create-network-insights-path \
  --source "$INSTANCE_ID_1" --destination-port 22 \
  --destination "$INSTANCE_ID_2" --protocol tcp \
  --output text --query NetworkInsightsPath.NetworkInsightsPathId)
expect_match 'path id' '^nip-[0-9a-f]{17}$' "$INSIGHTS_PATH_ID"

analyze() { # PATH: starts an analysis, and prints its id
  aws ec2 start-network-insights-analysis \
    --network-insights-path-id "$1" --output text \
    --query NetworkInsightsAnalysis.NetworkInsightsAnalysisId
}
of_analysis() { # ID WHAT: something of the description of an analysis
  aws ec2 describe-network-insights-analyses --network-insights-analysis-ids "$1" \
    --output text --query "NetworkInsightsAnalyses[0].$2"
}
# connect: what nc prints in instance 1 about port 22 of instance 2, with its exit code.
connect() {
  local output code=0
  output=$(in_instance "$INSTANCE_ID_1" "nc -vz -w $CONNECT_SECS $INSTANCE_IP_2 22" 2>&1) || code=$?
  printf 'exit code %s: %s\n' "$code" "$output"
}

# S0:1001, S0:1009
step 'start-network-insights-analysis: not reachable'
ANALYSIS_ID_1=$(analyze "$INSIGHTS_PATH_ID")
wait_until_eq 'the first analysis' succeeded of_analysis "$ANALYSIS_ID_1" Status
# S0:1029-1046
expect_eq 'NetworkPathFound' False "$(of_analysis "$ANALYSIS_ID_1" NetworkPathFound)"
expect_eq 'the first explanation' \
  "ingress ENI_SG_RULES_MISMATCH $ENI_2 $INSTANCE_SG_ID_2 $VPC_ID" \
  "$(of_analysis "$ANALYSIS_ID_1" 'Explanations[0].[Direction,ExplanationCode,NetworkInterface.Id,SecurityGroups[0].Id,Vpc.Id]' | tr '\t' ' ')"
expect_match 'the ARN of the interface' "^arn:aws:ec2:$AWS_REGION:[0-9]{12}:network-interface/$ENI_2\$" \
  "$(of_analysis "$ANALYSIS_ID_1" 'Explanations[0].NetworkInterface.Arn')"
expect_eq 'how many explanations there are' 1 "$(of_analysis "$ANALYSIS_ID_1" 'length(Explanations)')"
expect_match 'which configuration it is about' 'revision [0-9]+' "$(of_analysis "$ANALYSIS_ID_1" StatusMessage)"

# S0:1092
INSTANCE_IP_2=$(of_instance "$INSTANCE_ID_2" PrivateIpAddress)
aws ssm put-parameter --name "Cookbook206Instance2Ip" --type "String" --value "$INSTANCE_IP_2" >/dev/null
# S0:1102
INSTANCE_IP_2=$(aws ssm get-parameters --names "Cookbook206Instance2Ip" --query "Parameters[*].Value" --output text)
step 'packets agree: nc times out'
FOUND=$(connect)
expect_no_match 'instance 1 to instance 2' '^exit code 0|[Rr]efused|[Uu]nreachable' "$FOUND"
expect_match 'instance 1 to instance 2' '[Tt]imed out|TIMEOUT' "$FOUND"

# S0:1050
step 'authorize-security-group-ingress'
aws ec2 authorize-security-group-ingress \
  --protocol tcp --port 22 \
  --source-group "$INSTANCE_SG_ID_1" \
  --group-id "$INSTANCE_SG_ID_2" >/dev/null

# S0:1059, S0:1067
step 'start-network-insights-analysis of the same path: reachable'
ANALYSIS_ID_2=$(analyze "$INSIGHTS_PATH_ID")
wait_until_eq 'the second analysis' succeeded of_analysis "$ANALYSIS_ID_2" Status
expect_eq 'NetworkPathFound' True "$(of_analysis "$ANALYSIS_ID_2" NetworkPathFound)"
expect_eq 'explanations' None "$(of_analysis "$ANALYSIS_ID_2" Explanations)"
# S0:1083: instance 1 comes first.
COMPONENTS=$(of_analysis "$ANALYSIS_ID_2" 'ForwardPathComponents[].Component.Id' | tr '\t' ' ')
expect_match 'the way there' \
  "^$INSTANCE_ID_1 $ENI_1 $INSTANCE_SG_ID_1 acl-[0-9a-f]+ rtb-[0-9a-f]+ acl-[0-9a-f]+ $INSTANCE_SG_ID_2 $ENI_2 $INSTANCE_ID_2\$" \
  "$COMPONENTS"
expect_eq 'the rule of instance 2' "ingress $INSTANCE_SG_ID_1 tcp 22 22" \
  "$(of_analysis "$ANALYSIS_ID_2" "ForwardPathComponents[?Component.Id=='$INSTANCE_SG_ID_2'].SecurityGroupRule.[Direction,SecurityGroupId,Protocol,PortRange.From,PortRange.To]" | tr '\t' ' ')"
expect_match 'the way back' "^$INSTANCE_ID_2 $ENI_2 .*$ENI_1 $INSTANCE_ID_1\$" \
  "$(of_analysis "$ANALYSIS_ID_2" 'ReturnPathComponents[].Component.Id' | tr '\t' ' ')"
# The first analysis says what it said.
expect_eq 'NetworkPathFound of the first' False "$(of_analysis "$ANALYSIS_ID_1" NetworkPathFound)"

# S0:1109
step 'packets agree: nc connects'
expect_match 'instance 1 to instance 2' '^exit code 0:' "$(connect)"

# Challenge (the book's repository): a path to an internet gateway. There is no route to it yet, then one is made.
step 'Challenge: a path to an internet gateway'
IGW_ID=$(aws ec2 create-internet-gateway --output text --query InternetGateway.InternetGatewayId)
GATEWAY_PATH_ID=$(aws ec2 create-network-insights-path --source "$INSTANCE_ID_1" --destination "$IGW_ID" --protocol tcp \
  --output text --query NetworkInsightsPath.NetworkInsightsPathId)
code_of() { # ANALYSIS: whether a path was found, and the codes
  wait_until_eq 'the analysis' succeeded of_analysis "$1" Status
  of_analysis "$1" '[NetworkPathFound,Explanations[].ExplanationCode[]]' | tr '\t\n' '  '
}
ANALYSES=("$ANALYSIS_ID_1" "$ANALYSIS_ID_2")
expect_code() { # WHAT EXPRESSION: analyzes the path to the gateway
  local analysis
  analysis=$(analyze "$GATEWAY_PATH_ID")
  ANALYSES+=("$analysis")
  expect_match "$1" "$2" "$(code_of "$analysis")"
}
expect_code 'a gateway that is attached to nothing' '^False UNASSOCIATED_COMPONENT'
aws ec2 attach-internet-gateway --internet-gateway-id "$IGW_ID" --vpc-id "$VPC_ID"
expect_code 'no route to the gateway' '^False .*NO_ROUTE_TO_DESTINATION'
TABLE_ID=$(aws ec2 describe-route-tables --filters Name=vpc-id,Values="$VPC_ID" \
  --output text --query 'RouteTables[0].RouteTableId')
add_route "$TABLE_ID" 0.0.0.0/0 --gateway-id "$IGW_ID"
expect_code 'no public address' '^False .*IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS'
ALLOCATION_ID=$(aws ec2 allocate-address --output text --query AllocationId)
ASSOCIATION_ID=$(aws ec2 associate-address --allocation-id "$ALLOCATION_ID" --instance-id "$INSTANCE_ID_1" \
  --output text --query AssociationId)
expect_code 'a route and a public address' '^True'

# S0:1126 (Clean Up)
step 'clean up'
aws ssm delete-parameter --name "Cookbook206Instance2Ip"
# A path stays while it has analyses.
expect_error AnalysisExistsForNetworkInsightsPath aws ec2 delete-network-insights-path \
  --network-insights-path-id "$INSIGHTS_PATH_ID"
# S0:1136
for analysis in "${ANALYSES[@]}"; do
  aws ec2 delete-network-insights-analysis --network-insights-analysis-id "$analysis" >/dev/null
done
# S0:1145
for path in "$INSIGHTS_PATH_ID" "$GATEWAY_PATH_ID"; do
  aws ec2 delete-network-insights-path --network-insights-path-id "$path" >/dev/null
done
expect_error InvalidNetworkInsightsPathId.NotFound aws ec2 describe-network-insights-paths \
  --network-insights-path-ids "$INSIGHTS_PATH_ID"

# S0:1166, restored: what `cdk destroy` removes.
step 'remove the preparation'
aws ec2 disassociate-address --association-id "$ASSOCIATION_ID"
aws ec2 release-address --allocation-id "$ALLOCATION_ID"
terminate "$INSTANCE_ID_1" "$INSTANCE_ID_2"
delete_internet_gateway "$IGW_ID" "$VPC_ID"
# Group 2 has a rule that names group 1, so it goes first.
delete_vpc "$VPC_ID" "$INSTANCE_SG_ID_2" "$INSTANCE_SG_ID_1" "$VPC_ISOLATED_SUBNET_1" "$VPC_ISOLATED_SUBNET_2"
step 'done'
