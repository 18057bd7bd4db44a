use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use standpipe_pipe::Mode;
use standpipe_service::scm::{Recovery, ScmOptions, WhenPaused};
use standpipe_service::{Exit, State, Status};

use super::*;

fn some_status() -> impl Strategy<Value = Status> {
    let exit = prop_oneof![
        any::<i32>().prop_map(Exit::Code),
        any::<i32>().prop_map(Exit::Signal),
        any::<u32>().prop_map(Exit::WindowsError),
        any::<u32>().prop_map(Exit::ServiceCode),
        Just(Exit::Unknown)
    ];
    (
        proptest::sample::select(State::ALL.to_vec()),
        any::<Option<u32>>(),
        any::<u32>(),
        any::<u64>(),
        proptest::option::of(exit),
        any::<Option<String>>(),
    )
        .prop_map(|(state, pid, checkpoint, hint, exit, detail)| Status {
            state,
            pid,
            checkpoint,
            wait_hint: Duration::from_millis(hint),
            exit,
            detail,
        })
}

fn some_failure() -> impl Strategy<Value = Failure> {
    (proptest::sample::select(FailureKind::ALL.to_vec()), any::<u32>(), any::<String>())
        .prop_map(|(kind, code, text)| Failure { kind, code, text })
}

fn some_request() -> impl Strategy<Value = Request> {
    prop_oneof![
        (any::<String>(), any::<bool>(), any::<bool>()).prop_map(|(service, refuses, continues)| {
            let recovery = if refuses { Recovery::Refuse } else { Recovery::Defer };
            let when_paused = if continues { WhenPaused::Continue } else { WhenPaused::Fail };
            Request::Watch { service, options: ScmOptions { recovery, when_paused } }
        }),
        any::<String>().prop_map(|service| Request::Query { service }),
        any::<String>().prop_map(|service| Request::Start { service }),
        any::<String>().prop_map(|service| Request::Stop { service }),
        any::<String>().prop_map(|service| Request::Kill { service }),
        any::<String>().prop_map(|pipe| Request::IsAvailable { pipe }),
        vec(any::<(String, String)>(), 0..4).prop_map(|variables| Request::SetEnvironment { variables }),
    ]
}

fn some_reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        Just(Reply::Done),
        some_status().prop_map(Reply::Status),
        any::<bool>().prop_map(Reply::Answer),
        some_failure().prop_map(Reply::Failed),
    ]
}

fn some_hello() -> impl Strategy<Value = Hello> {
    any::<(u16, u16, String, u32)>().prop_map(|(oldest, newest, program, pid)| Hello {
        oldest,
        newest,
        program,
        pid,
    })
}

fn some_frame() -> impl Strategy<Value = Frame> {
    let level = proptest::sample::select(LogLevel::ALL.to_vec());
    let mode = proptest::sample::select(vec![Mode::Message, Mode::Byte]);
    prop_oneof![
        some_hello().prop_map(Frame::Hello),
        (level, any::<String>()).prop_map(|(level, text)| Frame::Log { level, text }),
        (any::<u32>(), some_request()).prop_map(|(id, request)| Frame::Request { id, request }),
        (any::<u32>(), some_reply()).prop_map(|(id, reply)| Frame::Reply { id, reply }),
        (any::<String>(), some_status()).prop_map(|(service, status)| Frame::Changed { service, status }),
        any::<(u32, String, u32)>().prop_map(|(stream, pipe, timeout)| Frame::Open { stream, pipe, timeout }),
        (any::<u32>(), mode, vec(any::<u8>(), 0..80)).prop_map(|(stream, mode, descriptor)| Frame::Opened {
            stream,
            mode,
            descriptor
        }),
        (any::<u32>(), some_failure()).prop_map(|(stream, failure)| Frame::Refused { stream, failure }),
        (any::<u32>(), any::<bool>(), vec(any::<u8>(), 0..300))
            .prop_map(|(stream, last, bytes)| Frame::Data { stream, last, bytes }),
        any::<(u32, u32)>().prop_map(|(stream, credit)| Frame::Credit { stream, credit }),
        any::<u32>().prop_map(|stream| Frame::End { stream }),
        (any::<u32>(), some_failure()).prop_map(|(stream, failure)| Frame::Reset { stream, failure }),
        any::<u32>().prop_map(|stream| Frame::Close { stream }),
    ]
}

/// Decodes `bytes`, handed in as pieces that end at `cuts`.
fn decoded(bytes: &[u8], cuts: &[usize]) -> Result<(Vec<Frame>, bool), Malformed> {
    let mut decoder = Decoder::default();
    let mut frames = Vec::new();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    for piece in cuts.windows(2) {
        decoder.receive(&bytes[piece[0]..piece[1]], |frame| {
            frames.push(frame);
            Ok::<_, Malformed>(())
        })?;
    }
    Ok((frames, decoder.is_between_frames()))
}

fn encoded(frames: &[Frame]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        frame.encode(&mut bytes);
    }
    bytes
}

proptest! {
    #[test]
    fn frames_survive_the_channel_wherever_it_is_split(
        frames in vec(some_frame(), 0..12),
        cuts in vec(any::<usize>(), 0..20),
    ) {
        let (received, ends_well) = decoded(&encoded(&frames), &cuts).unwrap();
        prop_assert_eq!(received, frames);
        prop_assert!(ends_well);
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in vec(any::<u8>(), 0..400),
        cuts in vec(any::<usize>(), 0..8),
    ) {
        let whole = decoded(&bytes, &[]);
        let split = decoded(&bytes, &cuts);
        prop_assert_eq!(whole, split);
    }

    #[test]
    fn a_frame_with_a_wrong_byte_is_read_or_refused(frame in some_frame(), place: usize, byte: u8) {
        let mut bytes = encoded(&[frame]);
        let place = place % bytes.len();
        bytes[place] = byte;
        let _ = decoded(&bytes, &[]);
    }

    #[test]
    fn what_can_be_read_is_written_the_same(body in vec(any::<u8>(), 1..200)) {
        let mut bytes = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
        bytes.extend_from_slice(&body);
        if let Ok((frames, true)) = decoded(&bytes, &[]) {
            prop_assert_eq!(encoded(&frames), bytes);
        }
    }

    /// Whatever the two ends do and in whatever order, the receiver holds no more than a window, nobody
    /// breaks the rules by keeping to them, and a sender that waits gets its credit back.
    #[test]
    fn credit_bounds_what_waits_and_is_never_lost(steps in vec((any::<bool>(), 0usize..MAX_PIECE), 0..400)) {
        let (mut sending, mut receiving) = (Sending::default(), Receiving::default());
        let mut queue = std::collections::VecDeque::new();
        for (sends, wanted) in steps {
            if sends {
                let Some(room) = sending.room() else { continue };
                let length = wanted.min(room);
                sending.spend(length);
                receiving.hold(length).unwrap();
                queue.push_back(length);
            } else if let Some(length) = queue.pop_front()
                && let Some(credit) = receiving.release(length)
            {
                sending.gain(credit).unwrap();
            }
            prop_assert!(queue.iter().map(|length| length + PIECE_OVERHEAD).sum::<usize>() <= WINDOW);
        }
        while let Some(length) = queue.pop_front() {
            if let Some(credit) = receiving.release(length) {
                sending.gain(credit).unwrap();
            }
        }
        prop_assert!(sending.room().is_some_and(|room| room >= MAX_PIECE));
    }

    #[test]
    fn a_message_is_what_its_pieces_were(message in vec(any::<u8>(), 0..2000), length in 1usize..500) {
        let mut assembler = Assembler::default();
        let mut pieces: Vec<&[u8]> = message.chunks(length).collect();
        let last = pieces.pop().unwrap_or_default();
        for piece in pieces {
            prop_assert_eq!(assembler.add(piece.to_vec(), false), Ok(None));
        }
        prop_assert_eq!(assembler.add(last.to_vec(), true), Ok(Some(message)));
    }
}

#[test]
fn a_frame_that_is_too_long_is_refused_before_it_is_there() {
    let length = u32::try_from(MAX_FRAME + 1).unwrap().to_le_bytes();
    assert_eq!(decoded(&length, &[]), Err(Malformed(Part::Length)));
    assert_eq!(decoded(&[0; 4], &[]), Err(Malformed(Part::Length)));
}

#[test]
fn a_sender_that_spends_more_than_it_has_is_noticed() {
    let mut receiving = Receiving::default();
    for _ in 0..3 {
        receiving.hold(MAX_PIECE).unwrap();
    }
    assert_eq!(receiving.hold(MAX_PIECE), Err(Malformed(Part::Credit)));
    assert_eq!(Sending::default().gain(1), Err(Malformed(Part::Credit)));
}

#[test]
fn a_message_without_an_end_is_refused_at_its_limit() {
    let mut assembler = Assembler::default();
    for _ in 0..MAX_MESSAGE / MAX_PIECE {
        assert_eq!(assembler.add(vec![0; MAX_PIECE], false), Ok(None));
    }
    assert_eq!(assembler.add(vec![0], true), Err(TooLong));
}

#[test]
fn ends_of_different_age_agree_on_what_both_speak() {
    let ours = Hello::of_this_build(1);
    assert_eq!(ours.agree(), Ok(ours.newest));
    let newer = Hello { newest: ours.newest + 5, ..ours.clone() };
    assert_eq!(newer.agree(), Ok(ours.newest));
    let stranger = Hello { oldest: ours.newest + 1, newest: ours.newest + 2, program: "9.1".into(), pid: 7 };
    let error = stranger.agree().unwrap_err();
    assert!(error.to_string().contains("version 9.1"), "{error}");
}

#[test]
fn something_else_at_the_other_end_is_named() {
    let mut bytes = encoded(&[Frame::Hello(Hello::of_this_build(1))]);
    bytes[5] = b'X';
    let error = decoded(&bytes, &[]).unwrap_err();
    assert!(error.to_string().contains("unknown program"), "{error}");
}
