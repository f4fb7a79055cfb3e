"""The plugin of MSK Connect."""

from preflight.check import Check, Wrong


def plugin(plan, account):
    """The plugin's state and revision."""
    arn, revision = plan["ConnectPluginArn"], int(plan["ConnectPluginRevision"])
    found = account.call("kafkaconnect", "describe_custom_plugin", absent={"NotFoundException"}, customPluginArn=arn)
    if not found:
        raise Wrong(f"there is no plugin {arn}: aws kafkaconnect list-custom-plugins lists those there are")
    if found["customPluginState"] != "ACTIVE":
        raise Wrong(f"{found['name']} is {found['customPluginState']}: name a plugin that is ACTIVE")
    latest = found["latestRevision"]["revision"]
    if revision > latest:
        raise Wrong(f'{found["name"]} has no revision {revision}: set "ConnectPluginRevision={latest}"')
    return f"{found['name']} is ACTIVE and has revision {revision}"


CHECKS = [Check("plugin of MSK Connect", plugin, lambda plan: plan["Archive"] == "msk-connect" and plan["ConnectPluginArn"])]
