"""`make image`: a container image of one static program, as an archive for `docker load`, `podman load` and OCI tools.

The archive is an OCI layout and Docker's own format in one, as `docker save` writes it. Equal programs become equal bytes.
"""

import argparse
import hashlib
import io
import json
import pathlib
import tarfile

import certifi
import deflate

NAME = "pinterest-data-pipeline"
PORT = 8082
# The customary number of a user without rights. Numeric, since Kubernetes checks only numbers.
USER = 65532
# The program's working directory. It writes nowhere else.
FOLDER = "data"
# The first of the files in which Rust's and OpenSSL's TLS look for authorities.
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"

LEVEL = 12
SECOND = 10**9  # in nanoseconds, Docker's unit


def main():
    arguments = parsed()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(arguments.output, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in image(arguments.program.read_bytes(), arguments.version, arguments.architecture).items():
            add(archive, name, data)
    data = arguments.output.read_bytes()
    print(f"{hashlib.sha256(data).hexdigest()}  {arguments.output.name}  {len(data) / 1e6:.2f} MB")


def parsed():
    parser = argparse.ArgumentParser(prog="make image", description=__doc__)
    parser.add_argument("--program", type=pathlib.Path, required=True, help="the statically linked program")
    parser.add_argument("--architecture", choices=("amd64", "arm64"), required=True)
    parser.add_argument("--version", required=True, help="a tag; the image is `latest` too")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="the archive to write")
    return parser.parse_args()


def image(program, version, architecture):
    """The archive's files by name."""
    layer = file_system(program)
    platform = {"architecture": architecture, "os": "linux"}
    config = encoded(platform | {
        "config": settings(version),
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        "history": [{"created_by": "make image"}],
    })
    layer = bytes(deflate.gzip_compress(layer, LEVEL))
    kind = "application/vnd.oci.image"
    manifest = encoded({
        "schemaVersion": 2,
        "mediaType": f"{kind}.manifest.v1+json",
        "config": descriptor(f"{kind}.config.v1+json", config),
        "layers": [descriptor(f"{kind}.layer.v1.tar+gzip", layer)],
    })
    tags = [version, "latest"]
    index = {
        "schemaVersion": 2,
        "mediaType": f"{kind}.index.v1+json",
        "manifests": [descriptor(f"{kind}.manifest.v1+json", manifest) | {"platform": platform, "annotations": named(tag)} for tag in tags],
    }
    docker = [{"Config": blob(config), "RepoTags": [f"{NAME}:{tag}" for tag in tags], "Layers": [blob(layer)]}]
    blobs = {blob(data): data for data in (config, layer, manifest)}
    return {
        "oci-layout": encoded({"imageLayoutVersion": "1.0.0"}),
        "index.json": encoded(index),
        "manifest.json": encoded(docker),
    } | dict(sorted(blobs.items()))


def file_system(program):
    """The layer: the program, the authorities that it trusts, and a folder that its user may write to."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        folder(archive, FOLDER, USER)
        for parent in reversed(pathlib.PurePath(AUTHORITIES).parents[:-1]):
            folder(archive, str(parent), 0)
        add(archive, AUTHORITIES, pathlib.Path(certifi.where()).read_bytes())
        add(archive, NAME, program, 0o755)
    return layer.getvalue()


def settings(version):
    """The image's configuration, with Docker's health check, which OCI's has not."""
    return {
        "User": f"{USER}:{USER}",
        "ExposedPorts": {f"{PORT}/tcp": {}},
        # Docker forwards a port to the container's own address, not to its loopback.
        "Env": [f"LISTEN=0.0.0.0:{PORT}"],
        "Entrypoint": [f"/{NAME}"],
        "WorkingDir": f"/{FOLDER}",
        "StopSignal": "SIGTERM",
        "Healthcheck": {
            "Test": ["CMD", f"/{NAME}", "healthcheck"],
            "Interval": 10 * SECOND,
            "Timeout": 5 * SECOND,
            "StartPeriod": 10 * SECOND,
            "Retries": 3,
        },
        "Labels": {
            "org.opencontainers.image.title": NAME,
            "org.opencontainers.image.version": version,
            "org.opencontainers.image.licenses": "MIT",
        },
    }


def named(tag):
    """The names by which containerd, and so Docker, finds an image, and OCI's own tools."""
    return {"io.containerd.image.name": f"docker.io/library/{NAME}:{tag}", "org.opencontainers.image.ref.name": tag}


def folder(archive, name, owner):
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o755, owner, owner
    archive.addfile(entry)


def add(archive, name, data, mode=0o644):
    """Adds a file of 1970, owned by root."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    archive.addfile(entry, io.BytesIO(data))


def descriptor(kind, data):
    return {"mediaType": kind, "digest": digest(data), "size": len(data)}


def digest(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def blob(data):
    return f"blobs/{digest(data).replace(':', '/')}"


def encoded(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


if __name__ == "__main__":
    main()
