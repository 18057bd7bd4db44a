//! The way of a call through client, network, server, local pipe and service, and back.
#![cfg(unix)]

#[cfg(test)]
mod backends;
#[cfg(test)]
mod balancing;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod encryption;
#[cfg(test)]
mod failing_services;
#[cfg(test)]
mod giving_up;
#[cfg(test)]
mod in_the_middle;
#[cfg(test)]
mod instances;
#[cfg(test)]
mod interleaving;
#[cfg(test)]
mod load;
#[cfg(test)]
mod ordering;
#[cfg(test)]
mod own_descriptor;
#[cfg(test)]
mod previous_session;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod reconnecting;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod relaying;
#[cfg(test)]
mod strangers;
#[cfg(test)]
mod support;
