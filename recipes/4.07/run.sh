# Title: Remove a member account
# Source: AWS Cookbook (early release), recipe 4.7, whose text walks through the console; here are the same steps as calls.
# `S0:N` is the line of the book's text that a step stands for.
# shellcheck shell=bash
source ../expect.sh
source ../organization.sh

step 'preparation: two members, one with contact information, under a policy'
new_organization
CUSTOM=$(new_unit "$ROOT_ID" Custom)
WHOLE=$(new_account Whole whole@example.com)
PART=$(new_account Part part@example.com)
move "$WHOLE" "$CUSTOM"
move "$PART" "$CUSTOM"
KEYS=$(admin_of "$WHOLE")
contact "$KEYS"
POLICY_ID=$(aws organizations create-policy --name NoGateways --description x --type SERVICE_CONTROL_POLICY \
  --output text --query Policy.PolicySummary.Id \
  --content '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ec2:CreateInternetGateway","Resource":"*"}]}')
aws organizations attach-policy --policy-id "$POLICY_ID" --target-id "$CUSTOM"
expect_error UnauthorizedOperation with_keys "$KEYS" aws ec2 create-internet-gateway

step 'an instance runs in it'
AMZNLINUXAMI=$(with_keys "$KEYS" aws ssm get-parameters \
  --names /aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2 --query 'Parameters[0].Value' --output text)
INSTANCE_ID=$(with_keys "$KEYS" aws ec2 run-instances --image-id "$AMZNLINUXAMI" --instance-type t3.nano --count 1 \
  --output text --query 'Instances[0].InstanceId')
instance_state() {
  with_keys "$KEYS" aws ec2 describe-instances --instance-ids "$INSTANCE_ID" --output text \
    --query 'Reservations[0].Instances[0].State.Name'
}
wait_until_eq 'the instance' running instance_state
booted() {
  "$BRUME_BIN" exec "$INSTANCE_ID" -- cat /proc/sys/kernel/random/boot_id </dev/null 2>/dev/null || true
  "$BRUME_BIN" exec "$INSTANCE_ID" -- cat /proc/1/stat </dev/null | cut -d ' ' -f 22
}
BEFORE=$(booted)

# S0:6590
step 'remove-account-from-organization: account by account'
expect_error ConstraintViolationException aws organizations remove-account-from-organization --account-id "$PART"
aws organizations remove-account-from-organization --account-id "$WHOLE"
expect_error AccountNotFoundException aws organizations remove-account-from-organization --account-id "$WHOLE"
members() {
  aws organizations list-accounts --output text --query 'Accounts[].Id'
}
expect_match 'the members' "$PART" "$(members)"
expect_no_match 'the members' "$WHOLE" "$(members)"

step 'its policies end, and its instance goes on'
with_keys "$KEYS" aws ec2 create-internet-gateway >/dev/null
expect_error AWSOrganizationsNotInUseException with_keys "$KEYS" aws organizations describe-organization
expect_eq 'the instance' running "$(instance_state)"
expect_eq 'the instance was not started again' "$BEFORE" "$(booted)"

step 'clean up'
with_keys "$KEYS" aws ec2 terminate-instances --instance-ids "$INSTANCE_ID" >/dev/null
wait_until_eq 'the instance to end' terminated instance_state
step 'done'
