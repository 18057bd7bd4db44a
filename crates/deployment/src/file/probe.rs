//! How the file says what a service is asked, as it is written.

use std::time::Duration;

use toml::Spanned;

use super::keys::Words;
use super::problem::Span;
use super::reader::{Field, Reader, Table};
use super::text::Text;

/// `[roles.R.service.probe]`
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) at: Span,
    pub(crate) kind: Field<ProbeType>,
    pub(crate) pipe: Field<Text>,
    pub(crate) send: Field<Text>,
    pub(crate) send_hex: Field<Text>,
    pub(crate) expect: Field<Text>,
    pub(crate) expect_hex: Field<Text>,
    pub(crate) fit: Field<ProbeMatch>,
    pub(crate) timeout: Field<Duration>,
    pub(crate) interval: Field<Duration>,
    pub(crate) misses: Field<Spanned<u32>>,
}

/// What a probe asks of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProbeType {
    /// Nothing.
    None,
    /// That somebody listens at its pipes.
    Listening,
    /// That its pipe can be opened.
    Open,
    /// A reply.
    Request,
}

impl Words for ProbeType {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("none", Self::None),
        ("listening", Self::Listening),
        ("open", Self::Open),
        ("request", Self::Request),
    ];
}

/// How a reply has to fit what is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ProbeMatch {
    /// It is the same.
    #[default]
    Exact,
    /// It begins with it.
    Prefix,
    /// It fits with `*` for any characters and `?` for one.
    Pattern,
}

impl Words for ProbeMatch {
    const WORDS: &'static [(&'static str, Self)] =
        &[("exact", Self::Exact), ("prefix", Self::Prefix), ("pattern", Self::Pattern)];
}

/// Reads the table.
pub(super) fn probe(reader: &mut Reader<'_>, mut table: Table<'_, '_>) -> Probe {
    let probe = Probe {
        at: table.at.clone(),
        kind: table.choice(reader, "type"),
        pipe: table.text(reader, "pipe"),
        send: table.text(reader, "send"),
        send_hex: table.text(reader, "send-hex"),
        expect: table.text(reader, "expect"),
        expect_hex: table.text(reader, "expect-hex"),
        fit: table.choice(reader, "match"),
        timeout: table.duration(reader, "timeout"),
        interval: table.duration(reader, "interval"),
        misses: table.number(reader, "misses"),
    };
    table.finish(reader);
    probe
}
