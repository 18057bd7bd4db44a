//! What all connections of an account can make the server hold together.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;
use std::sync::Mutex;

use standpipe_security::Sid;

use super::harness::{Peer, READ_WRITE, config, credentials, data};
use crate::server::budget::{AccountBudget, Budgets, CONNECTION_FLOOR, Pool, Share};
use crate::server::{Config, Connection, DisconnectReason, Input, OpenId};
use crate::wire::transfer::{ReadFlags, WriteFlags};
use crate::wire::{Command, Empty, FileId, ReadRequest, WriteRequest, frame_prefix_for};
use crate::{Dialect, NtStatus};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// The budgets of a server, each account's share as large as all of it.
struct Equal {
    memory: Arc<Pool>,
    opens: Arc<Pool>,
    share: (usize, usize),
    accounts: Mutex<BTreeMap<Sid, Arc<AccountBudget>>>,
}

impl Equal {
    fn new(memory: (usize, usize), opens: (usize, usize)) -> Arc<Self> {
        let (server, share) = ((memory.0, opens.0), (memory.1, opens.1));
        let (memory, opens) = (Arc::new(Pool::new(server.0)), Arc::new(Pool::new(server.1)));
        Arc::new(Self { memory, opens, share, accounts: Mutex::default() })
    }

    /// A connection on which this user has logged on.
    fn connected(self: &Arc<Self>, user: &str) -> Peer {
        let mut peer = Peer::new(open_config());
        peer.connection =
            Connection::new(Arc::new(open_config()), [7; 32], peer.now()).with_budgets(Arc::clone(self) as _);
        peer.negotiate(&[Dialect::Smb311], None);
        assert_eq!(peer.log_on(&credentials(user)), NtStatus::SUCCESS);
        assert_eq!(peer.tree_connect(r"\\server\IPC$"), NtStatus::SUCCESS);
        while peer.credits < 400 {
            let mut header = peer.header(Command::ECHO, 1);
            header.credits = 512;
            let message = peer.message(&header, Empty::encode);
            peer.send_raw(&message);
        }
        peer
    }
}

impl Budgets for Equal {
    fn of(&self, account: Sid) -> Arc<AccountBudget> {
        let new = || {
            Arc::new(AccountBudget {
                memory: Share::new(self.share.0, Arc::clone(&self.memory)),
                opens: Share::new(self.share.1, Arc::clone(&self.opens)),
            })
        };
        Arc::clone(self.accounts.lock().unwrap().entry(account).or_insert_with(new))
    }
}

fn open_config() -> Config {
    let mut config = config();
    for pipe in &mut config.pipes {
        pipe.security_descriptor = "D:(A;;GRGW;;;AU)".parse().ok();
    }
    config
}

fn write(peer: &mut Peer, file_id: FileId, length: usize) -> NtStatus {
    let mut header = peer.header(Command::WRITE, 16);
    header.credits = 16;
    let data = vec![1; length];
    let request = WriteRequest { file_id, flags: WriteFlags::NONE, channel: 0, data: &data };
    let message = peer.message(&header, |out| request.encode(out));
    peer.send_raw(&message);
    peer.reply_to(header.message_id).unwrap().status()
}

fn read(peer: &mut Peer, file_id: FileId) -> usize {
    let mut header = peer.header(Command::READ, 16);
    header.credits = 16;
    let length = MIB as u32;
    let request = ReadRequest { flags: ReadFlags::NONE, length, file_id, minimum_count: 0, channel: 0 };
    let message = peer.message(&header, |out| request.encode(out));
    peer.send_raw(&message);
    data(&peer.reply_to(header.message_id).unwrap()).len()
}

#[test]
fn an_account_holds_its_share_over_all_connections_and_leaves_the_rest_to_others() {
    let budgets = Equal::new((8 * MIB, 2 * MIB), (100, 100));
    let mut first = budgets.connected("serviceUser");
    let mut second = budgets.connected("serviceUser");
    let (one, two) = (first.open("simple"), second.open("simple"));
    // The service has written what nobody reads.
    for _ in 0..2 {
        let open = OpenId(one.volatile);
        first.handle(Input::Data { open, bytes: &vec![7; MIB] });
    }
    assert!(budgets.memory.used() >= 2 * MIB - CONNECTION_FLOOR, "{}", budgets.memory.used());
    assert!(!first.connection.wants_data(OpenId(one.volatile)));
    assert_eq!(write(&mut second, two, 512 * KIB), NtStatus::INSUFFICIENT_RESOURCES);
    assert_eq!(write(&mut second, two, 4 * KIB), NtStatus::SUCCESS, "short calls go on");
    second.service_writes(two, b"short");
    let id = second.send_read(two, 100);
    assert_eq!(data(&second.reply_to(id).unwrap()), b"short");
    // Another account has a share of its own.
    let mut other = budgets.connected("visitor");
    let three = other.open("simple");
    assert_eq!(write(&mut other, three, 512 * KIB), NtStatus::SUCCESS);
    // What the client reads is free again, and so is what a connection held that is gone.
    for _ in 0..2 {
        assert_eq!(read(&mut first, one), MIB);
    }
    first.ask(Command::ECHO, Empty::encode);
    assert_eq!(write(&mut second, two, 512 * KIB), NtStatus::SUCCESS);
    drop((first, second, other));
    assert_eq!((budgets.memory.used(), budgets.opens.used()), (0, 0), "all is given back");
}

#[test]
fn what_a_service_has_not_read_counts() {
    let budgets = Equal::new((MIB, MIB), (100, 100));
    let mut peer = budgets.connected("serviceUser");
    let file_id = peer.open("simple");
    let open = OpenId(file_id.volatile);
    assert_eq!(write(&mut peer, file_id, 900 * KIB), NtStatus::SUCCESS);
    peer.handle(Input::Unread { open, bytes: 900 * KIB });
    assert_eq!(write(&mut peer, file_id, 900 * KIB), NtStatus::INSUFFICIENT_RESOURCES);
    peer.handle(Input::Unread { open, bytes: 0 });
    assert_eq!(write(&mut peer, file_id, 900 * KIB), NtStatus::SUCCESS);
    peer.handle(Input::Unread { open, bytes: 900 * KIB });
    peer.ask(Command::CLOSE, |out| crate::wire::CloseRequest { file_id }.encode(out));
    assert_eq!(budgets.memory.used(), 0);
}

#[test]
fn the_opens_of_an_account_are_counted_over_all_connections() {
    let budgets = Equal::new((MIB, MIB), (4, 3));
    let mut first = budgets.connected("serviceUser");
    let mut second = budgets.connected("serviceUser");
    let mut other = budgets.connected("visitor");
    let opened = [first.open("simple"), first.open("simple")];
    second.open("stream");
    assert_eq!(second.try_open("simple", READ_WRITE), Err(NtStatus::INSUFFICIENT_RESOURCES));
    other.open("simple");
    assert_eq!(other.try_open("simple", READ_WRITE), Err(NtStatus::INSUFFICIENT_RESOURCES), "no more in all");
    first.ask(Command::CLOSE, |out| crate::wire::CloseRequest { file_id: opened[0] }.encode(out));
    second.open("simple");
    // One that the service does not take, and one of a session that ends.
    first.ask(Command::LOGOFF, Empty::encode);
    drop(second);
    assert_eq!(budgets.opens.used(), 1);
}

#[test]
fn a_frame_without_its_end_is_waited_for_as_long_as_its_length_allows() {
    let begun = |peer: &mut Peer, length: usize| {
        peer.handle(Input::Received(&frame_prefix_for(length)));
        peer.handle(Input::Received(&vec![0; length - 1]));
    };
    let budgets = Equal::new((MIB, MIB), (100, 100));
    let mut peer = budgets.connected("serviceUser");
    begun(&mut peer, MIB);
    assert!(budgets.memory.used() >= MIB - CONNECTION_FLOOR);
    assert!(peer.connection.wants_input(), "one frame more can always end");
    let mut more: Vec<Peer> = (0..3).map(|_| budgets.connected("serviceUser")).collect();
    for peer in &mut more {
        begun(peer, MIB);
    }
    assert!(!peer.connection.wants_input(), "there is no room for its rest");
    assert!(budgets.connected("serviceUser").connection.wants_input(), "short requests are always taken");
    drop(more);
    assert!(peer.connection.wants_input());
    // Each byte more gives no more time.
    peer.pass(Duration::from_secs(83));
    assert_eq!(peer.disconnected, None);
    peer.pass(Duration::from_secs(2));
    assert_eq!(peer.disconnected, Some(DisconnectReason::FrameTooSlow));
    assert_eq!(budgets.memory.used(), 0);

    let mut peer = budgets.connected("serviceUser");
    begun(&mut peer, 100);
    peer.pass(Duration::from_secs(21));
    assert_eq!(peer.disconnected, Some(DisconnectReason::FrameTooSlow));
}

#[test]
fn a_connection_on_which_nothing_is_open_and_nothing_happens_ends() {
    let budgets = Equal::new((MIB, MIB), (100, 100));
    let mut peer = budgets.connected("serviceUser");
    peer.pass(Duration::from_mins(14));
    peer.ask(Command::ECHO, Empty::encode);
    peer.pass(Duration::from_mins(14));
    assert_eq!(peer.disconnected, None);
    let file_id = peer.open("simple");
    peer.pass(Duration::from_hours(1));
    assert_eq!(peer.disconnected, None, "an open may be silent");
    peer.ask(Command::CLOSE, |out| crate::wire::CloseRequest { file_id }.encode(out));
    peer.pass(Duration::from_mins(15));
    assert_eq!(peer.disconnected, Some(DisconnectReason::Idle));
}

#[test]
fn requests_that_wait_count() {
    let budgets = Equal::new((CONNECTION_FLOOR, CONNECTION_FLOOR), (100, 100));
    let mut peer = budgets.connected("serviceUser");
    let file_id = peer.open("simple");
    peer.connection.set_unsent(3 * CONNECTION_FLOOR);
    let id = peer.send_read(file_id, 100);
    assert_eq!(peer.reply_to(id).unwrap().status(), NtStatus::INSUFFICIENT_RESOURCES);
    peer.connection.set_unsent(0);
    let id = peer.send_read(file_id, 100);
    assert!(peer.reply_to(id).is_none());
}
