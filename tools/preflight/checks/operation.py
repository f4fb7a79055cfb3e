"""The key that records lie under, and the topic that alarms go to."""

from preflight.check import Check, Wrong


def key(plan, account):
    """The key's state, use and kind."""
    arn = plan["KmsKeyArn"]
    answer = account.call("kms", "describe_key", absent={"NotFoundException"}, KeyId=arn)
    if not answer:
        raise Wrong(f"there is no key {arn}: name a key of {plan.region}, or none for AWS's own")
    found = answer["KeyMetadata"]
    if found["KeyState"] != "Enabled":
        raise Wrong(f"{arn} is {found['KeyState']}: aws kms enable-key --key-id {arn}, or name another key")
    kind, use = found.get("KeySpec", "SYMMETRIC_DEFAULT"), found.get("KeyUsage", "ENCRYPT_DECRYPT")
    if (kind, use) != ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"):
        raise Wrong(f"{arn} is {kind} for {use}: name a symmetric key that encrypts and decrypts")
    return f"{found['KeyId']} is enabled"


def topic(plan, account):
    """The topic's existence, and whether CloudWatch may encrypt for it."""
    arn = plan["AlarmTopicArn"]
    found = account.call("sns", "get_topic_attributes", absent={"NotFound", "NotFoundException"}, TopicArn=arn)
    if not found:
        raise Wrong(f"there is no topic {arn}: aws sns list-topics lists those there are")
    if found["Attributes"].get("KmsMasterKeyId", "").endswith("alias/aws/sns"):
        raise Wrong(f"{arn} is encrypted with AWS's own key, which CloudWatch may not use: alarms would not arrive. Take a topic "
                    "without it, or with a key whose policy admits cloudwatch.amazonaws.com")
    return f"{arn.rsplit(':', 1)[1]} is there"


CHECKS = [
    Check("key", key, lambda plan: plan["KmsKeyArn"]),
    Check("topic for alarms", topic, lambda plan: plan["AlarmTopicArn"]),
]
