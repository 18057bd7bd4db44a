//! Prometheus' text, version 0.0.4.

use std::fmt::{Display, Write};

use crate::Histogram;

/// What a number means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows. Its name ends with `_total`.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Times in classes.
    Histogram,
}

impl MetricKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// The text, as it is written.
#[derive(Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    /// The content type of the text.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// Begins the numbers of one name. All of them follow here: no other family has this name.
    pub fn family(&mut self, name: &'static str, kind: MetricKind, help: &str) -> Family<'_> {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {}", kind.name());
        Family { text: &mut self.0, name }
    }

    /// The whole text.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// The numbers of one name, told apart by their labels.
#[derive(Debug)]
pub struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Family<'_> {
    /// One number.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.line("", labels, value);
        self
    }

    /// The classes, the sum and the number of a histogram's times.
    pub fn histogram(&mut self, labels: &[(&str, &str)], histogram: &Histogram) -> &mut Self {
        let cumulated = histogram.cumulated();
        for (end, count) in &cumulated {
            let mut labels = labels.to_vec();
            labels.push(("le", end));
            self.line("_bucket", &labels, count);
        }
        self.line("_sum", labels, histogram.sum());
        // The number of the last class, so that the two agree while others add to it.
        self.line("_count", labels, cumulated.last().map_or(0, |(_, count)| *count));
        self
    }

    fn line(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.text, "{}{suffix}", self.name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{before}{label}=\"{text}\"");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{end} {value}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_family_has_its_help_its_type_and_its_numbers() {
        let mut text = Exposition::default();
        text.family("up", MetricKind::Gauge, "Whether\nit is.")
            .sample(&[], 1)
            .sample(&[("a", "x\"\\\ny")], 0.5);
        let expected = "# HELP up Whether\\nit is.\n# TYPE up gauge\nup 1\nup{a=\"x\\\"\\\\\\ny\"} 0.5\n";
        assert_eq!(text.into_text(), expected);
    }

    #[test]
    fn a_histogram_has_as_many_times_as_its_last_class() {
        let (mut text, histogram) = (Exposition::default(), Histogram::default());
        histogram.observe(Duration::from_secs(2));
        text.family("t", MetricKind::Histogram, "Times.").histogram(&[("c", "d")], &histogram);
        let text = text.into_text();
        for line in [
            "t_bucket{c=\"d\",le=\"1\"} 0",
            "t_bucket{c=\"d\",le=\"+Inf\"} 1",
            "t_sum{c=\"d\"} 2",
            "t_count{c=\"d\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
