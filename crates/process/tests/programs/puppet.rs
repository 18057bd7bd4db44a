//! A process that does what a test says. For the tests on Windows, where no shell is at hand that tests know.

use std::process::ExitCode;

#[cfg(not(windows))]
fn main() -> ExitCode {
    ExitCode::FAILURE
}

#[cfg(windows)]
fn main() -> ExitCode {
    windows::main().unwrap_or(ExitCode::FAILURE)
}

#[cfg(windows)]
mod windows {
    use std::fs::OpenOptions;
    use std::io::{self, Read, Write};
    use std::os::windows::fs::OpenOptionsExt;
    use std::process::{Command, ExitCode, exit};
    use std::thread::sleep;
    use std::time::Duration;

    /// Longer than any test.
    const LONG: Duration = Duration::from_mins(5);

    pub(super) fn main() -> io::Result<ExitCode> {
        let arguments: Vec<String> =
            std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut out = io::stdout();
        match words.as_slice() {
            ["exit", code] => exit(code.parse::<u32>().map_err(io::Error::other)?.cast_signed()),
            ["say", text, complaint] => {
                writeln!(out, "{text}")?;
                writeln!(io::stderr(), "{complaint}")?;
            }
            ["arguments", arguments @ ..] => writeln!(out, "{arguments:?}")?,
            ["variables", names @ ..] => {
                for name in names {
                    writeln!(out, "{name}={:?}", std::env::var(name).ok())?;
                }
            }
            ["folder-and-input"] => {
                let mut input = Vec::new();
                io::stdin().read_to_end(&mut input)?;
                writeln!(out, "{} {}", std::env::current_dir()?.display(), input.len())?;
            }
            ["bytes", hex] => {
                let byte = |pair: &[u8]| u8::from_str_radix(&String::from_utf8_lossy(pair), 16);
                let bytes: Result<Vec<u8>, _> = hex.as_bytes().chunks(2).map(byte).collect();
                out.write_all(&bytes.map_err(io::Error::other)?)?;
            }
            ["flood"] => {
                // In few writes, each of which takes its time under Wine.
                let mut flood = vec![b'x'; 5_000_000];
                for number in 0..100_000 {
                    writeln!(flood, "\n{number}")?;
                }
                out.write_all(&flood)?;
                write!(out, "end")?;
            }
            // Ends while its other threads use the heap.
            ["end-busy"] => {
                for _ in 0..4 {
                    std::thread::spawn(|| {
                        loop {
                            drop(std::hint::black_box(vec![1_u8; 5000]));
                        }
                    });
                }
                sleep(Duration::from_millis(30));
                return Ok(standpipe_process::end_process(7));
            }
            // Nobody else can open the file while this process lives.
            ["hold", file] => {
                let _held =
                    OpenOptions::new().write(true).create(true).truncate(false).share_mode(0).open(file)?;
                writeln!(out, "holding")?;
                sleep(LONG);
            }
            // The same, by the crate itself.
            ["supervise", file] => {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let own = std::env::current_exe()?;
                let command = [own.as_os_str(), "hold".as_ref(), file.as_ref()];
                let spec = standpipe_process::ProcessSpec::new("held", command, std::env::temp_dir());
                let _process = runtime.block_on(standpipe_process::spawn(&spec)).map_err(io::Error::other)?;
                sleep(LONG);
            }
            // Starts another one that holds the file, and stays or ends before it.
            [stays, file] => {
                Command::new(std::env::current_exe()?).args(["hold", file]).spawn()?;
                if *stays == "start-and-stay" {
                    sleep(LONG);
                }
            }
            _ => return Ok(ExitCode::from(64)),
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}
