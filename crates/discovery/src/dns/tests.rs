use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig};
use hickory_server::Server;
use hickory_server::proto::rr::rdata::{A, AAAA, SOA, SRV};
use hickory_server::proto::rr::{LowerName, Name, RData, Record, RecordSet, RrKey};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneHandler, ZoneType};
use standpipe_client::balancer::Target;
use standpipe_deployment::AddressSource;
use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::*;
use crate::follow::{Followed, follow_with};

/// A true server with one zone, on a port of its own.
pub(crate) struct Zone {
    records: Arc<InMemoryZoneHandler<TokioRuntimeProvider>>,
    servers: NameServers,
    port: u16,
    server: Option<Server<Catalog>>,
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

impl Zone {
    /// The zone `svc.`, in which nothing is yet.
    pub(crate) async fn new() -> Self {
        let origin = name("svc.");
        let soa = SOA::new(name("ns.svc."), name("admin.svc."), 1, 60, 60, 60, 1);
        let soa = Record::from_rdata(origin.clone(), 1, RData::SOA(soa));
        let key = RrKey::new(origin.clone().into(), RecordType::SOA);
        let mut set = RecordSet::new(origin.clone(), RecordType::SOA, 1);
        set.insert(soa, 1);
        let zone = InMemoryZoneHandler::new(
            origin,
            BTreeMap::from([(key, set)]),
            ZoneType::Primary,
            AxfrPolicy::Deny,
        );
        let zone = Arc::new(zone.unwrap());
        let mut this = Self { records: zone, servers: NameServers::OfSystem, port: 0, server: None };
        this.start().await;
        let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
        for connection in &mut connections {
            connection.port = this.port;
        }
        let server = NameServerConfig::new(Ipv4Addr::LOCALHOST.into(), true, connections);
        this.servers = NameServers::At(ResolverConfig::from_parts(None, Vec::new(), vec![server]));
        this
    }

    pub(crate) async fn start(&mut self) {
        let socket = UdpSocket::bind(("127.0.0.1", self.port)).await.unwrap();
        self.port = socket.local_addr().unwrap().port();
        let mut catalog = Catalog::new();
        catalog
            .upsert(LowerName::from(name("svc.")), vec![Arc::clone(&self.records) as Arc<dyn ZoneHandler>]);
        let mut server = Server::new(catalog);
        server.register_socket(socket);
        self.server = Some(server);
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.shutdown_gracefully().await.unwrap();
        }
    }

    /// Replaces all records of a name and a type.
    pub(crate) async fn set(&self, owner: &str, record_type: RecordType, ttl: u32, data: Vec<RData>) {
        let owner = name(owner);
        let key = RrKey::new(owner.clone().into(), record_type);
        let mut records = self.records.records_mut().await;
        records.remove(&key);
        if !data.is_empty() {
            let mut set = RecordSet::new(owner.clone(), record_type, 1);
            for data in data {
                set.insert(Record::from_rdata(owner.clone(), ttl, data), 1);
            }
            records.insert(key, Arc::new(set));
        }
    }

    pub(crate) async fn addresses(&self, owner: &str, ttl: u32, last: &[u8]) {
        let data = last.iter().map(|last| RData::A(A::new(10, 0, 0, *last))).collect();
        self.set(owner, RecordType::A, ttl, data).await;
    }

    fn follow(&self, source: AddressSource) -> watch::Receiver<Vec<Target>> {
        let followed = Followed {
            role: "Watcher".to_owned(),
            endpoint: "Pipes".to_owned(),
            port: Some(445),
            sources: vec![source],
        };
        follow_with(followed, &self.servers)
    }
}

async fn shown(targets: &mut watch::Receiver<Vec<Target>>, expected: &[&str]) -> Duration {
    let began = Instant::now();
    let is_it = |targets: &Vec<Target>| {
        targets.iter().map(|target| target.server.to_string()).eq(expected.iter().copied())
    };
    let waited = tokio::time::timeout(Duration::from_secs(15), targets.wait_for(is_it)).await.is_ok();
    assert!(waited, "{:?}, expected {expected:?}", *targets.borrow());
    began.elapsed()
}

#[tokio::test]
async fn the_addresses_of_a_name_are_followed_within_their_ttl() {
    let zone = Zone::new().await;
    zone.addresses("sp.svc.", 1, &[1, 2]).await;
    let mut targets = zone.follow(AddressSource::Dns("sp.svc.".to_owned(), None));
    shown(&mut targets, &["10.0.0.1:445", "10.0.0.2:445"]).await;
    assert_eq!(targets.borrow()[0].instance, "Watcher/10.0.0.1:445");
    zone.addresses("sp.svc.", 1, &[2, 3]).await;
    let took = shown(&mut targets, &["10.0.0.2:445", "10.0.0.3:445"]).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    // A family that comes later is added, and does not take the other one's place.
    let six = vec![RData::AAAA(AAAA::new(0xfd00, 0, 0, 0, 0, 0, 0, 1))];
    zone.set("sp.svc.", RecordType::AAAA, 1, six).await;
    shown(&mut targets, &["10.0.0.2:445", "10.0.0.3:445", "[fd00::1]:445"]).await;
}

#[tokio::test]
async fn the_last_set_is_kept_while_the_name_is_gone_and_while_the_server_is() {
    let mut zone = Zone::new().await;
    zone.addresses("sp.svc.", 1, &[1]).await;
    let mut targets = zone.follow(AddressSource::Dns("sp.svc.".to_owned(), Some(4445)));
    shown(&mut targets, &["10.0.0.1:4445"]).await;
    zone.addresses("sp.svc.", 1, &[]).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(targets.borrow().len(), 1, "the name has been gone for three seconds");
    zone.stop().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(targets.borrow().len(), 1, "the server has been gone for two seconds");
    zone.addresses("sp.svc.", 1, &[9]).await;
    zone.start().await;
    shown(&mut targets, &["10.0.0.9:4445"]).await;
}

#[tokio::test]
async fn the_hosts_and_ports_of_a_service_are_those_of_the_lowest_priority() {
    let zone = Zone::new().await;
    let srv = |priority, port, host: &str| RData::SRV(SRV::new(priority, 1, port, name(host)));
    let records = vec![srv(1, 4445, "sp-0.sp.svc."), srv(1, 4446, "sp-1.sp.svc."), srv(2, 1, "far.svc.")];
    zone.set("_smb._tcp.sp.svc.", RecordType::SRV, 1, records).await;
    let mut targets = zone.follow(AddressSource::Srv("_smb._tcp.sp.svc.".to_owned()));
    shown(&mut targets, &["sp-0.sp.svc.:4445", "sp-1.sp.svc.:4446"]).await;
    let there_is_none = vec![srv(0, 0, ".")];
    zone.set("_smb._tcp.sp.svc.", RecordType::SRV, 1, there_is_none).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(targets.borrow().len(), 2);
}

#[tokio::test]
async fn nobody_asks_for_a_target_that_nobody_follows() {
    let zone = Zone::new().await;
    zone.addresses("sp.svc.", 1, &[1]).await;
    let mut targets = zone.follow(AddressSource::Dns("sp.svc.".to_owned(), None));
    shown(&mut targets, &["10.0.0.1:445"]).await;
    let alive = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    drop(targets);
    let deadline = Instant::now() + Duration::from_secs(5);
    while tokio::runtime::Handle::current().metrics().num_alive_tasks() >= alive {
        assert!(Instant::now() < deadline, "the tasks go on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
