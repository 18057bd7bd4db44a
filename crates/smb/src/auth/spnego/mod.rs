//! SPNEGO: how both sides agree on NTLM, [MS-SPNG] and RFC 4178.

mod der;

use alloc::vec::Vec;

use crate::wire::Malformed;
use der::{Der, tlv};

/// NTLM's object identifier, 1.3.6.1.4.1.311.2.2.10, with tag and length.
const NTLM: &[u8] = b"\x06\x0A\x2B\x06\x01\x04\x01\x82\x37\x02\x02\x0A";
/// SPNEGO's object identifier, 1.3.6.1.5.5.2, with tag and length.
const SPNEGO: &[u8] = b"\x06\x06\x2B\x06\x01\x05\x05\x02";
/// What [MS-SPNG] 2.2.1 puts where an older draft had hints.
const HINT_NAME: &[u8] = b"not_defined_in_RFC4178@please_ignore";

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const ENUMERATED: u8 = 0x0A;
const GENERAL_STRING: u8 = 0x1B;
/// `[APPLICATION 0]`: what the first token of a GSS mechanism is wrapped in (RFC 2743, 3.1).
const INITIAL: u8 = 0x60;

/// The tag `[n]`.
const fn context(n: u8) -> u8 {
    0xA0 | n
}

/// Where the negotiation stands, `negState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NegState {
    AcceptCompleted = 0,
    AcceptIncomplete = 1,
    Reject = 2,
    /// Like *accept incomplete*, and the list of mechanisms must be protected at the end.
    RequestMic = 3,
}

/// The first token of a client, or a server's hint: `NegTokenInit` and `NegTokenInit2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NegTokenInit<'a> {
    /// The list of mechanisms with tag and length, exactly as sent: this is what is protected at the end.
    pub(super) mech_types: &'a [u8],
    /// Where NTLM is in that list.
    pub(super) ntlm: Option<usize>,
    /// A token for the first mechanism.
    pub(super) mech_token: Option<&'a [u8]>,
}

impl<'a> NegTokenInit<'a> {
    pub(super) fn decode(token: &'a [u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "SPNEGO NegTokenInit";
        let mut outer = Der::new(token, WHAT);
        let mut inner = outer.enter(INITIAL)?;
        if inner.whole(OBJECT_IDENTIFIER)? != SPNEGO {
            return Err(inner.malformed());
        }
        let mut fields = inner.enter(context(0))?.enter(SEQUENCE)?;
        let mech_types = fields.enter(context(0))?.whole(SEQUENCE)?;
        let mut list = Der::new(mech_types, WHAT).enter(SEQUENCE)?;
        let mut ntlm = None;
        let mut place = 0;
        while !list.is_empty() {
            if list.whole(OBJECT_IDENTIFIER)? == NTLM && ntlm.is_none() {
                ntlm = Some(place);
            }
            place += 1;
        }
        let mut mech_token = None;
        // reqFlags [1] is not protected and not looked at; [3] is the hint or a code over the list, which
        // cannot be one yet.
        while !fields.is_empty() {
            let (tag, mut value) = fields.any()?;
            if tag == context(2) {
                mech_token = Some(value.contents(OCTET_STRING)?);
            }
        }
        Ok(NegTokenInit { mech_types, ntlm, mech_token })
    }
}

/// Any later token: `NegTokenResp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct NegTokenResp<'a> {
    pub(super) state: Option<NegState>,
    /// Whether NTLM is named as the mechanism agreed on; `Some(false)` for another.
    pub(super) ntlm: Option<bool>,
    /// The mechanism's own token.
    pub(super) response: Option<&'a [u8]>,
    /// The protection of the list of mechanisms.
    pub(super) mech_list_mic: Option<&'a [u8]>,
}

impl<'a> NegTokenResp<'a> {
    pub(super) fn decode(token: &'a [u8]) -> Result<Self, Malformed> {
        let mut outer = Der::new(token, "SPNEGO NegTokenResp");
        let mut fields = outer.enter(context(1))?.enter(SEQUENCE)?;
        let mut resp = NegTokenResp::default();
        while !fields.is_empty() {
            let (tag, mut value) = fields.any()?;
            match tag {
                0xA0 => {
                    resp.state = Some(match value.contents(ENUMERATED)? {
                        [0] => NegState::AcceptCompleted,
                        [1] => NegState::AcceptIncomplete,
                        [2] => NegState::Reject,
                        [3] => NegState::RequestMic,
                        _ => return Err(value.malformed()),
                    });
                }
                0xA1 => resp.ntlm = Some(value.whole(OBJECT_IDENTIFIER)? == NTLM),
                0xA2 => resp.response = Some(value.contents(OCTET_STRING)?),
                0xA3 => resp.mech_list_mic = Some(value.contents(OCTET_STRING)?),
                _ => {}
            }
        }
        Ok(resp)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        if let Some(state) = self.state {
            fields.extend(tlv(context(0), &tlv(ENUMERATED, &[state as u8])));
        }
        if self.ntlm == Some(true) {
            fields.extend(tlv(context(1), NTLM));
        }
        if let Some(response) = self.response {
            fields.extend(tlv(context(2), &tlv(OCTET_STRING, response)));
        }
        if let Some(mic) = self.mech_list_mic {
            fields.extend(tlv(context(3), &tlv(OCTET_STRING, mic)));
        }
        tlv(context(1), &tlv(SEQUENCE, &fields))
    }
}

/// The list of mechanisms that holds NTLM alone, with tag and length.
pub(super) fn ntlm_only() -> Vec<u8> {
    tlv(SEQUENCE, NTLM)
}

/// A client's first token: NTLM alone, with NTLM's first message.
pub(super) fn encode_init(mech_token: &[u8]) -> Vec<u8> {
    initial(&[tlv(context(0), &ntlm_only()), tlv(context(2), &tlv(OCTET_STRING, mech_token))].concat())
}

/// A server's hint in its answer to NEGOTIATE: NTLM alone, `NegTokenInit2` of [MS-SPNG] 2.2.1.
pub(super) fn encode_hint() -> Vec<u8> {
    let hints = tlv(SEQUENCE, &tlv(context(0), &tlv(GENERAL_STRING, HINT_NAME)));
    initial(&[tlv(context(0), &ntlm_only()), tlv(context(3), &hints)].concat())
}

fn initial(fields: &[u8]) -> Vec<u8> {
    tlv(INITIAL, &[SPNEGO, &tlv(context(0), &tlv(SEQUENCE, fields))].concat())
}

#[cfg(test)]
mod tests;
