//! What the connection may fetch from its client and its services, and what services have left unread.

use standpipe_smb::server::{Input, OpenId};

use super::{Driver, UNREAD};
use crate::operation::{Again, Operation};

impl Driver {
    /// Whether there is room for what the client sends; if not, it is looked again after a while.
    pub(super) fn may_receive(&mut self) -> bool {
        let wants = self.protocol.wants_input();
        if !wants && !self.pauses {
            self.pauses = true;
            self.operations.push(Operation::pause(Again::Receive));
        }
        wants
    }

    /// Tells the protocol what the service of this open has left unread, if that can be more than what is set
    /// aside for an open.
    pub(super) fn look_at_unread(&mut self, open: OpenId) {
        let Some(entry) = self.opens.get_mut(&open) else {
            return;
        };
        if entry.unread <= UNREAD && entry.told == 0 {
            return;
        }
        entry.unread = entry.link.connection.unread();
        let beyond = entry.unread.saturating_sub(UNREAD);
        if beyond != entry.told {
            entry.told = beyond;
            self.handle(Input::Unread { open, bytes: beyond });
        }
        if beyond > 0 && !self.looks {
            self.looks = true;
            self.operations.push(Operation::pause(Again::Unread));
        }
    }

    pub(super) fn look_again(&mut self, again: Again) {
        match again {
            Again::Read(open) => self.unread.push(open),
            Again::Receive => self.pauses = false,
            Again::Unread => {
                self.looks = false;
                let told = self.opens.iter().filter(|(_, entry)| entry.told > 0);
                let opens: Vec<OpenId> = told.map(|(open, _)| *open).collect();
                for open in opens {
                    self.look_at_unread(open);
                }
            }
        }
    }
}
