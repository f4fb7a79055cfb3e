"""A cluster that is made: Kafka's version, the brokers' type, and quotas."""

from preflight.check import Check, Unsure, Wrong, fits
from preflight.checks.network import zones_of
from preflight.facts import BROKERS, CONFIGURATIONS, REGIONS_WITH_MSK_SERVERLESS, SERVERLESS_CLUSTERS


def version(plan, account):
    """Kafka's version. Whether the type runs it is one of the template's rules."""
    wanted = plan["KafkaVersion"]
    offered = {one["Version"]: one["Status"] for one in account.pages("kafka", "list_kafka_versions", "KafkaVersions")}
    active = [name for name, status in offered.items() if status == "ACTIVE"]
    if wanted not in offered:
        raise Wrong(f"MSK does not offer {wanted} in {plan.region}: set KafkaVersion to one of "
                    f"{plan.admitted('KafkaVersion', active)}")
    if wanted not in active:
        raise Wrong(f"MSK makes no new cluster of {wanted}, which is {offered[wanted]}: set KafkaVersion to one of "
                    f"{plan.admitted('KafkaVersion', active)}")
    return f"MSK offers {wanted}"


def broker_type(plan, account):
    """The brokers' type. MSK does not list its types, but each is one of EC2's."""
    kind = plan["BrokerType"].removeprefix("kafka.")
    offers = account.pages("ec2", "describe_instance_type_offerings", "InstanceTypeOfferings",
                           LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [kind]}])
    if not offers:
        raise Wrong(f"{plan.region} has no {kind}: set another BrokerType")
    offering = {one["Location"] for one in offers}
    chosen = [one for one in plan["AvailabilityZones"].split(",") if one]
    lacking = [one for one in chosen if one in zones_of(account) and one not in offering]
    if lacking:
        raise Wrong(f"{', '.join(lacking)} has no {kind}: set another BrokerType, or zones among {', '.join(sorted(offering))}")
    return f"EC2 has {kind} in {', '.join(sorted(offering))}; MSK does not list what it has"


def clusters(account):
    """Returns the account's clusters in the region."""
    return account.pages("kafka", "list_clusters_v2", "ClusterInfoList")


def brokers(plan, account):
    """The quota of brokers."""
    used = sum(one.get("Provisioned", {}).get("NumberOfBrokerNodes", 0) for one in clusters(account))
    return fits(BROKERS, account.quota(BROKERS), used, int(plan["BrokerCount"]))


def configurations(_plan, account):
    """The quota of MSK's configurations."""
    used = account.pages("kafka", "list_configurations", "Configurations")
    return fits(CONFIGURATIONS, account.quota(CONFIGURATIONS), len(used), 1)


def serverless(plan, account):
    """MSK Serverless: whether the region has it, and its quota."""
    used = [one for one in clusters(account) if one["ClusterType"] == "SERVERLESS"]
    if len(used) >= SERVERLESS_CLUSTERS:
        raise Wrong(f"{len(used)} of {SERVERLESS_CLUSTERS} serverless clusters are in use: delete one, or ask AWS Support for more")
    if plan.region not in REGIONS_WITH_MSK_SERVERLESS:
        raise Unsure(f"{plan.region} is not among the regions that AWS names for MSK Serverless, which are "
                     f"{', '.join(sorted(REGIONS_WITH_MSK_SERVERLESS))}, and no API lists them")
    return f"AWS names {plan.region} for it; {len(used)} of {SERVERLESS_CLUSTERS} clusters are in use"


CHECKS = [
    Check("version of Kafka", version, lambda plan: plan.adds("ProvisionedCluster")),
    Check("type of the brokers", broker_type, lambda plan: plan.makes("ProvisionedCluster")),
    Check("quota of brokers", brokers, lambda plan: plan.adds("ProvisionedCluster")),
    Check("quota of configurations", configurations, lambda plan: plan.adds("ClusterConfiguration")),
    Check("MSK Serverless", serverless, lambda plan: plan.adds("ServerlessCluster")),
]
