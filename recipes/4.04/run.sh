# Title: Tag policies
# Source: AWS Cookbook (early release), recipe 4.4, whose text walks through the console; here are the same steps as calls,
# with the book's policy. `S0:N` is the line of the book's text that a step stands for.
# shellcheck shell=bash
source ../expect.sh
source ../organization.sh

step 'preparation: an organization with Production under Custom'
new_organization
CUSTOM=$(new_unit "$ROOT_ID" Custom)
PRODUCTION=$(new_account Production production@example.com)
move "$PRODUCTION" "$CUSTOM"
KEYS=$(admin_of "$PRODUCTION")

step 'enable-policy-type, trusted access'
aws organizations enable-policy-type --root-id "$ROOT_ID" --policy-type TAG_POLICY >/dev/null
aws organizations enable-aws-service-access --service-principal tagpolicies.tag.amazonaws.com

# S0:6366
step 'create-policy tagging-test, attached to the root'
cat >"$RECIPE_WORK/tags.json" <<'JSON'
{
  "tags": {
    "CostCenter": {
      "tag_key": {"@@assign": "CostCenter"},
      "tag_value": {"@@assign": ["Production", "Development", "Staging", "Sandbox", "Security"]}
    }
  }
}
JSON
POLICY_ID=$(aws organizations create-policy --name tagging-test --description 'Cost centers' --type TAG_POLICY \
  --content "file://$RECIPE_WORK/tags.json" --output text --query Policy.PolicySummary.Id)
aws organizations attach-policy --policy-id "$POLICY_ID" --target-id "$ROOT_ID"

# S0:6398
step 'describe-effective-policy of a member'
effective() {
  aws organizations describe-effective-policy --policy-type TAG_POLICY --target-id "$PRODUCTION" --output text \
    --query EffectivePolicy.PolicyContent
}
expect_eq 'its five values' 'Development Production Sandbox Security Staging' "$(effective | python3 -c '
import json, sys
tag = json.load(sys.stdin)["tags"]["costcenter"]
assert tag["tag_key"] == "CostCenter", tag
print(*sorted(tag["tag_value"]))')"

step 'without enforcement the tags are taken, and reported'
vpc() { # TAG VALUE: makes a VPC in Production with a tag, and prints its id
  with_keys "$KEYS" aws ec2 create-vpc --cidr-block 10.10.0.0/16 --output text --query Vpc.VpcId \
    --tag-specifications "ResourceType=vpc,Tags=[{Key=$1,Value=$2}]"
}
GOOD=$(vpc CostCenter Production)
WRONG_CASE=$(vpc costcenter Production)
WRONG_VALUE=$(vpc CostCenter Prod)
compliance() { # VPC
  with_keys "$KEYS" aws resourcegroupstaggingapi get-resources --include-compliance-details \
    --resource-arn-list "arn:aws:ec2:$AWS_REGION:$PRODUCTION:vpc/$1" --output text \
    --query 'ResourceTagMappingList[0].ComplianceDetails.ComplianceStatus'
}
expect_eq 'compliance of the good one' True "$(compliance "$GOOD")"
expect_eq 'compliance of the wrong case' False "$(compliance "$WRONG_CASE")"
expect_eq 'compliance of the wrong value' False "$(compliance "$WRONG_VALUE")"
expect_eq 'found by its tag' "arn:aws:ec2:$AWS_REGION:$PRODUCTION:vpc/$GOOD" "$(with_keys "$KEYS" \
  aws resourcegroupstaggingapi get-resources --tag-filters Key=CostCenter,Values=Production --output text \
  --query 'ResourceTagMappingList[].ResourceARN')"

# S0:6394
step 'with enforced_for the call itself is refused'
cat >"$RECIPE_WORK/enforced.json" <<'JSON'
{
  "tags": {
    "CostCenter": {
      "tag_key": {"@@assign": "CostCenter"},
      "tag_value": {"@@assign": ["Production", "Development", "Staging", "Sandbox", "Security"]},
      "enforced_for": {"@@assign": ["ec2:vpc"]}
    }
  }
}
JSON
aws organizations update-policy --policy-id "$POLICY_ID" --content "file://$RECIPE_WORK/enforced.json" >/dev/null
expect_error TagPolicyViolation with_keys "$KEYS" aws ec2 create-tags --resources "$GOOD" \
  --tags Key=CostCenter,Value=Prod
expect_error TagPolicyViolation with_keys "$KEYS" aws ec2 create-vpc --cidr-block 10.11.0.0/16 \
  --tag-specifications 'ResourceType=vpc,Tags=[{Key=costcenter,Value=Production}]'
expect_eq 'the tag of the good one' Production "$(with_keys "$KEYS" aws ec2 describe-vpcs --vpc-ids "$GOOD" \
  --output text --query "Vpcs[0].Tags[?Key=='CostCenter'].Value | [0]")"
# What the policy allows, and what it does not enforce, goes on.
with_keys "$KEYS" aws ec2 create-tags --resources "$GOOD" --tags Key=CostCenter,Value=Sandbox Key=Other,Value=Any
with_keys "$KEYS" aws ec2 create-security-group --group-name tagged --description tagged --vpc-id "$GOOD" \
  --tag-specifications 'ResourceType=security-group,Tags=[{Key=CostCenter,Value=Prod}]' >/dev/null

step 'done'
