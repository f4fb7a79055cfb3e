"""Makes schemathesis's valid requests follow the rules that the document states in words, as no schema can express them.

Requests that should be refused, and responses, stay unchanged.
"""

import base64
import json
from datetime import datetime

import jsonschema_rs
import schemathesis

BINARY = "application/vnd.kafka.binary.v2+json"


@schemathesis.hook
def before_call(context, case, kwargs):
    if not case.meta.generation.mode.is_positive:
        return
    if "partition" in case.path_parameters:
        # Which partitions there are is Kafka's to say: one that is not there is a 503, or a 404 where it is asked for.
        case.path_parameters["partition"] = 0
    if str((case.query or {}).get("offset", "")).isdigit():
        # Which offsets there are is Kafka's to say as well.
        case.query["offset"] = 0
    if case.path.endswith("/records:batch"):
        # Ids tell entries apart.
        entries = case.body["entries"]
        case.body["entries"] = list({entry["id"]: entry for entry in entries}.values())
    if case.method == "POST" and case.path.startswith("/topics/"):
        keep_kind(case)
    if case.method in ("POST", "PUT") and case.path.startswith("/streams/"):
        keep_stream(case)


def keep_kind(case):
    document = case.operation.schema.raw_schema
    records = case.body["records"]
    for record in records:
        if record.get("partition") is not None:
            record["partition"] = 0
        for header in record.get("headers") or []:
            # Null is for topics that are passed through.
            header["value"] = encoded(header.get("value") or "")
    if case.media_type == BINARY:
        # No generator writes what base64 has to hold: a row's JSON.
        for record in records:
            row = document["components"]["examples"]["geo"]["value"]["records"][0]["value"]
            record["value"] = encoded(json.dumps(row))
            if record.get("key") is not None:
                record["key"] = encoded(record["key"])
        kind = "geo"
    else:
        # A request has one topic, so its records are of one kind, and which topics take a kind is in their names.
        kind = kind_of(document, records[0]["value"])
        case.body["records"] = [record for record in records if kind_of(document, record["value"]) == kind]
        for row in [row for record in case.body["records"] for row in rows(record["value"])]:
            mend(document, kind, row)
    user_id = case.path_parameters["topic"].rsplit(".", 1)[0]
    case.path_parameters["topic"] = f"{user_id}.{kind}"


def keep_stream(case):
    document = case.operation.schema.raw_schema
    records = case.body.get("Records", [case.body])
    for record in records:
        if isinstance(record["Data"], str):
            # No generator writes what the text has to hold: a row's JSON.
            row = document["components"]["examples"]["geo"]["value"]["records"][0]["value"]
            record["Data"] = json.dumps(row)
    data = lambda record: json.loads(record["Data"]) if isinstance(record["Data"], str) else record["Data"]
    kind = kind_of(document, data(records[0]))
    kept = [record for record in records if kind_of(document, data(record)) == kind]
    for record in kept:
        if not isinstance(record["Data"], str):
            for row in rows(record["Data"]):
                mend(document, kind, row)
    if "Records" in case.body:
        case.body["Records"] = kept
    if "stream" in (case.path_parameters or {}):
        case.path_parameters["stream"] = of_kind(case.path_parameters["stream"], kind)
    else:
        # No schema can express that the query or the body has to name the stream.
        streams = document["components"]["parameters"]["stream_name"]["schema"]["enum"]
        case.query = {**(case.query or {}), "stream-name": of_kind((case.query or {}).get("stream-name", streams[0]), kind)}


def of_kind(stream, kind):
    return f"{stream.rsplit('-', 1)[0]}-{kind}"


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def kind_of(document, value):
    """The first kind whose row the value is, or of which it is a list."""
    for kind in ("pin", "geo", "user"):
        if all(validator(document, kind.capitalize()).is_valid(row) for row in rows(value)):
            return kind
    raise ValueError(f"of no kind: {value}")


def rows(value):
    return value if isinstance(value, list) else [value]


def validator(document, schema, known={}):
    if schema not in known:
        of = {"components": document["components"], "$ref": f"#/components/schemas/{schema}"}
        known[schema] = jsonschema_rs.Draft202012Validator(of)
    return known[schema]


def mend(document, kind, row):
    schemas = document["components"]["schemas"]
    for name, schema in schemas[kind.capitalize()]["properties"].items():
        if name not in row:
            continue
        schema = schemas["JoinKey"] if "$ref" in schema else schema
        if "maximum" in schema and isinstance(row[name], str):
            row[name] = number(schema, row[name])
        elif "anyOf" in schema:
            row[name] = date(row[name])
    if "index" in row and "ind" in row:
        # Both or one of them, but not two that differ.
        row["ind"] = row["index"]


def number(schema, text):
    """A number in a string has the bounds of one that is in none."""
    whole = "integer" in schema["type"]
    kept = schema["minimum"] <= float(text) <= schema["maximum"] and (not whole or float(text).is_integer())
    return text if kept else str(schema["minimum"])


def date(value):
    """A date is one of the calendar's."""
    if isinstance(value, dict):
        return {"$date": date(value["$date"])} if isinstance(value["$date"], str) else value
    if value is None:
        return value
    for form in ("%Y-%m-%d", "%Y:%m:%d", "%m/%d/%Y"):
        try:
            datetime.strptime(value[:10], form)
            return value
        except ValueError:
            pass
    return "2020-08-28 03:52:47" + value[19:]
