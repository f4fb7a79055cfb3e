"""The documented commands by the pinned SAM CLI, with each profile, up to the change set: uploads, parameters, capabilities, quoting.
Each deployment is repeated from the folder of `make package`.

The compiler is replaced by one that writes the function's name, which tells whether each function is given its own code. `sam package`
alone is not among the commands: it takes no parameters, and so ends with an error of its own at a template that loops over one.
`sam deploy` packages.
"""

import copy
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

import tomlkit
from samcli.yamlhelper import yaml_parse

import choices
import cloud
import stacks

# In place of cargo-lambda, which SAM starts as `cargo lambda build` in a function's folder.
COMPILER = """#!/bin/sh
folder=../../target/lambda/$(basename "$PWD")
mkdir -p "$folder" && basename "$PWD" > "$folder/bootstrap"
"""

# The ids that `drop-in` asks for; docs/deploy.md has the commands that list them.
IDS = ("ClusterArn", "ClusterSecurityGroupId", "VpcId", "SubnetIds", "ConnectPluginArn")

UNNAMED_ROLES = {"CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"}


def rehearsed():
    """The sentences of what is wrong."""
    wrong = []
    for profile in stacks.profiles():
        started = time.monotonic()
        with Workspace(profile) as workspace:
            for sentence in PROFILES.get(profile, accepted)(workspace):
                wrong.append(f"profile {profile}: {sentence}")
        print(f"{time.monotonic() - started:6.1f} s  sam build, make package and sam deploy, profile {profile}", flush=True)
    return wrong


def default(workspace):
    yield from accepted(workspace)
    # The quotes are SAM's: a value with a space is documented in the same words.
    documented = re.search(r'"(EmulatorRate=.+?)"', (stacks.WORKSPACE / "samconfig.toml").read_text())
    if not documented:
        yield "samconfig.toml has no example of a value with a space"
        return
    workspace.override(documented[1])
    yield from accepted(workspace, EmulatorRate=documented[1].partition("=")[2].strip("'"))
    workspace.override("EmulatorRate=rate(5 minutes)")
    yield from refused(workspace, ["EmulatorRate", "'"])


def drop_in(workspace):
    yield from refused(workspace, [f"{name} " for name in IDS if name != "SubnetIds"])
    given = {name: choices.EXAMPLES[name] for name in IDS}
    workspace.override(*(f"{name}={value}" for name, value in given.items()))
    yield from accepted(workspace, **given)


PROFILES = {"default": default, "drop-in": drop_in}


def refused(workspace, words):
    """A deployment that the template refuses, with a sentence that has these words."""
    workspace.sam("build")
    status, output = workspace.sam("deploy", "--no-execute-changeset", fails=True)
    if not status:
        yield "sam deploy makes a change set of what the template should refuse"
    missing = [word for word in words if word not in output]
    if missing:
        yield f"sam deploy is refused without a word on {', '.join(missing)}: {output[-600:]}"


def accepted(workspace, **expected):
    """Two deployments: of what `sam build` leaves, and of what `make package` leaves."""
    expected = stacks.profiles()[workspace.profile] | expected
    workspace.sam("build")
    yield from deployed(workspace, expected)
    package = workspace.packaged()
    for sentence in [*same_rules(package), *deployed(package, expected)]:
        yield f"make package: {sentence}"


def same_rules(package):
    """The packaged template is the template apart from its code, so what the other part finds holds for both."""
    template, packaged = (yaml_parse((folder / "template.yaml").read_text()) for folder in (stacks.WORKSPACE, package.path))
    for properties in functions(packaged["Resources"], "AWS::Serverless::Function").values():
        properties["CodeUri"] = "functions/" + properties["CodeUri"].removesuffix(".zip")
    if packaged != template:
        yield "its template differs from template.yaml in more than `CodeUri`"


def functions(resources, kind):
    """The functions' properties. A loop, which has no type, makes none."""
    return {name: one["Properties"] for name, one in resources.items() if "Type" in one and one["Type"] == kind}


def deployed(workspace, expected):
    """A change set that has what was given: parameters, capabilities, and each function's own code."""
    workspace.sam("deploy", "--no-execute-changeset")
    aws = workspace.aws
    form = [form for form in aws.asked if form["Action"] == "CreateChangeSet"][-1]
    arrived = cloud.parameters(form)
    if arrived != expected:
        yield f"other parameters arrive than were given: {arrived}, not {expected}"
    made = json.loads(form["TemplateBody"])["Resources"]
    capabilities = set(cloud.members(form, "Capabilities"))
    if capabilities != UNNAMED_ROLES:
        yield f"the capabilities that arrive are {sorted(capabilities)}, and the template needs {sorted(UNNAMED_ROLES)}"
    named = [name for name, one in made.items() if one["Type"].startswith("AWS::IAM::") and "RoleName" in one.get("Properties", {})]
    if named:
        yield f"CAPABILITY_IAM is not enough for a role with a name: {named}"
    yield from code(aws, made)
    change_set = aws.client("cloudformation").describe_change_set(StackName=form["StackName"], ChangeSetName=form["ChangeSetName"])
    added = {change["ResourceChange"]["LogicalResourceId"] for change in change_set["Changes"]}
    # What moto has no model of it leaves out; it has one of each function and role.
    lacking = {name for name, one in made.items() if one["Type"] in ("AWS::Lambda::Function", "AWS::IAM::Role")} - added
    if change_set["Status"] != "CREATE_COMPLETE" or lacking:
        yield f"the change set is {change_set['Status']} and lacks {sorted(lacking)}"
    if form["StackName"] != workspace.config["global"]["parameters"]["stack_name"]:
        yield f"the change set is of the stack {form['StackName']}"


def code(aws, made):
    for name, properties in functions(made, "AWS::Lambda::Function").items():
        # `translate.py` puts a bucket of its own before what SAM wrote.
        bucket, key = properties["Code"]["S3Key"].removeprefix("s3://").split("/", 1)
        with zipfile.ZipFile(io.BytesIO(aws.object(bucket, key))) as archive:
            found = {one: archive.read(one).decode().strip() for one in archive.namelist()}
        folder = name.removesuffix("Function").removesuffix("Setup").lower()
        if found != {properties["Handler"]: folder}:
            yield f"{name} is given {found}, and needs {properties['Handler']} of {folder}"


class Workspace:
    """A copy of the workspace, so that `.aws-sam` stays as it is, with a profile's options to change, and an AWS of its own."""

    def __init__(self, profile):
        self.profile = profile

    def __enter__(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.temporary.name, "workspace")
        skipped = shutil.ignore_patterns("target", ".tools", ".aws-sam", ".git", ".venv", "node_modules", "*.cdx.json")
        shutil.copytree(stacks.WORKSPACE, self.path, ignore=skipped)
        compiler = pathlib.Path(self.temporary.name, "bin/cargo-lambda")
        compiler.parent.mkdir()
        compiler.write_text(COMPILER)
        compiler.chmod(0o755)
        self.path_variable = os.pathsep.join([str(compiler.parent), str(pathlib.Path(sys.executable).parent), os.environ["PATH"]])
        self.aws = cloud.Cloud().__enter__()
        return self

    def __exit__(self, *error):
        self.aws.__exit__(*error)
        self.temporary.cleanup()

    def packaged(self):
        """The folder that `make package` leaves, outside of the workspace, with the SAM CLI alone on the PATH."""
        package = copy.copy(self)
        package.path = pathlib.Path(self.temporary.name, "package")
        package.path_variable = str(pathlib.Path(sys.executable).parent)
        command = [sys.executable, self.path / "tools/package.py", "--output", package.path]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        return package

    @property
    def config(self):
        return tomlkit.parse((self.path / "samconfig.toml").read_text())[self.profile]

    def override(self, *given):
        """Adds to the profile's parameters in samconfig.toml, as the user does; one of the same name is replaced."""
        document = tomlkit.parse((self.path / "samconfig.toml").read_text())
        options = document[self.profile]["global"]["parameters"]
        names = {one.partition("=")[0] for one in given}
        kept = [one for one in options["parameter_overrides"] if one.partition("=")[0] not in names]
        options["parameter_overrides"] = [*kept, *given]
        (self.path / "samconfig.toml").write_text(tomlkit.dumps(document))

    def sam(self, command, *options, fails=False):
        """Runs a command of SAM's with the profile; `fails` is for one that may."""
        # Nothing of the user's own AWS configuration is read.
        environment = {"PATH": self.path_variable, "HOME": self.temporary.name, "SAM_CLI_TELEMETRY": "0", **self.aws.environment()}
        environment |= {name: os.environ[name] for name in ("CARGO_HOME", "RUSTUP_HOME") if name in os.environ}
        environment.setdefault("CARGO_HOME", str(pathlib.Path.home() / ".cargo"))
        environment.setdefault("RUSTUP_HOME", str(pathlib.Path.home() / ".rustup"))
        profile = [] if self.profile == "default" else ["--config-env", self.profile]
        result = subprocess.run(["sam", command, *profile, *options], cwd=self.path, env=environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode and not fails:
            raise RuntimeError(f"sam {command} with the profile {self.profile} failed: {result.stdout[-3000:]}")
        return result.returncode, result.stdout
