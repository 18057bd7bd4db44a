//! The command `standpipe`. All of it is in the library of the same name.

standpipe_system::process_prng!();

fn main() -> std::process::ExitCode {
    standpipe::main()
}
