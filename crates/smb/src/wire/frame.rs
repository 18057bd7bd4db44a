//! Frames of the direct TCP transport: a zero byte, then a 24-bit big-endian length ([MS-SMB2] 2.1).

/// The length of a frame's prefix in bytes.
pub const FRAME_PREFIX: usize = 4;

/// A keep-alive of NetBIOS ([RFC 1002] 4.3.6), which some clients, servers and boxes between them send over
/// direct TCP, too. It is a frame without a message.
pub const NETBIOS_KEEP_ALIVE: [u8; FRAME_PREFIX] = [0x85, 0, 0, 0];

/// The longest message a frame can carry, in bytes.
pub const FRAME_MAX: usize = 0x00FF_FFFF;

/// What a frame's prefix says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FramePrefix {
    /// A message of this many bytes follows.
    Message(usize),
    /// The first byte is not zero: this is no direct TCP frame.
    Unknown(u8),
}

/// Reads a frame's prefix. A keep-alive of NetBIOS is an empty message.
#[must_use]
pub fn frame_prefix([kind, high, middle, low]: [u8; FRAME_PREFIX]) -> FramePrefix {
    if kind == 0 || [kind, high, middle, low] == NETBIOS_KEEP_ALIVE {
        FramePrefix::Message(usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low))
    } else {
        FramePrefix::Unknown(kind)
    }
}

/// The prefix for a message of this length, which must be at most [`FRAME_MAX`].
#[must_use]
pub fn frame_prefix_for(length: usize) -> [u8; FRAME_PREFIX] {
    debug_assert!(length <= FRAME_MAX);
    [0, (length >> 16) as u8, (length >> 8) as u8, length as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_reads_back() {
        for length in [0, 1, 0xFF, 0x1234, FRAME_MAX] {
            assert_eq!(frame_prefix(frame_prefix_for(length)), FramePrefix::Message(length));
        }
        assert_eq!(frame_prefix([0x81, 0, 0, 4]), FramePrefix::Unknown(0x81));
        assert_eq!(frame_prefix(NETBIOS_KEEP_ALIVE), FramePrefix::Message(0));
        assert_eq!(frame_prefix([0x85, 0, 0, 1]), FramePrefix::Unknown(0x85));
    }
}
