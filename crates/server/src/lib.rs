#![doc = include_str!("../README.md")]
#![cfg_attr(test, allow(missing_docs))]

mod admission;
mod alarms;
mod arrival;
mod budget;
mod counters;
mod driver;
mod events;
mod guessing;
mod linger;
mod log_limit;
mod operation;
mod queue;
mod reserve;
mod sessions;
mod timer;
mod turns;

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use standpipe_security::{Accounts, SecurityDescriptor};
use standpipe_smb::Dialect;
use standpipe_smb::auth::ServerNames;
#[cfg(feature = "conformance")]
use standpipe_smb::server::PipeId;
use standpipe_smb::server::{Config, Limits, Pipe};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use standpipe_pipe::PipeName;
use standpipe_pipe::backend::Backend;
use standpipe_transport::buffers::limit_buffers;

pub use budget::{Budget, BudgetSnapshot, Resources};
pub use counters::{Counters, Snapshot};
pub use guessing::GatePolicy;
pub use standpipe_smb::crypto::provider as crypto;
pub use standpipe_smb::server::Encryption;

use admission::{Admission, Crowd};
use guessing::Guessing;
use log_limit::{Kind, LogLimit};
use operation::{Served, Shared};
use reserve::Reserve;

/// How long to wait before accepting is tried again when the system has no room for another connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);
/// How many strangers then make room, and how long that takes.
const EXHAUSTED_DISPLACED: usize = 64;
const DISPLACED_PAUSE: Duration = Duration::from_millis(5);
/// How often the accounts of sessions are looked at.
const ACCOUNTS_CHECK: Duration = Duration::from_secs(2);

/// One pipe to be served.
#[derive(Debug, Clone)]
pub struct PipeOffer {
    /// The name clients open it by, in any case.
    pub name: PipeName,
    /// Who may open it, for what. A descriptor that the service has put on the pipe can only narrow this.
    /// `None` leaves the decision to that one; if there is none either, nobody may open the pipe.
    pub security_descriptor: Option<SecurityDescriptor>,
    /// How many opens there may be at once; `None` for as many as the server takes.
    ///
    /// One more is told that all instances are in use, at once. Who then waits for the pipe
    /// (`FSCTL_PIPE_WAIT`) has the next instance kept for a quarter of a second, before anybody who did not
    /// wait; turns go around the accounts that wait and around the connections of each.
    pub max_instances: Option<u32>,
    /// Whether only encrypted requests open and use it, whatever [`Options::encryption`] says of the rest.
    /// With [`Encryption::Off`] nobody can.
    pub require_encryption: bool,
    /// Where it leads.
    pub backend: Backend,
}

/// Everything the server offers.
pub struct Offer {
    /// The pipes.
    pub pipes: Vec<PipeOffer>,
    /// The accounts that may log on.
    pub accounts: Arc<dyn Accounts>,
    /// Whether the service behind the pipes is ready. While it is not, opens are told that nobody listens,
    /// and who waits for a pipe goes on waiting.
    pub readiness: watch::Receiver<bool>,
    /// Names and limits.
    pub options: Options,
}

/// Names and limits of a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// The names told to clients during log-on.
    pub names: ServerNames,
    /// Tells this server from others ([MS-SMB2] 2.2.4).
    pub guid: [u8; 16],
    /// Whether every name that no pipe has opens the last of the pipes, as a file that was just created: for
    /// conformance tests with clients that only know files.
    #[cfg(feature = "conformance")]
    pub pose_as_files: bool,
    /// The oldest dialect accepted.
    pub min_dialect: Dialect,
    /// The newest dialect accepted.
    pub max_dialect: Dialect,
    /// Whether clients that do not sign their requests are refused. Without it somebody between client and
    /// server can change what they say.
    pub require_signing: bool,
    /// Whether clients can or must encrypt.
    pub encryption: Encryption,
    /// How long a log-on counts; after that a client has to log on again before it can go on, which it cannot
    /// when its account was removed, disabled or got another password. What is open ends when it did not
    /// after as long once more. `None` for ever.
    pub session_lifetime: Option<Duration>,
    /// Whether a local administrator's token is filtered as Windows filters it over the network
    /// ([`Token::filtered`](standpipe_security::Token::filtered)).
    pub filter_administrators: bool,
    /// What one connection can make the server hold.
    pub limits: Limits,
    /// What signs and encrypts.
    pub crypto: &'static dyn crypto::Provider,
    /// How much guessing of passwords is let pass, and how it is slowed down.
    pub guessing: GatePolicy,
    /// What this server may use, alone or together with others of this process.
    pub budget: Budget,
    /// Connections at once on which somebody has logged on. For one more, the account that has most gives one
    /// up on which nothing is open; if the account that logs on has most itself and none to give up, it is
    /// refused.
    pub max_connections: usize,
    /// The same for one account, over all addresses.
    pub max_connections_per_account: usize,
    /// The same from one address; a /64 network of IPv6 counts as one.
    pub max_connections_per_address: usize,
    /// Connections at once on which nobody has logged on yet; at least 4. They take no place of
    /// [`Self::max_connections`], so strangers cannot keep users out. Half of them have said nothing yet; the
    /// rest is shared among those who have spoken, those who were asked for a proof, and those who gave one.
    /// One more than its share makes another one go that has come as far, at random: more often one of the
    /// address that has the most, and the older.
    pub max_connections_before_logon: usize,
    /// How long a client may leave what it was sent unread before its connection is closed.
    pub send_timeout: Duration,
    /// How long what is in flight may go on after the server was told to stop.
    pub drain_timeout: Duration,
}

impl Options {
    /// What suits a server on this machine. The server's identity is random for each call.
    pub fn new() -> io::Result<Self> {
        let mut guid = [0; 16];
        getrandom::fill(&mut guid).map_err(io::Error::other)?;
        let budget = Budget::new(Resources::of_this_machine());
        Ok(Self::within(guid, budget))
    }

    /// The same with this budget, whose limits are the server's.
    #[must_use]
    pub fn with_budget(self, budget: Budget) -> Self {
        Self::within(self.guid, budget)
    }

    fn within(guid: [u8; 16], budget: Budget) -> Self {
        let Resources { connections, connections_share, strangers, opens_share, .. } = *budget.resources();
        let mut limits = Limits::default();
        limits.opens = limits.opens.min(opens_share);
        Self {
            names: names_of(&standpipe_system::machine::host_name()),
            guid,
            #[cfg(feature = "conformance")]
            pose_as_files: false,
            min_dialect: Dialect::Smb202,
            max_dialect: Dialect::Smb311,
            require_signing: true,
            encryption: Encryption::default(),
            session_lifetime: None,
            filter_administrators: true,
            limits,
            crypto: crypto::RUST_CRYPTO,
            guessing: GatePolicy::default(),
            budget,
            max_connections: connections,
            max_connections_per_account: connections_share,
            max_connections_per_address: connections.div_ceil(2),
            max_connections_before_logon: strangers,
            send_timeout: Duration::from_mins(1),
            drain_timeout: Duration::from_secs(10),
        }
    }
}

/// The names of a computer outside of any domain, from its host name.
fn names_of(host: &str) -> ServerNames {
    let label = host.split('.').next().filter(|label| !label.is_empty()).unwrap_or("standpipe");
    // [MS-NBTE] 2.2.1: 15 characters, upper case.
    let netbios: String = standpipe_security::upcase(label).chars().take(15).collect();
    let dns = if host.is_empty() { label } else { host };
    ServerNames {
        netbios_computer: netbios.clone(),
        netbios_domain: netbios,
        dns_computer: dns.to_owned(),
        dns_domain: dns.to_owned(),
    }
}

/// Why an address cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

impl BindError {
    /// What a user can do about it, when there is something.
    pub fn hint(&self) -> Option<String> {
        let port = self.address.port();
        Some(match self.source.kind() {
            io::ErrorKind::AddrInUse => format!(
                "another program listens on port {port} (for 445 often Samba): stop it, or choose another port"
            ),
            io::ErrorKind::PermissionDenied => format!(
                "port {port} needs privileges: run as root, give the program CAP_NET_BIND_SERVICE, or choose a \
                 port from 1024 up"
            ),
            io::ErrorKind::AddrNotAvailable => {
                format!("{} is not an address of this machine", self.address.ip())
            }
            _ => return None,
        })
    }
}

/// A server that listens on its address.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    counters: Arc<Counters>,
}

impl Server {
    /// Listens on `address`; with port 0 on one the system chooses. Clients that connect wait until
    /// [`Self::serve`].
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let failed = |source| BindError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, counters: Arc::default() })
    }

    /// The address it listens on.
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// What happened so far, also while [`Self::serve`] runs.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Serves `offer` until `stop` is cancelled and everything in flight is done, or
    /// [`Options::drain_timeout`] is over. Dropping the future closes every connection at once.
    pub async fn serve(self, offer: Offer, stop: CancellationToken) {
        let Self { listener, address, counters } = self;
        let drain_timeout = offer.options.drain_timeout;
        let admission = admission(&offer.options, Arc::clone(&counters));
        let shared = Arc::new(shared(offer, counters, stop.clone()));
        let mut connections = JoinSet::new();
        // Ends when it is dropped.
        let mut attending = JoinSet::new();
        for index in 0..shared.served.len() {
            let shared = Arc::clone(&shared);
            attending.spawn(async move {
                if let Some(served) = shared.served.get(index) {
                    shared.attend(served).await;
                }
            });
        }
        let checked = Arc::clone(&shared);
        attending.spawn(async move {
            loop {
                tokio::time::sleep(ACCOUNTS_CHECK).await;
                checked.sessions.end_without_account(&*checked.config.accounts);
            }
        });
        tracing::info!(%address, "serving pipes");
        if let Some(bytes) = shared.budget.resources().socket_buffer()
            && let Err(error) = limit_buffers(&listener, bytes)
        {
            tracing::warn!(%address, %error, "cannot set how much the system buffers for each connection");
        }
        let mut reserve = Reserve::new();
        loop {
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = connections.join_next() => {
                    log_panic(ended);
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    // An address of IPv4 looks as one, also where the socket takes both.
                    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                    let (place, displaced) = admission.admit(peer.ip());
                    if displaced && let Some(line) = shared.log.line(Kind::Connection) {
                        let suppressed = line.suppressed;
                        tracing::warn!(%peer, suppressed, "too many connections without a log-on: closing one");
                    }
                    connections.spawn(arrival::serve(stream, peer, place, Arc::clone(&shared)));
                }
                // The client is gone again.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    if let Some(line) = shared.log.line(Kind::Connection) {
                        let suppressed = line.suppressed;
                        tracing::warn!(%address, %error, suppressed, "cannot accept a connection now");
                    }
                    let exhausted = standpipe_system::machine::is_exhausted(&error);
                    let displaced =
                        (0..EXHAUSTED_DISPLACED).filter(|_| exhausted && admission.displace_any()).count();
                    if displaced == 0 {
                        // Whoever waits in the system's queue hears at once that it cannot be served.
                        reserve.turn_away(&listener).await;
                    }
                    let pause = if displaced > 0 { DISPLACED_PAUSE } else { EXHAUSTED_PAUSE };
                    tokio::time::sleep(pause).await;
                }
            }
        }
        drop(listener);
        let Snapshot { connections_now, opens_now, .. } = shared.counters.snapshot();
        tracing::info!(%address, connections = connections_now, opens = opens_now, "stopping: finishing what is in flight");
        let drained = async {
            while let Some(ended) = connections.join_next().await {
                log_panic(ended);
            }
        };
        if tokio::time::timeout(drain_timeout, drained).await.is_err() {
            tracing::warn!(%address, connections = connections.len(), "closing connections that are still in use");
            connections.shutdown().await;
        }
        shared.log.tell_rest();
    }
}

/// A panic ends its own connection only; it is a bug that has to be seen.
fn log_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection ended by a bug in this program");
    }
}

fn admission(options: &Options, counters: Arc<Counters>) -> Admission {
    let users = Crowd { all: options.max_connections, per_address: options.max_connections_per_address };
    // Nobody outside can foresee it, and it is no secret that anything depends on.
    let seed = RandomState::new().hash_one(options.guid);
    Admission::new(
        options.max_connections_before_logon,
        users,
        options.max_connections_per_account,
        seed,
        counters,
    )
}

fn shared(offer: Offer, counters: Arc<Counters>, stop: CancellationToken) -> Shared {
    let Offer { pipes, accounts, readiness, options } = offer;
    let config = Config {
        names: options.names,
        guid: options.guid,
        pipes: pipes
            .iter()
            .map(|pipe| Pipe {
                name: pipe.name.as_str().to_owned(),
                security_descriptor: pipe.security_descriptor.clone(),
                max_instances: pipe.max_instances,
                require_encryption: pipe.require_encryption,
            })
            .collect(),
        accounts,
        min_dialect: options.min_dialect,
        max_dialect: options.max_dialect,
        require_signing: options.require_signing,
        encryption: options.encryption,
        session_lifetime: options.session_lifetime,
        filter_administrators: options.filter_administrators,
        limits: options.limits,
        crypto: options.crypto,
    };
    let served: Vec<_> = pipes
        .into_iter()
        .map(|pipe| Served::new(pipe.name.as_str().into(), pipe.backend, pipe.max_instances))
        .collect();
    Shared {
        #[cfg(feature = "conformance")]
        other_names: served.len().checked_sub(1).filter(|_| options.pose_as_files).map(PipeId),
        config: Arc::new(config),
        budget: Arc::new(options.budget),
        next_connection: AtomicU64::new(0),
        served,
        readiness,
        counters,
        log: LogLimit::default(),
        guessing: Guessing::new(options.guessing),
        sessions: Arc::default(),
        stop,
        send_timeout: options.send_timeout,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_host() {
        let names = names_of("watcher-instance-0.example.org");
        assert_eq!(names.netbios_computer, "WATCHER-INSTANC");
        assert_eq!(names.dns_computer, "watcher-instance-0.example.org");
        assert_eq!(names_of("").netbios_computer, "STANDPIPE");
    }

    #[tokio::test]
    async fn a_port_in_use_says_what_to_do() {
        let first = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let error = Server::bind(first.local_address()).await.unwrap_err();
        assert_eq!(error.address, first.local_address());
        assert!(error.to_string().contains(&first.local_address().to_string()));
        assert!(error.hint().unwrap().contains("choose another port"));
    }

    #[tokio::test]
    async fn an_address_of_another_machine_says_so() {
        let error = Server::bind("192.0.2.1:4445".parse().unwrap()).await.unwrap_err();
        assert!(error.hint().unwrap().contains("192.0.2.1"), "{error:?}");
    }
}
