//! An error with its causes, on one line.

use std::error::Error;
use std::fmt;

/// Shows an error and all its causes, from the outermost to the first: `cannot open x: permission denied`.
pub fn with_causes<'a>(error: &'a (dyn Error + 'a)) -> WithCauses<'a> {
    WithCauses(error)
}

/// What [`with_causes`] shows.
#[derive(Debug, Clone, Copy)]
pub struct WithCauses<'a>(&'a (dyn Error + 'a));

impl fmt::Display for WithCauses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    #[test]
    fn every_cause_stands_behind_the_error_that_it_caused() {
        let first = Layer { text: "no space", source: None };
        let second = Layer { text: "cannot write", source: Some(Box::new(first)) };
        let error = Layer { text: "cannot save", source: Some(Box::new(second)) };
        assert_eq!(with_causes(&error).to_string(), "cannot save: cannot write: no space");
    }
}
