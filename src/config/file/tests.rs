use super::super::keys::IN_NO_FILE;
use super::super::tests::{PIPE, SCREEN};
use super::*;
use crate::cli::Command;

fn settings(texts: &[(&str, Whose)], arguments: &str) -> Settings {
    let arguments = std::iter::once("opentop").chain(arguments.split_whitespace()).map(OsString::from).collect();
    let mut settings = Settings { arguments, ..Settings::default() };
    for (text, whose) in texts {
        settings.add(parse(text, "f", *whose).unwrap());
    }
    settings
}

fn cli(text: &str, arguments: &str) -> Cli {
    settings(&[(text, Whose::Host)], arguments).cli().unwrap().0
}

#[test]
fn a_key_is_what_holds_where_the_command_line_says_nothing() {
    let text =
        "group-by = 'file'\ninterval = 2.5\nlatency = true\nascii = false\n[filters]\na = 'err:any'\nb = '@a x=y'\n";
    let from_file = cli(text, "").live;
    assert_eq!((from_file.shown.group_by.name(), from_file.trace.filters.interval), ("file", 2.5));
    assert!(from_file.trace.latency && !from_file.shown.ascii);
    let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    assert_eq!(from_file.trace.filters.define, [pair("a", "err:any"), pair("b", "@a x=y")]);
    let given = cli(text, "-g user -i 1 --define c=d").live;
    assert_eq!((given.shown.group_by.name(), given.trace.filters.interval), ("user", 1.0));
    assert_eq!(given.trace.filters.define, [pair("c", "d")]);
    let text = format!("speed = 4\n{text}");
    let Some(Command::Replay { shown, speed, .. }) = cli(&text, "replay x").command else { panic!() };
    assert_eq!((shown.group_by.name(), speed), ("file", Some(4.0)));
    // What contradicts the command line gives way to it.
    assert!(cli("leaks = true", "").live.shown.leaks && !cli("leaks = true", "-s total").live.shown.leaks);
    let text = "textfile = '/x'\nlisten = '127.0.0.1:1'";
    let Some(Command::Metrics { textfile, .. }) = cli(text, "metrics --listen 127.0.0.1:2").command else { panic!() };
    assert_eq!(textfile, None);
    // A text that could be a flag's, and forms that another command has.
    assert_eq!(cli("filter = 'true'", "").live.trace.filters.filter.as_deref(), Some("true"));
    for form in ["csv", "depfile"] {
        cli(&format!("output = '{form}'"), "report x");
    }
}

#[test]
fn a_users_file_goes_before_that_of_the_host() {
    let files = [
        ("leaks = true\n[filters]\na = 'x'\nb = 'y'", Whose::Host),
        ("sort = 'total'\n[filters]\na = 'z'", Whose::User),
    ];
    let live = settings(&files, "").cli().unwrap().0.live;
    assert!(!live.shown.leaks);
    let define: Vec<_> = live.trace.filters.define.iter().map(|(name, text)| format!("{name}={text}")).collect();
    assert_eq!(define, ["b=y", "a=z"]);
}

/// A value for each key; a flag's is `true`.
const VALUES: [(&str, &str); 39] = [
    ("by", "process"),
    ("cgroup", "/"),
    ("color", "always"),
    ("columns", "wall,pid"),
    ("comm", "x"),
    ("count", "5"),
    ("define", "a = 'err:any'"),
    ("duration", "1"),
    ("errno", "ENOENT"),
    ("event-columns", "time,pid"),
    ("factor", "3"),
    ("file", "x"),
    ("files", "3"),
    ("filter", "uid:root"),
    ("group-by", "file"),
    ("highlight", "red = 'uid:root'"),
    ("history", "5M"),
    ("hooks", "syscall"),
    ("host", "web1"),
    ("hosts", ""),
    ("interval", "2"),
    ("listen", "127.0.0.1:1"),
    ("max-size", "1M"),
    ("output", "csv"),
    ("output", "tui"),
    ("output", "json"),
    ("output", "depfile"),
    ("rate-limit", "5/s"),
    ("ranking-columns", "pid,rate"),
    ("remote", "x"),
    ("ring", "1M"),
    ("slots-idle", "5"),
    ("sort", "growth"),
    ("speed", "2"),
    ("ssh", "ssh"),
    ("textfile", "/x"),
    ("times", "start"),
    ("until", "exit"),
    ("user", "root"),
];

const COMMAND_LINES: [&str; 22] = [
    "",
    "-o json",
    "-o tui",
    "-b",
    "-n 3 -o text",
    "--leaks",
    "-s fds",
    "--tree -p 1",
    "--host web2",
    "-- true",
    "--report -- true",
    "record x",
    "record -",
    "record x -- true",
    "replay x",
    "replay -b x",
    "report x",
    "report -- true",
    "diff x y",
    "metrics",
    "metrics --textfile x",
    "check",
];

/// No key, alone or with all others, keeps anything from starting that starts without it.
#[test]
fn a_key_that_does_not_fit_is_passed_over() {
    let file = std::env::temp_dir().join(format!("opentop-hosts-{}", std::process::id()));
    std::fs::write(&file, "web3\n").unwrap();
    let hosts = file.to_str().unwrap();
    let command = Cli::command();
    let commands = std::iter::once(&command).chain(command.get_subcommands());
    let mut texts = Vec::new();
    for arg in commands.flat_map(clap::Command::get_arguments) {
        let Some(key) = arg.get_long().filter(|key| !IN_NO_FILE.contains(key)) else { continue };
        if !arg.get_action().takes_values() {
            texts.push(format!("{key} = true\n"));
            continue;
        }
        let before = texts.len();
        let values = VALUES.map(|(known, value)| (known, if known == "hosts" { hosts } else { value }));
        texts.extend(values.iter().filter(|(known, _)| *known == key).map(|(_, value)| match key {
            "define" => format!("[filters]\n{value}\n"),
            "highlight" => format!("[highlight]\n{value}\n"),
            _ => format!("{key} = '{value}'\n"),
        }));
        assert!(texts.len() > before, "no value for {key}");
    }
    texts.sort();
    texts.dedup();
    // And all of them, with each of the forms. Tables come last.
    let (tables, keys): (Vec<_>, Vec<_>) = texts.iter().cloned().partition(|text| text.starts_with('['));
    for form in ["csv", "tui", "json", "depfile"] {
        let fits = |text: &&String| !text.starts_with("output") || text.contains(form);
        texts.push(keys.iter().chain(&tables).filter(fits).map(String::as_str).collect());
    }
    for arguments in COMMAND_LINES {
        for environment in [SCREEN, PIPE] {
            let starts = settings(&[], arguments).config(environment).is_ok();
            for text in &texts {
                let result = settings(&[(text, Whose::Host)], arguments).config(environment);
                assert!(result.is_ok() >= starts, "{text:?} for {arguments:?}: {result:?}");
            }
        }
    }
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn a_wrong_value_is_an_error_with_its_line_but_of_a_user_a_warning() {
    let text = "\nfilter = 'err:ENOPE'\nascii = true";
    let error = settings(&[(text, Whose::Host)], "").config(SCREEN).unwrap_err();
    assert!(error.to_string().starts_with("f, line 2: --filter: column 5: no error"), "{error}");
    let Config::Live { show, .. } = settings(&[(text, Whose::User)], "").config(SCREEN).unwrap() else { panic!() };
    assert!(show.ascii && show.selection.filter.is_empty());
    // Not the file's fault.
    let error = settings(&[("sort = 'pid'", Whose::User)], "-F err:ENOPE").config(SCREEN).unwrap_err();
    assert!(error.to_string().starts_with("--filter: "), "{error}");
}
