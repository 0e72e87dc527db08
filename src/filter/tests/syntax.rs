//! How expressions are written: brackets, `OR`, names of filters, and what is said of mistakes.

use super::*;

fn error(expression: &str) -> String {
    Filter::parse(expression, &names()).expect_err(expression).to_string()
}

#[test]
fn colons_can_be_searched_for() {
    let cpp = OpenEvent { path: b"/tmp/a::b", ..event() };
    for expression in ["'a::b'", "\"a::b\"", "file:a::b", r"a\::b", "(a::b)", "!'c::d'"] {
        assert!(parse(expression).matches(&cpp, &names()), "{expression}");
    }
}

#[test]
fn errors_say_where_what_and_what_to_do() {
    for (expression, expected) in [
        ("web foo:bar", "column 5: no field \"foo\": quote the word to search for it, or use comm file dir pid tid"),
        ("C:/x", "column 1: no field \"C\""),
        ("a !comm:x(", "column 10: bad regex: unclosed group"),
        ("'a b('", "column 5: bad regex: unclosed group"),
        ("pid:1,x", "column 7: \"x\" is not a number: write 7"),
        ("uid:0,ghost", "column 7: no user \"ghost\" here: a number always works"),
        ("err:ENOENTT", "column 5: no error \"ENOENTT\": did you mean ENOENT? Else write a name as ENOENT, or any"),
        ("er:foo", "column 1: no field \"er\": did you mean err? Else quote the word"),
        ("flag:O_CREATE", "column 6: no flag \"O_CREATE\": did you mean O_CREAT? Else"),
        ("op:opennat", "column 4: no op \"opennat\": did you mean openat? Else"),
        ("comm=nginx", "column 5: did you mean comm:nginx ? Quote the word to search for it"),
        ("!(web file=/etc)", "column 11: did you mean file:/etc ?"),
        ("pid!=7", "column 4: did you mean !pid:7 ?"),
        ("lat>=1ms", "column 4: did you mean lat:>=1ms ?"),
        ("op:mmap", "column 4: no op \"mmap\": use open openat"),
        ("flag:O_NOPE", "column 6: no flag"),
        ("lat:>1", "column 5: \"1\" is not a duration: write a number and ns, us, ms or s"),
        ("comm:", "column 5: comm: wants a value: REGEX"),
        ("a !", "column 3: nothing to search for"),
        ("a 'b", "column 3: this ' is not closed"),
        ("(a b", "column 1: this ( is not closed: add a )"),
        ("a !(comm:b", "column 4: this ( is not closed"),
        ("OR a", "column 1: OR needs a term before it"),
        ("a OR", "column 3: OR needs a term behind it"),
        ("(a OR ) b", "column 4: OR needs a term behind it"),
        ("a ( ) b", "column 3: nothing in the brackets"),
        ("a AND b", "column 3: AND is no word here: leave it out"),
        ("a && b", "column 3: && is no word here: leave it out"),
        ("comm:a or comm:b", "column 8: or is no word here: write OR between terms, or quote it"),
        ("(a || b)", "column 4: || is no word here: write OR"),
        ("not a", "column 1: not is no word here: write ! before a term"),
        ("a )", "column 3: bad regex: unopened group"),
        ("a @nobody", "column 3: no filter is called @nobody, the configuration has none"),
        ("file:*.so", r"column 6: this is a regex, not a glob: did you mean \.so$ ?"),
        (r"comm:=a\", "column 8: a backslash at the end"),
    ] {
        let told = error(expression);
        assert!(told.starts_with(expected), "{expression}\n told: {told}\n want: {expected}");
        assert!(!told.contains('\n'));
    }
}

#[test]
fn alternatives_and_brackets() {
    for (expression, expected) in [
        ("nobody OR web", true),
        ("web nobody OR pid:7", false),
        ("web OR nobody pid:7", true),
        ("web (nobody OR pid:100)", true),
        ("(nobody OR pid:7) web", false),
        ("!(nobody OR pid:7) web", true),
        ("!(web pid:7)", true),
        ("!(web pid:100)", false),
        ("(comm:web)", true),
        ("!(comm:web)", false),
        ("(comm:(web|x) err:ENOENT)", true),
        ("((a|web) OR (comm:x OR comm:y))", true),
        ("( web )", true),
        ("(web|nobody) (a|b|w)", true),
        (r"\(x OR web", true),
        (r#"file:"=x)" OR web"#, true),
        ("file:[(] OR web", true),
        ("'OR' OR web", true),
    ] {
        holds(expression, expected);
    }
    for (expression, source) in [
        ("( a OR  b )", "a OR b"),
        ("(a b) c", "a b c"),
        ("!(a)", "!(a)"),
        ("!(comm:a)", "!comm:a"),
        ("!(!(a b))", "a b"),
        ("!(!(a OR b) c)", "!(!(a OR b) c)"),
        ("x (a OR (b c)) OR y", "x (a OR b c) OR y"),
        ("file:=a)", "file:\"=a)\""),
        ("!file:=a[", "!file:\"=a[\""),
    ] {
        assert_eq!(parse(expression).source(), source, "{expression}");
    }
    let both = parse("a OR b").and(parse("pid:1"));
    assert_eq!(both.source(), "(a OR b) pid:1");
    assert_eq!(parse("(a OR b)").with(Term::new("pid", "7", &names()).unwrap()).source(), "(a OR b) pid:7");
}

#[test]
fn filters_have_names() {
    let mut names = names();
    for (name, expression) in [
        ("web", "comm:web OR nginx"),
        ("failed-web", "@web err:any"),
        ("loop", "a OR @loop"),
        ("bad", "pid:x"),
        ("many", "@b0 @b0"),
        ("b0", "@b1 @b1 @b1 @b1 @b1"),
        ("b1", "@b2 @b2 @b2 @b2 @b2"),
        ("b2", "@b3 @b3 @b3 @b3 @b3"),
        ("b3", "a b c d e"),
    ] {
        names.name_filter(name, expression);
    }
    let parse = |expression: &str| Filter::parse(expression, &names);
    assert!(parse("@web").unwrap().matches(&event(), &names));
    assert!(parse("@failed-web pid:100").unwrap().matches(&event(), &names));
    assert!(!parse("!@failed-web").unwrap().matches(&event(), &names));
    assert_eq!(parse("a (!@web  OR x)").unwrap().source(), "a (!@web OR x)");
    for named in ["@web", "!@web", "!@failed-web pid:100", "(@failed-web OR !@web)"] {
        let (named, elsewhere) = (parse(named).unwrap(), Names::without_users());
        let written_out = named.written_out();
        let there = Filter::parse(&written_out, &elsewhere).unwrap();
        assert_eq!(there.matches(&event(), &names), named.matches(&event(), &names), "{written_out}");
    }
    assert!(parse("'@web'").is_ok_and(|filter| !filter.matches(&event(), &names)));
    for (expression, expected) in [
        ("@loop", "column 1: @loop is no filter: @loop is no filter"),
        ("a !@bad", "column 4: @bad is no filter: \"x\" is not a number"),
        ("@many", "column 1: @many is no filter: @b0 is no filter: @b1 is no filter"),
        ("@none", "column 1: no filter is called @none, there are @b0 @b1"),
    ] {
        let error = parse(expression).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = |n: usize| format!("{}a b{}", "(".repeat(n), ")".repeat(n));
    assert_eq!(parse(&deep(20)).source(), "a b");
    assert!(error(&deep(21)).contains("more than 20 brackets"));
    assert!(error(&"(".repeat(60_000)).contains("more than 20 brackets"));
    assert!(error(&"a OR ".repeat(101)).contains("more than 100 terms"));
    assert!(error(&"x".repeat(70_000)).contains("65536 are the limit"));
}
