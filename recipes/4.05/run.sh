# Title: Backup policies
# Source: AWS Cookbook (early release), recipe 4.5, whose text walks through the console; here are the same steps as calls.
# `S0:N` is the line of the book's text that a step stands for.
#
# Where this departs from the book: the plans come about in the accounts, and no backup is made, because the services
# whose data they save are not built yet.
# shellcheck shell=bash
source ../expect.sh
source ../organization.sh

step 'preparation: an organization with Production and Development under Custom'
new_organization
CUSTOM=$(new_unit "$ROOT_ID" Custom)
PRODUCTION=$(new_account Production production@example.com)
DEVELOPMENT=$(new_account Development development@example.com)
move "$PRODUCTION" "$CUSTOM"
move "$DEVELOPMENT" "$CUSTOM"

step 'enable-policy-type, trusted access'
aws organizations enable-policy-type --root-id "$ROOT_ID" --policy-type BACKUP_POLICY >/dev/null
aws organizations enable-aws-service-access --service-principal backup.amazonaws.com

# backup_policy PLAN RULE CRON TAG-VALUE: what the console writes for the book's answers (S0:6441).
backup_policy() {
  cat <<JSON
{
  "plans": {
    "$1": {
      "regions": {"@@assign": ["us-west-2", "us-east-1"]},
      "rules": {
        "$2": {
          "schedule_expression": {"@@assign": "$3"},
          "start_backup_window_minutes": {"@@assign": "480"},
          "complete_backup_window_minutes": {"@@assign": "10080"},
          "target_backup_vault_name": {"@@assign": "$1"}
        }
      },
      "selections": {
        "tags": {
          "$1": {
            "iam_role_arn": {"@@assign": "arn:aws:iam::\$account:role/service-role/AWSBackupDefaultServiceRole"},
            "tag_key": {"@@assign": "BackupPlan"},
            "tag_value": {"@@assign": ["$4"]}
          }
        }
      }
    }
  }
}
JSON
}
attach() { # NAME CONTENT ACCOUNT
  local policy
  policy=$(aws organizations create-policy --name "$1" --description "$1 Backup Policy" --type BACKUP_POLICY \
    --content "$2" --output text --query Policy.PolicySummary.Id)
  aws organizations attach-policy --policy-id "$policy" --target-id "$3"
}

step 'create-policy and attach-policy: daily for Production, weekly for Development'
attach Production "$(backup_policy production daily_backup 'cron(0 5 ? * * *)' Production)" "$PRODUCTION"
attach Development "$(backup_policy development weekly_backup 'cron(0 5 ? * 1 *)' Development)" "$DEVELOPMENT"

step 'describe-effective-policy'
effective_plans() {
  aws organizations describe-effective-policy --policy-type BACKUP_POLICY --target-id "$1" --output text \
    --query EffectivePolicy.PolicyContent | python3 -c 'import json, sys; print(*json.load(sys.stdin)["plans"])'
}
expect_eq 'plans of Production' production "$(effective_plans "$PRODUCTION")"
expect_eq 'plans of Development' development "$(effective_plans "$DEVELOPMENT")"

plan_of() { # CREDENTIALS REGION
  with_keys "$1" aws backup list-backup-plans --region "$2" --output text \
    --query 'BackupPlansList[].[BackupPlanName,BackupPlanId]'
}
KEYS=$(admin_of "$PRODUCTION")
step 'the plan is there in both regions of Production, and in no other'
for region in us-west-2 us-east-1; do
  read -r name plan <<<"$(plan_of "$KEYS" "$region")"
  expect_eq "the plan in $region" production "$name"
  expect_eq "its rule in $region" $'daily_backup\tproduction' "$(with_keys "$KEYS" aws backup get-backup-plan \
    --region "$region" --backup-plan-id "$plan" --output text \
    --query 'BackupPlan.Rules[].[RuleName,TargetBackupVaultName]')"
  expect_eq "its selection in $region" production "$(with_keys "$KEYS" aws backup list-backup-selections \
    --region "$region" --backup-plan-id "$plan" --output text --query 'BackupSelectionsList[].SelectionName')"
done
expect_eq 'the plan in eu-central-1' '' "$(plan_of "$KEYS" eu-central-1)"

step 'a plan of the organization is not the account'\''s to delete'
expect_error InvalidRequestException with_keys "$KEYS" aws backup delete-backup-plan --backup-plan-id "$plan"
with_keys "$KEYS" aws backup create-backup-vault --backup-vault-name production >/dev/null

step 'Development has its own'
KEYS=$(admin_of "$DEVELOPMENT")
read -r name plan <<<"$(plan_of "$KEYS" us-east-1)"
expect_eq 'the plan of Development' development "$name"
expect_eq 'its schedule' 'cron(0 5 ? * 1 *)' "$(with_keys "$KEYS" aws backup get-backup-plan \
  --backup-plan-id "$plan" --output text --query 'BackupPlan.Rules[].ScheduleExpression')"

step 'done'
