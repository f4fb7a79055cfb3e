"""`make package`: the functions' zips, and the template and profiles that deploy them, in one folder.

Equal programs become equal bytes, whatever their age, owner and folder.
"""

import argparse
import hashlib
import pathlib
import shutil
import zipfile

import deflate
from samcli.yamlhelper import yaml_parse

WORKSPACE = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = "bootstrap"


def main():
    arguments = parsed()
    shutil.rmtree(arguments.output, ignore_errors=True)
    arguments.output.mkdir(parents=True)
    shutil.copyfile(WORKSPACE / "samconfig.toml", arguments.output / "samconfig.toml")
    template = (WORKSPACE / "template.yaml").read_text()
    for folder, program in programs(template, arguments.built).items():
        archive = arguments.output / f"{pathlib.PurePath(folder).name}.zip"
        pack(program, archive)
        template = template.replace(f"CodeUri: {folder}\n", f"CodeUri: {archive.name}\n")
        data = archive.read_bytes()
        print(f"{hashlib.sha256(data).hexdigest()}  {archive.name}  {len(data) / 1e6:.2f} MB")
    (arguments.output / "template.yaml").write_text(template)


def parsed():
    parser = argparse.ArgumentParser(prog="make package", description=__doc__)
    parser.add_argument("--built", type=pathlib.Path, default=WORKSPACE / ".aws-sam/build", help="the output of `sam build` (%(default)s)")
    parser.add_argument("--output", type=pathlib.Path, default=WORKSPACE / "target/package", help="the folder to replace (%(default)s)")
    return parser.parse_args()


def programs(template, built):
    """The built program of each function's folder. Functions of one folder share one."""
    folders = codes(template)
    return {folders[name]: built / code / PROGRAM for name, code in codes((built / "template.yaml").read_text()).items()}


def codes(template):
    """The folder of each function's code."""
    resources = yaml_parse(template)["Resources"].items()
    return {name: one["Properties"]["CodeUri"] for name, one in resources if isinstance(one, dict) and one["Type"] == "AWS::Serverless::Function"}


class Smallest:
    """libdeflate as `zipfile` calls zlib: 3 % smaller than zlib's best, and of a pinned version."""

    def __init__(self):
        self.data = bytearray()

    def compress(self, data):
        self.data += data
        return b""

    def flush(self):
        return deflate.deflate_compress(self.data, 12)


def pack(program, archive):
    """Writes an archive of one executable."""
    entry = zipfile.ZipInfo(PROGRAM)
    entry.compress_type, entry.create_system, entry.external_attr = zipfile.ZIP_DEFLATED, 3, 0o100755 << 16
    with zipfile.ZipFile(archive, "w") as packed, packed.open(entry, "w") as file:
        # `zipfile` has no public way to choose the compressor.
        file._compressor = Smallest()
        file.write(program.read_bytes())


if __name__ == "__main__":
    main()
