"""Names of topics and streams that the template's patterns accept, and that SAM, a function or Kafka refuses."""

# The endings of a user id's topics.
KINDS = ("pin", "geo", "user")


def faults(user_ids, pass_through, shared_streams):
    """Yields a sentence for each user id, each pass-through topic and each shared stream that is refused."""
    yield from _user_ids(user_ids)
    yield from _pass_through(pass_through, [f"{user_id}.{kind}" for user_id in user_ids for kind in KINDS])
    yield from _shared_streams(shared_streams, user_ids)


def _user_ids(user_ids):
    earlier = {}
    for position, user_id in enumerate(user_ids):
        # CloudFormation takes only letters and digits of each user id into the name of a resource, and Glue no capital letters.
        first, other = earlier.setdefault(user_id.replace("-", "").replace("_", "").lower(), (position, user_id))
        if position != first:
            same = f"`{user_id}` is given twice" if other == user_id else f"`{other}` and `{user_id}` differ only in case, - and _"
            yield f"UserIds: {same}, and `sam build` or Glue refuses it: user ids have to differ in letters or digits"


def _pass_through(names, validated):
    # Kafka refuses a topic that differs from another only in these two: its metrics' names have _ for both.
    earlier = {name.replace(".", "_"): name for name in validated}
    for name in names:
        key = name.replace(".", "_")
        other = earlier.get(key)
        if name in (".", ".."):
            problem = "Kafka has no such topic: choose another name"
        elif name.startswith("__"):
            problem = "topics that begin with __ are Kafka's own: choose another name"
        elif name in validated:
            problem = "it is a user id's topic, whose records are validated: leave it out"
        elif name == other:
            problem = "it is given twice: leave one out"
        elif other:
            problem = f"Kafka refuses a topic that differs from `{other}` only in . and _: choose another name"
        else:
            earlier[key] = name
            continue
        yield f"PassThroughTopics: `{name}`: {problem}"


def _shared_streams(streams, user_ids):
    names = set()
    for stream in streams:
        name, user_id = stream.split("=", 1)
        if name.startswith("streaming-"):
            problem = "the streams of single topics begin with streaming-: choose another name"
        elif name in ("record", "records"):
            problem = "the path /streams/" + name + " is another one: choose another name"
        elif user_id not in user_ids:
            problem = f"`{user_id}` is not one of UserIds"
        elif name in names:
            problem = "it is given twice: leave one out"
        else:
            names.add(name)
            continue
        yield f"SharedStreams: `{name}`: {problem}"
