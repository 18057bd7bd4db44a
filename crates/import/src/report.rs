//! What became of each element and attribute.

use std::fmt;

use serde::Serialize;

/// What became of an element or an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is in the deployment file, or says nothing that a deployment file has to say.
    Mapped,
    /// It is in the deployment file, and a person has to look at that place.
    Decide,
    /// It is not in the deployment file. The note says what to do instead.
    LeftOut,
    /// No version of the schema that Standpipe knows has it. It is not in the deployment file.
    Unknown,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mapped => "mapped",
            Self::Decide => "decide",
            Self::LeftOut => "left out",
            Self::Unknown => "unknown",
        })
    }
}

/// What became of one element or attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Entry {
    /// The file that it is in.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// What it is, such as `WorkerRole[Watcher]/Endpoints/InternalEndpoint[Pipes]/@port`. `text()` stands for
    /// text in an element.
    pub what: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The key of the deployment file that has it, if one has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// What a person should know or do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What became of everything in the files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    /// Every element and every attribute, in the order of the files and their lines.
    pub entries: Vec<Entry>,
    /// What is left to do before the deployment file passes `standpipe check`, files and passwords apart.
    pub problems: Vec<String>,
}

impl Report {
    /// How many elements and attributes came to this.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.entries.iter().filter(|entry| entry.outcome == outcome).count()
    }

    /// The entries that a person has to read: all that have a note and are not simply mapped.
    pub fn notable(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.outcome != Outcome::Mapped && entry.note.is_some())
    }

    /// One line with all the counts.
    pub fn summary(&self) -> String {
        format!(
            "{} elements and attributes: {} mapped, {} to decide, {} left out, {} unknown",
            self.entries.len(),
            self.count(Outcome::Mapped),
            self.count(Outcome::Decide),
            self.count(Outcome::LeftOut),
            self.count(Outcome::Unknown),
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in self.notable() {
            write!(f, "{}:{}: {}: {}", entry.file, entry.line, entry.outcome, entry.what)?;
            if let Some(to) = &entry.to {
                write!(f, " → {to}")?;
            }
            match &entry.note {
                Some(note) => writeln!(f, "\n    {note}")?,
                None => writeln!(f)?,
            }
        }
        for problem in &self.problems {
            writeln!(f, "to do: {problem}")?;
        }
        writeln!(f, "{}", self.summary())
    }
}
