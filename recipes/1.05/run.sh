# Title: Dynamic access by referencing security groups
# Source: AWS Cookbook (early release), recipe 1.5. `S0:N` is the line of the book's text a step comes from; a step
# marked `restored` has lost its command there and is given back from the prose around it and the book's repository.
#
# Where this departs from the book:
# - The book prepares with the CDK (S0:755-768); here the same VPC, isolated subnets, groups and instances are made with
#   the stock AWS CLI, because CloudFormation is not built yet.
# - Session Manager (S0:819, S0:859) is not built yet: Run Command stands in for the shell, and `brume exec` once.
# - Instances have a profile, as in the book, and register with Systems Manager also without one. No way leads from an
#   instance to the API yet, so that the parameter is read on the workstation (S0:826), with the credentials that instance 1
#   has from its metadata.
# - `yum install nc` (S0:821) is left out: the instance has an nc.
# shellcheck shell=bash
source ../expect.sh
source ../organization.sh

# How long nc tries to connect.
CONNECT_SECS=3

# S0:760 (Preparation), restored from the stack: a VPC, isolated subnets, two instances with a group each.
step 'preparation: a VPC, two isolated subnets, two instances'
VPC_ID=$(aws ec2 create-vpc --cidr-block 10.10.0.0/23 --output text --query Vpc.VpcId)
aws ec2 modify-vpc-attribute --vpc-id "$VPC_ID" --enable-dns-hostnames
VPC_ISOLATED_SUBNET_1=$(aws ec2 create-subnet --vpc-id "$VPC_ID" --cidr-block 10.10.0.0/26 \
  --availability-zone "${AWS_REGION}a" --output text --query Subnet.SubnetId)
VPC_ISOLATED_SUBNET_2=$(aws ec2 create-subnet --vpc-id "$VPC_ID" --cidr-block 10.10.0.64/26 \
  --availability-zone "${AWS_REGION}b" --output text --query Subnet.SubnetId)
DEFAULT_VPC_SECURITY_GROUP=$(aws ec2 describe-security-groups \
  --filters Name=vpc-id,Values="$VPC_ID" Name=group-name,Values=default \
  --output text --query 'SecurityGroups[0].GroupId')
AMZNLINUXAMI=$(aws ssm get-parameters \
  --names /aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2 \
  --query 'Parameters[0].Value' --output text)
expect_match 'image id' '^ami-[0-9a-f]{17}$' "$AMZNLINUXAMI"

# Stands for the sshd of the book's instances. Some kinds of nc cannot keep listening, so those listen again.
LISTEN_ON_22='(nc -lk 22 || while :; do nc -l -p 22 || sleep 1; done) </dev/null >/dev/null 2>&1 &'
USER_DATA="#!/bin/sh
$LISTEN_ON_22"

run_instance() { # GROUP SUBNET OPTION…: starts an instance that listens on port 22, and prints its id
  aws ec2 run-instances \
    --image-id "$AMZNLINUXAMI" --count 1 \
    --instance-type t3.nano --security-group-ids "$1" \
    --subnet-id "$2" --user-data "$USER_DATA" "${@:3}" \
    --output text --query 'Instances[0].InstanceId'
}
# S0:760: what the stack gives its instances, a role of Systems Manager's and the right to read the parameter.
step 'a role and an instance profile'
aws iam create-role --role-name InstanceRole --assume-role-policy-document \
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}' \
  >/dev/null
aws iam attach-role-policy --role-name InstanceRole \
  --policy-arn arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore
aws iam create-instance-profile --instance-profile-name InstanceProfile >/dev/null
aws iam add-role-to-instance-profile --instance-profile-name InstanceProfile --role-name InstanceRole
expect_error InvalidParameterValue aws ec2 run-instances --image-id "$AMZNLINUXAMI" --instance-type t3.nano \
  --subnet-id "$VPC_ISOLATED_SUBNET_1" --iam-instance-profile Name=NoSuchProfile

instance_group() { # NAME: makes a group without rules in, as each instance of the stack has
  aws ec2 create-security-group --group-name "$1" --description "$1" --vpc-id "$VPC_ID" \
    --output text --query GroupId
}
INSTANCE_SG_1=$(instance_group Instance1Sg)
INSTANCE_SG_2=$(instance_group Instance2Sg)
INSTANCE_ID_1=$(run_instance "$INSTANCE_SG_1" "$VPC_ISOLATED_SUBNET_1" --iam-instance-profile Name=InstanceProfile)
INSTANCE_ID_2=$(run_instance "$INSTANCE_SG_2" "$VPC_ISOLATED_SUBNET_2" --iam-instance-profile Name=InstanceProfile)
expect_match 'instance ids' '^i-[0-9a-f]{17} i-[0-9a-f]{17}$' "$INSTANCE_ID_1 $INSTANCE_ID_2"

instance_state() {
  aws ec2 describe-instances --instance-ids "$1" --output text --query 'Reservations[0].Instances[0].State.Name'
}
wait_until_eq 'instance 1' running instance_state "$INSTANCE_ID_1"
wait_until_eq 'instance 2' running instance_state "$INSTANCE_ID_2"

# S0:810: both have registered with Systems Manager.
registered() {
  # S0:815
  aws ssm describe-instance-information \
    --filters Key=ResourceType,Values=EC2Instance \
    --query "InstanceInformationList[].InstanceId" --output text | grep -qw -- "$1"
}
wait_until 'instance 1 to register' registered "$INSTANCE_ID_1"
wait_until 'instance 2 to register' registered "$INSTANCE_ID_2"
listens() {
  in_instance "$1" 'grep -q ":0016 00000000:0000 0A\|:0016 00000000000000000000000000000000:0000 0A" /proc/net/tcp /proc/net/tcp6'
}
wait_until 'the listener of instance 1' listens "$INSTANCE_ID_1"
wait_until 'the listener of instance 2' listens "$INSTANCE_ID_2"

# S0:773, restored: a new group, attached to both instances.
step 'create-security-group, modify-instance-attribute --groups'
SG_ID=$(aws ec2 create-security-group \
  --group-name AWSCookbook205Sg \
  --description "Instance Security Group" --vpc-id "$VPC_ID" \
  --output text --query GroupId)
aws ec2 modify-instance-attribute --instance-id "$INSTANCE_ID_1" --groups "$SG_ID"
aws ec2 modify-instance-attribute --instance-id "$INSTANCE_ID_2" --groups "$SG_ID"

# S0:780
step 'describe-security-groups of instance 1'
# The inner output is a list of words, as in the book.
# shellcheck disable=SC2046
DESCRIBED=$(aws ec2 describe-security-groups --group-ids \
  $(aws ec2 describe-instances --instance-id "$INSTANCE_ID_1" \
    --query "Reservations[].Instances[].SecurityGroups[].GroupId[]" \
    --output text) --output text)
expect_match 'the groups of instance 1' "$SG_ID" "$DESCRIBED"
expect_no_match 'the groups of instance 1' "$INSTANCE_SG_1" "$DESCRIBED"

private_ip() {
  aws ec2 describe-instances --instance-ids "$1" --output text \
    --query 'Reservations[0].Instances[0].PrivateIpAddress'
}

# S0:804
step 'put-parameter, get-parameters'
aws ssm put-parameter \
  --name "Cookbook205Instance2Ip" \
  --type "String" \
  --value "$(private_ip "$INSTANCE_ID_2")" >/dev/null
# S0:826
INSTANCE_IP_2=$(aws ssm get-parameters \
  --names "Cookbook205Instance2Ip" \
  --query "Parameters[*].Value" --output text)
expect_match 'address of instance 2' '^10\.10\.0\.[0-9]+$' "$INSTANCE_IP_2"
INSTANCE_IP_1=$(private_ip "$INSTANCE_ID_1")

step 'the credentials of the role, from instance metadata'
credentials_of() { # INSTANCE: as with_keys takes them
  in_instance "$1" 'curl --silent http://169.254.169.254/latest/meta-data/iam/security-credentials/InstanceRole' |
    python3 -c 'import json, sys; c = json.load(sys.stdin); print(c["AccessKeyId"], c["SecretAccessKey"], c["Token"])'
}
expect_eq 'the role of instance 1' InstanceRole \
  "$(in_instance "$INSTANCE_ID_1" 'curl --silent http://169.254.169.254/latest/meta-data/iam/security-credentials/')"
ROLE_KEYS=$(credentials_of "$INSTANCE_ID_1")
ACCOUNT=$(aws sts get-caller-identity --output text --query Account)
expect_eq 'who instance 1 is' "arn:aws:sts::$ACCOUNT:assumed-role/InstanceRole/$INSTANCE_ID_1" \
  "$(with_keys "$ROLE_KEYS" aws sts get-caller-identity --output text --query Arn)"
expect_eq 'the parameter, read by the role' "$INSTANCE_IP_2" "$(with_keys "$ROLE_KEYS" aws ssm get-parameters \
  --names "Cookbook205Instance2Ip" --query "Parameters[*].Value" --output text)"
expect_error UnauthorizedOperation with_keys "$ROLE_KEYS" aws ec2 describe-vpcs
expect_error AccessDeniedException with_keys "$ROLE_KEYS" aws ssm put-parameter --name Other --type String --value x

# S0:823
step 'the region, from instance metadata'
expect_eq 'region seen by instance 1' "$AWS_REGION" "$(in_instance "$INSTANCE_ID_1" \
  "curl --silent http://169.254.169.254/latest/dynamic/instance-identity/document | awk -F'\"' '/region/ {print \$4}'")"

# connect FROM ADDRESS: what nc prints about port 22, with its exit code and how long it took in seconds.
connect() {
  local output code=0 started=$SECONDS
  output=$(in_instance "$1" "nc -vz -w $CONNECT_SECS $2 22" 2>&1) || code=$?
  printf 'exit code %s after %s s: %s\n' "$code" $((SECONDS - started)) "$output"
}
# A group drops silently: the attempt lasts as long as nc is patient, and is never refused.
expect_timeout() { # FROM ADDRESS
  local found
  found=$(connect "$1" "$2")
  expect_no_match "$1 to $2" '^exit code 0 ' "$found"
  expect_no_match "$1 to $2" '[Rr]efused|[Uu]nreachable' "$found"
  expect_match "$1 to $2" '[Tt]imed out|TIMEOUT' "$found"
}
expect_connected() { # FROM ADDRESS
  local found
  found=$(connect "$1" "$2")
  expect_match "$1 to $2" '^exit code 0 ' "$found"
}

# Outcome, and S0:920: being in the same group does not let anything in.
step 'before the rule: nc times out, both ways'
expect_timeout "$INSTANCE_ID_1" "$INSTANCE_IP_2"
expect_timeout "$INSTANCE_ID_2" "$INSTANCE_IP_1"

# S0:789
step 'authorize-security-group-ingress'
aws ec2 authorize-security-group-ingress \
  --protocol tcp --port 22 \
  --source-group "$SG_ID" \
  --group-id "$SG_ID" >/dev/null
expect_error InvalidPermission.Duplicate aws ec2 authorize-security-group-ingress \
  --protocol tcp --port 22 --source-group "$SG_ID" --group-id "$SG_ID"
RULE=$(aws ec2 describe-security-group-rules --filters Name=group-id,Values="$SG_ID" --output text \
  --query 'SecurityGroupRules[?!IsEgress].[SecurityGroupRuleId,IpProtocol,FromPort,ToPort,ReferencedGroupInfo.GroupId]')
expect_match 'the rule' "^sgr-[0-9a-f]{17}[[:space:]]tcp[[:space:]]22[[:space:]]22[[:space:]]$SG_ID\$" "$RULE"

# S0:830, and S0:838 for the other direction.
step 'after the rule: nc connects, both ways'
expect_connected "$INSTANCE_ID_1" "$INSTANCE_IP_2"
expect_connected "$INSTANCE_ID_2" "$INSTANCE_IP_1"
# A port that the rule does not name stays closed by silence.
OTHER_PORT=$(in_instance "$INSTANCE_ID_1" "nc -vz -w 1 $INSTANCE_IP_2 23" 2>&1) && fail "port 23 is open: $OTHER_PORT"
expect_no_match 'port 23' '[Rr]efused' "$OTHER_PORT"

step 'the same from a shell in instance 1'
"$BRUME_BIN" exec "$INSTANCE_ID_1" -- nc -vz -w "$CONNECT_SECS" "$INSTANCE_IP_2" 22 </dev/null >/dev/null 2>&1 ||
  fail 'brume exec: instance 1 does not reach instance 2'

# S0:841 (Challenge 1)
step 'Challenge 1: a third instance in the group, and no new rule'
INSTANCE_ID_3=$(run_instance "$SG_ID" "$VPC_ISOLATED_SUBNET_1")
wait_until_eq 'instance 3' running instance_state "$INSTANCE_ID_3"
# S0:847
INSTANCE_PROFILE=$(aws ec2 describe-iam-instance-profile-associations \
  --filter "Name=instance-id, Values=$INSTANCE_ID_2" \
  --output text --query "IamInstanceProfileAssociations[0].IamInstanceProfile.Arn")
expect_eq 'the profile of instance 2' "arn:aws:iam::$ACCOUNT:instance-profile/InstanceProfile" "$INSTANCE_PROFILE"
# S0:851. Whoever associates a profile passes its role.
aws iam create-user --user-name operator >/dev/null
aws iam attach-user-policy --user-name operator --policy-arn arn:aws:iam::aws:policy/AmazonEC2FullAccess
OPERATOR=$(user_keys operator)
expect_error UnauthorizedOperation with_keys "$OPERATOR" aws ec2 associate-iam-instance-profile \
  --instance-id "$INSTANCE_ID_3" --iam-instance-profile Arn="$INSTANCE_PROFILE"
aws iam put-user-policy --user-name operator --policy-name pass --policy-document \
  "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"iam:PassRole\",\"Resource\":\"arn:aws:iam::$ACCOUNT:role/InstanceRole\",\"Condition\":{\"StringEquals\":{\"iam:PassedToService\":\"ec2.amazonaws.com\"}}}]}"
with_keys "$OPERATOR" aws ec2 associate-iam-instance-profile --instance-id "$INSTANCE_ID_3" \
  --iam-instance-profile Arn="$INSTANCE_PROFILE" >/dev/null
# S0:855. The book reboots so that the new profile is found; here it shows that the network outlives a reboot.
aws ec2 reboot-instances --instance-ids "$INSTANCE_ID_3"
wait_until 'instance 3 to register' registered "$INSTANCE_ID_3"
INSTANCE_IP_3=$(private_ip "$INSTANCE_ID_3")
is_reachable() { # FROM ADDRESS
  [[ $(connect "$1" "$2") == 'exit code 0 '* ]]
}
wait_until 'instance 3 to reach instance 2' is_reachable "$INSTANCE_ID_3" "$INSTANCE_IP_2"
expect_connected "$INSTANCE_ID_3" "$INSTANCE_IP_1"
# User data runs at the first start only, so the listener is started again where the reboot ended it.
listens "$INSTANCE_ID_3" || in_instance "$INSTANCE_ID_3" "$LISTEN_ON_22"
wait_until 'the listener of instance 3' listens "$INSTANCE_ID_3"
expect_connected "$INSTANCE_ID_1" "$INSTANCE_IP_3"
expect_eq 'who instance 3 is' "arn:aws:sts::$ACCOUNT:assumed-role/InstanceRole/$INSTANCE_ID_3" \
  "$(with_keys "$(credentials_of "$INSTANCE_ID_3")" aws sts get-caller-identity --output text --query Arn)"

# Outcome: a group that is attached cannot be deleted.
step 'delete-security-group while in use'
expect_error DependencyViolation aws ec2 delete-security-group --group-id "$SG_ID"

# S0:868 (Clean Up)
step 'clean up'
aws ec2 terminate-instances --instance-ids "$INSTANCE_ID_3" >/dev/null
wait_until_eq 'instance 3 to end' terminated instance_state "$INSTANCE_ID_3"
# S0:874
aws ssm delete-parameter --name "Cookbook205Instance2Ip"
expect_error ParameterNotFound aws ssm get-parameter --name "Cookbook205Instance2Ip"
# S0:880
aws ec2 modify-instance-attribute --instance-id \
  "$INSTANCE_ID_1" --groups "$DEFAULT_VPC_SECURITY_GROUP"
# S0:882
aws ec2 modify-instance-attribute --instance-id \
  "$INSTANCE_ID_2" --groups "$DEFAULT_VPC_SECURITY_GROUP"
# S0:889. The group's reference to itself does not keep it.
aws ec2 delete-security-group --group-id "$SG_ID" >/dev/null
expect_error InvalidGroup.NotFound aws ec2 describe-security-groups --group-ids "$SG_ID"

# S0:909, restored: what `cdk destroy` removes.
step 'remove the preparation'
aws ec2 terminate-instances --instance-ids "$INSTANCE_ID_1" "$INSTANCE_ID_2" >/dev/null
wait_until_eq 'instance 1 to end' terminated instance_state "$INSTANCE_ID_1"
wait_until_eq 'instance 2 to end' terminated instance_state "$INSTANCE_ID_2"
for group in "$INSTANCE_SG_1" "$INSTANCE_SG_2"; do
  aws ec2 delete-security-group --group-id "$group" >/dev/null
done
for subnet in "$VPC_ISOLATED_SUBNET_1" "$VPC_ISOLATED_SUBNET_2"; do
  aws ec2 delete-subnet --subnet-id "$subnet"
done
aws ec2 delete-vpc --vpc-id "$VPC_ID"
expect_error DeleteConflict aws iam delete-instance-profile --instance-profile-name InstanceProfile
aws iam remove-role-from-instance-profile --instance-profile-name InstanceProfile --role-name InstanceRole
aws iam delete-instance-profile --instance-profile-name InstanceProfile
aws iam detach-role-policy --role-name InstanceRole --policy-arn arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore
aws iam delete-role --role-name InstanceRole
expect_error 'InvalidClientTokenId|AccessDenied|AuthFailure' with_keys "$ROLE_KEYS" aws sts get-caller-identity
step 'done'
