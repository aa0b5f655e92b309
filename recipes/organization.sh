# Who makes a call, and the organization of the book's chapter 4, made with the stock AWS CLI.
#
# A recipe that needs several accounts or identities sources this file after expect.sh. It owns how another identity's keys
# come before a command, and how accounts, units and roles are made. It knows no recipe, and of the product nothing.
# shellcheck shell=bash

# with_keys "ID SECRET [TOKEN]" COMMAND…: runs a command with these credentials.
with_keys() {
  local id secret token
  read -r id secret token <<<"$1"
  shift
  AWS_ACCESS_KEY_ID=$id AWS_SECRET_ACCESS_KEY=$secret AWS_SESSION_TOKEN=${token:-} "$@"
}

# assume ROLE-ARN [NAME]: prints the credentials of a session, as with_keys takes them.
assume() {
  aws sts assume-role --role-arn "$1" --role-session-name "${2:-recipe}" --output text \
    --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]'
}

# user_keys NAME: makes an access key of a user and prints it.
user_keys() {
  aws iam create-access-key --user-name "$1" --output text --query 'AccessKey.[AccessKeyId,SecretAccessKey]'
}

# root_keys ACCOUNT: prints keys of the account's root user, which the book has by the account's e-mail address.
root_keys() {
  "$BRUME_BIN" account env "$1" | sed -n 's/^export AWS_\(ACCESS_KEY_ID\|SECRET_ACCESS_KEY\)=//p' |
    tr -d "'\"" | paste -s -d ' '
}

create_account_state() {
  aws organizations describe-create-account-status --create-account-request-id "$1" --output text \
    --query CreateAccountStatus.State
}

# new_account NAME EMAIL: makes a member account and prints its number.
new_account() {
  local request
  request=$(aws organizations create-account --account-name "$1" --email "$2" --output text \
    --query CreateAccountStatus.Id)
  wait_until_eq "the account $1" SUCCEEDED create_account_state "$request"
  aws organizations describe-create-account-status --create-account-request-id "$request" --output text \
    --query CreateAccountStatus.AccountId
}

# new_unit PARENT NAME: makes an organizational unit and prints its id.
new_unit() {
  aws organizations create-organizational-unit --parent-id "$1" --name "$2" --output text \
    --query OrganizationalUnit.Id
}

# move ACCOUNT UNIT: from the root, where accounts begin.
move() {
  aws organizations move-account --account-id "$1" --source-parent-id "$ROOT_ID" --destination-parent-id "$2"
}

# admin_of ACCOUNT: prints credentials of the role that the management account has in a member account.
admin_of() {
  assume "arn:aws:iam::$1:role/OrganizationAccountAccessRole" admin
}

# administrator: goes on as a user who may do everything, for a root user cannot assume roles.
administrator() {
  aws iam create-user --user-name administrator >/dev/null
  aws iam attach-user-policy --user-name administrator --policy-arn arn:aws:iam::aws:policy/AdministratorAccess
  read -r AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY <<<"$(user_keys administrator)"
  export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
}

# new_organization: the organization, and ROOT_ID, as its administrator.
new_organization() {
  administrator
  ORGANIZATION_ID=$(aws organizations create-organization --feature-set ALL --output text --query Organization.Id)
  ROOT_ID=$(aws organizations list-roots --output text --query 'Roots[0].Id')
  expect_match 'organization id' '^o-[a-z0-9]{10,32}$' "$ORGANIZATION_ID"
  expect_match 'root id' '^r-[a-z0-9]{4,32}$' "$ROOT_ID"
}

# contact: what an account needs to stand alone, told as the account itself.
contact() { # CREDENTIALS
  with_keys "$1" aws account put-contact-information --contact-information \
    'FullName=Ann Example,AddressLine1=1 Example Way,City=Seattle,StateOrRegion=WA,PostalCode=98101,CountryCode=US,PhoneNumber=+12065550100'
}
