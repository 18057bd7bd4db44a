//! Look-ups in the DNS.

use std::time::Duration;

use hickory_resolver::TokioResolver;
#[cfg(test)]
use hickory_resolver::config::ResolverConfig;
use hickory_resolver::net::NetError;
#[cfg(test)]
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use standpipe_client::ServerAddress;

use crate::answers::Answer;
use crate::places::Place;

/// How long a look-up may take in all: the resolver tries each server several times.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Where the servers are.
#[derive(Debug, Clone, Default)]
pub(crate) enum NameServers {
    /// Where the system says it: `/etc/resolv.conf`, with its search list and its options; on Windows, the
    /// registry. It is read for each look-up, so that a change counts.
    #[default]
    OfSystem,
    /// Here.
    #[cfg(test)]
    At(ResolverConfig),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    /// The addresses of IPv4 of a name, each with this port.
    A(String, u16),
    /// The addresses of IPv6 of a name, each with this port.
    Aaaa(String, u16),
    /// The hosts and ports of a service.
    Srv(String),
}

impl Question {
    pub(crate) fn name_and_type(&self) -> (&str, RecordType) {
        match self {
            Self::A(name, _) => (name, RecordType::A),
            Self::Aaaa(name, _) => (name, RecordType::AAAA),
            Self::Srv(name) => (name, RecordType::SRV),
        }
    }
}

/// Asks; a failure is given with its reason, for the log.
pub(crate) async fn ask(servers: &NameServers, question: &Question) -> (Answer, Option<String>) {
    let resolver = match resolver(servers) {
        Ok(resolver) => resolver,
        Err(error) => return (Answer::Failure, Some(error.to_string())),
    };
    let (name, record_type) = question.name_and_type();
    match tokio::time::timeout(TIMEOUT, resolver.lookup(name, record_type)).await {
        Ok(Ok(lookup)) => {
            let ttl = lookup.answers().iter().map(|record| record.ttl).min().unwrap_or(0);
            let data: Vec<&RData> = lookup.answers().iter().map(|record| &record.data).collect();
            let places = places(&data, question);
            if places.is_empty() {
                return (Answer::Nothing(None), None);
            }
            (Answer::Places(places, Duration::from_secs(ttl.into())), None)
        }
        Ok(Err(error)) if error.is_no_records_found() || error.is_nx_domain() => {
            (Answer::Nothing(None), None)
        }
        Ok(Err(error)) => (Answer::Failure, Some(error.to_string())),
        Err(_) => (Answer::Failure, Some(format!("no answer within {TIMEOUT:?}"))),
    }
}

/// A resolver without a cache: whoever asks keeps to the TTL.
fn resolver(servers: &NameServers) -> Result<TokioResolver, NetError> {
    let mut builder = match servers {
        NameServers::OfSystem => TokioResolver::builder_tokio()?,
        #[cfg(test)]
        NameServers::At(config) => {
            TokioResolver::builder_with_config(config.clone(), TokioRuntimeProvider::default())
        }
    };
    builder.options_mut().cache_size = 0;
    builder.build()
}

fn places(data: &[&RData], question: &Question) -> Vec<Place> {
    // As [RFC 2782] says, others count only when none of the lowest priority is there; which of them are
    // ready, the balancer finds out by itself.
    let priority = |data: &RData| match data {
        RData::SRV(srv) => Some(srv.priority),
        _ => None,
    };
    let lowest = data.iter().filter_map(|data| priority(data)).min();
    let place = |data: &&RData| match (*data, question) {
        (RData::A(address), Question::A(_, port)) => ServerAddress::new(&address.to_string(), *port).ok(),
        (RData::AAAA(address), Question::Aaaa(_, port)) => {
            ServerAddress::new(&address.to_string(), *port).ok()
        }
        (RData::SRV(srv), Question::Srv(_)) if Some(srv.priority) == lowest => {
            // With its dot at the end, so that no search list is tried. The root alone means: there is none.
            let host = srv.target.to_utf8();
            (host != ".").then(|| ServerAddress::new(&host, srv.port).ok())?
        }
        _ => None,
    };
    data.iter().filter_map(place).map(Place::of_server).collect()
}

#[cfg(test)]
mod tests;
