"""Facts about AWS that no API reports, and names that its APIs take."""

from dataclasses import dataclass

# MSK makes no broker in a zone with one of these ids: https://docs.aws.amazon.com/msk/latest/developerguide/create-cluster.html
ZONES_WITHOUT_MSK = frozenset({"use1-az3"})

# https://docs.aws.amazon.com/msk/latest/developerguide/serverless.html. Regions are added without notice.
REGIONS_WITH_MSK_SERVERLESS = frozenset({
    "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1",
    "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "us-east-1", "us-east-2", "us-west-2",
})

# Serverless clusters of an account in a region. Service Quotas does not list it:
# https://docs.aws.amazon.com/msk/latest/developerguide/limits.html
SERVERLESS_CLUSTERS = 10

# Lambda keeps this many environments for functions that reserve none. A smaller account keeps all that it has.
UNRESERVED_CONCURRENCY = 100

# Resources are named after the stack, and a stack's name of more characters makes one of their names too long.
STACK_NAME_LENGTH = 53

# A subnet's addresses that a deployment may take: a broker, Lambda's network interface, the database, a connector's worker.
ADDRESSES_PER_SUBNET = 4

# The regions that are always enabled and that know all others, by partition.
HOME_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}


@dataclass(frozen=True)
class Quota:
    """A quota of Service Quotas, with the value that AWS gives a new account."""

    service: str
    code: str
    default: int
    unit: str


# https://docs.aws.amazon.com/general/latest/gr/msk.html and https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
BROKERS = Quota("kafka", "L-EDD31C36", 90, "brokers")
CONFIGURATIONS = Quota("kafka", "L-B2FDE22A", 100, "MSK configurations")
VPCS = Quota("vpc", "L-F678F1CE", 5, "VPCs")
GATEWAY_ENDPOINTS = Quota("vpc", "L-1B52E74A", 20, "gateway endpoints")
