# Title: aws:RequestedRegion
# Source: AWS Security Blog, "Easier way to control access to AWS regions using IAM policies", in the blog archive.
# `S2:N` is the line of the archive's text that a step comes from.
#
# Where this departs from the post: RDS and Lambda are not built yet, so that their calls answer that they are not
# implemented in every region, before any policy is asked.
# shellcheck shell=bash
source ../expect.sh
source ../organization.sh

step 'the policy of the post, on a user'
ACCOUNT=$(aws sts get-caller-identity --output text --query Account)
cat >"$RECIPE_WORK/policy.json" <<JSON
{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": [
                "ec2:DescribeAccountAttributes",
                "ec2:DescribeAvailabilityZones",
                "ec2:DescribeInternetGateways",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcAttribute",
                "ec2:DescribeVpcs",
                "ec2:DescribeInstances",
                "ec2:DescribeImages",
                "ec2:DescribeKeyPairs",
                "rds:Describe*",
                "iam:ListRolePolicies",
                "iam:ListRoles",
                "iam:GetRole",
                "iam:ListInstanceProfiles",
                "iam:AttachRolePolicy",
                "lambda:GetAccountSettings"
            ],
            "Resource": "*"
        },
        {
            "Effect": "Allow",
            "Action": [
                "ec2:RunInstances",
                "rds:CreateDBInstance",
                "rds:CreateDBCluster",
                "lambda:CreateFunction",
                "lambda:InvokeFunction"
            ],
            "Resource": "*",
	    "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}
        },
        {
            "Effect": "Allow",
            "Action": [
                "iam:PassRole"
            ],
            "Resource": "arn:aws:iam::$ACCOUNT:role/*"
        }
    ]
}
JSON
POLICY_ARN=$(aws iam create-policy --policy-name frankfurt --policy-document "file://$RECIPE_WORK/policy.json" \
  --output text --query Policy.Arn)
expect_eq 'the ARN' "arn:aws:iam::$ACCOUNT:policy/frankfurt" "$POLICY_ARN"
aws iam create-user --user-name developer >/dev/null
aws iam attach-user-policy --user-name developer --policy-arn "$POLICY_ARN"
DEVELOPER=$(user_keys developer)
expect_eq 'who it is' "arn:aws:iam::$ACCOUNT:user/developer" \
  "$(with_keys "$DEVELOPER" aws sts get-caller-identity --output text --query Arn)"

in_region() { # REGION ARGUMENT…: the developer's command there
  local region=$1
  shift
  with_keys "$DEVELOPER" aws --region "$region" "$@"
}

step 'what reads works in every region'
for region in eu-central-1 us-east-1 ap-southeast-2; do
  in_region "$region" ec2 describe-vpcs >/dev/null
  in_region "$region" ec2 describe-account-attributes >/dev/null
  in_region "$region" iam list-roles >/dev/null
done

run() { # REGION
  local image
  image=$(in_region "$1" ec2 describe-images --owners amazon --output text --query 'Images[0].ImageId')
  in_region "$1" ec2 run-instances --image-id "$image" --instance-type t3.nano --count 1 --output text \
    --query 'Instances[0].InstanceId'
}
step 'run-instances in Frankfurt'
INSTANCE_ID=$(run eu-central-1)
instance_state() {
  in_region eu-central-1 ec2 describe-instances --instance-ids "$INSTANCE_ID" --output text \
    --query 'Reservations[0].Instances[0].State.Name'
}
wait_until_eq 'the instance' running instance_state

step 'and in no other region'
for region in us-east-1 eu-west-1; do
  expect_error UnauthorizedOperation run "$region"
  output=$(run "$region" 2>&1 || true)
  expect_match "the refusal in $region" \
    "User: arn:aws:iam::$ACCOUNT:user/developer is not authorized to perform: ec2:RunInstances on resource: arn:aws:ec2:$region:" \
    "$output"
  expect_match "the refusal in $region" 'because no identity-based policy allows the ec2:RunInstances action' "$output"
  # The administrator can read what was decided.
  encoded=${output##*failure message: }
  decoded=$(aws sts decode-authorization-message --encoded-message "$encoded" --output text --query DecodedMessage)
  expect_match 'the decoded decision' '"action":"ec2:RunInstances"' "$decoded"
  expect_match 'the decoded decision' "\"value\":\"$region\"" "$decoded"
done
expect_eq 'instances elsewhere' '' \
  "$(in_region us-east-1 ec2 describe-instances --output text --query 'Reservations[].Instances[].InstanceId')"

step 'RDS and Lambda are not there in any region'
for region in eu-central-1 eu-west-1; do
  expect_error InvalidAction in_region "$region" rds describe-db-instances
  expect_error InvalidAction in_region "$region" rds create-db-instance --db-instance-identifier first \
    --db-instance-class db.t3.micro --engine mysql --allocated-storage 20
  expect_error NotImplemented in_region "$region" lambda get-account-settings
  expect_error NotImplemented in_region "$region" lambda invoke --function-name first "$RECIPE_WORK/answer"
done

step 'what the policy does not name is refused everywhere'
expect_error UnauthorizedOperation in_region eu-central-1 ec2 terminate-instances --instance-ids "$INSTANCE_ID"
expect_error AccessDenied in_region us-east-1 iam create-user --user-name another

step 'why-denied names what lacks'
expect_match 'why it was denied' 'iam:CreateUser' "$("$BRUME_BIN" why-denied --last)"

step 'clean up'
aws ec2 terminate-instances --region eu-central-1 --instance-ids "$INSTANCE_ID" >/dev/null
wait_until_eq 'the instance to end' terminated instance_state
KEY_ID=$(aws iam list-access-keys --user-name developer --output text --query 'AccessKeyMetadata[].AccessKeyId')
aws iam delete-access-key --user-name developer --access-key-id "$KEY_ID"
expect_error 'InvalidClientTokenId|AuthFailure' in_region us-east-1 ec2 describe-vpcs
expect_error DeleteConflict aws iam delete-user --user-name developer
aws iam detach-user-policy --user-name developer --policy-arn "$POLICY_ARN"
aws iam delete-user --user-name developer
aws iam delete-policy --policy-arn "$POLICY_ARN"
step 'done'
