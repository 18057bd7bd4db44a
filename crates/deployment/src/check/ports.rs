//! Whether instances can listen where the file says.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use standpipe_system::machine;

use super::Checker;
use crate::definition::Role;
use crate::file::{Ports, Problem, Protocol, Span};

/// What somebody listens on.
struct Wanted {
    ports: Ports,
    address: IpAddr,
    is_udp: bool,
    span: Span,
}

impl Checker<'_> {
    /// Tries every endpoint of the role for its instances: their numbers, and the addresses that they listen
    /// on.
    pub(super) fn ports(&mut self, role: &Role, instances: &[(u32, IpAddr)]) {
        for (number, own) in instances {
            for endpoint in &role.endpoints {
                self.port(&Wanted {
                    ports: endpoint.port_of(*number).map_or(endpoint.ports, Ports::Fixed),
                    address: endpoint.address.unwrap_or(*own),
                    is_udp: endpoint.protocol == Protocol::Udp,
                    span: endpoint.port_span.clone(),
                });
            }
            if let Some(health) = &role.health {
                self.port(&Wanted {
                    ports: health.ports,
                    address: health.address_beside(*own),
                    is_udp: false,
                    span: health.port_span.clone(),
                });
            }
        }
        // Nothing tells them apart on one machine.
        let shared = role.endpoints.iter().find(|endpoint| {
            instances.len() > 1 && endpoint.address.is_some() && endpoint.ports.fixed().is_some()
        });
        if let Some(endpoint) = shared {
            self.problems.push(
                Problem::at(
                    endpoint.port_span.clone(),
                    format!("all instances of `{}` would listen on one address and port", role.name),
                )
                .hint("write a range with port-choice = \"instance\", or leave `address` out"),
            );
        }
    }

    fn port(&mut self, wanted: &Wanted) {
        let address = wanted.address;
        let error = match wanted.ports {
            Ports::Dynamic => self.try_port(address, 0, wanted.is_udp),
            Ports::Fixed(port) => self.try_port(address, port, wanted.is_udp),
            Ports::Range(first, last) => {
                // One that is free is enough.
                let mut last_error = None;
                for port in first..=last {
                    last_error = self.try_port(address, port, wanted.is_udp);
                    if last_error.as_ref().is_none_or(|(_, error)| error.kind() != ErrorKind::AddrInUse) {
                        break;
                    }
                }
                last_error
            }
        };
        let Some((socket, error)) = error else { return };
        let problem = Problem::at(wanted.span.clone(), format!("cannot listen on {socket}"))
            .label(error.to_string())
            .temporary(error.kind() == ErrorKind::AddrInUse || machine::is_exhausted(&error));
        self.problems.push(match error.kind() {
            ErrorKind::AddrInUse => problem.hint(format!(
                "stop what listens there (`ss -ltnp 'sport = :{}'` names it), or choose another port",
                socket.port()
            )),
            ErrorKind::PermissionDenied => problem.hint(format!(
                "allow it with `sysctl -w net.ipv4.ip_unprivileged_port_start={}`, as root or with \
                 CAP_NET_BIND_SERVICE; or choose a higher port",
                socket.port()
            )),
            ErrorKind::AddrNotAvailable => problem
                .hint("this machine has no such address; add it to an interface, or choose another address"),
            _ => problem,
        });
    }

    /// What keeps somebody from listening there. A place that was tried already is not tried again.
    fn try_port(&mut self, address: IpAddr, port: u16, is_udp: bool) -> Option<(SocketAddr, Error)> {
        let socket = SocketAddr::new(address, port);
        if !self.checked.insert((socket, is_udp)) {
            return None;
        }
        let tried =
            if is_udp { UdpSocket::bind(socket).map(drop) } else { TcpListener::bind(socket).map(drop) };
        tried.err().map(|error| (socket, error))
    }
}
