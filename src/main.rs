//! The command `pipefit`.

fn main() -> std::process::ExitCode {
    pipefit::cli::main()
}
