//! The shape of what commands print with `--json`, as JSON schemas.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::commands;

/// What one command prints with `--json`.
pub struct Printed {
    /// The words of the command, such as `account list`.
    pub command: &'static str,
    /// The schema of its output.
    pub schema: Schema,
}

/// What every command with an option `--json` prints with it.
pub fn printed() -> Vec<Printed> {
    vec![
        Printed { command: "account list", schema: of::<Vec<commands::account::Shown>>() },
        Printed { command: "bench", schema: of::<commands::bench::Shown>() },
        Printed { command: "call", schema: of::<commands::call::Shown>() },
        Printed { command: "doctor", schema: of::<Vec<commands::doctor::Finding>>() },
        Printed { command: "import", schema: of::<commands::import::Shown>() },
        Printed { command: "pack", schema: of::<commands::pack::Shown>() },
        Printed { command: "ps", schema: of::<Vec<standpipe_runtime::state::InstanceRecord>>() },
        Printed { command: "service status", schema: of::<commands::service::Shown>() },
        Printed { command: "unpack", schema: of::<commands::pack::Shown>() },
    ]
}

/// The schema of a type as it is written; a member that can be left out is not required.
fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}
