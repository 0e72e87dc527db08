//! The man page, the completions and the tables of the documents, made from the tables that the program itself uses.

mod man;

use clap::{Arg, Command, CommandFactory as _};
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{bold, roman};
use man::{man_page, section};

use opentop::cli::Cli;
use opentop::filter::FIELDS;
use opentop::message::Cause;
use opentop::tui::app::keymap::{Binding, SECTIONS, bindings};
use opentop::{NOT_SEEN, PATTERNS};

/// Fields of the JSON line of an open; [`OPTIONAL`] tells those that are not always there.
pub const JSON_FIELDS: [(&str, &str); 23] = [
    ("type", "open, or lookup for what is looked up and not opened, with --lookups"),
    ("time", "when the result was known, RFC 3339 in UTC with nanoseconds"),
    ("ts_ns", "the same moment in nanoseconds of CLOCK_MONOTONIC"),
    ("pid", "process, as the initial pid namespace numbers it"),
    ("tid", "thread"),
    ("ppid", "parent process"),
    ("uid", "real user, as the initial user namespace numbers it"),
    ("process", "command name of the program: of the thread-group leader"),
    ("comm", "command name of the thread"),
    (
        "op",
        "open, openat, openat2, creat, open_by_handle_at, io_uring, exec or kernel; of a lookup: stat, access or \
         readlink",
    ),
    ("flags", "list of O_* names; empty for a lookup"),
    ("mode", "permission bits, where a file may be created; else null"),
    ("fd", "descriptor; null where there is none or the hook does not see it"),
    ("errno", "name of the error; null where the open succeeded"),
    (
        "name",
        "what the program asked for; of a program that is started by a descriptor /dev/fd/3 or /dev/fd/3/NAME, of a \
         script in a directory NAME alone; null where it could not be read",
    ),
    (
        "path",
        "absolute path, . and .. folded, symbolic links not followed; null where it is not known, and of an empty name",
    ),
    ("path_kind", "absolute, joined, handle, truncated or unreadable: where path comes from"),
    (
        "opened_name",
        "last name of the file that was opened, where it is not the one asked for: a link was followed, or something \
         was changed meanwhile; else null",
    ),
    (
        "real_path",
        "with --resolve, the path of the file that was opened, links followed, as the process's root has it; else \
         null, for failed opens too, for scripts that are started by a name and for what lies in no directory (a pipe, a memfd)",
    ),
    (
        "latency_ns",
        "from call to result, with --latency; else null, and for what the kernel opens itself or refuses before \
         io_uring submits it, or seccomp answers, and for those that wait longest of more than 16,384 under way. Where \
         the kernel misses runs, it may be that since an earlier call",
    ),
    ("cgroup", "path in the cgroup hierarchy"),
    (
        "container",
        "container, as runtime:name, where there is one, and as runtime:namespace/pod/container in Kubernetes; the \
         first digits of its id where its name is not known",
    ),
    ("start_ns", "when the process started, CLOCK_MONOTONIC: with pid it names one process"),
];

/// Fields that a line only has where they say something.
pub const OPTIONAL: [(&str, &str); 9] = [
    ("host", "with --host, which host; time, ts_ns and all else are then as that host has them"),
    ("received", "with --host, when it came here by the clock of this host, as time"),
    ("container_id", "all digits of the id of the container"),
    ("pod namespace", "the container's pod in Kubernetes, where its names are known"),
    ("dir_deleted", "true where the directory that the name is relative to was deleted"),
    (
        "real_path_kind",
        "beside real_path: whole; truncated where its beginning is missing, for which /... stands; deleted where \
         nothing is found by it any more, or never was (O_TMPFILE); outside where the process's root does not contain \
         the file",
    ),
    ("exe", "with --identity, the file of the program that the process runs; null where it is not known"),
    ("parent", "with --identity, the command of the parent; null where it is not known"),
    (
        "exe_b64 parent_b64 name_b64 path_b64 opened_name_b64 real_path_b64 process_b64 comm_b64 cgroup_b64",
        "the exact bytes of a text that is not UTF-8",
    ),
];

/// Lines of a report in JSON and of a diff, by type, with their fields in the order of the line.
pub const REPORT_LINES: [(&str, &str); 9] = [
    (
        "report",
        "the first line: version (1), opentop, host, processes, span_ns (first to last open), how many opens, lookups \
         (look-ups, with --lookups) and how many of each kind, how many of them by path (dir_deleted, truncated, \
         unreadable), what there was no room for (opens_without_room, searches_without_room, programs_without_room), \
         dropped, limited (true where -n ended it) and cut_off (true where the recording was cut off), so that what came \
         later is in no line",
    ),
    (
        "file",
        "what one program did with one path: path, path_kind, program, opens, lookups and each kind, errno (the \
         latest; else null), uid (of the latest); with --by package, package (or null); with --explain, denied_by \
         (what denies it, or null)",
    ),
    (
        "search",
        "a base name that one program missed: name, program, never (searches that found nothing), found (those that \
         found it), tries (the most that took), found_path (where; else null)",
    ),
    (
        "program",
        "a program in the tree of who started what: id, parent (an id, or null), program, runs (0: ran before), opens, \
         failed",
    ),
    ("slow", "one of the ten slowest opens, where measured: latency_ns, pid, program, path"),
    (
        "repeat",
        "a path that one process opened ten times or more: opens, error_bound (may be so many more), pid, program, \
         path",
    ),
    ("summary", "the last line: the totals of the recording, as in the lines of opens"),
    ("diff", "the first line of a diff: version (1), opentop, before, after (the files), differences (how many)"),
    (
        "difference",
        "what (changed, only_before, only_after, grew), path, program, before and after: opens, each kind and errno; \
         or null",
    ),
];

const EXIT_STATUS: [(&str, &str); 4] = [
    ("0", "Done. A closed pipe, as in opentop | head, is no failure."),
    ("1", "It failed; one line on stderr says what, why, and what to do."),
    ("2", "Wrong usage. From diff: it could not compare; 0 is for no difference then, and 1 for some."),
    (
        "other",
        "With -- COMMAND and line output, the status of the command, 128 and the signal's number where one killed it.",
    ),
];

const EXAMPLES: [(&str, &str); 11] = [
    ("opentop", "The screen: who opens what, live."),
    ("opentop -x -c nginx", "Only what nginx failed to open."),
    ("opentop -- make", "Run make, and show what it and its descendants open."),
    ("opentop -o json -d 5 | jq .path", "Five seconds of opens as JSON Lines."),
    ("opentop -b -n 3 -i 2 -g dir", "Three rankings of directories, every two seconds."),
    ("opentop record -F 'dir:^/etc' etc.zst", "Record what is opened below /etc."),
    ("opentop --host web1,root@db1", "Several hosts on one screen, by ssh."),
    ("opentop replay etc.zst", "Look at it later, elsewhere, without privileges."),
    (
        "opentop report -- make",
        "Run make, and tell what it and its descendants read, wrote, ran, missed and were denied.",
    ),
    ("opentop report make.zst", "The same of a recording."),
    ("opentop diff good.zst bad.zst", "What one run touched and the other did not."),
];

/// Every file that is generated, in whole or in part: its path and its content.
pub fn files() -> Vec<(String, Vec<u8>)> {
    let completion = |shell: Shell| {
        let mut text = Vec::new();
        generate(shell, &mut Cli::command(), "opentop", &mut text);
        text
    };
    let whole = [
        ("assets/opentop.1", man_page()),
        ("assets/opentop.bash", completion(Shell::Bash)),
        ("assets/_opentop", completion(Shell::Zsh)),
        ("assets/opentop.fish", completion(Shell::Fish)),
    ];
    let documents = DOCUMENTS.map(|(path, text, tables)| (path, document(path, text, tables).into_bytes()));
    let named = whole.into_iter().chain(documents).map(|(path, content)| (path.to_owned(), content));
    named.chain(subcommand_pages()).collect()
}

/// The man page of each subcommand, as `man opentop-record` shows it.
fn subcommand_pages() -> Vec<(String, Vec<u8>)> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let page = |sub: &Command| {
        let name = format!("opentop-{}", sub.get_name());
        let mut page = Vec::new();
        let man = Man::new(sub.clone()).title(&name).manual("User Commands");
        man.render(&mut page).expect("a vector takes all that is written");
        let mut more = section("SEE ALSO");
        more.text([bold("opentop"), roman("(1) has the filter language, the fields of JSON, and the exit status.")]);
        page.extend_from_slice(more.to_roff().as_bytes());
        (format!("assets/{name}.1"), page)
    };
    command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(page).collect()
}

/// Every document with tables that are made anew: its path, its text as it is, and the names of its tables. Each table
/// stands between a line `<!-- NAME -->` and a line `<!-- end -->`.
const DOCUMENTS: [(&str, &str, &[&str]); 8] = [
    ("README.md", include_str!("../../README.md"), &["main keys"]),
    ("docs/keys.md", include_str!("../../docs/keys.md"), &["keys"]),
    ("docs/command-line.md", include_str!("../../docs/command-line.md"), &["options", "subcommands"]),
    ("docs/filter.md", include_str!("../../docs/filter.md"), &["filter"]),
    ("docs/json.md", include_str!("../../docs/json.md"), &["json"]),
    ("docs/report.md", include_str!("../../docs/report.md"), &["noise", "report"]),
    ("docs/troubleshooting.md", include_str!("../../docs/troubleshooting.md"), &["losses"]),
    ("docs/coverage.md", include_str!("../../docs/coverage.md"), &["not seen"]),
];

fn document(path: &str, text: &str, tables: &[&str]) -> String {
    tables.iter().fold(text.to_owned(), |text, name| {
        let begin = format!("<!-- {name} -->\n");
        let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{path} has no {begin}"));
        let (_, after) = rest.split_once("<!-- end -->").expect("every table has an end");
        format!("{before}{begin}{}<!-- end -->{after}", table_named(name))
    })
}

fn table_named(name: &str) -> String {
    match name {
        "keys" => all_keys(),
        "main keys" => main_keys(),
        "options" => option_table(Cli::command().get_arguments()),
        "subcommands" => subcommand_tables(),
        "losses" => table(
            ["cause", "what was lost"],
            Cause::ALL.into_iter().map(|cause| (code(cause.name()), cause.about().to_owned())),
        ),
        "filter" => filter_table(),
        "json" => json_table(),
        "report" => table(["type", "line"], REPORT_LINES.iter().map(|(name, what)| (code(name), (*what).to_owned()))),
        "noise" => noise_table(),
        "not seen" => format!("Not seen, which `opentop check` tells too: {NOT_SEEN}.\n"),
        other => panic!("there is no table {other}"),
    }
}

fn table(head: [&str; 2], rows: impl Iterator<Item = (String, String)>) -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let rows = rows.map(|(name, what)| format!("| {} | {} |\n", cell(&name), cell(&what)));
    format!("| {} | {} |\n|---|---|\n{}", head[0], head[1], rows.collect::<String>())
}

/// The keys that the footer knows.
fn main_keys() -> String {
    key_table(bindings().filter(|binding| binding.hint.iter().any(|hint| !hint.is_empty())))
}

fn all_keys() -> String {
    let sections =
        SECTIONS.iter().map(|section| format!("### {}\n\n{}", section.title, key_table(section.bindings.iter())));
    sections.collect::<Vec<_>>().join("\n")
}

fn key_table<'a>(bindings: impl Iterator<Item = &'a Binding>) -> String {
    let rows = bindings.map(|binding| {
        let keys: Vec<_> = binding.keys.iter().map(|key| code(&key.label())).collect();
        (keys.join(" "), binding.does.to_owned())
    });
    table(["key", "does"], rows)
}

fn option_table<'a>(arguments: impl Iterator<Item = &'a Arg>) -> String {
    let rows = arguments.filter_map(|arg| {
        let long = arg.get_long().filter(|long| !matches!(*long, "help" | "version"))?;
        let short = arg.get_short().map(|short| format!("-{short}, ")).unwrap_or_default();
        let value = value_name(arg).map(|name| format!(" {name}")).unwrap_or_default();
        let default = arg.get_default_values().first().filter(|_| !value.is_empty());
        let default = default.map(|text| format!(" (default {})", text.to_string_lossy())).unwrap_or_default();
        Some((code(&format!("{short}--{long}{value}")), about(arg.get_help()) + &default))
    });
    table(["option", "does"], rows)
}

/// The options that only some subcommand has.
fn subcommand_tables() -> String {
    let command = Cli::command();
    let tables = command.get_subcommands().filter(|sub| !sub.is_hide_set()).filter_map(|sub| {
        let options: Vec<_> = own_arguments(&command, sub).filter(|arg| arg.get_long().is_some()).collect();
        let title = format!("### opentop {}\n\n", sub.get_name());
        (!options.is_empty()).then(|| title + &option_table(options.into_iter()))
    });
    tables.collect::<Vec<_>>().join("\n")
}

/// The arguments of a subcommand that the command without one has not.
fn own_arguments<'a>(command: &'a Command, sub: &'a Command) -> impl Iterator<Item = &'a Arg> {
    let known = |arg: &&Arg| command.get_arguments().any(|other| other.get_id() == arg.get_id());
    sub.get_arguments().filter(move |arg| !known(arg) && arg.get_id() != "help")
}

/// What its value is called, if it takes one.
fn value_name(arg: &Arg) -> Option<&str> {
    let name = arg.get_value_names().and_then(|names| names.first());
    name.filter(|_| arg.get_action().takes_values()).map(clap::builder::Str::as_str)
}

fn filter_table() -> String {
    let names = |names: &[&str]| names.iter().map(|name| code(&format!("{name}:"))).collect::<Vec<_>>().join(" ");
    table(
        ["term", "holds for"],
        FIELDS.iter().map(|field| (format!("{} {}", names(field.names), field.value), field.about.to_owned())),
    )
}

fn json_table() -> String {
    let fields = JSON_FIELDS.iter().chain(&OPTIONAL);
    table(["field", "is"], fields.map(|(name, what)| (code(name), (*what).to_owned())))
}

fn noise_table() -> String {
    let rows = PATTERNS
        .iter()
        .map(|pattern| (pattern.what.to_owned(), format!("{} is {}", code(pattern.example), code(pattern.folded))));
    table(["taken for the same", "such as"], rows)
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn about(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default()
}
