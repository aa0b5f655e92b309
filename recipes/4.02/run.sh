# Title: Organization, OUs, member accounts
# Source: AWS Cookbook (early release), recipe 4.2, whose text walks through the console; here are the same steps as calls.
# `S0:N` is the line of the book's text that a step stands for.
# shellcheck shell=bash
source ../expect.sh
source ../organization.sh

step 'create-organization'
MANAGEMENT=$(aws sts get-caller-identity --output text --query Account)
new_organization
expect_eq 'who manages it' "$MANAGEMENT ALL" \
  "$(sorted "$(aws organizations describe-organization --output text \
    --query 'Organization.[MasterAccountId,FeatureSet]')")"
expect_error AlreadyInOrganizationException aws organizations create-organization

step 'organizational units, to five levels'
CORE=$(new_unit "$ROOT_ID" Core)
CUSTOM=$(new_unit "$ROOT_ID" Custom)
expect_error DuplicateOrganizationalUnitException aws organizations create-organizational-unit \
  --parent-id "$ROOT_ID" --name Core
UNIT=$CORE
for level in 2 3 4 5; do
  UNIT=$(new_unit "$UNIT" "Level$level")
done
expect_error ConstraintViolationException aws organizations create-organizational-unit \
  --parent-id "$UNIT" --name Level6
expect_error OrganizationalUnitNotEmptyException aws organizations delete-organizational-unit \
  --organizational-unit-id "$CORE"

step 'create-account: two under Core, three under Custom'
AUDIT=$(new_account Audit audit@example.com)
LOGGING=$(new_account 'Central Logging' logging@example.com)
PRODUCTION=$(new_account Production production@example.com)
STAGING=$(new_account Staging staging@example.com)
DEVELOPMENT=$(new_account Development development@example.com)
expect_match 'account ids' '^([0-9]{12} ?){5}$' "$AUDIT $LOGGING $PRODUCTION $STAGING $DEVELOPMENT"

step 'an e-mail address is one account'\''s'
AGAIN=$(aws organizations create-account --account-name Again --email audit@example.com --output text \
  --query CreateAccountStatus.Id)
wait_until_eq 'the second account of an address' FAILED create_account_state "$AGAIN"
expect_eq 'why' EMAIL_ALREADY_EXISTS "$(aws organizations describe-create-account-status \
  --create-account-request-id "$AGAIN" --output text --query CreateAccountStatus.FailureReason)"

step 'move-account'
move "$AUDIT" "$CORE"
move "$LOGGING" "$CORE"
for account in "$PRODUCTION" "$STAGING" "$DEVELOPMENT"; do
  move "$account" "$CUSTOM"
done
accounts_of() {
  sorted "$(aws organizations list-accounts-for-parent --parent-id "$1" --output text --query 'Accounts[].Id')"
}
expect_eq 'under Core' "$(sorted "$AUDIT $LOGGING")" "$(accounts_of "$CORE")"
expect_eq 'under Custom' "$(sorted "$PRODUCTION $STAGING $DEVELOPMENT")" "$(accounts_of "$CUSTOM")"
expect_eq 'at the root' "$MANAGEMENT" "$(accounts_of "$ROOT_ID")"
expect_eq 'the parent of Production' "$CUSTOM" \
  "$(aws organizations list-parents --child-id "$PRODUCTION" --output text --query 'Parents[].Id')"
expect_error SourceParentNotFoundException aws organizations move-account --account-id "$AUDIT" \
  --source-parent-id ou-0000-00000000 --destination-parent-id "$CUSTOM"

step 'assume-role into Production'
KEYS=$(admin_of "$PRODUCTION")
expect_eq 'who it is there' "$PRODUCTION arn:aws:sts::$PRODUCTION:assumed-role/OrganizationAccountAccessRole/admin" \
  "$(with_keys "$KEYS" aws sts get-caller-identity --output text --query '[Account,Arn]' | tr '\t' ' ')"

step 'its networks are its own'
expect_match 'the default VPC of Production' '^vpc-[0-9a-f]{17}$' "$(with_keys "$KEYS" \
  aws ec2 describe-vpcs --filters Name=is-default,Values=true --output text --query 'Vpcs[].VpcId')"
VPC_ID=$(with_keys "$KEYS" aws ec2 create-vpc --cidr-block 10.20.0.0/16 --output text --query Vpc.VpcId)
expect_error InvalidVpcID.NotFound aws ec2 describe-vpcs --vpc-ids "$VPC_ID"
with_keys "$KEYS" aws ec2 delete-vpc --vpc-id "$VPC_ID"

step 'a role whose trust does not name the caller is refused, as one that is not there'
expect_error AccessDenied aws sts assume-role --role-session-name nobody \
  --role-arn "arn:aws:iam::$PRODUCTION:role/NoSuchRole"

step 'done'
