//! How Standpipe finds out whether a service works.

use std::time::Duration;

use toml::Spanned;

use crate::definition::{ExpectedReply, Probe, Question};
use crate::file::{Field, ProbeMatch, ProbeType, Problem, Span, Text, list_of, parsed};
use crate::resolve::Resolver;
use crate::resolve::references::suggest;

/// As long as a pipe and its reply may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Probes in a row that fail before a service counts as hung.
const MISSES: u32 = 3;

impl Resolver<'_> {
    /// What a service is asked, and how often. `pipes` are those that it makes.
    pub(super) fn probe(
        &mut self,
        probe: Option<parsed::Probe>,
        check_interval: Duration,
        pipes: &[&str],
    ) -> (Probe, Duration) {
        let Some(mut probe) = probe else {
            return (Probe { question: Question::Listening, misses: MISSES }, check_interval);
        };
        let interval = std::mem::take(&mut probe.interval).given().unwrap_or(check_interval);
        let misses = std::mem::take(&mut probe.misses).given().map_or(MISSES, Spanned::into_inner);
        (Probe { question: self.question(&probe, interval, pipes), misses }, interval)
    }

    fn question(&mut self, probe: &parsed::Probe, interval: Duration, pipes: &[&str]) -> Question {
        let sends = !probe.send.is_absent() || !probe.send_hex.is_absent();
        let asked = if sends { ProbeType::Request } else { ProbeType::Listening };
        let kind = probe.kind.as_given().copied().unwrap_or(asked);
        if kind != ProbeType::Request {
            self.means_nothing(probe, kind, sends);
        }
        if matches!(kind, ProbeType::None | ProbeType::Listening) {
            return if kind == ProbeType::None { Question::Nothing } else { Question::Listening };
        }
        let timeout = probe.timeout.as_given().copied().unwrap_or(TIMEOUT);
        if timeout > interval {
            self.report(
                Problem::at(probe.at.clone(), "the probe's `timeout` is longer than its `interval`")
                    .hint("a probe has to be over when the next one is due: make the interval longer"),
            );
        }
        let pipe = self.probed_pipe(probe, pipes).unwrap_or_default();
        if kind == ProbeType::Open {
            return Question::Open { pipe, timeout };
        }
        if !sends {
            self.missing(
                &probe.at,
                "send",
                "the probe",
                "add the request, such as: send = \"ping\", or send-hex = \"0A0B\"",
            );
        }
        let request = self.bytes(&probe.send, &probe.send_hex, "send", &probe.at).unwrap_or_default();
        let reply = self.expected(probe);
        Question::Request { pipe, timeout, request, reply }
    }

    /// Keys that only a request has a use for.
    fn means_nothing(&mut self, probe: &parsed::Probe, kind: ProbeType, sends: bool) {
        let expects = !probe.expect.is_absent() || !probe.expect_hex.is_absent() || !probe.fit.is_absent();
        if sends || expects {
            let key = if sends { "send" } else { "expect" };
            let hint = if sends {
                "take `type` out"
            } else if kind == ProbeType::Open {
                "take `type` out, and add the request, such as: send = \"ping\""
            } else {
                "add the request, such as: send = \"ping\""
            };
            self.report(
                Problem::at(probe.at.clone(), format!("the probe has `{key}`, and sends no request"))
                    .hint(hint),
            );
        }
    }

    fn probed_pipe(&mut self, probe: &parsed::Probe, pipes: &[&str]) -> Option<String> {
        let found = match (&probe.pipe, pipes) {
            (Field::Given(text), _) => {
                let wanted = text.as_str();
                let found = pipes.iter().find(|pipe| pipe.eq_ignore_ascii_case(wanted));
                if found.is_none() {
                    let problem = Problem::at(text.span(), format!("the service makes no pipe `{wanted}`"));
                    self.report(suggest(problem, wanted, pipes, "its pipes are"));
                }
                found
            }
            (Field::Bad, _) => None,
            (Field::Absent, [only]) => Some(only),
            (Field::Absent, []) => {
                self.report(
                    Problem::at(probe.at.clone(), "the probe has no pipe to open: the service makes none")
                        .hint("add the pipe to the role, or take the probe out"),
                );
                None
            }
            (Field::Absent, several) => {
                let names = list_of(several, "and");
                self.report(
                    Problem::at(probe.at.clone(), "the probe does not say which pipe it opens")
                        .hint(format!("add pipe = \"NAME\"; the pipes of the service are {names}")),
                );
                None
            }
        };
        found.map(|pipe| (*pipe).to_owned())
    }

    fn expected(&mut self, probe: &parsed::Probe) -> ExpectedReply {
        let fit = probe.fit.as_given().copied().unwrap_or_default();
        let Some(bytes) = self.bytes(&probe.expect, &probe.expect_hex, "expect", &probe.at) else {
            return ExpectedReply::Any;
        };
        match fit {
            ProbeMatch::Exact => ExpectedReply::Exact(bytes),
            ProbeMatch::Prefix => ExpectedReply::Prefix(bytes),
            ProbeMatch::Pattern => {
                if let Some(text) = probe.expect.as_given() {
                    return ExpectedReply::Pattern(text.as_str().to_owned());
                }
                self.report(
                    Problem::at(probe.at.clone(), "a pattern of the probe is text")
                        .hint("write it as `expect`, or make it match = \"prefix\""),
                );
                ExpectedReply::Any
            }
        }
    }

    /// What a key, or the one beside it that ends with `-hex`, holds.
    fn bytes(&mut self, text: &Field<Text>, hex: &Field<Text>, key: &str, at: &Span) -> Option<Vec<u8>> {
        match (text, hex) {
            (Field::Given(_), Field::Given(_)) => {
                self.report(
                    Problem::at(at.clone(), format!("the probe has both `{key}` and `{key}-hex`"))
                        .hint("take one of the two out"),
                );
                None
            }
            (Field::Given(text), _) => Some(text.as_str().as_bytes().to_vec()),
            (_, Field::Given(hex)) => {
                let bytes = of_hex(hex.as_str());
                if bytes.is_none() {
                    self.report(
                        Problem::at(hex.span(), format!("`{key}-hex` is not hexadecimal"))
                            .hint("write pairs of the digits 0 to 9 and A to F, such as \"0A FF\""),
                    );
                }
                bytes
            }
            _ => None,
        }
    }
}

/// The bytes that pairs of hexadecimal digits stand for; spaces do not matter.
fn of_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> =
        text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| u8::try_from(high * 16 + low).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_come_in_pairs() {
        assert_eq!(of_hex("0a FF 10"), Some(vec![10, 255, 16]));
        assert_eq!(of_hex(""), Some(Vec::new()));
        for wrong in ["0", "0g", "0x0a", "€"] {
            assert_eq!(of_hex(wrong), None, "{wrong}");
        }
    }
}
