# Title: Close an account
# Source: AWS Cookbook (early release), recipe 4.8, whose text walks through the console; here are the same steps as calls.
# `S0:N` is the line of the book's text that a step stands for.
# shellcheck shell=bash
source ../expect.sh
source ../organization.sh

step 'preparation: a member with a user and a VPC'
MANAGEMENT=$(aws sts get-caller-identity --output text --query Account)
new_organization
CLOSING=$(new_account Closing closing@example.com)
KEYS=$(admin_of "$CLOSING")
with_keys "$KEYS" aws iam create-user --user-name ann >/dev/null
with_keys "$KEYS" aws iam attach-user-policy --user-name ann \
  --policy-arn arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess
ANN=$(with_keys "$KEYS" user_keys ann)
with_keys "$ANN" aws ec2 describe-vpcs >/dev/null
VPC_ID=$(with_keys "$KEYS" aws ec2 create-vpc --cidr-block 10.20.0.0/16 --output text --query Vpc.VpcId)

# S0:6636
step 'close-account'
expect_error ConstraintViolationException aws organizations close-account --account-id "$MANAGEMENT"
aws organizations close-account --account-id "$CLOSING"
account_status() {
  aws organizations describe-account --account-id "$CLOSING" --output text --query Account.Status
}
wait_until_eq 'the account' SUSPENDED account_status
expect_error 'AccountAlreadyClosedException' aws organizations close-account --account-id "$CLOSING"

step 'every call of it is refused'
for keys in "$KEYS" "$ANN"; do
  for call in 'ec2 describe-vpcs' 'sts get-caller-identity' 'iam list-users'; do
    # EC2 calls it not subscribed, others do not know the key. Word splitting is meant.
    code=InvalidClientTokenId
    [[ $call == ec2* ]] && code=OptInRequired
    # shellcheck disable=SC2086
    expect_error "$code" with_keys "$keys" aws $call
  done
done
expect_error AccessDenied aws sts assume-role --role-session-name nobody \
  --role-arn "arn:aws:iam::$CLOSING:role/OrganizationAccountAccessRole"

# S0:6642
step 'reopened within 90 days, it is as it was'
"$BRUME_BIN" account reopen "$CLOSING" >/dev/null
wait_until_eq 'the account' ACTIVE account_status
with_keys "$ANN" aws ec2 describe-vpcs --vpc-ids "$VPC_ID" >/dev/null
step 'done'
