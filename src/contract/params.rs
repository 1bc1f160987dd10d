//! Hyperparameters as data: each has a default, a bound and a sentence, and the sentence is what
//! `explain` prints.

use super::{Exception, Value};

/// What is wrong with a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The parameter's name, where one is to blame.
    pub parameter: Option<&'static str>,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub help: Option<String>,
}

impl Fault {
    /// A fault of one parameter.
    pub fn of(parameter: &'static str, message: impl Into<String>) -> Self {
        Self { parameter: Some(parameter), message: message.into(), help: None }
    }

    /// The same with advice.
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// What values a parameter may take, beyond its type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// Every value of its type.
    Any,
    /// At least this number.
    AtLeast(f64),
    /// More than this number.
    Above(f64),
    /// From the first to the second number, both included.
    Within(f64, f64),
    /// This value alone, as [`Value`] prints it: scikit-learn has others, pipefit does not.
    Only(&'static str),
}

impl Bound {
    /// In words, for `explain` and for messages.
    pub fn words(self) -> String {
        match self {
            Bound::Any => String::new(),
            Bound::AtLeast(low) => format!("at least {low}"),
            Bound::Above(low) => format!("more than {low}"),
            Bound::Within(low, high) => format!("from {low} to {high}"),
            Bound::Only(only) => format!("only `{only}`"),
        }
    }

    /// Whether a value keeps the bound. What is no number is bounded by `Only` alone.
    pub fn holds(self, value: &Value) -> bool {
        let number = value.number();
        match self {
            Bound::Any => true,
            Bound::AtLeast(low) => number.is_none_or(|v| v >= low),
            Bound::Above(low) => number.is_none_or(|v| v > low),
            Bound::Within(low, high) => number.is_none_or(|v| low <= v && v <= high),
            Bound::Only(only) => value.to_string() == only,
        }
    }
}

/// A parameter's declaration.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// scikit-learn's name.
    pub name: &'static str,
    /// What type of value it takes, in words.
    pub kind: String,
    /// The default, as it would be written.
    pub default: Value,
    /// What values it may take.
    pub bound: Bound,
    /// What it does.
    pub sentence: String,
}

/// A type that a parameter can have.
pub trait ParamValue: Clone + PartialEq {
    /// In words: "a number", "`mean` or `median`".
    fn kind() -> String;
    /// Reads a value of this type; `None` when it is of another.
    fn read(value: &Value) -> Option<Self>;
    /// The value as it would be written.
    fn value(&self) -> Value;
}

/// The hyperparameters of a component: a struct of them, made by [`params!`](crate::contract::params).
pub trait Params: Default + Clone + Send + Sync + 'static {
    /// scikit-learn's class name.
    const NAME: &'static str;
    /// What it is, in a sentence or a few.
    fn summary() -> String;
    /// Its parameters, in scikit-learn's order.
    fn declared() -> Vec<Param>;
    /// Parameters of scikit-learn that are accepted and change nothing here. One that is declared too is checked as all
    /// declared ones are.
    fn without_effect() -> &'static [&'static str];
    /// Sets one parameter.
    ///
    /// # Errors
    /// A fault when the value is of the wrong type or out of bounds; `None` in `Fault::parameter`
    /// never happens here. An unknown name is `Ok(false)`.
    fn set(&mut self, name: &str, value: &Value) -> Result<bool, Fault>;
    /// All parameters with their values.
    fn values(&self) -> Vec<(&'static str, Value)>;
}

/// What a component adds to its parameters by hand, all with defaults.
pub trait Checks {
    /// What is wrong between parameters, beyond each one's bound.
    fn check(&self) -> Vec<Fault> {
        Vec::new()
    }
    /// Conformance checks it is excused from.
    fn exceptions() -> &'static [Exception] {
        &[]
    }
}

/// A fixed set of words that a parameter can be; made by [`choice!`](crate::contract::choice).
pub trait Choice: Sized + Copy + PartialEq + 'static {
    /// Every value with its word.
    const ALL: &'static [(Self, &'static str)];
}

/// Declares a parameter's set of words: `choice! { pub enum Strategy { Mean = "mean", ... } }`.
macro_rules! choice {
    ($(#[doc = $doc:literal])+ pub enum $name:ident { $($(#[doc = $vdoc:literal])+ $variant:ident = $word:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[doc = $vdoc])+ $variant,)+ }

        impl $crate::contract::Choice for $name {
            const ALL: &'static [(Self, &'static str)] = &[$(($name::$variant, $word),)+];
        }

        impl $crate::contract::ParamValue for $name {
            fn kind() -> String {
                let words: Vec<_> = <Self as $crate::contract::Choice>::ALL.iter().map(|(_, word)| format!("`{word}`")).collect();
                words.join(" | ")
            }

            fn read(value: &$crate::contract::Value) -> Option<Self> {
                let $crate::contract::Value::Text(text) = value else { return None };
                <Self as $crate::contract::Choice>::ALL.iter().find(|(_, word)| word == text).map(|(found, _)| *found)
            }

            fn value(&self) -> $crate::contract::Value {
                match self { $($name::$variant => $crate::contract::Value::Text($word.into()),)+ }
            }
        }
    };
}

/// Declares a component's parameters: a documented struct with, for every field, its type, default
/// and bound. `c as "C": f64 = 1.0, Bound::Above(0.0);` names a field as scikit-learn does.
macro_rules! params {
    (
        $(#[doc = $summary:literal])+
        pub struct $name:ident {
            $($(#[doc = $doc:literal])+ $field:ident $(as $rename:literal)? : $type:ty = $default:expr, $bound:expr;)*
        }
        without_effect: [$($idle:literal),*];
    ) => {
        $(#[doc = $summary])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name { $($(#[doc = $doc])+ pub $field: $type,)* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $crate::contract::Params for $name {
            const NAME: &'static str = stringify!($name);

            fn summary() -> String {
                [$($summary,)+].concat().trim().into()
            }

            fn declared() -> Vec<$crate::contract::Param> {
                #[allow(unused_imports, reason = "a component without parameters names no bound")]
                use $crate::contract::{Bound, Param, ParamValue};
                vec![$(Param {
                    name: params!(@name $field $($rename)?),
                    kind: <$type as ParamValue>::kind(),
                    default: ParamValue::value(&{ let default: $type = $default; default }),
                    bound: $bound,
                    sentence: [$($doc,)+].concat().trim().into(),
                },)*]
            }

            fn without_effect() -> &'static [&'static str] {
                &[$($idle),*]
            }

            #[allow(unused_variables, reason = "a component without parameters reads none")]
            fn set(&mut self, name: &str, value: &$crate::contract::Value) -> Result<bool, $crate::contract::Fault> {
                #[allow(unused_imports, reason = "a component without parameters names no bound")]
                use $crate::contract::Bound;
                $(if name == params!(@name $field $($rename)?) {
                    self.$field = $crate::contract::read_bounded::<$type>(params!(@name $field $($rename)?), $bound, value)?;
                    return Ok(true);
                })*
                Ok(false)
            }

            fn values(&self) -> Vec<(&'static str, $crate::contract::Value)> {
                vec![$((params!(@name $field $($rename)?), $crate::contract::ParamValue::value(&self.$field)),)*]
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $rename:literal) => { $rename };
}

pub(crate) use {choice, params};

/// Reads a value of a type within a bound.
///
/// # Errors
/// A fault that says what is expected and what came.
pub fn read_bounded<T: ParamValue>(name: &'static str, bound: Bound, value: &Value) -> Result<T, Fault> {
    let read = T::read(value).filter(|_| bound.holds(value));
    read.ok_or_else(|| {
        let words = bound.words();
        let expected = if words.is_empty() { T::kind() } else { format!("{}, {words}", T::kind()) };
        let fault = Fault::of(name, format!("`{name}` is {expected}; this is {}", value.kind()));
        match bound {
            Bound::Only(_) => fault.help("the other values of scikit-learn are not supported"),
            _ => fault,
        }
    })
}

impl ParamValue for bool {
    fn kind() -> String {
        "`true` or `false`".into()
    }

    fn read(value: &Value) -> Option<Self> {
        if let Value::Bool(value) = value { Some(*value) } else { None }
    }

    fn value(&self) -> Value {
        Value::Bool(*self)
    }
}

impl ParamValue for f64 {
    fn kind() -> String {
        "a number".into()
    }

    fn read(value: &Value) -> Option<Self> {
        value.number().filter(|number| !number.is_nan())
    }

    fn value(&self) -> Value {
        Value::Float(*self)
    }
}

impl ParamValue for usize {
    fn kind() -> String {
        "a whole number".into()
    }

    fn read(value: &Value) -> Option<Self> {
        if let Value::Int(value) = value { usize::try_from(*value).ok() } else { None }
    }

    fn value(&self) -> Value {
        Value::Int(*self as i64)
    }
}

impl ParamValue for u32 {
    fn kind() -> String {
        "a whole number from 0 to 4294967295".into()
    }

    fn read(value: &Value) -> Option<Self> {
        if let Value::Int(value) = value { u32::try_from(*value).ok() } else { None }
    }

    fn value(&self) -> Value {
        Value::Int(i64::from(*self))
    }
}

impl ParamValue for String {
    fn kind() -> String {
        "text".into()
    }

    fn read(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.clone()) } else { None }
    }

    fn value(&self) -> Value {
        Value::Text(self.clone())
    }
}

/// Any value: the component checks it by hand, in [`Checks::check`].
impl ParamValue for Value {
    fn kind() -> String {
        "any value".into()
    }

    fn read(value: &Value) -> Option<Self> {
        Some(value.clone())
    }

    fn value(&self) -> Value {
        self.clone()
    }
}

impl<T: ParamValue> ParamValue for Option<T> {
    fn kind() -> String {
        format!("{} or null", T::kind())
    }

    fn read(value: &Value) -> Option<Self> {
        if *value == Value::Null { Some(None) } else { T::read(value).map(Some) }
    }

    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Null, ParamValue::value)
    }
}

impl<T: ParamValue> ParamValue for Vec<T> {
    fn kind() -> String {
        format!("a list, each {}", T::kind())
    }

    fn read(value: &Value) -> Option<Self> {
        if let Value::List(items) = value { items.iter().map(T::read).collect() } else { None }
    }

    fn value(&self) -> Value {
        Value::List(self.iter().map(ParamValue::value).collect())
    }
}

impl<T: ParamValue, U: ParamValue> ParamValue for (T, U) {
    fn kind() -> String {
        format!("a pair: {}, {}", T::kind(), U::kind())
    }

    fn read(value: &Value) -> Option<Self> {
        match value {
            Value::List(items) if items.len() == 2 => Some((T::read(&items[0])?, U::read(&items[1])?)),
            _ => None,
        }
    }

    fn value(&self) -> Value {
        Value::List(vec![self.0.value(), self.1.value()])
    }
}
