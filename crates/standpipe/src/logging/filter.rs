//! Which log lines are written.

use std::fmt;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, ParseError};

/// Why a filter cannot be read.
#[derive(Debug)]
pub(super) enum FilterError {
    /// It does not parse.
    Malformed(ParseError),
    /// A word that is no level would be taken for a part of the program, and hide the lines of all others.
    NoLevel(String),
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(error) => error.fmt(f),
            Self::NoLevel(word) => write!(
                f,
                "`{word}` is neither a level (off, error, warn, info, debug, trace) nor a part with its level, such \
                 as standpipe_server=debug"
            ),
        }
    }
}

/// Reads a filter; an empty one is `info`, as if there were none.
pub(super) fn read(filter: &str) -> Result<EnvFilter, FilterError> {
    if filter.trim().is_empty() {
        return Ok(EnvFilter::new("info"));
    }
    let bare = |part: &&str| !part.is_empty() && !part.contains(['=', '[', ':']);
    let wrong = filter
        .split(',')
        .map(str::trim)
        .filter(bare)
        .find(|part| part.parse::<LevelFilter>().is_err() && !part.starts_with("standpipe"));
    match wrong {
        Some(word) => Err(FilterError::NoLevel(word.to_owned())),
        None => EnvFilter::try_new(filter).map_err(FilterError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_level_is_no_part_of_the_program() {
        for filter in ["infoo", "info,debgu", "standpipe_server=loud"] {
            assert!(read(filter).is_err(), "{filter}");
        }
        let error = read("infoo").unwrap_err().to_string();
        assert!(error.contains("`infoo`") && error.contains("debug"), "{error}");
        for filter in
            ["info", "WARN", "off", "standpipe_server", "info,standpipe_server=debug", "tokio::net", "info,"]
        {
            assert!(read(filter).is_ok(), "{filter}");
        }
    }

    #[test]
    fn an_empty_filter_hides_nothing() {
        for filter in ["", " "] {
            assert_eq!(read(filter).unwrap().to_string(), "info");
        }
    }
}
