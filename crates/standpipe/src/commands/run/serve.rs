//! What an instance serves: its pipes on each smb endpoint, its page on each http endpoint.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use standpipe_accounts::AccountFile;
use standpipe_client::balancer::{Balancer, Options as BalancerOptions};
use standpipe_client::{Credentials, Encryption as ClientEncryption};
use standpipe_deployment::{
    Deployment, Encryption, Endpoint, Password, PipeEncryption, Ports, Protocol, Role,
};
use standpipe_pipe::PipeName;
use standpipe_pipe::backend::Backend;
use standpipe_runtime::instance::{Instance, Serving};
use standpipe_runtime::state::EndpointRecord;
use standpipe_security::upcase;
use standpipe_server::{Budget, Offer, Options, PipeOffer, Server};
use standpipe_web::{Health, Memory, Site};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

use super::limits::RoleLimits;
use super::metrics::Counted;
use super::targets::Targets;
use crate::failure::{Caused, Exit, Failure, exit_of_socket};

/// The sockets of an instance's endpoints. Nobody is answered yet.
pub(super) struct Sockets {
    records: Vec<EndpointRecord>,
    /// The servers for pipes, each with its own options.
    pipes: Vec<(Server, Options)>,
    /// Those for pages, each with the names that it answers to.
    pages: Vec<(TcpListener, Vec<String>)>,
    /// For all of `pipes` together.
    budget: Budget,
    page_memory: Memory,
    page_connections: usize,
}

impl Sockets {
    /// Takes the sockets of instance `number`, whose address is `own`.
    pub(super) async fn bind(
        role: &Role,
        (number, own): (u32, IpAddr),
        limits: &RoleLimits,
    ) -> Result<Self, Failure> {
        let mut options = Options::new().map_err(|error| {
            Failure::new(
                Exit::Temporary,
                Caused { what: "could not get random numbers".into(), source: error.into() },
            )
        })?;
        options = options.with_budget(limits.pipes.clone());
        options.drain_timeout = role.drain_timeout;
        options.crypto = crate::crypto::PROVIDER;
        let mut sockets = Self {
            records: Vec::new(),
            pipes: Vec::new(),
            pages: Vec::new(),
            budget: limits.pipes.clone(),
            page_memory: limits.page_memory.clone(),
            page_connections: limits.page_connections,
        };
        for endpoint in &role.endpoints {
            let address = endpoint.address.unwrap_or(own);
            let ports = endpoint.port_of(number).map_or(endpoint.ports, Ports::Fixed);
            let (socket, protocol) = match endpoint.protocol {
                Protocol::Smb => {
                    let server = first_free(ports, address, Server::bind).await?;
                    let socket = server.local_address();
                    sockets.pipes.push((server, options_for(endpoint, options.clone())));
                    (socket, "smb")
                }
                Protocol::Http => {
                    let page = first_free(ports, address, bind_page).await?;
                    let socket = page.local_addr().map_err(|error| cannot_listen("the page", &error))?;
                    sockets.pages.push((page, endpoint.hosts.clone()));
                    (socket, "http")
                }
                // The service listens there. What is free now is so a moment later, unless somebody hurries.
                Protocol::Tcp => (first_free(ports, address, free_tcp).await?, "tcp"),
                Protocol::Udp => (first_free(ports, address, free_udp).await?, "udp"),
            };
            sockets.records.push(EndpointRecord {
                name: endpoint.name.clone(),
                protocol: protocol.to_owned(),
                address: socket.to_string(),
            });
        }
        Ok(sockets)
    }

    /// What is shown of them.
    pub(super) fn records(&self) -> &[EndpointRecord] {
        &self.records
    }
}

/// The health port of an instance, on its socket.
pub(super) struct HealthPort {
    listener: TcpListener,
    address: SocketAddr,
}

impl HealthPort {
    /// Takes the socket at `given`, or else where the role says; `None` without either. `own` is the
    /// instance's address.
    pub(super) async fn bind(
        role: &Role,
        given: Option<SocketAddr>,
        own: IpAddr,
    ) -> Result<Option<Self>, Failure> {
        let (ports, address) = match (given, &role.health) {
            (Some(given), _) if given.port() == 0 => (Ports::Dynamic, given.ip()),
            (Some(given), _) => (Ports::Fixed(given.port()), given.ip()),
            (None, Some(health)) => (health.ports, health.address_beside(own)),
            (None, None) => return Ok(None),
        };
        let listener = first_free(ports, address, bind_page).await?;
        let address = listener.local_addr().map_err(|error| cannot_listen("the health port", &error))?;
        Ok(Some(Self { listener, address }))
    }

    /// The URL of the role's document, for programs on this machine.
    pub(super) fn document(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            let here: IpAddr =
                if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
            address.set_ip(here);
        }
        format!("http://{address}/role")
    }

    /// Answers until it is dropped.
    pub(super) async fn serve(self, health: Arc<dyn Health>) {
        standpipe_web::serve(
            self.listener,
            standpipe_web::health(health),
            std::future::pending(),
            Duration::ZERO,
        )
        .await;
    }
}

/// The endpoints of an instance, each on its socket, and what will be served there.
pub(super) struct Endpoints {
    pipes: Vec<(Server, Options)>,
    /// The names of the endpoints in `pipes`.
    names: Vec<String>,
    offers: Vec<PipeOffer>,
    accounts: Arc<AccountFile>,
    pages: Vec<(TcpListener, Vec<String>)>,
    budget: Budget,
    page_memory: Memory,
    page_connections: usize,
    site: Option<Site>,
    /// How long requests may take to end when the instance stops.
    drain: Duration,
}

impl Endpoints {
    /// What will be served on these sockets.
    pub(super) fn new(
        deployment: &Deployment,
        role: &Role,
        sockets: Sockets,
        instance: &Instance<'_>,
        targets: &Targets,
    ) -> Result<Self, Failure> {
        let Sockets { records, pipes, pages, budget, page_memory, page_connections } = sockets;
        let of_pipes = records.into_iter().filter(|record| record.protocol == "smb");
        let site = if pages.is_empty() {
            None
        } else {
            Some(site(deployment, role, targets)?.with_memory(page_memory.clone()))
        };
        Ok(Self {
            pipes,
            names: of_pipes.map(|record| record.name).collect(),
            offers: offers(role, instance)?,
            accounts: Arc::new(AccountFile::new(instance.accounts())),
            pages,
            budget,
            page_memory,
            page_connections,
            site,
            drain: role.drain_timeout,
        })
    }

    /// What counts while they are served.
    pub(super) fn counted(&self) -> Counted {
        let servers = self.pipes.iter().map(|(server, _)| server.counters());
        Counted {
            endpoints: self.names.iter().cloned().zip(servers).collect(),
            calls: self.site.as_ref().map(Site::statistics).unwrap_or_default(),
            budget: (!self.pipes.is_empty()).then(|| self.budget.clone()),
            page_memory: self.site.as_ref().map(|_| self.page_memory.clone()),
        }
    }

    /// Serves until told to stop, and then until what is in flight is done.
    pub(super) async fn serve(self, serving: Serving) -> Result<(), Box<dyn Error + Send + Sync>> {
        let mut tasks = JoinSet::new();
        for (server, options) in self.pipes {
            let offer = Offer {
                pipes: self.offers.clone(),
                accounts: Arc::clone(&self.accounts) as Arc<dyn standpipe_security::Accounts>,
                readiness: serving.ready.clone(),
                options,
            };
            tasks.spawn(server.serve(offer, serving.stop.clone()));
        }
        if let Some(site) = self.site {
            let (site, drain, most) = (Arc::new(site), self.drain, self.page_connections);
            for (listener, hosts) in self.pages {
                let stop = serving.stop.clone();
                let app = standpipe_web::app(Arc::clone(&site), hosts);
                tasks.spawn(async move {
                    standpipe_web::serve_at_most(most, listener, app, stop.cancelled(), drain).await;
                });
            }
        }
        if tasks.is_empty() {
            serving.stop.cancelled().await;
        }
        while let Some(ended) = tasks.join_next().await {
            ended?;
        }
        Ok(())
    }
}

/// What the deployment file says of an endpoint, and what it leaves as it is.
fn options_for(endpoint: &Endpoint, mut options: Options) -> Options {
    options.session_lifetime = endpoint.session_lifetime;
    options.filter_administrators = endpoint.filter_administrators;
    options.encryption = match endpoint.encryption {
        Encryption::Off => standpipe_server::Encryption::Off,
        Encryption::Offered => standpipe_server::Encryption::Offered,
        Encryption::Required => standpipe_server::Encryption::Required,
    };
    if let Some(limit) = endpoint.max_connections {
        options.max_connections = limit as usize;
        options.max_connections_per_address = options.max_connections.div_ceil(2);
        options.max_connections_per_account = options.max_connections.div_ceil(2);
    }
    if let Some(limit) = endpoint.max_connections_per_account {
        options.max_connections_per_account = limit as usize;
    }
    if let Some(limit) = endpoint.max_connections_per_address {
        options.max_connections_per_address = limit as usize;
    }
    options
}

/// Listens on the first of the ports that nobody else listens on.
async fn first_free<T, E: Into<Failure>, F: Future<Output = Result<T, E>>>(
    ports: Ports,
    address: IpAddr,
    bind: impl Fn(SocketAddr) -> F,
) -> Result<T, Failure> {
    let (first, last) = ports.bounds().unwrap_or((0, 0));
    let mut bound = bind(SocketAddr::new(address, first)).await;
    for port in first.saturating_add(1)..=last {
        if bound.is_ok() {
            break;
        }
        bound = bind(SocketAddr::new(address, port)).await;
    }
    bound.map_err(Into::into)
}

async fn bind_page(socket: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(socket).await.map_err(|error| cannot_listen(&socket.to_string(), &error))
}

async fn free_tcp(socket: SocketAddr) -> Result<SocketAddr, Failure> {
    bind_page(socket).await?.local_addr().map_err(|error| cannot_listen(&socket.to_string(), &error))
}

async fn free_udp(socket: SocketAddr) -> Result<SocketAddr, Failure> {
    let bound = UdpSocket::bind(socket).await.and_then(|bound| bound.local_addr());
    bound.map_err(|error| cannot_listen(&socket.to_string(), &error))
}

fn cannot_listen(where_to: &str, error: &io::Error) -> Failure {
    Failure::new(exit_of_socket(error), format!("cannot listen on {where_to}: {error}"))
        .hint("stop what listens there, or choose another port")
}

fn offers(role: &Role, instance: &Instance<'_>) -> Result<Vec<PipeOffer>, Failure> {
    let places = role.pipes.iter().zip(instance.backends());
    let offer = |(pipe, (_, backend)): (&standpipe_deployment::Pipe, &(String, Backend))| {
        if pipe.descriptor.is_none() && !backend.has_own_descriptor() {
            return Err(Failure::new(Exit::Config, format!("pipe `{}` has no `sddl`", pipe.name))
                .hint("only a native pipe of Windows carries a descriptor itself; write one here"));
        }
        Ok(PipeOffer {
            name: pipe.name.parse().map_err(|error| Failure::new(Exit::Config, error))?,
            security_descriptor: pipe.descriptor.clone(),
            max_instances: pipe.max_instances,
            require_encryption: pipe.encryption == PipeEncryption::Required,
            backend: backend.clone(),
        })
    };
    places.map(offer).collect()
}

/// The page and the bridge, with a balancer for each call.
fn site(deployment: &Deployment, role: &Role, targets: &Targets) -> Result<Site, Failure> {
    let mut site = Site::new(deployment.name());
    for call in &role.calls {
        let password = Password::from_source(&call.password)?;
        let credentials = Credentials::with_password(&call.user, password.expose());
        let pipe: PipeName = call.pipe.parse().map_err(|error| Failure::new(Exit::Config, error))?;
        let found = targets.follow(deployment, &call.target, call.addresses.as_deref());
        let encrypts = deployment
            .role(&call.target.role)
            .and_then(|role| role.pipes.iter().find(|pipe| upcase(&pipe.name) == upcase(&call.pipe)))
            .is_some_and(|pipe| pipe.encryption == PipeEncryption::Required);
        let options = BalancerOptions {
            connect_timeout: call.connect_timeout,
            // The page does what the pipe asks for without being told.
            encryption: if encrypts { ClientEncryption::Required } else { ClientEncryption::default() },
            crypto: crate::crypto::PROVIDER,
            ..BalancerOptions::default()
        };
        let balancer = Balancer::following(found, pipe, &credentials, options);
        site = site.with_call(&call.name, Arc::new(balancer));
    }
    Ok(site)
}
