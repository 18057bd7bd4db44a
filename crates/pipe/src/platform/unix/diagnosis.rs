//! What the kernel tells about Unix sockets: the netlink protocol of `sock_diag(7)`.

use std::fs::Metadata;
use std::mem::size_of;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};

/// `SOCK_DIAG_BY_FAMILY`, a request and its answer.
const BY_FAMILY: u16 = 20;
/// `NLMSG_ERROR` and `NLMSG_DONE`: no further answer follows.
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `NLM_F_REQUEST` about one socket, and with `NLM_F_DUMP` about all that are in certain states.
const REQUEST: u16 = 1;
const DUMP: u16 = 0x301;
/// `TCP_LISTEN` among the states.
const LISTENING: u32 = 1 << 10;
/// `UDIAG_SHOW_VFS`, `UDIAG_SHOW_PEER` and `UDIAG_SHOW_UID`, and the attributes that come of them.
const SHOW_FILE: u32 = 2;
const SHOW_PEER: u32 = 4;
const SHOW_USER: u32 = 0x40;
const FILE: u16 = 1;
const PEER: u16 = 2;
const USER: u16 = 7;
/// The bytes of `nlmsghdr`, of `unix_diag_req`, of `unix_diag_msg` and of `nlattr`.
const HEADER: usize = 16;
const QUESTION: usize = 24;
const ANSWER: usize = 16;
const ATTRIBUTE: usize = 4;
/// The longest answer that the kernel gives at once.
const LONGEST_ANSWER: usize = 32 * 1024;

/// A socket to ask by.
pub(super) fn open() -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let protocol = Some(netlink::SOCK_DIAG);
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, protocol)?;
    // The kernel has the number 0, and is the only one who is heard.
    rustix::net::connect(&socket, &netlink::SocketAddrNetlink::new(0, 0))?;
    Ok(socket)
}

/// Asks for the peer of the socket with this inode.
pub(super) fn request_about(inode: u32) -> Vec<u8> {
    request(REQUEST, u32::MAX, inode, SHOW_PEER)
}

fn request(kind: u16, states: u32, inode: u32, show: u32) -> Vec<u8> {
    let length = (HEADER + QUESTION) as u32;
    let mut message = Vec::with_capacity(HEADER + QUESTION);
    message.extend_from_slice(&length.to_ne_bytes());
    message.extend_from_slice(&BY_FAMILY.to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&[0; 8]); // sequence, port
    message.extend_from_slice(&[AddressFamily::UNIX.as_raw() as u8, 0, 0, 0]);
    // The last two are a cookie that fits every socket.
    for word in [states, inode, show, u32::MAX, u32::MAX] {
        message.extend_from_slice(&word.to_ne_bytes());
    }
    message
}

/// The inode of the peer in the kernel's answer; `None` for anything else, such as an error.
pub(super) fn peer(answer: &[u8]) -> Option<u32> {
    if short(answer, 4)? != BY_FAMILY {
        return None;
    }
    word(answer, attribute(answer, PEER)?)
}

/// The number of the user who made the socket that listens at a file. `None` where the kernel does not say.
pub(super) fn user_of_listener(file: &Metadata) -> Option<u32> {
    let netlink = open().ok()?;
    let question = request(DUMP, LISTENING, 0, SHOW_FILE | SHOW_USER);
    rustix::net::send(&netlink, &question, SendFlags::empty()).ok()?;
    let mut answers = vec![0; LONGEST_ANSWER];
    loop {
        let (_, length) = rustix::net::recv(&netlink, &mut answers[..], RecvFlags::DONTWAIT).ok()?;
        let mut rest = answers.get(..length)?;
        while !rest.is_empty() {
            let length = usize::try_from(word(rest, 0)?).ok()?.max(HEADER);
            let answer = rest.get(..length)?;
            match short(answer, 4)? {
                ERROR | DONE => return None,
                BY_FAMILY if is_at(answer, file) => return word(answer, attribute(answer, USER)?),
                _ => rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default(),
            }
        }
    }
}

/// Whether an answer is about the socket of this file. The kernel cuts the inode's number.
fn is_at(answer: &[u8], file: &Metadata) -> bool {
    let Some(at) = attribute(answer, FILE) else { return false };
    let device = rustix::fs::major(file.dev()) << 20 | rustix::fs::minor(file.dev());
    word(answer, at) == Some(file.ino() as u32) && word(answer, at + size_of::<u32>()) == Some(device)
}

/// Where the contents of an attribute begin.
fn attribute(answer: &[u8], wanted: u16) -> Option<usize> {
    let mut at = HEADER + ANSWER;
    loop {
        let (length, kind) = (usize::from(short(answer, at)?), short(answer, at + 2)?);
        if kind == wanted {
            return Some(at + ATTRIBUTE);
        }
        // Attributes begin at multiples of four.
        at += length.max(ATTRIBUTE).next_multiple_of(4);
    }
}

fn short(answer: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(answer.get(at..at + size_of::<u16>())?.try_into().ok()?))
}

fn word(answer: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(answer.get(at..at + size_of::<u32>())?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn the_user_of_a_listener_is_known_among_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: u32| folder.path().join(name.to_string());
        let _listeners: Vec<UnixListener> =
            (0..300).map(|name| UnixListener::bind(path(name)).unwrap()).collect();
        let own = rustix::process::getuid().as_raw();
        for name in [0, 150, 299] {
            let file = std::fs::symlink_metadata(path(name)).unwrap();
            assert_eq!(user_of_listener(&file), Some(own), "{name}");
        }
        let absent = std::fs::metadata(folder.path()).unwrap();
        assert_eq!(user_of_listener(&absent), None);
    }

    #[test]
    fn an_answer_that_ends_too_soon_or_is_an_error_says_nothing() {
        let mut answer = vec![0; HEADER + ANSWER];
        answer[4..6].copy_from_slice(&BY_FAMILY.to_ne_bytes());
        answer.extend_from_slice(&[8, 0, 5, 0, 1, 2, 3, 4]);
        answer.extend_from_slice(&[8, 0, 2, 0]);
        answer.extend_from_slice(&7_u32.to_ne_bytes());
        assert_eq!(peer(&answer), if cfg!(target_endian = "little") { Some(7) } else { None });
        for length in 0..answer.len() {
            assert_eq!(peer(&answer[..length]), None);
        }
        answer[4..6].copy_from_slice(&2_u16.to_ne_bytes());
        assert_eq!(peer(&answer), None);
    }
}
