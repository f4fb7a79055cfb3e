"""`make preflight`."""

import os
import sys


def main():
    """Runs the checks that a command line asks for."""
    # Nothing is reported to AWS by SAM's libraries either.
    os.environ.setdefault("SAM_CLI_TELEMETRY", "0")
    try:
        from preflight import options, run
    except ModuleNotFoundError as error:
        sys.exit(f"{sys.executable} has no {error.name}: run it in the environment in which aws-sam-cli is installed (docs/deploy.md)")
    try:
        sys.exit(run.run(options.read(sys.argv[1:]), sys.stdout))
    except options.Unusable as problem:
        sys.exit(f"wrong    {' '.join(str(problem).split())}")
    except KeyboardInterrupt:
        sys.exit(130)


main()
