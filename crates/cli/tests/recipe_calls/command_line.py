"""The stock command line in accounts of a cloud, and what is expected of its answers.

The command line is started once for an account, and forked for each command: starting takes it longer than the call does.
"""

import contextlib
import gc
import io
import json
import os
import re
import shlex
import subprocess
import sys
import time
import traceback

import awscli.clidriver
import boto3

REGION = os.environ["AWS_REGION"]

# The command line's models of services, read once for all recipes.
MODELS = awscli.clidriver.create_clidriver().session.get_component("data_loader")
for service in ("ec2", "sts"):
    MODELS.load_service_model(service, "service-2")
    MODELS.load_service_model(service, "endpoint-rule-set-1")


class CommandFailed(Exception):
    """A command ended with an error; says what it printed."""


class Account:
    """The stock command line with the keys of one account."""

    def start(self, name):
        """Makes an account, and starts the command line with its keys."""
        command = [os.environ["BRUME_BIN"], "account", "create", "--name", name, "--json"]
        made = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        self.id = made["account"]
        os.environ["AWS_ACCESS_KEY_ID"] = made["access_key_id"]
        os.environ["AWS_SECRET_ACCESS_KEY"] = made["secret_access_key"]
        keys = {"aws_access_key_id": made["access_key_id"], "aws_secret_access_key": made["secret_access_key"]}
        self.sdk = boto3.Session(**keys)
        self.clients = {}
        # The command line reads the keys with its first command, and keeps them.
        self.driver = awscli.clidriver.create_clidriver()
        self.driver.session.register_component("data_loader", MODELS)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            assert self.driver.main(["sts", "get-caller-identity", "--output", "json"]) == 0
            assert self.driver.main(["ec2", "describe-regions", "--output", "json"]) == 0
        assert self.id in printed.getvalue()
        # What is not looked at is not copied for each command.
        gc.freeze()
        return self

    def client(self, service, region):
        """The stock Python SDK, for what is not the recipe's."""
        if (service, region) not in self.clients:
            self.clients[service, region] = self.sdk.client(service, region_name=region)
        return self.clients[service, region]

    def __call__(self, command):
        """Runs `aws COMMAND`: what it printed, as text where that is asked for, and else read from JSON."""
        arguments = shlex.split(command)
        code, printed, told = forked(lambda: self.driver.main(arguments))
        if code != 0:
            raise CommandFailed(f"aws {command}\n{told}{printed}")
        if "text" in arguments:
            return printed.strip()
        return json.loads(printed) if printed.strip() else None

    def refused(self, code, command):
        try:
            self(command)
        except CommandFailed as failure:
            assert f"({code})" in str(failure), f"{code} is not in: {failure}"
        else:
            raise AssertionError(f"not refused with {code}: {command}")


def forked(run):
    """Runs a function in a process of its own: its code, and what it wrote to standard output and standard error."""
    sys.stdout.flush()
    with open(os.memfd_create("stdout"), "rb") as out, open(os.memfd_create("stderr"), "rb") as error:
        child = os.fork()
        if child == 0:
            gc.disable()
            code = 255
            try:
                os.dup2(out.fileno(), 1)
                os.dup2(error.fileno(), 2)
                sys.stdout, sys.stderr = open(1, "w"), open(2, "w")
                code = run()
            except SystemExit as exit:
                code = exit.code
            except BaseException:
                traceback.print_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        error.seek(0)
        return code, out.read().decode(), error.read().decode()


def new_account(name):
    return Account().start(name)


# The account of the recipe.
aws = Account()


def until(expected, read):
    """For states, as the recipes say: repeat the command until it prints this."""
    deadline = time.monotonic() + 30
    while (found := read()) != expected:
        assert time.monotonic() < deadline, f"{found} does not become {expected}"
        time.sleep(0.05)


def equal(found, expected):
    assert found == expected, f"{found} is not {expected}"


def like(pattern, text):
    assert re.fullmatch(pattern, text), f"{text} is not like {pattern}"
    return text


def has(answer, names):
    """The members that AWS prints, no more and no less."""
    equal(sorted(answer), sorted(names.split()))
    return answer


def has_at_least(answer, names):
    """The members that AWS prints; newer ones may have come since."""
    missing = set(names.split()) - set(answer)
    assert not missing, f"{sorted(missing)} are not in {answer}"


def same(found, expected):
    """Equal but for the order, which AWS leaves open."""
    equal(sorted(found, key=str), sorted(expected, key=str))


def routes(table, by=aws, extra=""):
    """Destination, target and state of each route but the local one."""
    found = by(f"ec2 describe-route-tables --route-table-ids {table} --query 'RouteTables[0].Routes' {extra}")
    shown = []
    for route in found:
        destination = next(route[name] for name in DESTINATIONS if name in route)
        target = next(route[name] for name in TARGETS if name in route)
        if target != "local":
            shown.append((destination, target, route["State"]))
    return shown


DESTINATIONS = ["DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"]
TARGETS = [
    "InstanceId",
    "NatGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "EgressOnlyInternetGatewayId",
    "NetworkInterfaceId",
    "GatewayId",
]


def peer(requester, by, accepter, accepted_by, where=""):
    """Asks, accepts, and waits until both see an active connection."""
    made = by(
        f"ec2 create-vpc-peering-connection --vpc-id {requester} --peer-vpc-id {accepter}"
        f" --query VpcPeeringConnection.VpcPeeringConnectionId --output text {where}"
    )
    region = where.partition("--peer-region")[2].strip()
    extra = f"--region {region}" if region else ""
    accepted_by(f"ec2 wait vpc-peering-connection-exists --vpc-peering-connection-ids {made} {extra}")
    accepted = accepted_by(f"ec2 accept-vpc-peering-connection --vpc-peering-connection-id {made} {extra}")
    has_at_least(
        accepted["VpcPeeringConnection"],
        "AccepterVpcInfo RequesterVpcInfo Status Tags VpcPeeringConnectionId",
    )
    status = f"ec2 describe-vpc-peering-connections --vpc-peering-connection-ids {made} --output text"
    query = "--query 'VpcPeeringConnections[0].Status.Code'"
    until("active", lambda: by(f"{status} {query}"))
    until("active", lambda: accepted_by(f"{status} {query} {extra}"))
    return made
