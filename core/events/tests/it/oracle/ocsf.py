"""Says what is wrong with OCSF events by the published schemas: a list of events in, a list of messages out."""

import json
import sys

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

schemas = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.8.0"))
validators = {}
answers = []
for event in json.load(sys.stdin):
    key = (event["class_uid"], tuple(event["metadata"].get("profiles", [])))
    if key not in validators:
        name = schemas.lookup_class_name_from_uid(key[0])
        validators[key] = Draft202012Validator(schemas.get_class_schema(name, list(key[1])))
    errors = sorted(validators[key].iter_errors(event), key=str)
    answers.append("; ".join(f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in errors))
json.dump(answers, sys.stdout)
