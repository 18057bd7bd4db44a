#![doc = include_str!("../README.md")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a developer's tool talks to the developer")]

mod bench;
mod demo;
mod dist;
mod fuzz;
mod generate;
mod install;
mod layers;
mod packages;
mod shell;
mod soak;
mod stage;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Everything the project does on itself")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Bench(bench::Arguments),
    Demo(demo::Arguments),
    Dist(dist::Arguments),
    Fuzz(fuzz::Arguments),
    Generate(generate::Arguments),
    Soak(soak::Arguments),
    Test(test::Arguments),
}

fn main() -> ExitCode {
    let workspace = workspace::Workspace::find();
    let result = match Arguments::parse().command {
        Command::Bench(arguments) => bench::run(&arguments, &workspace),
        Command::Demo(arguments) => demo::run(&arguments, &workspace),
        Command::Dist(arguments) => dist::run(&arguments, &workspace),
        Command::Fuzz(arguments) => fuzz::run(&arguments, &workspace),
        Command::Generate(arguments) => generate::run(&arguments, &workspace),
        Command::Soak(arguments) => soak::run(&arguments, &workspace),
        Command::Test(arguments) => test::run(&arguments, &workspace),
    };
    match result {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
