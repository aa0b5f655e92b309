# Title: Gateway endpoint for S3 with endpoint policy
# Source: AWS Cookbook (early release), recipe 1.9. `S0:N` is the line of the book's text a step comes from; a step
# marked `restored` has lost its command there and is given back from the prose around it and the book's repository.
#
# Where this departs from the book:
# - The book prepares with the CDK (S0:1709); here the same network, instance, role and bucket are made with the stock AWS
#   CLI, because CloudFormation is not built yet.
# - Session Manager (S0:1779) is not built yet: Run Command stands in for the shell.
# - No way leads from an instance to Systems Manager yet, so that the parameter is read on the workstation (S0:1791).
# - Amazon Linux has the AWS CLI; here the stock one is copied into the instance first.
# - The public bucket of the OpenStreetMap Foundation (S0:1808) is one of the same account: that IAM would allow what the
#   endpoint denies is seen when the endpoint's policy is AWS's again.
# shellcheck shell=bash
source ../expect.sh
source ../stack.sh

# How long a request may take that nothing answers.
HANGS_SECS=3

# S0:1709 (Preparation)
step 'preparation: a VPC with two isolated subnets, a bucket with a file, an instance with a role'
VPC_ID=$(new_vpc 10.10.0.0/23)
SUBNET_ID_1=$(new_subnet "$VPC_ID" 10.10.0.0/24 a)
SUBNET_ID_2=$(new_subnet "$VPC_ID" 10.10.1.0/24 b)
RT_ID_1=$(new_table "$VPC_ID" "$SUBNET_ID_1")
RT_ID_2=$(new_table "$VPC_ID" "$SUBNET_ID_2")
BUCKET_NAME=awscookbook209-$RANDOM$RANDOM
aws s3 mb "s3://$BUCKET_NAME" >/dev/null
aws s3 mb s3://osm-pds >/dev/null
printf 'a test file\n' >"$RECIPE_WORK/test_file"
aws s3 cp --quiet "$RECIPE_WORK/test_file" "s3://$BUCKET_NAME/test_file"
aws s3 cp --quiet "$RECIPE_WORK/test_file" s3://osm-pds/planet.osm
aws iam create-role --role-name InstanceRole --assume-role-policy-document \
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}' \
  >/dev/null
aws iam attach-role-policy --role-name InstanceRole --policy-arn arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess
aws iam create-instance-profile --instance-profile-name InstanceProfile >/dev/null
aws iam add-role-to-instance-profile --instance-profile-name InstanceProfile --role-name InstanceRole
INSTANCE_SG=$(new_group "$VPC_ID" AWSCookbook209)
INSTANCE_ID=$(new_instance "$SUBNET_ID_1" "$INSTANCE_SG" AWSCookbook209 --iam-instance-profile Name=InstanceProfile)
wait_for_instances "$INSTANCE_ID"
copy_aws_cli "$INSTANCE_ID"

# S0:1785: the region is in the identity document.
in_shell() { # COMMAND: with the region that the book's first command sets
  in_instance "$INSTANCE_ID" "export AWS_DEFAULT_REGION=\$(curl --silent http://169.254.169.254/latest/dynamic/instance-identity/document | awk -F'\"' ' /region/ {print \$4}'); $1"
}
REGION=$(in_shell 'printf %s "$AWS_DEFAULT_REGION"')
expect_eq 'the region in the instance' "$AWS_REGION" "$REGION"

hangs() { # COMMAND: nothing answers it in time
  local code=0
  in_shell "timeout $HANGS_SECS $1" >/dev/null 2>&1 || code=$?
  expect_eq "the end of '$1'" 124 "$code"
}
copies() { # whether the instance can copy the file of the bucket
  in_shell "rm -rf /home/ssm-user && timeout 20 aws s3 cp --quiet s3://$BUCKET_NAME/test_file /home/ssm-user/ && cat /home/ssm-user/test_file"
}

step 'before: an instance without a way out reaches neither bucket'
hangs "aws s3 cp s3://$BUCKET_NAME/test_file /home/ssm-user/"
hangs 'aws s3 ls s3://osm-pds/'

# S0:1738, restored
step 'create-vpc-endpoint'
END_POINT_ID=$(aws ec2 create-vpc-endpoint \
  --vpc-id "$VPC_ID" \
  --service-name "com.amazonaws.$AWS_REGION.s3" \
  --route-table-ids "$RT_ID_1" "$RT_ID_2" \
  --query VpcEndpoint.VpcEndpointId --output text)
endpoint() { # QUERY
  aws ec2 describe-vpc-endpoints --vpc-endpoint-ids "$END_POINT_ID" --output text --query "VpcEndpoints[0].$1"
}
wait_until_eq 'the endpoint' available endpoint State
PREFIX_LIST_ID=$(aws ec2 describe-prefix-lists --filters "Name=prefix-list-name,Values=com.amazonaws.$AWS_REGION.s3" \
  --query 'PrefixLists[0].PrefixListId' --output text)
expect_eq 'the route to S3' "$END_POINT_ID active" "$(aws ec2 describe-route-tables --route-table-ids "$RT_ID_1" \
  --query "RouteTables[0].Routes[?DestinationPrefixListId=='$PREFIX_LIST_ID'].[GatewayId,State]" --output text | tr '\t' ' ')"

step 'with the policy that AWS gives it, all of S3 is there'
wait_until_eq 'the copy in the instance' 'a test file' copies
expect_match 'the list of osm-pds' 'planet\.osm' "$(in_shell 'aws s3 ls s3://osm-pds/')"

# S0:1740, restored
cat >"$RECIPE_WORK/policy-template.json" <<'JSON'
{
  "Statement": [
    {
      "Sid": "Access-to-specific-bucket-only",
      "Principal": "*",
      "Action": ["s3:*"],
      "Effect": "Allow",
      "Resource": ["arn:aws:s3:::S3BucketName", "arn:aws:s3:::S3BucketName/*"]
    }
  ]
}
JSON
# S0:1745
sed -e "s/S3BucketName/${BUCKET_NAME}/g" "$RECIPE_WORK/policy-template.json" >"$RECIPE_WORK/policy.json"

# S0:1752
step 'modify-vpc-endpoint: one bucket only'
aws ec2 modify-vpc-endpoint \
  --policy-document "file://$RECIPE_WORK/policy.json" \
  --vpc-endpoint-id "$END_POINT_ID" >/dev/null

# S0:1762
aws ssm put-parameter \
  --name "Cookbook209S3Bucket" \
  --type "String" \
  --value "$BUCKET_NAME" >/dev/null
# S0:1791
BUCKET=$(aws ssm get-parameters \
  --names "Cookbook209S3Bucket" \
  --query "Parameters[*].Value" --output text)
expect_eq 'the parameter' "$BUCKET_NAME" "$BUCKET"

# S0:1799
step 'aws s3 cp in the instance'
expect_match 'what the copy says' "download: s3://$BUCKET/test_file to " \
  "$(in_shell "aws s3 cp s3://${BUCKET}/test_file /home/ssm-user/")"
expect_eq 'the file' 'a test file' "$(in_instance "$INSTANCE_ID" 'cat /home/ssm-user/test_file')"

# S0:1811 and the output at S0:1816
step 'aws s3 ls of another bucket is denied'
denied() { # BUCKET
  local output code=0
  output=$(in_shell "aws s3 ls s3://$1/" 2>&1) || code=$?
  expect_eq "the end of the list of $1 ($output)" 254 "$code"
  expect_match "the list of $1" 'An error occurred \(AccessDenied\) when calling the ListObjectsV2 operation' "$output"
  expect_match "the list of $1" 'because no VPC endpoint policy allows the s3:ListBucket action' "$output"
}
denied osm-pds
denied "nobody-has-$BUCKET_NAME"
expect_match 'the workstation, which comes by another way' 'planet\.osm' "$(aws s3 ls s3://osm-pds/)"

# S0:1822 (Challenge)
step 'Challenge: a bucket policy that lets nobody in who comes by another way'
cat >"$RECIPE_WORK/bucket-policy.json" <<JSON
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Access-by-one-endpoint-only",
      "Effect": "Deny",
      "Principal": "*",
      "Action": ["s3:GetObject", "s3:ListBucket"],
      "Resource": ["arn:aws:s3:::$BUCKET_NAME", "arn:aws:s3:::$BUCKET_NAME/*"],
      "Condition": {"StringNotEquals": {"aws:sourceVpce": "$END_POINT_ID"}}
    }
  ]
}
JSON
aws s3api put-bucket-policy --bucket "$BUCKET_NAME" --policy "file://$RECIPE_WORK/bucket-policy.json"
expect_eq 'the copy in the instance' 'a test file' "$(copies)"
expect_error AccessDenied aws s3api list-objects-v2 --bucket "$BUCKET_NAME"
expect_error AccessDenied aws s3api get-object --bucket "$BUCKET_NAME" --key test_file "$RECIPE_WORK/copy"
aws s3api delete-bucket-policy --bucket "$BUCKET_NAME"
expect_match 'the list, without it' test_file "$(aws s3 ls "s3://$BUCKET_NAME/")"

step 'clean up'
# S0:1831
aws ssm delete-parameter --name "Cookbook209S3Bucket"
# S0:1837
aws ec2 delete-vpc-endpoints --vpc-endpoint-ids "$END_POINT_ID" >/dev/null
step 'after: neither is there again'
hangs "aws s3 cp s3://$BUCKET_NAME/test_file /home/ssm-user/"
terminate "$INSTANCE_ID"
aws iam remove-role-from-instance-profile --instance-profile-name InstanceProfile --role-name InstanceRole
aws iam delete-instance-profile --instance-profile-name InstanceProfile
aws iam detach-role-policy --role-name InstanceRole --policy-arn arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess
aws iam delete-role --role-name InstanceRole
aws s3 rb --force "s3://$BUCKET_NAME" >/dev/null
aws s3 rb --force s3://osm-pds >/dev/null
delete_vpc "$VPC_ID" "$INSTANCE_SG" "$SUBNET_ID_1" "$SUBNET_ID_2" "$RT_ID_1" "$RT_ID_2"
step 'done'
