"""The EC2 calls of recipes and articles, as printed and in their order, by the stock AWS CLI; no packet is looked at.

Takes the names of functions to run, or nothing for all of them. The cloud is the one of the environment, and BRUME_BIN is
the command that makes accounts. Prints a line for each recipe, and fails when one has an answer that is not as it needs it.

The recipes are 1.3, 1.4, 1.8, 1.10 and 1.11 of the AWS Cookbook (early release), the articles those of the AWS blogs on
ingress routing (B1), evolving VPC design (B3), domain join over peering (B9) and central DNS (B14). Every query and output
format is the printed one; where the text has lost a command or is a walk through the console, the command is given back
from the prose around it.

What stands in for something else, because the service is not built or not a call of EC2:
- CloudFormation and the CDK: what their stacks have is made with the stock Python SDK.
- Session Manager, and looking for an instance in Systems Manager: left out, recipe 1.5 sends commands.
- Elastic Load Balancing (B3): an ARN of the right form stands for the load balancer behind an endpoint service.
- Direct Connect and Resource Access Manager (B3), Directory Service (B9, B14) and Route 53 (B14): left out.
- AWS Organizations (B3, B9): accounts are made by `brume account create`, so that nothing can be shared within one.
- curl and ping: left out.
"""

import multiprocessing
import sys
import time
import traceback

import articles
import cookbook
from command_line import aws

# How many recipes run beside each other, each in an account of its own.
AT_ONCE = 3

RECIPES = [
    cookbook.recipe_1_3,
    cookbook.recipe_1_4,
    cookbook.recipe_1_8,
    cookbook.recipe_1_10,
    cookbook.recipe_1_11,
    articles.article_b1,
    articles.article_b3_private_subnets,
    articles.article_b3_data_center,
    articles.article_b3_endpoints,
    articles.article_b9,
    articles.article_b14,
]


def run(recipe):
    """One recipe in a process of its own: whether it went well, and what it has to say."""
    name, started = recipe.__name__, time.monotonic()
    try:
        aws.start(name)
        recipe()
    except Exception:
        return False, f"{name}:\n{traceback.format_exc()}"
    return True, f"{name}: {time.monotonic() - started:.1f} s"


def main():
    wanted = [recipe for recipe in RECIPES if recipe.__name__ in sys.argv[1:]] or RECIPES
    with multiprocessing.get_context("fork").Pool(AT_ONCE, maxtasksperchild=1) as pool:
        results = pool.map(run, wanted, chunksize=1)
    for _, told in results:
        print(told)
    sys.exit(not all(went_well for went_well, _ in results))


main()
