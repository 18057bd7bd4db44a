//! The reference of the deployment file's keys and its JSON schema, from the table that the reader of the
//! file uses.

use std::fmt::Write;
use std::io;

use serde_json::{Map, Value, json};
use standpipe_deployment::keys::{Absent, DEPLOYMENT, Holds, Key, Keys};

use crate::output::Output;

const REFERENCE: &str = "docs/deployment-file.md";
const SCHEMA: &str = "docs/schemas/standpipe.schema.json";
/// A text that holds this is filled from the environment, whatever else it should be.
const VARIABLE: &str = r"\$\{";
/// A number with its unit, once or several times; the reader knows the units.
const DURATION: &str = r"^\s*([0-9.]+\s*[A-Za-zµ]+\s*)+$";
/// One port, one of several, or any.
const PORTS: &str = r"^\s*(dynamic|[0-9]+(\s*-\s*[0-9]+)?)\s*$";
/// A number with its unit, once.
const SIZE: &str = r"^\s*[0-9]+\s*([KMGT]i|[kMGT])?B\s*$";

pub(crate) fn write(output: &Output) -> io::Result<()> {
    for keys in tables(&DEPLOYMENT) {
        output.section(REFERENCE, &format!("keys-{}", keys.name), &reference(keys))?;
    }
    output.json(SCHEMA, &schema())
}

/// A table with those below it, each once.
fn tables(keys: &'static Keys) -> Vec<&'static Keys> {
    let mut found = vec![keys];
    for key in keys.keys {
        let (Holds::Table(nested) | Holds::Named(nested) | Holds::List(nested)) = key.holds else { continue };
        for keys in tables(nested) {
            if !found.iter().any(|known| known.name == keys.name) {
                found.push(keys);
            }
        }
    }
    found
}

fn reference(keys: &Keys) -> String {
    let mut text = "| key | holds | meaning | default |\n| --- | --- | --- | --- |\n".to_owned();
    for key in keys.keys {
        let default = match key.absent {
            Absent::Wrong => "required".to_owned(),
            Absent::WrongOnUnix => "required on Unix, unless Wine has it".to_owned(),
            Absent::WrongWithout(other) => format!("this or `{other}` is required"),
            Absent::Means(default) => default.to_owned(),
        };
        let _ = writeln!(text, "| `{}` | {} | {} | {default} |", key.name, holds(key), key.meaning);
    }
    text
}

fn holds(key: &Key) -> String {
    match key.holds {
        Holds::Text => "text".to_owned(),
        Holds::Number { least, most } => format!("number, {least} to {most}"),
        Holds::Port => "number, 0 to 65535, or text".to_owned(),
        Holds::Size => "number of bytes".to_owned(),
        Holds::Flag => "`true` or `false`".to_owned(),
        Holds::Duration => "length of time".to_owned(),
        Holds::Choice(words) => {
            let words: Vec<_> = words().iter().map(|word| format!("`\"{word}\"`")).collect();
            words.join(", ")
        }
        Holds::Command | Holds::Texts => "array of texts".to_owned(),
        Holds::Variables => "table of texts".to_owned(),
        Holds::Table(_) => "table".to_owned(),
        Holds::Named(_) => "table of tables".to_owned(),
        Holds::List(_) => "array of tables".to_owned(),
    }
}

fn schema() -> Value {
    let mut schema = table(&DEPLOYMENT);
    schema.insert("$schema".to_owned(), "http://json-schema.org/draft-07/schema#".into());
    schema.insert("title".to_owned(), "Deployment file of Standpipe".into());
    schema.into()
}

fn table(keys: &Keys) -> Map<String, Value> {
    let properties: Map<_, _> = keys.keys.iter().map(|key| (key.name.to_owned(), value(key))).collect();
    let required: Vec<_> =
        keys.keys.iter().filter(|key| key.absent == Absent::Wrong).map(|key| key.name).collect();
    let alternatives: Vec<_> = keys
        .keys
        .iter()
        .filter(|key| matches!(key.absent, Absent::WrongWithout(_)))
        .map(|key| json!({ "required": [key.name] }))
        .collect();
    let mut table = Map::new();
    table.insert("type".to_owned(), "object".into());
    table.insert("additionalProperties".to_owned(), false.into());
    table.insert("properties".to_owned(), properties.into());
    if !required.is_empty() {
        table.insert("required".to_owned(), required.into());
    }
    if !alternatives.is_empty() {
        table.insert("oneOf".to_owned(), alternatives.into());
    }
    table
}

/// The schema of a key's value. Where a text could come from the environment, what it will be is not known
/// here.
fn value(key: &Key) -> Value {
    let text = json!({ "type": "string" });
    let variable = json!({ "type": "string", "pattern": VARIABLE });
    let mut value = match key.holds {
        Holds::Text => text,
        Holds::Number { least, most } => {
            json!({ "anyOf": [{ "type": "integer", "minimum": least, "maximum": most }, variable] })
        }
        Holds::Port => json!({ "anyOf": [
            { "type": "integer", "minimum": 0, "maximum": 65535 },
            { "type": "string", "pattern": PORTS },
            variable,
        ] }),
        Holds::Size => json!({ "anyOf": [{ "type": "string", "pattern": SIZE }, variable] }),
        Holds::Flag => json!({ "type": "boolean" }),
        Holds::Duration => {
            json!({ "anyOf": [{ "type": "string", "pattern": DURATION }, variable] })
        }
        Holds::Choice(words) => json!({ "anyOf": [{ "enum": words() }, variable] }),
        Holds::Command => json!({ "type": "array", "items": text, "minItems": 1 }),
        Holds::Texts => json!({ "type": "array", "items": text }),
        Holds::Variables => json!({ "type": "object", "additionalProperties": text }),
        Holds::Table(keys) => table(keys).into(),
        Holds::Named(keys) => json!({
            "type": "object",
            "additionalProperties": table(keys),
            "minProperties": u8::from(key.absent == Absent::Wrong),
        }),
        Holds::List(keys) => json!({ "type": "array", "items": table(keys) }),
    };
    value["description"] = description(key).into();
    if let Absent::Means(default) = key.absent
        && let Ok(default) = default.trim_matches('`').parse::<Value>()
    {
        value["default"] = default;
    }
    value
}

fn description(key: &Key) -> String {
    let mut meaning = key.meaning.to_owned();
    if let Some(first) = meaning.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    match key.absent {
        Absent::Wrong => format!("{meaning}. Required."),
        Absent::WrongOnUnix => format!("{meaning}. Required on Unix, unless Wine has it."),
        Absent::WrongWithout(other) => format!("{meaning}. This or `{other}` is required."),
        Absent::Means(default) => format!("{meaning}. Default: {default}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_the_file_is_in_the_reference_once() {
        let names: Vec<_> = tables(&DEPLOYMENT).iter().map(|keys| keys.name).collect();
        assert_eq!(
            names,
            [
                "deployment",
                "role",
                "local-storage",
                "health",
                "limits",
                "startup",
                "service",
                "probe",
                "logs",
                "wine",
                "pipe",
                "endpoint",
                "call"
            ]
        );
    }

    #[test]
    fn the_schema_has_limits_words_and_defaults() {
        let schema = schema();
        let role = &schema["properties"]["roles"]["additionalProperties"];
        let instances = &role["properties"]["instances"];
        assert_eq!(instances["anyOf"][0], json!({ "type": "integer", "minimum": 1, "maximum": 1000 }));
        assert_eq!(instances["default"], 1);
        let endpoint = &role["properties"]["endpoints"]["additionalProperties"];
        assert_eq!(endpoint["required"], json!(["protocol", "port"]));
        assert_eq!(
            endpoint["properties"]["protocol"]["anyOf"][0]["enum"],
            json!(["smb", "http", "tcp", "udp"])
        );
        let call = &role["properties"]["calls"]["additionalProperties"];
        assert_eq!(
            call["oneOf"],
            json!([{ "required": ["password-file"] }, { "required": ["password-env"] }])
        );
        assert!(call["properties"].get("password").is_none(), "the schema refuses a secret in the file");
    }
}
