//! An expression's text to a tree, by the precedence of its operators.

use std::ops::Range;

use super::Fault;
use super::token::{Token, Word, tokens};
use super::tree::{Comparison, Node, Operator, Tree};

/// How deep an expression may be nested: evaluation goes down a tree.
const DEEPEST: usize = 64;
/// How long an expression may be, in bytes.
const LONGEST: usize = 1 << 16;

/// How tightly operators bind, as in Python; `&` and `|` as `and` and `or`, which is how `DataFrame.query` reads them.
mod tightness {
    pub const OR: u8 = 1;
    pub const AND: u8 = 2;
    pub const NOT: u8 = 3;
    pub const COMPARE: u8 = 4;
    pub const SUM: u8 = 5;
    pub const PRODUCT: u8 = 6;
    pub const SIGN: u8 = 7;
    pub const POWER: u8 = 8;
}

/// Reads an expression.
///
/// # Errors
/// The first place where it is none.
pub fn parse(text: &str) -> Result<Tree, Fault> {
    if text.len() > LONGEST {
        let message = format!("an expression of {} bytes, more than {LONGEST}", text.len());
        return Err(Fault::new(0..text.len(), message, "cut it into several"));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, end: text.len(), depth: 0 };
    let tree = parser.expression(0)?;
    if let Some(token) = parser.tokens.get(parser.next) {
        let help = "join conditions with `and` or `or`";
        return Err(Fault::new(
            token.at.clone(),
            "the expression goes on where it should end".to_owned(),
            help,
        ));
    }
    no_list(&tree)?;
    if tree.columns().is_empty() {
        return Err(Fault::new(
            tree.at,
            "no column is in it".to_owned(),
            "compare a column, as in `age >= 18`",
        ));
    }
    Ok(tree)
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
    end: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Word> {
        self.tokens.get(self.next).map(|token| &token.word)
    }

    fn sign(&self) -> &'static str {
        if let Some(Word::Sign(sign)) = self.peek() { sign } else { "" }
    }

    fn keyword(&self, ahead: usize) -> &str {
        match self.tokens.get(self.next + ahead).map(|token| &token.word) {
            Some(Word::Name(name)) => name,
            _ => "",
        }
    }

    /// The place of the next word, or of the end.
    fn place(&self) -> Range<usize> {
        self.tokens.get(self.next).map_or(self.end..self.end, |token| token.at.clone())
    }

    /// An expression of operators that bind tighter than `floor`.
    fn expression(&mut self, floor: u8) -> Result<Tree, Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(too_deep(self.place()));
        }
        let mut left = self.prefixed(floor)?;
        loop {
            left = match (self.sign(), self.keyword(0)) {
                ("|", _) | (_, "or") if floor < tightness::OR => self.join(left, tightness::OR)?,
                ("&", _) | (_, "and") if floor < tightness::AND => self.join(left, tightness::AND)?,
                _ if floor < tightness::COMPARE && self.comparison().is_some() => self.compare(left)?,
                (sign, _) => match operator(sign) {
                    Some((operator, tight)) if floor < tight => self.arithmetic(left, operator, tight)?,
                    _ => break,
                },
            };
        }
        self.depth -= 1;
        Ok(left)
    }

    fn prefixed(&mut self, floor: u8) -> Result<Tree, Fault> {
        let start = self.place().start;
        let is_not = self.keyword(0) == "not";
        if is_not && floor >= tightness::COMPARE {
            return Err(Fault::new(
                self.place(),
                "`not` cannot stand here".to_owned(),
                "put it in parentheses",
            ));
        }
        let tight = if is_not { tightness::NOT - 1 } else { tightness::SIGN - 1 };
        if is_not || matches!(self.sign(), "~" | "-" | "+") {
            let sign = self.sign();
            self.next += 1;
            let part = self.expression(tight)?;
            no_list(&part)?;
            let at = start..part.at.end;
            return match sign {
                "-" => match part.node {
                    Node::Number(value) => Ok(Tree { at, node: Node::Number(-value), ..part }),
                    _ => grown(at, part.height, Node::Negative(Box::new(part))),
                },
                "+" => Ok(Tree { at, ..part }),
                _ => grown(at, part.height, Node::Not(Box::new(part))),
            };
        }
        let mut atom = self.atom()?;
        while self.sign() == "." {
            atom = self.method(atom)?;
        }
        Ok(atom)
    }

    /// `or` or `and` of all conditions that follow each other.
    fn join(&mut self, first: Tree, tight: u8) -> Result<Tree, Fault> {
        let (sign, word) = if tight == tightness::OR { ("|", "or") } else { ("&", "and") };
        let mut parts = vec![first];
        while self.sign() == sign || self.keyword(0) == word {
            self.next += 1;
            parts.push(self.expression(tight)?);
        }
        parts.iter().try_for_each(no_list)?;
        let at = parts[0].at.start..parts[parts.len() - 1].at.end;
        let height = parts.iter().map(|part| part.height).max().unwrap_or(0);
        grown(at, height, Node::Join { all: tight == tightness::AND, parts })
    }

    fn arithmetic(&mut self, left: Tree, operator: Operator, tight: u8) -> Result<Tree, Fault> {
        self.next += 1;
        // A power is a power of what is right of it.
        let floor = if tight == tightness::POWER { tightness::SIGN - 1 } else { tight };
        let right = self.expression(floor)?;
        no_list(&left)?;
        no_list(&right)?;
        let at = left.at.start..right.at.end;
        let height = left.height.max(right.height);
        grown(at, height, Node::Arithmetic(operator, Box::new(left), Box::new(right)))
    }

    /// The comparison that comes next, and how many words it has: `None` in its place is `in`.
    fn comparison(&self) -> Option<(Option<Comparison>, bool, usize)> {
        let compares = |comparison| Some((Some(comparison), true, 1));
        match (self.sign(), self.keyword(0), self.keyword(1)) {
            ("==", ..) => compares(Comparison::Equal),
            ("!=", ..) => compares(Comparison::NotEqual),
            ("<", ..) => compares(Comparison::Less),
            ("<=", ..) => compares(Comparison::LessEqual),
            (">", ..) => compares(Comparison::Greater),
            (">=", ..) => compares(Comparison::GreaterEqual),
            (_, "in", _) => Some((None, true, 1)),
            (_, "not", "in") => Some((None, false, 2)),
            _ => None,
        }
    }

    fn compare(&mut self, first: Tree) -> Result<Tree, Fault> {
        no_list(&first)?;
        let mut rest: Vec<(Comparison, Tree)> = Vec::new();
        while let Some((comparison, wanted, words)) = self.comparison() {
            let place = self.place();
            self.next += words;
            let right = self.expression(tightness::COMPARE)?;
            let is_list = matches!(right.node, Node::List(_));
            // `==` with a list asks whether it is in it, as `DataFrame.query` has it.
            let wanted = match comparison {
                Some(Comparison::Equal) if is_list => true,
                Some(Comparison::NotEqual) if is_list => false,
                Some(comparison) => {
                    no_list(&right)?;
                    rest.push((comparison, right));
                    continue;
                }
                None if is_list => wanted,
                None => {
                    let help = "write the values in brackets, as in `plan in ['free', 'pro']`";
                    return Err(Fault::new(right.at, "`in` takes a list".to_owned(), help));
                }
            };
            if !rest.is_empty() || self.comparison().is_some() {
                let message = "a comparison with a list cannot be part of a chain".to_owned();
                return Err(Fault::new(place, message, "join conditions with `and`"));
            }
            let at = first.at.start..right.at.end;
            let height = first.height.max(right.height);
            return grown(at, height, Node::In { value: Box::new(first), list: Box::new(right), wanted });
        }
        let at = first.at.start..rest.last().map_or(first.at.end, |(_, last)| last.at.end);
        let height = rest.iter().map(|(_, part)| part.height).fold(first.height, usize::max);
        grown(at, height, Node::Compare(Box::new(first), rest))
    }

    fn atom(&mut self) -> Result<Tree, Fault> {
        let Some(Token { at, word }) = self.tokens.get(self.next).cloned() else {
            let help = "write a column, a number or a text in quotes";
            return Err(Fault::new(self.place(), "the expression ends too early".to_owned(), help));
        };
        self.next += 1;
        let node = match word {
            Word::Number(value) => Node::Number(value),
            Word::Text(text) => Node::Text(text),
            Word::Quoted(name) => Node::Column(name),
            Word::Name(name) => match name.as_str() {
                "True" => Node::Truth(true),
                "False" => Node::Truth(false),
                "and" | "or" | "in" | "not" | "is" | "if" | "else" | "lambda" => {
                    let help =
                        "write a column, a number or a text in quotes; a column of that name in backticks";
                    return Err(Fault::new(at, format!("`{name}` cannot stand here"), help));
                }
                "None" => {
                    let help = "`age.isnull()` asks whether a value is missing";
                    return Err(Fault::new(at, "nothing compares with `None`".to_owned(), help));
                }
                _ if self.sign() == "(" => {
                    let help = "there are `+ - * / // % **`, comparisons, `in`, and `.isnull()`, `.notnull()`, \
                                `.between(low, high)` and `.isin([...])` after a column";
                    return Err(Fault::new(at, format!("`{name}` is no function here"), help));
                }
                _ => Node::Column(name),
            },
            Word::Sign("[") => {
                let list = self.list("]", Vec::new())?;
                return self.closed(at.start, list);
            }
            Word::Sign("(") => return self.parenthesis(at.start),
            Word::Sign(sign) => {
                let help = "write a column, a number or a text in quotes";
                return Err(Fault::new(at, format!("`{sign}` cannot stand here"), help));
            }
        };
        Ok(Tree { at, height: 1, node })
    }

    /// What is in parentheses: an expression, or a list where a comma follows.
    fn parenthesis(&mut self, start: usize) -> Result<Tree, Fault> {
        let inner = self.expression(0)?;
        if self.sign() == "," {
            self.next += 1;
            let list = self.list(")", vec![inner])?;
            return self.closed(start, list);
        }
        self.expect(")")?;
        Ok(Tree { at: start..self.before(), ..inner })
    }

    /// Constants up to a closing bracket, which is taken.
    fn list(&mut self, close: &'static str, mut items: Vec<Tree>) -> Result<Vec<Tree>, Fault> {
        while self.sign() != close {
            items.push(self.expression(tightness::COMPARE)?);
            if self.sign() != "," {
                break;
            }
            self.next += 1;
        }
        self.expect(close)?;
        let constant = |item: &&Tree| !matches!(item.node, Node::Number(_) | Node::Text(_) | Node::Truth(_));
        if let Some(item) = items.iter().find(constant) {
            let help = "list numbers and texts in quotes";
            return Err(Fault::new(item.at.clone(), "a list holds constants only".to_owned(), help));
        }
        Ok(items)
    }

    fn closed(&self, start: usize, items: Vec<Tree>) -> Result<Tree, Fault> {
        grown(start..self.before(), 1, Node::List(items))
    }

    /// The end of the word before this place.
    fn before(&self) -> usize {
        self.tokens[self.next - 1].at.end
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), Fault> {
        if self.sign() != sign {
            let help = "every bracket that is opened is closed";
            return Err(Fault::new(self.place(), format!("`{sign}` is missing here"), help));
        }
        self.next += 1;
        Ok(())
    }

    /// `.isnull()` and the like.
    fn method(&mut self, of: Tree) -> Result<Tree, Fault> {
        self.next += 1;
        let (place, name) = (self.place(), self.keyword(0).to_owned());
        let missing = match name.as_str() {
            "isnull" | "isna" => Some(true),
            "notnull" | "notna" => Some(false),
            "between" | "isin" => None,
            _ => {
                let help = "there are `.isnull()`, `.notnull()`, `.between(low, high)` and `.isin([...])`; a column with \
                            a point in its name is written in backticks";
                return Err(Fault::new(place, format!("`.{name}` is not known here"), help));
            }
        };
        no_list(&of)?;
        self.next += 1;
        self.expect("(")?;
        let (start, height) = (of.at.start, of.height);
        if let Some(wanted) = missing {
            self.expect(")")?;
            return grown(start..self.before(), height, Node::Missing { value: Box::new(of), wanted });
        }
        let first = self.expression(tightness::COMPARE)?;
        if name == "isin" {
            self.expect(")")?;
            if !matches!(first.node, Node::List(_)) {
                return Err(Fault::new(
                    first.at,
                    "`.isin` takes a list".to_owned(),
                    "write `.isin(['a', 'b'])`",
                ));
            }
            let at = start..self.before();
            return grown(at, height, Node::In { value: Box::new(of), list: Box::new(first), wanted: true });
        }
        self.expect(",")?;
        let last = self.expression(tightness::COMPARE)?;
        self.expect(")")?;
        no_list(&first)?;
        no_list(&last)?;
        let height = height.max(first.height).max(last.height);
        let within = vec![(Comparison::LessEqual, of), (Comparison::LessEqual, last)];
        grown(start..self.before(), height, Node::Compare(Box::new(first), within))
    }
}

fn operator(sign: &str) -> Option<(Operator, u8)> {
    Some(match sign {
        "+" => (Operator::Add, tightness::SUM),
        "-" => (Operator::Subtract, tightness::SUM),
        "*" => (Operator::Multiply, tightness::PRODUCT),
        "/" => (Operator::Divide, tightness::PRODUCT),
        "//" => (Operator::FloorDivide, tightness::PRODUCT),
        "%" => (Operator::Remainder, tightness::PRODUCT),
        "**" => (Operator::Power, tightness::POWER),
        _ => return None,
    })
}

fn no_list(tree: &Tree) -> Result<(), Fault> {
    match tree.node {
        Node::List(_) => {
            let help = "write `plan in ['free', 'pro']`";
            Err(Fault::new(tree.at.clone(), "a list stands on the right of `in` only".to_owned(), help))
        }
        _ => Ok(()),
    }
}

/// A part over others, of which the highest has some levels.
fn grown(at: Range<usize>, below: usize, node: Node) -> Result<Tree, Fault> {
    if below >= DEEPEST {
        return Err(too_deep(at));
    }
    Ok(Tree { at, height: below + 1, node })
}

fn too_deep(at: Range<usize>) -> Fault {
    Fault::new(at, format!("more than {DEEPEST} levels of parts"), "cut it into several")
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::clean::query::tree::{Node, Tree};

    /// A tree in full brackets.
    fn shown(tree: &Tree) -> String {
        let list = |parts: &[Tree], with: &str| parts.iter().map(shown).collect::<Vec<_>>().join(with);
        match &tree.node {
            Node::Number(value) => value.to_string(),
            Node::Text(text) => format!("'{text}'"),
            Node::Truth(truth) => truth.to_string(),
            Node::Column(name) => name.clone(),
            Node::List(parts) => format!("[{}]", list(parts, ",")),
            Node::Not(part) => format!("!{}", shown(part)),
            Node::Negative(part) => format!("(-{})", shown(part)),
            Node::Join { all, parts } => format!("({})", list(parts, if *all { "&" } else { "|" })),
            Node::Arithmetic(operator, a, b) => format!("({} {operator:?} {})", shown(a), shown(b)),
            Node::Compare(first, rest) => {
                let rest: String = rest.iter().map(|(c, part)| format!(" {c:?} {}", shown(part))).collect();
                format!("({}{rest})", shown(first))
            }
            Node::In { value, list, wanted } => format!("({} {wanted} {})", shown(value), shown(list)),
            Node::Missing { value, wanted } => format!("({} missing {wanted})", shown(value)),
        }
    }

    #[test]
    fn operators_bind_as_in_python() {
        for (text, tree) in [
            ("a or b and not c", "(a|(b&!c))"),
            ("a > 1 & b < 2 | c", "(((a Greater 1)&(b Less 2))|c)"),
            ("1 < a <= 2 == b", "(1 Less a LessEqual 2 Equal b)"),
            ("-a ** 2 < 0", "((-(a Power 2)) Less 0)"),
            ("2 ** -a ** b > 1", "((2 Power (-(a Power b))) Greater 1)"),
            (
                "a - 1 - 2 * 3 // b > -1",
                "(((a Subtract 1) Subtract ((2 Multiply 3) FloorDivide b)) Greater -1)",
            ),
            ("not a in [1, -2]", "!(a true [1,-2])"),
            ("a not in ('x', 'y',)", "(a false ['x','y'])"),
            ("a == ['x']", "(a true ['x'])"),
            ("~(a | b)", "!(a|b)"),
            ("~a == b", "(!a Equal b)"),
            (
                "`a b`.isnull() or c.between(1, 2 + 3)",
                "((a b missing true)|(1 LessEqual c LessEqual (2 Add 3)))",
            ),
            ("a\n  and b", "(a&b)"),
        ] {
            assert_eq!(parse(text).map(|tree| shown(&tree)), Ok(tree.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_expression_is_told_with_its_place() {
        for (text, at, words) in [
            ("", 0..0, "ends too early"),
            ("age >", 5..5, "ends too early"),
            ("age > > 1", 6..7, "`>` cannot stand"),
            ("age 1", 4..5, "goes on"),
            ("(age > 1", 8..8, "`)` is missing"),
            ("age in plan", 7..11, "takes a list"),
            ("age in [x]", 8..9, "constants"),
            ("age < [1]", 6..9, "right of `in`"),
            ("1 < 2", 0..5, "no column"),
            ("sqrt(age) > 1", 0..4, "no function"),
            ("age.max() > 1", 4..7, "`.max`"),
            ("age == None", 7..11, "`None`"),
            ("age == not b", 7..10, "`not`"),
            ("a in [1] == b", 2..4, "chain"),
            ("[1]", 0..3, "right of `in`"),
        ] {
            let fault = parse(text).expect_err(text);
            assert!(fault.message.contains(words), "{text}: {}", fault.message);
            assert_eq!(fault.at, at, "{text}: {}", fault.message);
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |n: usize| format!("{}a > 1{}", "(".repeat(n), ")".repeat(n));
        assert!(parse(&deep(40)).is_ok());
        for text in
            [deep(1000), format!("a > {}1", "-".repeat(5000)), format!("a{} > 1", " + 1".repeat(5000))]
        {
            assert!(parse(&text).is_err());
        }
        assert!(parse(&format!("a in [{}]", "1,".repeat(5000))).is_ok());
        assert!(parse(&format!("a > 0{}", " and a > 0".repeat(5000))).is_ok());
    }
}
