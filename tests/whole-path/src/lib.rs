//! The way of a call through client, network, server, local pipe and service, and back.

#[cfg(test)]
#[cfg(unix)]
mod backends;
#[cfg(test)]
#[cfg(unix)]
mod balancing;
#[cfg(test)]
#[cfg(unix)]
mod budgets;
#[cfg(test)]
#[cfg(unix)]
mod calls;
#[cfg(test)]
#[cfg(unix)]
mod encryption;
#[cfg(test)]
#[cfg(unix)]
mod failing_services;
#[cfg(test)]
#[cfg(unix)]
mod following;
#[cfg(test)]
#[cfg(unix)]
mod giving_up;
#[cfg(test)]
#[cfg(unix)]
mod in_the_middle;
#[cfg(test)]
#[cfg(unix)]
mod instances;
#[cfg(test)]
#[cfg(unix)]
mod interleaving;
#[cfg(test)]
#[cfg(unix)]
mod load;
#[cfg(test)]
#[cfg(windows)]
mod native;
#[cfg(test)]
#[cfg(unix)]
mod ordering;
#[cfg(test)]
#[cfg(unix)]
mod own_descriptor;
#[cfg(test)]
#[cfg(unix)]
mod previous_session;
#[cfg(test)]
#[cfg(unix)]
mod proxy;
#[cfg(test)]
#[cfg(unix)]
mod reconnecting;
#[cfg(test)]
#[cfg(unix)]
mod refusals;
#[cfg(test)]
#[cfg(unix)]
mod relaying;
#[cfg(test)]
#[cfg(unix)]
mod replies;
#[cfg(test)]
#[cfg(unix)]
mod strangers;
#[cfg(test)]
#[cfg_attr(windows, allow(dead_code, reason = "most tests are about sockets"))]
mod support;
