//! Calls to a real server.

use std::io::Write;
use std::process::Stdio;

use crate::remote::{HASH, Remote};
use crate::support::{Place, assert_seen, seen};

fn place() -> (Place, Remote) {
    let place = Place::new();
    place.write("secret", "secret\n");
    let remote = Remote::new(&place.path(""));
    (place, remote)
}

/// The exit code, and what was printed, as bytes.
fn called(place: &Place, arguments: &[&str], stdin: &[u8]) -> (Option<i32>, Vec<u8>, String) {
    let mut command = place.standpipe(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The command may end without reading it.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    (output.status.code(), output.stdout, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn requests_come_from_everywhere_and_replies_go_anywhere() {
    let (place, remote) = place();
    let pipe = remote.pipe("simple");
    place.write("request", "from a file");
    let bytes = [b'a', 0, 0xFF, b'\n', 1];
    std::fs::write(place.path("bytes"), bytes).unwrap();
    let call = |more: &[&str], stdin: &[u8]| {
        let arguments = [&["call", &pipe, "-u", "anna", "--password-file", "secret"][..], more].concat();
        let (code, stdout, stderr) = called(&place, &arguments, stdin);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{more:?}");
        stdout
    };
    // The service gives the NUL back at the front.
    assert_eq!(call(&["Hello"], b""), b"\0olleH\n");
    assert_eq!(call(&["-"], b"Hello"), b"\0olleH\n");
    assert_eq!(call(&[], b"Hello"), b"\0olleH\n");
    assert_eq!(call(&["--file", "request"], b""), b"\0elif a morf\n");
    assert_eq!(call(&["--raw", "--file", "bytes"], b""), [1, b'\n', 0xFF, 0, b'a']);
    assert_eq!(call(&["--raw"], &bytes), [1, b'\n', 0xFF, 0, b'a']);
    assert_eq!(call(&["--hex", "61 00 ff0A\t01"], b""), b"010aff0061\n");
    assert_eq!(call(&["--hex"], b"0102\n03\n"), b"030201\n");
    assert_eq!(call(&["--raw", "--one-message", "ab"], b""), b"ba");
    assert_eq!(call(&["--raw", "--file", "bytes", "--output", "reply"], b""), b"");
    assert_eq!(std::fs::read(place.path("reply")).unwrap(), [1, b'\n', 0xFF, 0, b'a']);
    let json = |more: &[&str]| {
        serde_json::from_slice::<serde_json::Value>(&call(&[&["--json"][..], more].concat(), &bytes)).unwrap()
    };
    assert_eq!(json(&["--hex", "0102"])["reply_hex"], "0201");
    let text = json(&["ab"]);
    assert_eq!((&text["reply"], &text["pipe"]), (&"\0ba".into(), &pipe.clone().into()));
    assert!(text["milliseconds"].is_u64() && text.get("lossy").is_none());
}

#[test]
fn a_byte_pipe_takes_a_request_of_any_length() {
    let (place, remote) = place();
    let mut request: Vec<u8> = (0..2_500_000_u32).map(|i| (i / 9) as u8).map(|byte| byte | 0x80).collect();
    request.push(b'.');
    std::fs::write(place.path("request"), &request).unwrap();
    let pipe = remote.pipe("echo");
    let arguments =
        ["call", &pipe, "-u", "anna", "--password-file", "secret", "--raw", "--file", "request", "--mode"];
    let (code, stdout, stderr) =
        called(&place, &[&arguments[..], &["byte", "--quiet-time", "10s"]].concat(), b"");
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert!(stdout == request);
    let (code, stdout, stderr) = called(&place, &[&arguments[..], &["message"]].concat(), b"");
    assert_eq!((code, stdout), (Some(64), vec![]));
    assert!(stderr.contains("longer than"), "{stderr}");
}

#[test]
fn a_service_that_keeps_the_pipe_open_is_called_in_both_modes() {
    let (place, remote) = place();
    for name in ["messages", "bytes"] {
        let pipe = remote.pipe(name);
        let arguments = ["call", &pipe, "Hello", "--raw", "-u", "anna", "--password-file", "secret"];
        let (code, stdout, stderr) = called(&place, &arguments, b"");
        assert_eq!((code, stdout.as_slice(), stderr.as_str()), (Some(0), &b"Hello"[..], ""), "{name}");
    }
    let bytes = remote.pipe("bytes");
    let call = ["call", &bytes, "Hello", "-u", "anna", "--password-file", "secret"];
    for more in [&["--one-message"][..], &["--until", "message"], &["--mode", "message"]] {
        let said = place.seen(&[&call[..], more].concat()).replace(&bytes, "PIPE");
        assert_seen(
            &said,
            "
exit 69
--- stderr
error: PIPE is a pipe of bytes: it has no messages to call it by
hint: call it by bytes (--mode byte)",
        );
    }
}

#[test]
fn the_part_of_a_reply_that_came_is_printed_whatever_its_end() {
    let (place, remote) = place();
    let pipe = remote.pipe("messages");
    let call = ["call", &pipe, "Hello", "-u", "anna", "--password-file", "secret", "--until", "end"];
    let short = ["--timeout", "2s"];
    let said = place.seen(&[&call[..], &short].concat()).replace(&pipe, "PIPE");
    let error = "
note: 6 bytes of the reply came before the error, and are printed
error: the reply from PIPE did not end within 2 s
hint: take for the reply what comes until the service falls quiet, or its first message, or give it more time \
(--until quiet, --until message, --timeout)";
    assert_seen(&said, &format!("\nexit 75\n--- stdout\nHello\n--- stderr{error}"));
    let (code, stdout, _) = called(&place, &[&call[..], &short, &["--json"]].concat(), b"");
    let shown: serde_json::Value = serde_json::from_slice(&stdout).unwrap();
    assert_eq!((code, &shown["reply"], &shown["incomplete"]), (Some(75), &"Hello".into(), &true.into()));
}

#[test]
fn the_nt_hash_is_as_good_as_the_password() {
    let (place, remote) = place();
    place.write("hash", &format!("{HASH}\n"));
    let pipe = remote.pipe("simple");
    let server = pipe.trim_start_matches('/').split('/').next().unwrap();
    let call = ["call", &pipe, "-u", "anna", "--hex", "0102"];
    let with = |more: &[&str], variables: &[(&str, &str)]| {
        let mut command = place.standpipe(&[&call[..], more].concat());
        command.envs(variables.iter().copied());
        seen(command, &place.path(""))
    };
    let good = "exit 0\n--- stdout\n0201";
    assert_seen(&with(&["--nt-hash-file", "hash"], &[]), good);
    assert_seen(&with(&[], &[("STANDPIPE_NT_HASH", HASH)]), good);
    assert_seen(&with(&["--nt-hash-env", "OTHER"], &[("OTHER", &HASH.to_uppercase())]), good);
    assert_seen(&with(&["--password-file", "secret"], &[("STANDPIPE_NT_HASH", "nonsense")]), good);
    place.write("wrong", &HASH.replace('8', "9"));
    assert_seen(
        &with(&["--nt-hash-file", "wrong"], &[]).replace(server, "SERVER"),
        "
exit 77
--- stderr
error: log-on failed for anna at SERVER: unknown user or wrong password (STATUS_LOGON_FAILURE, 0xc000006d)
hint: check user and password; the account must exist on the server (`standpipe account list`)",
    );
    let none = with(&["--nt-hash-file", "secret"], &[]);
    assert_seen(
        &none,
        "
exit 78
--- stderr
error: the file `secret` holds no NT hash
  caused by: an NT hash is 32 hexadecimal digits
hint: for a password, use --password-file or STANDPIPE_PASSWORD",
    );
    place.mode("hash", 0o644);
    // Others can read it.
    assert_seen(
        &with(&["--nt-hash-file", "hash"], &[]),
        "
exit 77
--- stderr
error: the password file `hash` can be read by others
hint: make it yours alone: chmod 600 hash; or mount it as root's, with mode 0440 and a group of this process",
    );
    assert_seen(
        &with(&["--nt-hash-file", "hash", "--password-file", "secret"], &[]),
        "
exit 64
--- stderr
error: the argument '--nt-hash-file <FILE>' cannot be used with '--password-file <FILE>'

Usage: standpipe call --user <NAME> --hex --nt-hash-file <FILE> <PIPE> <TEXT>

For more information, try '--help'.",
    );
}

#[test]
fn a_request_that_cannot_be_sent_is_refused_before_anything_is_sent() {
    let place = Place::new();
    place.write("secret", "secret");
    // Nobody listens there, which would be the next complaint.
    let call = |more: &[&str]| {
        let call = ["call", "//127.0.0.1:1/pipe/simple", "-u", "anna", "--password-file", "secret"];
        place.seen(&[&call[..], more].concat())
    };
    assert_seen(
        &call(&["--hex", "0g"]),
        "
exit 64
--- stderr
error: the request is not hexadecimal
  caused by: Invalid character 'g' at position 1
hint: give two digits for each byte, such as `48 65 6c 6c 6f 00`",
    );
    assert_seen(
        &call(&["--file", "nothing"]),
        "
exit 64
--- stderr
error: could not read the request from `nothing`
  caused by: No such file or directory (os error 2)",
    );
    assert_seen(
        &call(&["x", "--mode", "byte", "--one-message"]),
        "
exit 64
--- stderr
error: a byte pipe has no messages: --one-message needs --mode message",
    );
    assert_seen(
        &call(&["x", "--file", "secret"]),
        "
exit 64
--- stderr
error: the argument '[TEXT]' cannot be used with '--file <FILE>'

Usage: standpipe call --user <NAME> --password-file <FILE> <PIPE> <TEXT>

For more information, try '--help'.",
    );
    assert_seen(
        &call(&["x", "--mode", "datagram"]),
        "
exit 64
--- stderr
error: invalid value 'datagram' for '--mode <MODE>': `datagram` is not a pipe mode: expected `message` or `byte`

For more information, try '--help'.",
    );
    assert_seen(
        &call(&["x"]),
        "
exit 75
--- stderr
error: could not connect to 127.0.0.1:1
  caused by: Connection refused (os error 111)
hint: check that the server runs, its address and port, and that no firewall is in between",
    );
}
