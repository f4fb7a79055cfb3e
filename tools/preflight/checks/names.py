"""Names that the template gives its resources, and that may be taken already."""

from preflight.check import Check, taken


def added(plan, kind, name):
    """Returns the names that the deployment makes new resources of a type under."""
    return [value for resource, value in plan.properties(kind, name).items() if not plan.owns(resource)]


def free(names):
    """Returns names in words."""
    return f"{', '.join(names)} is free" if len(names) == 1 else f"{len(names)} names are free"


def adds(*kinds):
    """Returns a condition that holds where the deployment makes a new resource of one of the types."""
    def condition(plan):
        return any(plan.adds(name) for name, declared in plan.template["Resources"].items() if declared["Type"] in kinds)
    return condition


CLUSTERS = ("AWS::MSK::Cluster", "AWS::MSK::ServerlessCluster")


def clusters(plan, account):
    """Names of MSK's clusters."""
    names = [name for kind in CLUSTERS for name in added(plan, kind, "ClusterName")]
    for one in account.pages("kafka", "list_clusters_v2", "ClusterInfoList"):
        if one["ClusterName"] in names:
            taken(plan, "a cluster", one["ClusterName"], "choose another stack_name, or use it (Cluster=existing, "
                  f"ClusterArn={one['ClusterArn']})")
    return free(names)


def configurations(plan, account):
    """Names of MSK's configurations."""
    names = added(plan, "AWS::MSK::Configuration", "Name")
    for one in account.pages("kafka", "list_configurations", "Configurations"):
        if one["Name"] in names:
            taken(plan, "a configuration of MSK", one["Name"], f"aws kafka delete-configuration --arn {one['Arn']}, or choose "
                  "another stack_name")
    return free(names)


def workers(plan, account):
    """Names of MSK Connect's worker configurations."""
    names = added(plan, "AWS::KafkaConnect::WorkerConfiguration", "Name")
    for one in account.pages("kafkaconnect", "list_worker_configurations", "workerConfigurations"):
        if one["name"] in names:
            taken(plan, "a worker configuration", one["name"], "aws kafkaconnect delete-worker-configuration "
                  f"--worker-configuration-arn {one['workerConfigurationArn']}, or choose another stack_name")
    return free(names)


def log_groups(plan, account):
    """Names of log groups, which an earlier stack may have left behind."""
    names = added(plan, "AWS::Logs::LogGroup", "LogGroupName")
    # One question for each folder, not one for each name.
    for folder in sorted({name.rsplit("/", 1)[0] + "/" for name in names}):
        for one in account.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=folder):
            if one["logGroupName"] in names:
                taken(plan, "a log group", one["logGroupName"], "aws logs delete-log-group --log-group-name "
                      f"{one['logGroupName']}, or choose another stack_name")
    return free(names)


def work_group(plan, account):
    """The name of Athena's workgroup."""
    names = added(plan, "AWS::Athena::WorkGroup", "Name")
    for name in names:
        # Athena has no other code for a workgroup that is not there.
        found = account.call("athena", "get_work_group", absent={"InvalidRequestException"}, WorkGroup=name)
        if found and found.get("WorkGroup"):
            taken(plan, "a workgroup of Athena", name, "choose another stack_name")
    return free(names)


def catalog(plan, account):
    """Names of Glue's databases."""
    names = [one["Name"] for resource, one in plan.properties("AWS::Glue::Database", "DatabaseInput").items()
             if not plan.owns(resource)]
    for name in names:
        if account.call("glue", "get_database", absent={"EntityNotFoundException"}, Name=name):
            taken(plan, "a database of Glue", name, "choose another stack_name")
    return free(names)


def dashboard(plan, account):
    """The dashboard's name. One that exists would be refused, or would be overwritten."""
    names = added(plan, "AWS::CloudWatch::Dashboard", "DashboardName")
    for name in names:
        found = account.pages("cloudwatch", "list_dashboards", "DashboardEntries", DashboardNamePrefix=name)
        if name in (one["DashboardName"] for one in found):
            taken(plan, "a dashboard", name, f"aws cloudwatch delete-dashboards --dashboard-names {name}, or choose another "
                  "stack_name")
    return free(names)


CHECKS = [
    Check("name of the cluster", clusters, adds(*CLUSTERS)),
    Check("name of the configuration", configurations, adds("AWS::MSK::Configuration")),
    Check("name of the worker configuration", workers, adds("AWS::KafkaConnect::WorkerConfiguration")),
    Check("names of the log groups", log_groups, adds("AWS::Logs::LogGroup")),
    Check("name of Athena's workgroup", work_group, adds("AWS::Athena::WorkGroup")),
    Check("names of Glue's databases", catalog, adds("AWS::Glue::Database")),
    Check("name of the dashboard", dashboard, adds("AWS::CloudWatch::Dashboard")),
]
