//! Every length, offset and count that a server can send, with values that promise more than there is; sent
//! by a server that knows the keys, so that the client believes it.

use super::World;
use crate::bytes::Bytes;
use crate::lengths::extremes;
use crate::memory::Meter;
use crate::peer::frame;

/// The most that one short message makes the client allocate, in bytes, whatever it says.
const MOST: usize = 8 * 1024;

/// A client with this many messages of the server behind it, and the next one on its way.
fn world(choice: u8, past: usize) -> World {
    let mut world = World::new(choice);
    for _ in 0..past {
        let message = world.taken(0).expect("a reply");
        world.deliver(&message);
        world.move_requests();
    }
    world
}

#[test]
fn lengths_that_a_server_announces_cost_nothing() {
    // 2.0.2, 3.0.2, 3.1.1, and 3.1.1 encrypted; up to the tree connect, or what confirms the negotiation.
    for (choice, messages) in [(0, 5), (2, 5), (5, 4), (0x25, 4)] {
        for past in 0..messages {
            let original = world(choice, past).taken(0).expect("a reply");
            let sealed = original.starts_with(b"\xFDSMB");
            let inside = world(choice, past).tap.open(&original);
            let body = inside.get(64..).expect("a header").to_vec();
            for changed in extremes(&body) {
                let mut world = world(choice, past);
                let message = [&inside[..64], &changed].concat();
                // Before the log-on is complete nothing is protected; after it, by the keys.
                let message = if past < 2 { message } else { world.tap.protect(message, sealed) };
                expect_little(&mut world, &frame(&message));
            }
        }
    }
}

#[test]
fn replies_that_a_server_announces_cost_nothing() {
    // A caller's request of each kind, and a reply such as it gets.
    let data = |offset: u8| [&[17, 0, offset, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], b"Hello"].concat();
    let mut created = vec![0; 88];
    created[0] = 89;
    let mut control = vec![0; 48];
    control[0] = 49;
    control[32..40].copy_from_slice(&[112, 0, 0, 0, 5, 0, 0, 0]);
    control.extend_from_slice(b"Hello");
    let replies: [(u8, &[u8], Vec<u8>); 5] = [
        (0, &[0], created),
        (5, &[0, 100, 0], data(80)),
        (2, &[0, 5, 0, 100, 0], control.clone()),
        (6, &[0, 4, 0], control),
        (4, &[0, 5, 0], vec![17, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ];
    for (what, arguments, reply) in &replies {
        let mut world = ready_world();
        for changed in extremes(reply) {
            // A client that has had enough of its server is of no more use, nor one without credits.
            if world.caller.seen.closed.is_some() || world.caller.is_out_of_credits() {
                world = ready_world();
            }
            world.caller.ask(*what, &mut Bytes::new(arguments));
            world.move_requests();
            world.under_way.clear();
            let mut message = world.requests.back().expect("a request")[..64].to_vec();
            message[8..12].fill(0);
            message[14] = 1;
            message[16] = 1;
            message.extend_from_slice(&changed);
            let message = world.tap.protect(message, false);
            expect_little(&mut world, &frame(&message));
        }
    }
}

/// A client that is logged on and has a pipe open, and whose service will not say anything by itself.
fn ready_world() -> World {
    let mut world = World::new(5);
    world.deliver_all();
    world.caller.ask(0, &mut Bytes::new(&[0]));
    world.move_requests();
    world.deliver_all();
    assert!(world.caller.seen.ready);
    world.caller.is_lied_to();
    world
}

fn expect_little(world: &mut World, bytes: &[u8]) {
    let meter = Meter::start();
    world.caller.receive(bytes);
    assert!(meter.peak() <= MOST, "{} bytes for {bytes:02x?}", meter.peak());
    world.caller.is_lied_to();
    world.caller.look();
}

#[test]
fn an_announced_frame_costs_nothing_before_it_comes() {
    for (past, announced) in [(0, 0x1_FFFF), (0, 0xFF_FFFF), (4, 0x1_FFFF), (4, 0xFF_FFFF)] {
        let mut world = world(5, past);
        let [_, length @ ..] = u32::to_be_bytes(announced);
        let meter = Meter::start();
        world.caller.receive(&[&[0][..], &length, b"\xFESMB"].concat());
        assert!(meter.peak() <= 4096, "{announced:#x} bytes announced: {meter:?}");
    }
}
