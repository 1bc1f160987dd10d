//! Entries of a stream as rows of the types that were learned.

use std::collections::HashMap;

use super::state::{Cell, State};
use crate::contract::Types;
use crate::graph::{Graph, StepNode};
use crate::source::formats::{Missing, number_cell};
use crate::source::keys::Row;
use crate::table::{Kind, number_of};

/// The greatest number that is learned: sums of squares of many must be numbers too, and one that is not would stay for ever.
const MOST: f64 = 1e120;

/// Reads the fields of entries.
pub struct Entries {
    /// The names of the features, then the target's.
    names: Vec<String>,
    place: HashMap<String, usize>,
    kinds: Vec<Kind>,
    /// Whether a column may have missing values.
    holes: Vec<bool>,
    missing: Missing,
    /// The classes that are known, and whether there may be others; of a classifier.
    classes: Option<(Vec<String>, bool)>,
}

impl Entries {
    /// For the columns of a state, as a graph's pipeline takes them; `groups` are the columns of each of its groups.
    pub fn new(graph: &Graph, groups: &[Vec<String>], state: &State) -> Self {
        let fields = state.schema.fields();
        let mut names: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
        let mut kinds: Vec<Kind> = fields.iter().map(|field| field.kind).collect();
        let mut holes: Vec<bool> = kinds.iter().map(|_| true).collect();
        for (group, columns) in graph.pipeline.groups.iter().zip(groups) {
            let through = |types: Types, node: &StepNode| node.step.emits(types);
            if group.steps.iter().chain(&graph.pipeline.select).fold(Types::HOLEY_NUMBERS, through).missing {
                let places = columns.iter().filter_map(|name| state.schema.index(name));
                places.filter(|j| fields[*j].kind != Kind::Category).for_each(|j| holes[j] = false);
            }
        }
        names.push(graph.target.name.clone());
        let model = &*graph.pipeline.model.model;
        let classes = state.classes().map(|labels| (labels.to_vec(), !model.fixes_classes()));
        kinds.push(if classes.is_some() { Kind::Category } else { Kind::Number });
        holes.push(false);
        let place = names.iter().cloned().zip(0..).collect();
        Self { names, place, kinds, holes, missing: Missing::of(&graph.source.na_values), classes }
    }

    /// Whether a field is a feature or the target.
    pub fn knows(&self, name: &[u8]) -> bool {
        std::str::from_utf8(name).is_ok_and(|name| self.place.contains_key(name))
    }

    /// The class of a target, as it is written where it is known: as a text, or as a number.
    fn class<'t>(&'t self, text: Option<&'t str>) -> Result<Cell<'t>, String> {
        let name = self.names.last().map_or("", String::as_str);
        let Some(text) = text.filter(|text| !self.missing.text(text)) else {
            return Err(format!("field `{name}` is missing"));
        };
        let Some((known, open)) = &self.classes else { return Err(format!("field `{name}` is no class")) };
        let same = |label: &&String| {
            *label == text || number_of(label).is_some_and(|number| number_of(text) == Some(number))
        };
        match known.iter().find(same) {
            Some(label) => Ok(Cell::Label(Some(label))),
            None if *open => Ok(Cell::Label(Some(text))),
            None => {
                let shown = crate::yaml::shorten(text).escape_debug().to_string();
                Err(format!("field `{name}`: `{shown}` is none of the classes that learning began with"))
            }
        }
    }

    fn cell<'t>(&'t self, place: usize, text: Option<&'t str>) -> Result<Cell<'t>, String> {
        if self.classes.is_some() && place + 1 == self.names.len() {
            return self.class(text);
        }
        let name = &self.names[place];
        let kind = self.kinds[place];
        let cell = match text {
            None if kind == Kind::Category => Cell::Label(None),
            None => Cell::Number(f64::NAN),
            Some(text) if kind == Kind::Category => {
                Cell::Label(Some(text).filter(|text| !self.missing.text(text)))
            }
            Some(text) => {
                let value = number_cell(text, kind == Kind::Bool, &self.missing);
                let shown = || crate::yaml::shorten(text).escape_debug().to_string();
                Cell::Number(value.map_err(|what| format!("field `{name}`: `{}` is {what}", shown()))?)
            }
        };
        match cell {
            Cell::Number(value) if value.is_nan() && !self.holes[place] => {
                Err(format!("field `{name}` is missing"))
            }
            Cell::Number(value) if value.abs() > MOST => Err(format!(
                "field `{name}`: `{value:e}` is beyond {MOST:e}, whose square is too near the end of numbers"
            )),
            cell => Ok(cell),
        }
    }

    /// The cells of an entry: the features in order, then the target.
    ///
    /// # Errors
    /// Why it cannot be learned.
    pub fn cells<'t>(&'t self, fields: &'t Row) -> Result<Vec<Cell<'t>>, String> {
        let mut texts: Vec<Option<&str>> = vec![None; self.names.len()];
        for (name, value) in fields {
            let place = std::str::from_utf8(name).ok().and_then(|name| self.place.get(name));
            if let Some(place) = place {
                let text = std::str::from_utf8(value);
                let text = text.map_err(|_| format!("field `{}` is not UTF-8", self.names[*place]))?;
                texts[*place] = Some(text);
            }
        }
        texts.into_iter().enumerate().map(|(place, text)| self.cell(place, text)).collect()
    }
}
