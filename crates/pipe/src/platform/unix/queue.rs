//! What the kernel holds for a socket: of what was sent, and of what is to be received.

use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use rustix::ioctl::{Getter, ioctl};
use rustix::net::RecvFlags;

use super::Socket;
use crate::Mode;

/// `TIOCOUTQ`, which is `SIOCOUTQ` for sockets, on the architectures that number it as most do. On others the
/// system refuses this number.
const OUTPUT_QUEUE: rustix::ioctl::Opcode = 0x5411;

/// How many bytes of memory the kernel holds for what was sent and the other end has not taken; 0 where it
/// does not say.
#[expect(unsafe_code, reason = "rustix has no safe name for this question")]
fn unread(socket: &OwnedFd) -> usize {
    if !cfg!(target_os = "linux") {
        return 0;
    }
    // SAFETY: Linux answers `SIOCOUTQ` with one int, and changes nothing.
    let question = unsafe { Getter::<OUTPUT_QUEUE, i32>::new() };
    // SAFETY: the question is the one above, and `socket` is open.
    let answer = unsafe { ioctl(socket, question) };
    answer.ok().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0)
}

impl Socket {
    /// How much memory the system holds of what was sent and not taken, in bytes.
    pub(crate) fn unread(&self) -> usize {
        unread(self.fd.get_ref())
    }

    /// How long the message is that [`Self::poll_receive`] would give; `None` for bytes, at the end and on an
    /// error.
    pub(crate) fn poll_length(&self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        if self.mode() == Mode::Byte {
            return Poll::Ready(None);
        }
        loop {
            let Ok(mut guard) = ready!(self.fd.poll_read_ready(cx)) else {
                return Poll::Ready(None);
            };
            match self.receive_or_end(&mut [], RecvFlags::PEEK) {
                Err(error) if error.would_block() => guard.clear_ready(),
                result => return Poll::Ready(result.ok().flatten()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType};

    use super::*;

    #[test]
    fn what_the_other_end_has_not_taken_is_known() {
        let flags = SocketFlags::CLOEXEC;
        let kind = SocketType::SEQPACKET;
        let (ours, theirs) = rustix::net::socketpair(AddressFamily::UNIX, kind, flags, None).unwrap();
        assert_eq!(unread(&ours), 0);
        rustix::net::send(&ours, &vec![7; 50_000], SendFlags::NOSIGNAL).unwrap();
        assert!(unread(&ours) >= 50_000, "{}", unread(&ours));
        rustix::net::recv(&theirs, &mut vec![0_u8; 50_000][..], RecvFlags::empty()).unwrap();
        assert_eq!(unread(&ours), 0);
        rustix::net::send(&ours, &vec![7; 50_000], SendFlags::NOSIGNAL).unwrap();
        drop(theirs);
        assert_eq!(unread(&ours), 0, "what nobody can take any more is gone");
    }
}
