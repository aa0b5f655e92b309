# Title: Leave an organization as a member
# Source: AWS Cookbook (early release), recipe 4.6, whose text walks through the console; here are the same steps as calls.
# `S0:N` is the line of the book's text that a step stands for.
# shellcheck shell=bash
source ../expect.sh
source ../organization.sh

step 'preparation: an organization, a member without internet gateways'
new_organization
PRODUCTION=$(new_account Production production@example.com)
KEYS=$(admin_of "$PRODUCTION")
scp() { # NAME ACTION: makes a policy that denies an action, hangs it on Production, and prints its id
  local policy
  policy=$(aws organizations create-policy --name "$1" --description "$1" --type SERVICE_CONTROL_POLICY --output text \
    --query Policy.PolicySummary.Id \
    --content "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"$2\",\"Resource\":\"*\"}]}")
  aws organizations attach-policy --policy-id "$policy" --target-id "$PRODUCTION"
  printf '%s\n' "$policy"
}
scp NoGateways ec2:CreateInternetGateway >/dev/null
expect_error UnauthorizedOperation with_keys "$KEYS" aws ec2 create-internet-gateway

# S0:6524
step 'without contact information a member cannot stand alone'
expect_error ConstraintViolationException with_keys "$KEYS" aws organizations leave-organization

step 'an SCP may keep it in'
contact "$KEYS"
expect_eq 'its contact' 'Ann Example' "$(with_keys "$KEYS" aws account get-contact-information --output text \
  --query ContactInformation.FullName)"
STAY=$(scp Stay organizations:LeaveOrganization)
expect_error AccessDeniedException with_keys "$KEYS" aws organizations leave-organization
aws organizations detach-policy --policy-id "$STAY" --target-id "$PRODUCTION"

step 'the management account cannot leave'
expect_error MasterCannotLeaveOrganizationException aws organizations leave-organization

# S0:6538
step 'leave-organization'
with_keys "$KEYS" aws organizations leave-organization
expect_no_match 'the members' "$PRODUCTION" \
  "$(aws organizations list-accounts --output text --query 'Accounts[].Id')"
expect_error AWSOrganizationsNotInUseException with_keys "$KEYS" aws organizations describe-organization

step 'the organization'\''s policies end at once'
with_keys "$KEYS" aws ec2 create-internet-gateway >/dev/null

# S0:6556
step 'remove the role that gave the organization access'
with_keys "$KEYS" aws iam detach-role-policy --role-name OrganizationAccountAccessRole \
  --policy-arn arn:aws:iam::aws:policy/AdministratorAccess
ROOT_KEYS=$(root_keys "$PRODUCTION")
with_keys "$ROOT_KEYS" aws iam delete-role --role-name OrganizationAccountAccessRole
expect_error 'InvalidClientTokenId|AccessDenied|AuthFailure' with_keys "$KEYS" aws ec2 describe-vpcs
expect_error AccessDenied aws sts assume-role --role-session-name nobody \
  --role-arn "arn:aws:iam::$PRODUCTION:role/OrganizationAccountAccessRole"

step 'it may be invited again'
HANDSHAKE=$(aws organizations invite-account-to-organization --target "Id=$PRODUCTION,Type=ACCOUNT" --output text \
  --query Handshake.Id)
expect_eq 'the invitation' ACCEPTED "$(with_keys "$ROOT_KEYS" aws organizations accept-handshake \
  --handshake-id "$HANDSHAKE" --output text --query Handshake.State)"
expect_match 'the members' "$PRODUCTION" \
  "$(aws organizations list-accounts --output text --query 'Accounts[].Id')"

step 'done'
