//! Log lines on stderr.

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;
use crate::live::LiveView;

/// Starts writing log lines. A filter that cannot be read is said so and replaced by `info`: no reason not to run.
pub(crate) fn start(filter: &str, format: LogFormat, colour: bool, view: LiveView) {
    let (filter, wrong) = match EnvFilter::try_new(filter) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new("info"), Some(error)),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(view);
    let started = match format {
        LogFormat::Human => builder.with_ansi(colour).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).try_init(),
    };
    // Only a second start fails, and there is none.
    drop(started);
    if let Some(error) = wrong {
        tracing::warn!(%error, "the log filter cannot be read; using `info`");
    }
}
