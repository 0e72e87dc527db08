//! Expressions held against trees that say what they mean.

use super::*;

/// An expression as a tree, to be held against the parser's.
#[derive(Clone, Debug)]
enum Tree {
    /// Its text, and whether it holds for [`event`].
    Leaf(&'static str, bool),
    Not(Box<Tree>),
    All(Vec<Tree>),
    Any(Vec<Tree>),
}

impl Tree {
    fn holds(&self) -> bool {
        match self {
            Tree::Leaf(_, holds) => *holds,
            Tree::Not(tree) => !tree.holds(),
            Tree::All(trees) => trees.iter().all(Tree::holds),
            Tree::Any(trees) => trees.iter().any(Tree::holds),
        }
    }

    /// With every bracket that there can be.
    fn write(&self, gap: &str) -> String {
        let list = |trees: &[Tree], between: &str| {
            let trees: Vec<_> = trees.iter().map(|tree| tree.write(gap)).collect();
            format!("({gap}{}{gap})", trees.join(between))
        };
        match self {
            Tree::Leaf(text, _) => (*text).to_owned(),
            // A bracket that is closed in its word is one of a regex.
            Tree::Not(tree) => format!("!( {} )", tree.write(gap)),
            Tree::All(trees) if trees.len() < 2 && gap.is_empty() => trees[0].write(gap),
            Tree::All(trees) => list(trees, " "),
            Tree::Any(trees) if trees.len() < 2 && gap.is_empty() => trees[0].write(gap),
            Tree::Any(trees) => list(trees, " OR "),
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaves = [
        ("web", true),
        ("nobody", false),
        ("!nobody", true),
        ("pid:100", true),
        ("pid:1,2", false),
        ("err:any", true),
        ("uid:0", false),
        ("(web|x)", true),
        ("file:=a)", false),
        ("'web content'", true),
        (r"comm:[(]", false),
        ("!file:\"=x(\"", true),
    ];
    let leaf = prop::sample::select(leaves.to_vec()).prop_map(|(text, holds)| match text {
        // In brackets it has to be quoted.
        "file:=a)" => Tree::Leaf("file:'=a)'", holds),
        _ => Tree::Leaf(text, holds),
    });
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|tree| Tree::Not(Box::new(tree))),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Tree::All),
            prop::collection::vec(inner, 1..4).prop_map(Tree::Any),
        ]
    })
}

fn negated(trees: &[Tree]) -> Vec<Tree> {
    trees.iter().map(|tree| Tree::Not(Box::new(tree.clone()))).collect()
}

proptest! {
    #[test]
    fn an_expression_means_what_its_tree_says(tree in tree(), blanks: bool) {
        let written = tree.write(if blanks { " " } else { "" });
        let filter = parse(&written);
        prop_assert_eq!(filter.matches(&event(), &names()), tree.holds(), "{}", &written);
        let again = parse(&filter.source());
        prop_assert_eq!(again.source(), filter.source(), "{}", &written);
        prop_assert_eq!(again.matches(&event(), &names()), tree.holds(), "{}", filter.source());
        prop_assert_eq!(again.kernel_part(), filter.kernel_part());
        // Whatever the filter wants, the kernel lets through.
        let kernel = filter.kernel_part();
        let passes = (kernel.pids.is_empty() || kernel.pids.contains(&100))
            && (kernel.uids.is_empty() || kernel.uids.contains(&33))
            && kernel.failed != Some(false);
        prop_assert!(!tree.holds() || passes, "{written}: {kernel:?}");
        let both = parse("web").and(filter).source();
        prop_assert_eq!(parse(&both).matches(&event(), &names()), tree.holds(), "{}", both);
    }

    #[test]
    fn not_all_is_any_not(trees in prop::collection::vec(tree(), 1..4)) {
        let matches = |tree: Tree| parse(&tree.write(" ")).matches(&event(), &names());
        let not = |tree| Tree::Not(Box::new(tree));
        prop_assert_eq!(matches(not(Tree::All(trees.clone()))), matches(Tree::Any(negated(&trees))));
        prop_assert_eq!(matches(not(Tree::Any(trees.clone()))), matches(Tree::All(negated(&trees))));
    }

    #[test]
    fn any_text_parses_to_what_it_prints(expression in r#"([a-c!()"'\\\[\]=@ ]|OR|comm:|file:=| OR | \(){0,30}"#) {
        if let Ok(filter) = Filter::parse(&expression, &names()) {
            let source = filter.source();
            let again = Filter::parse(&source, &names());
            prop_assert_eq!(again.map(|again| again.source()), Ok(source.clone()), "{}", expression);
            let both = Filter::from_terms(vec![Term::new("pid", "100", &names()).unwrap()]).and(filter.clone());
            let both = Filter::parse(&both.source(), &names()).map(|both| both.matches(&event(), &names()));
            prop_assert_eq!(both, Ok(filter.matches(&event(), &names())), "{}", source);
        }
    }
}
