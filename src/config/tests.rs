use super::values::ring_bytes;
use super::*;
use crate::history::log::Bound;
use clap::Parser as _;

pub(super) const SCREEN: Environment = Environment {
    screen: true,
    screen_without_stdin: true,
    no_color: false,
    ascii: false,
    columns: Some(80),
    stderr_columns: Some(80),
    unprivileged: true,
};
pub(super) const PIPE: Environment =
    Environment { screen: false, screen_without_stdin: false, columns: None, stderr_columns: None, ..SCREEN };

fn config(args: &str, environment: Environment) -> Result<Config, Error> {
    let cli = Cli::try_parse_from(["opentop"].into_iter().chain(args.split_whitespace())).unwrap();
    Config::new(cli, environment)
}

fn live(args: &str, environment: Environment) -> (Options, Show) {
    match config(args, environment).unwrap() {
        Config::Live { origin: Origin::Here(options), show, .. } => (options, show),
        other => panic!("not live: {other:?}"),
    }
}

#[test]
fn the_form_follows_the_terminal() {
    assert_eq!(live("", SCREEN).1.form, OutputForm::Tui);
    assert_eq!(live("", PIPE).1.form, OutputForm::Text);
    assert_eq!(live("-o json", SCREEN).1.form, OutputForm::Json);
    assert!(config("-o tui", PIPE).is_err());
}

#[test]
fn options_become_one_filter_and_its_kernel_part() {
    let (options, show) = live("-p 1,2 -u 0 -x -c !nginx -F err:ENOENT", PIPE);
    assert_eq!(options.filter.pids, [1, 2]);
    assert_eq!(options.filter.uids, [0]);
    assert_eq!(options.filter.failed, Some(true));
    assert_eq!(options.filter.errnos, [libc::ENOENT]);
    assert!(show.selection.filter.source().contains("!comm:nginx"), "{}", show.selection.filter.source());
}

#[test]
fn values_that_make_no_sense_are_usage_errors() {
    for args in [
        "--ring 3M",
        "--ring 2K",
        "--ring x",
        "-d 0",
        "-d -1",
        "-i nan",
        "-F foo:bar",
        "-c (",
        "-e ENOPE",
        "--history 0",
        "--history 512K",
        "--history x",
        "--history 99999999999999999G",
        "--ssh=myssh",
        "--remote opentop",
        "report --identity -- true",
        "report --identity x.zst",
    ] {
        let error = config(&args.replace("-d -1", "-d=-1"), PIPE).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{args}: {error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn an_error_of_an_option_tells_no_column_and_one_of_an_expression_does() {
    let said = |args| config(args, PIPE).unwrap_err().to_string();
    assert_eq!(said("-u nosuch"), "--user nosuch: no user \"nosuch\" here: a number always works");
    for args in ["-u nosuch", "-c (", "-f (", "-e ENOPE"] {
        assert!(!said(args).contains("column"), "{}", said(args));
    }
    assert!(said("-F uid:nosuch").starts_with("--filter: column 5: no user"), "{}", said("-F uid:nosuch"));
}

#[test]
fn what_processes_run_is_told_here_and_by_other_hosts_where_it_is_asked_for() {
    assert!(live("-o json --identity", PIPE).0.identity && !live("-o json", PIPE).0.identity);
    let Config::Record { origin: Origin::Here(options), .. } = config("record --identity x", PIPE).unwrap() else {
        panic!()
    };
    assert!(options.identity);
    let Config::Live { origin: Origin::Hosts(_, start), .. } = config("--host a -o json --identity", PIPE).unwrap()
    else {
        panic!()
    };
    assert!(start.identity && of_agent(&start).unwrap().0.identity);
}

#[test]
fn a_rate_is_a_number_of_lines_a_second() {
    assert_eq!(live("--rate-limit 1000/s", PIPE).1.selection.rate, Some(1000));
    let Config::Record { selection, .. } = config("record --rate-limit 7 x", PIPE).unwrap() else { panic!() };
    assert_eq!(selection.rate, Some(7));
    assert_eq!(live("", PIPE).1.selection.rate, None);
    for value in ["0", "-1", "/s", "1.5/s", "5/m", "99999999999999999999"] {
        assert!(Cli::try_parse_from(["opentop".into(), format!("--rate-limit={value}")]).is_err(), "{value}");
    }
}

#[test]
fn a_command_has_a_name() {
    let cli = Cli::try_parse_from(["opentop", "--", "", "x"]).unwrap();
    let error = Config::new(cli, PIPE).unwrap_err();
    assert!(error.exit_code() == 2 && error.to_string().contains("is empty"), "{error}");
}

#[test]
fn rankings_are_lines() {
    assert_eq!(live("-b -n 3", SCREEN).1.form, OutputForm::Text);
    assert_eq!(live("-b -o csv", SCREEN).1.form, OutputForm::Csv);
    for args in ["-b -o tui", "-n 5", "-O x -o tui", "--rate-limit 9", "-b --rate-limit 9/s"] {
        assert_eq!(config(args, SCREEN).unwrap_err().exit_code(), 2, "{args}");
    }
    assert_eq!(live("-d 5", SCREEN).1.form, OutputForm::Tui);
}

#[test]
fn sizes() {
    assert_eq!(ring_bytes("64K").unwrap(), 65536);
    assert_eq!(ring_bytes("8MiB").unwrap(), 8 << 20);
    assert_eq!(ring_bytes("1g").unwrap(), 1 << 30);
    assert_eq!(ring_bytes("65536").unwrap(), 65536);
}

#[test]
fn the_history_is_bounded_in_memory_whatever_is_asked_for() {
    let history = |args| live(args, SCREEN).1.history;
    assert_eq!(history(""), Bound::bytes(64 << 20));
    assert_eq!(history("--history 1g"), Bound::bytes(1 << 30));
    assert_eq!(history("--history 5000"), Bound { bytes: 64 << 20, events: 5000 });
}

#[test]
fn color_honours_no_color_until_asked() {
    let plain = Environment { no_color: true, ..SCREEN };
    assert!(!live("", plain).1.colour);
    assert!(live("--color always", plain).1.colour);
    assert!(live("", SCREEN).1.colour);
}

#[test]
fn what_asks_for_latencies_needs_them_measured() {
    for args in ["-F lat:>1ms", "-F !lat:>1ms", "-o text -F lat:>1ms", "-b -s p99", "-s p50", "record -F lat:>1ms f"] {
        let why = config(args, SCREEN).expect_err(args).to_string();
        assert!(why.ends_with(": how long opens take is not measured: add --latency"), "{args}: {why}");
        let measured = args.replacen("record ", "record --latency ", 1);
        let measured = if measured == args { format!("--latency {args}") } else { measured };
        assert!(config(&measured, SCREEN).is_ok(), "{measured}");
    }
    // What a recording has is known at its end.
    for args in ["replay -F lat:>1ms f", "replay -b -s p99 f"] {
        assert!(config(args, PIPE).is_ok(), "{args}");
    }
}

#[test]
fn what_only_tracing_has_is_refused_beside_a_recording() {
    for args in ["report --latency f", "report -d 5 f", "diff -d 5 a b"] {
        let why = config(args, PIPE).expect_err(args).to_string();
        assert!(why.contains("is for tracing"), "{args}: {why}");
    }
    assert!(config("replay -d 5 f", PIPE).is_ok(), "a pipe may never end");
}
