//! The OpenAPI 3.1 document, made from [`OPERATIONS`].

use crate::ledgers::PREFIX;
use crate::operation::parameters;
use crate::{Descriptor, Input, OPERATIONS, Output, Problem, Verb, outcome};
use base::{Action, Kind};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The document.
#[must_use]
pub fn document() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Problem>();
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        let request = (operation.request)(&mut generator);
        let reply = (operation.reply)(&mut generator);
        let fields = resolve(request.as_value(), generator.definitions());
        let entry = paths.entry(operation.path).or_insert_with(|| json!({}));
        let method = operation.verb.method().as_str().to_lowercase();
        entry[method] = describe(operation, &fields, reply.as_value());
    }
    paths.extend(files());
    let errors = Kind::ALL.map(|kind| {
        let content = json!({"application/json": {"schema": problem.as_value()}});
        (kind.http_status().to_string(), json!({"description": kind.as_str(), "content": content}))
    });
    for path in paths.values_mut().filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        for (status, error) in &errors {
            path["responses"][status] = error.clone();
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": "Nexora", "version": env!("CARGO_PKG_VERSION")},
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    })
}

/// The files of ledgers, which are read at the paths of tlog-tiles and are no operations.
fn files() -> impl Iterator<Item = (String, Value)> {
    let head = ("checkpoint", "text/plain", "Reads the signed head of a log (C2SP tlog-checkpoint).");
    let tile =
        ("tile/{tile}", "application/octet-stream", "Reads a tile or an entry bundle (C2SP tlog-tiles).");
    [head, tile].into_iter().map(|(file, media, summary)| {
        let path = format!("{PREFIX}/{{log}}/{file}");
        let parameter =
            |name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}});
        let parameters: Vec<Value> = parameters(&path).map(parameter).collect();
        let content = json!({media: {"schema": {"type": "string", "format": "binary"}}});
        let method = |method: &str| {
            json!({
                "operationId": format!("ledger.{}.{method}", file.split('/').next().unwrap_or(file)),
                "summary": summary,
                "x-action": Action::LedgerRead.as_str(),
                "parameters": parameters,
                "responses": {
                    "200": {"description": "the file", "content": content},
                    "304": {"description": "still the one whose `etag` stands in `if-none-match`"},
                },
            })
        };
        let methods = json!({"get": method("get"), "head": method("head")});
        (path, methods)
    })
}

/// The object schema itself, where a reference stands for it.
fn resolve(schema: &Value, definitions: &Map<String, Value>) -> Value {
    schema["$ref"]
        .as_str()
        .and_then(|reference| definitions.get(reference.rsplit('/').next()?))
        .unwrap_or(schema)
        .clone()
}

fn describe(operation: &Descriptor, fields: &Value, reply: &Value) -> Value {
    let in_path: Vec<&str> = parameters(operation.path).collect();
    let empty = Map::new();
    let properties = fields["properties"].as_object().unwrap_or(&empty);
    let required = |name: &str| {
        fields["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name))
    };
    let document = operation.input == Input::Document;
    let in_query = matches!(operation.verb, Verb::Get | Verb::Delete) || !document;
    let parameter = |(name, schema): (&String, &Value)| {
        let place = if in_path.contains(&name.as_str()) {
            "path"
        } else if in_query {
            "query"
        } else {
            return None;
        };
        let required = place == "path" || required(name);
        Some(json!({"name": name, "in": place, "required": required, "schema": schema}))
    };
    let mut out = json!({
        "operationId": operation.name,
        "summary": operation.summary,
        "x-action": operation.action.as_str(),
        "x-audit": operation.audit.map(ledger::Kind::as_str),
        "parameters": properties.iter().filter_map(parameter).collect::<Vec<_>>(),
        "responses": {"200": {"description": "done", "content": content(operation.output, reply)}},
    });
    if !matches!(operation.output, Output::Document) {
        out["responses"]["200"]["headers"] = json!({"Trailer": {
            "description": format!("`{}` ends the reply and says how it went", outcome::TRAILER),
            "schema": {"type": "string"},
        }});
    }
    let body = match operation.input {
        Input::Document if in_query => None,
        Input::Document => {
            let mut schema = fields.clone();
            if let Some(properties) = schema["properties"].as_object_mut() {
                properties.retain(|name, _| !in_path.contains(&name.as_str()));
            }
            if let Some(required) = schema["required"].as_array_mut() {
                required.retain(|name| !in_path.iter().any(|known| name == known));
            }
            Some(json!({"application/json": {"schema": schema}}))
        }
        Input::Bytes(media) => Some(json!({media: {"schema": {"type": "string", "format": "binary"}}})),
        Input::Parts(parts) => Some(json!({"multipart/form-data": {"schema": parts_schema(parts)}})),
    };
    if let Some(content) = body {
        out["requestBody"] = json!({"required": true, "content": content});
    }
    out
}

fn content(output: Output, reply: &Value) -> Value {
    match output {
        Output::Document => json!({"application/json": {"schema": reply}}),
        Output::Lines => json!({"application/x-ndjson": {"schema": reply}}),
        Output::Bytes(media) => json!({media: {"schema": {"type": "string", "format": "binary"}}}),
        Output::Parts(parts) => json!({"multipart/mixed": {"schema": parts_schema(parts)}}),
    }
}

fn parts_schema(parts: &[&str]) -> Value {
    let properties: Map<String, Value> = parts
        .iter()
        .map(|part| ((*part).to_owned(), json!({"type": "string", "format": "binary"})))
        .collect();
    json!({"type": "object", "properties": properties, "required": parts})
}

#[cfg(test)]
mod tests {
    use super::document;
    use crate::OPERATIONS;
    use serde_json::Value;

    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_operation_stands_in_it_and_no_reference_dangles() {
        let document = document();
        for operation in OPERATIONS {
            let method = operation.verb.method().as_str().to_lowercase();
            let found = &document["paths"][operation.path][method];
            assert_eq!(found["operationId"], operation.name);
            for name in crate::operation::parameters(operation.path) {
                let parameters = found["parameters"].as_array().expect("a list");
                let known = parameters.iter().any(|found| found["name"] == name && found["in"] == "path");
                assert!(known, "{}: {name}", operation.name);
            }
        }
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("a reference into the document itself");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }
}
