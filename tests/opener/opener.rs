//! Opens files, and says exactly which: what the tests hold opentop's reports against.
//!
//! Needs nothing but a kernel, so that it also runs as the only program in a virtual machine. Every way to open is a
//! process of its own that opens nothing else; each open is printed as one JSON line with opentop's own field names,
//! so that the comparison is a join.

#[cfg(target_arch = "x86_64")]
mod compat;
mod elf;
mod report;
mod scene;
mod storm;
mod sys;
mod typing;
#[allow(dead_code, reason = "the attack uses its own part")]
mod uring;
mod ways;

use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;
use ways::Way;

const USAGE: &str = "\
usage: opener list                          print the names of all ways
       opener ways DIR [OPTIONS]            go them below DIR; one JSON line for each open
       opener lookups DIR [OPTIONS]         the same for every way to look a file up without opening it
           --only NAME, --skip NAME         ways whose name starts with NAME; may be repeated
       opener storm DIR --opens N [OPTIONS] open exactly N times in all; one JSON line for each process
           --procs N                        by N processes at once (1)
           --threads N                      each by N threads, which come and go while the main thread opens (1)
           --missing                        names that are not there, each different
           --cpu K                          all on one processor
       opener brief DIR --opens N --procs N open N times by each of so many processes, of which few live at a time
       opener abandon DIR --opens N         begin N opens that never return, by as many processes
       opener loop DIR --seconds S [--missing] [--cpu K]
                                            one process opens flat out; prints the count and ns per open
       opener stat DIR --lookups N          look N different names up that are not there
       opener first PATH                    open PATH every millisecond until killed
       opener type                          try to type into the terminal at stdin; a line for each way, with the error
";

/// Exit status of wrong usage.
const WRONG_USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    match Args::parse(words).and_then(|args| run(&command, &args)) {
        Ok(code) => code,
        Err(wrong) => {
            sys::write_all(libc::STDERR_FILENO, format!("opener: {wrong}\n{USAGE}").as_bytes());
            ExitCode::from(WRONG_USAGE)
        }
    }
}

fn run(command: &str, args: &Args) -> Result<ExitCode, String> {
    match command {
        "list" => ways::all().for_each(|way| print(way.name)),
        "ways" => return Ok(go_ways(ways::all(), args, &args.dir()?)),
        "lookups" => return Ok(go_ways(ways::lookups(), args, &args.dir()?)),
        "stat" => storm::look_up(&args.dir()?, args.plan("lookups")?.amount),
        "storm" => storm::storm(&args.dir()?, &args.plan("opens")?),
        "abandon" => storm::abandon(&args.dir()?, args.plan("opens")?.amount),
        "brief" => storm::brief(&args.dir()?, &args.plan("opens")?),
        "loop" => storm::flat_out(&args.dir()?, &args.plan("seconds")?),
        "first" => storm::first(args.operand()?.as_bytes()),
        "type" => typing::try_all().iter().for_each(|line| print(line)),
        "--help" | "-h" => print(USAGE.trim_end()),
        _ => return Err(format!("no command '{command}'")),
    }
    Ok(ExitCode::SUCCESS)
}

fn go_ways(ways: impl Iterator<Item = Way>, args: &Args, dir: &[u8]) -> ExitCode {
    let named = |option: &str, name: &str| args.values(option).any(|start| name.starts_with(start));
    let only = args.values("only").next().is_some();
    let chosen = ways.filter(|way| (!only || named("only", way.name)) && !named("skip", way.name));
    let mut good = true;
    for way in chosen {
        if !ways::go(way, dir) {
            sys::write_all(libc::STDERR_FILENO, format!("opener: the way '{}' broke\n", way.name).as_bytes());
            good = false;
        }
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print(line: &str) {
    sys::write_all(libc::STDOUT_FILENO, format!("{line}\n").as_bytes());
}

/// The words behind the command.
#[derive(Debug, Default)]
struct Args {
    operands: Vec<String>,
    /// Without their dashes; flags have an empty value.
    options: Vec<(String, String)>,
}

impl Args {
    const WITH_VALUE: [&str; 8] = ["only", "skip", "opens", "lookups", "procs", "threads", "cpu", "seconds"];
    const FLAGS: [&str; 1] = ["missing"];

    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut args = Self::default();
        while let Some(word) = words.next() {
            match word.strip_prefix("--") {
                None => args.operands.push(word),
                Some(name) if Self::FLAGS.contains(&name) => args.options.push((name.to_owned(), String::new())),
                Some(name) if Self::WITH_VALUE.contains(&name) => {
                    let value = words.next().ok_or(format!("--{name} needs a value"))?;
                    args.options.push((name.to_owned(), value));
                }
                Some(name) => return Err(format!("no option '--{name}'")),
            }
        }
        Ok(args)
    }

    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.options.iter().filter(move |(option, _)| option == name).map(|(_, value)| value.as_str())
    }

    fn operand(&self) -> Result<&str, String> {
        match &self.operands[..] {
            [one] => Ok(one),
            other => Err(format!("one path is needed, not {}", other.len())),
        }
    }

    /// The directory that was named, absolute and without symbolic links, as the kernel will show it.
    fn dir(&self) -> Result<Vec<u8>, String> {
        let dir = self.operand()?;
        let dir = std::fs::canonicalize(dir).map_err(|error| format!("{dir}: {error}"))?;
        Ok(dir.as_os_str().as_bytes().to_vec())
    }

    fn number(&self, name: &str) -> Result<Option<u64>, String> {
        let parse = |value: &str| value.parse().map_err(|_| format!("--{name}: '{value}' is no number"));
        self.values(name).last().map(parse).transpose()
    }

    /// What a storm is to be; how much of it, the option `amount` says.
    fn plan(&self, amount: &str) -> Result<storm::Plan, String> {
        Ok(storm::Plan {
            amount: self.number(amount)?.ok_or(format!("--{amount} is needed"))?,
            procs: self.number("procs")?.unwrap_or(1).max(1),
            threads: self.number("threads")?.unwrap_or(1).max(1),
            missing: self.values("missing").next().is_some(),
            cpu: self.number("cpu")?.map(|cpu| cpu as usize),
        })
    }
}
