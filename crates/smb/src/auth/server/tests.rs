use std::string::ToString;
use std::vec;

use hex_literal::hex;
use proptest::prelude::*;
use standpipe_security::{AccountSet, NtHash, Sid};

use super::*;
use crate::auth::client::{Challenging, Credentials, Finishing, Initiator, Nonces};
use crate::auth::ntlm::{
    Authenticate, AuthenticateFields, AvId, AvPairs, Challenge, ExportedKey, Flags, Negotiate, ResponseKey,
    client_part, message_integrity_code,
};
use crate::crypto::testdata::windows;

const USER: &str = "serviceUser";
const PASSWORD: &str = "correct horse";
const CHALLENGE: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];
const TIME: FileTime = FileTime(133_000_000_000_000_000);

fn sid(text: &str) -> Sid {
    text.parse().expect("a SID")
}

fn account(name: &str, rid: u32, password: &str, enabled: bool) -> Account {
    Account {
        name: name.parse().expect("an account name"),
        sid: sid("S-1-5-21-1-2-3").with_rid(rid).expect("a SID"),
        nt_hash: NtHash::of_password(password),
        groups: vec![],
        enabled,
    }
}

fn accounts() -> AccountSet {
    let mut set = AccountSet::new();
    for account in [
        account(USER, 1001, PASSWORD, true),
        account("retired", 1002, PASSWORD, false),
        account("Guest", 501, PASSWORD, true),
        account("administrator", 500, "Password01!", true),
        account("User", 1003, "Password", true),
    ] {
        set.add(account).expect("names differ");
    }
    set
}

fn names() -> ServerNames {
    ServerNames {
        netbios_computer: "SERVER".into(),
        netbios_domain: "SERVER".into(),
        dns_computer: "server.example".into(),
        dns_domain: "example".into(),
    }
}

fn with_input<R>(challenge: [u8; 8], run: impl FnOnce(&StepInput<'_>) -> R) -> R {
    let (accounts, names) = (accounts(), names());
    run(&StepInput { names: &names, challenge, time: TIME, accounts: &accounts })
}

fn step(acceptor: Acceptor, token: &[u8]) -> Result<Step, LogonFailure> {
    with_input(CHALLENGE, |input| acceptor.step(token, input))
}

fn go_on(step: Result<Step, LogonFailure>) -> (Acceptor, Vec<u8>) {
    match step.expect("a step") {
        Step::Continue { acceptor, token } => (acceptor, token),
        Step::Done { .. } => panic!("done too early"),
    }
}

fn finished(step: Result<Step, LogonFailure>) -> (Logon, Vec<u8>) {
    match step.expect("a step") {
        Step::Continue { .. } => panic!("not done yet"),
        Step::Done { logon, token } => (logon, token),
    }
}

fn nonces() -> Nonces {
    Nonces { client_challenge: [0xAA; 8], session_key: Zeroizing::new([0x55; 16]) }
}

/// Our own client up to its last token.
fn answered(user: &str, domain: &str, password: &str) -> (Acceptor, Finishing, Vec<u8>) {
    let credentials = Credentials::from_password(user, domain, password);
    let (client, token) = Initiator::new(credentials, Some("cifs/server".to_string()))
        .start(&Acceptor::hint())
        .expect("a start");
    let (acceptor, token) = go_on(step(Acceptor::new(), &token));
    let (client, token) = Challenging::answer(client, &token, &nonces(), TIME).expect("an answer");
    (acceptor, client, token)
}

fn refused(user: &str, domain: &str, password: &str) -> LogonFailure {
    let (acceptor, _, token) = answered(user, domain, password);
    step(acceptor, &token).expect_err("must be refused")
}

#[test]
fn a_right_password_logs_on_and_both_sides_share_a_key() {
    for domain in ["", "SERVER", "ELSEWHERE"] {
        for user in [USER, "SERVICEUSER", "serviceuser"] {
            let (acceptor, client, token) = answered(user, domain, PASSWORD);
            let (logon, token) = finished(step(acceptor, &token));
            assert_eq!(logon.account.name.as_str(), USER);
            let key = client.finish(&token).expect("a server that knows the password");
            assert_eq!(*key, *logon.session_key);
            assert_eq!(*key, [0x55; 16]);
        }
    }
}

/// A log-on that Windows recorded: see [`windows`]. Its challenge was made by a Windows server, so the
/// integrity code is verified against that challenge.
#[test]
fn accepts_the_log_on_of_a_windows_client() {
    let response = |message| NegTokenResp::decode(windows::token(message)).expect("Windows' token").response;
    let first = NegTokenInit::decode(windows::token(windows::SESSION_SETUP_1)).expect("Windows' first token");
    let challenged = Challenged::recorded(
        first.mech_token.expect("an optimistic token"),
        response(windows::SESSION_SETUP_CHALLENGE).expect("a challenge"),
        hex!("0D1D8BA31179D008"),
    );
    let spnego = Some(Spnego { mech_types: first.mech_types.to_vec(), mic_required: true });
    let state = AwaitAuthenticate { spnego, challenged };
    let acceptor = Acceptor(State::AwaitAuthenticate(Box::new(state)));
    let (logon, token) = finished(step(acceptor, windows::token(windows::SESSION_SETUP_2)));
    assert_eq!(logon.account.name.as_str(), "administrator");
    assert_eq!(*logon.session_key, windows::SESSION_KEY);
    // The Windows server answered with the same protection of the list.
    assert_eq!(token, windows::token(windows::SESSION_SETUP_DONE));
}

/// [MS-NLMP] 4.2.4.3: an AUTHENTICATE message without an integrity code.
#[test]
fn accepts_the_specifications_example_without_an_integrity_code() {
    let authenticate = hex!(
        "4e544c4d5353500003000000180018006c00000054005400840000000c000c0048000000080008005400000010001000"
        "5c00000010001000d8000000358288e20501280a0000000f44006f006d00610069006e00550073006500720043004f00"
        "4d005000550054004500520086c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa68cd0ab851e51c96aabc927b"
        "ebef6a1c01010000000000000000000000000000aaaaaaaaaaaaaaaa0000000002000c0044006f006d00610069006e00"
        "01000c005300650072007600650072000000000000000000c5dad2544fc9799094ce1ce90bc9d03e"
    );
    let negotiate = Negotiate { flags: Flags(0xE288_8235) }.encode();
    let nonce = hex!("0123456789abcdef");
    let mut target_info = AvPairs::new();
    target_info.push_name(AvId::NETBIOS_DOMAIN, "Domain");
    target_info.push_name(AvId::NETBIOS_COMPUTER, "Server");
    let challenge = Challenge { flags: Flags(0xE28A_8233), nonce, target_name: "Server".into(), target_info };
    let challenged = || {
        let challenged = Challenged::recorded(&negotiate, &challenge.encode(), nonce);
        Acceptor(State::AwaitAuthenticate(Box::new(AwaitAuthenticate { spnego: None, challenged })))
    };
    let (logon, token) = finished(step(challenged(), &authenticate));
    assert_eq!((*logon.session_key, token.len()), ([0x55; 16], 0));

    // The proof counts although no integrity code is there: with any bit of it changed, nobody gets in.
    for bit in 0..128 {
        let mut changed = authenticate;
        changed[0x84 + bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            step(challenged(), &changed).expect_err("a wrong proof").reason,
            LogonRefused::WrongPassword
        );
    }
}

#[test]
fn an_unknown_user_and_a_wrong_password_look_the_same_to_the_client() {
    let unknown = refused("nobody", "", PASSWORD);
    let wrong = refused(USER, "", "guess");
    assert_eq!((unknown.status, wrong.status), (NtStatus::LOGON_FAILURE, NtStatus::LOGON_FAILURE));
    assert_eq!((unknown.reason, wrong.reason), (LogonRefused::UnknownUser, LogonRefused::WrongPassword));
    assert_eq!((unknown.user.as_deref(), wrong.user.as_deref()), (Some("nobody"), Some(USER)));
}

/// Nor by the work that it makes: as many hashes of as many bytes for every name.
#[test]
fn an_unknown_user_makes_the_server_work_as_much_as_a_wrong_password() {
    let names = [USER, "nobodyUser", "disabled", "Guest", "n"];
    for domain in ["", "SERVER", "elsewhere"] {
        let mut works = vec![];
        for user in names {
            let (acceptor, _, token) = answered(user, domain, "guess");
            let (hashes, bytes) = crate::crypto::mac::work::of(|| {
                let reason = step(acceptor, &token).expect_err("must be refused").reason;
                assert!(
                    matches!(reason, LogonRefused::UnknownUser | LogonRefused::WrongPassword),
                    "{reason:?}"
                );
            });
            // The name itself is hashed once with each domain.
            works.push((hashes, bytes - 3 * 2 * user.len()));
        }
        assert!(works.iter().all(|work| *work == works[0] && work.0 >= 9), "{works:?}");
    }
}

/// The hash that unknown users are measured against is no way in either.
#[test]
fn the_dummy_hash_opens_nothing() {
    let credentials = Credentials::from_nt_hash("nobody", "", NtHash::from_bytes([0; 16]));
    let (client, token) = Initiator::new(credentials, None).start(&[]).expect("a start");
    let (acceptor, token) = go_on(step(Acceptor::new(), &token));
    let (_, token) = client.answer(&token, &nonces(), TIME).expect("an answer");
    let failure = step(acceptor, &token).expect_err("must be refused");
    assert_eq!((failure.reason, failure.status), (LogonRefused::UnknownUser, NtStatus::LOGON_FAILURE));
}

#[test]
fn only_who_knows_the_password_learns_that_the_account_is_disabled() {
    assert_eq!(refused("retired", "", "guess").status, NtStatus::LOGON_FAILURE);
    let right = refused("retired", "", PASSWORD);
    assert_eq!((right.status, right.reason), (NtStatus::ACCOUNT_DISABLED, LogonRefused::Disabled));
}

#[test]
fn the_guest_account_is_refused_even_when_enabled() {
    assert_eq!(refused("guest", "", "guess").status, NtStatus::LOGON_FAILURE);
    assert_eq!(refused("guest", "", PASSWORD).reason, LogonRefused::Guest);
}

#[test]
fn nobody_is_refused() {
    let failure = refused("", "", "");
    assert_eq!((failure.reason, failure.status), (LogonRefused::Anonymous, NtStatus::ACCESS_DENIED));
    assert_eq!(failure.user, None);
    // The real anonymous message: no name, no answer.
    let failure = answer_raw(&AuthenticateFields { user: "", nt_response: &[], ..fields(&[]) });
    assert_eq!(failure.reason, LogonRefused::Anonymous);
}

fn fields(nt_response: &[u8]) -> AuthenticateFields<'_> {
    AuthenticateFields {
        flags: Flags::UNICODE.with(Flags::EXTENDED_SESSION_SECURITY),
        user: USER,
        domain: "",
        nt_response,
        encrypted_session_key: &[],
    }
}

/// Sends this as the answer to a challenge without SPNEGO.
fn answer_raw(fields: &AuthenticateFields<'_>) -> LogonFailure {
    let (acceptor, _) = go_on(step(Acceptor::new(), &negotiate()));
    step(acceptor, &fields.encode().expect("short parts")).expect_err("must be refused")
}

fn negotiate() -> Vec<u8> {
    Negotiate { flags: Flags::UNICODE.with(Flags::EXTENDED_SESSION_SECURITY).with(Flags::NTLM) }.encode()
}

#[test]
fn ntlm_v1_and_lm_are_refused() {
    for response in [&[7; 24][..], &[]] {
        let failure = answer_raw(&fields(response));
        assert_eq!((failure.reason, failure.status), (LogonRefused::NotNtlmV2, NtStatus::LOGON_FAILURE));
    }
    let failure = answer_raw(&AuthenticateFields { flags: Flags::UNICODE, ..fields(&[7; 60]) });
    assert_eq!(failure.reason, LogonRefused::NotNtlmV2);
    let old = Negotiate { flags: Flags::UNICODE.with(Flags::NTLM) }.encode();
    assert_eq!(step(Acceptor::new(), &old).expect_err("an old client").reason, LogonRefused::NotNtlmV2);
}

#[test]
fn a_client_without_unicode_is_told_so() {
    let negotiate = Negotiate { flags: Flags::EXTENDED_SESSION_SECURITY }.encode();
    let failure = step(Acceptor::new(), &negotiate).expect_err("no Unicode");
    assert_eq!(failure.reason, LogonRefused::NoUnicode);
    assert!(failure.reason.to_string().contains("Unicode"));
}

#[test]
fn malformed_responses_are_invalid_whoever_sends_them() {
    let mut unending = vec![0u8; 16];
    unending.extend_from_slice(&client_part(TIME, [0; 8], &AvPairs::new()));
    unending.truncate(44);
    let mut promised = AvPairs::new();
    promised.push(AvId::FLAGS, &[2, 0, 0]); // too short to be flags
    let mut short_flags = vec![0u8; 16];
    short_flags.extend_from_slice(&client_part(TIME, [0; 8], &promised));
    for response in [&[1; 16][..], &[1; 43], &[9; 60], &unending, &short_flags] {
        for user in [USER, "nobody"] {
            let failure = answer_raw(&AuthenticateFields { user, ..fields(response) });
            assert_eq!(failure.status, NtStatus::INVALID_PARAMETER, "{response:?}");
        }
    }
}

/// The answer without SPNEGO that a client with this password gives, protected by an integrity code or not.
fn raw_answer(challenge_message: &[u8], flags: Flags, with_mic: bool) -> Vec<u8> {
    let challenge = Challenge::decode(challenge_message).expect("the server's challenge");
    raw_answer_with(challenge_message, flags, challenge.target_info, with_mic)
}

/// The same, with these pairs in the place of the server's.
fn raw_answer_with(challenge_message: &[u8], flags: Flags, mut pairs: AvPairs, with_mic: bool) -> Vec<u8> {
    if with_mic {
        pairs.push(AvId::FLAGS, &AvPairs::FLAG_MIC.to_le_bytes());
    }
    let part = client_part(TIME, [3; 8], &pairs);
    let key = ResponseKey::new(&NtHash::of_password(PASSWORD), USER, "");
    let proof = key.proof(CHALLENGE, &part);
    let response = [&proof[..], &part].concat();
    let message = AuthenticateFields { flags, ..fields(&response) };
    let mut message = message.encode().expect("short parts");
    if with_mic {
        let base_key = key.session_base_key(&proof);
        let mic = message_integrity_code(&base_key, &negotiate(), challenge_message, &message);
        message[72..88].copy_from_slice(&mic);
    }
    message
}

#[test]
fn without_a_key_exchange_the_key_comes_from_the_proof() {
    for with_mic in [false, true] {
        let (acceptor, challenge) = go_on(step(Acceptor::new(), &negotiate()));
        let flags = Flags::UNICODE.with(Flags::EXTENDED_SESSION_SECURITY);
        let (logon, token) = finished(step(acceptor, &raw_answer(&challenge, flags, with_mic)));
        assert!(token.is_empty());
        assert_ne!(*logon.session_key, [0; 16]);
    }
}

/// What becomes of the value of a pair.
type Change = fn(AvId, &[u8]) -> Option<Vec<u8>>;

#[test]
fn without_an_integrity_code_the_proof_must_be_for_this_servers_names_and_time() {
    let flags = Flags::UNICODE.with(Flags::EXTENDED_SESSION_SECURITY);
    let refused = |change: Change, with_mic| {
        let (acceptor, challenge) = go_on(step(Acceptor::new(), &negotiate()));
        let mut pairs = AvPairs::new();
        for (id, value) in Challenge::decode(&challenge).expect("a challenge").target_info.iter() {
            if let Some(value) = change(id, value) {
                pairs.push(id, &value);
            }
        }
        step(acceptor, &raw_answer_with(&challenge, flags, pairs, with_mic))
            .err()
            .map(|failure| failure.reason)
    };
    assert_eq!(refused(|_, value| Some(value.to_vec()), false), None);
    let changes: [Change; 4] = [
        |id, value| Some(if id == AvId::DNS_COMPUTER { b"e\0v\0".to_vec() } else { value.to_vec() }),
        |id, value| Some(if id == AvId::TIMESTAMP { vec![0; 8] } else { value.to_vec() }),
        |id, value| (id != AvId::NETBIOS_COMPUTER).then(|| value.to_vec()),
        |_, _| None,
    ];
    for change in changes {
        assert_eq!(refused(change, false), Some(LogonRefused::OtherServer));
        assert_eq!(refused(change, true), None, "the code covers the challenge that the client has seen");
    }
}

#[test]
fn what_is_kept_of_a_strangers_first_token_is_short() {
    let mut long = negotiate();
    long.resize(2049, 0);
    let failure = step(Acceptor::new(), &long).expect_err("too long");
    assert_eq!(failure.reason, LogonRefused::Malformed(Malformed::new("NTLM NEGOTIATE message", "length")));
    long.truncate(2048);
    go_on(step(Acceptor::new(), &long));
}

#[test]
fn an_exchanged_key_must_have_16_bytes() {
    let flags = fields(&[]).flags.with(Flags::KEY_EXCHANGE);
    let (acceptor, challenge) = go_on(step(Acceptor::new(), &negotiate()));
    let failure = step(acceptor, &raw_answer(&challenge, flags, false)).expect_err("no key");
    assert_eq!(
        failure.reason,
        LogonRefused::Malformed(Malformed::new("NTLM AUTHENTICATE message", "EncryptedRandomSessionKey"))
    );
}

#[test]
fn a_changed_negotiation_is_noticed_by_the_integrity_code() {
    let (acceptor, challenge) = go_on(step(Acceptor::new(), &negotiate()));
    let mut answer = raw_answer(&challenge, fields(&[]).flags, true);
    answer[72] ^= 1;
    let failure = step(acceptor, &answer).expect_err("a changed code");
    assert_eq!(failure.reason, LogonRefused::BadIntegrityCode);

    // The client asked for less than what arrives at the server.
    let more = Negotiate { flags: fields(&[]).flags.with(Flags::SIGN) }.encode();
    let (acceptor, challenge) = go_on(step(Acceptor::new(), &more));
    let failure =
        step(acceptor, &raw_answer(&challenge, fields(&[]).flags, true)).expect_err("a changed request");
    assert_eq!(failure.reason, LogonRefused::BadIntegrityCode);
}

#[test]
fn an_answer_fits_one_challenge_only() {
    let (_, _, token) = answered(USER, "", PASSWORD);
    let (_, first) =
        Initiator::new(Credentials::from_password(USER, "", PASSWORD), None).start(&[]).expect("a start");
    let (acceptor, _) = go_on(with_input([9; 8], |input| Acceptor::new().step(&first, input)));
    assert_eq!(step(acceptor, &token).expect_err("another challenge").reason, LogonRefused::WrongPassword);
}

#[test]
fn the_third_message_cannot_come_first() {
    let (acceptor, challenge) = go_on(step(Acceptor::new(), &negotiate()));
    let answer = raw_answer(&challenge, fields(&[]).flags, false);
    let wrapped = NegTokenResp { response: Some(&answer), ..NegTokenResp::default() }.encode();
    for token in [&answer[..], &wrapped, &spnego::encode_init(&answer)] {
        let failure = step(Acceptor::new(), token).expect_err("out of order");
        assert!(matches!(failure.reason, LogonRefused::Malformed(_)), "{failure:?}");
    }
    // Nor can the first come again.
    let failure = step(acceptor, &negotiate()).expect_err("out of order");
    assert!(matches!(failure.reason, LogonRefused::Malformed(_)), "{failure:?}");
}

/// A client that prefers something else: the server asks for protection, and insists on it.
mod when_ntlm_is_the_second_choice {
    use super::*;

    const KERBEROS_AND_NTLM: &[u8] =
        b"\x30\x17\x06\x09\x2A\x86\x48\x86\xF7\x12\x01\x02\x02\x06\x0A\x2B\x06\x01\x04\x01\x82\x37\x02\x02\x0A";

    fn first_token() -> Vec<u8> {
        let mut token = hex!("6035 06062b0601050502 a02b 3029 a019").to_vec(); // up to the list
        token.extend_from_slice(KERBEROS_AND_NTLM);
        token.extend_from_slice(&hex!("a20c 040a 4b65726265726f732121")); // a token for Kerberos
        token
    }

    fn up_to_the_answer() -> (Acceptor, Vec<u8>, ExportedKey) {
        let (acceptor, token) = go_on(step(Acceptor::new(), &first_token()));
        let reply = NegTokenResp::decode(&token).expect("a reply");
        assert_eq!((reply.state, reply.ntlm), (Some(NegState::RequestMic), Some(true)));
        assert_eq!(reply.response, None, "the token was for Kerberos");
        let negotiate = negotiate();
        let second = NegTokenResp { response: Some(&negotiate), ..NegTokenResp::default() }.encode();
        let (acceptor, token) = go_on(step(acceptor, &second));
        let reply = NegTokenResp::decode(&token).expect("a reply");
        assert_eq!((reply.state, reply.ntlm), (Some(NegState::AcceptIncomplete), None));
        let flags = fields(&[]).flags;
        let answer = raw_answer(reply.response.expect("a challenge"), flags, true);
        let part = &Authenticate::decode(&answer).expect("our own").nt_response.to_vec();
        let key = ResponseKey::new(&NtHash::of_password(PASSWORD), USER, "");
        let key = ExportedKey::new(key.session_base_key(part[..16].try_into().expect("a proof")), flags);
        (acceptor, answer, key)
    }

    #[test]
    fn the_list_is_protected_both_ways() {
        let (acceptor, answer, key) = up_to_the_answer();
        let mic = key.sign(Direction::ClientToServer, KERBEROS_AND_NTLM);
        let token =
            NegTokenResp { response: Some(&answer), mech_list_mic: Some(&mic), ..NegTokenResp::default() };
        let (_, token) = finished(step(acceptor, &token.encode()));
        let reply = NegTokenResp::decode(&token).expect("a reply");
        assert_eq!(reply.state, Some(NegState::AcceptCompleted));
        let mic = reply.mech_list_mic.expect("the server's protection");
        assert!(key.verify(Direction::ServerToClient, KERBEROS_AND_NTLM, mic));
    }

    #[test]
    fn a_missing_or_wrong_protection_is_refused() {
        let wrong = [0; 16];
        for mic in [None, Some(&wrong[..]), Some(&[])] {
            let (acceptor, answer, _) = up_to_the_answer();
            let token =
                NegTokenResp { response: Some(&answer), mech_list_mic: mic, ..NegTokenResp::default() };
            let failure = step(acceptor, &token.encode()).expect_err("unprotected");
            assert_eq!(
                (failure.reason, failure.status),
                (LogonRefused::BadMechListMic, NtStatus::ACCESS_DENIED)
            );
        }
    }
}

#[test]
fn a_first_token_may_come_without_ntlms() {
    let (acceptor, token) = go_on(step(Acceptor::new(), &Acceptor::hint()));
    let reply = NegTokenResp::decode(&token).expect("a reply");
    assert_eq!((reply.state, reply.ntlm), (Some(NegState::AcceptIncomplete), Some(true)));
    let negotiate = negotiate();
    let second = NegTokenResp { response: Some(&negotiate), ..NegTokenResp::default() }.encode();
    let (acceptor, token) = go_on(step(acceptor, &second));
    let reply = NegTokenResp::decode(&token).expect("a reply");
    let answer = raw_answer(reply.response.expect("a challenge"), fields(&[]).flags, true);
    let third = NegTokenResp { response: Some(&answer), ..NegTokenResp::default() }.encode();
    let (_, token) = finished(step(acceptor, &third));
    assert_eq!(NegTokenResp::decode(&token).expect("a reply").mech_list_mic, None, "none was sent");
}

#[test]
fn a_token_that_is_too_long_is_not_looked_at() {
    let failure = step(Acceptor::new(), &vec![0; MAX_TOKEN + 1]).expect_err("too long");
    assert_eq!(failure.reason, LogonRefused::TokenTooLong);
}

#[test]
fn debug_output_holds_no_secret() {
    let (acceptor, client, token) = answered(USER, "", PASSWORD);
    let printed = std::format!("{acceptor:?} {client:?}");
    assert!(!printed.contains("85, 85") && !printed.contains("5555"), "{printed}");
    let printed = std::format!("{:?}", finished(step(acceptor, &token)).0);
    assert!(!printed.contains("85, 85") && !printed.contains("nt_hash"), "{printed}");
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_a_panic(tokens in prop::collection::vec(any::<Vec<u8>>(), 1..4)) {
        let mut acceptor = Acceptor::new();
        for token in tokens {
            match step(acceptor, &token) {
                Ok(Step::Continue { acceptor: next, .. }) => acceptor = next,
                Ok(Step::Done { .. }) => panic!("logged on with noise"),
                Err(_) => break,
            }
        }
    }

    #[test]
    fn a_changed_bit_in_the_proof_or_the_integrity_code_is_refused(bit in 0usize..256) {
        let (acceptor, _, mut token) = answered(USER, "", PASSWORD);
        let start = token.windows(8).position(|window| window == SIGNATURE).expect("NTLM's message");
        let nt_offset = u32::from_le_bytes(token[start + 24..start + 28].try_into().expect("four bytes"));
        let (at, reason) = if bit < 128 {
            (start + nt_offset as usize, LogonRefused::WrongPassword)
        } else {
            (start + 72, LogonRefused::BadIntegrityCode)
        };
        token[at + bit % 128 / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(step(acceptor, &token).expect_err("a changed bit").reason, reason);
    }

    #[test]
    fn a_changed_byte_anywhere_never_gives_another_key(position: prop::sample::Index, change in 1u8..) {
        let (acceptor, _, mut token) = answered(USER, "", PASSWORD);
        let position = position.index(token.len());
        token[position] ^= change;
        if let Ok(Step::Done { logon, .. }) = step(acceptor, &token) {
            prop_assert_eq!(*logon.session_key, [0x55; 16]);
            prop_assert_eq!(logon.account.name.as_str(), USER);
        }
    }

    #[test]
    fn both_sides_agree_on_the_key_whatever_the_names(
        domain in "\\PC{0,40}",
        password in "\\PC{0,40}",
        session_key: [u8; 16],
    ) {
        let mut accounts = AccountSet::new();
        accounts.add(account(USER, 1001, &password, true)).expect("one account");
        let names = names();
        let input = StepInput { names: &names, challenge: CHALLENGE, time: TIME, accounts: &accounts };
        let credentials = Credentials::from_password(USER, &domain, &password);
        let (client, token) = Initiator::new(credentials, None).start(&[]).expect("a start");
        let (acceptor, token) = go_on(Acceptor::new().step(&token, &input));
        let nonces = Nonces { client_challenge: [1; 8], session_key: Zeroizing::new(session_key) };
        let (client, token) = client.answer(&token, &nonces, TIME).expect("an answer");
        let (logon, token) = finished(acceptor.step(&token, &input));
        let key = client.finish(&token).expect("an end");
        prop_assert_eq!(*key, *logon.session_key);
        prop_assert_eq!(*key, session_key);
    }
}
