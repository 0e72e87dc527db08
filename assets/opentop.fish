# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_opentop_global_optspecs
    string join \n p/pid= u/user= c/comm= f/file= x/failed e/errno= F/filter= define= n/count= d/duration= i/interval= ring= hooks= latency resolve lookups identity tree cgroup= as= until= self verbose b/batch o/output= O/out= force g/group-by= s/sort= leaks history= color= columns= event-columns= ranking-columns= times= mouse save ascii highlight= rate-limit= report host= hosts= ssh= remote= quiet config= h/help V/version
end

function __fish_opentop_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_opentop_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_opentop_using_subcommand
    set -l cmd (__fish_opentop_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c opentop -n "__fish_opentop_needs_command" -s p -l pid -d 'Only these processes; commas or blanks separate them, as in -p "$(pidof nginx)". Without the screen opentop ends when the last of them has ended (of at most 256, and without --tree)' -r
complete -c opentop -n "__fish_opentop_needs_command" -s u -l user -d 'Only this user' -r
complete -c opentop -n "__fish_opentop_needs_command" -s c -l comm -d 'Only commands whose name matches, the program\'s or the thread\'s; a leading ! negates' -r
complete -c opentop -n "__fish_opentop_needs_command" -s f -l file -d 'Only files whose name or path matches, or those of what a link led to; a leading ! negates' -r
complete -c opentop -n "__fish_opentop_needs_command" -s e -l errno -d 'Only opens that failed with one of these errors' -r
complete -c opentop -n "__fish_opentop_needs_command" -s F -l filter -d 'Only what this expression matches, as in the / prompt: comm:RE file:RE err:ENOENT !pid:1 …' -r
complete -c opentop -n "__fish_opentop_needs_command" -l define -d 'In filters, @NAME stands for EXPR; in a configuration a table: `[filters]`, and below it NAME = "EXPR"' -r
complete -c opentop -n "__fish_opentop_needs_command" -s n -l count -d 'Stop after N opens, with --batch after N rankings' -r
complete -c opentop -n "__fish_opentop_needs_command" -s d -l duration -d 'Stop after SECS seconds; the screen then shows what came until then' -r
complete -c opentop -n "__fish_opentop_needs_command" -s i -l interval -d 'Seconds between two readings of the counters, with --batch between two rankings' -r
complete -c opentop -n "__fish_opentop_needs_command" -l ring -d 'Size of the ring buffer, such as 512K or 16M: a power of two' -r
complete -c opentop -n "__fish_opentop_needs_command" -l hooks -d 'The hooks to use instead of the best that work' -r
complete -c opentop -n "__fish_opentop_needs_command" -l cgroup -d 'Only this cgroup and those below it' -r -F
complete -c opentop -n "__fish_opentop_needs_command" -l as -d 'Run COMMAND as this user of /etc/passwd, with the groups and an environment of theirs; needs root' -r
complete -c opentop -n "__fish_opentop_needs_command" -l until -d 'With COMMAND: end with it, or wait for all that it has started too, daemons included' -r -f -a "exit\t'It has ended'
all\t'It and all its descendants have ended'"
complete -c opentop -n "__fish_opentop_needs_command" -s o -l output -d 'How to show opens; tui on a terminal, text otherwise' -r -f -a "tui\t''
text\t''
json\t''
csv\t''"
complete -c opentop -n "__fish_opentop_needs_command" -s O -l out -d 'Write the lines to this new file instead of stdout, where a command\'s output may be between them' -r -F
complete -c opentop -n "__fish_opentop_needs_command" -s g -l group-by -d 'What the ranking has one row for: process, comm, parent, file, dir, user, container, unit, error, host' -r
complete -c opentop -n "__fish_opentop_needs_command" -s s -l sort -d 'What the ranking is sorted by: rate, total, processes, failed, failed%, pid, user, name, p50, p99, fds, growth' -r
complete -c opentop -n "__fish_opentop_needs_command" -l history -d 'Memory for the events that the screen keeps, such as 64M; a number without a unit is a number of events' -r
complete -c opentop -n "__fish_opentop_needs_command" -l color -d 'When to use colours; auto honours NO_COLOR' -r -f -a "auto\t''
always\t''
never\t''"
complete -c opentop -n "__fish_opentop_needs_command" -l columns -d 'Columns of text before the file: time (since the first open), wall, between, comm, process, pid, tid, ppid, user, op, flags, mode, latency, fd, err, container, unit' -r
complete -c opentop -n "__fish_opentop_needs_command" -l event-columns -d 'Columns of the screen\'s list of events, in their order, some with a width: time,pid,comm:20,path' -r
complete -c opentop -n "__fish_opentop_needs_command" -l ranking-columns -d 'Columns of the screen\'s ranking' -r
complete -c opentop -n "__fish_opentop_needs_command" -l times -d 'What the screen\'s column TIME tells: the time of day, since the first event, since the row above' -r
complete -c opentop -n "__fish_opentop_needs_command" -l highlight -d 'Show events for which the filter EXPR holds in this colour: red, green, yellow, blue, magenta, cyan or bold; in a configuration a table: `[highlight]`, and below it COLOUR = "EXPR"' -r
complete -c opentop -n "__fish_opentop_needs_command" -l rate-limit -d 'Write at most N opens a second, as 1000/s or 1000; what goes beyond is dropped, and told as lost to the rate' -r
complete -c opentop -n "__fish_opentop_needs_command" -l host -d 'Show these hosts instead of this one, by ssh: names as ssh knows them, user@host too. Each needs opentop in its PATH and leave to run it with sudo without a password. Needs no privileges here' -r
complete -c opentop -n "__fish_opentop_needs_command" -l hosts -d 'The same of all hosts in this file, one a line; # begins a comment' -r -F
complete -c opentop -n "__fish_opentop_needs_command" -l ssh -d 'How to call ssh, such as "ssh -F /etc/ssh/fleet.conf"; blanks separate its arguments' -r
complete -c opentop -n "__fish_opentop_needs_command" -l remote -d 'How opentop is called on those hosts, such as /opt/opentop where it has the capabilities' -r
complete -c opentop -n "__fish_opentop_needs_command" -l config -d 'Read this configuration instead of /etc/opentop.toml and the user\'s own ~/.config/opentop.toml; each option but those of one run alone is a key there' -r -F
complete -c opentop -n "__fish_opentop_needs_command" -s x -l failed -d 'Only opens that failed'
complete -c opentop -n "__fish_opentop_needs_command" -l latency -d 'Measure how long each open took, from call to result'
complete -c opentop -n "__fish_opentop_needs_command" -l resolve -d 'Tell the path of the file that was opened too, links followed'
complete -c opentop -n "__fish_opentop_needs_command" -l lookups -d 'Show what is looked up by name and not opened, too: stat, access, readlink and their like. They are counted apart'
complete -c opentop -n "__fish_opentop_needs_command" -l identity -d 'In JSON, recordings and details, tell the file of the program that each process runs and its parent\'s command, where they are known'
complete -c opentop -n "__fish_opentop_needs_command" -l tree -d 'With --pid: their descendants too'
complete -c opentop -n "__fish_opentop_needs_command" -l self -d 'Show opentop\'s own opens, which are hidden otherwise'
complete -c opentop -n "__fish_opentop_needs_command" -l verbose -d 'Where the kernel refuses programs, tell what libbpf says too'
complete -c opentop -n "__fish_opentop_needs_command" -s b -l batch -d 'Print the ranking every interval instead of each open, like top -b'
complete -c opentop -n "__fish_opentop_needs_command" -l force -d 'Replace the FILE of --out if it exists'
complete -c opentop -n "__fish_opentop_needs_command" -l leaks -d 'Who opens more than it closes: the processes that have reached their limit of open descriptors, then those whose grow fastest, as --sort growth; on the live screen'
complete -c opentop -n "__fish_opentop_needs_command" -l mouse -d 'Let the mouse click and scroll from the start'
complete -c opentop -n "__fish_opentop_needs_command" -l save -d 'Write the columns, the grouping and the order that the screen has at its end to the user\'s own configuration'
complete -c opentop -n "__fish_opentop_needs_command" -l ascii -d 'Draw with ASCII only, as where the locale is not of UTF-8 or TERM is linux, vt100 or the like'
complete -c opentop -n "__fish_opentop_needs_command" -l report -d 'With COMMAND: tell at the end what it touched, on the page that `opentop report` writes; on stdout, or on stderr where lines or a recording go to stdout'
complete -c opentop -n "__fish_opentop_needs_command" -l quiet -d 'Throw away what COMMAND prints while the screen is shown, instead of keeping it for `o`'
complete -c opentop -n "__fish_opentop_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c opentop -n "__fish_opentop_needs_command" -s V -l version -d 'Print version'
complete -c opentop -n "__fish_opentop_needs_command" -a "record" -d 'Write a recording'
complete -c opentop -n "__fish_opentop_needs_command" -a "replay" -d 'Show a recording, on the same screens and outputs; needs no privileges'
complete -c opentop -n "__fish_opentop_needs_command" -a "report" -d 'Tell what the programs of a recording, or a command, touched: what they read, wrote, ran, missed and were denied'
complete -c opentop -n "__fish_opentop_needs_command" -a "diff" -d 'Tell what one recording, or report, has and another has not; ends with 0 if nothing, 1 if something, 2 in trouble, as diff does'
complete -c opentop -n "__fish_opentop_needs_command" -a "agent" -d 'The far side of --host: ssh starts it, nobody else'
complete -c opentop -n "__fish_opentop_needs_command" -a "metrics" -d 'Count for Prometheus, without looking at single opens: by command, container, unit and error'
complete -c opentop -n "__fish_opentop_needs_command" -a "check" -d 'Tell whether this host can be traced, with which hooks, and what to do if not'
complete -c opentop -n "__fish_opentop_needs_command" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c opentop -n "__fish_opentop_using_subcommand record" -l max-size -d 'Write FILE.1, FILE.2 and so on, each a whole recording of this size at most, such as 100M' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -l files -d 'With --max-size: after so many files the oldest is written anew' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -l rate-limit -d 'Write at most N opens a second, as 1000/s or 1000; what goes beyond is dropped, and told as lost to the rate' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -s p -l pid -d 'Only these processes; commas or blanks separate them, as in -p "$(pidof nginx)". Without the screen opentop ends when the last of them has ended (of at most 256, and without --tree)' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -s u -l user -d 'Only this user' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -s c -l comm -d 'Only commands whose name matches, the program\'s or the thread\'s; a leading ! negates' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -s f -l file -d 'Only files whose name or path matches, or those of what a link led to; a leading ! negates' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -s e -l errno -d 'Only opens that failed with one of these errors' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -s F -l filter -d 'Only what this expression matches, as in the / prompt: comm:RE file:RE err:ENOENT !pid:1 …' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -l define -d 'In filters, @NAME stands for EXPR; in a configuration a table: `[filters]`, and below it NAME = "EXPR"' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -s n -l count -d 'Stop after N opens, with --batch after N rankings' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -s d -l duration -d 'Stop after SECS seconds; the screen then shows what came until then' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -s i -l interval -d 'Seconds between two readings of the counters, with --batch between two rankings' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -l ring -d 'Size of the ring buffer, such as 512K or 16M: a power of two' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -l hooks -d 'The hooks to use instead of the best that work' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -l cgroup -d 'Only this cgroup and those below it' -r -F
complete -c opentop -n "__fish_opentop_using_subcommand record" -l as -d 'Run COMMAND as this user of /etc/passwd, with the groups and an environment of theirs; needs root' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -l until -d 'With COMMAND: end with it, or wait for all that it has started too, daemons included' -r -f -a "exit\t'It has ended'
all\t'It and all its descendants have ended'"
complete -c opentop -n "__fish_opentop_using_subcommand record" -l host -d 'Show these hosts instead of this one, by ssh: names as ssh knows them, user@host too. Each needs opentop in its PATH and leave to run it with sudo without a password. Needs no privileges here' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -l hosts -d 'The same of all hosts in this file, one a line; # begins a comment' -r -F
complete -c opentop -n "__fish_opentop_using_subcommand record" -l ssh -d 'How to call ssh, such as "ssh -F /etc/ssh/fleet.conf"; blanks separate its arguments' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -l remote -d 'How opentop is called on those hosts, such as /opt/opentop where it has the capabilities' -r
complete -c opentop -n "__fish_opentop_using_subcommand record" -l config -d 'Read this configuration instead of /etc/opentop.toml and the user\'s own ~/.config/opentop.toml; each option but those of one run alone is a key there' -r -F
complete -c opentop -n "__fish_opentop_using_subcommand record" -l force -d 'Replace FILE if it exists'
complete -c opentop -n "__fish_opentop_using_subcommand record" -s x -l failed -d 'Only opens that failed'
complete -c opentop -n "__fish_opentop_using_subcommand record" -l latency -d 'Measure how long each open took, from call to result'
complete -c opentop -n "__fish_opentop_using_subcommand record" -l resolve -d 'Tell the path of the file that was opened too, links followed'
complete -c opentop -n "__fish_opentop_using_subcommand record" -l lookups -d 'Show what is looked up by name and not opened, too: stat, access, readlink and their like. They are counted apart'
complete -c opentop -n "__fish_opentop_using_subcommand record" -l identity -d 'In JSON, recordings and details, tell the file of the program that each process runs and its parent\'s command, where they are known'
complete -c opentop -n "__fish_opentop_using_subcommand record" -l tree -d 'With --pid: their descendants too'
complete -c opentop -n "__fish_opentop_using_subcommand record" -l self -d 'Show opentop\'s own opens, which are hidden otherwise'
complete -c opentop -n "__fish_opentop_using_subcommand record" -l verbose -d 'Where the kernel refuses programs, tell what libbpf says too'
complete -c opentop -n "__fish_opentop_using_subcommand record" -l report -d 'With COMMAND: tell at the end what it touched, on the page that `opentop report` writes; on stdout, or on stderr where lines or a recording go to stdout'
complete -c opentop -n "__fish_opentop_using_subcommand record" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c opentop -n "__fish_opentop_using_subcommand replay" -l speed -d 'How many times as fast as it was recorded; 0: as fast as possible. On the screen 1 unless given, else 0' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -s p -l pid -d 'Only these processes; commas or blanks separate them, as in -p "$(pidof nginx)". Without the screen opentop ends when the last of them has ended (of at most 256, and without --tree)' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -s u -l user -d 'Only this user' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -s c -l comm -d 'Only commands whose name matches, the program\'s or the thread\'s; a leading ! negates' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -s f -l file -d 'Only files whose name or path matches, or those of what a link led to; a leading ! negates' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -s e -l errno -d 'Only opens that failed with one of these errors' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -s F -l filter -d 'Only what this expression matches, as in the / prompt: comm:RE file:RE err:ENOENT !pid:1 …' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -l define -d 'In filters, @NAME stands for EXPR; in a configuration a table: `[filters]`, and below it NAME = "EXPR"' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -s n -l count -d 'Stop after N opens, with --batch after N rankings' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -s d -l duration -d 'Stop after SECS seconds; the screen then shows what came until then' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -s i -l interval -d 'Seconds between two readings of the counters, with --batch between two rankings' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -s o -l output -d 'How to show opens; tui on a terminal, text otherwise' -r -f -a "tui\t''
text\t''
json\t''
csv\t''"
complete -c opentop -n "__fish_opentop_using_subcommand replay" -s O -l out -d 'Write the lines to this new file instead of stdout, where a command\'s output may be between them' -r -F
complete -c opentop -n "__fish_opentop_using_subcommand replay" -s g -l group-by -d 'What the ranking has one row for: process, comm, parent, file, dir, user, container, unit, error, host' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -s s -l sort -d 'What the ranking is sorted by: rate, total, processes, failed, failed%, pid, user, name, p50, p99, fds, growth' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -l history -d 'Memory for the events that the screen keeps, such as 64M; a number without a unit is a number of events' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -l color -d 'When to use colours; auto honours NO_COLOR' -r -f -a "auto\t''
always\t''
never\t''"
complete -c opentop -n "__fish_opentop_using_subcommand replay" -l columns -d 'Columns of text before the file: time (since the first open), wall, between, comm, process, pid, tid, ppid, user, op, flags, mode, latency, fd, err, container, unit' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -l event-columns -d 'Columns of the screen\'s list of events, in their order, some with a width: time,pid,comm:20,path' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -l ranking-columns -d 'Columns of the screen\'s ranking' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -l times -d 'What the screen\'s column TIME tells: the time of day, since the first event, since the row above' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -l highlight -d 'Show events for which the filter EXPR holds in this colour: red, green, yellow, blue, magenta, cyan or bold; in a configuration a table: `[highlight]`, and below it COLOUR = "EXPR"' -r
complete -c opentop -n "__fish_opentop_using_subcommand replay" -l config -d 'Read this configuration instead of /etc/opentop.toml and the user\'s own ~/.config/opentop.toml; each option but those of one run alone is a key there' -r -F
complete -c opentop -n "__fish_opentop_using_subcommand replay" -s x -l failed -d 'Only opens that failed'
complete -c opentop -n "__fish_opentop_using_subcommand replay" -s b -l batch -d 'Print the ranking every interval instead of each open, like top -b'
complete -c opentop -n "__fish_opentop_using_subcommand replay" -l force -d 'Replace the FILE of --out if it exists'
complete -c opentop -n "__fish_opentop_using_subcommand replay" -l leaks -d 'Who opens more than it closes: the processes that have reached their limit of open descriptors, then those whose grow fastest, as --sort growth; on the live screen'
complete -c opentop -n "__fish_opentop_using_subcommand replay" -l mouse -d 'Let the mouse click and scroll from the start'
complete -c opentop -n "__fish_opentop_using_subcommand replay" -l save -d 'Write the columns, the grouping and the order that the screen has at its end to the user\'s own configuration'
complete -c opentop -n "__fish_opentop_using_subcommand replay" -l ascii -d 'Draw with ASCII only, as where the locale is not of UTF-8 or TERM is linux, vt100 or the like'
complete -c opentop -n "__fish_opentop_using_subcommand replay" -s h -l help -d 'Print help'
complete -c opentop -n "__fish_opentop_using_subcommand report" -s o -l output -d 'text, a page for people; json, whose lines the man page tells; depfile, a rule for make for each file that was written' -r -f -a "text\t''
json\t''
depfile\t''"
complete -c opentop -n "__fish_opentop_using_subcommand report" -l by -d 'What the lists are for: all together with their directories, or each program' -r -f -a "dir\t'Nothing: one list of files for all'
process\t''
package\t'Packages, and the files of none; as dpkg of this host has them'"
complete -c opentop -n "__fish_opentop_using_subcommand report" -l color -d 'When to use colours; auto honours NO_COLOR' -r -f -a "auto\t''
always\t''
never\t''"
complete -c opentop -n "__fish_opentop_using_subcommand report" -s p -l pid -d 'Only these processes; commas or blanks separate them, as in -p "$(pidof nginx)". Without the screen opentop ends when the last of them has ended (of at most 256, and without --tree)' -r
complete -c opentop -n "__fish_opentop_using_subcommand report" -s u -l user -d 'Only this user' -r
complete -c opentop -n "__fish_opentop_using_subcommand report" -s c -l comm -d 'Only commands whose name matches, the program\'s or the thread\'s; a leading ! negates' -r
complete -c opentop -n "__fish_opentop_using_subcommand report" -s f -l file -d 'Only files whose name or path matches, or those of what a link led to; a leading ! negates' -r
complete -c opentop -n "__fish_opentop_using_subcommand report" -s e -l errno -d 'Only opens that failed with one of these errors' -r
complete -c opentop -n "__fish_opentop_using_subcommand report" -s F -l filter -d 'Only what this expression matches, as in the / prompt: comm:RE file:RE err:ENOENT !pid:1 …' -r
complete -c opentop -n "__fish_opentop_using_subcommand report" -l define -d 'In filters, @NAME stands for EXPR; in a configuration a table: `[filters]`, and below it NAME = "EXPR"' -r
complete -c opentop -n "__fish_opentop_using_subcommand report" -s n -l count -d 'Stop after N opens, with --batch after N rankings' -r
complete -c opentop -n "__fish_opentop_using_subcommand report" -s d -l duration -d 'Stop after SECS seconds; the screen then shows what came until then' -r
complete -c opentop -n "__fish_opentop_using_subcommand report" -s i -l interval -d 'Seconds between two readings of the counters, with --batch between two rankings' -r
complete -c opentop -n "__fish_opentop_using_subcommand report" -l ring -d 'Size of the ring buffer, such as 512K or 16M: a power of two' -r
complete -c opentop -n "__fish_opentop_using_subcommand report" -l hooks -d 'The hooks to use instead of the best that work' -r
complete -c opentop -n "__fish_opentop_using_subcommand report" -l cgroup -d 'Only this cgroup and those below it' -r -F
complete -c opentop -n "__fish_opentop_using_subcommand report" -l as -d 'Run COMMAND as this user of /etc/passwd, with the groups and an environment of theirs; needs root' -r
complete -c opentop -n "__fish_opentop_using_subcommand report" -l until -d 'With COMMAND: end with it, or wait for all that it has started too, daemons included' -r -f -a "exit\t'It has ended'
all\t'It and all its descendants have ended'"
complete -c opentop -n "__fish_opentop_using_subcommand report" -l config -d 'Read this configuration instead of /etc/opentop.toml and the user\'s own ~/.config/opentop.toml; each option but those of one run alone is a key there' -r -F
complete -c opentop -n "__fish_opentop_using_subcommand report" -l explain -d 'Work out for what was denied which directory or file denies it, by owner, group and permission bits as they are on this host now'
complete -c opentop -n "__fish_opentop_using_subcommand report" -l all -d 'Every row of every list'
complete -c opentop -n "__fish_opentop_using_subcommand report" -s x -l failed -d 'Only opens that failed'
complete -c opentop -n "__fish_opentop_using_subcommand report" -l latency -d 'Measure how long each open took, from call to result'
complete -c opentop -n "__fish_opentop_using_subcommand report" -l resolve -d 'Tell the path of the file that was opened too, links followed'
complete -c opentop -n "__fish_opentop_using_subcommand report" -l lookups -d 'Show what is looked up by name and not opened, too: stat, access, readlink and their like. They are counted apart'
complete -c opentop -n "__fish_opentop_using_subcommand report" -l identity -d 'In JSON, recordings and details, tell the file of the program that each process runs and its parent\'s command, where they are known'
complete -c opentop -n "__fish_opentop_using_subcommand report" -l tree -d 'With --pid: their descendants too'
complete -c opentop -n "__fish_opentop_using_subcommand report" -l self -d 'Show opentop\'s own opens, which are hidden otherwise'
complete -c opentop -n "__fish_opentop_using_subcommand report" -l verbose -d 'Where the kernel refuses programs, tell what libbpf says too'
complete -c opentop -n "__fish_opentop_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c opentop -n "__fish_opentop_using_subcommand diff" -l factor -d 'Tell of paths that were opened more than so many times as often' -r
complete -c opentop -n "__fish_opentop_using_subcommand diff" -s o -l output -d 'text, a page for people; json, whose lines the man page tells' -r -f -a "text\t''
json\t''"
complete -c opentop -n "__fish_opentop_using_subcommand diff" -l color -d 'When to use colours; auto honours NO_COLOR' -r -f -a "auto\t''
always\t''
never\t''"
complete -c opentop -n "__fish_opentop_using_subcommand diff" -s p -l pid -d 'Only these processes; commas or blanks separate them, as in -p "$(pidof nginx)". Without the screen opentop ends when the last of them has ended (of at most 256, and without --tree)' -r
complete -c opentop -n "__fish_opentop_using_subcommand diff" -s u -l user -d 'Only this user' -r
complete -c opentop -n "__fish_opentop_using_subcommand diff" -s c -l comm -d 'Only commands whose name matches, the program\'s or the thread\'s; a leading ! negates' -r
complete -c opentop -n "__fish_opentop_using_subcommand diff" -s f -l file -d 'Only files whose name or path matches, or those of what a link led to; a leading ! negates' -r
complete -c opentop -n "__fish_opentop_using_subcommand diff" -s e -l errno -d 'Only opens that failed with one of these errors' -r
complete -c opentop -n "__fish_opentop_using_subcommand diff" -s F -l filter -d 'Only what this expression matches, as in the / prompt: comm:RE file:RE err:ENOENT !pid:1 …' -r
complete -c opentop -n "__fish_opentop_using_subcommand diff" -l define -d 'In filters, @NAME stands for EXPR; in a configuration a table: `[filters]`, and below it NAME = "EXPR"' -r
complete -c opentop -n "__fish_opentop_using_subcommand diff" -s n -l count -d 'Stop after N opens, with --batch after N rankings' -r
complete -c opentop -n "__fish_opentop_using_subcommand diff" -s d -l duration -d 'Stop after SECS seconds; the screen then shows what came until then' -r
complete -c opentop -n "__fish_opentop_using_subcommand diff" -s i -l interval -d 'Seconds between two readings of the counters, with --batch between two rankings' -r
complete -c opentop -n "__fish_opentop_using_subcommand diff" -l config -d 'Read this configuration instead of /etc/opentop.toml and the user\'s own ~/.config/opentop.toml; each option but those of one run alone is a key there' -r -F
complete -c opentop -n "__fish_opentop_using_subcommand diff" -l raw -d 'Compare names as they are: pids, temporary names, long numbers and hashes are taken for the same otherwise'
complete -c opentop -n "__fish_opentop_using_subcommand diff" -l all -d 'Every row of every list'
complete -c opentop -n "__fish_opentop_using_subcommand diff" -s x -l failed -d 'Only opens that failed'
complete -c opentop -n "__fish_opentop_using_subcommand diff" -s h -l help -d 'Print help'
complete -c opentop -n "__fish_opentop_using_subcommand agent" -l config -d 'Read this configuration instead of /etc/opentop.toml and the user\'s own ~/.config/opentop.toml; each option but those of one run alone is a key there' -r -F
complete -c opentop -n "__fish_opentop_using_subcommand agent" -s h -l help -d 'Print help'
complete -c opentop -n "__fish_opentop_using_subcommand metrics" -l listen -d 'Answer at http://ADDRESS/metrics' -r
complete -c opentop -n "__fish_opentop_using_subcommand metrics" -l textfile -d 'Write this file instead, every interval, for the node exporter\'s textfile collector; it is removed at the end' -r -F
complete -c opentop -n "__fish_opentop_using_subcommand metrics" -s i -l interval -d 'Seconds between two readings of the counters' -r
complete -c opentop -n "__fish_opentop_using_subcommand metrics" -l hooks -d 'The hooks to use instead of the best that work' -r
complete -c opentop -n "__fish_opentop_using_subcommand metrics" -l slots-idle -d 'Seconds after which a command, container or unit that opens nothing loses its series' -r
complete -c opentop -n "__fish_opentop_using_subcommand metrics" -l config -d 'Read this configuration instead of /etc/opentop.toml and the user\'s own ~/.config/opentop.toml; each option but those of one run alone is a key there' -r -F
complete -c opentop -n "__fish_opentop_using_subcommand metrics" -l latency -d 'A histogram of how long opens took, too'
complete -c opentop -n "__fish_opentop_using_subcommand metrics" -s h -l help -d 'Print help'
complete -c opentop -n "__fish_opentop_using_subcommand check" -l config -d 'Read this configuration instead of /etc/opentop.toml and the user\'s own ~/.config/opentop.toml; each option but those of one run alone is a key there' -r -F
complete -c opentop -n "__fish_opentop_using_subcommand check" -l verbose -d 'Tell what libbpf says too'
complete -c opentop -n "__fish_opentop_using_subcommand check" -s h -l help -d 'Print help'
complete -c opentop -n "__fish_opentop_using_subcommand help; and not __fish_seen_subcommand_from record replay report diff agent metrics check help" -f -a "record" -d 'Write a recording'
complete -c opentop -n "__fish_opentop_using_subcommand help; and not __fish_seen_subcommand_from record replay report diff agent metrics check help" -f -a "replay" -d 'Show a recording, on the same screens and outputs; needs no privileges'
complete -c opentop -n "__fish_opentop_using_subcommand help; and not __fish_seen_subcommand_from record replay report diff agent metrics check help" -f -a "report" -d 'Tell what the programs of a recording, or a command, touched: what they read, wrote, ran, missed and were denied'
complete -c opentop -n "__fish_opentop_using_subcommand help; and not __fish_seen_subcommand_from record replay report diff agent metrics check help" -f -a "diff" -d 'Tell what one recording, or report, has and another has not; ends with 0 if nothing, 1 if something, 2 in trouble, as diff does'
complete -c opentop -n "__fish_opentop_using_subcommand help; and not __fish_seen_subcommand_from record replay report diff agent metrics check help" -f -a "agent" -d 'The far side of --host: ssh starts it, nobody else'
complete -c opentop -n "__fish_opentop_using_subcommand help; and not __fish_seen_subcommand_from record replay report diff agent metrics check help" -f -a "metrics" -d 'Count for Prometheus, without looking at single opens: by command, container, unit and error'
complete -c opentop -n "__fish_opentop_using_subcommand help; and not __fish_seen_subcommand_from record replay report diff agent metrics check help" -f -a "check" -d 'Tell whether this host can be traced, with which hooks, and what to do if not'
complete -c opentop -n "__fish_opentop_using_subcommand help; and not __fish_seen_subcommand_from record replay report diff agent metrics check help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
