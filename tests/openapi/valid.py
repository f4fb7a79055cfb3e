"""Reads a document from stdin, and prints of which OpenAPI it is. Fails when it is of none."""

import json
import sys

from openapi_spec_validator import OpenAPIV31SpecValidator, validate

document = json.load(sys.stdin)
validate(document, cls=OpenAPIV31SpecValidator)
json.dump(document["openapi"].rsplit(".", 1)[0], sys.stdout)
