"""AWS on this machine: moto's server behind a front that does what moto's CloudFormation cannot.

moto knows no transform. The front gives it the template as `AWS::LanguageExtensions` and SAM leave it, made by AWS's own code of the
template in the bucket and the parameters that came, or refuses these by the template's patterns and rules, which moto does not read. It
also keeps each call to CloudFormation, since moto forgets the capabilities.
"""

import io
import json
import pathlib
import tempfile
import threading
import urllib.parse
import urllib.request
import warnings
import xml.sax.saxutils

import boto3
import werkzeug.serving
from samcli.lib.bootstrap.bootstrap import _get_stack_template
from samcli.yamlhelper import yaml_parse

import conditions
import stacks

with warnings.catch_warnings():
    # It warns of a package that this does not use.
    warnings.simplefilter("ignore")
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


class Cloud:
    """A server of its own for each `with`, on a free port."""

    def __enter__(self):
        self.asked = []
        moto = DomainDispatcherApplication(create_backend_app)
        quiet = type("Quiet", (werkzeug.serving.WSGIRequestHandler,), {"log": lambda *_: None})
        # moto reads a template's address as one of S3's, with the bucket in the path, where the host is `localhost`.
        self.server = werkzeug.serving.make_server("localhost", 0, self.front(moto), threaded=True, request_handler=quiet)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://localhost:{self.server.server_port}"
        # What moto keeps, it keeps for the whole process.
        urllib.request.urlopen(urllib.request.Request(f"{self.address}/moto-api/reset", method="POST")).close()
        self.managed_bucket()
        return self

    def __exit__(self, *_):
        self.server.shutdown()

    def environment(self):
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": self.address, "AWS_REGION": stacks.REGION, "AWS_DEFAULT_REGION": stacks.REGION}

    def client(self, service):
        keys = {name.lower(): value for name, value in CREDENTIALS.items()}
        return boto3.client(service, endpoint_url=self.address, region_name=stacks.REGION, **keys)

    def managed_bucket(self):
        """SAM's own bucket. moto loses the outputs of a stack that is made by a change set, as SAM makes this one, and has no policies."""
        template = yaml_parse(_get_stack_template())
        template["Resources"] = {name: one for name, one in template["Resources"].items() if one["Type"] == "AWS::S3::Bucket"}
        tags = [{"Key": "ManagedStackSource", "Value": "AwsSamCli"}]
        made = {"StackName": "aws-sam-cli-managed-default", "TemplateBody": json.dumps(template, default=str), "Tags": tags}
        self.client("cloudformation").create_stack(**made)
        self.asked.clear()

    def object(self, bucket, key):
        return self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()

    def front(self, moto):
        def call(environ, respond):
            if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
                body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
                form = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
                self.asked.append(form)
                if form["Action"] == "CreateChangeSet":
                    bucket, key = urllib.parse.urlsplit(form.pop("TemplateURL")).path[1:].split("/", 1)
                    try:
                        form["TemplateBody"] = json.dumps(transformed(self.object(bucket, key), parameters(form)))
                    except ValueError as error:
                        return refused(respond, error)
                    body = urllib.parse.urlencode(form).encode()
                environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
            return moto(environ, respond)

        return call


def transformed(template, given):
    """The template that CloudFormation makes of the one in the bucket, or the sentence by which it refuses a parameter."""
    template = yaml_parse(template.decode())
    values = {name: str(given.get(name, one.get("Default", ""))) for name, one in template["Parameters"].items()}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "template.json")
        path.write_text(json.dumps(template, default=str))
        (case,) = stacks.translated([{"label": "Parameters", "values": values}], path)
    sentences = conditions.refusals(template, values)
    if sentences:
        raise ValueError("; ".join(sentences))
    return case["template"]


def refused(respond, error):
    sentence = xml.sax.saxutils.escape(str(error))
    error = f"<Error><Type>Sender</Type><Code>ValidationError</Code><Message>{sentence}</Message></Error>"
    respond("400 Bad Request", [("Content-Type", "text/xml")])
    return [f"<ErrorResponse>{error}</ErrorResponse>".encode()]


def members(form, name, *fields):
    """The members of a list in a call, in its order."""
    at = 1
    while any(key.startswith(f"{name}.member.{at}") for key in form):
        yield tuple(form[f"{name}.member.{at}.{field}"] for field in fields) if fields else form[f"{name}.member.{at}"]
        at += 1


def parameters(form):
    """The parameters of a change set, as they arrived."""
    return dict(members(form, "Parameters", "ParameterKey", "ParameterValue"))
