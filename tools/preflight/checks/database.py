"""The database: one that is made by RDS, or one that exists and is logged in to."""

from preflight.check import Check, Wrong

ENGINE = "mysql"


def version(plan, account):
    """MySQL's version and the class, together."""
    wanted, kind = plan["DatabaseVersion"], plan["DatabaseClass"]
    versions = account.pages("rds", "describe_db_engine_versions", "DBEngineVersions", absent={"InvalidParameterValue"},
                             Engine=ENGINE, EngineVersion=wanted)
    if not versions:
        offered = account.pages("rds", "describe_db_engine_versions", "DBEngineVersions", Engine=ENGINE)
        fit = plan.admitted("DatabaseVersion", [one["EngineVersion"] for one in offered])
        raise Wrong(f"RDS does not offer MySQL {wanted} in {plan.region}: set DatabaseVersion to one of {fit}")
    options = account.pages("rds", "describe_orderable_db_instance_options", "OrderableDBInstanceOptions",
                            absent={"InvalidParameterValue", "InvalidParameterCombination"}, Engine=ENGINE,
                            EngineVersion=versions[-1]["EngineVersion"], DBInstanceClass=kind, Vpc=True)
    if not options:
        raise Wrong(f"RDS does not offer MySQL {wanted} on {kind} in {plan.region}: set another DatabaseClass")
    return f"RDS offers MySQL {wanted} on {kind}"


def instances(_plan, account):
    """The quota of databases, which RDS itself reports."""
    quotas = account.call("rds", "describe_account_attributes")["AccountQuotas"]
    quota = next((one for one in quotas if one["AccountQuotaName"] == "DBInstances"), None)
    if quota and quota["Used"] >= quota["Max"]:
        raise Wrong(f"{quota['Used']} of {quota['Max']} databases are in use: raise the quota L-7B6409FD of rds in Service Quotas")
    return f"{quota['Used']} of {quota['Max']} databases are in use" if quota else "RDS reports no quota"


def secret(plan, account):
    """The secret's existence and key; its value is never read."""
    arn = plan["DatabaseSecretArn"]
    found = account.call("secretsmanager", "describe_secret", absent={"ResourceNotFoundException"}, SecretId=arn)
    if not found:
        raise Wrong(f"there is no secret {arn}: aws secretsmanager list-secrets lists those there are")
    if "DeletedDate" in found:
        raise Wrong(f"{found['Name']} is being deleted: aws secretsmanager restore-secret --secret-id {found['Name']}")
    key = found.get("KmsKeyId", "")
    if key and not key.endswith("alias/aws/secretsmanager"):
        raise Wrong(f"{found['Name']} is under {key}, which the emulator may not use: make the secret under AWS's own key")
    return f"{found['Name']} is there"


def login(plan, account):
    """The log-in by IAM to a database that exists."""
    resource, user = plan["DatabaseUserArn"].split(":dbuser:")[1].split("/", 1)
    found = account.pages("rds", "describe_db_instances", "DBInstances", Filters=[{"Name": "dbi-resource-id", "Values": [resource]}])
    if not found:
        raise Wrong(f"RDS has no database with the resource id {resource} in {plan.region}: aws rds describe-db-instances "
                    "--query 'DBInstances[].[DBInstanceIdentifier,DbiResourceId]'")
    name = found[0]["DBInstanceIdentifier"]
    if not found[0].get("IAMDatabaseAuthenticationEnabled"):
        raise Wrong(f"{name} takes no log-in by IAM: aws rds modify-db-instance --db-instance-identifier {name} "
                    "--enable-iam-database-authentication --apply-immediately")
    return f"{name} takes log-ins by IAM, as {user} does"


CHECKS = [
    Check("version of MySQL", version, lambda plan: plan.adds("DatabaseInstance")),
    Check("quota of databases", instances, lambda plan: plan.adds("DatabaseInstance")),
    Check("secret of the database", secret, lambda plan: plan["DatabaseSecretArn"]),
    # An Aurora cluster's resource id is no instance's.
    Check("log-in to the database", login, lambda plan: ":dbuser:db-" in plan["DatabaseUserArn"]),
]
