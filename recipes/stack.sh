# What the book's stacks prepare, made with the stock AWS CLI; and what recipes ask about packets.
#
# A recipe that needs a network and instances sources this file after expect.sh. It owns how VPCs, subnets, tables, groups
# and instances are made, and how it is seen whether a packet arrives. It knows no recipe, and of the product only
# `brume internet add`.
# shellcheck shell=bash

# How long one echo request, or one connection, may take where none is expected.
SILENCE_SECS=1

AMZNLINUXAMI=$(aws ssm get-parameters --names /aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2 \
  --query 'Parameters[0].Value' --output text)

# new_vpc BLOCK: prints the id of a new VPC with DNS host names, as the CDK makes them.
new_vpc() {
  local vpc
  vpc=$(aws ec2 create-vpc --cidr-block "$1" --output text --query Vpc.VpcId)
  aws ec2 modify-vpc-attribute --vpc-id "$vpc" --enable-dns-hostnames
  printf '%s\n' "$vpc"
}

# new_subnet VPC BLOCK ZONE-LETTER
new_subnet() {
  aws ec2 create-subnet --vpc-id "$1" --cidr-block "$2" --availability-zone "$AWS_REGION$3" \
    --output text --query Subnet.SubnetId
}

# new_table VPC SUBNET…: prints the id of a route table that these subnets use.
new_table() {
  local table subnet
  table=$(aws ec2 create-route-table --vpc-id "$1" --output text --query RouteTable.RouteTableId)
  shift
  for subnet in "$@"; do
    aws ec2 associate-route-table --route-table-id "$table" --subnet-id "$subnet" >/dev/null
  done
  printf '%s\n' "$table"
}

# new_group VPC NAME: a security group without rules in.
new_group() {
  aws ec2 create-security-group --group-name "$2" --description "$2" --vpc-id "$1" --output text --query GroupId
}

# new_internet_gateway VPC
new_internet_gateway() {
  local gateway
  gateway=$(aws ec2 create-internet-gateway --output text --query InternetGateway.InternetGatewayId)
  aws ec2 attach-internet-gateway --internet-gateway-id "$gateway" --vpc-id "$1"
  printf '%s\n' "$gateway"
}

# delete_internet_gateway GATEWAY VPC
delete_internet_gateway() {
  aws ec2 detach-internet-gateway --internet-gateway-id "$1" --vpc-id "$2"
  aws ec2 delete-internet-gateway --internet-gateway-id "$1"
}

# add_route TABLE BLOCK TARGET-OPTION TARGET
add_route() {
  aws ec2 create-route --route-table-id "$1" --destination-cidr-block "$2" "$3" "$4" >/dev/null
}

# route_of TABLE BLOCK: the route's targets and state.
route_of() {
  aws ec2 describe-route-tables --route-table-ids "$1" --output text --query \
    "RouteTables[0].Routes[?DestinationCidrBlock=='$2'].[GatewayId || NatGatewayId || TransitGatewayId || VpcPeeringConnectionId || NetworkInterfaceId,State]" |
    tr '\t' ' '
}

# new_instance SUBNET GROUP NAME [OPTION…]: prints the id of a new instance.
new_instance() {
  local subnet=$1 group=$2 name=$3
  shift 3
  aws ec2 run-instances --image-id "$AMZNLINUXAMI" \
    --instance-type t3.nano --count 1 --subnet-id "$subnet" --security-group-ids "$group" \
    --tag-specifications "ResourceType=instance,Tags=[{Key=Name,Value=$name}]" "$@" \
    --output text --query 'Instances[0].InstanceId'
}

# of_instance ID QUERY
of_instance() {
  aws ec2 describe-instances --instance-ids "$1" --output text --query "Reservations[0].Instances[0].$2"
}

_has_registered() {
  aws ssm describe-instance-information --filters Key=ResourceType,Values=EC2Instance \
    --query "InstanceInformationList[].InstanceId" --output text | grep -qw -- "$1"
}

# wait_for_instances ID…: until each of them runs and has registered with Systems Manager.
wait_for_instances() {
  local instance
  for instance in "$@"; do
    wait_until_eq "$instance to run" running of_instance "$instance" State.Name
    wait_until "$instance to register" _has_registered "$instance"
  done
}

# terminate ID…: and waits for the end.
terminate() {
  local instance
  aws ec2 terminate-instances --instance-ids "$@" >/dev/null
  for instance in "$@"; do
    wait_until_eq "$instance to end" terminated of_instance "$instance" State.Name
  done
}

# delete_vpc VPC [subnet-… rtb-… sg-…]: deletes these parts, in this order, and the VPC.
delete_vpc() {
  local vpc=$1 part
  shift
  for part in "$@"; do
    case $part in
      subnet-*) aws ec2 delete-subnet --subnet-id "$part" ;;
      rtb-*) aws ec2 delete-route-table --route-table-id "$part" ;;
      sg-*) aws ec2 delete-security-group --group-id "$part" >/dev/null ;;
      *) fail "what $part is" ;;
    esac
  done
  aws ec2 delete-vpc --vpc-id "$vpc"
}

# new_host NAME ADDRESS: declares a host of the simulated internet.
new_host() {
  "$BRUME_BIN" internet add "$1" "$2" >/dev/null
}

# expect_ping INSTANCE DESTINATION: four requests, four answers, as the book's output has them; prints it.
expect_ping() {
  local output code=0
  output=$(in_instance "$1" "ping -c 4 -i 0.2 $2" 2>&1) || code=$?
  expect_eq "ping of $2 from $1 ($output)" 0 "$code"
  expect_match "ping of $2 from $1" '4 packets transmitted, 4 received, 0% packet loss' "$output"
  PINGED=$output
}

# expect_no_ping INSTANCE DESTINATION: no request is answered, and nothing tells why.
expect_no_ping() {
  local output code=0
  output=$(in_instance "$1" "ping -c 2 -i 0.2 -W $SILENCE_SECS $2" 2>&1) || code=$?
  expect_match "ping of $2 from $1" '2 packets transmitted, 0 received, 100% packet loss' "$output"
  expect_eq "ping of $2 from $1" 1 "$code"
}

# address_seen: of what a host's /whoami answers (on standard input), the address that the request came from.
address_seen() {
  python3 -c 'import json, sys; print(json.load(sys.stdin)["address"])'
}

# source_seen INSTANCE HOST-ADDRESS: the address that a request of the instance comes from, as the host sees it.
source_seen() {
  in_instance "$1" "curl --silent --max-time 5 http://$2/whoami" | address_seen
}

# workstation_connects ADDRESS PORT: whether this machine can make a connection; 1 only when nothing answers.
workstation_connects() {
  local code=0
  python3 - "$1" "$2" "$SILENCE_SECS" <<'PYTHON' || code=$?
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])).close()
except TimeoutError:
    sys.exit(1)
except OSError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
PYTHON
  ((code < 2)) || fail "a connection of the workstation to $1 port $2"
  return "$code"
}

# workstation_get ADDRESS: what an instance's web server answers this machine.
workstation_get() {
  curl --silent --show-error --max-time 5 "http://$1/"
}

# expect_workstation_silence ADDRESS: a request of this machine times out, and is neither answered nor refused.
expect_workstation_silence() {
  if workstation_connects "$1" 80; then fail "the workstation reaches $1 port 80"; fi
}

# resolve NAME: the address that the internet's DNS server tells this machine.
resolve() {
  python3 - "$1" <<'PYTHON'
import socket, struct, sys
A, IN, RECURSION_DESIRED = 1, 1, 0x0100
name = b"".join(bytes([len(label)]) + label.encode() for label in sys.argv[1].split(".")) + b"\0"
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
    asker.settimeout(5)
    asker.sendto(struct.pack("!6H", 7, RECURSION_DESIRED, 1, 0, 0, 0) + name + struct.pack("!2H", A, IN), ("192.0.2.53", 53))
    answer = asker.recv(512)
if struct.unpack_from("!H", answer, 6)[0] != 1:
    sys.exit(f"the answer for {sys.argv[1]} has not one record: {answer.hex()}")
# The answer's only record ends with the address.
print(socket.inet_ntoa(answer[len(answer) - 4 :]))
PYTHON
}

# copy_aws_cli INSTANCE: copies the stock AWS CLI into an instance, as Amazon Linux has it. The instance has the programs of
# this machine's /usr, and needs a python3 there; of the models of services, those of S3 and STS go along.
copy_aws_cli() {
  local packages
  in_instance "$1" 'python3 -c "import sys; sys.exit(sys.version_info < (3, 9))"' ||
    skip 'instances have no python3 for the AWS CLI (Debian: apt install python3)'
  packages=$("$BRUME_PYTHON_BIN/python3" -c 'import awscli, os; print(os.path.dirname(os.path.dirname(awscli.__file__)))')
  (
    cd "$packages"
    find awscli botocore colorama dateutil docutils jmespath pyasn1 rsa s3transfer six.py urllib3 yaml -type f \
      ! -path '*/__pycache__/*' ! -path 'awscli/examples/*' \
      \( ! -path 'botocore/data/*/*' -o -path 'botocore/data/s3/*' -o -path 'botocore/data/sts/*' \) -print0 |
      tar --create --null --files-from=-
  ) | "$BRUME_BIN" exec "$1" -- sh -c '
    mkdir -p /opt/aws && tar --extract --no-same-owner --directory /opt/aws &&
    printf "#!/bin/sh\nPYTHONPATH=/opt/aws exec python3 -m awscli \"\$@\"\n" >/usr/local/bin/aws &&
    chmod 755 /usr/local/bin/aws && aws --version' >/dev/null || fail "the AWS CLI cannot be copied into $1"
}
