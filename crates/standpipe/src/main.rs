//! The command `standpipe`. All of it is in the library of the same name.

fn main() -> std::process::ExitCode {
    standpipe::main()
}
