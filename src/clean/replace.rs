//! `replace`: values become others.

use super::bound::unfit;
use super::{Act, Edit, Name, Scalar, Shape};
use crate::diag::{Code, Result, Span};
use crate::table::{Kind, number_of};
use crate::yaml::shorten;

/// `replace: {to_replace: -999, value: null}`, or `replace: {plan: {gold: pro}}`.
#[derive(Clone, Debug, PartialEq)]
pub enum Replace {
    /// In every column of the type of what is replaced: value by value, with `None` for missing.
    All(Vec<(Scalar, Option<Scalar>)>, Span),
    /// In each of some columns.
    Each(Vec<(Name, Vec<Pair>)>),
}

/// A value of a column, and what it becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The value as a key of the file, which has no type of its own.
    pub from: Name,
    /// What it becomes; `None` for missing.
    pub to: Option<Scalar>,
    /// Where that is written.
    pub span: Span,
}

impl Replace {
    pub(super) fn bind<'a>(&self, shape: &Shape) -> Result<Vec<Act<'a>>> {
        match self {
            Replace::All(pairs, span) => {
                let mut acts = Vec::new();
                for (place, field) in shape.fields().iter().enumerate() {
                    let met = |(from, _): &&(Scalar, Option<Scalar>)| match from {
                        Scalar::Number(_) => field.kind == Kind::Number || field.kind.is_coded(),
                        Scalar::Bool(_) => field.kind == Kind::Bool,
                        Scalar::Text(_) => from.fits(field.kind),
                    };
                    let pairs: Vec<_> = pairs.iter().filter(met).cloned().collect();
                    let name = Name { text: field.name.clone(), span: span.clone() };
                    let wrong = |(_, to): &&(Scalar, Option<Scalar>)| {
                        to.as_ref().is_some_and(|to| !to.fits(field.kind))
                    };
                    if let Some((_, Some(to))) = pairs.iter().find(wrong) {
                        return Err(unfit("replace", &name, field.kind.name(), to, span));
                    }
                    if !pairs.is_empty() {
                        acts.push(Act::Edit { place, edit: Edit::Replace(pairs) });
                    }
                }
                Ok(acts)
            }
            Replace::Each(columns) => {
                columns.iter().map(|(name, pairs)| of_column(name, pairs, shape)).collect()
            }
        }
    }
}

fn of_column<'a>(name: &Name, pairs: &[Pair], shape: &Shape) -> Result<Act<'a>> {
    let place = shape.place(name)?;
    let kind = shape.fields()[place].kind;
    let mut typed = Vec::with_capacity(pairs.len());
    for Pair { from, to, span } in pairs {
        if let Some(to) = to
            && !to.fits(kind)
        {
            return Err(unfit("replace", name, kind.name(), to, span));
        }
        let text = from.text.as_str();
        let value = match kind {
            Kind::Number => number_of(text).map(Scalar::Number),
            Kind::Bool => {
                let truths = [("true", true), ("1", true), ("false", false), ("0", false)];
                let found = truths.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
                found.map(|(_, truth)| Scalar::Bool(*truth))
            }
            Kind::Category | Kind::Text => Some(Scalar::Text(from.text.clone())),
            Kind::Datetime => Some(Scalar::Text(from.text.clone())).filter(|value| value.fits(kind)),
        };
        let Some(value) = value else {
            let message = format!(
                "`replace`: column `{}` is {}, and has no `{}`",
                name.text,
                kind.name(),
                shorten(text)
            );
            let help = "missing values are for `fillna`; a value that is replaced is of the column's type";
            return Err(Code::BadCell.error(message).help(help).at(&from.span));
        };
        typed.push((value, to.clone()));
    }
    Ok(Act::Edit { place, edit: Edit::Replace(typed) })
}
