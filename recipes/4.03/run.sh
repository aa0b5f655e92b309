# Title: Service control policies
# Source: AWS Cookbook (early release), recipe 4.3, whose text walks through the console; here are the same steps as calls,
# with the two statements of the book's policy. `S0:N` is the line of the book's text that a step stands for.
# shellcheck shell=bash
source ../expect.sh
source ../organization.sh

step 'preparation: an organization with Audit under Core and Production under Custom'
MANAGEMENT=$(aws sts get-caller-identity --output text --query Account)
new_organization
CORE=$(new_unit "$ROOT_ID" Core)
CUSTOM=$(new_unit "$ROOT_ID" Custom)
AUDIT=$(new_account Audit audit@example.com)
PRODUCTION=$(new_account Production production@example.com)
move "$AUDIT" "$CORE"
move "$PRODUCTION" "$CUSTOM"
IN_PRODUCTION=$(admin_of "$PRODUCTION")
IN_AUDIT=$(admin_of "$AUDIT")
ROOT_OF_PRODUCTION=$(root_keys "$PRODUCTION")
expect_eq 'the root user of Production' "arn:aws:iam::$PRODUCTION:root" \
  "$(with_keys "$ROOT_OF_PRODUCTION" aws sts get-caller-identity --output text --query Arn)"

# S0:6143
step 'enable-policy-type'
# An organization with all features begins with it.
expect_error PolicyTypeAlreadyEnabledException aws organizations enable-policy-type --root-id "$ROOT_ID" \
  --policy-type SERVICE_CONTROL_POLICY
scp_status() {
  aws organizations list-roots --output text \
    --query "Roots[0].PolicyTypes[?Type=='SERVICE_CONTROL_POLICY'].Status | [0]"
}
wait_until_eq 'service control policies' ENABLED scp_status
expect_eq 'what every account begins with' p-FullAWSAccess "$(aws organizations list-policies-for-target \
  --target-id "$PRODUCTION" --filter SERVICE_CONTROL_POLICY --output text --query 'Policies[].Id')"

# S0:6214, both statements.
step 'create-policy'
cat >"$RECIPE_WORK/policy.json" <<'JSON'
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Statement",
      "Effect": "Deny",
      "Action": [
        "ec2:AttachInternetGateway",
        "ec2:CreateInternetGateway",
        "ec2:CreateEgressOnlyInternetGateway",
        "ec2:CreateVpcPeeringConnection",
        "ec2:AcceptVpcPeeringConnection",
        "globalaccelerator:Create*",
        "globalaccelerator:Update*"
      ],
      "Resource": "*"
    },
    {
      "Sid": "Statement2",
      "Effect": "Deny",
      "Action": [
        "iam:AttachRolePolicy",
        "iam:DeleteRole",
        "iam:DeleteRolePermissionsBoundary",
        "iam:DeleteRolePolicy",
        "iam:DetachRolePolicy",
        "iam:PutRolePermissionsBoundary",
        "iam:PutRolePolicy",
        "iam:UpdateAssumeRolePolicy",
        "iam:UpdateRole",
        "iam:UpdateRoleDescription"
      ],
      "Resource": ["arn:aws:iam::*:role/role-that-users-can-never-change"],
      "Condition": {
        "StringNotLike": {"aws:PrincipalARN": "arn:aws:iam::*:role/role-needs-ability-to-make-changes"}
      }
    }
  ]
}
JSON
POLICY_ID=$(aws organizations create-policy --name NoInternet --description 'No way to the internet' \
  --type SERVICE_CONTROL_POLICY --content "file://$RECIPE_WORK/policy.json" --output text \
  --query Policy.PolicySummary.Id)
expect_match 'policy id' '^p-[0-9a-z]{8,128}$' "$POLICY_ID"

step 'before it is attached: a gateway, and the two roles'
gateway() { # CREDENTIALS: makes an internet gateway and prints its id
  with_keys "$1" aws ec2 create-internet-gateway --output text --query InternetGateway.InternetGatewayId
}
GATEWAY=$(gateway "$IN_PRODUCTION")
VPC_ID=$(with_keys "$IN_PRODUCTION" aws ec2 create-vpc --cidr-block 10.10.0.0/16 --output text --query Vpc.VpcId)
TRUST="{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::$PRODUCTION:root\"},\"Action\":\"sts:AssumeRole\"}]}"
for role in role-that-users-can-never-change role-needs-ability-to-make-changes; do
  with_keys "$IN_PRODUCTION" aws iam create-role --role-name "$role" --assume-role-policy-document "$TRUST" >/dev/null
done
with_keys "$IN_PRODUCTION" aws iam attach-role-policy --role-name role-needs-ability-to-make-changes \
  --policy-arn arn:aws:iam::aws:policy/AdministratorAccess

# S0:6269
step 'attach-policy to Custom'
aws organizations attach-policy --policy-id "$POLICY_ID" --target-id "$CUSTOM"
expect_eq 'where it hangs' "$CUSTOM" \
  "$(aws organizations list-targets-for-policy --policy-id "$POLICY_ID" --output text --query 'Targets[].TargetId')"

# expect_scp_denies ACTION COMMAND…: the refusal names the kind of policy that denied.
expect_scp_denies() {
  local action=$1 output
  shift
  if output=$("$@" 2>&1); then
    fail "'$*' succeeded: $output"
  fi
  expect_match "$action" '\((UnauthorizedOperation|AccessDenied)\)' "$output"
  expect_match "$action" "not authorized to perform: $action .*with an explicit deny in a service control policy" "$output"
}

step 'Production: neither an administrator nor the root user makes or attaches a gateway'
for keys in "$IN_PRODUCTION" "$ROOT_OF_PRODUCTION"; do
  expect_scp_denies ec2:CreateInternetGateway with_keys "$keys" aws ec2 create-internet-gateway
  expect_scp_denies ec2:AttachInternetGateway with_keys "$keys" aws ec2 attach-internet-gateway \
    --internet-gateway-id "$GATEWAY" --vpc-id "$VPC_ID"
  expect_scp_denies ec2:CreateVpcPeeringConnection with_keys "$keys" aws ec2 create-vpc-peering-connection \
    --vpc-id "$VPC_ID" --peer-vpc-id "$VPC_ID"
done
expect_eq 'the gateway is attached nowhere' '' "$(with_keys "$IN_PRODUCTION" aws ec2 describe-internet-gateways \
  --internet-gateway-ids "$GATEWAY" --output text --query 'InternetGateways[0].Attachments[].VpcId')"
# What the policy does not name goes on.
with_keys "$ROOT_OF_PRODUCTION" aws ec2 describe-vpcs >/dev/null

step 'Audit and the management account make theirs'
for keys in "$IN_AUDIT" "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY"; do
  made=$(gateway "$keys")
  vpc=$(with_keys "$keys" aws ec2 create-vpc --cidr-block 10.30.0.0/16 --output text --query Vpc.VpcId)
  with_keys "$keys" aws ec2 attach-internet-gateway --internet-gateway-id "$made" --vpc-id "$vpc"
  with_keys "$keys" aws ec2 detach-internet-gateway --internet-gateway-id "$made" --vpc-id "$vpc"
  with_keys "$keys" aws ec2 delete-internet-gateway --internet-gateway-id "$made"
  with_keys "$keys" aws ec2 delete-vpc --vpc-id "$vpc"
done

# S0:6258
step 'the role that users can never change, and the one that may'
expect_scp_denies iam:DeleteRole with_keys "$IN_PRODUCTION" aws iam delete-role \
  --role-name role-that-users-can-never-change
expect_scp_denies iam:DeleteRole with_keys "$ROOT_OF_PRODUCTION" aws iam delete-role \
  --role-name role-that-users-can-never-change
MAKER=$(with_keys "$IN_PRODUCTION" assume "arn:aws:iam::$PRODUCTION:role/role-needs-ability-to-make-changes")
with_keys "$MAKER" aws iam update-role-description --role-name role-that-users-can-never-change \
  --description 'changed by the one that may' >/dev/null
with_keys "$MAKER" aws iam delete-role --role-name role-that-users-can-never-change
expect_error NoSuchEntity with_keys "$IN_PRODUCTION" aws iam get-role --role-name role-that-users-can-never-change

# S0:6292: the limits of the table.
step 'five policies to a target, 5,120 bytes each'
ALLOW_ALL='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
for number in 1 2 3; do
  extra=$(aws organizations create-policy --name "Extra$number" --description x --type SERVICE_CONTROL_POLICY \
    --content "$ALLOW_ALL" --output text --query Policy.PolicySummary.Id)
  aws organizations attach-policy --policy-id "$extra" --target-id "$CUSTOM"
done
extra=$(aws organizations create-policy --name Extra4 --description x --type SERVICE_CONTROL_POLICY \
  --content "$ALLOW_ALL" --output text --query Policy.PolicySummary.Id)
expect_error ConstraintViolationException aws organizations attach-policy --policy-id "$extra" --target-id "$CUSTOM"
policy_of_bytes() { # BYTES: prints a policy that is so long
  local empty='{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::"}]}' padding
  printf -v padding '%*s' $(($1 - ${#empty})) ''
  printf '%s' "${empty/:::/:::${padding// /a}}"
}
expect_eq 'the length of the policy' 5121 "$(policy_of_bytes 5121 | wc -c)"
long=$(aws organizations create-policy --name LongEnough --description x --type SERVICE_CONTROL_POLICY \
  --content "$(policy_of_bytes 5120)" --output text --query Policy.PolicySummary.Id)
aws organizations delete-policy --policy-id "$long"
expect_error ConstraintViolationException aws organizations create-policy --name TooLong --description x \
  --type SERVICE_CONTROL_POLICY --content "$(policy_of_bytes 5121)"

step 'detach-policy: at once Production makes gateways again'
aws organizations detach-policy --policy-id "$POLICY_ID" --target-id "$CUSTOM"
with_keys "$ROOT_OF_PRODUCTION" aws ec2 attach-internet-gateway --internet-gateway-id "$GATEWAY" --vpc-id "$VPC_ID"
expect_error PolicyNotAttachedException aws organizations detach-policy --policy-id "$POLICY_ID" --target-id "$CUSTOM"
aws organizations delete-policy --policy-id "$POLICY_ID"

step 'done'
